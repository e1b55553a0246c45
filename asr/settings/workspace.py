"""A workspace: one folder per recogniser, with the user's files on top and ours below build/."""

from __future__ import annotations

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


@dataclass(frozen=True)
class Workspace:
    """Where everything of one recogniser lies.

    Parameters
    ----------
    root : the workspace's folder, absolute.
    settings : the effective values of its asr.toml.
    """

    root: Path
    settings: Settings

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
            raise WorkspaceError(
                "no such folder", path=folder, fix=f"Make a workspace with: asr init {folder}"
            )
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
    def toml(self) -> Path:
        return self.root / "asr.toml"

    @property
    def sentences(self) -> Path:
        return self.root / self.settings.sentences.file

    @property
    def recordings(self) -> Path:
        """Folder of the user's recordings; asr.toml may name one outside the workspace."""
        return self.root / Path(self.settings.recordings.folder).expanduser()

    @property
    def build(self) -> Path:
        """Everything that is made; deleting it loses nothing of the user's."""
        return self.root / "build"

    @property
    def clips(self) -> Path:
        return self.build / "clips"

    @property
    def clips_table(self) -> Path:
        return self.clips / "clips.csv"

    @property
    def speech(self) -> Path:
        """Utterances of synthetic voices."""
        return self.build / "speech"

    @property
    def split_record(self) -> Path:
        return self.build / "split.json"

    def manifest(self, split: str) -> Path:
        """Return the DeepSpeech manifest of "train", "dev" or "test"."""
        if split not in SPLITS:
            raise ValueError(f"no split {split!r}")
        return self.build / split / f"{split}.csv"

    @property
    def checkpoints(self) -> Path:
        return self.build / "checkpoints"

    @property
    def logs(self) -> Path:
        """TensorBoard's folder."""
        return self.build / "logs"

    @property
    def runs(self) -> Path:
        return self.build / "runs"

    @property
    def reports(self) -> Path:
        return self.build / "reports"

    def report(self, name: str, split: str) -> Path:
        """Return the folder of a run's report on a split."""
        return self.reports / f"{name}-{split}"

    @property
    def export(self) -> Path:
        return self.build / "export"

    @property
    def scorer(self) -> Path:
        return self.export / "kenlm.scorer"

    @property
    def graph(self) -> Path:
        return self.export / "output_graph.pb"

    @property
    def model(self) -> Path:
        return self.export / "output_graph.pbmm"

    @property
    def coqui(self) -> Path:
        """Folder of model.tflite and alphabet.txt for Coqui's client."""
        return self.export / "coqui"

    @property
    def card(self) -> Path:
        return self.export / "MODEL_CARD.md"

    @property
    def keyword(self) -> Path:
        """Features, checkpoints and logs of the keyword model."""
        return self.build / "keyword"

    @property
    def keyword_export(self) -> Path:
        return self.export / "keyword"

    def lock(self) -> AbstractContextManager[None]:
        """Lock the workspace for this process; BusyError if another one has locked it."""
        return exclusive(self.build / ".lock")
