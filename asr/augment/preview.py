"""Preview the augmentation: example WAV files, and a picture of before and after."""

from __future__ import annotations

import shutil
import subprocess
import textwrap
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from asr.augment.chain import Chain, Steps
from asr.augment.masks import FRAME_STEP, Masks, draw_masks
from asr.augment.spectrum import Float
from asr.core import audio, progress
from asr.core.audio import SAMPLE_RATE
from asr.core.errors import RecordingsError, SetupError
from asr.core.files import atomic_path
from asr.runtime.features import channel_edge, frame_count

PICTURE = "examples.png"
PLAYERS = (("aplay", "-q"), ("paplay",), ("play", "-q"), ("ffplay", "-nodisp", "-autoexit", "-loglevel", "error"))

_FRAME = 400  # samples of a column of the spectrogram, 25 ms
_HOP = 80  # samples between columns
_FLOOR = -75.0  # dB relative to the loudest point; the darkest colour
_LINE = 112  # characters of a caption's line


@dataclass(frozen=True)
class Preview:
    """One example."""

    clip: Path  # the original clip
    wav: Path  # the augmented sound
    applied: Steps  # its effects
    masks: Masks  # masks of the features, which cannot be heard

    def describe(self) -> str:
        """Describe the effects and the masks."""
        times = [f"{FRAME_STEP * first:.2f} to {FRAME_STEP * last:.2f} s" for first, last in self.masks.times]
        bands = [f"{channel_edge(low):.0f} to {channel_edge(high):.0f} Hz" for low, high in self.masks.bands]
        applied = ", ".join(f"{name} {parameters}" for name, parameters in self.applied) or "nothing"
        return f"{applied}; masked: {', '.join([*times, *bands]) or 'nothing'}"


def preview(
    clips: Sequence[Path], chain: Chain, count: int, out_folder: Path, *, seed: int = 1, play: bool = False
) -> list[Preview]:
    """Write augmented versions of `count` clips and examples.png, a picture of them all; older examples are deleted.

    Parameters
    ----------
    clips : 16 kHz WAV clips to choose from at random, each once before any is repeated.
    out_folder : for 01-NAME.wav and so on, and the picture.
    seed : of the choice and the effects; the n-th example depends on nothing else.
    play : also play them, original first.

    Raises
    ------
    RecordingsError : no clips.
    SetupError : `play` without an installed player; raised before anything is written.
    """
    if not clips:
        raise RecordingsError("there are no clips to augment", fix="Run: make manifests")
    player = find_player() if play else ()
    order = np.random.default_rng(seed).permutation(len(clips))
    for old in out_folder.glob("[0-9]*-*.wav"):
        old.unlink()
    examples, sounds = [], []
    for number in range(count):
        clip = clips[int(order[number % len(clips)])]
        before = audio.load(clip)
        after, applied = chain.describe(before, np.random.default_rng((seed, number)))
        wav = out_folder / f"{number + 1:02d}-{clip.stem}.wav"
        audio.write_wav(wav, after)
        drawn = draw_masks(frame_count(len(after)), np.random.default_rng((seed, number, 1)), chain.settings)
        examples.append(Preview(clip, wav, applied, drawn))
        sounds.append((before, after))
    draw(examples, sounds, out_folder / PICTURE)
    for example in examples if player else ():
        progress.say(f"{example.wav.name}: {example.describe()}")
        for path in (example.clip, example.wav):
            subprocess.run([*player, str(path)], check=False, stdin=subprocess.DEVNULL)
    return examples


def find_player() -> tuple[str, ...]:
    """Return a command that plays a WAV file; SetupError if there is none."""
    for name, *options in PLAYERS:
        if shutil.which(name) is not None:
            return (name, *options)
    raise SetupError(
        f"none of the players {', '.join(command[0] for command in PLAYERS)} is installed",
        fix="Install alsa-utils or sox, or open the WAV files in another player",
    )


def draw(examples: Sequence[Preview], sounds: Sequence[tuple[Float, Float]], path: Path) -> None:
    """Draw a row for each example: waveform and spectrogram before and after, with the masks hatched.

    Parameters
    ----------
    sounds : float32 [n] and [m] of each example, before and after.
    path : of the PNG.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    rows = len(examples)
    figure = Figure(figsize=(14.0, 3.0 * rows + 0.5), dpi=80, layout="constrained")
    FigureCanvasAgg(figure)
    bands = figure.subfigures(rows, 1, squeeze=False)[:, 0]
    for band, example, (before, after) in zip(bands, examples, sounds, strict=True):
        band.suptitle(f"{example.wav.name}\n{textwrap.fill(example.describe(), _LINE)}", fontsize=10, x=0.01, ha="left")
        # A common scale shows changes of level.
        loudest = max(np.abs(before).max(initial=0.0), np.abs(after).max(initial=0.0), 1e-3)
        seconds = max(before.shape[0], after.shape[0], 1) / SAMPLE_RATE
        axes = band.subplots(2, 2, sharex=True, gridspec_kw={"height_ratios": [1, 3]})
        for (waveform, picture), (name, samples) in zip(axes.T, (("before", before), ("after", after)), strict=True):
            waveform.plot(np.arange(len(samples)) / SAMPLE_RATE, samples, linewidth=0.3, color="#1f4e79")
            waveform.set_title(f"{name}, {len(samples) / SAMPLE_RATE:.2f} s", fontsize=9, loc="left")
            waveform.set_ylim(-loudest, loudest)
            extent = (0.0, len(samples) / SAMPLE_RATE, 0.0, SAMPLE_RATE / 2000)
            look = {"origin": "lower", "aspect": "auto", "cmap": "magma", "vmin": _FLOOR, "vmax": 0.0}
            picture.imshow(spectrogram(samples), extent=extent, **look)
            picture.set_xlim(0, seconds)
            picture.set_xlabel("s", labelpad=0)
            for each in (waveform, picture):
                each.tick_params(labelsize=8)
        axes[1, 0].set_ylabel("kHz")
        look = {"facecolor": "#7f7f7f", "alpha": 0.6, "hatch": "//", "edgecolor": "white", "linewidth": 0}
        for first, last in example.masks.times:
            axes[1, 1].axvspan(FRAME_STEP * first, FRAME_STEP * last, **look)
        for low, high in example.masks.bands:
            axes[1, 1].axhspan(channel_edge(low) / 1000, channel_edge(high) / 1000, **look)
    with atomic_path(path) as beside:
        figure.savefig(beside, format="png")


def spectrogram(samples: Float) -> Float:
    """Return dB relative to the loudest point, at least -75: float32 [bins, columns of 25 ms every 5 ms]."""
    padded = np.zeros(max(_FRAME, samples.shape[0]), np.float32)
    padded[: samples.shape[0]] = samples
    frames = np.lib.stride_tricks.sliding_window_view(padded, _FRAME)[::_HOP]
    power = np.abs(np.fft.rfft(frames * np.hanning(_FRAME), 512, axis=1)).T ** 2
    level = 10.0 * np.log10(power / max(float(power.max()), 1e-12) + 1e-12)
    return np.clip(level, _FLOOR, 0.0).astype(np.float32)
