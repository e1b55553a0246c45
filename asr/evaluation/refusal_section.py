"""The part of the report about rejection: two pictures and their tables."""

from __future__ import annotations

from collections.abc import Mapping
from html import escape

import matplotlib
from matplotlib.figure import Figure as Canvas

from asr.evaluation import page, wording
from asr.evaluation.client_confidence import ClientConfidence
from asr.evaluation.plots import COLOURS, FAINT, STYLE, WIDTH
from asr.evaluation.refusals import Refusals


def draw(refusals: Refusals) -> dict[str, tuple[Canvas, str]]:
    """Return the pictures and their text alternatives by name."""
    return {
        "rejection": (_trade_off(refusals), "accepted commands against false accepts per hour"),
        "calibration": (_calibration(refusals), "share of right answers by confidence"),
    }


def section(refusals: Refusals, client: ClientConfidence | None, pictures: Mapping[str, str]) -> str:
    """Return the section as HTML; `client` adds the thresholds for the client's own confidence."""
    rows = [
        [escape(kind.name), f"{kind.count:,}", wording.percent(kind.right / kind.count),
         wording.percent(kind.accepted / kind.count)]
        for kind in refusals.kinds
    ]  # fmt: skip
    fooled = [
        [escape(said), escape(understood), f"{confidence:.2f}"] for said, understood, confidence in refusals.fooled
    ]
    parts = [
        f"<p>{escape(refusals.describe()[:1].upper() + refusals.describe()[1:])}. The threshold was fitted to other "
        "sound, on dev.</p>",
        page.picture(
            pictures["rejection"],
            f"Every threshold; the mark is the one in use. {refusals.hours:.1f} hours support no less than "
            f"{3 / refusals.hours:.1f} false accepts an hour (95 %).",
        ),
        page.table(
            "What was heard",
            ["kind", "count", "answered right", "accepted"],
            rows,
            note="Near misses: of test commands and by synthetic voices. Other speech and noise make the hours.",
        ),
        page.picture(
            pictures["calibration"],
            f"Commands and near misses in equal parts; expected calibration error {refusals.calibration_error:.3f}.",
        ),
    ]  # fmt: skip
    if fooled:
        parts.append(page.table("Near misses accepted", ["said", "understood", "confidence"], fooled))
    if client is not None and client.thresholds:
        rows = [
            [f"{one.confidence:.2f}", wording.percent(one.commands), wording.percent(one.others)]
            for one in client.thresholds
        ]
        note = (
            f"For programs that stay with the client: the confidence of deepspeech --json, divided by the seconds of "
            f"sound. {client.commands} commands, {client.others} recordings of other speech and noise."
        )
        heads = ["refuse below", "commands refused", "other sound refused"]
        parts.append(page.table("The client's own confidence", heads, rows, note=note))
    return "".join(parts)


def _trade_off(refusals: Refusals) -> Canvas:
    with matplotlib.rc_context(STYLE):
        canvas = Canvas(figsize=(WIDTH * 0.75, 3.0), layout="constrained")
        axes = canvas.subplots()
        # A logarithm has no place for none: it is drawn at what the hours could just have shown.
        least = 0.5 / refusals.hours
        points = sorted((max(least, per_hour), 100 * accepted) for _, accepted, per_hour in refusals.curve)
        axes.step([x for x, _ in points], [y for _, y in points], where="post", color=COLOURS[0])
        chosen = max(least, refusals.false_accepts / refusals.hours)
        axes.plot([chosen], [100 * refusals.accepted], "o", color=COLOURS[1], label="threshold in use")
        axes.axvline(refusals.bound, color=FAINT, linewidth=0.8, linestyle="--", label="its 95 % bound")
        axes.set_xscale("log")
        axes.set_xlabel("false accepts per hour (left end: none)")
        axes.set_ylabel("commands accepted, %")
        axes.set_ylim(0, 103)
        axes.xaxis.set_major_formatter(matplotlib.ticker.FuncFormatter(lambda value, _: f"{value:g}"))
        axes.legend(loc="lower right")
    return canvas


def _calibration(refusals: Refusals) -> Canvas:
    with matplotlib.rc_context(STYLE):
        canvas = Canvas(figsize=(WIDTH * 0.6, 3.0), layout="constrained")
        axes = canvas.subplots()
        axes.plot([0, 1], [0, 1], color=FAINT, linewidth=0.8, linestyle="--", label="ideal")
        sizes = [8 + 160 * weight for *_, weight in refusals.calibration]
        axes.scatter(
            [mean for mean, *_ in refusals.calibration], [share for _, share, _ in refusals.calibration], s=sizes,
            color=COLOURS[0], label="answers, by their weight",
        )  # fmt: skip
        axes.axvline(refusals.threshold, color=COLOURS[1], linewidth=0.8, label="threshold")
        axes.set_xlabel("confidence")
        axes.set_ylabel("share right")
        axes.set_xlim(-0.02, 1.02)
        axes.set_ylim(-0.02, 1.02)
        axes.legend()
    return canvas
