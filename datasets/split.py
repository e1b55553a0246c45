"""Split clips into train, dev and test by speaker."""

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
from datasets.speakers import same_speaker
from datasets.speech import is_training_only, voice_of

# Up to this many speakers every split is tried; for more, so many random ones.
_TRY_ALL, _TRIES = 8, 4000


@dataclass(frozen=True)
class SplitItem:
    """What the split depends on of a clip."""

    speaker: str
    transcript: str
    synthetic: bool


@dataclass(frozen=True)
class Assignment:
    """The split of each clip."""

    by: str  # "speaker", "named" (asr.toml names speakers) or "recording" (too few speakers)
    splits: tuple[str, ...]  # "train", "dev" or "test" for each clip, in order
    remarks: tuple[str, ...]  # caveats that every report repeats


def assign(
    items: Sequence[SplitItem],
    settings: Split,
    before: Mapping[str, str] | None = None,
    everywhere: Collection[str] = (),
) -> Assignment:
    """Split the clips; the same seed gives the same split.

    Synthetic speakers go to train where there are real ones to evaluate on. Otherwise they are split like people,
    except for Flite's, which are too few.

    Parameters
    ----------
    before : split of each speaker in the last run. These speakers stay there and only new ones are assigned, so that
        no test speaker is trained on later and figures of different runs are comparable.
    everywhere : transcripts that every split should have a speaker for, where possible.

    Raises
    ------
    WorkspaceError : asr.toml names a speaker that no recording has.
    """
    real = [index for index, item in enumerate(items) if not item.synthetic]
    everyone = range(len(items))
    candidates = real or [i for i in everyone if not is_training_only(items[i].speaker)] or list(everyone)
    remarks = [] if real else ["Measured on synthetic voices only; accuracy on people may be lower."]
    counts = Counter(items[index].speaker for index in candidates)
    named = {name: _as_spelled(getattr(settings, f"{name}_speakers"), counts) for name in SPLITS}
    _check_names(named, counts)
    if any(named.values()):
        chosen = _named(named, counts, settings)
        missing = [name for name in SPLITS if name not in chosen.values()]
        if not missing:
            splits = [chosen.get(item.speaker, "train") for item in items]
            return Assignment("named", tuple(splits), tuple(remarks))
        remarks.append(f"The speakers named in asr.toml leave {' and '.join(missing)} empty.")
    elif len(counts) >= 3:
        units = _units(counts, synthetic=not real)
        weights = Counter({unit: 0 for unit in units.values()})
        for speaker, count in counts.items():
            weights[units[speaker]] += count
        shares = {name: getattr(settings, name) for name in SPLITS}
        split_before = {same_speaker(speaker): name for speaker, name in (before or {}).items()}
        kept = {units[one]: split_before[same_speaker(one)] for one in units if same_speaker(one) in split_before}
        says: dict[str, set[str]] = {unit: set() for unit in weights}
        for index in candidates:
            if items[index].transcript in everywhere:
                says[units[items[index].speaker]].add(items[index].transcript)
        assigned = _extend(kept, dict(weights), shares, settings.seed, says)
        splits = [assigned[units[item.speaker]] if item.speaker in units else "train" for item in items]
        return Assignment("speaker", tuple(splits), tuple(remarks))
    speakers = "1 speaker" if len(counts) == 1 else f"{len(counts)} speakers"
    if set(counts) == {UNKNOWN_SPEAKER}:
        speakers = "no speakers named"
    remarks.append(
        f"Split by recordings, with {speakers}: the speakers of dev and test were trained on; accuracy on new speakers "
        "may be lower."
    )
    splits = ["train"] * len(items)
    for index, name in zip(candidates, _by_recording([items[i] for i in candidates], settings), strict=True):
        splits[index] = name
    return Assignment("recording", tuple(splits), tuple(remarks))


def read_record(path: Path, section: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """Return the record of the last split; empty where it cannot be read or section [split] has changed.

    Parameters
    ----------
    section : section [split] of asr.toml, compared with the record's "settings"; None: not compared.
    """
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) and section in (None, found.get("settings")) else {}


