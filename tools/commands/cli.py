"""The command `asr`: its verbs, options and help."""

from __future__ import annotations

import errno
import sys
from pathlib import Path
from typing import Annotated

import typer

from asr.core import progress
from asr.core.errors import UserError, WorkspaceError
from tools.commands import verbs
from tools.commands.arguments import HERE, Folder, Where
from tools.commands.import_cli import importing
from tools.commands.settings_table import print_settings
from tools.commands.steps.new_workspace import make_workspace
from tools.commands.steps.tensorboard import serve

app = typer.Typer(
    help="Speech recognition for your own sentences: type them, add a few recordings, train.",
    epilog="Start with: asr init my-lamp && asr train my-lamp",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)

app.add_typer(importing, name="import")

Pause = Annotated[float, typer.Option(help="Seconds to wait after a sentence that may go on: 0.2 to 3.")]
PAUSE = 0.6  # s, asr.runtime.listener.Timing.open
INTERRUPTED = 130


@app.callback()
def options(
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Print results and errors only.")] = False,
) -> None:
    progress.quiet(quiet)


@app.command(epilog="Example: asr init my-lamp --sentences commands.txt --recordings ~/speech/recordings.csv")
def init(
    folder: Folder,
    sentences: Annotated[
        Path | None,
        typer.Option(
            help="A file of sentences or templates to copy, one per line; or to convert: a sentences.ini of Rhasspy, "
            "or a YAML file or folder of Home Assistant."
        ),
    ] = None,
    recordings: Annotated[
        Path | None, typer.Option(help="A recordings.csv (file, transcript, speaker) to use where it is.")
    ] = None,
) -> None:
    """Make a workspace: asr.toml with the settings people change, sentences.txt, recordings/."""
    print(make_workspace(folder, sentences, recordings))


@app.command(epilog="Example: asr settings my-lamp --all")
def settings(
    workspace: Where = HERE,
    everything: Annotated[bool, typer.Option("--all", help="Include settings at their default.")] = False,
) -> None:
    """Print the settings in effect and where each comes from: asr.toml, preset or default."""
    print_settings(verbs.open_workspace(workspace), everything)


@app.command(epilog="Example: asr manifests my-lamp")
def manifests(workspace: Where = HERE) -> None:
    """Turn recordings into clips and the manifests train, dev and test, with no speaker in two of them."""
    print(verbs.manifests(verbs.open_workspace(workspace)))


Collection = Annotated[
    Path, typer.Argument(help="A workspace, or a folder or table of recordings.", metavar="FOLDER")
]


