"""A headless Chromium that hears a WAV file as its microphone, driven through its DevTools protocol."""

from __future__ import annotations

import base64
import contextlib
import itertools
import json
import os
import shutil
import signal
import subprocess
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from websockets.sync.client import ClientConnection, connect

PROGRAM = shutil.which("chromium") or shutil.which("chromium-browser")


class Browser:
    """A page in a browser."""

    def __init__(self, connection: ClientConnection) -> None:
        self._connection = connection
        self._numbers = itertools.count(1)
        self.complaints: list[str] = []  # of the page's console

    def command(self, method: str, **parameters: Any) -> dict[str, Any]:
        number = next(self._numbers)
        self._connection.send(json.dumps({"id": number, "method": method, "params": parameters}))
        while True:
            message = json.loads(self._connection.recv(timeout=20))
            if message.get("method") in ("Runtime.exceptionThrown", "Log.entryAdded"):
                self.complaints.append(json.dumps(message["params"]))
            if message.get("id") == number:
                assert "error" not in message, message
                return dict(message["result"])

    def evaluate(self, script: str) -> Any:
        found = self.command("Runtime.evaluate", expression=script, awaitPromise=True, returnByValue=True)
        assert "exceptionDetails" not in found, found
        return found["result"].get("value")

    def wait(self, script: str, seconds: float) -> Any:
        """Return the first true value of a script."""
        end = time.monotonic() + seconds
        while not (found := self.evaluate(script)):
            assert time.monotonic() < end, f"{script} stays {found!r}; {self.complaints}"
            time.sleep(0.1)
        return found

    def screenshot(self, path: Path, width: int, dark: bool, height: int = 900) -> None:
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        self.command("Emulation.setEmulatedMedia", features=[scheme])
        self.command(
            "Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=width < 600
        )
        time.sleep(0.4)
        shot = self.command("Page.captureScreenshot", captureBeyondViewport=True)
        path.write_bytes(base64.b64decode(shot["data"]))


@contextlib.contextmanager
def browser(folder: Path, microphone: Path, address: str) -> Iterator[Browser]:
    """Open a page in a new browser; its profile lies in `folder`."""
    assert PROGRAM is not None
    words = [
        *(PROGRAM, "--headless=new", "--no-sandbox", "--disable-gpu", "--no-first-run", f"--user-data-dir={folder}"),
        *("--remote-debugging-port=0", "--use-fake-device-for-media-stream", "--use-fake-ui-for-media-stream"),
        *(f"--use-file-for-fake-audio-capture={microphone}", "about:blank"),
    ]
    process = subprocess.Popen(words, stderr=subprocess.DEVNULL, stdout=subprocess.DEVNULL, start_new_session=True)
    try:
        chosen = folder / "DevToolsActivePort"
        end = time.monotonic() + 20
        while not (chosen.exists() and chosen.read_text().count("\n")):
            assert time.monotonic() < end and process.poll() is None, "the browser does not start"
            time.sleep(0.05)
        port = chosen.read_text().split()[0]
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/json", timeout=10) as answer:
            page = next(one for one in json.load(answer) if one["type"] == "page")
        with connect(page["webSocketDebuggerUrl"], max_size=1 << 26, compression=None) as connection:
            found = Browser(connection)
            for domain in ("Page", "Runtime", "Log"):
                found.command(f"{domain}.enable")
            found.command("Page.navigate", url=address)
            found.wait("document.readyState === 'complete' && document.title !== 'asr serve'", 20)
            yield found
    finally:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
