"""Train, dev and test for a keyword model: by published lists, by the hash of the file name, or by speaker."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from asr.core.alphabet import normal_word
from asr.core.errors import RecordingsError
from asr.core.files import write_json
from asr.settings.workspace import SPLITS, Workspace
from datasets import duplicates, speech_commands
from datasets.recordings import NOHASH, UNKNOWN_SPEAKER, speaker_of
from datasets.speakers import same_speaker
from datasets.split import SplitItem, assign, by_speaker, read_record

SPLIT_RECORD = "split.json"  # in build/keyword: split of each speaker
FEW = 50  # recordings of a word; fewer get a remark
_DUPLICATES = "duplicates.json"
_SHARED = "*"  # in the record: speakers of several words


@dataclass(frozen=True)
class Utterance:
    """A recording of a word or of other speech."""

    name: str  # its path, or its name in the archive where `archived`
    word: str  # its transcript in lower case; several words for other speech
    speaker: str
    split: str = ""  # "train", "dev" or "test"; before the split "", except where a published list gives one
    archived: bool = False
    synthetic: bool = False


def split(recordings: Sequence[Utterance], ws: Workspace) -> tuple[list[Utterance], str, list[str]]:
    """Split recordings as keyword.split_by says; writes SPLIT_RECORD where they are split by speaker.

    Returns
    -------
    utterances : without the duplicates in dev and test.
    by : "lists", "hash" or "speakers".
    remarks : caveats that every report repeats.

    Raises
    ------
    RecordingsError : a split is left without a recording of one of the words.
    """
    chosen = ws.settings.keyword
    words = {normal_word(word) for word in chosen.words}
    counts = Counter(item.word for item in recordings)
    few = [word for word in chosen.words if counts[normal_word(word)] < FEW]
    remarks = [f"few recordings ({', '.join(few)}): rates below 1 % cannot be told from 0"] if few else []
    own = [item for item in recordings if not item.split]
    by = "lists" if not own else chosen.split_by
    if by == "auto":
        hashed = all(NOHASH.fullmatch(Path(item.name).stem) for item in own)
        # Who names speakers in asr.toml wants to split by them, and the hash takes two spellings for two people.
        by = "hash" if hashed and not _named_speakers(ws) and not any(map(_respelt, own)) else "speakers"
    if by != "speakers" and (named := _named_speakers(ws)):
        why = "keyword.split_by is hash" if by == "hash" else "published lists give the split"
        remarks.append(f"the speakers that asr.toml names ({', '.join(named[:3])}) do not count: {why}")
    splits: dict[int, str] = {id(item): item.split for item in recordings if item.split}
    if by == "hash":
        share = (chosen.validation_percent, chosen.testing_percent)
        splits |= {id(item): speech_commands.split_of_hash(item.name, *share) for item in own}
        present = {(item.word, splits[id(item)]) for item in recordings}
        lacking = {(word, name) for word in words for name in SPLITS} - present
        if lacking and chosen.split_by == "auto":
            word, name = sorted(lacking)[0]
            remarks.append(f"the hash leaves {name} without {word!r}: split by speaker instead")
            by = "speakers"
    if by == "speakers":
        assigned, record, caveats = _by_speakers(own, words, ws)
        splits |= assigned
        remarks += caveats
    # Published lists are kept whole, or figures could not be compared with others'; so are archives.
    candidates = [
        None
        if item.split or item.archived or item.synthetic
        else duplicates.Candidate(item.word, item.speaker, Path(item.name), splits[id(item)], item.name)
        for item in recordings
    ]
    duplicate = duplicates.find_duplicates(candidates, ws.keyword / _DUPLICATES)
    utterances = [
        replace(item, split=splits[id(item)])
        for item, left_out in zip(recordings, duplicate, strict=True)
        if not left_out
    ]
    if removed := sum(duplicate):
        remarks.append(duplicates.remark(removed, str((ws.keyword / _DUPLICATES).relative_to(ws.root))))
    present = {(u.word, u.split) for u in utterances}
    for word in chosen.words:
        for name in SPLITS:
            if (normal_word(word), name) not in present:
                besides = f" ({removed} duplicates left out)" if removed else ""
                raise RecordingsError(
                    f"no recording of {word!r} is left for {name}{besides}",
                    path=ws.recordings,
                    fix="Record more people, or name speakers for it in section split",
                )
    if by == "speakers":
        # Only now: a split that leaves a word without recordings must not be kept for the next time.
        write_json(ws.keyword / SPLIT_RECORD, {"settings": ws.settings.as_dict()["split"], "speakers": record})
    return utterances, by, remarks


def _respelt(item: Utterance) -> bool:
    """Tell whether the speaker is spelt otherwise in the file's name."""
    named = speaker_of(Path(item.name))
    return named != item.speaker and same_speaker(named) == same_speaker(item.speaker)


def _named_speakers(ws: Workspace) -> list[str]:
    chosen = ws.settings.split
    return [*chosen.train_speakers, *chosen.dev_speakers, *chosen.test_speakers]


def _by_speakers(
    own: Sequence[Utterance], words: set[str], ws: Workspace
) -> tuple[dict[int, str], dict[str, dict[str, list[str]]], list[str]]:
    """Split by speaker; speakers of a single word are split word by word.

    Returns
    -------
    assigned : split of each recording, by its id().
    record : speakers by word and split. Words are kept apart because one name may stand for two people in the
        collections of two words; "*" holds the speakers of several words.
    remarks : caveats that every report repeats.
    """
    words_of: dict[str, set[str]] = {}
    for item in own:
        words_of.setdefault(item.speaker, set()).add(item.word if item.word in words else "")
    groups: dict[str, list[Utterance]] = {}
    for item in own:
        single = len(words_of[item.speaker]) == 1 and item.speaker != UNKNOWN_SPEAKER
        groups.setdefault(min(words_of[item.speaker]) if single else _SHARED, []).append(item)
    settings = ws.settings.split
    before = read_record(ws.keyword / SPLIT_RECORD, ws.settings.as_dict()["split"]).get("speakers")
    known = {word: by_speaker(names) for word, names in before.items()} if isinstance(before, dict) else {}
    shared = known.get(_SHARED, {})
    named = _named_speakers(ws)
    few = any(len({item.speaker for item in group}) < 3 for group in groups.values())
    if named or few or set(known) == {_SHARED}:
        # Speakers that were split together once, for want of more, stay together.
        groups = {_SHARED: list(own)}
    # Where a name means one person whatever the word, it does so in the record, too.
    anywhere = {speaker: name for each in known.values() for speaker, name in each.items()} | shared
    assigned: dict[int, str] = {}
    record: dict[str, dict[str, list[str]]] = {}
    remarks: list[str] = []
    for word, group in groups.items():
        items = [SplitItem(item.speaker, item.word, item.synthetic) for item in group]
        result = assign(items, settings, anywhere if word == _SHARED else shared | known.get(word, {}), words)
        assigned |= {id(item): name for item, name in zip(group, result.splits, strict=True)}
        if result.by == "speaker":
            record[word] = {
                name: sorted({item.speaker for item in group if assigned[id(item)] == name}) for name in SPLITS
            }
        remarks += [remark for remark in result.remarks if remark not in remarks]
    return assigned, record, remarks
