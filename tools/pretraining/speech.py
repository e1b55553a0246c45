"""Speech for the pretrained weights, spoken by blends of Kokoro's styles.

    python -m tools.pretraining.speech FOLDER --hours 20

FOLDER gets WAV files (16 kHz, int16) and speech.csv: file, speaker, transcript, seconds. Clip n depends only on n and
the seed: a killed run resumes, and any part of it is a fair sample.
"""

from __future__ import annotations

import argparse
import csv
import functools
import re
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import count
from pathlib import Path

import numpy as np
import numpy.typing as npt

from asr.core import audio, third_party, trim
from asr.core import workers as workers_
from asr.core.errors import AudioError, UserError
from asr.core.progress import say
from datasets import kokoro
from tools.pretraining.sentences import Sentences

# These voices judge what the others have taught: no part of them is in any blend.
JUDGES = ("bf_emma", "bm_george", "af_heart", "am_michael")
_ENGLISH = ("af_", "am_", "bf_", "bm_")
_FOREIGN = 0.4  # share of the blends that may hold styles made for other languages, which have an accent
_MOST_FOREIGN = 60  # percent of a blend
# It whispers.
_QUIET, _MOST_QUIET = "af_nicole", 30  # percent of a blend
_SPEEDS = (0.8, 1.25)
_MARKS, _MARK_SHARES = (".", "!", "?", ","), (0.7, 0.1, 0.12, 0.08)
_MARGIN = 0.2  # s of silence kept at both ends
_FIELDS = ("file", "speaker", "transcript", "seconds")
_PER_FOLDER = 1000  # clips
_REPORT = 100  # clips between two lines of status


@dataclass(frozen=True)
class Source:
    """What a clip is made from.

    Attributes
    ----------
    model : folder of Kokoro's network and styles.
    seed : of sentences, speakers and speeds.
    """

    model: Path
    seed: int

    def clip(self, number: int) -> tuple[int, str, str, npt.NDArray[np.float32]]:
        """Return number, speaker, transcript and samples (float32 [n], 16 kHz) of a clip.

        Raises
        ------
        AudioError : it is silent.
        """
        rng = np.random.default_rng([self.seed, number])
        text = _sentences().draw(rng)
        voice = f"{kokoro.NAME}:{self.model}#{draw_blend(_taught(self.model), rng)}"
        speed = float(rng.uniform(*_SPEEDS))
        ((samples, rate),) = kokoro.speak([marked(text, rng)], voice, speed)
        samples = audio.resample(samples, rate, audio.SAMPLE_RATE)
        samples = trim.cut(samples, trim.find(samples, -45.0), _MARGIN)
        peak = float(np.abs(samples).max(initial=0.0))
        if peak < 0.01:
            raise AudioError(f"clip {number} is silent: {text!r}")
        return number, kokoro.label(voice), text, samples * np.float32(min(1.0, 0.99 / peak))


def draw_blend(styles: Sequence[str], rng: np.random.Generator) -> str:
    """Return a blend of two to four styles, such as af_bella:40+am_adam:60, at least 40 % of it English."""
    english = [style for style in styles if style.startswith(_ENGLISH)]
    while True:
        (blend,) = kokoro.blends(styles if rng.random() < _FOREIGN else english, 1, rng)
        shares = {style: int(share) for style, share in re.findall(r"(\w+):(\d+)", blend)}
        foreign = sum(share for style, share in shares.items() if not style.startswith(_ENGLISH))
        if foreign <= _MOST_FOREIGN and shares.get(_QUIET, 0) <= _MOST_QUIET:
            return blend


def marked(text: str, rng: np.random.Generator) -> str:
    """Return a text with a mark at its end, and with commas in some: the voices pause and raise their pitch there."""
    words = text.split()
    if rng.random() < 0.15:
        for at in range(len(words) - 1):
            words[at] += "," if rng.random() < 0.25 else ""
    return " ".join(words) + str(rng.choice(_MARKS, p=_MARK_SHARES))


def speak(folder: Path, source: Source, hours: float, processes: int) -> None:
    """Speak into a folder until it holds `hours` of speech, from where an earlier run has ended."""
    listed = folder / "speech.csv"
    start, seconds = _resume(listed)
    before, began = seconds, time.monotonic()
    with listed.open("a", newline="", encoding="utf-8") as file:
        table = csv.writer(file)
        for number, speaker, text, samples in _clips(source, start, processes):
            name = f"{number // _PER_FOLDER:03d}/{number:06d}.wav"
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            audio.write_wav(folder / name, samples)
            table.writerow((name, speaker, text, f"{samples.size / audio.SAMPLE_RATE:.3f}"))
            file.flush()
            seconds += samples.size / audio.SAMPLE_RATE
            if (number + 1) % _REPORT == 0:
                rate = (seconds - before) / (time.monotonic() - began)
                say(f"{number + 1} clips, {seconds / 3600:.2f} h of speech; {rate:.2f} s of speech a second")
            if seconds >= 3600 * hours:
                return


def _clips(source: Source, start: int, processes: int) -> Iterator[tuple[int, str, str, npt.NDArray[np.float32]]]:
    """Yield the clips from `start` on, in order, without those that are silent."""
    if processes == 1:
        yield from filter(None, map(functools.partial(_try, source), count(start)))
        return
    with workers_.pool(processes) as pool:
        # In batches, because a pool takes all that it is given at once.
        for first in count(start, 16 * processes):
            numbers = range(first, first + 16 * processes)
            yield from filter(None, pool.map(functools.partial(_try, source), numbers))


def _try(source: Source, number: int) -> tuple[int, str, str, npt.NDArray[np.float32]] | None:
    try:
        return source.clip(number)
    except AudioError as error:
        say(str(error))
        return None


def _resume(listed: Path) -> tuple[int, float]:
    """Return the next number and the seconds that are listed; a line that was cut off is removed."""
    if not listed.is_file():
        listed.parent.mkdir(parents=True, exist_ok=True)
        listed.write_text(",".join(_FIELDS) + "\r\n", encoding="utf-8", newline="")
    data = listed.read_bytes()
    whole = data[: data.rfind(b"\n") + 1]
    if whole != data:
        listed.write_bytes(whole)
    rows = list(csv.DictReader(whole.decode("utf-8").splitlines()))
    start = int(Path(rows[-1]["file"]).stem) + 1 if rows else 0
    return start, sum(float(row["seconds"]) for row in rows)


@functools.cache
def _sentences() -> Sentences:
    return Sentences()


@functools.cache
def _taught(model: Path) -> tuple[str, ...]:
    """Return the styles that teach."""
    return tuple(style for style in kokoro.styles(model) if style not in JUDGES)


def main(arguments: Sequence[str] | None = None) -> int:
    """Speak until there are as many hours as asked for; return 0, or 2 without Kokoro."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--model", type=Path, default=third_party.folder() / kokoro.PART, help="Kokoro's folder")
    parser.add_argument("--hours", type=float, default=20.0)
    parser.add_argument("--processes", type=int, default=1)
    parser.add_argument("--seed", type=int, default=1)
    chosen = parser.parse_args(arguments)
    try:
        kokoro.named(f"{kokoro.NAME}:{chosen.model}", kokoro.LANGUAGE, 1, chosen.seed)
        speak(chosen.folder, Source(chosen.model, chosen.seed), chosen.hours, chosen.processes)
    except UserError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
