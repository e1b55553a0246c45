"""Check recordings before training on them, and write mended copies."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from itertools import groupby
from pathlib import Path

from asr.core.alphabet import Alphabet
from asr.core.errors import RecordingsError, UserError, WorkspaceError
from asr.core.files import write_json, write_text
from asr.core.progress import say
from asr.settings.values import Settings
from asr.settings.workspace import Workspace
from datasets import recordings as recordings_
from datasets.defects import Finding
from datasets.examination import KINDS, Examination, examine
from datasets.recordings import Recording
from datasets.split import by_speaker, read_record

VERSION = 1  # of check.json

_MOST_SOUND = 2 * 3600  # s of recordings whose transcripts are compared without being asked to
_MOST_ALIKE = 20  # pairs of words that sound alike
_ALIKE = 0.5  # cost of a pair of rival words of the sentences
_ALIKE_WORDS = 0.25  # of any two words of the transcripts, which need not be rivals
_MOST_WORDS = 3000  # whose sound is compared
_MOST_TOLD = 3  # errors that a training repeats


@dataclass(frozen=True)
class Place:
    """What is checked: the recordings of a workspace, or any folder or table of recordings.

    Attributes
    ----------
    folder : the recordings.
    build : where results are kept; None: nowhere.
    workspace : None where there is none.
    """

    folder: Path
    settings: Settings
    build: Path | None
    workspace: Workspace | None

    @property
    def alphabet(self) -> Alphabet:
        return Alphabet(self.settings.alphabet.labels)

    def recordings(self) -> list[Recording]:
        """Read the recordings; RecordingsError where a folder has none, which a workspace may."""
        besides = self.workspace.build if self.workspace else None
        found = recordings_.find(self.folder, self.alphabet, besides)
        if not found and self.workspace is None:
            raise RecordingsError("there are no recordings", path=self.folder, fix="Add some, or name another folder")
        return found


def place_of(folder: Path, out: Path | None = None) -> Place:
    """Return what a command-line argument names.

    Parameters
    ----------
    folder : of a workspace or of recordings, or a table of recordings.
    out : where to keep results; build/check of a workspace by default.
    """
    if (folder / "asr.toml").is_file():
        workspace = Workspace.open(folder)
        return Place(workspace.recordings, workspace.settings, out or workspace.build / "check", workspace)
    if not folder.exists():
        raise WorkspaceError("no such folder", path=folder, fix="Name a workspace, or a folder of recordings")
    return Place(folder.absolute(), Settings(), out, None)


def check(folder: Path, out: Path | None, transcripts: bool | None, as_json: bool) -> tuple[bool, str]:
    """Check recordings; return whether there are errors, and the text to print.

    Parameters
    ----------
    folder, out : as `place_of` takes them.
    transcripts : whether to compare transcripts with the sound; None: if the recordings last two hours at most.
    """
    from tools.commands.steps.check_page import page

    place = place_of(folder, out)
    found = examine_all(place, transcripts)
    record = _record(found)
    if place.build is not None:
        write_json(place.build / "check.json", record)
        write_text(place.build / "index.html", page(found, place.folder, place.build))
    bad = bool(found.of("error"))
    return bad, json.dumps(record, indent=2, ensure_ascii=False) if as_json else _text(found, place)


def examine_all(place: Place, transcripts: bool | None) -> Examination:
    """Return everything that is found, as `check` tells it."""
    return _examine(place, lambda people, seconds: _listen(place, people, seconds, transcripts))


def summary(ws: Workspace) -> str:
    """Check the sounds of a workspace's recordings before training; "" where nothing is wrong or nobody recorded.

    What takes a network or a synthesiser is left to `asr check`.
    """
    place = place_of(ws.root)
    recordings = recordings_.find(place.folder, place.alphabet, ws.build)
    if not any(not recording.synthetic for recording in recordings):
        return ""
    found = _examine(place, None, recordings)
    errors, warnings = found.of("error"), found.of("warning")
    if not errors and not warnings:
        return ""
    lines = [f"warning: {_line(finding, place)}" for finding in errors[:_MOST_TOLD]]
    counts = f"{_count(len(errors), 'error')} and {_count(len(warnings), 'warning')}"
    return "\n".join([*lines, f"{counts} in {found.recordings:,} recordings; asr check {ws.root} lists them"])


def mend(folder: Path, out: Path) -> str:
    """Write mended copies of recordings into a new folder; describe them."""
    from datasets.mending import NOTHING, TABLE
    from datasets.mending import mend as mend_all

    place = place_of(folder)
    source = place.folder.parent if place.folder.is_file() else place.folder
    recordings = place.recordings()
    if not recordings:
        raise RecordingsError("there are no recordings to mend", path=place.folder, fix="Add some")
    outcomes = mend_all(recordings, source, out)
    left = [outcome for outcome in outcomes if not outcome.file]
    same = sum(outcome.done == NOTHING for outcome in outcomes)
    lines = [f"{outcome.source}: {outcome.done}" for outcome in left]
    counts = f"{len(outcomes) - len(left) - same} mended, {same} copied as they are, {len(left)} left out"
    return "\n".join([*lines, f"{out}: {counts}; {TABLE} says what was done to each"])


def _examine(
    place: Place,
    more: Callable[[Sequence[Recording], float], Sequence[Finding]] | None,
    recordings: Sequence[Recording] | None = None,
) -> Examination:
    workspace = place.workspace
    return examine(
        place.recordings() if recordings is None else recordings,
        place.settings.recordings,
        place.alphabet,
        cache=place.build / "measures.npz" if place.build else None,
        root=workspace.root if workspace else None,
        splits=by_speaker(read_record(workspace.split_record)) if workspace else None,
        more=more,
    )


def _listen(place: Place, people: Sequence[Recording], seconds: float, transcripts: bool | None) -> list[Finding]:
    """Return what a network hears and what sounds alike, where the language is one that they know."""
    found = _alike(place, people)
    language = place.settings.alphabet.language
    if transcripts is False or not people:
        return found
    if language != "en":
        if transcripts:
            raise WorkspaceError(
                f"the pretrained weights know English, not {language!r}", fix="Leave out --transcripts"
            )
        return found
    if transcripts is None and seconds > _MOST_SOUND:
        say(f"{seconds / 3600:.1f} h are too long to compare with the transcripts by default; --transcripts does")
        return found
    from asr.ctc import weights
    from datasets.likelihood import Said, unlikely
    from export.device import network_file
    from export.weights import read_layers

    path = weights.find("english")
    assert path is not None
    graph = read_layers(path)
    network = network_file(graph.layers, graph.metadata.alphabet)
    said = [Said(recording.path, recording.transcript) for recording in people]
    cache = place.build / "transcripts.json" if place.build else None
    return found + unlikely(said, network, cache, place.workspace.root if place.workspace else None)


def _alike(place: Place, people: Sequence[Recording]) -> list[Finding]:
    """Return the words that sound alike: rivals in the sentences, or any of the transcripts without a workspace."""
    from datasets.espeak import espeak
    from lm.alike import Rivals, nearest, rivals
    from tools.commands.steps.inputs import read_templates
    from tools.commands.steps.sentences import voice_of

    limit = _ALIKE
    try:
        groups, _ = rivals(read_templates(place.workspace)) if place.workspace else ([], True)
        where = place.workspace.sentences.name if place.workspace else ""
    except UserError as error:
        say(f"sentences are not compared: {error}")
        return []
    if not place.workspace:
        words = sorted({word for recording in people for word in recording.transcript.split()})[:_MOST_WORDS]
        groups, where, limit = [Rivals("", tuple(words), tuple(words))], "the transcripts", _ALIKE_WORDS
    phrases = list(dict.fromkeys(phrase for group in groups for phrase in group.phrases))
    if not phrases:
        return []
    spoken = espeak().phoneme_lists(phrases, voice_of(place.settings.alphabet.language))
    pairs, _ = nearest(groups, dict(zip(phrases, spoken, strict=True)))
    kept = [pair for pair in pairs if not pair.alike and pair.cost <= limit][:_MOST_ALIKE]
    fix = "Rephrase one, or record both with many speakers; if they mean the same, spell them alike"
    return [
        Finding("alike", "warning", f"{pair.first!r} and {pair.second!r} of {where} sound alike", fix) for pair in kept
    ]


def _record(found: Examination) -> dict[str, object]:
    return {
        "version": VERSION,
        "recordings": found.recordings,
        "speakers": found.speakers,
        "seconds": round(found.seconds, 1),
        "errors": len(found.of("error")),
        "warnings": len(found.of("warning")),
        "hints": len(found.of("hint")),
        "findings": [asdict(finding) for finding in found.findings],
    }


def _text(found: Examination, place: Place) -> str:
    """Return a line for each finding, grouped, and a summary."""
    lines = []
    for (severity, kind), group in groupby(found.findings, key=lambda finding: (finding.severity, finding.kind)):
        findings = list(group)
        lines.append(f"{severity}: {KINDS[kind]} ({len(findings)})")
        lines += [f"  {_line(finding, place)}" for finding in findings]
    counts = ", ".join(_count(len(found.of(severity)), severity) for severity in ("error", "warning", "hint"))
    lines.append(
        f"{found.recordings:,} recordings of {found.speakers:,} speakers, {found.seconds / 60:.1f} min: {counts}"
    )
    if not found.recordings:
        lines.append(f"{place.folder} holds no recordings of people: synthetic voices read the sentences")
    lines.append(f"with players: {place.build / 'index.html'}" if place.build else "--out FOLDER writes a page")
    return "\n".join(lines)


def _line(finding: Finding, place: Place) -> str:
    path = Path(finding.file)
    root = place.folder.parent if place.folder.is_file() else place.folder
    shown = f"{path.relative_to(root) if path.is_relative_to(root) else path}: " if finding.file else ""
    return f"{shown}{finding.what}. {finding.fix}"


def _count(number: int, noun: str) -> str:
    return f"{number:,} {noun}{'' if number == 1 else 's'}"
