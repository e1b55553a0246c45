"""What a file is by its first bytes, against files that others' programs write."""

from __future__ import annotations

import bz2
import gzip
import io
import tarfile
import zipfile
from pathlib import Path

import numpy as np
import pytest
import soundfile

from asr.core import file_kind


@pytest.mark.parametrize(
    "kind", ["WAV", "WAVEX", "RF64", "W64", "FLAC", "OGG", "MP3", "AIFF", "AU", "CAF", "NIST", "VOC"]
)
def test_what_libsndfile_writes_is_sound(tmp_path: Path, kind: str) -> None:
    samples = np.random.default_rng(1).standard_normal(8000) * 0.1
    soundfile.write(tmp_path / "x", samples, 16000, format=kind)
    data = file_kind.beginning(tmp_path / "x")
    assert file_kind.is_sound(data)
    assert file_kind.describe(data) == ""


def archives() -> dict[str, bytes]:
    zipped, tarred, arrays = io.BytesIO(), io.BytesIO(), io.BytesIO()
    with zipfile.ZipFile(zipped, "w") as one:
        one.writestr("a.wav", "x")
    with tarfile.open(fileobj=tarred, mode="w") as other:
        other.addfile(tarfile.TarInfo("a.wav"))
    np.savez(arrays, about=np.zeros(3))
    return {
        "a ZIP archive": zipped.getvalue(),
        "a tar archive": tarred.getvalue(),
        "a gzip archive": gzip.compress(b"x"),
        "a bzip2 archive": bz2.compress(b"x"),
        "an archive of NumPy (.npz)": arrays.getvalue(),
        "an empty file (0 bytes)": b"",
        "text": "für mich\n".encode(),
        "a web page": b"\n<!DOCTYPE html>",
        "": bytes(range(128, 255)),
    }


@pytest.mark.parametrize("what", archives())
def test_what_is_not_sound_is_named(what: str) -> None:
    data = archives()[what]
    assert file_kind.describe(data[:4096]) == what
    assert not file_kind.is_sound(data)


def test_text_that_is_cut_within_a_letter_is_text() -> None:
    assert file_kind.describe(("a" + "ü" * 3000).encode()[:4096]) == "text"
    assert file_kind.describe("für".encode("latin-1") + b"\n") == ""


def test_graphs_of_tensorflow_are_told_apart(tmp_path: Path) -> None:
    from asr.core.alphabet import Alphabet
    from export.graph import graph_def, write_pb
    from export.pbmm import write_pbmm
    from tests.small_networks import small_network

    graph = graph_def(small_network(1, width=8, state=8), Alphabet())
    write_pb(graph, tmp_path / "a")
    write_pbmm(graph, tmp_path / "b.pbmm")
    assert file_kind.name(tmp_path / "a") == "a graph of TensorFlow (.pb)"
    assert file_kind.name(tmp_path / "b.pbmm") == "a memory-mapped graph (.pbmm)"
