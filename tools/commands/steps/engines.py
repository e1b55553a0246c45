"""The trainers, this project's and Mozilla's, behind one interface."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from asr.core import third_party
from asr.core.errors import SetupError
from asr.core.progress import say
from asr.ctc import weights
from asr.ctc.mozilla import flags
from asr.ctc.mozilla.output import Reader
from asr.ctc.mozilla.process import watch
from asr.settings.workspace import Workspace
from tools.commands.steps.lineage import is_mozillas, mozillas_graph

if TYPE_CHECKING:
    from asr.runs.record import Run
    from datasets.corpus import Dataset

IMAGE = "asr-harness-train:0.9.3"  # what `make docker-train-image` makes
FORK = "coqui-stt-training 1.4.0"
ORIGINAL = "DeepSpeech 0.9.3"


class Engine(Protocol):
    """Trains a run.

    Attributes
    ----------
    parent : name of the pretrained weights; None: none.
    remarks : warnings for every report of the run.
    versions : of other programs that take part in the training.
    """

    parent: str | None
    remarks: Sequence[str]
    versions: Mapping[str, str]

    def train(self, run: Run) -> str:
        """Train to the end, leave the result in the run's folder, and describe the chosen weights."""

    def losses(self) -> dict[str, float] | None:
        """Return the loss of each test clip, nats, by its name; None if it was not computed."""


def engine_of(ws: Workspace, dataset: Dataset, stopped: Run | None = None) -> Engine:
    """Return the trainer that train.engine names; SetupError if it is not installed.

    Parameters
    ----------
    stopped : the run to resume; None: a new one.
    """
    return Mozillas(ws) if is_mozillas(ws.settings) else Ours(ws, dataset, stopped)


class Ours:
    """This project's trainer."""

    def __init__(self, ws: Workspace, dataset: Dataset, stopped: Run | None = None) -> None:
        from asr.core.stderr import load_tensorflow

        load_tensorflow()
        from tools.commands.steps.training import make_plan

        self._ws, self._dataset = ws, dataset
        self._plan, self.parent = make_plan(ws, dataset, stopped)
        self._trainer: Any = None
        self.remarks: Sequence[str] = ()
        if self.parent in weights.names() and all(clip.synthetic for clip in dataset.clips):
            self.remarks = ("The pretrained weights were trained on these synthetic voices, reading other sentences.",)
        self.versions: Mapping[str, str] = {}

    def train(self, run: Run) -> str:
        """See Engine."""
        from asr.ctc.train import Trainer
        from tools.commands.steps.evaluation import deciding_noise, make_evaluator, say_what_decides

        evaluate = None
        if self._ws.settings.train.choose_by == "wer":
            noise = deciding_noise(self._ws)
            say_what_decides(noise, "checkpoints")
            evaluate = make_evaluator(self._ws, self._dataset, noise)
        plan = replace(self._plan, checkpoints=self._ws.checkpoints / run.id, logs=self._ws.logs / run.id)
        self._trainer = Trainer(plan)
        result = self._trainer.run(run, evaluate)
        run.choose(result.chosen, result.candidates)
        return f"chosen: {result.chosen}; {result.epochs} epochs in {result.seconds:.0f} s"

    def losses(self) -> dict[str, float] | None:
        """See Engine."""
        from tools.commands.steps.training import training_clips

        clips = self._dataset.of("test")
        losses = self._trainer.losses(training_clips(self._ws, clips))
        return dict(zip((Path(clip.clip).stem for clip in clips), losses, strict=True))


