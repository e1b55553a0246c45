"""Check that a .scorer package is whole before the library loads it.

It is a KenLM binary, a short trailer, and the words as an OpenFST ConstFst. The library trusts the sizes in it, so a
truncated file (a full disk, a broken download) can crash the process.
"""

from __future__ import annotations

import mmap
import random
import struct
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from asr.core import file_kind
from asr.core.alphabet import Alphabet
from asr.core.errors import ScorerError

_Records = npt.NDArray[Any]

_KENLM = b"mmap lm http://kheafield.com/code format version 5\n\0"
# Magic number and version of the trailer; then bool utf8 mode, float64 alpha, float64 beta.
_TRAILER = struct.pack("<ii", 0x54524945, 6)
_TRAILER_BYTES = len(_TRAILER) + 1 + 8 + 8
_FST = struct.pack("<i", 2125659606)
_ALIGNED = 4  # flag of an FST whose sections start at multiples of 16
_STATE_BYTES, _ARC_BYTES = 20, 16
_STATE = np.dtype([("weight", "<f4"), ("first", "<u4"), ("arcs", "<u4"), ("epsilons", "<u4", 2)])
_ARC = np.dtype([("label", "<i4"), ("output", "<i4"), ("weight", "<f4"), ("next", "<i4")])
_KENLM_PARAMETERS_AT = 88
_FIRST_TRIE = 2  # of KenLM's types of models
_WORDS = 64  # that are looked up
_LONGEST_WORD = 1000  # labels
_NO_KENLM = "this is not a scorer: it does not start with a KenLM model"
_AGAIN = "Make it again with `make scorer`"


def check_scorer(path: Path | str) -> None:
    """Check that a scorer is whole.

    Raises
    ------
    ScorerError : it is missing, not a scorer of version 6, or truncated.
    """
    path = Path(path)
    try:
        with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
            fault = _fault(data)
    except ValueError:
        fault = "this scorer is empty"
    except FileNotFoundError:
        raise ScorerError("there is no such scorer", path=path, fix="Make it with `make scorer`") from None
    except OSError as error:
        raise ScorerError(f"this scorer cannot be read: {error.strerror}", path=path) from None
    if fault == _NO_KENLM and (what := file_kind.name(path)):
        fix = "Give the kenlm.scorer that `make scorer` makes"
        raise ScorerError(f"this is {what}, not a scorer", path=path, fix=fix)
    if fault:
        raise ScorerError(fault, path=path, fix=_AGAIN)


def check_alphabet(path: Path | str, alphabet: Alphabet) -> None:
    """Check that a whole scorer was made for a model's alphabet.

    Its words are labels. Random ones of them are spelled in the alphabet and looked up in the scorer's own vocabulary,
    which holds hashes of words.

    Raises
    ------
    ScorerError : it was made for another alphabet, with which the client finds no word.
    """
    path = Path(path)
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
        fault = _alphabet_fault(data, alphabet)
    if fault:
        raise ScorerError(
            f"this scorer was made for another alphabet than the model's: {fault}", path=path,
            fix="Take model and scorer from the same build/export",
        )  # fmt: skip


def _alphabet_fault(data: mmap.mmap, alphabet: Alphabet) -> str:
    """Return why the labels of a scorer cannot be those of an alphabet; "" if they can."""
    trailer = data.rfind(_TRAILER)
    while trailer >= 0 and data[trailer + _TRAILER_BYTES : trailer + _TRAILER_BYTES + 4] != _FST:
        trailer = data.rfind(_TRAILER, 0, trailer)
    if trailer < 0 or data[trailer + len(_TRAILER)]:
        return ""  # a scorer whose labels are bytes
    start, states, arcs = _read_fst(data, trailer + _TRAILER_BYTES)
    most = int(arcs["label"].max(initial=0))
    if most > alphabet.size:
        return f"it has {most} labels or more, the model {alphabet.size}"
    space = alphabet.labels.index(" ") + 1 if " " in alphabet.labels else -1
    final = np.isfinite(states["weight"])
    if not (arcs["label"][final[arcs["next"]]] == space).all():
        return "its words end with another label than the space"
    vocabulary = _vocabulary(data)
    if vocabulary is None:
        return ""
    words = _draw_words(start, states, arcs, final, alphabet)
    strange = [word for word in words if hash_of_word(word.encode()) not in vocabulary]
    if 2 * len(strange) > len(words):
        return f"its words would be such as {strange[0]!r}, which it does not know"
    return ""


