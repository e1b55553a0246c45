"""Training of the sentence network: epochs, checkpoints, resumption and the choice of the result."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Protocol

import keras
import numpy as np
import numpy.typing as npt

from asr.core import audio
from asr.core.alphabet import Alphabet
from asr.core.errors import ModelError
from asr.core.progress import say
from asr.ctc import devices, feature_store
from asr.ctc.bands import inverse_dct
from asr.ctc.batches import Batch, Clip, Recipe, Workshop, check_length, collate, plan
from asr.ctc.candidates import Candidates
from asr.ctc.network import NETWORKS, build, layers, normalisation, with_intermediate
from asr.ctc.normalisation import NARROW, measure, narrow
from asr.ctc.objective import Objective, ctc_losses, optimiser_of, read_greedily
from asr.ctc.schedule import Pace
from asr.ctc.stepping import Restartable, Steps, dataset, strategy
from asr.ctc.supply import Competitors, Supply, Voices
from asr.ctc.tensorboard import Board
from asr.ctc.transfer import PretrainedWeights
from asr.layers.sentence import Layer
from asr.runs import checkpoints
from asr.runtime.features import mfcc
from asr.settings.sections import Train

Float = npt.NDArray[np.float32]

# A judge takes candidates for the result and returns a figure for each; the lowest wins.
Judge = Callable[[Sequence[Layer]], float]


class Log(Protocol):
    """Where an epoch's figures go: a run record."""

    def epoch(self, row: Mapping[str, Any]) -> None: ...


@dataclass(frozen=True)
class Plan:
    """Everything a training is made of.

    Attributes
    ----------
    settings : section [train].
    alphabet : of the transcripts.
    train : utterances to train on.
    dev : utterances that decide when to stop and what to keep.
    recipe : how sound becomes features.
    checkpoints : folder of this run's checkpoints.
    features : folder where features are kept.
    logs : folder of TensorBoard's files of this run.
    synthetic : gives spoken utterances; None: there are no voices.
    competing : gives sentences that an utterance of another could be taken for; None: none are told apart.
    start : weights to start from; None: none.
    rate : Hz; highest at which a recording to train on was made.
    workers : processes that prepare batches; 0: chosen by the cores.
    strategy : a tf.distribute.Strategy; None: chosen by the devices.
    """

    settings: Train
    alphabet: Alphabet
    train: Sequence[Clip]
    dev: Sequence[Clip]
    recipe: Recipe
    checkpoints: Path
    features: Path
    logs: Path
    synthetic: Voices | None = None
    competing: Competitors | None = None
    start: PretrainedWeights | None = None
    rate: int = 16000
    workers: int = 0
    strategy: Any = None


@dataclass
class _State:
    """What a checkpoint keeps beside the variables and the candidates."""

    epoch: int = 0  # the next one
    seconds: float = 0.0
    pace: Pace = field(default_factory=Pace)

    def as_json(self) -> dict[str, Any]:
        state = asdict(self)
        if math.isinf(self.pace.best):
            state["pace"]["best"] = None
        return state

    @classmethod
    def of(cls, state: dict[str, Any]) -> _State:
        pace = dict(state["pace"])
        pace["best"] = math.inf if pace["best"] is None else pace["best"]
        return cls(int(state["epoch"]), float(state["seconds"]), Pace(**pace))


@dataclass(frozen=True)
class Result:
    """A finished training.

    Attributes
    ----------
    layers : the weights to export.
    chosen : which candidate they are, in words.
    dev_loss : CTC loss per utterance of the chosen weights on dev, nats.
    epochs : how many were trained.
    seconds : time they took, in all sittings.
    candidates : name of each that there was, and its figures on dev: dev_loss, and wer where a judge has heard it.
    """

    layers: list[Layer]
    chosen: str
    dev_loss: float
    epochs: int
    seconds: float
    candidates: dict[str, dict[str, float]]


