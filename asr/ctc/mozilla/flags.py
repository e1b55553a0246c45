"""asr.toml in the words of DeepSpeech's trainer: its flags, and what of ours it has no word for.

The trainer of release 0.9.3 and its fork coqui-stt-training 1.4.0 take the same flags but for booleans: the
original (absl) wants `--early_stop` or `--noearly_stop` and reads `--early_stop False` as true with a stray word
behind it, the fork (coqpit) wants `--early_stop true` or `false`.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from asr.core.errors import WorkspaceError
from asr.ctc import weights
from asr.settings.values import Settings


@dataclass(frozen=True)
class Files:
    """What the trainer reads and writes.

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
    """Return the flags that train and export as asr.toml says, as far as the trainer can.

    Parameters
    ----------
    fork : for coqui-stt-training; otherwise for DeepSpeech.py.
    epochs : how many of them; None: as many as asr.toml says. With 0 it only exports what was trained.
    """
    train, judged = settings.train, settings.evaluate
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
        "beam_width": judged.beam_width,
        "checkpoint_dir": files.checkpoints,
        "summary_dir": files.summaries,
        "export_dir": files.export,
        "export_language": settings.alphabet.language,
        "export_beam_width": judged.beam_width,
        "export_tflite": False,
        "remove_export": False,
        # Its bar is drawn for a terminal; without it the trainer writes a line an epoch, which can be read.
        "show_progressbar": False,
        "log_level": 1,
    }
    if fork:
        # Its rehearsal for batches that are too big reports epochs that are none.
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
    """Refuse what the trainer cannot do at all.

    Raises
    ------
    WorkspaceError : weights to start from.
    """
    train = settings.train
    if train.start_from and train.start_from not in weights.names():
        raise WorkspaceError(
            "train.start_from is set, and Mozilla's trainer starts from nothing but its own checkpoints",
            path=toml,
            fix="Leave it empty, or train with the engine asr",
        )


def remarks(settings: Settings) -> list[str]:
    """Return what every report of such a run has to say: which settings it was trained without."""
    missing = ["weight_decay", "gradient_norm", "normalise", "curriculum", "average", "choose_by"]
    if settings.train.network != "deepspeech":
        missing.insert(0, f'network "{settings.train.network}" (this is "deepspeech")')
    if settings.train.start_from:
        missing.insert(0, f'weights "{settings.train.start_from}" to start from')
    if settings.train.schedule != "plateau":
        missing.insert(0, "schedule (the rate stays as it is)")
    if settings.train.consistency:
        missing.append("consistency")
    if settings.augment.enabled:
        missing.append("[augment]")
    if settings.voices.use == "mix":
        missing.append("voices beside recordings")
    return [f"trained by Mozilla's trainer, which has no {', '.join(missing)}"]
