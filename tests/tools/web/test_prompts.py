"""What a speaker is asked to record: every sentence of a short list, every word of a long one, mistakes first."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from asr.core import audio, tables
from asr.evaluation.transcriptions import Transcription
from asr.runs.record import Run
from asr.settings.workspace import Workspace
from tests.tools.web.lamp import make_workspace
from tools.web.prompts import make_plan

SOUND = np.arange(-4000, 4000, dtype=np.int16)


@pytest.fixture
def ws(tmp_path: Path) -> Workspace:
    return make_workspace(tmp_path / "lamp", device=False)


def heard(transcript: str, hypothesis: str) -> Transcription:
    return Transcription("clip", "anna", transcript, hypothesis, 1.0, False)


def record(ws: Workspace, rows: list[tuple[str, str]]) -> None:
    for number in range(len(rows)):
        audio.write_wav(ws.recordings / f"{number}.wav", SOUND)
    cells = [(f"{number}.wav", *row) for number, row in enumerate(rows)]
    tables.write(ws.recordings / "recordings.csv", ("file", "transcript", "speaker"), cells)


def test_a_short_list_is_recorded_whole(ws: Workspace) -> None:
    plan = make_plan(ws, "Ann")
    assert {one.sentence for one in plan.prompts} == {
        *("bad cab", "bad cab hedge", "bad bag", "bad bag hedge", "fade bead", "fade cage")
    }
    assert (plan.recorded, plan.needed) == (0, 18)
    record(ws, [("bad cab", "Ann")] * 3 + [("fade cage", "Ann"), ("fade cage", "Bo"), ("bad face", "Ann")])
    plan = make_plan(ws, " Ann ")
    assert (plan.recorded, plan.needed) == (4, 18)
    assert "bad cab" not in {one.sentence for one in plan.prompts}
    # What has fewer takes comes first.
    assert plan.prompts[-1].sentence == "fade cage" and plan.prompts[-1].wanted == 2
    assert make_plan(ws, "Bo").recorded == 1


def test_a_long_list_is_covered_word_by_word(ws: Workspace) -> None:
    (ws.root / "sentences.txt").write_text("(a|b|c|d|e|f) (ba|be|ca|ce) (dad|bed|fed|gab)\n")
    plan = make_plan(ws, "Ann")
    counts = Counter(word for one in plan.prompts for word in one.sentence.split() for _ in range(one.wanted))
    assert len(counts) == 14 and min(counts.values()) >= 3
    # Six words of one place, three times each, are the least that can do.
    assert 18 <= plan.needed <= 24


def test_what_the_last_report_got_wrong_comes_first(ws: Workspace) -> None:
    run = Run.start(ws.runs, {}, data="", parent=None, seed=1, remarks=[])
    run.measure({}, [heard("bad bag", "bad bag").row(), heard("fade cage", "fade bead").row()], {})
    plan = make_plan(ws, "Ann")
    assert (plan.prompts[0].sentence, plan.prompts[0].missed) == ("fade cage", True)
    assert sum(one.missed for one in plan.prompts) == 1
