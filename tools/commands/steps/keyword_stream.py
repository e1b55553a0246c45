"""The keyword model in a stream: thresholds fitted on dev; misses and false accepts of a split at given thresholds."""

from __future__ import annotations

import json
import math
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from asr.core.alphabet import normal_word
from asr.core.audio import SAMPLE_RATE
from asr.core.errors import ModelError
from asr.core.files import file_state, write_bytes, write_json
from asr.core.progress import say
from asr.core.stamps import Stamp
from asr.core.stderr import load_tensorflow
from asr.settings.declaration import Product, values_affecting
from asr.settings.workspace import SPLITS, Workspace
from datasets import speech_commands
from tools.commands.steps.keyword import check_words, find_recordings, write_tables
from tools.commands.steps.keyword_other_speech import evaluation_recordings

if TYPE_CHECKING:
    from asr.core.audio import Int16
    from asr.keyword.stream import PlacedWord, Stream
    from datasets.keyword_split import Utterance
    from datasets.keywords import KeywordDataset

SHORTEST = 5.0  # s of other speech; nothing can be fitted to less, nor a rate an hour be measured
LOWEST = 128  # threshold, half of the highest score: little other speech would allow too low ones
MOST = 3600  # clips of an archive in a stream: of a split's words, and of its other speech
_THRESHOLDS = "thresholds.json"
_VERSION = 1  # raise it when the same model would be given other thresholds


@dataclass(frozen=True)
class FittedThresholds:
    """Thresholds and what they rest on.

    Attributes
    ----------
    thresholds : of each word, 0 to 255, or 256 for never.
    hours : of speech without a keyword that they were fitted to.
    accepts : false accepts in those hours.
    """

    thresholds: tuple[int, ...]
    hours: float
    accepts: int

    @property
    def bound(self) -> float:
        """False accepts an hour that the hours support with 95 % confidence; infinite without any."""
        from asr.rejection.fitting import upper_bound

        return upper_bound(self.accepts) / self.hours if self.hours else math.inf


def fit_thresholds(ws: Workspace) -> str:
    """Fit each word's threshold to false accepts an hour, unless that is up to date.

    The speech without keywords is dev's and that of other_speech/. Writes thresholds.json, what they rest on to
    card.json, and the tables for firmware/lib to the export. No threshold is below half of the highest score, which all
    of them are where there is too little other speech.

    Returns
    -------
    The thresholds in words, and what rate their hours support.
    """
    load_tensorflow()
    from asr.keyword.examples import classes
    from asr.rejection.fitting import upper_bound

    chosen, folder = ws.settings.keyword, ws.keyword_export
    path, kept = folder / _THRESHOLDS, ws.keyword / "thresholds.json"
    check_words(folder, classes(chosen.words))
    rule = values_affecting(chosen, Product.KEYWORD_THRESHOLDS)
    data = ws.keyword / "features" / "stamp.json"
    recorded = [file_state(Path(name), ws.root) for name in evaluation_recordings(ws, "dev")]
    stamp = Stamp(ws.keyword / "thresholds.stamp.json", folder / "model.tflite", data, rule, recorded, _VERSION)
    if not stamp.is_fresh([path, kept]):
        path.unlink(missing_ok=True)
        found = _fitted(ws)
        write_json(kept, {"hours": round(found.hours, 3), "false_accepts": found.accepts})
        write_json(path, dict(zip(chosen.words, found.thresholds, strict=True)))
        stamp.set()
    thresholds = read_thresholds(ws)
    write_tables(ws, thresholds)
    said = ", ".join(f"{word} {threshold}" for word, threshold in zip(chosen.words, thresholds, strict=True))
    rests = json.loads(kept.read_text(encoding="utf-8"))
    fitted = FittedThresholds(tuple(thresholds), rests["hours"], rests["false_accepts"])
    card = json.loads((folder / "card.json").read_text(encoding="utf-8"))
    bound = round(fitted.bound, 2) if fitted.hours else None
    write_json(folder / "card.json", {**card, "thresholds": {**rests, "at_most_per_hour": bound}})
    lines = [f"thresholds: {said}"]
    if fitted.hours:
        lines.append(
            f"  {fitted.accepts} false accepts in {fitted.hours:.1f} h of other speech, so at most {fitted.bound:.1f} "
            "an hour (95 %)"
        )
    allowed = chosen.false_accepts_per_hour
    if 0 < allowed < fitted.bound:
        needed = upper_bound(0) / allowed
        lines.append(
            f"  to show {allowed:g} an hour takes {needed:.1f} h without a false accept: put other speech into "
            f"{ws.other_speech.name}/"
        )
    return "\n".join(lines)


