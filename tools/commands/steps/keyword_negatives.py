"""Speech without any keyword: sentences for synthetic voices and recordings of other_speech/, to train on and to fit
thresholds to."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from asr.core.alphabet import Alphabet, normal_word
from asr.settings.workspace import Workspace
from datasets.keyword_split import Utterance
from tools.commands.steps.inputs import sample_sentences
from tools.commands.steps.other_speech import other_recordings, other_speakers, transcribed

_OWN = 0.5  # share of the workspace's own sentences, which are what is mostly said near the device
_EVERYDAY = 0.5  # share of everyday sentences among the others; the rest are random words
_LONGEST = 8  # random words in a row
_SPEAKERS = 200  # synthetic ones that thresholds are fitted to
_FITTING_SEED = 41  # other speakers and sentences than those of training


def negative_sentences(ws: Workspace, count: int, rng: np.random.Generator) -> list[str]:
    """Return sentences for negative examples: the workspace's own, everyday ones and random words of its language.

    Sentences may hold a keyword; random words that contain one are left out.
    """
    from lm.general import general_sentences
    from lm.sentences import Templates

    own = sample_sentences(ws, round(_OWN * count), rng)
    path = general_sentences(ws.settings.alphabet.language)
    if path is None:
        return own or sample_sentences(ws, count, rng)
    needed = count - len(own)
    everyday = Templates.read(path, Alphabet()).sample(round(_EVERYDAY * needed), rng)
    words = _words(ws)
    found = [*own, *everyday]
    while words and len(found) < count:
        chosen = rng.choice(len(words), int(rng.integers(2, _LONGEST + 1)))
        found.append(" ".join(words[int(index)] for index in chosen))
    return [found[int(index)] for index in rng.permutation(len(found))]


def _words(ws: Workspace) -> list[str]:
    """Return the words of the language that do not contain a keyword."""
    from asr.ctc import weights

    if not ws.settings.alphabet.language.lower().startswith("en"):
        return []
    keywords = [normal_word(word) for word in ws.settings.keyword.words]
    return [word for word in sorted(weights.words("english")) if not any(keyword in word for keyword in keywords)]


def training_recordings(ws: Workspace) -> list[Utterance]:
    """Return the recordings of other_speech/ to train on: transcribed ones, of half of the speakers, without a
    keyword."""
    return [
        Utterance(str(one.path), normal_word(one.transcript), one.speaker, "train", synthetic=one.synthetic)
        for one in transcribed(ws, training=True)
        if not _holds_keyword(ws, one.transcript)
    ]


def evaluation_recordings(ws: Workspace, split: str) -> list[str]:
    """Return the recordings of other_speech/ for dev or test: of those not trained on, every second file."""
    held = {one.path for one in transcribed(ws, training=False) if _holds_keyword(ws, one.transcript)}
    paths = other_recordings(ws)[0 if split == "dev" else 1 :: 2]
    return [str(path) for path in paths if path.resolve() not in held]


def speak_negatives(ws: Workspace, minutes: float) -> list[str]:
    """Have synthetic voices say sentences without a keyword, to fit thresholds to; finished ones are kept.

    Returns
    -------
    WAV files of about so many minutes in all; none where the settings or the language have no voices.
    """
    from datasets.speech import SyntheticUtterance, is_slow, speak_to_files

    drawn = other_speakers(ws, _FITTING_SEED, _SPEAKERS) if minutes else []
    speakers = [speaker for speaker in drawn if not is_slow(speaker)] or drawn
    if not speakers:
        return []
    lines: list[SyntheticUtterance] = []
    seconds = 0.0
    for number, sentence in enumerate(_endless(ws)):
        if seconds >= minutes * 60:
            break
        lines.append(SyntheticUtterance(sentence, speakers[number % len(speakers)]))
        seconds += lines[-1].seconds
    return [str(path) for path in speak_to_files(lines, ws.keyword / "fitting", alone=True)]


def _endless(ws: Workspace) -> Iterator[str]:
    """Yield sentences without a keyword; none where the workspace and the language have no other ones."""
    rng = np.random.default_rng([ws.settings.keyword.seed, _FITTING_SEED])
    while True:
        drawn: Sequence[str] = [s for s in negative_sentences(ws, 500, rng) if not _holds_keyword(ws, s)]
        if not drawn:
            return
        yield from drawn


def _holds_keyword(ws: Workspace, text: str) -> bool:
    return any(f" {normal_word(word)} " in f" {normal_word(text)} " for word in ws.settings.keyword.words)
