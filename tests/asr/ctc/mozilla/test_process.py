"""The trainer's lines, as Coqui's 1.4.0 wrote them in a real run, and processes that behave as it does."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from asr.core.errors import ModelError
from asr.ctc.mozilla.output import Reader
from asr.ctc.mozilla.process import watch

SAID = """\
I Performing dummy training to check for memory problems.
I STARTING Optimization
I Training epoch 0...
I Finished training epoch 0 - loss: 183.921814
I Validating epoch 0 on /a folder - loss: 3/dev.csv...
I Finished validating epoch 0 on /a folder - loss: 3/dev.csv - loss: 169.143600
I Saved new best validating model with loss 169.143600 to: /tmp/best_dev-5
--------------------------------------------------------------------------------
I Training epoch 1...
E The following files caused an infinite (or NaN) loss: /a/b.wav
I Finished training epoch 1 - loss: inf
I Finished validating epoch 1 on /dev.csv - loss: nan
I Early stop triggered as the loss did not improve the last 1 epochs
I Exporting the model...
I Models exported at /tmp/ex
"""


def reader(rows: list[Any], told: list[str], done: int = 0) -> Reader:
    clock = iter(range(100))
    return Reader(rows.append, told.append, done, lambda: float(next(clock)))


def test_epochs_are_read() -> None:
    rows: list[Any] = []
    told: list[str] = []
    found = reader(rows, told, done=5)
    for line in SAID.splitlines(keepends=True):
        assert not found.exported
        found.read(line)
    assert found.exported
    assert rows[0] == {"epoch": 6, "loss_per_clip": 183.921814, "dev_loss": 169.1436, "seconds": 1.0}
    assert rows[1]["epoch"] == 7 and str(rows[1]["loss_per_clip"]) == "inf" and len(rows) == 2
    assert [text[:9] for text in told] == ["The follo", "Early sto"]


def test_a_process_that_does_not_end_is_ended(tmp_path: Path) -> None:
    helper = tmp_path / "helper"
    code = (
        "import subprocess, sys, time, signal\n"
        "signal.signal(signal.SIGTERM, signal.SIG_IGN)\n"
        f"child = subprocess.Popen(['sleep', '600']); open({str(helper)!r}, 'w').write(str(child.pid))\n"
        "print('I Models exported at /x', flush=True)\n"
        "time.sleep(600)\n"
    )
    started = time.monotonic()
    watch([sys.executable, "-c", code], reader([], []), tmp_path / "log", {})
    assert time.monotonic() - started < 60
    assert "Models exported" in (tmp_path / "log").read_text()
    assert_ends(int(helper.read_text()))


def test_a_process_that_fails_is_reported_with_its_last_words(tmp_path: Path) -> None:
    code = "import sys; print('I Training epoch 0...'); sys.exit('ValueError: no such thing')"
    with pytest.raises(ModelError, match=r"log: the trainer ended with exit code 1 .*ValueError: no such thing"):
        watch([sys.executable, "-c", code], reader([], []), tmp_path / "log", {"PYTHONUNBUFFERED": "1"})
    assert os.listdir(tmp_path) == ["log"]


WATCHING = """
import sys
from pathlib import Path
from asr.ctc.mozilla.output import Reader
from asr.ctc.mozilla.process import watch

code = "import os, time; print('pid', os.getpid(), flush=True); time.sleep(60)"
watch([sys.executable, "-c", code], Reader(lambda row: None, print), Path(sys.argv[1]), {})
"""


def is_running(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="only Linux tells of a parent's death")
def test_the_trainer_ends_with_a_process_that_is_killed(tmp_path: Path) -> None:
    parent = subprocess.Popen([sys.executable, "-c", WATCHING, str(tmp_path / "trainer.log")])
    try:
        end = time.monotonic() + 60
        found: list[int] = []
        while not found and time.monotonic() < end:
            time.sleep(0.05)
            found = [int(p.name) for p in Path("/proc").iterdir() if p.name.isdigit() and parent_of(p) == parent.pid]
        (child,) = found
        assert is_running(child)
    finally:
        parent.kill()
        parent.wait()
    assert_ends(child)


def assert_ends(pid: int) -> None:
    """What is killed ends when the machine next lets it run."""
    end = time.monotonic() + 20
    while is_running(pid) and time.monotonic() < end:
        time.sleep(0.05)
    assert not is_running(pid)


def parent_of(folder: Path) -> int:
    try:
        return int((folder / "stat").read_text().rpartition(")")[2].split()[1])
    except OSError:
        return 0
