"""Numbers and names as text, the same on the page and in the terminal."""

from __future__ import annotations

from asr.evaluation.figures import Figure

NOT_MEASURED = "not measured"
JOIN = "\N{NO-BREAK SPACE}"  # between a number and its unit
# Measure: its name, the short one of tables, and its unit.
NAMES = {
    "wer": ("Word error rate (WER)", "WER", "words"),
    "cer": ("Character error rate (CER)", "CER", "characters"),
    "sentence_accuracy": ("Sentences right", "sentences right", "sentences"),
    "acceptance": ("Commands right", "commands right", "commands"),
    "loss": ("Loss, nats a clip", "loss, nats a clip", "clips"),
}
# The same of the client and the runtime side by side.
SIDE_BY_SIDE = {
    "sentence_accuracy": NAMES["sentence_accuracy"],
    "wer": NAMES["wer"],
    "understanding": ("Every slot right", "every slot right", "commands"),
    "accepted_right": ("Accepted and right", "accepted right", "clips"),
    "accepted_wrong": ("Accepted and wrong", "accepted wrong", "clips"),
    "refused": ("Refused", "refused", "clips"),
}
SHORT = {measure: short for measure, (_, short, _) in NAMES.items()}
CONDITIONS = {
    "clean": "clips trimmed to the speech with a margin",
    "raw": "the untrimmed recordings, with the silence around the speech",
}
KINDS = {"real": "Real speech", "synthetic": "Synthetic speech"}


def draws(count: int) -> str:
    """Tell how often a clip is transcribed at a level of noise."""
    return f"each clip meets {count} different pieces of noise at each level"


def percent(share: float) -> str:
    """Return a share as a percentage with one decimal: 0.0456 is "4.6 %", its space unbreakable."""
    return f"{100 * share:.1f}{JOIN}%"


def value(measure: str, figure: Figure) -> str:
    """Return a figure's value: a percentage, or a loss with two decimals."""
    if figure.value is None:
        return NOT_MEASURED
    return f"{figure.value:.2f}" if measure == "loss" else percent(figure.value)


def interval(measure: str, figure: Figure) -> str:
    """Return a figure's 95 % interval, or the reason why there is none."""
    if figure.interval is None:
        return figure.note
    low, high = bounds(measure, figure)
    return f"{low} to {high}" + ("" if measure == "loss" else f"{JOIN}%")


def bounds(measure: str, figure: Figure) -> tuple[str, str]:
    """Return the ends of a figure's interval without their unit; there has to be one."""
    assert figure.interval is not None
    low, high = figure.interval
    return (f"{low:.2f}", f"{high:.2f}") if measure == "loss" else (f"{100 * low:.1f}", f"{100 * high:.1f}")


def count(number: float, noun: str) -> str:
    """Return a number with its noun: "1,204 words", "1 speaker"."""
    return f"{number:,.0f} {noun[:-1] if number == 1 and noun.endswith('s') else noun}"


def duration(seconds: float) -> str:
    """Return a length of time: "8.4 s", "12 min", "1.5 h"."""
    if seconds < 100:
        return f"{seconds:.1f}{JOIN}s"
    return f"{seconds / 60:.0f}{JOIN}min" if seconds < 5400 else f"{seconds / 3600:.1f}{JOIN}h"
