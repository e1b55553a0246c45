"""The keyword model in a stream: thresholds fitted on dev, misses and false accepts measured on other speakers."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from asr.core.alphabet import normal_word
from asr.core.audio import SAMPLE_RATE
from asr.core.files import write_bytes, write_json
from asr.core.progress import say
from asr.core.stderr import load_tensorflow
from asr.settings.workspace import Workspace
from datasets import speech_commands
from tools.commands.steps.keyword import check_words, find_recordings, write_tables

if TYPE_CHECKING:
    from asr.core.audio import Int16
    from asr.evaluation.keyword_stream import Placed, Stream
    from datasets.keyword_split import Utterance
    from datasets.keywords import KeywordDataset

SHORTEST = 5.0  # s of other speech; in less there is nothing to fit to, and an hour says more than a minute
LOWEST = 128  # threshold, half of the highest score: little other speech may ask for less, and must not get it
MOST = 3600  # clips of an archive that are taken for a stream, of a split's words and of its other speech


def judge_stream(ws: Workspace, split: str = "test") -> dict[str, Any]:
    """Fit each word's threshold on dev, and measure misses and false accepts in streams of the split.

    Writes thresholds.json and the runner's tables into the export, and figures and a picture of the curve into
    build/reports/keyword.

    Returns
    -------
    The figures; `text` tells them in words.
    """
    load_tensorflow()
    from asr.evaluation import keyword_plots as plots
    from asr.evaluation import keyword_stream as stream
    from asr.evaluation.plots import as_png
    from asr.keyword.detect import Rule, detect
    from asr.keyword.examples import classes

    chosen, folder = ws.settings.keyword, ws.keyword_export
    check_words(folder, classes(chosen.words))
    for path in (folder / "thresholds.json", *(ws.reports / "keyword").glob(f"stream-{split}.*")):
        # They may be of an earlier model.
        path.unlink(missing_ok=True)
    with at_hand(ws, find_recordings(ws), ("dev", split)) as found:
        background, mixed, placed = streams(ws, found, split)
        other = stream.join(_others(ws, found, "dev"))
    seconds, where = min((len(sound) / SAMPLE_RATE, name) for sound, name in ((background, split), (other, "dev")))
    if seconds < SHORTEST or not placed:
        little = f"{where} holds only {seconds:.1f} s of other speech"
        text = f"stream: not judged, for {little if placed else f'{split} holds none of the words'}"
        say(f"warning: {text}; each word's threshold is half of the highest score")
        return {"text": text}
    run = runner(ws)
    fitted_on, quiet, spoken = run(other), run(background), run(mixed)
    rule = Rule.of(chosen, ())
    count = len(chosen.words)
    fitted = stream.fit_thresholds(fitted_on, rule, count, chosen.false_accepts_per_hour)
    thresholds = tuple(max(LOWEST, threshold) for threshold in fitted)
    if stream.hours(fitted_on) * chosen.false_accepts_per_hour < 1:
        say(
            f"warning: {3600 * stream.hours(fitted_on):.0f} s of dev's other speech cannot tell "
            f"{chosen.false_accepts_per_hour:g} false accepts an hour: expect more of them"
        )
    write_tables(ws, thresholds)
    # Each word at the lowest threshold of its own at which the very same sound gives no false accept.
    ideal = stream.fit_thresholds(quiet, rule, count, 0.0)
    missed, missed_ideal = (
        1 - stream.count_hits(detect(spoken[0], spoken[1], Rule.of(chosen, each)), placed)[0] / len(placed)
        for each in (thresholds, ideal)
    )
    hours = stream.hours(quiet)
    accepts = len(detect(quiet[0], quiet[1], Rule.of(chosen, thresholds))) / hours
    curve = stream.miss_curve(quiet, spoken, placed, rule)
    record: dict[str, Any] = {
        "thresholds": dict(zip(chosen.words, thresholds, strict=True)),
        "hours of dev": stream.hours(fitted_on),
        "hours": hours,
        "words": len(placed),
        "level": chosen.judge_level,
        "missed": missed,
        "false accepts an hour": accepts,
        "missed at none": stream.at_most(curve, 0.0),
        "missed at none, a threshold each": missed_ideal,
    }
    write_json(folder / "thresholds.json", record["thresholds"])
    line = f"{len(placed)} words at {chosen.judge_level:g} dB"
    picture = plots.miss_curve({line: (curve.accepts, curve.misses)}, (accepts, missed))
    write_bytes(ws.reports / "keyword" / f"stream-{split}.png", as_png(picture))
    write_json(ws.reports / "keyword" / f"stream-{split}.json", record)
    record["text"] = "\n".join(
        [
            f"stream: {hours:.2f} h of other speech, {line} over it",
            f"  fitted on {record['hours of dev']:.2f} h of dev: {record['thresholds']}",
            f"  {missed:.1%} missed at {accepts:.1f} false accepts an hour",
            f"  {record['missed at none']:.1%} missed at none with one threshold, {missed_ideal:.1%} with one for each",
        ]
    )
    return record


@contextmanager
def at_hand(ws: Workspace, found: KeywordDataset, splits: Sequence[str]) -> Iterator[KeywordDataset]:
    """Give what was found with clips of an archive unpacked, for as long as they are used: a sample of each split."""
    if found.archive is None:
        yield found
        return
    rng = np.random.default_rng([ws.settings.keyword.seed, 19])
    words = _words(ws)
    groups: dict[tuple[str, bool], list[Utterance]] = {}
    for utterance in found.utterances:
        if utterance.archived and utterance.split in splits:
            groups.setdefault((utterance.split, utterance.word in words), []).append(utterance)
    taken = {
        group[int(index)].name: group[int(index)]
        for group in groups.values()
        for index in rng.permutation(len(group))[:MOST]
    }
    with tempfile.TemporaryDirectory(prefix="asr-stream-") as folder:
        unpacked = []
        for number, (name, data) in enumerate(speech_commands.stream_clips(found.archive, set(taken))):
            path = Path(folder) / f"{number}.wav"
            path.write_bytes(data)
            unpacked.append(replace(taken[name], name=str(path), archived=False))
        yield replace(found, utterances=[*(u for u in found.utterances if not u.archived), *unpacked])


def _words(ws: Workspace) -> dict[str, int]:
    """Return the class of each word."""
    return {normal_word(word): 2 + index for index, word in enumerate(ws.settings.keyword.words)}


def _others(ws: Workspace, found: KeywordDataset, split: str) -> list[str]:
    """Return the recordings of a split that hold none of the words."""
    words = _words(ws)
    spoken = [u for u in found.utterances if u.split == split and u.word not in words and not u.archived]
    # Sentences before single words: a stream is what people say to each other.
    return [u.name for u in sorted(spoken, key=lambda u: (len(u.word.split()) < 3, u.name))]


def streams(ws: Workspace, found: KeywordDataset, split: str) -> tuple[Int16, Int16, list[Placed]]:
    """Return other speech, the same with the split's words laid over it, and where they are."""
    from asr.evaluation import keyword_stream as stream

    chosen, labels = ws.settings.keyword, _words(ws)
    own = (ws.root / Path(chosen.background).expanduser()) if chosen.background else None
    background = stream.join(stream.read_names(own) if own is not None else _others(ws, found, split))
    words = [u for u in found.utterances if u.split == split and u.word in labels and not u.archived]
    rng = np.random.default_rng([chosen.seed, 17])
    order = [words[int(index)] for index in rng.permutation(len(words))]
    mixed, placed = stream.lay(background, [(u.name, labels[u.word]) for u in order], chosen.judge_level, rng)
    return background, mixed, placed


def runner(ws: Workspace, *, quick: bool = True) -> Any:
    """Return what runs the exported int8 model over sound: int16 [n] to a Stream.

    Parameters
    ----------
    quick : in TensorFlow Lite's optimised kernels, which may differ from firmware's arithmetic in the last bit.
    """
    from asr.keyword.detect import stream_scores
    from asr.keyword.examples import features
    from export import tflite

    chosen = ws.settings.keyword
    model = (ws.keyword_export / "model.tflite").read_bytes()

    def run(sound: Int16) -> Stream:
        slices = features(sound, chosen.preprocess)
        return stream_scores(slices, lambda rows: tflite.predict(model, rows, quick=quick), chosen.inference_stride)

    return run
