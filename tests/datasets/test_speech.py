"""Synthetic voices: the same each time, different from each other, and plain words where they are missing."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest

from asr.core import audio
from asr.core.errors import AudioError, SetupError, WorkspaceError
from asr.settings.sections import Voices
from datasets import flite, speech
from datasets.corpus import assign_sentences
from datasets.espeak import Espeak, data_folder, espeak
from datasets.speech import (
    Speaker,
    SyntheticUtterance,
    draw_speakers,
    is_training_only,
    speak,
    speak_to_files,
    voice_of,
)

pytest.importorskip("espeakng_loader", reason="the synthetic voices' package is not installed: run `make setup`")

RATE = audio.SAMPLE_RATE
ROOT = Path(speech.__file__).parent.parent
PLAIN = Speaker("plain", "en-us", 175, 50)


def voiced_pitch(samples: npt.NDArray[np.float32]) -> float:
    """Return the median of the strongest autocorrelation's frequency over voiced frames, Hz."""
    found = []
    for start in range(0, len(samples) - 640, 320):
        frame = samples[start : start + 640].astype(np.float64)
        if frame.std() < 0.02:
            continue
        correlation = np.correlate(frame, frame, "full")[639:]
        lags = correlation[40:320]
        if lags.max() > 0.5 * correlation[0]:
            found.append(RATE / (40 + int(lags.argmax())))
    return float(np.median(found))


