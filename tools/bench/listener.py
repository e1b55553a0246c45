"""The listener on a stream of clips with pauses: utterances found, latency at real-time pace, processor used.

    python -m tools.bench listener DEVICE CLIPS.csv [--above DB] [--pause 1 3] [--count N] [--hour]

CLIPS.csv has the columns of a manifest or of a recordings.csv. Noise runs through the whole stream: white, or a
synthesised kitchen with --kitchen, --above dB below the speech. The clock is simulated: a chunk of 20 ms is ready when
a microphone would have it, and its answer after the processor's time for it and for what still waits, so that other
work on the machine does not count. Set OPENBLAS_NUM_THREADS=1, as asr-runtime does. --hour measures memory too.
"""

from __future__ import annotations

import argparse
import csv
import resource
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from asr.augment.evaluation_noise import kitchen
from asr.core import audio, trim
from asr.runtime.listener import Listener, Utterance
from asr.runtime.recogniser import Recogniser

CHUNK = 320  # samples, 20 ms
RATE = audio.SAMPLE_RATE
SPEECH_DB = -26.0  # below full scale, the level of each clip's speech

Float = npt.NDArray[np.float32]


@dataclass(frozen=True)
class Said:
    """A clip in the stream: where its speech starts and ends, s, and its transcript."""

    start: float
    end: float
    text: str


@dataclass(frozen=True)
class Answer:
    """An utterance, and when its answer came, s of the stream's clock."""

    utterance: Utterance
    at: float


def main() -> int:
    """Run the bench."""
    parser = argparse.ArgumentParser(prog="python -m tools.bench listener", description=__doc__)
    parser.add_argument("device", type=Path, help="a device folder")
    parser.add_argument("clips", type=Path, help="a CSV file of clips")
    parser.add_argument("--above", type=float, default=30.0, help="dB of speech above the noise")
    parser.add_argument("--kitchen", action="store_true", help="a kitchen's noise instead of white noise")
    parser.add_argument("--pause", type=float, nargs=2, default=(1.0, 3.0), help="s between two clips, from and to")
    parser.add_argument("--count", type=int, default=100, help="number of clips")
    parser.add_argument("--hour", action="store_true", help="repeat the stream for an hour, and measure memory")
    parser.add_argument("--list", action="store_true", help="print each clip that was not found whole")
    given = parser.parse_args()
    recogniser = Recogniser.open(given.device)
    generator = np.random.default_rng(1)
    sound, said = make_stream(read_clips(given.clips), given.count, given.pause, generator)
    add_noise(sound, given.above, given.kitchen, generator)
    samples = audio.to_int16(sound)
    answers, seconds = run(recogniser, samples)
    print(f"{len(samples) / RATE / 60:.1f} min, {len(said)} clips, noise {given.above:g} dB below the speech")
    report(said, answers, given.list)
    print(f"real-time factor {seconds / (len(samples) / RATE):.3f}")
    _, seconds = run(recogniser, audio.to_int16(10 ** (-60 / 20) * generator.standard_normal(60 * RATE)))
    print(f"real-time factor of noise at -60 dB alone {seconds / 60:.4f}")
    if given.hour:
        measure_hour(recogniser, samples)
    return 0


def read_clips(path: Path) -> list[tuple[Path, str]]:
    """Return files and transcripts of a manifest or a recordings.csv."""
    with path.open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    name = "wav_filename" if rows and "wav_filename" in rows[0] else "file"
    return [(path.parent / row[name], row["transcript"]) for row in rows]


def make_stream(
    clips: list[tuple[Path, str]], count: int, pause: tuple[float, float], generator: np.random.Generator
) -> tuple[Float, list[Said]]:
    """Lay clips into silence, in random order, and return the stream and where each is."""
    pieces, said = [np.zeros(2 * RATE, np.float32)], []
    at = 2 * RATE
    for number in generator.permutation(len(clips))[:count]:
        path, text = clips[number]
        clip = audio.load(path)
        bounds = trim.find(clip)
        speech = clip[bounds.start : bounds.end]
        clip = clip * np.float32(10 ** (SPEECH_DB / 20) / np.sqrt(np.mean(speech**2) + 1e-12))
        said.append(Said((at + bounds.start) / RATE, (at + bounds.end) / RATE, text))
        silence = round(RATE * generator.uniform(*pause))
        pieces += [np.clip(clip, -1, 32767 / 32768), np.zeros(silence, np.float32)]
        at += len(clip) + silence
    return np.concatenate(pieces), said


def add_noise(sound: Float, above: float, in_kitchen: bool, generator: np.random.Generator) -> None:
    """Add noise to the whole stream, in place."""
    noise = kitchen() if in_kitchen else generator.standard_normal(30 * RATE).astype(np.float32)
    noise *= np.float32(10 ** ((SPEECH_DB - above) / 20) / np.sqrt(np.mean(noise**2)))
    for first in range(0, len(sound), len(noise)):
        piece = sound[first : first + len(noise)]
        piece += noise[: len(piece)]


def run(recogniser: Recogniser, samples: npt.NDArray[np.int16]) -> tuple[list[Answer], float]:
    """Listen to a stream; return the answers with their times, and the seconds that it took."""
    listener = Listener(recogniser)
    answers, ready, busy = [], 0.0, 0.0
    for first in range(0, len(samples), CHUNK):
        chunk = samples[first : first + CHUNK]
        began = time.process_time()
        found = listener.accept(chunk)
        took = time.process_time() - began
        busy += took
        ready = max(ready, (first + len(chunk)) / RATE) + took
        answers += [Answer(utterance, ready) for utterance in found]
    answers += [Answer(utterance, ready) for utterance in listener.finish()]
    return answers, busy


def report(said: list[Said], answers: list[Answer], listed: bool) -> None:
    """Print what was found, and how long after the end of speech."""
    found = split = right = 0
    latencies = []
    used: set[int] = set()
    for one in said:
        over = [
            number
            for number, answer in enumerate(answers)
            if min(one.end, answer.utterance.end) - max(one.start, answer.utterance.start) > 0.1
        ]
        used.update(over)
        whole = len(over) == 1 and answers[over[0]].utterance.end >= one.end - 0.3
        found += whole
        split += len(over) > 1
        texts = [answers[number].utterance.recognition.text for number in over]
        right += texts == [one.text]
        if over:
            latencies.append(answers[over[-1]].at - one.end)
        if listed and (not whole or texts != [one.text]):
            print(f"  {one.start:.2f} to {one.end:.2f} s: {one.text}")
            for utterance in (answers[number].utterance for number in over):
                print(f"    {utterance.start:.2f} to {utterance.end:.2f} s: {utterance.recognition.text}")
    missed = len(said) - found - split
    print(f"one utterance each: {found}; several: {split}; missed or cut off: {missed}; right: {right}")
    print(f"utterances where nobody speaks: {len(answers) - len(used)}")
    if latencies:
        middle, late = np.percentile(latencies, (50, 95))
        print(f"end of speech to answer: median {1000 * middle:.0f} ms, 95th percentile {1000 * late:.0f} ms")


def measure_hour(recogniser: Recogniser, samples: npt.NDArray[np.int16]) -> None:
    """Print how much memory grows between the first minutes and the end of an hour of sound."""
    listener, length = Listener(recogniser), 0
    sizes = []
    while length < 3600 * RATE:
        listener.accept(samples)
        length += len(samples)
        sizes.append(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)
    minutes = len(samples) / RATE / 60
    print(f"memory: {sizes[0]:.1f} MiB after the first {minutes:.1f} min, {sizes[-1]:.1f} after an hour")


if __name__ == "__main__":
    sys.exit(main())
