"""A stream of words through the firmware in QEMU, against the Python evaluation of the same sound.

    python -m tools.bench stream WORKSPACE [--minutes 10] [--split test]

The split's words are mixed into other speech as `asr keyword` does to evaluate a stream, repeated until it is long
enough. Both sides have to hear the same words in the same slices with the same scores. Exit code 1: they do not.
"""

from __future__ import annotations

import argparse
import re
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

from asr.core import audio
from asr.core.stderr import load_tensorflow
from asr.evaluation.detection import LATE, count_hits
from asr.keyword.detect import Rule, detect
from asr.keyword.frontend import STEP
from asr.settings.workspace import Workspace
from tools.commands.steps.keyword import find_recordings
from tools.commands.steps.keyword_stream import read_thresholds, runner, streams, unpacked
from tools.firmware import machine

HEARD = re.compile(r"^heard (.+) 0\.\d\d @\d+ ms, slice (\d+), score (\d+)$", re.MULTILINE)


def main() -> int:
    """Run both; return 1 if they differ."""
    parser = argparse.ArgumentParser(prog="python -m tools.bench stream", description=__doc__)
    parser.add_argument("workspace", type=Path, help="with a trained keyword model")
    parser.add_argument("--minutes", type=float, default=10.0, help="length of the stream")
    parser.add_argument("--split", default="test", help="whose words: test, or dev")
    given = parser.parse_args()
    load_tensorflow()

    ws = Workspace.open(given.workspace)
    words = ws.settings.keyword.words
    rule = Rule.of(ws.settings.keyword, read_thresholds(ws))
    with unpacked(ws, find_recordings(ws), given.split) as found:
        _, mixed, placed = streams(ws, found, given.split)
    length = round(given.minutes * 60 * audio.SAMPLE_RATE)
    sound = np.resize(mixed, length)
    once = min(len(mixed), length) // STEP
    within = [word for word in placed if word.end + LATE < once]
    start = time.monotonic()
    when, scores = runner(ws, quick=False)(sound)
    detections = detect(when, scores, rule)
    ours = [(one.slice, words[one.word - 2], one.score) for one in detections]
    seconds = time.monotonic() - start
    with tempfile.TemporaryDirectory() as folder:
        wav = Path(folder) / "stream.wav"
        audio.write_wav(wav, sound)
        start = time.monotonic()
        printed = machine.run(machine.build("listener", ws.keyword_export, Path(folder)), wav)
        emulated = time.monotonic() - start
    theirs = [(int(slice_), word, int(score)) for word, slice_, score in HEARD.findall(printed)]
    figures = machine.figures(printed)
    print(f"stream: {given.minutes:g} min; {len(within)} words in the first {once * 0.02 / 60:.1f}, then it repeats")
    print(f"Python: {len(ours)} detections, {seconds:.0f} s; QEMU: {len(theirs)} detections, {emulated:.0f} s")
    hits, others = count_hits([one for one in detections if one.slice < once], within)
    print(f"{hits} of those {len(within)} words were detected; {others} false alarms")
    missing = length // STEP - figures["samples"] // STEP
    print(f"samples {figures['samples']} of {length}, blocks missed {missing}, deepest stack {figures['stack']} bytes")
    different = sorted(set(ours) ^ set(theirs))
    for slice_, word, score in different[:10]:
        side = "Python" if (slice_, word, score) in ours else "QEMU"
        print(f"only {side}: {word} in slice {slice_}, score {score}")
    print("the same words, slices and scores" if not different else f"{len(different)} differ")
    return int(bool(different) or missing != 0)


if __name__ == "__main__":
    sys.exit(main())
