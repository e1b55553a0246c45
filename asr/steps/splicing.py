"""Other sentences in the voices of the recordings, for training."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from asr import audio
from asr.errors import ModelError, RecordingsError
from asr.progress import say
from asr.steps.preparing import read_templates
from asr.workspace import Workspace

if TYPE_CHECKING:
    from asr.augment.splices import Splicer
    from asr.ctc.batches import Clip
    from asr.ctc.supply import Splices
    from asr.ctc.transfer import Start
    from datasets.prepare import Prepared

SENTENCES = 100_000  # drawn from the templates; of these a speaker's words make a few hundred

Spikes = Sequence[npt.NDArray[np.intp]]


def splices(ws: Workspace, prepared: Prepared) -> Callable[[Sequence[Clip], Spikes], Splices]:
    """Return what joins sentences of the templates out of clips to train on, once it knows where their words lie.

    It takes the clips and, for each, the sample of each character of its transcript.
    """
    speakers = {ws.clips / clip.clip: clip.speaker for clip in prepared.of("train")}

    def prepare(clips: Sequence[Clip], spikes: Spikes) -> Splices:
        whose = [speakers[clip.path] for clip in clips]
        splicer = make_splicer(ws, clips, whose, spikes)

        def splice(number: int, rng: np.random.Generator) -> Any:
            return splicer.join(whose[number], rng)

        return splice

    return prepare


def make_splicer(ws: Workspace, clips: Sequence[Clip], speakers: Sequence[str], spikes: Spikes) -> Splicer:
    """Cut clips into words, and tell what these make."""
    from asr.augment.splices import CutClip, Splicer, cut

    found: dict[str, list[CutClip]] = defaultdict(list)
    for clip, speaker, places in zip(clips, speakers, spikes, strict=True):
        found[speaker].append(cut(clip.path, clip.transcript, places))
    rng = np.random.default_rng([ws.settings.train.seed, 4])
    splicer = Splicer(found, read_templates(ws).sample(SENTENCES, rng))
    counts = list(splicer.counts().values())
    say(
        f"cut into words: {len(clips)} clips; {sum(count > 0 for count in counts)} of {len(counts)} speakers' words"
        f" make other sentences, {int(np.median(counts))} of one speaker (median)"
    )
    return splicer


def check_start(ws: Workspace, start: Start | None) -> Start:
    """Return the weights to start from; ModelError where there are none."""
    if start is None:
        raise ModelError(
            "train.spliced_share needs weights that hear where words begin",
            path=ws.toml,
            fix="Name some in train.start_from, or set train.spliced_share to 0",
        )
    return start


def write_examples(ws: Workspace, prepared: Prepared, start: Start, count: int, folder: Path) -> dict[Path, str]:
    """Write so many sentences joined of the recordings' words, each as a WAV; return what each says.

    Raises
    ------
    RecordingsError : nobody's words make another sentence.
    """
    from asr.ctc.alignment import spikes
    from asr.ctc.batches import Clip
    from asr.ctc.features import mfcc
    from asr.ctc.network import build

    clips = [Clip(ws.clips / clip.clip, clip.transcript, clip.seconds) for clip in prepared.of("train")]
    network = build(ws.settings.train, ws.alphabet.size)
    start.apply(network)
    labels = (ws.alphabet.encode(clip.transcript) for clip in clips)
    heard = (mfcc(audio.read_wav(clip.path)) for clip in clips)
    places = [spikes(network, *pair) for pair in zip(heard, labels, strict=True)]
    splicer = make_splicer(ws, clips, [clip.speaker for clip in prepared.of("train")], places)
    speakers = [speaker for speaker, sentences in splicer.counts().items() if sentences]
    if not speakers:
        raise RecordingsError(
            "nobody's words make another sentence",
            path=ws.sentences,
            fix="That takes recordings of several sentences by one speaker, with words in common",
        )
    rng = np.random.default_rng([ws.settings.train.seed, 5])
    examples = {}
    for number, index in enumerate(np.resize(rng.permutation(len(speakers)), count), 1):
        joined = splicer.join(speakers[index], rng)
        assert joined is not None
        path = folder / f"joined-{number:02d}-{speakers[index]}.wav"
        audio.write_wav(path, joined.samples())
        examples[path] = joined.transcript
    return examples
