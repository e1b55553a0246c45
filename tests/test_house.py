"""The house around the code: what its files say of each other holds."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

ROOT = Path(__file__).resolve().parent.parent
VOICES = "requirements-voices.lock"
LOCKS = ("requirements.lock", "requirements-dev.lock", "requirements-gpu.lock", VOICES, "reference/requirements.txt")
PYTHONS = ("3.10", "3.11", "3.12", "3.13")
# In pieces, so that this file passes its own test.
REGISTRY_HOSTS = ("pypi" + ".org", "pythonhosted" + ".org", "deb.debian" + ".org", "npmjs" + ".org")


def make(*words: str, **variables: str) -> subprocess.CompletedProcess[str]:
    """Run make in the checkout, with an environment that holds little else."""
    environment = {"PATH": os.environ["PATH"], **variables}
    return subprocess.run(["make", *words], cwd=ROOT, env=environment, capture_output=True, text=True)


def targets() -> list[str]:
    """Return the targets that the Makefile explains, in its order."""
    return re.findall(r"^([a-z-]+):.*## ", (ROOT / "Makefile").read_text(), re.MULTILINE)


def locked(name: str) -> dict[str, list[tuple[Requirement, int]]]:
    """Return a lock's entries by package, each with its number of hashes."""
    entries: dict[str, list[tuple[Requirement, int]]] = {}
    text = (ROOT / name).read_text().replace("\\\n", " ")
    for line in text.splitlines():
        if line and not line.lstrip().startswith("#"):
            requirement = Requirement(line.split(" --hash", 1)[0])
            hashes = re.findall(r"--hash=sha256:[0-9a-f]{64}(?: |$)", line)
            entries.setdefault(canonicalize_name(requirement.name), []).append((requirement, len(hashes)))
    return entries


# ------------------------------------------------------------------------------------------------ make


def test_help_lists_every_target_a_person_may_call() -> None:
    listed = re.findall(r"^  make (\S+) ", make().stdout, re.MULTILINE)
    phony = re.search(r"^\.PHONY: (.*?[^\\])$", (ROOT / "Makefile").read_text(), re.MULTILINE | re.DOTALL)
    assert phony is not None
    assert listed == targets()
    # The two that only other targets call.
    assert set(phony[1].replace("\\\n", " ").split()) - set(listed) == {"runtime", "development"}


@pytest.mark.parametrize("target", targets())
def test_every_target_can_be_planned(target: str) -> None:
    done = make("--dry-run", target)
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip()


@pytest.mark.parametrize(
    "target",
    [
        *("init", "settings", "manifests", "scorer", "train", "export", "evaluate", "tune-scorer", "learning-curve"),
        *("preview-augmentation", "preview-voices"),
    ],
)
def test_a_product_brings_its_setup_and_then_calls_its_verb(target: str) -> None:
    done = make("--dry-run", target, "WORKSPACE=my lamp")
    assert done.stdout.splitlines()[0] == "tools/setup runtime"
    assert f'.venv/bin/asr {target} "my lamp"' in done.stdout


def test_tests_bring_what_they_need_and_end_with_pytest() -> None:
    lines = make("--dry-run", "test").stdout.splitlines()
    assert lines[0] == "tools/setup development"
    assert "pytest" in lines[-1]


def test_an_unknown_engine_is_refused() -> None:
    done = make("--dry-run", "train", "ENGINE=coqui")
    assert done.returncode == 2
    assert "ENGINE=coqui is not known" in done.stderr


def test_clean_refuses_an_empty_workspace() -> None:
    done = make("--dry-run", "clean", "WORKSPACE=")
    assert done.returncode == 2
    assert "rm" not in done.stdout


# ------------------------------------------------------------------------------------------------ set-up


def bare_machine(folder: Path) -> dict[str, str]:
    """Return an environment whose PATH holds a shell's helpers, but no Python, compiler or packager."""
    helpers = "bash cat cut dirname flock id ls mkdir mktemp rm sha256sum tail"
    folder.mkdir()
    for name in helpers.split():
        found = shutil.which(name)
        assert found is not None
        (folder / name).symlink_to(found)
    return {"PATH": str(folder), "HOME": "/nonexistent"}


