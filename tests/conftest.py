"""What every room's tests share."""

from __future__ import annotations

import os
from pathlib import Path

import hypothesis
import pytest

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
