"""`python -m asr.runtime`: answers as JSON and text, and one line for what is wrong."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import soundfile

from asr.core import audio
from asr.core.alphabet import Alphabet
from asr.runtime.__main__ import main
from asr.runtime.recogniser import GRAMMAR, NETWORK, Recogniser
from export.device import network_file
from lm.grammar import compile_grammar
from lm.sentences import Templates
from tests.asr.runtime.tone_device import hiss, spoken, stream, write_device
from tests.lm.tone_speech import network

REPOSITORY = Path(__file__).resolve().parents[3]


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a device, a short recording and a stream."""
    folder = tmp_path_factory.mktemp("place")
    write_device(folder / "device")
    (folder / "sound").mkdir()
    audio.write_wav(folder / "sound" / "a.wav", np.concatenate((hiss(0.3), spoken("fade cage"), hiss(0.3, 2))))
    audio.write_wav(folder / "stream.wav", stream(("bad cab", "fade bead"), (1.5, 6.0, 3.0))[0])
    return folder


def run(capsys: pytest.CaptureFixture[str], *arguments: object) -> tuple[int, list[str], str]:
    status = main([str(argument) for argument in arguments])
    out, err = capsys.readouterr()
    return status, out.splitlines(), err


def test_a_folder_is_recognised_as_json(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    status, lines, err = run(capsys, "recognise", place / "device", place / "sound", "--json")
    (row,) = map(json.loads, lines)
    assert (status, err, row["file"]) == (0, "", str(place / "sound" / "a.wav"))
    assert (row["text"], row["slots"], row["accepted"]) == ("fade cage", {"x": "kennel"}, True)
    assert [word["word"] for word in row["words"]] == ["fade", "cage"]
    alone = Recogniser.open(place / "device").recognise(audio.read_wav(place / "sound" / "a.wav"))
    assert row["words"] == alone.record()["words"]


def test_a_long_file_has_a_line_for_each_utterance(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    _, lines, _ = run(capsys, "recognise", place / "device", place / "stream.wav")
    assert len(lines) == 2 and lines[0].endswith(" s: bad cab") and lines[1].endswith(" s: fade bead  x = bead")
    status, listened, err = run(capsys, "listen", place / "device", "--input", place / "stream.wav")
    assert status == 0 and "listening" in err
    assert [json.loads(line)["text"] for line in listened] == ["bad cab", "fade bead"]


def test_other_rates_and_channels_give_the_same_answer(place: Path, tmp_path: Path, capsys) -> None:
    samples = audio.load(place / "sound" / "a.wav")
    soundfile.write(tmp_path / "stereo.wav", np.stack((samples, samples), axis=1), 16000)
    soundfile.write(tmp_path / "high.wav", audio.resample(samples, 16000, 44100), 44100)
    status, lines, _ = run(capsys, "recognise", place / "device", tmp_path / "stereo.wav", tmp_path / "high.wav")
    assert status == 0 and all("fade cage" in line for line in lines) and len(lines) == 2


def test_standard_input_is_wav_or_raw(place: Path) -> None:
    command = [sys.executable, "-m", "asr.runtime", "recognise", str(place / "device"), "-"]
    wav = (place / "sound" / "a.wav").read_bytes()
    for content in (wav, wav[44:]):
        done = subprocess.run(command, input=content, cwd=REPOSITORY, capture_output=True)
        assert (done.returncode, done.stdout.decode()) == (0, "-: fade cage  x = kennel\n"), done.stderr


def test_what_is_wrong_is_one_line(place: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    good = place / "sound" / "a.wav"

    def fails(device: Path, sound: Path | str = good) -> str:
        status, lines, err = run(capsys, "recognise", device, sound)
        assert (status, lines, err.count("\n")) == (2, [], 1)
        assert err.startswith("error: ")
        return err

    device = place / "device"
    assert "network.npz: no such file" in fails(tmp_path)
    for name, message in ((NETWORK, "this is no network"), (GRAMMAR, "this is no grammar graph")):
        broken = write_device(tmp_path / f"broken-{name}")
        (broken / name).write_bytes((broken / name).read_bytes()[:-100])
        assert message in fails(broken)
    mixed, other = write_device(tmp_path / "mixed"), Alphabet(" abcxyz")
    (mixed / GRAMMAR).write_bytes(compile_grammar(Templates.parse("cab", other), other).to_bytes())
    assert "network and grammar are of two alphabets" in fails(mixed)
    (mixed / NETWORK).write_bytes(network_file(network(other), other).to_bytes())
    assert run(capsys, "recognise", mixed, good)[0] == 0
    (tmp_path / "none").mkdir()
    assert "there is no WAV file in it" in fails(device, tmp_path / "none")
    assert "No such file" in fails(device, tmp_path / "missing.wav")
    soundfile.write(tmp_path / "empty.wav", np.zeros(0), 16000)
    assert "empty.wav: it has no samples" in fails(device, tmp_path / "empty.wav")
    soundfile.write(tmp_path / "a.flac", np.zeros(1000), 16000)
    assert "it is FLAC, not WAV" in fails(device, tmp_path / "a.flac")
