"""The keyword model's data: recordings of its words and of other speech, found, checked and split.

A recording belongs to a word if its transcript is that word: in recordings.csv or a folder for each word, in
`custom_data/`, or in Speech Commands. All others are negative training data.
"""

from __future__ import annotations

import difflib
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from asr.core.alphabet import normal_word
from asr.core.errors import RecordingsError
from asr.core.files import place_in
from asr.core.tree import RealPaths
from asr.settings.workspace import Workspace
from datasets import recordings as recordings_
from datasets import speech_commands
from datasets.account import LEFT_OUT, USED, Account
from datasets.folder_scan import scan
from datasets.keyword_split import FEW, Utterance, split
from datasets.keyword_voices import Sentences, keyword_prompts
from datasets.recordings import CUSTOM, check_name, speaker_of
from datasets.recordings_folder import check_folder
from datasets.speakers import spelled_alike, spellings
from datasets.speech import speak_to_files

FEWEST = 10  # recordings of a word; fewer can be neither trained nor evaluated on
NOISES = ("background_noise", "problem_noise", speech_commands.BACKGROUND)


@dataclass(frozen=True)
class KeywordDataset:
    """All recordings, split; an `asr.keyword.corpus.Corpus`."""

    root: Path  # the workspace's folder
    utterances: list[Utterance]
    noises: tuple[Path, ...]  # folders of background noise
    voices: Path | None  # folder of clips from an archive, to make babble of
    archive: Path | None  # Speech Commands' .tar.gz, if that is the corpus
    members: Mapping[str, speech_commands.Member]  # where the archive's clips are stored, if it is not compressed
    rejected: list[tuple[str, str]]
    by: str  # how the recordings were split: "lists", "hash" or "speakers"
    remarks: tuple[str, ...]  # caveats that every report repeats
    account: Account = field(default_factory=lambda: Account(Path()), compare=False)  # of the user's files

    def called(self, name: str | Path) -> str:
        """Return the name of an utterance or file that does not depend on where the workspace is."""
        return place_in(self.root, Path(name))

    def archived(self, names: set[str]) -> Iterator[tuple[str, bytes | speech_commands.Member]]:
        """Yield the named clips of the archive, each with its content or where that is stored."""
        if self.archive is not None:
            yield from speech_commands.find_clips(self.archive, names, self.members)


def find(
    ws: Workspace, sentences: Sentences, others: Sequence[Utterance] = (), account: Account | None = None
) -> KeywordDataset:
    """Find all recordings of a workspace and its corpus, and split them.

    Parameters
    ----------
    sentences : source of negative prompts for synthetic voices.
    others : negative examples from elsewhere, split already.
    account : where each file of the workspace's recordings is entered.

    Raises
    ------
    RecordingsError : none at all, or too few of a word; SentenceError, WorkspaceError as the readers do.
    """
    chosen = ws.settings.keyword
    account = Account(ws.recordings) if account is None else account
    check_folder(ws)
    found = _name_speakers(_own(ws, account), account)
    archive, voices, index = None, None, speech_commands.Index()
    if chosen.corpus:
        corpus = (ws.root / Path(chosen.corpus).expanduser()).resolve()
        if speech_commands.is_archive(corpus):
            archive, voices = corpus, ws.keyword / "voices"
            index = speech_commands.index_archive(corpus, ws.keyword / "background", voices)
            unlisted = "train" if index.lists else ""
            for name in index.names:
                word, listed = normal_word(name.partition("/")[0]), index.lists.get(name, unlisted)
                found.append(Utterance(name, word, speaker_of(Path(name)), listed, archived=True))
        elif corpus.is_dir():
            found += read_words(corpus)
        else:
            raise RecordingsError("no such folder or .tar.gz", path=corpus, fix="Check keyword.corpus in asr.toml")
    _check_words(found, chosen.words, ws)
    background = ws.root / Path(chosen.background).expanduser()
    if not background.exists():
        raise RecordingsError("no such folder or table", path=background, fix="Check keyword.background in asr.toml")
    words = {normal_word(word) for word in chosen.words}
    # A phrase that contains a keyword is neither that keyword nor negative data.
    kept = [u for u in found if u.word in words or not any(f" {word} " in f" {u.word} " for word in words)]
    own = {id(one) for one in kept}
    for one in found:
        if id(one) not in own:
            account.change_if_known(one.name, LEFT_OUT, f"{one.word!r} contains a keyword, and is none")
    utterances, by, remarks = split(kept, ws)
    still = {one.name for one in utterances}
    for one in kept:
        if one.name not in still:
            account.change_if_known(one.name, LEFT_OUT, "it is the same take as another one, which is in use")
    if left_out := len(found) - len(kept):
        remarks.append(f"left out: {left_out} recordings of phrases that contain a keyword")
    utterances += others
    prompts = keyword_prompts(ws, sentences)
    paths = speak_to_files([prompt for _, prompt in prompts], ws.keyword / "speech", alone=True)
    utterances += [
        Utterance(str(path), word or prompt.transcript, prompt.speaker.name, "train", synthetic=True)
        for (word, prompt), path in zip(prompts, paths, strict=True)
    ]
    if prompts:
        remarks.append(f"train has {len(prompts)} synthetic recordings; dev and test have none")
    if voices is not None:
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
    present = tuple(dict.fromkeys(path for path in noises if path.is_dir()))
    return KeywordDataset(
        ws.root, utterances, present, voices, archive, index.members, index.rejected, by, tuple(remarks),
        account,
    )  # fmt: skip


