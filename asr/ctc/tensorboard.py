"""What TensorBoard shows of a training: scalars, what the network was given to hear, and what it made of dev clips.

Scalars have the names that people look for: loss, dev_loss, dev_cer, learning_rate. Spectrograms are drawn from the
features themselves, augmentation and masks included, so that they show what the network saw and no more.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.fft import idct

from asr.ctc.batches import Batch
from asr.runtime.features import MEL_CHANNELS

Float = npt.NDArray[np.float32]

EXAMPLES = 3  # spectrograms an epoch
TRANSCRIPTS = 10  # dev clips whose text is shown
PIXELS = 4  # height of a channel, width of a frame


def spectrogram(features: Float) -> Float:
    """Return the log mel spectrogram behind features, as a picture.

    The DCT of 26 coefficients is undone; what the other 14 told is gone, so that channels run into each other.

    Parameters
    ----------
    features : float32 [frames, 26].

    Returns
    -------
    float32 [MEL_CHANNELS * PIXELS, frames * PIXELS, 1], 0 (quiet) to 1, low frequencies below.
    """
    # The features are a DCT-II scaled by sqrt(2 / channels), that of SciPy's `ortho` but for the first coefficient.
    scaled = features.astype(np.float64)
    scaled[:, 0] /= np.sqrt(2)
    channels = idct(np.pad(scaled, ((0, 0), (0, MEL_CHANNELS - features.shape[1]))), norm="ortho")
    low, high = np.percentile(channels, (1, 99))
    picture = np.clip((channels - low) / max(high - low, 1e-6), 0, 1).T[::-1]
    return np.kron(picture, np.ones((PIXELS, PIXELS)))[..., np.newaxis].astype(np.float32)


class Board:
    """Writes TensorBoard's files of one run.

    Parameters
    ----------
    folder : where they go; a resumed run writes another file into the same folder.
    views : rows that each utterance takes in a batch; the first is shown.
    """

    def __init__(self, folder: Path, views: int = 1) -> None:
        import tensorflow as tf

        self._summary = tf.summary
        self._writer = tf.summary.create_file_writer(str(folder))
        self._example: Batch | None = None
        self._views = views

    def see(self, batch: Batch) -> Batch:
        """Keep a batch as the example of its epoch, and give it back."""
        self._example = batch
        return batch

    def write(self, row: Mapping[str, Any], said: Sequence[str], heard: Sequence[str]) -> None:
        """Write one epoch.

        Parameters
        ----------
        row : the epoch's figures; `epoch` counts from 1 and is the step of all that is written.
        said, heard : transcripts of the first dev clips, and what greedy decoding made of them.
        """
        with self._writer.as_default(step=row["epoch"]):
            for name, value in row.items():
                if name != "epoch":
                    self._summary.scalar(name, value)
            if self._example is not None:
                batch = self._example
                for number, place in enumerate(range(0, len(batch.frames), self._views)[:EXAMPLES]):
                    picture = spectrogram(batch.features[place, : batch.frames[place]])
                    self._summary.image(f"training utterance {number + 1}", picture[np.newaxis])
                self._example = None
            lines = [f"| {a} | {b} |" for a, b in list(zip(said, heard, strict=True))[:TRANSCRIPTS]]
            table = "\n".join(["| said | heard, greedy |", "| --- | --- |", *lines])
            self._summary.text("dev transcripts", table)
        self._writer.flush()
