"""Which values a workspace ends up with: default, overridden by the preset, overridden by the file."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest

from asr.core.errors import WorkspaceError
from asr.settings.asr_toml import parse, read
from asr.settings.presets import MANY_WORDS, PRESETS, combine, preset_for, source_of
from asr.settings.sections import PRESET_NAMES
from asr.settings.template import KEYS, new_toml, render
from asr.settings.values import SECTIONS, Settings, with_values
from asr.settings.workspace import Workspace

TOML = Path("lamp/asr.toml")
EXAMPLES = Path(__file__).resolve().parents[3] / "examples"


def test_a_file_overrides_a_preset_and_a_preset_a_default() -> None:
    written = parse("[train]\nepochs = 3\n", TOML)
    settings = written.settings("words")
    assert (settings.train.epochs, settings.train.network, settings.train.batch_size) == (3, "deepspeech-conv", 16)
    assert settings.train.preset == "words"
    keys = ("epochs", "network", "batch_size", "preset")
    sources = [source_of("train", key, written.given, "words") for key in keys]
    assert sources == ["file", "preset words", "default", "number of words"]
    # A preset that the file names counts, whatever the number of words.
    named = parse('[train]\npreset = "small"\n', TOML)
    assert named.settings("words") == named.settings() == combine({}, "small")
    assert named.settings().train.epochs == 6
    assert source_of("train", "preset", named.given, "small") == "file"
    assert written.settings().train == dataclasses.replace(Settings().train, epochs=3)


def test_the_number_of_words_chooses_the_preset(tmp_path: Path) -> None:
    (tmp_path / "asr.toml").write_text("")
    assert Workspace.open(tmp_path).settings == Settings()
    for words, preset in ((0, "words"), (MANY_WORDS, "words"), (MANY_WORDS + 1, "sentences")):
        assert preset_for(words) == preset
        asked: list[Workspace] = []
        ws = Workspace.open(tmp_path, lambda ws, asked=asked, words=words: asked.append(ws) or words)
        assert ws.settings == combine({}, preset)
        # Counting needs the sentences and the alphabet, which no preset changes.
        assert asked[0].sentences == ws.sentences and asked[0].alphabet == ws.alphabet
    (tmp_path / "asr.toml").write_text('[train]\npreset = "small"\n')
    assert Workspace.open(tmp_path, lambda ws: 99).settings.train.preset == "small"


def test_presets_hold_possible_values() -> None:
    assert tuple(PRESETS) == PRESET_NAMES
    for preset in PRESETS:
        settings = combine({}, preset)
        assert parse(render(settings), TOML).settings() == settings
        for section, values in PRESETS[preset].items():
            default = getattr(Settings(), section)
            # What equals the default does not belong into a preset.
            assert all(getattr(default, key) != value for key, value in values.items()), (preset, section)


def test_faults_of_values_together_count_with_the_preset() -> None:
    wrong = parse("[augment]\nsilence = [3.0, 2.0]\n", TOML)
    with pytest.raises(WorkspaceError, match=r"asr\.toml:2: augment\.silence: expected \[lowest, highest\]"):
        wrong.settings("sentences")


@pytest.mark.parametrize("preset", ["words", "sentences"])
def test_a_new_file_is_short_and_leaves_the_preset_its_values(preset: str) -> None:
    chosen = with_values(combine({}, preset), train={"preset": "auto"}, recordings={"folder": "/far/recordings.csv"})
    text = new_toml(chosen, preset)
    lines = text.splitlines()
    keys = [line for line in lines if " = " in line.partition("  #")[0]]
    assert len(lines) <= 45 and len(keys) == sum(map(len, KEYS.values())) <= 14
    assert all("  # " in line for line in keys)
    written = parse(text, TOML)
    assert written.settings(preset) == with_values(
        combine({}, preset), recordings={"folder": "/far/recordings.csv"}
    )
    assert not {"epochs", "start_from"} & written.given["train"].keys()
    # Every line that is commented out can be put to use.
    all_set = parse(text.replace("\n# epochs", "\nepochs").replace("\n# start_from", "\nstart_from"), TOML)
    assert all_set.settings(preset) == written.settings(preset)
    assert {"epochs", "start_from"} <= all_set.given["train"].keys()


def test_the_shown_keys_exist() -> None:
    for section, keys in KEYS.items():
        assert set(keys) <= {item.name for item in dataclasses.fields(SECTIONS[section])}


@pytest.mark.parametrize("name", ["light", "english", "english-noise"])
def test_examples_set_only_what_differs(name: str) -> None:
    found = read(EXAMPLES / name / "asr.toml")
    without = combine({}, found.preset)
    for section, values in found.given.items():
        for key, value in values.items():
            assert key == "preset" or getattr(getattr(without, section), key) != value, f"{section}.{key}"
