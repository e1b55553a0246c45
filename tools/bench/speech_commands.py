"""A data set of Speech Commands' size to features: clips a second against TensorFlow's own op, memory and disk.

The clips are synthesised: 35 folders of one-second clips in a .tar, as published but for its compression. Ours reads
the archive as `asr import speech-commands` does, with all words asked for; the other side decodes the same members and
takes TensorFlow's audio_microfrontend op, once clip by clip as tutorials do, once in tf.data on all cores. `--train`
learns ten of the words, with every other setting as `asr init` writes it, from the archive to model.tflite.
"""

from __future__ import annotations

import argparse
import io
import os
import resource
import subprocess
import sys
import tarfile
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from asr.core import audio

WORDS = 35
DISTINCT = 700  # clips that are made; the archive repeats them
SPEAKERS = 2600


def write_archive(path: Path, clips: int) -> None:
    """Write a .tar of `clips` clips: noise of many colours that swells and fades like a word."""
    rng = np.random.default_rng(1)
    made = []
    for _ in range(DISTINCT):
        steps = np.cumsum(rng.normal(0, 1, audio.SAMPLE_RATE))
        tone = np.sin(steps * rng.uniform(0.02, 0.3)) * np.hanning(audio.SAMPLE_RATE) ** 2
        made.append(audio.wav_bytes((0.4 * tone + rng.normal(0, 0.002, len(tone))).astype(np.float32)))
    with tarfile.open(path, "w") as tar:
        for number in range(clips):
            data = made[number % DISTINCT]
            take, speaker = divmod(number // WORDS, SPEAKERS)
            info = tarfile.TarInfo(f"./word{number % WORDS:02d}/{speaker:08x}_nohash_{take}.wav")
            info.size = len(data)
            tar.addfile(info, io.BytesIO(data))


def ours(archive: Path, folder: Path) -> None:
    """Make the data set; print seconds, rows, bytes on disk and the processes' memory."""
    from asr.settings.template import render
    from asr.settings.values import Settings, with_values
    from tools.commands import verbs

    words = tuple(f"word{number:02d}" for number in range(WORDS))
    settings = with_values(
        Settings(),
        keyword={
            **{"words": words, "corpus": str(archive), "passes": 1, "most_clips": 10_000_000},
            # Every clip is one of the words, so there is nothing else to take.
            **{"unknown_percent": 1.0, "silence_percent": 1.0, "synthetic_speakers": 0},
        },
    )
    folder.mkdir(parents=True)
    (folder / "asr.toml").write_text(render(settings))
    start = time.monotonic()
    print(verbs.import_corpus("speech-commands", archive, folder))
    seconds = time.monotonic() - start
    disk = sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
    print(f"RESULT {seconds:.3f} {disk} {_memory()}")


def whole(archive: Path, folder: Path) -> None:
    """Make a model of ten words; print seconds in all, of an epoch, and of the processes' memory."""
    import json

    from asr.settings.template import render
    from asr.settings.values import Settings, with_values
    from asr.settings.workspace import Workspace
    from tools.commands import verbs

    words = tuple(f"word{number:02d}" for number in range(10))
    # The sounds of a word are like those of any other: nothing would get better, and an early end would be no measure.
    chosen = {"words": words, "corpus": str(archive), "synthetic_speakers": 0, "early_stop_patience": 0}
    folder.mkdir(parents=True)
    (folder / "asr.toml").write_text(render(with_values(Settings(), keyword=chosen)))
    start = time.monotonic()
    print(verbs.keyword(Workspace.open(folder)))
    seconds = time.monotonic() - start
    epoch = json.loads((folder / "build/keyword/training.json").read_text())["seconds"]
    clips = sum(path.stat().st_size for path in (folder / "build/keyword/features").glob("train-*.npy"))
    print(f"RESULT {seconds:.3f} {epoch:.3f} {clips / (49 * 40):.0f} {_memory()}")


def _memory() -> int:
    """Return the peak of this process and its workers, bytes."""
    main = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return 1024 * (main + len(os.sched_getaffinity(0)) * resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)


def theirs(archive: Path, how: str) -> None:
    """Compute features with TensorFlow's op; print seconds."""
    import tensorflow as tf
    from tensorflow.lite.experimental.microfrontend.python.ops import audio_microfrontend_op

    def features(data: Any) -> Any:
        samples, _ = tf.audio.decode_wav(data, 1, audio.SAMPLE_RATE)
        whole = tf.cast(tf.squeeze(samples, 1) * 32768, tf.int16)
        return audio_microfrontend_op.audio_microfrontend(
            whole, sample_rate=16000, window_size=30, window_step=20, num_channels=40, out_scale=1, out_type=tf.float32
        )

    def members() -> Iterator[bytes]:
        with tarfile.open(archive, "r|*") as tar:
            for member in tar:
                file = tar.extractfile(member)
                if file is not None:
                    yield file.read()

    start = time.monotonic()
    if how == "each":
        compute = tf.function(features, input_signature=[tf.TensorSpec((), tf.string)])
        for data in members():
            compute(data).numpy()
    else:
        data_set = tf.data.Dataset.from_generator(members, output_signature=tf.TensorSpec((), tf.string))
        for _ in data_set.map(features, num_parallel_calls=tf.data.AUTOTUNE).batch(64):
            pass
    print(f"RESULT {time.monotonic() - start:.3f}")


def run(arguments: list[str]) -> list[float]:
    """Run a side in a process of its own, and return its numbers."""
    command = [sys.executable, "-m", "tools.bench.speech_commands", *arguments]
    quiet = {**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3"}
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True, env=quiet)
    results = [line.split()[1:] for line in done.stdout.splitlines() if line.startswith("RESULT")]
    return [float(value) for value in results[-1]]


def main() -> None:
    """Time all sides, in alternation."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--clips", type=int, default=105_000, help="clips of the set (105000)")
    parser.add_argument("--rounds", type=int, default=1, help="rounds of the comparison (1, about eight minutes)")
    parser.add_argument("--train", action="store_true", help="also learn ten of the words, to model.tflite")
    parser.add_argument("--side", nargs="*", help=argparse.SUPPRESS)
    chosen = parser.parse_args()
    if chosen.side:
        kind, archive, *rest = chosen.side
        if kind == "ours":
            ours(Path(archive), Path(rest[0]))
        elif kind == "whole":
            whole(Path(archive), Path(rest[0]))
        else:
            theirs(Path(archive), kind)
        return
    with tempfile.TemporaryDirectory(prefix="asr-bench-") as place:
        folder = Path(place)
        archive = folder / "clips.tar"
        write_archive(archive, chosen.clips)
        for number in range(chosen.rounds):
            seconds, disk, memory = run(["--side", "ours", str(archive), str(folder / str(number))])
            print(
                f"round {number + 1}: {chosen.clips} clips: {seconds:.0f} s, "
                f"{chosen.clips / seconds:.0f} clips/s, {disk / 1e9:.2f} GB of disk, {memory / 1e9:.2f} GB of memory",
                flush=True,
            )
            for side, name in (("each", "clip by clip"), ("data", "in tf.data")):
                (other,) = run(["--side", side, str(archive)])
                print(
                    f"the op {name}: {other:.0f} s, {chosen.clips / other:.0f} clips/s (ratio {other / seconds:.2f})",
                    flush=True,
                )
        if chosen.train:
            seconds, epoch, rows, memory = run(["--side", "whole", str(archive), str(folder / "ten")])
            print(
                f"ten words of {chosen.clips} clips to model.tflite: {seconds / 60:.1f} minutes, {rows:.0f} clips to "
                f"train on, {epoch:.1f} s an epoch of the network itself, {memory / 1e9:.2f} GB of memory"
            )


if __name__ == "__main__":
    main()
