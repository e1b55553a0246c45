"""From recordings, or voices where there are none, to clips, split and manifests."""

from __future__ import annotations

import hashlib
import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from asr.core.errors import RecordingsError
from asr.core.files import fingerprint, write_json
from asr.core.progress import say
from asr.settings.workspace import SPLITS, Workspace
from datasets import recordings as recordings_
from datasets import takes
from datasets.clips import Clip, Rejected, make_clips
from datasets.manifest import Row, write_manifest
from datasets.recordings import Recording
from datasets.speech import Speaker, Spoken, cast_speakers, speak_to_files
from datasets.split import Assignment, Member, assign, by_speaker, read_record


@dataclass(frozen=True)
class Prepared:
    """What there is to train on.

    Attributes
    ----------
    clips : all of them, and `splits` says for each where it is; "" for a copy of a take that judges already.
    remarks : what every report has to say of the split.
    folder : where the clips lie.
    """

    clips: list[Clip]
    splits: tuple[str, ...]
    rejected: list[Rejected]
    by: str
    remarks: tuple[str, ...]
    folder: Path

    def of(self, split: str) -> list[Clip]:
        """Return the clips of a split."""
        return [clip for clip, name in zip(self.clips, self.splits, strict=True) if name == split]

    def record(self) -> dict[str, Any]:
        """Return what split.json holds, beside section [split] as it was."""
        counts = {name: self.of(name) for name in SPLITS}
        return {
            "by": self.by,
            **{name: sorted({clip.speaker for clip in clips}) for name, clips in counts.items()},
            "recordings": {name: len(clips) for name, clips in counts.items()},
            "seconds": {
                name: round(sum(clip.seconds for clip in clips), 1) for name, clips in counts.items()
            },
            "synthetic": {name: sum(clip.synthetic for clip in clips) for name, clips in counts.items()},
            "rejected": len(self.rejected),
            "remarks": list(self.remarks),
        }


def prepare(workspace: Workspace, sentences: Sequence[str]) -> Prepared:
    """Make clips, split.json and the three manifests; what is made already stays as it is.

    Parameters
    ----------
    sentences : what synthetic voices say, where they are needed: some of what the templates make.

    Raises
    ------
    UserError : the recordings cannot be used, or there are none and voices.use is "never".
    """
    settings = workspace.settings
    found = recordings_.find(workspace.recordings, workspace.alphabet, workspace.build)
    if not found:
        if settings.voices.use == "never":
            raise RecordingsError(
                "there are no recordings",
                path=workspace.recordings,
                fix="Put some there, or set voices.use to if-needed",
            )
        say("no recordings: synthetic voices speak the sentences")
        found = _spoken(workspace, sentences)
    clips, rejected = make_clips(found, workspace.clips, settings.recordings, workspace.alphabet, workspace.root)
    members = [Member(clip.speaker, clip.transcript, clip.synthetic) for clip in clips]
    before = read_record(workspace.split_record, settings.as_dict()["split"])
    known = by_speaker(before) if before.get("by") == "speaker" else {}
    assignment: Assignment = assign(members, settings.split, known)
    splits, copied = _judged_once(workspace, clips, assignment.splits)
    remarks = (*recordings_.remarks(found), *assignment.remarks, *copied, *_repeated(workspace, clips, splits))
    prepared = Prepared(clips, splits, rejected, assignment.by, remarks, workspace.clips)
    for name in SPLITS:
        rows = []
        for clip in prepared.of(name):
            path = workspace.clips / clip.clip
            rows.append(Row(path, path.stat().st_size, clip.transcript))
        if not rows:
            besides = f", {splits.count('')} of them copies of a take" if "" in splits else ""
            raise RecordingsError(
                f"{len(clips)} clips are too few{besides}: nothing is left for {name}",
                path=workspace.recordings,
                fix="Record more, from three speakers at least",
            )
        write_manifest(workspace.manifest(name), rows)
    write_json(workspace.split_record, {**prepared.record(), "settings": settings.as_dict()["split"]})
    return prepared


