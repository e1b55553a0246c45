"""KenLM's programs, held to the definition of what they make and to what DeepSpeech's decoder reads of it."""

from __future__ import annotations

import json
import math
import os
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

from asr.core.alphabet import Alphabet
from asr.core.errors import ScorerError, SetupError
from asr.core.third_party import part
from asr.settings.sections import Scorer
from lm import kenlm
from lm.scorer import build
from lm.sentences import Templates

GRAMMAR = """\
(turn|switch) (on|off) [the] {room} light [please]
open [the] {room} (door|window) and (turn|switch) (on|off) [the] light
stop
{room} = (kitchen|bath room|hall|cellar|living room)
"""
ONE_WORD = "zero\none\ntwo\nthree\n"
# An n-gram of an ARPA file: log10 of its probability, and of the weight of backing off from it.
Ngrams = dict[tuple[str, ...], tuple[float, float]]


def needed(name: str) -> Path:
    try:
        return part(name)
    except SetupError as error:
        pytest.skip(str(error))


@pytest.fixture(scope="module", autouse=True)
def programs() -> None:
    for name in ("bin/lmplz", "bin/build_binary"):
        needed(name)


def write_sentences(folder: Path, grammar: str = GRAMMAR) -> Path:
    path = folder / "text.txt"
    path.write_text("".join(f"{sentence}\n" for sentence in Templates.parse(grammar, Alphabet())))
    return path


def read_arpa(path: Path) -> list[Ngrams]:
    orders: list[Ngrams] = []
    for line in path.read_text().splitlines():
        if line.endswith("-grams:"):
            orders.append({})
        elif "\t" in line:
            chance, ngram, *backoff = line.split("\t")
            orders[-1][tuple(ngram.split())] = float(chance), float(backoff[0]) if backoff else 0.0
    return orders


def log_chance(orders: list[Ngrams], history: tuple[str, ...], word: str) -> float:
    """Return log10 P(word | history) by Katz's rule: back off until an n-gram is found."""
    ngram = (*history, word)[-len(orders) :]
    found = orders[len(ngram) - 1].get(ngram)
    if found:
        return found[0]
    history = ngram[:-1]
    return orders[len(history) - 1].get(history, (0.0, 0.0))[1] + log_chance(orders, history[1:], word)


def test_ngrams_are_those_of_the_sentences_less_the_pruned(tmp_path: Path) -> None:
    text = write_sentences(tmp_path)
    kenlm.estimate(text, tmp_path / "lm.arpa", order=5, prune=(0, 0, 1), discount_fallback=True)
    orders = read_arpa(tmp_path / "lm.arpa")
    padded = [("<s>", *sentence.split(), "</s>") for sentence in text.read_text().splitlines()]
    for order, ngrams in enumerate(orders, 1):
        counts = Counter(words[i : i + order] for words in padded for i in range(len(words) - order + 1))
        expected = {ngram for ngram, count in counts.items() if count > (1 if order >= 3 else 0)}
        assert set(ngrams) - {("<unk>",)} == expected


def test_chances_add_up_to_one(tmp_path: Path) -> None:
    path = write_sentences(tmp_path)
    kenlm.estimate(path, tmp_path / "lm.arpa", order=5, prune=(0, 0, 1), discount_fallback=True)
    orders = read_arpa(tmp_path / "lm.arpa")
    words = [word for (word,) in orders[0] if word != "<s>"]
    for text in ("", "<s>", "turn on", "the bath", "<s> turn on the", "stop open"):
        history = tuple(text.split())
        total = sum(10 ** log_chance(orders, history, word) for word in words)
        assert total == pytest.approx(1, abs=1e-4), history


def test_the_decoder_reads_the_chances_that_the_binary_was_made_of(tmp_path: Path) -> None:
    """DeepSpeech's own decoder is the reference, and quantisation to 8 bits what it may differ by."""
    python = needed("reference/bin/python")
    (tmp_path / "sentences.txt").write_text(GRAMMAR)
    built = build(tmp_path / "sentences.txt", Alphabet(), tmp_path, Scorer(look_ahead=False), limit=1000, seed=1)
    (tmp_path / "alphabet.txt").write_text(Alphabet().as_text())
    text = write_sentences(tmp_path)
    kenlm.estimate(text, tmp_path / "lm.arpa", order=5, prune=(0, 0, 1), discount_fallback=True)
    orders = read_arpa(tmp_path / "lm.arpa")
    ngrams = [
        ["<s>", *sentence.split()][: length + 1]
        for sentence in text.read_text().splitlines()[::7]
        for length in range(1, 5)
    ]
    script = """if True:
        import json, sys
        from ds_ctcdecoder import Alphabet, Scorer
        scorer = Scorer(1.0, 0.0, sys.argv[1], Alphabet(sys.argv[2]))
        ngrams = json.load(sys.stdin)
        chances = [scorer.get_log_cond_prob([w.encode() for w in n[1:]], True, False) for n in ngrams]
        print(json.dumps({"order": scorer.get_max_order(), "chances": chances}))
    """
    done = subprocess.run(
        [python, "-c", script, built.scorer, tmp_path / "alphabet.txt"],
        input=json.dumps(ngrams),
        capture_output=True,
        text=True,
        check=True,
    )
    heard = json.loads(done.stdout)
    assert heard["order"] == 5
    for ngram, chance in zip(ngrams, heard["chances"], strict=True):
        expected = log_chance(orders, tuple(ngram[:-1]), ngram[-1]) * math.log(10)
        assert chance == pytest.approx(expected, abs=0.02), ngram


