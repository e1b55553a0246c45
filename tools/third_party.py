"""Install the parts that are not Python packages: KenLM, libdeepspeech, the keyword library, the reference trainer.

    python3 tools/third_party.py kenlm libdeepspeech keyword reference [--deps DIR] [--quiet]

Third-party parts are downloaded by pip, checked by SHA-256, and kept in .deps ($ASR_DEPS or --deps choose another
folder); the keyword library is compiled from firmware/lib. Installed parts are skipped, an interrupted one starts
again, and a second process waits for the first. Needs Python 3.8 and only its standard library.
"""

from __future__ import annotations

import argparse
import ctypes
import fcntl
import hashlib
import os
import platform
import shutil
import subprocess
import sys
import tarfile
import tempfile
import zipfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
REFERENCE_REQUIREMENTS = ROOT / "reference" / "requirements.txt"
DEBIAN_PACKAGES = (
    "cmake g++ make libboost-program-options-dev libboost-thread-dev libboost-system-dev libboost-test-dev "
    "zlib1g-dev libbz2-dev liblzma-dev"
)
# Used by DeepSpeech's generate_lm, in its order.
KENLM_PROGRAMS = ("lmplz", "filter", "build_binary")
FIRMWARE = ROOT / "firmware" / "lib"
# Without -ffast-math or -march, so that results equal the firmware's on every machine.
KEYWORD_FLAGS = ("-std=c99", "-O3", "-Wall", "-Wextra", "-shared", "-fPIC")
# Raised when a recipe below makes other parts, so that existing ones are made again.
RECIPE = 1


class PartError(Exception):
    """A part cannot be installed; the message says why and what to do."""


@dataclass(frozen=True)
class Archive:
    """One file of a package registry, pinned by its hash."""

    requirement: str
    filename: str
    sha256: str
    pip_options: tuple[str, ...]


# Only the sdist has the sources of lmplz. Without build isolation it uses the installed setuptools; with it, pip would
# download an unpinned CMake.
KENLM = Archive(
    "kenlm==0.3.0",
    "kenlm-0.3.0.tar.gz",
    "c4628bb9fb63c8a6f9240035b8b037385cfc404cb72e933cf48878291edac1e8",
    ("--no-binary=kenlm", "--no-build-isolation"),
)
# The wheel is for Python 3.9, but its library does not depend on Python.
LIBDEEPSPEECH = Archive(
    "deepspeech==0.9.3",
    "deepspeech-0.9.3-cp39-cp39-manylinux1_x86_64.whl",
    "e2e7295ba4997ab86b4fb1bd7a784319dfcdb508ce26638063515334c11fa05a",
    ("--only-binary=:all:", "--python-version=3.9", "--platform=manylinux1_x86_64"),
)


# ---------------------------------------------------------------------------------------------- small helpers


def say(text: str) -> None:
    """Print a status line on stderr."""
    print(text, file=sys.stderr, flush=True)


def sha256(path: Path) -> str:
    """Return the SHA-256 of a file, in hex."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        for block in iter(lambda: file.read(1 << 20), b""):
            digest.update(block)
    return digest.hexdigest()


@contextmanager
def atomic(path: Path) -> Iterator[Path]:
    """Yield a temporary path beside `path` that is renamed to it when the block succeeds."""
    path.parent.mkdir(parents=True, exist_ok=True)
    beside = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        yield beside
        os.replace(beside, path)
    finally:
        beside.unlink(missing_ok=True)


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """Hold the lock file `path`, after waiting for another process. The kernel releases it with the process."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            say(f"waiting for another set-up ({path})")
            fcntl.flock(file, fcntl.LOCK_EX)
        yield


def run(log: Path, *command: str | Path) -> None:
    """Run a command with its output in `log`; PartError with the end of the log if it fails."""
    environment = {
        **os.environ,
        # Overrides the user's pip settings.
        "PIP_USER": "0",
        "PIP_REQUIRE_VIRTUALENV": "0",
        "PIP_NO_INPUT": "1",
        "PIP_DISABLE_PIP_VERSION_CHECK": "1",
    }
    with log.open("ab") as output:
        done = subprocess.run(command, stdout=output, stderr=subprocess.STDOUT, env=environment)
    if done.returncode != 0:
        end = "\n".join(log.read_text(errors="replace").splitlines()[-15:])
        name = " ".join(str(word) for word in command[:4])
        raise PartError(f"`{name} ...` failed with exit code {done.returncode}; the end of {log}:\n{end}")


def exit_code(*command: str | Path) -> int | None:
    """Return a command's exit code; None if it cannot be started or does not end."""
    try:
        return subprocess.run(command, capture_output=True, timeout=60).returncode
    except (OSError, subprocess.TimeoutExpired):
        return None


def new_log(deps: Path, name: str) -> Path:
    """Return the path of a part's log, without an older one."""
    log = deps / f"{name}.log"
    log.unlink(missing_ok=True)
    return log


def stamped(stamp: Path, recipe: str) -> bool:
    """Tell whether this recipe was finished."""
    return stamp.is_file() and stamp.read_text() == recipe


