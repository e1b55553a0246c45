"""Piper's voices: faults with a program that stands in for it, and a real voice where `make voices` has put it."""

from __future__ import annotations

import importlib.util
import os
import stat
import sys
import textwrap
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from asr.core import audio, third_party
from asr.core.errors import AudioError, SetupError, WorkspaceError
from asr.settings.sections import Voices
from datasets import synthesiser
from datasets.speech import Speaker, SyntheticUtterance, draw_speakers, speak, speak_to_files, voice_of

RATE = audio.SAMPLE_RATE


@pytest.fixture
def piper(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A program named piper that hums in place of a sentence, at 50 Hz a letter, or does what PIPER_FAULT asks for;
    and a voice that is no voice."""
    program = tmp_path / "bin" / "piper"
    program.parent.mkdir()
    program.write_text(
        f"#!{sys.executable}\n"
        + textwrap.dedent(f"""
            import math, os, struct, sys, time, wave
            fault = os.environ.get("PIPER_FAULT", "")
            lines = sys.stdin.read().splitlines()
            out = sys.argv[sys.argv.index("--output_dir") + 1]
            with open({str(tmp_path / "asked")!r}, "a") as file:
                print("/".join(lines), *sys.argv[1:], sep="|", file=file)
            if fault == "fails":
                print("Traceback", file=sys.stderr)
                sys.exit("no config file for the voice")
            if fault == "hangs":
                time.sleep(60)
            if fault != "silent":
                for number, line in enumerate(lines[1:] if fault == "forgets" else lines, 98):
                    with wave.open(os.path.join(out, f"{{number}}.wav"), "wb") as file:
                        file.setparams((1, 2, 22050, 0, "NONE", ""))
                        tone = [int(9000 * math.sin(2 * math.pi * 50 * len(line) * n / 22050)) for n in range(22050)]
                        file.writeframes(struct.pack("<22050h", *tone))
            """)
    )
    program.chmod(program.stat().st_mode | stat.S_IXUSR)
    monkeypatch.setenv("PATH", f"{program.parent}{os.pathsep}{os.environ['PATH']}")
    voice = tmp_path / "amy.onnx"
    voice.touch()
    return voice


def test_piper_speaks(piper: Path, tmp_path: Path) -> None:
    (speaker,) = draw_speakers(Voices(voices=(f"piper:{piper}",), speakers=1, speed=(350.0, 350.0)), "en")
    assert speaker.name.startswith("piper-amy-s350-p")
    samples = speak("turn on the light", speaker)
    assert len(samples) == pytest.approx(RATE, abs=2)
    asked = (tmp_path / "asked").read_text().splitlines()[-1].split("|")
    assert asked[0] == "turn on the light"
    assert asked[asked.index("--model") + 1] == str(piper)
    # Twice the normal speed is half the length.
    assert float(asked[asked.index("--length_scale") + 1]) == 0.5
    assert [asked[asked.index(f"--{name}") + 1] for name in ("noise_scale", "noise_w")] == ["0", "0"]


def test_one_process_of_piper_s_says_many_sentences(piper: Path, tmp_path: Path) -> None:
    cast = draw_speakers(Voices(voices=(f"piper:{piper}",), speakers=2), "en")
    lines = [SyntheticUtterance("x" * (2 + number), speaker) for number in range(18) for speaker in cast]
    paths = speak_to_files(lines, tmp_path / "speech")
    # Sixteen lines a process at most; each line is in the file of its own.
    assert len((tmp_path / "asked").read_text().splitlines()) == 4
    for line, path in zip(lines, paths, strict=True):
        samples = replace(line, file=path).samples()
        assert np.abs(np.fft.rfft(samples[:RATE])).argmax() == pytest.approx(50 * len(line.transcript), abs=1)
        assert path.parent.name == line.speaker.name
    low = replace(lines[-1], file=paths[-1], rate=1600).samples()
    assert np.abs(low).mean() < 0.02 * np.abs(lines[-1].samples()).mean()
    assert speak_to_files(lines, tmp_path / "speech") == paths
    assert len((tmp_path / "asked").read_text().splitlines()) == 5  # the one that was spoken for comparison


def test_each_speaker_of_piper_s_models_is_a_voice(piper: Path, tmp_path: Path) -> None:
    many = tmp_path / "voices" / "many.onnx"
    many.parent.mkdir()
    many.touch()
    (many.parent / "amy.onnx").touch()
    Path(f"{many}.json").write_text('{"num_speakers": 3, "audio": {}}')
    for named, expected in (
        (f"piper:{many.parent}", {"amy", "many-0", "many-1", "many-2"}),
        (f"piper:{many}", {"many-0", "many-1", "many-2"}),
        (f"piper:{many}#2", {"many-2"}),
    ):
        cast = draw_speakers(Voices(voices=(named,), speakers=8), "en")
        assert {voice_of(one.name) for one in cast} == {f"piper-{name}" for name in expected}
    speak("turn on the light", cast[0])
    asked = (tmp_path / "asked").read_text().splitlines()[-1].split("|")
    assert asked[asked.index("--model") + 1] == str(many) and asked[asked.index("--speaker") + 1] == "2"
    for named, complaint in (
        (f"piper:{many}#3", r"its speakers are 0 to 2"),
        (f"piper:{tmp_path / 'bin'}", r"no \.onnx file"),
        (f"piper:{tmp_path / 'eve.onnx'}", r"there is no such file"),
    ):
        with pytest.raises(WorkspaceError, match=complaint):
            draw_speakers(Voices(voices=(named,)), "en")
    Path(f"{many}.json").write_text("[]")
    with pytest.raises(WorkspaceError, match=r"many\.onnx\.json: this is not a Piper voice"):
        draw_speakers(Voices(voices=(f"piper:{many}",)), "en")


@pytest.mark.parametrize(
    ("fault", "words"),
    [
        ("fails", r"amy\.onnx: piper failed for 'turn on the light': no config file"),
        ("silent", "no reason given"),
        ("forgets", "no reason given"),
        ("hangs", "more than 1 s"),
    ],
)
def test_piper_fails(piper: Path, monkeypatch: pytest.MonkeyPatch, fault: str, words: str) -> None:
    monkeypatch.setenv("PIPER_FAULT", fault)
    monkeypatch.setattr(synthesiser, "TIMEOUT", 1.0)
    with pytest.raises(AudioError, match=words) as caught:
        speak("turn on the light", Speaker("x", f"piper:{piper}", 175, 50))
    assert "\n" not in str(caught.value)


def test_piper_is_missing(piper: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path / "nothing"))
    # `make voices` installs it beside Python.
    monkeypatch.setattr(sys, "executable", str(tmp_path / "python"))
    with pytest.raises(SetupError, match=r"needs the program piper.*install Piper"):
        speak("on", Speaker("x", f"piper:{piper}", 175, 50))


def test_piper_is_found_beside_python(piper: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path / "nothing"))
    monkeypatch.setattr(sys, "executable", str(tmp_path / "bin" / "python"))
    assert speak("on", Speaker("x", f"piper:{piper}", 175, 50)).size


def test_joe_speaks(monkeypatch: pytest.MonkeyPatch) -> None:
    """A real voice, where `make voices` has put it."""
    model = third_party.folder() / "voices" / "piper" / "en_US-joe-medium.onnx"
    if not model.is_file() or importlib.util.find_spec("piper") is None:
        pytest.skip(f"no Piper, or no {model}: `make voices`")
    monkeypatch.setattr(synthesiser, "TIMEOUT", 250.0)
    (speaker,) = draw_speakers(Voices(voices=(f"piper:{model}",), speakers=1, speed=(170.0, 180.0)), "en")
    assert speaker.name.startswith("piper-en_US-joe-medium-s")
    short, long = (speak(text, speaker) for text in ("lights on", "what is the weather tomorrow"))
    assert 0.3 * RATE < short.size < 1.5 * RATE and long.size > 1.3 * short.size
    assert np.array_equal(short, speak("lights on", speaker))
