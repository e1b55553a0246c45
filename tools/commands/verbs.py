"""The verbs of the command `asr`: each takes its steps in order, under the workspace's lock, and reports."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from asr.core.errors import ModelError, WorkspaceError
from asr.core.progress import say
from asr.core.stderr import load_tensorflow
from asr.settings.sections import ENGINES
from asr.settings.values import with_values
from asr.settings.workspace import SPLITS, Workspace
from tools.commands.steps.check import summary as check_summary
from tools.commands.steps.engines import engine_of
from tools.commands.steps.evaluation import check_alphabet, make_evaluator
from tools.commands.steps.evaluation import evaluate as evaluate_split
from tools.commands.steps.exporting import export_pretrained, export_run, exported_run, is_exported, write_card
from tools.commands.steps.inputs import (
    build_dataset,
    count_words,
    describe,
    make_scorer,
    read_templates,
    spoken_sentences,
)
from tools.commands.steps.lineage import data_fingerprint, find_same_run, find_trained_run, is_evaluated
from tools.commands.steps.new_workspace import make_keyword_workspace
from tools.commands.steps.noise import check_noise
from tools.commands.steps.pretrained import origin
from tools.commands.steps.rejection import fit_verifier
from tools.commands.steps.training import augmentation


def open_workspace(folder: Path) -> Workspace:
    """Read a workspace; the number of words in its sentences chooses the preset unless asr.toml names one."""
    return Workspace.open(folder, count_words)


def manifests(ws: Workspace) -> str:
    """Make clips, split and manifests."""
    with ws.lock():
        return describe(build_dataset(ws), ws)


def check(folder: Path, out: Path | None, transcripts: bool | None, as_json: bool) -> tuple[bool, str]:
    """Check the recordings of a workspace or folder; return whether there are errors, and the text to print."""
    from tools.commands.steps import check as steps

    return steps.check(folder, out, transcripts, as_json)


def mend(folder: Path, out: Path) -> str:
    """Write mended copies of the recordings of a workspace or folder."""
    from tools.commands.steps import check as steps

    return steps.mend(folder, out)


def sentences(ws: Workspace, count: int, accepts: str, alike: bool) -> tuple[bool, str]:
    """Describe sentences.txt, or look a sentence up; return whether that is one, and the text to print."""
    from tools.commands.steps.sentences import describe_sentences, list_alike, look_up

    if alike:
        return True, list_alike(ws, count)
    return look_up(ws, accepts) if accepts else (True, describe_sentences(ws, count))


def recognise(ws: Workspace, files: Sequence[Path], as_json: bool) -> Iterator[str]:
    """Yield a line for each recording, or for each utterance of a long one."""
    from asr.runtime import output
    from tools.commands.steps import recognition

    write = output.as_json if as_json else output.as_text
    for path, utterance in recognition.recognise(ws, files):
        yield write(utterance, str(path))


def wyoming(ws: Workspace, uri: str, clients: int, pause: float) -> None:
    """Serve Home Assistant by the Wyoming protocol until Ctrl-C."""
    from asr.runtime.wyoming_server import Limits, Server, serve
    from tools.commands.steps.recognition import open_device, timing_of

    timing, name, language = timing_of(pause), ws.root.resolve().name, ws.settings.alphabet.language
    server = Server(open_device(ws), name, language, Limits(clients=clients), timing)
    try:
        serve(server, uri)
    except ValueError as error:
        raise WorkspaceError(str(error)) from None
    except OSError as error:
        raise WorkspaceError(f"{uri} cannot be opened: {error.strerror}", fix="Choose another port") from None


def listen(arguments: Sequence[str]) -> Iterator[str]:
    """Yield a line for each command that is heard; `arguments` follow the verb."""
    from tools.commands.steps import listening

    yield from listening.listen(arguments, open_workspace)


def scorer(ws: Workspace) -> str:
    """Make the scorer."""
    with ws.lock():
        return make_scorer(ws)


def train(ws: Workspace, *, again: bool = False, engine: str = "") -> None:
    """Train, export and evaluate, as far as that is not up to date. `engine` overrides train.engine."""
    from asr.runs.record import Run

    if engine:
        if engine not in ENGINES:
            raise WorkspaceError(f"there is no engine {engine!r}", fix=f"The engines are {', '.join(ENGINES)}")
        ws = Workspace(ws.root, with_values(ws.settings, train={"engine": engine}))
    with ws.lock():
        noises = check_noise(ws)
        dataset = build_dataset(ws)
        say(describe(dataset, ws))
        _say(check_summary(ws))
        if noises:
            say(noises)
        say(make_scorer(ws))
        data = data_fingerprint(ws, dataset)
        first = origin(ws)
        run = None if again else find_same_run(ws, data, first)
        if run is not None and run.status == "finished":
            say(f"nothing has changed since run {run.id}; asr train --again starts a new run")
            if not is_exported(ws, run):
                export_run(ws, run)
                write_card(ws, run)
                say(f"exported again: {ws.model}")
            fitted = fit_verifier(ws, dataset)
            _say(fitted)
            page = ws.report(run.id, "test") / "index.html"
            if not fitted and is_evaluated(ws, run) and page.is_file():
                from rich.console import Console

                from asr.runs.tables import figures_table

                Console().print(figures_table(run))
                say(f"report: {page}")
            else:
                say("the evaluation is out of date, or its report is missing; evaluating again")
                evaluate_split(ws, dataset, "test", run)
            return
        trainer = engine_of(ws, dataset, run)
        if run is None:
            settings, remarks = ws.settings.as_dict(), [*dataset.remarks, *trainer.remarks]
            seed, parent = ws.settings.train.seed, trainer.parent
            run = Run.start(ws.runs, settings, data=data, parent=parent, origin=first, seed=seed, remarks=remarks)
            run.versions.update(trainer.versions)
        else:
            say(f"resuming run {run.id}")
            run.resume()
        try:
            say(trainer.train(run))
        except BaseException:
            run.end("stopped")
            raise
        export_run(ws, run)
        _say(fit_verifier(ws, dataset))
        evaluate_split(ws, dataset, "test", run, trainer.losses())
        run.end("finished")


def train_folds(ws: Workspace, count: int) -> str:
    """Train over several splits of the speakers, one after the other; return the figures over all of them."""
    from tools.commands.steps.fold_trainings import train_folds

    with ws.lock():
        return train_folds(ws, build_dataset(ws), count)


def train_now(ws: Workspace) -> str:
    """Make a recogniser of the pretrained weights as they are, without training; say which words they do not know."""
    from asr.ctc import weights

    (name, *_) = weights.names()
    with ws.lock():
        say(make_scorer(ws))
        export_pretrained(ws, name)
        unknown = sorted(set(read_templates(ws).words()) - weights.words(name))
    lines = [f"{ws.model}: the pretrained weights {name}, not trained on these sentences"]
    if unknown:
        more = f" and {len(unknown) - 10} more" if len(unknown) > 10 else ""
        lines.append(f"warning: words they were not trained on, less often right: {', '.join(unknown[:10])}{more}")
    return "\n".join([*lines, f"nothing is refused yet; asr evaluate {ws.root} fits what is, asr train improves both"])


def _say(text: str) -> None:
    if text:
        say(text)


def export(ws: Workspace, name: str = "") -> str:
    """Export a run's weights."""
    with ws.lock():
        run = find_trained_run(ws, name)
        export_run(ws, run)
        write_card(ws, run)
    return f"{ws.model}\n{ws.card}"


