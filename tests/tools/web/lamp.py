"""A workspace around the tone device."""

from __future__ import annotations

from pathlib import Path

from asr.settings.asr_toml import read
from asr.settings.workspace import Workspace
from tests.asr.runtime.tone_device import write_device

SENTENCES = "bad (cab|bag) [hedge]\nfade {x}\n{x} = (bead|cage:kennel)\n"


def make_workspace(root: Path, device: bool = True) -> Workspace:
    """Make a workspace of the tone device's sentences, without recordings."""
    root.mkdir(parents=True)
    (root / "asr.toml").write_text('[alphabet]\nlabels = " abcdefgh"\n')
    (root / "sentences.txt").write_text(SENTENCES)
    ws = Workspace(root, read(root / "asr.toml").settings())
    if device:
        write_device(ws.device, SENTENCES)
    return ws