def _fitted(ws: Workspace) -> FittedThresholds:
    from asr.keyword import calibration, stream
    from asr.keyword.detect import Rule, detect

    chosen = ws.settings.keyword
    run, words = runner(ws), len(chosen.words)
    with unpacked(ws, find_recordings(ws), "dev") as found:
        names = [*_others(ws, found, "dev"), *evaluation_recordings(ws, "dev")]
        parts = [run(sound) for sound in stream.joined_parts(names)]
    heard = stream.concatenate(parts)
    hours, allowed = stream.hours(heard), chosen.false_accepts_per_hour
    if hours * 3600 < SHORTEST:
        say(f"warning: no thresholds fitted, only {hours * 3600:.1f} s of other speech; using {LOWEST} of 255")
        return FittedThresholds((LOWEST,) * words, 0.0, 0)
    counted = calibration.fit_thresholds(heard, Rule.of(chosen, ()), words, allowed)
    fitted = [max(LOWEST, threshold) for threshold in counted]
    accepts = len(detect(*heard, Rule.of(chosen, fitted)))
    return FittedThresholds(tuple(fitted), hours, accepts)


def read_thresholds(ws: Workspace) -> list[int]:
    """Return the threshold of each word; ModelError where none were fitted."""
    path = ws.keyword_export / _THRESHOLDS
    try:
        fitted = json.loads(path.read_text(encoding="utf-8"))
        return [int(fitted[word]) for word in ws.settings.keyword.words]
    except (OSError, ValueError, KeyError):
        raise ModelError("no thresholds were fitted for these words", path=path, fix="Run: asr keyword") from None


def evaluate_stream(ws: Workspace, split: str, thresholds: Sequence[int]) -> dict[str, Any]:
    """Measure misses and false accepts in streams of a split.

    Writes figures and a picture of the curve to build/reports/keyword.

    Parameters
    ----------
    thresholds : of each word, 0 to 255, or 256 for never.

    Returns
    -------
    The figures; `text` holds them in words.
    """
    load_tensorflow()
    from asr.evaluation import detection
    from asr.evaluation import keyword_plots as plots
    from asr.evaluation.plots import as_png
    from asr.keyword import calibration, stream
    from asr.keyword.detect import Rule

    chosen, reports = ws.settings.keyword, ws.reports / "keyword"
    for path in reports.glob(f"stream-{split}.*"):
        # They may belong to another model.
        path.unlink()
    with unpacked(ws, find_recordings(ws), split) as found:
        background, mixed, placed = streams(ws, found, split)
    seconds = len(background) / SAMPLE_RATE
    if seconds < SHORTEST or not placed:
        lacking = f"only {seconds:.1f} s of other speech" if placed else "none of the words"
        return {"text": f"stream: not evaluated, {split} holds {lacking}"}
    run, rule = runner(ws), Rule.of(chosen, thresholds)
    quiet, spoken = run(background), run(mixed)
    accepts, missed = detection.accepts_per_hour(quiet, rule), detection.miss_rate(spoken, placed, rule)
    curve = detection.miss_curve(quiet, spoken, placed, rule)
    # A lower bound: thresholds fitted to this very sound.
    ideal = Rule.of(chosen, calibration.fit_thresholds(quiet, rule, len(chosen.words), 0.0))
    record: dict[str, Any] = {
        "thresholds": dict(zip(chosen.words, thresholds, strict=True)),
        "hours": stream.hours(quiet),
        "words": len(placed),
        "level": chosen.judge_level,
        "missed": missed,
        "false accepts an hour": accepts,
        "missed at none": curve.least_misses(0.0),
        "missed at none, a threshold each": detection.miss_rate(spoken, placed, ideal),
    }
    title = f"{len(placed)} words at {chosen.judge_level:g} dB"
    picture = plots.miss_curve({title: (curve.accepts, curve.misses)}, (accepts, missed))
    write_bytes(reports / f"stream-{split}.png", as_png(picture))
    write_json(reports / f"stream-{split}.json", record)
    record["text"] = "\n".join(
        [
            f"stream: {record['hours']:.2f} h of other speech, {title} mixed into it",
            f"  {missed:.1%} missed at {accepts:.1f} false accepts an hour",
            f"  without a false accept: {record['missed at none']:.1%} missed with one threshold for all words, "
            f"{record['missed at none, a threshold each']:.1%} with one for each",
        ]
    )
    return record


