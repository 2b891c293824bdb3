"""Patterns read off the graph: against dense Jacobians for every op, exact where they should be."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
import scipy.sparse as sp

import irgrad
from irgrad.autodiff.batch import batch
from irgrad.autodiff.graphs import pushforward
from irgrad.autodiff.sparsity import dependence
from irgrad.inspect.pattern import pattern_text
from irgrad.ir.evaluate import evaluate
from irgrad.ir.graph import Graph, Value
from irgrad.ir.types import is_inexact
from tests.ops.samples import Sample
from tests.ops.test_derivatives import SMOOTH, graph_of, smooth_operands

SAMPLES = [
    sample
    for sample in SMOOTH
    if all(x.dtype in (np.float64, np.int64, bool) for x in sample.operands)
    and smooth_operands(sample)
]


@pytest.mark.parametrize("sample", SAMPLES, ids=str)
def test_every_entry_of_a_dense_jacobian_is_in_the_pattern(sample: Sample) -> None:
    graph = graph_of(sample)
    slots = smooth_operands(sample)
    wrt = [graph.inputs[k] for k in slots]
    arrays = dict(zip(graph.inputs, sample.operands, strict=True))
    pattern = dependence(graph, wrt, arrays).pattern
    missed = (dense_jacobian(graph, wrt, sample.operands) != 0) & ~pattern.toarray()
    assert not missed.any(), f"{sample}: {np.argwhere(missed)[:5]}"


def dense_jacobian(graph: Graph, wrt: Sequence[Value], operands: Sequence[Any]) -> Any:
    """The Jacobian by a pushforward along each unit vector."""
    size, first = sum(value.type.size for value in wrt), len(graph.outputs)
    flags = [False] * len(graph.inputs) + [True] * len(wrt)
    many, differ = batch(pushforward(graph, wrt), flags, size)
    ends = np.cumsum([value.type.size for value in wrt])[:-1]
    seeds = [
        part.reshape(size, *value.type.shape)
        for part, value in zip(np.split(np.eye(size), ends, axis=1), wrt, strict=True)
    ]
    with np.errstate(all="ignore"):
        tangents = evaluate(many, [*operands, *seeds])[first:]
    rows: list[Any] = []
    for tangent, value, own in zip(tangents, graph.outputs, differ[first:], strict=True):
        smooth = own and is_inexact(value.type.dtype)
        rows.append(
            (tangent if smooth else np.zeros((size, value.type.size))).reshape(
                size, value.type.size
            )
        )
    return np.concatenate(rows, axis=1).T


def matrix(f: Any, *args: Any, argnums: Any = 0) -> Any:
    return irgrad.sparsity(f, *args, argnums=argnums).matrix.astype(int).toarray()


X = np.linspace(1, 2, 4)
LEFT, RIGHT = np.eye(4, dtype=int), np.ones((4, 4), int)
CHOSEN = np.diag([0, 0, 1, 1]) + LEFT[::-1] * [[1], [1], [0], [0]]
PAIRS = [[1, 1, 0, 0], [0, 0, 1, 1]]


def two_inverses(x: Any) -> Any:
    return np.linalg.inv(np.reshape(x, (2, 1, 2)) * np.eye(2))


EXACT: dict[str, tuple[Any, Any]] = {
    "elementwise": (lambda x: np.sin(x) * x + 1, LEFT),
    "reversed": (lambda x: x[::-1], LEFT[::-1]),
    "roll": (lambda x: np.roll(x, 1), np.roll(LEFT, 1, 0)),
    "difference": (lambda x: np.diff(x), LEFT[1:] + LEFT[:-1]),
    "sum": (lambda x: np.sum(x * x), np.ones((1, 4))),
    "mean of rows": (lambda x: np.mean(np.reshape(x, (2, 2)), 1), PAIRS),
    "cumsum": (lambda x: np.cumsum(x), np.tril(RIGHT)),
    "cumprod": (lambda x: np.cumprod(x), np.tril(RIGHT)),
    "sort": (lambda x: np.sort(x), RIGHT),
    "take": (lambda x: x[[3, 0, 0]], LEFT[[3, 0, 0]]),
    "where constant": (lambda x: np.where(np.arange(4) > 1, x, x[::-1] + 1), CHOSEN),
    "where of x": (lambda x: np.where(x > 1, x, x[::-1]), LEFT + LEFT[::-1]),
    "matvec": (lambda x: np.ones((3, 4)) @ x, np.ones((3, 4))),
    "outer": (lambda x: np.outer(x[:2], x[2:]), LEFT[[0, 0, 1, 1]] + LEFT[[2, 3, 2, 3]]),
    "batched": (lambda x: np.einsum("ij,ij->i", np.reshape(x, (2, 2)), np.ones((2, 2))), PAIRS),
    "inverse of each": (two_inverses, np.kron(np.eye(2), np.ones((4, 2)))),
    "pad": (lambda x: np.pad(x, 1), np.pad(LEFT, ((1, 1), (0, 0)))),
    "stop": (lambda x: irgrad.stop_gradient(x) * x[::-1], LEFT[::-1]),
    "floor": (lambda x: np.floor(x) + x[0], RIGHT * [[1, 0, 0, 0]]),
    "concatenate": (lambda x: np.concatenate([x[2:], [1.0]]), np.eye(3, 4, 2, int)),
    "index of floats": (lambda x: np.sin(x)[np.argsort(x)], RIGHT),
    "nothing": (lambda x: np.ones(2), np.zeros((2, 4))),
}


@pytest.mark.parametrize(("function", "expected"), EXACT.values(), ids=EXACT)
def test_exact_patterns(function: Any, expected: Any) -> None:
    np.testing.assert_array_equal(matrix(function, X), expected)


def test_several_arguments_and_results() -> None:
    def f(p: dict[str, Any], y: Any) -> Any:
        return {"u": p["a"] * y, "v": np.sum(p["b"])}

    args = {"a": np.ones(2), "b": np.ones(3)}, np.ones(2)
    expected = [[1, 0, 0, 0, 0], [0, 1, 0, 0, 0], [0, 0, 1, 1, 1]]
    np.testing.assert_array_equal(matrix(f, *args), expected)
    both = matrix(f, *args, argnums=(1, 0))
    np.testing.assert_array_equal(both, np.hstack([[[1, 0], [0, 1], [0, 0]], expected]))


def test_a_hundred_thousand() -> None:
    x = np.ones(100_000)
    pattern = irgrad.sparsity(lambda x: x[1:-1] * x[:-2] - np.exp(x[2:]), x)
    assert pattern.nnz == 3 * 99_998 and pattern.number == 3


def test_pictures() -> None:
    pattern = irgrad.sparsity(lambda x: np.diff(x), np.ones(200))
    assert pattern.to_svg().startswith("<svg") and "199 x 200, 398 entries" in pattern.to_svg()
    assert len(str(pattern).splitlines()) == 1 + 34
    assert "2 colours" in repr(pattern)
    assert pattern_text(sp.csr_array((0, 3), dtype=bool)).count("\n") == 1
