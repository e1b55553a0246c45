"""The section [augment] of asr.toml: how often each effect is applied, and how strongly."""

from __future__ import annotations

from dataclasses import dataclass

from asr.settings.section import setting

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


def _probability(default: float, what: str) -> float:
    probability: float = setting(default, f"share of the utterances {what}", minimum=0, maximum=1)
    return probability


@dataclass(frozen=True)
class Augment:
    """What training does to a clip so that one recording stands for many. Ranges are [least, most]."""

    enabled: bool = setting(True, "false: train on the clips as they are")

    speed_probability: float = _probability(0.5, "played faster or slower, pitch and all")
    speed: tuple[float, ...] = setting((0.88, 1.14), "times the original", minimum=0.5, maximum=2)
    tempo_probability: float = _probability(0.2, "spoken faster or slower at the same pitch")
    tempo: tuple[float, ...] = setting((0.85, 1.2), "times the original", minimum=0.5, maximum=2)
    pitch_probability: float = _probability(0.2, "with a higher or lower voice and the same vowels")
    pitch: tuple[float, ...] = setting(
        (-4.0, 4.0), "shift of the pitch", unit="semitones", minimum=-12, maximum=12
    )
    vocal_tract_probability: float = _probability(
        0.5, "from a larger or smaller speaker: formants move, pitch stays"
    )
    vocal_tract: tuple[float, ...] = setting(
        (0.85, 1.18), "times the formants' frequencies", minimum=0.5, maximum=2
    )

    gate_probability: float = _probability(0.4, "with the recording's own noise between sounds taken down")
    gate_below: tuple[float, ...] = setting(
        (12.0, 25.0), "active speech above what is taken down", unit="dB", minimum=3, maximum=60
    )
    gate_depth: tuple[float, ...] = setting((8.0, 35.0), "how far down", unit="dB", minimum=0, maximum=60)

    endpoint_probability: float = _probability(0.0, "cut at both ends by a recorder that starts and stops by level")
    endpoint_below: tuple[float, ...] = setting(
        (8.0, 35.0),
        "loudest sound above what it takes for silence, soft consonants too",
        unit="dB",
        minimum=3,
        maximum=60,
    )
    crop_probability: float = _probability(0.0, "that begin closer to the speech, and the same share that end so")
    silence_probability: float = _probability(0.5, "with room tone added before, and the same share after")
    silence: tuple[float, ...] = setting(
        (0.0, 1.0), "of it on a side; short ones are likelier", unit="s", minimum=0, maximum=10
    )

    room_probability: float = _probability(0.15, "heard in a simulated room")
    reverberation: tuple[float, ...] = setting(
        (0.15, 0.8), "time to fall by 60 dB", unit="s", minimum=0.05, maximum=3
    )
    distance: tuple[float, ...] = setting(
        (0.2, 3.0), "from mouth to microphone", unit="m", minimum=0.05, maximum=10
    )
    rooms: int = setting(96, "simulated rooms to choose from", minimum=1, maximum=2000)

    noise_probability: float = _probability(0.4, "with noise")
    noise_above: tuple[float, ...] = setting(
        (5.0, 35.0), "active speech above the noise", unit="dB", minimum=-20, maximum=60
    )
    noise_folders: tuple[str, ...] = setting(
        ("background_noise", "problem_noise", "music"),
        "folders of recorded noise, any sound format; missing ones are left out",
    )
    noise_recorded: float = setting(
        0.6, "share of the noise taken from those folders, where they hold any", minimum=0, maximum=1
    )
    noise_kinds: tuple[str, ...] = setting(
        # Textures came later: as a default they would change what older workspaces mean.
        tuple(kind for kind in KINDS if kind != "texture"),
        "kinds of noise made here, up to three at once; one named twice is twice as likely", choices=KINDS
    )

    equaliser_probability: float = _probability(0.6, "through a microphone that colours the sound")
    tilt: tuple[float, ...] = setting(
        (-3.0, 3.0), "slope of its response", unit="dB/octave", minimum=-12, maximum=12
    )
    peaks: tuple[float, ...] = setting(
        (-9.0, 9.0), "height of up to three resonances", unit="dB", minimum=-30, maximum=30
    )
    telephone_probability: float = _probability(0.03, "limited to a telephone's 300 to 3400 Hz")
    cheap_microphone_probability: float = _probability(0.08, "through a microphone that drops lows and highs")
    low_cut: tuple[float, ...] = setting(
        (60.0, 350.0), "where its lows end", unit="Hz", minimum=10, maximum=2000
    )
    high_cut: tuple[float, ...] = setting(
        (3200.0, 7500.0), "where its highs end", unit="Hz", minimum=1000, maximum=8000
    )
    hiss_probability: float = _probability(0.7, "with a recorder's own steady hiss")
    hiss_above: tuple[float, ...] = setting(
        (28.0, 65.0), "active speech above the hiss", unit="dB", minimum=0, maximum=90
    )
    clipping_probability: float = _probability(0.02, "overdriven")
    clipping: tuple[float, ...] = setting(
        (1.0, 9.0), "peaks above the limit", unit="dB", minimum=0, maximum=40
    )
    codec_probability: float = _probability(0.04, "sent through an 8 kHz mu-law line (G.711)")
    gain_probability: float = _probability(0.9, "at another level")
    gain: tuple[float, ...] = setting(
        (-24.0, 12.0), "change of level; full scale is never passed", unit="dB", minimum=-60, maximum=40
    )

    time_masks: int = setting(2, "stretches of features hidden from the network", minimum=0, maximum=20)
    # A longer one hides all that tells "on" from "off", and the network learns to guess (docs/recipe.md).
    time_mask_longest: float = setting(0.06, "longest of them", unit="s", minimum=0.02, maximum=2)
    time_mask_share: float = setting(
        0.12, "most of an utterance that they hide together", minimum=0, maximum=0.5
    )
    frequency_masks: int = setting(1, "bands of frequency hidden", minimum=0, maximum=20)
    frequency_mask_widest: int = setting(6, "widest of them", unit="mel bands of 40", minimum=1, maximum=30)
