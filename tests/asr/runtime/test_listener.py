"""The listener on streams of tones whose words and times are known."""

from __future__ import annotations

import tracemalloc
from dataclasses import replace

import numpy as np
import pytest

from asr.runtime.activity import Activity
from asr.runtime.listener import Listener, Timing, Utterance, listen
from asr.runtime.network import Stream
from asr.runtime.recogniser import Recogniser
from asr.runtime.recording import WHOLE, recognise_recording
from tests.asr.runtime.tone_device import Int16, hiss, spoken, stream, tone_device
from tests.lm.tone_speech import HISS, RATE

TEXTS = ("bad cab", "fade cage", "bad bag hedge", "fade bead")
PAUSES = (1.3, 1.7, 2.1, 1.2, 1.5)
FRAME = 0.02  # s


@pytest.fixture(scope="module")
def device() -> Recogniser:
    return tone_device()


def texts(found: list[Utterance]) -> list[str]:
    return [utterance.recognition.text for utterance in found]


def test_each_utterance_is_found_where_it_is_said(device: Recogniser) -> None:
    sound, places = stream(TEXTS, PAUSES)
    found = list(listen(device, [sound]))
    assert texts(found) == list(TEXTS)
    assert found[1].recognition.slots == {"x": "kennel"}
    for utterance, (start, end) in zip(found, places, strict=True):
        assert start - 0.55 < utterance.start <= start - 0.1
        words = utterance.recognition.words
        assert words[0].start == pytest.approx(start, abs=0.1) and words[-1].end == pytest.approx(end, abs=0.1)
        # Nothing can follow but after the first sentence.
        least = 0.55 if utterance is found[0] else 0.1
        assert least < utterance.end - end < least + 0.2


def test_a_pause_is_waited_for_as_long_as_asked(device: Recogniser) -> None:
    parts = [hiss(1.3), spoken("bad cab"), hiss(0.55, 2), spoken("hedge"), hiss(2.0, 3)]
    sound = np.concatenate(parts)
    end = (len(parts[0]) + len(parts[1])) / RATE
    assert texts(list(listen(device, [sound], Timing.paused(0.8)))) == ["bad cab hedge"]
    first, *_ = listen(device, [sound], Timing.paused(0.3))
    assert first.recognition.text == "bad cab" and 0.25 < first.end - end < 0.5
    late = np.concatenate([*parts[:2], hiss(3.5, 2)])
    (only,) = listen(device, [late], Timing.paused(2.0))
    assert 1.9 < only.end - end < 2.2


@pytest.mark.parametrize("seconds", [0.1, 0, -1, 3.5, float("nan"), float("inf")])
def test_what_is_no_pause(seconds: float) -> None:
    with pytest.raises(ValueError, match=r"is not between 0\.2 and 3 s"):
        Timing.paused(seconds)