def by_speaker(names: object) -> dict[str, str]:
    """Return each speaker's split from a record's names by split."""
    if not isinstance(names, dict):
        return {}
    lists = {name: names.get(name) for name in SPLITS}
    return {str(speaker): name for name, each in lists.items() if isinstance(each, list) for speaker in each}


def _units(counts: Counter[str], synthetic: bool) -> dict[str, str]:
    """Return by speaker the unit that must not be divided: the speaker, or the voice of synthetic ones."""
    if synthetic:
        units = {speaker: voice_of(speaker) for speaker in counts}
        if len(set(units.values())) >= len(SPLITS):
            return units
    return {speaker: speaker for speaker in counts}


def _as_spelled(speakers: Sequence[str], counts: Counter[str]) -> tuple[str, ...]:
    """Return names of asr.toml in the recordings' spelling; as they are where no recording has them."""
    spelled = {same_speaker(speaker): speaker for speaker in sorted(counts)}
    return tuple(one if one in counts else spelled.get(same_speaker(one), one) for one in speakers)


def _check_names(named: Mapping[str, Sequence[str]], counts: Counter[str]) -> None:
    for name, speakers in named.items():
        for speaker in speakers:
            if speaker not in counts:
                close = difflib.get_close_matches(speaker, list(counts), n=1)
                speakers = ", ".join(sorted(counts)[:20])
                hint = f"Did you mean {close[0]!r}?" if close else f"The speakers are {speakers}"
                raise WorkspaceError(f"split.{name}_speakers names {speaker!r}, who has no recordings", fix=hint)


def _named(named: Mapping[str, Sequence[str]], counts: Counter[str], settings: Split) -> dict[str, str]:
    """Put named speakers where they are named, and the others into the splits that name nobody, or into train."""
    chosen = {speaker: name for name, speakers in named.items() for speaker in speakers}
    others = {speaker: count for speaker, count in counts.items() if speaker not in chosen}
    open_splits = {name: getattr(settings, name) for name in SPLITS if not named[name]}
    if len(others) < len(open_splits) or not open_splits:
        return chosen | dict.fromkeys(others, "train")
    return chosen | _assign_speakers(others, open_splits, settings.seed)


