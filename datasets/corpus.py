"""The sentence model's data: recordings (or synthetic speech) cut into clips, split by speaker, listed in manifests."""

from __future__ import annotations

import hashlib
import math
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from asr.core.errors import RecordingsError
from asr.core.files import fingerprint, write_json
from asr.core.progress import say
from asr.settings.workspace import SPLITS, Workspace
from datasets import duplicates
from datasets import recordings as recordings_
from datasets.account import FILE_NAME, LEFT_OUT, SET_ASIDE, USED, Account
from datasets.clips import Clip, Rejected, fix_of, make_clips, read_rejected, say_rejected
from datasets.manifest import Row, write_manifest
from datasets.recordings import Recording
from datasets.recordings_folder import check_folder, check_left_out
from datasets.speech import Speaker, SyntheticUtterance, draw_speakers, speak_to_files
from datasets.split import SplitItem, assign, by_speaker, read_record
from datasets.transcripts import Sentences, check_transcripts


@dataclass(frozen=True)
class Dataset:
    """Clips and their splits."""

    clips: list[Clip]
    splits: tuple[str, ...]  # split of each clip; "" for a duplicate that was left out of dev and test
    rejected: list[Rejected]  # recordings that gave no clip
    by: str  # how the clips were split, as `datasets.split.Assignment.by`
    remarks: tuple[str, ...]  # caveats that every report repeats
    folder: Path  # that the clips' paths are relative to
    account: Account = field(default_factory=lambda: Account(Path()), compare=False)  # of the user's files

    def of(self, split: str) -> list[Clip]:
        """Return the clips of a split."""
        return [clip for clip, name in zip(self.clips, self.splits, strict=True) if name == split]

    def record(self) -> dict[str, Any]:
        """Return the content of split.json, except section [split]."""
        by_split = {name: self.of(name) for name in SPLITS}
        return {
            "by": self.by,
            **{name: sorted({clip.speaker for clip in clips}) for name, clips in by_split.items()},
            "recordings": {name: len(clips) for name, clips in by_split.items()},
            "seconds": {name: round(sum(clip.seconds for clip in clips), 1) for name, clips in by_split.items()},
            "synthetic": {name: sum(clip.synthetic for clip in clips) for name, clips in by_split.items()},
            "rejected": len(self.rejected),
            "remarks": list(self.remarks),
        }


def build_manifests(
    workspace: Workspace, sentences: Sequence[str], grammar: Sentences | None = None, account: Account | None = None
) -> Dataset:
    """Make the clips, split.json and the three manifests; existing clips are kept.

    Parameters
    ----------
    sentences : prompts for synthetic voices, used where the workspace has no recordings.
    grammar : of the transcripts; None: they are not compared with it.
    account : where each file of the recordings' folder is entered; it is written to account.csv also where this fails.

    Raises
    ------
    UserError : the recordings cannot be used, most of their transcripts are no sentences, or there are none and
        voices.use is "never".
    """
    account = Account(workspace.recordings) if account is None else account
    try:
        return _build(workspace, sentences, grammar, account)
    finally:
        account.write(workspace.clips / FILE_NAME)