def test_the_answer_does_not_depend_on_the_chunks(device: Recogniser) -> None:
    sound, _ = stream(TEXTS, PAUSES)
    expected = list(listen(device, [sound]))
    generator = np.random.default_rng(1)
    for sizes in ([160], [320], [1024], [5000], generator.integers(1, 3000, 50).tolist()):
        places = np.cumsum(np.resize(sizes, len(sound) // min(sizes) + 1))
        assert list(listen(device, np.split(sound, places[places < len(sound)]))) == expected


def test_listening_is_recognising_the_recording_that_is_cut_out(device: Recogniser) -> None:
    # A pause within the second sentence makes the listener look at endings that are none.
    parts = [hiss(1.3), spoken("bad cab"), hiss(1.4, 2), spoken("fade"), hiss(0.7, 3), spoken("cage"), hiss(1.2, 4)]
    sound = np.concatenate(parts)
    found = list(listen(device, [sound]))
    assert texts(found) == ["bad cab", "fade cage"]
    for utterance in found:
        first = round(utterance.start * RATE)
        alone = device.recognise(sound[first : round(utterance.end * RATE)])
        heard = utterance.recognition
        assert heard.cost == pytest.approx(alone.cost, abs=1e-4) and heard.margin == pytest.approx(
            alone.margin, rel=1e-4
        )
        shifted = [
            replace(word, start=word.start + utterance.start, end=word.end + utterance.start) for word in alone.words
        ]
        for word, expected in zip(heard.words, shifted, strict=True):
            assert (word.text, word.start) == (expected.text, pytest.approx(expected.start))
        assert replace(heard, words=(), cost=0, margin=0) == replace(alone, words=(), cost=0, margin=0)


def test_speech_may_begin_and_end_with_the_stream(device: Recogniser) -> None:
    (found,) = listen(device, [spoken("fade bead")])
    assert found.recognition.text == "fade bead"
    assert (found.start, found.end) == (0.0, pytest.approx(len(spoken("fade bead")) / RATE))
    assert list(listen(device, [hiss(3)])) == [] and list(listen(device, [])) == []


def test_a_long_utterance_is_cut_where_it_is_quietest(device: Recogniser) -> None:
    once = spoken("bad cab fade bead")
    sound = np.concatenate((hiss(1), once, hiss(0.14, 2), once, once, hiss(1, 3)))
    pause = 1 + len(once) / RATE
    first, *others = listen(device, [sound], Timing(longest=3.5))
    assert pause <= first.end <= pause + 0.14
    assert others[0].start == first.end
    assert max(one.end - one.start for one in (first, *others)) <= 3.5


def test_it_says_whether_somebody_speaks(device: Recogniser) -> None:
    listener = Listener(device)
    listener.accept(hiss(1.5))
    assert not listener.hears
    listener.accept(spoken("bad cab hedge"))
    assert listener.hears
    assert len(listener.accept(hiss(1))) == 1 and not listener.hears


def test_quiet_costs_no_network(device: Recogniser, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise AssertionError("the network ran")

    for quiet in (hiss(12), np.zeros(7 * RATE, np.int16)):
        listener = Listener(device)
        # What is noise takes a second to know.
        assert listener.accept(quiet[: 2 * RATE]) == []
        with monkeypatch.context() as patched:
            patched.setattr(Stream, "accept", fail)
            assert listener.accept(quiet[2 * RATE :]) == []


def test_noise_that_begins_is_no_utterance_and_hides_none(device: Recogniser) -> None:
    # Four times as loud as what was before: the gate opens, and the network writes nothing.
    noise = hiss(14, 5, 4 * HISS)
    command = spoken("fade cage").astype(np.int32)
    noise[9 * RATE : 9 * RATE + len(command)] = np.clip(
        noise[9 * RATE : 9 * RATE + len(command)] + command, -32768, 32767
    )
    found = [one for one in listen(device, [hiss(2), noise]) if one.start > 10]
    assert len(found) == 1 and abs(found[0].start - 11) < 0.6


def test_memory_does_not_grow(device: Recogniser) -> None:
    sound, _ = stream(TEXTS, PAUSES)
    loud = hiss(4, 9, 2000)
    listener = Listener(device)

    def hear() -> int:
        listener.accept(sound)
        listener.accept(loud)
        return tracemalloc.get_traced_memory()[0]

    tracemalloc.start()
    try:
        hear()
        first, second = hear(), hear()
    finally:
        tracemalloc.stop()
    assert abs(second - first) < 100_000  # bytes; the sound alone would be half a million


def test_the_floor_follows_the_noise() -> None:
    activity = Activity(RATE)

    def hear(sound: Int16) -> list[bool]:
        opened = []
        for step in sound[: len(sound) // 320 * 320].reshape(-1, 320):
            activity.accept(step)
            opened.append(activity.opens)
        return opened

    hear(hiss(2))
    # White noise through x[n] - 0.9 x[n - 1] has 1.81 times its power.
    expected = 10 * np.log10(1.81 * HISS**2 / 32768**2)
    assert activity.floor == pytest.approx(expected, abs=1.5)
    opened = hear(hiss(12, 1, 10 * HISS))
    assert opened[10] and not any(opened[-100:])
    assert activity.floor == pytest.approx(expected + 20, abs=1.5)
    assert any(hear(hiss(0.2, 2, 40 * HISS)))


def test_a_long_recording_is_cut_and_a_short_one_is_not(device: Recogniser) -> None:
    sound, _ = stream(TEXTS, PAUSES)
    assert len(sound) > WHOLE * RATE
    assert texts(list(recognise_recording(device, np.split(sound, 7 * [0])))) == list(TEXTS)
    alone = np.concatenate((hiss(1), spoken("fade bead"), hiss(1, 2)))
    (found,) = recognise_recording(device, [alone])
    assert found.recognition == device.recognise(alone) and found.end == pytest.approx(len(alone) / RATE)
    two = np.concatenate((alone, alone))
    assert len(two) < WHOLE * RATE
    assert texts(list(recognise_recording(device, [two]))) == ["fade bead", "fade bead"]
    (nothing,) = recognise_recording(device, [hiss(WHOLE + 1)])
    assert (nothing.recognition.text, nothing.recognition.accepted) == ("", False)
