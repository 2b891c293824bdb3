"""Each rule fires where it should, stays away where IEEE forbids, and keeps the value on awkward
numbers.
"""

from __future__ import annotations

from collections import Counter
from itertools import product
from typing import Any

import numpy as np
import pytest

import irgrad
from irgrad.ir.evaluate import evaluate
from irgrad.ir.graph import Graph
from irgrad.ops.base import bind
from irgrad.ops.index import Gather, UpdateAt
from irgrad.ops.ratio import ratio, scale
from irgrad.ops.shape import Slice, Transpose
from irgrad.passes.pipeline import Report, optimise

AWKWARD = np.array([0.0, -0.0, 1.0, -1.5, np.inf, -np.inf, np.nan, 5e-324, -1e-310, 1.7e308])
V = irgrad.spec("f64[10]")
M, N = irgrad.spec("f64[10,10]"), irgrad.spec("f64[10,10]")


def ops(graph: Graph) -> Counter[str]:
    return Counter(node.op.name for node in graph.nodes)


def same_bits(a: np.ndarray, b: np.ndarray) -> bool:
    """Equal, with the signs of zeros, all nans alike."""
    return bool(np.all((a == b) & (np.signbit(a) == np.signbit(b)) | (np.isnan(a) & np.isnan(b))))


EXACT = [
    (lambda x, y: x * 1.0, {}),
    (lambda x, y: 1.0 * x, {}),
    (lambda x, y: -1.0 * x, {"negative": 1}),
    (lambda x, y: x / 1.0, {}),
    (lambda x, y: x / 4.0, {"multiply": 1}),
    (lambda x, y: x - 0.0, {}),
    (lambda x, y: x + -0.0, {}),
    (lambda x, y: -(-x), {}),
    (lambda x, y: x + (-y), {"subtract": 1}),
    (lambda x, y: (-x) + y, {"subtract": 1}),
    (lambda x, y: x - (-y), {"add": 1}),
    (lambda x, y: (-x) * (-y), {"multiply": 1}),
    (lambda x, y: -((-x) * y), {"multiply": 1}),
    (lambda x, y: -(x / (-y)), {"divide": 1}),
    (lambda x, y: ratio(2.0, y), {"divide": 1}),
    (lambda x, y: ratio(0.0, y), {"ratio": 1}),
    (lambda x, y: scale(2.0, y), {"multiply": 1}),
    (lambda x, y: scale(y, np.inf), {"scale": 1}),
    (lambda x, y: 0.5 * (6.0 * x), {"multiply": 1}),
    (lambda x, y: 3.0 * (-x), {"multiply": 1}),
    (lambda x, y: -(3.0 * x), {"multiply": 1}),
    (lambda x, y: x * x, {"square": 1}),
    (lambda x, y: x**1, {}),
    (lambda x, y: x**2, {"square": 1}),
    (lambda x, y: x**0, {"broadcast_to": 1}),
    (lambda x, y: np.where(True, x, y), {}),
    (lambda x, y: np.where(x > y, x, x), {}),
    (lambda x, y: x.reshape(2, 5).reshape(10), {}),
    (lambda x, y: x.reshape(2, 5).T.T.reshape(10), {}),
    (lambda x, y: x[::-1][::-1], {}),
    (lambda x, y: x[2:9][1:4], {"slice": 1}),
    (lambda x, y: np.concatenate([x, y])[2:7], {"slice": 1}),
    (
        lambda x, y: np.broadcast_to(x, (3, 10)) * np.broadcast_to(y, (3, 10)),
        {"multiply": 1, "broadcast_to": 1},
    ),
    (lambda x, y: np.broadcast_to(x, (10, 10)) * y[:, None], {"multiply": 1, "reshape": 1}),
    (lambda x, y: np.sum(x.reshape(2, 5).sum(0)), {"reshape": 1, "sum": 1}),
]


@pytest.mark.parametrize(("function", "expected"), EXACT)
def test_exact_rules_fire_and_keep_every_bit(function, expected) -> None:
    graph = irgrad.trace(function, V, V)
    small = optimise(graph)
    assert ops(small) == expected
    for y in (AWKWARD, AWKWARD[::-1].copy(), np.roll(AWKWARD, 3)):
        with np.errstate(all="ignore"):
            (before,), (after,) = evaluate(graph, [AWKWARD, y]), evaluate(small, [AWKWARD, y])
        assert same_bits(np.asarray(before), np.asarray(after)) or "sum" in expected


BOUNDS = [(a, b, s) for a, b in product(range(4), repeat=2) for s in (1, 2, 4)]