@contextmanager
def unpacked(ws: Workspace, found: KeywordDataset, split: str) -> Iterator[KeywordDataset]:
    """Unpack a sample of an archive's clips of a split for the duration of the block."""
    if found.archive is None:
        yield found
        return
    words = _words(ws)
    taken: dict[str, Utterance] = {}
    for is_word in (False, True):
        clips = [u for u in found.utterances if u.archived and u.split == split and (u.word in words) == is_word]
        rng = np.random.default_rng([ws.settings.keyword.seed, 19, SPLITS.index(split), is_word])
        taken |= {clips[int(index)].name: clips[int(index)] for index in rng.permutation(len(clips))[:MOST]}
    with tempfile.TemporaryDirectory(prefix="asr-stream-") as folder:
        files = []
        for number, (name, data) in enumerate(speech_commands.stream_clips(found.archive, set(taken))):
            path = Path(folder) / f"{number}.wav"
            path.write_bytes(data)
            files.append(replace(taken[name], name=str(path), archived=False))
        yield replace(found, utterances=[*(u for u in found.utterances if not u.archived), *files])


def streams(ws: Workspace, found: KeywordDataset, split: str) -> tuple[Int16, Int16, list[PlacedWord]]:
    """Return other speech, the same with the split's words mixed in, and where they are."""
    from asr.keyword import stream

    chosen, labels = ws.settings.keyword, _words(ws)
    own = (ws.root / Path(chosen.background).expanduser()) if chosen.background else None
    others = [*_others(ws, found, split), *evaluation_recordings(ws, split)]
    background = stream.join(stream.read_names(own) if own is not None else others)
    words = [u for u in found.utterances if u.split == split and u.word in labels and not u.archived]
    rng = np.random.default_rng([chosen.seed, 17])
    order = [words[int(index)] for index in rng.permutation(len(words))]
    mixed, placed = stream.mix_words(background, [(u.name, labels[u.word]) for u in order], chosen.judge_level, rng)
    return background, mixed, placed


def runner(ws: Workspace, *, quick: bool = True) -> Callable[[Int16], Stream]:
    """Return a function that runs the exported int8 model over sound: int16 [n] to a Stream.

    Parameters
    ----------
    quick : use TensorFlow Lite's optimised kernels, which may differ from firmware's arithmetic in the last bit.
    """
    from asr.keyword.clips import features
    from asr.keyword.detect import stream_scores
    from export import tflite

    chosen = ws.settings.keyword
    model = (ws.keyword_export / "model.tflite").read_bytes()

    def run(sound: Int16) -> Stream:
        slices = features(sound, chosen.preprocess)
        return stream_scores(slices, lambda rows: tflite.predict(model, rows, quick=quick), chosen.inference_stride)

    return run


def _words(ws: Workspace) -> dict[str, int]:
    """Return the class of each word."""
    return {normal_word(word): 2 + index for index, word in enumerate(ws.settings.keyword.words)}


def _others(ws: Workspace, found: KeywordDataset, split: str) -> list[str]:
    """Return the recordings of a split without any of the words."""
    words = _words(ws)
    spoken = [u for u in found.utterances if u.split == split and u.word not in words and not u.archived]
    # Sentences before single words, since they are closer to conversation.
    return [u.name for u in sorted(spoken, key=lambda u: (len(u.word.split()) < 3, u.name))]
