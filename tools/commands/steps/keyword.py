"""The keyword model: from recordings to features, weights, files for a microcontroller, and its accuracy on clips."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from asr.core import audio, tables
from asr.core.errors import ModelError, RecordingsError
from asr.core.files import place_in, write_bytes, write_json, write_text
from asr.core.progress import say
from asr.core.stamps import Stamp
from asr.core.stderr import captured_stderr, load_tensorflow
from asr.settings.declaration import Product
from asr.settings.values import affecting
from asr.settings.workspace import Workspace
from tools.commands.steps.inputs import account_table, sample_sentences
from tools.commands.steps.keyword_other_speech import training_recordings
from tools.commands.steps.noise import evaluation_noise_folder

if TYPE_CHECKING:
    from asr.augment.evaluation_noise import Noise
    from asr.keyword.train import Trained
    from datasets.account import Account
    from datasets.keywords import KeywordDataset


def find_recordings(ws: Workspace, account: Account | None = None) -> KeywordDataset:
    """Find and split a keyword model's recordings, synthetic voices included."""
    from datasets import keywords

    return keywords.find(ws, partial(sample_sentences, ws), training_recordings(ws), account)


def make_features(ws: Workspace) -> Path:
    """Make the data set unless it is up to date; return its folder.

    The account of the workspace's own recordings is printed, also where this fails.
    """
    from datasets.account import FILE_NAME, SET_ASIDE, Account

    account = Account(ws.recordings, place_in(ws.root, ws.recordings))
    rejected = ws.keyword / "features" / "rejected.csv"
    try:
        return _make_features(ws, account)
    finally:
        if rejected.is_file():
            for _, row in tables.read(rejected, RecordingsError, columns=("name", "reason")):
                account.change_if_known(row["name"], SET_ASIDE, row["reason"])
        account.write(ws.clips / FILE_NAME)
        if account.entries:
            say("\n".join(account.lines(account_table(ws))))


def _make_features(ws: Workspace, account: Account) -> Path:
    from asr.keyword import clips, examples, jobs

    chosen = ws.settings.keyword
    folder = ws.keyword / "features"
    found = find_recordings(ws, account)
    noises = evaluation_noise(ws)
    depends = affecting(ws.settings.as_dict(), Product.KEYWORD_FEATURES)
    files = [*_inventory(found), *_noise_files(ws, found, noises)]
    stamp = Stamp(folder / "stamp.json", depends, files, _VERSION)
    if stamp.is_fresh([folder / "train.labels.npy", folder / "table.csv"]):
        return folder
    (folder / "stamp.json").unlink(missing_ok=True)
    given = clips.gather(found, chosen, ws.settings.augment, ws.keyword / "sounds", noises)
    planned = jobs.plan(found, chosen)
    say(f"features of {len(planned)} recordings, split by {found.by}")
    remarks = [*found.remarks, *examples.make(folder, found, given, planned)]
    write_json(folder / "remarks.json", {"by": found.by, "remarks": remarks})
    stamp.set()
    return folder


_VERSION = 3  # of the code that makes clips; raised when it makes other clips of the same recordings


def evaluation_noise(ws: Workspace) -> tuple[Noise, ...]:
    """Return the noises to evaluate in: the workspace's own for that, or kinds that training leaves out."""
    from asr.augment.evaluation_noise import KITCHEN, Noise
    from asr.settings.augment import KINDS

    chosen, seed = ws.settings.keyword, ws.settings.evaluate.seed
    own = Noise.of_folder(evaluation_noise_folder(ws), seed, chosen.noise_kinds)
    if own.files:
        return (own,)
    # Textures do not occur outside tests.
    left = [kind for kind in KINDS if kind not in (*chosen.noise_kinds, "babble", "texture")]
    # Synthesising noise for each of 100,000 clips would take as long as the features of all of them.
    return tuple(Noise(kind, (), seed, chosen.noise_kinds, pool=32) for kind in (*left, KITCHEN))


def train_network(ws: Workspace, features: Path, *, again: bool = False) -> Trained:
    """Train, or resume a training that was stopped."""
    load_tensorflow()
    from asr.keyword.train import Plan, train

    checkpoints = ws.keyword / "checkpoints"
    if again:
        for path in checkpoints.rglob("last.npz"):
            path.unlink()
    trained = train(Plan(ws.settings.keyword, features, checkpoints, ws.keyword / "logs"))
    seconds = float(np.median([row["seconds"] for row in trained.curve]))
    record = {"epochs": trained.epochs, "best": trained.best, "seconds": seconds, "curve": trained.curve}
    write_json(ws.keyword / "training.json", record)
    return trained