def copy_of_setup(folder: Path) -> Path:
    """Return a checkout of what tools/setup reads, with nothing installed."""
    (folder / "tools").mkdir(parents=True)
    for name in ("tools/setup", "tools/third_party.py", "pyproject.toml", *LOCKS[:2]):
        shutil.copy(ROOT / name, folder / name)
    return folder


def set_up(clone: Path, purpose: str, environment: dict[str, str]) -> subprocess.CompletedProcess[str]:
    """Run tools/setup in `clone`."""
    command = ["tools/setup", purpose]
    return subprocess.run(command, cwd=clone, env=environment, capture_output=True, text=True)


def test_another_system_gets_a_list_of_what_to_install(tmp_path: Path) -> None:
    done = set_up(copy_of_setup(tmp_path / "clone"), "runtime", bare_machine(tmp_path / "bin"))
    assert done.returncode == 2
    assert "Python 3.10 to 3.13 with venv" in done.stderr
    assert "Boost (program_options, thread, system, test)" in done.stderr


def test_another_system_gets_a_list_for_the_firmware(tmp_path: Path) -> None:
    done = set_up(copy_of_setup(tmp_path / "clone"), "firmware", bare_machine(tmp_path / "bin"))
    assert done.returncode == 2
    assert "GCC for arm-none-eabi, with newlib" in done.stderr and "qemu-system-arm" in done.stderr


def test_without_root_and_sudo_it_names_the_command(tmp_path: Path) -> None:
    environment = bare_machine(tmp_path / "bin")
    (tmp_path / "bin" / "id").unlink()
    for name, reply in {"id": "echo 1000", "apt-get": "echo called >&2"}.items():
        (tmp_path / "bin" / name).write_text(f"#!/bin/sh\n{reply}\n")
        (tmp_path / "bin" / name).chmod(0o755)
    done = set_up(copy_of_setup(tmp_path / "clone"), "runtime", environment)
    assert done.returncode == 2
    assert "As root, run: apt-get install python3 python3-venv" in done.stderr
    assert "called" not in done.stderr


def test_a_python_that_the_locks_do_not_cover_is_not_used(tmp_path: Path) -> None:
    environment = bare_machine(tmp_path / "bin")
    too_old = tmp_path / "bin" / "python3"
    too_old.write_text(f"#!/bin/sh\ntouch {tmp_path}/asked\nexit 1\n")
    too_old.chmod(0o755)
    (tmp_path / "bin" / "touch").symlink_to(str(shutil.which("touch")))
    done = set_up(copy_of_setup(tmp_path / "clone"), "development", {**environment, "PYTHON": str(too_old)})
    assert done.returncode == 2
    assert (tmp_path / "asked").exists()
    assert not (tmp_path / "clone" / ".venv").exists()


def test_a_finished_setup_says_and_does_nothing() -> None:
    place = ROOT / ".venv" / "place"
    # With an environment of another checkout, tools/setup would make a new one here.
    if not place.exists() or place.read_text().strip() != str(ROOT) or not place.with_name("packages.stamp").exists():
        pytest.skip("this checkout was not set up by `make`")
    before = {path: path.stat().st_mtime_ns for path in (ROOT / ".venv").iterdir()}
    done = set_up(ROOT, "runtime", {"PATH": os.environ["PATH"], "HOME": "/nonexistent"})
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert before == {path: path.stat().st_mtime_ns for path in (ROOT / ".venv").iterdir()}


