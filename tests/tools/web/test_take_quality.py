"""What the recorder says of a take: nothing of a good one, one fault each of those that are made here."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest

from tools.web.take_quality import measure

SENTENCE = "turn on the light"


def take(
    before: float = 0.3, speech: float = 1.2, after: float = 0.3, level: float = 0.2, noise: float = 0.0005
) -> npt.NDArray[np.float64]:
    """Return bursts of tones between noise, float64 [n] at 16 kHz; amplitudes are of full scale."""
    rng = np.random.default_rng(1)
    time = np.arange(round(speech * 16000)) / 16000
    said = level * np.sin(2 * np.pi * 220 * time) * (0.6 + 0.4 * np.sin(2 * np.pi * 4 * time))
    said += level / 2 * np.sin(2 * np.pi * 1300 * time)
    whole = np.concatenate([np.zeros(round(before * 16000)), said, np.zeros(round(after * 16000))])
    return whole + rng.normal(0, noise, len(whole))


def as_int16(sound: npt.NDArray[np.float64]) -> npt.NDArray[np.int16]:
    return np.clip(np.rint(sound * 32768), -32768, 32767).astype(np.int16)


def test_a_good_take_has_no_warning() -> None:
    found = measure(as_int16(take()), SENTENCE)
    assert found.warnings == () and found.is_usable
    assert found.seconds == pytest.approx(1.8, abs=0.001)
    assert found.start == pytest.approx(0.3, abs=0.03) and found.end == pytest.approx(1.5, abs=0.03)
    assert len(found.outline) == 400 and max(found.outline) == pytest.approx(0.3, abs=0.01)


@pytest.mark.parametrize(
    ("sound", "warning"),
    [
        (take(level=0.9), "clipped"),
        (take(level=0.002, noise=0.00003), "very quiet"),
        (take(level=0.0, noise=0.00003), "silent"),
        (take(speech=0.3), "too short"),
        (take(before=0.0), "may be cut off"),
        (take(after=0.0), "may be cut off"),
        (take(noise=0.05), "room is noisy"),
        (np.zeros(0), "no sound"),
    ],
)
def test_a_fault_is_told_in_one_sentence(sound: npt.NDArray[np.float64], warning: str) -> None:
    found = measure(as_int16(sound), SENTENCE)
    assert [text for text in found.warnings if warning in text], found
    assert len(found.warnings) == 1
    assert found.is_usable == (warning not in ("silent", "no sound"))
