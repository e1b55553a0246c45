"""The firmware on a Cortex-M4 in QEMU gives the bytes that it gives on the host, within its budgets."""

from __future__ import annotations

import ctypes
import re
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from asr.core import audio
from asr.keyword.detect import Rule
from tests import int8_networks
from tests.firmware_host import HostRunner, compile_library, write_tables
from tools.firmware import machine, measure
from tools.firmware.__main__ import main

pytestmark = pytest.mark.skipif(
    bool(machine.missing()), reason=f"not installed: {', '.join(machine.missing())}; `make firmware-tools` brings them"
)

# Low enough that a network with random weights hears something now and then.
RULE = Rule(thresholds=(256, 256, 90, 90), suppression=40)
PATIENCE = 900.0  # s; far more than any of these takes, also on a machine that is shared, so that a hang ends

Sound = NDArray[np.int16]


@pytest.fixture(scope="module")
def tables(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("tables")
    return write_tables(int8_networks.int8_network("tiny_conv"), folder, RULE)


def sound(seconds: float) -> Sound:
    """Return noise whose colour and level change, as words do."""
    rng = np.random.default_rng(5)
    parts = []
    while sum(map(len, parts)) < seconds * 16_000:
        length = int(rng.integers(1_000, 12_000))
        noise = rng.normal(0, rng.uniform(10, 6_000), length)
        if rng.integers(2):
            noise = np.cumsum(noise) * 0.1
        parts.append(noise)
    return np.concatenate(parts)[: int(seconds * 16_000)].clip(-32_768, 32_767).astype(np.int16)


# ------------------------------------------------------------------------------------------------ the network


@pytest.mark.parametrize("network", ["tiny_conv", "separable"])
@pytest.mark.parametrize("switches", [{"fast": True}, {"fast": False}, {"double_rounding": True}], ids=str)
def test_the_network_gives_the_bytes_of_the_host(network: str, switches: dict[str, bool], tmp_path: Path) -> None:
    tflite = int8_networks.int8_network(network)
    examples = int8_networks.extreme_inputs(np.random.default_rng(2), 100)
    (tmp_path / "inputs").write_bytes(examples.tobytes())
    elf = machine.build("inference", write_tables(tflite, tmp_path / "tables"), tmp_path, **switches)
    printed = machine.figures(machine.run(elf, tmp_path / "inputs", tmp_path / "outputs", timeout=PATIENCE))
    host = HostRunner(
        tflite, tmp_path / "host", f"-DNEURAL_NETWORK_DOUBLE_ROUNDING={int(switches.get('double_rounding', False))}"
    )
    assert printed["inferences"] == len(examples)
    assert (tmp_path / "outputs").read_bytes() == host(examples).tobytes()


def test_the_fast_path_is_what_a_cortex_m4_gets(tables: Path, tmp_path: Path) -> None:
    (tmp_path / "inputs").write_bytes(int8_networks.extreme_inputs(np.random.default_rng(2), 3).tobytes())
    taken = {}
    for fast in (None, True, False):
        elf = machine.build("inference", tables, tmp_path, fast=fast)
        printed = machine.run(elf, tmp_path / "inputs", tmp_path / "outputs", timeout=PATIENCE)
        taken[fast] = machine.figures(printed)["instructions"]
    assert taken[None] == taken[True] < 0.7 * taken[False]


# ------------------------------------------------------------------------------------------------ the whole


class HostListener:
    """The same program on this machine."""

    def __init__(self, tables: Path, target: Path) -> None:
        folder = machine.FIRMWARE / "qemu" / "listener"
        library = compile_library(tables, target, folder / "listener.c", *(machine.FIRMWARE / "lib").glob("[adfk]*.c"))
        self.block = (ctypes.c_int16 * 320).in_dll(library, "listener_block")
        self.library = library

    def hear(self, samples: Sound, block: int) -> list[tuple[str, int, int]]:
        """Return word, slice and score of each word heard, with `block` samples at a time."""
        found: list[tuple[str, int, int]] = []

        class Heard(ctypes.Structure):
            _fields_ = (("slice", ctypes.c_uint32), ("word", ctypes.c_uint8), ("score", ctypes.c_uint8))

        @ctypes.CFUNCTYPE(None, ctypes.c_void_p, ctypes.c_char_p, ctypes.POINTER(Heard))
        def tell(_: int, word: bytes, heard: ctypes._Pointer[Heard]) -> None:
            found.append((word.decode(), heard.contents.slice, heard.contents.score))

        assert self.library.listener_start(tell, None) == 1
        for start in range(0, len(samples), block):
            part = samples[start : start + block]
            self.block[: len(part)] = part.tolist()
            assert self.library.listener_hear(ctypes.c_size_t(len(part))) == 1
        return found


def heard(printed: str) -> list[tuple[str, int, int]]:
    """Return word, slice and score of each line that tells of a word."""
    lines = re.findall(r"^heard (.+) 0\.\d\d @(\d+) ms, slice (\d+), score (\d+)$", printed, re.MULTILINE)
    for _, milliseconds, newest, _ in lines:
        assert int(milliseconds) == int(newest) * 20 + 30
    return [(word, int(newest), int(score)) for word, _, newest, score in lines]


def test_it_hears_in_qemu_what_it_hears_on_the_host(tables: Path, tmp_path: Path) -> None:
    samples = sound(30)
    audio.write_wav(tmp_path / "sound.wav", samples)
    elf = machine.build("listener", tables, tmp_path)
    expected = HostListener(tables, tmp_path / "listener.so").hear(samples, 320)
    # Something must be heard, and not all the time, or the comparison says little.
    assert 3 <= len(expected) <= 40
    for block in (320, 256, 133):
        printed = machine.run(elf, tmp_path / "sound.wav", block, timeout=PATIENCE)
        assert heard(printed) == expected
        figures = machine.figures(printed)
        assert figures["samples"] == len(samples)
        assert figures["blocks"] == -(-len(samples) // block)


def test_sound_of_another_kind_is_refused(tables: Path, tmp_path: Path) -> None:
    elf = machine.build("listener", tables, tmp_path)
    wav = tmp_path / "sound.wav"
    audio.write_wav(wav, sound(0.1), 8_000)
    with pytest.raises(machine.FirmwareError, match="ended with 2 in QEMU: error: not 16-bit mono PCM at 16 kHz"):
        machine.run(elf, wav, timeout=PATIENCE)
    wav.write_bytes(b"RIFF")
    with pytest.raises(machine.FirmwareError, match="no WAV file"):
        machine.run(elf, wav, timeout=PATIENCE)
    with pytest.raises(machine.FirmwareError, match="cannot open"):
        machine.run(elf, tmp_path / "absent.wav", timeout=PATIENCE)


# ------------------------------------------------------------------------------------------------ size and speed


def test_it_stays_within_its_budgets(tables: Path) -> None:
    measured = measure.measure(tables)
    allowed = measure.budgets()
    assert {name: pair for name, pair in measured.against(allowed).items() if pair[0] > pair[1]} == {}
    # And what is measured is the whole: everything that listens is in it.
    assert {"frontend", "neural network", "detector", "model", "listener"} <= set(measured.modules)
    assert measured.modules["model"].flash > 16_000
    assert measured.modules["listener"].ram > 4_000
    text = measure.report(measured, {**allowed, "flash": 1})
    assert "past its budget of 1" in text and text.count("past its budget") == 1


def test_the_stack_is_measured(tables: Path, tmp_path: Path) -> None:
    # The compiler's own account of each function's frame is a lower limit for the deepest chain of calls.
    audio.write_wav(tmp_path / "sound.wav", sound(1.2))
    used = machine.figures(machine.run(machine.build("listener", tables, tmp_path), tmp_path / "sound.wav"))["stack"]
    frames = {}
    for name in ("neural_network", "neural_network_convolution"):
        source = machine.FIRMWARE / "lib" / f"{name}.c"
        machine.compile_object(source, tmp_path / f"{name}.o", tables, ("-fstack-usage",))
        for line in (tmp_path / f"{name}.su").read_text().splitlines():
            place, size, _ = line.split("\t")
            frames[place.split(":")[-1]] = int(size)
    chain = frames["neural_network_run"] + frames["neural_network_convolution"] + frames["multiply_rows"]
    assert chain <= used < 2_000


def test_a_short_sound_is_heard_within_silence(
    tables: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Less than a second would never fill what the network listens to."""
    noise = np.random.default_rng(1).normal(0, 900, 3 * audio.SAMPLE_RATE).astype(np.int16)
    for name, seconds in (("short", 0.5), ("long", 3)):
        audio.write_wav(tmp_path / f"{name}.wav", noise[: int(seconds * audio.SAMPLE_RATE)])
    assert main(["test", str(tables), str(tmp_path / "short.wav"), str(tmp_path / "long.wav")]) == 0
    lines = [line for line in capsys.readouterr().out.splitlines() if not line.startswith(" ")]
    assert lines == [
        f"{tmp_path}/short.wav, with a second of silence before and after it:",
        f"{tmp_path}/long.wav:",
    ]
