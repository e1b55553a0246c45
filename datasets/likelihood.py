"""Does a recording say what its transcript says? Judged by a network that was trained on other speech.

A network that has never heard a speaker spells badly, so that its own spelling tells little. What tells is a sentence
of the same collection that fits the sound much better than the transcript does.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from asr.core import audio, trim
from asr.core import workers as workers_
from asr.core.errors import AudioError
from asr.core.files import file_state, fingerprint, write_json
from asr.runtime.alignment import total_scores
from asr.runtime.features import mfcc
from asr.runtime.network import NetworkFile, log_probabilities
from datasets.defects import Finding
from datasets.inspection import on_all_cores

_VERSION = 1  # of the scores; raised when the same recording would give others
_MARGIN = 0.3  # s kept around the speech
_RIVALS = 6  # sentences nearest to what the network spells
_MOST_RIVALS = 5000  # different sentences among which they are looked for
_EVERYTHING = 1e6  # nats
_CHUNK = 8  # recordings that a process takes at a time

# Nats per letter of the transcript. Chosen on half of 47 speakers of orders: a random other order fits better by 0.94
# in all but one of a hundred; the right one is beaten by 0.61 at most.
_DOUBTFUL = 1.0  # below the network's own spelling; only then are rivals scored
_SURE = 0.75  # below the best rival: an error
_UNSURE = 0.4  # a warning
_STRANGE, _LONG = 2.2, 16  # below the network's own spelling, in so many letters: a warning, rival or not
_SHORT, _SHORT_UNSURE = 8, 1.5  # letters; a word alone is often misheard, and gives a warning only


@dataclass(frozen=True)
class Said:
    """A recording and what it is said to say."""

    path: Path
    transcript: str


@dataclass(frozen=True)
class _Job:
    path: str
    transcript: str
    rivals: tuple[str, ...]


def unlikely(
    spoken: Sequence[Said], network: NetworkFile, cache: Path | None = None, root: Path | None = None
) -> list[Finding]:
    """Return the recordings whose sound is more like another sentence of the collection.

    Parameters
    ----------
    network : trained on speech of the transcripts' language, with their alphabet.
    cache : JSON file that is read and written; None: there is none.
    root : a folder that may be moved as a whole.
    """
    kept = _read(cache)
    about = fingerprint(_VERSION, [network.labels, [float(layer.kernel.sum()) for layer in network.layers]])
    known = set(network.labels)
    jobs = [_Job(str(one.path), one.transcript, ()) for one in spoken if set(one.transcript) <= known]
    states = {str(one.path): file_state(one.path, root) for one in spoken}

    def score(wanted: Sequence[_Job], label: str) -> list[Mapping[str, object] | None]:
        keys = [fingerprint(about, states[job.path], job.transcript, job.rivals)[:20] for job in wanted]
        new = [place for place, key in enumerate(keys) if key not in kept]
        parts = [new[start : start + _CHUNK] for start in range(0, len(new), _CHUNK)]
        tasks = [[wanted[place] for place in part] for part in parts]
        for part, results in zip(parts, on_all_cores(_score, tasks, label, _start, (network,)), strict=True):
            kept.update((keys[place], result) for place, result in zip(part, results, strict=True))
        used.update(keys)
        return [kept[key] for key in keys]

    used: set[str] = set()
    first = score(jobs, "comparing with the transcripts")
    texts = list(dict.fromkeys(one.transcript for one in spoken))[:_MOST_RIVALS]
    doubtful = [
        _Job(job.path, job.transcript, _rivals(str(result["heard"]), job.transcript, texts))
        for job, result in zip(jobs, first, strict=True)
        if result is not None and float(str(result["lost"])) > _DOUBTFUL * max(1, len(job.transcript))
    ]
    second = score(doubtful, "comparing with other sentences")
    if cache is not None:
        write_json(cache, {key: kept[key] for key in sorted(used)})
    found = (_finding(job, result) for job, result in zip(doubtful, second, strict=True))
    return [one for one in found if one is not None]


def _finding(job: _Job, result: Mapping[str, object] | None) -> Finding | None:
    if result is None:
        return None
    letters = max(1, len(job.transcript))
    worse = (float(str(result["lost"])) - float(str(result["rival lost"]))) / letters if result["rival"] else 0.0
    fix = "Listen to it, and correct the transcript"
    if worse < (_UNSURE if letters >= _SHORT else _SHORT_UNSURE):
        if letters < _LONG or float(str(result["lost"])) < _STRANGE * letters:
            return None
        return Finding("transcript", "warning", f"{job.transcript!r} is unlikely for its sound", fix, job.path)
    severity = "error" if worse >= _SURE and letters >= _SHORT else "warning"
    what = f"{job.transcript!r} is unlikely for its sound, which is more like {result['rival']!r}"
    return Finding("transcript", severity, what, fix, job.path)


def _rivals(heard: str, transcript: str, texts: Sequence[str]) -> tuple[str, ...]:
    from rapidfuzz import fuzz, process

    near = process.extract(heard, texts, scorer=fuzz.ratio, limit=_RIVALS + 1)
    return tuple(sorted(text for text, _, _ in near if text != transcript)[:_RIVALS])


_network: NetworkFile | None = None


def _start(network: NetworkFile) -> None:
    """Begin a worker process."""
    global _network
    workers_.start()
    _network = network


def _score(jobs: Sequence[_Job]) -> list[dict[str, object] | None]:
    """Return of each job what the network spells and what the transcript and the best rival lose against that, nats.

    None for a recording that cannot be read.
    """
    assert _network is not None
    return [_score_one(job, _network) for job in jobs]


def _score_one(job: _Job, network: NetworkFile) -> dict[str, object] | None:
    try:
        sound = audio.load(job.path)
    except AudioError:
        return None
    if not len(sound):
        return None
    samples = audio.to_int16(trim.cut(sound, trim.find(sound), _MARGIN))
    frames = log_probabilities(network, mfcc(samples, network.sample_rate))
    index = {label: number for number, label in enumerate(network.labels)}
    texts = [job.transcript, *job.rivals]
    scores = total_scores(frames, [[index[letter] for letter in text] for text in texts])
    # A transcript that is too long for the sound loses everything.
    lost = np.minimum(float(frames.max(axis=1).sum(dtype=np.float64)) - scores, _EVERYTHING)
    path = frames.argmax(axis=1)
    changes = np.flatnonzero((path < len(network.labels)) & (np.diff(path, prepend=-1) != 0))
    best = int(lost[1:].argmin()) + 1 if len(texts) > 1 else 0
    return {
        "heard": "".join(network.labels[number] for number in path[changes]),
        "lost": round(float(lost[0]), 3),
        "rival": texts[best] if best else "",
        "rival lost": round(float(lost[best]), 3),
    }


def _read(cache: Path | None) -> dict[str, dict[str, object] | None]:
    if cache is None:
        return {}
    try:
        kept = json.loads(cache.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    fields = {"heard", "lost", "rival", "rival lost"}
    whole = isinstance(kept, dict) and all(
        value is None or (isinstance(value, dict) and value.keys() == fields) for value in kept.values()
    )
    return kept if whole else {}