def _assign_speakers(
    counts: dict[str, int], shares: dict[str, float], seed: int, says: Mapping[str, Collection[str]] | None = None
) -> dict[str, str]:
    """Return a split for each speaker that brings the numbers of recordings close to the shares, none of them empty.

    Of all splits, or many seeded random ones, the closest is taken. That every split has every transcript of `says`
    comes before the shares.
    """
    speakers = sorted(counts)
    weights = np.array([counts[speaker] for speaker in speakers], dtype=np.float64)
    names = list(shares)
    said = {speaker: set((says or {}).get(speaker, ())) for speaker in speakers}
    transcripts = sorted(set().union(*said.values()))
    sayers = np.array([[each in said[speaker] for speaker in speakers] for each in transcripts], dtype=bool)
    goal = np.array([shares[name] for name in names])
    goal = goal / goal.sum() if goal.sum() > 0 else np.full(len(names), 1 / len(names))
    if len(names) ** len(speakers) <= len(names) ** _TRY_ALL:
        tried = np.array(list(itertools.product(range(len(names)), repeat=len(speakers))))
    else:
        rng = np.random.default_rng(seed)
        ends = np.round(np.cumsum(goal) * len(speakers)).astype(int)
        ends[-1] = len(speakers)
        sizes = np.maximum(np.diff(np.concatenate([[0], ends])), 1)
        sizes[int(np.argmax(sizes))] += len(speakers) - int(sizes.sum())
        deck = np.repeat(np.arange(len(names)), sizes)
        by_heads = [rng.permutation(deck) for _ in range(_TRIES // 2)]
        by_weight = [_cut(rng.permutation(len(speakers)), weights, goal) for _ in range(_TRIES // 2)]
        tried = np.array(by_heads + by_weight)
        if _lacking(tried, sayers, len(names)).min() > 0:
            # Where no speaker says everything, a split with a small share needs more speakers than its share.
            tried = np.concatenate([tried, rng.integers(0, len(names), (_TRIES, len(speakers)))])
    got = np.stack([(tried == k) @ weights for k in range(len(names))], axis=1) / weights.sum()
    # A missing transcript counts more than any distance from the shares, which is 2 at most.
    distance = np.abs(got - goal).sum(axis=1) + 2.0 * _lacking(tried, sayers, len(names))
    nonempty = np.all(np.stack([(tried == k).any(axis=1) for k in range(len(names))], axis=1), axis=1)
    distance[~nonempty] = np.inf
    # The seed chooses among equally close ones.
    best = np.flatnonzero(distance <= distance.min() + 1e-9)
    chosen = tried[best[int(np.random.default_rng([seed, 1]).integers(len(best)))]]
    return {speaker: names[int(index)] for speaker, index in zip(speakers, chosen, strict=True)}


def _lacking(tried: npt.NDArray[np.int64], sayers: npt.NDArray[np.bool_], splits: int) -> npt.NDArray[np.int64]:
    """Return how many pairs of a transcript and a split have no speaker, int64 [tried].

    Parameters
    ----------
    tried : int64 [tried, speakers], the split of each speaker.
    sayers : bool [transcripts, speakers].
    """
    lacking = np.zeros(len(tried), np.int64)
    for speakers in sayers:
        for split in range(splits):
            lacking += ~((tried == split) & speakers).any(axis=1)
    return lacking


def _extend(
    kept: dict[str, str],
    counts: dict[str, int],
    shares: dict[str, float],
    seed: int,
    says: Mapping[str, Collection[str]],
) -> dict[str, str]:
    """Assign new speakers, each to the split furthest below its share.

    All speakers are assigned anew where keeping the old ones would leave a split empty or without a transcript.
    """
    anew = _assign_speakers(counts, shares, seed, says)
    if {*kept.values()} != {*shares}:
        return anew
    new = sorted(speaker for speaker in counts if speaker not in kept)
    total = sum(counts.values()) / (sum(shares.values()) or 1.0)
    lacking = {name: share * total for name, share in shares.items()}
    for speaker, name in kept.items():
        lacking[name] -= counts[speaker]
    extended = dict(kept)
    for index in np.random.default_rng([seed, 2]).permutation(len(new)):
        speaker = new[int(index)]
        name = max(lacking, key=lambda split: lacking[split])
        extended[speaker] = name
        lacking[name] -= counts[speaker]
    said = [{(name, each) for speaker, name in way.items() for each in says[speaker]} for way in (anew, extended)]
    return anew if len(said[0]) > len(said[1]) else extended


def _cut(
    order: npt.NDArray[np.int64], weights: npt.NDArray[np.float64], goal: npt.NDArray[np.float64]
) -> npt.NDArray[np.int64]:
    """Return splits int64 [speakers]: in this order, cut where the cumulated weights reach the shares."""
    middles = (np.cumsum(weights[order]) - weights[order] / 2) / weights.sum()
    splits = np.empty(len(order), dtype=np.int64)
    splits[order] = np.searchsorted(np.cumsum(goal)[:-1], middles)
    return splits


def _by_recording(items: Sequence[SplitItem], settings: Split) -> list[str]:
    """Split recordings sentence by sentence, so that each split has as many sentences as possible."""
    rng = np.random.default_rng(settings.seed)
    order = sorted(rng.permutation(len(items)), key=lambda index: items[index].transcript)
    goal = np.array([getattr(settings, name) for name in SPLITS])
    got = np.zeros(len(SPLITS))
    splits = [""] * len(items)
    for done, index in enumerate(order, start=1):
        split = int(np.argmax(goal * done - got))
        got[split] += 1
        splits[index] = SPLITS[split]
    for wanted in ("dev", "test"):
        if wanted not in splits and splits.count("train") > 1:
            splits[len(splits) - 1 - splits[::-1].index("train")] = wanted
    return splits
