"""Files are whole or not there; fingerprints tell contents apart."""

from __future__ import annotations

import hashlib
import json
import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from asr.core.errors import ModelError, UserError
from asr.core.files import atomic_path, exclusive, fingerprint, write_bytes, write_json, write_text
from asr.core.stamps import Stamp

REPOSITORY = Path(__file__).resolve().parents[3]


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_a_block_that_fails_leaves_the_old_file(tmp_path) -> None:
    path = tmp_path / "a" / "product.tar.gz"
    write_text(path, "old")
    with pytest.raises(ZeroDivisionError), atomic_path(path) as beside:
        assert beside.suffix == ".gz" and beside.parent == path.parent
        beside.write_text("half")
        assert path.read_text() == "old"
        raise ZeroDivisionError
    assert path.read_text() == "old"
    assert names(path.parent) == ["product.tar.gz"]
    with atomic_path(path) as beside:
        beside.write_text("new")
    assert path.read_text() == "new"
    assert names(path.parent) == ["product.tar.gz"]
    # A block that wrote nothing is an error, and no reason to lose what is there.
    with pytest.raises(FileNotFoundError), atomic_path(path):
        pass
    assert path.read_text() == "new"


def test_a_folder_may_be_a_product(tmp_path) -> None:
    with atomic_path(tmp_path / "model") as beside:
        beside.mkdir()
        (beside / "weights").write_bytes(b"1")
    assert names(tmp_path / "model") == ["weights"]
    with pytest.raises(RuntimeError), atomic_path(tmp_path / "second") as beside:
        beside.mkdir()
        (beside / "weights").write_bytes(b"1")
        raise RuntimeError
    assert names(tmp_path) == ["model"]


def test_a_killed_writer_leaves_the_old_file(tmp_path) -> None:
    path = tmp_path / "product.bin"
    write_bytes(path, b"old")
    script = (
        "import os, signal, sys; from asr.core.files import atomic_path\n"
        "with atomic_path(sys.argv[1]) as beside:\n"
        "    beside.write_bytes(b'x' * 1000); os.kill(os.getpid(), signal.SIGKILL)"
    )
    done = subprocess.run([sys.executable, "-c", script, str(path)], cwd=REPOSITORY, timeout=60)
    assert done.returncode == -9
    assert path.read_bytes() == b"old"


def test_a_full_disk_leaves_the_old_file(tmp_path) -> None:
    path = tmp_path / "product.bin"
    write_bytes(path, b"old")
    script = (
        "import resource, signal, sys; from asr.core.files import write_bytes\n"
        "signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (4096, 4096))\n"
        "try: write_bytes(sys.argv[1], bytes(10000))\n"
        "except OSError as error: print(error.errno)"
    )
    done = subprocess.run(
        [sys.executable, "-c", script, str(path)], cwd=REPOSITORY, capture_output=True, text=True, timeout=60
    )
    assert int(done.stdout) == 27, done.stderr  # EFBIG
    assert path.read_bytes() == b"old"
    assert names(tmp_path) == ["product.bin"]


def test_text_is_utf_8_and_json_is_json(tmp_path) -> None:
    write_text(tmp_path / "text", "\u00e4\n")
    assert (tmp_path / "text").read_bytes() == b"\xc3\xa4\n"
    write_json(tmp_path / "json", {"\u00e4": [1, None, "b"]})
    assert json.loads((tmp_path / "json").read_text("utf-8")) == {"\u00e4": [1, None, "b"]}
    assert stat.S_IMODE((tmp_path / "text").stat().st_mode) == 0o666 & ~os.umask(os.umask(0o22) or 0o22)


def test_fingerprints_tell_contents_apart(tmp_path) -> None:
    path = tmp_path / "a"
    path.write_bytes(b"one")
    values = [
        fingerprint(path),
        fingerprint("one"),
        fingerprint(path, "one"),
        fingerprint("one", path),
        fingerprint(tmp_path / "missing"),
        fingerprint(),
        fingerprint({"a": 1}),
        fingerprint({"a": 1.5}),
        fingerprint([1], [2]),
        fingerprint([1, 2]),
    ]
    assert len(set(values)) == len(values)
    assert fingerprint({"a": 1, "b": 2}) == fingerprint({"b": 2, "a": 1})
    assert fingerprint(path) == hashlib.sha256(b"file\0one\0").hexdigest()
    before = fingerprint(path)
    os.utime(path, (1, 1))
    assert fingerprint(path) == before
    path.write_bytes(b"two")
    assert fingerprint(path) != before


def test_stamps_ask_for_inputs_and_products(tmp_path) -> None:
    source, product, kept = tmp_path / "source", tmp_path / "product", tmp_path / "stamp"
    source.write_text("a")
    stamp = Stamp(kept, source, {"order": 3})
    assert not stamp.is_fresh([product])
    product.write_text("b")
    stamp.set()
    assert Stamp(kept, source, {"order": 3}).is_fresh([product])
    assert not Stamp(kept, source, {"order": 4}).is_fresh([product])
    product.unlink()
    assert not stamp.is_fresh([product])
    product.write_text("b")
    source.write_text("c")
    assert not Stamp(kept, source, {"order": 3}).is_fresh([product])
    kept.write_text("{")
    assert not stamp.is_fresh([product])


def test_a_lock_is_free_after_its_block(tmp_path) -> None:
    for _ in range(2):
        with pytest.raises(ZeroDivisionError), exclusive(tmp_path / "deep" / ".lock"):
            raise ZeroDivisionError
    assert (tmp_path / "deep" / ".lock").read_text() == str(os.getpid())


def test_errors_keep_their_words_between_processes() -> None:
    import pickle

    error = ModelError("it is damaged.", path="a/b", line=3, fix="Make it again")
    again = pickle.loads(pickle.dumps(error))
    assert type(again) is ModelError and str(again) == "a/b:3: it is damaged. Make it again" == str(error)
    assert str(UserError("plain")) == "plain"
    assert str(UserError("plain", path="x")) == "x: plain"
