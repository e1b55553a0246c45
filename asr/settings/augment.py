"""The section [augment] of asr.toml: how often each effect is applied, and how strongly."""

from __future__ import annotations

from dataclasses import dataclass

from asr.settings.declaration import Product, Range, setting

KINDS = (
    "white", "pink", "brown", "hum", "fan", "motor", "water", "crackle", "clatter", "music", "beeps", "shifting",
    "texture", "babble",
)  # fmt: skip

# Keyword clips take the other effects from section [keyword].
WEIGHTS, BOTH = Product.WEIGHTS, Product.WEIGHTS | Product.KEYWORD_FEATURES


def _probability(default: float, affects: Product, what: str) -> float:
    probability: float = setting(default, affects, f"share of utterances {what}", (0, 1))
    return probability


@dataclass(frozen=True)
class Augment:
    """Variations of each training clip: noise, rooms, microphones, voices. Ranges are [least, most]."""

    enabled: bool = setting(True, BOTH, "false: train on the clips as they are")

    speed_probability: float = _probability(0.5, BOTH, "at another speed, which changes the pitch too")
    speed: Range = setting((0.88, 1.14), BOTH, "speed", (0.5, 2), "times the original")
    tempo_probability: float = _probability(0.2, WEIGHTS, "at another tempo and the same pitch")
    tempo: Range = setting((0.85, 1.2), WEIGHTS, "tempo", (0.5, 2), "times the original")
    pitch_probability: float = _probability(0.2, BOTH, "at another pitch and the same formants")
    pitch: Range = setting((-4.0, 4.0), BOTH, "pitch shift", (-12, 12), "semitones")
    vocal_tract_probability: float = _probability(0.5, BOTH, "with another length of the vocal tract (formants)")
    vocal_tract: Range = setting((0.85, 1.18), BOTH, "formant frequencies", (0.5, 2), "times the original")

    gate_probability: float = _probability(0.4, BOTH, "through a noise gate that lowers the recording's own noise")
    gate_below: Range = setting((12.0, 25.0), BOTH, "threshold of the gate below active speech", (3, 60), "dB")
    gate_depth: Range = setting((8.0, 35.0), BOTH, "attenuation of the gate", (0, 60), "dB")

    endpoint_probability: float = _probability(0.0, WEIGHTS, "cut at both ends by a level-based endpointer")
    endpoint_below: Range = setting(
        (8.0, 35.0), BOTH, "threshold of the endpointer below the loudest sound", (3, 60), "dB"
    )
    crop_probability: float = _probability(0.0, WEIGHTS, "cropped at the start, as many at the end")
    silence_probability: float = _probability(0.5, WEIGHTS, "padded with room tone at the start, as many at the end")
    silence: Range = setting((0.0, 1.0), BOTH, "room tone per side; short ones are more likely", (0, 10), "s")

    room_probability: float = _probability(0.15, BOTH, "in a simulated room")
    reverberation: Range = setting((0.15, 0.8), BOTH, "reverberation time (RT60)", (0.05, 3), "s")
    distance: Range = setting((0.2, 3.0), BOTH, "distance from mouth to microphone", (0.05, 10), "m")
    rooms: int = setting(96, BOTH, "simulated rooms to choose from", (1, 2000), "rooms")

    noise_probability: float = _probability(0.4, WEIGHTS, "with noise")
    noise_above: Range = setting((5.0, 35.0), WEIGHTS, "active speech above noise", (-20, 60), "dB")
    noise_folders: tuple[str, ...] = setting(
        ("background_noise", "problem_noise", "music"), BOTH, "recorded noise to train with; skipped where missing"
    )
    noise_recorded: float = setting(0.6, BOTH, "share of recorded noise, where there is any", (0, 1))
    noise_kinds: tuple[str, ...] = setting(
        tuple(kind for kind in KINDS if kind != "texture"),
        WEIGHTS,
        "kinds of generated noise, up to three at once; name one twice to double its share",
        choices=KINDS,
    )

    equaliser_probability: float = _probability(0.6, BOTH, "through a microphone with another frequency response")
    tilt: Range = setting((-3.0, 3.0), BOTH, "slope of it", (-12, 12), "dB/octave")
    peaks: Range = setting((-9.0, 9.0), BOTH, "height of up to three resonances", (-30, 30), "dB")
    telephone_probability: float = _probability(0.03, BOTH, "limited to telephone bandwidth (300 to 3400 Hz)")
    cheap_microphone_probability: float = _probability(0.08, BOTH, "through a microphone without lows and highs")
    low_cut: Range = setting((60.0, 350.0), BOTH, "its lower cutoff", (10, 2000), "Hz")
    high_cut: Range = setting((3200.0, 7500.0), BOTH, "its upper cutoff", (1000, 8000), "Hz")
    hiss_probability: float = _probability(0.7, BOTH, "with steady recorder hiss")
    hiss_above: Range = setting((28.0, 65.0), BOTH, "active speech above the hiss", (0, 90), "dB")
    clipping_probability: float = _probability(0.02, BOTH, "clipped")
    clipping: Range = setting((1.0, 9.0), BOTH, "peaks above the limit", (0, 40), "dB")
    codec_probability: float = _probability(0.04, BOTH, "through an 8 kHz mu-law codec (G.711)")
    gain_probability: float = _probability(0.9, BOTH, "at another level")
    gain: Range = setting((-24.0, 12.0), BOTH, "change of level, never above full scale", (-60, 40), "dB")

    time_masks: int = setting(2, WEIGHTS, "time masks per utterance (SpecAugment)", (0, 20), "masks")
    # A longer one hides all that tells "on" from "off", and the network learns to guess (docs/recipe.md).
    time_mask_longest: float = setting(0.06, WEIGHTS, "longest time mask", (0.02, 2), "s")
    time_mask_share: float = setting(0.12, WEIGHTS, "largest share of an utterance masked in time", (0, 0.5))
    frequency_masks: int = setting(1, WEIGHTS, "frequency masks per utterance", (0, 20), "masks")
    frequency_mask_widest: int = setting(6, WEIGHTS, "widest frequency mask", (1, 30), "of 40 mel bands")
