"""Who is trained on, who decides, who judges: train, dev and test, apart by speaker."""

from __future__ import annotations

import difflib
import itertools
import json
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from asr.core.errors import WorkspaceError
from asr.settings.sections import Split
from asr.settings.workspace import SPLITS
from datasets.recordings import UNKNOWN_SPEAKER
from datasets.speech import is_helper, voice_of

# Few enough groups to try every way of dealing them out; more are dealt at random so many times.
_TRY_ALL, _TRIES = 8, 4000


@dataclass(frozen=True)
class Member:
    """What the split needs to know of a clip."""

    speaker: str
    transcript: str
    synthetic: bool


@dataclass(frozen=True)
class Assignment:
    """Where each clip goes.

    Attributes
    ----------
    by : "speaker", "named" (asr.toml names speakers) or "recording" (too few speakers).
    splits : "train", "dev" or "test" for each clip, in order.
    remarks : what every report has to say of it.
    """

    by: str
    splits: tuple[str, ...]
    remarks: tuple[str, ...]


def assign(
    members: Sequence[Member],
    settings: Split,
    before: Mapping[str, str] | None = None,
    everywhere: Collection[str] = (),
) -> Assignment:
    """Deal the clips out, the same for the same seed.

    Synthetic voices go to train where real speakers are there to judge; alone, they are split like people, but for
    Flite's, which are too few.

    Parameters
    ----------
    before : where each speaker was; they stay there, and only new ones are dealt out. Who judged yesterday is not
        trained on today, and figures of today and yesterday are of the same people.
    everywhere : transcripts that each split needs somebody for, where speakers can be dealt out so.

    Raises
    ------
    WorkspaceError : asr.toml names a speaker that no recording has.
    """
    real = [index for index, member in enumerate(members) if not member.synthetic]
    everyone = range(len(members))
    judged = real or [index for index in everyone if not is_helper(members[index].speaker)] or list(everyone)
    remarks = [] if real else ["Every voice is synthetic: these figures say little about people."]
    counts = Counter(members[index].speaker for index in judged)
    named = {name: getattr(settings, f"{name}_speakers") for name in SPLITS}
    _check_names(named, counts)
    if any(named.values()):
        chosen = _named(named, counts, settings)
        missing = [name for name in SPLITS if name not in chosen.values()]
        if not missing:
            splits = [chosen.get(member.speaker, "train") for member in members]
            return Assignment("named", tuple(splits), tuple(remarks))
        remarks.append(f"The speakers named in asr.toml leave {' and '.join(missing)} without anybody.")
    elif len(counts) >= 3:
        units = _units(counts, synthetic=not real)
        weights = Counter({unit: 0 for unit in units.values()})
        for speaker, count in counts.items():
            weights[units[speaker]] += count
        shares = {name: getattr(settings, name) for name in SPLITS}
        kept = {units[speaker]: name for speaker, name in (before or {}).items() if speaker in units}
        says: dict[str, set[str]] = {unit: set() for unit in weights}
        for index in judged:
            if members[index].transcript in everywhere:
                says[units[members[index].speaker]].add(members[index].transcript)
        dealt = _add(kept, dict(weights), shares, settings.seed, says)
        splits = [dealt[units[member.speaker]] if member.speaker in units else "train" for member in members]
        return Assignment("speaker", tuple(splits), tuple(remarks))
    who = "1 speaker" if len(counts) == 1 else f"{len(counts)} speakers"
    if set(counts) == {UNKNOWN_SPEAKER}:
        who = "no speakers named"
    remarks.append(
        f"Split by recordings, with {who}: the speakers of dev and test were trained on, "
        "so a new voice will be understood less well than these figures say."
    )
    splits = ["train"] * len(members)
    for index, name in zip(judged, _by_recording([members[i] for i in judged], settings), strict=True):
        splits[index] = name
    return Assignment("recording", tuple(splits), tuple(remarks))


