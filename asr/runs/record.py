"""What was trained from what: the record that every training leaves in build/runs/<id>/.

run.json      settings, data, parent, curves, figures, versions and status; rewritten whole and atomically
              after every epoch, so that a killed training leaves the record of all it did
transcripts.csv  what the finished model heard, one row a clip, condition and piece of noise

A run is named by its start in UTC and a short hash, never by hand, so that names sort by time.
"""

from __future__ import annotations

import csv
import io
import json
import os
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timezone
from pathlib import Path
from typing import Any, Protocol

from asr.core import files
from asr.core.errors import ModelError
from asr.runs.provenance import alive, this_process, versions

RECORD = "run.json"
TRANSCRIPTS = "transcripts.csv"
FORMAT = 1  # of run.json; a change that older code cannot read raises it

# Fields that records of before they were asked for do not have.
_LATER = ("sentences", "noise", "origin", "chosen")

Row = dict[str, Any]


class HasRow(Protocol):
    """Anything that tells itself as one row of a table."""

    def row(self) -> Row: ...


@dataclass
class Run:
    """One training, from its first epoch to its figures, across kills and resumes.

    Attributes
    ----------
    folder : build/runs/<id>.
    settings : the whole of asr.toml as nested dictionaries.
    data : fingerprint of what it was trained and tested on.
    parent : id of the run, or path or name of the model, that its weights started from; None from scratch.
    origin : what that model was: "sha256" of the graph, and "run" that it was exported from, as far as that is known.
    curves : one row an epoch; `epoch` counts from 1, other keys are the trainer's (loss, dev_loss, ...).
    chosen : name of the checkpoint that became the result, "name", and the figures on dev of those that there were,
        "candidates"; empty while it trains.
    figures : nested dictionaries of numbers, of the split test.
    checkpoints : role ("best") to the file's path, from the workspace's folder on.
    sessions : when each process that worked on it began and ended, ISO 8601 in UTC; one more a resume.
    sentences : fingerprint of the sentences that its figures were measured with; "" where it has none yet.
    noise : sound files that they were measured in: name, size and time of each.
    status : "running", "finished" or "stopped". A killed run is told from its dead process.
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
        """Name of the run: 20250131T120000Z-1a2b3c."""
        return self.folder.name

    @property
    def started(self) -> str:
        """When its first session began, ISO 8601 in UTC."""
        return str(self.sessions[0]["started"])

    @property
    def ended(self) -> str | None:
        """When its last session ended; None while it runs, or where it was killed."""
        return self.sessions[-1]["ended"]

    @property
    def status(self) -> str:
        """`finished`, `stopped`, or `running` where its process is alive."""
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
        """Make a new run's folder and write its first record.

        Parameters
        ----------
        runs_folder : build/runs of the workspace; made where missing.
        settings : nested dictionaries of JSON values.
        data : fingerprint of the manifests and clips.
        parent, origin : id of a run, or path or name of a model, that the weights come from, and what that was.
        remarks : what every report of this run has to say, such as how the data was split.
        """
        plain: Row = json.loads(json.dumps(settings, default=str))
        folder = _new_folder(runs_folder, plain, data, parent)
        first, told = dict(origin or {}), list(remarks)
        run = cls(folder, plain, data, parent, seed, versions(), [_session()], origin=first, remarks=told)
        run.process = this_process()
        run.write()
        return run

    @classmethod
    def load(cls, folder: Path) -> Run:
        """Read a run back.

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
            names = cls.__dataclass_fields__.keys() - {"folder", "recorded_status", *_LATER}
            fields = {name: record[name] for name in names}
            fields |= {name: record[name] for name in _LATER if name in record}
            status = record["status"]
        except FileNotFoundError:
            raise ModelError("no such run", path=folder, fix="`asr runs` lists the runs there are") from None
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise ModelError(
                f"is damaged ({type(error).__name__}: {error})", path=path, fix="Delete its folder"
            ) from None
        return cls(folder=folder, recorded_status=status, **fields)

    def resume(self) -> Run:
        """Go on with this run in this process: a further session of the same record."""
        # What a kill left half-written beside the record.
        for partial in self.folder.glob(".*.partial.*"):
            partial.unlink(missing_ok=True)
        self.sessions.append(_session())
        self.recorded_status = "running"
        self.process = this_process()
        self.write()
        return self

    def epoch(self, row: Mapping[str, Any]) -> None:
        """Add one epoch's row to the curves; `epoch` in it counts from 1.

        A resume repeats the epochs after its checkpoint: rows from this epoch on are replaced.
        """
        number = int(row.get("epoch", len(self.curves) + 1))
        plain = {"epoch": number, **{key: _plain(value) for key, value in row.items() if key != "epoch"}}
        self.curves = [old for old in self.curves if old["epoch"] < number] + [plain]
        self.write()

    def choose(self, name: str, candidates: Mapping[str, Mapping[str, float]]) -> None:
        """End the training: write down which checkpoint became the result, and the figures on dev of each."""
        self.chosen = {"name": name, "candidates": _plain(candidates)}
        self.sessions[-1]["ended"] = _now().isoformat(timespec="seconds")
        self.write()

    @property
    def dev(self) -> dict[str, float]:
        """Figures on dev of what was chosen: dev_loss, and wer where the client has heard it; empty before."""
        found: dict[str, float] = self.chosen.get("candidates", {}).get(self.chosen.get("name"), {})
        return found

    def measure(
        self,
        figures: Mapping[str, Any],
        heard: Iterable[Mapping[str, Any] | HasRow] = (),
        checkpoints: Mapping[str, str] | None = None,
    ) -> None:
        """Write the figures and what was heard; a run that was stopped can be measured, and is gone on with as before.

        Parameters
        ----------
        figures : nested dictionaries of numbers, such as {"test": {"real": {"clean": {"wer": 0.04}}}}.
        heard : plain rows for transcripts.csv, or records with a `row` method (asr.evaluation.transcriptions).
        checkpoints : role to file name.
        """
        rows = [dict(item) if isinstance(item, Mapping) else item.row() for item in heard]
        if rows:
            files.write_text(self.folder / TRANSCRIPTS, _csv(rows))
        self.figures = _plain(figures)
        self.checkpoints |= dict(checkpoints or {})
        self.write()

    def finish(self) -> None:
        """Close the run: it was trained to its end, exported and measured."""
        self._end("finished")

    def stop(self) -> None:
        """Close the run before its end (a person interrupted it); it can be resumed."""
        self._end("stopped")

    def transcripts(self) -> list[dict[str, str]]:
        """Return the rows of transcripts.csv as text; none where it was not finished."""
        path = self.folder / TRANSCRIPTS
        if not path.is_file():
            return []
        with path.open(encoding="utf-8", newline="") as file:
            return list(csv.DictReader(file))

    def write(self) -> None:
        """Write run.json, atomically."""
        files.write_json(self.folder / RECORD, self.record())

    def record(self) -> dict[str, Any]:
        """Return what run.json holds."""
        return {
            "format": FORMAT,
            "id": self.id,
            "status": self.recorded_status,
            "started": self.started,
            "ended": self.ended,
            "parent": self.parent,
            "origin": self.origin,
            "seed": self.seed,
            "data": self.data,
            "sentences": self.sentences,
            "noise": self.noise,
            "remarks": self.remarks,
            "chosen": self.chosen,
            "figures": self.figures,
            "checkpoints": self.checkpoints,
            "versions": self.versions,
            "sessions": self.sessions,
            "process": self.process,
            "settings": self.settings,
            "curves": self.curves,
        }

    def _end(self, status: str) -> None:
        # What follows a training, the export and the figures, is no part of it.
        self.sessions[-1]["ended"] = self.sessions[-1]["ended"] or _now().isoformat(timespec="seconds")
        self.recorded_status = status
        self.write()


