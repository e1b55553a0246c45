"""Noise against its definition, and recognition in many processes against one client."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import pytest

from asr.augment import evaluation_noise
from asr.core import audio
from asr.core.errors import AudioError, ModelError
from asr.evaluation import conditions, recognition


def test_noise_is_mixed_at_the_level_of_active_speech() -> None:
    generator = np.random.default_rng(1)
    tone = np.sin(2 * np.pi * 440 * np.arange(16000) / 16000).astype(np.float32) * np.float32(0.1)
    speech = np.concatenate([np.zeros(48000, np.float32), tone, np.zeros(48000, np.float32)])
    noise = generator.normal(0, 0.05, len(speech)).astype(np.float32)
    for level in (6.0, 24.0):
        added = evaluation_noise.mix(speech, noise, level) - speech
        # The tone's power is 0.1 ** 2 / 2; six seconds of silence around it do not count.
        assert 10 * np.log10(0.005 / np.mean(added**2)) == pytest.approx(level, abs=0.1)
    loud = evaluation_noise.mix(9 * speech, 9 * noise, 0.0)
    assert 0.9999 < np.abs(loud).max() < 1
    with pytest.raises(ValueError, match="silent"):
        evaluation_noise.mix(speech, np.zeros_like(speech), 6.0)


def test_a_clip_meets_the_same_noise_in_every_run(tmp_path: Path) -> None:
    noise = evaluation_noise.Noise.of_folder(None, seed=4)
    assert np.array_equal(noise.piece("a.wav", 8000), noise.piece("a.wav", 8000))
    assert not np.array_equal(noise.piece("a.wav", 8000), noise.piece("b.wav", 8000))
    chosen = conditions.conditions(noise, (6, 24, 15), raw=True)
    assert [item.name for item in chosen] == [
        "clean",
        "raw",
        "kitchen 24 dB",
        "kitchen 15 dB",
        "kitchen 6 dB",
    ]
    folder = tmp_path / "test_noise"
    audio.write_wav(folder / "room" / "fan.wav", np.full(4000, 1000, np.int16))
    found = evaluation_noise.Noise.of_folder(folder)
    assert found.kind == "test noise" and [path.name for path in found.files] == ["fan.wav"]
    assert len(found.piece("a.wav", 9000)) == 9000  # longer than the file
    audio.write_wav(folder / "room" / "fan.wav", np.zeros(3000, np.int16))
    evaluation_noise._load.cache_clear()
    with pytest.raises(AudioError, match="silent"):
        found.piece("a.wav", 9000)


def test_a_clip_meets_another_piece_of_noise_in_each_draw() -> None:
    noise = evaluation_noise.Noise("white", seed=4)
    chosen = conditions.conditions(noise, (6, 24), draws=2)
    named = [(item.name, item.draw) for item in chosen]
    assert named == [("clean", 1), ("white 24 dB", 1), ("white 24 dB", 2), ("white 6 dB", 1), ("white 6 dB", 2)]
    assert np.array_equal(noise.piece("a", 8000, 2), noise.piece("a", 8000, 2))
    assert not np.array_equal(noise.piece("a", 8000, 2), noise.piece("a", 8000, 1))
    assert not np.array_equal(noise.piece("a", 8000, 2), noise.piece("a", 8000, 3))


def test_a_sound_that_is_shorter_than_the_clip_makes_other_pieces_too(tmp_path: Path) -> None:
    folder = tmp_path / "test_noise"
    audio.write_wav(folder / "drip.wav", np.arange(3000, dtype=np.int16))
    pieces = [evaluation_noise.Noise.of_folder(folder).piece("a", 8000, draw) for draw in (1, 2, 3)]
    assert all(len(piece) == 8000 and len(np.unique(piece)) == 3000 for piece in pieces)
    assert len({float(piece[0]) for piece in pieces}) == 3


def test_noise_without_a_folder_is_of_a_kind_left_out_of_training() -> None:
    some = evaluation_noise.Noise.of_folder(None, heard_in_training=("white", "pink", "water"))
    assert some.kind == "clatter" and "left out" in some.description
    assert np.isfinite(some.piece("a.wav", 16000)).all()
    every = evaluation_noise.Noise.of_folder(None, heard_in_training=evaluation_noise.scenes.MAKERS)
    assert every.kind == "kitchen" and "training has water and dishes too" in every.description


@pytest.mark.parametrize("kind", ["water", "clatter", evaluation_noise.KITCHEN])
def test_pooled_noise_is_the_same_in_every_process_and_another_for_each_clip(kind: str) -> None:
    noise = evaluation_noise.Noise(kind, seed=3, pool=4)
    pieces = [noise.piece(f"{number} 0", 16000) for number in range(20)]
    evaluation_noise._pooled.cache_clear()
    again = [noise.piece(f"{number} 0", 16000) for number in range(20)]
    assert all(len(piece) == 16000 and piece.any() for piece in pieces)
    assert all(np.array_equal(one, other) for one, other in zip(pieces, again, strict=True))
    assert len({piece.tobytes() for piece in pieces}) == len(pieces)
    assert not np.array_equal(evaluation_noise.Noise(kind, seed=4, pool=4).piece("0 0", 16000), pieces[0])
    assert len(noise.piece("long", 10 * 16000)) == 10 * 16000  # longer than a piece of the pool


def test_a_folders_own_noise_knows_no_pool(tmp_path: Path) -> None:
    sound = np.random.default_rng(1).normal(0, 0.1, 32000).astype(np.float32)
    audio.write_wav(tmp_path / "x.wav", audio.to_int16(sound))
    files = (tmp_path / "x.wav",)
    pooled = evaluation_noise.Noise("tests", files, pool=4)
    assert np.array_equal(pooled.piece("a", 16000), evaluation_noise.Noise("tests", files).piece("a", 16000))


@pytest.fixture(scope="module")
def babbler(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model with seeded weights: gibberish, but the client's own."""
    pytest.importorskip("export.graph")
    from asr.core.alphabet import Alphabet
    from export.graph import graph_def
    from export.pbmm import write_pbmm
    from tests.small_networks import small_network

    path = tmp_path_factory.mktemp("babbler") / "babbler.pbmm"
    write_pbmm(graph_def(small_network(1), Alphabet()), path)
    return path


