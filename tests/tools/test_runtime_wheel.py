"""The wheel asr-runtime in an empty environment: NumPy only, and the answers of the clone."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import zipfile
from email.parser import Parser
from pathlib import Path

import numpy as np
import pytest

from asr.core import audio
from asr.core.errors import SetupError
from asr.runtime.recogniser import Recogniser
from tests.asr.runtime.tone_device import hiss, spoken, write_device
from tools.runtime_wheel import ROOT, SOURCE, build_wheel

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    try:
        return build_wheel(tmp_path_factory.mktemp("wheel"))
    except SetupError as error:
        pytest.skip(str(error))


def test_the_wheel_is_small_and_holds_every_module(wheel: Path) -> None:
    assert wheel.stat().st_size < 1_000_000
    with zipfile.ZipFile(wheel) as packed:
        names = {Path(name).name for name in packed.namelist() if name.startswith("asr_runtime/")}
        (metadata,) = (name for name in packed.namelist() if name.endswith("METADATA"))
        about = Parser().parsestr(packed.read(metadata).decode())
        assert any(name.endswith("licenses/NOTICE") for name in packed.namelist())
    assert names == {path.name for path in SOURCE.glob("*.py")}
    needed = [line for line in about.get_all("Requires-Dist", []) if "extra" not in line]
    assert [re.match(r"\w+", line)[0] for line in needed] == ["numpy"]  # type: ignore[index]


def test_the_same_sources_give_the_same_bytes(wheel: Path, tmp_path: Path) -> None:
    before = os.umask(0o077)
    try:
        again = build_wheel(tmp_path)
    finally:
        os.umask(before)
    assert again.read_bytes() == wheel.read_bytes()


def test_its_pins_are_those_of_the_project() -> None:
    project = tomllib.loads((SOURCE / "pyproject.toml").read_text())
    (pin,) = project["build-system"]["requires"]
    assert f"\n{pin} " in (ROOT / "requirements.lock").read_text()
    assert project["project"]["version"] == tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]


def test_an_empty_environment_gives_the_answers_of_the_clone(wheel: Path, tmp_path: Path) -> None:
    environment = tmp_path / "venv"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(environment)], check=True)
    python = environment / "bin" / "python"
    pip = [sys.executable, "-m", "pip", "--python", str(python), "--disable-pip-version-check"]
    done = subprocess.run([*pip, "install", "--quiet", str(wheel)], capture_output=True, text=True)
    if done.returncode:
        pytest.skip(f"NumPy cannot be fetched: {(done.stderr.strip().splitlines() or ['pip failed'])[-1]}")
    listed = subprocess.run([*pip, "list", "--format", "json"], capture_output=True, text=True, check=True)
    assert {package["name"] for package in json.loads(listed.stdout)} == {"asr-runtime", "numpy"}
    device, wav = write_device(tmp_path / "device"), tmp_path / "a.wav"
    audio.write_wav(wav, np.concatenate((hiss(0.3), spoken("bad bag hedge"), hiss(0.3, 2))))
    expected = Recogniser.open(device).recognise(audio.read_wav(wav)).record()
    for command in ([str(environment / "bin" / "asr-runtime")], [str(python), "-m", "asr_runtime"]):
        done = subprocess.run(
            [*command, "recognise", str(device), str(wav), "--json"], cwd=tmp_path, capture_output=True, text=True
        )
        assert done.returncode == 0, done.stderr
        row = json.loads(done.stdout)
        assert row["text"] == "bad bag hedge"
        assert {name: row[name] for name in ("text", "intent", "slots", "words", "second")} == {
            name: expected[name] for name in ("text", "intent", "slots", "words", "second")
        }
