"""Everything that is wrong with a collection of recordings, before anything is trained on it."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from asr.core import audio
from asr.core.alphabet import Alphabet
from asr.core.errors import AudioError
from asr.runtime.features import frame_count
from asr.settings.sections import Recordings
from datasets import clips, copies, defects, voices
from datasets.defects import Finding
from datasets.inspection import Inspection, inspect, on_all_cores
from datasets.recordings import UNKNOWN_SPEAKER, Recording

SEVERITIES = ("error", "warning", "hint")
# Kinds of findings in the order of a report, with their headings.
KINDS = {
    "unreadable": "Cannot be read",
    "silent": "Silent",
    "no speech": "No speech stands out",
    "length": "Length that does not fit",
    "transcript": "Transcripts unlikely for their sound",
    "copy": "Copies",
    "clipped": "Clipped",
    "cut": "Cut off",
    "noise": "Noise",
    "hum": "Hum",
    "offset": "DC offset",
    "quiet": "Quiet",
    "bandwidth": "Bandwidth",
    "speaker": "Speakers that sound alike",
    "few speakers": "Words with few speakers",
    "alike": "Sentences that sound alike",
    "trimmed": "Without pauses",
}

_FEWEST_SPEAKERS = 3  # one each for train, dev and test
_MOST_WORDS = 20  # that are told
_TRIMMED = 0.2  # of the recordings begin or end with speech: the collection is cut like that
_DOUBTFUL = -50.0  # dB; a quieter recording may be silent
_MOST_PAIRS = 20_000  # whose sound is compared


@dataclass(frozen=True)
class Examination:
    """What was looked at, and what was found: errors first, then in the order of KINDS."""

    recordings: int
    speakers: int
    seconds: float
    findings: tuple[Finding, ...]

    def of(self, severity: str) -> list[Finding]:
        """Return the findings of a severity."""
        return [finding for finding in self.findings if finding.severity == severity]


def examine(
    recordings: Sequence[Recording],
    settings: Recordings,
    alphabet: Alphabet,
    *,
    cache: Path | None = None,
    root: Path | None = None,
    splits: Mapping[str, str] | None = None,
    more: Callable[[Sequence[Recording], float], Sequence[Finding]] | None = None,
) -> Examination:
    """Check recordings of people; synthetic voices among them are passed over.

    Parameters
    ----------
    cache : .npz file with the measures of recordings that were read before.
    root : a folder that may be moved as a whole.
    splits : of each speaker, where they are known.
    more : further checks; given the recordings that can be read, and how many seconds all last.

    Raises
    ------
    RecordingsError : a process that read recordings has died.
    """
    people = [recording for recording in recordings if not recording.synthetic]
    seen = inspect([recording.path for recording in people], cache, root)
    found: list[Finding] = []
    for place, (what, fix) in sorted(seen.faults.items()):
        found.append(Finding("unreadable", "error", what, fix or "Record it again", str(people[place].path)))
    found += _sounds(people, seen)
    bad = {finding.file for finding in found if finding.kind in ("unreadable", "silent")}
    found += _lengths(people, seen, settings, alphabet, bad)
    found += _copies(people, seen)
    found += _speakers(people, seen, bad, splits or {})
    found += _few_speakers(people)
    seconds = float(seen.measures[:, 0].sum(dtype=np.float64))
    if more is not None:
        found += more([recording for recording in people if str(recording.path) not in bad], seconds)
    order = {kind: place for place, kind in enumerate(KINDS)}
    found.sort(key=lambda finding: (SEVERITIES.index(finding.severity), order[finding.kind]))
    names = {recording.speaker for recording in people} - {UNKNOWN_SPEAKER}
    return Examination(len(people), len(names), seconds, tuple(found))


def _sounds(people: Sequence[Recording], seen: Inspection) -> Iterator[Finding]:
    """Yield what is wrong with single sounds."""
    readable = [place for place in range(len(people)) if place not in seen.faults]
    measures = {place: seen.of(place) for place in readable}
    sounding = [one for one in measures.values() if not defects.is_silent(one)]
    usual = float(np.median([one.bandwidth for one in sounding])) if sounding else 0.0
    cut = sum(defects.is_cut(one) for one in sounding)
    trimmed = len(sounding) >= 10 and cut > _TRIMMED * len(sounding)
    for place in readable:
        yield from defects.findings(str(people[place].path), measures[place], usual, trimmed=trimmed)
    if trimmed:
        what = f"{cut} of {len(sounding)} recordings begin or end with speech, so nobody can tell whether it is cut off"
        yield Finding("trimmed", "hint", what, "Leave a quarter of a second of pause on either side")


def _lengths(
    people: Sequence[Recording], seen: Inspection, settings: Recordings, alphabet: Alphabet, bad: set[str]
) -> Iterator[Finding]:
    """Yield the recordings that training would set aside for their length."""
    doubtful: list[tuple[str, Recordings, int]] = []
    for place, recording in enumerate(people):
        if str(recording.path) in bad:
            continue
        needed, seconds = _needed_frames(recording.transcript, alphabet), float(seen.measures[place, 0])
        # Speech is a part of the recording, and half of many: only then is it looked for.
        frames = frame_count(round(seconds * audio.SAMPLE_RATE))
        level = seen.of(place).level
        if needed * 4 > frames or level < _DOUBTFUL or not 4 * settings.shortest < seconds < settings.longest:
            doubtful.append((str(recording.path), settings, needed))
    parts = [doubtful[start : start + 32] for start in range(0, len(doubtful), 32)]
    for part, faults in zip(parts, on_all_cores(_refusals, parts, "looking at lengths"), strict=True):
        for (path, _, _), what in zip(part, faults, strict=True):
            if what.startswith("it is silent"):
                yield Finding("silent", "error", what, "Record it again; check the microphone", path)
            elif what:
                yield Finding("length", "error", what, "Correct the transcript, or record it again", path)


def _refusals(jobs: Sequence[tuple[str, Recordings, int]]) -> list[str]:
    """Return why recordings give no clip; "" for those that do."""
    found = []
    for path, settings, needed in jobs:
        try:
            clips.convert(Path(path), settings, needed)
            found.append("")
        except AudioError as error:
            found.append(error.what)
    return found


def _needed_frames(transcript: str, alphabet: Alphabet) -> int:
    """Return the frames that CTC needs: one for each label, and one for a blank between equal labels."""
    labels = alphabet.encode(transcript)
    return len(labels) + int(np.count_nonzero(labels[1:] == labels[:-1]))


def _copies(people: Sequence[Recording], seen: Inspection) -> Iterator[Finding]:
    """Yield the recordings that hold the same take as an earlier one."""
    first = list(range(len(people)))  # union-find

    def root(place: int) -> int:
        while first[place] != place:
            first[place] = first[first[place]]
            place = first[place]
        return place

    most = min(_MOST_PAIRS, 2 * len(people))
    near, complete = copies.like(seen.sketches, most)
    if not complete:
        what = f"only the {most:,} pairs of recordings that sound most alike were compared for copies"
        yield Finding("copy", "hint", what, "Remove the copies found, and run this again")
    # Recordings with many like ones are read once for all of them.
    groups: dict[int, list[int]] = defaultdict(list)
    for one, other in near.tolist():
        groups[one].append(other)
    tasks = [(str(people[one].path), [str(people[other].path) for other in others]) for one, others in groups.items()]
    for (one, others), same in zip(groups.items(), on_all_cores(_same, tasks, "comparing copies"), strict=True):
        for other, is_same in zip(others, same, strict=True):
            if is_same:
                first[max(root(one), root(other))] = min(root(one), root(other))
    for place, recording in enumerate(people):
        if (original := root(place)) != place:
            yield _copy(recording, people[original])


def _copy(recording: Recording, original: Recording) -> Finding:
    name, files = original.path.name, (str(original.path),)
    if recording.transcript != original.transcript:
        what = (
            f"the same take as {name}, with the transcript {recording.transcript!r} instead of {original.transcript!r}"
        )
        return Finding(
            "copy", "error", what, "Listen to it, and remove the one that is wrong", str(recording.path), files
        )
    if recording.speaker != original.speaker:
        what = f"the same take as {name}, of {recording.speaker!r} instead of {original.speaker!r}"
        fix = "Name the right speaker, or remove one: they would be in two splits"
        return Finding("copy", "error", what, fix, str(recording.path), files)
    return Finding("copy", "warning", f"the same take as {name}", "Remove one of them", str(recording.path), files)


def _same(task: tuple[str, Sequence[str]]) -> list[bool]:
    """Return which recordings hold the take of the first."""
    one, others = task
    sound = copies.load(one)
    return [copies.correlation(sound, copies.load(other)) >= copies.SAME for other in others]


def _speakers(
    people: Sequence[Recording], seen: Inspection, bad: set[str], splits: Mapping[str, str]
) -> Iterator[Finding]:
    """Yield the pairs of speakers that sound like one person."""
    named = [
        place
        for place, recording in enumerate(people)
        if recording.speaker != UNKNOWN_SPEAKER and str(recording.path) not in bad
    ]
    speakers = [people[place].speaker for place in named]
    for pair in voices.alike(speakers, seen.voices[named]):
        one, other = (next(r for r in people if r.speaker == name) for name in (pair.first, pair.second))
        where = {splits.get(pair.first), splits.get(pair.second)}
        apart = f" (now in {' and '.join(sorted(map(str, where)))})" if len(where) == 2 and None not in where else ""
        what = f"{pair.first!r} and {pair.second!r} sound like one person{apart}; a hint, by the sound alone"
        fix = "Listen to both; if they are one person, give them one name"
        yield Finding("speaker", "hint", what, fix, str(one.path), (str(other.path),))


def _few_speakers(people: Sequence[Recording]) -> Iterator[Finding]:
    """Yield the words that too few people say, where there are more people; the rarest alone where they are many."""
    speakers: dict[str, set[str]] = defaultdict(set)
    for recording in people:
        if recording.speaker != UNKNOWN_SPEAKER:
            for word in recording.transcript.split():
                speakers[word].add(recording.speaker)
    if len(set().union(*speakers.values())) <= _FEWEST_SPEAKERS:
        return
    counts = Counter({word: len(names) for word, names in speakers.items() if len(names) < _FEWEST_SPEAKERS})
    rarest = sorted(counts.items(), key=lambda item: (item[1], item[0]))
    if len(rarest) > _MOST_WORDS:
        what = f"{len(rarest) - _MOST_WORDS} more words are said by fewer than {_FEWEST_SPEAKERS} speakers"
        yield Finding("few speakers", "warning", what, "Record more people, or fewer words")
    for word, count in rarest[:_MOST_WORDS]:
        said = "one speaker" if count == 1 else f"{count} speakers"
        file = next((str(r.path) for r in people if word in r.transcript.split()), "")
        what = f"{word!r} is said by {said}, too few for train, dev and test"
        yield Finding("few speakers", "warning", what, "Check its spelling, or record it with more people", file)