def list_runs(runs_folder: Path) -> list[Run]:
    """Return the runs in `runs_folder`, oldest first; a folder without a record was killed at birth."""
    folders = sorted(runs_folder.iterdir()) if runs_folder.is_dir() else []
    return [Run.load(folder) for folder in folders if (folder / RECORD).is_file()]


def find_run(runs_folder: Path, name: str) -> Run:
    """Return the run whose id is `name`, starts with it, or has it as its short hash; "last" is the newest.

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


def _new_folder(runs_folder: Path, settings: Row, data: str, parent: str | None) -> Path:
    runs_folder.mkdir(parents=True, exist_ok=True)
    while True:
        short = files.fingerprint(settings, data, parent, os.getpid(), time.time_ns())[:6]
        folder = runs_folder / f"{_now():%Y%m%dT%H%M%SZ}-{short}"
        try:
            folder.mkdir()
        except FileExistsError:
            continue
        return folder


def _now() -> datetime:
    return datetime.now(timezone.utc)


def _session() -> dict[str, str | None]:
    return {"started": _now().isoformat(timespec="seconds"), "ended": None}


def _plain(value: Any) -> Any:
    """Turn NumPy's and other numbers into JSON's."""
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(item) for item in value]
    return value.item() if hasattr(value, "item") else value


def _csv(rows: list[Row]) -> str:
    text = io.StringIO()
    names = list(dict.fromkeys(name for row in rows for name in row))
    writer = csv.DictWriter(text, names, lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue()
