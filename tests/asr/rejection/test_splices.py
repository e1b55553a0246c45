"""Near misses made of a recording."""

from __future__ import annotations

import numpy as np

from asr.rejection.splices import splices
from asr.runtime.alignment import Span

# A word of 10 frames of 20 ms and a pause of 2, three times; the samples say in which word they are.
SPANS = [Span(word, start, start + 10, 0.0, 0.0) for word, start in (("one", 2), ("two", 14), ("three", 26))]
SAMPLES = np.repeat(np.float32([0, 1, 1, 2, 2, 3, 3]), [320, 1920, 1920, 1920, 1920, 1920, 1920]) / 10
FOREIGN = np.full(16000, 0.5, np.float32)


def made(seed: int) -> dict[str, tuple[np.ndarray, str | None]]:
    found = splices(SAMPLES, SPANS, FOREIGN, np.random.default_rng(seed))
    return {one.kind: (one.samples, one.text) for one in found}


def words_in(samples: np.ndarray) -> list[str]:
    """Return the words whose level fills at least a tenth of a second, in order."""
    names = {1: "one", 2: "two", 3: "three"}
    levels = np.rint(samples * 10).astype(int)
    found: list[str] = []
    for start in range(0, len(levels) - 1600, 400):
        piece = levels[start : start + 1600]
        if (piece == piece[0]).all() and piece[0] in names and (not found or found[-1] != names[piece[0]]):
            found.append(names[int(piece[0])])
    return found


def test_the_text_says_which_words_are_left_and_in_which_order() -> None:
    for seed in range(30):
        found = made(seed)
        for kind in ("broken off", "word left out", "words exchanged"):
            samples, text = found[kind]
            assert text is not None
            assert words_in(samples) == text.split(), (kind, seed)
        assert len(found["word left out"][1].split()) == 2  # type: ignore[union-attr]
        assert found["words exchanged"][1] != "one two three"


def test_a_foreign_word_replaces_one_and_is_no_louder() -> None:
    for seed in range(30):
        samples, text = made(seed)["foreign word"]
        assert text is None
        assert len(samples) == len(SAMPLES)
        assert len(words_in(samples)) <= 3
        assert np.abs(samples).max() < 0.4


def test_breaking_off_in_a_word_leaves_a_part_of_it() -> None:
    for seed in range(30):
        samples, text = made(seed)["broken off in a word"]
        assert text is None
        assert len(samples) < len(SAMPLES)


def test_the_recording_itself_is_not_changed() -> None:
    before = SAMPLES.copy()
    made(1)
    np.testing.assert_array_equal(SAMPLES, before)
