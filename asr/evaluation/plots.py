"""Pictures of an evaluation, drawn with matplotlib for a page and for files.

Each function returns a figure; `as_svg` makes it part of a page, where its text takes the page's colour, and
`as_png` a file on white.
"""

from __future__ import annotations

import io
import re
from collections.abc import Mapping, Sequence
from typing import Any

import matplotlib
import matplotlib.ticker
import numpy as np
import numpy.typing as npt
from matplotlib.figure import Figure as Canvas

from asr.evaluation.conditions import CLEAN
from asr.evaluation.confusion import WordTable
from asr.evaluation.learning import PowerLaw
from asr.evaluation.results import Evaluation

WIDTH = 7.2  # inches, of a picture in the page
INK = "#0b0c0d"  # stands for the page's own text colour in an SVG
FAINT = "#8a8f98"
# After Okabe and Ito, safe for colour-blind readers; the blue is lighter, for dark pages.
COLOURS = ("#2b83c6", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9")
MARKERS = "osD^vP"
STYLE: Any = {
    "svg.fonttype": "none",
    "svg.hashsalt": "asr",
    "font.size": 10,
    "font.family": "sans-serif",
    "text.color": INK,
    "axes.edgecolor": FAINT,
    "axes.labelcolor": INK,
    "axes.titlecolor": INK,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "grid.color": FAINT,
    "grid.alpha": 0.25,
    "xtick.color": INK,
    "ytick.color": INK,
    "legend.frameon": False,
    "legend.labelcolor": INK,
    "figure.facecolor": "none",
    "axes.facecolor": "none",
}
MATRIX_WORDS = 16

Samples = npt.NDArray[np.int16]


def as_svg(canvas: Canvas, label: str) -> str:
    """Return a picture as an <svg> element for a page; `label` is its text alternative."""
    text = io.StringIO()
    with matplotlib.rc_context(STYLE):
        canvas.savefig(text, format="svg", metadata={"Date": None}, transparent=True, bbox_inches="tight")
    svg = text.getvalue()
    svg = svg[svg.index("<svg") :].replace(INK, "currentColor")
    svg = re.sub(r"<metadata>.*?</metadata>", "", svg, flags=re.DOTALL)
    # Several pictures share one page, and an id must be unique.
    prefix = re.sub(r"\W+", "-", label.lower())[:60]
    svg = re.sub(r'\bid="', f'id="{prefix}-', svg)
    svg = re.sub(r'(href="#|url\(#)', rf"\g<1>{prefix}-", svg)
    size = re.search(r'width="([\d.]+)pt" height="([\d.]+)pt"', svg)
    if size:
        svg = svg.replace(size.group(0), f'style="width:{float(size.group(1)):.0f}pt"', 1)
    escaped = label.replace("&", "&amp;").replace('"', "&quot;").replace("<", "&lt;")
    return svg.replace("<svg ", f'<svg role="img" aria-label="{escaped}" ', 1)


def as_png(canvas: Canvas) -> bytes:
    """Return a picture as a PNG file on white, 130 dots an inch."""
    data = io.BytesIO()
    with matplotlib.rc_context(STYLE):
        canvas.savefig(data, format="png", dpi=130, facecolor="white", bbox_inches="tight", metadata={"Software": None})
    return data.getvalue()


def noise_levels(evaluation: Evaluation) -> Canvas | None:
    """Draw right commands (or sentences) and WER over the noise level; None without noise."""
    levels: dict[str, list[tuple[float, Any]]] = {}
    for name, condition in evaluation.measured.items():
        if condition.level is not None:
            levels.setdefault(condition.kind, []).append((condition.level, evaluation.conditions[name]))
    if not levels:
        return None
    clean = evaluation.conditions.get(CLEAN)
    commands = next(iter(levels.values()))[0][1].acceptance.value is not None
    panels = [
        ("acceptance", "commands right") if commands else ("sentence_accuracy", "sentences right"),
        ("wer", "WER"),
    ]
    with matplotlib.rc_context(STYLE):
        canvas = Canvas(figsize=(WIDTH, 3.0), layout="constrained")
        for axes, (measure, label) in zip(canvas.subplots(1, 2), panels, strict=True):
            for index, (kind, points) in enumerate(levels.items()):
                points = sorted(points, key=lambda point: point[0])
                colour = COLOURS[index % len(COLOURS)]
                x = [level for level, _ in points]
                y = [100 * getattr(figures, measure).value for _, figures in points]
                axes.plot(x, y, color=colour, marker=MARKERS[index % len(MARKERS)], label=kind)
                for level, figures in points:
                    interval = getattr(figures, measure).interval
                    if interval is not None:
                        ends = [100 * bound for bound in interval]
                        axes.plot([level] * 2, ends, color=colour, linewidth=2.5, alpha=0.5)
            if clean is not None and getattr(clean, measure).value is not None:
                axes.axhline(100 * getattr(clean, measure).value, color=INK, linestyle=":", label="clean")
            axes.set_xlabel("speech above noise, dB")
            axes.set_ylabel(f"{label}, %")
            axes.set_xticks(sorted({level for points in levels.values() for level, _ in points}))
            axes.set_ylim(0, None if measure == "wer" else 101)
            axes.legend(loc="upper right" if measure == "wer" else "lower right")
    return canvas


def confusion_matrix(words: WordTable) -> Canvas | None:
    """Draw the confusion matrix of the most confused words, in shares of the times each was said."""
    weight: dict[str, int] = {}
    counts: dict[tuple[str, str], int] = {}
    for item in words.confusions:
        counts[item.said, item.heard] = item.count
        for word in {item.said, item.heard} - {""}:
            weight[word] = weight.get(word, 0) + item.count
    chosen = sorted(sorted(weight, key=lambda word: (-weight[word], word))[:MATRIX_WORDS])
    said = [word for word in chosen if word in words.words]
    if len(chosen) < 2 or not said:
        return None
    for word, (_, right) in words.words.items():
        counts[word, word] = right
    columns = [*chosen, ""]
    matrix = np.array([[counts.get((row, column), 0) for column in columns] for row in said])
    shares = matrix / np.array([[words.words[row][0]] for row in said])
    side = 0.34
    with matplotlib.rc_context(STYLE):
        canvas = Canvas(figsize=(min(WIDTH, 1.6 + side * len(columns)), 1.3 + side * len(said)), layout="constrained")
        draw_matrix(canvas.subplots(), matrix, shares, said, [*chosen, "(nothing)"])
    return canvas


def draw_matrix(
    axes: Any, counts: npt.NDArray[np.int64], shares: npt.NDArray[np.float64], said: Sequence[str], heard: Sequence[str]
) -> None:
    """Draw a confusion matrix [said, heard]: shares as shade, counts as text."""
    axes.imshow(shares, cmap="Blues", vmin=0, vmax=1.2, aspect="auto")
    axes.grid(False)
    for row, column in np.argwhere(counts > 0):
        colour = "white" if shares[row, column] > 0.6 else "#12263a"
        axes.text(column, row, str(counts[row, column]), ha="center", va="center", fontsize=8, color=colour)
    axes.set_xticks(range(len(heard)), heard, rotation=60, ha="right", rotation_mode="anchor")
    axes.set_yticks(range(len(said)), said)
    axes.set_xlabel("heard")
    axes.set_ylabel("said")


def clip(samples: Samples, rate: int, words: Sequence[tuple[str, float]] = ()) -> Canvas:
    """Draw a clip's waveform over its spectrogram (window 32 ms, step 10 ms, 70 dB down from its loudest).

    Parameters
    ----------
    words : words of the hypothesis, each with the time, s, at which a line is drawn through both.
    """
    time = np.arange(len(samples)) / rate
    level = samples.astype(np.float64) / 32768
    window, step = int(0.032 * rate), int(0.010 * rate)
    padded = np.pad(level, (0, max(0, window - len(level))))
    frames = np.lib.stride_tricks.sliding_window_view(padded, window)[::step] * np.hanning(window)
    power = 20 * np.log10(np.abs(np.fft.rfft(frames, axis=1)) + 1e-6)
    with matplotlib.rc_context(STYLE):
        canvas = Canvas(figsize=(WIDTH, 2.9 if words else 2.5), layout="constrained")
        wave, spectrum = canvas.subplots(2, 1, sharex=True, height_ratios=(1, 2))
        # A band between the extremes of short stretches looks like the samples and makes a small file.
        pieces = np.array_split(np.arange(len(level)), min(600, max(1, len(level))))
        middle = [time[piece].mean() for piece in pieces]
        wave.fill_between(
            middle,
            [level[piece].min() for piece in pieces],
            [level[piece].max() for piece in pieces],
            color=COLOURS[0],
            linewidth=0.3,
        )
        reach = max(0.05, float(np.abs(level).max(initial=0.0)) * 1.05)
        wave.set_ylim(-reach, reach)
        wave.set_ylabel("level")
        extent = (0, len(padded) / rate, 0, rate / 2000)
        spectrum.imshow(
            power.T, origin="lower", aspect="auto", extent=extent, cmap="magma", vmin=power.max() - 70, vmax=power.max()
        )
        spectrum.grid(False)
        spectrum.set_ylabel("kHz")
        spectrum.set_xlabel("time, s")
        spectrum.set_xlim(0, len(padded) / rate)
        for word, start in words:
            for axes in (wave, spectrum):
                axes.axvline(start, color=COLOURS[1], linewidth=0.8)
            wave.annotate(
                word, (start, 1.04), xycoords=("data", "axes fraction"), rotation=35, fontsize=8, annotation_clip=False
            )
    return canvas


def training(curves: Sequence[Mapping[str, Any]]) -> Canvas | None:
    """Draw losses, dev WER and learning rate over the epochs, those that the record has."""
    panels = (
        ("loss", "training loss (per character)", 1),
        ("loss_per_clip", "training loss (per clip)", 1),
        ("dev_loss", "dev loss (per clip)", 1),
        ("dev_cer", "dev CER, greedy, %", 100),
        ("dev_wer", "dev WER, %", 100),
        ("learning_rate", "learning rate", 1),
    )
    drawn = [panel for panel in panels if any(row.get(panel[0]) is not None for row in curves)]
    if not drawn or len(curves) < 2:
        return None
    rows = 1 if len(drawn) <= 3 else 2
    columns = -(-len(drawn) // rows)
    with matplotlib.rc_context(STYLE):
        canvas = Canvas(figsize=(WIDTH, 2.4 * rows), layout="constrained")
        every = canvas.subplots(rows, columns, squeeze=False).ravel()
        for axes, (name, title, scale) in zip(every, drawn, strict=False):
            points = [(row["epoch"], scale * row[name]) for row in curves if row.get(name) is not None]
            axes.plot([x for x, _ in points], [y for _, y in points], color=COLOURS[0])
            axes.set_xlabel("epoch")
            axes.set_title(title, fontsize=10)
            axes.set_ylim(bottom=0)
        for axes in every[len(drawn) :]:
            axes.remove()
    return canvas


def learning_curve(law: PowerLaw) -> Canvas:
    """Draw the points and the power law up to four times the recordings, with its interval."""
    most = law.points[-1].recordings
    x = np.geomspace(law.points[0].recordings, 4 * most, 60)
    with matplotlib.rc_context(STYLE):
        canvas = Canvas(figsize=(WIDTH * 0.75, 3.0), layout="constrained")
        axes = canvas.subplots()
        axes.loglog(x, [100 * law.at(n) for n in x], color=COLOURS[0], label="power law")
        bounds = [law.interval(n) for n in x]
        if all(bound is not None for bound in bounds):
            low, high = (np.array([bound[side] for bound in bounds if bound]) for side in (0, 1))
            axes.fill_between(x, 100 * low, 100 * high, color=COLOURS[0], alpha=0.15, label="95 %")
        axes.plot(
            [point.recordings for point in law.points], [100 * point.wer for point in law.points],
            "o", color=COLOURS[1], label="trained and measured",
        )  # fmt: skip
        axes.plot([2 * most], [100 * law.at(2 * most)], "D", color=COLOURS[2], label="twice the recordings")
        axes.set_xlabel("recordings trained on")
        axes.set_ylabel("WER, %")
        for axis in (axes.xaxis, axes.yaxis):
            axis.set_major_formatter(matplotlib.ticker.FuncFormatter(lambda value, _: f"{value:g}"))
            axis.set_major_locator(matplotlib.ticker.LogLocator(subs=(1, 2, 5)))
            axis.set_minor_formatter(matplotlib.ticker.NullFormatter())
        axes.legend()
    return canvas
