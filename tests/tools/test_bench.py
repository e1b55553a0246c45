"""The benches: what they list, and that their ratios are what they say. No time is asserted."""

from __future__ import annotations

import argparse
import re
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tools.bench import __main__ as bench
from tools.bench import alternation, dev_loss, reference_step, step

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
    workers = {"__init__", "__main__", "alternation", "our_step", "reference_step"}
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


def test_two_kinds_of_steps_take_turns(monkeypatch, capsys: pytest.CaptureFixture[str]) -> None:
    turns: list[str] = []

    def takes(name: str, seconds: float) -> alternation.Side:
        def run(steps: int) -> list[tuple[float, float]]:
            turns.append(name)
            return [(seconds * len(turns), 0.0)] * steps

        return run

    monkeypatch.setattr(sys, "argv", ["bench", "--rounds", "4", "--steps", "2", "--others", "3"])
    options = alternation.parse("What it is.", "deepspeech", {"others": 6})
    assert (options.others, options.network) == (3, "deepspeech")
    alternation.compare({"one": takes("one", 1.0), "two": takes("two", 0.5)}, options)
    assert turns == ["one", "two", "two", "one"] * 2 + ["one", "two"], "neither is always the first"
    told = capsys.readouterr().out
    assert re.search(r"deepspeech, n_hidden 320: 0\.\d\d \(rounds( 0\.\d\d){4}\)", told)


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


def test_the_time_to_a_loss_is_that_of_the_first_epoch_that_reaches_it() -> None:
    ours = [(9.0, 5.0), (4.0, 8.0), (4.5, 10.0)]
    theirs = [(12.0, 10.0), (5.0, 20.0), (4.2, 40.0), (4.4, 60.0)]
    found = dev_loss.summary(ours, theirs)
    assert (found["dev_loss"], found["reference"], found["ours"], found["ratio"]) == (4.2, 40.0, 8.0, 0.2)
    # One that never gets there has no time.
    found = dev_loss.summary(theirs, ours)
    assert (found["dev_loss"], found["ours"], found["ratio"], found["our_lowest"]) == (4.0, None, None, 4.2)


def test_only_its_own_turns_count_for_a_side() -> None:
    # Its child works in another session, as the trainer does, and is stopped with it.
    script = (
        "import subprocess, sys\n"
        "print('kenlm.scorer: up to date', file=sys.stderr, flush=True)\n"
        "child = subprocess.Popen([sys.executable, '-c', 'import time, sys\\nfor n in range(1, 100):\\n"
        "  time.sleep(0.05); print(f\"epoch {n}/99  loss 1.0  dev loss {9 - n}  1 s\", file=sys.stderr, flush=True)"
        "'], start_new_session=True)\n"
        "child.wait()"
    )
    process = subprocess.Popen([sys.executable, "-c", script], stderr=subprocess.PIPE, text=True)
    side = dev_loss.Side("ours", process)
    try:
        while not side.curve:
            side.turn(0.3)
        time.sleep(0.2)
        epochs = len(side.curve)
        time.sleep(1.0)
        assert len(side.curve) == epochs
        worked = side.worked
        side.turn(0.5)
        assert len(side.curve) > epochs
        assert worked + 0.5 <= side.worked < worked + 0.9
        assert all(seconds <= side.worked for _, seconds in side.curve)
    finally:
        side.close()
    assert process.poll() is not None
