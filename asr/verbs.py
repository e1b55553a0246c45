"""What the verbs of the command `asr` do: each one puts the rooms together and says what came out.

This module and asr.cli are the only ones of asr that know lm, datasets and export.
"""

from __future__ import annotations

import functools
import json
import sys
from collections.abc import Callable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from asr import settings as settings_
from asr.errors import ModelError, WorkspaceError
from asr.files import fingerprint, write_json, write_text
from asr.progress import say
from asr.stamps import Stamp
from asr.workspace import SPLITS, Workspace

if TYPE_CHECKING:
    from asr.augment.chain import Chain
    from asr.ctc.recognise import Client, Utterance
    from asr.ctc.train import Plan
    from asr.runs import Run
    from datasets.prepare import Prepared
    from lm.sentences import Templates

SPOKEN_SENTENCES = 2000  # sentences of the templates that synthetic voices choose from
JUDGED = 300  # dev utterances that decide between candidates
EXAMPLE = "turn on the light\nturn off the light\nswitch on the light\nswitch off the light\n"


def open_workspace(folder: Path) -> Workspace:
    """Read a workspace."""
    return Workspace.open(folder)


def init(folder: Path, sentences: Path | None = None, recordings: Path | None = None) -> str:
    """Make a workspace in a new or empty folder."""
    from datasets import recordings as recordings_
    from lm.sentences import Templates

    if (folder / "asr.toml").exists():
        raise WorkspaceError("there is a workspace already", path=folder, fix="Choose another folder")
    chosen = settings_.Settings()
    text = EXAMPLE
    if sentences is not None:
        Templates.read(sentences, Workspace(folder, chosen).alphabet)
        text = sentences.read_text(encoding="utf-8-sig")
    if recordings is not None:
        found = recordings_.find(recordings, Workspace(folder, chosen).alphabet)
        if not found:
            raise WorkspaceError(
                "there are no recordings", path=recordings, fix="Name a recordings.csv or a folder"
            )
        if sentences is None:
            text = "".join(f"{line}\n" for line in sorted({recording.transcript for recording in found}))
        chosen = settings_.with_values(chosen, recordings={"folder": str(recordings.resolve())})
    folder.mkdir(parents=True, exist_ok=True)
    if not (folder / "sentences.txt").exists():
        write_text(folder / "sentences.txt", text)
    if recordings is None:
        (folder / "recordings").mkdir(exist_ok=True)
    write_text(folder / "asr.toml", settings_.render(chosen))
    return (
        f"{folder}: edit sentences.txt, put sound into {chosen.recordings.folder}/, then: asr train {folder}"
    )


def manifests(ws: Workspace) -> str:
    """Make clips, split and manifests."""
    with ws.lock():
        return _describe(_prepare(ws))


def scorer(ws: Workspace) -> str:
    """Make the scorer."""
    with ws.lock():
        return _scorer(ws)


def train(ws: Workspace, *, again: bool = False) -> None:
    """Train, export and measure; what is up to date is not done again."""
    from asr.ctc.train import Trainer
    from asr.runs import Run

    with ws.lock():
        prepared = _prepare(ws)
        say(_describe(prepared))
        say(_scorer(ws))
        data = _data_fingerprint(ws)
        run = None if again else _latest(ws, data)
        if run is not None and run.status == "finished":
            say(f"nothing has changed since run {run.id}; asr train --again trains anew")
            if not (ws.model.is_file() and ws.card.is_file()):
                _export(ws, run)
            _print_figures(ws, run)
            return
        plan, parent = _plan(ws, prepared)
        if run is None:
            settings = ws.settings.as_dict()
            run = Run.start(
                ws.runs,
                settings,
                data=data,
                parent=parent,
                seed=ws.settings.train.seed,
                remarks=prepared.remarks,
            )
        else:
            say(f"run {run.id} was stopped and goes on")
            run.resume()
        try:
            trainer = Trainer(_placed(plan, ws, run))
            result = trainer.run(run, _judge(ws, prepared) if ws.settings.train.choose_by == "wer" else None)
        except BaseException:
            run.stop()
            raise
        say(f"chosen: {result.chosen}; {result.epochs} epochs in {result.seconds:.0f} s")
        _export(ws, run)
        losses = trainer.losses(_clips(ws, prepared.of("test")))
        names = [Path(clip.clip).stem for clip in prepared.of("test")]
        _evaluate(ws, prepared, "test", run, dict(zip(names, losses, strict=True)))


