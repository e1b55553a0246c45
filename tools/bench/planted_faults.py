"""Plant 20 faults among recordings, and see which of them `asr check` finds.

`--data` is a folder with a recordings.csv of spoken orders. Its speakers, sorted by name, are halved: thresholds were
chosen on the first, third, fifth ... one, so figures are those of `--speakers others`, the default. Each seed plants
the faults in other recordings.
"""

from __future__ import annotations

import argparse
import os
import shutil
import tempfile
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from asr.core import audio, tables, trim
from asr.core.alphabet import ENGLISH, Alphabet
from datasets import defects
from datasets.defects import Finding, Float
from datasets.recordings import COLUMNS, Recording, read_csv
from tools.commands.steps import check

_SHARED = os.environ.get("ASR_SHARED_DATA", Path(__file__).resolve().parents[3] / "shared" / "data")
DATA = Path(_SHARED) / "coffee"
RATE = audio.SAMPLE_RATE
_FEWEST = 12  # recordings of the speaker who gets two names

Rng = np.random.Generator


@dataclass(frozen=True)
class Planted:
    """A fault, and how it shows: by the kind of finding, and the file or text that it names."""

    name: str
    kind: str
    named: str


def noise(sound: Float, rng: Rng, level: float) -> Float:
    """Return a sound with white noise, its level in dB relative to the loudest part."""
    found = trim.find(sound).peak_db + level
    return sound + rng.standard_normal(len(sound)).astype(np.float32) * np.float32(10 ** (found / 20))


def hum(sound: Float, rng: Rng, mains: float) -> Float:
    """Return a sound with hum 25 dB below its loudest part."""
    times = np.arange(len(sound)) / RATE
    tones = np.sum([np.sin(2 * np.pi * mains * k * times + rng.uniform(0, 6)) / k for k in (1, 2, 3)], axis=0)
    return sound + np.asarray(10 ** ((trim.find(sound).peak_db - 25 + 3) / 20) * tones, np.float32)


