"""Numbers in words and digits, the same on the page, in the terminal and in the model card."""

from __future__ import annotations

from asr.ctc.figures import Figure

NOT_MEASURED = "not measured"
# Measure: its name, and what it is a share of.
NAMES = {
    "wer": ("Word errors (WER)", "words"),
    "cer": ("Character errors (CER)", "characters"),
    "sentence_accuracy": ("Sentences right", "sentences"),
    "acceptance": ("Commands right", "commands"),
    "loss": ("Loss", "clips"),
}
SHORT = {
    "wer": "WER",
    "cer": "CER",
    "sentence_accuracy": "sentences right",
    "acceptance": "commands right",
    "loss": "loss",
}
KINDS = {
    "real": "Real speech",
    "synthetic": "Synthetic speech",
}


def percent(share: float) -> str:
    """Return a share as a percentage with one decimal: 0.0456 is "4.6 %"."""
    return f"{100 * share:.1f} %"


def value(measure: str, figure: Figure) -> str:
    """Return a figure's value: a percentage, or a loss with two decimals."""
    if figure.value is None:
        return NOT_MEASURED
    return f"{figure.value:.2f}" if measure == "loss" else percent(figure.value)


def interval(measure: str, figure: Figure) -> str:
    """Return a figure's 95 % interval, or why there is none."""
    if figure.interval is None:
        return figure.note
    low, high = figure.interval
    if measure == "loss":
        return f"{low:.2f} to {high:.2f}"
    return f"{100 * low:.1f} to {100 * high:.1f} %"


def count(number: float, noun: str) -> str:
    """Return a number with its noun: "1,204 words", "1 speaker"."""
    return f"{number:,.0f} {noun[:-1] if number == 1 and noun.endswith('s') else noun}"


def duration(seconds: float) -> str:
    """Return a length of time: "8.4 s", "12 min", "1.5 h"."""
    if seconds < 100:
        return f"{seconds:.1f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"
