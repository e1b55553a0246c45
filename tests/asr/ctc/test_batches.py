"""Utterances to batches: every one once, the same everywhere, and none too short for its transcript."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from asr.augment.chain import Chain
from asr.augment.sounds import Sounds
from asr.core import audio
from asr.core.alphabet import Alphabet
from asr.core.errors import AudioError, ModelError
from asr.ctc.batches import (
    Clip,
    Hearing,
    Recipe,
    Workshop,
    check_length,
    collate,
    needed_frames,
    plan,
)
from asr.ctc.feature_store import load
from asr.runtime.features import mfcc
from asr.settings.augment import Augment

REPOSITORY = Path(__file__).resolve().parents[3]


def write_clips(folder: Path, count: int = 6) -> list[Clip]:
    folder.mkdir(exist_ok=True)
    clips = []
    for index in range(count):
        seconds = 0.5 + 0.2 * ((index * 3) % count)
        samples = np.random.default_rng(index).normal(0, 3000, round(seconds * 16000)).astype(np.int16)
        path = folder / f"{index}.wav"
        audio.write_wav(path, samples)
        clips.append(Clip(path, "turn on the light"[: 2 + index], seconds))
    return clips


def fast(least: float = 1.9, most: float = 2.0) -> Chain:
    """Return augmentation that always speeds up, and does little else."""
    settings = Augment(
        speed_probability=1.0, speed=(least, most), tempo_probability=1.0, tempo=(least, most),
        pitch_probability=0.0, vocal_tract_probability=0.0, silence_probability=0.0, room_probability=0.0,
    )  # fmt: skip
    return Chain(settings, Sounds.gather([]), Sounds.read([]), seed=1)


@given(st.lists(st.floats(0.1, 30), min_size=1, max_size=60), st.integers(1, 9), st.booleans())
def test_a_plan_has_every_utterance_once(seconds, size, short_first) -> None:
    batches = plan(seconds, size, np.random.default_rng(1), short_first=short_first)
    assert sorted(np.concatenate(batches).tolist()) == list(range(len(seconds)))
    assert all(1 <= len(batch) <= size for batch in batches)
    assert len(batches) == -(-len(seconds) // size)


def test_a_plan_is_the_seeds_and_groups_by_length() -> None:
    seconds = np.random.default_rng(0).uniform(0.5, 10, 200)

    def planned(seed: int, **more: bool) -> list[list[int]]:
        return [batch.tolist() for batch in plan(seconds, 8, np.random.default_rng([1, seed]), **more)]

    assert planned(1) == planned(1)
    assert planned(1) != planned(2)
    padded = sum(len(batch) * seconds[batch].max() for batch in planned(1))
    at_random = sum(
        len(batch) * seconds[batch].max() for batch in np.random.default_rng(0).permutation(200).reshape(-1, 8)
    )
    assert padded < 1.2 * seconds.sum() < 0.8 * at_random
    means = [seconds[batch].mean() for batch in planned(1, short_first=True)]
    assert np.corrcoef(means, np.arange(len(means)))[0, 1] > 0.95
    means = [seconds[batch].mean() for batch in planned(1)]
    assert abs(np.corrcoef(means, np.arange(len(means)))[0, 1]) < 0.6


def test_collating_pads_and_counts() -> None:
    features = [np.ones((3, 26), "f"), np.full((5, 26), 2, "f")]
    batch = collate(features, [np.array([4, 5], np.int32), np.array([6], np.int32)])
    assert batch.features.shape == (2, 5, 26) and batch.features.dtype == np.float32
    assert batch.features[0, 3:].sum() == 0 and batch.features[0, :3].min() == 1
    assert batch.frames.tolist() == [3, 5]
    assert batch.labels.tolist() == [[4, 5], [6, -1]]
    assert batch.label_lengths.tolist() == [2, 1]
    assert batch.competitors is None
    assert collate(features[:1], [np.zeros(0, np.int32)]).labels.tolist() == [[-1]]


def test_collating_fills_up_competitors() -> None:
    features = [np.ones((3, 26), "f"), np.ones((5, 26), "f")]
    labels = [np.array([4, 5], np.int32), np.array([6], np.int32)]
    batch = collate(features, labels, [[np.array([4], np.int32)], [labels[0], labels[1]]], 2)
    assert batch.competitors is not None
    assert batch.competitors.tolist() == [[[4, -1], [-1, -1]], [[4, 5], [6, -1]]]
    batch = collate(features, labels, [[], []], 2)
    assert batch.competitors is not None and batch.competitors.shape[:2] == (2, 2) and batch.competitors.max() == -1


@pytest.mark.parametrize("text", ["a", "aa", "ab", "aab", "hello all"])
def test_needed_frames_are_the_shortest_path(text) -> None:
    """A blank has to stand between equal neighbours: "aa" is a-a."""
    labels = Alphabet().encode(text)
    shortest: list[str] = []
    for letter in text:
        shortest += ["-", letter] if shortest and shortest[-1] == letter else [letter]
    assert needed_frames(labels) == len(shortest)
    check_length(len(shortest), labels, text)
    with pytest.raises(ModelError, match=f"{len(shortest) - 1} frames are too few for '{text}', which needs"):
        check_length(len(shortest) - 1, labels, text)


def test_an_utterance_that_cannot_fit_is_named(tmp_path) -> None:
    path = tmp_path / "short.wav"
    audio.write_wav(path, np.zeros(1600, np.int16))
    recipe = Recipe(Alphabet(), None, 1)
    with pytest.raises(ModelError, match=r"short\.wav: \d frames are too few for 'turn on the light'"):
        recipe.features(Hearing(Clip(path, "turn on the light", 0.1), 0, 0))
    with pytest.raises(ModelError, match=r"short\.wav: this utterance has an empty transcript"):
        recipe.features(Hearing(Clip(path, "", 0.1), 0, 0))


def test_speed_leaves_the_frames_that_a_transcript_needs(tmp_path) -> None:
    """Twice as fast and twice the tempo would leave a quarter; the transcript needs three quarters."""
    path = tmp_path / "dense.wav"
    text = "a" * 19  # 37 frames
    audio.write_wav(path, np.random.default_rng(0).normal(0, 3000, 16000).astype(np.int16))
    recipe = Recipe(Alphabet(), fast(), 1)
    counts = [recipe.features(Hearing(Clip(path, text, 1.0), 0, version)).shape[1] for version in range(12)]
    assert min(counts) >= 37
    free = [recipe.features(Hearing(Clip(path, "a", 1.0), 0, version)).shape[1] for version in range(12)]
    assert max(free) < 20


def test_a_worker_makes_the_same_features(tmp_path) -> None:
    clips = write_clips(tmp_path / "clips")
    recipe = Recipe(Alphabet(), Chain(Augment(), Sounds.gather([]), Sounds.read([]), seed=3), 3)
    first = [Hearing(clip, place, 5) for place, clip in enumerate(clips)]
    second = [Hearing(clip, place, 6) for place, clip in enumerate(clips)]
    with Workshop(recipe, 2) as workshop:
        made = list(workshop.features([first[:3], [], first[3:]]))
        again = [one for group in workshop.features([second]) for one in group]
    assert [len(group) for group in made] == [3, 0, len(clips) - 3]
    flat = [one for group in made for one in group]
    for features, hearing in zip(flat, first, strict=True):
        np.testing.assert_array_equal(features, recipe.features(hearing))
    assert any(one.shape != two.shape for one, two in zip(flat, again, strict=True)), "versions differ"


@dataclass(frozen=True)
class Broken:
    path: Path
    transcript: str = "a"
    seconds: float = 1.0
    deadly: bool = False

    def samples(self) -> np.ndarray:
        if self.deadly:
            os.kill(os.getpid(), signal.SIGKILL)
        return audio.read_wav(self.path).astype(np.float32)


def test_what_goes_wrong_in_a_worker_is_told_here(tmp_path) -> None:
    recipe = Recipe(Alphabet(), None, 1)
    with Workshop(recipe, 1) as workshop:
        with pytest.raises(AudioError, match=r"gone\.wav"):
            list(workshop.features([[Hearing(Broken(tmp_path / "gone.wav"), 0, 0)]]))
        with pytest.raises(ModelError, match="a worker process that prepares batches was killed"):
            list(workshop.features([[Hearing(Broken(tmp_path / "a.wav", deadly=True), 0, 0)]]))


ORPHANS = """
import multiprocessing, sys, time
from pathlib import Path
from asr.core.alphabet import Alphabet
from asr.ctc.batches import Clip, Hearing, Recipe, Workshop

