"""The grammar decoder against brute force over all sentences, and its meanings against the templates' own."""

from __future__ import annotations

import itertools
import random

import numpy as np
import pytest

from asr.core.alphabet import Alphabet
from asr.runtime.alignment import align, total_score, total_scores
from asr.runtime.alternatives import alternatives
from asr.runtime.decoder import Decoder
from asr.runtime.grammar import Grammar, GrammarError
from asr.runtime.rescoring import best_sentences
from lm.grammar import compile_grammar
from lm.sentences import Templates
from tests.small_grammars import SMALL, random_cases, random_frames, random_template


def best_alignment(frames: np.ndarray, labels: np.ndarray) -> float:
    """Return the score of the best alignment of one sentence, state by state, as the definition has it."""
    path = [len(SMALL.labels)]
    for label in labels:
        path += [int(label), len(SMALL.labels)]
    scores = [-np.inf] * len(path)
    scores[0] = float(frames[0][path[0]])
    if len(path) > 1:
        scores[1] = float(frames[0][path[1]])
    for frame in frames[1:]:
        following = []
        for place, label in enumerate(path):
            options = [scores[place]]
            if place > 0:
                options.append(scores[place - 1])
            if place > 1 and place % 2 and path[place - 2] != label:
                options.append(scores[place - 2])
            following.append(max(options) + float(frame[label]))
        scores = following
    return max(scores[-2:])


@pytest.mark.parametrize("part", range(4))
def test_the_best_of_all_sentences_is_found(part: int) -> None:
    rng = random.Random(part)
    for templates, sentences, frames in random_cases(part, 250):
        decoder = Decoder(compile_grammar(templates, SMALL))
        for chunk in np.array_split(frames, rng.randint(1, 4)):
            decoder.accept(chunk)
        found = decoder.best()
        scores = {sentence: best_alignment(frames, SMALL.encode(sentence)) for sentence in sentences}
        highest = max(scores.values())
        if highest == -np.inf:
            assert found is None
            continue
        assert found is not None
        assert found.score == pytest.approx(highest, abs=1e-4)
        assert scores[found.meaning.text] == pytest.approx(highest, abs=1e-4)


def test_meanings_are_the_templates_own() -> None:
    text = """
        <please> [turn|switch] (on|off) [the] {room} light[s]
        dim {room:where} [to {level}]
        go (back|to {room} [now])
        stop

        <please> = [please]
        {room} = (kitchen|bath room|hall[way])
        {level} = (ten|fifty [five])
    """
    alphabet = Alphabet()
    templates = Templates.parse(text, alphabet)
    grammar = compile_grammar(templates, alphabet)
    decoder = Decoder(grammar)
    for sentence in dict.fromkeys(templates):
        decoder.reset()
        decoder.accept(spoken(alphabet, sentence))
        found = decoder.best()
        assert found is not None and found.meaning.text == sentence
        assert found.meaning.slots == templates.slots(sentence), sentence


def spoken(alphabet: Alphabet, sentence: str, certain: float = 0.9) -> np.ndarray:
    """Return log-probabilities that spell a sentence, two frames a letter and a blank."""
    rows = []
    for label in alphabet.encode(sentence):
        rows += [int(label), int(label), alphabet.blank]
    found = np.full((len(rows), alphabet.size + 1), (1 - certain) / alphabet.size)
    found[np.arange(len(rows)), rows] = certain
    return np.log(found).astype(np.float32)


def test_a_graph_accepts_its_sentences_and_no_others() -> None:
    rng = random.Random(5)
    for _ in range(100):
        templates = Templates.parse(random_template(rng), SMALL)
        assert sorted(set(written(compile_grammar(templates, SMALL)))) == sorted(set(templates))


def written(grammar: Grammar, junction: int = 0, said: str = "") -> list[str]:
    """Return all sentences of a graph, read from its arrays."""
    found = [said] if grammar.final_marks[junction] >= 0 else []
    root = int(grammar.spaces[junction]) if junction else len(grammar.letters)
    for state, target in zip(grammar.end_states, grammar.end_targets, strict=True):
        letters = []
        at = int(state)
        while at >= 0 and at != root and at < len(grammar.letters):
            letters.append(grammar.labels[grammar.letters[at]])
            at = int(grammar.predecessors[at])
        if at == root and root >= 0:
            word = "".join(reversed(letters))
            found += written(grammar, int(target), f"{said} {word}".strip())
    return found


