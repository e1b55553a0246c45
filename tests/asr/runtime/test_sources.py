"""Sound from connections: boards that come, go silent, close and come back."""

from __future__ import annotations

import io
import socket
import struct
import sys
import threading
import time
import zlib
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from asr.core import audio
from asr.runtime.faults import Backoff, FaultError
from asr.runtime.sources import (
    Chunks,
    Pcm,
    file_source,
    is_address,
    network_source,
    read_address,
    standard_input,
)

RATE = 16000
SOUND = (3000 * np.sin(np.arange(RATE) / 7)).astype(np.int16)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def until(chunks: Chunks, count: int, seconds: float = 10.0) -> list[np.ndarray | None]:
    """Return what comes until there are `count` samples, without what is empty."""
    found: list[np.ndarray | None] = []
    length, end = 0, time.monotonic() + seconds
    for chunk in chunks:
        assert time.monotonic() < end, "the sound did not come"
        if chunk is None or len(chunk):
            found.append(chunk)
        length += 0 if chunk is None else len(chunk)
        if length >= count:
            break
    return found


def joined(found: list[np.ndarray | None]) -> np.ndarray:
    return np.concatenate([chunk for chunk in found if chunk is not None])


def in_background(work: object) -> threading.Thread:
    thread = threading.Thread(target=work, daemon=True)  # type: ignore[arg-type]
    thread.start()
    return thread


def test_a_lost_connection_is_made_again(capsys: pytest.CaptureFixture[str]) -> None:
    port = free_port()
    address = f"tcp://127.0.0.1:{port}"

    def board() -> None:
        time.sleep(0.15)  # nobody answers at first
        with socket.create_server(("127.0.0.1", port)) as server:
            for half in np.split(SOUND, 2):
                connection, _ = server.accept()
                with connection:
                    # In pieces that cut samples in two.
                    content = half.astype("<i2").tobytes()
                    for first in range(0, len(content), 333):
                        connection.sendall(content[first : first + 333])

    thread = in_background(board)
    found = until(network_source(read_address(address), RATE, Backoff(0.05)), RATE)
    thread.join()
    np.testing.assert_array_equal(joined(found), SOUND)
    places = [place for place, chunk in enumerate(found) if chunk is None]
    assert len(places) == 1 and len(joined(found[: places[0]])) == RATE // 2
    lines = capsys.readouterr().err.splitlines()
    assert lines[0] == f"{address}: Connection refused; trying again in 0.05 s"
    assert f"{address}: the other end has closed the connection; trying again in 0.05 s" in lines
    assert lines.count(f"{address}: connected") == 2


def test_a_board_may_connect_and_one_that_falls_silent_is_left(capsys: pytest.CaptureFixture[str]) -> None:
    address = f"tcp-listen://127.0.0.1:{free_port()}"
    chunks = network_source(read_address(address), RATE, Backoff(), patience=0.2)

    def boards() -> None:
        place = read_address(address)
        for number, half in enumerate(np.split(SOUND, 2)):
            connection = socket.socket()
            while connection.connect_ex((place.host, place.port)):
                time.sleep(0.01)
            connection.sendall(half.astype("<i2").tobytes())
            kept.append(connection)
            if number == 0:
                # The other one may come once this one has been silent.
                time.sleep(0.4)

    kept: list[socket.socket] = []
    thread = in_background(boards)
    found = until(chunks, RATE)
    thread.join()
    np.testing.assert_array_equal(joined(found), SOUND)
    assert sum(chunk is None for chunk in found) == 1
    assert f"{address}: no sound for 0.2 s; waiting for the next connection" in capsys.readouterr().err
    for connection in kept:
        connection.close()


