"""`asr recognise`: sentences of the grammar only, as text and JSON, and one line for what is wrong."""

from __future__ import annotations

import json
import socket
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import soundfile

from asr.core.alphabet import Alphabet
from asr.core.errors import ModelError
from asr.ctc import weights
from asr.runtime.recogniser import GRAMMAR, NETWORK, Recogniser
from asr.settings.values import with_values
from asr.settings.workspace import Workspace
from export.device import network_file
from export.weights import read_layers
from lm.sentences import Templates
from tests.small_networks import small_network
from tools.commands.steps.exporting import export_pretrained
from tools.commands.steps.inputs import make_grammar
from tools.commands.steps.new_workspace import make_workspace
from tools.commands.verbs import open_workspace, train_now

REPOSITORY = Path(__file__).resolve().parents[3]
TEXT = "[SetLight]\nturn (on|off) the {room} light\n{room} = (living room:lounge|kitchen)\n"


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    """A workspace with an untrained network exported, and three recordings of noise."""
    folder = tmp_path_factory.mktemp("home")
    (folder / "home.txt").write_text(TEXT)
    make_workspace(folder / "ws", folder / "home.txt")
    ws = open_workspace(folder / "ws")
    make_grammar(ws)
    (ws.device / NETWORK).write_bytes(network_file(small_network(1), Alphabet()).to_bytes())
    generator = np.random.default_rng(1)
    (folder / "noise").mkdir()
    for number in range(3):
        soundfile.write(folder / "noise" / f"{number}.wav", 0.3 * generator.standard_normal(32000), 16000)
    return ws


def asr(*arguments: object) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "tools.commands.cli", *map(str, arguments)]
    return subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True)


def test_every_answer_is_a_sentence_with_its_meaning(home: Workspace) -> None:
    templates = Templates.parse(TEXT, Alphabet())
    done = asr("recognise", home.root, home.root.parent / "noise", "--json")
    assert done.returncode == 0, done.stderr
    rows = [json.loads(line) for line in done.stdout.splitlines()]
    assert [Path(row["file"]).name for row in rows] == ["0.wav", "1.wav", "2.wav"]
    for row in rows:
        meaning = templates.meaning(row["text"])
        assert meaning is not None and (row["intent"], row["slots"]) == (meaning.intent, meaning.slots)
        assert [word["word"] for word in row["words"]] == row["text"].split()
        times = [word[name] for word in row["words"] for name in ("start", "end")]
        assert times == sorted(times) and times[-1] <= 2.1
        assert templates.accepts(row["second"]) and row["second"] != row["text"] and row["margin"] > 0
    done = asr("recognise", home.root, home.root.parent / "noise" / "0.wav")
    assert rows[0]["text"] in done.stdout and "SetLight" in done.stdout


def test_a_silent_moment_is_no_sentence(home: Workspace, tmp_path: Path) -> None:
    soundfile.write(tmp_path / "short.wav", np.full(400, 0.1), 16000)
    done = asr("recognise", home.root, tmp_path / "short.wav", "--json")
    assert done.returncode == 0 and json.loads(done.stdout)["text"] == ""


def test_what_is_wrong_is_one_line(home: Workspace, tmp_path: Path) -> None:
    def fails(*arguments: object) -> str:
        done = asr("recognise", *arguments)
        assert done.returncode == 2 and done.stdout == "" and len(done.stderr.splitlines()) == 1
        return done.stderr

    (tmp_path / "empty").mkdir()
    assert "there is no sound file in it" in fails(home.root, tmp_path / "empty")
    assert "No such file or directory" in fails(home.root, tmp_path / "none.wav")
    grammar = (home.device / GRAMMAR).read_bytes()
    noise = home.root.parent / "noise" / "0.wav"
    try:
        (home.device / GRAMMAR).write_bytes(grammar[:-200])
        assert "this is no grammar graph" in fails(home.root, noise)
        other = Alphabet("\u00e4 bcdefghijklmnopqrstuvwxyza'")
        (home.device / GRAMMAR).write_bytes(grammar)
        network = (home.device / NETWORK).read_bytes()
        (home.device / NETWORK).write_bytes(network_file(small_network(1), Alphabet(other.labels[:28])).to_bytes())
        assert "two alphabets" in fails(home.root, noise)
        (home.device / NETWORK).unlink()
        assert "it is not exported. Run: asr train" in fails(home.root, noise)
    finally:
        (home.device / GRAMMAR).write_bytes(grammar)
        (home.device / NETWORK).write_bytes(network)