def export_model(ws: Workspace, trained: Trained, features: Path) -> Path:
    """Write all files for a microcontroller and its tools; return their folder."""
    from asr.keyword.examples import classes
    from asr.keyword.frontend import SLICES, WIDTHS
    from asr.keyword.network import SCALES
    from asr.keyword.shards import Reader
    from asr.layers.keyword import multiplications
    from export import tflite
    from export.c_array import micro_speech_source

    chosen = ws.settings.keyword
    inputs = SLICES * WIDTHS[chosen.preprocess]
    names = classes(chosen.words)
    reader = Reader(features, "train")
    rows = reader.rows(np.linspace(0, len(reader) - 1, min(len(reader), 1000)).astype(np.int64))
    folder = ws.keyword_export
    with captured_stderr():
        # The converter logs to stderr.
        model = tflite.int8_model(trained.layers, rows, SCALES[chosen.preprocess])
        write_bytes(folder / "model.pb", tflite.frozen_graph(trained.layers, inputs))
        write_bytes(folder / "model_float.tflite", tflite.float_model(trained.layers, inputs))
    write_bytes(folder / "model.tflite", model)
    source, header = micro_speech_source(model, names)
    write_text(folder / "model.cc", source)
    write_text(folder / "model.h", header)
    write_tables(ws)
    write_text(folder / "words.txt", "".join(f"{name}\n" for name in names))
    write_json(
        folder / "card.json",
        {
            "words": list(names),
            "network": chosen.network,
            "bytes": len(model),
            "operators": tflite.ops(model),
            "multiplications": multiplications(trained.layers, inputs),
            "settings": asdict(chosen),
            "epochs": trained.epochs,
            "best_epoch": trained.best,
        },
    )
    return folder


def write_tables(ws: Workspace, thresholds: Sequence[int] = ()) -> None:
    """Write keyword_model.c and keyword_model.h for the runtime in firmware/lib.

    Parameters
    ----------
    thresholds : of each word, 0 to 255, or 256 for never; empty: half of the highest score.
    """
    from asr.keyword.detect import Rule
    from asr.keyword.examples import classes
    from asr.keyword.frontend import fingerprint
    from export.c_source import c_source

    chosen, folder = ws.settings.keyword, ws.keyword_export
    if chosen.preprocess != "micro":
        # The runtime has no frontend for the other features.
        return
    rule = Rule.of(chosen, thresholds or (128,) * len(chosen.words))
    path = folder / "model.tflite"
    try:
        texts = c_source(path.read_bytes(), classes(chosen.words), rule, fingerprint(), path=path)
    except ModelError as error:
        # TensorFlow Lite Micro runs more networks than our runtime; its files are still good.
        say(f"no tables for firmware/lib: {error}")
        texts = ("", "")
    for name, text in zip(("keyword_model.c", "keyword_model.h"), texts, strict=True):
        (folder / name).unlink(missing_ok=True)
        if text:
            write_text(folder / name, text)


