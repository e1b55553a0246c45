"""The report page as a reader's browser parses it: every figure of the JSON, and nothing fetched."""

from __future__ import annotations

import io
import json
import re
import struct
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from rich.console import Console

from asr.evaluation.conditions import Condition
from asr.evaluation.learning import Point, fit
from asr.evaluation.report import Report, summary, write_report
from asr.evaluation.results import evaluate
from asr.evaluation.transcriptions import Transcription

VOID = {"meta", "br", "link", "img", "input", "hr"}
REMARK = "split by recordings: speakers were trained on"
MEASURES = ("wer", "cer", "sentence_accuracy", "acceptance", "loss")


class Page(HTMLParser):
    """Collects tables, text, links and ids, and checks that every element is closed."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tables: dict[str, list[list[str]]] = {}
        self.captions: list[str] = []
        self.ids: list[str] = []
        self.references: list[str] = []
        self.text = ""
        self._rows: list[list[str]] = []
        self._captioned = 0
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = dict(attrs)
        if tag not in VOID:
            self.open.append(tag)
        if "id" in values:
            self.ids.append(values["id"] or "")
        self.references += [values[name] or "" for name in ("href", "src", "xlink:href") if name in values]
        if tag == "caption":
            self.captions.append("")
        elif tag == "table":
            self._rows, self._captioned = [], len(self.captions)
        elif tag == "tr":
            self._rows.append([])
        elif tag in ("td", "th"):
            self._rows[-1].append("")

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attrs)
        if tag not in VOID:
            self.open.pop()

    def handle_endtag(self, tag: str) -> None:
        assert self.open and self.open[-1] == tag, f"</{tag}> closes {self.open[-3:]}"
        self.open.pop()
        if tag == "table":
            caption = self.captions[-1] if len(self.captions) > self._captioned else ""
            self.tables[f"{caption} #{len(self.tables)}"] = self._rows

    def handle_data(self, data: str) -> None:
        data = data.replace("\N{NO-BREAK SPACE}", " ")
        if "style" in self.open or "script" in self.open:
            return
        self.text += data + " "
        if "caption" in self.open:
            self.captions[-1] += data + " "
        elif self.open and {"td", "th"} & set(self.open) and self._rows:
            self._rows[-1][-1] += data + " "


def clips() -> list[Transcription]:
    said = ["turn on the light", "turn off the light", "switch on the light"]
    wrong = ["turn on light", "turn on the light", "<b>switch & on"]
    items = []
    for number in range(24):
        text = said[number % 3]
        slots = {"state": text.split()[1]}
        for condition, bad in (
            (Condition(), number % 7 == 0),
            (Condition("kitchen", 6), number % 2 == 0),
            (Condition("kitchen", 24), number % 5 == 0),
        ):
            hypothesis = wrong[number % 3] if bad else text
            other = {"state": hypothesis.split()[1]} if hypothesis.startswith("turn") else None
            loss = 1.0 + number / 7 if condition == Condition() else None
            items.append(
                Transcription(
                    f"clip{number}.wav",
                    f"s{number % 5}",
                    text,
                    hypothesis,
                    1.25,
                    number >= 18,
                    condition,
                    loss,
                    slots,
                    other,
                    recording="" if number >= 18 else f"anna & <ben>/{number}.flac",
                )
            )
    return items


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    target = tmp_path_factory.mktemp("reports") / "20260101T000000Z-abcdef"
    curves = [{"epoch": n, "loss": 9 / n, "dev_loss": 11 / n, "learning_rate": 1e-3} for n in range(1, 20)]
    run = {
        "id": target.name,
        "curves": curves,
        "settings": {"train": {"n_hidden": 134}},
        "process": {"host": "my-own-computer"},
    }
    law = fit([Point(50, 0.4, 400), Point(100, 0.3, 400), Point(200, 0.2, 400)])
    report = Report(
        "light & <lamp>", evaluate(clips(), [REMARK]), run, {"model": "output_graph.pbmm"}, {"clean": "as cut"}, law
    )
    generator = np.random.default_rng(1)
    write_report(target, report, lambda item: generator.integers(-9000, 9000, 20000).astype(np.int16))
    return target


@pytest.fixture(scope="module")
def content(folder: Path) -> dict[str, Any]:
    return json.loads((folder / "report.json").read_text(encoding="utf-8"))  # type: ignore[no-any-return]


@pytest.fixture(scope="module")
def page(folder: Path) -> Page:
    return Page((folder / "index.html").read_text(encoding="utf-8"))


def written(measure: str, figure: dict[str, Any]) -> list[str]:
    """What a reader should find of a figure: its value, and the ends of its interval."""
    if figure["value"] is None:
        return []
    if measure == "loss":
        return [f"{number:.2f}" for number in (figure["value"], *(figure["interval"] or ()))]
    return [f"{100 * figure['value']:.1f} %", *(f"{100 * end:.1f}" for end in figure["interval"] or ())]


def test_every_figure_of_the_json_is_in_the_page(page: Page, content: dict[str, Any]) -> None:
    assert [item["kind"] for item in content["evaluations"]] == ["real", "synthetic"]
    seen = 0
    for number, evaluation in enumerate(content["evaluations"]):
        for caption, groups in (
            ("Every condition", "conditions"),
            ("By speaker", "speakers"),
            ("By sentence", "sentences"),
        ):
            rows = [table for name, table in page.tables.items() if name.startswith(caption)][number]
            cells = {row[0].strip(): " ".join(row[1:]) for row in rows}
            for name, figures in evaluation[groups].items():
                for measure in MEASURES:
                    for text in written(measure, figures[measure]):
                        assert text in cells[name], (caption, name, measure)
                        seen += 1
                assert str(figures["utterances"]) in cells[name].split()
        confusions = [table for name, table in page.tables.items() if name.startswith("Words con")][number]
        for item in evaluation["words"]["confusions"]:
            pair = [f"“{item[side]}”" if item[side] else "(nothing)" for side in ("said", "heard")]
            assert any([cell.strip() for cell in row[:3]] == [*pair, str(item["count"])] for row in confusions)
        for item in [*evaluation["worst"], *evaluation["worst_in_noise"]]:
            assert item["clip"] in page.text and item["recording"] in page.text
            assert bool(item["recording"]) == (evaluation["kind"] == "real")
        assert evaluation["words_in_noise"]["confusions"]
    assert seen > 100
    assert content["learning"]["forecast"] in page.text


def test_figures_are_those_of_a_count_by_hand(content: dict[str, Any]) -> None:
    # Of the real clips 0 to 17, numbers 0, 7 and 14 are wrong when clean: "the" missing, "off" for "on", and
    # "<b>switch & on" for "switch on the light": four errors at the least.
    clean = content["evaluations"][0]["conditions"]["clean"]
    assert (clean["utterances"], clean["wer"]["part"], clean["wer"]["whole"]) == (18, 6, 72)
    assert clean["sentence_accuracy"]["value"] == pytest.approx(15 / 18)
    # "turn on light" has its slot right.
    assert clean["acceptance"]["value"] == pytest.approx(16 / 18)


def test_every_table_of_figures_carries_the_remarks(page: Page) -> None:
    for caption in page.captions:
        if not caption.startswith(("Trainings", "Every epoch")):
            assert REMARK in caption
    assert page.text.count("without synthetic voices") == 1
    assert page.text.count("Synthetic voices only") == 1


def test_page_is_whole_and_fetches_nothing(folder: Path, page: Page) -> None:
    text = (folder / "index.html").read_text(encoding="utf-8")
    assert page.open == []
    assert len(page.ids) == len(set(page.ids))
    for reference in page.references:
        assert reference.startswith(("#", "data:")), reference
        if reference.startswith("#"):
            assert reference[1:] in page.ids
    assert all(used in page.ids for used in re.findall(r"url\(#([^)]+)\)", text))
    assert "<script" not in text and "@import" not in text
    # A user's text is text, never markup.
    assert "light & <lamp>" in page.text and "<b>switch" in page.text and "<b>" not in text
    assert "my-own-computer" not in text


def test_every_picture_is_named_and_drawn(folder: Path, content: dict[str, Any]) -> None:
    text = (folder / "index.html").read_text(encoding="utf-8")
    names = re.findall(r'<svg role="img" aria-label="([^"]+)"', text)
    assert len(names) == text.count("<svg ") and len(names) == len(set(names))
    files = {path.name: path.read_bytes() for path in folder.glob("*.png")}
    worst = sum(len(one["worst"]) + len(one["worst_in_noise"]) for one in content["evaluations"])
    assert len(files) == len(names) and sum("clip" in name for name in files) == worst
    for name, data in files.items():
        width, height = struct.unpack(">II", data[16:24])
        assert data[:8] == b"\x89PNG\r\n\x1a\n" and width > 200 and height > 100, name


def test_alignment_is_marked_in_text_too(page: Page) -> None:
    for mark in ("≠ substituted", "- deleted"):
        assert mark in page.text


def test_what_was_not_measured_says_so(tmp_path: Path) -> None:
    items = [Transcription(f"{n}", f"s{n}", "one", "one", 0.5, False) for n in range(2)]
    page = Page(write_report(tmp_path, Report("digits", evaluate(items))).read_text(encoding="utf-8"))
    assert "Not measured yet" in page.text
    assert "no interval: 2 speakers, 3 are needed" in page.text
    assert "Commands right" not in page.text
    assert "No errors in the condition “clean”." in page.text


def test_draws_of_noise_are_told_of(tmp_path: Path) -> None:
    noisy = [replace(item, condition=Condition("water", 6, draw=draw)) for item in clips() for draw in (1, 2)]
    evaluations = evaluate([*clips(), *noisy])
    console = Console(file=io.StringIO(), width=80)
    console.print(summary(evaluations))
    told = "ach clip meets 2 different pieces of noise at each level"
    assert told in " ".join(console.file.getvalue().split())  # type: ignore[attr-defined]
    text = write_report(tmp_path, Report("lamp", evaluations)).read_text()
    assert told in text
    console = Console(file=io.StringIO(), width=80)
    console.print(summary(evaluate(clips())))
    assert "different pieces" not in console.file.getvalue()  # type: ignore[attr-defined]


def test_summary_for_the_terminal_keeps_kinds_apart() -> None:
    console = Console(file=io.StringIO(), width=80)
    console.print(summary(evaluate(clips(), [REMARK])))
    text = console.file.getvalue().replace("\N{NO-BREAK SPACE}", " ")  # type: ignore[attr-defined]
    real, synthetic = text.split("Synthetic speech, 5 speakers")
    assert "Real speech, 5 speakers" in real and "88.9 %" in real and "88.9 %" not in synthetic
    assert text.count(f"Note: {REMARK}") == 2
    assert "…" not in text  # nothing is cut off at 80 columns
