"""asr.toml, read back as it was written, and the errors of a wrong one."""

from __future__ import annotations

import dataclasses
import typing
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from asr.core.errors import WorkspaceError
from asr.settings import asr_toml
from asr.settings.asr_toml import from_record, parse, read
from asr.settings.template import render
from asr.settings.values import Settings, with_values

tomllib = asr_toml.tomllib  # Python 3.10 has it under another name
TOML = Path("lamp/asr.toml")


def effective(text: str) -> Settings:
    return parse(text, TOML).settings()


def test_a_file_with_every_value_comes_back() -> None:
    text = render(Settings())
    assert tomllib.loads(text) == Settings().as_dict()
    assert effective(text) == effective("") == Settings()


def other_value(item: dataclasses.Field, kind: object, value: object) -> object:
    """Return a possible value that is not the default."""
    if kind is bool:
        return not value
    if item.metadata["choices"] and kind is str:
        return item.metadata["choices"][-1]
    if kind is str:
        return 'a "quoted" \\ path/\u00e4 #1'
    if kind in (int, float):
        top, least = item.metadata["maximum"], item.metadata["minimum"]
        return kind(value + 1 if top is None or value + 1 <= top else (value + (least or 0)) / 2)
    (item_kind, _) = typing.get_args(kind)
    if item_kind is str:
        return (item.metadata["choices"] or ("it's", "b"))[:2]
    return tuple(item_kind(one) for one in reversed([value[-1]] * len(value)))


@pytest.mark.parametrize("section", [item.name for item in dataclasses.fields(Settings)])
def test_changed_values_come_back(section) -> None:
    default = getattr(Settings(), section)
    hints = typing.get_type_hints(type(default))
    values = {
        item.name: other_value(item, hints[item.name], getattr(default, item.name))
        for item in dataclasses.fields(default)
    }
    if section == "split":
        values |= {"train": 0.5, "dev": 0.25, "test": 0.25}
        values |= {"train_speakers": ("a b",), "dev_speakers": ("c",), "test_speakers": ('"',)}
    if section == "alphabet":
        values["labels"] = " \u00e4\u00df'\"\\#"
    changed = with_values(Settings(), **{section: values})
    assert changed != Settings()
    assert effective(render(changed)) == changed
    assert tomllib.loads(render(changed)) == changed.as_dict()
    assert from_record(changed.as_dict(), TOML) == changed


@given(st.text(max_size=30), st.floats(-80, -6), st.integers(0, 2**32 - 1))
def test_any_text_and_number_comes_back(text, number, seed) -> None:
    changed = with_values(
        Settings(), sentences={"file": text, "seed": seed}, recordings={"silence_db": number}
    )
    try:
        text.encode()
    except UnicodeEncodeError:
        return
    assert effective(render(changed)) == changed


