"""What every room's tests share."""

from __future__ import annotations

import os
from pathlib import Path

import hypothesis
import pytest

from asr.core.errors import SetupError
from asr.core.third_party import part

# No test's outcome depends on how busy the machine is.
hypothesis.settings.register_profile("untimed", deadline=None)
hypothesis.settings.load_profile("untimed")

ROOT = Path(__file__).resolve().parent.parent


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """Folder of real recordings beside the checkout; tests that need it skip where it is absent."""
    folder = Path(os.environ.get("ASR_SHARED_DATA", ROOT.parent / "shared" / "data"))
    if not folder.is_dir():
        pytest.skip(f"no real recordings at {folder}; set ASR_SHARED_DATA to a folder that holds them")
    return folder


@pytest.fixture(scope="session")
def parts() -> None:
    """The client's library and KenLM's programs; tests that need them skip where `make setup` was not run."""
    try:
        for name in ("lib/libdeepspeech.so", "bin/lmplz", "bin/build_binary"):
            part(name)
    except SetupError as error:
        pytest.skip(str(error))
