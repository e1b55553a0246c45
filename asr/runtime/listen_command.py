"""The options of `listen`, which `asr-runtime` and `asr` share, and what the verb does with them."""

from __future__ import annotations

import argparse
import json
import os
import signal
import sys
from collections.abc import Generator, Sequence
from pathlib import Path
from types import FrameType

from .actions import Action, Actions
from .command_action import LONGEST, CommandAction
from .faults import Backoff, FaultError, report
from .journal import Journal
from .listener import PAUSES, Timing
from .listening import Shown, listening
from .recogniser import Recogniser
from .service import Watchdog, install, own_command, unit_path, unit_text, working_folder
from .sound import SoundError
from .sources import Chunks, file_source, is_address, network_source, read_address, standard_input

_SERVICE = ("--install-service", "--print-service")
# Options that mean nothing without another.
_NEEDED = {
    "shell": "exec",
    "exec_timeout": "exec",
    "mqtt_topic": "mqtt",
    "mqtt_tls": "mqtt",
    "mqtt_ca": "mqtt",
    "mqtt_login": "mqtt",
}


def add_options(parser: argparse.ArgumentParser) -> None:
    """Declare the options of `listen`."""
    sound = parser.add_argument_group("sound")
    sound.add_argument(
        "--input",
        default="mic",
        metavar="SOURCE",
        help="mic (the default), a WAV file, - for standard input, or a stream: tcp://HOST:PORT to connect, "
        "tcp-listen://HOST:PORT or udp://HOST:PORT to wait for a board (16-bit PCM, 16 kHz, mono)",
    )
    sound.add_argument("--framed", action="store_true", help="the stream is in frames, as firmware/lib writes them")
    sound.add_argument("--microphone", metavar="NAME", help="name or number of the microphone")
    sound.add_argument("--devices", action="store_true", help="list the microphones and exit")
    sound.add_argument("--real-time", action="store_true", help="take a file at the pace of a microphone")
    add_pause(sound)
    output = parser.add_argument_group("output")
    output.add_argument("--partial", action="store_true", help="print the sentence so far as well, as it changes")
    output.add_argument("--all", action="store_true", help="print refused utterances as well")
    actions = parser.add_argument_group("actions for each command")
    actions.add_argument(
        "--exec",
        metavar="COMMAND",
        help="run a command, without a shell, with ASR_TEXT, ASR_INTENT, ASR_CONFIDENCE, ASR_SLOT_<NAME> and ASR_JSON "
        "in its environment",
    )
    actions.add_argument("--shell", action="store_true", help="run it with /bin/sh")
    actions.add_argument(
        "--exec-timeout", type=_seconds, metavar="S", help=f"seconds until it is ended; {LONGEST:g} by default"
    )
    actions.add_argument("--mqtt", metavar="HOST[:PORT]", help="publish to an MQTT broker")
    actions.add_argument("--mqtt-topic", metavar="TOPIC", help="what topics begin with; hermes by default")
    actions.add_argument("--mqtt-tls", action="store_true", help="encrypt, and check the broker's certificate")
    actions.add_argument("--mqtt-ca", type=Path, metavar="FILE", help="trust this PEM file of authorities; means TLS")
    actions.add_argument("--mqtt-login", type=Path, metavar="FILE", help="user in line 1, password in line 2, mode 600")
    actions.add_argument("--webhook", metavar="URL", help="post JSON to a URL")
    actions.add_argument(
        "--queue", type=Path, metavar="FILE", help="keep events here until they are delivered, across restarts"
    )
    service = parser.add_argument_group("service").add_mutually_exclusive_group()
    service.add_argument("--install-service", action="store_true", help="write a systemd user unit with these options")
    service.add_argument("--print-service", action="store_true", help="print that unit")


def add_pause(parser: argparse._ActionsContainer) -> None:
    """Declare the option that says how long to wait for more words."""
    parser.add_argument(
        "--pause",
        type=_timing,
        default=Timing(),
        metavar="S",
        dest="timing",
        help=f"seconds to wait after a sentence that may go on, {PAUSES[0]:g} to {PAUSES[1]:g}; {Timing.open:g} by "
        "default. Shorter answers sooner, and cuts off who hesitates",
    )


def lists_microphones(given: argparse.Namespace) -> bool:
    """Return whether the command only lists microphones, which needs no device folder."""
    return bool(given.devices)