def test_speech_is_sound_at_16_khz() -> None:
    samples = speak("turn on the light", PLAIN)
    assert samples.dtype == np.float32
    assert 0.6 < len(samples) / RATE < 1.5
    assert 0.1 < float(np.abs(samples).max()) <= 1.1
    assert abs(float(samples.mean())) < 0.01
    # Speech has its energy below 4 kHz; noise or a wrong byte order would spread it evenly.
    power = np.abs(np.fft.rfft(samples)) ** 2
    assert power[: len(power) // 2].sum() > 0.8 * power.sum()


def test_a_voice_has_no_highs_that_the_recorders_lack() -> None:
    speaker = Speaker("robot", "en-us+f3", 160, 50)
    wide, narrow = SyntheticUtterance("six", speaker).samples(), SyntheticUtterance("six", speaker, 8000).samples()
    assert wide.shape == narrow.shape

    def highs(samples: npt.NDArray[np.float32]) -> float:
        """Return the share of the power above 4.2 kHz."""
        power = np.abs(np.fft.rfft(samples)) ** 2
        return float(power[np.fft.rfftfreq(len(samples), 1 / 16000) > 4200].sum() / power.sum())

    assert highs(wide) > 0.05, "an s hisses up there"
    assert highs(narrow) < 1e-5


def test_speed_and_pitch_do_what_they_say() -> None:
    words = "make me a large dark roast coffee with some milk"
    slow, fast = (speak(words, Speaker("x", "en-us", speed, 50)) for speed in (120, 220))
    assert len(slow) / len(fast) == pytest.approx(220 / 120, rel=0.15)
    low, high = (voiced_pitch(speak(words, Speaker("x", "en-us", 175, pitch))) for pitch in (20, 80))
    assert 1.2 < high / low < 4


def test_text_decides_what_is_said() -> None:
    on, off = (speak(f"switch {word} the light", PLAIN) for word in ("on", "off"))
    assert len(on) != len(off) or not np.array_equal(on, off)
    longer = speak("switch on the light and then switch off the light", PLAIN)
    assert len(longer) > 1.5 * len(on)


CODE = """
import hashlib, sys
from datasets.speech import Speaker, speak
names = sys.argv[1].split(",")
for name in names:
    samples = speak("switch on the light", Speaker(name, "en-gb-scotland+" + name, 140, 60, 40))
    print(name, hashlib.sha256(samples.tobytes()).hexdigest())
"""


def test_what_was_said_before_changes_nothing() -> None:
    """The library's noise and phases go on from one sentence to the next; with these voices it is heard."""
    names = ["f3", "Andy", "victor", "m1", "f2", "Alicia", "sandro", "edward"]

    def hear(order: list[str]) -> dict[str, str]:
        done = subprocess.run(
            [sys.executable, "-c", CODE, ",".join(order)], cwd=ROOT, capture_output=True, text=True, check=True
        )
        return dict(line.split() for line in done.stdout.splitlines())

    first = hear(names)
    assert hear(names[::-1]) == first
    assert len(set(first.values())) == len(names)
    speak("something else altogether", PLAIN)
    here = speak("switch on the light", Speaker("f3", "en-gb-scotland+f3", 140, 60, 40))
    assert hashlib.sha256(here.tobytes()).hexdigest() == first["f3"]


def test_phonemes_are_those_of_the_ipa() -> None:
    # The pronunciations of the Cambridge dictionary, American English.
    said = espeak().phoneme_lists(["kitchen", "living room", "no. yes", ""], "en-us")
    plain = ["".join(phonemes).translate({0x2C8: None, 0x2CC: None}) for phonemes in said]  # stress
    assert plain == ["kɪtʃən", "lɪvɪŋɹuːm", "noʊjɛs", ""]  # noqa: RUF001
    assert len(said[0]) == 5
    with pytest.raises(WorkspaceError, match="no voice 'xx-none'"):
        espeak().phoneme_lists(["a"], "xx-none")


def test_every_voice_of_the_spread_speaks() -> None:
    voices = speech.spread("en")
    assert len(voices) > 300
    accents = {voice.partition("+")[0] for voice in voices}
    assert {"en-us", "en-gb-scotland", "en-029"} <= accents
    heard = set()
    for voice in [item for item in voices if item.startswith("en-us+")]:
        samples, rate = espeak().speak("on", voice, 175, 50, 50)
        assert rate == 22050
        loudness = np.abs(samples.astype(int))
        assert loudness.max() > 600
        # A voice that cuts its own peaks off is no voice to learn from.
        assert np.mean(loudness >= 32767) < 0.005, voice
        heard.add(hashlib.sha256(samples.tobytes()).hexdigest())
    assert len(heard) == len(speech.VARIANTS)


def test_a_deep_folder_is_no_hindrance(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The library keeps 160 characters of its data folder's path."""
    deep = tmp_path / ("x" * 100) / ("y" * 100)
    deep.parent.mkdir()
    deep.symlink_to(data_folder())
    expected = espeak().speak("on", "en-us+f3", 175, 50, 50)[0]
    monkeypatch.setattr("datasets.espeak.data_folder", lambda: deep)
    np.testing.assert_array_equal(Espeak().speak("on", "en-us+f3", 175, 50, 50)[0], expected)


def test_a_cast_is_drawn_from_the_seed() -> None:
    settings = Voices(speakers=60, speed=(120.0, 180.0), pitch=(30.0, 60.0), seed=3)
    cast = draw_speakers(settings, "en")
    assert cast == draw_speakers(settings, "en")
    assert cast != draw_speakers(Voices(speakers=60, speed=(120.0, 180.0), pitch=(30.0, 60.0), seed=4), "en")
    assert len({speaker.name for speaker in cast}) == len(cast) == 60
    assert all(120 <= speaker.speed <= 180 and 30 <= speaker.pitch <= 60 for speaker in cast)
    assert len({speaker.voice for speaker in cast}) == 60
    assert all(speaker.name.startswith("espeak-en") for speaker in cast)
    assert len(draw_speakers(settings, "en", count=5)) == 5


def test_voices_that_are_named_take_turns() -> None:
    cast = draw_speakers(Voices(voices=("en-us+f3", "en-gb-scotland"), speakers=6), "en")
    assert Counter(speaker.voice for speaker in cast) == {"en-us+f3": 3, "en-gb-scotland": 3}
    assert {voice_of(speaker.name) for speaker in cast} == {"f3", "espeak-en-gb-scotland"}
    german = draw_speakers(Voices(speakers=4), "de")
    assert all(speaker.voice.startswith("de+") for speaker in german)


def test_voices_that_nobody_has() -> None:
    with pytest.raises(WorkspaceError, match=r"'en-us\+f33'.*no such voice.*mean 'en-us\+f3'"):
        draw_speakers(Voices(voices=("en-us+f33",)), "en")
    with pytest.raises(WorkspaceError, match="'xx-yy'"):
        draw_speakers(Voices(voices=("xx-yy",)), "en")
    with pytest.raises(WorkspaceError, match=r"no voice for the language 'xx'.*voices\.voices"):
        draw_speakers(Voices(), "xx")
    with pytest.raises(WorkspaceError, match=r'language \'deu\'\. Write language = "de" below \[alphabet\]'):
        draw_speakers(Voices(), "deu")
    with pytest.raises(WorkspaceError, match=r"no\.onnx.*no such file"):
        draw_speakers(Voices(voices=("piper:no.onnx",)), "en")
    with pytest.raises(AudioError, match="is silent for ''"):
        speak("", PLAIN)


@pytest.mark.parametrize(
    ("speakers", "sentences", "count"), [(7, 13, 70), (6, 4, 24), (40, 4, 1200), (4, 6, 17), (1, 5, 3), (12, 8, 90)]
)
def test_speakers_and_sentences_come_up_equally_often(speakers: int, sentences: int, count: int) -> None:
    cast = [Speaker(f"s{number}", "en-us", 175, 50) for number in range(speakers)]
    texts = [f"sentence {chr(97 + number)}" for number in range(sentences)]
    lines = assign_sentences(texts, cast, count, seed=1)
    assert lines == assign_sentences(texts, cast, count, seed=1)
    # No more than there is to say, and nothing twice.
    assert len(lines) == min(count, speakers * sentences)
    assert len({(line.speaker.name, line.transcript) for line in lines}) == len(lines)
    for found, everything in (
        (Counter(line.speaker.name for line in lines), speakers),
        (Counter(line.transcript for line in lines), sentences),
    ):
        often = [*found.values(), *([0] * (everything - len(found)))]
        assert max(often) - min(often) <= (1 if everything == speakers else 2)


def test_another_seed_has_them_say_something_else() -> None:
    cast = [Speaker(f"s{number}", "en-us", 175, 50) for number in range(5)]
    texts = [f"sentence {letter}" for letter in "abcdefghij"]
    assert assign_sentences(texts, cast, 20, seed=1) != assign_sentences(texts, cast, 20, seed=2)


def test_files_are_spoken_once(tmp_path: Path) -> None:
    cast = draw_speakers(Voices(speakers=3), "en")
    lines = [SyntheticUtterance(text, speaker) for speaker in cast for text in ("on", "off")]
    paths = speak_to_files(lines, tmp_path / "speech")
    assert len(set(paths)) == 6
    for path, line in zip(paths, lines, strict=True):
        np.testing.assert_array_equal(audio.read_wav(path), audio.to_int16(line.samples()))
    before = {path: path.stat().st_mtime_ns for path in paths}
    paths[0].unlink()
    stranger = tmp_path / "speech" / "anna" / "1.wav"
    stranger.parent.mkdir()
    stranger.write_bytes(b"a recording")
    assert speak_to_files(lines[:4], tmp_path / "speech") == paths[:4]
    assert stranger.read_bytes() == b"a recording" and all(path.is_file() for path in paths)
    assert speak_to_files(lines[:4], tmp_path / "speech", alone=True) == paths[:4]
    after = {path: path.stat().st_mtime_ns for path in (tmp_path / "speech").rglob("*.wav")}
    assert set(after) == set(paths[:4])
    assert all(after[path] == before[path] for path in paths[1:4])


def test_speakers_differ_in_volume_where_that_is_asked_for(tmp_path: Path) -> None:
    quiet, usual = (draw_speakers(Voices(speakers=40, volume=volume), "en") for volume in ((-20.0, -6.0), (0.0, 0.0)))
    assert [one.name for one in quiet] == [one.name for one in usual]
    levels = [one.volume for one in quiet]
    assert -20 <= min(levels) < -16 and -10 < max(levels) <= -6
    for one, other in zip(quiet[:3], usual, strict=False):
        loud, soft = speak("turn on the light", other), speak("turn on the light", one)
        np.testing.assert_allclose(soft, loud * 10 ** (one.volume / 20), atol=1e-6)
    paths = [speak_to_files([SyntheticUtterance("on", one)], tmp_path)[0] for one in (quiet[0], usual[0])]
    assert paths[0] != paths[1]


@pytest.fixture
def no_flite(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("PATH", "/nowhere")
    flite.installed.cache_clear()
    yield
    flite.installed.cache_clear()


@pytest.mark.skipif(not flite.installed(), reason="flite is not installed")
def test_flite_s_voices_take_their_share() -> None:
    cast = draw_speakers(Voices(speakers=60, pitch=(20.0, 80.0), flite_share=0.2), "en-US")
    voices = Counter(speaker.voice for speaker in cast if speaker.voice.startswith("flite:"))
    assert voices == dict.fromkeys([f"flite:{voice}" for voice in flite.installed()], 12 // len(flite.installed()))
    name = next(one.name for one in cast if one.voice == "flite:slt")
    assert voice_of(name) == "flite-slt" and is_training_only(name)
    # In another language, where voices are named and where nobody asked for them there are none.
    for settings, language in (
        (Voices(flite_share=0.5), "de"), (Voices(voices=("en-us+f3",), flite_share=0.5), "en"), (Voices(), "en")
    ):
        others = [one.name for one in draw_speakers(settings, language, 12)]
        assert not any(map(is_training_only, others))


@pytest.mark.skipif(not flite.installed(), reason="flite is not installed")
def test_flite_speaks_at_a_speed_and_with_a_throat() -> None:
    def say(speed: float, pitch: float) -> npt.NDArray[np.float32]:
        return speak("turn on the light in the kitchen", Speaker("x", "flite:rms", speed, pitch))

    normal = say(175, 50)
    np.testing.assert_array_equal(normal, say(175, 50))
    assert 0.1 < np.abs(normal).max() < 1
    assert len(say(350, 50)) / len(normal) == pytest.approx(0.5, abs=0.05)
    # A smaller throat takes no less time, and its spectrum lies higher.
    small, large = say(175, 99), say(175, 0)
    assert len(small) / len(large) == pytest.approx(1.0, abs=0.05)
    middle = [float(np.average(np.fft.rfftfreq(len(one)), weights=np.abs(np.fft.rfft(one)))) for one in (large, small)]
    assert middle[1] / middle[0] == pytest.approx(2 ** (0.99 * 0.3), rel=0.1)


def test_flite_is_missing(no_flite: None) -> None:
    assert not any("flite" in one.voice for one in draw_speakers(Voices(speakers=12, flite_share=0.5), "en"))
    with pytest.raises(WorkspaceError, match=r"'flite:slt'.*not installed here.*Install flite"):
        draw_speakers(Voices(voices=("flite:slt",)), "en")
    with pytest.raises(SetupError, match="needs the program flite"):
        speak("on", Speaker("x", "flite:slt", 175, 50))


def test_flite_fails(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program = tmp_path / "flite"
    program.write_text(
        "#!/bin/sh\n[ $1 = -lv ] && echo 'Voices available: kal slt ' && exit\necho no space left >&2; exit 1\n"
    )
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}{os.environ['PATH']}")
    flite.installed.cache_clear()
    try:
        assert flite.installed() == ("slt",)
        with pytest.raises(AudioError, match="flite failed for 'on': no space left"):
            speak("on", Speaker("x", "flite:slt", 175, 50))
    finally:
        flite.installed.cache_clear()