@pytest.mark.parametrize(
    ("text", "line", "what"),
    [
        ("[train]\nepoch = 3\n", 2, r"unknown key 'epoch' in \[train\].*Did you mean 'epochs'\?"),
        ("\n\n[trian]\nepochs = 3\n", 3, r"unknown section 'trian'.*Did you mean 'train'\?"),
        ("epochs = 3\n", 1, r"unknown key 'epochs'. It belongs below \[train\]"),
        ("[scorer]\nspeed = 3\n", 2, r"unknown key 'speed' in \[scorer\]. It belongs below \[voices\] or \[augment\]"),
        ("qqqq = 3\n", 1, r"unknown key 'qqqq'. The sections are sentences, alphabet"),
        ("[train]\nzzzzzzzz = 3\n", 2, r"unknown key 'zzzzzzzz'.*`asr settings --all` prints"),
        ("train = 3\n", 1, r"'train' is a section. Write \[train\]"),
        ('[keyword]\nseed = 1\nwords = ["on", "on"]\n', 3, r"keyword.words: 'on' is there twice"),
        ('[keyword]\nwords = ["Smart mirror", "smart_mirror"]\n', 2, r"keyword.words: 'Smart mirror' is there twice"),
        ('[keyword]\nwords = ["silence"]\n', 2, r"keyword.words: 'silence' cannot be a word here"),
        ('[keyword]\nwords = ["Unknown"]\n', 2, r"keyword.words: 'Unknown' cannot be a word here"),
        ("[keyword]\nwords = []\n", 2, r"keyword.words: names no word"),
        ("[keyword]\nnoise_above = [9.0, 3.0]\n", 2, r"keyword.noise_above: expected \[lowest, highest\]"),
        ("[[train]]\nepochs = 3\n", 1, r"'train' is a section"),
        ('[train]\n\nepochs = "3"\n', 3, 'train.epochs: expected a whole number, found "3"'),
        ("[train]\nepochs = 3.5\n", 2, "expected a whole number, found 3.5"),
        ("[train]\nepochs = true\n", 2, "expected a whole number, found true"),
        ("[train]\nepochs = 2026-01-01\n", 2, "expected a whole number, found"),
        ("[train]\ndropout = false\n", 2, "train.dropout: expected a number, found false"),
        ("[train]\nnormalise = 1\n", 2, "train.normalise: expected true or false, found 1"),
        ("[train]\nnetwork = 1\n", 2, "train.network: expected text in quotes, found 1"),
        ('[train]\nfreeze = "layer_1"\n', 2, r"train.freeze: expected a list \[...\], found 'layer_1'"),
        ("[train]\nfreeze = [1]\n", 2, "train.freeze: expected text in quotes, found 1"),
        ("[train]\nepochs = 0\n", 2, "train.epochs: 0 is below the least possible value, 1"),
        ("[split]\ntrain = -0.1\n", 2, "split.train: -0.1 is below the least possible value, 0"),
        ("[recordings]\nmargin = 6\n", 2, "recordings.margin: 6.0 is above the greatest possible value, 5 s"),
        ("[scorer]\nprune = [0, -1]\n", 2, "scorer.prune: -1 is below"),
        ("[train]\ndropout = nan\n", 2, "train.dropout: expected a finite number, found nan"),
        ("[train]\ngradient_norm = inf\n", 2, "train.gradient_norm: expected a finite number, found inf"),
        ("[train]\nlearning_rate = -inf\n", 2, "expected a finite number, found -inf"),
        ('[train]\nnetwork = "transformer"\n', 2, "'transformer' is none of deepspeech, deepspeech-conv"),
        ('[voices]\nuse = "Never"\n', 2, "'Never' is none of if-needed, mix, never"),
        ('[augment]\nnoise_kinds = ["pink", "violet"]\n', 2, "augment.noise_kinds: 'violet' is none of"),
        ("[split]\ndev = 0.3\ntest = 0.3\n", 1, "split.train: train, dev and test add up to 1.3, not 1"),
        ("[split]\ntrain = 0.9\n", 2, "split.train: train, dev and test add up to 1.2, not 1"),
        (
            '[split]\ntrain_speakers = ["a", "b"]\ntest_speakers = ["c", "a"]\n',
            3,
            "split.test_speakers: speaker 'a' is named twice. A speaker belongs to one split",
        ),
        ('[split]\ndev_speakers = ["a", "a"]\n', 2, "split.dev_speakers: speaker 'a' is named twice"),
        ('[alphabet]\nlabels = ""\n', 2, "alphabet.labels: needs at least one character"),
        ('[alphabet]\nlabels = " aab"\n', 2, "alphabet.labels: .* none of them twice"),
        ('[alphabet]\nlabels = "abc"\n', 2, "alphabet.labels: has no space"),
        ('[alphabet]\nlabels = " a\\n"\n', 2, "alphabet.labels: holds a character that cannot be printed"),
        ("[voices]\nspeed = [200, 100]\n", 2, r"voices.speed: expected \[lowest, highest\]"),
        ("[voices]\npitch = [20]\n", 2, r"voices.pitch: expected \[lowest, highest\], found \[20.0\]"),
        ("[augment]\n# no\nspeed = [1.2, 0.9]\n", 3, r"augment.speed: expected \[lowest, highest\]"),
        ("[augment]\ngain = [1, 2, 3]\n", 2, r"augment.gain: expected \[lowest, highest\]"),
        ("[recordings]\nshortest = 3\nlongest = 2\n", 2, "recordings.shortest: is above recordings.longest"),
        ("[train]\nepochs = \n", 2, "this is not TOML: Invalid value"),
        ("[train]\nepochs = 1\nepochs = 2\n", 3, "this is not TOML: Cannot overwrite a value"),
        ("[train\nepochs = 1\n", 1, "this is not TOML"),
        ('[train]\nnetwork = """deep\nspeech\n', 3, "this is not TOML: Unterminated string"),
        ("train.epochs = 0\n", 1, "train.epochs: 0 is below"),
        ("train = { n_hidden = 16, epochs = 0 }\n", 1, "train.epochs: 0 is below"),
        ("[train]\n'epochs' = 0\n", 2, "train.epochs: 0 is below"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_named_with_its_line(text, line, what) -> None:
    with pytest.raises(WorkspaceError, match=what) as caught:
        effective(text)
    assert str(caught.value).startswith(f"{TOML}:{line}: ")
    assert "\n" not in str(caught.value)
    assert caught.value.fix


def test_files_that_are_no_text(tmp_path) -> None:
    path = tmp_path / "asr.toml"
    with pytest.raises(WorkspaceError, match=f"{path}: no such file. Make a workspace with: asr init {tmp_path}"):
        read(path)
    path.write_bytes(b"[train]\n\xff\xfe")
    with pytest.raises(WorkspaceError, match="not UTF-8"):
        read(path)
    path.write_bytes(b"\xef\xbb\xbf[train]\nepochs = 4\n")
    assert read(path).settings().train.epochs == 4
    path.unlink()
    path.mkdir()
    with pytest.raises(WorkspaceError, match="cannot be read: Is a directory"):
        read(path)


def test_a_record_of_impossible_values_is_refused() -> None:
    record = Settings().as_dict()
    record["train"]["epochs"] = "many"
    with pytest.raises(WorkspaceError, match=r"train\.epochs: expected a whole number"):
        from_record(record, TOML)
