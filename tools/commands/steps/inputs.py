"""Inputs of a training, made of the user's files: sentences, clips, manifests and the scorer."""

from __future__ import annotations

from typing import TYPE_CHECKING

from asr.core.errors import SentenceError, UserError
from asr.core.files import place_in, write_bytes, write_text
from asr.core.progress import say
from asr.core.stamps import Stamp
from asr.settings.declaration import Product
from asr.settings.values import affecting
from asr.settings.workspace import SPLITS, Workspace

if TYPE_CHECKING:
    import numpy as np

    from datasets.corpus import Dataset
    from lm.sentences import Templates


NEAREST = 5000  # sentences among which the nearest is looked for
SPOKEN_SENTENCES = 2000  # sentences of the templates that synthetic voices choose from


def read_templates(ws: Workspace) -> Templates:
    """Read the workspace's sentences; SentenceError, with the line, where they are wrong."""
    from lm.sentences import Templates

    return Templates.read(ws.sentences, ws.alphabet, ws.settings.alphabet.language)


def spoken_sentences(ws: Workspace) -> list[str]:
    """Return the sentences that synthetic voices choose from: all, or a random sample of many."""
    return read_templates(ws).expand(SPOKEN_SENTENCES, ws.settings.voices.seed)


def sample_sentences(ws: Workspace, count: int, rng: np.random.Generator) -> list[str]:
    """Return at most `count` random sentences; none if sentences.txt is missing or wrong.

    A keyword model needs no sentences, so a fault in them is no error here.
    """
    if not ws.sentences.is_file():
        return []
    try:
        return read_templates(ws).sample(count, rng)
    except UserError:
        return []


def build_dataset(ws: Workspace) -> Dataset:
    """Make clips, split and manifests unless they are up to date.

    Where that fails, the account of the recordings is printed before the error.
    """
    from datasets.account import Account
    from datasets.corpus import build_manifests

    account = Account(ws.recordings, place_in(ws.root, ws.recordings))
    templates = read_templates(ws)
    spoken = templates.expand(SPOKEN_SENTENCES, ws.settings.voices.seed)
    try:
        return build_manifests(ws, spoken, GrammarSentences(templates, ws.sentences.name), account)
    except UserError:
        if account.entries:
            say("\n".join(account.lines(account_table(ws))))
        raise


def account_table(ws: Workspace) -> str:
    """Return where the account of the recordings lies, within the workspace."""
    from datasets.account import FILE_NAME

    return str((ws.clips / FILE_NAME).relative_to(ws.root))


class GrammarSentences:
    """The sentences of a workspace, for the check of transcripts; see `datasets.transcripts.Sentences`."""

    def __init__(self, templates: Templates, name: str) -> None:
        self.name = name
        self._templates = templates
        self._listed: list[str] = []

    def accepts(self, text: str) -> bool:
        """Tell whether a template derives the text."""
        return self._templates.accepts(text)

    def nearest(self, text: str) -> str:
        """Return the sentence most like a text, of a sample where there are many; "" if none is."""
        from rapidfuzz import fuzz, process

        self._listed = self._listed or self._templates.expand(NEAREST, 1)
        near = process.extractOne(text, self._listed, scorer=fuzz.ratio, score_cutoff=40)
        return str(near[0]) if near else ""


def describe(dataset: Dataset, ws: Workspace) -> str:
    """Describe the recordings and the split in words, with warnings."""
    parts = []
    for name in SPLITS:
        clips = dataset.of(name)
        speakers = len({clip.speaker for clip in clips})
        kind = " synthetic" if clips and all(clip.synthetic for clip in clips) else ""
        minutes = sum(clip.seconds for clip in clips) / 60
        parts.append(f"{name} {len(clips)} clips ({minutes:.1f} min) of {speakers}{kind} speakers")
    lines = [f"split by {dataset.by}: " + ", ".join(parts)]
    lines = [*dataset.account.lines(account_table(ws)), *lines]
    return "\n".join([*lines, *(f"warning: {remark}" for remark in dataset.remarks)])


_GRAMMAR_VERSION = 1  # raise it when the same sentences would give another graph
_SCORER_VERSION = 3  # raise it when the same sentences would give another scorer


def count_words(ws: Workspace) -> int:
    """Return the number of different words in the sentences; 0 if sentences.txt is missing or wrong.

    The steps that need the sentences report what is wrong with them.
    """
    try:
        return len(read_templates(ws).words())
    except UserError:
        return 0


def make_grammar(ws: Workspace) -> str:
    """Make the grammar graph of the runtime unless it is up to date; describe what is wrong, if anything."""
    from asr.runtime.recogniser import GRAMMAR
    from lm.grammar import compile_grammar

    path, templates = ws.device / GRAMMAR, read_templates(ws)
    stamp = Stamp(ws.export / ".grammar.stamp", templates.fingerprint(), ws.settings.alphabet.labels, _GRAMMAR_VERSION)
    if stamp.is_fresh([path]):
        return ""
    path.unlink(missing_ok=True)
    try:
        write_bytes(path, compile_grammar(templates, ws.alphabet).to_bytes())
    except SentenceError as error:
        # The client's scorer needs no graph.
        return f"warning: no grammar for the runtime: {error}"
    stamp.set()
    return ""


def make_scorer(ws: Workspace) -> str:
    """Make lm.binary, the vocabulary, kenlm.scorer and the grammar graph unless up to date; describe them."""
    lines = [_make_scorer(ws), make_grammar(ws)]
    return "\n".join(line for line in lines if line)


def _make_scorer(ws: Workspace) -> str:
    from lm.scorer import build

    chosen = ws.settings
    words = ws.export / f"vocab-{chosen.scorer.top_k}.txt"
    stamp = Stamp(
        ws.export / ".scorer.stamp",
        read_templates(ws).fingerprint(),
        affecting(chosen.as_dict(), Product.SCORER),
        _SCORER_VERSION,
    )
    if stamp.is_fresh((ws.export / "lm.binary", words, ws.scorer)):
        return f"{ws.scorer} is up to date"
    # A kill in the middle must not leave new files with the stamp of the old sentences.
    stamp.path.unlink(missing_ok=True)
    limit, seed, alike = chosen.sentences.limit, chosen.sentences.seed, chosen.sentences.alike
    language = chosen.alphabet.language
    built = build(
        ws.sentences, ws.alphabet, ws.export, chosen.scorer, limit=limit, seed=seed, alike=alike, language=language
    )
    write_text(ws.build / "alphabet.txt", ws.alphabet.as_text())
    stamp.set()
    lines = [f"{built.scorer}: {built.words} words, {built.sentences} of {built.derivations} sentences"]
    return "\n".join([*lines, *built.remarks])
