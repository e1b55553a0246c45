"""Which run belongs to the workspace as it is now, and what it left behind."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from asr.core.errors import ModelError
from asr.core.files import file_state, fingerprint
from asr.core.stderr import load_tensorflow
from asr.settings.asr_toml import from_record
from asr.settings.declaration import Product
from asr.settings.values import Settings, affecting
from asr.settings.workspace import Workspace
from tools.commands.steps.inputs import read_templates
from tools.commands.steps.noise import evaluation_noise_folder, inventory, noise_folders
from tools.commands.steps.other_speech import transcribed

if TYPE_CHECKING:
    from asr.runs.record import Run
    from datasets.corpus import Dataset


def data_fingerprint(ws: Workspace, dataset: Dataset) -> str:
    """Return a SHA-256 of the training and test data: clips, splits, sentences for synthetic voices, recorded noise and
    other speech.

    It does not depend on where the workspace lies.
    """
    rows = [
        [clip.clip, clip.transcript, clip.speaker, clip.synthetic, split]
        for clip, split in zip(dataset.clips, dataset.splits, strict=True)
    ]
    # Beside recordings, synthetic voices read sentences of the templates.
    said = sentences_fingerprint(ws) if ws.settings.voices.use == "mix" else None
    noise = inventory(ws, [place for _, place in noise_folders(ws)]) if ws.settings.augment.enabled else []
    others = transcribed(ws, training=True) if ws.settings.train.other_speech else []
    heard = [[file_state(one.path, ws.root), one.transcript] for one in others]
    return fingerprint(rows, said, noise, heard)


def sentences_fingerprint(ws: Workspace) -> str:
    """Return a SHA-256 of the workspace's sentences; comments and layout do not count."""
    return read_templates(ws).fingerprint()


def find_same_run(ws: Workspace, data: str, origin: Mapping[str, str] | None = None) -> Run | None:
    """Return the last run with the same data, settings and pretrained weights, to resume it or to leave it alone.

    Parameters
    ----------
    origin : the pretrained weights as they are now, see `Run`; their name decides if one of the two is unknown.
    """
    from asr.runs.record import list_runs

    wanted, graph = affecting(ws.settings.as_dict(), Product.WEIGHTS), (origin or {}).get("sha256")
    same = [
        run
        for run in list_runs(ws.runs)
        if run.data == data
        and affecting(run.settings, Product.WEIGHTS) == wanted
        and (not graph or run.origin.get("sha256", graph) == graph)
    ]
    return max(same, key=lambda run: run.id) if same else None


def find_trained_run(ws: Workspace, name: str) -> Run:
    """Return a run by its name, or the last one with weights; ModelError if there is none."""
    from asr.runs.record import find_run, list_runs

    if name:
        return find_run(ws.runs, name)
    trained = [run for run in list_runs(ws.runs) if best_checkpoint(ws, run).is_file()]
    if not trained:
        raise ModelError("nothing has been trained here yet", path=ws.runs, fix="Run: asr train")
    # A stopped run has weights too, but not its final ones.
    return max(trained, key=lambda run: (run.status == "finished", run.id))


def is_mozillas(settings: Settings) -> bool:
    """Tell whether Mozilla's trainer makes the weights."""
    return settings.train.engine != "asr"


def mozillas_graph(ws: Workspace, run: Run) -> Path:
    """Return where Mozilla's trainer exports a run's weights to."""
    return ws.checkpoints / run.id / "export" / "output_graph.pb"


def best_checkpoint(ws: Workspace, run: Run) -> Path:
    """Return where a run keeps its chosen weights."""
    if is_mozillas(from_record(run.settings, run.folder)):
        return mozillas_graph(ws, run)
    return ws.checkpoints / run.id / "best.npz"


def read_run_layers(ws: Workspace, run: Run) -> tuple[Any, Any]:
    """Return the layers and the alphabet of a run's chosen weights."""
    from asr.core.alphabet import Alphabet

    settings = from_record(run.settings, run.folder)
    if is_mozillas(settings):
        from export.weights import read_layers as read_graph

        network = read_graph(mozillas_graph(ws, run))
        return network.layers, network.metadata.alphabet
    load_tensorflow()
    from asr.ctc.train import read_layers

    alphabet = Alphabet(settings.alphabet.labels)
    return read_layers(best_checkpoint(ws, run), settings.train, alphabet), alphabet


def is_evaluated(ws: Workspace, run: Run) -> bool:
    """Tell whether a run was evaluated with the sentences, the noise and the settings as they are now."""
    now = affecting(ws.settings.as_dict(), Product.EVALUATION)
    return (
        run.sentences == sentences_fingerprint(ws)
        and run.noise == _test_noise(ws)
        and affecting(run.settings, Product.EVALUATION) == now
    )


def note_evaluation(ws: Workspace, run: Run) -> None:
    """Put the sentences, noise and settings that the run is being evaluated with into its record."""
    run.sentences = sentences_fingerprint(ws)
    run.noise = _test_noise(ws)
    for section, values in affecting(ws.settings.as_dict(), Product.EVALUATION).items():
        run.settings[section] = {**run.settings.get(section, {}), **values}


def _test_noise(ws: Workspace) -> list[Any]:
    folder = evaluation_noise_folder(ws) if ws.settings.evaluate.noise else None
    return inventory(ws, [folder] if folder is not None else [])
