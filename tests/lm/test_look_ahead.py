"""An n-gram model that knows how sentences end, held to the one it was made of, and heard by the real client."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from asr.client.libdeepspeech import Model
from asr.core.alphabet import Alphabet
from asr.core.errors import ScorerError, SetupError
from asr.core.third_party import part
from asr.settings.sections import Scorer
from lm import kenlm
from lm.look_ahead import Arpa, Words, look_ahead
from lm.scorer import build
from lm.sentences import Templates
from tests.lm.scorer_reader import read_scorer
from tests.lm.tone_speech import graph, say

GRAMMAR = """\
<order> = (make me|brew|get) [a|the]
<order> (latte|mocha|coffee)
<order> (small|large) (latte|mocha|coffee) [with [a bit of] (milk|sugar|cream|honey|ice|foam|salt|rum|mint)]
stop
"""
HALF_OF_THEM_SHORT = """\
<what> = (milk|sugar|cream|honey|ice|foam|salt|rum|mint|spice|soda|jam|jelly|syrup|tea|nut)
brew a latte
brew a latte with <what> and <what>
"""


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> tuple[Arpa, Arpa]:
    """A model of GRAMMAR as it is estimated, and one that looks ahead."""
    for name in ("bin/lmplz", "bin/build_binary"):
        try:
            part(name)
        except SetupError as error:
            pytest.skip(str(error))
    folder = tmp_path_factory.mktemp("look")
    sentences = list(Templates.parse(GRAMMAR, Alphabet()))
    (folder / "text").write_text("\n".join(sentences) + "\n")
    # Pruned, so that contexts are missing and back-off matters.
    kenlm.estimate(folder / "text", folder / "plain.arpa", order=4, prune=(0, 0, 2), discount_fallback=True)
    plain = Arpa.read(folder / "plain.arpa")
    look_ahead(plain).write(folder / "pushed.arpa")
    pushed = Arpa.read(folder / "pushed.arpa")
    kenlm.pack(folder / "pushed.arpa", folder / "lm.binary", a_bits=255, q_bits=8)
    return plain, pushed


def log_chance(model: Arpa, history: Words, word: str) -> float:
    """Return log10 P(word | history) by Katz's rule."""
    history = history[max(0, len(history) - len(model.ngrams) + 1) :]
    found = model.ngrams[len(history)].get((*history, word))
    if found:
        return found[0]
    _, backoff = model.ngrams[len(history) - 1].get(history, (0.0, 0.0))
    return backoff + log_chance(model, history[1:], word)


def score(model: Arpa, sentence: str) -> float:
    """Return log10 of a sentence, its end included."""
    words = ("<s>", *sentence.split(), "</s>")
    return sum(log_chance(model, words[:index], words[index]) for index in range(1, len(words)))


def test_whole_sentences_score_as_before_but_for_a_constant(models: tuple[Arpa, Arpa]) -> None:
    plain, pushed = models
    sentences = [*Templates.parse(GRAMMAR, Alphabet()), "stop the latte", "with with", "mocha brew", "a bit"]
    differences = [score(pushed, sentence) - score(plain, sentence) for sentence in sentences]
    assert max(differences) - min(differences) < 1e-4
    # It is the likeliest sentence's.
    assert differences[0] == pytest.approx(-max(score(plain, sentence) for sentence in sentences), abs=0.2)


def test_nothing_is_likelier_than_certain(models: tuple[Arpa, Arpa]) -> None:
    plain, pushed = models
    assert [list(entries) for entries in pushed.ngrams] == [list(entries) for entries in plain.ngrams]
    words = [word for (word,) in pushed.ngrams[0] if word not in ("<s>", "<unk>")]
    contexts = [(), *(words for entries in pushed.ngrams[:-1] for words in entries if words[-1] != "</s>")]
    chances = [log_chance(pushed, context, word) for context in contexts for word in words]
    assert all(np.isfinite(chances)) and max(chances) < 1e-5
    assert all(np.isfinite(backoff) for entries in pushed.ngrams for _, backoff in entries.values())


