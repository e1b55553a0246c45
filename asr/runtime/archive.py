"""Files of the runtime: arrays and a JSON text in one .npz of NumPy, read without trusting it."""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

MOST_BYTES = 1 << 30  # of an unpacked file

Arrays = dict[str, npt.NDArray[Any]]


def pack(about: Mapping[str, Any], arrays: Mapping[str, npt.NDArray[Any]]) -> bytes:
    """Return the content of a file with arrays and what is said about them."""
    out = io.BytesIO()
    text = np.frombuffer(json.dumps(about).encode(), np.uint8)
    np.savez_compressed(out, about=text, **arrays)  # type: ignore[arg-type]
    return out.getvalue()


def unpack(path: Path | str, most_bytes: int = MOST_BYTES) -> tuple[Any, Arrays]:
    """Return what a file says about its arrays, and the arrays.

    Parameters
    ----------
    most_bytes : how large its content may be.

    Raises
    ------
    ValueError : it is damaged, too large or no such file, in one line.
    OSError : it cannot be read.
    """
    content = Path(path).read_bytes()
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as packed:
            if sum(entry.file_size for entry in packed.infolist()) > most_bytes:
                raise ValueError("its content is too large")
        with np.load(io.BytesIO(content), allow_pickle=False) as found:
            arrays = {name: found[name] for name in found.files}
        return json.loads(arrays.pop("about").astype(np.uint8).tobytes()), arrays
    except Exception as error:  # whatever zipfile, zlib, NumPy and JSON raise at damaged data
        raise ValueError(" ".join(str(error).split())) from None