def test_recognition_is_that_of_the_client_in_every_process(shared_data: Path, tmp_path: Path, babbler: Path) -> None:
    folder = shared_data / "digits"
    with (folder / "recordings.csv").open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))[:400:100]
    utterances = []
    for row in rows:
        clip = tmp_path / f"{Path(row['file']).stem}.wav"
        audio.write_wav(clip, audio.load(folder / row["file"]))
        source = folder / row["file"] if len(utterances) != 1 else None
        utterances.append(recognition.Utterance(clip.name, clip, row["transcript"], row["speaker"], 0.5, source=source))
    client = recognition.Client(babbler, beam_width=4)
    noise = evaluation_noise.Noise.of_folder(None)
    chosen = conditions.conditions(noise, (6,), raw=True)
    losses = {item.name: 1.0 for item in utterances}
    found = recognition.recognise(client, utterances, chosen, noise, losses=losses, workers=2)
    # The reference: one client here, on the same samples, one after the other. One clip has no source.
    with client.load() as model:
        expected = [
            model.stt(recognition.samples_of(item, condition, noise))
            for condition in chosen
            for item in utterances
            if not (condition.raw and item.source is None)
        ]
    assert [item.hypothesis for item in found] == expected and len(expected) == 11
    assert len(set(expected)) > 3
    sound = recognition.sounds(utterances, noise)
    with client.load() as model:
        last = sound(found[-1])
        assert last is not None and model.stt(last) == found[-1].hypothesis
    assert [item.loss is None for item in found[:4]] == [False] * 4 and found[-1].loss is None
    assert [item.condition.name for item in found] == ["clean"] * 4 + ["raw"] * 3 + ["kitchen 6 dB"] * 4


def test_missing_model_is_told_before_any_process_starts(tmp_path: Path) -> None:
    utterance = recognition.Utterance("a", tmp_path / "a.wav", "a", "anna", 1.0)
    with pytest.raises(ModelError, match="no such model"):
        recognition.recognise(recognition.Client(tmp_path / "none.pbmm"), [utterance], conditions.conditions(None))


def test_a_clip_meets_the_same_noise_under_any_name(tmp_path: Path) -> None:
    rng = np.random.default_rng(3)
    said = rng.integers(-3000, 3000, (2, 8000)).astype(np.int16)
    heard = []
    for name, samples in (("a", said[0]), ("elsewhere/b", said[0]), ("a", said[1])):
        path = tmp_path / f"{len(heard)}.wav"
        audio.write_wav(path, samples)
        utterance = recognition.Utterance(name, path, "on", "eve", 0.5)
        noisy = recognition.samples_of(utterance, conditions.Condition("noise", 6.0), evaluation_noise.Noise("white"))
        heard.append(noisy.astype(int) - samples)
    assert np.array_equal(heard[0], heard[1])
    assert not np.array_equal(heard[0], heard[2])
