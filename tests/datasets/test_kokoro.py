"""Kokoro's voices: names and faults with a stand-in for the network, and the real one where `make voices` put it."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from asr.core import audio, third_party
from asr.core.errors import SetupError, UserError, WorkspaceError
from asr.settings.sections import Voices
from datasets import kokoro, speech
from datasets.speech import Speaker, SyntheticUtterance, draw_speakers, is_slow, speak, speak_to_files, voice_of

RATE = audio.SAMPLE_RATE
STYLES = ("af_bella", "am_adam", "bf_lily", "bm_daniel", "jf_alpha")


class Network:
    """Stands in for the network: hums at the style's first number in Hz, as long as the speed and the tokens say."""

    def run(self, outputs: None, feeds: dict[str, npt.NDArray[Any]]) -> list[npt.NDArray[np.float32]]:
        tokens, style, speed = feeds["tokens"], feeds["style"], feeds["speed"]
        assert (tokens.dtype, style.shape, speed.shape) == (np.dtype(np.int64), (1, 256), (1,))
        assert tokens[0, 0] == tokens[0, -1] == 0 and tokens[0, 1:-1].all()
        # The row of the style is the number of tokens between the two zeros.
        assert style[0, 1] == tokens.shape[1] - 2
        time = np.arange(round(0.1 * tokens.shape[1] / speed[0] * kokoro.RATE)) / kokoro.RATE
        return [np.sin(2 * np.pi * style[0, 0] * time).astype(np.float32)]


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with five styles, which hum at 100, 200, ... Hz, and a network that is none."""
    (tmp_path / "voices").mkdir()
    (tmp_path / kokoro.MODELS[1]).touch()
    for number, name in enumerate(STYLES, start=1):
        style = np.zeros((510, 1, 256), dtype="<f4")
        style[..., 0] = 100 * number
        style[:, 0, 1] = np.arange(510)
        (tmp_path / "voices" / f"{name}.bin").write_bytes(style.tobytes())
    monkeypatch.setattr(kokoro, "_session", lambda model: Network())
    return tmp_path


def pitch(samples: npt.NDArray[np.float32]) -> float:
    """Return the strongest frequency, Hz."""
    return float(np.abs(np.fft.rfft(samples)).argmax() * RATE / samples.size)


def test_a_folder_is_as_many_blends_as_speakers(folder: Path) -> None:
    voices = Voices(voices=(f"kokoro:{folder}",), speakers=40)
    cast = draw_speakers(voices, "en-US")
    assert len({voice_of(speaker.name) for speaker in cast}) == 40
    for speaker in cast:
        assert is_slow(speaker)
        shares = dict(part.split(":") for part in speaker.voice.rpartition("#")[2].split("+"))
        assert 2 <= len(shares) <= 4 and set(shares) <= set(STYLES[:4])
        assert sum(map(int, shares.values())) == 100 and min(map(int, shares.values())) >= 15
    assert cast == draw_speakers(voices, "en-US") != draw_speakers(replace(voices, seed=2), "en-US")
    # Two styles make at most 71 blends.
    for name in STYLES[2:]:
        (folder / "voices" / f"{name}.bin").unlink()
    assert len({speaker.voice for speaker in draw_speakers(replace(voices, speakers=300), "en")}) <= 71


def test_a_blend_is_the_weighted_mean_of_its_styles(folder: Path) -> None:
    for name, hertz, label in (
        ("af_bella", 100, "kokoro-af_bella"),
        ("jf_alpha", 500, "kokoro-jf_alpha"),
        ("af_bella:25+bm_daniel:75", 325, "kokoro-af_bella25-bm_daniel75"),
    ):
        speed = (speech.NORMAL_RATE, speech.NORMAL_RATE)
        (speaker,) = draw_speakers(Voices(voices=(f"kokoro:{folder}#{name}",), speakers=1, speed=speed), "en")
        assert voice_of(speaker.name) == label
        said = speak("turn on the light", speaker)
        assert pitch(said) == pytest.approx(hertz, abs=2)
        # Twice the speed is half the length.
        assert speak("turn on the light", replace(speaker, speed=350)).size == pytest.approx(said.size / 2, abs=2)


def test_british_styles_get_british_phonemes(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []
    monkeypatch.setattr("datasets.phonemes.tokens", lambda text, accent: asked.append((text, accent)) or [1])
    monkeypatch.setattr(Network, "run", lambda *_: [np.ones(9, dtype=np.float32)])
    for name in ("bf_lily", "am_adam", "bf_lily:40+am_adam:60", "bf_lily:45+am_adam:15+jf_alpha:40"):
        kokoro.speak(["on", "who is it?"], f"kokoro:{folder}#{name}", 1.0)
    accents = [accent for text, accent in asked if text == "on."]
    assert accents == ["en", "en-us", "en-us", "en"] and asked[1][0] == "who is it?"


@pytest.mark.parametrize(
    ("named", "complaint"),
    [
        ("kokoro:{0}/none", r"none: voices\.voices names .* holds no kokoro-v1\.0\.onnx or .*Run `make voices`"),
        ("kokoro:{0}#af_bela", r"af_bela\.bin: Kokoro has no style 'af_bela'\. Did you mean 'af_bella'\?"),
        ("kokoro:{0}#xyz", r"There are: af_bella, am_adam"),
        ("kokoro:{0}#am_adam:60+af_bella:60", r"neither a style nor a blend.*add up to 100"),
        ("kokoro:{0}#am_adam+", r"neither a style nor a blend"),
        ("kokoro:{0}#../x", r"neither a style nor a blend"),
        ("kokoro:", r"neither a style nor a blend"),
    ],
)
def test_wrong_names(folder: Path, named: str, complaint: str) -> None:
    with pytest.raises(WorkspaceError, match=complaint) as caught:
        draw_speakers(Voices(voices=(named.format(folder),)), "en")
    assert "\n" not in str(caught.value)


def test_damaged_folders(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    style = folder / "voices" / "bf_lily.bin"
    whole = style.read_bytes()
    nan = np.full(510 * 256, np.nan, dtype="<f4").tobytes()
    for damaged in (whole[:-4], b"", whole + b"1234", nan):
        style.write_bytes(damaged)
        kokoro._style.cache_clear()
        complaint = rf"bf_lily\.bin: this is not a style of Kokoro: {len(damaged)} bytes, expected 522240"
        with pytest.raises(WorkspaceError, match=complaint):
            draw_speakers(Voices(voices=(f"kokoro:{folder}",)), "en")
    for name in STYLES[:3]:
        (folder / "voices" / f"{name}.bin").unlink()
    with pytest.raises(WorkspaceError, match=r"holds 1 of Kokoro's English styles; blends take two"):
        draw_speakers(Voices(voices=(f"kokoro:{folder}",)), "en")
    with pytest.raises(WorkspaceError, match=r"speaks English, but alphabet\.language is 'de'"):
        draw_speakers(Voices(voices=(f"kokoro:{folder}",)), "de")


def test_the_cost_is_shown_before_it_starts(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    speaker = Speaker("x", f"kokoro:{folder}#af_bella", 175, 50)
    lines = [SyntheticUtterance("turn on the kitchen light", speaker)] * 1000
    # A sentence of 25 letters takes some two seconds to say, and Kokoro about half a second of processor for each.
    assert 600 < speech.cost(lines) < 2400

    class StoppedError(Exception):
        pass

    def stop(count: int) -> None:
        raise StoppedError

    monkeypatch.setattr("asr.core.workers.pool", stop)
    with pytest.raises(StoppedError):
        speak_to_files(lines, folder / "speech")
    assert f"Kokoro speaks 1000 sentences: about {speech.cost(lines) / 60:.0f} minutes" in capsys.readouterr().err
    with pytest.raises(StoppedError):
        speak_to_files([replace(lines[0], speaker=Speaker("y", "en-us+f3", 175, 50))], folder / "speech")
    assert "Kokoro" not in capsys.readouterr().err


def test_onnxruntime_is_missing(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.undo()
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    kokoro._session.cache_clear()
    with pytest.raises(SetupError, match=r"need the package onnxruntime\. Run `make voices`"):
        kokoro.speak(["on"], f"kokoro:{folder}#af_bella", 1.0)


def test_another_network(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.undo()
    other = SimpleNamespace(get_inputs=lambda: [SimpleNamespace(name="input_ids"), SimpleNamespace(name="style")])
    stand_in = SimpleNamespace(SessionOptions=SimpleNamespace, InferenceSession=lambda *_, **__: other)
    monkeypatch.setitem(sys.modules, "onnxruntime", stand_in)
    kokoro._session.cache_clear()
    with pytest.raises(WorkspaceError, match=r"its inputs are input_ids, style, not speed, style, tokens"):
        kokoro.speak(["on"], f"kokoro:{folder}#af_bella", 1.0)


def test_a_file_that_is_no_network(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("onnxruntime", reason="Kokoro needs onnxruntime: `make voices`")
    monkeypatch.undo()
    with pytest.raises(WorkspaceError, match=r"kokoro-v1\.0\.int8\.onnx: this is not Kokoro's network") as caught:
        kokoro.speak(["on"], f"kokoro:{folder}#af_bella", 1.0)
    assert "\n" not in str(caught.value)


@pytest.fixture(scope="module")
def real() -> None:
    """Kokoro itself, where `make voices` has put it."""
    pytest.importorskip("onnxruntime", reason="Kokoro needs onnxruntime: `make voices`")
    try:
        draw_speakers(Voices(voices=("kokoro",), speakers=1), "en")
    except UserError as missing:
        pytest.skip(f"no Kokoro in {third_party.folder()}: `make voices` ({type(missing).__name__})")


def test_kokoro_speaks(real: None, tmp_path: Path) -> None:
    cast = draw_speakers(Voices(voices=("kokoro",), speakers=2, speed=(160.0, 200.0)), "en")
    lines = [SyntheticUtterance(text, one) for one in cast for text in ("lights on", "what is the weather tomorrow")]
    paths = speak_to_files(lines, tmp_path)
    lengths = [audio.read_wav(path).size / RATE for path in paths]
    # People say "lights on" in less than a second, six more syllables in one or two; some silence is around it.
    assert 0.6 < lengths[0] < 2.0 < 2.5 * lengths[0] and lengths[1] > 1.3 * lengths[0]
    again = audio.to_int16(speak(lines[0].transcript, cast[0]))
    assert np.array_equal(again, audio.read_wav(paths[0]))
    assert not np.array_equal(again[:8000], audio.read_wav(paths[2])[:8000])
    # Speech has most of its energy below 4 kHz, and some above.
    power = np.abs(np.fft.rfft(audio.to_float(again))) ** 2
    low = power[: power.size // 2].sum() / power.sum()
    assert 0.6 < low < 0.9999


def test_a_style_has_its_own_pitch(real: None) -> None:
    def voiced(style: str) -> float:
        (samples, rate), *_ = kokoro.speak(["a long way to go now"], f"kokoro#{style}", 1.0)
        frames = np.lib.stride_tricks.sliding_window_view(audio.resample(samples, rate, 8000), 400)[::80]
        loud = frames[np.argsort((frames**2).sum(axis=1))[-40:]]
        lags = [np.correlate(one, one, "full")[399:][20:134].argmax() + 20 for one in loud]
        return float(8000 / np.median(lags))

    # A man's voice is about 85 to 155 Hz, a woman's 165 to 255 Hz.
    assert voiced("am_adam") < 160 < voiced("af_bella")
