"""Scorers in the unmodified client: it writes the words of the sentences, all of them, and no others."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from asr.client.libdeepspeech import Model
from asr.core.alphabet import Alphabet
from asr.core.errors import SetupError
from asr.core.third_party import part
from asr.settings.sections import Scorer
from lm.scorer import build
from lm.sentences import Templates
from tests.lm.tone_speech import graph, say

ENGLISH = Alphabet()
PANGRAM = "the quick brown fox jumps over the lazy dog and it's in the book"


@pytest.fixture(scope="module")
def tones(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model that understands `say`."""
    for name in ("lib/libdeepspeech.so", "bin/lmplz", "bin/build_binary"):
        try:
            part(name)
        except SetupError as error:
            pytest.skip(str(error))
    path = tmp_path_factory.mktemp("model") / "tones.pb"
    path.write_bytes(graph(ENGLISH))
    return path


@pytest.fixture
def model(tones: Path) -> Iterator[Model]:
    with Model(tones) as model:
        yield model


def enable(model: Model, folder: Path, sentences: str) -> set[str]:
    """Make a scorer of the sentences, load it, and return its words."""
    file = folder / "sentences.txt"
    file.write_text(sentences)
    built = build(file, ENGLISH, folder, Scorer(), limit=20000, seed=1)
    model.enable_scorer(built.scorer)
    return Templates.read(file, ENGLISH).words()


def hear(model: Model, text: str) -> str:
    return model.stt(say(text, ENGLISH)).strip()


def test_without_a_scorer_the_client_writes_what_is_said(model: Model) -> None:
    """So that whatever else it writes below is the scorer's doing."""
    for text in (PANGRAM, "aa bb zz ''", "qzx", "turn of the lite"):
        assert hear(model, text) == text


@pytest.mark.parametrize(
    ("sentences", "beside"),
    [
        ("zero\none\ntwo\nthree\nfour\nfive\nsix\nseven\neight\nnine", {"ony": "one", "sevem": "seven"}),
        ("yes", {"yas": "yes"}),
        ("turn (on|off) the light\nswitch (on|off) the light", {"turn of the lite": "turn off the light"}),
        ("a\nan", {}),
    ],
)
def test_the_words_are_accepted_and_others_are_not(
    model: Model, tmp_path: Path, sentences: str, beside: dict[str, str]
) -> None:
    words = enable(model, tmp_path, sentences)
    for sentence in Templates.parse(sentences, ENGLISH):
        assert hear(model, sentence) == sentence
    for word in words:
        assert hear(model, word) == word
    for said, heard in beside.items():
        assert hear(model, said) == heard
    for said in ("hello world", "qzx", PANGRAM):
        assert words.issuperset(hear(model, said).split())


def test_a_real_grammar_is_heard(model: Model, tmp_path: Path, shared_data: Path) -> None:
    grammar = (shared_data / "coffee" / "grammar.txt").read_text()
    words = enable(model, tmp_path, grammar)
    for word in sorted(words):
        assert hear(model, word) == word
    for sentence in Templates.parse(grammar, ENGLISH).expand(100, seed=5)[::10]:
        assert hear(model, sentence) == sentence


def test_a_long_list_of_words_is_searched_right(model: Model, tmp_path: Path) -> None:
    """Some states have more arcs than the client's matcher looks through one by one."""
    letters = ENGLISH.labels[1:27]
    words = [first + second + "a" * (n % 3) for first in letters for n, second in enumerate(letters)]
    enable(model, tmp_path, "\n".join(words))
    for word in words[::23]:
        assert hear(model, word) == word
