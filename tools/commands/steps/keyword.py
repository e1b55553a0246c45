"""The keyword model: from recordings to features, weights, files for a microcontroller, and figures."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from asr.core import audio
from asr.core.errors import ModelError, RecordingsError
from asr.core.files import write_bytes, write_json, write_text
from asr.core.progress import say
from asr.core.stamps import Stamp
from asr.core.stderr import captured_stderr, load_tensorflow
from asr.settings.declaration import Product
from asr.settings.values import affecting
from asr.settings.workspace import Workspace
from tools.commands.steps.noise import judging_folder
from tools.commands.steps.preparing import sample_sentences

if TYPE_CHECKING:
    from asr.augment.evaluation_noise import Noise
    from asr.keyword.train import Trained
    from datasets.keywords import KeywordDataset


def find_recordings(ws: Workspace) -> KeywordDataset:
    """Find and split a keyword model's recordings; synthetic voices say its words and the workspace's sentences."""
    from datasets import keywords

    return keywords.find(ws, partial(sample_sentences, ws))


def make_features(ws: Workspace) -> Path:
    """Make the data set unless it is up to date; return its folder."""
    from asr.keyword import examples, jobs
    chosen = ws.settings.keyword
    folder = ws.keyword / "features"
    found = find_recordings(ws)
    judges = judging_noise(ws)
    depends = affecting(ws.settings.as_dict(), Product.KEYWORD_FEATURES)
    files = [*_inventory(found), *_noise_files(ws, found, judges)]
    stamp = Stamp(folder / "stamp.json", depends, files, _VERSION)
    if stamp.is_fresh([folder / "train.labels.npy", folder / "table.csv"]):
        return folder
    (folder / "stamp.json").unlink(missing_ok=True)
    recipe = examples.recipe_of(found, chosen, ws.settings.augment, ws.keyword / "sounds", judges)
    planned = jobs.plan(found, chosen)
    say(f"features of {len(planned)} recordings, split by {found.by}")
    remarks = [*found.remarks, *examples.make(folder, found, recipe, planned)]
    write_json(folder / "remarks.json", {"by": found.by, "remarks": remarks})
    stamp.set()
    return folder


_VERSION = 3  # raise it when the same recordings would give other clips


def judging_noise(ws: Workspace) -> tuple[Noise, ...]:
    """Return the noises that judge: the workspace's own for tests, or kinds that training never makes."""
    from asr.augment.evaluation_noise import KITCHEN, Noise
    from asr.settings.augment import KINDS

    chosen, seed = ws.settings.keyword, ws.settings.evaluate.seed
    own = Noise.of_folder(judging_folder(ws), seed, chosen.noise_kinds)
    if own.files:
        return (own,)
    # Textures are no noise that anybody has met.
    left = [kind for kind in KINDS if kind not in (*chosen.noise_kinds, "babble", "texture")]
    # Noise for each of 100,000 clips would take as long to make as the features of all of them.
    return tuple(Noise(kind, (), seed, chosen.noise_kinds, pool=32) for kind in (*left, KITCHEN))


def train_network(ws: Workspace, features: Path, *, again: bool = False) -> Trained:
    """Train, or go on where a training was stopped."""
    load_tensorflow()
    from asr.keyword.train import Plan, train, write_record

    checkpoints = ws.keyword / "checkpoints"
    if again:
        for path in checkpoints.rglob("last.npz"):
            path.unlink()
    plan = Plan(ws.settings.keyword, 2 + len(ws.settings.keyword.words), features, checkpoints, ws.keyword / "logs")
    trained = train(plan)
    write_record(ws.keyword / "training.json", trained)
    return trained


def export_model(ws: Workspace, trained: Trained, features: Path) -> Path:
    """Write everything a microcontroller and its tools take; return the folder."""
    import numpy as np

    from asr.keyword.examples import SLICES, WIDTHS, classes
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
        # The converter tells what it was asked for.
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
    """Write keyword_model.c and keyword_model.h for the runner in firmware/lib.

    Parameters
    ----------
    thresholds : of each word, 0 to 255, or 256 for never; empty: half of the highest score.
    """
    from asr.keyword.detect import NEVER
    from asr.keyword.examples import classes
    from asr.keyword.frontend import fingerprint
    from export.c_source import Listening, c_source

    chosen, folder = ws.settings.keyword, ws.keyword_export
    if chosen.preprocess != "micro":
        # The runner's stream hears the newer features only.
        return
    listening = Listening(
        thresholds=(NEVER, NEVER, *thresholds) if thresholds else (),
        stride=chosen.inference_stride,
        average=chosen.smoothing,
        suppression=chosen.suppression,
        frontend=fingerprint(),
    )
    path = folder / "model.tflite"
    try:
        texts = c_source(path.read_bytes(), classes(chosen.words), listening, path=path)
    except ModelError as error:
        # TensorFlow Lite Micro runs more than our runner does; its files are good all the same.
        say(f"no tables for firmware/lib: {error}")
        texts = ("", "")
    for name, text in zip(("keyword_model.c", "keyword_model.h"), texts, strict=True):
        (folder / name).unlink(missing_ok=True)
        if text:
            write_text(folder / name, text)


