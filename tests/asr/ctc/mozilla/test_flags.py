"""asr.toml in the trainer's words; that it understands them is shown where it runs (test_engine.py)."""

from __future__ import annotations

from pathlib import Path

import pytest

from asr.core.errors import WorkspaceError
from asr.ctc.mozilla.flags import Files, check, flags, remarks
from asr.settings.values import Settings, with_values

FOLDER = Path("/lamp/build")
FILES = Files(
    FOLDER / "train/train.csv", FOLDER / "dev/dev.csv", FOLDER / "alphabet.txt", FOLDER / "export/kenlm.scorer",
    FOLDER / "checkpoints/1", FOLDER / "checkpoints/1/export", FOLDER / "logs/1",
)  # fmt: skip
BOOLEANS = {"early_stop", "reduce_lr_on_plateau", "export_tflite", "remove_export", "show_progressbar"}


def pairs(words: list[str]) -> dict[str, str]:
    return dict(zip((word.removeprefix("--") for word in words[::2]), words[1::2], strict=True))


def test_each_parameter_is_said_once() -> None:
    settings = with_values(
        Settings(),
        train={"n_hidden": 99, "epochs": 7, "batch_size": 3, "learning_rate": 0.002, "dropout": 0.25, "seed": 11,
               "schedule": "plateau", "plateau_patience": 5, "plateau_factor": 0.3, "early_stop_patience": 9},
        scorer={"alpha": 0.5, "beta": 1.5},
        evaluate={"beam_width": 77},
        alphabet={"language": "de"},
    )  # fmt: skip
    found = pairs(flags(settings, FILES, fork=True))
    expected = {
        "train_files": "/lamp/build/train/train.csv", "dev_files": "/lamp/build/dev/dev.csv", "epochs": "7",
        "train_batch_size": "3", "dev_batch_size": "3", "n_hidden": "99", "learning_rate": "0.002",
        "dropout_rate": "0.25", "random_seed": "11", "early_stop": "true", "es_epochs": "9",
        "reduce_lr_on_plateau": "true", "plateau_epochs": "5", "plateau_reduction": "0.3",
        "alphabet_config_path": "/lamp/build/alphabet.txt", "scorer_path": "/lamp/build/export/kenlm.scorer",
        "lm_alpha": "0.5", "lm_beta": "1.5", "beam_width": "77", "export_beam_width": "77", "export_language": "de",
        "checkpoint_dir": "/lamp/build/checkpoints/1", "export_dir": "/lamp/build/checkpoints/1/export",
        "summary_dir": "/lamp/build/logs/1", "export_tflite": "false",
    }  # fmt: skip
    assert expected.items() <= found.items()
    # `--train_cudnn false` would turn it on in the original; the test split is judged by the client.
    assert not {"train_cudnn", "load_cudnn", "test_files"} & found.keys()


@pytest.mark.parametrize(("patience", "word"), [(0, "--noearly_stop"), (4, "--early_stop")])
def test_the_original_takes_booleans_as_absl_does(patience: int, word: str) -> None:
    words = flags(with_values(Settings(), train={"early_stop_patience": patience}), FILES, fork=False)
    assert word in words
    assert not {"true", "false", "True", "False"} & set(words)
    said = {found.removeprefix("--").removeprefix("no") for found in words if found.startswith("--")}
    assert said >= BOOLEANS
    # Only the fork has a rehearsal to leave out, and absl refuses what it does not know.
    assert "skip_batch_test" not in said
    # absl itself, with the kinds that the original declares, leaves no stray word and reads what was meant.
    from absl import flags as absl_flags

    declared = absl_flags.FlagValues()
    for name in said:
        define = absl_flags.DEFINE_boolean if name in BOOLEANS else absl_flags.DEFINE_string
        define(name, None, "", flag_values=declared)
    assert declared(["DeepSpeech.py", *words]) == ["DeepSpeech.py"]
    assert declared["early_stop"].value is (patience > 0)
    assert declared["export_tflite"].value is declared["show_progressbar"].value is False


def test_when_all_epochs_are_done_it_only_exports() -> None:
    found = pairs(flags(Settings(), FILES, fork=True, epochs=0))
    assert "train_files" not in found and "dev_files" not in found
    assert found["export_dir"] == "/lamp/build/checkpoints/1/export"


def test_what_it_cannot_do_is_said(tmp_path: Path) -> None:
    check(Settings(), tmp_path)
    with pytest.raises(WorkspaceError, match=r"train\.start_from is set"):
        check(with_values(Settings(), train={"start_from": "last"}), tmp_path)
    (said,) = remarks(Settings())
    assert "[augment]" in said and "schedule" in said
    assert "network" not in said
    (said,) = remarks(with_values(Settings(), train={"network": "deepspeech-conv"}))
    assert 'network "deepspeech-conv" (this is "deepspeech")' in said
    plain = {"schedule": "plateau", "network": "deepspeech"}
    (said,) = remarks(with_values(Settings(), train=plain, augment={"enabled": False}))
    assert not any(word in said for word in ("[augment]", "schedule", "network"))