def read_record(path: Path, section: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """Return the record of an earlier split; nothing where section [split] has changed since, or none can be read.

    It is a record, not an input: without it the speakers are dealt out as the first time.

    Parameters
    ----------
    section : section [split] as it is now; the record's is below "settings". None: whatever it was.
    """
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) and section in (None, found.get("settings")) else {}


def by_speaker(names: object) -> dict[str, str]:
    """Return each speaker's split, from a record's names by split."""
    if not isinstance(names, dict):
        return {}
    lists = {name: names.get(name) for name in SPLITS}
    return {str(who): name for name, each in lists.items() if isinstance(each, list) for who in each}


def _units(counts: Counter[str], synthetic: bool) -> dict[str, str]:
    """Return what has to stay together, by speaker: the speaker, or all that speak with one synthetic throat."""
    if synthetic:
        units = {speaker: voice_of(speaker) for speaker in counts}
        if len(set(units.values())) >= len(SPLITS):
            return units
    return {speaker: speaker for speaker in counts}


def _check_names(named: dict[str, Sequence[str]], counts: Counter[str]) -> None:
    for name, speakers in named.items():
        for speaker in speakers:
            if speaker not in counts:
                close = difflib.get_close_matches(speaker, list(counts), n=1)
                hint = (
                    f"Did you mean {close[0]!r}?"
                    if close
                    else f"The speakers are {', '.join(sorted(counts)[:20])}"
                )
                raise WorkspaceError(
                    f"split.{name}_speakers names {speaker!r}, who has no recordings", fix=hint
                )


def _named(named: dict[str, Sequence[str]], counts: Counter[str], settings: Split) -> dict[str, str]:
    """Take the named speakers as they are; deal the others out among the splits that name nobody, or to train."""
    chosen = {speaker: name for name, speakers in named.items() for speaker in speakers}
    others = {speaker: count for speaker, count in counts.items() if speaker not in chosen}
    open_splits = {name: getattr(settings, name) for name in SPLITS if not named[name]}
    if len(others) < len(open_splits) or not open_splits:
        return chosen | dict.fromkeys(others, "train")
    return chosen | _deal(others, open_splits, settings.seed)