def test_words_cost_what_the_likeliest_way_to_an_end_adds(models: tuple[Arpa, Arpa]) -> None:
    """Against the way to an end that is found by going through all of them, five words far."""
    plain, pushed = models
    words = [word for (word,) in plain.ngrams[0] if word not in ("<s>", "</s>", "<unk>")]

    def likeliest(history: Words, far: int = 5, least: float = -np.inf, so_far: float = 0.0) -> float:
        best = max(least, so_far + log_chance(plain, history, "</s>"))
        for word in words if far else ():
            cost = so_far + log_chance(plain, history, word)
            if cost > best:
                best = likeliest((*history, word), far - 1, best, cost)
        return best

    for text in ("brew a", "brew a small latte", "stop", "make me the large", "get a small mocha with a"):
        history = ("<s>", *text.split())
        expected = log_chance(plain, history, "</s>") - likeliest(history)
        assert log_chance(pushed, history, "</s>") == pytest.approx(expected, abs=0.12), text


@pytest.mark.parametrize("sentences", ["no no no no\nyes", "that is very very very very good\nthat is good"])
def test_words_that_go_in_a_circle_come_to_an_end(tmp_path: Path, sentences: str) -> None:
    try:
        part("bin/lmplz")
    except SetupError as error:
        pytest.skip(str(error))
    (tmp_path / "sentences.txt").write_text(sentences)
    for top_k in (500, 2):
        settings = Scorer(look_ahead=True, top_k=top_k)
        built = build(tmp_path / "sentences.txt", Alphabet(), tmp_path / str(top_k), settings, limit=200, seed=1)
        assert read_scorer(built.scorer).ngrams[0] > 4


def test_a_word_after_which_something_must_come_costs_what_that_costs(models: tuple[Arpa, Arpa]) -> None:
    plain, pushed = models
    words = ("<s>", "brew", "a", "small", "latte")

    def cost(model: Arpa, *more: str) -> float:
        return sum(log_chance(model, (*words, *more[:index]), more[index]) for index in range(len(more)))

    likeliest = max(
        cost(plain, "with", *rest.split(), "</s>")
        for rest in ("milk", "sugar", "a bit of milk", "a bit of sugar")
    )
    assert cost(plain, "with") > -0.3
    assert cost(pushed, "with") == pytest.approx(likeliest - log_chance(plain, words, "</s>"), abs=0.15)
    # The end costs nothing where it is the likeliest thing to come.
    assert log_chance(pushed, words, "</s>") == pytest.approx(0.0, abs=1e-4)


def test_the_client_leaves_out_a_word_that_cannot_end_a_sentence(tmp_path: Path) -> None:
    for name in ("lib/libdeepspeech.so", "bin/lmplz", "bin/build_binary"):
        try:
            part(name)
        except SetupError as error:
            pytest.skip(str(error))
    (tmp_path / "tones.pb").write_bytes(graph(Alphabet(), sharpness=0.3))
    (tmp_path / "sentences.txt").write_text(HALF_OF_THEM_SHORT)
    said = ("brew a latte wi", "brew a latte with milk and jam", "brew a latte")
    heard = {}
    for ahead in (False, True):
        settings = Scorer(look_ahead=ahead, alpha=6.0, beta=2.0)
        folder = tmp_path / str(ahead)
        built = build(tmp_path / "sentences.txt", Alphabet(), folder, settings, limit=200, seed=1, alike=True)
        with Model(tmp_path / "tones.pb") as model:
            model.enable_scorer(built.scorer)
            heard[ahead] = [model.stt(say(text, Alphabet())).strip() for text in said]
    assert heard[False] == ["brew a latte with", *said[1:]]
    assert heard[True] == ["brew a latte", *said[1:]]


def test_what_is_no_arpa_is_refused(tmp_path: Path) -> None:
    (tmp_path / "lm.arpa").write_text("\\data\\\nngram 1=1\n\n\\1-grams:\n-1\tword\t0\n\n\\end\\\n")
    with pytest.raises(ScorerError, match=r"lm\.arpa: this is no n-gram model"):
        Arpa.read(tmp_path / "lm.arpa")
