"""What a workspace's sentences.txt says: how much, for example what, and whether a sentence is in it."""

from __future__ import annotations

import numpy as np

from asr.core.errors import SentenceError
from asr.settings.workspace import Workspace
from tools.commands.steps.inputs import GrammarSentences, read_templates


def describe_sentences(ws: Workspace, count: int) -> str:
    """Return the number of sentences and words, the size of the grammar, and `count` random sentences."""
    from lm.grammar import compile_grammar

    templates = read_templates(ws)
    try:
        grammar = compile_grammar(templates, ws.alphabet)
        words, graph = len(grammar.words), f"{len(grammar.letters):,} letters"
    except SentenceError as error:
        words, graph = len(templates.words()), f"none, because {error.what}"
    intents = list(dict.fromkeys(line.intent for line in templates.lines if line.intent))
    slots = list(dict.fromkeys(slot for line in templates.lines for slot in line.node.slots))
    lines = [f"{ws.sentences}: {templates.count():,} sentences of {words:,} words"]
    if intents:
        lines.append(f"intents: {', '.join(intents)}")
    if slots:
        lines.append(f"slots: {', '.join(slots)}")
    lines.append(f"grammar graph: {graph}")
    rng = np.random.default_rng(ws.settings.sentences.seed)
    return "\n".join([*lines, *(f"  {text}" for text in dict.fromkeys(templates.sample(count, rng)))])


def look_up(ws: Workspace, text: str) -> tuple[bool, str]:
    """Return whether the templates make a sentence, and what it means or which one is near."""
    templates = read_templates(ws)
    found = templates.meaning(text)
    if found is None:
        near = GrammarSentences(templates, ws.sentences.name).nearest(text)
        return False, f"no sentence: {text!r}" + (f"; near: {near!r}" if near else "")
    lines = [f"a sentence: {found.text!r}"]
    if found.intent:
        lines.append(f"intent: {found.intent}")
    lines += [f"{name} = {value!r}" for name, value in found.slots.items()]
    return True, "\n".join(lines)


def list_alike(ws: Workspace, count: int) -> str:
    """Return the `count` pairs of words and slot values that sound most alike, with their phonemes."""
    from datasets.espeak import espeak
    from lm.alike import nearest, rivals

    groups, all_there = rivals(read_templates(ws))
    phrases = list(dict.fromkeys(phrase for group in groups for phrase in group.phrases))
    phonemes = dict(zip(phrases, espeak().phoneme_lists(phrases, voice_of(ws.settings.alphabet.language)), strict=True))
    pairs, all_compared = nearest(groups, phonemes)
    lines = [f"{len(phrases):,} words and values compared, {len(pairs):,} pairs sound alike (0: the same sound)"]
    if not (all_there and all_compared):
        lines.append("there are more words and values than these: the longest lists were not compared")
    for pair in pairs[:count]:
        said = " | ".join(" ".join(phonemes[phrase]) for phrase in (pair.first, pair.second))
        about = [*([pair.place] if pair.place else []), *(["same meaning"] if pair.alike else [])]
        note = f"  ({', '.join(about)})" if about else ""
        lines.append(f"  {pair.cost:.2f}  {pair.first} | {pair.second}   {said}{note}")
    return "\n".join(lines)


def voice_of(language: str) -> str:
    """Return espeak-ng's voice of a language."""
    from datasets.speech import spread

    # The first accent, without a variant of it.
    return "en-us" if language == "en" else spread(language)[0].split("+")[0]