def evaluate(ws: Workspace, split: str = "test", recordings: Path | None = None) -> None:
    """Evaluate the exported model on a split, or on recordings from outside the workspace."""
    if split not in SPLITS:
        raise WorkspaceError(f"there is no split {split!r}", fix=f"The splits are {', '.join(SPLITS)}")
    if recordings is not None and split != "test":
        raise WorkspaceError("--recordings have no splits", fix="Leave out --split or --recordings")
    if not ws.model.is_file():
        raise ModelError("there is no model", path=ws.model, fix="Run: asr train")
    with ws.lock():
        if recordings is None:
            dataset = build_dataset(ws)
        else:
            from datasets.corpus import build_external_dataset

            split, dataset = build_external_dataset(ws, recordings)
        make_scorer(ws)
        check_alphabet(ws)
        if recordings is None:
            _say(fit_verifier(ws, dataset))
        evaluate_split(ws, dataset, split, exported_run(ws))


def folds(ws: Workspace) -> str:
    """Tell how much the test figures depend on which speakers are in the test split; train nothing."""
    from tools.commands.steps.folds import describe_folds

    if not ws.model.is_file():
        raise ModelError("there is no model", path=ws.model, fix="Run: asr train")
    with ws.lock():
        dataset = build_dataset(ws)
        make_scorer(ws)
        return describe_folds(ws, dataset)


