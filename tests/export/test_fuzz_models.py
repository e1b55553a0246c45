"""Models (.pb, .pbmm), damaged: read, or refused in one line, within bounded memory."""

from __future__ import annotations

import functools
import tempfile
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from asr.core.alphabet import Alphabet
from asr.core.errors import ModelError
from export.graph import graph_def
from export.model_file import read_metadata
from export.pbmm import write_pbmm
from export.weights import read_layers
from tests.mutations import damaged
from tests.small_networks import small_network

FUZZ = settings(max_examples=40, deadline=None, derandomize=True, database=None, suppress_health_check=[*HealthCheck])


@functools.cache
def wholes(suffix: str) -> tuple[bytes, ...]:
    """Return two models as a .pb or .pbmm has them."""
    graphs = [
        graph_def(small_network(seed, 12, 12, convolutions=bool(seed)), Alphabet()) for seed in range(2)
    ]
    if suffix == ".pb":
        return tuple(graph.SerializeToString() for graph in graphs)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "whole.pbmm"
        found = []
        for graph in graphs:
            write_pbmm(graph, path)
            found.append(path.read_bytes())
        return tuple(found)


def use(path: Path) -> bool:
    """Read a model; whether it was accepted."""
    accepted = True
    for read in (read_metadata, read_layers):
        try:
            read(path)
        except ModelError as error:
            assert "\n" not in str(error)
            accepted = False
    return accepted


@pytest.mark.parametrize("suffix", [".pb", ".pbmm"])
def test_a_model_is_read_or_refused(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"output_graph{suffix}"

    @FUZZ
    @given(st.data())
    def run(data: st.DataObject) -> None:
        # The weights are most of a file, and may be anything: the graph comes after them.
        path.write_bytes(data.draw(damaged(wholes(suffix), near_end=15_000)))
        use(path)

    run()


@pytest.mark.parametrize("suffix", [".pb", ".pbmm"])
def test_undamaged_models_are_read(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"output_graph{suffix}"
    for content in wholes(suffix):
        path.write_bytes(content)
        assert use(path)
