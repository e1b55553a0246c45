"""The section [keyword] of asr.toml: words for a microcontroller, their network, and when it speaks up."""

from __future__ import annotations

from dataclasses import dataclass

from asr.settings.augment import KINDS
from asr.settings.section import MOST_SEED, setting

SILENCE, UNKNOWN = "silence", "unknown"


@dataclass(frozen=True)
class Keyword:
    """Single words on a microcontroller, beside the sentences or instead of them."""

    words: tuple[str, ...] = setting(
        ("yes", "no"), "what the device listens for; silence and unknown come before them by themselves"
    )
    corpus: str = setting(
        "", "Speech Commands as published, a folder or a .tar.gz, read where it lies; empty: recordings.folder only"
    )
    split_by: str = setting(
        "auto",
        "hash: of the speaker's name, as Speech Commands; speakers: as section split; auto: hash for its file names",
        choices=("auto", "hash", "speakers"),
    )
    validation_percent: float = setting(10.0, "share of dev where the hash splits", unit="%", minimum=0, maximum=50)
    testing_percent: float = setting(10.0, "share of test where the hash splits", unit="%", minimum=0, maximum=50)

    preprocess: str = setting(
        "micro",
        "micro: 40 noise-reduced channels; average: 43 averaged FFT buckets, for firmware of 2019",
        choices=("micro", "average"),
    )
    window: float = setting(30.0, "a slice of features hears this much", unit="ms", minimum=30, maximum=30)
    stride: float = setting(20.0, "from slice to slice", unit="ms", minimum=20, maximum=20)
    clip: float = setting(1.0, "what the network hears at once", unit="s", minimum=1, maximum=1)
    time_shift: float = setting(
        0.1, "a word lies up to this much beside the middle of the clip", unit="s", minimum=0, maximum=0.4
    )
    warm_share: float = setting(
        0.6,
        "share of training clips with sound before them, as in a stream: noise reduction has settled",
        minimum=0,
        maximum=1,
    )
    synthetic_speakers: int = setting(
        200,
        "synthetic voices that say each word, in training only; 0, or voices.use = never: none",
        minimum=0,
        maximum=2000,
    )
    passes: int = setting(
        24, "clips made of each training recording: one plain, the others augmented", minimum=1, maximum=1000
    )
    most_clips: int = setting(
        250000, "training clips in all; of more recordings each is heard less often", minimum=100, maximum=10_000_000
    )
    silence_percent: float = setting(
        25.0, "silence and noise alone, of the number of word clips", unit="%", minimum=1, maximum=1000
    )
    unknown_percent: float = setting(
        150.0, "other words, of the number of word clips", unit="%", minimum=1, maximum=10000
    )
    splice_percent: float = setting(
        30.0, "of the unknown: a piece of a word before or after other speech", unit="%", minimum=0, maximum=90
    )
    tempo_frequency: float = setting(
        0.35, "share of augmented clips spoken slower or faster at the same pitch", minimum=0, maximum=1
    )
    tempo: tuple[float, ...] = setting(
        (0.7, 1.2), "times the original; slow words of two and more syllables pass a second", minimum=0.5, maximum=2
    )
    noise_frequency: float = setting(0.75, "share of augmented clips with noise mixed in", minimum=0, maximum=1)
    noise_above: tuple[float, ...] = setting(
        (0.0, 30.0), "speech above that noise, least and most", unit="dB", minimum=-20, maximum=60
    )
    noise_volume: float = setting(0.3, "loudest noise in silence, of full scale", minimum=0, maximum=1)
    noise_kinds: tuple[str, ...] = setting(
        tuple(kind for kind in KINDS if kind not in ("water", "clatter")),
        "kinds of noise made here to train with; what is left out serves to judge",
        choices=KINDS,
    )
    judge_level: float = setting(10.0, "speech above noise when judging", unit="dB", minimum=-20, maximum=60)

    network: str = setting(
        "separable",
        "separable: small and quick; tiny_conv: TensorFlow's own of micro_speech",
        choices=("separable", "tiny_conv"),
    )
    width: int = setting(42, "channels of the separable network", minimum=8, maximum=256)
    teacher_width: int = setting(
        96,
        "channels of a larger network that is trained first and teaches the small one; 0: none",
        minimum=0,
        maximum=512,
    )
    epochs: int = setting(
        20,
        "most passes over the training clips; half as many again for a network that is taught",
        minimum=1,
        maximum=10000,
    )
    epoch_clips: int = setting(60000, "most clips of one epoch; of more, others in each", minimum=1)
    batch_size: int = setting(128, "clips a step", minimum=1, maximum=8192)
    learning_rate: float = setting(0.003, "highest learning rate, after a short warm-up", minimum=1e-7, maximum=1)
    early_stop_patience: int = setting(15, "epochs without better validation before training ends; 0: never", minimum=0)
    dropout: float = setting(
        0.1,
        "share of activations dropped before the last layer; none in a network that is taught",
        minimum=0,
        maximum=0.9,
    )
    weight_decay: float = setting(0.0005, "decay of the weights, AdamW's", minimum=0, maximum=1)
    ema_decay: float = setting(
        0.998,
        "share of the weights' running mean (EMA) that a step leaves as it is; 0: no mean",
        minimum=0,
        maximum=0.99999,
    )
    label_smoothing: float = setting(0.05, "share of certainty withheld from the labels", minimum=0, maximum=0.5)
    time_mask: float = setting(
        0.2,
        "longest stretch hidden from the network in training; half of it where it is taught",
        unit="s",
        minimum=0,
        maximum=0.5,
    )
    frequency_mask: int = setting(
        8, "widest band hidden in training, in channels; half of it where it is taught", minimum=0, maximum=20
    )
    class_weights: bool = setting(True, "rare words count for more, so that all classes count alike")
    seed: int = setting(1, "seed of clips, augmentation, weights and order", minimum=0, maximum=MOST_SEED)

    background: str = setting(
        "",
        "other speech to judge a stream by, a folder or a recordings.csv, never trained on; empty: that of the split",
    )
    inference_stride: int = setting(2, "slices from one inference of a stream to the next", minimum=1, maximum=49)
    smoothing: int = setting(12, "inferences whose scores are averaged", minimum=1, maximum=32)
    suppression: int = setting(50, "slices after a word in which nothing is heard", minimum=0, maximum=1000)
    false_accepts_per_hour: float = setting(
        0.5, "most false accepts an hour, to which each word's threshold is fitted", minimum=0, maximum=3600
    )
