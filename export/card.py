"""The model card: what a model is for, its training data, its accuracy and the conditions of each figure.

Nothing is made up: a figure that is missing is reported as missing. MODEL_CARD.md is for people, MODEL_CARD.json holds
the same content for programs.
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
    "wer": "word error rate (WER)",
    "cer": "character error rate (CER)",
}
SIDE_BY_SIDE = {
    "sentence_accuracy": "sentences right",
    "wer": "WER",
    "understanding": "every slot right",
    "accepted_right": "accepted and right",
    "accepted_wrong": "accepted and wrong",
    "refused": "refused",
}
INTENDED = (
    "Recognises the sentences it was trained for, spoken by one person near the microphone, in the unmodified "
    "`deepspeech` client with the scorer beside it."
)
LIMITS = (
    "It transcribes everything as one of its own sentences or as words of them: it is not trained to reject other "
    "speech, music or noise.",
    "The figures hold for voices, microphones and noise like those of the evaluation, and for the scorer named here; "
    "not without a scorer or with another one.",
    "It is not made for safety, for health, or for identifying speakers.",
)


@dataclass(frozen=True)
class Share:
    """Size of one split."""

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
    """Content of a card; empty fields are reported as not stated or not measured.

    Attributes
    ----------
    name : of the model: its workspace.
    author : the person who trained it.
    data : split ("train", "dev", "test") to its size.
    split_by : "speaker", "recording" or "named".
    remarks : warnings that belong to every figure.
    run : record of the training (run.json).
    report : content of report.json; empty before the first evaluation.
    licence : of the weights.
    about : one sentence on the model.
    sentences : examples of the sentences it was trained for.
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
    exported : files to list with their checksums.

    Raises
    ------
    ModelError : one of them is missing.
    """
    listed = [_listed(path) for path in exported]
    content = asdict(card) | {"files": listed, "intended_use": INTENDED, "limits": list(LIMITS)}
    # A report holds every clip; the card needs its figures.
    evaluations = card.report.get("evaluations", [])
    content["report"] = {
        name: {item["kind"]: item.get(name, {}) for item in evaluations} for name in ("conditions", "ways")
    }
    content["run"] = {key: value for key, value in card.run.items() if key not in ("curves", "process")}
    files.write_json(folder / "MODEL_CARD.json", content)
    files.write_text(folder / NAME, render(card, listed))
    return folder / NAME


def render(card: Card, listed: Sequence[Mapping[str, Any]]) -> str:
    """Return the card as Markdown; `listed` holds name, bytes and sha256 of each file."""
    parts = [f"# {_plain(card.name)}: model card", _about(card), "## Training data", _trained_on(card)]
    parts += ["## Accuracy", _figures(card), "## Use and limits", INTENDED, _bullets(LIMITS)]
    parts += ["## Training", _training(card), "## Files", _files(listed)]
    parts += ["## Licence", _plain(card.licence) or UNTOLD.capitalize()]
    return "\n\n".join(parts) + "\n"


def _about(card: Card) -> str:
    what = _plain(card.about) or (
        "Speech recogniser for a list of sentences: a DeepSpeech 0.9 graph (version 6) for 16 kHz mono audio, and a "
        "scorer built from the sentences."
    )
    rows = [
        ("trained by", _plain(card.author) or UNTOLD),
        ("trained", card.run.get("ended") or card.run.get("started") or UNTOLD),
        ("run", card.run.get("id") or UNTOLD),
        ("pretrained weights", _origin(card)),
    ]
    examples = _bullets(f"“{_plain(text)}”" for text in card.sentences)
    said = f"\n\nSome of its sentences:\n\n{examples}" if card.sentences else ""
    return what + "\n\n" + _table(("", ""), rows) + said


def _origin(card: Card) -> str:
    """Return the name of the pretrained weights, with the SHA-256 of their graph if known."""
    if not card.run:
        return UNTOLD
    graph = card.run.get("origin", {}).get("sha256")
    parent = card.run.get("parent")
    return (f"{_plain(parent)} (SHA-256 {graph})" if graph else _plain(parent)) if parent else "none"


def _beside(card: Card) -> str:
    """Return a sentence on synthetic utterances made during training, which are in no split."""
    curves = card.run.get("curves", ())
    utterances = sum(row.get("utterances", 0) for row in curves)
    synthetic = sum(row.get("synthetic", 0) for row in curves)
    if not synthetic:
        return ""
    most = max(row.get("synthetic", 0) for row in curves)
    share = 100 * synthetic / max(utterances, 1)
    return (
        f"\n\nIn addition to these clips, training used synthetic voices: up to {most:,} utterances per epoch, "
        f"{share:.0f} % of all utterances."
    )


def _trained_on(card: Card) -> str:
    if not card.data:
        return f"The training data are {UNTOLD}."
    rows = []
    for name, share in card.data.items():
        part = f" ({100 * share.synthetic_clips / share.clips:.0f} %)" if share.clips else ""
        counts = (f"{share.clips:,}", f"{share.seconds / 3600:.2f} h", f"{share.speakers:,}")
        rows.append((name, *counts, f"{share.synthetic_clips:,}{part}"))
    ways = {
        "speaker": "Split by speaker: no speaker is in two splits.",
        "named": "Split by speaker, with the test speakers of the settings: no speaker is in two splits.",
        "recording": "Split by recording: the same speakers are in several splits.",
    }
    text = _table(("split", "clips", "length", "speakers", "synthetic clips"), rows)
    text += "\n\n" + ways.get(card.split_by, f"The split is {UNTOLD}.")
    data = card.run.get("data")
    return text + _beside(card) + _warnings(card.remarks) + (f"\n\nFingerprint of the data: `{data}`" if data else "")


def _figures(card: Card) -> str:
    evaluations = card.report.get("evaluations", [])
    if not evaluations:
        return f"Word error rate, sentences and commands right: {UNKNOWN}.{_warnings(card.remarks)}"
    parts = []
    for evaluation in evaluations:
        kind = "Real speech" if evaluation["kind"] == "real" else "Synthetic voices (no people)"
        rows = []
        for name, figures in evaluation["conditions"].items():
            counts = (f"{figures['utterances']:,}", f"{figures['speakers']:,}")
            rows.append((name, *counts, *(_figure(figures[measure]) for measure in MEASURES)))
        table = _table(("condition", "utterances", "speakers", *MEASURES.values()), rows)
        parts.append(f"### {kind}\n\n{table}{_warnings(evaluation.get('remarks', ()))}")
        if evaluation.get("ways"):
            parts.append(_side_by_side(evaluation["ways"]))
    if refusals := card.report.get("refusals"):
        parts.append(_refusals(refusals))
    if client := card.report.get("client_confidence"):
        parts.append(_client_confidence(client))
    facts = [f"{name}: {value}" for name, value in card.report.get("facts", {}).items()]
    described = [f"{name}: {text}" for name, text in card.report.get("descriptions", {}).items()]
    parts.append("In brackets: 95 % confidence interval, by bootstrap over at least three speakers.")
    if facts or described:
        parts.append("Conditions:\n\n" + _bullets(_plain(text) for text in [*facts, *described]))
    return "\n\n".join(parts)


def _refusals(refusals: Mapping[str, Any]) -> str:
    """Return what the runtime refuses, with the bound that the hours support."""
    rows = [
        (kind["name"], f"{kind['count']:,}", f"{100 * kind['accepted'] / max(1, kind['count']):.1f} %")
        for kind in refusals["kinds"]
    ]
    hours, bound = f"{refusals['hours']:.1f} hours", f"{refusals['bound']:.1f} false accepts an hour (95 %)"
    text = (
        f"At a confidence of {refusals['threshold']:.3f} it accepts {100 * refusals['accepted']:.1f} % of commands "
        f"with the right meaning, and {refusals['false_accepts']} answers in {hours} of other speech and noise: at "
        f"most {bound}. Expected calibration error {refusals['calibration_error']:.3f}."
    )
    return "\n\n".join(("### Rejection by the runtime", text, _table(("heard", "count", "accepted"), rows)))


def _client_confidence(client: Mapping[str, Any]) -> str:
    """Return the thresholds for the client's own confidence."""
    rows = [
        (f"{one['confidence']:.2f}", f"{100 * one['commands']:.1f} %", f"{100 * one['others']:.1f} %")
        for one in client["thresholds"]
    ]
    if not rows:
        return ""
    return (
        "### Rejection by the client's confidence\n\n"
        "`deepspeech --json` prints a confidence; divide it by the seconds of sound and refuse what lies below:\n\n"
        + _table(("confidence per second", "commands refused", "other speech and noise refused"), rows)
    )


