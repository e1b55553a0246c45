"""OpenFST's ConstFst file, version 1, of an unweighted acceptor: the word list of a .scorer.

Everything is little-endian. States and arcs each start at a multiple of 16 bytes from the start of the file, so that
the client can use them memory-mapped. The format is that of OpenFST 1.6's headers: fst/fst.h, fst/const-fst.h and
fst/properties.h.
"""

from __future__ import annotations

import math
import struct

from lm.wordlist import Automaton

ALIGNMENT = 16

_MAGIC = 2125659606
_VERSION = 1
_ALIGNED = 4
_HEADER = struct.Struct("<iiQqqq")  # version, flags, properties, start, states, arcs
_STATE = struct.Struct("<fIIII")  # final weight, first arc, arcs, epsilons twice
_ARC = struct.Struct("<iifi")  # input label, output label, weight, next state
# Tropical weights: accepting costs nothing, not accepting costs everything.
_ACCEPTS, _REFUSES = 0.0, math.inf

# Properties that OpenFST relies on; each has a bit for true and one for false.
_EXPANDED = 1 << 0
_ACCEPTOR = 1 << 16
_DETERMINISTIC = 1 << 18 | 1 << 20  # by input, by output label
_NO_EPSILONS = 1 << 23 | 1 << 25 | 1 << 27
_SORTED = 1 << 28 | 1 << 30
_UNWEIGHTED = 1 << 33
_ACYCLIC = 1 << 35 | 1 << 37 | 1 << 47
_TOPOLOGICALLY_SORTED = 1 << 38
_ALL_STATES_USEFUL = 1 << 40 | 1 << 42
_ONE_PATH, _NOT_ONE_PATH = 1 << 44, 1 << 45
_PROPERTIES = (
    _EXPANDED | _ACCEPTOR | _DETERMINISTIC | _NO_EPSILONS | _SORTED | _UNWEIGHTED | _ACYCLIC | _TOPOLOGICALLY_SORTED
    | _ALL_STATES_USEFUL
)  # fmt: skip


def write_fst(automaton: Automaton, offset: int) -> bytes:
    """Serialise an automaton, to stand at byte `offset` of a file; labels are 1 or more, 0 is epsilon."""
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
