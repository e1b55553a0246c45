"""What the verbs of the command `asr` do: take the steps in order, under the workspace's lock, and tell."""

from __future__ import annotations

from pathlib import Path

from asr.core.errors import ModelError, WorkspaceError
from asr.core.files import write_text
from asr.core.progress import say
from asr.core.stderr import load_tensorflow
from asr.settings import asr_toml as settings_
from asr.settings.sections import ENGINES
from asr.settings.workspace import SPLITS, Workspace
from tools.commands.steps.engines import engine_of
from tools.commands.steps.exporting import export_run, exported_run, is_exported, write_card
from tools.commands.steps.judging import evaluate as evaluate_split
from tools.commands.steps.judging import make_judge
from tools.commands.steps.lineage import data_fingerprint, find_same_run, find_trained_run, is_judged_as
from tools.commands.steps.noise import check_noise
from tools.commands.steps.preparing import describe, make_scorer, prepare, spoken_sentences
from tools.commands.steps.starting import origin
from tools.commands.steps.training import augmentation

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
    if folder.exists() and not folder.is_dir():
        raise WorkspaceError("this is a file", path=folder, fix="Name a folder that does not exist yet")
    if sentences is not None and (folder / "sentences.txt").exists():
        raise WorkspaceError(
            "there are sentences already", path=folder / "sentences.txt", fix="Leave out --sentences to use them"
        )
    chosen = settings_.Settings()
    alphabet = Workspace(folder, chosen).alphabet
    text = EXAMPLE
    written = folder / "sentences.txt"
    if written.exists():
        sentences = written
    if sentences is not None:
        Templates.read(sentences, alphabet)
        text = sentences.read_text(encoding="utf-8-sig")
    if recordings is not None:
        found = recordings_.find(recordings, alphabet)
        if not found:
            raise WorkspaceError(
                "there are no recordings", path=recordings, fix="Name a recordings.csv or a folder"
            )
        if sentences is None:
            text = "".join(f"{line}\n" for line in sorted({recording.transcript for recording in found}))
        chosen = settings_.with_values(chosen, recordings={"folder": str(recordings.resolve())})
    words = len(Templates.parse(text, alphabet, written).words())
    chosen = settings_.fitted(chosen, words)
    folder.mkdir(parents=True, exist_ok=True)
    if not written.exists():
        write_text(written, text)
    if recordings is None:
        (folder / "recordings").mkdir(exist_ok=True)
    write_text(folder / "asr.toml", settings_.render(chosen))
    sound = f"put sound into {chosen.recordings.folder}/"
    if recordings is not None:
        sound = f"{len(found)} recordings of {recordings} are used where they lie"
    known = chosen.train.start_from
    beginning = f"the weights it starts from know {known.title()}" if known else "it starts from nothing"
    return f"{folder}: {words} words; {beginning}; edit sentences.txt; {sound}; then: asr train {folder}"


def manifests(ws: Workspace) -> str:
    """Make clips, split and manifests."""
    with ws.lock():
        return describe(prepare(ws))


def scorer(ws: Workspace) -> str:
    """Make the scorer."""
    with ws.lock():
        return make_scorer(ws)


def train(ws: Workspace, *, again: bool = False, engine: str = "") -> None:
    """Train, export and measure; what is up to date is not done again. `engine` overrides train.engine."""
    from asr.runs.record import Run

    if engine:
        if engine not in ENGINES:
            raise WorkspaceError(f"there is no engine {engine!r}", fix=f"The engines are {', '.join(ENGINES)}")
        ws = Workspace(ws.root, settings_.with_values(ws.settings, train={"engine": engine}))
    with ws.lock():
        noises = check_noise(ws)
        prepared = prepare(ws)
        say(describe(prepared))
        if noises:
            say(noises)
        say(make_scorer(ws))
        data = data_fingerprint(ws, prepared)
        first = origin(ws)
        run = None if again else find_same_run(ws, data, first)
        if run is not None and run.status == "finished":
            say(f"nothing has changed since run {run.id}; asr train --again trains anew")
            if not is_exported(ws, run):
                export_run(ws, run)
                write_card(ws, run)
                say(f"exported anew: {ws.model}")
            page = ws.report(run.id, "test") / "index.html"
            if is_judged_as(ws, run) and page.is_file():
                from rich.console import Console

                from asr.runs.tables import figures_table

                Console().print(figures_table(run))
                say(f"report: {page}")
            else:
                say("but what it is measured by has, or the report is gone: measuring again")
                evaluate_split(ws, prepared, "test", run)
            return
        trainer = engine_of(ws, prepared, run)
        if run is None:
            settings = ws.settings.as_dict()
            run = Run.start(
                ws.runs,
                settings,
                data=data,
                parent=trainer.parent,
                origin=first,
                seed=ws.settings.train.seed,
                remarks=[*prepared.remarks, *trainer.remarks],
            )
            run.versions.update(trainer.versions)
        else:
            say(f"run {run.id} was stopped and goes on")
            run.resume()
        try:
            say(trainer.train(run))
        except BaseException:
            run.stop()
            raise
        export_run(ws, run)
        evaluate_split(ws, prepared, "test", run, trainer.losses())
        run.finish()