def _side_by_side(ways: Mapping[str, Mapping[str, Any]]) -> str:
    """Return the table of the client beside the runtime; measures without any value are left out."""
    groups = [(name, way, figures) for name, found in ways.items() for way, figures in found.items()]
    shown = [name for name in SIDE_BY_SIDE if any(figures[name]["value"] is not None for _, _, figures in groups)]
    rows = [
        (name, way, *(_figure(figures[measure]) if figures[measure]["value"] is not None else "-" for measure in shown))
        for name, way, figures in groups
    ]
    heads = ("condition", "recognised by", *(SIDE_BY_SIDE[name] for name in shown))
    return f"The client beside the runtime for small devices, on the same clips:\n\n{_table(heads, rows)}"


def _figure(figure: Mapping[str, Any]) -> str:
    if figure["value"] is None:
        return UNKNOWN
    text = f"{100 * figure['value']:.1f} %"
    if figure["interval"] is not None:
        low, high = figure["interval"]
        text += f" ({100 * low:.1f} to {100 * high:.1f})"
    return text


def _training(card: Card) -> str:
    if not card.run:
        return f"The settings are {UNTOLD}."
    train = card.run.get("settings", {}).get("train", {})
    rows: list[tuple[str, Any]] = [(f"`{key}`", f"`{_plain(str(value))}`") for key, value in train.items()]
    rows += [(f"version of {name}", value) for name, value in card.run.get("versions", {}).items()]
    rows.append(("epochs done", len(card.run.get("curves", ())) or UNTOLD))
    return "The run's record has all settings; these are the ones of the training:\n\n" + _table(
        ("setting", "value"), rows
    )


