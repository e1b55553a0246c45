"""asr.toml as flags of DeepSpeech's trainer, and the settings that have no flag.

The trainer of release 0.9.3 and its fork coqui-stt-training 1.4.0 take the same flags but for booleans: the
original (absl) takes `--early_stop` or `--noearly_stop` and reads `--early_stop False` as true and a stray argument,
the fork (coqpit) takes `--early_stop true` or `false`.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from asr.core.errors import WorkspaceError
from asr.ctc import weights
from asr.settings.values import Settings


@dataclass(frozen=True)
class Files:
    """The files that the trainer reads and writes.

    Attributes
    ----------
    train, dev : DeepSpeech manifests.
    alphabet : one label a line.
    scorer : kenlm.scorer.
    checkpoints, export, summaries : folders for its checkpoints, its output_graph.pb and TensorBoard's files.
    """

    train: Path
    dev: Path
    alphabet: Path
    scorer: Path
    checkpoints: Path
    export: Path
    summaries: Path


def flags(settings: Settings, files: Files, *, fork: bool, epochs: int | None = None) -> list[str]:
    """Return the flags that train and export with the settings of asr.toml, as far as the trainer has them.

    Parameters
    ----------
    fork : for coqui-stt-training; otherwise for DeepSpeech.py.
    epochs : number of epochs; None: that of asr.toml; 0: export only.
    """
    train, evaluate = settings.train, settings.evaluate
    count = train.epochs if epochs is None else epochs
    plateau = train.schedule == "plateau"
    values: dict[str, object] = {
        "train_files": files.train if count else "",
        "dev_files": files.dev if count else "",
        "epochs": count,
        "train_batch_size": train.batch_size,
        "dev_batch_size": train.batch_size,
        "n_hidden": train.n_hidden,
        "learning_rate": train.learning_rate,
        "dropout_rate": train.dropout,
        "random_seed": train.seed,
        "early_stop": train.early_stop_patience > 0,
        "es_epochs": train.early_stop_patience or 1,
        "reduce_lr_on_plateau": plateau,
        "plateau_epochs": train.plateau_patience,
        "plateau_reduction": train.plateau_factor,
        "alphabet_config_path": files.alphabet,
        "scorer_path": files.scorer,
        "lm_alpha": settings.scorer.alpha,
        "lm_beta": settings.scorer.beta,
        "beam_width": evaluate.beam_width,
        "checkpoint_dir": files.checkpoints,
        "summary_dir": files.summaries,
        "export_dir": files.export,
        "export_language": settings.alphabet.language,
        "export_beam_width": evaluate.beam_width,
        "export_tflite": False,
        "remove_export": False,
        # Without its progress bar the trainer writes one line an epoch.
        "show_progressbar": False,
        "log_level": 1,
    }
    if fork:
        # Its test of the batch size reports epochs of its own.
        values["skip_batch_test"] = True
    found: list[str] = []
    for name, value in values.items():
        if value == "":
            continue
        if not isinstance(value, bool):
            found += [f"--{name}", str(value)]
        elif fork:
            found += [f"--{name}", "true" if value else "false"]
        else:
            found.append(f"--{name}" if value else f"--no{name}")
    return found


def check(settings: Settings, toml: Path) -> None:
    """Raise WorkspaceError where the settings ask for pretrained weights, which this trainer cannot use."""
    train = settings.train
    if train.start_from and train.start_from not in weights.names():
        raise WorkspaceError(
            "train.start_from is set, and Mozilla's trainer starts from its own checkpoints only",
            path=toml,
            fix="Leave it empty, or train with the engine asr",
        )


def remarks(settings: Settings) -> list[str]:
    """Return the remarks of a run's report: the settings that this trainer ignores."""
    missing = ["weight_decay", "gradient_norm", "normalise", "curriculum", "average", "choose_by"]
    if settings.train.network != "deepspeech":
        missing.insert(0, f'network "{settings.train.network}" (this is "deepspeech")')
    if settings.train.start_from:
        missing.insert(0, f'pretrained weights "{settings.train.start_from}"')
    if settings.train.schedule != "plateau":
        missing.insert(0, "schedule (the learning rate is constant)")
    if settings.train.consistency:
        missing.append("consistency")
    if settings.augment.enabled:
        missing.append("[augment]")
    if settings.voices.use == "mix":
        missing.append("synthetic voices beside recordings")
    return [f"trained by Mozilla's trainer, which has no {', '.join(missing)}"]
