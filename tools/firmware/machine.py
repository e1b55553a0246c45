"""Build programs of firmware/qemu for a Cortex-M4 and run them in QEMU."""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from asr.core.errors import SetupError, UserError

FIRMWARE = Path(__file__).resolve().parent.parent.parent / "firmware"
COMPILER = "arm-none-eabi-gcc"
EMULATOR = "qemu-system-arm"
DEBIAN_PACKAGES = ("gcc-arm-none-eabi", "libnewlib-arm-none-eabi", "qemu-system-arm")
FLAGS = (
    "-std=c99", "-O2", "-mcpu=cortex-m4", "-mthumb", "-mfloat-abi=hard", "-mfpu=fpv4-sp-d16",
    "-ffunction-sections", "-fdata-sections", "-Wall", "-Wextra", "-Werror",
)  # fmt: skip
LINK = ("-nostartfiles", "-Wl,--gc-sections", "-Wl,-T,mps2_an386.ld")
# An instruction takes 2^6 ns of emulated time, from which machine_instructions() counts.
EMULATION = ("-M", "mps2-an386", "-icount", "shift=6", "-nographic", "-monitor", "none", "-serial", "none")
RAM_START = 0x20000000
# Modules for the size report, by the start of an object's name; the rest belongs to QEMU's machine.
MODULES = {
    "frontend": "frontend", "neural_network": "neural network", "detector": "detector",
    "keyword_model": "model", "listener": "listener",
}  # fmt: skip
LIBRARY, MACHINE = "C library", "machine"


class FirmwareError(UserError):
    """The firmware cannot be built, or fails in QEMU."""


def missing() -> list[str]:
    """Return the programs for building and running the firmware that are not installed."""
    absent = [name for name in (COMPILER, EMULATOR) if shutil.which(name) is None]
    if COMPILER not in absent:
        probe = subprocess.run(
            [COMPILER, "-E", "-x", "c", "-include", "string.h", "/dev/null"], capture_output=True, check=False
        )
        absent += [] if probe.returncode == 0 else ["newlib for Arm"]
    return absent


def need() -> None:
    """Raise SetupError if a program is missing."""
    if absent := missing():
        raise SetupError(
            f"{' and '.join(absent)} not found",
            fix=f"Run `make firmware-tools`, or install, on Debian: {' '.join(DEBIAN_PACKAGES)}",
        )


def build(program: str, model: Path, folder: Path, *, fast: bool | None = None, double_rounding: bool = False) -> Path:
    """Build a program of firmware/qemu with the tables of a model; return the .elf, with a .map beside it.

    Parameters
    ----------
    model : folder of keyword_model.c and keyword_model.h.
    folder : output folder.
    fast : use SMLAD; None: if the core has it.

    Raises
    ------
    FirmwareError : the compiler fails; with its messages.
    """
    need()
    if not (model / "keyword_model.c").is_file() or not (model / "keyword_model.h").is_file():
        raise FirmwareError("no keyword_model.c and keyword_model.h", path=model, fix="Run `make keyword`")
    folder.mkdir(parents=True, exist_ok=True)
    elf = (folder / program).with_suffix(".elf").resolve()
    sources = [*sorted((FIRMWARE / "lib").glob("*.c")), *sorted((FIRMWARE / "qemu" / program).glob("*.c"))]
    sources += [*sorted((FIRMWARE / "qemu").glob("*.c")), model / "keyword_model.c"]
    switches = [f"-DNEURAL_NETWORK_DOUBLE_ROUNDING={int(double_rounding)}"]
    switches += [] if fast is None else [f"-DNEURAL_NETWORK_FAST={int(fast)}"]
    objects = []
    for source in sources:
        made = elf.with_name(f"{elf.stem}-{source.stem}.o")
        compile_object(source, made, model, switches)
        objects.append(str(made))
    _call([COMPILER, *FLAGS, *LINK, f"-Wl,-Map={elf.with_suffix('.map')}", *objects, "-o", str(elf)])
    return elf


def compile_object(source: Path, target: Path, model: Path, switches: Sequence[str] = ()) -> None:
    """Compile one file with the firmware's flags and `switches`."""
    folders = [FIRMWARE / "lib", FIRMWARE / "qemu", model.resolve()]
    _call([
        COMPILER, *FLAGS, *switches, *(f"-I{folder}" for folder in folders), "-c", str(source.resolve()),
        "-o", str(target),
    ])  # fmt: skip


def _call(command: Sequence[str]) -> None:
    done = subprocess.run(command, cwd=FIRMWARE / "qemu", capture_output=True, text=True, check=False)
    if done.returncode:
        raise FirmwareError(f"the compiler failed:\n{done.stderr.strip()[-2000:]}")


def run(elf: Path, *arguments: str | Path, timeout: float | None = None) -> str:
    """Run a program with arguments (without spaces) in QEMU; return its output.

    Raises
    ------
    FirmwareError : its exit code is not 0, or it does not end within `timeout` seconds.
    """
    need()
    words = ",".join(f"arg={word}" for word in (elf.stem, *map(str, arguments)))
    if " " in words:
        raise FirmwareError(f"QEMU cannot take a path with a space: {words}", fix="Move the file")
    command = [EMULATOR, *EMULATION, "-semihosting-config", f"enable=on,target=native,{words}", "-kernel", str(elf)]
    try:
        done = subprocess.run(
            command, capture_output=True, text=True, errors="replace", timeout=timeout, stdin=subprocess.DEVNULL,
            check=False,
        )  # fmt: skip
    except subprocess.TimeoutExpired:
        raise FirmwareError(f"{elf.name} did not end in {timeout:.0f} s of QEMU", path=elf) from None
    if done.returncode:
        said = (done.stdout + done.stderr).strip()[-500:]
        raise FirmwareError(f"{elf.name} ended with {done.returncode} in QEMU: {said}", path=elf)
    return done.stdout


def figures(printed: str) -> dict[str, int]:
    """Return the lines of the form "name number" in a program's output."""
    return {name: int(number) for name, number in re.findall(r"^([a-z_]+) (\d+)$", printed, re.MULTILINE)}


# ---------------------------------------------------------------------------------------------- sizes


@dataclass(frozen=True)
class Size:
    """Size of a module in bytes; initialised data counts in both."""

    flash: int = 0
    ram: int = 0

    def __add__(self, other: Size) -> Size:
        return Size(self.flash + other.flash, self.ram + other.ram)


def sizes(elf: Path) -> dict[str, Size]:
    """Return the size of each module, from the linker's map beside the .elf."""
    found: dict[str, Size] = {}
    text = elf.with_suffix(".map").read_text()
    text = text[text.index("Linker script and memory map") :]
    # A long section name is on a line of its own.
    pieces = re.findall(r"^ (\.[\w.]+)\s+0x([0-9a-f]+)\s+0x([0-9a-f]+) (\S+)$", text, re.MULTILINE)
    for section, address, size, source in pieces:
        if not section.startswith((".text", ".rodata", ".data", ".bss", ".vectors", ".ARM.exidx")):
            continue
        in_ram = int(address, 16) >= RAM_START
        bytes_ = int(size, 16)
        stored = bytes_ if not in_ram or section.startswith(".data") else 0
        module = module_of(source)
        found[module] = found.get(module, Size()) + Size(stored, bytes_ if in_ram else 0)
    return found


def module_of(source: str) -> str:
    """Return the module of an object file, by its name."""
    if ".a(" in source:
        return LIBRARY
    name = Path(source).stem.split("-", 1)[-1]
    for start, module in MODULES.items():
        if name.startswith(start):
            return module
    return MACHINE
