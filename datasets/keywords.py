"""What a keyword model learns from: recordings of its words, of other words, and who is kept apart to judge.

Words are the recordings whose transcript is that word, from recordings.csv or a folder for each word, people's own
`custom_data/`, and Speech Commands. Every other recording is an example of what is not to be heard.
"""

from __future__ import annotations

import difflib
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from asr.core import audio
from asr.core.alphabet import normal_word
from asr.core.errors import RecordingsError
from asr.core.files import place_in, write_json
from asr.settings.workspace import SPLITS, Workspace
from datasets import recordings as recordings_
from datasets import speech_commands, takes
from datasets.keyword_voices import Sentences, spoken_words
from datasets.recordings import CUSTOM, NOHASH, UNKNOWN_SPEAKER, check_name, speaker_of
from datasets.speech import speak_to_files
from datasets.split import Member, assign, by_speaker, read_record

SPLIT_RECORD = "split.json"  # in build/keyword: who was dealt where
FEWEST = 10  # recordings of a word; with fewer there is nothing to learn and nobody to judge by
FEW = 50  # recordings of a word; with fewer a remark
NOISES = ("background_noise", "problem_noise", speech_commands.BACKGROUND)
_TAKES = "takes.json"


@dataclass(frozen=True)
class Utterance:
    """One recording.

    Attributes
    ----------
    name : its path, or where `archived` its name in the archive.
    word : what is said, in lower case; more than one word where the transcript has more.
    split : "train", "dev" or "test".
    """

    name: str
    word: str
    speaker: str
    split: str
    archived: bool = False
    synthetic: bool = False


@dataclass(frozen=True)
class Found:
    """Everything there is to learn from.

    Attributes
    ----------
    root : the workspace's folder.
    noises : folders of background noise.
    voices : folder of clips from an archive, to make babble of.
    archive : Speech Commands' .tar.gz, if that is the corpus.
    members : where its clips lie, if it is not compressed.
    by : how the speakers were split.
    remarks : what every report has to say of it.
    """

    root: Path
    utterances: list[Utterance]
    noises: tuple[Path, ...]
    voices: Path | None
    archive: Path | None
    members: Mapping[str, speech_commands.Member]
    rejected: list[tuple[str, str]]
    by: str
    remarks: tuple[str, ...]

    def called(self, name: str | Path) -> str:
        """Return the name of an utterance or a file that it has wherever the workspace lies."""
        return place_in(self.root, Path(name))

    def archived(self, names: set[str]) -> Iterator[tuple[str, bytes | speech_commands.Member]]:
        """Yield the named clips of the archive in its order, each with its content or where that lies."""
        if self.archive is not None:
            yield from speech_commands.find_clips(self.archive, names, self.members)


@dataclass(frozen=True)
class _Raw:
    name: str
    word: str
    speaker: str
    listed: str = ""
    archived: bool = False
    synthetic: bool = False


def find(ws: Workspace, sentences: Sentences) -> Found:
    """Find all recordings of a workspace and its corpus, and split them.

    Parameters
    ----------
    sentences : gives synthetic voices what to say besides the words.

    Raises
    ------
    RecordingsError : none at all, or too few of a word; SentenceError, WorkspaceError as the readers do.
    """
    chosen = ws.settings.keyword
    raw = _own(ws)
    archive, voices, index = None, None, speech_commands.Index()
    if chosen.corpus:
        corpus = (ws.root / Path(chosen.corpus).expanduser()).resolve()
        if speech_commands.is_archive(corpus):
            archive, voices = corpus, ws.keyword / "voices"
            index = speech_commands.index_archive(corpus, ws.keyword / "background", voices)
            unlisted = "train" if index.lists else ""
            for name in index.names:
                word, listed = normal_word(name.partition("/")[0]), index.lists.get(name, unlisted)
                raw.append(_Raw(name, word, speaker_of(Path(name)), listed, archived=True))
        elif corpus.is_dir():
            raw += read_words(corpus)
        else:
            raise RecordingsError("no such folder or .tar.gz", path=corpus, fix="Check keyword.corpus in asr.toml")
    _check_words(raw, chosen.words, ws)
    background = ws.root / Path(chosen.background).expanduser()
    if not background.exists():
        raise RecordingsError("no such folder or table", path=background, fix="Check keyword.background in asr.toml")
    raw, beside = _without_sentences_of(raw, chosen.words)
    utterances, by, remarks = _split(raw, ws)
    if beside:
        remarks.append(
            f"left out: {beside} of the recordings, which say a word beside others and so are examples neither of it "
            "nor of other speech"
        )
    synthetic = _spoken(ws, sentences)
    if synthetic:
        utterances += synthetic
        remarks.append(f"{len(synthetic)} of the recordings trained on are synthetic voices'; those judged by are not")
    if voices is not None:
        words = {normal_word(word) for word in chosen.words}
        trained = {
            f"{Path(u.name).parts[0]}-{Path(u.name).name}"
            for u in utterances
            if u.archived and u.split == "train" and u.word not in words
        }
        for path in voices.glob("*.wav"):
            if path.name not in trained:
                path.unlink()
    places = [ws.root, ws.recordings, *([Path(chosen.corpus).expanduser()] if chosen.corpus and not archive else [])]
    noises = [(ws.root / place / name) for place in places for name in NOISES]
    noises += [place for name in ws.settings.augment.noise_folders if (place := ws.folder(name)) is not None]
    noises.append(ws.keyword / "background")
    there = tuple(dict.fromkeys(path for path in noises if path.is_dir()))
    return Found(ws.root, utterances, there, voices, archive, index.members, index.rejected, by, tuple(remarks))