class Trainer:
    """One training, from its last checkpoint if there is one.

    It runs on whatever devices TensorFlow sees: one, several through tf.distribute.MirroredStrategy, or several
    machines where TF_CONFIG names them.
    """

    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        self.settings = plan.settings
        self.shares = devices.prepare(self.settings.batch_size * plan.recipe.views)
        self.bfloat16 = self.settings.bfloat16 and devices.multiplies_bfloat16()
        keras.utils.set_random_seed(self.settings.seed)
        self.dev = feature_store.load(plan.dev, plan.features, "dev")
        self.dev_labels = [plan.alphabet.encode(clip.transcript) for clip in plan.dev]
        train = feature_store.load(plan.train, plan.features, "train")
        for clip, features in [*zip(plan.dev, self.dev, strict=True), *zip(plan.train, train, strict=True)]:
            check_length(len(features), plan.alphabet.encode(clip.transcript), clip.transcript, clip.path)
        self.supply = Supply(self.settings, plan.train, train, plan.recipe, plan.synthetic, plan.competing)
        # Weights that hold a normalisation of their own were trained with it.
        normalise = self.settings.normalise and not (plan.start is not None and plan.start.normalises)
        mean, scale = self._normalisation(train) if normalise else (None, None)
        self.strategy = plan.strategy or strategy()
        with self.strategy.scope():
            self.network = build(self.settings, plan.alphabet.size, mean, scale)
            self.normalisation = normalisation(self.network)
            if plan.start is not None:
                plan.start.apply(self.network)
                say(plan.start.describe())
            optimiser = optimiser_of(self.settings)
            competition = self.settings.competition if self.supply.competitors else 0.0
            intermediate = self.settings.intermediate
            trained = with_intermediate(self.network, self.settings) if intermediate else self.network
            self.objective = Objective(trained, self.shares, self.settings.consistency, competition, intermediate)
            self.objective.compile(optimizer=optimiser)
            optimiser.build(trained.trainable_variables)
        self.optimiser = optimiser
        known = {id(variable) for variable in self.network.variables}
        more = [variable for variable in trained.variables if id(variable) not in known]
        self._variables = [*self.network.variables, *more, *optimiser.variables]
        self.board: Board | None = None
        self.heard: list[str] = []  # what greedy decoding made of dev when it last listened
        self.state = _State()
        self.candidates = Candidates(plan.checkpoints, self.settings.average)
        self._resume()

    @property
    def last(self) -> Path:
        return self.plan.checkpoints / "last.npz"

    @property
    def best(self) -> Path:
        return self.plan.checkpoints / "best.npz"

    def run(self, log: Log, judge: Judge | None = None) -> Result:
        """Train to the end and return what to export.

        Parameters
        ----------
        log : takes each epoch's figures.
        judge : with it the result is the candidate of the lowest figure; without it, of the lowest dev loss.
        """
        settings = self.settings
        say(self.supply.describe())
        if self.bfloat16:
            say("this processor multiplies in bfloat16 (train.bfloat16)")
        board = self.board = Board(self.plan.logs, self.plan.recipe.views)
        with Workshop(self.plan.recipe, self.plan.workers) as workshop:
            while self.state.epoch < settings.epochs and not self._is_over():
                stalled = self.state.pace.stalled
                row = self._epoch(workshop)
                board.write(row, [clip.transcript for clip in self.plan.dev], self.heard)
                log.epoch(row)
                say(
                    f"epoch {row['epoch']}/{settings.epochs}  loss {row['loss']:.3f}  dev loss {row['dev_loss']:.3f}"
                    f"  dev CER {row['dev_cer']:.1%} (greedy)  rate {row['learning_rate']:.1e}  {row['seconds']:.0f} s"
                )
                if self.state.pace.stalled != stalled:
                    say(f"dev loss has not fallen for {settings.early_stop_patience} epochs: the rate falls from here")
        if self._is_over():
            say("dev loss has stopped falling: training ends here")
        return self._choose(judge)

    def losses(self, clips: Sequence[Clip]) -> list[float]:
        """Return the CTC loss (nats) of each clip with the network as it is now."""
        found = []
        for clip in clips:
            labels = self.plan.alphabet.encode(clip.transcript)
            features = mfcc(audio.read_wav(clip.path))
            check_length(len(features), labels, clip.transcript, clip.path)
            batch = collate([features], [labels])
            logits = self.network(batch.features, training=False)
            loss = ctc_losses(logits, batch.frames, batch.labels, batch.label_lengths)
            found.append(float(np.asarray(loss)[0]))
        return found

    def _is_over(self) -> bool:
        return self.state.epoch > 0 and self.state.pace.is_over(self.settings, self.state.epoch - 1)

    def _normalisation(self, features: Sequence[Float]) -> tuple[Float, Float]:
        bands = inverse_dct() if NETWORKS[self.settings.network].bands else None
        if self.plan.rate > NARROW:
            return measure(features, bands)
        say(f"the recordings were made at {self.plan.rate} Hz: the network hears them as such")
        return narrow([audio.read_wav(clip.path) for clip in self.plan.train], self.plan.rate, bands)

    # One epoch

    def _epoch(self, workshop: Workshop) -> dict[str, Any]:
        epoch, settings = self.state.epoch, self.settings
        started = time.monotonic()
        rng = np.random.default_rng([settings.seed, epoch])
        heard = self.supply.epoch(epoch)
        batches = plan(
            heard.seconds,
            settings.batch_size,
            rng,
            short_first=epoch < settings.curriculum,
        )
        prepared = Restartable(lambda: map(self._seen, self.supply.batches(workshop, heard, batches)))
        losses = self._steps(prepared, len(batches), epoch)
        if not math.isfinite(losses):
            raise ModelError(
                f"the loss became {losses} in epoch {epoch + 1}",
                fix="Lower train.learning_rate, or set train.gradient_norm to 1",
            )
        dev_loss, dev_cer = self._listen()
        self.state.epoch += 1
        self.state.seconds += time.monotonic() - started
        self._keep(epoch, dev_loss)
        return {
            "epoch": epoch + 1,
            "loss": losses,
            "dev_loss": dev_loss,
            "dev_cer": dev_cer,
            "learning_rate": self.state.pace.rate(settings, (epoch + 1) / settings.epochs),
            "utterances": len(heard.hearings),
            "synthetic": heard.synthetic,
            "seconds": round(time.monotonic() - started, 2),
        }

    def _seen(self, batch: Batch) -> Batch:
        return batch if self.board is None else self.board.see(batch)

    def _steps(self, batches: Iterable[Batch], count: int, epoch: int) -> float:
        """Take one step a batch and return the mean loss per character, all that is trained on included, nats."""
        callback = Steps(self.state.pace, self.settings, epoch, count)
        # TensorFlow hides what a source raised behind an error of its own.
        failures: list[Exception] = []
        # The views of an utterance stay on one device.
        parts = self.strategy.num_replicas_in_sync * self.shares * self.plan.recipe.views
        rows = dataset(batches, parts, failures, self.supply.competitors)
        try:
            with self.strategy.scope(), devices.in_bfloat16(self.bfloat16):
                self.objective.fit(
                    rows, epochs=1, steps_per_epoch=count, shuffle=False, verbose=0, callbacks=[callback]
                )
        except Exception:
            if failures:
                raise failures[0] from None
            raise
        return callback.loss

    def _listen(self) -> tuple[float, float]:
        """Return the CTC loss per utterance (nats) and the greedy character error rate on dev."""
        from rapidfuzz.distance import Levenshtein

        losses: list[float] = []
        wrong = characters = 0
        self.heard = [""] * len(self.dev)
        for batch, chosen in self._dev_batches():
            logits = np.asarray(self.network(batch.features, training=False))
            losses += np.asarray(ctc_losses(logits, batch.frames, batch.labels, batch.label_lengths)).tolist()
            for index, text in zip(
                chosen, read_greedily(logits, batch.frames, self.plan.alphabet), strict=True
            ):
                self.heard[index] = text
                wrong += Levenshtein.distance(self.plan.dev[index].transcript, text)
                characters += len(self.plan.dev[index].transcript)
        return float(np.mean(losses)), wrong / max(1, characters)

    def _dev_batches(self) -> Iterator[tuple[Batch, list[int]]]:
        order = sorted(range(len(self.dev)), key=lambda index: len(self.dev[index]))
        for start in range(0, len(order), 32):
            chosen = order[start : start + 32]
            yield collate([self.dev[i] for i in chosen], [self.dev_labels[i] for i in chosen]), chosen

    # Checkpoints

    def _weights(self) -> checkpoints.Weights:
        return [np.asarray(value, np.float32) for value in self.network.get_weights()]

    def _keep(self, epoch: int, dev_loss: float) -> None:
        """Save what this epoch gave: its weights if they are worth keeping, and the state to go on from."""
        state, weights = self.state, self._weights()
        if state.pace.note(self.settings, epoch, dev_loss):
            checkpoints.save(self.best, weights, {"epoch": epoch, "dev_loss": dev_loss, **self.normalisation})
        self.candidates.add(epoch, dev_loss, weights)
        going_on = {**state.as_json(), "kept": self.candidates.kept}
        checkpoints.save(self.last, [np.asarray(variable) for variable in self._variables], going_on)
        self.candidates.tidy()

    def _resume(self) -> None:
        # What a killed process was about to write.
        for path in self.plan.checkpoints.glob(".*.partial.npz"):
            path.unlink()
        if not self.last.is_file():
            return
        stored = checkpoints.load(self.last)
        if [array.shape for array in stored.arrays] != [tuple(variable.shape) for variable in self._variables]:
            raise ModelError(
                "this checkpoint is of another network", path=self.last, fix="Delete it and train again"
            )
        for variable, array in zip(self._variables, stored.arrays, strict=True):
            variable.assign(array)
        self.state = _State.of(stored.state)
        self.candidates.kept = [(float(loss), int(epoch)) for loss, epoch in stored.state["kept"]]
        say(f"going on from epoch {self.state.epoch} of {self.settings.epochs}")

    def _choose(self, judge: Judge | None) -> Result:
        """Compare the candidates, leave the best one in the network, and return it."""
        judged: list[tuple[float, float, str, checkpoints.Weights]] = []
        figures: dict[str, dict[str, float]] = {}
        for name, epochs in self.candidates.results().items():
            weights = self.candidates.average(epochs)
            self.network.set_weights(weights)
            loss, _ = self._listen()
            figure = judge(layers(self.network)) if judge is not None else loss
            say(f"{name}: dev loss {loss:.3f}" + (f", dev WER {figure:.1%}" if judge is not None else ""))
            figures[name] = {"dev_loss": loss} | ({} if judge is None else {"wer": figure})
            judged.append((figure, loss, name, weights))
        _, loss, name, weights = min(judged, key=lambda candidate: candidate[:2])
        self.network.set_weights(weights)
        checkpoints.save(self.best, weights, {"chosen": name, "dev_loss": loss, **self.normalisation})
        return Result(layers(self.network), name, loss, self.state.epoch, self.state.seconds, figures)


def read_layers(path: Path, settings: Train, alphabet: Alphabet) -> list[Layer]:
    """Return the layers of a checkpoint best.npz, for export or to start another training from.

    Raises
    ------
    ModelError : it is missing, damaged, or of another network than `settings` describes.
    """
    stored = checkpoints.load(path)
    network = build(settings, alphabet.size, stored.state.get("mean"), stored.state.get("scale"))
    expected = [tuple(weights.shape) for weights in network.get_weights()]
    if [array.shape for array in stored.arrays] != expected:
        raise ModelError(
            "this checkpoint is of another network than its run says", path=path, fix="Train again"
        )
    network.set_weights(stored.arrays)
    return layers(network)
