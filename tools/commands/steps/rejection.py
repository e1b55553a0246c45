"""The verifier: fitted to dev commands, near misses and other speech, and written beside the network it belongs to."""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from asr.core import audio
from asr.core.files import file_state, write_text
from asr.core.progress import say
from asr.core.stamps import Stamp
from asr.settings.augment import KINDS
from asr.settings.declaration import Product
from asr.settings.values import affecting
from asr.settings.workspace import Workspace
from tools.commands.steps.inputs import read_templates
from tools.commands.steps.other_speech import other_recordings, other_speakers, outside_sentences

if TYPE_CHECKING:
    from asr.evaluation.client_confidence import ClientConfidence
    from asr.evaluation.recognition import Client
    from asr.evaluation.refusals import Refusals
    from asr.rejection.examples import Command, Other, Outcome
    from asr.rejection.fitting import Fit
    from datasets.corpus import Dataset
    from lm.sentences import Templates

_VERSION = 3  # raise it when the same inputs would give another verifier
_SPEAKERS = 200  # synthetic ones for a split
_MOST_COMMANDS = 240  # dev clips; each is heard in noise and spliced as well
_NEAR_MISSES = 5  # for each minute of other sound
# Synthetic voices are easier to refuse than people. Where they leave a gap below the commands, the threshold is at its
# upper edge: this share of dev commands may fall below it, as long as it stays at even odds.
_SPARED, _EVEN = 0.01, 0.5
_CLIENT_MINUTES = 10.0  # of other sound that the client hears
_PACE = 0.9  # synthetic voices are faster than the estimate of their length
_PIECE = 6.0  # s; untranscribed recordings are heard in pieces
_BACKGROUND = 0.2  # share of noise and silence among the minutes


@dataclass(frozen=True)
class Recorded:
    """Part of a recording, at 16 kHz.

    Attributes
    ----------
    start, end : samples.
    """

    path: Path
    start: int = 0
    end: int | None = None

    def samples(self) -> Any:
        """Return float32 [n]."""
        return audio.load(self.path)[self.start : self.end]


def fit_verifier(ws: Workspace, dataset: Dataset) -> str:
    """Fit the verifier to what is exported unless it is up to date; describe it."""
    from asr.runtime.recogniser import GRAMMAR, NETWORK, VERIFIER, checksums

    device, chosen, seed = ws.device, ws.settings, ws.settings.train.seed
    if not (device / GRAMMAR).is_file():
        return ""
    dev = [[clip.clip, clip.transcript] for clip in dataset.of("dev")]
    others = [file_state(path, ws.root) for path in other_recordings(ws)]
    parts = [device / name for name in (NETWORK, GRAMMAR)]
    settings = affecting(chosen.as_dict(), Product.VERIFIER)
    stamp = Stamp(ws.export / ".verifier.stamp", *parts, dev, others, settings, seed, _VERSION)
    path = device / VERIFIER
    if stamp.is_fresh([path]):
        return ""
    path.unlink(missing_ok=True)
    say("fitting the verifier: dev commands, near misses, other speech and noise")
    outcomes = hear_examples(ws, dataset, "dev", chosen.rejection.minutes)
    fit = fit_to(read_templates(ws), outcomes, chosen.rejection.false_accepts_per_hour, chosen.rejection.near_misses)
    about = {
        "false_accepts_per_hour": chosen.rejection.false_accepts_per_hour,
        "hours": round(fit.hours, 3),
        "false_accepts": fit.false_accepts,
        "expected_per_hour": round(fit.expected, 3),
        "bound_per_hour": round(fit.bound, 2),
    }
    write_text(path, replace(fit.verifier, parts=checksums(device)).to_text(about))
    stamp.set()
    return (
        f"{path}: threshold {fit.verifier.threshold:.3f}; {fit.false_accepts} false accepts in {fit.hours:.1f} h of "
        f"other speech and noise, so at most {fit.bound:.1f} an hour (95 %)"
    )


