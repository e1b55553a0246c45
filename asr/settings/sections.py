"""The sections of asr.toml as frozen dataclasses; each field carries its explanation, unit and limits."""

from __future__ import annotations

from dataclasses import dataclass

from asr.core.alphabet import ENGLISH
from asr.settings.section import MOST_SEED, setting

ENGINES = ("asr", "mozilla-venv", "mozilla")

@dataclass(frozen=True)
class Sentences:
    """What may be said."""

    file: str = setting("sentences.txt", "one sentence or template a line")
    limit: int = setting(
        200000, "sentences written out for the scorer; of more, a fair sample", minimum=1, maximum=10_000_000
    )
    seed: int = setting(1, "seed of that sample", minimum=0, maximum=MOST_SEED)
    alike: bool = setting(False, "in that sample all lines count alike: one that makes few sentences says them again")


@dataclass(frozen=True)
class AlphabetSection:
    """The characters a transcript may hold."""

    labels: str = setting(ENGLISH, "one character a label; the space comes first in DeepSpeech's models")
    language: str = setting("en", "kept in the exported graph for information")


@dataclass(frozen=True)
class Recordings:
    """Sound in, clips out."""

    folder: str = setting(
        "recordings", "holds recordings.csv (file, transcript, speaker) or a folder per sentence"
    )
    trim: bool = setting(True, "cut the silence before and after the speech")
    silence_db: float = setting(
        -40.0,
        "quieter than this below the loudest part counts as silence",
        unit="dB",
        minimum=-90,
        maximum=-5,
    )
    margin: float = setting(0.15, "silence kept on each side of the speech", unit="s", minimum=0, maximum=5)
    shortest: float = setting(0.1, "a shorter clip is set aside", unit="s", minimum=0.04, maximum=10)
    longest: float = setting(30.0, "a longer clip is set aside", unit="s", minimum=0.5, maximum=120)


@dataclass(frozen=True)
class Voices:
    """Synthetic voices (espeak-ng, Flite, Piper) that speak the sentences."""

    use: str = setting(
        "mix",
        "if-needed: only where there are no recordings; mix: also beside recordings, in training only; never",
        choices=("if-needed", "mix", "never"),
    )
    voices: tuple[str, ...] = setting(
        (),
        "espeak-ng voices such as en-us+f3, flite:NAME, piper:FILE.onnx or piper:FOLDER with all their speakers, "
        "piper:FILE.onnx#7 one of them; empty: a wide spread",
    )
    flite_share: float = setting(
        0.0,
        "share of the speakers that are Flite's, where it is installed: like people, but few; only trained on",
        minimum=0,
        maximum=1,
    )
    speakers: int = setting(
        400, "speakers made of the voices, each with its own speed and pitch", minimum=1, maximum=2000
    )
    utterances: int = setting(
        1600,
        "spoken utterances in all, where voices speak for missing recordings; beside them, so many of Piper's",
        minimum=3,
        maximum=1_000_000,
    )
    speed: tuple[float, ...] = setting(
        (110.0, 220.0), "slowest and fastest", unit="words a minute", minimum=80, maximum=450
    )
    pitch: tuple[float, ...] = setting(
        (20.0, 80.0), "lowest and highest, 50 is the voice's own", minimum=0, maximum=99
    )
    volume: tuple[float, ...] = setting(
        (0.0, 0.0), "quietest and loudest, above the voice's own level; training changes levels by itself", unit="dB",
        minimum=-60, maximum=0,
    )  # fmt: skip
    seed: int = setting(1, "seed of voices, speeds, pitches, volumes and sentences", minimum=0, maximum=MOST_SEED)


@dataclass(frozen=True)
class Split:
    """Who is trained on and who is kept apart to judge the result."""

    train: float = setting(0.7, "share of the recordings", minimum=0, maximum=1)
    dev: float = setting(0.2, "share of the recordings", minimum=0, maximum=1)
    test: float = setting(0.1, "share of the recordings", minimum=0, maximum=1)
    train_speakers: tuple[str, ...] = setting((), "speakers named here are in train, whatever the shares say")
    dev_speakers: tuple[str, ...] = setting((), "the same for dev")
    test_speakers: tuple[str, ...] = setting((), "the same for test")
    seed: int = setting(1, "seed of the choice", minimum=0, maximum=MOST_SEED)


@dataclass(frozen=True)
class Scorer:
    """The language model, with the parameters of the DeepSpeech tools."""

    order: int = setting(5, "longest word sequence counted", unit="words", minimum=2, maximum=6)
    top_k: int = setting(500000, "most frequent words kept", minimum=1)
    prune: tuple[int, ...] = setting(
        (0, 0, 1), "n-grams counted at most this often are dropped, by order", minimum=0
    )
    a_bits: int = setting(255, "pointer compression of build_binary", unit="bits", minimum=0, maximum=255)
    q_bits: int = setting(8, "quantisation of probabilities", unit="bits", minimum=2, maximum=16)
    structure: str = setting("trie", "data structure of build_binary", choices=("trie",))
    discount_fallback: bool = setting(True, "lets small lists of sentences through the discount estimation")
    look_ahead: bool = setting(
        False, "a word's probability counts the likeliest way to end the sentence, which the client leaves out"
    )
    alpha: float = setting(0.931289039105002, "weight of the language model", minimum=0, maximum=100)
    beta: float = setting(1.1834137581510284, "bonus for each word", minimum=-100, maximum=100)


