"""`asr init`: what a new workspace holds, and what is refused before anything is written."""

from __future__ import annotations

import numpy as np
import pytest

from asr.core import audio
from asr.core.alphabet import Alphabet
from asr.core.errors import RecordingsError, SentenceError, WorkspaceError
from asr.settings.presets import combine
from asr.settings.values import Settings
from asr.settings.workspace import Workspace
from lm.sentences import Templates
from tools.commands.steps.new_workspace import make_workspace
from tools.commands.verbs import open_workspace


def test_init_writes_what_open_reads(tmp_path) -> None:
    said = make_workspace(tmp_path / "lamp")
    ws = open_workspace(tmp_path / "lamp")
    assert ws.settings == combine({}, "words")
    assert sorted(path.name for path in ws.root.iterdir()) == ["asr.toml", "recordings", "sentences.txt"]
    assert "turn on the light" in ws.sentences.read_text()
    assert "put recordings into recordings/" in said
    with pytest.raises(WorkspaceError, match="there is a workspace already"):
        make_workspace(tmp_path / "lamp")
    (tmp_path / "file").write_text("mine")
    with pytest.raises(WorkspaceError, match="file: this is a file"):
        make_workspace(tmp_path / "file")
    assert (tmp_path / "file").read_text() == "mine"


def test_many_words_get_another_preset(tmp_path) -> None:
    sentences = tmp_path / "commands.txt"
    letters = "abcdefghijklmnopqrstuvwxyz"
    for words, alpha, beta in ((30, Settings().scorer.alpha, Settings().scorer.beta), (31, 2.5, 1.0)):
        sentences.write_text("\n".join(["word", *(f"{x}{y}" for x in letters for y in "ab")][:words]) + "\n")
        said = make_workspace(tmp_path / str(words), sentences)
        settings = open_workspace(tmp_path / str(words)).settings
        assert (settings.scorer.alpha, settings.scorer.beta, settings.scorer.look_ahead) == (alpha, beta, True)
        assert settings.train.start_from == "english"
        assert f"{words} words, preset {settings.train.preset}; " in said


def test_sentences_with_an_error_are_refused_before_anything_is_written(tmp_path) -> None:
    sentences = tmp_path / "commands.txt"
    sentences.write_text("turn on\nturn (on|off the light\n")
    with pytest.raises(SentenceError, match=r"commands\.txt:2"):
        make_workspace(tmp_path / "lamp", sentences)
    sentences.write_text("turn on\nset it to 20\n")
    with pytest.raises(SentenceError, match=r"commands\.txt:2.*numbers as words"):
        make_workspace(tmp_path / "lamp", sentences)
    with pytest.raises(SentenceError, match=r"missing\.txt: no such file"):
        make_workspace(tmp_path / "lamp", tmp_path / "missing.txt")
    assert not (tmp_path / "lamp").exists()
    sentences.write_text("turn (on|off)\n")
    make_workspace(tmp_path / "lamp", sentences)
    assert (tmp_path / "lamp/sentences.txt").read_text() == "turn (on|off)\n"


def test_sentences_of_others_are_converted(tmp_path, capsys) -> None:
    (tmp_path / "slots").mkdir()
    (tmp_path / "slots/songs").write_text("".join(f"song {'x' * number}\n" for number in range(1, 41)))
    ini = tmp_path / "sentences.ini"
    ini.write_text("[Play]\nplay $songs{song}\nstop $nothing\n")
    said = make_workspace(tmp_path / "music", ini)
    assert "42 words" in said
    assert f"not converted: {ini}:3: $nothing has no file" in capsys.readouterr().err
    found = Templates.read(tmp_path / "music/sentences.txt", Alphabet()).meaning("play song xx")
    assert found is not None and (found.intent, found.slots) == ("Play", {"song": "song xx"})

    home = tmp_path / "home.yaml"
    home.write_text("language: en\nintents:\n  TurnOn:\n    data:\n      - sentences: ['turn on [the] light[s]']\n")
    make_workspace(tmp_path / "home", home)
    assert list(Templates.read(tmp_path / "home/sentences.txt", Alphabet())) == [
        "turn on the lights", "turn on the light", "turn on lights", "turn on light",
    ]  # fmt: skip
    home.write_text("language: en\nintents: {TurnOn: {data: [{sentences: ['to {name}']}]}}\n")
    with pytest.raises(SentenceError, match=r"home\.yaml:2: none of its sentences"):
        make_workspace(tmp_path / "none", home)
    with pytest.raises(SentenceError, match="no YAML file in this folder"):
        make_workspace(tmp_path / "none", tmp_path / "slots")
    assert not (tmp_path / "none").exists()


def test_sentences_that_are_there_stay(tmp_path) -> None:
    (tmp_path / "lamp").mkdir()
    (tmp_path / "lamp/sentences.txt").write_text("mine\n")
    (tmp_path / "commands.txt").write_text("others\n")
    with pytest.raises(WorkspaceError, match="there are sentences already"):
        make_workspace(tmp_path / "lamp", tmp_path / "commands.txt")
    make_workspace(tmp_path / "lamp")
    assert (tmp_path / "lamp/sentences.txt").read_text() == "mine\n"


def test_recordings_are_used_where_they_lie(tmp_path) -> None:
    folder = tmp_path / "speech"
    folder.mkdir()
    for name in ("a", "b"):
        audio.write_wav(folder / f"{name}.wav", np.zeros(16000, np.int16))
    table = folder / "recordings.csv"
    table.write_text("file,transcript,speaker\na.wav,lights on,ada\nb.wav,lights off,bob\n")
    before = {path: path.read_bytes() for path in folder.iterdir()}
    said = make_workspace(tmp_path / "lamp", recordings=table)
    ws = Workspace.open(tmp_path / "lamp")
    assert ws.recordings == table
    assert said == (
        f"{tmp_path}/lamp: 3 words, preset words; edit sentences.txt; "
        f"2 recordings of {table} are used where they are; then: asr train {tmp_path}/lamp"
    )
    # Without sentences, those that were recorded.
    assert ws.sentences.read_text() == "lights off\nlights on\n"
    assert not (ws.root / "recordings").exists()
    assert {path: path.read_bytes() for path in folder.iterdir()} == before
    table.write_text("file,transcript\nc.wav,lights on\n")
    with pytest.raises(RecordingsError, match=r"recordings\.csv:2: no such file 'c\.wav'"):
        make_workspace(tmp_path / "other", recordings=table)
    with pytest.raises(WorkspaceError, match="there are no recordings"):
        make_workspace(tmp_path / "other", recordings=tmp_path / "nowhere")
    assert not (tmp_path / "other").exists()


def test_the_number_of_words_counts_when_the_file_is_read(tmp_path) -> None:
    """Sentences that come later, and a better preset, reach a workspace that is there."""
    make_workspace(tmp_path / "lamp")
    assert open_workspace(tmp_path / "lamp").settings == combine({}, "words")
    letters = "abcdefghijklmnopqrstuvwxyz"
    (tmp_path / "lamp/sentences.txt").write_text("".join(f"{x}a {x}b\n" for x in letters))
    assert open_workspace(tmp_path / "lamp").settings == combine({}, "sentences")
    # The steps that need the sentences tell what is wrong with them.
    (tmp_path / "lamp/sentences.txt").write_text("turn (on|off the light\n")
    assert open_workspace(tmp_path / "lamp").settings.train.preset == "words"
    (tmp_path / "lamp/sentences.txt").unlink()
    assert open_workspace(tmp_path / "lamp").settings.train.preset == "words"
