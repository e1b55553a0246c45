"""The command `asr-runtime`: recognise recordings, or listen to a stream, with a device folder."""

from __future__ import annotations

import argparse
import contextlib
import functools
import os
import sys
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from .faults import FaultError
from .listen_command import add_options, add_pause, listen_lines, lists_microphones, microphone_lines

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    from .listener import Utterance
    from .recogniser import Recogniser

_INTERRUPTED = 130


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command and return its exit status; what is wrong is one line on stderr and status 2."""
    # A frame's matrices are too small to share: several threads of OpenBLAS only wait for one another.
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    arguments = sys.argv[1:] if arguments is None else arguments
    given = _parser().parse_args(arguments)
    verbs: dict[str, Callable[[argparse.Namespace], Generator[str, None, None]]] = {
        "listen": functools.partial(_listen, arguments=arguments),
        "recognise": _recognise,
        "serve": _serve,
        "wyoming": _wyoming,
    }
    try:
        with contextlib.closing(verbs[given.command](given)) as lines:
            for line in lines:
                print(line, flush=True)
    except FaultError as fault:
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
    listen = commands.add_parser(
        "listen",
        help="print each command of a stream as a line of JSON, and act on it",
        epilog="Example: asr-runtime listen device/ --mqtt 127.0.0.1 --queue ~/events.jsonl",
        allow_abbrev=False,
    )
    listen.add_argument("device", type=Path, nargs="?", help="the folder device/ of a workspace's build/export")
    add_options(listen)
    serve = commands.add_parser("serve", help="recognise what clients send: WebSocket /ws/1 and POST /recognise")
    serve.add_argument("device", type=Path, help="the folder device/ of a workspace's build/export")
    serve.add_argument("--host", default="127.0.0.1", help="address to listen on; others need --token-file")
    serve.add_argument("--port", type=int, default=8700, help="port to listen on (%(default)s)")
    serve.add_argument("--allow-host", action="append", default=[], metavar="NAME", help="host name that clients use")
    serve.add_argument("--token-file", type=Path, help="file of the token that clients have to send")
    add_pause(serve)
    wyoming = commands.add_parser("wyoming", help="serve Home Assistant by the Wyoming protocol")
    wyoming.add_argument("device", type=Path, help="the folder device/ of a workspace's build/export")
    wyoming.add_argument("--uri", default="tcp://127.0.0.1:10300", help="where to listen (%(default)s)")
    wyoming.add_argument("--clients", type=int, default=8, help="connections at a time (%(default)s)")
    wyoming.add_argument("--language", default="en", help="of the sentences (%(default)s)")
    add_pause(wyoming)
    return parser


def _recognise(given: argparse.Namespace) -> Generator[str, None, None]:
    from .output import as_json, as_text
    from .recording import recognise_recording

    recogniser = _open_device(given.device)
    write = as_json if given.json else as_text
    for name in _expand(given.files):
        with _open_sound(name) as file:
            for utterance in _named(name, recognise_recording(recogniser, _read(file, recogniser, name))):
                yield write(utterance, name)


def _listen(given: argparse.Namespace, arguments: Sequence[str]) -> Generator[str, None, None]:
    if lists_microphones(given):
        return microphone_lines()
    if given.device is None:
        raise FaultError("no device folder is given. Name one: asr-runtime listen device/")
    return listen_lines(given, _open_device(given.device), arguments)


def _wyoming(given: argparse.Namespace) -> Generator[str, None, None]:
    try:
        from .wyoming_server import Limits, Server, serve
    except ImportError:
        raise FaultError("wyoming is not installed; run: pip install 'asr-runtime[wyoming]'") from None
    recogniser = _open_device(given.device)
    name = given.device.resolve().name
    try:
        limits = Limits(clients=max(1, given.clients))
        serve(Server(recogniser, name, given.language, limits, given.timing), given.uri)
    except ValueError as error:
        raise FaultError(str(error)) from None
    except OSError as error:
        raise FaultError(f"{given.uri} cannot be opened: {error.strerror}. Choose another port") from None
    yield from ()


def _serve(given: argparse.Namespace) -> Generator[str, None, None]:
    try:
        from .server import Service, listening_socket, make_app, serve
    except ImportError:
        raise FaultError("Starlette is not installed; run: pip install 'asr-runtime[server]'") from None
    from .guard import is_loopback

    token = ""
    if given.token_file is not None:
        try:
            token = given.token_file.read_text(encoding="utf-8").strip()
        except (OSError, UnicodeDecodeError) as error:
            raise FaultError(f"{given.token_file}: {error}") from None
    if not token and not is_loopback(given.host):
        raise FaultError(f"{given.host} is reached by other machines. Write a token into a file for --token-file")
    app = make_app(Service(_open_device(given.device), timing=given.timing), names=given.allow_host, token=token)
    try:
        listening = listening_socket(given.host, given.port)
    except (OSError, OverflowError) as error:
        raise FaultError(f"cannot listen at {given.host}:{given.port} ({error}). Choose another port") from None
    print(f"serving at {given.host}:{listening.getsockname()[1]}; Ctrl-C ends it", file=sys.stderr)
    with listening:
        serve(app, listening)
    yield from ()


def _open_device(folder: Path) -> Recogniser:
    from .recogniser import Recogniser

    try:
        return Recogniser.open(folder)
    except FileNotFoundError as error:
        raise FaultError(
            f"{error.filename}: no such file. Copy the workspace's folder build/export/device here"
        ) from None
    except (ValueError, OSError) as error:
        raise FaultError(f"{folder}: {error}. Export the workspace again, and copy the whole folder") from None


def _expand(names: Sequence[str]) -> Iterator[str]:
    """Yield the WAV files in folders, and what is no folder as it is."""
    for name in names:
        if not Path(name).is_dir():
            yield name
            continue
        found = sorted(str(path) for path in Path(name).rglob("*") if path.suffix.lower() == ".wav" and path.is_file())
        if not found:
            raise FaultError(f"{name}: there is no WAV file in it")
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
            raise FaultError(f"{name}: {error.strerror}") from None
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
        raise FaultError(f"{name}: {error}") from None


if __name__ == "__main__":
    sys.exit(main())
