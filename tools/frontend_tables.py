"""Generate the constants of the keyword frontend as C: window, twiddles, filterbank, gain and logarithm.

    .venv/bin/python -m tools.frontend_tables        writes frontend_tables.h and average_tables.h in firmware/lib

Formulas and single precision are those of TensorFlow's microfrontend (tensorflow/lite/experimental/microfrontend/lib,
Apache-2.0) and its Fourier transform, KISS FFT (BSD-3-Clause, Mark Borgerding). Functions of a float are computed in
double precision and rounded once, except log1pf: the C libraries of boards (newlib, glibc before 2.41) have fdlibm's,
which is sometimes one unit in the last place off and changes two weights of the filterbank.
"""

from __future__ import annotations

import math
import zlib
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from asr.keyword.frontend import CHANNELS, SAMPLE_RATE, SLICES, STEP, WINDOW

FOLDER = Path(__file__).resolve().parent.parent / "firmware" / "lib"
HEADER = FOLDER / "frontend_tables.h"
AVERAGE_HEADER = FOLDER / "average_tables.h"

FFT = 512  # samples, the zero-padded window
LOWER, UPPER = 125.0, 7500.0  # Hz, the band of the filterbank
WINDOW_BITS = 12
FILTER_BITS = 12
NOISE_BITS = 14
# micro_speech's values; the names are the microfrontend's.
SMOOTHING_BITS = 10
EVEN_SMOOTHING, ODD_SMOOTHING, MIN_SIGNAL_REMAINING = 0.025, 0.06, 0.05
PCAN_STRENGTH, PCAN_OFFSET, PCAN_GAIN_BITS = 0.95, 80.0, 21
PCAN_SNR_BITS = 12
PCAN_INTERVALS = 32
LOG_SCALE_SHIFT = 6
LOG_SEGMENTS_BITS, LOG_BITS = 7, 16
# micro_speech's input: 0 to 26 as int8, from values scaled by 25.6.
QUANTISE_DIVISOR = 666

single = np.float32
Single = np.float32


def of_single(function: Callable[[float], float], x: Single) -> Single:
    """Return a function of a float, rounded once."""
    return single(function(float(x)))


def window() -> list[int]:
    """Return the whole Hann window in units of 1/4096; single precision makes it slightly asymmetric."""
    argument = single(math.pi) * single(2) / single(WINDOW)
    values = []
    for i in range(WINDOW):
        cosine = of_single(math.cos, argument * (single(i) + single(0.5)))
        value = single(0.5) - single(0.5) * cosine
        values.append(math.floor(value * single(1 << WINDOW_BITS) + single(0.5)))
    return values


def unit(phase: float) -> tuple[int, int]:
    """Return cosine and sine of a phase in units of 1/32767, rounded as KISS FFT rounds."""
    return math.floor(0.5 + 32767 * math.cos(phase)), math.floor(0.5 + 32767 * math.sin(phase))


