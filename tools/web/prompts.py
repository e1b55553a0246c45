"""What a speaker should record next: sentences that cover every word, those first that the last report got wrong."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from asr.core.errors import UserError
from asr.runs.record import list_runs
from asr.settings.workspace import Workspace
from datasets.recordings import UNKNOWN_SPEAKER, find
from tools.commands.steps.inputs import read_templates

_FEW = 40  # sentences; a list of no more is recorded whole
_SAMPLED = 2000  # sentences of many, among which those to record are chosen
_TAKES = 3  # of each sentence of a short list, and of each word of a long one
_MOST = 80  # sentences of one speaker


@dataclass(frozen=True)
class Prompt:
    """A sentence to record.

    Attributes
    ----------
    wanted : takes of it that are still missing.
    missed : whether the last report got it wrong.
    """

    sentence: str
    wanted: int
    missed: bool = False


@dataclass(frozen=True)
class Plan:
    """What a speaker has recorded and what is missing.

    Attributes
    ----------
    prompts : the next one first; empty where nothing is missing.
    recorded : takes of this speaker that count.
    needed : takes that make a whole session.
    """

    prompts: tuple[Prompt, ...]
    recorded: int
    needed: int


def make_plan(ws: Workspace, speaker: str) -> Plan:
    """Return the plan of a speaker: every sentence of a short list; of a long one as many as cover every word.

    Raises
    ------
    SentenceError, RecordingsError : the workspace's sentences or recordings cannot be read.
    """
    templates = read_templates(ws)
    sentences = sorted(templates.expand(_SAMPLED, 1))
    name = " ".join(speaker.split()) or UNKNOWN_SPEAKER
    own = Counter(one.transcript for one in find(ws.recordings, ws.alphabet, ws.build) if one.speaker == name)
    missed = _missed(ws, set(sentences))
    if len(sentences) <= _FEW:
        wanted = {sentence: _TAKES for sentence in sentences}
    else:
        wanted = Counter(_covering(sentences, missed))
    needed = sum(wanted.values())
    left = {sentence: max(0, count - own[sentence]) for sentence, count in wanted.items()}
    prompts = [Prompt(sentence, count, sentence in missed) for sentence, count in left.items() if count]
    # Every sentence once before any of them twice.
    prompts.sort(key=lambda one: (not one.missed, -one.wanted))
    return Plan(tuple(prompts), needed - sum(left.values()), needed)


def _covering(sentences: Sequence[str], missed: Iterable[str]) -> list[str]:
    """Return few sentences in which every word occurs _TAKES times, the missed ones among them: greedy set cover."""
    chosen = list(dict.fromkeys(missed))[: _MOST // 2]
    lacking = Counter({word: _TAKES for sentence in sentences for word in sentence.split()})
    for sentence in chosen:
        lacking.subtract(set(sentence.split()))
    left = [(sentence, set(sentence.split())) for sentence in sentences if sentence not in set(chosen)]
    while len(chosen) < _MOST and left:
        gains = [sum(max(0, lacking[word]) for word in words) / len(words) for _, words in left]
        best = max(range(len(left)), key=gains.__getitem__)
        if gains[best] <= 0:
            break
        sentence, words = left.pop(best)
        chosen.append(sentence)
        lacking.subtract(words)
    return chosen


def _missed(ws: Workspace, known: set[str]) -> set[str]:
    """Return the sentences that the newest measured run got wrong in quiet."""
    try:
        runs = list_runs(ws.runs)
    except UserError:
        return set()
    for run in reversed(runs):
        rows = run.transcripts()
        if rows:
            quiet = [row for row in rows if row.get("condition") == "clean"]
            wrong = {row.get("transcript", "") for row in quiet if row.get("errors", "0") not in ("", "0")}
            return wrong & known
    return set()