def cut(sound: Float, rng: Rng, end: bool) -> Float:
    """Return a sound that begins or ends within a vowel in the middle half of the speech."""
    levels = defects.decibels(defects.spectra(sound)[:, 3:].sum(axis=1))
    bounds = trim.find(sound)
    first, last = (round(bounds.start + share * (bounds.end - bounds.start)) // defects.HOP for share in (0.25, 0.75))
    loud = first + np.flatnonzero(levels[first:last] > levels[first:last].max() - 6)
    place = int(rng.choice(loud)) * defects.HOP + defects.WINDOW // 2
    return sound[:place] if end else sound[place:]


def telephone(sound: Float) -> Float:
    """Return a sound without what is above 4 kHz."""
    return audio.resample(audio.resample(sound, RATE, 8000), 8000, RATE)


def reencoded(sound: Float, rng: Rng) -> Float:
    """Return a sound that went through MP3 at 32 kbit/s, with another gain and 50 ms cut off at one side."""
    import io

    import soundfile

    off = round(0.05 * RATE)
    sound = sound[off:] if rng.random() < 0.5 else sound[:-off]
    sound = np.clip(sound * 10 ** (rng.uniform(-12, 3) / 20), -1, 0.9999)
    coded = io.BytesIO()
    # This compression is 32 kbit/s at 16 kHz.
    soundfile.write(
        coded, sound, RATE, format="MP3", subtype="MPEG_LAYER_III", bitrate_mode="CONSTANT", compression_level=0.85
    )
    coded.seek(0)
    decoded, _ = soundfile.read(coded, dtype="float32")
    return np.asarray(decoded, np.float32)


# Faults of a single sound: kind of the finding, and what is done.
SOUNDS: dict[str, tuple[str, Callable[[Float, Rng], Float]]] = {
    "quiet": ("quiet", lambda sound, rng: sound * np.float32(10 ** (-36 / 20))),
    "muted": ("silent", lambda sound, rng: rng.standard_normal(len(sound)).astype(np.float32) * np.float32(2e-4)),
    "clipped": ("clipped", lambda sound, rng: np.clip(sound * 8, -1, 32767 / 32768)),
    "clipped, then lowered": ("clipped", lambda sound, rng: np.clip(sound * 8, -1, 1) * np.float32(0.3)),
    "offset": ("offset", lambda sound, rng: np.clip(sound + np.float32(0.06), -1, 0.999)),
    "hum of 50 Hz": ("hum", lambda sound, rng: hum(sound, rng, 50.0)),
    "hum of 60 Hz": ("hum", lambda sound, rng: hum(sound, rng, 60.0)),
    "noise 10 dB below the loudest": ("noise", lambda sound, rng: noise(sound, rng, -10)),
    "noise alone": ("no speech", lambda sound, rng: noise(sound, rng, -10) - sound),
    "begins in a vowel": ("cut", lambda sound, rng: cut(sound, rng, end=False)),
    "ends in a vowel": ("cut", lambda sound, rng: cut(sound, rng, end=True)),
    "telephone": ("bandwidth", lambda sound, rng: telephone(sound)),
    "0.25 s of it": ("length", lambda sound, rng: cut(sound, rng, end=False)[: RATE // 4]),
}


def plant(recordings: list[Recording], folder: Path, rng: Rng) -> tuple[list[Recording], list[Planted], set[str]]:
    """Return recordings with 20 faults, what was planted, and the files that are no longer good ones."""
    rows = list(recordings)
    planted: list[Planted] = []
    touched: set[str] = set()
    counts = Counter(one.speaker for one in rows)
    double = str(rng.choice([name for name, count in counts.items() if count >= _FEWEST]))
    others = [place for place, one in enumerate(rows) if one.speaker != double]
    free = iter(rng.permutation(others).tolist())

    def write(name: str, sound: Float) -> Path:
        path = folder / f"{len(planted):02}-{''.join(c if c.isalnum() else '-' for c in name)}.wav"
        audio.write_wav(path, np.clip(sound, -1, 0.9999).astype(np.float32))
        return path

    def done(name: str, kind: str, row: Recording, named: str = "") -> None:
        planted.append(Planted(name, kind, named or str(row.path)))
        touched.add(str(row.path))

    for name, (kind, change) in SOUNDS.items():
        place = next(free)
        rows[place] = replace(rows[place], path=write(name, change(audio.load(rows[place].path), rng)))
        done(name, kind, rows[place])
    for name in ("copy of another speaker", "copy with another transcript"):
        original = rows[next(free)]
        other = next(r for r in rows if r.speaker != original.speaker and r.transcript != original.transcript)
        copy = replace(original, path=write(name, reencoded(audio.load(original.path), rng)))
        if name.endswith("speaker"):
            rows.append(replace(copy, speaker=other.speaker))
        else:
            rows.append(replace(copy, transcript=other.transcript))
        done(name, "copy", rows[-1])
        touched.add(str(original.path))
    place = next(free)
    texts = [one.transcript for one in rows if one.transcript != rows[place].transcript]
    rows[place] = replace(rows[place], transcript=str(rng.choice(texts)))
    done("transcript of another", "transcript", rows[place])
    place = next(free)
    broken = folder / f"{len(planted):02}-broken{rows[place].path.suffix}"
    data = rows[place].path.read_bytes()
    broken.write_bytes(data[: len(data) // 2])
    rows[place] = replace(rows[place], path=broken)
    done("half of a file", "unreadable", rows[place])
    for name, kind, word, typed in (
        ("a word misspelt", "few speakers", "coffee", "cofee"),
        ("a word as it sounds", "alike", "eight", "ate"),
    ):
        place = next(p for p in free if word in rows[p].transcript.split())
        words = [typed if one == word else one for one in rows[place].transcript.split()]
        rows[place] = replace(rows[place], transcript=" ".join(words))
        done(name, kind, rows[place], repr(typed))
    own = [place for place, one in enumerate(rows) if one.speaker == double]
    for place in rng.permutation(own)[: len(own) // 2].tolist():
        rows[place] = replace(rows[place], speaker=f"{double}-again")
    done("a speaker under two names", "speaker", rows[own[0]], repr(f"{double}-again"))
    return rows, planted, touched


def is_found(one: Planted, findings: tuple[Finding, ...]) -> bool:
    """Tell whether a finding of the right kind names the planted fault."""
    return any(
        found.kind == one.kind and (one.named in (found.file, *found.others) or one.named in found.what)
        for found in findings
    )


def run(recordings: list[Recording], folder: Path, seed: int) -> tuple[int, int, int]:
    """Plant and check; print what was missed; return how many were found, and how many of how many good are errors."""
    made = folder / f"planted-{seed}"
    made.mkdir()
    rows, planted, touched = plant(recordings, made, np.random.default_rng(seed))
    table = folder / f"recordings-{seed}.csv"
    tables.write(table, COLUMNS, [(one.path, one.transcript, one.speaker) for one in rows])
    found = check.examine_all(check.place_of(table, folder / "check"), None)
    missed = [one.name for one in planted if not is_found(one, found.findings)]
    good = {str(one.path) for one in rows} - touched
    errors = {one.file for one in found.findings if one.severity == "error"} & good
    warnings = {one.file for one in found.findings if one.severity == "warning"} & good
    print(
        f"seed {seed}: {len(planted) - len(missed)} of {len(planted)} found"
        f"{', missed: ' + '; '.join(missed) if missed else ''}; of {len(good)} good recordings "
        f"{len(errors)} are errors, {len(warnings)} warnings",
        flush=True,
    )
    return len(planted) - len(missed), len(errors), len(good)


def main() -> int:
    """Print what was found; the exit status is 1 where a fault was missed or 2 % of the good ones are errors."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=DATA)
    parser.add_argument("--speakers", choices=("others", "chosen", "all"), default="others")
    parser.add_argument("--seeds", type=int, default=1, help="how often 20 faults are planted")
    arguments = parser.parse_args()
    recordings = read_csv(arguments.data / "recordings.csv", Alphabet(ENGLISH))
    names = sorted({one.speaker for one in recordings})
    kept = {"others": names[1::2], "chosen": names[::2], "all": names}[arguments.speakers]
    recordings = [one for one in recordings if one.speaker in kept]
    folder = Path(tempfile.mkdtemp(prefix="asr-planted-"))
    try:
        results = [run(recordings, folder, seed) for seed in range(1, arguments.seeds + 1)]
    finally:
        shutil.rmtree(folder)
    found, errors, good = (sum(column) for column in zip(*results, strict=True))
    planted = 20 * len(results)
    print(f"{found} of {planted} planted faults found; {errors / good:.2%} of the good recordings are errors")
    return 0 if found == planted and errors <= 0.02 * good else 1


if __name__ == "__main__":
    raise SystemExit(main())
