"""The outside forms of random graphs: text, JSON, equality, hash; and that passes keep values."""

from __future__ import annotations

import os
import subprocess
import sys

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import irgrad
from irgrad.errors import Location
from irgrad.ir.evaluate import evaluate
from irgrad.ir.graph import Graph, Node, Value
from irgrad.ir.json_form import from_json
from irgrad.ir.verify import verify
from irgrad.passes.pipeline import PASSES, optimise
from tests.strategies import graphs

relaxed = settings(
    max_examples=200,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)


@relaxed
@given(graphs(depth=2))
def test_text_and_json_read_back(graph: Graph) -> None:
    verify(graph)
    text = str(graph)
    parsed, decoded = irgrad.parse(text), from_json(graph.to_json())
    for other in (parsed, decoded):
        assert other == graph
        assert str(other) == text
        assert other.structural_hash == graph.structural_hash


def test_numbers_written_in_the_same_way_are_one_leaf() -> None:
    graph = irgrad.parse(
        """graph @f(%x: f64[]) -> (p: f64[], q: f64[]) {
          %a: f32[] = add(2.0:f32, 2.0  # a comment may stand inside
            :f32)
          %b: f64[] = add(2.0, 2.0)
          %c: f64[] = multiply(2.0, %x)
          %d: f64[] = multiply(-0.0, 0.0)
          return p=%c, q=2.0 }"""
    )
    a, b, c, d = graph.nodes
    assert [value.type.dtype for value in a.operands] == ["float32", "float32"]
    assert b.operands[0] is b.operands[1] is c.operands[0] is graph.outputs[1]
    assert d.operands[0] != d.operands[1]
    assert str(irgrad.parse(str(graph))) == str(graph)


def renamed(graph: Graph) -> Graph:
    """The same structure with other names, lines and objects."""
    image: dict[Value, Value] = {}
    inputs = []
    for i, value in enumerate(graph.inputs):
        node = Node(value.node.op, (), value.node.types, names=(f"renamed{i}",))
        image[value] = Value(node, 0)
        inputs.append(Value(node, 0))
    nodes = []
    for node in graph.nodes:
        operands = tuple(image.get(operand, operand) for operand in node.operands)
        copy = Node(
            node.op,
            operands,
            node.types,
            names=("other",) * len(node.types),
            location=Location("g.py", 7),
        )
        nodes.append(copy)
        image.update(zip(node.outputs, copy.outputs, strict=True))
    outputs = {n: image.get(v, v) for n, v in zip(graph.output_names, graph.outputs, strict=True)}
    return Graph("renamed", inputs, nodes, outputs, graph.captured)


@relaxed
@given(graphs(depth=1))
def test_hash_and_equality_do_not_see_names(graph: Graph) -> None:
    other = renamed(graph)
    assert other == graph
    assert hash(other) == hash(graph)
    assert other.structural_hash == graph.structural_hash


@relaxed
@given(graphs(depth=1), graphs(depth=1))
def test_hashes_are_equal_where_graphs_are(one: Graph, other: Graph) -> None:
    assert (one == other) == (one.structural_hash == other.structural_hash)


@relaxed
@given(graphs(depth=1), st.data())
def test_a_change_changes_the_hash(graph: Graph, data: st.DataObject) -> None:
    if not graph.nodes:
        return
    gone = data.draw(st.integers(0, len(graph.nodes) - 1))
    used = {operand.node for node in graph.nodes for operand in node.operands}
    used |= {value.node for value in graph.outputs}
    if graph.nodes[gone] in used:
        return
    smaller = graph.replace(nodes=[n for i, n in enumerate(graph.nodes) if i != gone])
    assert smaller != graph
    assert smaller.structural_hash != graph.structural_hash


def test_the_hash_is_the_same_in_every_process() -> None:
    code = """
import numpy as np, irgrad
data = np.arange(3.0)
def f(x, y):
    z = np.where(x > 0, x * np.nan, 1j) * data[[0, 2, 1]]
    return np.sum(z).real / y.astype("f4").sum()
print(irgrad.trace(irgrad.grad(f), irgrad.spec("f64[3]"), irgrad.spec("i64[2,0]")).structural_hash)
"""
    found = {
        subprocess.run(
            [sys.executable, "-c", code],
            env={**os.environ, "PYTHONHASHSEED": seed},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for seed in ("0", "1", "77")
    }
    assert len(found) == 1


def arrays_for(graph: Graph) -> list[np.ndarray]:
    rng = np.random.default_rng(len(graph.nodes))
    return [np.asarray(rng.uniform(-1, 1, type.shape)) for type in graph.input_types]


@pytest.mark.parametrize("name", [*PASSES, "pipeline"])
@settings(relaxed, max_examples=100)
@given(graphs(smooth=True))
def test_passes_keep_the_value(name: str, graph: Graph) -> None:
    changed = verify(optimise(graph) if name == "pipeline" else PASSES[name](graph))
    arrays = arrays_for(graph)
    with np.errstate(all="ignore"):
        before, after = evaluate(graph, arrays), evaluate(changed, arrays)
    for one, other in zip(before, after, strict=True):
        assert np.asarray(one).dtype == np.asarray(other).dtype
        np.testing.assert_allclose(other, one, rtol=1e-9, atol=1e-9)


@settings(relaxed, max_examples=100)
@given(graphs(smooth=True))
def test_backends_do_what_the_references_do(graph: Graph) -> None:
    """To the bit on the NumPy backend; others may round otherwise."""
    arrays = arrays_for(graph)
    with np.errstate(all="ignore"):
        expected = evaluate(graph, arrays)
    for backend in irgrad.backends():
        run = irgrad.compile(graph, backend=backend)
        results = run(*arrays)
        results = results if isinstance(results, tuple) else (results,)
        for got, wanted in zip(results, expected, strict=True):
            if backend == "numpy":
                np.testing.assert_array_equal(got, wanted)
            else:
                np.testing.assert_allclose(got, wanted, rtol=1e-9, atol=1e-9)