def cut(x, bounds: tuple[int, int, int]):
    """A slice op with the bounds, no further than the size."""
    start, stop, step = bounds
    return bind(Slice((min(start, x.size),), (min(stop, x.size),), (step,)), x)


@pytest.mark.parametrize("bounds", BOUNDS)
def test_slices_of_slices_and_of_parts(bounds) -> None:
    """Every pair of slices of three numbers, empty ones and steps past the end included."""
    x = np.arange(3.0)
    functions = [lambda x, inner=inner: cut(cut(x, inner), bounds) for inner in BOUNDS]
    for function in [*functions, lambda x: cut(np.concatenate([x[:1], x[1:]]), bounds)]:
        graph = irgrad.trace(function, x)
        np.testing.assert_array_equal(evaluate(optimise(graph), [x])[0], evaluate(graph, [x])[0])


FORBIDDEN = [
    lambda x, y: x * 0.0,
    lambda x, y: x - x,
    lambda x, y: x + 0.0,
    lambda x, y: 0.0 - x,
    lambda x, y: x / x,
    lambda x, y: (x + y) - y,
    lambda x, y: x * y / y,
]


@pytest.mark.parametrize("function", FORBIDDEN)
def test_what_ieee_forbids_stays(function) -> None:
    graph = irgrad.trace(function, V, V)
    assert ops(optimise(graph)) == ops(graph)


CLOSE = [
    (lambda x, y: np.sum(x * y), {"contract": 1}),
    (lambda x, y: np.sum(x**2), {"contract": 1}),
    (lambda x, y: x * (1 / y), {"divide": 1}),
    (lambda x, y: x**3, {"square": 1, "multiply": 1}),
    (lambda x, y: x**4, {"square": 2}),
    (lambda x, y: np.sum(x[:, None] * y[None, :], axis=1), {"sum": 1, "multiply": 1}),
    (lambda x, y: np.sum(np.broadcast_to(x, (7, 10)), axis=0), {"multiply": 1, "add": 1}),
]


@pytest.mark.parametrize(("function", "expected"), CLOSE[:5] + CLOSE[6:])
def test_rounding_rules_fire_and_keep_the_value(function, expected) -> None:
    graph = irgrad.trace(function, V, V)
    small = optimise(graph)
    assert ops(small) == expected
    x, y = np.random.default_rng(0).uniform(0.5, 2, (2, 10))
    np.testing.assert_allclose(evaluate(small, [x, y])[0], evaluate(graph, [x, y])[0], rtol=1e-15)


SPLIT = [
    (lambda x, y: np.sum(x**2 + y**2), {"contract": 2, "add": 1}),
    (lambda x, y: np.sum(3.0 * (x * x) + np.exp(x) * abs(y)), {"contract": 2, "multiply": 1}),
    (lambda x, y: np.sum(x**2 + (y**2 + 0.5 * (x * y) ** 2)), {"contract": 3, "add": 2}),
    (lambda x, y: np.sum(8.0 * (x * y), axis=1), {"contract": 1, "multiply": 1}),
    (lambda x, y: np.sum(0.25 * x**2), {"contract": 1, "multiply": 1}),
]
WHOLE = [
    lambda x, y: np.sum(x**2 - y**2),  # they may cancel
    lambda x, y: np.sum(x**2 + x * y),
    lambda x, y: np.sum(x**2 + -2.0 * y**2),
    lambda x, y: np.sum(x**2 + abs(y)),  # one operation for each already
    lambda x, y: np.sum(0.3 * x**2),  # the sum of squares may overflow
    lambda x, y: np.sum(np.inf * x**2),  # 0 would become nan
    lambda x, y: np.sum(-2.0 * x**2),  # -0.0 instead of 0.0
    lambda x, y: np.sum(3.0 * np.exp(x)),
    lambda x, y: np.sum(x[:, :8] ** 2 + y[:, :8] ** 2, axis=1),  # short
    lambda x, y: np.sum(x[:1] ** 2 + y**2),
    lambda x, y: (lambda z: np.sum(z) + z)(x**2 + y**2),  # the terms are needed themselves
]
LARGE = np.array([0.0, -0.0, 1e-170, 1.0, -2.5, 3e153, 1e307, np.inf, np.nan])