def evaluate_clips(ws: Workspace, features: Path, split: str = "test") -> dict[str, Any]:
    """Measure the exported models on single clips of a split.

    Writes figures and confusion matrices to build/reports/keyword, and the training curve beside them.

    Returns
    -------
    The figures; `text` holds them in words.
    """
    load_tensorflow()
    from asr.evaluation import keyword_plots as plots
    from asr.evaluation.classification import Classification, mistakes
    from asr.evaluation.plots import as_png
    from asr.keyword.examples import classes, read_table
    from asr.keyword.network import real
    from asr.keyword.shards import Reader
    from export import tflite

    folder, reports, chosen = ws.keyword_export, ws.reports / "keyword", ws.settings.keyword
    names = classes(chosen.words)
    check_words(folder, names)
    int8, floats = ((folder / name).read_bytes() for name in ("model.tflite", "model_float.tflite"))
    table = read_table(features, split)
    noises = np.array([clip.noise for clip in table])
    record: dict[str, Any] = {"split": split, "bytes": len(int8), "sets": {}}
    lines = []
    for condition in ("clean", "noise"):
        title = f"{split}, {condition}"
        reader = Reader(features, f"{split}-{condition}")
        rows, labels = reader.all(), reader.labels
        scores = tflite.predict(int8, rows)
        results = {
            "int8": Classification.of(title, names, labels, scores),
            "float": Classification.of(title, names, labels, tflite.predict(floats, real(rows, chosen.preprocess))),
        }
        found: dict[str, Any] = {kind: result.record() for kind, result in results.items()}
        for kind, result in results.items():
            low, high = result.interval
            lines.append(
                f"{title}, {kind}: {result.accuracy:.2%} of {result.clips} clips (95 %: {low:.1%} to {high:.1%})"
            )
        words = labels >= 2
        recall = float(np.mean(scores[words].argmax(axis=1) == labels[words]))
        lines.append(f"  words only: {recall:.2%} of {int(words.sum())}")
        if condition == "noise":
            found |= {"level": chosen.judge_level, "by noise": {}}
            for noise in np.unique(noises).tolist():
                part = Classification.of(noise, names, labels[noises == noise], scores[noises == noise])
                found["by noise"][noise] = part.accuracy
                lines.append(f"  {noise}, {chosen.judge_level:g} dB: {part.accuracy:.2%} of {part.clips}")
        found["mistakes"] = mistakes(table, names, scores.astype(np.int64))
        record["sets"][condition] = found
        picture = plots.confusion(results["int8"], title)
        write_bytes(reports / f"confusion-{split}-{condition}.png", as_png(picture))
    write_json(reports / f"{split}.json", record)
    training = ws.keyword / "training.json"
    if training.is_file():
        kept = json.loads(training.read_text(encoding="utf-8"))
        write_bytes(reports / "training.png", as_png(plots.training(kept["curve"], kept["best"])))
    record["text"] = "\n".join(lines)
    return record


def check_words(folder: Path, names: tuple[str, ...]) -> None:
    """Check that there is an exported model for the words in asr.toml; ModelError otherwise."""
    path = folder / "words.txt"
    if not (folder / "model.tflite").is_file() or not path.is_file():
        raise ModelError("there is no keyword model", path=folder, fix="Run: asr keyword")
    found = tuple(path.read_text(encoding="utf-8").splitlines())
    if found != names:
        raise ModelError(
            f"the model knows {', '.join(found)}, and asr.toml asks for {', '.join(names)}",
            path=path,
            fix="Run: asr keyword",
        )


def describe_features(ws: Workspace, features: Path) -> list[str]:
    """Return the number of clips of each class, a line for each set."""
    from asr.keyword.examples import classes
    from asr.keyword.shards import Reader

    names = classes(ws.settings.keyword.words)
    lines = []
    for name in ("train", "dev-clean", "test-clean"):
        counts = np.bincount(Reader(features, name).labels, minlength=len(names))
        said = ", ".join(f"{count} {word}" for word, count in zip(names, counts, strict=True))
        lines.append(f"{name}: {counts.sum()} clips ({said})")
    return lines


def remarks_of(features: Path) -> list[str]:
    """Return the remarks on the data set."""
    try:
        kept = json.loads((features / "remarks.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        raise RecordingsError("the data set is incomplete", path=features, fix="Run: asr keyword") from None
    return [str(remark) for remark in kept["remarks"]]


def _inventory(found: KeywordDataset) -> list[Any]:
    """Return names, words, splits, sizes and times of all recordings, for a stamp."""
    rows: list[Any] = []
    for utterance in found.utterances:
        row: list[Any] = [found.called(utterance.name), utterance.word, utterance.split]
        if not utterance.archived:
            row += _seen(Path(utterance.name), found)[1:]
        rows.append(row)
    return [*rows, _seen(found.archive, found)] if found.archive is not None else rows


def _noise_files(ws: Workspace, found: KeywordDataset, noises: Sequence[Noise]) -> list[Any]:
    """Return names, sizes and times of all noise files, for a stamp; the archive stands for its own."""
    folders = [folder for folder in found.noises if not folder.is_relative_to(ws.keyword)]
    files = [path for folder in folders for path in audio.sound_files(folder)]
    files += [path for noise in noises for path in noise.files]
    return [*(_seen(path, found) for path in files), *([noise.kind, noise.seed] for noise in noises)]


def _seen(path: Path, found: KeywordDataset) -> list[Any]:
    stat = path.stat()
    return [found.called(path), stat.st_size, stat.st_mtime_ns]
