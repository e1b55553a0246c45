"""Transcriptions of clips by the real client, the one that users run, on all cores.

Each worker process holds its own client, because calls on one exclude each other. Workers are spawned and import
neither TensorFlow nor Keras.
"""

from __future__ import annotations

import os
import zlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from asr.augment.evaluation_noise import Noise, mix
from asr.client.libdeepspeech import Model
from asr.core import audio
from asr.core import workers as workers_
from asr.core.errors import ModelError
from asr.core.progress import track
from asr.evaluation.conditions import Condition
from asr.evaluation.transcriptions import Slots, Transcription, with_slots

Int16 = npt.NDArray[np.int16]


@dataclass(frozen=True)
class Client:
    """A model and how it is run.

    Attributes
    ----------
    model : output_graph.pbmm or .pb.
    scorer : kenlm.scorer; None: greedy spelling by the beam search alone.
    alpha, beta : weights of the scorer; None: those in its file.
    """

    model: Path
    scorer: Path | None = None
    beam_width: int = 500
    alpha: float | None = None
    beta: float | None = None

    def load(self) -> Model:
        """Load the model and its scorer; ModelError or ScorerError where one is missing or damaged."""
        model = Model(self.model)
        model.beam_width = self.beam_width
        if self.scorer is not None:
            model.enable_scorer(self.scorer)
            if self.alpha is not None and self.beta is not None:
                model.set_scorer_alpha_beta(self.alpha, self.beta)
        return model


@dataclass(frozen=True)
class Utterance:
    """One clip to recognise.

    Attributes
    ----------
    name : unique; another one when the recording is moved or copied.
    clip : mono WAV at 16 kHz, trimmed.
    seconds : length of the clip.
    source : the recording the clip was cut from, for the raw condition; None: there is none.
    """

    name: str
    clip: Path
    transcript: str
    speaker: str
    seconds: float
    synthetic: bool = False
    source: Path | None = None


def samples_of(utterance: Utterance, condition: Condition, noise: Noise | None) -> Int16:
    """Return the client's input for an utterance under a condition, int16 [n] at 16 kHz."""
    if condition.raw:
        if utterance.source is None:
            raise ValueError(f"{utterance.name} has no source recording")
        return audio.to_int16(audio.load(utterance.source))
    clean = audio.read_wav(utterance.clip)
    if condition.level is None or noise is None:
        return clean
    # By content, since names hold paths and times: the noise is the same in other places and on other days.
    mark = f"{zlib.crc32(clean.tobytes()):08x}"
    return audio.to_int16(mix(clean, noise.piece(mark, len(clean), condition.draw), condition.level))


def sounds(utterances: Iterable[Utterance], noise: Noise | None) -> Callable[[Transcription], Int16 | None]:
    """Return a function that gives the samples behind a transcription; None for an unknown clip."""
    by_name = {utterance.name: utterance for utterance in utterances}

    def sound(item: Transcription) -> Int16 | None:
        utterance = by_name.get(item.clip)
        return None if utterance is None else samples_of(utterance, item.condition, noise)

    return sound


def timing(client: Client) -> Callable[[Int16], tuple[tuple[str, float], ...]]:
    """Return a function from int16 [n] at 16 kHz to the client's words, each with the time of its output, s."""
    model = client.load()

    def words(samples: Int16) -> tuple[tuple[str, float], ...]:
        best = model.stt_with_metadata(samples, 1)
        return best[0].words if best else ()

    return words


def recognise(
    client: Client,
    utterances: Sequence[Utterance],
    conditions: Sequence[Condition],
    noise: Noise | None = None,
    *,
    losses: Mapping[str, float] | None = None,
    slots: Slots | None = None,
    workers: int | None = None,
) -> list[Transcription]:
    """Have the client transcribe every utterance under every condition; conditions in order, then utterances.

    Parameters
    ----------
    losses : CTC loss of a clean clip, by the utterance's name.
    slots : gives a sentence's slots; None: commands are not evaluated.
    workers : processes; None: one a core. The result does not depend on it.

    Raises
    ------
    ModelError, ScorerError, AudioError : as the client and the clips raise them.
    """
    # Utterances without a source recording are left out of the raw condition.
    jobs = [
        (utterance, condition)
        for condition in conditions
        for utterance in utterances
        if not condition.raw or utterance.source is not None
    ]
    if not jobs:
        return []
    # A damaged model is reported by this process, where the error keeps its message.
    client.load().close()
    count = min(workers or len(os.sched_getaffinity(0)), len(jobs))
    chunk = max(1, min(16, len(jobs) // (4 * count)))
    found = []
    with workers_.pool(count, _start_worker, (client, noise, count > 1)) as pool:
        try:
            answers = track(pool.map(_transcribe, jobs, chunksize=chunk), "recognition", len(jobs))
            for (utterance, condition), (text, seconds) in zip(jobs, answers, strict=True):
                found.append(
                    Transcription(
                        utterance.name,
                        utterance.speaker,
                        utterance.transcript,
                        text,
                        seconds,
                        utterance.synthetic,
                        condition,
                        (losses or {}).get(utterance.name) if condition == Condition() else None,
                        recording="/".join(utterance.source.parts[-2:]) if utterance.source is not None else "",
                    )
                )
        except BrokenProcessPool:
            raise ModelError("the client's library crashed", path=client.model, fix="Export the model again") from None
        except BaseException:
            pool.shutdown(cancel_futures=True)
            raise
    return with_slots(found, slots) if slots is not None else found


# What a worker process holds; set once when it starts.
_worker: tuple[Model, Noise | None] | None = None


def _start_worker(client: Client, noise: Noise | None, one_core: bool) -> None:
    global _worker
    workers_.start()
    # The library starts a thread for each core the process may use, once, in its first run. With one client a core
    # these threads compete: one thread each takes a quarter of the time on two cores.
    cores = os.sched_getaffinity(0)
    if one_core:
        os.sched_setaffinity(0, {sorted(cores)[os.getpid() % len(cores)]})
    model = client.load()
    model.stt(np.zeros(audio.SAMPLE_RATE // 2, np.int16))
    os.sched_setaffinity(0, cores)
    _worker = (model, noise)


def _transcribe(job: tuple[Utterance, Condition]) -> tuple[str, float]:
    assert _worker is not None
    model, noise = _worker
    samples = samples_of(*job, noise)
    return model.stt(samples), len(samples) / audio.SAMPLE_RATE
