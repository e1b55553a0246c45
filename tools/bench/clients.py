"""Clients that stream to a server at real-time pace: equal answers, memory over time, and one client too many.

    python -m tools.bench clients DEVICE CLIPS.csv [--clients 8] [--minutes 30]

CLIPS.csv has the columns of a manifest or of a recordings.csv. Every client streams the same clips with pauses, each a
little later than the one before. The server is `asr-runtime serve` in a process of its own, which has the same
processor as the clients.
"""

from __future__ import annotations

import argparse
import json
import re
import subprocess
import sys
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from websockets.exceptions import ConnectionClosed, WebSocketException
from websockets.sync.client import ClientConnection, connect

from asr.core import audio
from tools.bench.listener import RATE, add_noise, make_stream, read_clips

_PIECE = RATE // 10  # samples of a message
_CLIPS = 60  # of the stream that is repeated
_STAGGER = 0.37  # s between the beginnings of two clients


@dataclass
class Client:
    """One client and what it was answered.

    Attributes
    ----------
    answers : of each utterance its start, s, its text and whether it was accepted.
    closed : how the server closed the stream; "" where the client stopped it.
    """

    address: str
    answers: list[tuple[float, str, bool]] = field(default_factory=list)
    closed: str = ""

    def stream(self, samples: Any, seconds: float, delay: float) -> None:
        """Send samples, int16 [n], again and again for some seconds, and read the answers."""
        time.sleep(delay)
        with connect(self.address, compression=None) as connection:
            reader = threading.Thread(target=self._read, args=(connection,))
            reader.start()
            started = time.monotonic()
            try:
                for number in range(round(seconds * RATE) // _PIECE):
                    place = number * _PIECE % (len(samples) - _PIECE)
                    time.sleep(max(0.0, started + number * _PIECE / RATE - time.monotonic()))
                    connection.send(samples[place : place + _PIECE].tobytes())
                connection.send(json.dumps({"type": "stop"}))
            except ConnectionClosed as error:
                self.closed = str(error)
            reader.join()

    def _read(self, connection: ClientConnection) -> None:
        try:
            for message in connection:
                found = json.loads(message)
                if found["type"] == "final":
                    start = found["words"][0]["start"] if found["words"] else 0.0
                    self.answers.append((start, found["text"], found["accepted"]))
        except ConnectionClosed as error:
            self.closed = str(error)


def main() -> int:
    """Run the bench."""
    parser = argparse.ArgumentParser(prog="python -m tools.bench clients", description=__doc__)
    parser.add_argument("device", type=Path, help="a device folder")
    parser.add_argument("clips", type=Path, help="a CSV file of clips")
    parser.add_argument("--clients", type=int, default=8, help="number of clients")
    parser.add_argument("--minutes", type=float, default=30.0, help="length of each stream")
    given = parser.parse_args()
    generator = np.random.default_rng(1)
    sound, _ = make_stream(read_clips(given.clips), _CLIPS, (1.0, 3.0), generator)
    add_noise(sound, 30.0, False, generator)
    command = [sys.executable, "-m", "asr.runtime", "serve", str(given.device), "--port", "0"]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as server:
        try:
            address = _address(server)
            return report(*run(address, server.pid, audio.to_int16(sound), given.clients, given.minutes * 60))
        finally:
            server.terminate()


def run(address: str, process: int, samples: Any, count: int, seconds: float) -> tuple[list[Client], list[float], str]:
    """Stream to a server, samples int16 [n].

    Returns
    -------
    clients : with their answers.
    memory : resident memory of the server once a minute, MiB.
    refused : what one client too many was told.
    """
    clients = [Client(address) for _ in range(count)]
    threads = [
        threading.Thread(target=client.stream, args=(samples, seconds, number * _STAGGER))
        for number, client in enumerate(clients)
    ]
    for thread in threads:
        thread.start()
    time.sleep(min(10.0, seconds / 2))
    refused = _one_too_many(address)
    memory = []
    while any(thread.is_alive() for thread in threads):
        memory.append(_resident(process))
        threads[0].join(60.0)
        if not threads[0].is_alive():
            for thread in threads:
                thread.join()
    return clients, memory, refused


def report(clients: list[Client], memory: list[float], refused: str) -> int:
    """Print what was found; return 1 where a client was closed or answered differently."""
    first = clients[0].answers
    different = sum(client.answers != first for client in clients)
    closed = [client.closed for client in clients if client.closed]
    print(f"{len(clients)} clients, {len(first)} answers each, {sum(one[2] for one in first)} accepted")
    print(f"clients with other answers than the first: {different}")
    print(f"clients closed by the server: {len(closed)}{f' ({closed[0]})' if closed else ''}")
    print(f"one more client: {refused}")
    if memory:
        settled = memory[len(memory) // 10 :]
        print(f"memory: {memory[0]:.1f} MiB first, then {min(settled):.1f} to {max(settled):.1f} MiB")
    return 1 if different or closed else 0


def _address(server: subprocess.Popen[str]) -> str:
    """Return the address of the stream that a server tells when it is ready."""
    assert server.stderr is not None
    for line in server.stderr:
        if found := re.search(r"serving at ([\d.]+:\d+)", line):
            # Later messages must not fill the pipe.
            threading.Thread(target=server.stderr.read, daemon=True).start()
            return f"ws://{found.group(1)}/ws/1"
    raise SystemExit("error: the server did not start")


def _one_too_many(address: str) -> str:
    try:
        with connect(address, compression=None) as connection:
            connection.send(b"\0" * 2 * _PIECE)
            connection.recv(timeout=10)
    except ConnectionClosed as error:
        return str(error)
    except (WebSocketException, TimeoutError) as error:
        return f"{type(error).__name__}: {error}"
    return "it was served"


def _resident(process: int) -> float:
    for line in Path(f"/proc/{process}/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) / 1024
    return 0.0
