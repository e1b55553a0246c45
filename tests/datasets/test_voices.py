"""Two names of one voice are found among speakers that differ; a hint is given only where there is enough to tell."""

from __future__ import annotations

import numpy as np

from datasets import voices
from datasets.defects import spectra
from tests.recorded_speech import recording


def heard(speakers: int, takes: int) -> tuple[list[str], voices.Float]:
    names, found = [], []
    for speaker in range(speakers):
        for take in range(takes):
            sound = recording(100 * speaker + take, 0.8, pitch=80 + 25 * speaker, tract=0.7 + 0.11 * speaker)
            names.append(f"s{speaker}")
            found.append(voices.voice(spectra(sound)))
    return names, np.stack(found)


NAMES, VOICES = heard(6, 16)


def test_one_speaker_under_two_names_is_found() -> None:
    hints = 0
    for speaker in sorted(set(NAMES)):
        own = [place for place, name in enumerate(NAMES) if name == speaker]
        names = [f"{name}-again" if place in own[::2] else name for place, name in enumerate(NAMES)]
        found = [(pair.first, pair.second) for pair in voices.alike(names, VOICES)]
        assert found in ([], [(speaker, f"{speaker}-again")])
        hints += len(found)
    # The threshold is for one false hint in many pairs, so that some are not found.
    assert hints >= 4


def test_different_speakers_are_not_alike() -> None:
    assert voices.alike(NAMES, VOICES) == []


def test_too_few_recordings_tell_nothing() -> None:
    twice = [f"{name}-{place % 5}" for place, name in enumerate(NAMES)]
    assert voices.alike(twice, VOICES) == []
    assert voices.alike(NAMES[:20], VOICES[:20]) == [] and voices.alike([], VOICES[:0]) == []
