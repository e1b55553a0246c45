"""The labeller: takes that are accepted become recordings, marks become rows, and names are no paths."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from starlette.testclient import TestClient

from asr.core import audio
from asr.runtime.guard import Guard
from asr.settings.workspace import Workspace
from datasets.recordings import find
from tests.datasets.test_take_cutter import words
from tests.tools.web.lamp import make_workspace
from tools.web.labeller import PAGE, Labeller
from tools.web.recorder import make_app

LONG = {"file": "other_speech/long.wav"}


@pytest.fixture
def ws(tmp_path: Path) -> Workspace:
    ws = make_workspace(tmp_path / "lamp", device=False)
    audio.write_wav(ws.other_speech / "long.wav", words([0.5] * 5)[0])
    return ws


@pytest.fixture
def client(ws: Workspace) -> TestClient:
    return TestClient(Guard(make_app(Labeller(ws).routes())), base_url="http://127.0.0.1:8701")


def test_accepted_takes_become_recordings(client: TestClient, ws: Workspace) -> None:
    assert [one["file"] for one in client.get("/label/recordings").json()["recordings"]] == [LONG["file"]]
    takes = client.get("/label/takes", params=LONG).json()["takes"]
    assert len(takes) == 5
    whole = audio.parse_wav(client.get("/label/sound", params=LONG).content, "answer")
    for _ in range(2):  # a lost answer: the same take again files nothing
        for start, end in takes[:2]:
            body = {"start": start, "end": end, "sentence": "bad cab", "speaker": "Ann"}
            assert client.post("/label/accept", params=LONG, json=body).status_code == 200
    found = find(ws.recordings, ws.alphabet)
    assert [(one.transcript, one.speaker) for one in found] == [("bad cab", "Ann")] * 2
    first = round(takes[0][0] * 16000)
    samples = audio.read_wav(found[0].path)
    assert (samples == whole[first : first + len(samples)]).all()
    assert len(samples) == pytest.approx((takes[0][1] - takes[0][0]) * 16000, abs=1)


def test_marks_are_kept_and_go_to_audacity_and_back(client: TestClient, ws: Workspace) -> None:
    audio.write_wav(ws.recordings / "bad cab" / "a_nohash_0.wav", np.full(16000, 900, np.int16))
    assert client.post("/label/marks", params=LONG, json={"marks": [[1.5, 2, "stop"], [0.5, 1.0, "go"]]}).json() == {
        "marks": 2
    }
    other = {"file": "recordings/bad cab/a_nohash_0.wav"}
    client.post("/label/marks", params=other, json={"marks": [[0.1, 99.0, "late"]]})
    assert client.get("/label/takes", params=LONG).json()["marks"] == [[0.5, 1.0, "go"], [1.5, 2.0, "stop"]]
    # A mark ends where its recording does.
    assert client.get("/label/takes", params=other).json()["marks"] == [[0.1, 1.0, "late"]]
    text = client.get("/label/audacity", params=LONG).text
    assert text == "0.500000\t1.000000\tgo\n1.500000\t2.000000\tstop\n"
    changed = text.replace("stop", "halt")
    plain = {"content-type": "text/plain"}
    assert client.post("/label/audacity", params=LONG, content=changed, headers=plain).json() == {"marks": 2}
    rows = (ws.root / "labels.csv").read_text().splitlines()
    assert rows == [
        *("file,start,end,label", "other_speech/long.wav,0.500,1.000,go", "other_speech/long.wav,1.500,2.000,halt"),
        "recordings/bad cab/a_nohash_0.wav,0.100,1.000,late",
    ]
    wrong = client.post("/label/audacity", params=LONG, content="0\tx\ty\n", headers=plain)
    assert wrong.status_code == 422 and "is no label" in wrong.text
    assert (ws.root / "labels.csv").read_text().splitlines() == rows


@pytest.mark.parametrize("name", ["../asr.toml", "/etc/passwd", "recordings/../asr.toml", "", "other_speech/none.wav"])
def test_names_are_no_paths(client: TestClient, name: str) -> None:
    for path in ("/label/sound", "/label/takes"):
        assert client.get(path, params={"file": name}).status_code == 404
    body = {"start": 0, "end": 1, "sentence": "bad cab", "speaker": ""}
    assert client.post("/label/accept", params={"file": name}, json=body).status_code == 404


@pytest.mark.parametrize(
    ("path", "body", "status"),
    [
        ("/label/accept", {"start": 0, "end": 1, "sentence": "no command", "speaker": ""}, 422),
        ("/label/accept", {"start": 1, "end": 1, "sentence": "bad cab", "speaker": ""}, 422),
        ("/label/accept", {"start": "0", "end": 1, "sentence": "bad cab"}, 422),
        ("/label/accept", {"start": 0, "end": 1, "sentence": "bad cab", "speaker": "../x"}, 422),
        ("/label/marks", {"marks": [[0, 1]]}, 422),
        ("/label/marks", {"marks": [[0, float("1e400"), "x"]]}, 422),
        ("/label/marks", {"other": []}, 422),
        ("/label/marks", {"marks": [[0, 1, "x" * 400]]}, 422),
    ],
)
def test_what_is_wrong_files_nothing(
    client: TestClient, ws: Workspace, path: str, body: dict[str, object], status: int
) -> None:
    import json

    headers = {"content-type": "application/json"}
    answer = client.post(path, params=LONG, content=json.dumps(body), headers=headers)
    assert answer.status_code == status
    assert not ws.recordings.exists() and not (ws.root / "labels.csv").exists()


def test_the_page_is_there(client: TestClient) -> None:
    page = client.get("/label").text
    for path in PAGE.iterdir():
        if path.name != "label.html":
            assert client.get(f"/{path.name}").status_code == 200
            assert path.name in page or path.name == "spectrogram.js"
