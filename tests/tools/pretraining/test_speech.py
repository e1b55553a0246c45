"""Speech for the pretrained weights: the same again after a kill, and none of the judges' voices."""

from __future__ import annotations

import csv
import re
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest

from asr.core import audio
from datasets import kokoro
from tools.pretraining import speech

STYLES = ("af_bella", "af_nicole", "am_adam", "bf_lily", "jf_alpha", "zm_yunxi", *speech.JUDGES)


@pytest.fixture
def model(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of ten styles, and a stand-in for the network that writes down who says what."""
    folder = tmp_path / "kokoro"
    (folder / "voices").mkdir(parents=True)
    (folder / kokoro.MODELS[1]).touch()
    for style in STYLES:
        (folder / "voices" / f"{style}.bin").write_bytes(np.zeros((510, 1, 256), dtype="<f4").tobytes())

    def speak(texts: list[str], voice: str, speed: float) -> list[tuple[npt.NDArray[np.float32], int]]:
        assert 0.8 <= speed <= 1.25
        rng = np.random.default_rng(len(voice) + len(texts[0]))
        silence = np.zeros(24000, dtype=np.float32)
        said = 0.3 * rng.standard_normal(2400 * len(texts[0].split())).astype(np.float32)
        return [(np.concatenate([silence, said, silence]), 24000)]

    monkeypatch.setattr(kokoro, "speak", speak)
    speech._taught.cache_clear()
    return folder


def content(folder: Path) -> dict[str, bytes]:
    """Return what is in a folder, by path."""
    return {str(path.relative_to(folder)): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


def test_a_killed_run_resumes_to_the_same_files(model: Path, tmp_path: Path) -> None:
    arguments = ["--model", str(model), "--hours", "0.02"]
    assert speech.main([str(tmp_path / "whole"), *arguments]) == 0
    assert speech.main([str(tmp_path / "parts"), "--model", str(model), "--hours", "0.01"]) == 0
    listed = tmp_path / "parts" / "speech.csv"
    # Killed while it wrote a line, after the file of the line.
    lines = listed.read_bytes().splitlines(keepends=True)
    listed.write_bytes(b"".join(lines[:-1]) + lines[-1][:9])
    assert speech.main([str(tmp_path / "parts"), *arguments]) == 0
    assert content(tmp_path / "parts") == content(tmp_path / "whole")
    rows = list(csv.DictReader((tmp_path / "whole" / "speech.csv").read_text().splitlines()))
    seconds = [audio.read_wav(tmp_path / "whole" / row["file"]).size / audio.SAMPLE_RATE for row in rows]
    assert [float(row["seconds"]) for row in rows] == pytest.approx(seconds, abs=0.001)
    assert 72 <= sum(seconds) < 80
    # 0.1 s a word, and what is kept of the silence around them.
    first = len(rows[0]["transcript"].split()) * 0.1 + 2 * 0.2
    assert seconds[0] == pytest.approx(first, abs=0.05)


def test_blends_hold_no_judge_and_little_of_what_is_foreign(model: Path) -> None:
    taught = speech._taught(model)
    assert set(taught) == set(STYLES) - set(speech.JUDGES)
    rng = np.random.default_rng(3)
    foreign = 0
    for _ in range(500):
        shares = {style: int(share) for style, share in re.findall(r"(\w+):(\d+)", speech.draw_blend(taught, rng))}
        assert 2 <= len(shares) <= 4 and sum(shares.values()) == 100
        assert shares.get("jf_alpha", 0) + shares.get("zm_yunxi", 0) <= 60 and shares.get("af_nicole", 0) <= 30
        foreign += bool(shares.keys() & {"jf_alpha", "zm_yunxi"})
    assert 100 < foreign < 300


def test_marks_leave_the_words(model: Path) -> None:
    rng = np.random.default_rng(4)
    texts = [speech.marked("turn on the light", rng) for _ in range(200)]
    assert {re.sub(r"[.,!?]", "", text) for text in texts} == {"turn on the light"}
    assert {text[-1] for text in texts} == set(".!?,")


def test_without_kokoro_it_says_so(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert speech.main([str(tmp_path / "out"), "--model", str(tmp_path / "none")]) == 2
    assert "Run `make voices`" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()
