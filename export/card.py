"""The model card: what a model is, what it was trained on, how well it hears and under which conditions.

Nothing is filled in: what was not measured says so. The same content is written as MODEL_CARD.md for people
and as MODEL_CARD.json for programs.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from asr.core import files
from asr.core.errors import ModelError

NAME = "MODEL_CARD.md"
UNKNOWN = "not measured yet"
UNTOLD = "not stated"
MEASURES = {
    "acceptance": "commands right",
    "sentence_accuracy": "sentences right",
    "wer": "word errors (WER)",
    "cer": "character errors (CER)",
}
INTENDED = (
    "Hearing the sentences listed for it, from one person near the microphone, in the unmodified "
    "`deepspeech` client with the scorer beside it."
)
LIMITS = (
    "It writes one of its own sentences, or words of them, for whatever it hears: it was not trained to "
    "refuse other speech, music or noise.",
    "Figures hold for voices, microphones and noise like those they were measured on, and for the scorer "
    "named here; without a scorer, or with another, they do not.",
    "It is not made for decisions about safety, health or who is speaking.",
)


@dataclass(frozen=True)
class Share:
    """What one split holds."""

    clips: int
    seconds: float
    speakers: int
    synthetic_clips: int

    @classmethod
    def of(cls, rows: Iterable[tuple[str, float, bool]]) -> Share:
        """Count rows of (speaker, seconds, synthetic)."""
        found = list(rows)
        return cls(
            len(found),
            sum(seconds for _, seconds, _ in found),
            len({speaker for speaker, _, _ in found}),
            sum(synthetic for _, _, synthetic in found),
        )


@dataclass(frozen=True)
class Card:
    """What a card tells; what is left empty is named as not stated or not measured.

    Attributes
    ----------
    name : of the model: its workspace.
    author : who trained it.
    data : split ("train", "dev", "test") to what it holds.
    split_by : "speaker", "recording" or "named".
    remarks : what has to be said beside every figure.
    run : record of the training (run.json).
    report : content of report.json; empty before the first evaluation.
    licence : of the weights.
    about : a sentence on what the model is.
    sentences : some of the sentences it was made for.
    """

    name: str
    author: str = ""
    data: Mapping[str, Share] = field(default_factory=dict)
    split_by: str = ""
    remarks: Sequence[str] = ()
    run: Mapping[str, Any] = field(default_factory=dict)
    report: Mapping[str, Any] = field(default_factory=dict)
    licence: str = ""
    about: str = ""
    sentences: Sequence[str] = ()


def write_card(folder: Path, card: Card, exported: Sequence[Path]) -> Path:
    """Write MODEL_CARD.md and MODEL_CARD.json into `folder`; return the path of the first.

    Parameters
    ----------
    exported : files that the card is about.

    Raises
    ------
    ModelError : one of them is missing.
    """
    listed = [_listed(path) for path in exported]
    content = asdict(card) | {"files": listed, "intended_use": INTENDED, "limits": list(LIMITS)}
    # A report holds every clip; the card needs its figures.
    content["report"] = {"conditions": _conditions(card.report)}
    content["run"] = {key: value for key, value in card.run.items() if key not in ("curves", "process")}
    files.write_json(folder / "MODEL_CARD.json", content)
    files.write_text(folder / NAME, render(card, listed))
    return folder / NAME


def render(card: Card, listed: Sequence[Mapping[str, Any]]) -> str:
    """Return the card as Markdown; `listed` holds name, bytes and sha256 of each file."""
    parts = [f"# {_plain(card.name)}: model card", _about(card), "## Trained on", _trained_on(card)]
    parts += ["## How well it hears", _figures(card), "## Use and limits", INTENDED, _bullets(LIMITS)]
    parts += ["## How it was trained", _training(card), "## Files", _files(listed)]
    parts += ["## Licence", _plain(card.licence) or UNTOLD.capitalize()]
    return "\n\n".join(parts) + "\n"


def _about(card: Card) -> str:
    what = _plain(card.about) or (
        "Speech recogniser for a list of sentences: a DeepSpeech 0.9 graph (version 6) for 16 kHz mono "
        "sound, with a scorer that knows the sentences."
    )
    rows = [
        ("trained by", _plain(card.author) or UNTOLD),
        ("trained", card.run.get("ended") or card.run.get("started") or UNTOLD),
        ("run", card.run.get("id") or UNTOLD),
        ("started from", _origin(card)),
    ]
    said = ""
    if card.sentences:
        said = "\n\nSome of its sentences:\n\n" + _bullets(f"“{_plain(text)}”" for text in card.sentences)
    return what + "\n\n" + _table(("", ""), rows) + said


def _origin(card: Card) -> str:
    """Return what the weights started from, and what tells it from others of its name."""
    if not card.run:
        return UNTOLD
    graph = card.run.get("origin", {}).get("sha256")
    parent = card.run.get("parent")
    return (f"{_plain(parent)} (SHA-256 {graph})" if graph else _plain(parent)) if parent else "random weights"


def _beside(card: Card) -> str:
    """Tell how much of what training heard was said by synthetic voices that are in no split."""
    curves = card.run.get("curves", ())
    heard = sum(row.get("utterances", 0) for row in curves)
    synthetic = sum(row.get("synthetic", 0) for row in curves)
    if not synthetic:
        return ""
    most = max(row.get("synthetic", 0) for row in curves)
    share = 100 * synthetic / max(heard, 1)
    return (
        f"\n\nBeside these clips, training heard synthetic voices say sentences of the list: up to {most:,} utterances "
        f"an epoch, {share:.0f} % of all that it heard."
    )


def _trained_on(card: Card) -> str:
    if not card.data:
        return f"What it was trained on is {UNTOLD}."
    rows = [
        (
            name,
            f"{share.clips:,}",
            f"{share.seconds / 3600:.2f} h",
            f"{share.speakers:,}",
            f"{share.synthetic_clips:,} ({100 * share.synthetic_clips / share.clips:.0f} %)"
            if share.clips
            else "0",
        )
        for name, share in card.data.items()
    ]
    ways = {
        "speaker": "Split by speaker: nobody is in two of them.",
        "named": "Split by speaker, as the settings name them: nobody is in two of them.",
        "recording": "Split by recording: the same speakers are in several of them.",
    }
    text = _table(("split", "clips", "length", "speakers", "of them synthetic voices"), rows)
    text += "\n\n" + ways.get(card.split_by, f"How it was split is {UNTOLD}.")
    data = card.run.get("data")
    return text + _beside(card) + _minds(card) + (f"\n\nFingerprint of the data: `{data}`" if data else "")


def _figures(card: Card) -> str:
    evaluations = card.report.get("evaluations", [])
    if not evaluations:
        return f"Word errors, sentences and commands right: {UNKNOWN}.{_minds(card)}"
    parts = []
    for evaluation in evaluations:
        kind = (
            "Real speech"
            if evaluation["kind"] == "real"
            else "Synthetic voices (people were not measured here)"
        )
        rows = [
            (
                name,
                f"{figures['utterances']:,}",
                f"{figures['speakers']:,}",
                *(_figure(figures[measure]) for measure in MEASURES),
            )
            for name, figures in evaluation["conditions"].items()
        ]
        table = _table(("condition", "heard", "speakers", *MEASURES.values()), rows)
        minds = "".join(f"\n\nMind: {_plain(remark)}." for remark in evaluation.get("remarks", ()))
        parts.append(f"### {kind}\n\n{table}{minds}")
    facts = [f"{name}: {value}" for name, value in card.report.get("facts", {}).items()]
    described = [f"{name}: {text}" for name, text in card.report.get("descriptions", {}).items()]
    parts.append("In brackets: 95 % interval by bootstrap over speakers, where there are at least three.")
    if facts or described:
        parts.append("Conditions:\n\n" + _bullets(_plain(text) for text in [*facts, *described]))
    return "\n\n".join(parts)


def _figure(figure: Mapping[str, Any]) -> str:
    if figure["value"] is None:
        return UNKNOWN
    text = f"{100 * figure['value']:.1f} %"
    if figure["interval"] is not None:
        low, high = figure["interval"]
        text += f" ({100 * low:.1f} to {100 * high:.1f})"
    return text


def _conditions(report: Mapping[str, Any]) -> dict[str, Any]:
    return {item["kind"]: item["conditions"] for item in report.get("evaluations", [])}


def _training(card: Card) -> str:
    if not card.run:
        return f"Its settings are {UNTOLD}."
    train = card.run.get("settings", {}).get("train", {})
    rows: list[tuple[str, Any]] = [(f"`{key}`", f"`{_plain(str(value))}`") for key, value in train.items()]
    rows += [(f"version of {name}", value) for name, value in card.run.get("versions", {}).items()]
    rows.append(("epochs done", len(card.run.get("curves", ())) or UNTOLD))
    return "All settings are in the record of the run, and those of the training here:\n\n" + _table(
        ("setting", "value"), rows
    )


def _files(listed: Sequence[Mapping[str, Any]]) -> str:
    if not listed:
        return "No file was exported yet."
    rows = [(f"`{item['name']}`", f"{item['bytes']:,}", f"`{item['sha256']}`") for item in listed]
    return _table(("file", "bytes", "SHA-256"), rows)


def _listed(path: Path) -> dict[str, Any]:
    digest = hashlib.sha256()
    try:
        with path.open("rb") as file:
            for block in iter(lambda: file.read(1 << 20), b""):
                digest.update(block)
        size = path.stat().st_size
    except OSError as error:
        raise ModelError(
            f"cannot be read: {error.strerror}", path=path, fix="Export the model again"
        ) from None
    return {"name": path.name, "bytes": size, "sha256": digest.hexdigest()}


def _minds(card: Card) -> str:
    return "".join(f"\n\nMind: {_plain(remark)}." for remark in card.remarks)


def _table(heads: Sequence[str], rows: Iterable[Sequence[Any]]) -> str:
    lines = ["| " + " | ".join(heads) + " |", "| " + " | ".join("---" for _ in heads) + " |"]
    lines += ["| " + " | ".join(str(cell).replace("|", "\\|") for cell in row) + " |" for row in rows]
    return "\n".join(lines)


def _bullets(texts: Iterable[str]) -> str:
    return "\n".join(f"- {text}" for text in texts)


def _plain(text: str) -> str:
    """Keep a user's text from becoming markup, and on one line."""
    return " ".join(text.replace("<", "&lt;").split()).rstrip(".")