def judge(ws: Workspace, features: Path, split: str = "test") -> dict[str, Any]:
    """Measure the exported models on single clips: table, pictures and a record in build/reports/keyword."""
    load_tensorflow()
    import numpy as np

    from asr.evaluation import keyword_plots as plots
    from asr.evaluation.keyword_clips import figures, mistakes, read_table
    from asr.evaluation.plots import as_png
    from asr.keyword.examples import classes
    from asr.keyword.network import real
    from asr.keyword.shards import Reader
    from export import tflite

    folder, chosen = ws.keyword_export, ws.settings.keyword
    names = classes(chosen.words)
    check_words(folder, names)
    models = {name: (folder / file).read_bytes() for name, file in _MODELS.items()}
    table = read_table(features, split)
    record: dict[str, Any] = {"split": split, "bytes": len(models["int8"]), "sets": {}}
    lines = []
    for condition in ("clean", "noise"):
        reader = Reader(features, f"{split}-{condition}")
        rows = reader.all()
        scores = {
            "int8": tflite.predict(models["int8"], rows),
            "float": tflite.predict(models["float"], real(rows, chosen.preprocess)),
        }
        for kind, found in scores.items():
            figure = figures(f"{split}-{condition}", names, reader.labels, found)
            record["sets"].setdefault(condition, {})[kind] = figure.record()
            low, high = figure.interval
            lines.append(
                f"{split}, {condition}, {kind}: {figure.accuracy:.2%} of {figure.clips} clips "
                f"(95 %: {low:.1%} to {high:.1%})"
            )
            if kind == "int8":
                words = np.isin(reader.labels, np.arange(2, len(names)))
                title = f"{split}, {condition}"
                write_bytes(
                    ws.reports / "keyword" / f"confusion-{split}-{condition}.png",
                    as_png(plots.confusion(figure, title)),
                )
                for noise in sorted({row.noise for row in table}) if condition == "noise" else ():
                    chosen_rows = np.array([row.noise == noise for row in table])
                    part = figures(noise, names, reader.labels[chosen_rows], found[chosen_rows])
                    record["sets"][condition].setdefault("by noise", {})[noise] = part.accuracy
                    lines.append(f"  {noise}, {chosen.judge_level:g} dB: {part.accuracy:.2%} of {part.clips}")
                recall = float(np.mean(found[words].argmax(axis=1) == reader.labels[words]))
                lines.append(f"  words alone: {recall:.2%} of {int(words.sum())}")
                record["sets"][condition]["mistakes"] = mistakes(table, names, found.astype(np.int64))
    write_json(ws.reports / "keyword" / f"{split}.json", record)
    training = ws.keyword / "training.json"
    if training.is_file():
        kept = json.loads(training.read_text(encoding="utf-8"))
        write_bytes(ws.reports / "keyword" / "training.png", as_png(plots.training(kept["curve"], kept["best"])))
    record["text"] = "\n".join(lines)
    return record


_MODELS = {"int8": "model.tflite", "float": "model_float.tflite"}


def check_words(folder: Path, names: tuple[str, ...]) -> None:
    """Check that an exported model is there and hears the words that asr.toml names; ModelError otherwise."""
    path = folder / "words.txt"
    if not (folder / "model.tflite").is_file() or not path.is_file():
        raise ModelError("there is no keyword model", path=folder, fix="Run: asr keyword")
    found = tuple(path.read_text(encoding="utf-8").splitlines())
    if found != names:
        raise ModelError(
            f"the model hears {', '.join(found)}, and asr.toml asks for {', '.join(names)}",
            path=path,
            fix="Run: asr keyword",
        )


def describe_features(ws: Workspace, features: Path) -> list[str]:
    """Tell how many clips there are of each class, a line for a set."""
    import numpy as np

    from asr.keyword.examples import JUDGED_SETS, classes
    from asr.keyword.shards import Reader

    names = classes(ws.settings.keyword.words)
    lines = []
    for name in ("train", *JUDGED_SETS[::2]):
        counts = np.bincount(Reader(features, name).labels, minlength=len(names))
        said = ", ".join(f"{count} {word}" for word, count in zip(names, counts, strict=True))
        lines.append(f"{name}: {counts.sum()} clips ({said})")
    return lines


def remarks_of(features: Path) -> list[str]:
    """Return what was said when the data set was made."""
    try:
        kept = json.loads((features / "remarks.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        raise RecordingsError("the data set is not whole", path=features, fix="Run: asr keyword") from None
    return [str(remark) for remark in kept["remarks"]]


def _inventory(found: KeywordDataset) -> list[Any]:
    """Return what stands for all recordings: names, words, splits, sizes and times."""
    rows: list[Any] = []
    for utterance in found.utterances:
        row: list[Any] = [found.called(utterance.name), utterance.word, utterance.split]
        if not utterance.archived:
            row += _seen(Path(utterance.name), found)[1:]
        rows.append(row)
    return [*rows, _seen(found.archive, found)] if found.archive is not None else rows


def _noise_files(ws: Workspace, found: KeywordDataset, judges: Sequence[Noise]) -> list[Any]:
    """Return what stands for all noise that is trained with or judges, but that of an archive, which stands for it."""
    folders = [folder for folder in found.noises if not folder.is_relative_to(ws.keyword)]
    files = [path for folder in folders for path in audio.sound_files(folder)]
    files += [path for judge in judges for path in judge.files]
    return [*(_seen(path, found) for path in files), *([judge.kind, judge.seed] for judge in judges)]


def _seen(path: Path, found: KeywordDataset) -> list[Any]:
    stat = path.stat()
    return [found.called(path), stat.st_size, stat.st_mtime_ns]
