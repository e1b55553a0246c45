"""Short trainings: they learn, repeat, resume after a kill, stop early, and choose the result."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import numpy as np
import pytest

from asr.augment.chain import Chain
from asr.augment.sounds import Sounds
from asr.core import audio
from asr.core.errors import AudioError, ModelError
from asr.ctc.batches import Clip
from asr.ctc.extraction import FeatureExtractor
from asr.ctc.features import exact_mfcc
from asr.ctc.objective import decode_greedily
from asr.ctc.train import Trainer, read_layers
from asr.layers.sentence import Dense
from asr.runs import checkpoints
from asr.settings.augment import Augment
from tests.tone_training import ALPHABET, TEXTS, Log, make_plan, write_clips

REPOSITORY = Path(__file__).resolve().parents[3]


@pytest.mark.parametrize("changes", [{}, {"bfloat16": True}, {"intermediate": 0.3}])
def test_it_learns(tmp_path, changes: dict) -> None:
    """Eight utterances by heart: next to no loss, and every one is read aright."""
    plan = make_plan(tmp_path, "run", epochs=40, **changes)
    trainer = Trainer(plan)
    log = Log()
    result = trainer.run(log)
    assert log.rows[0]["dev_loss"] > 4
    assert result.dev_loss < 1.0
    assert result.dev_loss <= min(row["dev_loss"] for row in log.rows) + 0.1
    assert min(row["dev_cer"] for row in log.rows) == 0
    assert result.epochs == 40 == len(log.rows)
    for clip in plan.train:
        features = exact_mfcc(audio.read_wav(clip.path))
        logits = np.asarray(trainer.network(features[None]))
        assert decode_greedily(logits, np.array([len(features)], np.int32), ALPHABET) == [clip.transcript]
    assert np.mean(trainer.losses(plan.dev)) == pytest.approx(result.dev_loss, rel=1e-3)
    # What is on disk is what was returned, normalisation folded in.
    for stored, returned in zip(read_layers(trainer.best, plan.settings, ALPHABET), result.layers, strict=True):
        np.testing.assert_array_equal(stored.kernel, returned.kernel)
        np.testing.assert_array_equal(stored.bias, returned.bias)
    assert any(path.name.startswith("events.out.tfevents") for path in plan.logs.iterdir())
    with pytest.raises(ModelError, match=r"best\.npz: this checkpoint is of another network"):
        read_layers(trainer.best, make_plan(tmp_path, "run", n_hidden=16).settings, ALPHABET)


# Trains in a process of its own, on one thread; a "deadly" run kills itself in the middle of an epoch.
TRAINING = """
import json, os, signal, sys
from pathlib import Path
os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
import tensorflow as tf
tf.config.threading.set_intra_op_parallelism_threads(1)
tf.config.threading.set_inter_op_parallelism_threads(1)
import numpy as np
from asr.augment.chain import Chain
from asr.settings.augment import Augment
from asr.augment.sounds import Sounds
from asr.ctc import stepping, train
from asr.ctc.extraction import FeatureExtractor
from asr.settings.sections import Train
from tests.tone_training import ALPHABET, Log, make_plan

def run(folder, name, deadly=False):
    cheap = Augment(room_probability=0.0, noise_probability=0.0, tempo_probability=0.0, pitch_probability=0.0,
                    vocal_tract_probability=0.0)
    chain = Chain(cheap, Sounds.gather([]), Sounds.read([]), seed=1)
    plan = make_plan(folder, name, extractor=FeatureExtractor(ALPHABET, chain, 1, 2), consistency=0.2, dropout=0.2,
                     epochs=3, epoch_utterances=12, intermediate=0.3)
    trainer = train.Trainer(plan)
    began = trainer.state.epoch
    if deadly:
        step = stepping.StepCallback.on_train_batch_end
        def die(self, batch, logs=None):
            step(self, batch, logs)
            if self._epoch == 1 and batch == 1:
                os.kill(os.getpid(), signal.SIGKILL)
        stepping.StepCallback.on_train_batch_end = die
    log = Log()
    result = trainer.run(log)
    return {"began": began, "rows": log.rows, "chosen": result.chosen, "dev_loss": result.dev_loss,
            "weights": [float(np.abs(w).sum(dtype=np.float64)) for w in trainer.network.get_weights()]}

if __name__ == "__main__":
    folder, *names = sys.argv[1:]
    print(json.dumps([run(Path(folder), name.removeprefix("deadly-"), name.startswith("deadly-")) for name in names]))