def read_words(folder: Path) -> list[_Raw]:
    """Read a folder that holds a folder for each word, and `custom_data/` with more of them; no alphabet limits them.

    A folder may have any name, one that begins like an option (`--help`) too; those with a leading "_" or "." and
    those of noise hold no word.
    """
    lists = speech_commands.read_lists(folder)
    found = []
    for place in sorted(item for item in folder.iterdir() if item.is_dir()):
        if place.name == CUSTOM:
            found += read_words(place)
        elif not place.name.startswith((".", "_")) and place.name not in (*NOISES, *recordings_.NOISES):
            for path in audio.sound_files(place):
                listed = lists.get(f"{place.name}/{path.name}", "train" if lists else "")
                check_name(path)
                found.append(_Raw(str(path.resolve()), normal_word(place.name), speaker_of(path), listed))
    return found


def _own(ws: Workspace) -> list[_Raw]:
    """Read the workspace's recordings, of whichever layout, and its custom_data folders."""
    folder = ws.recordings
    found: list[_Raw] = []
    if folder.is_file() or (folder / recordings_.CSV_NAME).exists():
        table = folder if folder.is_file() else folder / recordings_.CSV_NAME
        for recording in recordings_.read_csv(table, ws.alphabet):
            word = normal_word(recording.transcript)
            found.append(_Raw(str(recording.path), word, recording.speaker, synthetic=recording.synthetic))
        if (folder / CUSTOM).is_dir():
            found += read_words(folder / CUSTOM)
    elif folder.is_dir():
        found += read_words(folder)
    if (ws.root / CUSTOM).is_dir() and (ws.root / CUSTOM).resolve() != folder.resolve():
        found += read_words(ws.root / CUSTOM)
    return found


def _spoken(ws: Workspace, sentences: Sentences) -> list[Utterance]:
    """Have synthetic voices say the words, and what is none of them; for training alone."""
    lines = spoken_words(ws, sentences)
    paths = speak_to_files([line for _, line in lines], ws.keyword / "speech", alone=True)
    return [
        Utterance(str(path), word or line.transcript, line.speaker.name, "train", synthetic=True)
        for (word, line), path in zip(lines, paths, strict=True)
    ]


def _check_words(raw: Sequence[_Raw], words: Sequence[str], ws: Workspace) -> None:
    counts = Counter(item.word for item in raw)
    if not counts:
        raise RecordingsError(
            "there are no recordings to learn words from",
            path=ws.recordings,
            fix="Put a folder for each word there, or name Speech Commands in keyword.corpus",
        )
    for word in words:
        count = counts[normal_word(word)]
        if count == 0:
            near = difflib.get_close_matches(normal_word(word), list(counts), n=1, cutoff=0.6)
            known = ", ".join(sorted(counts, key=lambda item: -counts[item])[:12])
            hint = f"Did you mean {near[0]!r}?" if near else f"Record it, or choose among: {known}"
            if (ws.recordings / recordings_.CSV_NAME).is_file() and _folder_of(word, ws.recordings):
                hint = f"Beside {recordings_.CSV_NAME}, folders of words count below {CUSTOM}/ only: put them there"
            raise RecordingsError(
                f"keyword.words names {word!r}, and there are no recordings of it", path=ws.toml, fix=hint
            )
        if count < FEWEST:
            raise RecordingsError(
                f"{count} recordings of {word!r} are too few to train and to judge by",
                path=ws.recordings,
                fix=f"Record at least {FEWEST} of them, better {FEW} and more, from several people",
            )


def _without_sentences_of(raw: Sequence[_Raw], words: Sequence[str]) -> tuple[list[_Raw], int]:
    """Leave out the recordings in which one of the words is said beside others; return the rest, and how many went."""
    wanted = [normal_word(word) for word in words]
    kept = [item for item in raw if item.word in wanted or not any(f" {one} " in f" {item.word} " for one in wanted)]
    return kept, len(raw) - len(kept)