def _build(
    workspace: Workspace, sentences: Sequence[str], grammar: Sentences | None, account: Account
) -> Dataset:
    settings = workspace.settings
    check_folder(workspace)
    found = recordings_.find(workspace.recordings, workspace.alphabet, workspace.build, account, grammar)
    recorded = bool(found)
    if recorded and grammar is not None:
        check_transcripts(found, grammar, account)
    if not found:
        check_left_out(workspace.recordings, account)
        if settings.voices.use == "never":
            raise RecordingsError(
                "there are no recordings", path=workspace.recordings, fix="Add some, or set voices.use to if-needed"
            )
        say("no recordings: using synthetic voices")
        found = _synthesise(workspace, sentences)
    try:
        clips, rejected = make_clips(found, workspace.clips, settings.recordings, workspace.alphabet, workspace.root)
    except RecordingsError:
        mine = {str(one.path) for one in found}
        if recorded:
            _enter_rejected([row for row in read_rejected(workspace.clips) if row.source in mine], account)
        raise
    if recorded:
        _enter_rejected(rejected, account)
        for clip in clips:
            if clip.remarks:
                account.change(clip.source, USED, clip.remarks, fix_of(clip.remarks))
    items = [SplitItem(clip.speaker, clip.transcript, clip.synthetic) for clip in clips]
    before = read_record(workspace.split_record, settings.as_dict()["split"])
    known = by_speaker(before) if before.get("by") == "speaker" else {}
    assignment = assign(items, settings.split, known)
    splits, duplicate_remarks = _without_duplicates(workspace, clips, assignment.splits)
    for clip, split in zip(clips, splits, strict=True):
        if not split and recorded:
            fix = f"Nothing: {workspace.clips / 'duplicates.json'} names the other one"
            account.change(clip.source, LEFT_OUT, "it is the same take as another one, which is in use", fix)
    remarks = (
        *recordings_.remarks(found), *assignment.remarks, *duplicate_remarks, *_overlaps(workspace, clips, splits)
    )  # fmt: skip
    dataset = Dataset(clips, splits, rejected, assignment.by, remarks, workspace.clips, account)
    for name in SPLITS:
        paths = [(workspace.clips / clip.clip, clip.transcript) for clip in dataset.of(name)]
        if not paths:
            besides = f", {splits.count('')} of them duplicates" if "" in splits else ""
            raise RecordingsError(
                f"{len(clips)} clips are too few{besides}: nothing is left for {name}",
                path=workspace.recordings,
                fix="Record more, from at least three speakers",
            )
        write_manifest(workspace.manifest(name), [Row(path, path.stat().st_size, text) for path, text in paths])
    write_json(workspace.split_record, {**dataset.record(), "settings": settings.as_dict()["split"]})
    return dataset


def build_external_dataset(workspace: Workspace, place: Path) -> tuple[str, Dataset]:
    """Make clips of recordings from outside the workspace, to evaluate a model on; they are not split.

    Parameters
    ----------
    place : a folder of recordings or a recordings.csv, as `datasets.recordings.find` reads them.

    Returns
    -------
    name : of the only split, derived from the name of `place`.
    dataset : its remarks name speakers that the model may have been trained on.

    Raises
    ------
    UserError : there are no recordings, or none can be used.
    """
    place = place.expanduser().absolute()
    if place.name == recordings_.CSV_NAME and place.is_file():
        place = place.parent
    account = Account(place)
    found = recordings_.find(place, workspace.alphabet, workspace.build, account)
    if not found:
        raise RecordingsError("there are no recordings", path=place, fix="Name a recordings.csv, or a folder of them")
    shown = place.stem if place.is_file() else place.name
    name = f"{re.sub('[^A-Za-z0-9.+-]+', '_', shown).lstrip('.')}-{fingerprint(str(place))[:6]}"
    folder = workspace.build / "external" / name
    clips, rejected = make_clips(found, folder, workspace.settings.recordings, workspace.alphabet, workspace.root)
    say_rejected(rejected, folder)
    _enter_rejected(rejected, account)
    account.write(folder / FILE_NAME)
    # Where recordings were split rather than speakers, a test speaker may be in train as well.
    used = {split: names for split, names in read_record(workspace.split_record).items() if split != "test"}
    speakers = {clip.speaker for clip in clips}
    known = sorted(speakers & by_speaker(used).keys())
    remarks = list(recordings_.remarks(found))
    if speakers == {recordings_.UNKNOWN_SPEAKER}:
        remarks.append("The recordings name no speaker: the model may have been trained on the same people.")
    elif known:
        more = f" and {len(known) - 5} more" if len(known) > 5 else ""
        remarks.append(
            f"Of {len(speakers)} speakers, {', '.join(known[:5])}{more} were in train or dev (matched by name): "
            "accuracy on new speakers may be lower."
        )
    return name, Dataset(clips, (name,) * len(clips), rejected, "speaker", tuple(remarks), folder, account)