"""


def in_a_process(script: str, folder: Path, *arguments: str, rc: int = 0) -> str:
    path = folder / "training.py"
    path.write_text(script)
    done = subprocess.run(
        [sys.executable, str(path), str(folder), *arguments],
        capture_output=True,
        text=True,
        timeout=240,
        env={**os.environ, "PYTHONPATH": str(REPOSITORY)},
    )
    assert done.returncode == rc, done.stderr[-3000:]
    return done.stdout


def test_a_killed_training_resumes_to_the_same_weights(tmp_path) -> None:
    in_a_process(TRAINING, tmp_path, "deadly-killed", rc=-signal.SIGKILL)
    kept = checkpoints.load(tmp_path / "killed/checkpoints/last.npz")
    assert kept.state["epoch"] == 1
    # What a write would leave behind that the kill hit is cleared away.
    (tmp_path / "killed/checkpoints/.last.1.partial.npz").write_bytes(b"half")
    resumed, whole = json.loads(in_a_process(TRAINING, tmp_path, "killed", "whole"))
    assert (resumed["began"], whole["began"]) == (1, 0)
    assert [row["epoch"] for row in resumed["rows"]] == [2, 3]
    assert [row["utterances"] for row in whole["rows"]] == [16] * 3

    def figures(run: dict, first: int) -> list[dict]:
        return [{key: value for key, value in row.items() if key != "seconds"} for row in run["rows"][first:]]

    # The same seed gives the same weights on one thread, in one sitting or two.
    assert figures(resumed, 0) == figures(whole, 1)
    assert resumed["weights"] == whole["weights"]
    assert resumed["dev_loss"] == whole["dev_loss"] and resumed["chosen"] == whole["chosen"]
    names = [sorted(path.name for path in (tmp_path / run / "checkpoints").iterdir()) for run in ("killed", "whole")]
    assert names[0] == names[1] and {"best.npz", "last.npz"} < set(names[0])


# One batch does not divide by two, and the last has one utterance: no device may be left with nothing to do.
TWO_DEVICES = """
import json, os, sys
from pathlib import Path
os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
import tensorflow as tf
(cpu,) = tf.config.list_physical_devices("CPU")
tf.config.set_logical_device_configuration(cpu, [tf.config.LogicalDeviceConfiguration()] * 2)
from asr.ctc.train import Trainer
from tests.tone_training import Log, make_plan

def run(name, strategy):
    log = Log()
    plan = make_plan(Path(sys.argv[1]), name, texts=("abc", "cab", "a b", "ba"), batch_size=3, epochs=2, average=1,
                     learning_rate=0.001, gradient_norm=1e6, strategy=strategy, consistency=float(sys.argv[2]),
                     intermediate=float(sys.argv[3]))
    trainer = Trainer(plan)
    result = trainer.run(log)
    return {"devices": trainer.strategy.num_replicas_in_sync, "rows": log.rows, "dev_loss": result.dev_loss}

if __name__ == "__main__":
    print(json.dumps([run("one", None), run("two", tf.distribute.MirroredStrategy(["CPU:0", "CPU:1"]))]))