class Mozillas:
    """DeepSpeech's trainer as a process, in a virtual environment or a container."""

    parent: str | None = None

    def __init__(self, ws: Workspace) -> None:
        flags.check(ws.settings, ws.toml)
        self._ws = ws
        self.remarks: Sequence[str] = flags.remarks(ws.settings)
        named = ws.settings.train.mozilla_source
        self._source = (ws.root / Path(named).expanduser()).resolve() if named else None
        in_docker = ws.settings.train.engine == "mozilla"
        self._fork = self._source is None and not in_docker
        self._command = docker_command(ws) if in_docker else [python37(), *trainer_of(self._source)]
        name = FORK if self._fork else ORIGINAL
        self.versions: Mapping[str, str] = {"trainer": name, "trainer's tensorflow": "1.15.4"}

    def train(self, run: Run) -> str:
        """See Engine."""
        ws, settings = self._ws, self._ws.settings
        graph = mozillas_graph(ws, run)
        checkpoints, export = graph.parent.parent, graph.parent
        export.mkdir(parents=True, exist_ok=True)
        train, dev, alphabet = ws.manifest("train"), ws.manifest("dev"), ws.build / "alphabet.txt"
        files = flags.Files(train, dev, alphabet, ws.scorer, checkpoints, export, ws.logs / run.id)
        done, wanted = len(run.curves), settings.train.epochs
        for remark in self.remarks:
            say(f"warning: {remark}")

        def on_epoch(row: Mapping[str, Any]) -> None:
            run.epoch(row)
            say(
                f"epoch {row['epoch']}/{wanted}  loss {row['loss_per_clip']:.3f} a clip"
                f"  dev loss {row['dev_loss']:.3f}  {row['seconds']:.0f} s"
            )

        say(f"starting {self.versions['trainer']} on TensorFlow 1.15")
        arguments = flags.flags(settings, files, fork=self._fork, epochs=max(0, wanted - done))
        environment = {"PYTHONUNBUFFERED": "1", "TF_CPP_MIN_LOG_LEVEL": "2"}
        if self._source is not None:
            environment["PYTHONPATH"] = str(self._source / "training")
        reader = Reader(on_epoch, say, done)
        watch([*self._command, *arguments], reader, run.folder / "trainer.log", environment)
        seconds = sum(row["seconds"] for row in run.curves)
        return f"chosen: by Mozilla's trainer, its lowest dev loss; {len(run.curves)} epochs in {seconds:.0f} s"

    def losses(self) -> dict[str, float] | None:
        """See Engine."""
        return None


def python37() -> Path:
    """Return the Python 3.7 with the trainer; SetupError if there is none."""
    from tools.third_party import find_python37

    python = third_party.folder() / "reference" / "bin" / "python"
    if python.is_file():
        return python
    if find_python37() is None:
        raise SetupError(
            "Mozilla's trainer needs Python 3.7, and none was found",
            fix="Install one (`pyenv install 3.7.17`, or `uv python install 3.7`) and run `make reference`, "
            "or use the engine mozilla, which needs Docker",
        )
    raise SetupError("Mozilla's trainer is not installed", path=python, fix="Run `make reference`")


def trainer_of(source: Path | None) -> list[str | Path]:
    """Return the arguments for Python: the fork's module, or DeepSpeech.py in a folder of sources."""
    if source is None:
        return ["-m", "coqui_stt_training.train"]
    script = source / "DeepSpeech.py"
    if not script.is_file():
        what = "no DeepSpeech.py in the folder that train.mozilla_source names"
        raise SetupError(what, path=source, fix="Name a checkout of DeepSpeech v0.9.3, or leave it empty")
    return [script]


def docker_command(ws: Workspace) -> list[str | Path]:
    """Return the command for DeepSpeech.py in its container, as this user, with the workspace at its own path.

    Raises
    ------
    SetupError : no Docker engine answers, or it has no such image.
    """
    if shutil.which("docker") is None or _docker("version").returncode != 0:
        raise SetupError(
            "the engine mozilla needs Docker, and no Docker engine answers",
            fix="Start one, or use --engine mozilla-venv, which needs Python 3.7",
        )
    if _docker("image", "inspect", IMAGE).returncode != 0:
        raise SetupError(f"there is no image {IMAGE}", fix="Run `make docker-train-image`")
    # Manifests hold absolute paths, and clips are copies: the recordings themselves are not needed.
    mount = f"type=bind,source={ws.root},target={ws.root}"
    user = f"{os.getuid()}:{os.getgid()}"
    return ["docker", "run", "--rm", "--init", "--user", user, "--mount", mount, IMAGE]


def _docker(*words: str) -> subprocess.CompletedProcess[bytes]:
    return subprocess.run(["docker", *words], capture_output=True, check=False)
