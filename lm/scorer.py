"""The .scorer package: a KenLM binary, and behind it the weights and the words.

    KenLM binary        as build_binary writes it
    int32  0x54524945   "TRIE" read as a C++ multi-character constant
    int32  6            version
    uint8               1 where labels are bytes of UTF-8, 0 where they are an alphabet's
    float64 alpha       weight of the language model
    float64 beta        bonus for each word
    ConstFst            the words; a label is the alphabet's index + 1, and every word ends with the space's

The source is Scorer::save_dictionary in native_client/ctcdecode/scorer.cpp of DeepSpeech 0.9.3.
"""

from __future__ import annotations

import shutil
import struct
import tempfile
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from asr.core.alphabet import Alphabet
from asr.core.errors import ScorerError
from asr.core.files import atomic_path, write_text
from asr.settings.sections import Scorer
from lm import kenlm
from lm.fst import read_fst, write_fst
from lm.look_ahead import Arpa, look_ahead
from lm.sentences import Templates
from lm.wordlist import Automaton, Labels, accept_only

_KENLM_MAGIC = b"mmap lm http://kheafield.com/code format version 5\n\0"
# Order, padding, probing multiplier, model type, has words, padding, search version; then an n-gram count for
# each order. They follow the magic and the values by which KenLM knows its own byte order.
_KENLM_PARAMETERS = struct.Struct("<B3xfIB3xI")
_KENLM_PARAMETERS_AT = 88
_MOST_ORDERS = 6  # KENLM_MAX_ORDER of the client's build
_STRUCTURES = ("probing", "rest probing", "trie", "quantised trie", "array trie", "quantised array trie")

_SCRATCH = ".lm."  # folder beside the binary while it is estimated
_TRAILER = struct.Struct("<ii?dd")
_MAGIC, _VERSION = 0x54524945, 6
_TRAILER_START = struct.pack("<ii", _MAGIC, _VERSION)
_AGAIN = "Make it again with `make scorer`"


@dataclass(frozen=True)
class ScorerInfo:
    """What a .scorer says of itself.

    Parameters
    ----------
    alpha, beta : weight of the language model and bonus for each word.
    is_utf8 : labels are bytes, not an alphabet's.
    order : longest n-gram, words.
    ngrams : n-grams of each order, from 1 up; those of order 1 include <unk>, <s> and </s>.
    structure : of the KenLM binary.
    words : what can be written, in the alphabet's order.
    """

    alpha: float
    beta: float
    is_utf8: bool
    order: int
    ngrams: tuple[int, ...]
    structure: str
    words: tuple[str, ...]


@dataclass(frozen=True)
class Built:
    """What `build` made.

    Parameters
    ----------
    binary, vocabulary, scorer : the files.
    sentences : how many, none counted twice, the language model was estimated from.
    derivations : how many the templates have.
    words : how many can be written.
    remarks : what a user should know, a sentence each.
    """

    binary: Path
    vocabulary: Path
    scorer: Path
    sentences: int
    derivations: int
    words: int
    remarks: tuple[str, ...]


def build(
    sentences_file: Path, alphabet: Alphabet, folder: Path, settings: Scorer, *, limit: int, seed: int,
    alike: bool = False,
) -> Built:  # fmt: skip
    """Make lm.binary, vocab-<top_k>.txt and kenlm.scorer in `folder` from sentences or templates.

    Parameters
    ----------
    limit, seed, alike : of the sentences written out, see `Templates.expand`.

    Raises
    ------
    SentenceError : the sentences are wrong; with the line.
    ScorerError : a program of KenLM's fails, with its reason, or the folder cannot be written to.
    SetupError : one of the programs is not installed.
    """
    templates = Templates.read(sentences_file, alphabet)
    sentences = templates.expand(limit, seed, alike=alike)
    different = len(set(sentences))
    words, total = kenlm.count_words(sentences, settings.top_k)
    remarks = []
    if templates.count() > limit:
        remarks.append(
            f"The language model was estimated from a sample: {different} of the "
            f"{templates.count()} sentences that the templates make."
        )
    if len(words) < total:
        remarks.append(
            f"{total - len(words)} of {total} words are beyond top_k = {settings.top_k}, and cannot be "
            "recognised."
        )
    binary, vocabulary = folder / "lm.binary", folder / f"vocab-{settings.top_k}.txt"
    scorer = folder / "kenlm.scorer"
    try:
        _estimate(sentences, None if len(words) == total else words, binary, settings)
        # No line end after the last word, as generate_lm.py leaves it.
        write_text(vocabulary, "\n".join(words))
        write_scorer(scorer, binary, words, alphabet, alpha=settings.alpha, beta=settings.beta)
    except OSError as error:
        raise ScorerError(
            f"the scorer cannot be written here: {error.strerror}", path=folder, fix="Make room on the disk"
        ) from None
    return Built(binary, vocabulary, scorer, different, templates.count(), len(words), tuple(remarks))


def _estimate(
    sentences: Sequence[str], vocabulary: Sequence[str] | None, binary: Path, settings: Scorer
) -> None:
    """Write a KenLM binary of the sentences, without what is not in the vocabulary where one is given.

    generate_lm.py always filters. A vocabulary of all words filters nothing, and the binary comes out the
    same, so that pass over all n-grams is left out.
    """
    binary.parent.mkdir(parents=True, exist_ok=True)
    # What a process left that was killed in here.
    for left in binary.parent.glob(f"{_SCRATCH}*"):
        shutil.rmtree(left, ignore_errors=True)
    with tempfile.TemporaryDirectory(dir=binary.parent, prefix=_SCRATCH) as scratch:
        text, arpa = Path(scratch, "sentences.txt"), Path(scratch, "lm.arpa")
        text.write_text("".join(f"{sentence}\n" for sentence in sentences), encoding="utf-8")
        kenlm.estimate(
            text,
            arpa,
            order=settings.order,
            prune=settings.prune,
            discount_fallback=settings.discount_fallback,
        )
        if vocabulary is not None:
            whole, arpa = arpa, Path(scratch, "filtered.arpa")
            kenlm.restrict(whole, arpa, vocabulary)
        if settings.look_ahead:
            look_ahead(Arpa.read(arpa)).write(arpa)
        kenlm.pack(
            arpa, binary, a_bits=settings.a_bits, q_bits=settings.q_bits
        )