"""


# Without augmentation two views of an utterance are equal: a consistency counts where they have been taken apart.
@pytest.mark.parametrize(("consistency", "intermediate"), [("0", "0"), ("10", "0"), ("0", "0.3")])
def test_two_devices_compute_what_one_does(tmp_path, consistency: str, intermediate: str) -> None:
    one, two = json.loads(in_a_process(TWO_DEVICES, tmp_path, consistency, intermediate))
    assert (one["devices"], two["devices"]) == (1, 2)
    for alone, shared in zip(one["rows"], two["rows"], strict=True):
        # The mean over batches counts the filling; what is learnt does not.
        assert shared["loss"] == pytest.approx(alone["loss"], rel=0.05)
        assert shared["dev_loss"] == pytest.approx(alone["dev_loss"], rel=1e-3)
    assert two["dev_loss"] == pytest.approx(one["dev_loss"], rel=1e-3)


def test_it_ends_when_dev_loss_stops_falling(tmp_path) -> None:
    """Noise under the wrong words cannot be learnt from the training clips."""
    clips = write_clips(tmp_path / "clips")
    strange = [Clip(clips[0].path, "ccb", 1.0), Clip(clips[1].path, "b", 1.0)]
    settings = {"epochs": 30, "early_stop_patience": 3, "learning_rate": 0.01, "schedule": "plateau"}
    plan = make_plan(tmp_path, "run", dev=strange, **settings)
    log = Log()
    result = Trainer(plan).run(log)
    best = min(log.rows, key=lambda row: row["dev_loss"])["epoch"]
    assert best + 3 == len(log.rows) == result.epochs < 30
    # Called again, it is over still.
    again = Log()
    assert Trainer(plan).run(again).epochs == result.epochs and not again.rows


def test_the_lowest_error_rate_decides(tmp_path) -> None:
    plan = make_plan(tmp_path, "run", epochs=3, average=2)
    seen: list[float] = []

    def evaluate(layers: list) -> float:
        last = layers[-1]
        assert isinstance(last, Dense)
        seen.append(float(last.bias.sum()))
        return {0: 0.5, 1: 0.2}.get(len(seen) - 1, 0.9)

    result = Trainer(plan).run(Log(), evaluate)
    assert len(seen) >= 2 and len(set(seen)) == len(seen), "candidates are different weights, each evaluated once"
    assert float(result.layers[-1].bias.sum()) == seen[1]
    assert checkpoints.load(plan.checkpoints / "best.npz").state["chosen"] == result.chosen
    # With equal figures the lower dev loss wins, as it does where nothing is evaluated.
    even = Trainer(plan).run(Log(), lambda layers: 0.5)
    alone = Trainer(plan).run(Log())
    assert even.chosen == alone.chosen and even.dev_loss == alone.dev_loss <= result.dev_loss


def test_utterances_that_cannot_fit_are_named_before_anything_is_trained(tmp_path) -> None:
    plan = make_plan(tmp_path, "run")
    (long,) = write_clips(tmp_path / "long", ["b"])
    for part in ("train", "dev"):
        clips = [*getattr(plan, part), Clip(long.path, "ab" * 40, 1.0)]
        with pytest.raises(ModelError, match=r"long/0\.wav: \d+ frames are too few for 'abab"):
            Trainer(make_plan(tmp_path, "run", **{part: clips}))
    trainer = Trainer(plan)
    with pytest.raises(ModelError, match="frames are too few"):
        trainer.losses([Clip(long.path, "ab" * 40, 1.0)])
    assert not plan.checkpoints.exists()


def test_a_clip_that_disappears_is_named_in_the_middle_of_training(tmp_path) -> None:
    """TensorFlow's pipeline would say UnknownError."""
    chain = Chain(Augment(room_probability=0.0, noise_probability=0.0), Sounds.gather([]), Sounds.read([]), seed=1)
    trainer = Trainer(make_plan(tmp_path, "run", extractor=FeatureExtractor(ALPHABET, chain, 1), epoch_utterances=1))
    trainer.plan.train[3].path.unlink()
    with pytest.raises(AudioError, match=r"3\.wav"):
        trainer.run(Log())


def test_a_loss_that_is_no_number_ends_training(tmp_path) -> None:
    trainer = Trainer(make_plan(tmp_path, "run"))
    layer = trainer.network.get_layer("layer_6")
    layer.set_weights([np.full(weight.shape, np.nan, "f") for weight in layer.get_weights()])
    with pytest.raises(ModelError, match=r"the loss became nan in epoch 1. Lower train.learning_rate"):
        trainer.run(Log())
    assert not trainer.last.exists()


def test_a_checkpoint_of_another_network_is_refused(tmp_path) -> None:
    Trainer(make_plan(tmp_path, "run", epochs=1)).run(Log())
    with pytest.raises(ModelError, match=r"last\.npz: this checkpoint is of another network"):
        Trainer(make_plan(tmp_path, "run", n_hidden=16))
    path = tmp_path / "run/checkpoints/last.npz"
    path.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(ModelError, match=r"last\.npz: this checkpoint is damaged"):
        Trainer(make_plan(tmp_path, "run", epochs=1))


def test_voices_come_before_and_beside_the_recordings(tmp_path) -> None:
    asked: list[tuple[int, int]] = []
    clips = write_clips(tmp_path / "clips")

    def voices(epoch: int, count: int) -> list[Clip]:
        asked.append((epoch, count))
        return (clips * count)[:count]

    plan = make_plan(
        tmp_path, "run", epochs=5, synthetic_epochs=1, synthetic_utterances=3, synthetic_share=1.0, synthetic_last=0.0,
        synthetic=voices, batch_size=8, average=1, heard_in=3,
    )  # fmt: skip
    log = Log()
    Trainer(plan).run(log)
    # One epoch of voices alone; then a share that falls from 1 to 0. A third of them is new in each.
    assert asked == [(0, 8), (1, 8), (2, 8)]
    assert [row["utterances"] for row in log.rows] == [3, 16, 14, 12, 10]
    assert len(TEXTS) == 8


def test_nothing_waits_for_a_tuner_when_an_epoch_ends(tmp_path) -> None:
    """Destroying an iterator waits for the look that tf.data's tuner takes next, at 10, 20 or 41 s (SPEED.md)."""
    from asr.ctc.stepping import dataset

    assert dataset(list).options().autotune.enabled is False
