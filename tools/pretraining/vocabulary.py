"""The words of words.txt, with the plurals and verb forms that its kinds add.

    python -m tools.pretraining.vocabulary     # every word that the pretrained weights are trained on, one a line
"""

from __future__ import annotations

import re
from pathlib import Path

WORDS = Path(__file__).with_name("words.txt")
_KINDS = ("n", "v", "w")
_SHORT = re.compile(r"[^aeiou]*(?:qu)?[aeiou][bdfgklmnprtvz]")  # "stop" doubles its last letter in "stopping"
# Verbs of two syllables that are stressed on the second double it as well.
_STRESSED = frozenset(("admit", "occur", "permit", "prefer", "refer", "commit", "regret", "submit", "unplug"))
_PLURALS = {
    **{"man": "men", "woman": "women", "child": "children", "person": "people", "foot": "feet", "tooth": "teeth"},
    **{"goose": "geese", "mouse": "mice", "sheep": "sheep", "fish": "fish", "deer": "deer", "leaf": "leaves"},
    **{"knife": "knives", "wife": "wives", "thief": "thieves", "wolf": "wolves", "shelf": "shelves"},
    **{"calf": "calves", "life": "lives", "half": "halves", "scarf": "scarves", "bookshelf": "bookshelves"},
    **{"potato": "potatoes", "tomato": "tomatoes", "hero": "heroes", "echo": "echoes", "volcano": "volcanoes"},
    **{"policeman": "policemen", "fireman": "firemen", "gentleman": "gentlemen", "fisherman": "fishermen"},
    **{"scissors": "scissors", "glasses": "glasses", "series": "series", "mosquito": "mosquitoes"},
}


def topics(path: Path = WORDS) -> dict[str, tuple[str, ...]]:
    """Return the words and phrases of each topic, without repetitions.

    The plurals of a topic's nouns are a topic NAME_plurals, the forms of its verbs a topic NAME_forms.
    """
    found = {}
    for line in path.read_text(encoding="utf-8").splitlines():
        if not line.strip() or line.startswith("#"):
            continue
        head, _, body = line.partition(":")
        name, kind = head.split()
        if kind not in _KINDS:
            raise ValueError(f"{path.name}: topic {name} has the kind {kind!r}, not one of {', '.join(_KINDS)}")
        words = [word.replace("_", " ") for word in body.split()]
        if kind == "n":
            found[f"{name}_plurals"] = tuple(dict.fromkeys(plural(word) for word in words))
        if kind == "v":
            found[f"{name}_forms"] = tuple(dict.fromkeys(form for word in words for form in verb_forms(word)[1:]))
        found[name] = tuple(dict.fromkeys(words))
    return found


def vocabulary(found: dict[str, tuple[str, ...]]) -> tuple[str, ...]:
    """Return every word of the topics once, sorted; phrases are taken apart."""
    return tuple(sorted({word for phrases in found.values() for phrase in phrases for word in phrase.split()}))


def plural(noun: str) -> str:
    """Return the plural of a noun or of a phrase that ends in one."""
    start, _, last = noun.rpartition(" ")
    if last in _PLURALS:
        last = _PLURALS[last]
    elif re.search(r"(s|x|z|ch|sh)$", last):
        last += "es"
    elif re.search(r"[^aeiou]y$", last):
        last = f"{last[:-1]}ies"
    else:
        last += "s"
    return f"{start} {last}".strip()


def verb_forms(verb: str) -> tuple[str, ...]:
    """Return a regular verb with its forms in -s, -ing and -ed."""
    stem, third = verb, plural(verb) if not re.search(r"o$", verb) else f"{verb}es"
    if _SHORT.fullmatch(verb) or verb in _STRESSED:
        stem = verb + verb[-1]
    if verb.endswith("ie"):
        return verb, third, f"{verb[:-2]}ying", f"{verb}d"
    if verb.endswith("ee") or verb.endswith("oe"):
        return verb, third, f"{verb}ing", f"{verb}d"
    if verb.endswith("e"):
        return verb, third, f"{verb[:-1]}ing", f"{verb}d"
    if re.search(r"[^aeiou]y$", verb):
        return verb, third, f"{verb}ing", f"{verb[:-1]}ied"
    return verb, third, f"{stem}ing", f"{stem}ed"


def trained_words() -> list[str]:
    """Return every word of the trainings that end in the pretrained weights, sorted."""
    from asr.core.alphabet import Alphabet
    from lm.general import general_sentences
    from lm.sentences import Templates

    path = general_sentences("en")
    general = Templates.read(path, Alphabet()).words() if path else ()
    return sorted({*vocabulary(topics()), *general})


if __name__ == "__main__":
    print("\n".join(trained_words()))