def test_a_billion_sentences_stay_small() -> None:
    alphabet = Alphabet()
    rng = random.Random(3)
    lines = [" ".join(f"{{s{slot}}}" for slot in range(9))]
    for slot in range(9):
        words = ["".join(rng.choice("abcdefghijklmnopqrstuvwxyz") for _ in range(8)) for _ in range(10)]
        lines.append(f"{{s{slot}}} = ({'|'.join(words)})")
    templates = Templates.parse("\n".join(lines), alphabet)
    grammar = compile_grammar(templates, alphabet)
    assert templates.count() == 10**9
    assert len(grammar.letters) <= 9 * 10 * 8 + 9
    decoder = Decoder(grammar)
    sentence = templates.sentence(123_456_789)
    decoder.accept(spoken(alphabet, sentence))
    found = decoder.best()
    assert found is not None and found.meaning.text == sentence
    assert found.meaning.slots == templates.slots(sentence)


def test_long_speech_keeps_its_scores() -> None:
    templates = Templates.parse("ab [ab] [ab]", SMALL)
    decoder = Decoder(compile_grammar(templates, SMALL))
    frames = random_frames(np.random.default_rng(1), 5000, SMALL.size)
    for chunk in np.array_split(frames, 50):
        decoder.accept(chunk)
    found = decoder.best()
    assert found is not None
    expected = max(best_alignment(frames, SMALL.encode(text)) for text in ("ab", "ab ab", "ab ab ab"))
    assert found.score == pytest.approx(expected, rel=1e-5)


def test_times_and_totals_of_a_sentence() -> None:
    frames = spoken(SMALL, "ab ca")
    spans = align(frames, ["ab", "ca"], SMALL.labels)
    assert [(span.word, span.start, span.end) for span in spans] == [("ab", 0, 5), ("ca", 9, 14)]
    assert all(span.score == pytest.approx(0, abs=1e-6) for span in spans)
    # Against the definition: the sum over all alignments of two letters in four frames.
    frames = random_frames(np.random.default_rng(2), 4, SMALL.size)
    blank = SMALL.blank
    total = 0.0
    for path in itertools.product(range(SMALL.size + 1), repeat=4):
        collapsed = [label for label, _ in itertools.groupby(path) if label != blank]
        if collapsed == [1, 1]:
            total += float(np.exp(sum(frames[number, label] for number, label in enumerate(path))))
    assert total_score(frames, [1, 1]) == pytest.approx(np.log(total))
    assert total_score(frames, [1, 1, 1]) == -np.inf
    both = total_scores(frames, [[1, 1, 1], [1, 1], []])
    assert both == pytest.approx([-np.inf, np.log(total), float(frames[:, blank].sum())])
    assert align(frames, ["aaa"], SMALL.labels) == []


@pytest.mark.parametrize("part", range(2))
@pytest.mark.parametrize("bonus", [0.0, 0.6])
def test_the_best_and_the_second_best_of_all_sentences_are_found(part: int, bonus: float) -> None:
    for templates, sentences, frames in random_cases(100 + part, 50):
        exact = {sentence: best_alignment(frames, SMALL.encode(sentence)) for sentence in sentences}
        rewarded = {sentence: score + bonus * (len(sentence) + 1) for sentence, score in exact.items()}
        expected = [score for score in sorted(rewarded.values(), reverse=True) if np.isfinite(score)]
        grammar = compile_grammar(templates, SMALL)
        found = alternatives(grammar, frames, 4, bonus)
        assert [rewarded[one.meaning.text] for one in found[:2]] == pytest.approx(expected[:2], abs=1e-4)
        assert len({one.meaning.text for one in found}) == len(found)
        for hypothesis in found:
            assert hypothesis.score == pytest.approx(exact[hypothesis.meaning.text], abs=1e-4)
        decoder = Decoder(grammar, bonus)
        decoder.accept(frames)
        best = decoder.best()
        assert (best is None) == (not found)
        if best is not None:
            assert (best.ends, best.score) == (found[0].ends, pytest.approx(found[0].score, abs=1e-4))


def test_a_rest_that_begins_inside_a_slot_has_a_meaning() -> None:
    alphabet = Alphabet()
    templates = Templates.parse("dim {room}\n{room} = (living room|living area|bath room)", alphabet)
    found = alternatives(compile_grammar(templates, alphabet), spoken(alphabet, "dim living room"), 3)
    assert {one.meaning.text: one.meaning.slots for one in found} == {
        sentence: templates.slots(sentence) for sentence in templates
    }


