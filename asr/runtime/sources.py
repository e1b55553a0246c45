"""Where a listener's sound comes from: a file, a pipe, a microphone or the network.

A source yields int16 [n] at the network's rate: an empty array now and then while nothing comes, so that the listener
can do other things, and None where sound is missing, after a lost connection.
"""

from __future__ import annotations

import select
import socket
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

import numpy as np
import numpy.typing as npt

from .faults import Backoff, FaultError, report
from .framed import FrameReader
from .resampler import Resampler
from .sound import RAW, SoundError, paced, read_sound, to_int16

TICK = 1.0  # s
PATIENCE = 10.0  # s without sound, after which a connection is lost
_PIECE = 640  # bytes that are read at once from a connection, 20 ms
_LONGEST_PACKET = 65536  # bytes
_KERNEL_BUFFER = 1 << 20  # bytes of packets that wait, 30 s
_FORMS = ("tcp", "tcp-listen", "udp")

Int16 = npt.NDArray[np.int16]
Chunks = Iterator[Int16 | None]


@dataclass(frozen=True)
class Address:
    """An end of a connection: `form` is one of `_FORMS`."""

    form: str
    host: str
    port: int

    def __str__(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{self.form}://{host}:{self.port}"

    @property
    def family(self) -> socket.AddressFamily:
        """The family of its sockets."""
        return socket.AF_INET6 if ":" in self.host else socket.AF_INET


def is_address(name: str) -> bool:
    """Return whether an input is a connection, not a file."""
    return "://" in name


def read_address(name: str) -> Address:
    """Return the address that a text names: tcp://HOST:PORT, tcp-listen://HOST:PORT or udp://HOST:PORT.

    Raises
    ------
    FaultError : it is none of these.
    """
    try:
        parts = urlsplit(name)
        host, port = parts.hostname, parts.port
    except ValueError:
        parts, host, port = urlsplit(""), None, None
    if parts.scheme not in _FORMS or not host or not port or parts.path or parts.username is not None:
        fix = ", ".join(f"{form}://HOST:PORT" for form in _FORMS)
        raise FaultError(f"--input {name}: this is no address. It should be like {fix}")
    return Address(parts.scheme, host, port)


def file_source(path: Path, rate: int, *, real_time: bool) -> Chunks:
    """Yield the sound of a WAV file; FaultError if it cannot be read."""
    try:
        file = path.open("rb")
    except OSError as error:
        raise FaultError(f"{path}: {error.strerror}. Name a WAV file with --input") from None
    with file:
        try:
            chunks = read_sound(file, rate)
            yield from paced(chunks, rate) if real_time else chunks
        except SoundError as error:
            raise FaultError(f"{path}: {error}") from None


def standard_input(rate: int, framed: bool = False) -> Chunks:
    """Yield the sound of standard input: WAV, or mono PCM of 16 bits at 16 kHz, or frames of a board (`framed`).

    Raises
    ------
    FaultError : there is none, or it cannot be read.
    """
    pipe = sys.stdin.buffer
    try:
        if framed:
            pcm = Pcm(rate, framed=True)
            while content := pipe.read(_PIECE):
                yield pcm.accept(content)
            return
        yield from read_sound(pipe, rate, raw=True)
    except SoundError as error:
        raise FaultError(f"standard input: {error}") from None


def network_source(
    address: Address, rate: int, backoff: Backoff, patience: float = PATIENCE, *, framed: bool = False
) -> Chunks:
    """Yield the sound of a connection without end: mono PCM of 16 bits at 16 kHz, little-endian, bare or in frames.

    Raises
    ------
    FaultError : its own address cannot be opened.
    """
    if address.form == "udp":
        return _udp(address, rate, patience, framed)
    if address.form == "tcp-listen":
        return _tcp_listen(address, rate, patience, framed)
    return _tcp(address, rate, backoff, patience, framed)


class Pcm:
    """Bytes of mono PCM of 16 bits at 16 kHz, in pieces of any length, as samples at another rate.

    Parameters
    ----------
    rate : of the samples, Hz.
    framed : the bytes are frames of a board (docs/formats.md), where lost sound becomes silence and is reported.
    """

    def __init__(self, rate: int, framed: bool = False) -> None:
        self._rest = b""
        self._frames = FrameReader(RAW.rate) if framed else None
        self._resampler = Resampler(RAW.rate, rate) if rate != RAW.rate else None

    def accept(self, content: bytes) -> Int16:
        """Return the samples that some bytes complete: int16 [n]; SoundError for frames of another kind."""
        samples = self._take(content) if self._frames is None else self._unframe(self._frames, content)
        if self._resampler is None:
            return samples
        return to_int16(self._resampler.accept(samples.astype(np.float32) / np.float32(32768)))

    def _take(self, content: bytes) -> Int16:
        content = self._rest + content
        whole = len(content) // 2 * 2
        self._rest = content[whole:]
        return np.frombuffer(content[:whole], "<i2").astype(np.int16)

    def _unframe(self, reader: FrameReader, content: bytes) -> Int16:
        lost = reader.lost
        samples = reader.accept(content)
        if reader.lost > lost:
            report(f"frames of sound lost: {reader.lost - lost}, {reader.lost} in all")
        return samples


def _tcp(address: Address, rate: int, backoff: Backoff, patience: float, framed: bool) -> Chunks:
    stopped = threading.Event()
    while True:
        try:
            connection = socket.create_connection((address.host, address.port), patience)
        except OSError as error:
            yield _nothing()
            backoff.wait(stopped, f"{address}: {error.strerror or error}")
            continue
        report(f"{address}: connected")
        with connection:
            received = _Received(connection, Pcm(rate, framed), patience)
            for samples in received:
                backoff.reset()
                yield samples
        yield None
        backoff.wait(stopped, f"{address}: {received.reason}")


def _tcp_listen(address: Address, rate: int, patience: float, framed: bool) -> Chunks:
    with _bound(address, socket.SOCK_STREAM) as server:
        server.listen(1)
        while True:
            while not select.select([server], [], [], TICK)[0]:
                yield _nothing()
            try:
                connection, peer = server.accept()
            except OSError:  # it has gone again
                continue
            report(f"{address}: {peer[0]} is connected")
            with connection:
                received = _Received(connection, Pcm(rate, framed), patience)
                yield from received
            yield None
            report(f"{address}: {received.reason}; waiting for the next connection")


class _Received:
    """The sound of a connection, until it is lost; then `reason` says why."""

    def __init__(self, connection: socket.socket, pcm: Pcm, patience: float) -> None:
        self.reason = ""
        self._connection = connection
        self._pcm = pcm
        self._patience = patience

    def __iter__(self) -> Iterator[Int16]:
        self._connection.settimeout(min(TICK, self._patience))
        last = time.monotonic()
        while not self.reason:
            try:
                content = self._connection.recv(_PIECE)
            except TimeoutError:
                if time.monotonic() - last >= self._patience:
                    self.reason = f"no sound for {self._patience:g} s"
                yield _nothing()
                continue
            except OSError as error:
                self.reason = error.strerror or str(error)
                continue
            if not content:
                self.reason = "the other end has closed the connection"
                continue
            last = time.monotonic()
            yield self._pcm.accept(content)


def _udp(address: Address, rate: int, patience: float, framed: bool) -> Chunks:
    """Yield the sound of packets. Those of another sender are dropped while the first one sends."""
    with _bound(address, socket.SOCK_DGRAM) as receiver:
        receiver.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _KERNEL_BUFFER)
        receiver.settimeout(min(TICK, patience))
        sender, last, pcm = None, 0.0, Pcm(rate, framed)
        while True:
            try:
                content, origin = receiver.recvfrom(_LONGEST_PACKET)
            except TimeoutError:
                content, origin = b"", sender
            now = time.monotonic()
            if sender is not None and now - last >= patience:
                yield None
                report(f"{address}: no sound from {sender[0]} for {patience:g} s; waiting")
                sender, pcm = None, Pcm(rate, framed)
            if not content:
                yield _nothing()
                continue
            if sender is None:
                sender = origin
                report(f"{address}: {origin[0]} sends")
            if origin == sender:
                last = now
                # Half a sample would shift all that follow.
                yield pcm.accept(content[: len(content) // 2 * 2])


def _bound(address: Address, kind: socket.SocketKind) -> socket.socket:
    """Return a socket that takes what comes to an address; FaultError if that fails."""
    receiver = socket.socket(address.family, kind)
    try:
        receiver.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, int(kind == socket.SOCK_STREAM))
        receiver.bind((address.host, address.port))
    except OSError as error:
        receiver.close()
        raise FaultError(f"--input {address}: {error.strerror or error}. Give another address") from None
    return receiver


def _nothing() -> Int16:
    return np.zeros(0, np.int16)
