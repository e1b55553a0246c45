"""A household's areas, devices and scenes, as Home Assistant names them, in lists of spoken names and sentences."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from asr.core.alphabet import Alphabet
from lm.foreign import Words, speak

FOLDER = "home-assistant"  # of the lists, beside sentences.txt
MARK = "# Written by `asr import home-assistant`, which replaces this file."
LONGEST = 100  # characters of a name

# Domains of Home Assistant, and the slot whose values are the names of their entities.
KINDS = {"light": "light", "switch": "switch", "cover": "cover", "climate": "climate", "scene": "scene"}
_LIGHT_AREA = "light_area"
# Names of these follow the same words, so that none may stand for two things.
_SHARING = ("light", "switch", "scene")

_HEAD = """\
# Sentences for the names in {folder}/, which `asr import home-assistant` wrote. This file is yours to change.
# Intents and slots are Home Assistant's own: with the Wyoming integration they need no automation.
"""
# Intent, sentence, and the slot without which the sentence is left out.
_SENTENCES = (
    ("HassTurnOn", "(turn|switch) on [the] {light:name}", "light"),
    ("HassTurnOn", "(turn|switch) [the] {light:name} on", "light"),
    ("HassTurnOn", "(turn|switch) on [all] the {all_lights:domain} in the {light_area:area}", _LIGHT_AREA),
    ("HassTurnOn", "(turn|switch) on [the] {switch:name}", "switch"),
    ("HassTurnOn", "(turn|switch) [the] {switch:name} on", "switch"),
    ("HassTurnOn", "(open|raise) [the] {cover:name}", "cover"),
    ("HassTurnOn", "(activate|start|turn on) [the] {scene:name} [scene]", "scene"),
    ("HassTurnOff", "(turn|switch) off [the] {light:name}", "light"),
    ("HassTurnOff", "(turn|switch) [the] {light:name} off", "light"),
    ("HassTurnOff", "(turn|switch) off [all] the {all_lights:domain} in the {light_area:area}", _LIGHT_AREA),
    ("HassTurnOff", "(turn|switch) off [the] {switch:name}", "switch"),
    ("HassTurnOff", "(turn|switch) [the] {switch:name} off", "switch"),
    ("HassTurnOff", "(close|lower) [the] {cover:name}", "cover"),
    ("HassLightSet", "(set|dim) [the] {light:name} to {0..100,5:brightness} percent", "light"),
    ("HassClimateSetTemperature", "set [the] {climate:name} to {10..30:temperature} [degrees]", "climate"),
)


@dataclass(frozen=True)
class Named:
    """An entity or an area.

    Attributes
    ----------
    id : Home Assistant's: "light.hall", or "living_room" of an area.
    names : what it is called: its name and its aliases.
    area : id of the area that an entity is in; "" where it is in none.
    """

    id: str
    names: tuple[str, ...]
    area: str = ""

    @property
    def domain(self) -> str:
        """What kind of entity it is; "" of an area."""
        return self.id.partition(".")[0] if "." in self.id else ""


@dataclass(frozen=True)
class Lists:
    """What is written into a workspace.

    Attributes
    ----------
    files : the content of each list, by its name beside sentences.txt.
    sentences : the content of a sentences.txt that uses them; "" where no name can be said.
    counts : names of each list, by slot.
    left_out : names that are in no list, a line each with the reason.
    """

    files: dict[str, str]
    sentences: str
    counts: dict[str, int]
    left_out: tuple[str, ...]


def make_lists(entities: list[Named], areas: list[Named], alphabet: Alphabet, language: str = "en") -> Lists:
    """Return the lists of a household and sentences that use them.

    A value is what Home Assistant calls the thing, whatever the name: `hall lamp:light.hall`.

    Parameters
    ----------
    entities : those that may be spoken to.
    areas : all; those without a light are not listed.
    """
    left_out: list[str] = []
    lit = {entity.area for entity in entities if entity.domain == "light"}
    groups = {slot: [entity for entity in entities if entity.domain == domain] for domain, slot in KINDS.items()}
    groups[_LIGHT_AREA] = [area for area in areas if area.id in lit]
    spoken = {slot: list(_spoken(group, alphabet, language, left_out)) for slot, group in groups.items()}
    owners: dict[tuple[str, str], set[str]] = {}
    for slot, pairs in spoken.items():
        for said, thing in pairs:
            owners.setdefault((_scope(slot), said), set()).add(thing.id)
    lists: dict[str, list[str]] = {}
    for slot, pairs in spoken.items():
        kept = [(said, thing) for said, thing in pairs if len(owners[_scope(slot), said]) == 1]
        if kept:
            lists[slot] = [f"{said}:{thing.id}" for said, thing in sorted(kept, key=lambda pair: pair[0])]
    for (_, said), ids in owners.items():
        if len(ids) > 1:
            left_out.append(f"{said!r} is the name of {' and '.join(sorted(ids))}: give them aliases")
    files = {_path(slot): "\n".join([MARK, *lines, ""]) for slot, lines in lists.items()}
    sentences = _write_sentences(set(lists))
    return Lists(files, sentences, {slot: len(lines) for slot, lines in lists.items()}, tuple(left_out))


def _spoken(group: list[Named], alphabet: Alphabet, language: str, left_out: list[str]) -> Iterator[tuple[str, Named]]:
    """Yield what is said for each thing; note the names that cannot be said."""
    for thing in group:
        if not thing.names:
            left_out.append(f"{thing.id} has no name")
        seen = set()
        for name in thing.names:
            found = speak(name, alphabet, language)
            said = " ".join(found.said.split()) if isinstance(found, Words) else ""
            if said in seen and said:
                continue
            seen.add(said)
            if len(name) > LONGEST:
                left_out.append(f"{thing.id}: its name has {len(name)} characters, and {LONGEST} is the most")
            elif found.lack or not said:
                reason = found.lack or f"{name!r} has no letter"
                left_out.append(f"{thing.id}: {reason}: give it an alias in letters")
            else:
                yield said, thing


def _scope(slot: str) -> str:
    return "name" if slot in _SHARING else slot


def _path(slot: str) -> str:
    return f"{FOLDER}/{slot}.txt"


def _write_sentences(slots: set[str]) -> str:
    """Return a sentences.txt that uses lists of these slots."""
    lines: list[str] = []
    intent = ""
    for name, sentence, slot in _SENTENCES:
        if slot not in slots:
            continue
        if name != intent:
            intent = name
            lines += ["", f"[{intent}]"]
        lines.append(sentence)
    if not lines:
        return ""
    lines.append("")
    if _LIGHT_AREA in slots:
        lines.append("{all_lights} = (lights:light|lamps:light)")
    used = [slot for slot in (*KINDS.values(), _LIGHT_AREA) if slot in slots]
    lines += [f"{{{slot}}} = file:{_path(slot)}" for slot in used]
    return _HEAD.format(folder=FOLDER) + "\n".join(lines) + "\n"