def _enter_rejected(rejected: Sequence[Rejected], account: Account) -> None:
    for row in rejected:
        account.change(row.source, SET_ASIDE, row.reason, row.fix)


def _without_duplicates(
    workspace: Workspace, clips: Sequence[Clip], splits: Sequence[str]
) -> tuple[tuple[str, ...], list[str]]:
    """Return the splits without duplicates in dev and test, and a remark where there were any."""
    cache = workspace.clips / "duplicates.json"
    candidates = [
        None
        if clip.synthetic
        else duplicates.Candidate(clip.transcript, clip.speaker, workspace.clips / clip.clip, split, clip.source)
        for clip, split in zip(clips, splits, strict=True)
    ]
    found = duplicates.find_duplicates(candidates, cache)
    kept = tuple("" if duplicate else split for duplicate, split in zip(found, splits, strict=True))
    return kept, [duplicates.remark(sum(found), str(cache.relative_to(workspace.root)))] if any(found) else []


def _overlaps(workspace: Workspace, clips: Sequence[Clip], splits: Sequence[str]) -> list[str]:
    """Return a remark where clips of different splits are identical, sample for sample."""
    by_size: dict[int, list[int]] = {}
    for index, clip in enumerate(clips):
        if splits[index]:
            by_size.setdefault((workspace.clips / clip.clip).stat().st_size, []).append(index)
    by_content: dict[str, list[int]] = {}
    # Only files of the same size can be identical, so most are never read.
    for index in (index for indices in by_size.values() if len(indices) > 1 for index in indices):
        content = (workspace.clips / clips[index].clip).read_bytes()
        by_content.setdefault(hashlib.sha256(content).hexdigest(), []).append(index)
    repeated = [indices for indices in by_content.values() if len({splits[index] for index in indices}) > 1]
    if not repeated:
        return []
    one = repeated[0][0]
    other = next(index for index in repeated[0] if splits[index] != splits[one])
    first, second = (Path(clips[index].source).name for index in (one, other))
    return [
        f"{len(repeated)} recording(s) are in more than one split, sample for sample ({first} and {second}): the "
        "figures include training or dev data. Keep one of each."
    ]


def _synthesise(workspace: Workspace, sentences: Sequence[str]) -> list[Recording]:
    """Have synthetic speakers say the sentences, and return the results as recordings."""
    voices = workspace.settings.voices
    speakers = draw_speakers(voices, workspace.settings.alphabet.language)
    lines = assign_sentences(sentences, speakers, voices.utterances, voices.seed)
    paths = speak_to_files(lines, workspace.speech, alone=True)
    return [
        Recording(path, line.transcript, line.speaker.name, synthetic=True, source=line.speaker.voice)
        for path, line in zip(paths, lines, strict=True)
    ]


def assign_sentences(
    sentences: Sequence[str], speakers: Sequence[Speaker], count: int, seed: int
) -> list[SyntheticUtterance]:
    """Pair sentences with speakers: `count` utterances, or every pair once where there are fewer.

    Speakers take turns and sentences follow each other in a seeded order, so that the number of utterances of any two
    speakers differs by at most one, that of any two sentences by at most two, and no pair occurs twice.
    """
    texts = list(dict.fromkeys(sentences))
    order = np.random.default_rng([seed, 11]).permutation(len(texts))
    # After this many rounds every speaker would start again with the sentence of its first one.
    rounds = len(texts) // math.gcd(len(texts), len(speakers))
    utterances = []
    for number in range(min(count, len(texts) * len(speakers))):
        turn, speaker = divmod(number, len(speakers))
        text = texts[int(order[(number + turn // rounds) % len(texts)])]
        utterances.append(SyntheticUtterance(text, speakers[speaker]))
    return utterances
