"""The report of an evaluation: a page, its figures as JSON, pictures, and a summary for the terminal."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import datetime, timezone
from pathlib import Path
from typing import TYPE_CHECKING, Any

from asr.core import audio, files
from asr.evaluation import page, wording
from asr.evaluation.learning import PowerLaw
from asr.evaluation.refusals import Refusals
from asr.evaluation.results import Evaluation
from asr.evaluation.side_by_side import Ways
from asr.evaluation.transcriptions import Transcription

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt
    from matplotlib.figure import Figure as Canvas
    from rich.console import Group

FORMAT = 1  # of report.json

Sound = Callable[[Transcription], "npt.NDArray[np.int16] | None"]
Timing = Callable[["npt.NDArray[np.int16]"], Sequence[tuple[str, float]]]


@dataclass(frozen=True)
class Report:
    """The content of a report.

    Attributes
    ----------
    title : name of the workspace.
    run : the run's record (asr.runs.record.Run.record()); empty where the model was not trained here.
    evaluations : of asr.evaluation.results, real and synthetic speech apart.
    facts : other things the figures depend on, name to text: split or recordings, scorer, beam width, ...
    descriptions : of conditions, by name or kind of noise.
    learning : power law over the number of recordings; None: not measured.
    refusals : what the runtime accepts and refuses; None: it was not evaluated.
    """

    title: str
    evaluations: Sequence[Evaluation]
    run: Mapping[str, Any] = field(default_factory=dict)
    facts: Mapping[str, Any] = field(default_factory=dict)
    descriptions: Mapping[str, str] = field(default_factory=dict)
    learning: PowerLaw | None = None
    refusals: Refusals | None = None

    def as_dict(self) -> dict[str, Any]:
        """Return the content of report.json."""
        law = self.learning
        return {
            "format": FORMAT,
            "title": self.title,
            "run": {key: value for key, value in self.run.items() if key != "process"},
            "facts": dict(self.facts),
            "descriptions": dict(self.descriptions),
            "evaluations": [evaluation.as_dict() for evaluation in self.evaluations],
            "refusals": None if self.refusals is None else self.refusals.as_dict(),
            "learning": None
            if law is None
            else asdict(law) | {"forecast": law.forecast(), "twice": law.at(2 * law.points[-1].recordings)},
        }


def write_report(folder: Path, report: Report, sound: Sound | None = None, timing: Timing | None = None) -> Path:
    """Write index.html, report.json and the pictures into `folder`; return the page's path.

    Parameters
    ----------
    sound : gives the samples behind a transcription, int16 [n] at 16 kHz, for pictures of the worst clips; None (or a
        None for one clip): no picture of it.
    timing : gives the words recognised in such samples and their times, s, for the same pictures; None: no words.
    """
    # Matplotlib takes half a second to import, which only a report should cost.
    from asr.evaluation import plots

    pictures: dict[str, str] = {}

    def draw(key: str, canvas: Canvas | None, label: str) -> None:
        if canvas is not None:
            pictures[key] = plots.as_svg(canvas, label)
            files.write_bytes(folder / f"{key.replace(' ', '-')}.png", plots.as_png(canvas))

    for evaluation in report.evaluations:
        kind = evaluation.kind
        draw(f"{kind} noise", plots.noise_levels(evaluation), f"{kind} speech: figures by noise level")
        draw(f"{kind} confusion", plots.confusion_matrix(evaluation.words), f"{kind} speech: confusion matrix of words")
        if evaluation.words_in_noise is not None:
            matrix = plots.confusion_matrix(evaluation.words_in_noise)
            draw(f"{kind} noise confusion", matrix, f"{kind} speech in noise: confusion matrix of words")
        for prefix, worst in (("", evaluation.worst), ("noise ", evaluation.worst_in_noise)):
            for number, item in enumerate(worst, 1):
                samples = sound(item) if sound is not None else None
                if samples is not None and len(samples):
                    name = f"{kind} {prefix}clip {number}"
                    label = f"{name}: waveform and spectrogram of {item.title}, “{item.transcript}”"
                    words = timing(samples) if timing is not None else ()
                    draw(name, plots.clip(samples, audio.SAMPLE_RATE, words), label)
    draw("training", plots.training(report.run.get("curves", ())), "loss and learning rate by epoch")
    if report.refusals is not None:
        from asr.evaluation import refusal_section

        for name, (canvas, label) in refusal_section.draw(report.refusals).items():
            draw(name, canvas, label)
    if report.learning is not None:
        draw("learning", plots.learning_curve(report.learning), "word errors by number of recordings")

    files.write_json(folder / "report.json", report.as_dict())
    target = folder / "index.html"
    files.write_text(target, _page(report, pictures))
    return target


def summary(evaluations: Sequence[Evaluation]) -> Group:
    """Return the figures for the terminal: a table a kind of speech, a row a condition, intervals below."""
    from rich.console import Group

    return Group(*(part for evaluation in evaluations for part in _summary(evaluation)))


def _summary(evaluation: Evaluation) -> list[Any]:
    from rich.table import Table
    from rich.text import Text

    measures = [
        name
        for name in ("acceptance", "sentence_accuracy", "wer", "cer")
        if any(getattr(figures, name).value is not None for figures in evaluation.conditions.values())
    ]
    table = Table(box=None, pad_edge=False)
    table.add_column("condition", no_wrap=True)
    table.add_column("clips", justify="right")
    for measure in measures:
        head = wording.SHORT[measure].replace(" ", "\n")
        table.add_column(head, justify="right", min_width=10)
    for name, figures in evaluation.conditions.items():
        cells = [Text(f"{figures.utterances}")]
        for measure in measures:
            figure = getattr(figures, measure)
            text = Text(wording.value(measure, figure) if figure.value is not None else "-")
            if figure.interval:
                low, high = wording.bounds(measure, figure)
                text.append(f"\n{low}-{high}", style="dim")
            cells.append(text)
        table.add_row(Text(name), *cells)
    main = evaluation.conditions[evaluation.main]
    below = main.wer.note or "under each figure its 95 % interval, by bootstrap over speakers"
    if evaluation.draws > 1:
        below += f"; {wording.draws(evaluation.draws)}"
    heading = f"{wording.KINDS[evaluation.kind]}, {wording.count(main.speakers, 'speakers')}"
    parts = [Text(heading, style="bold"), table, Text(below, style="dim")]
    if main.loss.value is not None:
        parts.append(Text(f"loss {wording.value('loss', main.loss)} ({evaluation.main})"))
    if evaluation.ways:
        parts.append(_side_by_side(evaluation.ways))
    return [*parts, *(Text(f"Note: {remark}") for remark in evaluation.remarks), Text("")]


def _side_by_side(ways: Mapping[str, Ways]) -> Any:
    from rich.table import Table
    from rich.text import Text

    groups = [(name, way, figures) for name, found in ways.items() for way, figures in found.items()]
    measures = [
        name for name in wording.SIDE_BY_SIDE if any(getattr(group, name).value is not None for _, _, group in groups)
    ]
    table = Table(box=None, pad_edge=False, title="the same clips, percent", title_justify="left", title_style="dim")
    for head in ("condition", "by"):
        table.add_column(head, no_wrap=True)
    for measure in measures:
        table.add_column(wording.SIDE_BY_SIDE[measure][1].replace(" ", "\n"), justify="right")
    for name, way, group in groups:
        values = (getattr(group, measure).value for measure in measures)
        shown = ["-" if value is None else f"{100 * value:.1f}" for value in values]
        table.add_row(Text(name), Text(way.split(",")[0]), *map(Text, shown))
    return table


def _page(report: Report, pictures: Mapping[str, str]) -> str:
    sections = []
    for evaluation in report.evaluations:
        kind = evaluation.kind
        own = {key.removeprefix(f"{kind} "): svg for key, svg in pictures.items() if key.startswith(f"{kind} ")}
        content = page.evaluation_section(evaluation, report.descriptions, own)
        sections.append((kind, wording.KINDS[kind], content))
    if report.refusals is not None:
        from asr.evaluation.refusal_section import section

        sections.append(("rejection", "Rejection", section(report.refusals, pictures)))
    sections.append(("more", "Learning curve", _learning(report.learning, pictures)))
    if "training" in pictures:
        caption = "Figures of each epoch; the dev clips are not trained on."
        sections.append(("training", "Training", page.picture(pictures["training"], caption) + _epochs(report.run)))
    told = ("id", "started", "ended", "parent", "origin", "seed", "data", "chosen")
    run = {name: report.run.get(name) for name in told}
    facts = {**report.facts, **{f"run {name}": value for name, value in run.items()}}
    facts |= {name: report.run.get(name) for name in ("versions", "settings")}
    sections.append(("conditions", "Settings", page.settings_section(facts)))
    made = f"{datetime.now(timezone.utc):%Y-%m-%d %H:%M} UTC"
    name = f"run {report.run['id']}, " if report.run.get("id") else ""
    name += "".join(f"{what} {report.facts[what]}, " for what in ("split", "recordings") if what in report.facts)
    if not report.evaluations:
        sections.insert(0, ("nothing", "Figures", "<p>No figures.</p>"))
    remarks = dict.fromkeys(remark for evaluation in report.evaluations for remark in evaluation.remarks)
    shown = () if report.evaluations else tuple(remarks)
    return page.page(f"{report.title}: evaluation", f"{name}report of {made}", shown, sections)


def _learning(law: PowerLaw | None, pictures: Mapping[str, str]) -> str:
    if law is None:
        return "<p>Not measured yet. <code>asr learning-curve</code> estimates the gain from more recordings.</p>"
    rows = [[f"{point.recordings:,}", wording.percent(point.wer), f"{point.words:,}"] for point in law.points]
    made = f"<p>{law.forecast()}</p>" + page.picture(
        pictures["learning"], "A power law fitted to the trainings; less certain the further it extrapolates."
    )
    return made + page.table("Trainings on parts of the recordings", ["recordings", "WER", "words"], rows)


def _epochs(run: Mapping[str, Any]) -> str:
    curves = run.get("curves", ())
    names = list(dict.fromkeys(name for row in curves for name in row))
    rows = [[_number(row.get(name)) for name in names] for row in curves]
    return page.table("Every epoch", [name.replace("_", " ") for name in names], rows)


def _number(value: Any) -> str:
    return f"{value:.4g}" if isinstance(value, float) else ("" if value is None else str(value))