def test_packets_of_one_board_are_taken(capsys: pytest.CaptureFixture[str]) -> None:
    place = read_address(f"udp://127.0.0.1:{free_port()}")
    chunks = network_source(place, RATE, Backoff(), patience=0.3)
    assert len(next(chunks)) == 0  # it waits now
    with socket.socket(type=socket.SOCK_DGRAM) as board, socket.socket(type=socket.SOCK_DGRAM) as other:
        for first in range(0, RATE // 2, 160):
            board.sendto(SOUND[first : first + 160].astype("<i2").tobytes(), (place.host, place.port))
            # Noise of another, and half a sample too much.
            other.sendto(bytes(100), (place.host, place.port))
        board.sendto(b"\1", (place.host, place.port))
        found = until(chunks, RATE // 2)
        np.testing.assert_array_equal(joined(found), SOUND[: RATE // 2])
        until_none(chunks)
        other.sendto(SOUND[:160].astype("<i2").tobytes(), (place.host, place.port))
        np.testing.assert_array_equal(joined(until(chunks, 160)), SOUND[:160])
    assert f"{place}: no sound from 127.0.0.1 for 0.3 s; waiting" in capsys.readouterr().err


def framed(number: int, position: int, samples: np.ndarray) -> bytes:
    """Return a frame as docs/formats.md describes it."""
    head = struct.pack("<BBHII", 1, 16, len(samples), number, position)
    body = head + samples.astype("<i2").tobytes()
    return b"\xa5ASR" + body + struct.pack("<I", zlib.crc32(body))


def test_lost_packets_of_frames_become_silence_and_are_told(capsys: pytest.CaptureFixture[str]) -> None:
    place = read_address(f"udp://127.0.0.1:{free_port()}")
    chunks = network_source(place, RATE, Backoff(), framed=True)
    assert len(next(chunks)) == 0
    expected = SOUND[:1600].copy()
    expected[480:800] = 0
    with socket.socket(type=socket.SOCK_DGRAM) as board:
        for number in range(10):
            if number not in (3, 4):
                board.sendto(framed(number, 160 * number, SOUND[160 * number :][:160]), (place.host, place.port))
        np.testing.assert_array_equal(joined(until(chunks, 1600)), expected)
    assert "frames of sound lost: 2, 2 in all" in capsys.readouterr().err


def test_frames_come_through_a_pipe(monkeypatch: pytest.MonkeyPatch) -> None:
    data = b"boot\r\n" + b"".join(framed(n, 160 * n, SOUND[160 * n :][:160]) for n in range(20))
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(data)))
    np.testing.assert_array_equal(joined(list(standard_input(RATE, framed=True))), SOUND[:3200])


def until_none(chunks: Iterator[np.ndarray | None]) -> None:
    end = time.monotonic() + 10
    for chunk in chunks:
        assert time.monotonic() < end
        if chunk is None:
            return


def test_pcm_in_any_pieces_is_the_same_sound() -> None:
    content = SOUND[:1000].astype("<i2").tobytes()
    for length in (1, 2, 3, 641):
        pcm = Pcm(RATE)
        pieces = [pcm.accept(content[first : first + length]) for first in range(0, len(content), length)]
        np.testing.assert_array_equal(np.concatenate(pieces), SOUND[:1000])
    # Half the rate, less what the filter still waits for.
    assert 460 < len(Pcm(8000).accept(content)) <= 500


def test_an_address_says_what_it_is() -> None:
    assert str(read_address("tcp://[::1]:9000")) == "tcp://[::1]:9000"
    assert is_address("udp://127.0.0.1:9000") and not is_address("C:/sound.wav") and not is_address("-")
    wrong = (
        "http://host:80",
        "tcp://host",
        "tcp://:9000",
        "udp://host:0",
        "tcp://host:99999",
        "tcp://h:1/x",
        "tcp://[",
    )
    for name in wrong:
        with pytest.raises(FaultError, match=r"this is no address\. It should be like tcp://HOST:PORT, tcp-listen"):
            read_address(name)


def test_a_place_that_is_taken_is_one_line() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        place = read_address(f"tcp-listen://127.0.0.1:{taken.getsockname()[1]}")
        with pytest.raises(FaultError, match=r"Address already in use\. Give another address"):
            next(network_source(place, RATE, Backoff()))


def test_a_file_that_cannot_be_read_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(FaultError, match=r"No such file or directory\. Name a WAV file"):
        next(file_source(tmp_path / "none.wav", RATE, real_time=False))
    (tmp_path / "text.wav").write_text("this is text")
    with pytest.raises(FaultError, match=r"text\.wav: it is no WAV file"):
        next(file_source(tmp_path / "text.wav", RATE, real_time=False))
    audio.write_wav(tmp_path / "sound.wav", SOUND)
    np.testing.assert_array_equal(joined(list(file_source(tmp_path / "sound.wav", RATE, real_time=False))), SOUND)