def read_words(folder: Path, account: Account | None = None, besides: Path | None = None) -> list[Utterance]:
    """Read a folder that holds a folder for each word, and `custom_data/` with more of them; any alphabet is allowed.

    Folders of noise and those whose names start with "_" or "." are skipped; any other name (`--help`) is a word.

    Parameters
    ----------
    account : where each file is entered.
    besides : a folder to skip: our own products.
    """
    account = Account(folder) if account is None else account
    lists = speech_commands.read_lists(folder)
    scanned = scan(folder, besides)
    places, _ = recordings_.sort_by_folder(folder, scanned, account, custom=True)
    for one in scanned:
        top = one.path.relative_to(folder).parts[0]
        if not one.reason and recordings_.is_noise(top) and one.path.parent != folder:
            account.add(one.path, USED, f"{top}/ holds noise to mix in, not words")
    found = []
    known: dict[Path, Path] = {}
    paths = RealPaths()
    for place, sounds in places.items():
        for path in sounds:
            listed = lists.get(f"{place.name}/{path.name}", "train" if lists else "")
            check_name(path)
            real, word = Path(paths.of(path)), normal_word(place.name)
            if (other := known.setdefault(real, path)) != path:
                same = f"it is a link to {other.relative_to(folder)}, which is read already"
                account.add(path, LEFT_OUT, same, "Remove the link")
                continue
            account.add(path, USED, transcript=word, speaker=speaker_of(path), known_as=real)
            found.append(Utterance(str(real), word, speaker_of(path), listed))
    if (folder / CUSTOM).is_dir():
        found += read_words(folder / CUSTOM, account)
    return found


def _own(ws: Workspace, account: Account) -> list[Utterance]:
    """Read the workspace's recordings, of either layout, and its custom_data folders."""
    folder = ws.recordings
    found: list[Utterance] = []
    table = folder if folder.is_file() else recordings_.table_of(folder)
    if table is not None:
        # A keyword may be written in any characters, as a folder's name is.
        for recording in recordings_.find(folder, None, ws.build, account):
            word = normal_word(recording.transcript)
            found.append(Utterance(str(recording.path), word, recording.speaker, synthetic=recording.synthetic))
        if (folder / CUSTOM).is_dir():
            found += read_words(folder / CUSTOM, account)
    elif folder.is_dir():
        recordings_.check_tables(folder, scan(folder, ws.build))
        found += read_words(folder, account, ws.build)
    if (ws.root / CUSTOM).is_dir() and (ws.root / CUSTOM).resolve() != folder.resolve():
        found += read_words(ws.root / CUSTOM, account)
    return found


def _name_speakers(found: Sequence[Utterance], account: Account) -> list[Utterance]:
    """Return the utterances with one spelling of each speaker's name."""
    chosen = spellings(one.speaker for one in found)
    for note in spelled_alike(chosen):
        account.note(note)
    return [one if chosen[one.speaker] == one.speaker else replace(one, speaker=chosen[one.speaker]) for one in found]


def _check_words(found: Sequence[Utterance], words: Sequence[str], ws: Workspace) -> None:
    counts = Counter(item.word for item in found)
    if not counts:
        raise RecordingsError(
            "there are no recordings of words",
            path=ws.recordings,
            fix="Put a folder for each word there, or name Speech Commands in keyword.corpus",
        )
    for word in words:
        count = counts[normal_word(word)]
        if count == 0:
            near = difflib.get_close_matches(normal_word(word), list(counts), n=1, cutoff=0.6)
            known = ", ".join(sorted(counts, key=lambda item: -counts[item])[:12])
            hint = f"Did you mean {near[0]!r}?" if near else f"Record it, or choose from: {known}"
            folders = [item.name for item in ws.recordings.glob("*") if item.is_dir()]
            if recordings_.table_of(ws.recordings) is not None and normal_word(word) in map(normal_word, folders):
                hint = f"Beside {recordings_.CSV_NAME}, folders of words are read from {CUSTOM}/ only: move them there"
            raise RecordingsError(
                f"keyword.words names {word!r}, and there are no recordings of it", path=ws.toml, fix=hint
            )
        if count < FEWEST:
            raise RecordingsError(
                f"{count} recordings of {word!r} are too few to train and evaluate on",
                path=ws.recordings,
                fix=f"Record at least {FEWEST}, better {FEW} or more, from several people",
            )
