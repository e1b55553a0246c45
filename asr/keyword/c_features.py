"""The features of one recording as a C array, as a known input for a network on a board."""

from __future__ import annotations

import re
import textwrap
from pathlib import Path

from asr.core import audio
from asr.core.errors import AudioError, UserError
from asr.core.files import write_text
from asr.keyword.frontend import PREPROCESS, SAMPLE_RATE, STEP, WINDOW, features

COLUMNS = 110


def write_c_features(recording: Path, c_file: Path, preprocess: str = "micro") -> str:
    """Write the array, named after the C file, and return a summary.

    Parameters
    ----------
    recording : of any format; it becomes 16 kHz mono first.
    c_file : the file to write.
    preprocess : "micro" (int8 [slices, 40]) or "average" (uint8 [slices, 43]).

    Raises
    ------
    AudioError : the recording cannot be read, or is shorter than one slice.
    UserError : there is no such recipe, or the recording itself would be overwritten.
    """
    if preprocess not in PREPROCESS:
        raise UserError(f"there is no recipe {preprocess!r}", fix=f"Choose {' or '.join(PREPROCESS)}")
    if c_file.exists() and recording.exists() and c_file.samefile(recording):
        raise UserError("the recording itself would be overwritten", path=c_file, fix="Name another --c-file")
    samples = audio.to_int16(audio.load(recording))
    if samples.size < WINDOW:
        raise AudioError(
            f"it lasts {1000 * samples.size / SAMPLE_RATE:.0f} ms, and a slice of features takes 30 ms",
            path=recording,
            fix="Name a longer recording",
        )
    slices = features(samples, preprocess)
    name = identifier(c_file.stem)
    kind = "int8_t" if preprocess == "micro" else "uint8_t"
    rows, columns = slices.shape
    # The name goes into a comment and must not end it.
    source = recording.name.replace("*/", "* /").replace("\n", " ")
    step = STEP * 1000 // SAMPLE_RATE
    values = ", ".join(map(str, slices.ravel().tolist()))
    body = textwrap.fill(values, COLUMNS, initial_indent="    ", subsequent_indent="    ", break_on_hyphens=False)
    write_text(
        c_file,
        f"""/* Features ({preprocess}) of {source}: {rows} slices of {columns} values, one every {step} ms. */
#include <stdint.h>

#ifdef __cplusplus
extern "C" {{
#endif
extern const unsigned {name}_slices, {name}_channels;
extern const {kind} {name}_features[{rows * columns}];
#ifdef __cplusplus
}}
#endif

const unsigned {name}_slices = {rows}, {name}_channels = {columns};
const {kind} {name}_features[{rows * columns}] = {{
{body}
}};
""",
    )
    return f"{c_file}: {name}_features, {rows} slices of {columns} {kind}"


def identifier(text: str) -> str:
    """Return a C identifier that looks like `text`."""
    plain = re.sub(r"[^0-9A-Za-z_]", "_", text) or "recording"
    return f"_{plain}" if plain[0].isdigit() else plain