def microphone_lines() -> Generator[str, None, None]:
    """Yield a line for each microphone; FaultError where there is none."""
    from .microphone import list_microphones

    try:
        yield from list_microphones()
    except SoundError as error:
        raise FaultError(str(error)) from None


def listen_lines(
    given: argparse.Namespace, recogniser: Recogniser, arguments: Sequence[str]
) -> Generator[str, None, None]:
    """Yield the lines that `listen` prints, until the sound ends.

    Parameters
    ----------
    given : of a parser with `add_options`.
    arguments : of the whole command, for its service.

    Raises
    ------
    FaultError : an option is wrong, or there is no sound.
    """
    _check(given)
    actions = _actions(given)
    chunks = _source(given, recogniser.network.sample_rate)
    if given.install_service or given.print_service:
        yield _service(given, arguments)
        return
    journal = None if given.queue is None else Journal(given.queue, [action.name for action in actions])
    running = Actions(actions, journal)
    watchdog = Watchdog(os.environ)
    before = signal.signal(signal.SIGTERM, _terminate)
    report("listening; Ctrl-C ends it")
    watchdog.ready()
    try:
        shown = Shown(given.partial, given.all)
        for record in listening(recogniser, chunks, running, shown, watchdog, given.timing):
            yield json.dumps(record, ensure_ascii=False)
        running.finish()
    except SoundError as error:
        raise FaultError(str(error)) from None
    finally:
        watchdog.stopping()
        running.stop()
        signal.signal(signal.SIGTERM, before)


def _terminate(number: int, frame: FrameType | None) -> None:
    sys.exit(0)


def _seconds(text: str) -> float:
    value = float(text)
    if not 0 < value < 86400:
        raise ValueError
    return value


def _timing(text: str) -> Timing:
    try:
        return Timing.paused(float(text))
    except ValueError:
        least, most = PAUSES
        raise argparse.ArgumentTypeError(f"{text!r} is no pause of {least:g} to {most:g} s") from None


def _check(given: argparse.Namespace) -> None:
    for name, needed in _NEEDED.items():
        if getattr(given, name) and not getattr(given, needed):
            raise FaultError(f"--{name.replace('_', '-')} needs --{needed}. Add it")
    if given.microphone and given.input != "mic":
        raise FaultError("--microphone needs --input mic. Leave one of them out")
    if given.real_time and (given.input in ("mic", "-") or is_address(given.input)):
        raise FaultError("--real-time is for files: a stream has its own pace. Leave it out")
    if given.queue and not (given.exec or given.mqtt or given.webhook):
        raise FaultError("--queue needs an action. Add --exec, --mqtt or --webhook")


def _actions(given: argparse.Namespace) -> list[Action]:
    found: list[Action] = []
    if given.exec is not None:
        found.append(CommandAction(given.exec, shell=given.shell, longest=given.exec_timeout or LONGEST))
    if given.mqtt is not None:
        from .mqtt import Broker, Mqtt

        topic = given.mqtt_topic or "hermes"
        found.append(Mqtt(Broker(given.mqtt, topic, given.mqtt_tls, given.mqtt_ca, given.mqtt_login)))
    if given.webhook is not None:
        from .webhook import Webhook

        found.append(Webhook(given.webhook))
    return found


def _source(given: argparse.Namespace, rate: int) -> Chunks:
    if given.framed and given.input != "-" and not is_address(given.input):
        raise FaultError("--framed is for streams. Give --input udp://HOST:PORT, tcp://HOST:PORT or -")
    if given.input == "mic":
        from .microphone import microphone

        return microphone(rate, given.microphone)
    if given.input == "-":
        return standard_input(rate, given.framed)
    if is_address(given.input):
        return network_source(read_address(given.input), rate, Backoff(), framed=given.framed)
    return file_source(Path(given.input), rate, real_time=given.real_time)


def _service(given: argparse.Namespace, arguments: Sequence[str]) -> str:
    """Write or print the unit of this command."""
    if given.input == "-":
        raise FaultError("a service has no standard input. Name another --input")
    command = own_command([word for word in arguments if word not in _SERVICE])
    text = unit_text(command, working_folder(os.environ), " ".join(arguments[:2]))
    return text.rstrip() if given.print_service else install(text, unit_path(os.environ))
