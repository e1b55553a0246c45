"""Plant copies among 1,000 recordings (MP3 at 32 kbit/s, another gain, 50 ms cut off), and see which are found.

The recordings are real: all of `coffee` and as many of `digits` as there is room for, where each of five people says
each digit 50 times. A pair is false if neither of the two was planted; pairs of one speaker and one order of `coffee`
are counted apart, because that collection holds some takes twice.
"""

from __future__ import annotations

import argparse
import shutil
import tempfile
import time
from dataclasses import replace
from pathlib import Path

import numpy as np

from asr.core import audio
from asr.core.alphabet import ENGLISH, Alphabet
from asr.settings.sections import Recordings
from datasets.examination import examine
from datasets.recordings import Recording, read_csv
from tools.bench.planted_faults import DATA, reencoded

CLIPS = 1000


def plant(originals: list[Recording], count: int, folder: Path, rng: np.random.Generator) -> list[Recording]:
    """Return re-encoded copies of some recordings."""
    copies = []
    for number, place in enumerate(rng.permutation(len(originals))[:count].tolist()):
        path = folder / f"copy-{number}.wav"
        audio.write_wav(path, reencoded(audio.load(originals[place].path), rng))
        copies.append(replace(originals[place], path=path, source=str(originals[place].path)))
    return copies


def main() -> int:
    """Print what was found; the exit status is 1 below 95 %, or where a pair is false."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=DATA.parent, help="folder with coffee/ and digits/")
    parser.add_argument("--copies", type=int, default=200)
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()
    rng, alphabet = np.random.default_rng(arguments.seed), Alphabet(ENGLISH)
    orders, digits = (read_csv(arguments.data / name / "recordings.csv", alphabet) for name in ("coffee", "digits"))
    kept = rng.permutation(len(digits))[: CLIPS - len(orders) - arguments.copies // 2].tolist()
    takes = [*orders, *(digits[place] for place in kept)][: CLIPS - arguments.copies]
    folder = Path(tempfile.mkdtemp(prefix="asr-copies-"))
    try:
        copies = plant(takes, arguments.copies, folder, rng)
        started = time.monotonic()
        found = examine([*takes, *copies], Recordings(), alphabet)
        seconds = time.monotonic() - started
    finally:
        shutil.rmtree(folder)
    groups = [{one.file, *one.others} for one in found.findings if one.kind == "copy" and one.file]
    by_path = {str(one.path): one for one in takes}
    missed = [one for one in copies if not any({str(one.path)} <= group for group in groups)]
    made = {str(one.path) for one in copies}
    apart = [group for group in groups if not group & made]
    known = [group for group in apart if len({by_path[file].speaker for file in group}) == 1 and len(group) == 2
             and all("coffee" in file for file in group)]  # fmt: skip
    # A planted copy has to be found as a copy of what it was made of.
    wrong = [one for one in copies for group in groups if str(one.path) in group and not _belongs(one, group, groups)]
    false = len(apart) - len(known) + len(wrong)
    share = 1 - len(missed) / len(copies)
    print(
        f"{len(takes) + len(copies)} clips, {seconds:.0f} s: {share:.1%} of {len(copies)} copies found; "
        f"{len(known)} pairs of coffee itself; {false} false pairs"
    )
    return 0 if share >= 0.95 and not false else 1


def _belongs(copy: Recording, group: set[str], groups: list[set[str]]) -> bool:
    """Tell whether a copy was found together with its original, or with another copy of that."""
    if copy.source in group:
        return True
    return any(copy.source in other and other & group for other in groups)


if __name__ == "__main__":
    raise SystemExit(main())
