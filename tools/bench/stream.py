"""A stream of words through the firmware in QEMU, against the Python evaluation of the same sound.

    python -m tools.bench stream WORKSPACE [--minutes 10] [--split test]

The split's words are mixed with other speech as `asr keyword` does for its stream, repeated to the length asked for.
Both sides have to detect the same words in the same slices with the same scores. Exit code 1: they do not.
"""

from __future__ import annotations

import argparse
import json
import re
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

from asr.core import audio
from asr.core.errors import ModelError
from asr.core.stderr import load_tensorflow
from asr.evaluation.keyword_stream import LATE, STEP, count_hits
from asr.keyword.detect import Rule, detect
from asr.settings.workspace import Workspace
from tools.commands.steps.keyword import find_recordings
from tools.commands.steps.keyword_stream import at_hand, runner, streams
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
    path = ws.keyword_export / "thresholds.json"
    if not path.is_file():
        raise ModelError("no thresholds were fitted", path=path, fix="Run: asr keyword")
    thresholds = json.loads(path.read_text(encoding="utf-8"))
    with at_hand(ws, find_recordings(ws), (given.split,)) as unpacked:
        _, mixed, placed = streams(ws, unpacked, given.split)
    length = round(given.minutes * 60 * audio.SAMPLE_RATE)
    sound = np.resize(mixed, length)
    once = min(len(mixed), length) // STEP
    within = [word for word in placed if word.end + LATE < once]
    rule = Rule.of(ws.settings.keyword, [thresholds[word] for word in words])
    start = time.monotonic()
    when, scores = runner(ws, quick=False)(sound)
    found = detect(when, scores, rule)
    ours = [(one.slice, words[one.word - 2], one.score) for one in found]
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
    hits, others = count_hits([one for one in found if one.slice < once], within)
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
