"""Actions: commands without a shell, a web server that fails at first, queues that fill up."""

from __future__ import annotations

import json
import shlex
import sys
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from asr.runtime.actions import Actions, DeliveryError
from asr.runtime.command_action import CommandAction, environment
from asr.runtime.faults import Backoff, FaultError
from asr.runtime.journal import Event, Journal
from asr.runtime.webhook import Webhook

LIGHT: Event = {
    "text": "licht an; rm -rf $HOME",
    "intent": "TurnOn",
    "confidence": 0.9876,
    "slots": {"living-room lamp": "`touch x` ü", "x": ""},
}


def run(action: object, *events: Event, journal: Path | None = None) -> None:
    """Give events to an action and wait for it."""
    queue = None if journal is None else Journal(journal, [action.name])  # type: ignore[attr-defined]
    actions = Actions([action], queue, first_pause=0.01)  # type: ignore[list-item]
    for event in events:
        actions.take(event)
    actions.finish(patience=1.0)
    actions.stop()


def test_a_command_gets_the_event_in_its_environment(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    program = tmp_path / "note.py"
    program.write_text(
        "import json, os, sys\n"
        "found = {name: value for name, value in os.environ.items() if name.startswith('ASR_')}\n"
        f"open({str(tmp_path / 'out')!r}, 'w').write(json.dumps([sys.argv[1:], found]))\n"
        "print('printed')\n"
    )
    command = f"{shlex.quote(sys.executable)} {program} 'two words' ; rm {tmp_path}/precious $ASR_TEXT"
    (tmp_path / "precious").write_text("")
    run(CommandAction(command), LIGHT)
    arguments, found = json.loads((tmp_path / "out").read_text())
    assert arguments == ["two words", ";", "rm", f"{tmp_path}/precious", "$ASR_TEXT"]
    assert (tmp_path / "precious").exists()
    assert json.loads(found.pop("ASR_JSON")) == LIGHT
    assert found == {
        "ASR_TEXT": "licht an; rm -rf $HOME",
        "ASR_INTENT": "TurnOn",
        "ASR_CONFIDENCE": "0.9876",
        "ASR_SLOT_LIVING_ROOM_LAMP": "`touch x` ü",
        "ASR_SLOT_X": "",
    }
    out, err = capfd.readouterr()
    assert (out, err) == ("", "printed\n")


def test_a_shell_runs_it_only_where_it_is_asked_for(tmp_path: Path) -> None:
    run(CommandAction(f'echo "$ASR_INTENT" > {tmp_path}/out; true', shell=True), LIGHT)
    assert (tmp_path / "out").read_text() == "TurnOn\n"
    assert environment({"text": "a\0b"})["ASR_TEXT"] == "ab"


def test_what_a_command_does_wrong_is_one_line(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    for command in ("", " ", '"open'):
        with pytest.raises(FaultError, match="--exec"):
            CommandAction(command)
    run(CommandAction("no-such-program"), LIGHT)
    assert capfd.readouterr().err == "exec: no-such-program: No such file or directory\n"
    run(CommandAction("false"), LIGHT)
    assert capfd.readouterr().err == "exec: false: exit status 1\n"
    began = time.monotonic()
    # The process group goes, not the shell alone.
    run(
        CommandAction("sleep 60 & echo $! > pid; wait".replace("pid", f"{tmp_path}/pid"), shell=True, longest=0.3),
        LIGHT,
    )
    assert time.monotonic() - began < 10
    assert capfd.readouterr().err == "exec: /bin/sh: ended after 0.3 s\n"
    status = Path(f"/proc/{(tmp_path / 'pid').read_text().strip()}/stat")
    assert not status.exists() or status.read_text().split()[2] == "Z"


class Slow:
    """Takes events as soon as it is let."""

    name = "slow"

    def __init__(self) -> None:
        self.let = threading.Event()
        self.taken: list[Event] = []
        self.fail = 0

    def connect(self) -> None:
        pass

    def deliver(self, number: int, event: Event) -> None:
        self.let.wait(10)
        if self.fail:
            self.fail -= 1
            raise DeliveryError("not now")
        self.taken.append(event)

    def close(self) -> None:
        pass


def test_the_one_that_hears_never_waits(capsys: pytest.CaptureFixture[str]) -> None:
    slow = Slow()
    actions = Actions([slow], None)
    began = time.monotonic()
    for number in range(130):
        actions.take({"text": str(number)})
    assert time.monotonic() - began < 1.0
    assert "slow: 100 events wait already; dropped: '29'" in capsys.readouterr().err
    slow.let.set()
    actions.finish()
    actions.stop()
    # The first was under way already, or it was dropped like those after it.
    assert [event["text"] for event in slow.taken if event["text"] != "0"] == [str(number) for number in range(30, 130)]


def test_what_fails_is_tried_again_in_order(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    slow = Slow()
    slow.let.set()
    slow.fail = 4
    run(slow, *({"text": str(number)} for number in range(5)))
    assert [event["text"] for event in slow.taken] == list("01234")
    err = capsys.readouterr().err
    assert [f"slow: not now; trying again in {pause:g} s" in err for pause in (0.01, 0.02, 0.04, 0.08, 0.16)] == [
        *(4 * [True]),
        False,
    ]
    assert "slow: works again" in err
    slow.fail = 1 << 30
    run(slow, {"text": "5"}, {"text": "6"}, journal=tmp_path / "queue")
    assert "left in the queue: 2" in capsys.readouterr().err
    slow.fail = 0
    run(slow, {"text": "7"}, journal=tmp_path / "queue")
    assert [event["text"] for event in slow.taken] == list("01234567")


def test_pauses_grow_to_half_a_minute() -> None:
    backoff = Backoff()
    assert [backoff.take() for _ in range(8)] == [0.5, 1, 2, 4, 8, 16, 30, 30]
    backoff.reset()
    assert backoff.take() == 0.5


class Hook(BaseHTTPRequestHandler):
    """Answers with the next of its statuses, 200 after the last."""

    statuses: list[int]
    bodies: list[tuple[int, str | None, str | None, object]]

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        status = self.statuses.pop(0) if self.statuses else 200
        self.bodies.append((status, self.headers["Content-Type"], self.headers["Idempotency-Key"], body["text"]))
        if status == 0:
            self.connection.close()
            return
        self.send_response(status)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, format: str, *arguments: object) -> None:
        pass


@pytest.fixture
def hook() -> Iterator[tuple[str, type[Hook]]]:
    handler = type("Handler", (Hook,), {"statuses": [], "bodies": []})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}/hook", handler
    server.shutdown()
    server.server_close()


def test_a_hook_that_fails_at_first_gets_each_event_once(hook: tuple[str, type[Hook]], capsys) -> None:
    url, handler = hook
    handler.statuses = [503, 0, 429, 200, 500]
    run(Webhook(url), {"text": "ü"}, {"text": "two"})
    kind = "application/json; charset=utf-8"
    assert [(status, key, text) for status, _, key, text in handler.bodies] == [
        *((status, "1", "ü") for status in (503, 0, 429, 200)),
        *((status, "2", "two") for status in (500, 200)),
    ]
    assert {body[1] for body in handler.bodies} == {kind}
    assert "webhook: the server answers 503 Service Unavailable; trying again" in capsys.readouterr().err


def test_an_event_that_a_hook_refuses_is_dropped(hook: tuple[str, type[Hook]], capsys) -> None:
    url, handler = hook
    handler.statuses = [422]
    run(Webhook(url), {"text": "one"}, {"text": "two"})
    assert [(body[0], body[3]) for body in handler.bodies] == [(422, "one"), (200, "two")]
    assert "webhook: the server answers 422 Unprocessable" in capsys.readouterr().err


def test_a_url_is_checked() -> None:
    for url in ("file:///etc/passwd", "http://", "localhost:80", "http://a:99999/", "http://a/\nb", "http://[::1"):
        with pytest.raises(FaultError, match="this is no URL"):
            Webhook(url)