def test_words_are_in_the_order_of_generate_lm() -> None:
    words, total = kenlm.count_words(["b a", "a c", "c d"], top_k=3)
    assert (words, total) == (["a", "c", "b"], 4)


def test_filtering_what_is_all_in_the_vocabulary_changes_nothing(tmp_path: Path) -> None:
    """What `build` leaves out of DeepSpeech's steps makes no difference to the binary."""
    needed("bin/filter")
    text = write_sentences(tmp_path)
    arpa, filtered = tmp_path / "lm.arpa", tmp_path / "filtered.arpa"
    kenlm.estimate(text, arpa, order=5, prune=(0, 0, 1), discount_fallback=True)
    kenlm.restrict(arpa, filtered, kenlm.count_words(text.read_text().splitlines(), 1000)[0])
    for source in (arpa, filtered):
        kenlm.pack(source, source.with_suffix(".binary"), a_bits=255, q_bits=8)
    assert arpa.with_suffix(".binary").read_bytes() == filtered.with_suffix(".binary").read_bytes()


def test_rare_words_go_with_all_their_ngrams(tmp_path: Path) -> None:
    needed("bin/filter")
    text = write_sentences(tmp_path)
    arpa, filtered = tmp_path / "lm.arpa", tmp_path / "filtered.arpa"
    kenlm.estimate(text, arpa, order=3, prune=(0,), discount_fallback=True)
    kenlm.restrict(arpa, filtered, ["turn", "on", "the", "light"])
    kept = {"turn", "on", "the", "light", "<s>", "</s>", "<unk>"}
    for whole, rest in zip(read_arpa(arpa), read_arpa(filtered), strict=True):
        assert rest.keys() == {ngram for ngram in whole if kept.issuperset(ngram)}


@pytest.mark.parametrize("order", [2, 3, 4, 5, 6])
@pytest.mark.parametrize("grammar", [ONE_WORD, "yes", GRAMMAR])
def test_every_order_is_built_of_short_sentences_too(tmp_path: Path, order: int, grammar: str) -> None:
    text = write_sentences(tmp_path, grammar)
    kenlm.estimate(text, tmp_path / "lm.arpa", order=order, prune=(0, 0, 1), discount_fallback=True)
    kenlm.pack(tmp_path / "lm.arpa", tmp_path / "lm.binary", a_bits=255, q_bits=8)
    assert len(read_arpa(tmp_path / "lm.arpa")) == order
    # No temporary file of the programs' stays behind.
    assert {path.name for path in tmp_path.iterdir()} == {"text.txt", "lm.arpa", "lm.binary"}


def test_without_fallback_lmplz_says_what_to_do(tmp_path: Path) -> None:
    text = write_sentences(tmp_path, ONE_WORD)
    says = r"lmplz failed: Could not calculate.*discount_fallback = true"
    with pytest.raises(ScorerError, match=says) as caught:
        kenlm.estimate(text, tmp_path / "lm.arpa", order=5, prune=(0, 0, 1), discount_fallback=False)
    assert "\n" not in str(caught.value)
    assert [path.name for path in tmp_path.iterdir()] == ["text.txt"]


def test_settings_that_kenlm_refuses_are_errors_in_its_words(tmp_path: Path) -> None:
    text = write_sentences(tmp_path)
    with pytest.raises(ScorerError, match="non-decreasing"):
        kenlm.estimate(text, tmp_path / "lm.arpa", order=5, prune=(0, 2, 1), discount_fallback=True)
    kenlm.estimate(text, tmp_path / "lm.arpa", order=3, prune=(0,), discount_fallback=True)
    with pytest.raises(ScorerError, match="at most 25 bits"):
        kenlm.pack(tmp_path / "lm.arpa", tmp_path / "lm.binary", a_bits=255, q_bits=26)
    assert not (tmp_path / "lm.binary").exists()


def test_a_full_disk_is_an_error_and_leaves_the_old_file(tmp_path: Path) -> None:
    """A limit on the size of files stands in for the disk; the child inherits it."""
    text = write_sentences(tmp_path)
    (tmp_path / "lm.arpa").write_text("old")
    child = f"""if True:
        import resource
        from pathlib import Path
        from asr.core.errors import ScorerError
        from lm import kenlm
        resource.setrlimit(resource.RLIMIT_FSIZE, (1024, 1024))
        try:
            kenlm.estimate(Path({str(text)!r}), Path({str(tmp_path / "lm.arpa")!r}), order=5, prune=(0,),
                           discount_fallback=True)
        except ScorerError as error:
            print(error)
    """
    environment = {**os.environ, "PYTHONPATH": str(Path(kenlm.__file__).parent.parent)}
    done = subprocess.run([sys.executable, "-c", child], capture_output=True, text=True, env=environment)
    assert "lmplz failed" in done.stdout and "Make room on the disk" in done.stdout, done
    assert (tmp_path / "lm.arpa").read_text() == "old"
    assert {path.name for path in tmp_path.iterdir()} == {"text.txt", "lm.arpa"}