def _deal(
    counts: dict[str, int], shares: dict[str, float], seed: int, says: Mapping[str, Collection[str]] | None = None
) -> dict[str, str]:
    """Deal speakers out so that the recordings come close to the shares, and no split stays empty.

    Of many seeded dealings the closest is taken; a speaker with many recordings weighs more than one with few. Of what
    they say, each split should hold something of everything: that comes before the shares.
    """
    speakers = sorted(counts)
    weights = np.array([counts[speaker] for speaker in speakers], dtype=np.float64)
    names = list(shares)
    said = {speaker: set((says or {}).get(speaker, ())) for speaker in speakers}
    transcripts = sorted(set().union(*said.values()))
    who = np.array([[each in said[speaker] for speaker in speakers] for each in transcripts], dtype=bool)
    goal = np.array([shares[name] for name in names])
    goal = goal / goal.sum() if goal.sum() > 0 else np.full(len(names), 1 / len(names))
    if len(names) ** len(speakers) <= len(names) ** _TRY_ALL:
        dealings = np.array(list(itertools.product(range(len(names)), repeat=len(speakers))))
    else:
        rng = np.random.default_rng(seed)
        ends = np.round(np.cumsum(goal) * len(speakers)).astype(int)
        ends[-1] = len(speakers)
        sizes = np.maximum(np.diff(np.concatenate([[0], ends])), 1)
        sizes[int(np.argmax(sizes))] += len(speakers) - int(sizes.sum())
        deck = np.repeat(np.arange(len(names)), sizes)
        by_heads = [rng.permutation(deck) for _ in range(_TRIES // 2)]
        by_weight = [_cut(rng.permutation(len(speakers)), weights, goal) for _ in range(_TRIES // 2)]
        dealings = np.array(by_heads + by_weight)
        if _lacking(dealings, who, len(names)).min() > 0:
            # Where nobody says everything, a small share has to be a larger one.
            dealings = np.concatenate([dealings, rng.integers(0, len(names), (_TRIES, len(speakers)))])
    got = np.stack([(dealings == k) @ weights for k in range(len(names))], axis=1) / weights.sum()
    # Something that a split lacks counts more than any distance from the shares, which is 2 at most.
    distance = np.abs(got - goal).sum(axis=1) + 2.0 * _lacking(dealings, who, len(names))
    everyone = np.all(np.stack([(dealings == k).any(axis=1) for k in range(len(names))], axis=1), axis=1)
    distance[~everyone] = np.inf
    # Among the equally close, the seed chooses.
    best = np.flatnonzero(distance <= distance.min() + 1e-9)
    chosen = dealings[best[int(np.random.default_rng([seed, 1]).integers(len(best)))]]
    return {speaker: names[int(index)] for speaker, index in zip(speakers, chosen, strict=True)}


def _lacking(
    dealings: npt.NDArray[np.int64], who: npt.NDArray[np.bool_], splits: int
) -> npt.NDArray[np.int64]:
    """Return how many pairs of a transcript and a split have nobody who says it there, int64 [dealings].

    Parameters
    ----------
    dealings : int64 [dealings, speakers], the split of each speaker.
    who : bool [transcripts, speakers].
    """
    lacking = np.zeros(len(dealings), np.int64)
    for speakers in who:
        for split in range(splits):
            lacking += ~((dealings == split) & speakers).any(axis=1)
    return lacking


def _add(
    kept: dict[str, str],
    counts: dict[str, int],
    shares: dict[str, float],
    seed: int,
    says: Mapping[str, Collection[str]],
) -> dict[str, str]:
    """Deal out who is new, each to the split that lacks most; everybody where that leaves a split without something."""
    anew = _deal(counts, shares, seed, says)
    if {*kept.values()} != {*shares}:
        return anew
    new = sorted(speaker for speaker in counts if speaker not in kept)
    total = sum(counts.values()) / (sum(shares.values()) or 1.0)
    lacking = {name: share * total for name, share in shares.items()}
    for speaker, name in kept.items():
        lacking[name] -= counts[speaker]
    dealt = dict(kept)
    for index in np.random.default_rng([seed, 2]).permutation(len(new)):
        speaker = new[int(index)]
        name = max(lacking, key=lambda split: lacking[split])
        dealt[speaker] = name
        lacking[name] -= counts[speaker]
    said = [{(name, each) for speaker, name in way.items() for each in says[speaker]} for way in (anew, dealt)]
    return anew if len(said[0]) > len(said[1]) else dealt


def _cut(
    order: npt.NDArray[np.int64], weights: npt.NDArray[np.float64], goal: npt.NDArray[np.float64]
) -> npt.NDArray[np.int64]:
    """Lay the speakers end to end in this order, as long as they are heavy, and cut the row at the shares."""
    middles = (np.cumsum(weights[order]) - weights[order] / 2) / weights.sum()
    dealing = np.empty(len(order), dtype=np.int64)
    dealing[order] = np.searchsorted(np.cumsum(goal)[:-1], middles)
    return dealing


def _by_recording(members: Sequence[Member], settings: Split) -> list[str]:
    """Deal recordings out sentence by sentence, so that each split hears as many sentences as it can."""
    rng = np.random.default_rng(settings.seed)
    order = sorted(rng.permutation(len(members)), key=lambda index: members[index].transcript)
    goal = np.array([getattr(settings, name) for name in SPLITS])
    got = np.zeros(len(SPLITS))
    splits = [""] * len(members)
    for done, index in enumerate(order, start=1):
        split = int(np.argmax(goal * done - got))
        got[split] += 1
        splits[index] = SPLITS[split]
    for wanted in ("dev", "test"):
        if wanted not in splits and splits.count("train") > 1:
            splits[len(splits) - 1 - splits[::-1].index("train")] = wanted
    return splits
