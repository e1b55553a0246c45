"""The sections of asr.toml as frozen dataclasses; each key carries its explanation, unit, limits and products."""

from __future__ import annotations

from dataclasses import dataclass

from asr.core.alphabet import ENGLISH
from asr.settings.declaration import SEEDS, Product, Range, setting

ENGINES = ("asr", "mozilla-venv", "mozilla")
AUTO = "auto"  # train.preset: chosen by the number of words
PRESET_NAMES = ("sentences", "words", "small")

NOTHING, CLIPS, SPLIT, WEIGHTS = Product.NOTHING, Product.CLIPS, Product.SPLIT, Product.WEIGHTS
EVALUATION = Product.EVALUATION
SENTENCES = Product.SCORER | EVALUATION


@dataclass(frozen=True)
class Sentences:
    """What can be said."""

    file: str = setting("sentences.txt", SENTENCES | WEIGHTS, "one sentence or template per line")
    limit: int = setting(
        200000,
        SENTENCES,
        "sentences expanded from the templates for the scorer; a random sample if there are more",
        (1, 10_000_000),
    )
    seed: int = setting(1, SENTENCES, "random seed of that sample", SEEDS)
    alike: bool = setting(
        True, SENTENCES, "every line gets the same share of that sample, however many sentences it expands to"
    )


@dataclass(frozen=True)
class AlphabetSection:
    """The language and its letters."""

    labels: str = setting(
        ENGLISH, Product.SCORER | WEIGHTS, "letters that transcripts may contain; start with the space"
    )
    language: str = setting("en", WEIGHTS, "language code; chooses the synthetic voices")


@dataclass(frozen=True)
class Recordings:
    """Your recordings."""

    folder: str = setting(
        "recordings", CLIPS, "a folder with recordings.csv (file, transcript, speaker) or one folder per sentence"
    )
    trim: bool = setting(True, CLIPS, "cut silence before and after the speech")
    silence_db: float = setting(-40.0, CLIPS, "level below the loudest part that counts as silence", (-90, -5), "dB")
    margin: float = setting(0.15, CLIPS, "silence kept on each side of the speech", (0, 5), "s")
    shortest: float = setting(0.1, CLIPS, "shorter clips are rejected", (0.04, 10), "s")
    longest: float = setting(30.0, CLIPS, "longer clips are rejected", (0.5, 120), "s")


@dataclass(frozen=True)
class Voices:
    """Synthetic voices that read your sentences."""

    use: str = setting(
        "mix",
        WEIGHTS,
        "mix: train on them beside recordings; if-needed: only without recordings; never",
        choices=("if-needed", "mix", "never"),
    )
    voices: tuple[str, ...] = setting(
        (),
        WEIGHTS,
        "espeak-ng voices (en-us+f3), flite:NAME, piper:FILE.onnx, piper:FILE.onnx#7 (one of its speakers), "
        "piper:FOLDER, kokoro (blends of its styles), kokoro:FOLDER or kokoro:FOLDER#STYLE; empty: a wide selection",
    )
    flite_share: float = setting(0.0, WEIGHTS, "share of speakers from Flite, where installed; training only", (0, 1))
    speakers: int = setting(400, WEIGHTS, "synthetic speakers, each with its own speed and pitch", (1, 2000))
    utterances: int = setting(
        1600,
        WEIGHTS,
        "utterances in all without recordings; beside recordings, utterances by Piper and Kokoro",
        (3, 1_000_000),
    )
    speed: Range = setting((110.0, 220.0), WEIGHTS, "range of speaking rates", (80, 450), "words per minute")
    pitch: Range = setting((20.0, 80.0), WEIGHTS, "range of pitches; 50 is the voice's own", (0, 99))
    volume: Range = setting(
        (0.0, 0.0),
        WEIGHTS,
        "range of levels relative to the voice's own; augmentation changes levels anyway",
        (-60, 0),
        "dB",
    )
    seed: int = setting(1, WEIGHTS, "random seed of voices, rates, pitches, levels and sentences", SEEDS)


