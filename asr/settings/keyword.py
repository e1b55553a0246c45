"""The section [keyword] of asr.toml: words for a microcontroller, their network, and when it reports one."""

from __future__ import annotations

from dataclasses import dataclass

from asr.settings.augment import KINDS
from asr.settings.declaration import SEEDS, Product, Range, setting

SILENCE, UNKNOWN = "silence", "unknown"
NOTHING, FEATURES = Product.NOTHING, Product.KEYWORD_FEATURES
WEIGHTS, THRESHOLDS = Product.KEYWORD_WEIGHTS, Product.KEYWORD_THRESHOLDS


@dataclass(frozen=True)
class Keyword:
    """Single words on a microcontroller (asr keyword)."""

    words: tuple[str, ...] = setting(("yes", "no"), FEATURES, "words to detect")
    corpus: str = setting("", FEATURES, "Speech Commands, its folder or .tar.gz; empty: your recordings only")
    split_by: str = setting(
        "auto",
        FEATURES,
        "hash: of the speaker's name, as Speech Commands; speakers: as section split; auto: hash for its file names",
        choices=("auto", "hash", "speakers"),
    )
    validation_percent: float = setting(10.0, FEATURES, "hash: share of dev", (0, 50), "%")
    testing_percent: float = setting(10.0, FEATURES, "hash: share of test", (0, 50), "%")

    preprocess: str = setting(
        "micro",
        FEATURES | WEIGHTS,
        "features: micro (40 noise-reduced channels) or average (43 averaged FFT buckets, for firmware of 2019)",
        choices=("micro", "average"),
    )
    time_shift: float = setting(0.1, FEATURES, "largest offset of a word from the middle of the clip", (0, 0.4), "s")
    warm_share: float = setting(
        0.6,
        FEATURES,
        "share of training clips with sound before them, which settles the noise reduction as in a stream",
        (0, 1),
    )
    synthetic_speakers: int = setting(
        200, FEATURES, "synthetic speakers of each word, for training only; 0 = none", (0, 2000)
    )
    passes: int = setting(24, FEATURES, "clips per training recording: one plain, the others augmented", (1, 1000))
    most_clips: int = setting(250000, FEATURES, "largest number of training clips", (100, 10_000_000), "clips")
    silence_percent: float = setting(25.0, FEATURES, "clips of silence and noise, per word clip", (1, 1000), "%")
    unknown_percent: float = setting(150.0, FEATURES, "clips of other words, per word clip", (1, 10000), "%")
    splice_percent: float = setting(30.0, FEATURES, "of those, part of a word next to other speech", (0, 90), "%")
    tempo_frequency: float = setting(
        0.35, FEATURES, "share of augmented clips at another tempo and the same pitch", (0, 1)
    )
    tempo: Range = setting((0.7, 1.2), FEATURES, "that tempo", (0.5, 2), "times the original")
    noise_frequency: float = setting(0.75, FEATURES, "share of augmented clips with noise", (0, 1))
    noise_above: Range = setting((0.0, 30.0), FEATURES, "range of speech above that noise", (-20, 60), "dB")
    noise_volume: float = setting(0.3, FEATURES, "loudest noise in silence", (0, 1), "of full scale")
    noise_kinds: tuple[str, ...] = setting(
        tuple(kind for kind in KINDS if kind not in ("water", "clatter")),
        FEATURES,
        "kinds of generated noise to train with; the others are used for testing",
        choices=KINDS,
    )
    judge_level: float = setting(10.0, FEATURES, "speech above noise when testing", (-20, 60), "dB")

    network: str = setting(
        "separable",
        WEIGHTS,
        "separable: small and fast; tiny_conv: TensorFlow's own of micro_speech",
        choices=("separable", "tiny_conv"),
    )
    width: int = setting(42, WEIGHTS, "width of the separable network", (8, 256), "channels")
    teacher_width: int = setting(
        96, WEIGHTS, "width of the teacher network for distillation; 0 = none", (0, 512), "channels"
    )
    epochs: int = setting(
        20, WEIGHTS, "longest training; a distilled network gets half as many again", (1, 10000), "epochs"
    )
    epoch_clips: int = setting(60000, WEIGHTS, "most clips per epoch", (1, None), "clips")
    batch_size: int = setting(128, WEIGHTS, "clips per step", (1, 8192))
    learning_rate: float = setting(0.003, WEIGHTS, "peak learning rate", (1e-7, 1))
    early_stop_patience: int = setting(
        15, WEIGHTS, "epochs without a better dev loss before training stops; 0 = never", (0, None), "epochs"
    )
    dropout: float = setting(0.1, WEIGHTS, "dropout before the last layer; none in a distilled network", (0, 0.9))
    weight_decay: float = setting(0.0005, WEIGHTS, "weight decay of AdamW", (0, 1))
    ema_decay: float = setting(0.998, WEIGHTS, "decay of the weights' moving average (EMA); 0 = off", (0, 0.99999))
    label_smoothing: float = setting(0.05, WEIGHTS, "label smoothing", (0, 0.5))
    time_mask: float = setting(0.2, WEIGHTS, "longest time mask; half of it in a distilled network", (0, 0.5), "s")
    frequency_mask: int = setting(
        8, WEIGHTS, "widest frequency mask; half of it in a distilled network", (0, 20), "channels"
    )
    class_weights: bool = setting(True, WEIGHTS, "weigh classes by rarity")
    seed: int = setting(1, FEATURES | WEIGHTS, "random seed of clips, augmentation, weights and order", SEEDS)

    background: str = setting(
        "", NOTHING, "other speech to test a stream with, a folder or recordings.csv; empty: the split's own"
    )
    inference_stride: int = setting(2, THRESHOLDS, "slices from one inference to the next", (1, 49), "slices of 20 ms")
    smoothing: int = setting(12, THRESHOLDS, "inferences averaged", (1, 32), "inferences")
    suppression: int = setting(50, THRESHOLDS, "pause after a detection", (0, 1000), "slices of 20 ms")
    false_accepts_per_hour: float = setting(
        0.5, THRESHOLDS, "false alarms allowed per hour; fewer means more words missed", (0, 3600)
    )
