"""The grammar decoder against kaldi-decoder, over a graph that OpenFST composes of CTC's topology and the sentences."""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np
import pytest

from asr.runtime.decoder import Decoder
from lm.grammar import compile_grammar
from tests.small_grammars import SMALL, random_cases

WHY = "kaldifst and kaldi-decoder have no wheel here"
kaldifst = pytest.importorskip("kaldifst", reason=WHY)
kaldi_decoder = pytest.importorskip("kaldi_decoder", reason=WHY)

GRAMMARS = 1000
WIDE = 1e6  # beam; nothing is pruned
BLANK = SMALL.size + 1  # labels of a graph are those of the network plus 1: 0 is epsilon


def arc(ilabel: int, olabel: int, state: int) -> Any:
    return kaldifst.StdArc(ilabel, olabel, kaldifst.TropicalWeight(0.0), state)


@cache
def topology() -> Any:
    """Return CTC's topology: a state after a blank, and one for each label."""
    fst = kaldifst.StdVectorFst()
    for state in range(SMALL.size + 1):
        assert fst.add_state() == state
        fst.set_final(state, 0.0)
    fst.start = 0
    for state in range(SMALL.size + 1):
        fst.add_arc(state, arc(BLANK, 0, 0))
        for label in range(1, SMALL.size + 1):
            fst.add_arc(state, arc(label, 0 if label == state else label, label))
    kaldifst.arcsort(fst, sort_type="olabel")
    return fst


def letters(sentences: list[str]) -> Any:
    """Return the minimal acceptor of the sentences' letters."""
    fst = kaldifst.StdVectorFst()
    fst.start = fst.add_state()
    for sentence in sentences:
        state = fst.start
        for label in SMALL.encode(sentence):
            following = fst.add_state()
            fst.add_arc(state, arc(int(label) + 1, int(label) + 1, following))
            state = following
        fst.set_final(state, 0.0)
    found = kaldifst.determinize(fst)
    kaldifst.minimize(found)
    kaldifst.arcsort(found, sort_type="ilabel")
    return found


def oracle(sentences: list[str], frames: np.ndarray) -> tuple[str, float] | None:
    """Return kaldi-decoder's sentence and its log-probability; None where none fits into the frames."""
    graph = kaldifst.compose(topology(), letters(sentences))
    if graph.start < 0:
        return None
    decoder = kaldi_decoder.FasterDecoder(graph, kaldi_decoder.FasterDecoderOptions(beam=WIDE))
    decoder.decode(kaldi_decoder.DecodableCtc(np.ascontiguousarray(frames, np.float32)))
    if not decoder.reached_final():
        return None
    found, path = decoder.get_best_path(use_final_probs=True)
    assert found
    fine, _, labels, weight = kaldifst.get_linear_symbol_sequence(path)
    assert fine
    return "".join(SMALL.labels[label - 1] for label in labels), -(weight.value1 + weight.value2)


@pytest.mark.parametrize("part", range(4))
def test_sentence_and_score_are_those_of_kaldi_decoder(part: int) -> None:
    spoken = 0
    for templates, sentences, frames in random_cases(200 + part, GRAMMARS // 4):
        decoder = Decoder(compile_grammar(templates, SMALL))
        decoder.accept(frames)
        found, expected = decoder.best(), oracle(sentences, frames)
        assert (found is None) == (expected is None)
        if found is not None and expected is not None:
            spoken += 1
            assert found.meaning.text == expected[0]
            assert found.score == pytest.approx(expected[1], abs=1e-4)
    assert spoken > 150
