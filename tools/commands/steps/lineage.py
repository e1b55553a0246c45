"""Which run stands for the workspace as it is now, and what a run left behind."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from asr.core.errors import ModelError, WorkspaceError
from asr.core.files import fingerprint
from asr.core.stderr import load_tensorflow
from asr.settings import asr_toml as settings_
from asr.settings.workspace import Workspace
from tools.commands.steps.noise import inventory, judging_folder, noise_folders
from tools.commands.steps.preparing import read_templates

if TYPE_CHECKING:
    from asr.runs.record import Run
    from datasets.prepare import Prepared


def data_fingerprint(ws: Workspace, prepared: Prepared) -> str:
    """Return a SHA-256 of what is trained on and judged by: clips, who speaks in which split, what voices may say, and
    the files of recorded noise.

    It is the same wherever the workspace lies.
    """
    rows = [
        [clip.clip, clip.transcript, clip.speaker, clip.synthetic, split]
        for clip, split in zip(prepared.clips, prepared.splits, strict=True)
    ]
    # Beside recordings, voices say sentences of the templates.
    said = sentences_fingerprint(ws) if ws.settings.voices.use == "mix" else None
    noise = inventory(ws, [place for _, place in noise_folders(ws)]) if ws.settings.augment.enabled else []
    # Left out where there is none, so that data of before noise was looked at is still the same.
    return fingerprint(rows, said, *([noise] if noise else []))


def sentences_fingerprint(ws: Workspace) -> str:
    """Return a SHA-256 of what the workspace's sentences say, as far as a scorer or a voice can tell."""
    return read_templates(ws).fingerprint()


def trained_from(settings: dict[str, Any]) -> dict[str, Any]:
    """Return the settings that weights depend on."""
    found = {name: settings.get(name) for name in ("train", "augment", "alphabet", "voices")}
    # The others of that section are of the sentences that a scorer is estimated from.
    return {**found, "sentences": settings.get("sentences", {}).get("file")}


def recorded(run: Run) -> dict[str, Any]:
    """Return the settings of a run's record; those that were not known then have the value of before there were any."""
    try:
        return settings_.from_dict(run.settings, run.folder).as_dict()
    except WorkspaceError:
        return run.settings


def find_same_run(ws: Workspace, data: str, origin: Mapping[str, str] | None = None) -> Run | None:
    """Return the last run that was made from the same data, settings and first weights: to go on with, or to leave as
    it is.

    Parameters
    ----------
    origin : what the weights to start from are now, see `Run`; where one of the two is not known, their name has to do.
    """
    from asr.runs.record import list_runs

    wanted, graph = trained_from(ws.settings.as_dict()), (origin or {}).get("sha256")
    same = [
        run
        for run in list_runs(ws.runs)
        if run.data == data
        and trained_from(recorded(run)) == wanted
        and (not graph or run.origin.get("sha256", graph) == graph)
    ]
    return max(same, key=lambda run: run.id) if same else None


def find_trained_run(ws: Workspace, name: str) -> Run:
    """Return a run by its name, or the last one that left weights; ModelError where there is none."""
    from asr.runs.record import find_run, list_runs

    if name:
        return find_run(ws.runs, name)
    trained = [run for run in list_runs(ws.runs) if best_checkpoint(ws, run).is_file()]
    if not trained:
        raise ModelError("nothing was trained here yet", path=ws.runs, fix="Run: asr train")
    # A training that was stopped has weights as well, though not the ones it would have ended with.
    return max(trained, key=lambda run: (run.status == "finished", run.id))


def is_mozillas(settings: settings_.Settings) -> bool:
    """Tell whether Mozilla's trainer makes the weights, not ours."""
    return settings.train.engine != "asr"


def mozillas_graph(ws: Workspace, run: Run) -> Path:
    """Return where Mozilla's trainer exports a run's weights to."""
    return ws.checkpoints / run.id / "export" / "output_graph.pb"


def best_checkpoint(ws: Workspace, run: Run) -> Path:
    """Return where a run keeps the weights it chose."""
    if is_mozillas(settings_.from_dict(run.settings, run.folder)):
        return mozillas_graph(ws, run)
    return ws.checkpoints / run.id / "best.npz"


def read_run_layers(ws: Workspace, run: Run) -> tuple[Any, Any]:
    """Return the layers and the alphabet of a run's chosen weights."""
    from asr.core.alphabet import Alphabet

    settings = settings_.from_dict(run.settings, run.folder)
    if is_mozillas(settings):
        from export.weights import read_layers as read_graph

        network = read_graph(mozillas_graph(ws, run))
        return network.layers, network.metadata.alphabet
    load_tensorflow()
    from asr.ctc.train import read_layers

    alphabet = Alphabet(settings.alphabet.labels)
    return read_layers(best_checkpoint(ws, run), settings.train, alphabet), alphabet


JUDGED_BY = ("sentences", "scorer", "evaluate")  # sections that figures depend on, beside the weights


def is_judged_as(ws: Workspace, run: Run) -> bool:
    """Tell whether a run's figures were measured with the sentences, the noise and the settings as they are now."""
    now, then = ws.settings.as_dict(), recorded(run)
    return (
        run.sentences == sentences_fingerprint(ws)
        and run.noise == _judging_noise(ws)
        and all(then.get(name) == now[name] for name in JUDGED_BY)
    )


def note_judged(ws: Workspace, run: Run) -> None:
    """Put the sentences, noise and settings that figures are being measured with into the run's record."""
    now = ws.settings.as_dict()
    run.sentences = sentences_fingerprint(ws)
    run.noise = _judging_noise(ws)
    run.settings.update({name: now[name] for name in JUDGED_BY})


def _judging_noise(ws: Workspace) -> list[Any]:
    folder = judging_folder(ws) if ws.settings.evaluate.noise else None
    return inventory(ws, [folder] if folder is not None else [])
