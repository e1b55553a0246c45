"""Check that a .scorer package is whole before the library loads it.

It is a KenLM binary, a short trailer, and the words as an OpenFST ConstFst. The library trusts the sizes in it, so a
truncated file (a full disk, a broken download) can crash the process.
"""

from __future__ import annotations

import mmap
import struct
from pathlib import Path

from asr.core.errors import ScorerError

_KENLM = b"mmap lm http://kheafield.com/code format version 5\n\0"
# Magic number and version of the trailer; then bool utf8 mode, float64 alpha, float64 beta.
_TRAILER = struct.pack("<ii", 0x54524945, 6)
_TRAILER_BYTES = len(_TRAILER) + 1 + 8 + 8
_FST = struct.pack("<i", 2125659606)
_ALIGNED = 4  # flag of an FST whose sections start at multiples of 16
_STATE_BYTES, _ARC_BYTES = 20, 16
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
    if fault:
        raise ScorerError(fault, path=path, fix=_AGAIN)


def _fault(data: mmap.mmap) -> str:
    """Return what is wrong with a scorer; "" if nothing is."""
    if data[: len(_KENLM)] != _KENLM:
        return "this is not a scorer: it does not start with a KenLM model"
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
