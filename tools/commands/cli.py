"""The command `asr` and its verbs: parses and prints, decides nothing."""

from __future__ import annotations

import errno
import sys
from pathlib import Path
from typing import Annotated

import typer

from asr.core import progress
from asr.core.errors import UserError

app = typer.Typer(
    help="Type the sentences your device should understand, add a few recordings, get a recogniser.",
    epilog="A first recogniser: asr init my-lamp && asr train my-lamp",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)

Folder = Annotated[Path, typer.Argument(help="The workspace's folder.", metavar="WORKSPACE")]
Where = Annotated[
    Path, typer.Argument(help="The workspace's folder; here, unless named.", metavar="[WORKSPACE]")
]
HERE = Path(".")
INTERRUPTED = 130


@app.callback()
def options(
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Only results and errors.")] = False,
) -> None:
    progress.quiet(quiet)


@app.command(epilog="Example: asr init my-lamp --sentences commands.txt --recordings ~/speech/recordings.csv")
def init(
    folder: Folder,
    sentences: Annotated[
        Path | None, typer.Option(help="Sentences or templates to copy, one a line.")
    ] = None,
    recordings: Annotated[
        Path | None, typer.Option(help="A recordings.csv (file, transcript, speaker) to use where it lies.")
    ] = None,
) -> None:
    """Make a workspace: asr.toml with every parameter, sentences.txt, recordings/."""
    from tools.commands import verbs

    print(verbs.init(folder, sentences, recordings))


@app.command(epilog="Example: asr manifests my-lamp")
def manifests(workspace: Where = HERE) -> None:
    """Turn recordings into clips and the manifests train, dev and test, apart by speaker."""
    from tools.commands import verbs

    print(verbs.manifests(verbs.open_workspace(workspace)))


@app.command(epilog="Example: asr scorer my-lamp")
def scorer(workspace: Where = HERE) -> None:
    """Turn sentences.txt into kenlm.scorer."""
    from tools.commands import verbs

    print(verbs.scorer(verbs.open_workspace(workspace)))


@app.command(epilog="Example: asr speak my-lamp --count 20")
def speak(
    workspace: Where = HERE,
    count: Annotated[int, typer.Option(min=1, help="How many sentences to speak.")] = 20,
    out: Annotated[
        Path | None, typer.Option(help="Folder for the WAV files; build/spoken unless named.")
    ] = None,
) -> None:
    """Let the synthetic voices speak sentences of the workspace, to listen to."""
    from tools.commands import verbs

    print(verbs.speak(verbs.open_workspace(workspace), count, out))


@app.command(epilog="Example: asr hear my-lamp --play")
def hear(
    workspace: Where = HERE,
    count: Annotated[int, typer.Option(min=1, max=100, help="How many examples.")] = 10,
    play: Annotated[bool, typer.Option("--play", help="Play them as well.")] = False,
) -> None:
    """Write augmented examples with their spectrograms, to judge the ranges of section augment."""
    from tools.commands import verbs

    print(verbs.hear(verbs.open_workspace(workspace), count, play))


@app.command(
    epilog="Example: asr train my-lamp; stopped or killed, the same command goes on from the last epoch."
)
def train(
    workspace: Where = HERE,
    again: Annotated[bool, typer.Option("--again", help="A new run, even if nothing has changed.")] = False,
    engine: Annotated[
        str, typer.Option(help="asr, mozilla-venv or mozilla; train.engine of asr.toml unless named.")
    ] = "",
) -> None:
    """Train, export and measure: everything from the recordings to a tested model."""
    from tools.commands import verbs

    verbs.train(verbs.open_workspace(workspace), again=again, engine=engine)


@app.command(epilog="Example: asr export my-lamp --run 20260131T120000Z-1a2b3c")
def export(
    workspace: Where = HERE,
    run: Annotated[str, typer.Option(help="The run to export; the latest finished one unless named.")] = "",
) -> None:
    """Write output_graph.pb, output_graph.pbmm, coqui/model.tflite and the model card."""
    from tools.commands import verbs

    print(verbs.export(verbs.open_workspace(workspace), run))


@app.command(epilog="Example: asr evaluate my-lamp; asr evaluate my-lamp --recordings ~/neighbours")
def evaluate(
    workspace: Where = HERE,
    split: Annotated[str, typer.Option(help="test, or dev while you still try things.")] = "test",
    recordings: Annotated[
        Path | None,
        typer.Option(help="Judge by these instead: a folder or a recordings.csv that nothing was trained on."),
    ] = None,
) -> None:
    """Measure the exported model through the client: a table here, a page in build/reports."""
    from tools.commands import verbs

    verbs.evaluate(verbs.open_workspace(workspace), split, recordings)