def prepare_others(workspace: Workspace, place: Path) -> tuple[str, Prepared]:
    """Make clips of recordings that are none of the workspace's, to judge a model by; nobody is dealt out.

    Parameters
    ----------
    place : a folder of recordings or a recordings.csv, as `datasets.recordings.find` reads them.

    Returns
    -------
    name : of the one split they are in, made of the place's name.
    prepared : its remarks tell who of them was trained on.

    Raises
    ------
    UserError : there are no recordings, or none can be used.
    """
    place = place.expanduser().absolute()
    if place.name == recordings_.CSV_NAME and place.is_file():
        place = place.parent
    found = recordings_.find(place, workspace.alphabet, workspace.build)
    if not found:
        raise RecordingsError("there are no recordings", path=place, fix="Name a recordings.csv, or a folder of them")
    shown = place.stem if place.is_file() else place.name
    name = f"{re.sub('[^A-Za-z0-9.+-]+', '_', shown).lstrip('.')}-{fingerprint(str(place))[:6]}"
    folder = workspace.build / "judged" / name
    clips, rejected = make_clips(found, folder, workspace.settings.recordings, workspace.alphabet, workspace.root)
    # Where recordings were dealt out instead of speakers, one may be in test as well.
    used = {split: names for split, names in read_record(workspace.split_record).items() if split != "test"}
    speakers = {clip.speaker for clip in clips}
    known = sorted(speakers & by_speaker(used).keys())
    remarks = list(recordings_.remarks(found))
    if speakers == {recordings_.UNKNOWN_SPEAKER}:
        remarks.append("The recordings name no speaker: whoever made them may have been trained on.")
    elif known:
        more = f" and {len(known) - 5} more" if len(known) > 5 else ""
        remarks.append(
            f"Of the {len(speakers)} speakers {', '.join(known[:5])}{more}, by their names, were trained on or chose "
            "the checkpoint: these figures are too good for strangers."
        )
    return name, Prepared(clips, (name,) * len(clips), rejected, "speaker", tuple(remarks), folder)


def _judged_once(
    workspace: Workspace, clips: Sequence[Clip], splits: Sequence[str]
) -> tuple[tuple[str, ...], list[str]]:
    """Take copies of a take out of dev and test; return the splits, and what a report has to say of it."""
    cache = workspace.clips / "takes.json"
    spoken = [
        None
        if clip.synthetic
        else takes.Take(clip.transcript, clip.speaker, workspace.clips / clip.clip, split, clip.source)
        for clip, split in zip(clips, splits, strict=True)
    ]
    copied = takes.find_copies(spoken, cache)
    kept = tuple("" if is_copy else split for is_copy, split in zip(copied, splits, strict=True))
    return kept, [takes.remark(sum(copied), str(cache.relative_to(workspace.root)))] if any(copied) else []


def _repeated(workspace: Workspace, clips: Sequence[Clip], splits: Sequence[str]) -> list[str]:
    """Return what a report has to say of clips that are the same, sample for sample, as a clip of another split."""
    alike: dict[int, list[int]] = {}
    for index, clip in enumerate(clips):
        if splits[index]:
            alike.setdefault((workspace.clips / clip.clip).stat().st_size, []).append(index)
    places: dict[str, list[int]] = {}
    for indices in alike.values():
        # Only files of one size can be the same; most need not be read.
        for index in indices if len(indices) > 1 else ():
            content = (workspace.clips / clips[index].clip).read_bytes()
            places.setdefault(hashlib.sha256(content).hexdigest(), []).append(index)
    repeated = [indices for indices in places.values() if len({splits[index] for index in indices}) > 1]
    if not repeated:
        return []
    one = repeated[0][0]
    other = next(index for index in repeated[0] if splits[index] != splits[one])
    first, second = (Path(clips[index].source).name for index in (one, other))
    return [
        f"{len(repeated)} recording(s) are in more than one split, sample for sample ({first} and {second}): the "
        "figures count speech that was trained on or chosen by. Keep one of each."
    ]


def _spoken(workspace: Workspace, sentences: Sequence[str]) -> list[Recording]:
    """Let synthetic speakers say the sentences, and return what they said as recordings."""
    voices = workspace.settings.voices
    speakers = cast_speakers(voices, workspace.settings.alphabet.language)
    lines = share_out(sentences, speakers, voices.utterances, voices.seed)
    paths = speak_to_files(lines, workspace.speech, alone=True)
    return [
        Recording(path, line.transcript, line.speaker.name, synthetic=True, source=line.speaker.voice)
        for path, line in zip(paths, lines, strict=True)
    ]


def share_out(sentences: Sequence[str], speakers: Sequence[Speaker], count: int, seed: int) -> list[Spoken]:
    """Return who says what: `count` utterances, or as many as there are when everybody has said everything.

    Speakers take turns and sentences follow each other in a seeded order, so that both come up equally often
    (within one, sentences within two), and nobody says anything twice.
    """
    texts = list(dict.fromkeys(sentences))
    order = np.random.default_rng([seed, 11]).permutation(len(texts))
    # After so many rounds everybody would start again with the sentence of the first one.
    rounds = len(texts) // math.gcd(len(texts), len(speakers))
    spoken = []
    for number in range(min(count, len(texts) * len(speakers))):
        turn, who = divmod(number, len(speakers))
        spoken.append(Spoken(texts[int(order[(number + turn // rounds) % len(texts)])], speakers[who]))
    return spoken
