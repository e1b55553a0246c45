"""The Dockerfiles: what they copy is there, what they name agrees with what else names it, and how they are run.

No engine is asked: docs/setup.md says which of their lines have been executed.
"""

from __future__ import annotations

import os
import re
import subprocess
from fnmatch import fnmatch
from pathlib import Path

import pytest

from asr.core import third_party
from asr.core.errors import SetupError
from tools.commands.steps.engines import IMAGE

ROOT = Path(__file__).resolve().parent.parent
DOCKERFILES = ("Dockerfile", "Dockerfile.train")


def instructions(name: str) -> list[tuple[str, str]]:
    """Return a Dockerfile's instructions, continued lines joined."""
    text = re.sub(r"^#.*\n", "", (ROOT / name).read_text(), flags=re.MULTILINE).replace("\\\n", " ")
    return [(words[0], " ".join(words[1:])) for line in text.splitlines() if (words := line.split())]


def make(target: str, **variables: str) -> str:
    words = [f"{name}={value}" for name, value in variables.items()]
    environment = {"PATH": os.environ["PATH"]}
    done = subprocess.run(
        ["make", "--dry-run", target, *words], cwd=ROOT, env=environment, capture_output=True, text=True, check=True
    )
    return done.stdout


@pytest.mark.parametrize("name", DOCKERFILES)
def test_what_is_copied_is_there_and_not_ignored(name: str) -> None:
    rules = [line for line in (ROOT / ".dockerignore").read_text().splitlines() if line and line[0] != "#"]
    assert rules[0] == "*"
    allowed = [rule[1:] for rule in rules if rule.startswith("!")]
    copied = [rest.split()[:-1] for word, rest in instructions(name) if word == "COPY" and "--from" not in rest]
    for source in (one for sources in copied for one in sources):
        assert (ROOT / source).exists(), source
        assert any(fnmatch(source.rstrip("/"), rule) or source.startswith(f"{rule}/") for rule in allowed), source


@pytest.mark.parametrize("name", DOCKERFILES)
def test_nobody_is_root_in_them(name: str) -> None:
    users = [rest for word, rest in instructions(name) if word == "USER"]
    assert users == ["1000:1000"]
    assert [word for word, _ in instructions(name)][-1] == "ENTRYPOINT"


@pytest.mark.parametrize("name", DOCKERFILES)
def test_they_build_with_the_packages_that_the_set_up_installs(name: str) -> None:
    listed = re.search(r"compilers=\((.*?)\)", (ROOT / "tools/setup").read_text(), re.DOTALL)
    assert listed is not None
    first = next(rest for word, rest in instructions(name) if word == "RUN" and "apt-get install" in rest)
    assert set(listed[1].split()) <= set(first.split())


def test_the_trainers_commit_is_the_released_clients() -> None:
    try:
        library = third_party.part("lib/libdeepspeech.so").read_bytes()
    except SetupError as error:
        pytest.skip(str(error))
    (commit,) = set(re.findall(r"rev-parse HEAD\)\" == ([0-9a-f]+)\*", (ROOT / "Dockerfile.train").read_text()))
    assert re.findall(rb"v0\.9\.3-0-g([0-9a-f]{7})", library)[0].decode() == commit


def test_they_are_run_as_this_user_on_this_machine_only(tmp_path: Path) -> None:
    lamp = str(tmp_path / "lamp")
    trained = make("docker-train", WORKSPACE=lamp)
    assert '--user "$(id -u):$(id -g)"' in trained
    assert f'--mount "type=bind,source={lamp},target={lamp}"' in trained and f'train "{lamp}"' in trained
    assert "--gpus" not in trained and "--gpus all" in make("docker-train", GPU="1")
    shown = make("docker-tensorboard", PORT="6123")
    assert re.findall(r"--publish (\S+)", shown) == ["127.0.0.1:6123:6006"]
    served = make("docker-serve", WORKSPACE=lamp)
    assert re.findall(r"--publish (\S+)", served) == ["127.0.0.1:8700:8700"] and "--host 0.0.0.0" in served
    assert f"--file Dockerfile.train --tag {IMAGE} ." in make("docker-train-image")
    assert "--build-arg GPU=1" in make("docker-image", GPU="1")


def test_the_image_has_the_parts_that_a_set_up_makes() -> None:
    lines = " ".join(rest for _, rest in instructions("Dockerfile"))
    made = re.findall(r"python tools/third_party\.py ([a-z ]+)", lines)
    set_up = re.search(r"tools/third_party\.py --quiet ([a-z ]+)", (ROOT / "tools/setup").read_text())
    assert set_up is not None and sorted(" ".join(made).split()) == sorted(set_up[1].split())
