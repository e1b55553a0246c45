"""The inputs and the result of a training."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from asr.core.alphabet import Alphabet
from asr.ctc.batches import Clip
from asr.ctc.epoch_sampler import Voices
from asr.ctc.extraction import FeatureExtractor
from asr.ctc.transfer import PretrainedWeights
from asr.layers.sentence import Layer
from asr.settings.sections import Train

# Returns the error rate of a candidate for the result; the lowest wins.
Evaluate = Callable[[Sequence[Layer]], float]


class Log(Protocol):
    """Takes an epoch's figures: a run record."""

    def epoch(self, row: Mapping[str, Any]) -> None: ...


@dataclass(frozen=True)
class Plan:
    """The inputs of a training.

    Attributes
    ----------
    settings : section [train].
    alphabet : of the transcripts.
    train : utterances to train on.
    dev : utterances for early stopping and the choice of the result.
    extractor : augments training utterances and computes their features.
    checkpoints : folder of this run's checkpoints.
    features : folder of stored features.
    logs : folder of TensorBoard's files of this run.
    synthetic : returns synthetic utterances; None: no voices.
    other : returns other speech with its transcripts, and noise and silence with empty ones; None: none.
    pretrained : weights to start from; None: random ones.
    rate : Hz; the highest sample rate among the training recordings.
    workers : processes that prepare batches; 0: chosen by the cores.
    strategy : a tf.distribute.Strategy; None: chosen by the devices.
    """

    settings: Train
    alphabet: Alphabet
    train: Sequence[Clip]
    dev: Sequence[Clip]
    extractor: FeatureExtractor
    checkpoints: Path
    features: Path
    logs: Path
    synthetic: Voices | None = None
    other: Voices | None = None
    pretrained: PretrainedWeights | None = None
    rate: int = 16000
    workers: int = 0
    strategy: Any = None


@dataclass(frozen=True)
class Result:
    """A finished training.

    Attributes
    ----------
    layers : the weights to export.
    chosen : name of the candidate that they are.
    dev_loss : CTC loss per utterance of the chosen weights on dev, nats.
    epochs : number of epochs trained.
    seconds : time they took, resumed trainings included.
    candidates : figures of each candidate on dev: dev_loss, and wer where it was evaluated.
    """

    layers: list[Layer]
    chosen: str
    dev_loss: float
    epochs: int
    seconds: float
    candidates: dict[str, dict[str, float]]
