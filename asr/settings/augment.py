"""The section [augment] of asr.toml: how often each effect is applied, and how strongly."""

from __future__ import annotations

from dataclasses import dataclass

from asr.settings.declaration import Product, setting

KINDS = (
    "white",
    "pink",
    "brown",
    "hum",
    "fan",
    "motor",
    "water",
    "crackle",
    "clatter",
    "music",
    "beeps",
    "shifting",
    "texture",
    "babble",
)

# Keyword clips take the other effects from section [keyword].
WEIGHTS, BOTH = Product.WEIGHTS, Product.WEIGHTS | Product.KEYWORD_FEATURES


def _probability(default: float, affects: Product, what: str) -> float:
    probability: float = setting(default, affects, f"share of utterances {what}", minimum=0, maximum=1)
    return probability


@dataclass(frozen=True)
class Augment:
    """Variations of each training clip: noise, rooms, microphones, voices. Ranges are [least, most]."""

    enabled: bool = setting(True, BOTH, "false: train on the clips as they are")

    speed_probability: float = _probability(0.5, BOTH, "at another speed, which changes the pitch too")
    speed: tuple[float, ...] = setting((0.88, 1.14), BOTH, "speed", unit="times the original", minimum=0.5, maximum=2)
    tempo_probability: float = _probability(0.2, WEIGHTS, "at another tempo and the same pitch")
    tempo: tuple[float, ...] = setting((0.85, 1.2), WEIGHTS, "tempo", unit="times the original", minimum=0.5, maximum=2)
    pitch_probability: float = _probability(0.2, BOTH, "at another pitch and the same formants")
    pitch: tuple[float, ...] = setting((-4.0, 4.0), BOTH, "pitch shift", unit="semitones", minimum=-12, maximum=12)
    vocal_tract_probability: float = _probability(0.5, BOTH, "with another length of the vocal tract (formants)")
    vocal_tract: tuple[float, ...] = setting(
        (0.85, 1.18), BOTH, "formant frequencies", unit="times the original", minimum=0.5, maximum=2
    )

    gate_probability: float = _probability(0.4, BOTH, "through a noise gate that lowers the recording's own noise")
    gate_below: tuple[float, ...] = setting(
        (12.0, 25.0), BOTH, "threshold of the gate below active speech", unit="dB", minimum=3, maximum=60
    )
    gate_depth: tuple[float, ...] = setting(
        (8.0, 35.0), BOTH, "attenuation of the gate", unit="dB", minimum=0, maximum=60
    )

    endpoint_probability: float = _probability(0.0, WEIGHTS, "cut at both ends by a level-based endpointer")
    endpoint_below: tuple[float, ...] = setting(
        (8.0, 35.0), BOTH, "threshold of the endpointer below the loudest sound", unit="dB", minimum=3, maximum=60
    )
    crop_probability: float = _probability(0.0, WEIGHTS, "cropped at the start, as many at the end")
    silence_probability: float = _probability(0.5, WEIGHTS, "padded with room tone at the start, as many at the end")
    silence: tuple[float, ...] = setting(
        (0.0, 1.0), BOTH, "room tone per side; short ones are more likely", unit="s", minimum=0, maximum=10
    )

    room_probability: float = _probability(0.15, BOTH, "in a simulated room")
    reverberation: tuple[float, ...] = setting(
        (0.15, 0.8), BOTH, "reverberation time (RT60)", unit="s", minimum=0.05, maximum=3
    )
    distance: tuple[float, ...] = setting(
        (0.2, 3.0), BOTH, "distance from mouth to microphone", unit="m", minimum=0.05, maximum=10
    )
    rooms: int = setting(96, BOTH, "simulated rooms to choose from", unit="rooms", minimum=1, maximum=2000)

    noise_probability: float = _probability(0.4, WEIGHTS, "with noise")
    noise_above: tuple[float, ...] = setting(
        (5.0, 35.0), WEIGHTS, "active speech above noise", unit="dB", minimum=-20, maximum=60
    )
    noise_folders: tuple[str, ...] = setting(
        ("background_noise", "problem_noise", "music"), BOTH, "recorded noise to train with; skipped where missing"
    )
    noise_recorded: float = setting(0.6, BOTH, "share of recorded noise, where there is any", minimum=0, maximum=1)
    noise_kinds: tuple[str, ...] = setting(
        tuple(kind for kind in KINDS if kind != "texture"),
        WEIGHTS,
        "kinds of generated noise, up to three at once; name one twice to double its share",
        choices=KINDS,
    )

    equaliser_probability: float = _probability(0.6, BOTH, "through a microphone with another frequency response")
    tilt: tuple[float, ...] = setting((-3.0, 3.0), BOTH, "slope of it", unit="dB/octave", minimum=-12, maximum=12)
    peaks: tuple[float, ...] = setting(
        (-9.0, 9.0), BOTH, "height of up to three resonances", unit="dB", minimum=-30, maximum=30
    )
    telephone_probability: float = _probability(0.03, BOTH, "limited to telephone bandwidth (300 to 3400 Hz)")
    cheap_microphone_probability: float = _probability(0.08, BOTH, "through a microphone without lows and highs")
    low_cut: tuple[float, ...] = setting((60.0, 350.0), BOTH, "its lower cutoff", unit="Hz", minimum=10, maximum=2000)
    high_cut: tuple[float, ...] = setting(
        (3200.0, 7500.0), BOTH, "its upper cutoff", unit="Hz", minimum=1000, maximum=8000
    )
    hiss_probability: float = _probability(0.7, BOTH, "with steady recorder hiss")
    hiss_above: tuple[float, ...] = setting(
        (28.0, 65.0), BOTH, "active speech above the hiss", unit="dB", minimum=0, maximum=90
    )
    clipping_probability: float = _probability(0.02, BOTH, "clipped")
    clipping: tuple[float, ...] = setting((1.0, 9.0), BOTH, "peaks above the limit", unit="dB", minimum=0, maximum=40)
    codec_probability: float = _probability(0.04, BOTH, "through an 8 kHz mu-law codec (G.711)")
    gain_probability: float = _probability(0.9, BOTH, "at another level")
    gain: tuple[float, ...] = setting(
        (-24.0, 12.0), BOTH, "change of level, never above full scale", unit="dB", minimum=-60, maximum=40
    )

    time_masks: int = setting(2, WEIGHTS, "time masks per utterance (SpecAugment)", unit="masks", minimum=0, maximum=20)
    # A longer one hides all that tells "on" from "off", and the network learns to guess (docs/recipe.md).
    time_mask_longest: float = setting(0.06, WEIGHTS, "longest time mask", unit="s", minimum=0.02, maximum=2)
    time_mask_share: float = setting(
        0.12, WEIGHTS, "largest share of an utterance masked in time", minimum=0, maximum=0.5
    )
    frequency_masks: int = setting(1, WEIGHTS, "frequency masks per utterance", unit="masks", minimum=0, maximum=20)
    frequency_mask_widest: int = setting(
        6, WEIGHTS, "widest frequency mask", unit="of 40 mel bands", minimum=1, maximum=30
    )
