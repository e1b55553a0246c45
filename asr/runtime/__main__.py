"""The command `asr-runtime`: recognise recordings, or listen to a stream, with a device folder."""

from __future__ import annotations

import argparse
import contextlib
import os
import sys
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    from .listener import Utterance
    from .recogniser import Recogniser

_INTERRUPTED = 130


class _FaultError(Exception):
    """Something that the user can mend, in one line."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command and return its exit status; what is wrong is one line on stderr and status 2."""
    # A frame's matrices are too small to share: several threads of OpenBLAS only wait for one another.
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    given = _parser().parse_args(arguments)
    try:
        if given.command == "serve":
            _serve(given)
            return 0
        lines = _listen(given) if given.command == "listen" else _recognise(given)
        for line in lines:
            print(line, flush=True)
    except _FaultError as fault:
        print(f"error: {fault}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        return _INTERRUPTED
    except BrokenPipeError:
        # Whoever read the lines has gone; Python would complain again when it closes the pipe.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return _INTERRUPTED
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="asr-runtime", description="Recognise the sentences of a device folder.")
    commands = parser.add_subparsers(dest="command", required=True)
    recognise = commands.add_parser("recognise", help="recognise WAV files")
    recognise.add_argument("device", type=Path, help="the folder device/ of a workspace's build/export")
    recognise.add_argument("files", nargs="+", metavar="FILE", help="WAV file, folder of them, or - for standard input")
    recognise.add_argument("--json", action="store_true", help="a line of JSON for each utterance")
    listen = commands.add_parser("listen", help="print each command of a stream as a line of JSON")
    listen.add_argument("device", type=Path, help="the folder device/ of a workspace's build/export")
    listen.add_argument("--input", default="mic", help="WAV file, - for standard input, or mic (the default)")
    listen.add_argument("--microphone", metavar="NAME", help="name or number of the microphone")
    listen.add_argument("--real-time", action="store_true", help="take a file at the pace of a microphone")
    listen.add_argument("--all", action="store_true", help="print refused utterances too")
    serve = commands.add_parser("serve", help="recognise what clients send: WebSocket /ws/1 and POST /recognise")
    serve.add_argument("device", type=Path, help="the folder device/ of a workspace's build/export")
    serve.add_argument("--host", default="127.0.0.1", help="address to listen on; others need --token-file")
    serve.add_argument("--port", type=int, default=8700, help="port to listen on (%(default)s)")
    serve.add_argument("--allow-host", action="append", default=[], metavar="NAME", help="host name that clients use")
    serve.add_argument("--token-file", type=Path, help="file of the token that clients have to send")
    return parser


def _recognise(given: argparse.Namespace) -> Iterator[str]:
    from .output import as_json, as_text
    from .recording import recognise_recording

    recogniser = _open_device(given.device)
    write = as_json if given.json else as_text
    for name in _expand(given.files):
        with _open_sound(name) as file:
            for utterance in _named(name, recognise_recording(recogniser, _read(file, recogniser, name))):
                yield write(utterance, name)


def _listen(given: argparse.Namespace) -> Iterator[str]:
    from .listener import listen
    from .output import as_json
    from .sound import paced

    recogniser = _open_device(given.device)
    rate = recogniser.network.sample_rate
    with contextlib.ExitStack() as opened:
        if given.input == "mic":
            from .microphone import microphone

            chunks = microphone(rate, given.microphone)
        else:
            chunks = _read(opened.enter_context(_open_sound(given.input)), recogniser, given.input)
            chunks = paced(chunks, rate) if given.real_time else chunks
        print("listening; Ctrl-C ends it", file=sys.stderr)
        for utterance in _named(given.input, listen(recogniser, chunks)):
            if given.all or utterance.recognition.accepted:
                yield as_json(utterance)


def _serve(given: argparse.Namespace) -> None:
    try:
        from .server import Service, listening_socket, make_app, serve
    except ImportError:
        raise _FaultError("Starlette is not installed; run: pip install 'asr-runtime[server]'") from None
    from .guard import is_loopback

    token = ""
    if given.token_file is not None:
        try:
            token = given.token_file.read_text(encoding="utf-8").strip()
        except (OSError, UnicodeDecodeError) as error:
            raise _FaultError(f"{given.token_file}: {error}") from None
    if not token and not is_loopback(given.host):
        raise _FaultError(f"{given.host} is reached by other machines. Write a token into a file for --token-file")
    app = make_app(Service(_open_device(given.device)), names=given.allow_host, token=token)
    try:
        listening = listening_socket(given.host, given.port)
    except (OSError, OverflowError) as error:
        raise _FaultError(f"cannot listen at {given.host}:{given.port} ({error}). Choose another port") from None
    print(f"serving at {given.host}:{listening.getsockname()[1]}; Ctrl-C ends it", file=sys.stderr)
    with listening:
        serve(app, listening)


def _open_device(folder: Path) -> Recogniser:
    from .recogniser import Recogniser

    try:
        return Recogniser.open(folder)
    except FileNotFoundError as error:
        raise _FaultError(
            f"{error.filename}: no such file. Copy the workspace's folder build/export/device here"
        ) from None
    except (ValueError, OSError) as error:
        raise _FaultError(f"{folder}: {error}. Export the workspace again, and copy the whole folder") from None


def _expand(names: Sequence[str]) -> Iterator[str]:
    """Yield the WAV files in folders, and what is no folder as it is."""
    for name in names:
        if not Path(name).is_dir():
            yield name
            continue
        found = sorted(str(path) for path in Path(name).rglob("*") if path.suffix.lower() == ".wav" and path.is_file())
        if not found:
            raise _FaultError(f"{name}: there is no WAV file in it")
        yield from found


@contextlib.contextmanager
def _open_sound(name: str) -> Iterator[BinaryIO]:
    if name == "-":
        yield sys.stdin.buffer
        return
    with contextlib.ExitStack() as opened:
        try:
            file = opened.enter_context(open(name, "rb"))
        except OSError as error:
            raise _FaultError(f"{name}: {error.strerror}") from None
        yield file


def _read(file: BinaryIO, recogniser: Recogniser, name: str) -> Iterator[npt.NDArray[np.int16]]:
    from .sound import read_sound

    return read_sound(file, recogniser.network.sample_rate, raw=name == "-")


def _named(name: str, found: Iterable[Utterance]) -> Iterator[Utterance]:
    """Yield what is found; put the sound's name before what is wrong with it."""
    from .sound import SoundError

    try:
        yield from found
    except SoundError as error:
        raise _FaultError(f"{name}: {error}") from None


if __name__ == "__main__":
    sys.exit(main())