def evaluate_rejection(ws: Workspace, dataset: Dataset, split: str) -> Refusals | None:
    """Return what the runtime accepts and refuses on a split's speakers; None without a verifier, or for dev and train,
    which it was fitted to or trained on."""
    from asr.evaluation.refusals import measure
    from asr.runtime.confidence import Verifier
    from asr.runtime.recogniser import VERIFIER

    path = ws.device / VERIFIER
    if split != "test" or not path.is_file():
        return None
    templates = read_templates(ws)
    outcomes = hear_examples(ws, dataset, split, ws.settings.rejection.minutes)
    return measure(outcomes, lambda one: is_right(templates, one), Verifier.read(path).threshold)


def evaluate_client_confidence(ws: Workspace, dataset: Dataset, client: Client) -> ClientConfidence | None:
    """Return which thresholds on the client's own confidence refuse how much of test commands and other sound."""
    from asr.evaluation.client_confidence import measure

    minutes = min(_CLIENT_MINUTES, ws.settings.rejection.minutes)
    commands, others = _commands(ws, dataset, "test"), _others(ws, "test", minutes)
    return measure(client, commands, [one for one in others if one.counted])


def hear_examples(ws: Workspace, dataset: Dataset, split: str, minutes: float) -> list[Outcome]:
    """Return what the recogniser says to a split's commands, near misses, other speech, noise and silence.

    Other sentences, voices and noise are drawn anew for each split, and a file of other_speech/ serves one split only.
    """
    from asr.rejection.examples import collect

    sounds = _commands(ws, dataset, split)
    others = _others(ws, split, minutes)
    return collect(ws.device, [*sounds, *others], "examples for the verifier")


def fit_to(templates: Templates, outcomes: Sequence[Outcome], per_hour: float, near_misses: float = 0.2) -> Fit:
    """Fit weights and threshold to outcomes.

    Parameters
    ----------
    per_hour : false accepts per hour to allow.
    near_misses : share of near misses to accept at most.
    """
    from asr.rejection.examples import COMMAND, NEAR_MISS
    from asr.rejection.fitting import Fit, choose_threshold, fit_weights

    heard = [one for one in outcomes if one.answer.evidence]
    evidence = np.array([one.answer.evidence for one in heard])
    right = np.array([is_right(templates, one) for one in heard])
    # Commands weigh as much as all that is none; of that, near misses as much as other speech and noise.
    groups = np.array([0 if one.kind == COMMAND else 1 if one.counted else 2 for one in heard])
    weights = np.ones(len(heard))
    for group, share in ((0, 0.5), (1, 0.25), (2, 0.25)):
        if count := np.count_nonzero(groups == group):
            weights[groups == group] = share * len(heard) / count
    verifier = fit_weights(evidence, right, weights)
    # Answers to silence are none at all; they count with their hours.
    counted = [one for one in outcomes if one.counted]
    hours = sum(one.seconds for one in counted) / 3600
    answers = [np.array(one.answer.evidence) for one in counted if one.answer.evidence]
    confidences = np.array([verifier.confidence(found) for found in answers])
    threshold, expected = choose_threshold(confidences, hours, per_hour)
    near = np.array([verifier.confidence(evidence[i]) for i, one in enumerate(heard) if one.kind == NEAR_MISS])
    if len(near):
        threshold = max(threshold, float(np.quantile(near, 1.0 - near_misses)))
    is_command = np.array([one.kind == COMMAND for one in heard]) & right
    commands = [verifier.confidence(found) for found in evidence[is_command]]
    if commands:
        threshold = max(threshold, min(_EVEN, float(np.quantile(commands, _SPARED))))
    return Fit(replace(verifier, threshold=threshold), hours, int(np.count_nonzero(confidences >= threshold)), expected)


def is_right(templates: Templates, outcome: Outcome) -> bool:
    """Tell whether an answer is what was said: the same sentence, or one with the same intent and slots."""
    said, answer = outcome.transcript, outcome.answer
    if said is None or not answer.text:
        return False
    if answer.text == said:
        return True
    meaning = templates.meaning(said)
    if meaning is None or not meaning.slots:
        return False
    return (meaning.intent, meaning.slots) == (answer.intent, answer.slots)


