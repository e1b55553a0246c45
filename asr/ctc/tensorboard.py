"""TensorBoard's files of a training: scalars, spectrograms of training utterances, and transcripts of dev clips.

Spectrograms are drawn from the features themselves, augmentation and masks included: they show the network's input.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import tensorflow as tf
from scipy.fft import idct

from asr.ctc.batches import Batch
from asr.runtime.features import MEL_CHANNELS

Float = npt.NDArray[np.float32]

EXAMPLES = 3  # spectrograms an epoch
TRANSCRIPTS = 10  # dev clips whose text is shown
PIXELS = 4  # height of a channel, width of a frame


def spectrogram(features: Float) -> Float:
    """Return the log mel spectrogram of features, as an image.

    It is the inverse DCT of 26 coefficients of 40, so that neighbouring channels are blurred.

    Parameters
    ----------
    features : float32 [frames, 26].

    Returns
    -------
    float32 [MEL_CHANNELS * PIXELS, frames * PIXELS, 1], 0 (quiet) to 1, low frequencies at the bottom.
    """
    # The features are a DCT-II scaled by sqrt(2 / channels), that of SciPy's `ortho` but for the first coefficient.
    scaled = features.astype(np.float64)
    scaled[:, 0] /= np.sqrt(2)
    channels = idct(np.pad(scaled, ((0, 0), (0, MEL_CHANNELS - features.shape[1]))), norm="ortho")
    low, high = np.percentile(channels, (1, 99))
    picture = np.clip((channels - low) / max(high - low, 1e-6), 0, 1).T[::-1]
    return np.kron(picture, np.ones((PIXELS, PIXELS)))[..., np.newaxis].astype(np.float32)


class TensorBoardWriter:
    """Writes TensorBoard's files of one run.

    Parameters
    ----------
    folder : of the files; a resumed run adds another file.
    views : rows that each utterance takes in a batch; the first is shown.
    """

    def __init__(self, folder: Path, views: int = 1) -> None:
        self._writer = tf.summary.create_file_writer(str(folder))
        self._example: Batch | None = None
        self._views = views

    def show(self, batch: Batch) -> Batch:
        """Keep a batch as the example of its epoch, and return it."""
        self._example = batch
        return batch

    def write(self, row: Mapping[str, Any], transcripts: Sequence[str], decoded: Sequence[str]) -> None:
        """Write one epoch.

        Parameters
        ----------
        row : the epoch's figures; `epoch` counts from 1 and is TensorBoard's step.
        transcripts, decoded : of dev clips, and their greedy decoding; the first ones are shown.
        """
        with self._writer.as_default(step=row["epoch"]):
            for name, value in row.items():
                if name != "epoch":
                    tf.summary.scalar(name, value)
            if self._example is not None:
                batch = self._example
                for number, place in enumerate(range(0, len(batch.frames), self._views)[:EXAMPLES]):
                    picture = spectrogram(batch.features[place, : batch.frames[place]])
                    tf.summary.image(f"training utterance {number + 1}", picture[np.newaxis])
                self._example = None
            lines = [f"| {a} | {b} |" for a, b in list(zip(transcripts, decoded, strict=True))[:TRANSCRIPTS]]
            table = "\n".join(["| transcript | greedy decoding |", "| --- | --- |", *lines])
            tf.summary.text("dev transcripts", table)
        self._writer.flush()
