"""The benches: what they list, and that their ratios are what they say. No time is asserted."""

from __future__ import annotations

import argparse
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tools.bench import __main__ as bench
from tools.bench import reference_step, step

ROOT = Path(__file__).resolve().parents[2]

# Takes the place of either side: a step takes as long as its second argument says, in each round a little more.
STAND_IN = """
import json, sys
seconds = float(sys.argv[1])
for number, line in enumerate(sys.stdin):
    clock = [seconds * (number + 1)] * int(line)
    print(json.dumps({"clock": clock, "processor": [2 * one for one in clock], "peak": 100}), flush=True)
"""


def side(name: str, threads: str, seconds: float) -> step.Side:
    process = subprocess.Popen(
        [sys.executable, "-c", STAND_IN, str(seconds)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    return step.Side(name, threads, process)


def test_the_listing_names_every_bench_there_is(capsys: pytest.CaptureFixture[str]) -> None:
    assert bench.main(["--list"]) == 0
    listed = capsys.readouterr().out
    workers = {"__init__", "__main__", "our_step", "reference_step"}
    there = {path.stem for path in (ROOT / "tools" / "bench").glob("*.py")} - workers
    assert set(bench.BENCHES) == there
    for name in there:
        assert re.search(rf"^  {name} +\S", listed, re.MULTILINE)
    assert bench.main(["nothing"]) == 2
    assert "there is no bench nothing" in capsys.readouterr().err


def test_help_tells_the_options_of_a_bench() -> None:
    command = [sys.executable, "-m", "tools.bench", "step", "--help"]
    told = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    for option in ("--width", "--threads", "--rounds", "--batch", "--frames", "--json"):
        assert option in told


def test_a_ratio_is_taken_within_each_round() -> None:
    # The second round meets a machine ten times as slow: the ratio of medians would be 0.6 / 2 = 0.3.
    assert step.ratios([0.5, 6.0, 0.6], [1.0, 10.0, 2.0]) == pytest.approx([0.5, 0.6, 0.3])


def test_sides_are_compared_at_equal_threads_and_at_the_best_of_each() -> None:
    sides = [
        side("ours", "default", 3.0),
        side("reference", "default", 4.0),
        side("ours", "1/1", 2.0),
        side("reference", "1/1", 8.0),
    ]
    try:
        for each in sides:
            each.take(2, count=False)
            each.take(3)
            each.take(1)
    finally:
        for each in sides:
            each.close()
    table = step.summary(134, sides)
    assert [row["clock"] for row in table["sides"]] == pytest.approx([7500, 10000, 5000, 20000])
    assert [row["processor"] for row in table["sides"]] == pytest.approx([15000, 20000, 10000, 40000])
    assert [(row["threads"], row["ratio"]) for row in table["ratios"]] == [
        ("default", pytest.approx(0.75)),
        ("1/1", pytest.approx(0.25)),
        ("best of each: 1/1 and default", pytest.approx(0.5)),
    ]


def test_without_the_reference_it_says_so_and_skips(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("ASR_DEPS", str(tmp_path))
    monkeypatch.setattr(sys, "argv", ["step"])
    step.main()
    assert capsys.readouterr().out.startswith("skipped: no TensorFlow 1.15")


def test_both_sides_get_the_same_batch_of_the_size_asked_for() -> None:
    features, frames, labels, lengths = reference_step.make_batch(32, 100)
    assert features.shape == (32, 100, 26) and (frames == 100).all()
    assert ((labels >= 0).sum(axis=1) == lengths).all() and labels.max() < reference_step.LABELS
    again = reference_step.make_batch(32, 100)
    assert (again[0] == features).all() and (again[2] == labels).all()


def test_threads_are_read_as_two_numbers() -> None:
    assert reference_step.threads("default") is None
    assert reference_step.threads("2/1") == (2, 1)
    with pytest.raises((ValueError, argparse.ArgumentTypeError)):
        reference_step.threads("two")