def write_stamp(stamp: Path, recipe: str) -> None:
    """Record that a recipe was finished."""
    with atomic(stamp) as beside:
        beside.write_text(recipe)


# -------------------------------------------------------------------------------------------------- downloads


def find_pip(modules: str) -> Path:
    """Return a Python that has `modules`: the project's, or the one that runs this file."""
    for python in (ROOT / ".venv" / "bin" / "python", Path(sys.executable)):
        if exit_code(python, "-c", f"import {modules}") == 0:
            return python
    raise PartError(f"no Python with {modules} found. Run `make setup`, which makes .venv")


def fetch(archive: Archive, deps: Path, log: Path) -> Path:
    """Return the archive's path in `deps`, downloaded if it is missing, and always checked."""
    path = deps / "downloads" / archive.filename
    if path.is_file() and sha256(path) == archive.sha256:
        return path
    python = find_pip("setuptools, pip" if archive.filename.endswith(".tar.gz") else "pip")
    path.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=path.parent, prefix=".partial.") as folder:
        pins = Path(folder, "requirements.txt")
        pins.write_text(f"{archive.requirement} --hash=sha256:{archive.sha256}\n")
        pip = (python, "-m", "pip", "download", "--require-hashes", "--no-deps", "--requirement", pins)
        run(log, *pip, "--dest", folder, *archive.pip_options)
        fresh = Path(folder, archive.filename)
        if not fresh.is_file() or sha256(fresh) != archive.sha256:
            raise PartError(f"{archive.requirement}: the download is not the pinned {archive.filename}")
        os.replace(fresh, path)
    return path


def unpack(archive: Path, folder: Path) -> None:
    """Unpack a pinned .tar.gz into a fresh folder."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    with tarfile.open(archive) as sources:
        # The content is pinned; newer Pythons warn without a filter.
        sources.extraction_filter = getattr(tarfile, "data_filter", None)
        sources.extractall(folder)


# -------------------------------------------------------------------------------------------------- the parts


def make_kenlm(deps: Path) -> str:
    """Build KenLM's programs into bin/; return what was done, "" for nothing."""
    programs = [deps / "bin" / name for name in KENLM_PROGRAMS]
    stamp, recipe = deps / "stamps" / "kenlm", f"{KENLM.sha256} {RECIPE}\n"
    # Run, because a system upgrade may have removed its libraries: lmplz --help exits with 1, the loader with 127.
    whole = all(os.access(program, os.X_OK) for program in programs) and exit_code(programs[0], "--help") == 1
    if whole and stamped(stamp, recipe):
        return ""
    absent = [name for name in ("cmake", "g++", "make") if shutil.which(name) is None]
    if absent:
        raise PartError(f"{', '.join(absent)} not found. Install (Debian's names): {DEBIAN_PACKAGES}")
    log = new_log(deps, "kenlm")
    say("kenlm: downloading")
    archive = fetch(KENLM, deps, log)
    say("kenlm: building lmplz, filter and build_binary (one minute)")
    work = deps / "build-kenlm"
    unpack(archive, work)
    source, build = work / "kenlm-0.3.0", work / "build"
    # Eigen is for a program that we do not need.
    run(log, "cmake", "-S", source, "-B", build, "-DCMAKE_DISABLE_FIND_PACKAGE_Eigen3=ON")
    jobs = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    run(log, "make", "-C", build, f"-j{min(jobs, 8)}", *KENLM_PROGRAMS)
    (deps / "bin").mkdir(exist_ok=True)
    for program in programs:
        os.replace(build / "bin" / program.name, program)
    shutil.rmtree(work)
    write_stamp(stamp, recipe)
    return f"{', '.join(KENLM_PROGRAMS)} in {deps / 'bin'}"


def make_libdeepspeech(deps: Path) -> str:
    """Extract libdeepspeech.so from Mozilla's wheel into lib/; return what was done, "" for nothing."""
    library = deps / "lib" / "libdeepspeech.so"
    machine = f"{platform.system()} on {platform.machine()}"
    if machine != "Linux on x86_64":
        if library.is_file():
            return ""  # installed by the user, as the message below says
        raise PartError(
            f"the wheel of libdeepspeech 0.9.3 is for Linux on x86-64, and this is {machine}. Install a "
            f"libdeepspeech.so of version 0.9.3 for this machine as {library}"
        )
    stamp, recipe = deps / "stamps" / "libdeepspeech", f"{LIBDEEPSPEECH.sha256} {RECIPE}\n"
    if library.is_file() and stamped(stamp, recipe):
        return ""
    say("libdeepspeech: downloading")
    log = new_log(deps, "libdeepspeech")
    archive = fetch(LIBDEEPSPEECH, deps, log)
    try:
        with atomic(library) as beside, zipfile.ZipFile(archive) as wheel:
            beside.write_bytes(wheel.read("deepspeech/lib/libdeepspeech.so"))
            beside.chmod(0o755)
            ctypes.CDLL(str(beside))
    except OSError as error:
        raise PartError(f"libdeepspeech cannot be used here: {error}") from error
    write_stamp(stamp, recipe)
    return f"{library}"


