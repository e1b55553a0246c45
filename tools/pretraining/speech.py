"""Speech for the pretrained weights, spoken by blends of Kokoro's styles.

    python -m tools.pretraining.speech FOLDER --model KOKORO_FOLDER --hours 20

FOLDER gets WAV files (16 kHz, int16) and speech.csv: file, speaker, transcript, seconds. Clip n depends only on n and
the seed: a killed run resumes, and any part of it is a fair sample.
"""

from __future__ import annotations

import argparse
import csv
import re
import time
from pathlib import Path

import numpy as np
import numpy.typing as npt

from asr.core import audio, trim
from asr.core.errors import AudioError
from asr.core.progress import say
from datasets import kokoro
from tools.pretraining.sentences import Sentences

# These voices judge what the others have taught: no part of them is in any blend.
JUDGES = ("bf_emma", "bm_george", "af_heart", "am_michael")
_ENGLISH = ("af_", "am_", "bf_", "bm_")
# Whispers, so that it gets no more than a small part of a blend.
_QUIET = "af_nicole"
_SPEEDS = (0.8, 1.25)
_MARKS, _MARK_SHARES = (".", "!", "?", ","), (0.7, 0.1, 0.12, 0.08)
_MARGIN = 0.2  # s of silence kept at both ends
_FIELDS = ("file", "speaker", "transcript", "seconds")
_PER_FOLDER = 1000


def draw_speaker(styles: list[str], rng: np.random.Generator) -> str:
    """Return a blend of two to four styles, such as af_bella:40+am_adam:60, most of it of English styles.

    Styles made for other languages give a part of the blends an accent.
    """
    english = [style for style in styles if style.startswith(_ENGLISH)]
    while True:
        pool = styles if rng.random() < 0.4 else english
        (blend,) = kokoro.blends(pool, 1, rng)
        shares = {style: int(share) for style, share in re.findall(r"(\w+):(\d+)", blend)}
        at_home = sum(share for style, share in shares.items() if style.startswith(_ENGLISH))
        if at_home >= 40 and shares.get(_QUIET, 0) <= 30:
            return blend


def marked(text: str, rng: np.random.Generator) -> str:
    """Return a text with a mark at its end, and with commas in some: the voices pause and raise their pitch there."""
    words = text.split()
    if rng.random() < 0.15:
        for at in range(len(words) - 1):
            words[at] += "," if rng.random() < 0.25 else ""
    return " ".join(words) + str(rng.choice(_MARKS, p=_MARK_SHARES))


def clip(
    number: int, seed: int, model: Path, styles: list[str], texts: Sentences
) -> tuple[str, str, npt.NDArray[np.float32]]:
    """Return speaker, transcript and samples (float32 [n], 16 kHz) of clip `number`.

    Raises
    ------
    AudioError : there is nothing to hear in it.
    """
    rng = np.random.default_rng([seed, number])
    text = texts.draw(rng)
    blend = draw_speaker(styles, rng)
    speed = float(rng.uniform(*_SPEEDS))
    voice = f"{kokoro.NAME}:{model}#{blend}"
    ((samples, rate),) = kokoro.speak([marked(text, rng)], voice, speed)
    samples = audio.resample(samples, rate, audio.SAMPLE_RATE)
    samples = trim.cut(samples, trim.find(samples, -45.0), _MARGIN)
    peak = float(np.abs(samples).max(initial=0.0))
    if peak < 0.01:
        raise AudioError(f"clip {number} is silent: {text!r}")
    return kokoro.label(voice), text, samples * np.float32(min(1.0, 0.99 / peak))


def main() -> None:
    """Speak until there are as many hours as asked for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--model", type=Path, required=True, help="folder of kokoro-v1.0.int8.onnx and voices/")
    parser.add_argument("--hours", type=float, default=20.0)
    parser.add_argument("--seed", type=int, default=1)
    chosen = parser.parse_args()
    styles = [style for style in kokoro.styles(chosen.model) if style not in JUDGES]
    listed = chosen.folder / "speech.csv"
    number, seconds = _resume(listed)
    texts = Sentences()
    began, started, spoken = time.monotonic(), time.process_time(), seconds
    with listed.open("a", newline="", encoding="utf-8") as file:
        table = csv.writer(file)
        while seconds < 3600 * chosen.hours:
            try:
                speaker, text, samples = clip(number, chosen.seed, chosen.model, styles, texts)
            except AudioError as error:
                say(str(error))
                number += 1
                continue
            name = f"{number // _PER_FOLDER:03d}/{number:06d}.wav"
            (chosen.folder / name).parent.mkdir(parents=True, exist_ok=True)
            audio.write_wav(chosen.folder / name, samples)
            table.writerow((name, speaker, text, f"{samples.size / audio.SAMPLE_RATE:.3f}"))
            file.flush()
            seconds += samples.size / audio.SAMPLE_RATE
            number += 1
            if number % 100 == 0:
                made, taken = seconds - spoken, time.monotonic() - began
                say(
                    f"{number} clips, {seconds / 3600:.2f} h of speech; {made / taken:.2f} s of speech a second, "
                    f"{(time.process_time() - started) / made:.2f} s of processor for a second"
                )


def _resume(listed: Path) -> tuple[int, float]:
    """Return the next number and the seconds that are listed; a line that was cut off is removed."""
    if not listed.is_file():
        listed.parent.mkdir(parents=True, exist_ok=True)
        listed.write_text(",".join(_FIELDS) + "\r\n", encoding="utf-8", newline="")
    data = listed.read_bytes()
    whole = data[: data.rfind(b"\n") + 1]
    if whole != data:
        listed.write_bytes(whole)
    rows = list(csv.DictReader(whole.decode("utf-8").splitlines()))
    last = int(Path(rows[-1]["file"]).stem) + 1 if rows else 0
    return last, sum(float(row["seconds"]) for row in rows)


if __name__ == "__main__":
    main()