def twiddles() -> list[int]:
    """Return the twiddle factors of a radix-4 butterfly: three complex ones for 64 positions of the last stage."""
    half = FFT // 2
    return [part for k in range(half // 4) for j in (1, 2, 3) for part in unit(-2 * math.pi * j * k / half)]


def split_twiddles() -> list[int]:
    """Return the complex twiddle factors of a real transform, for bins 1 to 128."""
    half = FFT // 2
    return [part for i in range(half // 2) for part in unit(-math.pi * ((i + 1) / half + 0.5))]


def places() -> list[int]:
    """Return the digit-reversed position of each of 240 pairs of samples."""

    def reversed_digits(n: int) -> int:
        return (n & 3) << 6 | (n >> 2 & 3) << 4 | (n >> 4 & 3) << 2 | n >> 6

    return [reversed_digits(n) for n in range(WINDOW // 2)]


@dataclass(frozen=True)
class Filterbank:
    """Triangular filters on the mel scale: number of bins ending in each channel, and weight of each bin in 1/4096.

    A bin adds its weight to the channel on whose rising slope it is, and 4096 - weight to the next channel.
    """

    start: int
    widths: list[int]
    weights: list[int]


# Lp7 to Lp1 of s_log1pf.c.
LOG1P_SERIES = (
    0.14798198640, 0.15313838422, 0.18183572590, 0.22222198546, 0.28571429849, 0.40000000596, 0.66666668653,
)  # fmt: skip


def log1p(x: Single) -> Single:
    """Return log(1 + x) for 0.001 < x < 1000 as fdlibm's s_log1pf.c computes it in single precision."""
    exponent, correction, f = 0, single(0), x
    if x >= single(0.41421356):
        u = single(1) + x
        exponent = math.frexp(float(u))[1] - 1
        correction = (single(1) - (u - x) if exponent > 0 else x - (u - single(1))) / u
        u = single(float(u) / 2.0**exponent)
        if float(u) >= 1 + 0x3504F7 / 2**23:
            u, exponent = u / single(2), exponent + 1
        f = u - single(1)
    half_square = single(0.5) * f * f
    s = f / (single(2) + f)
    z = s * s
    series = single(0)
    for factor in LOG1P_SERIES:
        series = z * (single(factor) + series)
    if exponent == 0:
        return f - (half_square - s * (half_square + series))
    high, low = single(exponent) * single(6.9313812256e-01), single(exponent) * single(9.0580006145e-06)
    return high - ((half_square - (s * (half_square + series) + (low + correction))) - f)


def mel(frequency: Single) -> Single:
    """Return a frequency of Hz on the mel scale."""
    return single(1127) * log1p(frequency / single(700))


def filterbank() -> Filterbank:
    """Return the filterbank."""
    low, high = mel(single(LOWER)), mel(single(UPPER))
    spacing = (high - low) / single(CHANNELS + 1)
    centres = [low + spacing * single(i + 1) for i in range(CHANNELS + 1)]
    hertz = single(0.5) * single(SAMPLE_RATE) / single(FFT // 2)
    start = int(single(1.5) + single(LOWER) / hertz)
    widths, weights = [], []
    index = start
    for channel, centre in enumerate(centres):
        before = low if channel == 0 else centres[channel - 1]
        first = index
        while mel(single(index) * hertz) <= centre:
            weight = (centre - mel(single(index) * hertz)) / (centre - before)
            one = single(1 << FILTER_BITS)
            rising = math.floor(weight * one + single(0.5))
            falling = math.floor((single(1) - weight) * one + single(0.5))
            if rising + falling != 1 << FILTER_BITS:
                raise ArithmeticError(f"bin {index}: {rising} and {falling} do not add up to one")
            weights.append(rising)
            index += 1
        widths.append(index - first)
    # The square root requires channels below 2^48; a bin's energy is at most 2 * 32767^2.
    if max(widths) * 2 * (1 << FILTER_BITS) * 2 * 32767**2 >= 1 << 48:
        raise ArithmeticError("a channel may exceed 48 bits")
    return Filterbank(start, widths, weights)


def correction_bits() -> int:
    """Return the bits by which transform and filterbank scale values down."""
    return FFT.bit_length() - 1 - FILTER_BITS // 2


def gain() -> list[int]:
    """Return the PCAN gain as a table of parabolas, one for each power of two of the noise estimate."""
    input_bits = SMOOTHING_BITS - correction_bits()

    def look_up(x: int) -> int:
        estimate = single(x) / single(1 << input_bits)
        power = single(float(estimate + single(PCAN_OFFSET)) ** -float(single(PCAN_STRENGTH)))
        value = single(1 << PCAN_GAIN_BITS) * power
        return 0x7FFF if value > single(0x7FFF) else int(value + single(0.5))

    table = [0] * (4 * PCAN_INTERVALS - 3)
    table[0], table[1] = look_up(0), look_up(1)
    for interval in range(2, PCAN_INTERVALS + 1):
        x0 = 1 << (interval - 1)
        x1 = x0 + (x0 >> 1)
        x2 = x0 + (x0 - 1) if interval == PCAN_INTERVALS else 2 * x0
        y0, y1, y2 = look_up(x0), look_up(x1), look_up(x2)
        first = 4 * (y1 - y0) - (y2 - y0)
        table[4 * interval - 6 : 4 * interval - 3] = y0, first, (y2 - y0) - first
    return table


def logarithm() -> list[int]:
    """Return log2(1 + x) - x in units of 1/65536 at the ends of 128 segments."""
    segments, one = 1 << LOG_SEGMENTS_BITS, 1 << LOG_BITS
    return [round((math.log2(1 + i / segments) - i / segments) * one) for i in range(segments + 1)]


def fraction(value: float, bits: int) -> int:
    """Return a fraction in units of 2^-bits, truncated as in the microfrontend."""
    return int(single(value) * single(1 << bits))


def constants(filters: Filterbank) -> dict[str, int]:
    """Return the named constants of firmware/lib/frontend.c."""
    return {
        "WINDOW_BITS": WINDOW_BITS,
        "FILTER_BITS": FILTER_BITS,
        "FIRST_BIN": filters.start,
        "END_BIN": filters.start + len(filters.weights),
        "NOISE_BITS": NOISE_BITS,
        "SMOOTHING_BITS": SMOOTHING_BITS,
        "EVEN_SMOOTHING": fraction(EVEN_SMOOTHING, NOISE_BITS),
        "ODD_SMOOTHING": fraction(ODD_SMOOTHING, NOISE_BITS),
        "MIN_SIGNAL_REMAINING": fraction(MIN_SIGNAL_REMAINING, NOISE_BITS),
        "SNR_BITS": PCAN_SNR_BITS,
        "SNR_SHIFT": PCAN_GAIN_BITS - correction_bits() - PCAN_SNR_BITS,
        "CORRECTION_BITS": correction_bits(),
        "LOG_BITS": LOG_BITS,
        "LOG_SEGMENTS_BITS": LOG_SEGMENTS_BITS,
        # ln 2 in 1/65536.
        "LOG_COEFFICIENT": round(math.log(2) * (1 << LOG_BITS)),
        "LOG_SCALE_SHIFT": LOG_SCALE_SHIFT,
        "QUANTISE_DIVISOR": QUANTISE_DIVISOR,
    }


def c_array(kind: str, name: str, values: Sequence[int]) -> str:
    """Return a C array of integers with lines of at most 100 characters."""
    lines, line = [], "   "
    for value in values:
        if len(line) + len(str(value)) + 2 > 100:
            lines.append(line)
            line = "   "
        line += f" {value},"
    body = "\n".join([*lines, line])
    return f"static const {kind} {name}[{len(values)}] = {{\n{body}\n}};\n"


def render() -> str:
    """Return frontend_tables.h."""
    filters = filterbank()
    numbers = constants(filters)
    tables: list[tuple[str, str, Sequence[int]]] = [
        ("int16_t", "HANN", window()),
        ("uint8_t", "PLACES", places()),
        ("int16_t", "TWIDDLES", twiddles()),
        ("int16_t", "SPLIT_TWIDDLES", split_twiddles()),
        ("uint8_t", "WIDTHS", filters.widths),
        ("uint16_t", "WEIGHTS", filters.weights),
        ("int16_t", "GAIN", gain()),
        ("uint16_t", "LOG2_ABOVE", logarithm()),
    ]
    body = "".join(c_array(*table) for table in tables)
    shape = {"SAMPLE_RATE": SAMPLE_RATE, "WINDOW": WINDOW, "STEP": STEP, "CHANNELS": CHANNELS, "SLICES": SLICES}
    # Of the numbers, not the text: comments may change without invalidating models.
    digest = zlib.crc32(repr((shape, numbers, tables)).encode())
    shape_lines = defines("FRONTEND", shape.items())
    return f"""/* Settings and tables of the keyword frontend. Made by tools/frontend_tables.py; do not edit.
 *
 * frontend.h takes the settings, frontend.c the tables.
 */
#ifndef KEYWORD_FRONTEND_TABLES_H
#define KEYWORD_FRONTEND_TABLES_H

{shape_lines}
/* CRC-32 of everything below and above: a model whose tables name another one was trained on other features. */
#define FRONTEND_FINGERPRINT 0x{digest:08x}u

#ifdef FRONTEND_WITH_TABLES
#include <stdint.h>

{defines("TABLE", numbers.items())}
{body}#endif
#endif
"""


def render_average() -> str:
    """Return average_tables.h: half a periodic Hann window and a quarter of a sine."""
    half = range(WINDOW // 2 + 1)
    hann = [round((0.5 - 0.5 * math.cos(2 * math.pi * i / WINDOW)) * (1 << 30)) for i in half]
    sine = [round(math.sin(2 * math.pi * n / FFT) * (1 << 30)) for n in range(FFT // 4 + 1)]
    body = c_array("int32_t", "PERIODIC_HANN", hann) + c_array("int32_t", "SINE", sine)
    return f"""/* Tables of average_frontend.c. Made by tools/frontend_tables.py; do not edit. */
#ifndef KEYWORD_AVERAGE_TABLES_H
#define KEYWORD_AVERAGE_TABLES_H

#include <stdint.h>

{body}#endif
"""


def defines(prefix: str, numbers: Iterable[tuple[str, int]]) -> str:
    """Return a #define for each number."""
    return "".join(f"#define {prefix}_{name} {value}\n" for name, value in numbers)


if __name__ == "__main__":
    HEADER.write_text(render(), encoding="utf-8")
    AVERAGE_HEADER.write_text(render_average(), encoding="utf-8")
