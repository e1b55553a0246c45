"""The firmware's detector finds the words that asr.keyword.detect finds."""

from __future__ import annotations

import ctypes
from collections.abc import Callable

import numpy as np
import numpy.typing as npt
import pytest

from asr.keyword.detect import Rule, detect
from asr.keyword.frontend import CHANNELS, SLICES, library

Int8 = npt.NDArray[np.int8]
BYTES = SLICES * CHANNELS
RUN = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_void_p, ctypes.POINTER(ctypes.c_int8), ctypes.POINTER(ctypes.c_int8))


class HeardStruct(ctypes.Structure):
    """DetectorHeard of detector.h."""

    _fields_ = (("slice", ctypes.c_uint32), ("word", ctypes.c_uint8), ("score", ctypes.c_uint8))


HEARD = ctypes.CFUNCTYPE(None, ctypes.c_void_p, ctypes.POINTER(HeardStruct))


class SettingsStruct(ctypes.Structure):
    """DetectorSettings of detector.h."""

    _fields_ = (
        ("run", RUN),
        ("heard", HEARD),
        ("context", ctypes.c_void_p),
        ("thresholds", ctypes.POINTER(ctypes.c_uint16)),
        ("suppression", ctypes.c_uint16),
        ("classes", ctypes.c_uint8),
        ("stride", ctypes.c_uint8),
        ("window", ctypes.c_uint8),
    )


class NativeDetector:
    """The C detector with a network in Python: int8 [49, 40] to int8 [classes], or None for a failure."""

    def __init__(self, rule: Rule, network: Callable[[Int8], npt.ArrayLike | None]) -> None:
        self.heard: list[tuple[int, int, int]] = []
        self._network = network
        self._core = library()
        self._core.detector_push.argtypes = [ctypes.c_void_p] * 3
        self._core.detector_reset.argtypes = [ctypes.c_void_p] * 2
        thresholds = (ctypes.c_uint16 * max(len(rule.thresholds), 1))(*rule.thresholds)
        numbers = (rule.suppression, len(rule.thresholds), rule.stride, rule.window)
        self._settings = SettingsStruct(RUN(self._run), HEARD(self._tell), None, thresholds, *numbers)
        self._state = ctypes.create_string_buffer(8192)
        self.status = int(self._core.detector_reset(self._state, ctypes.byref(self._settings)))

    def _run(
        self, _context: int, features: ctypes._Pointer[ctypes.c_int8], scores: ctypes._Pointer[ctypes.c_int8]
    ) -> int:
        outputs = self._network(np.ctypeslib.as_array(features, (SLICES, CHANNELS)).copy())
        if outputs is None:
            return 1
        for index, value in enumerate(np.asarray(outputs, np.int8)):
            scores[index] = int(value)
        return 0

    def _tell(self, _context: int, heard: ctypes._Pointer[HeardStruct]) -> None:
        self.heard.append((heard[0].slice, heard[0].word, heard[0].score))

    def push(self, slice_: Int8) -> tuple[int, int]:
        heard = ctypes.c_uint8(9)
        row = np.ascontiguousarray(slice_, np.int8)
        status = self._core.detector_push(self._state, row.ctypes.data, ctypes.byref(heard))
        return int(status), heard.value


RULES = [
    Rule((256, 256, 100, 120)),
    Rule((256, 256, 90), stride=1, window=1, suppression=0),
    Rule((256, 256, 128, 60, 200, 128), stride=3, window=5, suppression=7),
    Rule((0, 10, 0, 255), stride=7, window=32, suppression=1),
    Rule(tuple([256, 256] + [130] * 14), stride=2, window=4, suppression=20),
]


@pytest.mark.parametrize("rule", RULES)
@pytest.mark.parametrize("coarse", [1, 64])  # coarse scores make ties
def test_words_are_heard_by_the_rule(rule: Rule, coarse: int) -> None:
    rng = np.random.default_rng(len(rule.thresholds) + coarse)
    scores = rng.integers(0, 256, (400, len(rule.thresholds))) // coarse * coarse
    scores[100:120] = 255
    looks = iter(scores)
    detector = NativeDetector(rule, lambda _: next(looks) - 128)
    assert detector.status == 0
    flags = [detector.push(np.zeros(CHANNELS, np.int8)) for _ in range(SLICES + 399 * rule.stride)]
    assert next(looks, None) is None  # each was asked for, and none too early
    times = SLICES - 1 + rule.stride * np.arange(len(scores))
    expected = [(found.slice, found.word, found.score) for found in detect(times, scores.astype(np.uint8), rule)]
    assert len(expected) >= 2
    assert detector.heard == expected
    assert [n for n, (_, heard) in enumerate(flags) if heard] == [newest for newest, _, _ in expected]
    assert {status for status, _ in flags} == {0}


def test_the_network_sees_the_last_49_slices_oldest_first() -> None:
    seen: list[Int8] = []
    detector = NativeDetector(Rule((256, 256, 1)), lambda features: seen.append(features) or [0, 0, 0])  # type: ignore[func-returns-value]
    slices = np.random.default_rng(0).integers(-128, 128, (60, CHANNELS)).astype(np.int8)
    for row in slices:
        detector.push(row)
    assert len(seen) == 6  # after slices 48, 50, ... 58
    for look, features in enumerate(seen):
        np.testing.assert_array_equal(features, slices[2 * look : 2 * look + SLICES])


def test_a_network_that_fails_is_reported_and_survived() -> None:
    answers = iter([None, *([[127]] * 20)])
    detector = NativeDetector(Rule((200,), stride=1, window=2, suppression=5), lambda _: next(answers))
    statuses = [detector.push(np.zeros(CHANNELS, np.int8))[0] for _ in range(SLICES + 3)]
    assert statuses == [0] * (SLICES - 1) + [3, 0, 0, 0]
    assert detector.heard == [(SLICES + 1, 0, 255)]


@pytest.mark.parametrize(
    "rule", [Rule(()), Rule((1,) * 17), Rule((1,), stride=0), Rule((1,), window=0), Rule((1,), window=33)]
)
def test_settings_without_room_are_refused(rule: Rule) -> None:
    assert NativeDetector(rule, lambda _: [0]).status == 2


def test_null_pointers_and_foreign_states_are_refused() -> None:
    detector = NativeDetector(RULES[0], lambda _: [0] * 4)
    core, state, settings = library(), detector._state, detector._settings
    row = (ctypes.c_int8 * CHANNELS)()
    assert core.detector_reset(None, ctypes.byref(settings)) == 1
    assert core.detector_reset(state, None) == 1
    assert core.detector_push(None, row, None) == 1
    assert core.detector_push(state, None, None) == 1
    assert core.detector_push(state, row, None) == 0
    assert core.detector_push(ctypes.create_string_buffer(8192), row, None) == 4