def export(ws: Workspace, name: str = "") -> str:
    """Export a run's network."""
    with ws.lock():
        run = find_trained_run(ws, name)
        export_run(ws, run)
        write_card(ws, run)
    return f"{ws.model}\n{ws.card}"


def evaluate(ws: Workspace, split: str = "test", recordings: Path | None = None) -> None:
    """Measure the exported model on a split, or on recordings that are none of the workspace's."""
    if split not in SPLITS:
        raise WorkspaceError(f"there is no split {split!r}", fix=f"The splits are {', '.join(SPLITS)}")
    if recordings is not None and split != "test":
        raise WorkspaceError("other recordings have no splits", fix="Leave out --split or --recordings")
    if not ws.model.is_file():
        raise ModelError("there is no model", path=ws.model, fix="Run: asr train")
    with ws.lock():
        if recordings is None:
            prepared = prepare(ws)
        else:
            from datasets.prepare import prepare_others

            split, prepared = prepare_others(ws, recordings)
        make_scorer(ws)
        evaluate_split(ws, prepared, split, exported_run(ws))


def tune(ws: Workspace) -> str:
    """Try other weights of the scorer on dev and return the best as lines for asr.toml."""
    from tools.commands.steps.tuning import best
    from tools.commands.steps.tuning import tune as try_weights

    if not ws.model.is_file():
        raise ModelError("there is no model", path=ws.model, fix="Run: asr train")
    with ws.lock():
        prepared = prepare(ws)
        make_scorer(ws)
        tried = try_weights(ws, prepared)
    found = best(tried)
    if found == tried[0]:
        return f"none was better than what asr.toml says: dev WER {found.wer:.1%}"
    return (
        f"dev WER {found.wer:.1%} instead of {tried[0].wer:.1%}; below [scorer] in {ws.toml} write\n"
        f"alpha = {found.alpha:g}\nbeta = {found.beta:g}\nthen: asr scorer {ws.root}, asr evaluate {ws.root}"
    )


def learn(ws: Workspace) -> str:
    """Measure the learning curve; the next report draws it."""
    from tools.commands.steps.curve import learn as measure

    with ws.lock():
        prepared = prepare(ws)
        make_scorer(ws)
        load_tensorflow()
        law = measure(ws, prepared, make_judge(ws, prepared))  # clean clips: what the forecast is of
    lines = [f"{point.recordings} recordings: dev WER {point.wer:.1%}" for point in law.points]
    return "\n".join([*lines, law.forecast(), "asr evaluate draws it into the report"])


def hear(ws: Workspace, count: int, play: bool) -> str:
    """Write augmented examples of training clips."""
    from asr.augment.preview import hear as hear_examples

    with ws.lock():
        prepared = prepare(ws)
        chain = augmentation(ws, prepared)
        if chain is None:
            raise WorkspaceError(
                "augment.enabled is false", path=ws.toml, fix="Set it to true to hear what augmentation does"
            )
        folder = ws.reports / "hear"
        clips = [ws.clips / clip.clip for clip in prepared.of("train")]
        examples = hear_examples(clips, chain, count, folder, seed=ws.settings.train.seed, play=play)
    lines = [f"{example.wav.name}: {example.describe()}" for example in examples]
    return "\n".join([*lines, f"{folder / 'examples.png'} shows them"])


