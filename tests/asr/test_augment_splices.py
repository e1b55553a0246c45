"""Sentences joined of other sentences' words: words that are tones, and a voice that the English weights hear."""

from __future__ import annotations

import os
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import numpy as np
import pytest
from rapidfuzz.distance import Levenshtein

from asr import audio, weights
from asr.augment.splices import CutClip, Spliced, Splicer, cut
from asr.ctc.alignment import align
from asr.ctc.features import mfcc
from asr.ctc.network import build
from asr.ctc.objective import read_greedily
from asr.ctc.transfer import Start
from asr.sections import Train
from datasets.speech import Speaker, speak
from export.weights import read_layers
from lm.sentences import Templates

RATE = audio.SAMPLE_RATE
WORD = RATE // 5
TONES = {"low": 300, "middle": 700, "high": 1500, "top": 3000}  # Hz


def say(path: Path, transcript: str, *, pause: int = RATE // 10, loudness: float = 0.3) -> CutClip:
    """Write words that are tones; a hyphen instead of a space joins two without a pause. Return them, cut."""
    silence = np.zeros(RATE // 4)
    sound, spikes, text = [silence], [], transcript.replace("-", " ")
    for number, word in enumerate(text.split()):
        if number:
            tied = transcript[len(spikes)] == "-"
            spikes.append(sum(map(len, sound)))
            sound.append(np.zeros(0 if tied else pause))
        start = sum(map(len, sound))
        # A network is sure of a letter some time after it began.
        spikes += np.linspace(start + 1600, start + WORD - 400, len(word)).astype(int).tolist()
        sound.append(loudness * np.sin(2 * np.pi * TONES[word] * np.arange(WORD) / RATE))
    audio.write_wav(path, np.concatenate([*sound, silence]).astype(np.float32))
    return cut(path, text, np.array(spikes))


def heard(samples: np.ndarray) -> list[str]:
    """Return the tones of a sound, in order."""
    found: list[str] = []
    for start in range(0, len(samples) - 800, 400):
        frame = samples[start : start + 800]
        if np.square(frame).mean() < 1e-4:
            found.append("")
            continue
        frequency = float(np.abs(np.fft.rfft(frame * np.hanning(800))).argmax()) * RATE / 800
        found.append(min(TONES, key=lambda word: abs(TONES[word] - frequency)))
    return [word for word, before in zip(found, ["", *found], strict=False) if word and word != before]


def test_a_clip_is_cut_in_its_pauses_alone(tmp_path: Path) -> None:
    clip = say(tmp_path / "a.wav", "low high-top middle", pause=1600)
    assert clip.words == ("low", "high", "top", "middle")
    first, tied, last = clip.cuts
    start = RATE // 4
    assert first is not None and start + WORD <= first <= start + WORD + 1600
    assert tied is None
    assert last is not None and start + 3 * WORD + 1600 <= last <= start + 3 * WORD + 3200
    assert clip.power == pytest.approx(0.3**2 / 2, rel=0.2)


def test_sentences_are_new_and_of_one_speakers_words(tmp_path: Path) -> None:
    clips = {
        "ann": [say(tmp_path / "a.wav", "low high top"), say(tmp_path / "b.wav", "top low middle", loudness=0.1)],
        "bob": [say(tmp_path / "c.wav", "low high-top")],
    }
    wanted = ["low high top", "low middle", "top high top", "middle low", "low high middle"]
    splicer = Splicer(clips, wanted)
    # "low high top" was said, and "middle low" would begin where the voice had not paused.
    assert splicer.counts() == {"ann": 3, "bob": 0}
    assert splicer.join("bob", np.random.default_rng(0)) is None
    made = [splicer.join("ann", np.random.default_rng(seed)) for seed in range(20)]
    assert {one.transcript for one in made if one} == {"low middle", "top high top", "low high middle"}
    for one in made:
        assert isinstance(one, Spliced)
        sound = one.samples()
        assert heard(sound) == one.transcript.split()
        assert one.seconds == pytest.approx(len(sound) / RATE, abs=0.05)
        loud = [np.square(sound[start : start + 800]).max() for start in range(0, len(sound) - 800, 800)]
        speech = [value for value in loud if value > 1e-3]
        assert max(speech) < 2 * min(speech), "a voice is as loud in one clip as in the other"
        assert np.abs(np.diff(sound)).max() < 0.35, "no click"
    assert splicer.join("ann", np.random.default_rng(5)) == made[5]


def test_the_words_beside_a_tied_one_stay_with_it(tmp_path: Path) -> None:
    clips = {"bob": [say(tmp_path / "a.wav", "low high-top middle"), say(tmp_path / "b.wav", "middle low")]}
    splicer = Splicer(clips, ["low high middle", "low high top low", "middle high top middle", "low low"])
    made = {splicer.join("bob", np.random.default_rng(seed)) for seed in range(30)}
    assert {one.transcript for one in made if one} == {"low high top low", "middle high top middle", "low low"}


GRAMMAR = "(turn|switch) the (kitchen|bedroom) (light|heater|radio) (on|off|down) (please|now|tonight)"


@pytest.mark.parametrize("voice", ["en-us", "en-gb-x-rp+f3"])
def test_a_joined_sentence_is_heard_as_one_that_was_said(tmp_path: Path, voice: str) -> None:
    graph = read_layers(weights.find("english"))
    alphabet = graph.metadata.alphabet
    network = build(Train(network="deepspeech-conv", n_hidden=320), alphabet.size)
    Start(graph.layers, alphabet, alphabet, (), 0, "english").apply(network)
    speaker = Speaker("one", voice, 110, 50)

    def logits(sound: np.ndarray) -> np.ndarray:
        return np.asarray(network(mfcc(audio.to_int16(sound))[np.newaxis], training=False))

    def error_rate(sounds: list[tuple[str, np.ndarray]]) -> float:
        """Return the greedy character error rate."""
        wrong = 0
        for said, sound in sounds:
            found = logits(sound)
            (text,) = read_greedily(found, np.array([found.shape[1]]), alphabet)
            wrong += Levenshtein.distance(said, text)
        return wrong / sum(len(said) for said, _ in sounds)

    sentences = list(Templates.parse(GRAMMAR, alphabet))
    clips = []
    for number, text in enumerate(sentences[::7]):
        path = tmp_path / f"{number}.wav"
        audio.write_wav(path, speak(text, speaker))
        spikes = align(logits(audio.to_float(audio.read_wav(path)))[0], alphabet.encode(text)) * 320 + 256
        clips.append(cut(path, text, spikes))
    splicer = Splicer({"one": clips}, sentences)
    made = {one for seed in range(40) if (one := splicer.join("one", np.random.default_rng(seed)))}
    assert len({one.transcript for one in made}) > 15
    assert all(len(one.pieces) > 1 and one.transcript not in sentences[::7] for one in made)
    joined = error_rate([(one.transcript, one.samples()) for one in made])
    said = error_rate([(one.transcript, speak(one.transcript, speaker)) for one in made])
    assert joined < said + 0.02