@dataclass(frozen=True)
class Train:
    """The network and how it is trained."""

    network: str = setting(
        "deepspeech",
        "deepspeech: as in DeepSpeech 0.9; deepspeech-conv: convolutions over time and frequency come first",
        choices=("deepspeech", "deepspeech-conv"),
    )
    n_hidden: int = setting(134, "width of each layer", minimum=8, maximum=4096)
    epochs: int = setting(75, "most passes over the training data", minimum=1, maximum=10000)
    epoch_utterances: int = setting(
        500,
        "least utterances an epoch: fewer recordings come again, augmented anew each time",
        minimum=1,
        maximum=1_000_000,
    )
    heard_in: int = setting(
        4, "epochs that hear one augmented version of a clip before another is made", minimum=1, maximum=1000
    )
    batch_size: int = setting(16, "utterances a step", minimum=1, maximum=4096)
    learning_rate: float = setting(0.001, "highest learning rate", minimum=1e-8, maximum=1)
    warm_up: float = setting(
        0.1, "share of the epochs over which the rate rises to it", minimum=0, maximum=0.9
    )
    schedule: str = setting(
        "one-cycle",
        "plateau: falls when dev loss stalls; one-cycle: rises, then falls to nothing",
        choices=("plateau", "one-cycle"),
    )
    plateau_patience: int = setting(4, "epochs without a better dev loss before the rate falls", minimum=1)
    plateau_factor: float = setting(0.5, "the rate is multiplied by this", minimum=0.01, maximum=0.99)
    early_stop_patience: int = setting(
        20, "epochs without a better dev loss before training ends; 0: never", minimum=0
    )
    consistency: float = setting(
        0.0,
        "what it counts that two noises and masks make an utterance sound alike, for twice the time; 0: it has one",
        minimum=0,
        maximum=10,
    )
    intermediate: float = setting(
        0.0,
        "what it counts that the layers below the LSTM tell the labels already, from a moment of sound; 0: nothing",
        minimum=0,
        maximum=10,
    )
    bfloat16: bool = setting(
        False, "multiply in 16 bits while training, where the processor has instructions for it: quicker"
    )
    dropout: float = setting(
        0.15, "share of activations dropped after each dense layer", minimum=0, maximum=0.9
    )
    weight_decay: float = setting(0.0001, "AdamW's decay", minimum=0, maximum=1)
    gradient_norm: float = setting(5.0, "gradients are scaled down to this norm", minimum=0.001)
    normalise: bool = setting(
        True, "features to zero mean and unit variance; kept in the exported weights"
    )
    blank_bias: float = setting(
        0.0, "start of the blank's bias: leaves the all-blank plateau sooner", minimum=-20, maximum=20
    )
    curriculum: int = setting(2, "epochs that go from short to long utterances", minimum=0)
    synthetic_epochs: int = setting(4, "epochs on synthetic voices alone, before the recordings", minimum=0)
    synthetic_utterances: int = setting(1000, "utterances of one such epoch, new ones each time", minimum=1)
    synthetic_share: float = setting(
        1.0,
        "synthetic utterances beside the recordings, as a multiple of them; falls to synthetic_last of it",
        minimum=0,
        maximum=100,
    )
    synthetic_last: float = setting(
        0.25, "what is left of that share in the last epoch", minimum=0, maximum=1
    )
    average: int = setting(5, "checkpoints averaged into the result; 1: none", minimum=1, maximum=50)
    choose_by: str = setting(
        "wer",
        "the best checkpoint: wer: dev word errors through the decoder, clean and in noise; loss: dev loss",
        choices=("wer", "loss"),
    )
    start_from: str = setting(
        "", "weights to start from: english (synthetic voices taught them), a .pb, a .pbmm or a run's name; empty: none"
    )
    freeze: tuple[str, ...] = setting((), "layers of those weights that stay as they are, such as layer_1 or lstm")
    drop_layers: int = setting(0, "last layers of those weights that start anew", minimum=0, maximum=6)
    engine: str = setting(
        "asr",
        "who trains: asr: this project; mozilla-venv, mozilla: DeepSpeech's own trainer, installed here or in Docker",
        choices=ENGINES,
    )
    mozilla_source: str = setting(
        "", "folder of DeepSpeech's sources, v0.9.3, for mozilla-venv; empty: its fork coqui-stt-training"
    )
    seed: int = setting(1, "seed of weights, order and augmentation", minimum=0, maximum=MOST_SEED)


@dataclass(frozen=True)
class Evaluate:
    """How the result is judged."""

    beam_width: int = setting(500, "beams of the client's decoder", minimum=1, maximum=10000)
    noise: bool = setting(True, "also measure in noise")
    noise_folder: str = setting(
        "test_noise",
        "sounds for that, never trained on; where there are none, a kind of noise kept out of training",
    )
    noise_levels: tuple[float, ...] = setting(
        (24.0, 21.0, 18.0, 15.0, 12.0, 9.0, 6.0), "speech above noise", unit="dB", minimum=-20, maximum=60
    )
    noise_draws: int = setting(
        1, "pieces of noise that each clip meets at each level: one alone is worth a few points", minimum=1, maximum=100
    )
    seed: int = setting(1, "seed of the noise and the bootstrap", minimum=0, maximum=MOST_SEED)
