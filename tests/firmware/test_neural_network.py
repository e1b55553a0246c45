"""The runner gives the bytes of TensorFlow Lite's reference kernels, however it is compiled, and refuses the rest."""

from __future__ import annotations

import ctypes
import math
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest

from tests import int8_networks
from tests.firmware_host import LIB, WARNINGS, HostRunner, write_tables

pytestmark = pytest.mark.skipif(shutil.which("gcc") is None, reason="no gcc to compile the firmware with")

SWITCHES = {
    "plain": (), "fast": ("-DNEURAL_NETWORK_FAST=1",), "size": ("-Os",),
    "sanitized": ("-fsanitize=undefined", "-fno-sanitize-recover=all", "-DNEURAL_NETWORK_FAST=1", "-O1"),
}  # fmt: skip
INPUTS = 2000


def inputs(count: int) -> int8_networks.Bytes:
    """Return extreme and random inputs; the same for the same count."""
    return int8_networks.extreme_inputs(np.random.default_rng(1), count)


@pytest.fixture(scope="module", params=["tiny_conv", "separable"])
def network(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(scope="module")
def expected(network: str) -> int8_networks.Bytes:
    """What TensorFlow Lite's reference kernels put out."""
    return int8_networks.reference_outputs(int8_networks.int8_network(network), inputs(INPUTS))


def test_the_reference_tells_the_inputs_apart(expected: int8_networks.Bytes) -> None:
    # Or the next test could not fail.
    assert len(np.unique(expected, axis=0)) > INPUTS / 10
    assert len(np.unique(expected.argmax(1))) >= 3


@pytest.mark.parametrize("switches", SWITCHES)
def test_it_gives_the_bytes_of_the_reference_kernels(
    network: str, switches: str, expected: int8_networks.Bytes, tmp_path: Path
) -> None:
    runner = HostRunner(int8_networks.int8_network(network), tmp_path, *SWITCHES[switches])
    assert (runner(inputs(INPUTS)) != expected).sum() == 0


# ------------------------------------------------------------------------------------------------ double rounding


def doubling_high_multiply(a: int, b: int) -> int:
    """gemmlowp's SaturatingRoundingDoublingHighMul, as its source defines it."""
    product = a * b
    nudge = (1 << 30) if product >= 0 else 1 - (1 << 30)
    # C++ divides towards zero.
    return int(math.copysign(abs(product + nudge) >> 31, product + nudge)) if product + nudge else 0


def rounding_divide(x: int, exponent: int) -> int:
    """gemmlowp's RoundingDivideByPOT, as its source defines it."""
    mask = (1 << exponent) - 1
    return (x >> exponent) + int((x & mask) > (mask >> 1) + (1 if x < 0 else 0))


def micro_multiply(x: int, real: float) -> int:
    """TensorFlow Lite Micro's MultiplyByQuantizedMultiplier, which rounds twice."""
    fraction, shift = math.frexp(real)
    multiplier = math.floor(fraction * (1 << 31) + 0.5)
    high = doubling_high_multiply(x << max(shift, 0), multiplier)
    return rounding_divide(high, max(-shift, 0))


def micro_logits(name: str, examples: int8_networks.Bytes) -> int8_networks.Bytes:
    """Return the logits with the fully connected layers in TensorFlow Lite Micro's arithmetic, the rest as TFLite's."""
    layers, rows = int8_networks.reference_tensors(int8_networks.int8_network(name), examples)
    outputs = []
    for tensors in rows:
        value = tensors[layers[0]["input"]["index"]].ravel().astype(np.int64)
        for layer in layers:
            scale, zero_point = zip(
                *(layer[part]["quantization"] for part in ("input", "weights", "output")), strict=True
            )
            weights = tensors[layer["weights"]["index"]].astype(np.int64)
            sums = weights @ (value - zero_point[0])
            if layer["biases"] >= 0:
                sums = sums + tensors[layer["biases"]]
            real = float(np.float32(scale[0]) * np.float32(scale[1])) / float(np.float32(scale[2]))
            value = np.array([micro_multiply(int(total), real) for total in sums]) + zero_point[2]
            # A fused RELU's output has its zero at the smallest byte.
            value = value.clip(-128, 127)
        outputs.append(value)
    return np.array(outputs).astype(np.int8)


@pytest.mark.parametrize("name", ["tiny_conv_logits", "separable_logits"])
def test_double_rounding_is_tensorflow_lite_micros(name: str, tmp_path: Path) -> None:
    examples = inputs(INPUTS)
    runner = HostRunner(int8_networks.int8_network(name), tmp_path, "-DNEURAL_NETWORK_DOUBLE_ROUNDING=1")
    expected = micro_logits(name, examples)
    once = int8_networks.reference_outputs(int8_networks.int8_network(name), examples)
    assert (runner(examples) != expected).sum() == 0
    # The two ways differ, so that the switch has something to switch; by a step a layer, since it is rounding.
    assert 0 < (expected != once).sum() < 0.1 * expected.size
    assert np.abs(expected.astype(int) - once).max() <= 2


# ------------------------------------------------------------------------------------------------ preconditions

OK, NULL_POINTER, BAD_MODEL, WRONG_SIZE, ARENA_TOO_SMALL, OVERLAP = range(6)


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> HostRunner:
    return HostRunner(int8_networks.int8_network("tiny_conv"), tmp_path_factory.mktemp("tiny"))


def test_it_refuses_buffers_of_another_size(tiny: HostRunner) -> None:
    example, output, arena = inputs(1)[0], np.zeros(4, np.int8), tiny.arena
    assert tiny.run(example, output, arena) == OK
    assert tiny.run(example[:-1], output, arena) == WRONG_SIZE
    assert tiny.run(example, output[:-1], arena) == WRONG_SIZE
    assert tiny.run(example, output, arena[:-1]) == ARENA_TOO_SMALL


def test_it_refuses_buffers_that_share_memory(tiny: HostRunner) -> None:
    memory = np.zeros(1960 + 4 + tiny.arena.size, np.int8)
    example, output, arena = memory[:1960], memory[1960:1964], memory[1964:]
    assert tiny.run(example, output, arena) == OK
    assert tiny.run(example, memory[1959:1963], arena) == OVERLAP
    assert tiny.run(example, output, memory[1963:-1]) == OVERLAP
    assert tiny.run(arena[:1960], output, arena) == OVERLAP


def test_it_refuses_null_pointers(tiny: HostRunner) -> None:
    example, output, arena = inputs(1)[0].ctypes.data, np.zeros(4, np.int8).ctypes.data, tiny.arena.ctypes.data
    size = tiny.arena.size
    for model, source, target, room in (
        (None, example, output, arena), (tiny.model, None, output, arena),
        (tiny.model, example, None, arena), (tiny.model, example, output, None),
    ):  # fmt: skip
        assert tiny.call(model, source, 1960, target, 4, room, size) == NULL_POINTER


def test_it_says_how_large_an_arena_has_to_be(tiny: HostRunner) -> None:
    needed = ctypes.c_size_t()
    assert tiny.library.neural_network_arena_bytes(tiny.model, ctypes.byref(needed)) == OK
    assert needed.value == tiny.arena.size
    assert tiny.library.neural_network_arena_bytes(tiny.model, None) == NULL_POINTER


@pytest.mark.parametrize(
    ("found", "instead"),
    [
        (".kernel_height = 10", ".kernel_height = 9"), (".output_height = 25", ".output_height = 26"),
        (".padding_top = 4", ".padding_top = 10"), (".input_channels = 4000", ".input_channels = 4001"),
        (".stride_width = 2", ".stride_width = 0"), (".channel_count = sizeof shifts_0", ".channel_count = 7"),
        (".weights = weights_0", ".weights = 0"), ("NEURAL_NETWORK_SOFTMAX", "7"),
        (".output_width = 20", ".output_width = 0"), ("{layers, 3, ", "{layers, 1, "),
        (".smallest = -128, .largest = 127", ".smallest = 1, .largest = 0"),
        (".smallest_difference = -", ".smallest_difference = -100"),
        (".difference_multiplier = ", ".difference_multiplier = -"),
    ],
)  # fmt: skip
def test_it_refuses_tables_that_contradict_themselves(found: str, instead: str, tmp_path: Path) -> None:
    runner = HostRunner(int8_networks.int8_network("tiny_conv"), tmp_path, edit=(found, instead))
    assert runner.run(inputs(1)[0], np.zeros(runner.output_bytes, np.int8), runner.arena) == BAD_MODEL


# ------------------------------------------------------------------------------------------------ portability

CORES = {
    "Cortex-M0+": "arm-none-eabi-gcc -mcpu=cortex-m0plus -mthumb",
    "Cortex-M4": "arm-none-eabi-gcc -mcpu=cortex-m4 -mthumb",
    "Cortex-M55": "arm-none-eabi-gcc -mcpu=cortex-m55 -mthumb",
    "rv32imc": "riscv64-unknown-elf-gcc --specs=picolibc.specs -march=rv32imc -mabi=ilp32",
}


@pytest.mark.parametrize("core", CORES)
@pytest.mark.parametrize("level", ["-O2", "-Os"])
def test_it_compiles_for_the_cores_of_the_boards(core: str, level: str, tmp_path: Path) -> None:
    compiler, *options = CORES[core].split()
    if shutil.which(compiler) is None:
        pytest.skip(f"no {compiler}; `make firmware-tools` brings it")
    model = write_tables(int8_networks.int8_network("tiny_conv"), tmp_path)
    for source in [*LIB.glob("neural_network*.c"), model / "keyword_model.c"]:
        command = [compiler, *options, *WARNINGS, level, "-ffreestanding", f"-I{LIB}", f"-I{model}", "-c", source]
        subprocess.run([*map(str, command), "-o", str(tmp_path / "made.o")], check=True)
        symbols = subprocess.run(
            [compiler.replace("gcc", "nm"), "--undefined-only", str(tmp_path / "made.o")],
            capture_output=True, text=True, check=True,
        ).stdout.split()  # fmt: skip
        outside = {name for name in symbols if name != "U" and not name.startswith(("neural_network", "__"))}
        # The compiler's own arithmetic aside: nothing of the C library but string.h, no heap.
        assert outside <= {"memcpy", "memset"}
        assert not {name for name in symbols if name.startswith(("__aeabi_f", "__aeabi_d", "__adddf", "__muldf"))}