def test_a_grammar_is_made_anew_when_sentences_change(tmp_path: Path) -> None:
    make_workspace(tmp_path / "ws")
    ws = open_workspace(tmp_path / "ws")
    assert make_grammar(ws) == ""
    first = (ws.device / GRAMMAR).stat().st_mtime_ns
    make_grammar(ws)
    assert (ws.device / GRAMMAR).stat().st_mtime_ns == first
    ws.sentences.write_text("stop\n")
    make_grammar(ws)
    assert (ws.device / GRAMMAR).stat().st_mtime_ns != first


def test_a_recogniser_of_the_pretrained_weights_needs_no_training(tmp_path: Path) -> None:
    make_workspace(tmp_path / "ws")
    (tmp_path / "ws" / "sentences.txt").write_text("turn (on|off) the [(kitchen|flibbertigibbet)] light\n")
    ws = open_workspace(tmp_path / "ws")
    told = train_now(ws)
    assert "less often right: flibbertigibbet\n" in told and "nothing is refused yet" in told
    heard = Recogniser.open(ws.device)
    path = weights.find("english")
    assert path is not None
    shipped, exported = (network_file(read_layers(one).layers, Alphabet()).to_bytes() for one in (path, ws.model))
    assert shipped == exported == (ws.device / NETWORK).read_bytes()
    assert heard.verifier is None and not (ws.export / "run.json").exists()


def test_pretrained_weights_of_other_letters_are_refused(tmp_path: Path) -> None:
    make_workspace(tmp_path / "ws")
    ws = open_workspace(tmp_path / "ws")
    longer = with_values(ws.settings, alphabet={"labels": " abcdefghijklmnopqrstuvwxyz'\u00e4"})
    with pytest.raises(ModelError, match="know other letters"):
        export_pretrained(Workspace(ws.root, longer), "english")


def test_home_assistant_is_served_from_a_workspace(home: Workspace, tmp_path: Path) -> None:
    command = [sys.executable, "-m", "tools.commands.cli", "wyoming", str(home.root), "--uri", "tcp://127.0.0.1:0"]
    with subprocess.Popen(command, cwd=REPOSITORY, stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr is not None
        lines = [process.stderr.readline(), process.stderr.readline()]
        assert "there is no verifier" in lines[0] and "serving the Wyoming protocol at tcp://127.0.0.1:" in lines[1]
        port = int(lines[1].partition("127.0.0.1:")[2].partition(";")[0])
        with socket.create_connection(("127.0.0.1", port), 20) as client, client.makefile("rb") as answers:
            client.sendall(b'{"type": "recognize", "data": {"text": "Turn off the living room light"}}\n')
            header = json.loads(answers.readline())
            data = json.loads(answers.read(header["data_length"]))
        assert (header["type"], data["name"]) == ("intent", "SetLight")
        assert data["entities"] == [{"name": "room", "value": "lounge"}]
        process.terminate()
        assert process.wait(20) == 0
    make_workspace(tmp_path / "new")
    for place, uri, message in (
        (tmp_path / "new", "tcp://127.0.0.1:0", "it is not exported. Run: asr train"),
        (home.root, "127.0.0.1", "write tcp://HOST:PORT"),
    ):
        done = asr("wyoming", place, "--uri", uri)
        assert done.returncode == 2 and message in done.stderr.splitlines()[-1], done.stderr