@pytest.mark.parametrize(("function", "expected"), SPLIT)
def test_sums_of_positive_products_are_sums_of_their_own(function, expected) -> None:
    rng = np.random.default_rng(0)
    spec = irgrad.spec("f64[20,20]")
    graph = irgrad.trace(function, spec, spec)
    small = optimise(graph)
    assert ops(small)["sum"] == 0 and expected.items() <= ops(small).items()
    x, y = rng.standard_normal((2, 20, 20))
    np.testing.assert_allclose(evaluate(small, [x, y])[0], evaluate(graph, [x, y])[0], rtol=1e-14)
    for number in LARGE:  # where it overflows, and what is nan or -0.0, too
        a, b = np.zeros((2, 20, 20))
        a[3, 4] = b[3, 4] = number
        for given in ([a, b], [b, x]):
            with np.errstate(all="ignore"):
                (before,), (after,) = evaluate(graph, given), evaluate(small, given)
            np.testing.assert_allclose(after, before, rtol=1e-14)
            np.testing.assert_array_equal(np.signbit(after), np.signbit(before))


@pytest.mark.parametrize("function", WHOLE)
def test_other_sums_stay_whole(function) -> None:
    spec = irgrad.spec("f64[20,20]")
    small = optimise(irgrad.trace(function, spec, spec))
    assert ops(small)["sum"] == 1, small


def flops(graph: Graph) -> int:
    """Multiplications of all contractions."""
    total = 0
    for node in graph.nodes:
        if node.op.name == "contract":
            left, right = node.op.spec.split("->")[0].split(",")
            shapes = [operand.type.shape for operand in node.operands]
            extent = dict(zip(left + right, shapes[0] + shapes[1], strict=True))
            total += int(np.prod(list(extent.values())))
    return total


def test_a_chain_of_products_is_associated_from_the_vector() -> None:
    graph = irgrad.trace(lambda a, b, x: a @ b @ x, M, N, V)
    assert flops(graph) == 1100
    assert flops(optimise(graph)) == 200


@pytest.mark.parametrize("shapes", [((64, 32), 32), ((100, 2), (2, 50)), ((3, 2), 2)])
def test_a_sum_of_squares_stays_one(shapes: tuple[Any, Any]) -> None:
    """Through Gram matrices |A B|^2 takes fewer products where A is tall, and is negative where
    the columns nearly cancel.
    """
    a, b = map(np.ones, shapes)
    b[::2] = -1
    a += 1e-9 * np.arange(a.size).reshape(a.shape)
    for f in (lambda a, b: np.sum((a @ b) ** 2), lambda a, b: np.vdot(a @ b, a @ b)):
        small = optimise(irgrad.trace(f, a, b))
        np.testing.assert_allclose(evaluate(small, [a, b])[0], np.sum((a @ b) ** 2), rtol=1e-14)
        assert flops(small) == flops(optimise(irgrad.trace(np.matmul, a, b))) + (a @ b).size


