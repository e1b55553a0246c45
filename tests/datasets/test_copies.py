"""A copy is found whatever was done to the file; other takes of the same sentence are none."""

from __future__ import annotations

import io

import numpy as np
import pytest
import soundfile

from datasets import copies
from datasets.defects import spectra
from tests.recorded_speech import RATE, Float, recording


def coded(sound: Float, seed: int) -> Float:
    """MP3 at 32 kbit/s, another gain, and 50 ms cut off at one side."""
    rng = np.random.default_rng(seed)
    sound = np.clip(sound * rng.uniform(0.2, 1.4), -1, 0.9999)
    sound = sound[800:] if rng.random() < 0.5 else sound[:-800]
    file = io.BytesIO()
    soundfile.write(
        file, sound, RATE, format="MP3", subtype="MPEG_LAYER_III", bitrate_mode="CONSTANT", compression_level=0.85
    )
    file.seek(0)
    return np.asarray(soundfile.read(file, dtype="float32")[0], np.float32)


def sketches(sounds: list[Float]) -> copies.Int8:
    return np.stack([copies.sketch(spectra(sound)) for sound in sounds])


def found(rows: copies.Int8) -> set[tuple[int, int]]:
    pairs, complete = copies.like(rows, 10_000)
    assert complete
    return {(one, other) for one, other in pairs.tolist()}


def test_copies_are_found_and_other_takes_are_none() -> None:
    takes = [recording(seed, pitch=100 + 5 * seed) for seed in range(15)]
    sounds = [*takes, *(coded(take, seed) for seed, take in enumerate(takes))]
    pairs = found(sketches(sounds))
    assert len(pairs & {(place, place + 15) for place in range(15)}) >= 14
    narrow = [copies.narrow_band(sound) for sound in sounds]
    for one, other in pairs | {(place, place + 1) for place in range(14)}:
        same = copies.correlation(narrow[one], narrow[other]) >= copies.SAME
        assert same == (one % 15 == other % 15), (one, other)


def test_a_large_collection_is_compared_in_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(copies, "_BLOCK", 7)
    takes = [recording(seed) for seed in range(12)]
    assert found(sketches([*takes, takes[3], takes[11]])) == {(3, 12), (11, 13)}


def test_blocks_find_what_all_products_find(monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(1)
    centres = rng.standard_normal((20, 2, copies.DIMENSIONS))
    values = centres[rng.integers(20, size=200)] + 0.13 * rng.standard_normal((200, 2, copies.DIMENSIONS))
    whole = np.rint(values / np.linalg.norm(values, axis=2, keepdims=True) * 127).astype(np.int8)
    unit = whole / np.linalg.norm(whole.astype(float), axis=2, keepdims=True)
    near = (np.einsum("iad,jad->aij", unit, unit) >= copies._LIKE).any(axis=0)
    expected = {(int(i), int(j)) for i, j in zip(*np.nonzero(near), strict=True) if i < j}
    assert found(whole) == expected and len(expected) > 100
    monkeypatch.setattr(copies, "_BLOCK", 16)
    few, complete = copies.like(whole, 10)
    best = np.einsum("iad,jad->aij", unit, unit).max(axis=0)
    likest = sorted((best[i, j] for i, j in expected), reverse=True)[:10]
    assert not complete and [best[i, j] for i, j in few.tolist()] == pytest.approx(likest)


def test_silence_is_a_copy_of_nothing() -> None:
    nothing = np.zeros((3, copies.ANCHORS, copies.DIMENSIONS), np.int8)
    assert found(nothing) == found(nothing[:0]) == set()
    quiet = np.zeros(4000, np.float32)
    assert copies.correlation(quiet, quiet) == 0.0 and copies.correlation(quiet[:0], quiet) == 0.0


def test_a_part_is_no_copy_of_the_whole() -> None:
    take = recording(1, 2.0)
    assert copies.correlation(copies.narrow_band(take), copies.narrow_band(take[: len(take) // 2])) == 0.0


def test_a_file_that_cannot_be_read_is_empty(tmp_path) -> None:
    assert len(copies.load(tmp_path / "gone.wav")) == 0
