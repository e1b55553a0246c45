"""Measure the firmware with a model against firmware/budgets.toml: flash, RAM, stack and instructions."""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from asr.core import audio
from tools.firmware import machine
from tools.firmware.machine import FIRMWARE, Size

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

BUDGETS = FIRMWARE / "budgets.toml"
SAMPLE_RATE = 16_000  # Hz
SLICES_A_SECOND = 50
# Hz; assuming one cycle for each instruction, the best case.
CORES = {"64 MHz": 64e6, "240 MHz": 240e6}


@dataclass(frozen=True)
class Measured:
    """Measurements of one model; sizes in bytes, instructions of a Cortex-M4 at -O2.

    Attributes
    ----------
    modules : name to flash and RAM, without QEMU's machine.
    stack : maximum stack of "frontend", "neural network" and "all".
    instructions_per_slice, instructions_per_inference : means.
    instructions_per_second : of sound, all included.
    """

    modules: Mapping[str, Size]
    stack: Mapping[str, int]
    instructions_per_slice: int
    instructions_per_inference: int
    instructions_per_second: int

    @property
    def total(self) -> Size:
        """Flash and RAM of all modules."""
        return sum(self.modules.values(), Size())

    def against(self, budgets: Mapping[str, int]) -> dict[str, tuple[int, int]]:
        """Return measured and allowed value by the name of the budget."""
        found = {
            "flash": self.total.flash, "ram": self.total.ram, "stack": self.stack["all"],
            "instructions_per_inference": self.instructions_per_inference,
            "instructions_per_slice": self.instructions_per_slice,
        }  # fmt: skip
        return {name: (found[name], allowed) for name, allowed in budgets.items()}


def budgets() -> dict[str, int]:
    """Return firmware/budgets.toml."""
    return {name: int(value) for name, value in tomllib.loads(BUDGETS.read_text()).items()}


def measure(model: Path) -> Measured:
    """Build the firmware with the tables in `model`, and run it on four seconds of noise in QEMU.

    Raises
    ------
    SetupError, FirmwareError : the tools are missing, or a step fails.
    """
    rng = np.random.default_rng(1)
    seconds = 4
    with tempfile.TemporaryDirectory() as named:
        folder = Path(named)
        sound = folder / "noise.wav"
        audio.write_wav(sound, rng.normal(0, 3000, seconds * SAMPLE_RATE).astype(np.int16), SAMPLE_RATE)
        inputs = folder / "inputs"
        inputs.write_bytes(rng.integers(-128, 128, (4, 4096), np.int8).tobytes())
        elf = machine.build("listener", model, folder)
        listener = machine.figures(machine.run(elf, sound))
        slices = machine.figures(machine.run(machine.build("slices", model, folder), sound, folder / "slices"))
        inference = machine.figures(machine.run(machine.build("inference", model, folder), inputs, folder / "outputs"))
        modules = {name: size for name, size in machine.sizes(elf).items() if name != machine.MACHINE}
    return Measured(
        modules,
        {"frontend": slices["stack"], "neural network": inference["stack"], "all": listener["stack"]},
        slices["instructions"],
        inference["instructions"],
        listener["instructions"] * SLICES_A_SECOND,
    )


def report(measured: Measured, allowed: Mapping[str, int]) -> str:
    """Return the measurements as a table, with exceeded budgets marked."""
    lines = [f"{'module':16}{'flash':>9}{'RAM':>9}{'stack':>9}"]
    for name, size in sorted(measured.modules.items()):
        stack = measured.stack.get(name)
        lines.append(f"{name:16}{size.flash:9,}{size.ram:9,}{stack if stack is not None else '':>9}")
    total = measured.total
    lines += [f"{'all':16}{total.flash:9,}{total.ram:9,}{measured.stack['all']:9,}   bytes", ""]
    lines.append(f"{measured.instructions_per_second:13,} instructions for a second of sound")
    for name, rate in CORES.items():
        share = 100 * measured.instructions_per_second / rate
        lines.append(f"{share:11.1f} % of a {name} core at one cycle for each instruction; real ones need more")
    lines.append("")
    for name, (found, most) in measured.against(allowed).items():
        past = "" if found <= most else f"   past its budget of {most:,}"
        lines.append(f"{name.replace('_', ' '):28}{found:11,} of {most:,}{past}")
    return "\n".join(lines)
