"""A household's names as lists and sentences that the template notation reads."""

from __future__ import annotations

from pathlib import Path

from asr.core.alphabet import Alphabet
from lm.household import FOLDER, MARK, Lists, Named, make_lists
from lm.sentences import Templates

ENTITIES = [
    Named("light.hall", ("Hall lamp",), "hall"),
    Named("light.bed_2", ("Bedside 2", "Reading light"), "bedroom"),
    Named("light.kitchen", ("Küche",), "kitchen"),
    Named("switch.fan", ("Fan #1",), "kitchen"),
    Named("switch.heater", ("Heater",), ""),
    Named("cover.blind", ("Blind",), "bedroom"),
    Named("climate.home", ("Thermostat",), ""),
    Named("scene.movie", ("Movie night",), ""),
]
AREAS = [Named("hall", ("Hall",)), Named("bedroom", ("Bedroom", "Bed-room")), Named("garden", ("Garden",))]


def templates(lists: Lists, folder: Path) -> Templates:
    (folder / FOLDER).mkdir(exist_ok=True)
    for name, content in lists.files.items():
        (folder / name).write_text(content)
    (folder / "sentences.txt").write_text(lists.sentences)
    return Templates.read(folder / "sentences.txt", Alphabet())


def test_every_kind_has_sentences_with_home_assistants_slots(tmp_path: Path) -> None:
    found = templates(make_lists(ENTITIES, AREAS, Alphabet()), tmp_path)
    for text, intent, slots in (
        ("turn on the hall lamp", "HassTurnOn", {"name": "light.hall"}),
        ("switch bedside two off", "HassTurnOff", {"name": "light.bed_2"}),
        ("turn off reading light", "HassTurnOff", {"name": "light.bed_2"}),
        ("turn on all the lights in the bed room", "HassTurnOn", {"domain": "light", "area": "bedroom"}),
        ("turn off the lamps in the hall", "HassTurnOff", {"domain": "light", "area": "hall"}),
        ("switch the heater on", "HassTurnOn", {"name": "switch.heater"}),
        ("open the blind", "HassTurnOn", {"name": "cover.blind"}),
        ("lower blind", "HassTurnOff", {"name": "cover.blind"}),
        ("activate movie night", "HassTurnOn", {"name": "scene.movie"}),
        ("dim the hall lamp to forty five percent", "HassLightSet", {"name": "light.hall", "brightness": "45"}),
        ("set the thermostat to twenty one degrees", "HassClimateSetTemperature",
         {"name": "climate.home", "temperature": "21"}),
    ):  # fmt: skip
        meaning = found.meaning(text)
        assert meaning is not None and (meaning.intent, meaning.slots) == (intent, slots), text
    for text in ("turn on the garden", "turn on the lights in the garden", "open the hall lamp", "turn on"):
        assert found.meaning(text) is None, text


def test_a_name_that_cannot_be_said_is_left_out_with_the_reason(tmp_path: Path) -> None:
    entities = [
        *ENTITIES, Named("light.x", ()), Named("light.y", ("…",)), Named("light.z", ("a" * 101,)),
        Named("switch.lamp", ("Lamp",)), Named("light.lamp", ("lamp",)), Named("cover.hall", ("hall lamp",)),
    ]  # fmt: skip
    lists = make_lists(entities, AREAS, Alphabet())
    told = "\n".join(lists.left_out)
    for part in (
        "light.kitchen: 'ü' in 'Küche' is not in the alphabet: give it an alias in letters",
        "switch.fan: '#' in 'Fan #1' is not in the alphabet",
        "light.x has no name",
        "light.y: '…' has no letter",
        "light.z: its name has 101 characters, and 100 is the most",
        "'lamp' is the name of light.lamp and switch.lamp: give them aliases",
    ):
        assert part in told, told
    assert len(lists.left_out) == 6
    found = templates(lists, tmp_path)
    assert found.meaning("turn on the lamp") is None
    assert found.meaning("open the hall lamp") is not None  # other words than for a light
    german = make_lists([Named("light.k", ("Lampe 2",), "")], [], Alphabet(" abcdefghijklmnopqrstuvwxyzü"), "de")
    assert "'2' in 'Lampe 2' is not in the alphabet" in german.left_out[0]


def test_what_is_absent_has_neither_list_nor_sentence(tmp_path: Path) -> None:
    lists = make_lists([Named("cover.blind", ("Blind",))], AREAS, Alphabet())
    assert lists.files == {f"{FOLDER}/cover.txt": f"{MARK}\nblind:cover.blind\n"}
    assert "light" not in lists.sentences.replace("home-assistant", "") and templates(lists, tmp_path)
    assert make_lists([], AREAS, Alphabet()).sentences == ""