def keyword_files() -> list[Path]:
    """Return the C files and headers of the firmware core, without a workspace's model beside them."""
    return sorted(path for path in FIRMWARE.glob("*.[ch]") if not path.name.startswith("keyword_model"))


def make_keyword(deps: Path) -> str:
    """Compile the firmware core for this machine as libkeyword.so; return what was done, "" for nothing."""
    library = deps / "libkeyword.so"
    files = keyword_files()
    sources = [path for path in files if path.suffix == ".c"]
    digest = hashlib.sha256("".join(f"{path.name} {sha256(path)} " for path in files).encode()).hexdigest()
    stamp, recipe = deps / "stamps" / "keyword", f"{digest} {' '.join(KEYWORD_FLAGS)} {platform.machine()}\n"
    if library.is_file() and stamped(stamp, recipe):
        return ""
    compiler = next((name for name in ("cc", "gcc", "clang") if shutil.which(name)), None)
    if compiler is None:
        raise PartError(f"no C compiler (cc, gcc or clang) found. Install (Debian's names): {DEBIAN_PACKAGES}")
    say("keyword: compiling firmware/lib for this machine")
    log = new_log(deps, "keyword")
    with atomic(library) as beside:
        run(log, compiler, *KEYWORD_FLAGS, *sources, "-o", beside)
    write_stamp(stamp, recipe)
    return f"{library}"


def find_python37() -> Path | None:
    """Return a Python 3.7 that can make a virtual environment.

    Candidates are run, because pyenv has shims for every version that refuse all but the selected one.
    """
    places = [Path(folder) for folder in os.environ.get("PATH", "").split(os.pathsep) if folder]
    pyenvs = [Path(os.environ["PYENV_ROOT"])] if os.environ.get("PYENV_ROOT") else []
    pyenvs += [place.parent for place in places if place.name == "shims"] + [Path("~/.pyenv").expanduser()]
    candidates = [place / "python3.7" for place in places]
    for pyenv in pyenvs:
        candidates += sorted(pyenv.glob("versions/3.7*/bin/python3.7"), reverse=True)
    candidates += sorted(Path("~/.local/share/uv/python").expanduser().glob("cpython-3.7*/bin/python3.7"))
    probe = "import sys, venv, ensurepip, ssl, ctypes; sys.exit(sys.version_info[:2] != (3, 7))"
    for candidate in candidates:
        if candidate.is_file() and exit_code(candidate, "-c", probe) == 0:
            return candidate
    return None


def make_reference(deps: Path) -> str:
    """Install TensorFlow 1.15, DeepSpeech 0.9.3 and its trainer into reference/; return what was done."""
    if (platform.system(), platform.machine()) != ("Linux", "x86_64"):
        return "skipped: its wheels are for Linux on x86-64 only"
    folder = deps / "reference"
    python = folder / "bin" / "python"
    # The path is part of the recipe, because virtual environments cannot be moved.
    recipe = f"{sha256(REFERENCE_REQUIREMENTS)} {RECIPE} {folder.resolve()}\n"
    if stamped(folder / "stamp", recipe) and exit_code(python, "-c", "") == 0:
        return ""
    python37 = find_python37()
    if python37 is None:
        return "skipped: no Python 3.7 found"
    say(f"reference: installing TensorFlow 1.15, DeepSpeech 0.9.3 and its trainer on {python37}")
    log = new_log(deps, "reference")
    run(log, python37, "-m", "venv", "--clear", folder)
    # Three pure Python packages exist as sdists only; they are built with venv's setuptools.
    pip = (python, "-m", "pip", "install", "--require-hashes", "--no-deps", "--requirement")
    binary = ("--only-binary=:all:", "--no-binary=gast,opuslib,pyogg")
    run(log, *pip, REFERENCE_REQUIREMENTS, "--no-build-isolation", *binary)
    run(log, python, "-c", "import tensorflow, deepspeech, ds_ctcdecoder, coqui_stt_training.train, stt")
    write_stamp(folder / "stamp", recipe)
    return f"{python}"


MAKERS = {
    "kenlm": make_kenlm, "libdeepspeech": make_libdeepspeech, "keyword": make_keyword, "reference": make_reference,
}  # fmt: skip


def main(arguments: Sequence[str] | None = None) -> int:
    """Install the parts named on the command line; return 0, or 2 if one cannot be installed."""
    parser = argparse.ArgumentParser(description="Install the parts that are not Python packages.")
    parser.add_argument("part", nargs="+", choices=MAKERS)
    parser.add_argument("--deps", default=os.environ.get("ASR_DEPS") or ROOT / ".deps", type=Path)
    parser.add_argument("--quiet", action="store_true", help="print nothing if nothing was to do")
    options = parser.parse_args(arguments)
    try:
        for name in options.part:
            with locked(options.deps / f"{name}.lock"):
                done = MAKERS[name](options.deps.absolute())
            if done or not options.quiet:
                print(f"{name}: {done or 'nothing to do'}", flush=True)
    except (PartError, OSError) as error:
        say(f"error: {error}")
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