@dataclass(frozen=True)
class Split:
    """Which speakers to train on, and which to test with."""

    train: float = setting(0.7, SPLIT, "share of recordings to train on", (0, 1))
    dev: float = setting(0.2, SPLIT, "share of recordings that choose the checkpoint", (0, 1))
    test: float = setting(0.1, SPLIT, "share of recordings to test with", (0, 1))
    train_speakers: tuple[str, ...] = setting((), SPLIT, "speakers to train on, whatever the shares")
    dev_speakers: tuple[str, ...] = setting((), SPLIT, "speakers that choose the checkpoint, whatever the shares")
    test_speakers: tuple[str, ...] = setting(
        (), SPLIT, 'speakers to test with, such as ["ada"]; empty: chosen at random'
    )
    seed: int = setting(1, SPLIT, "random seed of the split", SEEDS)


@dataclass(frozen=True)
class Scorer:
    """The language model (KenLM), with the parameters of the DeepSpeech tools."""

    order: int = setting(5, SENTENCES, "longest n-gram", (2, 6), "words")
    top_k: int = setting(500000, SENTENCES, "most frequent words kept", (1, None), "words")
    prune: tuple[int, ...] = setting((0, 0, 1), SENTENCES, "drop n-grams seen at most this often, by order", (0, None))
    a_bits: int = setting(255, SENTENCES, "build_binary: pointer compression", (0, 255), "bits")
    q_bits: int = setting(8, SENTENCES, "build_binary: quantisation", (2, 16), "bits")
    discount_fallback: bool = setting(True, SENTENCES, "lmplz: fall back to fixed discounts for small lists")
    look_ahead: bool = setting(
        True, SENTENCES, "score a word by its most likely ending, since the client does not score sentence ends"
    )
    alpha: float = setting(0.931289039105002, SENTENCES, "weight of the language model", (0, 100))
    beta: float = setting(1.1834137581510284, SENTENCES, "bonus per word", (-100, 100))


