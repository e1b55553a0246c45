"""Pretrained weights: found, checked against the network before a run begins, and identified afterwards."""

from __future__ import annotations

import difflib
import hashlib
import json
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

from asr.core.errors import ModelError
from asr.ctc import weights
from asr.settings import asr_toml
from asr.settings.workspace import Workspace
from tools.commands.steps.lineage import read_run_layers

if TYPE_CHECKING:
    from asr.ctc.transfer import PretrainedWeights
    from asr.runs.record import Run

GRAPHS = (".pb", ".pbmm")


def start_weights(ws: Workspace, stopped: Run | None = None) -> tuple[PretrainedWeights | None, str | None]:
    """Return the pretrained weights and their name; (None, None) if training starts from random weights.

    Parameters
    ----------
    stopped : the run to resume. Its record names the weights, since "last" would now be the run itself. With a
        checkpoint, the weights are only needed for frozen layers and are None otherwise.

    Raises
    ------
    ModelError : train.start_from names no run and no graph; with the line.
    """
    from asr.ctc.transfer import PretrainedWeights
    from asr.runs.record import find_run
    from export.weights import read_layers

    chosen = ws.settings.train
    name = chosen.start_from if stopped is None else stopped.parent
    if not name:
        return None, None
    if stopped is not None and not chosen.freeze and (ws.checkpoints / stopped.id / "last.npz").is_file():
        return None, name
    with _blamed_on(ws, "start_from"):
        graph = _graph(ws, name)
        if graph is not None:
            network = read_layers(graph)
            layers, alphabet = network.layers, network.metadata.alphabet
            parent = name if weights.find(name) else str(graph)
        else:
            run = find_run(ws.runs, name)
            layers, alphabet = read_run_layers(ws, run)
            parent = run.id
    return PretrainedWeights(layers, alphabet, ws.alphabet, chosen.freeze, chosen.drop_layers, parent), parent


def check_start(ws: Workspace, start: PretrainedWeights) -> None:
    """Try the weights on a network of the workspace.

    Raises
    ------
    ModelError : they do not fit, or train.freeze names an unknown layer; with the line.
    """
    from asr.ctc import devices
    from asr.ctc.network import build

    train = ws.settings.train
    # Before the network starts TensorFlow, which fixes the number of its threads.
    devices.prepare(train.batch_size * (2 if train.consistency else 1))
    network = build(train, ws.alphabet.size)
    with _blamed_on(ws, "freeze"):
        start.check_frozen(network)
    with _blamed_on(ws, "start_from"):
        start.apply(network)


def origin(ws: Workspace) -> dict[str, str]:
    """Return the identity of the graph that train.start_from names, to detect that its file has changed.

    Returns
    -------
    "sha256" of the graph and, if run.json beside it names it, the "run" that it was exported from; empty without a
    graph.
    """
    name = ws.settings.train.start_from
    graph = _graph(ws, name) if name else None
    if graph is None or not graph.is_file():
        return {}
    found = {"sha256": hashlib.sha256(graph.read_bytes()).hexdigest()}
    with suppress(OSError, ValueError, KeyError, TypeError):
        found["run"] = str(json.loads((graph.parent / "run.json").read_text(encoding="utf-8"))["run"])
    return found


def _graph(ws: Workspace, name: str) -> Path | None:
    """Return the graph of that name; None if it is the name of a run."""
    path = weights.find(name) or (ws.root / Path(name).expanduser()).resolve()
    return path if path.suffix in GRAPHS else None


@contextmanager
def _blamed_on(ws: Workspace, key: str) -> Iterator[None]:
    """Turn an error about weights into one about the line of asr.toml with that key."""
    try:
        yield
    except ModelError as error:
        line = asr_toml.line_of(ws.toml, "train", key)
        value = getattr(ws.settings.train, key)
        fix = error.fix
        if key == "start_from" and not fix.startswith("Set train."):
            close = difflib.get_close_matches(value, weights.names(), n=1)
            known = " or ".join(weights.names())
            fix = f"Name a run (`asr runs` lists them), a DeepSpeech 0.9 graph (.pb, .pbmm), or {known}"
            fix = f"Did you mean {close[0]!r}?" if close else fix
        raise ModelError(f"train.{key} = {json.dumps(value)}: {error.what}", path=ws.toml, line=line, fix=fix) from None