def _split(raw: Sequence[_Raw], ws: Workspace) -> tuple[list[Utterance], str, list[str]]:
    """Give each recording its split: a published list's, the hash's or that of asr.toml's [split]."""
    chosen = ws.settings.keyword
    words = {normal_word(word) for word in chosen.words}
    counts = Counter(item.word for item in raw)
    few = [word for word in chosen.words if counts[normal_word(word)] < FEW]
    remarks = [f"few recordings ({', '.join(few)}): a figure below 1 % cannot be told from 0"] if few else []
    hashable = [bool(NOHASH.fullmatch(Path(item.name).stem)) for item in raw]
    own = [item for item in raw if not item.listed]
    by = "lists" if not own else chosen.split_by
    if by == "auto":
        by = "hash" if all(ok for ok, item in zip(hashable, raw, strict=True) if not item.listed) else "speakers"
    splits: dict[int, str] = {id(item): item.listed for item in raw if item.listed}
    if by == "hash":
        share = (chosen.validation_percent, chosen.testing_percent)
        splits |= {id(item): speech_commands.split_of_hash(item.name, *share) for item in own}
        there = {(item.word, splits[id(item)]) for item in raw}
        lacking = {(word, name) for word in words for name in SPLITS} - there
        if lacking and chosen.split_by == "auto":
            word, name = sorted(lacking)[0]
            remarks.append(f"the hash leaves {name} without {word!r}: split as [split] says instead")
            by = "speakers"
    if by == "speakers":
        dealt, kept, said = _by_speakers(own, words, ws)
        splits |= dealt
        remarks += said
    utterances = [
        Utterance(item.name, item.word, item.speaker, splits[id(item)], item.archived, item.synthetic) for item in raw
    ]
    utterances, gone = _judged_once(raw, utterances, ws.keyword / _TAKES)
    if gone:
        remarks.append(takes.remark(gone, str((ws.keyword / _TAKES).relative_to(ws.root))))
    occupied = {(u.word, u.split) for u in utterances}
    for word in chosen.words:
        for name in SPLITS:
            if (normal_word(word), name) not in occupied:
                besides = f" beside {gone} copies of takes that are elsewhere" if gone else ""
                raise RecordingsError(
                    f"no recording of {word!r} is left for {name}{besides}",
                    path=ws.recordings,
                    fix="Record more people, or name speakers for it in section split",
                )
    if by == "speakers":
        # Only now: a split that leaves a word without anybody is not to be kept to.
        write_json(ws.keyword / SPLIT_RECORD, {"settings": ws.settings.as_dict()["split"], "speakers": kept})
    return utterances, by, remarks


def _judged_once(
    raw: Sequence[_Raw], utterances: Sequence[Utterance], cache: Path
) -> tuple[list[Utterance], int]:
    """Leave copies of a take out of dev and test; return the rest, and how many went."""
    # What a published list puts there stays, or figures could not be compared with others'; so does an archive's.
    spoken = [
        None
        if item.listed or item.archived or item.synthetic
        else takes.Take(u.word, u.speaker, Path(u.name), u.split, u.name)
        for item, u in zip(raw, utterances, strict=True)
    ]
    copied = takes.find_copies(spoken, cache)
    return [u for u, is_copy in zip(utterances, copied, strict=True) if not is_copy], sum(copied)


def _by_speakers(
    own: Sequence[_Raw], words: set[str], ws: Workspace
) -> tuple[dict[int, str], dict[str, dict[str, list[str]]], list[str]]:
    """Deal speakers out as for sentences, word by word where a speaker belongs to one word only.

    Returns
    -------
    dealt : split of each recording, by its id().
    kept : for the record, speakers by word and split. Words are apart: one name may be two people in the collections
        of two words; "*" holds who says several.
    remarks : what every report has to say of it.
    """
    says: dict[str, set[str]] = {}
    for item in own:
        says.setdefault(item.speaker, set()).add(item.word if item.word in words else "")
    groups: dict[str, list[_Raw]] = {}
    for item in own:
        alone = len(says[item.speaker]) == 1 and item.speaker != UNKNOWN_SPEAKER
        groups.setdefault(min(says[item.speaker]) if alone else "*", []).append(item)
    settings = ws.settings.split
    before = read_record(ws.keyword / SPLIT_RECORD, ws.settings.as_dict()["split"]).get("speakers")
    known = {word: by_speaker(names) for word, names in before.items()} if isinstance(before, dict) else {}
    shared = known.get("*", {})
    named = {*settings.train_speakers, *settings.dev_speakers, *settings.test_speakers}
    few = any(len({item.speaker for item in group}) < 3 for group in groups.values())
    if named or few or set(known) == {"*"}:
        # Who was dealt out together once, for want of speakers, stays together.
        groups = {"*": list(own)}
    # Where one name is one person whatever the word, it was that before, too.
    anywhere = {speaker: split for each in known.values() for speaker, split in each.items()} | shared
    dealt: dict[int, str] = {}
    kept: dict[str, dict[str, list[str]]] = {}
    remarks: list[str] = []
    for word, group in groups.items():
        members = [Member(item.speaker, item.word, item.synthetic) for item in group]
        result = assign(members, settings, anywhere if word == "*" else shared | known.get(word, {}), words)
        dealt |= {id(item): split for item, split in zip(group, result.splits, strict=True)}
        if result.by == "speaker":
            kept[word] = {name: sorted({item.speaker for item in group if dealt[id(item)] == name}) for name in SPLITS}
        remarks += [remark for remark in result.remarks if remark not in remarks]
    return dealt, kept, remarks


def _folder_of(word: str, folder: Path) -> bool:
    return any(item.is_dir() and normal_word(item.name) == normal_word(word) for item in folder.iterdir())