def export(ws: Workspace, name: str = "") -> str:
    """Export a run's network."""
    with ws.lock():
        run = _finished(ws, name)
        _export(ws, run)
        _write_card(ws, run)
    return f"{ws.model}\n{ws.card}"


def evaluate(ws: Workspace, split: str = "test") -> None:
    """Measure the exported model on a split."""
    if split not in SPLITS:
        raise WorkspaceError(f"there is no split {split!r}", fix=f"The splits are {', '.join(SPLITS)}")
    if not ws.model.is_file():
        raise ModelError("there is no model", path=ws.model, fix="Run: asr train")
    with ws.lock():
        prepared = _prepare(ws)
        _scorer(ws)
        _evaluate(ws, prepared, split, _exported_run(ws))


def hear(ws: Workspace, count: int, play: bool) -> str:
    """Write augmented examples of training clips."""
    from asr.hear import hear as hear_examples

    with ws.lock():
        prepared = _prepare(ws)
        chain = _chain(ws, prepared)
        if chain is None:
            raise WorkspaceError(
                "augment.enabled is false", path=ws.toml, fix="Set it to true to hear what augmentation does"
            )
        folder = ws.reports / "hear"
        clips = [ws.clips / clip.clip for clip in prepared.of("train")]
        examples = hear_examples(clips, chain, count, folder, seed=ws.settings.train.seed, play=play)
    lines = [f"{example.wav.name}: {example.applied}" for example in examples]
    return "\n".join([*lines, f"{folder / 'examples.png'} shows them"])


def speak(ws: Workspace, count: int, out: Path | None) -> str:
    """Have synthetic voices speak some sentences."""
    from datasets.prepare import share_out
    from datasets.speech import cast_speakers, speak_to_files

    voices = ws.settings.voices
    speakers = cast_speakers(voices, ws.settings.alphabet.language)
    lines = share_out(_sentences(ws), speakers, count, voices.seed)
    paths = speak_to_files(lines, out or ws.build / "spoken")
    return "\n".join(
        f"{path}  {line.speaker.name}: {line.transcript}" for path, line in zip(paths, lines, strict=True)
    )


def show_runs(ws: Workspace, compared: tuple[str, str] | None, lineage: bool) -> None:
    """List, compare or relate runs."""
    from rich.console import Console

    from asr import comparison, run_tables, runs

    found = runs.list_runs(ws.runs)
    if not found:
        raise ModelError("nothing was trained here yet", path=ws.runs, fix="Run: asr train")
    if compared is not None:
        first, second = (runs.find_run(ws.runs, name) for name in compared)
        Console().print(run_tables.comparison_tables(comparison.compare(first, second)))
    elif lineage:
        Console().print(run_tables.lineage_tree(found))
    else:
        Console().print(run_tables.runs_table(found))


# What the verbs are made of


def _templates(ws: Workspace) -> Templates:
    from lm.sentences import Templates

    return Templates.read(ws.sentences, ws.alphabet)


def _sentences(ws: Workspace) -> list[str]:
    return _templates(ws).expand(SPOKEN_SENTENCES, ws.settings.voices.seed)


def _prepare(ws: Workspace) -> Prepared:
    from datasets.prepare import prepare

    return prepare(ws, _sentences(ws))


def _describe(prepared: Prepared) -> str:
    parts = []
    for name in SPLITS:
        clips = prepared.of(name)
        speakers = len({clip.speaker for clip in clips})
        kind = " synthetic" if clips and all(clip.synthetic for clip in clips) else ""
        minutes = sum(clip.seconds for clip in clips) / 60
        parts.append(f"{name} {len(clips)} clips ({minutes:.1f} min) of {speakers}{kind} speakers")
    lines = [f"split by {prepared.by}: " + ", ".join(parts)]
    if prepared.rejected:
        lines.append(f"{len(prepared.rejected)} recordings were set aside, see build/clips/rejected.csv")
    return "\n".join([*lines, *(f"mind: {remark}" for remark in prepared.remarks)])


