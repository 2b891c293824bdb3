"""What holds for every test: passes are verified, and every graph that a test makes reads back."""

from __future__ import annotations

import atexit
import os
import tempfile
from collections.abc import Iterator

import pytest
from irgrad_numba import machine, recall

import irgrad
from irgrad.errors import VerifyError
from irgrad.ir.graph import Graph, regions
from irgrad.ir.json_form import from_json
from irgrad.ir.op import REGISTRY
from irgrad.ir.verify import verify
from irgrad.passes import pipeline

_CACHE = tempfile.TemporaryDirectory(prefix="irgrad-test-cache-")
atexit.register(_CACHE.cleanup)
os.environ["IRGRAD_CACHE_DIR"] = _CACHE.name  # a user's own cache stays out of the tests
OWN_OPS = frozenset(REGISTRY)
"""The ops that irgrad has, before tests add any."""
pipeline.VERIFY = True
recall.ENABLED = False  # tests change what decides the code; those of recalling turn it on
EVERYTHING = bool(os.environ.get("IRGRAD_TEST_EVERYTHING"))
"""Whether nothing is left out for the time that it takes, which is two to three times as much."""
LARGEST, MOST = (10**9, 10**9) if EVERYTHING else (120, 2)
"""Of how many nodes a graph may be, and how many of a test's, the last, are read back."""


@pytest.fixture(autouse=True)
def plain_machine_code(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Outside the backend's own tests machine code is used once or twice: LLVM need not improve
    it."""
    if not EVERYTHING and "numba_backend" not in request.path.parts:
        monkeypatch.setattr(machine, "LEVELS", (0, 0))


_seen: set[str] = set()


@pytest.fixture(autouse=True)
def every_graph_reads_back(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """`parse(str(g)) == g` with the same text again, and the same through JSON."""
    made: list[Graph] = []
    make = Graph.__init__

    def recording(self: Graph, *args: object, **kwargs: object) -> None:
        make(self, *args, **kwargs)  # pyright: ignore[reportArgumentType]
        if len(self.nodes) <= LARGEST:
            made.append(self)
            del made[:-MOST]

    monkeypatch.setattr(Graph, "__init__", recording)
    yield
    monkeypatch.undo()
    for graph in made:
        if is_well_formed(graph):
            reads_back(graph)


def is_well_formed(graph: Graph) -> bool:
    """Whether the verifier accepts a graph of registered ops (some tests make bad ones)."""
    if not _is_registered(graph):
        return False
    try:
        verify(graph)
    except VerifyError:
        return False
    return True


def _is_registered(graph: Graph) -> bool:
    return all(
        node.op.name in REGISTRY and all(map(_is_registered, regions(node.op).values()))
        for node in graph.nodes
    )


def reads_back(graph: Graph) -> None:
    """Text and JSON give the graph again."""
    text = str(graph)
    if text in _seen:
        return
    _seen.add(text)
    parsed = irgrad.parse(text)
    assert parsed == graph, f"does not read back:\n{text}"
    assert str(parsed) == text
    decoded = from_json(graph.to_json())
    assert decoded == graph, f"JSON does not read back:\n{graph.to_json()}"
    assert str(decoded) == text
    assert decoded.structural_hash == graph.structural_hash == parsed.structural_hash
