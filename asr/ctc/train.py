"""Training of the sentence network: epochs, checkpoints, resuming, and the choice of the result."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import keras
import numpy as np

from asr.core import audio
from asr.core.alphabet import Alphabet
from asr.core.errors import ModelError
from asr.core.progress import say
from asr.ctc import devices, feature_store
from asr.ctc.bands import inverse_dct
from asr.ctc.batches import Batch, Clip, Float, bucket, check_length
from asr.ctc.candidates import Candidates
from asr.ctc.dev_set import DevSet, losses_of
from asr.ctc.epoch_sampler import EpochSampler
from asr.ctc.extraction import FeatureWorkers
from asr.ctc.network import NETWORKS, build, layers, normalisation, with_intermediate
from asr.ctc.normalisation import NARROW, measure, narrow
from asr.ctc.objective import Objective, optimiser_of
from asr.ctc.plan import Evaluate, Log, Plan, Result
from asr.ctc.schedule import LearningRateSchedule
from asr.ctc.stepping import StepCallback, dataset
from asr.ctc.tensorboard import TensorBoardWriter
from asr.layers.sentence import Layer
from asr.runs import checkpoints
from asr.settings.sections import Train


@dataclass
class _State:
    """The part of a checkpoint beside the variables and the candidates."""

    epoch: int = 0  # the next one
    seconds: float = 0.0
    schedule: LearningRateSchedule = field(default_factory=LearningRateSchedule)

    @classmethod
    def of(cls, state: dict[str, Any]) -> _State:
        return cls(state["epoch"], state["seconds"], LearningRateSchedule(**state["schedule"]))


class Trainer:
    """One training, resumed from its last checkpoint if there is one.

    It runs on the devices of one machine: its processor, one accelerator, or several through
    tf.distribute.MirroredStrategy.
    """

    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        self.settings = plan.settings
        self.shares = devices.prepare(self.settings.batch_size * plan.extractor.views)
        self.bfloat16 = self.settings.bfloat16 and devices.multiplies_bfloat16()
        keras.utils.set_random_seed(self.settings.seed)
        self.dev = DevSet(plan.dev, plan.alphabet, plan.features)
        train = feature_store.load(plan.train, plan.features, "train")
        for clip, features in zip(plan.train, train, strict=True):
            check_length(len(features), plan.alphabet.encode(clip.transcript), clip.transcript, clip.path)
        self.sampler = EpochSampler(self.settings, plan.train, train, plan.extractor, plan.synthetic, plan.other)
        # Weights that hold a normalisation were trained with it.
        normalise = self.settings.normalise and not (plan.pretrained is not None and plan.pretrained.normalises)
        mean, scale = self._normalisation(train) if normalise else (None, None)
        self.strategy = plan.strategy or devices.strategy()
        with self.strategy.scope():
            self.network = build(self.settings, plan.alphabet.size, mean, scale)
            self.normalisation = normalisation(self.network)
            if plan.pretrained is not None:
                plan.pretrained.apply(self.network)
                say(plan.pretrained.describe())
            optimiser = optimiser_of(self.settings)
            intermediate = self.settings.intermediate
            trained = with_intermediate(self.network, self.settings) if intermediate else self.network
            self.objective = Objective(trained, self.shares, self.settings.consistency, intermediate)
            self.objective.compile(optimizer=optimiser)
            optimiser.build(trained.trainable_variables)
        known = {id(variable) for variable in self.network.variables}
        more = [variable for variable in trained.variables if id(variable) not in known]
        self._variables = [*self.network.variables, *more, *optimiser.variables]
        self.state = _State()
        self.candidates = Candidates(plan.checkpoints, self.settings.average)
        self._resume()

    @property
    def last(self) -> Path:
        return self.plan.checkpoints / "last.npz"

    @property
    def best(self) -> Path:
        return self.plan.checkpoints / "best.npz"

    def run(self, log: Log, evaluate: Evaluate | None = None) -> Result:
        """Train to the end and return the result.

        Parameters
        ----------
        log : takes each epoch's figures.
        evaluate : returns a candidate's error rate; the lowest becomes the result. None: that of the lowest dev loss.
        """
        settings = self.settings
        say(self.sampler.describe())
        if self.bfloat16:
            say("this processor multiplies in bfloat16 (train.bfloat16)")
        writer = TensorBoardWriter(self.plan.logs, self.plan.extractor.views)
        with FeatureWorkers(self.plan.extractor, self.plan.workers) as workers:
            while self.state.epoch < settings.epochs and not self._is_over():
                stalled = self.state.schedule.stalled
                row = self._epoch(workers, writer)
                writer.write(row, self.dev.transcripts, self.dev.decoded)
                log.epoch(row)
                say(
                    f"epoch {row['epoch']}/{settings.epochs}  loss {row['loss']:.3f}  dev loss {row['dev_loss']:.3f}"
                    f"  dev CER {row['dev_cer']:.1%} (greedy)  rate {row['learning_rate']:.1e}  {row['seconds']:.0f} s"
                )
                if self.state.schedule.stalled != stalled:
                    say(f"no lower dev loss for {settings.early_stop_patience} epochs: lowering the learning rate")
        if self._is_over():
            say("early stop: dev loss has stopped falling")
        return self._choose(evaluate)

    def losses(self, clips: Sequence[Clip]) -> list[float]:
        """Return the CTC loss (nats) of each clip with the network as it is now."""
        return losses_of(clips, self.network, self.plan.alphabet)

    def _is_over(self) -> bool:
        return self.state.epoch > 0 and self.state.schedule.is_over(self.settings, self.state.epoch - 1)

    def _normalisation(self, features: Sequence[Float]) -> tuple[Float, Float]:
        bands = inverse_dct() if NETWORKS[self.settings.network].bands else None
        if self.plan.rate > NARROW:
            return measure(features, bands)
        say(f"the recordings have a sample rate of {self.plan.rate} Hz: normalising for narrow-band sound")
        return narrow([audio.read_wav(clip.path) for clip in self.plan.train], self.plan.rate, bands)

    # -------------------------------------------------------------------------------------------- one epoch

    def _epoch(self, workers: FeatureWorkers, writer: TensorBoardWriter) -> dict[str, Any]:
        number, settings = self.state.epoch, self.settings
        started = time.monotonic()
        rng = np.random.default_rng([settings.seed, number])
        epoch = self.sampler.epoch(number)
        batches = bucket(epoch.seconds, settings.batch_size, rng, short_first=number < settings.curriculum)
        loss = self._steps(
            lambda: map(writer.show, self.sampler.batches(workers, epoch, batches)), len(batches), number
        )
        if not math.isfinite(loss):
            raise ModelError(
                f"the loss became {loss} in epoch {number + 1}",
                fix="Lower train.learning_rate, or set train.gradient_norm to 1",
            )
        dev_loss, dev_cer = self.dev.evaluate(self.network)
        self.state.epoch += 1
        self.state.seconds += time.monotonic() - started
        self._save(number, dev_loss)
        return {
            "epoch": number + 1,
            "loss": loss,
            "dev_loss": dev_loss,
            "dev_cer": dev_cer,
            "learning_rate": self.state.schedule.rate(settings, (number + 1) / settings.epochs),
            "utterances": len(epoch.versions),
            "synthetic": epoch.synthetic,
            "other": epoch.other,
            "seconds": round(time.monotonic() - started, 2),
        }

    def _steps(self, start: Callable[[], Iterable[Batch]], count: int, epoch: int) -> float:
        """Take one step for each batch and return the mean of their losses: nats per character, regularisers added."""
        callback = StepCallback(self.state.schedule, self.settings, epoch, count)
        # TensorFlow hides an exception of the batches behind one of its own.
        failures: list[Exception] = []
        # The views of an utterance stay on one device.
        parts = self.strategy.num_replicas_in_sync * self.shares * self.plan.extractor.views
        rows = dataset(start, parts, failures)
        try:
            with self.strategy.scope(), devices.in_bfloat16(self.bfloat16):
                self.objective.fit(rows, steps_per_epoch=count, shuffle=False, verbose=0, callbacks=[callback])
        except Exception:
            if failures:
                raise failures[0] from None
            raise
        return callback.loss

    # ------------------------------------------------------------------------------------------- checkpoints

    def _weights(self) -> checkpoints.Weights:
        return [np.asarray(value, np.float32) for value in self.network.get_weights()]

    def _save(self, epoch: int, dev_loss: float) -> None:
        """Save an epoch's weights, where they are among the best, and the state to resume from."""
        state, weights = self.state, self._weights()
        if state.schedule.note(self.settings, epoch, dev_loss):
            checkpoints.save(self.best, weights, {"epoch": epoch, "dev_loss": dev_loss, **self.normalisation})
        self.candidates.add(epoch, dev_loss, weights)
        stored = {**asdict(state), "kept": self.candidates.kept}
        checkpoints.save(self.last, [np.asarray(variable) for variable in self._variables], stored)
        self.candidates.tidy()

    def _resume(self) -> None:
        # Files that a killed process was writing.
        for path in self.plan.checkpoints.glob(".*.partial.npz"):
            path.unlink()
        if not self.last.is_file():
            return
        stored = checkpoints.load(self.last)
        if [array.shape for array in stored.arrays] != [tuple(variable.shape) for variable in self._variables]:
            raise ModelError("this checkpoint is of another network", path=self.last, fix="Delete it and train again")
        for variable, array in zip(self._variables, stored.arrays, strict=True):
            variable.assign(array)
        self.state = _State.of(stored.state)
        self.candidates.kept = [(float(loss), int(epoch)) for loss, epoch in stored.state["kept"]]
        say(f"resumed after epoch {self.state.epoch} of {self.settings.epochs}")

    def _choose(self, evaluate: Evaluate | None) -> Result:
        """Compare the candidates, load the best one into the network, and return it."""
        compared: list[tuple[float, float, str, checkpoints.Weights]] = []
        figures: dict[str, dict[str, float]] = {}
        for name, epochs in self.candidates.results().items():
            weights = self.candidates.average(epochs)
            self.network.set_weights(weights)
            loss, _ = self.dev.evaluate(self.network)
            figure = evaluate(layers(self.network)) if evaluate is not None else loss
            say(f"{name}: dev loss {loss:.3f}" + (f", dev WER {figure:.1%}" if evaluate is not None else ""))
            figures[name] = {"dev_loss": loss} | ({} if evaluate is None else {"wer": figure})
            compared.append((figure, loss, name, weights))
        _, loss, name, weights = min(compared, key=lambda candidate: candidate[:2])
        self.network.set_weights(weights)
        checkpoints.save(self.best, weights, {"chosen": name, "dev_loss": loss, **self.normalisation})
        return Result(layers(self.network), name, loss, self.state.epoch, self.state.seconds, figures)


def read_layers(path: Path, settings: Train, alphabet: Alphabet) -> list[Layer]:
    """Return the layers of a checkpoint best.npz, for export or as pretrained weights.

    Raises
    ------
    ModelError : it is missing, damaged, or of another network than `settings` describes.
    """
    stored = checkpoints.load(path)
    network = build(settings, alphabet.size, stored.state.get("mean"), stored.state.get("scale"))
    expected = [tuple(weights.shape) for weights in network.get_weights()]
    if [array.shape for array in stored.arrays] != expected:
        raise ModelError("this checkpoint is of another network than its run says", path=path, fix="Train again")
    network.set_weights(stored.arrays)
    return layers(network)