def _scorer(ws: Workspace) -> str:
    from lm.scorer import build

    chosen = ws.settings
    words = ws.export / f"vocab-{chosen.scorer.top_k}.txt"
    products = (ws.export / "lm.binary", words, ws.scorer)
    stamp = Stamp(
        ws.export / ".scorer.stamp",
        ws.sentences,
        asdict(chosen.sentences),
        asdict(chosen.scorer),
        chosen.alphabet.labels,
    )
    if stamp.is_fresh(products):
        return f"{ws.scorer} is up to date"
    built = build(
        ws.sentences,
        ws.alphabet,
        ws.export,
        chosen.scorer,
        limit=chosen.sentences.limit,
        seed=chosen.sentences.seed,
    )
    write_text(ws.build / "alphabet.txt", ws.alphabet.as_text())
    stamp.set()
    lines = [f"{built.scorer}: {built.words} words, {built.sentences} of {built.derivations} sentences"]
    return "\n".join([*lines, *built.remarks])


def _data_fingerprint(ws: Workspace) -> str:
    return fingerprint(ws.clips_table, *(ws.manifest(name) for name in SPLITS))


def _trained_from(settings: dict[str, Any]) -> dict[str, Any]:
    """Return the settings that weights depend on."""
    return {name: settings.get(name) for name in ("train", "augment", "alphabet", "voices", "sentences")}


def _latest(ws: Workspace, data: str) -> Run | None:
    """Return the last run, if it was made from the same data and settings: to go on with, or to leave as it is."""
    from asr.runs import list_runs

    wanted = _trained_from(ws.settings.as_dict())
    same = [run for run in list_runs(ws.runs) if run.data == data and _trained_from(run.settings) == wanted]
    return max(same, key=lambda run: run.id) if same else None


def _finished(ws: Workspace, name: str) -> Run:
    from asr.runs import find_run, list_runs

    if name:
        return find_run(ws.runs, name)
    finished = [run for run in list_runs(ws.runs) if _best(ws, run).is_file()]
    if not finished:
        raise ModelError("nothing was trained here yet", path=ws.runs, fix="Run: asr train")
    return max(finished, key=lambda run: run.id)


def _best(ws: Workspace, run: Run) -> Path:
    return ws.checkpoints / run.id / "best.npz"


def _clips(ws: Workspace, clips: Sequence[Any]) -> list[Any]:
    from asr.ctc.batches import Clip

    return [Clip(ws.clips / clip.clip, clip.transcript, clip.seconds) for clip in clips]


def _chain(ws: Workspace, prepared: Prepared) -> Chain | None:
    from asr.augment.chain import Chain
    from asr.augment.sounds import Sounds

    chosen = ws.settings.augment
    if not chosen.enabled:
        return None
    cache = ws.build / "noise"
    cache.mkdir(parents=True, exist_ok=True)
    noises = Sounds.gather([ws.root / folder for folder in chosen.noise_folders], cache=cache)
    voices = Sounds.read([[ws.clips / clip.clip for clip in prepared.of("train")]], cache=cache)
    return Chain(chosen, noises, voices, seed=ws.settings.train.seed)


def _plan(ws: Workspace, prepared: Prepared) -> tuple[Plan, str | None]:
    from asr.ctc.batches import Recipe
    from asr.ctc.train import Plan

    chosen = ws.settings.train
    real = not all(clip.synthetic for clip in prepared.clips)
    start, parent = _start(ws)
    recipe = Recipe(ws.alphabet, _chain(ws, prepared), chosen.seed)
    plan = Plan(
        chosen,
        ws.alphabet,
        _clips(ws, prepared.of("train")),
        _clips(ws, prepared.of("dev")),
        recipe,
        ws.checkpoints,
        ws.build / "features",
        ws.logs,
        synthetic=_voices(ws) if real and ws.settings.voices.use == "mix" else None,
        start=start,
    )
    return plan, parent


def _placed(plan: Plan, ws: Workspace, run: Run) -> Plan:
    from dataclasses import replace

    return replace(plan, checkpoints=ws.checkpoints / run.id, logs=ws.logs / run.id)