def _read_fst(data: mmap.mmap, offset: int) -> tuple[int, _Records, _Records]:
    """Return the start state, the states and the arcs of a whole ConstFst."""
    offset += 4
    for _ in ("type of the machine", "type of its arcs"):
        (length,) = struct.unpack_from("<i", data, offset)
        offset += 4 + length
    _, flags, _, start, count, leaving = struct.unpack_from("<iiQqqq", data, offset)
    offset += struct.calcsize("<iiQqqq")
    found = []
    for number, kind in ((count, _STATE), (leaving, _ARC)):
        if flags & _ALIGNED:
            offset += -offset % 16
        # A copy, so that the file can be closed.
        found.append(np.frombuffer(data, kind, number, offset).copy())
        offset += number * kind.itemsize
    return start, found[0], found[1]


def _vocabulary(data: mmap.mmap) -> set[int] | None:
    """Return the hashes of KenLM's words; None where it is no trie with a sorted vocabulary."""
    order, _, kind, _, _ = struct.unpack_from("<B3xfIB3xI", data, _KENLM_PARAMETERS_AT)
    start = _KENLM_PARAMETERS_AT + struct.calcsize("<B3xfIB3xI") + 8 * order
    start += -start % 8
    (count,) = struct.unpack_from("<Q", data, start)
    if kind < _FIRST_TRIE or not 0 < count <= (len(data) - start) // 8 - 1:
        return None
    return set(np.frombuffer(data, "<u8", count, start + 8).tolist())


def _draw_words(
    start: int, states: _Records, arcs: _Records, final: npt.NDArray[np.bool_], alphabet: Alphabet
) -> list[str]:
    """Return random words without the space at their end."""
    generator, words = random.Random(1), []
    for _ in range(_WORDS):
        state, labels = start, list[int]()
        while not final[state] and len(labels) < _LONGEST_WORD and states["arcs"][state]:
            arc = int(states["first"][state]) + generator.randrange(int(states["arcs"][state]))
            labels.append(int(arcs["label"][arc]) - 1)
            state = int(arcs["next"][arc])
        words.append(alphabet.decode(labels[:-1]))
    return [word for word in words if word]


def hash_of_word(word: bytes) -> int:
    """Return KenLM's hash of a word: MurmurHash64A (Appleby), seed 0."""
    multiplier, mask = 0xC6A4A7935BD1E995, (1 << 64) - 1
    value = len(word) * multiplier & mask
    whole = len(word) // 8 * 8
    for (block,) in struct.iter_unpack("<Q", word[:whole]):
        block = block * multiplier & mask
        block = (block ^ block >> 47) * multiplier & mask
        value = (value ^ block) * multiplier & mask
    if rest := word[whole:]:
        value = (value ^ int.from_bytes(rest, "little")) * multiplier & mask
    value = (value ^ value >> 47) * multiplier & mask
    return value ^ value >> 47


def _fault(data: mmap.mmap) -> str:
    """Return what is wrong with a scorer; "" if nothing is."""
    if data[: len(_KENLM)] != _KENLM:
        return _NO_KENLM
    # The trailer's bytes may occur among the arcs as well, where no FST follows.
    trailer = data.rfind(_TRAILER)
    while trailer >= 0 and data[trailer + _TRAILER_BYTES : trailer + _TRAILER_BYTES + 4] != _FST:
        trailer = data.rfind(_TRAILER, 0, trailer)
    if trailer < 0:
        return "this scorer is truncated, or not of version 6: its word list is missing"
    try:
        end = _fst_end(data, trailer + _TRAILER_BYTES)
    except struct.error:
        return "this scorer is truncated in its word list"
    if end != len(data):
        return f"this scorer is damaged: it has {len(data)} bytes, its word list implies {end}"
    return ""


def _fst_end(data: mmap.mmap, offset: int) -> int:
    """Return the end of the ConstFst at `offset` by its header; struct.error if that is truncated."""
    offset += 4
    for _ in ("type of the machine", "type of its arcs"):
        (length,) = struct.unpack_from("<i", data, offset)
        if not 0 <= length <= 64:
            return -1
        offset += 4 + length
    _, flags, _, start, states, arcs = struct.unpack_from("<iiQqqq", data, offset)
    offset += struct.calcsize("<iiQqqq")
    if states < 1 or arcs < 0 or not 0 <= start < states:
        return -1
    for count, size in ((states, _STATE_BYTES), (arcs, _ARC_BYTES)):
        if flags & _ALIGNED:
            offset += -offset % 16
        offset += count * size
    return int(offset)