def _files(listed: Sequence[Mapping[str, Any]]) -> str:
    if not listed:
        return "No files exported yet."
    rows = [(f"`{item['name']}`", f"{item['bytes']:,}", f"`{item['sha256']}`") for item in listed]
    return _table(("file", "bytes", "SHA-256"), rows)


def _listed(path: Path) -> dict[str, Any]:
    try:
        content = path.read_bytes()
    except OSError as error:
        raise ModelError(f"cannot be read: {error.strerror}", path=path, fix="Export the model again") from None
    return {"name": path.name, "bytes": len(content), "sha256": hashlib.sha256(content).hexdigest()}


def _warnings(remarks: Iterable[str]) -> str:
    return "".join(f"\n\nWarning: {_plain(remark)}." for remark in remarks)


def _table(heads: Sequence[str], rows: Iterable[Sequence[Any]]) -> str:
    lines = ["| " + " | ".join(heads) + " |", "| " + " | ".join("---" for _ in heads) + " |"]
    lines += ["| " + " | ".join(str(cell).replace("|", "\\|") for cell in row) + " |" for row in rows]
    return "\n".join(lines)


def _bullets(texts: Iterable[str]) -> str:
    return "\n".join(f"- {text}" for text in texts)


def _plain(text: str) -> str:
    """Keep a user's text from becoming markup, and on one line."""
    return " ".join(text.replace("<", "&lt;").split()).rstrip(".")