def _voices(ws: Workspace) -> Callable[[int, int], Sequence[Any]]:
    """Return what makes an epoch's synthetic utterances: new sentences of the templates, by all speakers in turn."""
    from datasets.speech import Spoken, cast_speakers

    chosen = ws.settings
    speakers = cast_speakers(chosen.voices, chosen.alphabet.language)
    templates = _templates(ws)

    def utterances(epoch: int, count: int) -> list[Spoken]:
        rng = np.random.default_rng([chosen.voices.seed, chosen.train.seed, epoch])
        texts = templates.sample(count, rng)
        order = rng.permutation(len(speakers))
        return [Spoken(text, speakers[int(order[i % len(order)])]) for i, text in enumerate(texts)]

    return utterances


def _start(ws: Workspace) -> tuple[Any, str | None]:
    """Return the weights to start from and what to call them; (None, None) where training starts afresh."""
    from asr.ctc.transfer import Start
    from asr.runs import find_run
    from export.weights import read_layers

    chosen = ws.settings.train
    if not chosen.start_from:
        return None, None
    path = (ws.root / Path(chosen.start_from).expanduser()).resolve()
    if path.suffix in (".pb", ".pbmm"):
        network = read_layers(path)
        layers, alphabet = network.layers, network.metadata.alphabet
        parent = str(path)
    else:
        run = find_run(ws.runs, chosen.start_from)
        layers, alphabet = _layers(ws, run)
        parent = run.id
    return Start(layers, alphabet, ws.alphabet, chosen.freeze, chosen.drop_layers, parent), parent


def _layers(ws: Workspace, run: Run) -> tuple[Any, Any]:
    """Return the layers and the alphabet of a run's chosen weights."""
    from asr.alphabet import Alphabet
    from asr.ctc.train import read_layers

    settings = settings_.from_dict(run.settings, run.folder)
    alphabet = Alphabet(settings.alphabet.labels)
    return read_layers(_best(ws, run), settings.train, alphabet), alphabet


def _write_graph(ws: Workspace, layers: Any, pb: Path | None, pbmm: Path) -> None:
    from export.graph import graph_def
    from export.pbmm import write_pbmm

    chosen = ws.settings
    graph = graph_def(
        layers, ws.alphabet, beam_width=chosen.evaluate.beam_width, language=chosen.alphabet.language
    )
    if pb is not None:
        from asr.files import write_bytes

        write_bytes(pb, graph)
    write_pbmm(graph, pbmm)


def _export(ws: Workspace, run: Run) -> None:
    layers, _ = _layers(ws, run)
    _write_graph(ws, layers, ws.graph, ws.model)
    write_json(ws.export / "run.json", {"run": run.id})


def _exported_run(ws: Workspace) -> Run | None:
    from asr.runs import find_run

    try:
        name = json.loads((ws.export / "run.json").read_text(encoding="utf-8"))["run"]
        return find_run(ws.runs, name)
    except (OSError, ValueError, KeyError, ModelError):
        return None


def _judge(ws: Workspace, prepared: Prepared) -> Callable[[Any], float]:
    """Return what measures a candidate: the client's word errors on dev, with the scorer."""
    import jiwer

    from asr.ctc.conditions import conditions
    from asr.ctc.recognise import recognise

    everyone = _utterances(ws, prepared.of("dev"))
    order = np.random.default_rng(ws.settings.train.seed).permutation(len(everyone))[:JUDGED]
    chosen = [everyone[int(index)] for index in sorted(order)]

    def judge(layers: Any) -> float:
        trial = ws.checkpoints / "candidate.pbmm"
        trial.parent.mkdir(parents=True, exist_ok=True)
        _write_graph(ws, layers, None, trial)
        try:
            heard = recognise(_client(ws, trial), chosen, conditions(None))
        finally:
            trial.unlink(missing_ok=True)
        return float(jiwer.wer([one.transcript for one in heard], [one.hypothesis for one in heard]))

    return judge


def _client(ws: Workspace, model: Path) -> Client:
    from asr.ctc.recognise import Client

    return Client(model, ws.scorer, ws.settings.evaluate.beam_width)


