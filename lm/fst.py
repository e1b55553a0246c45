"""OpenFST's ConstFst file, version 1, of an unweighted acceptor: how a .scorer holds its words.

Everything is little-endian. The states and the arcs each start at a multiple of 16 bytes from the file's
start, so that the client can use them where they are mapped. Only OpenFST's headers describe the format:
fst/fst.h, fst/const-fst.h and fst/properties.h of release 1.6.
"""

from __future__ import annotations

import math
import struct
from itertools import pairwise

from asr.core.errors import ScorerError
from lm.wordlist import Arcs, Automaton, arrange

ALIGNMENT = 16

_MAGIC = 2125659606
_VERSION = 1
_ALIGNED = 4
_HEADER = struct.Struct("<iiQqqq")  # version, flags, properties, start, states, arcs
_STATE = struct.Struct("<fIIII")  # final weight, first arc, arcs, epsilons twice
_ARC = struct.Struct("<iifi")  # label read, label written, weight, next state
# Tropical weights: accepting costs nothing, not accepting costs everything.
_ACCEPTS, _REFUSES = 0.0, math.inf

# What OpenFST may rely on. Each fact has a bit for "is" and one for "is not".
_EXPANDED = 1 << 0
_ACCEPTOR = 1 << 16
_DETERMINISTIC = 1 << 18 | 1 << 20  # by what it reads, by what it writes
_NO_EPSILONS = 1 << 23 | 1 << 25 | 1 << 27
_SORTED = 1 << 28 | 1 << 30
_UNWEIGHTED = 1 << 33
_ACYCLIC = 1 << 35 | 1 << 37 | 1 << 47
_TOPOLOGICALLY_SORTED = 1 << 38
_ALL_STATES_USEFUL = 1 << 40 | 1 << 42
_ONE_PATH, _NOT_ONE_PATH = 1 << 44, 1 << 45
_PROPERTIES = (
    _EXPANDED
    | _ACCEPTOR
    | _DETERMINISTIC
    | _NO_EPSILONS
    | _SORTED
    | _UNWEIGHTED
    | _ACYCLIC
    | _TOPOLOGICALLY_SORTED
    | _ALL_STATES_USEFUL
)


def write_fst(automaton: Automaton, offset: int) -> bytes:
    """Return the automaton as a file has it from byte `offset` on; labels are 1 or more, 0 is epsilon."""
    arcs = sum(len(leaving) for leaving in automaton.arcs)
    one_path = _ONE_PATH if automaton.count() == 1 else _NOT_ONE_PATH
    data = bytearray(struct.pack("<i", _MAGIC))
    for kind in (b"const", b"standard"):
        data += struct.pack("<i", len(kind)) + kind
    data += _HEADER.pack(_VERSION, _ALIGNED, _PROPERTIES | one_path, 0, len(automaton.arcs), arcs)
    data += bytes(-(offset + len(data)) % ALIGNMENT)
    first = 0
    for state, leaving in enumerate(automaton.arcs):
        weight = _ACCEPTS if state in automaton.final else _REFUSES
        data += _STATE.pack(weight, first, len(leaving), 0, 0)
        first += len(leaving)
    data += bytes(-(offset + len(data)) % ALIGNMENT)
    for leaving in automaton.arcs:
        for label, after in leaving:
            data += _ARC.pack(label, label, 0.0, after)
    return bytes(data)


def read_fst(data: bytes, offset: int) -> Automaton:
    """Read what stands in a file's content `data` from `offset` to its end.

    Raises
    ------
    ScorerError : it is cut off, no such automaton, or not one that the client can search.
    """
    at = offset
    try:
        (magic,) = struct.unpack_from("<i", data, at)
        at += 4
        kinds = []
        for _ in range(2):
            (length,) = struct.unpack_from("<i", data, at)
            if not 0 <= length <= 64:
                raise _damaged("the type of its word list cannot be read")
            kinds.append(bytes(data[at + 4 : at + 4 + length]))
            at += 4 + length
        version, flags, _, start, states, arcs = _HEADER.unpack_from(data, at)
    except struct.error:
        raise _damaged("it is cut off in the head of its word list") from None
    if (magic, kinds, version) != (_MAGIC, [b"const", b"standard"], _VERSION):
        raise _damaged("its word list is no ConstFst of version 1")
    at += _HEADER.size
    at_states = at + (-at % ALIGNMENT if flags & _ALIGNED else 0)
    at_arcs = at_states + states * _STATE.size
    at_arcs += -at_arcs % ALIGNMENT if flags & _ALIGNED else 0
    end = at_arcs + arcs * _ARC.size
    if states < 1 or arcs < 0 or end != len(data):
        raise _damaged(f"it has {len(data)} bytes, and its word list asks for {end}")
    return _read_states(data, at_states, states, at_arcs, arcs, start)


def _read_states(data: bytes, at_states: int, states: int, at_arcs: int, arcs: int, start: int) -> Automaton:
    if not 0 <= start < states:
        raise _damaged("its word list starts nowhere")
    leaving: list[Arcs] = []
    final = set()
    records = list(_ARC.iter_unpack(data[at_arcs : at_arcs + arcs * _ARC.size]))
    for state, fields in enumerate(_STATE.iter_unpack(data[at_states : at_states + states * _STATE.size])):
        weight, first, count = fields[:3]
        if first + count > arcs or weight not in (_ACCEPTS, _REFUSES):
            raise _damaged(f"state {state} of its word list is wrong")
        if weight == _ACCEPTS:
            final.add(state)
        mine = records[first : first + count]
        labels = [arc[0] for arc in mine]
        if any(arc[0] != arc[1] or arc[0] < 1 or not 0 <= arc[3] < states for arc in mine):
            raise _damaged(f"an arc of state {state} of its word list is wrong")
        if any(before >= after for before, after in pairwise(labels)):
            raise _damaged(f"the arcs of state {state} of its word list are not in order")
        leaving.append(tuple((arc[0], arc[3]) for arc in mine))
    try:
        return arrange(leaving, final, start)
    except ValueError:
        raise _damaged("its word list runs in a circle") from None


def _damaged(what: str) -> ScorerError:
    return ScorerError(f"this scorer is damaged: {what}", fix="Make it again with `make scorer`")
