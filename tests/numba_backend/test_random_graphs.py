"""Random graphs of mixed dtypes on arrays that lie in memory in any way: machine code gives what
the ops' references give, but for rounding, and so do their gradients."""

from __future__ import annotations

from typing import Any

import numpy as np
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

import irgrad
from irgrad.ir.evaluate import evaluate
from irgrad.ir.graph import Graph, Value
from irgrad.ir.types import DTYPES, ArrayType
from irgrad.ops import arithmetic, trigonometric
from irgrad.ops.cast import Astype
from irgrad.ops.linear import Sum
from tests.numba_backend.test_layouts import arrays
from tests.strategies import SMOOTH, Making

Array = np.ndarray[Any, Any]
UNARY = [trigonometric.TANH, trigonometric.SIN, arithmetic.NEGATIVE, arithmetic.SQUARE]
LARGEST = 1e3
"""Of the numbers in a graph; rounding errors grow with them, and with their products."""
shapes = st.lists(st.sampled_from([0, 1, 2, 3, 5, 17]), max_size=4).map(tuple)
inputs = st.builds(
    ArrayType,
    st.sampled_from([DTYPES[name] for name in ("f64", "f32", "c128", "i64", "i32")]),
    shapes,
)


class Mixed(Making):
    """Steps whose results every machine agrees on: no float becomes an integer."""

    def random_step(self) -> None:
        """One more node, most of the time."""
        x = self.draw(st.sampled_from(self.values))
        kinds = [*SMOOTH, "cast", "integers"]
        kind = self.draw(st.sampled_from(kinds))
        if x.type.size > 2000:
            self.add(Sum(tuple(range(x.type.ndim))), x) if x.type.dtype.kind in "fc" else None
        elif kind == "cast" and x.type.dtype.kind != "c":
            wider = ("f64", "f32") if x.type.dtype.kind == "f" else ("f64", "f32", "i64")
            self.add(Astype(DTYPES[self.draw(st.sampled_from(wider))]), x)
        elif kind == "integers" and x.type.dtype.kind == "i":
            op = self.draw(st.sampled_from([arithmetic.ADD, arithmetic.MULTIPLY]))
            fits = [v for v in self.values if self.broadcasts(v, x)]
            self.add(op, x, self.draw(st.sampled_from(fits)))
        elif kind in SMOOTH:
            self.step(UNARY, [kind])


@st.composite
def cases(draw: st.DrawFn) -> tuple[Graph, list[Array]]:
    """A graph, and arrays for it, of which some may overlap."""
    making = Mixed(draw, draw(st.lists(inputs, min_size=1, max_size=3)))
    for _ in range(draw(st.integers(1, 14))):
        making.random_step()
    chosen = draw(st.lists(st.sampled_from(making.values), min_size=1, max_size=4))
    graph = Graph("f", making.inputs, making.nodes, {f"out_{k}": v for k, v in enumerate(chosen)})
    given_arrays = [draw(arrays(type.shape, type.dtype)) for type in graph.input_types]
    if draw(st.booleans()):
        given_arrays = [overlapping(given_arrays, k) for k in range(len(given_arrays))]
    return graph, given_arrays


def overlapping(arrays: list[Array], k: int) -> Array:
    """An array like the k-th, in memory that others of its dtype use too."""
    dtype = arrays[k].dtype
    memory = MEMORY.setdefault(dtype, (np.arange(100_000) % 5).astype(dtype))
    return memory[k : k + arrays[k].size].reshape(arrays[k].shape)


MEMORY: dict[Any, Array] = {}


def tolerance(graph: Graph, arrays: list[Array]) -> float:
    """What rounding may change in the values of a graph, all of moderate size."""
    every = dict.fromkeys([*graph.inputs, *(Value(node, 0) for node in graph.nodes)])
    whole = graph.replace(outputs={f"v{k}": value for k, value in enumerate(every)})
    with np.errstate(all="ignore"):
        values = evaluate(whole, arrays)
    largest = max([1.0, *(float(np.max(np.abs(x))) for x in values if np.size(x))])
    assume(largest < LARGEST)
    floats = [x.dtype for x in values if x.dtype.kind in "fc"]
    eps = max([np.finfo(dtype).eps for dtype in floats], default=0.0)
    return 30.0 * float(eps) * largest**2


relaxed = settings(
    deadline=None,
    max_examples=30,
    suppress_health_check=[HealthCheck.filter_too_much, HealthCheck.too_slow],
)


@relaxed
@given(cases())
def test_values(case: tuple[Graph, list[Array]]) -> None:
    graph, arrays = case
    kept = [np.array(x, x.dtype.newbyteorder("=")) for x in arrays]
    allowed = tolerance(graph, kept)
    with np.errstate(all="ignore"):
        expected = evaluate(graph, kept)
    run = irgrad.compile(graph, backend="numba")
    for _ in range(2):  # the second call is the direct one
        found = run(*arrays)
        found = found if len(expected) > 1 else (found,)
        for got, wanted in zip(found, expected, strict=True):
            assert (np.shape(got), got.dtype) == (np.shape(wanted), wanted.dtype)
            np.testing.assert_allclose(got, wanted, rtol=0, atol=allowed)
    for x, before in zip(arrays, kept, strict=True):
        np.testing.assert_array_equal(x, before)


@relaxed
@given(cases())
def test_gradients(case: tuple[Graph, list[Array]]) -> None:
    graph, arrays = case
    kept = [np.array(x, x.dtype.newbyteorder("=")) for x in arrays]
    allowed = tolerance(graph, kept)
    wrt = tuple(k for k, x in enumerate(arrays) if x.dtype.kind == "f")
    real = [k for k, value in enumerate(graph.outputs) if value.type.dtype.kind == "f"]
    assume(wrt and real)

    def total(*args: Any) -> Any:
        outputs = graph_function(*args)
        outputs = outputs if len(graph.outputs) > 1 else (outputs,)
        return sum((np.sum(np.sin(outputs[k])).astype(np.float64) for k in real), 0.0)

    graph_function = irgrad.runtime.callables.as_callable(graph)
    gradient = irgrad.grad(total, wrt)
    expected = irgrad.compile(gradient, backend="numpy")(*kept)
    found = irgrad.compile(gradient, backend="numba")(*arrays)
    for got, wanted in zip(found, expected, strict=True):
        assert (np.shape(got), got.dtype) == (np.shape(wanted), wanted.dtype)
        scale = max(1.0, float(np.max(np.abs(wanted), initial=0.0)))
        np.testing.assert_allclose(got, wanted, rtol=0, atol=100 * allowed * scale)