def speak(ws: Workspace, count: int, out: Path | None) -> str:
    """Have synthetic voices speak some sentences."""
    from datasets.prepare import share_out
    from datasets.speech import cast_speakers, speak_to_files

    voices = ws.settings.voices
    speakers = cast_speakers(voices, ws.settings.alphabet.language)
    lines = share_out(spoken_sentences(ws), speakers, count, voices.seed)
    paths = speak_to_files(lines, out or ws.build / "spoken", alone=out is None)
    return "\n".join(
        f"{path}  {line.speaker.name}: {line.transcript}" for path, line in zip(paths, lines, strict=True)
    )


def features(recording: Path, c_file: Path, preprocess: str) -> str:
    """Write a recording's keyword features as a C array."""
    from asr.keyword.c_features import write_c_features

    return write_c_features(recording, c_file, preprocess)


def tensorboard(ws: Workspace, port: int, host: str) -> None:
    """Show the logs of both tiers in browsers until the process is interrupted."""
    from tools.commands.steps.boards import serve

    serve(ws, port, host)


def keyword(ws: Workspace, *, again: bool = False, split: str = "test") -> str:
    """Train, export and measure the keyword model; what is up to date is not done again."""
    from tools.commands.steps import keyword as steps
    from tools.commands.steps import keyword_stream

    if split not in SPLITS[1:]:
        raise WorkspaceError(f"there is no split {split!r} to judge by", fix="Name dev or test")
    with ws.lock():
        features = steps.make_features(ws)
        remarks = steps.remarks_of(features)
        for remark in remarks:
            say(f"mind: {remark}")
        trained = steps.train_network(ws, features, again=again)
        folder = steps.export_model(ws, trained, features)
        record = steps.evaluate_clips(ws, features, split)
        fitted = keyword_stream.fit_thresholds(ws)
        stream = keyword_stream.evaluate_stream(ws, split, keyword_stream.read_thresholds(ws))
    return f"{record['text']}\n{fitted}\n{stream['text']}\n{folder / 'model.tflite'}: {record['bytes']} bytes"


def import_corpus(kind: str, source: Path, folder: Path) -> str:
    """Make the features of a published corpus, in a workspace of its own or in one whose asr.toml names it."""
    from datasets import speech_commands
    from tools.commands.steps import keyword as steps

    if kind != "speech-commands":
        raise WorkspaceError(f"no corpus is called {kind!r}", fix="What there is: speech-commands")
    if not source.exists() or (source.is_file() and not speech_commands.is_archive(source)):
        raise WorkspaceError(
            "this is neither a folder nor a .tar.gz", path=source, fix="Name Speech Commands as it was published"
        )
    where = str(source.resolve())
    if not (folder / "asr.toml").exists():
        chosen = settings_.with_values(settings_.Settings(), keyword={"corpus": where})
        (folder / "recordings").mkdir(parents=True, exist_ok=True)
        if not (folder / "sentences.txt").exists():
            write_text(folder / "sentences.txt", "".join(f"{word}\n" for word in chosen.keyword.words))
        write_text(folder / "asr.toml", settings_.render(chosen))
        say(f"{folder} listens for {' and '.join(chosen.keyword.words)}; keyword.words in its asr.toml says so")
    ws = open_workspace(folder)
    named = ws.settings.keyword.corpus
    if not named or (ws.root / Path(named).expanduser()).resolve() != source.resolve():
        raise WorkspaceError(
            f"keyword.corpus is {named!r}" if named else "keyword.corpus is empty",
            path=ws.toml,
            fix=f'Write corpus = "{where}" below [keyword], and run this again',
        )
    with ws.lock():
        features = steps.make_features(ws)
    lines = [*steps.describe_features(ws, features), *(f"mind: {remark}" for remark in steps.remarks_of(features))]
    return "\n".join([*lines, f"next: asr keyword {folder}"])


def show_runs(ws: Workspace, compared: tuple[str, str] | None, lineage: bool) -> None:
    """List, compare or relate runs."""
    from rich.console import Console

    from asr.runs import comparison
    from asr.runs import record as runs
    from asr.runs import tables as run_tables

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