@app.command(epilog="Example: asr tune my-lamp; asr.toml is not changed.")
def tune(workspace: Where = HERE) -> None:
    """Try other weights of the scorer on dev: how much does the list of sentences count, how much a word?"""
    from tools.commands import verbs

    print(verbs.tune(verbs.open_workspace(workspace)))


@app.command(epilog="Example: asr learn my-lamp; it takes about twice as long as training did.")
def learn(workspace: Where = HERE) -> None:
    """Train on a quarter, half and all of the recordings: what would more of them bring?"""
    from tools.commands import verbs

    print(verbs.learn(verbs.open_workspace(workspace)))


@app.command(epilog="Example: asr runs my-lamp --compare 20260131T120000Z-1a2b3c 20260201T090000Z-4d5e6f")
def runs(
    workspace: Where = HERE,
    compare: Annotated[
        tuple[str, str] | None, typer.Option(help="Two runs: settings that differ, figures, wins and losses.")
    ] = None,
    lineage: Annotated[bool, typer.Option("--lineage", help="What was trained from what.")] = False,
) -> None:
    """List what was trained."""
    from tools.commands import verbs

    verbs.show_runs(verbs.open_workspace(workspace), compare, lineage)


@app.command(epilog="Example: asr features --wav yes.wav --c-file yes_features.c")
def features(
    wav: Annotated[Path, typer.Option(help="A recording, of any format.")],
    c_file: Annotated[Path, typer.Option(help="The C file to write.")],
    preprocess: Annotated[str, typer.Option(help="micro, or average for the older features.")] = "micro",
) -> None:
    """Write a recording's keyword features as a C array, for tests on a board."""
    from tools.commands import verbs

    print(verbs.features(wav, c_file, preprocess))


@app.command(epilog="Example: asr tensorboard my-lamp --port 6007")
def tensorboard(
    workspace: Where = HERE,
    port: Annotated[int, typer.Option(min=1, max=65535, help="Port to listen at.")] = 6006,
    host: Annotated[
        str, typer.Option(help="Address to listen at; 0.0.0.0 only in a container, whose ports are its own.")
    ] = "127.0.0.1",
) -> None:
    """Show the curves, spectrograms and transcripts of every training in a browser, until Ctrl-C."""
    from tools.commands import verbs

    verbs.tensorboard(verbs.open_workspace(workspace), port, host)


@app.command(epilog="Example: asr keyword my-lamp; stopped or killed, the same command goes on.")
def keyword(
    workspace: Where = HERE,
    again: Annotated[bool, typer.Option("--again", help="Train anew, even if nothing has changed.")] = False,
    split: Annotated[str, typer.Option(help="test, or dev while you still try things.")] = "test",
) -> None:
    """Train, export and measure the model of single words for a microcontroller."""
    from tools.commands import verbs

    print(verbs.keyword(verbs.open_workspace(workspace), again=again, split=split))


@app.command("import", epilog="Example: asr import speech-commands speech_commands_v0.02.tar.gz my-words")
def import_(
    corpus: Annotated[str, typer.Argument(help="speech-commands")],
    source: Annotated[Path, typer.Argument(help="Its folder or .tar.gz; it is read where it lies.")],
    workspace: Where = HERE,
) -> None:
    """Make keyword features of a published corpus, streamed and never unpacked."""
    from tools.commands import verbs

    print(verbs.import_corpus(corpus, source, workspace))


def main() -> None:
    """Run the command; a user's error is one line and exit code 2."""
    try:
        app()
    except UserError as error:
        _fail(str(error))
    except SystemExit as ended:
        # Typer turns Ctrl-C into this exit code, without a word.
        if ended.code == INTERRUPTED:
            print("stopped; run the same command to go on", file=sys.stderr)
        raise
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
            _fail(
                f"{error.filename or 'the disk'}: no space is left to write to. Free some, and run this again"
            )
        if error.errno in (errno.EACCES, errno.EROFS, errno.EPERM):
            _fail(f"{error.filename}: {error.strerror}. Choose a folder that you may write to")
        if error.errno in (errno.ENOTDIR, errno.EISDIR, errno.EEXIST, errno.ENAMETOOLONG):
            _fail(f"{error.filename}: {error.strerror}. Give another path")
        # What Python's tempfile raises where every folder for temporary files is full or locked.
        if error.errno == errno.ENOENT and "temporary directory" in str(error):
            _fail("no temporary folder can be written to. Free some space, or name another in TMPDIR, and try again")
        raise


def _fail(message: str) -> None:
    print(f"error: {message}", file=sys.stderr)
    sys.exit(2)


if __name__ == "__main__":
    main()