@pytest.mark.parametrize("script", ["tools/setup", ".ci/run"])
def test_shell_scripts_parse(script: str) -> None:
    done = subprocess.run(["bash", "-n", ROOT / script], capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")
    assert os.access(ROOT / script, os.X_OK)


# ------------------------------------------------------------------------------------------------ packages


@pytest.mark.parametrize("name", LOCKS)
def test_every_locked_package_is_pinned_by_hash(name: str) -> None:
    entries = locked(name)
    assert len(entries) > 10
    for versions in entries.values():
        for requirement, hashes in versions:
            assert [pin.operator for pin in requirement.specifier] == ["=="], requirement
            assert hashes > 0, requirement


@pytest.mark.parametrize("python", PYTHONS)
def test_the_locks_hold_what_pyproject_asks_for(python: str) -> None:
    table = tomllib.loads((ROOT / "pyproject.toml").read_text())
    wanted = {"requirements.lock": table["project"]["dependencies"]}
    wanted["requirements-dev.lock"] = wanted["requirements.lock"] + table["dependency-groups"]["dev"]
    wanted[VOICES] = table["dependency-groups"]["voices"]
    machine = {"python_version": python, "python_full_version": f"{python}.0", "sys_platform": "linux"}
    for name, requirements in wanted.items():
        entries = locked(name)
        for requirement in map(Requirement, requirements):
            if requirement.marker is not None and not requirement.marker.evaluate(machine):
                continue
            pins = [
                pin for pin, _ in entries[canonicalize_name(requirement.name)]
                if pin.marker is None or pin.marker.evaluate(machine)
            ]
            assert len(pins) == 1, f"{requirement} in {name} on Python {python}: {pins}"
            version = str(next(iter(pins[0].specifier)).version)
            assert requirement.specifier.contains(version, prereleases=True), f"{requirement} but {pins[0]}"
            assert not Version(version).is_prerelease


def test_the_tests_run_on_the_versions_that_users_get() -> None:
    runtime, development = (locked(name) for name in LOCKS[:2])
    for package, pins in runtime.items():
        assert [str(pin) for pin, _ in pins] == [str(pin) for pin, _ in development[package]]


def test_installing_voices_changes_no_other_package() -> None:
    runtime, voices = locked("requirements.lock"), locked(VOICES)
    shared = runtime.keys() & voices.keys()
    assert {"numpy", "protobuf"} <= shared
    for package in shared:
        assert {str(pin.specifier) for pin, _ in voices[package]} <= {str(pin.specifier) for pin, _ in runtime[package]}


def test_the_build_backend_is_locked() -> None:
    # It runs without isolation, so what pip would otherwise fetch by itself has to be there.
    table = tomllib.loads((ROOT / "pyproject.toml").read_text())
    for requirement in map(Requirement, table["build-system"]["requires"]):
        assert canonicalize_name(requirement.name) in locked("requirements.lock")


def test_each_dependency_says_why() -> None:
    text = (ROOT / "pyproject.toml").read_text()
    for block in re.findall(r"^(?:dependencies|dev|voices) = \[\n(.*?)^\]", text, re.MULTILINE | re.DOTALL):
        for line in block.splitlines():
            assert re.search(r'",\s+# \w', line), f"no reason beside {line.strip()}"


def test_the_version_is_the_changelogs() -> None:
    newest = re.search(r"^## (\S+)", (ROOT / "CHANGELOG.md").read_text(), re.MULTILINE)
    assert newest is not None
    version = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]
    assert newest[1] == version


def test_the_licence_is_the_whole_apache_2() -> None:
    text = (ROOT / "LICENSE").read_text()
    assert "Version 2.0, January 2004" in text
    for heading in range(1, 10):
        assert re.search(rf"^\s+{heading}\. [A-Z]", text, re.MULTILINE), heading
    assert "END OF TERMS AND CONDITIONS" in text


# ------------------------------------------------------------------------------------------------ git


def tracked() -> list[Path]:
    """Return the files that git knows of; skip outside a checkout."""
    if not (ROOT / ".git").exists() or shutil.which("git") is None:
        pytest.skip("no git checkout")
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=True)
    return [ROOT / name for name in listed.stdout.split("\0") if name and (ROOT / name).is_file()]


def test_no_file_names_a_package_registrys_host() -> None:
    for path in tracked():
        text = path.read_bytes().decode(errors="replace")
        assert not [host for host in REGISTRY_HOSTS if host in text], path


def test_every_module_opens_with_what_it_is_for() -> None:
    for path in tracked():
        if path.suffix == ".py" and path.stat().st_size:
            assert path.read_text().lstrip().startswith(('"""', '#!/')), path


# What comes with the project though it was made: the weights that a training starts from, a model like any other.
LARGE = {ROOT / "asr/ctc/weights/english.pbmm": 10_000_000}


def test_nothing_large_or_made_is_tracked() -> None:
    assert LARGE.keys() <= set(tracked())
    for path in tracked():
        assert path.stat().st_size < LARGE.get(path, 1_000_000), path
        assert "build" not in path.relative_to(ROOT).parts, path


def test_importing_the_command_line_starts_nothing_heavy() -> None:
    pytest.importorskip("tools.commands.cli")
    heavy = {"tensorflow", "keras", "matplotlib", "pandas"}
    probe = f"import sys, tools.commands.cli; print({heavy} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", probe], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout == "set()\n"
