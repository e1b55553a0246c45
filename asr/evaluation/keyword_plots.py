"""Pictures of a keyword model: confusion matrix, training curve, features, misses against false accepts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import matplotlib
import numpy as np
import numpy.typing as npt
from matplotlib.figure import Figure as Canvas

from asr.evaluation.classification import Classification
from asr.evaluation.plots import COLOURS, STYLE, WIDTH, draw_matrix


def confusion(found: Classification, title: str) -> Canvas:
    """Return the confusion matrix: rows said, columns heard, shares as shade and counts as text."""
    side = max(3.6, 0.62 * len(found.classes) + 1.6)
    with matplotlib.rc_context(STYLE):
        canvas = Canvas(figsize=(side + 0.4, side))
        axes = canvas.add_subplot()
        shares = found.confusion / np.maximum(found.confusion.sum(axis=1, keepdims=True), 1)
        draw_matrix(axes, found.confusion, shares, found.classes, found.classes)
        axes.set_title(f"{title}: {found.accuracy:.1%} of {found.clips}", fontsize=10)
        return canvas


def training(curve: Sequence[Mapping[str, float]], best: int) -> Canvas:
    """Return loss and dev accuracy by epoch, the chosen epoch marked."""
    with matplotlib.rc_context(STYLE):
        canvas = Canvas(figsize=(WIDTH, 2.8))
        left, right = canvas.subplots(1, 2)
        epochs = [row["epoch"] for row in curve]
        left.plot(epochs, [row["loss"] for row in curve], color=COLOURS[0], label="train")
        left.plot(epochs, [row["dev_loss"] for row in curve], color=COLOURS[1], label="dev")
        left.set_title("loss", fontsize=10)
        left.set_ylim(bottom=0)
        right.plot(epochs, [100 * row["clean"] for row in curve], color=COLOURS[2], label="dev, clean")
        right.plot(epochs, [100 * row["noise"] for row in curve], color=COLOURS[3], label="dev, in noise")
        right.set_title("accuracy, %", fontsize=10)
        for axes in (left, right):
            axes.axvline(best, color="#8a8f98", linewidth=1, linestyle=":")
            axes.set_xlabel("epoch")
            axes.legend(fontsize=8)
        canvas.tight_layout()
        return canvas


def features(samples: npt.NDArray[np.int16], slices: npt.NDArray[np.int8], title: str = "") -> Canvas:
    """Return a clip's waveform, its spectrogram and the features of the network."""
    with matplotlib.rc_context({**STYLE, "axes.grid": False}):
        canvas = Canvas(figsize=(WIDTH, 5.4))
        wave, spectrum, picture = canvas.subplots(3, 1)
        seconds = len(samples) / 16000
        wave.plot(np.arange(len(samples)) / 16000, samples / 32768, linewidth=0.5, color=COLOURS[0])
        wave.set_xlim(0, seconds)
        wave.set_ylabel("full scale")
        wave.set_title(title or "sound", fontsize=10)
        spectrum.specgram(samples.astype(np.float64) + 1e-3, NFFT=480, Fs=16000, noverlap=320, cmap="magma", vmin=-40)
        spectrum.set_ylabel("Hz")
        extent = (0, seconds, 0, slices.shape[1])
        picture.imshow(slices.T, origin="lower", aspect="auto", cmap="magma", vmin=-128, vmax=127, extent=extent)
        picture.set_ylabel("channel")
        picture.set_xlabel("s")
        canvas.tight_layout()
        return canvas


def miss_curve(
    curves: Mapping[str, tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]], chosen: tuple[float, float] | None
) -> Canvas:
    """Return the miss rate against false accepts an hour, a line for each name.

    Parameters
    ----------
    curves : false accepts an hour and miss rates (0 to 1), for falling thresholds.
    chosen : the same of the fitted thresholds.
    """
    with matplotlib.rc_context(STYLE):
        canvas = Canvas(figsize=(WIDTH, 3.6))
        axes = canvas.add_subplot()
        for index, (name, (accepts, misses)) in enumerate(curves.items()):
            axes.step(accepts, 100 * misses, where="post", label=name, color=COLOURS[index % len(COLOURS)], linewidth=2)
        if chosen is not None:
            axes.plot(chosen[0], 100 * chosen[1], "D", color="black", markersize=6, label="fitted thresholds")
        axes.set_xlabel("false accepts an hour")
        axes.set_ylabel("missed words, %")
        axes.set_xlim(left=-0.2)
        axes.set_ylim(bottom=0)
        axes.legend(fontsize=8)
        canvas.tight_layout()
        return canvas