def _commands(ws: Workspace, dataset: Dataset, split: str) -> list[Command]:
    from asr.augment.background import Background
    from asr.rejection.examples import Command
    from datasets.speech import SyntheticUtterance

    clips = dataset.of(split)
    rng = np.random.default_rng([ws.settings.train.seed, 31, _number_of(split)])
    chosen = [clips[int(index)] for index in rng.permutation(len(clips))[:_MOST_COMMANDS]]
    texts = outside_sentences(ws).draw(len(chosen), rng)
    speakers = _speakers(ws, split)
    kinds = ws.settings.augment.noise_kinds if ws.settings.augment.enabled else KINDS
    kinds = tuple(kind for kind in kinds if kind != "babble")
    return [
        Command(
            Recorded(dataset.folder / clip.clip),
            clip.transcript,
            SyntheticUtterance(text, speakers[number % len(speakers)])
            if speakers
            else Background(2.0, kinds, (ws.settings.train.seed, number, 35)),
            kinds,
            (ws.settings.train.seed, number, 32),
        )
        for number, (clip, text) in enumerate(zip(chosen, texts, strict=True))
    ]


def _others(ws: Workspace, split: str, minutes: float) -> list[Other]:
    from asr.augment.background import Background
    from asr.rejection.examples import NEAR_MISS, Other
    from datasets.speech import SyntheticUtterance

    rng = np.random.default_rng([ws.settings.train.seed, 33, _number_of(split)])
    sentences, speakers = outside_sentences(ws), _speakers(ws, split)
    found: list[Other] = []

    def add(kind: str, text: str, counted: bool) -> float:
        """Add an utterance; return its length, s, as estimated."""
        said = SyntheticUtterance(text, speakers[int(rng.integers(len(speakers)))])
        found.append(Other(kind, said, text, counted))
        return _PACE * said.seconds

    seconds = 0.0
    while speakers and seconds < minutes * 60 * (1 - _BACKGROUND):
        text = sentences.everyday(rng) if rng.random() < 0.75 else sentences.random_words(rng)
        if not sentences.resembles(text):
            seconds += add("other speech", text, True)
    for number in range(round(_NEAR_MISSES * minutes) if speakers else 0):
        near = sentences.foreign_word if number % 3 else sentences.changed_order
        add(NEAR_MISS, near(rng), False)
    kinds = tuple(ws.settings.augment.noise_kinds) or KINDS
    for number in range(round(minutes * 60 * _BACKGROUND / _PIECE)):
        sound = Background(_PIECE, kinds, (ws.settings.train.seed, number, 34, _number_of(split)))
        found.append(Other("noise", sound, "", True))
    found += [Other("other_speech/", sound, None, True) for sound in _pieces(ws, split)]
    return found


def _speakers(ws: Workspace, split: str) -> Sequence[Any]:
    """Return synthetic speakers drawn for a split: the voices of training, mostly at other speeds and pitches."""
    from datasets.speech import is_slow

    drawn = other_speakers(ws, 1 + _number_of(split), _SPEAKERS)
    return [speaker for speaker in drawn if not is_slow(speaker)] or drawn


def _pieces(ws: Workspace, split: str) -> list[Recorded]:
    """Return the recordings of other_speech/ that are not trained on, in pieces: every second one for a split."""
    found: list[Recorded] = []
    for path in other_recordings(ws)[0 if split == "dev" else 1 :: 2]:
        count, size = len(audio.load(path)), round(_PIECE * audio.SAMPLE_RATE)
        starts = range(0, max(1, count - size // 4), size)
        found += [Recorded(path, start, min(count, start + size)) for start in starts]
    return found


def _number_of(name: str) -> int:
    """Return a number for a split's name, for seeds."""
    return zlib.crc32(name.encode()) & 0xFFFF
