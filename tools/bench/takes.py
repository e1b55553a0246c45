"""Cuts of joined recordings: are the takes found, and do they begin and end where they should?

    python -m tools.bench takes RECORDINGS.csv [--files 200] [--pause 0.3 1.0] [--above 20]

RECORDINGS.csv has the columns of a recordings.csv. Each file is five recordings, cut to their speech, brought to one
level and joined by pauses of silence, with white noise over all. A cut is the middle between two takes that are found;
it is right within 0.1 s of a pause between two recordings. Cuts inside a recording are counted as well, and how far
each take begins and ends from its recording's speech, as found in quiet. --half takes every second speaker, to choose
parameters on one half and to report the other.
"""

from __future__ import annotations

import argparse
import csv
import itertools
from pathlib import Path

import numpy as np
import numpy.typing as npt

from asr.core import audio, trim
from datasets.take_cutter import find_takes

_JOINED = 5
_NEAR = 0.1  # s
_RATE = audio.SAMPLE_RATE

Float = npt.NDArray[np.float32]


def main() -> int:
    """Run the bench."""
    parser = argparse.ArgumentParser(prog="python -m tools.bench takes", description=__doc__)
    parser.add_argument("recordings", type=Path, help="a recordings.csv")
    parser.add_argument("--files", type=int, default=200, help="number of joined files")
    parser.add_argument("--pause", type=float, nargs=2, default=(0.3, 1.0), help="s between two, from and to")
    parser.add_argument("--above", type=float, default=20.0, help="dB of speech above the noise")
    parser.add_argument("--half", type=int, choices=(0, 1), default=1, help="which half of the speakers")
    given = parser.parse_args()
    with given.recordings.open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    speakers = sorted({row["speaker"] for row in rows})[given.half :: 2]
    paths = [given.recordings.parent / row["file"] for row in rows if row["speaker"] in speakers]
    rng = np.random.default_rng([7, given.half])
    right, wrong, counted = 0, 0, 0
    errors = []
    for _ in range(given.files):
        chosen = [paths[int(index)] for index in rng.choice(len(paths), _JOINED, replace=False)]
        sound, bounds = join(chosen, (given.pause[0], given.pause[1]), given.above, rng)
        found = find_takes(sound)
        counted += len(found) == len(bounds)
        cuts = [(one.end + other.start) / 2 for one, other in itertools.pairwise(found)]
        pauses = [(one[1] - _NEAR * _RATE, other[0] + _NEAR * _RATE) for one, other in itertools.pairwise(bounds)]
        hit = [[low <= cut <= high for low, high in pauses] for cut in cuts]
        right += sum(any(row[number] for row in hit) for number in range(len(pauses)))
        wrong += sum(not any(row) for row in hit)
        for start, end in bounds:
            near = [take for take in found if take.start < end and take.end > start]
            if len(near) == 1:
                errors.append(((near[0].start - start) / _RATE, (near[0].end - end) / _RATE))
    wanted = (_JOINED - 1) * given.files
    print(f"{given.files} files of {_JOINED}: {counted} with the right number of takes")
    print(f"cuts within {_NEAR:g} s of their pause: {right} of {wanted}, {right / wanted:.1%}; {wrong} cuts elsewhere")
    starts, ends = np.array(errors).T
    for name, values in (("begins", starts), ("ends", ends)):
        low, middle, high = np.quantile(values, (0.025, 0.5, 0.975))
        share = np.mean(np.abs(values) <= _NEAR)
        print(f"a take {name} {middle:+.3f} s from its speech (95 %: {low:+.3f} to {high:+.3f} s; {share:.1%} near)")
    return 0


def join(
    paths: list[Path], pause: tuple[float, float], above: float, rng: np.random.Generator
) -> tuple[Float, list[tuple[int, int]]]:
    """Return recordings cut to their speech and joined, float32 [n], and where each is, in samples."""
    at = round(float(rng.uniform(*pause)) * _RATE)
    pieces, bounds = [np.zeros(at, np.float32)], []
    for path in paths:
        recording = audio.load(path)
        speech = trim.find(recording)
        said = recording[speech.start : speech.end]
        power = float(np.mean(said**2))
        said = said * np.float32(0.05 / np.sqrt(power + 1e-12))
        silence = round(float(rng.uniform(*pause)) * _RATE)
        pieces += [said, np.zeros(silence, np.float32)]
        bounds.append((at, at + len(said)))
        at += len(said) + silence
    sound = np.concatenate(pieces)
    sound += np.float32(0.05 * 10 ** (-above / 20)) * rng.standard_normal(len(sound)).astype(np.float32)
    return np.clip(sound, -1, 32767 / 32768), bounds
