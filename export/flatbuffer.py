"""The FlatBuffers wire format: enough of it to read a .tflite file without TensorFlow.

Every offset is checked against the file before it is followed, so that a damaged file ends in `Damaged` and not in
wrong numbers. Format: flatbuffers.dev/internals.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

_SIZES = {"b": 1, "B": 1, "H": 2, "i": 4, "I": 4, "f": 4, "q": 8, "Q": 8}


class Damaged(ValueError):  # noqa: N818 - it reads as what it says: except flatbuffer.Damaged
    """The bytes are no well-formed FlatBuffer; the text says in what way, as the end of a sentence."""


def number(data: bytes, place: int, kind: str) -> int | float:
    """Return the number at byte `place`; `kind` is its letter in `struct`."""
    if place < 0 or place + _SIZES[kind] > len(data):
        raise Damaged(f"points to byte {place}, behind its end")
    found: int | float = struct.unpack_from(f"<{kind}", data, place)[0]
    return found


def root(data: bytes) -> Table:
    """Return the table that the file is."""
    return Table(data, int(number(data, 0, "I")))


@dataclass(frozen=True)
class Table:
    """One table of the file: its fields by their number in the schema.

    Raises
    ------
    Damaged : from every method, where an offset leads out of the file.
    """

    data: bytes
    place: int

    def _field(self, field: int) -> int:
        """Return where a field is, 0 where it is not given and has its default."""
        fields = self.place - int(number(self.data, self.place, "i"))
        entry = 4 + 2 * field
        if entry + 2 > int(number(self.data, fields, "H")):
            return 0
        offset = int(number(self.data, fields + entry, "H"))
        return self.place + offset if offset else 0

    def integer(self, field: int, kind: str = "i", default: int = 0) -> int:
        """Return a whole number; `kind` is its letter in `struct`."""
        place = self._field(field)
        return int(number(self.data, place, kind)) if place else default

    def real(self, field: int, default: float = 0.0) -> float:
        """Return a float32 as Python's float."""
        place = self._field(field)
        return float(number(self.data, place, "f")) if place else default

    def table(self, field: int) -> Table | None:
        """Return the table that a field leads to, if it is given."""
        place = self._field(field)
        return Table(self.data, self._follow(place)) if place else None

    def tables(self, field: int) -> list[Table]:
        """Return a vector of tables; empty where it is not given."""
        place, count = self._vector(field, 4)
        return [Table(self.data, self._follow(place + 4 * index)) for index in range(count)]

    def array(self, field: int, kind: str) -> NDArray[np.generic]:
        """Return a vector of numbers, read-only; `kind` is a NumPy dtype such as "<i4"."""
        dtype = np.dtype(kind)
        place, count = self._vector(field, dtype.itemsize)
        return np.frombuffer(self.data, dtype, count, place)

    def _follow(self, place: int) -> int:
        found = place + int(number(self.data, place, "I"))
        if found >= len(self.data):
            raise Damaged(f"points to byte {found}, behind its end")
        return found

    def _vector(self, field: int, size: int) -> tuple[int, int]:
        place = self._field(field)
        if not place:
            return 0, 0
        start = self._follow(place)
        count = int(number(self.data, start, "I"))
        if start + 4 + count * size > len(self.data):
            raise Damaged(f"has a list of {count} entries that runs over its end")
        return start + 4, count