def tune_scorer(ws: Workspace) -> str:
    """Tune the scorer's alpha and beta on dev, and return the best as lines for asr.toml."""
    from tools.commands.steps.tuning import best, tune

    if not ws.model.is_file():
        raise ModelError("there is no model", path=ws.model, fix="Run: asr train")
    with ws.lock():
        dataset = build_dataset(ws)
        make_scorer(ws)
        errors = tune(ws, dataset)
    alpha, beta = best(errors)
    lowest, present = errors[alpha, beta], next(iter(errors.values()))
    if (alpha, beta) == next(iter(errors)):
        return f"the present alpha and beta are the best: dev WER {lowest:.1%}"
    return (
        f"dev WER {lowest:.1%} instead of {present:.1%}; to use it, write into {ws.toml}\n"
        f"[scorer]\nalpha = {alpha:g}\nbeta = {beta:g}\nand run: asr scorer {ws.root}, asr evaluate {ws.root}"
    )


def learning_curve(ws: Workspace) -> str:
    """Measure the learning curve; the next report draws it."""
    from tools.commands.steps.learning_curve import measure

    with ws.lock():
        dataset = build_dataset(ws)
        make_scorer(ws)
        load_tensorflow()
        law = measure(ws, dataset, make_evaluator(ws, dataset))  # on clean clips, as the forecast is
    lines = [f"{point.recordings} recordings: dev WER {point.wer:.1%}" for point in law.points]
    return "\n".join([*lines, law.forecast(), "asr evaluate draws it into the report"])


def preview_augmentation(ws: Workspace, count: int, play: bool) -> str:
    """Write augmented examples of training clips."""
    from asr.augment.preview import preview

    with ws.lock():
        dataset = build_dataset(ws)
        chain = augmentation(ws, dataset)
        if chain is None:
            raise WorkspaceError("augment.enabled is false", path=ws.toml, fix="Set it to true to preview augmentation")
        folder = ws.reports / "augmentation"
        clips = [ws.clips / clip.clip for clip in dataset.of("train")]
        examples = preview(clips, chain, count, folder, seed=ws.settings.train.seed, play=play)
    lines = [f"{example.wav.name}: {example.describe()}" for example in examples]
    return "\n".join([*lines, f"{folder / 'examples.png'} shows their spectrograms"])


def preview_voices(ws: Workspace, count: int, out: Path | None) -> str:
    """Have synthetic voices read some sentences."""
    from datasets.corpus import assign_sentences
    from datasets.speech import draw_speakers, speak_to_files

    voices = ws.settings.voices
    speakers = draw_speakers(voices, ws.settings.alphabet.language)
    lines = assign_sentences(spoken_sentences(ws), speakers, count, voices.seed)
    paths = speak_to_files(lines, out or ws.build / "spoken", alone=out is None)
    return "\n".join(f"{path}  {line.speaker.name}: {line.transcript}" for path, line in zip(paths, lines, strict=True))


def serve(
    ws: Workspace,
    host: str,
    port: int,
    names: Sequence[str],
    certificate: Path | None,
    key: Path | None,
    pause: float,
) -> None:
    """Serve the workspace's page and its recogniser."""
    if (certificate is None) != (key is None):
        raise WorkspaceError("--certificate and --key belong together", fix="Give both, or neither")
    from tools.commands.steps.recognition import timing_of
    from tools.web import serving

    pair = None if certificate is None or key is None else (certificate, key)
    serving.serve(ws, host, port, names, pair, timing_of(pause))


