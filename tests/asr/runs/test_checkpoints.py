"""Checkpoints: whole, plain, and named where they are damaged."""

from __future__ import annotations

import pickle
import subprocess
import sys
import zipfile
from pathlib import Path

import numpy as np
import pytest

from asr.core.errors import ModelError
from asr.runs.checkpoints import average, load, save

ARRAYS = [np.arange(6, dtype="f").reshape(2, 3), np.int64(3), np.zeros(0, np.uint32), np.float32(0.5)]
STATE = {"epoch": 3, "pace": {"best": None, "factor": 0.5}, "kept": [[1.5, 2]], "words": "\u00e4"}


def test_what_was_saved_comes_back(tmp_path) -> None:
    path = tmp_path / "checkpoints" / "last.npz"
    save(path, ARRAYS, STATE)
    stored = load(path)
    assert stored.state == STATE
    assert len(stored.arrays) == len(ARRAYS)
    for found, expected in zip(stored.arrays, ARRAYS, strict=True):
        np.testing.assert_array_equal(found, expected)
        assert found.dtype == np.asarray(expected).dtype
    assert [one.name for one in path.parent.iterdir()] == ["last.npz"]
    many = [np.full(1, index) for index in range(200)]
    save(path, many, {})
    assert [int(one[0]) for one in load(path).arrays] == list(range(200))


def test_numpy_alone_reads_it(tmp_path) -> None:
    save(tmp_path / "a.npz", ARRAYS, STATE)
    script = "import sys, numpy as np; print(sorted(np.load(sys.argv[1], allow_pickle=False).files))"
    done = subprocess.run([sys.executable, "-c", script, str(tmp_path / "a.npz")], capture_output=True, text=True)
    assert done.stdout.strip() == "['0000', '0001', '0002', '0003', 'state']", done.stderr


def test_a_writer_that_fails_leaves_the_old_one(tmp_path) -> None:
    path = tmp_path / "last.npz"
    save(path, ARRAYS, STATE)
    with pytest.raises(TypeError):
        save(path, ARRAYS, {"epoch": object()})
    assert load(path).state == STATE
    assert [one.name for one in tmp_path.iterdir()] == ["last.npz"]


def test_a_missing_one_is_named(tmp_path) -> None:
    with pytest.raises(ModelError, match=r"last.npz: no such checkpoint"):
        load(tmp_path / "last.npz")


def test_every_cut_is_noticed(tmp_path) -> None:
    path = tmp_path / "last.npz"
    save(path, ARRAYS, STATE)
    whole = path.read_bytes()
    for length in range(0, len(whole), 37):
        path.write_bytes(whole[:length])
        with pytest.raises(ModelError, match=r"last.npz: this checkpoint is damaged.*Delete it"):
            load(path)


def test_every_flipped_bit_of_the_data_is_noticed(tmp_path) -> None:
    """The parts of the archive carry checksums; its directory does not, and there a change may not matter."""
    path = tmp_path / "last.npz"
    save(path, [np.arange(64, dtype="f")], STATE)
    whole = path.read_bytes()
    with zipfile.ZipFile(path) as archive:
        start = archive.start_dir
    noticed = 0
    for place in range(0, len(whole), 5):
        path.write_bytes(whole[:place] + bytes([whole[place] ^ 0x10]) + whole[place + 1 :])
        try:
            stored = load(path)
        except ModelError as error:
            assert "damaged" in str(error)
            noticed += 1
        else:
            np.testing.assert_array_equal(stored.arrays[0], np.arange(64))
            assert stored.state == STATE
    assert noticed > 0.5 * start / 5


class Trap:
    def __reduce__(self):
        return (Path.touch, (Path("trap-was-sprung"),))


def test_nothing_in_it_is_run(tmp_path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "pickled.npz").write_bytes(pickle.dumps(Trap()))
    np.savez(tmp_path / "object.npz", **{"0000": np.array([Trap()], object), "state": np.array("{}")})
    np.savez(tmp_path / "state.npz", state=np.array(Trap(), object))
    for name in ("pickled", "object", "state"):
        with pytest.raises(ModelError, match="damaged"):
            load(tmp_path / f"{name}.npz")
    assert not (tmp_path / "trap-was-sprung").exists()


@pytest.mark.parametrize("content", [b"", b"{}", b"\0" * 100])
def test_files_of_other_kinds(tmp_path, content) -> None:
    (tmp_path / "last.npz").write_bytes(content)
    with pytest.raises(ModelError, match="damaged"):
        load(tmp_path / "last.npz")
    np.savez(tmp_path / "weights.npz", a=np.zeros(3))
    with pytest.raises(ModelError, match="damaged"):
        load(tmp_path / "weights.npz")
    np.save(tmp_path / "array.npy", np.zeros(3))
    with pytest.raises(ModelError, match="damaged"):
        load(tmp_path / "array.npy")


def test_the_average_is_the_mean() -> None:
    generator = np.random.default_rng(1)
    many = [[generator.normal(0, 1, (3, 2)).astype("f"), generator.normal(0, 1, 4).astype("f")] for _ in range(5)]
    found = average(iter(many))
    for index, array in enumerate(found):
        assert array.dtype == np.float32
        np.testing.assert_allclose(array, np.mean([one[index] for one in many], axis=0), rtol=1e-6, atol=1e-7)
    np.testing.assert_array_equal(average([many[0]])[0], many[0][0])
    with pytest.raises(ValueError, match="nothing to average"):
        average([])
    with pytest.raises(ValueError, match="argument 2 is shorter"):
        average([many[0], many[1][:1]])
