"""What a workspace's sentences.txt says: how much, for example what, and whether a sentence is in it."""

from __future__ import annotations

from difflib import get_close_matches

import numpy as np

from asr.settings.workspace import Workspace
from tools.commands.steps.inputs import read_templates

NEAREST = 5000  # sentences among which the nearest is looked for


def describe_sentences(ws: Workspace, count: int) -> str:
    """Return the number of sentences and words, the size of the grammar, and `count` random sentences."""
    from lm.grammar import compile_grammar

    templates = read_templates(ws)
    grammar = compile_grammar(templates, ws.alphabet)
    intents = list(dict.fromkeys(line.intent for line in templates.lines if line.intent))
    slots = list(dict.fromkeys(slot for line in templates.lines for slot in line.node.slots))
    lines = [f"{ws.sentences}: {templates.count():,} sentences of {len(grammar.words):,} words"]
    if intents:
        lines.append(f"intents: {', '.join(intents)}")
    if slots:
        lines.append(f"slots: {', '.join(slots)}")
    lines.append(f"grammar graph: {len(grammar.letters):,} letters")
    rng = np.random.default_rng(ws.settings.sentences.seed)
    return "\n".join([*lines, *(f"  {text}" for text in dict.fromkeys(templates.sample(count, rng)))])


def look_up(ws: Workspace, text: str) -> tuple[bool, str]:
    """Return whether the templates make a sentence, and what it means or which one is near."""
    templates = read_templates(ws)
    found = templates.meaning(text)
    if found is None:
        near = get_close_matches(text, templates.expand(NEAREST, 1), n=1, cutoff=0.4)
        return False, f"no sentence: {text!r}" + (f"; near: {near[0]!r}" if near else "")
    lines = [f"a sentence: {found.text!r}"]
    if found.intent:
        lines.append(f"intent: {found.intent}")
    lines += [f"{name} = {value!r}" for name, value in found.slots.items()]
    return True, "\n".join(lines)