def _utterances(ws: Workspace, clips: Sequence[Any]) -> list[Utterance]:
    from asr.ctc.recognise import Utterance

    return [
        Utterance(
            Path(clip.clip).stem,
            ws.clips / clip.clip,
            clip.transcript,
            clip.speaker,
            clip.seconds,
            clip.synthetic,
            None if clip.synthetic else Path(clip.source),
        )
        for clip in clips
    ]


def _evaluate(
    ws: Workspace, prepared: Prepared, split: str, run: Run | None, losses: dict[str, float] | None = None
) -> None:
    """Measure a split through the client; print a table, write the report and the card, and close the run."""
    from rich.console import Console

    from asr.ctc import report as report_
    from asr.ctc.conditions import Noise, conditions
    from asr.ctc.evaluate import evaluate as measure
    from asr.ctc.evaluate import record
    from asr.ctc.recognise import recognise, sounds

    chosen = ws.settings.evaluate
    heard_in_training = ws.settings.augment.noise_kinds if ws.settings.augment.enabled else ()
    noise = None
    if chosen.noise:
        noise = Noise.of_folder(ws.root / chosen.noise_folder, chosen.seed, heard_in_training=heard_in_training)
    utterances = _utterances(ws, prepared.of(split))
    real = any(not utterance.synthetic for utterance in utterances)
    asked = conditions(noise, chosen.noise_levels, raw=real)
    heard = recognise(
        _client(ws, ws.model),
        utterances,
        asked,
        noise,
        losses=losses,
        slots=functools.cache(_templates(ws).slots),
    )
    evaluations = measure(heard, prepared.remarks, seed=chosen.seed)
    name = run.id if run is not None else "model"
    if run is not None and split == "test":
        run.finish(record(evaluations), heard, {"best": str(_best(ws, run))})
    content = report_.Report(
        title=ws.root.name,
        evaluations=evaluations,
        run=run.record() if run is not None else {},
        facts={"split": split, "scorer": ws.scorer.name, "beam width": chosen.beam_width},
        descriptions={} if noise is None else {noise.kind: noise.description},
    )
    page = report_.write_report(
        ws.reports / f"{name}-{split}", content, sounds(utterances, asked, noise)
    )
    if run is not None and split == "test":
        _write_card(ws, run)
    Console().print(report_.summary(evaluations))
    _print_worst(evaluations)
    print(f"report: {page}", file=sys.stderr)


def _print_worst(evaluations: Sequence[Any]) -> None:
    for evaluation in evaluations:
        wrong = [item for item in evaluation.worst if not item.right]
        if wrong:
            print(f"the {len(wrong)} worst, {evaluation.kind} speech:")
        for item in wrong:
            print(f"  {item.clip}  said: {item.transcript!r}  heard: {item.hypothesis!r}")


def _print_figures(ws: Workspace, run: Run) -> None:
    print(json.dumps(run.figures, indent=2))


def _write_card(ws: Workspace, run: Run, report: dict[str, Any] | None = None) -> None:
    import getpass

    from datasets.clips import read_clips
    from datasets.manifest import read_manifest
    from export.card import Card, Share, write_card

    splits = {row.wav_filename: name for name in SPLITS for row in read_manifest(ws.manifest(name))}
    rows: dict[str, list[tuple[str, float, bool]]] = {name: [] for name in SPLITS}
    for clip in read_clips(ws.clips_table):
        name = splits.get(ws.clips / clip.clip)
        if name is not None:
            rows[name].append((clip.speaker, clip.seconds, clip.synthetic))
    record = json.loads(ws.split_record.read_text(encoding="utf-8"))
    path = ws.reports / f"{run.id}-test" / "report.json"
    if report is None and path.is_file():
        report = json.loads(path.read_text(encoding="utf-8"))
    card = Card(
        name=ws.root.name,
        author=getpass.getuser(),
        data={name: Share.of(found) for name, found in rows.items()},
        split_by=record["by"],
        remarks=record["remarks"],
        run=run.record(),
        report=report or {},
        sentences=_templates(ws).expand(10, 1)[:10],
    )
    write_card(ws.export, card, [path for path in (ws.graph, ws.model, ws.scorer) if path.is_file()])
