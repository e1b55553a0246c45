"""The third-party parts: what is pinned is what arrives, once, whole, and only where it is missing."""

from __future__ import annotations

import base64
import ctypes
import hashlib
import os
import re
import subprocess
import sys
import zipfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from tools import third_party

ROOT = Path(__file__).resolve().parents[2]
DEPS = Path(os.environ.get("ASR_DEPS") or ROOT / ".deps")
SCRIPT = ROOT / "tools" / "third_party.py"
PINNED = replace(third_party.LIBDEEPSPEECH, sha256=hashlib.sha256(b"right").hexdigest())


def pip_that_brings(content: bytes) -> Callable[..., None]:
    """Return a stand-in for `third_party.run` that leaves `content` where pip would leave the archive."""

    def run(log: Path, *command: str | Path) -> None:
        Path(command[command.index("--dest") + 1], PINNED.filename).write_bytes(content)

    return run


def pip_that_fails(log: Path, *command: str | Path) -> None:
    raise AssertionError("nothing had to be downloaded")


def program(path: Path, code: int) -> Path:
    """Write a program that ends with `code`, whatever it is asked."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"#!/bin/sh\nexit {code}\n")
    path.chmod(0o755)
    return path


def installed(name: str) -> Path:
    """Return a part's path; skip where this checkout's set-up has not brought it."""
    path = DEPS / name
    if not path.exists():
        pytest.skip(f"{path} is not there; `make setup` and `make reference` bring the parts")
    return path


def test_a_download_is_checked_and_then_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(third_party, "run", pip_that_brings(b"right"))
    assert third_party.fetch(PINNED, tmp_path, tmp_path / "log").read_bytes() == b"right"
    monkeypatch.setattr(third_party, "run", pip_that_fails)
    assert third_party.fetch(PINNED, tmp_path, tmp_path / "log").read_bytes() == b"right"


def test_a_download_with_another_content_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(third_party, "run", pip_that_brings(b"wrong"))
    with pytest.raises(third_party.PartError, match="is not the pinned"):
        third_party.fetch(PINNED, tmp_path, tmp_path / "log")
    assert list((tmp_path / "downloads").iterdir()) == []


def test_a_spoilt_download_is_brought_anew(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    kept = tmp_path / "downloads" / PINNED.filename
    kept.parent.mkdir()
    kept.write_bytes(b"rig")
    monkeypatch.setattr(third_party, "run", pip_that_brings(b"right"))
    third_party.fetch(PINNED, tmp_path, tmp_path / "log")
    assert kept.read_bytes() == b"right"


def test_pip_itself_refuses_a_wrong_hash(tmp_path: Path) -> None:
    wheel = tmp_path / "thing-1-py3-none-any.whl"
    with zipfile.ZipFile(wheel, "w") as archive:
        archive.writestr("thing-1.dist-info/METADATA", "Metadata-Version: 2.1\nName: thing\nVersion: 1\n")
        archive.writestr("thing-1.dist-info/WHEEL", "Wheel-Version: 1.0\nTag: py3-none-any\n")
    offline = ("--no-index", f"--find-links={tmp_path}")
    wrong = third_party.Archive("thing==1", wheel.name, "0" * 64, offline)
    with pytest.raises(third_party.PartError, match="DO NOT MATCH THE HASHES"):
        third_party.fetch(wrong, tmp_path / "deps", tmp_path / "log")
    right = replace(wrong, sha256=third_party.sha256(wheel))
    assert third_party.fetch(right, tmp_path / "deps", tmp_path / "log").read_bytes() == wheel.read_bytes()


def test_a_failed_command_shows_the_end_of_its_log(tmp_path: Path) -> None:
    with pytest.raises(third_party.PartError, match=r"(?s)exit code 3.*no space left"):
        third_party.run(tmp_path / "log", sys.executable, "-c", "print('no space left'); raise SystemExit(3)")


def test_a_second_process_waits_for_the_first(tmp_path: Path) -> None:
    lock = tmp_path / "lock"
    hold = (
        "import pathlib, sys, time\n"
        "from tools.third_party import locked\n"
        "with locked(pathlib.Path(sys.argv[1])):\n"
        "    print('held', flush=True)\n"
        "    time.sleep(0.4)\n"
        "    print('freed', flush=True)\n"
    )
    with subprocess.Popen(
        [sys.executable, "-c", hold, str(lock)], cwd=ROOT, stdout=subprocess.PIPE, text=True
    ) as first:
        assert first.stdout is not None
        assert first.stdout.readline() == "held\n"
        os.set_blocking(first.stdout.fileno(), False)
        with third_party.locked(lock):
            assert first.stdout.read() == "freed\n"


def test_needs_nothing_but_the_standard_library() -> None:
    done = subprocess.run([sys.executable, "-I", "-S", str(SCRIPT), "--help"], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert "{kenlm,libdeepspeech,keyword,reference}" in done.stdout


@pytest.mark.parametrize("version_manager", [True, False])
def test_python_37_is_found_past_a_shim_that_refuses(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, version_manager: bool
) -> None:
    program(tmp_path / "pyenv" / "shims" / "python3.7", 127)
    where = "pyenv/versions/3.7.16/bin" if version_manager else "bin"
    wanted = program(tmp_path / where / "python3.7", 0)
    monkeypatch.setenv("PATH", f"{tmp_path / 'pyenv' / 'shims'}{os.pathsep}{tmp_path / 'bin'}")
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.delenv("PYENV_ROOT", raising=False)
    assert third_party.find_python37() == wanted


def test_the_reference_is_skipped_without_python_37(tmp_path: Path) -> None:
    environment = {"PATH": str(tmp_path), "HOME": str(tmp_path)}
    done = subprocess.run(
        [sys.executable, str(SCRIPT), "reference", "--deps", str(tmp_path / "deps")],
        env=environment,
        capture_output=True,
        text=True,
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("reference: skipped: ")


def test_libdeepspeech_is_refused_on_other_machines(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(third_party.platform, "machine", lambda: "aarch64")
    assert third_party.main(["libdeepspeech", "--deps", str(tmp_path)]) == 2
    message = capsys.readouterr().err
    assert "Linux on aarch64" in message
    assert str(tmp_path / "lib" / "libdeepspeech.so") in message
    (tmp_path / "lib").mkdir()
    (tmp_path / "lib" / "libdeepspeech.so").write_bytes(b"built elsewhere")
    assert third_party.main(["libdeepspeech", "--deps", str(tmp_path), "--quiet"]) == 0
    assert capsys.readouterr() == ("", "")


def test_kenlm_names_the_missing_compilers(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert third_party.main(["kenlm", "--deps", str(tmp_path / "deps")]) == 2
    message = capsys.readouterr().err
    assert "cmake, g++, make not found" in message
    assert "libboost-program-options-dev" in message


def test_the_library_is_the_one_of_mozillas_wheel() -> None:
    library = installed("lib/libdeepspeech.so")
    with zipfile.ZipFile(installed(f"downloads/{third_party.LIBDEEPSPEECH.filename}")) as wheel:
        record = wheel.read("deepspeech-0.9.3.dist-info/RECORD").decode()
    digest = base64.urlsafe_b64encode(hashlib.sha256(library.read_bytes()).digest()).rstrip(b"=").decode()
    assert f"deepspeech/lib/libdeepspeech.so,sha256={digest},{library.stat().st_size}" in record


def test_the_library_calls_itself_0_9_3() -> None:
    library = ctypes.CDLL(str(installed("lib/libdeepspeech.so")))
    library.DS_Version.restype = ctypes.c_void_p
    text = library.DS_Version()
    assert ctypes.string_at(text) == b"0.9.3"


def test_kenlms_programs_work_on_each_others_output(tmp_path: Path) -> None:
    arpa, filtered, binary = (tmp_path / name for name in ("lm.arpa", "filtered.arpa", "lm.binary"))
    text = "turn on the light\nturn off the light\n"
    # Without a limit lmplz takes most of the memory there is, and most of a minute to do so.
    small = ["--memory", "64M", "--temp_prefix", tmp_path]
    subprocess.run(
        [installed("bin/lmplz"), "--order", "2", "--discount_fallback", "--arpa", arpa, *small],
        input=text,
        text=True,
        check=True,
        capture_output=True,
    )
    # Five words, and the unknown word, the start and the end of a sentence.
    assert "ngram 1=8\n" in arpa.read_text()
    words = "turn on the light"
    subprocess.run(
        [installed("bin/filter"), "single", f"model:{arpa}", filtered],
        input=words,
        text=True,
        check=True,
        capture_output=True,
    )
    assert "ngram 1=7\n" in filtered.read_text()
    subprocess.run([installed("bin/build_binary"), "trie", filtered, binary], check=True, capture_output=True)
    assert binary.read_bytes().startswith(b"mmap lm http://kheafield.com/code format version 5\n")


def test_the_reference_holds_exactly_its_pins() -> None:
    python = installed("reference/bin/python")
    frozen = (
        subprocess.run([python, "-m", "pip", "freeze", "--all"], capture_output=True, text=True, check=True)
        .stdout.lower()
        .replace("_", "-")
    )
    pins = re.findall(r"^([\w.-]+==[\w.]+)", third_party.REFERENCE_REQUIREMENTS.read_text(), re.MULTILINE)
    assert len(pins) > 20
    assert sorted(pins) == sorted(line for line in frozen.split() if not line.startswith("pip=="))


def test_the_keyword_library_is_compiled_again_when_its_sources_change(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sources = tmp_path / "lib"
    sources.mkdir()
    (sources / "answer.h").write_text("#define ANSWER 41\n")
    (sources / "answer.c").write_text('#include "answer.h"\nint answer(void);\nint answer(void) { return ANSWER; }\n')
    # The tables of somebody's model need a header that only the export folder has.
    (sources / "keyword_model.c").write_text('#include "not_there.h"\n')
    monkeypatch.setattr(third_party, "FIRMWARE", sources)
    deps = tmp_path / "deps"
    deps.mkdir()
    assert third_party.make_keyword(deps) == str(deps / "libkeyword.so")
    assert ctypes.CDLL(str(deps / "libkeyword.so")).answer() == 41
    assert third_party.make_keyword(deps) == ""
    (sources / "answer.h").write_text("#define ANSWER 42\n")
    assert third_party.make_keyword(deps) != ""
    # Loaded from another path, for the loader gives out what it has already loaded from this one.
    os.replace(deps / "libkeyword.so", deps / "again.so")
    assert ctypes.CDLL(str(deps / "again.so")).answer() == 42