def update_device(folder: Path, host: str, place: str, ssh: str, *, back: bool, manager: str, unit: str) -> str:
    """Bring the workspace's device folder to a host, or switch back there; then restart its service if asked."""
    from tools.commands.steps import device_update as update

    there = update.Host(host, place, ssh)
    service = update.Service(manager, unit) if manager else None
    told = [update.go_back(there) if back else update.update_device(open_workspace(folder), there)]
    if service is not None:
        told.append(update.restart(there, service))
    return "\n".join(told)


def record(ws: Workspace, port: int, *, share: bool = False) -> None:
    """Serve the workspace's recorder."""
    from tools.web.recording_server import record

    record(ws, port, share=share)


def keyword(ws: Workspace, *, again: bool = False, split: str = "test") -> str:
    """Train, export and evaluate the keyword model, as far as that is not up to date."""
    from tools.commands.steps import keyword as steps
    from tools.commands.steps import keyword_stream

    if split not in SPLITS[1:]:
        raise WorkspaceError(f"there is no split {split!r} to evaluate", fix="Name dev or test")
    with ws.lock():
        features = steps.make_features(ws)
        remarks = steps.remarks_of(features)
        for remark in remarks:
            say(f"warning: {remark}")
        trained = steps.train_network(ws, features, again=again)
        folder = steps.export_model(ws, trained, features)
        record = steps.evaluate_clips(ws, features, split)
        fitted = keyword_stream.fit_thresholds(ws)
        stream = keyword_stream.evaluate_stream(ws, split, keyword_stream.read_thresholds(ws))
    return f"{record['text']}\n{fitted}\n{stream['text']}\n{folder / 'model.tflite'}: {record['bytes']} bytes"


def import_corpus(kind: str, source: Path, folder: Path) -> str:
    """Make keyword features of a published corpus, in a new workspace or in one with that corpus."""
    from datasets import speech_commands
    from tools.commands.steps import keyword as steps

    if kind != "speech-commands":
        raise WorkspaceError(f"no corpus is called {kind!r}", fix="The only one is speech-commands")
    if not source.exists() or (source.is_file() and not speech_commands.is_archive(source)):
        raise WorkspaceError(
            "this is neither a folder nor a .tar.gz", path=source, fix="Name Speech Commands as it was published"
        )
    if not (folder / "asr.toml").exists():
        make_keyword_workspace(folder, source)
    ws = open_workspace(folder)
    named = ws.settings.keyword.corpus
    if not named or (ws.root / Path(named).expanduser()).resolve() != source.resolve():
        raise WorkspaceError(
            f"keyword.corpus is {named!r}" if named else "keyword.corpus is empty",
            path=ws.toml,
            fix=f'Write corpus = "{source.resolve()}" below [keyword], and run this again',
        )
    with ws.lock():
        features = steps.make_features(ws)
    lines = [*steps.describe_features(ws, features), *(f"warning: {remark}" for remark in steps.remarks_of(features))]
    return "\n".join([*lines, f"next: asr keyword {folder}"])


def import_recordings(kind: str, source: Path, folder: Path, append: bool) -> str:
    """Take over another project's recordings where they lie."""
    from tools.commands.steps import imports

    return imports.import_recordings(open_workspace(folder), kind, source, append)


def import_home_assistant(folder: Path, url: str, token: str, token_file: Path | None) -> str:
    """Take over the names that Home Assistant exposes."""
    from tools.commands.steps.home_assistant import import_household, read_token

    return import_household(folder, url, read_token(token, token_file))


def show_runs(ws: Workspace, compared: tuple[str, str] | None, lineage: bool) -> None:
    """List, compare or relate runs."""
    from rich.console import Console

    from asr.runs import comparison
    from asr.runs import record as runs
    from asr.runs import tables as run_tables

    found = runs.list_runs(ws.runs)
    if not found:
        raise ModelError("nothing has been trained here yet", path=ws.runs, fix="Run: asr train")
    if compared is not None:
        first, second = (runs.find_run(ws.runs, name) for name in compared)
        Console().print(run_tables.comparison_tables(comparison.compare(first, second)))
    elif lineage:
        Console().print(run_tables.lineage_tree(found))
    else:
        Console().print(run_tables.runs_table(found))
