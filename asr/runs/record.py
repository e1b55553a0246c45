"""The record of a training run in build/runs/<id>/.

run.json         settings, data, parent, curves, figures, versions and status; rewritten atomically after every epoch,
                 so that a killed run is recorded up to its last one
transcripts.csv  transcripts of the finished model: a row for each clip, condition and piece of noise

The id is the start in UTC and a short hash, so that ids sort by time.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, fields
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from asr.core import files, tables
from asr.core.errors import ModelError
from asr.runs.provenance import alive, this_process, versions

RECORD = "run.json"
TRANSCRIPTS = "transcripts.csv"
FORMAT = 1  # of run.json; raised by a change that older code cannot read

Row = dict[str, Any]


@dataclass
class Run:
    """One training run, across kills and resumes.

    Attributes
    ----------
    folder : build/runs/<id>.
    settings : the effective settings as nested dictionaries.
    data : fingerprint of the data for training and evaluation.
    parent : id of the run, or path or name of the model, that the weights were initialised from; None from scratch.
    origin : of that model, as far as known: "sha256" of the graph, and "run" that it was exported from.
    curves : a row for each epoch; `epoch` counts from 1, other keys are the trainer's (loss, dev_loss, ...).
    chosen : "name" of the checkpoint chosen on dev, and "candidates" with their dev figures; empty during training.
    figures : nested dictionaries of numbers, of the split test.
    checkpoints : role ("best") to path, relative to the workspace.
    sessions : start and end of each process that worked on the run, ISO 8601 in UTC.
    sentences : fingerprint of the sentences used for the figures; "" before.
    noise : sound files of the noise conditions: name, size and time of each.
    status : "running", "finished" or "stopped"; a killed run is recognised by its dead process.
    """

    folder: Path
    settings: dict[str, Any]
    data: str
    parent: str | None
    seed: int
    versions: dict[str, str]
    sessions: list[dict[str, str | None]]
    curves: list[Row] = field(default_factory=list)
    figures: dict[str, Any] = field(default_factory=dict)
    checkpoints: dict[str, str] = field(default_factory=dict)
    remarks: list[str] = field(default_factory=list)
    sentences: str = ""
    noise: list[Any] = field(default_factory=list)
    origin: dict[str, str] = field(default_factory=dict)
    chosen: dict[str, Any] = field(default_factory=dict)
    recorded_status: str = "running"
    process: dict[str, Any] = field(default_factory=dict)

    @property
    def id(self) -> str:
        """Id of the run: 20250131T120000Z-1a2b3c."""
        return self.folder.name

    @property
    def started(self) -> str:
        """Start of the first session, ISO 8601 in UTC."""
        return str(self.sessions[0]["started"])

    @property
    def ended(self) -> str | None:
        """End of the last session; None while it runs, or if it was killed."""
        return self.sessions[-1]["ended"]

    @property
    def status(self) -> str:
        """`finished`, `stopped`, or `running` while its process is alive."""
        if self.recorded_status == "running" and not alive(self.process):
            return "stopped"
        return self.recorded_status

    @classmethod
    def start(
        cls,
        runs_folder: Path,
        settings: Mapping[str, Any],
        *,
        data: str = "",
        parent: str | None = None,
        origin: Mapping[str, str] | None = None,
        seed: int = 0,
        remarks: Iterable[str] = (),
    ) -> Run:
        """Create a run's folder and write its first record.

        Parameters
        ----------
        runs_folder : build/runs of the workspace.
        settings : nested dictionaries of JSON values.
        data : fingerprint of the manifests and clips.
        parent, origin : see the attributes.
        remarks : caveats that every report repeats, such as how the data was split.
        """
        plain: Row = json.loads(json.dumps(settings, default=str))
        short = files.fingerprint(plain, data, parent, os.getpid(), time.time_ns())[:6]
        folder = runs_folder / f"{_now():%Y%m%dT%H%M%SZ}-{short}"
        folder.mkdir(parents=True)
        run = cls(folder, plain, data, parent, seed, versions(), [_session()])
        run.origin, run.remarks, run.process = dict(origin or {}), list(remarks), this_process()
        run.write()
        return run

    @classmethod
    def load(cls, folder: Path) -> Run:
        """Read the record of a run.

        Raises
        ------
        ModelError : there is no record, or it is damaged or of a later format.
        """
        path = folder / RECORD
        try:
            record = json.loads(path.read_text(encoding="utf-8"))
            if record["format"] > FORMAT:
                raise ModelError(
                    f"is a record of format {record['format']}, this version reads up to {FORMAT}",
                    path=path,
                    fix="Update asr",
                )
            found = {name: record[name] for name in _recorded()}
            status = record["status"]
        except FileNotFoundError:
            raise ModelError("no such run", path=folder, fix="`asr runs` lists the runs there are") from None
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise ModelError(
                f"is damaged ({type(error).__name__}: {error})", path=path, fix="Delete its folder"
            ) from None
        return cls(folder=folder, recorded_status=status, **found)

    def resume(self) -> Run:
        """Continue this run in this process, as a further session."""
        # Left by a killed process.
        for partial in self.folder.glob(".*.partial.*"):
            partial.unlink(missing_ok=True)
        self.sessions.append(_session())
        self.recorded_status = "running"
        self.process = this_process()
        self.write()
        return self

    def epoch(self, row: Mapping[str, Any]) -> None:
        """Add an epoch's row to the curves; `epoch` in it counts from 1.

        Replaces rows from this epoch on, since a resumed run repeats the epochs after its checkpoint.
        """
        number = int(row.get("epoch", len(self.curves) + 1))
        plain = {"epoch": number, **{key: _plain(value) for key, value in row.items() if key != "epoch"}}
        self.curves = [old for old in self.curves if old["epoch"] < number] + [plain]
        self.write()

    def choose(self, name: str, candidates: Mapping[str, Mapping[str, float]]) -> None:
        """Record the end of training: the chosen checkpoint, and the dev figures of all candidates."""
        self.chosen = {"name": name, "candidates": _plain(candidates)}
        self.sessions[-1]["ended"] = _now().isoformat(timespec="seconds")
        self.write()

    @property
    def dev(self) -> dict[str, float]:
        """Dev figures of the chosen checkpoint: dev_loss, and wer where the client measured it; empty before."""
        found: dict[str, float] = self.chosen.get("candidates", {}).get(self.chosen.get("name"), {})
        return found

    def measure(
        self, figures: Mapping[str, Any], rows: Sequence[Row] = (), checkpoints: Mapping[str, str] | None = None
    ) -> None:
        """Record figures and transcripts; a stopped run stays resumable.

        Parameters
        ----------
        figures : nested dictionaries of numbers, such as {"real": {"clean": {"wer": 0.04}}}.
        rows : of transcripts.csv.
        checkpoints : role to file name.
        """
        if rows:
            columns = list(dict.fromkeys(name for row in rows for name in row))
            cells = ([row.get(name, "") for name in columns] for row in rows)
            tables.write(self.folder / TRANSCRIPTS, columns, cells)
        self.figures = _plain(figures)
        self.checkpoints |= dict(checkpoints or {})
        self.write()

    def end(self, status: str) -> None:
        """Close the run: "finished" after training, export and evaluation, or "stopped", to be resumed."""
        # A session ends with training, before export and evaluation.
        self.sessions[-1]["ended"] = self.sessions[-1]["ended"] or _now().isoformat(timespec="seconds")
        self.recorded_status = status
        self.write()

    def transcripts(self) -> list[dict[str, str]]:
        """Return the rows of transcripts.csv; empty before `measure`."""
        path = self.folder / TRANSCRIPTS
        return [row for _, row in tables.read(path, ModelError, columns=())] if path.is_file() else []

    def write(self) -> None:
        """Write run.json, atomically."""
        files.write_json(self.folder / RECORD, self.record())

    def record(self) -> dict[str, Any]:
        """Return the content of run.json."""
        head = {"format": FORMAT, "id": self.id, "status": self.recorded_status, "started": self.started}
        return head | {"ended": self.ended} | {name: getattr(self, name) for name in _recorded()}


def list_runs(runs_folder: Path) -> list[Run]:
    """Return the runs in `runs_folder`, oldest first, without those killed before their first record."""
    folders = sorted(runs_folder.iterdir()) if runs_folder.is_dir() else []
    return [Run.load(folder) for folder in folders if (folder / RECORD).is_file()]


def find_run(runs_folder: Path, name: str) -> Run:
    """Return the run whose id starts with `name` or has it as its short hash; "last" is the newest.

    Raises
    ------
    ModelError : none matches, or several do.
    """
    runs = list_runs(runs_folder)
    if name == "last":
        matches = runs[-1:]
    else:
        matches = [run for run in runs if run.id.startswith(name) or run.id.partition("-")[2] == name]
    if len(matches) != 1:
        found = f"{len(matches)} runs match" if matches else "no run matches"
        raise ModelError(f"{found} {name!r}", path=runs_folder, fix="`asr runs` lists the runs; give more of the id")
    return matches[0]


def _recorded() -> list[str]:
    """Return the fields that run.json holds under their own names."""
    return [item.name for item in fields(Run) if item.name not in ("folder", "recorded_status")]


def _now() -> datetime:
    return datetime.now(timezone.utc)


def _session() -> dict[str, str | None]:
    return {"started": _now().isoformat(timespec="seconds"), "ended": None}


def _plain(value: Any) -> Any:
    """Convert NumPy numbers to JSON's."""
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(item) for item in value]
    return value.item() if hasattr(value, "item") else value
