"""Presets: named sets of values for workspaces of a kind. docs/recipe.md tells where the values come from."""

from __future__ import annotations

from asr.settings.augment import KINDS
from asr.settings.sections import AUTO
from asr.settings.values import Settings, Tables, with_values

MANY_WORDS = 30  # more different words than this make sentences

# What the pretrained weights know needs less training, a lower rate and no curriculum.
_PRETRAINED = {
    "network": "deepspeech-conv", "n_hidden": 320, "start_from": "english", "learning_rate": 0.0006, "curriculum": 0,
}  # fmt: skip

PRESETS: dict[str, Tables] = {
    "sentences": {
        "voices": {"flite_share": 0.5},
        # A list of whole sentences tells more about the next word than the English that the defaults were tuned on.
        "scorer": {"alpha": 2.5, "beta": 1.0},
        "train": {
            **_PRETRAINED,
            "epochs": 76, "heard_in": 2, "warm_up": 0.08, "batch_size": 8, "synthetic_epochs": 2,
            "synthetic_utterances": 1400, "synthetic_share": 1.2, "consistency": 0.2, "intermediate": 0.3,
            "bfloat16": True,
        },
        # Weaker effects than for single words give a lower dev loss, except noise and masks, which the consistency
        # loss makes use of.
        "augment": {
            "speed": (0.9, 1.12), "tempo_probability": 0.1, "pitch_probability": 0.1, "vocal_tract": (0.88, 1.14),
            "gate_probability": 0.1, "crop_probability": 0.5, "silence_probability": 0.3, "silence": (0.0, 2.0),
            "room_probability": 0.05, "noise_probability": 0.65, "noise_above": (2.0, 30.0),
            # Textures in three scenes of ten, for noise of kinds that nobody listed.
            "noise_kinds": (*(kind for kind in KINDS if kind != "babble"), "texture", "texture", "babble"),
            "telephone_probability": 0.0, "cheap_microphone_probability": 0.02, "hiss_probability": 0.5,
            "clipping_probability": 0.0, "codec_probability": 0.0, "time_masks": 4, "time_mask_longest": 0.1,
            "time_mask_share": 0.1, "frequency_masks": 2,
        },
    },
    "words": {
        "voices": {"flite_share": 0.5},
        "train": {**_PRETRAINED, "epochs": 24, "synthetic_epochs": 0, "synthetic_last": 0.7},
        "augment": {"endpoint_probability": 0.5},
    },
    "small": {
        "voices": {"speakers": 800, "utterances": 1000},
        "train": {**_PRETRAINED, "epochs": 6, "heard_in": 1, "other_speech": 0.3},
        "augment": {
            "silence_probability": 0.15, "silence": (0.0, 1.5), "noise_probability": 0.5,
            "noise_kinds": (*(kind for kind in KINDS if kind != "texture"), "texture"), "gain": (-18.0, 9.0),
        },
    },
}  # fmt: skip


def preset_for(words: int) -> str:
    """Return the preset of a workspace whose sentences have this many different words."""
    return "sentences" if words > MANY_WORDS else "words"


def combine(given: Tables, preset: str) -> Settings:
    """Return the effective values: defaults, overridden by the preset, overridden by the file.

    Parameters
    ----------
    given : the keys that the file sets.
    preset : a name in PRESETS, or "auto" for none.
    """
    settings = Settings() if preset == AUTO else with_values(Settings(), **PRESETS[preset])
    return with_values(with_values(settings, **given), train={"preset": preset})


def source_of(section: str, key: str, given: Tables, preset: str) -> str:
    """Return where a key's effective value comes from: "file", "preset NAME", "default" or, for train.preset itself,
    "number of words"."""
    if (section, key) == ("train", "preset") and given.get("train", {}).get("preset", AUTO) == AUTO:
        return "number of words" if preset in PRESETS else "default"
    if key in given.get(section, {}):
        return "file"
    return f"preset {preset}" if key in PRESETS.get(preset, {}).get(section, {}) else "default"
