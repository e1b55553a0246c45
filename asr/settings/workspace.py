"""A workspace: one folder per recogniser, with the user's files on top and ours below build/."""

from __future__ import annotations

import unicodedata
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path

from asr.core.alphabet import Alphabet
from asr.core.errors import WorkspaceError
from asr.core.files import exclusive
from asr.settings import asr_toml
from asr.settings.presets import preset_for
from asr.settings.sections import AUTO
from asr.settings.values import Settings

SPLITS = ("train", "dev", "test")


class _Place:
    """A path in a workspace, read as an attribute of it."""

    def __init__(self, path: str) -> None:
        self.path = path

    def __get__(self, workspace: Workspace, owner: type[Workspace]) -> Path:
        return workspace.root / self.path


@dataclass(frozen=True)
class Workspace:
    """The paths and settings of one recogniser.

    Parameters
    ----------
    root : the workspace's folder, absolute.
    settings : the effective values of its asr.toml.
    """

    root: Path
    settings: Settings

    toml = _Place("asr.toml")
    build = _Place("build")  # all that is made; deleting it loses nothing of the user's
    other_speech = _Place("other_speech")  # the user's; sound that is no command
    clips = _Place("build/clips")
    clips_table = _Place("build/clips/clips.csv")
    speech = _Place("build/speech")  # utterances of synthetic voices
    other_clips = _Place("build/other_speech")  # clips and slow voices' utterances of what is no command
    split_record = _Place("build/split.json")
    checkpoints = _Place("build/checkpoints")
    logs = _Place("build/logs")  # of TensorBoard
    runs = _Place("build/runs")
    reports = _Place("build/reports")
    learning_curve = _Place("build/reports/learning.json")
    export = _Place("build/export")
    scorer = _Place("build/export/kenlm.scorer")
    graph = _Place("build/export/output_graph.pb")
    model = _Place("build/export/output_graph.pbmm")
    coqui = _Place("build/export/coqui")  # model.tflite and alphabet.txt for Coqui's client
    device = _Place("build/export/device")  # everything that the runtime for small devices takes
    card = _Place("build/export/MODEL_CARD.md")
    keyword = _Place("build/keyword")  # features, checkpoints and logs of the keyword model
    keyword_export = _Place("build/export/keyword")

    @classmethod
    def open(cls, folder: Path | str, count_words: Callable[[Workspace], int] | None = None) -> Workspace:
        """Read the workspace in `folder`.

        Parameters
        ----------
        count_words : counts the different words of a workspace's sentences, which choose the preset where asr.toml
            names none; None: no preset is applied then.

        Raises
        ------
        WorkspaceError : there is no workspace, or its asr.toml is wrong.
        """
        root = Path(folder).resolve()
        if not root.is_dir():
            raise WorkspaceError("no such folder", path=folder, fix=f"Make a workspace with: asr init {folder}")
        found = asr_toml.read(root / "asr.toml")
        workspace = cls(root, found.settings())
        if found.preset == AUTO and count_words is not None:
            workspace = cls(root, found.settings(preset_for(count_words(workspace))))
        return workspace

    @property
    def alphabet(self) -> Alphabet:
        """The alphabet that asr.toml names."""
        return Alphabet(self.settings.alphabet.labels)

    def folder(self, name: str) -> Path | None:
        """Return a folder that asr.toml names, with ~ expanded; None for an empty name."""
        return self.root / Path(name).expanduser() if name else None

    @property
    def sentences(self) -> Path:
        return self.root / self.settings.sentences.file

    @property
    def recordings(self) -> Path:
        """Folder of the user's recordings; asr.toml may name one outside the workspace, in either Unicode form."""
        folder = self.root / Path(self.settings.recordings.folder).expanduser()
        if folder.name.isascii() or folder.exists() or not folder.parent.is_dir():
            return folder
        alike = (place for place in folder.parent.iterdir() if _composed(place.name) == _composed(folder.name))
        return next(alike, folder)

    def manifest(self, split: str) -> Path:
        """Return the DeepSpeech manifest of "train", "dev" or "test"."""
        if split not in SPLITS:
            raise ValueError(f"no split {split!r}")
        return self.build / split / f"{split}.csv"

    def report(self, name: str, split: str) -> Path:
        """Return the folder of a run's report on a split."""
        return self.reports / f"{name}-{split}"

    def lock(self) -> AbstractContextManager[None]:
        """Lock the workspace for this process; BusyError if another one has locked it."""
        return exclusive(self.build / ".lock")


def _composed(name: str) -> str:
    return unicodedata.normalize("NFC", name)
