"""`asr features`: a recording's features as C that compiles and holds what training would hear."""

from __future__ import annotations

import ctypes
import subprocess
from pathlib import Path

import numpy as np
import pytest

from asr.core import audio
from asr.core.errors import AudioError, UserError
from asr.keyword.c_features import write_c_features
from asr.keyword.frontend import features


@pytest.fixture
def recording(tmp_path: Path) -> Path:
    samples = np.random.default_rng(0).normal(0, 3000, 16000).astype(np.int16)
    path = tmp_path / "it is *" / "recording.wav"
    audio.write_wav(path, samples)
    return path


@pytest.mark.parametrize(
    ("preprocess", "kind", "channels"), [("micro", ctypes.c_int8, 40), ("average", ctypes.c_uint8, 43)]
)
def test_the_c_file_holds_the_features(
    recording: Path, tmp_path: Path, preprocess: str, kind: type[ctypes.c_int8], channels: int
) -> None:
    c_file, library = tmp_path / "1 yes.c", tmp_path / "yes.so"
    said = write_c_features(recording, c_file, preprocess)
    assert "_1_yes_features" in said
    command = ["cc", "-std=c99", "-Wall", "-Wextra", "-Wpedantic", "-Werror", "-shared", "-fPIC", c_file, "-o", library]
    subprocess.run(command, check=True)
    loaded = ctypes.CDLL(str(library))
    assert ctypes.c_uint.in_dll(loaded, "_1_yes_slices").value == 49
    assert ctypes.c_uint.in_dll(loaded, "_1_yes_channels").value == channels
    values = np.array((kind * (49 * channels)).in_dll(loaded, "_1_yes_features")).reshape(49, channels)
    np.testing.assert_array_equal(values, features(audio.read_wav(recording), preprocess))


def test_what_cannot_be_done_is_said(recording: Path, tmp_path: Path) -> None:
    with pytest.raises(UserError, match="micro or average"):
        write_c_features(recording, tmp_path / "x.c", "mfcc")
    with pytest.raises(UserError, match="overwritten"):
        write_c_features(recording, recording)
    short = tmp_path / "short.wav"
    audio.write_wav(short, np.zeros(160, np.int16))
    with pytest.raises(AudioError, match="lasts 10 ms"):
        write_c_features(short, tmp_path / "x.c")
    assert not (tmp_path / "x.c").exists()
