"""Long recordings cut into takes: a WAV file for each, or a label file to correct in Audacity first."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from pathlib import Path

from asr.core import audio
from asr.core.errors import RecordingsError
from asr.core.sound_file import LONGEST

_SHORTEST = 0.02  # s of a label


def cut(files: Sequence[Path], out: Path, *, labels: bool = False, given: Path | None = None) -> Iterator[str]:
    """Cut recordings into takes, and yield a line for each recording.

    Parameters
    ----------
    out : folder for `NAME-01.wav` and so on; with `labels` for `NAME.txt`.
    labels : write label files instead of takes.
    given : a label file to cut by, for a single recording; its texts become folders.

    Raises
    ------
    AudioError, RecordingsError : a file cannot be read or would be overwritten, or a label lies outside.
    """
    from datasets import label_file
    from datasets.label_file import Label
    from datasets.take_cutter import Take, find_takes, with_margins

    if given is not None and len(files) != 1:
        raise RecordingsError("a label file belongs to one recording", path=given, fix="Name that one alone")
    read = None if given is None else label_file.read(given)
    for path in files:
        samples, rate = audio.load(path), audio.SAMPLE_RATE
        if read is None:
            takes = with_margins(find_takes(samples), len(samples))
            texts = [""] * len(takes)
        else:
            takes = [Take(round(one.start * rate), min(len(samples), round(one.end * rate))) for one in read]
            texts = [one.text for one in read]
            for number, take in enumerate(takes, 1):
                if take.end - take.start < _SHORTEST * rate:
                    length = f"{len(samples) / rate:.2f} s"
                    raise RecordingsError(
                        f"label {number} is a point, or lies after the end of {path.name} ({length})",
                        path=given,
                        fix="Mark the whole take",
                    )
        if labels:
            target = out / f"{path.stem}.txt"
            _check_new(target)
            label_file.write(target, [Label(take.start / rate, take.end / rate) for take in takes])
            yield f"{path}: {len(takes)} takes, {target}"
            continue
        width = max(2, len(str(len(takes))))
        targets = [
            out / _folder(text) / f"{path.stem}-{number:0{width}}.wav" for number, text in enumerate(texts, 1)
        ]
        made = [audio.to_int16(samples[take.start : take.end]) for take in takes]
        for target, sound in zip(targets, made, strict=True):
            if not (target.exists() and target.read_bytes() == audio.wav_bytes(sound)):
                _check_new(target)
        for target, sound in zip(targets, made, strict=True):
            audio.write_wav(target, sound)
        hint = "" if takes else f"; nothing stands out of its noise (of at most {LONGEST // 3600} h)"
        yield f"{path}: {len(takes)} takes in {out}{hint}"


def _check_new(path: Path) -> None:
    if path.exists():
        raise RecordingsError("it exists already", path=path, fix="Choose another folder with --out")


def _folder(text: str) -> str:
    """Return the folder of a label's text: a transcript, as recordings/ has it; "" for none."""
    name = " ".join(text.split())
    if not name:
        return ""
    if re.search(r"[/\\\0]", name) or name.startswith((".", "_")) or len(name) > 200:
        raise RecordingsError(f"the label {name[:60]!r} cannot name a folder", fix="Use the sentence as the label")
    return name
