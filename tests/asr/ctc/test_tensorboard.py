"""What TensorBoard's own reader finds in a run's folder, and that its pictures show the sound."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from asr.ctc.batches import Batch
from asr.ctc.tensorboard import PIXELS, TensorBoardWriter, spectrogram
from asr.ctc.train import Trainer
from asr.runtime.features import MEL_CHANNELS, mfcc
from tests.tone_training import Log, make_plan


@pytest.mark.parametrize("hertz", [250, 1000, 4000])
def test_a_tone_is_a_line_at_its_height(hertz: int) -> None:
    tone = 8000 * np.sin(2 * np.pi * hertz * np.arange(16000) / 16000)
    noise = np.random.default_rng(1).normal(0, 30, 16000)
    features = mfcc((tone + noise).astype(np.int16))
    picture = spectrogram(features)
    assert picture.shape == (MEL_CHANNELS * PIXELS, len(features) * PIXELS, 1)
    assert picture.dtype == np.float32 and picture.min() >= 0 and picture.max() <= 1
    # Channels lie evenly on the mel scale (O'Shaughnessy's) between 20 Hz and 8 kHz.
    low, high, mel = (1127 * np.log1p(f / 700) for f in (20, 8000, hertz))
    expected = (mel - low) / (high - low) * (MEL_CHANNELS + 1) - 1
    brightest = picture.mean(axis=(1, 2)).reshape(MEL_CHANNELS, PIXELS).mean(axis=1)[::-1].argmax()
    assert abs(int(brightest) - expected) <= 1.5


def test_a_training_leaves_scalars_spectrograms_and_transcripts(tmp_path: Path) -> None:
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
    from tensorboard.util.tensor_util import make_ndarray

    log = Log()
    plan = make_plan(tmp_path, "run", epochs=2)
    Trainer(plan).run(log)
    found = EventAccumulator(str(tmp_path / "run/logs"), size_guidance={"tensors": 0}).Reload()
    tags = found.Tags()["tensors"]
    assert {"loss", "dev_loss", "dev_cer", "learning_rate", "dev transcripts"} <= set(tags)
    for name in ("loss", "dev_loss"):
        written = [(event.step, float(make_ndarray(event.tensor_proto))) for event in found.Tensors(name)]
        expected = [(row["epoch"], pytest.approx(row[name], rel=1e-6)) for row in log.rows]
        assert written == expected
    pictures = found.Tensors("training utterance 1")
    assert [event.step for event in pictures] == [1, 2]
    width, height, png = make_ndarray(pictures[0].tensor_proto)[:3]
    assert int(height) == MEL_CHANNELS * PIXELS and int(width) % PIXELS == 0 and png.startswith(b"\x89PNG")
    (text,) = make_ndarray(found.Tensors("dev transcripts")[0].tensor_proto).ravel()
    assert text.decode().splitlines()[2].startswith(f"| {plan.dev[0].transcript} | ")
    assert len(text.decode().splitlines()) == 2 + len(plan.dev)


def test_of_two_views_of_an_utterance_the_first_is_shown(tmp_path: Path) -> None:
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
    from tensorboard.util.tensor_util import make_ndarray

    # Rows of other lengths make pictures of other widths.
    frames = np.array([4, 5, 6, 7], np.int32)
    batch = Batch(np.random.default_rng(1).normal(size=(4, 7, 26)).astype("f"), frames, np.zeros((4, 1), "i"), frames)
    writer = TensorBoardWriter(tmp_path, views=2)
    writer.show(batch)
    writer.write({"epoch": 1}, [], [])
    found = EventAccumulator(str(tmp_path), size_guidance={"tensors": 0}).Reload()
    shown = [tag for tag in found.Tags()["tensors"] if tag.startswith("training utterance")]
    assert shown == ["training utterance 1", "training utterance 2"]
    widths = [int(make_ndarray(found.Tensors(tag)[0].tensor_proto)[0]) for tag in shown]
    assert widths == [4 * PIXELS, 6 * PIXELS]
