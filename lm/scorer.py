"""The .scorer package: a KenLM binary, followed by its weights and the vocabulary.

    KenLM binary        as build_binary writes it
    int32  0x54524945   "TRIE" read as a C++ multi-character constant
    int32  6            version
    uint8               1 where labels are bytes of UTF-8, 0 where they are an alphabet's
    float64 alpha       language model weight
    float64 beta        word insertion bonus
    ConstFst            the vocabulary; a label is the alphabet's index + 1, and every word ends with the space's

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
from lm.fst import write_fst
from lm.look_ahead import Arpa, look_ahead
from lm.sentences import Templates
from lm.wordlist import Labels, accept_only

_KENLM_MAGIC = b"mmap lm http://kheafield.com/code format version 5\n\0"
# Order, padding, probing multiplier, model type, has words, padding, search version. They follow the magic and the
# values by which KenLM checks the byte order.
_KENLM_PARAMETERS = struct.Struct("<B3xfIB3xI")
_KENLM_PARAMETERS_AT = 88
_MOST_ORDERS = 6  # KENLM_MAX_ORDER of the client's build
_LAST_STRUCTURE = 5  # quantised array trie

_SCRATCH = ".lm."  # folder beside the binary while it is estimated
_TRAILER = struct.Struct("<ii?dd")
_MAGIC, _VERSION = 0x54524945, 6
_AGAIN = "Make it again with `make scorer`"


@dataclass(frozen=True)
class Built:
    """What `build` made.

    Parameters
    ----------
    binary, vocabulary, scorer : the files.
    sentences : number of distinct sentences that the language model was estimated from.
    derivations : number of derivations of the templates.
    words : size of the vocabulary.
    remarks : caveats for the user, a sentence each.
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
    alike: bool = False, language: str = "en",
) -> Built:  # fmt: skip
    """Make lm.binary, vocab-<top_k>.txt and kenlm.scorer in `folder` from sentences or templates.

    Parameters
    ----------
    limit, seed, alike : see `Templates.expand`.
    language : in which the numbers of ranges are said.

    Raises
    ------
    SentenceError : sentences.txt has an error; with the line.
    ScorerError : a KenLM program fails, with its reason, or the folder cannot be written to.
    SetupError : a KenLM program is not installed.
    """
    templates = Templates.read(sentences_file, alphabet, language)
    sentences = templates.expand(limit, seed, alike=alike, weighted=True)
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
            f"{total - len(words)} of {total} words are beyond top_k = {settings.top_k}, and cannot be recognised."
        )
    binary, vocabulary = folder / "lm.binary", folder / f"vocab-{settings.top_k}.txt"
    scorer = folder / "kenlm.scorer"
    try:
        _estimate(sentences, None if len(words) == total else words, binary, settings)
        # No newline after the last word, as in generate_lm.py.
        write_text(vocabulary, "\n".join(words))
        write_scorer(scorer, binary, words, alphabet, alpha=settings.alpha, beta=settings.beta)
    except OSError as error:
        raise ScorerError(
            f"the scorer cannot be written here: {error.strerror}", path=folder, fix="Make room on the disk"
        ) from None
    return Built(binary, vocabulary, scorer, different, templates.count(), len(words), tuple(remarks))


def _estimate(sentences: Sequence[str], vocabulary: Sequence[str] | None, binary: Path, settings: Scorer) -> None:
    """Write a KenLM binary of the sentences, restricted to the vocabulary if one is given.

    generate_lm.py always filters. A vocabulary of all words filters nothing, so None skips that pass.
    """
    binary.parent.mkdir(parents=True, exist_ok=True)
    # Left by a killed process.
    for left in binary.parent.glob(f"{_SCRATCH}*"):
        shutil.rmtree(left, ignore_errors=True)
    with tempfile.TemporaryDirectory(dir=binary.parent, prefix=_SCRATCH) as scratch:
        text, arpa = Path(scratch, "sentences.txt"), Path(scratch, "lm.arpa")
        text.write_text("".join(f"{sentence}\n" for sentence in sentences), encoding="utf-8")
        kenlm.estimate(
            text, arpa, order=settings.order, prune=settings.prune, discount_fallback=settings.discount_fallback
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
    binary : KenLM binary with the same vocabulary.
    words : the vocabulary, spelled in `alphabet` without spaces.
    alpha, beta : language model weight and word insertion bonus, used where the client is given no other.

    Raises
    ------
    ScorerError : there are no words, the alphabet has no space, or `binary` is no KenLM binary.
    SentenceError : the alphabet cannot spell a word.
    """
    if " " not in alphabet.labels:
        fix = "Add the space to labels in [alphabet]"
        raise ScorerError("the alphabet has no space, which has to end every word of a scorer", fix=fix)
    automaton = accept_only(_spelled(word, alphabet) for word in words)
    if len(automaton.arcs) == 1:
        raise ScorerError("there is no word to write into the scorer", path=path, fix="Write a sentence")
    _check_kenlm(binary)
    with atomic_path(path) as beside:
        shutil.copyfile(binary, beside)
        with beside.open("ab") as file:
            file.write(_TRAILER.pack(_MAGIC, _VERSION, False, alpha, beta))
            file.write(write_fst(automaton, file.tell()))


def _spelled(word: str, alphabet: Alphabet) -> Labels:
    if not word or " " in word:
        raise ValueError(f"{word!r} is not a word")
    return tuple(int(index) + 1 for index in alphabet.encode(word + " "))


def _check_kenlm(path: Path) -> None:
    """Raise ScorerError if a file does not start like a KenLM binary that the client can load."""
    with path.open("rb") as model:
        data = model.read(_KENLM_PARAMETERS_AT + _KENLM_PARAMETERS.size)
    if not data.startswith(_KENLM_MAGIC) or len(data) < _KENLM_PARAMETERS_AT + _KENLM_PARAMETERS.size:
        raise ScorerError("this is not a KenLM binary", path=path, fix=_AGAIN)
    order, _, structure, _, _ = _KENLM_PARAMETERS.unpack_from(data, _KENLM_PARAMETERS_AT)
    if not 2 <= order <= _MOST_ORDERS or structure > _LAST_STRUCTURE:
        raise ScorerError("this KenLM binary is damaged", path=path, fix=_AGAIN)