def write_scorer(
    path: Path, binary: Path, words: Iterable[str], alphabet: Alphabet, *, alpha: float, beta: float
) -> None:
    """Write a .scorer.

    Parameters
    ----------
    binary : KenLM binary of the same words.
    words : what can be written; each spelled in `alphabet`, without spaces.
    alpha, beta : weight of the language model and bonus for each word, where the client is given no other.

    Raises
    ------
    ScorerError : there is no word, the alphabet has no space, or `binary` is no KenLM binary.
    SentenceError : the alphabet cannot spell a word.
    """
    if " " not in alphabet.labels:
        fix = "Add the space to labels in [alphabet]"
        raise ScorerError("the alphabet has no space, which ends every word of a scorer", fix=fix)
    automaton = accept_only(_spelled(word, alphabet) for word in words)
    if len(automaton.arcs) == 1:
        raise ScorerError("there is no word to write into a scorer", path=path, fix="Write a sentence")
    with binary.open("rb") as model:
        _read_kenlm(model.read(1024), binary)
    with atomic_path(path) as beside:
        shutil.copyfile(binary, beside)
        with beside.open("ab") as file:
            file.write(_TRAILER.pack(_MAGIC, _VERSION, False, alpha, beta))
            file.write(write_fst(automaton, file.tell()))


def read_scorer(path: Path, alphabet: Alphabet | None = None) -> ScorerInfo:
    """Read a .scorer.

    Parameters
    ----------
    alphabet : what its words are spelled with, English by default; without meaning in UTF-8 mode.

    Raises
    ------
    ScorerError : the file is missing, damaged, no .scorer of version 6, or of another alphabet.
    """
    alphabet = alphabet or Alphabet()
    try:
        data = path.read_bytes()
    except FileNotFoundError:
        raise ScorerError("no such file", path=path, fix="Make it with `make scorer`") from None
    except OSError as error:
        raise ScorerError(f"it cannot be read: {error.strerror}", path=path) from None
    ngrams, structure = _read_kenlm(data, path)
    # The length of KenLM's part is not written down, but eight given bytes are not in it by chance.
    at = data.find(_TRAILER_START, _KENLM_PARAMETERS_AT)
    if at < 0:
        raise ScorerError("this scorer is cut off: it has no word list", path=path, fix=_AGAIN)
    try:
        automaton = read_fst(data, at + _TRAILER.size)
    except ScorerError as error:
        raise ScorerError(error.what, path=path, fix=error.fix) from None
    _, _, is_utf8, alpha, beta = _TRAILER.unpack_from(data, at)
    # A damaged automaton can have more paths than there are atoms; a scorer has an n-gram for each word.
    if not 0 < automaton.count() <= ngrams[0]:
        what = f"its word list has {automaton.count()} words, and its language model {ngrams[0]}"
        raise ScorerError(f"this scorer is damaged: {what}", path=path, fix=_AGAIN)
    words = _words(automaton, alphabet, is_utf8, path)
    return ScorerInfo(alpha, beta, is_utf8, len(ngrams), ngrams, structure, words)


def _spelled(word: str, alphabet: Alphabet) -> Labels:
    if not word or " " in word:
        raise ValueError(f"{word!r} is no word")
    return tuple(int(index) + 1 for index in alphabet.encode(word + " "))


def _words(automaton: Automaton, alphabet: Alphabet, is_utf8: bool, path: Path) -> tuple[str, ...]:
    foreign = ScorerError(
        "this scorer was made for another alphabet", path=path, fix="Make it again for this workspace"
    )
    words = []
    for labels in automaton.sequences():
        if is_utf8:
            words.append(bytes(label & 0xFF for label in labels).decode("utf-8", "replace"))
            continue
        if max(labels) > alphabet.size:
            raise foreign
        word = alphabet.decode(label - 1 for label in labels)
        if word[-1] != " " or " " in word[:-1]:
            raise foreign
        words.append(word[:-1])
    return tuple(words)


def _read_kenlm(data: bytes, path: Path) -> tuple[tuple[int, ...], str]:
    """Return n-gram counts and structure of the KenLM binary that `data` starts with."""
    if not data.startswith(_KENLM_MAGIC):
        raise ScorerError("this does not start with a KenLM binary", path=path, fix=_AGAIN)
    try:
        order, _, kind, _, _ = _KENLM_PARAMETERS.unpack_from(data, _KENLM_PARAMETERS_AT)
        counts: Sequence[int] = struct.unpack_from(
            f"<{order}Q", data, _KENLM_PARAMETERS_AT + _KENLM_PARAMETERS.size
        )
    except struct.error:
        raise ScorerError("this scorer is cut off in its first bytes", path=path, fix=_AGAIN) from None
    if not 2 <= order <= _MOST_ORDERS or kind >= len(_STRUCTURES) or not counts[0]:
        raise ScorerError("the KenLM binary in this scorer is damaged", path=path, fix=_AGAIN)
    return tuple(counts), _STRUCTURES[kind]