def test_rescoring_orders_by_the_sum_over_all_alignments() -> None:
    generator = np.random.default_rng(6)
    templates = Templates.parse("(ab|a|b) [ac|c] [ca]", SMALL)
    grammar = compile_grammar(templates, SMALL)
    for _ in range(20):
        frames = random_frames(generator, 9, SMALL.size)
        found = best_sentences(grammar, frames, letter_bonus=0.7, candidates=30)
        # The definition: probabilities of all paths, by the sentence that they collapse to.
        expected = {text: 0.0 for text in templates}
        for text in expected:
            expected[text] = summed(frames, SMALL.encode(text)) + 0.7 * (len(text) + 1)
        values = [expected[one.meaning.text] for one in found]
        assert values == sorted(values, reverse=True)
        for one, value in zip(found, values, strict=True):
            assert one.total is not None
            assert one.total + 0.7 * (len(one.meaning.text) + 1) == pytest.approx(value, abs=1e-6)


def summed(frames: np.ndarray, labels: np.ndarray) -> float:
    """Return the logarithm of a sentence's probability, place by place, as the definition has it."""
    path = [SMALL.blank]
    for label in labels:
        path += [int(label), SMALL.blank]
    chances = [0.0] * len(path)
    chances[0], chances[1] = (float(np.exp(frames[0][path[place]])) for place in (0, 1))
    for frame in frames[1:]:
        following = []
        for place, label in enumerate(path):
            total = chances[place] + (chances[place - 1] if place else 0.0)
            if place > 1 and place % 2 and path[place - 2] != label:
                total += chances[place - 2]
            following.append(total * float(np.exp(frame[label])))
        chances = following
    return float(np.log(chances[-1] + chances[-2]))


def test_a_copy_goes_its_own_way_and_knows_what_is_missing() -> None:
    grammar, generator = compile_grammar(Templates.parse("ab c", SMALL), SMALL), np.random.default_rng(9)

    def said(text: str) -> np.ndarray:
        rows = np.full((2 * len(text), SMALL.size + 1), -9.0, np.float32)
        for place, letter in enumerate(text):
            rows[2 * place, SMALL.encode(letter)[0]] = rows[2 * place + 1, -1] = 0
        return rows

    decoder = Decoder(grammar)
    assert decoder.shortfall() == np.inf
    decoder.accept(said("ab"))
    # Of the four letters that a sentence has, one in each frame, only the first is where it was said.
    assert decoder.shortfall() == 27
    copied = decoder.copy()
    copied.accept(random_frames(generator, 12, SMALL.size))
    decoder.accept(said(" c"))
    found = decoder.best()
    assert found is not None and (found.meaning.text, found.score) == ("ab c", 0)
    assert decoder.shortfall() == 0 and not grammar.continues(found.ends[-1]) and grammar.continues(found.ends[0])


def test_alternatives_have_the_slots_of_their_sentences() -> None:
    # Slots of several words, so that the search through a word begins inside one.
    templates = Templates.parse("a {x} b {y}\n{x} = (b c a|c|a c)\n{y} = (c a b|b a)", SMALL)
    grammar, generator = compile_grammar(templates, SMALL), np.random.default_rng(8)
    for _ in range(40):
        found = alternatives(grammar, random_frames(generator, 30, SMALL.size), 6)
        assert len(found) > 1
        for hypothesis in found:
            meaning = templates.meaning(hypothesis.meaning.text)
            assert meaning is not None and hypothesis.meaning.slots == meaning.slots


def test_a_graph_survives_its_file_and_a_damaged_one_is_refused(tmp_path) -> None:
    grammar = compile_grammar(Templates.parse("ab {s}\n{s} = (c:x|a b)", SMALL), SMALL)
    path = tmp_path / "grammar.npz"
    content = grammar.to_bytes()
    path.write_bytes(content)
    found = Grammar.read(path)
    assert (found.labels, found.words, found.marks) == (grammar.labels, grammar.words, grammar.marks)
    assert written(found) == written(grammar)
    generator = np.random.default_rng(4)
    refused = 0
    for _ in range(200):
        damaged = bytearray(content)
        for place in generator.integers(0, len(damaged), 4):
            damaged[place] = int(generator.integers(256))
        path.write_bytes(bytes(damaged[: generator.integers(1, len(damaged) + 1)]))
        try:
            Grammar.read(path)
        except GrammarError as error:
            refused += 1
            assert "\n" not in str(error)
    assert refused > 150
