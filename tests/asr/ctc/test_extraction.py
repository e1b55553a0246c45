"""Features from worker processes: the same as here, the same for a seed, and errors that name the clip."""

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

from asr.augment.chain import Chain
from asr.augment.sounds import Sounds
from asr.core import audio
from asr.core.alphabet import Alphabet
from asr.core.errors import AudioError, ModelError
from asr.ctc.batches import Clip
from asr.ctc.extraction import FeatureExtractor, FeatureWorkers, Version
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


def test_an_utterance_that_cannot_fit_is_named(tmp_path) -> None:
    path = tmp_path / "short.wav"
    audio.write_wav(path, np.zeros(1600, np.int16))
    extractor = FeatureExtractor(Alphabet(), None, 1)
    with pytest.raises(ModelError, match=r"short\.wav: \d frames are too few for 'turn on the light'"):
        extractor.features(Version(Clip(path, "turn on the light", 0.1), 0, 0))
    with pytest.raises(ModelError, match=r"short\.wav: this utterance has an empty transcript"):
        extractor.features(Version(Clip(path, "", 0.1), 0, 0))


def test_speed_leaves_the_frames_that_a_transcript_needs(tmp_path) -> None:
    """Twice as fast and twice the tempo would leave a quarter; the transcript needs three quarters."""
    path = tmp_path / "dense.wav"
    text = "a" * 19  # 37 frames
    audio.write_wav(path, np.random.default_rng(0).normal(0, 3000, 16000).astype(np.int16))
    extractor = FeatureExtractor(Alphabet(), fast(), 1)
    counts = [extractor.features(Version(Clip(path, text, 1.0), 0, version)).shape[1] for version in range(12)]
    assert min(counts) >= 37
    free = [extractor.features(Version(Clip(path, "a", 1.0), 0, version)).shape[1] for version in range(12)]
    assert max(free) < 20


def test_a_worker_makes_the_same_features(tmp_path) -> None:
    clips = write_clips(tmp_path / "clips")
    extractor = FeatureExtractor(Alphabet(), Chain(Augment(), Sounds.gather([]), Sounds.read([]), seed=3), 3)
    first = [Version(clip, place, 5) for place, clip in enumerate(clips)]
    second = [Version(clip, place, 6) for place, clip in enumerate(clips)]
    with FeatureWorkers(extractor, 2) as workers:
        made = list(workers.features([first[:3], [], first[3:]]))
        again = [one for group in workers.features([second]) for one in group]
    assert [len(group) for group in made] == [3, 0, len(clips) - 3]
    flat = [one for group in made for one in group]
    for features, version in zip(flat, first, strict=True):
        np.testing.assert_array_equal(features, extractor.features(version))
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
    extractor = FeatureExtractor(Alphabet(), None, 1)
    with FeatureWorkers(extractor, 1) as workers:
        with pytest.raises(AudioError, match=r"gone\.wav"):
            list(workers.features([[Version(Broken(tmp_path / "gone.wav"), 0, 0)]]))
        with pytest.raises(ModelError, match="a worker process that prepares batches was killed"):
            list(workers.features([[Version(Broken(tmp_path / "a.wav", deadly=True), 0, 0)]]))


ORPHANS = """
import multiprocessing, sys, time
from pathlib import Path
from asr.core.alphabet import Alphabet
from asr.ctc.batches import Clip
from asr.ctc.extraction import FeatureExtractor, FeatureWorkers, Version

if __name__ == "__main__":
    workers = FeatureWorkers(FeatureExtractor(Alphabet(), None, 1), 1)
    clip = Clip(Path(sys.argv[1]), "a", 1.0)
    list(workers.features([[Version(clip, 0, 0)]]))
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
