"""Fills the workspace of the last stage of the pretrained weights with sentences and Kokoro's speech.

    python -m tools.pretraining.workspace examples/english-voices build/speech

The workspace gets sentences.txt, which espeak-ng and Flite read, and recordings/recordings.csv, which names the clips
that `python -m tools.pretraining.speech` has spoken.
"""

from __future__ import annotations

import argparse
import csv
import io
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from asr.core.errors import RecordingsError, UserError
from asr.core.files import write_text
from tools.pretraining.sentences import Sentences

SENTENCES = 20_000
_SEED = 7
_NOTE = "# Made by tools.pretraining.workspace; a part of `make weights`.\n"


def fill(workspace: Path, speech: Path) -> tuple[int, int]:
    """Write a workspace's sentences and its list of recordings; return how many there are of each.

    Raises
    ------
    RecordingsError : there is no speech in the folder.
    """
    listed = speech / "speech.csv"
    try:
        rows = list(csv.DictReader(listed.read_text(encoding="utf-8").splitlines()))
    except OSError:
        rows = []
    if not rows:
        raise RecordingsError("there is no speech", path=listed, fix="Run: python -m tools.pretraining.speech")
    sentences, rng = Sentences(), np.random.default_rng(_SEED)
    drawn = sorted({sentences.draw(rng) for _ in range(SENTENCES)})
    write_text(workspace / "sentences.txt", _NOTE + "".join(f"{sentence}\n" for sentence in drawn))
    table = io.StringIO()
    writer = csv.writer(table)
    writer.writerow(("file", "transcript", "speaker"))
    writer.writerows(((speech / row["file"]).resolve(), row["transcript"], row["speaker"]) for row in rows)
    write_text(workspace / "recordings" / "recordings.csv", table.getvalue())
    return len(drawn), len(rows)


def main(arguments: Sequence[str] | None = None) -> int:
    """Fill the workspace; return 0, or 2 where there is no speech."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("workspace", type=Path)
    parser.add_argument("speech", type=Path, help="what tools.pretraining.speech has spoken")
    chosen = parser.parse_args(arguments)
    try:
        sentences, clips = fill(chosen.workspace, chosen.speech)
    except UserError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    print(f"{chosen.workspace}: {sentences} sentences, {clips} clips")
    return 0


if __name__ == "__main__":
    sys.exit(main())