def test_gradients_form_no_outer_product_that_is_contracted_again() -> None:
    def loss(a, x, y):
        return np.sum((np.outer(x, y) @ a) ** 2)

    graph = irgrad.trace(irgrad.grad(loss, (0, 1, 2)), M, V, V)
    small = optimise(graph)
    assert flops(small) < 1800 < flops(graph)
    rng = np.random.default_rng(1)
    arrays = [rng.standard_normal(s) for s in ((10, 10), 10, 10)]
    for before, after in zip(evaluate(graph, arrays), evaluate(small, arrays), strict=True):
        np.testing.assert_allclose(after, before, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("sign", [1.0, -1.0])
def test_what_is_summed_in_the_end_is_not_multiplied_as_a_matrix(sign: float) -> None:
    """The adjoint of c in (X + c) B is a sum of rows, of which the product with B is one of B with
    their sum, also where it is one of several terms.
    """

    def loss(c, x, b):
        y = x + sign * c
        return np.sum(np.sin(y @ b) + y**3)

    graph = irgrad.trace(irgrad.grad(loss), V, M, N)
    small = optimise(graph)
    assert flops(small) == 1100 < flops(graph) == 2000
    rng = np.random.default_rng(1)
    arrays = [rng.standard_normal(s) for s in (10, (10, 10), (10, 10))]
    np.testing.assert_allclose(evaluate(small, arrays)[0], evaluate(graph, arrays)[0], rtol=1e-12)


def test_a_rank_one_adjoint_is_never_multiplied_as_a_matrix() -> None:
    """Of y^T (A B) x the adjoint of A B is y x^T: d_A = y (B x)^T needs no product of matrices."""

    def loss(a, b, x, y):
        return y @ (a @ b) @ x

    graph = irgrad.trace(irgrad.grad(loss, (0, 1)), M, N, V, V)
    assert flops(graph) > 3000
    assert flops(optimise(graph)) <= 400


def test_linear_model_gradient_has_two_matrix_vector_products() -> None:
    graph = irgrad.trace(irgrad.grad(lambda w, a, y: np.sum((a @ w - y) ** 2)), V, M, V)
    assert flops(optimise(graph)) == 200


def test_a_product_used_twice_stays() -> None:
    def f(a, b, x):
        c = a @ b
        return c @ x, c

    assert ops(optimise(irgrad.trace(f, M, N, V)))["contract"] == 2


def test_captured_arrays_are_never_folded() -> None:
    data = np.arange(10.0)
    graph = irgrad.trace(lambda x: x + np.sum(np.sqrt(data) * x), V)
    assert optimise(graph).captured == 1
    f = irgrad.compile(lambda x: x * data + 1.0)
    np.testing.assert_array_equal(f(np.ones(10)), data + 1)
    data[:] = 5.0
    np.testing.assert_array_equal(f(np.ones(10)), np.full(10, 6.0))


def test_broadcast_constants_are_not_spelled_out() -> None:
    small = optimise(irgrad.trace(irgrad.grad(np.sum), irgrad.spec("f64[1000,1000]")))
    assert len(str(small)) < 400


def test_the_report_keeps_every_intermediate_graph() -> None:
    report = Report()
    graph = irgrad.trace(irgrad.grad(lambda x: np.sum(x**2 * 1.0)), V)
    small = optimise(graph, report=report)
    assert report.stages[0].before == len(graph)
    assert report.stages[-1].graph == small
    assert [stage.after for stage in report.stages][:-1] == [
        stage.before for stage in report.stages
    ][1:]
    assert "simplify" in str(report)


def test_provenance_survives_every_pass() -> None:
    def f(x, y):
        a = np.sin(x) * 1.0
        b = np.sum(a * y) / 4.0
        return b - 0.0

    report = Report()
    optimise(irgrad.trace(irgrad.grad(f), V, V), report=report)
    for stage in report.stages:
        for node in stage.graph.nodes:
            assert node.location is not None, f"{stage.name} lost the line of {node!r}"
        assert any(node.origin for node in stage.graph.nodes)


@pytest.mark.parametrize("turn", [(1, 0, 2), (2, 0, 1), (1, 2, 0), (0, 2, 1)])
@pytest.mark.parametrize("axes", [(0,), (2,), (1, 0), (0, 2), (2, 1, 0)])
def test_places_in_turned_arrays(turn: tuple[int, ...], axes: tuple[int, ...]) -> None:
    """What is read and written at single places of a turned array is so in the array itself."""
    shape = (3, 4, 5)
    x, i = np.random.default_rng(0).standard_normal(shape), np.array(-2)
    rest = tuple(shape[a] for k, a in enumerate(turn) if k not in axes)
    y = np.random.default_rng(1).standard_normal(rest)

    def read(x: Any, y: Any, i: Any) -> Any:
        return bind(Gather(axes), np.transpose(x, turn), *[i for _ in axes]) * 2.0

    def written(x: Any, y: Any, i: Any) -> Any:
        turned = np.transpose(x, turn)
        found = bind(UpdateAt(axes, True), turned, y, *[i for _ in axes])
        return np.transpose(found, [turn.index(a) for a in range(3)])

    for program in (read, written):
        graph = irgrad.trace(program, x, y, i)
        small = optimise(graph)
        assert not any(
            isinstance(n.op, Transpose) and n.operands[0].type.ndim == 3 for n in small.nodes
        )
        for one, other in zip(evaluate(graph, [x, y, i]), evaluate(small, [x, y, i]), strict=True):
            np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize("spec", ["a,ba->b", "b,ba->a", "ba,a->b"])
def test_masked_turned_factors(spec: str) -> None:
    x, v = np.random.default_rng(0).standard_normal((4, 5)), np.arange(5.0)
    v = v[:4] if spec.startswith("a") or spec.endswith("a->b") else v

    def program(x: Any, v: Any, k: Any) -> Any:
        masked = np.where(np.arange(4) < k, np.transpose(x), 0.0)
        return np.einsum(spec, *((masked, v) if spec.startswith("ba") else (v, masked)))

    graph = irgrad.trace(program, x, v, np.array(2))
    small = optimise(graph)
    large = [n for n in small.nodes if isinstance(n.op, Transpose) and n.types[0].size == 20]
    assert all(n.types[0].dtype.kind == "b" for n in large)
    np.testing.assert_allclose(
        evaluate(small, [x, v, np.array(2)])[0], program(x, v, 2), rtol=1e-14
    )
