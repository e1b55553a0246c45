"""The verbs of `asr import`: corpora, other projects' recordings, the names of a household."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated

import typer

from tools.commands import verbs
from tools.commands.arguments import HERE, Folder, Where

importing = typer.Typer(
    help="Take over a corpus or another project's recordings, or the names of a household.",
    epilog="Example: asr import common-voice ~/cv-corpus-21.0/en my-lamp",
    no_args_is_help=True,
)


@importing.command("speech-commands", epilog="Example: asr import speech-commands speech_commands.tar.gz my-words")
def import_speech_commands(
    source: Annotated[Path, typer.Argument(help="Its folder or .tar.gz, which is not unpacked.")],
    workspace: Where = HERE,
) -> None:
    """Make keyword features of a published corpus."""
    print(verbs.import_corpus("speech-commands", source, workspace))


# What becomes a recordings.csv: an example of a source, and the help.
RECORDINGS = {
    "common-voice": ("~/cv-corpus-21.0/en", "Use the clips of Common Voice: its folder, or one of its .tsv tables."),
    "librispeech": ("~/LibriSpeech/dev-clean", "Use a corpus in LibriSpeech's layout: .trans.txt beside the sounds."),
    "kaldi": ("~/egs/yesno/data/train", "Use a data folder of Kaldi; its segments are cut out of their recordings."),
    "deepspeech": ("~/clips/train.csv", "Use a manifest of DeepSpeech or Coqui STT, or a folder of them."),
    "spoken-digits": ("~/free-spoken-digit-dataset", "Use the Free Spoken Digits: 7_jackson_32.wav says seven."),
    "speaker-folders": ("~/recorded", "Use a folder per speaker: anna/turn_on_the_light/1.wav."),
}


def _add_recordings(kind: str, example: str, told: str) -> None:
    """Add the verb that imports one kind of recordings."""

    def run(
        source: Annotated[Path, typer.Argument(help="Where it is; the sounds stay there.")],
        workspace: Where = HERE,
        append: Annotated[bool, typer.Option("--append", help="Add to a recordings.csv that exists.")] = False,
    ) -> None:
        print(verbs.import_recordings(kind, source, workspace, append))

    importing.command(kind, help=told, epilog=f"Example: asr import {kind} {example} my-lamp")(run)


for _kind, (_example, _told) in RECORDINGS.items():
    _add_recordings(_kind, _example, _told)


@importing.command("home-assistant", epilog="Example: asr import home-assistant my-home --token-file token.txt")
def import_home_assistant(
    workspace: Folder,
    url: Annotated[str, typer.Option(envvar="HASS_URL", help="Its address.")] = "http://homeassistant.local:8123",
    token_file: Annotated[Path | None, typer.Option(help="A file with an administrator's access token.")] = None,
) -> None:
    """Write lists of the names that Home Assistant exposes, and sentences for them; the token may be in HASS_TOKEN."""
    print(verbs.import_home_assistant(workspace, url, os.environ.get("HASS_TOKEN", ""), token_file))
