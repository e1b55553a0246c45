"""The Fourier transform of real windows, rounded in float64 as TensorFlow's spectrogram kernel rounds it.

The kernel calls Takuya Ooura's General Purpose FFT Package, its split-radix version (`rdft` of fftsg.c). Two
transforms agree to the last bit only if they add and multiply the same numbers in the same order, with
factors that were rounded alike. The order below is that package's; the code is not (see NOTICE).

How it goes. The 2 N real samples of a window are N complex points. A pass takes blocks of 4 m points to four
blocks of m points each. There are two kinds of block: a plain one wants its Fourier transform; a twisted one
wants the transform of its points turned by growing parts of a half circle, so that it lies between the plain
one's frequencies. Plain blocks split into three plain ones and a twisted one, twisted blocks into two of
each. Blocks of one point are frequencies, in bit-reversed order, and a last step takes the N complex
frequencies apart into those of the real samples.

Points are rows of two, the real and the imaginary part, and every operation runs over many windows at once.
Nothing uses NumPy's complex numbers, whose products may be rounded once (fused) or twice.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Turn = tuple[float, float]  # a factor on the unit circle: cosine and sine

LEAST_POINTS = 16  # below, the package does yet other things
_COS_EIGHTH = math.cos(math.atan(1.0))


@dataclass(frozen=True)
class _Turns:
    """Factors cosine + i sine, one for a row."""

    cosines: Floats  # [..., rows, 1, 1]
    sines: Floats  # [..., rows, 2, 1]: -sine for the real part, sine for the imaginary one

    def apply(self, points: Floats) -> Floats:
        """Return the products with `points` [..., rows, 2, windows]."""
        product = points * self.cosines
        product += points[..., ::-1, :] * self.sines
        return product


@dataclass(frozen=True)
class _Pass:
    """From blocks of 4 m points to blocks of m; None where m is 1, and only eighths of a circle are left."""

    rows: int  # m
    plain: _Turns | None  # [2, 1, m, ...]: of a plain block's third and fourth quarter
    even: _Turns | None  # [2, m, ...]: of what a twisted block's first and second quarter are made of
    odd: _Turns | None  # [2, m, ...]: the same for its third and fourth


@dataclass(frozen=True)
class _Plan:
    """What depends on the number of points only."""

    passes: tuple[_Pass, ...]
    order: npt.NDArray[np.intp]  # [N]: the row that holds each complex frequency in the end
    apart: _Turns  # [N / 2 - 1, ...]


def rdft(windows: Floats) -> Floats:
    """Return the Fourier transform of real windows, bit by bit that of Ooura's package.

    Parameters
    ----------
    windows : float64 [points, windows], C-contiguous; points: a power of two, 16 or more. Many windows at a
        time hide NumPy's cost per call; 256 of 512 points still fit a core's cache.

    Returns
    -------
    float64 [points / 2 + 1, 2, windows] : the real part, and the imaginary part with the sign that the
        package gives it (sums of sines: the opposite of `numpy.fft.rfft`'s).

    Raises
    ------
    ValueError : the number of points is not such a power of two.
    """
    points, count = windows.shape
    plan = _plan(points)
    # [blocks, points of a block, 2, windows]; the plain blocks come first, and there are `plains` of them.
    blocks, plains = windows.reshape(1, points // 2, 2, count), 1
    for step in plan.passes:
        blocks, plains = _split(blocks, plains, step)
    if blocks.shape[1] == 2:
        blocks = _halve(blocks, plains)
    return _take_apart(blocks.reshape(points // 2, 2, count), plan)


def _split(blocks: Floats, plains: int, step: _Pass) -> tuple[Floats, int]:
    """Return the quarters of all blocks, and how many of them are plain."""
    count, twists = blocks.shape[-1], len(blocks) - plains
    quarters = blocks.reshape(-1, 4, step.rows, 2, count)
    result = np.empty((4 * len(blocks), step.rows, 2, count))
    # The quarters that are plain come first: of plain blocks all but the second, of twisted ones every other.
    ends = np.cumsum([plains, plains, plains, twists, twists, plains, twists])
    first, third, fourth, even_first, odd_first, second, even_second, odd_second = np.split(result, ends)

    near, far = quarters[:plains, :2], quarters[:plains, 2:]
    sums, differences = near + far, near - far
    np.add(sums[:, 0], sums[:, 1], out=first)
    np.subtract(sums[:, 0], sums[:, 1], out=second)
    if step.plain is None:
        _cross(differences[:, 0], differences[:, 1], third, fourth)
    else:
        pair = np.empty((2, *third.shape))
        _cross(differences[:, 0], differences[:, 1], pair[0], pair[1])
        third[:], fourth[:] = step.plain.apply(pair)
        middle = step.rows // 2
        _turn_eighth(pair[0, :, middle], third[:, middle])
        _turn_eighth(pair[1, :, middle], fourth[:, middle], and_quarter=True)
    if twists:
        near, far = quarters[plains:, :2], quarters[plains:, 2:]
        even, odd = np.empty(near.shape), np.empty(near.shape)
        _cross(near, far, even, odd)
        _combine(even, step.even, even_first, even_second)
        _combine(odd, step.odd, odd_first, odd_second, and_quarter=True)
    return result, 3 * plains + 2 * twists


def _combine(
    pair: Floats, turns: _Turns | None, first: Floats, second: Floats, and_quarter: bool = False
) -> None:
    """Write sum and difference of a twisted block's pair [blocks, 2, m, 2, windows], turned."""
    turned = pair if turns is None else turns.apply(pair)
    _turn_eighth(pair[:, 1, 0], turned[:, 1, 0], and_quarter)
    np.add(turned[:, 0], turned[:, 1], out=first)
    np.subtract(turned[:, 0], turned[:, 1], out=second)


def _halve(blocks: Floats, plains: int) -> Floats:
    """Return the single points [2, blocks, 2, windows] of blocks of two."""
    result = np.empty((2, len(blocks), *blocks.shape[2:]))
    plain, twisted = blocks[:plains], blocks[plains:]
    np.add(plain[:, 0], plain[:, 1], out=result[0, :plains])
    np.subtract(plain[:, 0], plain[:, 1], out=result[1, :plains])
    _cross(twisted[:, 0], twisted[:, 1], result[0, plains:], result[1, plains:])
    return result


def _take_apart(frequencies: Floats, plan: _Plan) -> Floats:
    """Return the frequencies of the real samples, of which the complex points had two each."""
    half = len(frequencies)
    result = np.empty((half + 1, *frequencies.shape[1:]))
    low, high = frequencies[plan.order[1 : half // 2]], frequencies[plan.order[: half // 2 : -1]]
    mixed = np.empty_like(low)
    np.subtract(low[:, 0], high[:, 0], out=mixed[:, 0])
    np.add(low[:, 1], high[:, 1], out=mixed[:, 1])
    mixed = plan.apart.apply(mixed)
    np.subtract(low, mixed, out=result[1 : half // 2])
    mirrored = result[half - 1 : half // 2 : -1]
    np.add(high[:, 0], mixed[:, 0], out=mirrored[:, 0])
    np.subtract(high[:, 1], mixed[:, 1], out=mirrored[:, 1])
    result[half // 2] = frequencies[plan.order[half // 2]]
    even, odd = frequencies[plan.order[0]]
    result[0, 0], result[half, 0] = even + odd, even - odd
    result[0, 1] = result[half, 1] = 0.0
    return result


def _cross(near: Floats, far: Floats, plus: Floats, minus: Floats) -> None:
    """Write near + i far and near - i far, all of [..., 2, windows]."""
    np.subtract(near[..., 0, :], far[..., 1, :], out=plus[..., 0, :])
    np.add(near[..., 1, :], far[..., 0, :], out=plus[..., 1, :])
    np.add(near[..., 0, :], far[..., 1, :], out=minus[..., 0, :])
    np.subtract(near[..., 1, :], far[..., 0, :], out=minus[..., 1, :])


def _turn_eighth(points: Floats, out: Floats, and_quarter: bool = False) -> None:
    """Write [blocks, 2, windows] turned by an eighth of a circle: added first, then multiplied once."""
    across = _COS_EIGHTH * (points[:, 0] - points[:, 1])
    along = _COS_EIGHTH * (points[:, 1] + points[:, 0])
    out[:, 0], out[:, 1] = (-along, across) if and_quarter else (across, along)


@lru_cache(maxsize=16)
def _plan(points: int) -> _Plan:
    if points < LEAST_POINTS or points & (points - 1):
        raise ValueError(f"{points} points; a power of two is needed, {LEAST_POINTS} at least")
    half = points // 2
    passes: list[_Pass] = []
    plain: list[int] = [0]  # where the package keeps the blocks' first points; `_split` sorts them by kind
    twisted: list[int] = []
    size = half
    while size > 2:
        passes.append(_pass(half, size))
        size //= 4
        second, third, fourth = size, 2 * size, 3 * size
        plain, twisted = (
            [b + q for q in (0, third, fourth) for b in plain] + [b + q for q in (0, third) for b in twisted],
            [b + second for b in plain] + [b + q for q in (second, fourth) for b in twisted],
        )
    places = [b + i for i in range(size) for b in plain + twisted]
    bits = half.bit_length() - 1
    order = np.empty(half, np.intp)
    order[[int(f"{place:0{bits}b}"[::-1], 2) for place in places]] = np.arange(half)
    return _Plan(tuple(passes), order, _apart_turns(half))


def _pass(half: int, size: int) -> _Pass:
    """Return the pass over blocks of `size` points. Rows 0 < j < m / 2 have a mirror image at m - j."""
    rows = size // 4
    if rows == 1:
        return _Pass(rows, None, None, None)
    # Six factors for each row; (1, 0) where nothing is turned, or where `_turn_eighth` has the last word.
    table = np.tile((1.0, 0.0), (6, rows, 1))
    for j in range(1, rows // 2):
        once, thrice = _plain_turns(half, size, j)
        table[:2, j] = once, thrice
        table[:2, -j] = once[::-1], _negative(thrice[::-1])
        once, thrice, rest, rest_thrice = _twisted_turns(half, size, j)
        table[2:, j] = once, rest[::-1], thrice, _negative(rest_thrice[::-1])
        table[2:, -j] = rest, once[::-1], rest_thrice, _negative(thrice[::-1])
    middle = _turn(half, half // 8)
    table[2:, rows // 2] = middle, middle[::-1], middle[::-1], _negative(middle)
    return _Pass(rows, _turns(table[:2, np.newaxis]), _turns(table[2:4]), _turns(table[4:]))


def _turn(half: int, j: int, times: int = 1) -> Turn:
    """Return the turn by pi j / half, once or thrice, rounded as in the package's table."""
    if 4 * j == half:
        return (_COS_EIGHTH if times == 1 else -_COS_EIGHTH), _COS_EIGHTH
    angle = times * _arc(half) * j
    return math.cos(angle), math.sin(angle)


def _arc(half: int) -> float:
    return math.atan(1.0) / (half // 4)


def _plain_turns(half: int, size: int, j: int) -> tuple[Turn, Turn]:
    """Return the turns of a plain block's third and fourth quarter in row j.

    Of 16 points, the package takes thrice an angle from the angle itself, by symmetry.
    """
    step = 2 * half // size
    if size == 16:
        once = _turn(half, step * j)
        return once, once[::-1]
    if size < half or j % 2 == 0:
        return _turn(half, step * j), _turn(half, step * j, 3)
    # The first pass has half the table only: a turn between two others is their sum, scaled.
    pair = []
    for times in (1, 3):
        below, above = _turn(half, step * (j - 1), times), _turn(half, step * (j + 1), times)
        scale = 0.5 / math.cos(_arc(half) * (2 * times))
        pair.append((scale * (below[0] + above[0]), scale * (below[1] + above[1])))
    return pair[0], pair[1]


def _twisted_turns(half: int, size: int, j: int) -> tuple[Turn, Turn, Turn, Turn]:
    """Return the turns of a twisted block in row j: the angle and what it lacks to an eighth, once and thrice."""
    step = half // size
    once, thrice = _turn(half, step * j), _turn(half, step * j, 3)
    if size == 16:
        return once, thrice, thrice, (-once[1], once[0])
    rest = half // 4 - step * j
    return once, thrice, _turn(half, rest), _turn(half, rest, 3)


def _apart_turns(half: int) -> _Turns:
    """Return the factors that part the real samples' frequencies; these are not on the unit circle."""
    turns = []
    for j in range(1, half // 2):
        cosine, sine = _turn(half, j) if 4 * j <= half else _turn(half, half // 2 - j)[::-1]
        turns.append((0.5 - 0.5 * sine, 0.5 * cosine))
    return _turns(np.array(turns))


def _negative(turn: Turn) -> Turn:
    return -turn[0], -turn[1]


def _turns(table: Floats) -> _Turns:
    cosines, sines = table[..., :1, np.newaxis], table[..., 1:, np.newaxis]
    return _Turns(cosines.copy(), np.concatenate([-sines, sines], axis=-2))
