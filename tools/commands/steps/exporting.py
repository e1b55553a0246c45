"""Exported graphs and model cards."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from asr.core.errors import ModelError
from asr.core.files import write_bytes, write_json, write_text
from asr.core.stderr import load_tensorflow
from asr.runtime.recogniser import NETWORK, VERIFIER
from asr.settings import asr_toml
from asr.settings.workspace import SPLITS, Workspace
from tools.commands.steps.inputs import read_templates
from tools.commands.steps.lineage import is_mozillas, mozillas_graph, read_run_layers

if TYPE_CHECKING:
    from asr.core.alphabet import Alphabet
    from asr.runs.record import Run


def write_graph(ws: Workspace, layers: Any, alphabet: Alphabet, pb: Path | None, pbmm: Path) -> None:
    """Write layers as .pbmm and, if `pb` is given, as .pb."""
    from export.graph import graph_def, write_pb
    from export.pbmm import write_pbmm

    chosen = ws.settings
    graph = graph_def(layers, alphabet, beam_width=chosen.evaluate.beam_width, language=chosen.alphabet.language)
    if pb is not None:
        write_pb(graph, pb)
    write_pbmm(graph, pbmm)


def export_run(ws: Workspace, run: Run) -> None:
    """Write a run's chosen weights for both clients; a graph of Mozilla's trainer is copied."""
    # A kill in the middle must not leave a mixture that passes for a run's.
    (ws.export / "run.json").unlink(missing_ok=True)
    load_tensorflow()
    # The run's alphabet: asr.toml may name another one by now.
    layers, alphabet = read_run_layers(ws, run)
    if is_mozillas(asr_toml.from_record(run.settings, run.folder)):
        from export.graph import read_pb
        from export.pbmm import write_pbmm

        graph = mozillas_graph(ws, run)
        write_bytes(ws.graph, graph.read_bytes())
        write_pbmm(read_pb(graph), ws.model)
    else:
        write_graph(ws, layers, alphabet, ws.graph, ws.model)
    _write_networks(ws, layers, alphabet)
    write_json(ws.export / "run.json", {"run": run.id})


def export_pretrained(ws: Workspace, name: str) -> None:
    """Write pretrained weights for both clients as they are; the card and the verifier of other weights go.

    Raises
    ------
    ModelError : the weights have another alphabet than asr.toml.
    """
    from asr.ctc import weights
    from export.weights import read_layers

    path = weights.find(name)
    if path is None:
        raise ModelError(f"no pretrained weights are called {name!r}", fix=f"There are {', '.join(weights.names())}")
    network = read_layers(path)
    alphabet = network.metadata.alphabet
    if alphabet != ws.alphabet:
        what = f"the weights {name!r} know other letters: {''.join(alphabet.labels)!r}"
        raise ModelError(what, path=ws.toml, fix="Run: asr train")
    for other in (ws.export / "run.json", ws.card, ws.device / VERIFIER):
        other.unlink(missing_ok=True)
    load_tensorflow()
    write_graph(ws, network.layers, alphabet, ws.graph, ws.model)
    _write_networks(ws, network.layers, alphabet)


def _write_networks(ws: Workspace, layers: Any, alphabet: Alphabet) -> None:
    """Write the networks of Coqui's client and of the runtime."""
    from export.coqui import tflite
    from export.device import network_file

    beam_width, language = ws.settings.evaluate.beam_width, ws.settings.alphabet.language
    write_bytes(ws.coqui / "model.tflite", tflite(layers, alphabet, beam_width=beam_width, language=language))
    write_bytes(ws.device / NETWORK, network_file(layers, alphabet).to_bytes())
    write_text(ws.coqui / "alphabet.txt", alphabet.as_text())


def exported_run(ws: Workspace) -> Run | None:
    """Return the run whose weights are exported; None if that is unknown."""
    from asr.runs.record import find_run

    try:
        name = json.loads((ws.export / "run.json").read_text(encoding="utf-8"))["run"]
        return find_run(ws.runs, name)
    except (OSError, ValueError, KeyError, ModelError):
        return None


def is_exported(ws: Workspace, run: Run) -> bool:
    """Tell whether this run's weights are exported, with the present beam width."""
    from export.model_file import read_metadata

    files = (ws.graph, ws.model, ws.card, ws.coqui / "model.tflite")
    exported = exported_run(ws)
    if exported is None or exported.id != run.id or not all(path.is_file() for path in files):
        return False
    if is_mozillas(ws.settings):
        return True  # its graph is copied as it is
    try:
        return read_metadata(ws.model).beam_width == ws.settings.evaluate.beam_width
    except ModelError:
        return False


def write_card(ws: Workspace, run: Run) -> None:
    """Write the model card of a run, with its figures if it has been evaluated."""
    from datasets.clips import read_clips
    from datasets.manifest import read_manifest
    from export.card import Card, Share, write_card

    splits = {row.wav_filename: name for name in SPLITS for row in read_manifest(ws.manifest(name))}
    rows: dict[str, list[tuple[str, float, bool]]] = {name: [] for name in SPLITS}
    for clip in read_clips(ws.clips_table):
        name = splits.get(ws.clips / clip.clip)
        if name is not None:
            rows[name].append((clip.speaker, clip.seconds, clip.synthetic))
    record = json.loads(ws.split_record.read_text(encoding="utf-8"))
    path = ws.report(run.id, "test") / "report.json"
    card = Card(
        name=ws.root.name,
        author=_user(),
        data={name: Share.of(found) for name, found in rows.items()},
        split_by=record["by"],
        remarks=record["remarks"],
        run=run.record(),
        report=json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {},
        sentences=read_templates(ws).expand(10, 1)[:10],
    )
    write_card(ws.export, card, [path for path in (ws.graph, ws.model, ws.scorer) if path.is_file()])


def _user() -> str:
    """Return the user's name; empty if the system does not know it, as in a container."""
    import getpass

    try:
        return getpass.getuser()
    except (KeyError, OSError, ImportError):
        return ""