@dataclass(frozen=True)
class Train:
    """Training of the sentence recogniser."""

    preset: str = setting(
        AUTO,
        NOTHING,
        "sentences, words or small (a few sentences, in minutes); auto: by the number of words",
        choices=(AUTO, *PRESET_NAMES),
    )
    network: str = setting(
        "deepspeech",
        WEIGHTS,
        "deepspeech: as DeepSpeech 0.9; deepspeech-conv: with convolutions over time and frequency first",
        choices=("deepspeech", "deepspeech-conv"),
    )
    n_hidden: int = setting(134, WEIGHTS, "width of each layer", (8, 4096), "units")
    epochs: int = setting(75, WEIGHTS, "longest training; more takes longer", (1, 10000), "epochs")
    epoch_utterances: int = setting(
        500, WEIGHTS, "fewest utterances per epoch; few recordings are repeated, augmented anew", (1, 1_000_000)
    )
    heard_in: int = setting(4, WEIGHTS, "epochs that reuse one augmented version of a clip", (1, 1000), "epochs")
    batch_size: int = setting(16, WEIGHTS, "utterances per step", (1, 4096))
    learning_rate: float = setting(0.001, WEIGHTS, "peak learning rate", (1e-8, 1))
    warm_up: float = setting(0.1, WEIGHTS, "share of training in which the rate rises", (0, 0.9))
    schedule: str = setting(
        "one-cycle",
        WEIGHTS,
        "one-cycle: the rate rises, then falls to zero; plateau: it falls when dev loss stalls",
        choices=("plateau", "one-cycle"),
    )
    plateau_patience: int = setting(
        4, WEIGHTS, "epochs without a better dev loss before the rate falls", (1, None), "epochs"
    )
    plateau_factor: float = setting(0.5, WEIGHTS, "factor by which it falls", (0.01, 0.99))
    early_stop_patience: int = setting(
        20, WEIGHTS, "epochs without a better dev loss before training stops; 0 = never", (0, None), "epochs"
    )
    consistency: float = setting(0.0, WEIGHTS, "CR-CTC consistency weight; doubles training time; 0 = off", (0, 10))
    intermediate: float = setting(0.0, WEIGHTS, "intermediate CTC weight, below the LSTM; 0 = off", (0, 10))
    bfloat16: bool = setting(False, WEIGHTS, "multiply in bfloat16 where the processor supports it; faster")
    dropout: float = setting(0.15, WEIGHTS, "dropout after each dense layer", (0, 0.9))
    weight_decay: float = setting(0.0001, WEIGHTS, "weight decay of AdamW", (0, 1))
    gradient_norm: float = setting(5.0, WEIGHTS, "gradients are clipped to this norm", (0.001, None))
    normalise: bool = setting(True, WEIGHTS, "normalise features to zero mean and unit variance; exported too")
    blank_bias: float = setting(0.0, WEIGHTS, "initial bias of the CTC blank", (-20, 20))
    curriculum: int = setting(2, WEIGHTS, "first epochs, sorted from short to long", (0, None), "epochs")
    synthetic_epochs: int = setting(
        4, WEIGHTS, "epochs on synthetic voices alone before the recordings", (0, None), "epochs"
    )
    synthetic_utterances: int = setting(1000, WEIGHTS, "utterances of such an epoch, new each time", (1, None))
    synthetic_share: float = setting(1.0, WEIGHTS, "synthetic utterances per recording at the start", (0, 100))
    synthetic_last: float = setting(0.25, WEIGHTS, "part of that left in the last epoch", (0, 1))
    other_speech: float = setting(
        0.4,
        WEIGHTS,
        "utterances of other speech, noise and silence per command, so that the network spells what it hears",
        (0, 10),
    )
    average: int = setting(5, WEIGHTS, "checkpoints averaged into the result; 1 = none", (1, 50))
    choose_by: str = setting(
        "wer",
        WEIGHTS,
        "best checkpoint by wer (dev WER of the client, clean and in noise) or loss (dev loss)",
        choices=("wer", "loss"),
    )
    start_from: str = setting("", WEIGHTS, 'pretrained weights: "english", a .pb, a .pbmm or a run; "" = none')
    freeze: tuple[str, ...] = setting((), WEIGHTS, "layers of these weights to freeze, such as layer_1 or lstm")
    drop_layers: int = setting(0, WEIGHTS, "last layers of these weights to initialise anew", (0, 6), "layers")
    engine: str = setting(
        "asr",
        WEIGHTS,
        "asr: this project's trainer; mozilla-venv, mozilla: DeepSpeech's trainer, installed here or in Docker",
        choices=ENGINES,
    )
    mozilla_source: str = setting(
        "", WEIGHTS, "mozilla-venv: folder of the DeepSpeech 0.9.3 sources; empty: its fork coqui-stt-training"
    )
    seed: int = setting(1, WEIGHTS, "random seed of weights, order and augmentation", SEEDS)


@dataclass(frozen=True)
class Evaluate:
    """How the result is tested."""

    beam_width: int = setting(
        500, EVALUATION | Product.LEARNING_CURVE, "beam width of the client's decoder", (1, 10000)
    )
    noise: bool = setting(True, EVALUATION, "also test in noise")
    noise_folder: str = setting(
        "test_noise", EVALUATION, "recorded noise to test with, never trained on; without any, it is generated"
    )
    noise_levels: tuple[float, ...] = setting(
        (24.0, 21.0, 18.0, 15.0, 12.0, 9.0, 6.0), EVALUATION, "speech above noise", (-20, 60), "dB"
    )
    noise_draws: int = setting(
        3, EVALUATION, "pieces of noise per clip and level; more make the figures steadier", (1, 100)
    )
    seed: int = setting(1, EVALUATION | Product.KEYWORD_FEATURES, "random seed of the noise and the bootstrap", SEEDS)


@dataclass(frozen=True)
class Rejection:
    """How sure the runtime has to be."""

    false_accepts_per_hour: float = setting(
        0.5,
        Product.VERIFIER | EVALUATION,
        "false accepts allowed per hour of other speech and noise; fewer means more commands refused",
        (0.001, 1000),
    )
    near_misses: float = setting(
        0.2,
        Product.VERIFIER | EVALUATION,
        "near misses accepted at most, such as a command with one word foreign to the list",
        (0.001, 1),
        "share",
    )
    minutes: float = setting(
        60.0,
        Product.VERIFIER | EVALUATION,
        "other speech and noise that the threshold is fitted to, beside other_speech/",
        (1, 6000),
        "min",
    )
