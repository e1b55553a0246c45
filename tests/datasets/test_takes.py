"""Several takes in one file: joined recordings of people are told, single ones are not."""

from __future__ import annotations

from collections import defaultdict
from pathlib import Path

import numpy as np
import pytest

from asr.core import audio
from datasets.recordings import read_csv
from datasets.takes import count_takes


@pytest.mark.parametrize("name", ["coffee", "digits", "wakewords"])
def test_people_who_say_a_sentence_once_get_no_remark(shared_data: Path, name: str) -> None:
    recordings = read_csv(shared_data / name / "recordings.csv", None)
    chosen = [recordings[index] for index in np.random.default_rng(1).permutation(len(recordings))[:100]]
    assert sum(bool(count_takes(audio.load(one.path), len(one.transcript))) for one in chosen) <= 1


def test_six_takes_of_people_in_a_file_are_told(shared_data: Path) -> None:
    by_text = defaultdict(list)
    for one in read_csv(shared_data / "wakewords" / "recordings.csv", None):
        by_text[one.transcript].append(one.path)
    pause = np.random.default_rng(1).standard_normal(8000).astype(np.float32) * 1e-3
    for text, paths in by_text.items():
        joined = np.concatenate([part for path in paths[:6] for part in (audio.load(path), pause)])
        assert count_takes(joined, len(text)) >= 4, text