if __name__ == "__main__":
    workshop = Workshop(Recipe(Alphabet(), None, 1), 1)
    clip = Clip(Path(sys.argv[1]), "a", 1.0)
    list(workshop.features([[Hearing(clip, 0, 0)]]))
    print(*(child.pid for child in multiprocessing.active_children()), flush=True)
    time.sleep(60)
"""


def test_workers_end_with_the_process_that_started_them(tmp_path) -> None:
    (clip,) = write_clips(tmp_path / "clips", 1)
    script = tmp_path / "orphans.py"
    script.write_text(ORPHANS)
    parent = subprocess.Popen(
        [sys.executable, str(script), str(clip.path)],
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": str(REPOSITORY)},
    )
    assert parent.stdout
    try:
        worker = int(parent.stdout.readline())
        assert Path(f"/proc/{worker}").exists()
    finally:
        parent.kill()
        parent.wait(10)
    deadline = time.monotonic() + 10
    while running(worker) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not running(worker)


def running(process: int) -> bool:
    try:
        return Path(f"/proc/{process}/stat").read_text().rsplit(")", 1)[1].split()[0] not in "ZX"
    except (FileNotFoundError, ProcessLookupError):
        return False


def test_stored_features_are_the_clips_and_follow_their_changes(tmp_path) -> None:
    clips = write_clips(tmp_path / "clips", 4)
    expected = [mfcc(audio.read_wav(clip.path)) for clip in clips]
    for _ in range(2):
        stored = load(clips, tmp_path / "features", "train")
        for one, other in zip(stored, expected, strict=True):
            np.testing.assert_array_equal(one, other)
            assert isinstance(one, np.memmap)
    load(clips[:1], tmp_path / "features", "dev")
    before = sorted(path.name for path in (tmp_path / "features").iterdir())
    audio.write_wav(clips[1].path, np.zeros(8000, np.int16))
    stored = load(clips, tmp_path / "features", "train")
    np.testing.assert_array_equal(stored[1], mfcc(np.zeros(8000, np.int16)))
    np.testing.assert_array_equal(stored[3], expected[3])
    after = sorted(path.name for path in (tmp_path / "features").iterdir())
    assert len(after) == len(before) == 4 and after != before