@app.command(epilog="Example: asr check my-lamp; asr check ~/speech --out ~/speech-check")
def check(
    folder: Collection = HERE,
    out: Annotated[
        Path | None, typer.Option(help="Folder for the page and check.json; build/check of a workspace by default.")
    ] = None,
    transcripts: Annotated[
        bool | None,
        typer.Option(
            help="Compare transcripts with the sound, in English; by default, up to two hours of it.",
            show_default=False,
        ),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the content of check.json.")] = False,
) -> None:
    """Look for faults in recordings: sound, copies, transcripts, speakers; exit code 1 if there are errors."""
    bad, text = verbs.check(folder, out, transcripts, as_json)
    print(text)
    raise typer.Exit(1 if bad else 0)


@app.command(epilog="Example: asr mend my-lamp my-lamp/recordings-mended")
def mend(
    folder: Collection,
    out: Annotated[Path, typer.Argument(help="A new folder for the copies.", metavar="NEW_FOLDER")],
) -> None:
    """Write mended copies of recordings, without offset, hum and long pauses; originals stay as they are."""
    print(verbs.mend(folder, out))


@app.command(epilog='Example: asr sentences my-lamp --accepts "turn on the light"')
def sentences(
    workspace: Where = HERE,
    count: Annotated[int, typer.Option(min=0, max=1000, help="Number of random sentences, or of pairs.")] = 10,
    accepts: Annotated[str, typer.Option(help="A sentence to look up; exit code 1 if it is none.")] = "",
    alike: Annotated[bool, typer.Option("--alike", help="List words and slot values that sound alike.")] = False,
) -> None:
    """Count the sentences of sentences.txt and print some, or look one up with its intent and slots."""
    known, text = verbs.sentences(verbs.open_workspace(workspace), count, accepts, alike)
    print(text)
    raise typer.Exit(0 if known else 1)


@app.command(epilog="Example: asr recognise my-lamp hello.wav --json")
def recognise(
    workspace: Folder,
    files: Annotated[list[Path], typer.Argument(help="Recordings, folders of them, or -.", metavar="FILE...")],
    as_json: Annotated[bool, typer.Option("--json", help="A line of JSON per utterance, with word times.")] = False,
) -> None:
    """Recognise recordings: sentence, intent and slots. Long ones are cut into utterances."""
    for line in verbs.recognise(verbs.open_workspace(workspace), files, as_json):
        print(line, flush=True)


@app.command(epilog="Example: asr wyoming my-lamp --uri tcp://0.0.0.0:10300")
def wyoming(
    workspace: Where = HERE,
    uri: Annotated[
        str, typer.Option(help="Where to listen; 0.0.0.0 for other machines too.")
    ] = "tcp://127.0.0.1:10300",
    clients: Annotated[int, typer.Option(min=1, max=1000, help="Connections at a time.")] = 8,
    pause: Pause = PAUSE,
) -> None:
    """Serve Home Assistant: sound to text and text to intent, by the Wyoming protocol, until Ctrl-C."""
    verbs.wyoming(verbs.open_workspace(workspace), uri, clients, pause)


# The options are the runtime's: it declares them, parses them and prints their help.
@app.command(
    add_help_option=False,
    context_settings={"allow_extra_args": True, "ignore_unknown_options": True},
)
def listen(context: typer.Context) -> None:
    """Listen to a microphone, file or stream: print each command as a line of JSON, and act on it."""
    for line in verbs.listen(context.args):
        print(line, flush=True)


@app.command(epilog="Example: asr scorer my-lamp")
def scorer(workspace: Where = HERE) -> None:
    """Turn sentences.txt into the language model, kenlm.scorer."""
    print(verbs.scorer(verbs.open_workspace(workspace)))


@app.command(epilog="Example: asr preview-voices my-lamp --count 20")
def preview_voices(
    workspace: Where = HERE,
    count: Annotated[int, typer.Option(min=1, help="Number of sentences.")] = 20,
    out: Annotated[Path | None, typer.Option(help="Folder for the WAV files; build/spoken by default.")] = None,
) -> None:
    """Write WAV files of synthetic voices reading your sentences."""
    print(verbs.preview_voices(verbs.open_workspace(workspace), count, out))


@app.command(epilog="Example: asr preview-augmentation my-lamp --play")
def preview_augmentation(
    workspace: Where = HERE,
    count: Annotated[int, typer.Option(min=1, max=100, help="Number of examples.")] = 10,
    play: Annotated[bool, typer.Option("--play", help="Play them too.")] = False,
) -> None:
    """Write augmented training clips and their spectrograms, to check the ranges of section augment."""
    print(verbs.preview_augmentation(verbs.open_workspace(workspace), count, play))


@app.command(epilog="Example: asr train my-lamp; if it was stopped, the same command resumes it.")
def train(
    workspace: Where = HERE,
    again: Annotated[bool, typer.Option("--again", help="Start a new run even if nothing has changed.")] = False,
    engine: Annotated[
        str, typer.Option(help="asr, mozilla-venv or mozilla; train.engine of asr.toml by default.")
    ] = "",
    now: Annotated[
        bool, typer.Option("--now", help="Use the pretrained weights as they are: no training, ready in seconds.")
    ] = False,
    folds: Annotated[
        int, typer.Option(help="Train this many times, so that every speaker is tested on once; 3 or more.")
    ] = 0,
) -> None:
    """Make a model of your recordings: manifests, scorer, training, export and evaluation."""
    if now and folds:
        raise WorkspaceError("--now trains nothing, so there are no folds", fix="Leave out --now or --folds")
    if now:
        print(verbs.train_now(verbs.open_workspace(workspace)))
    elif folds:
        print(verbs.train_folds(verbs.open_workspace(workspace), folds))
    else:
        verbs.train(verbs.open_workspace(workspace), again=again, engine=engine)


@app.command(epilog="Example: asr export my-lamp --run 20260131T120000Z-1a2b3c")
def export(
    workspace: Where = HERE,
    run: Annotated[str, typer.Option(help="The run to export; the latest finished one by default.")] = "",
) -> None:
    """Write output_graph.pb, output_graph.pbmm, coqui/model.tflite and the model card."""
    print(verbs.export(verbs.open_workspace(workspace), run))


@app.command(epilog="Example: asr evaluate my-lamp; asr evaluate my-lamp --recordings ~/neighbours")
def evaluate(
    workspace: Where = HERE,
    split: Annotated[str, typer.Option(help="Split to evaluate: test or dev.")] = "test",
    recordings: Annotated[
        Path | None,
        typer.Option(help="Evaluate on these instead: a folder or a recordings.csv that was not trained on."),
    ] = None,
    folds: Annotated[
        bool,
        typer.Option("--folds", help="Print how far the figures depend on the choice of test speakers; no report."),
    ] = False,
) -> None:
    """Test the exported model, through the client and in the runtime: a table here, a report in build/reports."""
    if folds:
        if split != "test" or recordings is not None:
            raise WorkspaceError("--folds takes the dev and test speakers", fix="Leave out --split and --recordings")
        print(verbs.folds(verbs.open_workspace(workspace)))
        return
    verbs.evaluate(verbs.open_workspace(workspace), split, recordings)


@app.command(epilog="Example: asr tune-scorer my-lamp; it prints lines for asr.toml and changes nothing.")
def tune_scorer(workspace: Where = HERE) -> None:
    """Tune the scorer's alpha and beta on dev."""
    print(verbs.tune_scorer(verbs.open_workspace(workspace)))


@app.command(epilog="Example: asr learning-curve my-lamp; it takes about twice as long as training.")
def learning_curve(workspace: Where = HERE) -> None:
    """Train on a quarter, half and all of the recordings, to forecast what more of them would bring."""
    print(verbs.learning_curve(verbs.open_workspace(workspace)))


@app.command(epilog="Example: asr runs my-lamp --compare 20260131T120000Z-1a2b3c 20260201T090000Z-4d5e6f")
def runs(
    workspace: Where = HERE,
    compare: Annotated[
        tuple[str, str] | None, typer.Option(help="Compare two runs: settings, figures, wins and losses.")
    ] = None,
    lineage: Annotated[bool, typer.Option("--lineage", help="Show which run started from which weights.")] = False,
) -> None:
    """List the training runs."""
    verbs.show_runs(verbs.open_workspace(workspace), compare, lineage)


@app.command(epilog="Example: asr features --wav yes.wav --c-file yes_features.c")
def features(
    wav: Annotated[Path, typer.Option(help="A recording, in any format.")],
    c_file: Annotated[Path, typer.Option(help="The C file to write.")],
    preprocess: Annotated[str, typer.Option(help="micro, or average for the older features.")] = "micro",
) -> None:
    """Write the keyword features of a recording as a C array, for tests on a board."""
    from asr.keyword.c_features import write_c_features

    print(write_c_features(wav, c_file, preprocess))


@app.command(epilog="Example: asr tensorboard my-lamp --port 6007")
def tensorboard(
    workspace: Where = HERE,
    port: Annotated[int, typer.Option(min=1, max=65535, help="Port to listen on.")] = 6006,
    host: Annotated[str, typer.Option(help="Address to listen on; 0.0.0.0 only inside a container.")] = "127.0.0.1",
) -> None:
    """Show the loss curves, spectrograms and transcripts of all training runs in a browser, until Ctrl-C."""
    serve(verbs.open_workspace(workspace), port, host)


@app.command("serve", epilog="Example: asr serve my-lamp; asr serve my-lamp --host 0.0.0.0")
def serve_(
    workspace: Where = HERE,
    port: Annotated[int, typer.Option(min=0, max=65535, help="Port to listen on; 0: any free one.")] = 8700,
    host: Annotated[
        str, typer.Option(help="Address to listen on; any but this machine's own needs a token, which is printed.")
    ] = "127.0.0.1",
    allow_host: Annotated[
        list[str] | None, typer.Option(help="A further host name by which browsers reach this.", metavar="NAME")
    ] = None,
    certificate: Annotated[Path | None, typer.Option(help="PEM file, for https; phones need it to record.")] = None,
    key: Annotated[Path | None, typer.Option(help="PEM file of the certificate's key.")] = None,
    pause: Pause = PAUSE,
) -> None:
    """Serve a page that shows what is heard, and the recogniser to programs, until Ctrl-C."""
    verbs.serve(verbs.open_workspace(workspace), host, port, allow_host or (), certificate, key, pause)


@app.command(epilog="Example: asr update-device pi@kitchen my-lamp --restart user; asr update-device pi@kitchen --back")
def update_device(
    host: Annotated[str, typer.Argument(help="Host or user@host, as ssh takes it.")],
    workspace: Where = HERE,
    back: Annotated[bool, typer.Option("--back", help="Switch to the version before; again: undo it.")] = False,
    restart: Annotated[
        str, typer.Option(help="Restart the service there: user or system.", metavar="MANAGER")
    ] = "",
    unit: Annotated[str, typer.Option(help="The service's unit.")] = "asr-listen.service",
    folder: Annotated[str, typer.Option(help="Folder on the host, below the user's home or absolute.")] = "asr-device",
    ssh: Annotated[
        str, typer.Option(help="The ssh command, with its options.")
    ] = "ssh -o ConnectTimeout=20 -o ServerAliveInterval=15",
) -> None:
    """Copy a new device folder to a host and switch to it at once; the version before stays there."""
    print(verbs.update_device(workspace, host, folder, ssh, back=back, manager=restart, unit=unit))


@app.command(epilog="Example: asr record my-lamp; asr record my-lamp --share, to record with a phone")
def record(
    workspace: Where = HERE,
    port: Annotated[int, typer.Option(min=0, max=65535, help="Port to listen on; 0: any free one.")] = 8701,
    share: Annotated[
        bool, typer.Option("--share", help="Let browsers of the local network in, each by a QR code, over https.")
    ] = False,
) -> None:
    """Record sentences in the browser: one at a time, measured, into recordings/, until Ctrl-C."""
    verbs.record(verbs.open_workspace(workspace), port, share=share)


@app.command(epilog="Example: asr takes long.wav --out my-lamp/recordings/stop; asr takes long.wav --out . --labels")
def takes(
    files: Annotated[list[Path], typer.Argument(help="Long recordings; they stay as they are.")],
    out: Annotated[Path, typer.Option(help="Folder for the takes, or for the label files.")],
    labels: Annotated[
        bool, typer.Option("--labels", help="Write Audacity label files to correct, instead of takes.")
    ] = False,
    from_labels: Annotated[
        Path | None, typer.Option(help="Cut by this label file; a label's text is the folder of its take.")
    ] = None,
) -> None:
    """Cut long recordings at their silences into takes, a WAV file each."""
    from tools.commands.steps.take_files import cut

    for line in cut(files, out, labels=labels, given=from_labels):
        print(line)


@app.command(epilog="Example: asr keyword my-lamp; if it was stopped, the same command resumes it.")
def keyword(
    workspace: Where = HERE,
    again: Annotated[bool, typer.Option("--again", help="Train again even if nothing has changed.")] = False,
    split: Annotated[str, typer.Option(help="Split to evaluate: test or dev.")] = "test",
) -> None:
    """Make a keyword model for a microcontroller: features, training, export and evaluation."""
    print(verbs.keyword(verbs.open_workspace(workspace), again=again, split=split))


def main() -> None:
    """Run the command; an error of the user's is one line on stderr and exit code 2."""
    try:
        app()
    except UserError as error:
        _fail(str(error))
    except SystemExit as ended:
        # Typer turns Ctrl-C into this exit code and prints nothing.
        if ended.code == INTERRUPTED:
            print("stopped; the same command resumes it", file=sys.stderr)
        raise
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
            _fail(f"{error.filename or 'the disk'}: no space left on the device. Free some, and run this again")
        if error.errno in (errno.EACCES, errno.EROFS, errno.EPERM):
            _fail(f"{error.filename}: {error.strerror}. Choose a folder that you may write to")
        if error.errno in (errno.ENOTDIR, errno.EISDIR, errno.EEXIST, errno.ENAMETOOLONG):
            _fail(f"{error.filename}: {error.strerror}. Give another path")
        # Python's tempfile raises this if every folder for temporary files is full or read-only.
        if error.errno == errno.ENOENT and "temporary directory" in str(error):
            _fail("no temporary folder can be written to. Free some space, or name another in TMPDIR, and try again")
        raise


def _fail(message: str) -> None:
    print(f"error: {message}", file=sys.stderr)
    sys.exit(2)


if __name__ == "__main__":
    main()
