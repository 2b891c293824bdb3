"""Every op on its samples: type rule, both modes, second order, and what the backends make of it.

The numbers to compare with come from the op's reference alone, by differences along random
directions."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pytest

from irgrad.autodiff.graphs import pullback, pushforward
from irgrad.frontend.tracer import Tracer
from irgrad.ir.builder import Builder
from irgrad.ir.evaluate import evaluate
from irgrad.ir.graph import Graph, Input
from irgrad.ir.op import REGISTRY, Op
from irgrad.ir.types import is_inexact, type_of
from irgrad.ops.elementwise import Elementwise
from irgrad.ops.linear import Linear
from irgrad.passes.pipeline import optimise
from irgrad.runtime.backend import backends, get_backend
from tests.conftest import OWN_OPS
from tests.ops import (  # noqa: F401 -- they fill SAMPLES
    control_samples,
    implicit_samples,
    linalg_samples,
    reduction_samples,
    scan_samples,
    shape_samples,
)
from tests.ops.samples import F64, SAMPLES, Sample, draw, samples_of

Array = np.ndarray[Any, Any]


def is_ours(op: Op | type[Op]) -> bool:
    """Whether irgrad defines this op, and it computes something: tests register ops too."""
    kind = op if isinstance(op, type) else type(op)
    return op.name in OWN_OPS and not issubclass(kind, Input)


NAMES = [name for name, op in REGISTRY.items() if is_ours(op) and name != "fail"]
"""All ops but the one that gives nothing: it raises, as `tests/frontend/test_raising.py` has it."""
ALL = [sample for name in NAMES for sample in samples_of(name)]
SMOOTH = [
    sample
    for sample in ALL
    if any(sample.op.differentiable(k) for k in range(len(sample.operands)))
]


def some(samples: Sequence[Sample]) -> list[Sample]:
    """Of each op so many, spread over its shapes, dtypes and parameters: four of an elementwise
    one, whose samples differ little, sixteen of another.
    """
    found: list[Sample] = []
    for name in NAMES:
        own = [sample for sample in samples if sample.op.name == name]
        most = 4 if isinstance(REGISTRY[name], Elementwise) else 16
        found += own[:: -(-len(own) // most) or 1]
    return found


@pytest.fixture(autouse=True)
def _quiet() -> Any:
    with np.errstate(all="ignore"):
        yield


def graph_of(sample: Sample) -> Graph:
    """The op alone as a graph."""
    builder = Builder(Tracer)
    inputs = [builder.input(f"x{k}", type_of(x)) for k, x in enumerate(sample.operands)]
    node = builder.emit(sample.op, [x.value for x in inputs])
    return builder.finish("f", {f"y{k}": value for k, value in enumerate(node.outputs)})[0]


def smooth_operands(sample: Sample) -> list[int]:
    """The operands with respect to which the sample is differentiated."""
    slots = range(len(sample.operands)) if sample.wrt is None else sample.wrt
    return [
        k for k in slots if sample.op.differentiable(k) and is_inexact(sample.operands[k].dtype)
    ]


def random_like(x: Array, rng: np.random.Generator) -> Array:
    numbers = rng.standard_normal(x.shape)
    return (numbers + (1j * rng.standard_normal(x.shape) if x.dtype.kind == "c" else 0)).astype(
        x.dtype
    )


def widened(x: Array) -> Array:
    wide = {"float32": np.float64, "complex64": np.complex128}.get(x.dtype.name)
    return x if wide is None else x.astype(wide)


def difference(
    f: Callable[..., Sequence[Array]],
    points: Sequence[Array],
    directions: dict[int, Array],
    step: float,
) -> list[Array]:
    """(8 (f(x + h v) - f(x - h v)) - (f(x + 2h v) - f(x - 2h v))) / 12h, of fourth order."""

    def at(distance: float) -> Sequence[Array]:
        return f(
            *[
                x + distance * step * directions[k] if k in directions else x
                for k, x in enumerate(points)
            ]
        )

    return [
        (8 * (a - b) - (c - d)) / (12 * step)
        for a, b, c, d in zip(at(1), at(-1), at(2), at(-2), strict=True)
    ]


def step_for(op: Op) -> float:
    """A linear op's difference is exact for any step."""
    return 1.0 if isinstance(op, Linear) else 2.0**-11


def close(got: Sequence[Array], expected: Sequence[Array], loose: bool = False) -> None:
    for one, other in zip(got, expected, strict=True):
        rtol = 2e-3 if loose or one.dtype.itemsize // (1 + (one.dtype.kind == "c")) == 4 else 1e-8
        scale = np.max(np.abs(other[np.isfinite(other)]), initial=1.0)
        np.testing.assert_allclose(one, other, rtol=rtol, atol=rtol * scale)


def pairing(xs: Sequence[Array], ys: Sequence[Array]) -> float:
    return float(sum(np.real(np.sum(widened(x) * y)) for x, y in zip(xs, ys, strict=True)))


def outputs_of(op: Op, operands: Sequence[Array]) -> list[Array]:
    result = op.reference(*operands)
    return list(result) if isinstance(result, tuple) else [result]


@pytest.mark.parametrize("name", NAMES)
def test_every_op_has_samples(name: str) -> None:
    assert samples_of(name), (
        f"the op '{name}' has no samples: call sampled('{name}', operands, parameter=...) in one "
        "of the files of samples in tests/ops, or give its intervals in DOMAINS of samples.py"
    )


def test_every_sample_belongs_to_an_op() -> None:
    assert set(SAMPLES) <= set(REGISTRY)


@pytest.mark.parametrize("sample", ALL, ids=str)
def test_type_rule(sample: Sample) -> None:
    types = sample.op.result_types(*map(type_of, sample.operands))
    results = outputs_of(sample.op, sample.operands)
    assert [type_of(x) for x in results] == list(types)
    assert all(isinstance(x, np.ndarray) for x in results)


def check_first_order(sample: Sample, rng: np.random.Generator) -> None:
    """jvp against differences of the reference, vjp against jvp."""
    op, graph = sample.op, graph_of(sample)
    slots = smooth_operands(sample)
    if not slots:
        return
    directions = {k: random_like(sample.operands[k], rng) for k in slots}
    wide = [widened(x) for x in sample.operands]
    numerical = difference(lambda *x: outputs_of(op, x), wide, directions, step_for(op))
    inputs = [graph.inputs[k] for k in slots]
    count = len(graph.outputs)
    smooth = [i for i, type in enumerate(graph.output_types) if is_inexact(type.dtype)]
    forward = evaluate(pushforward(graph, inputs), [*sample.operands, *directions.values()])
    tangents = [forward[count + i] for i in smooth]
    for tangent, i in zip(tangents, smooth, strict=True):
        assert type_of(tangent) == graph.output_types[i]
    close(tangents, [numerical[i] for i in smooth])

    seeds = [random_like(forward[i], rng) for i in range(count)]
    back = evaluate(pullback(graph, inputs), [*sample.operands, *seeds])[count:]
    for cotangent, k in zip(back, slots, strict=True):
        assert type_of(cotangent) == type_of(sample.operands[k])
    close(
        [np.asarray(pairing(back, list(directions.values())))],
        [np.asarray(pairing([seeds[i] for i in smooth], tangents))],
        loose=any(x.dtype.itemsize == 4 for x in back),
    )


@pytest.mark.parametrize("sample", SMOOTH, ids=str)
def test_both_modes(sample: Sample) -> None:
    check_first_order(sample, np.random.default_rng(1))


@pytest.mark.parametrize("sample", some(SMOOTH), ids=str)
def test_second_order(sample: Sample) -> None:
    """Forward over reverse against differences, reverse over reverse against that."""
    operands = sample.operands
    slots = smooth_operands(sample)
    if (
        not slots
        or sample.order < 2
        or any(x.dtype in (np.float32, np.complex64) for x in operands)
    ):
        return
    rng = np.random.default_rng(2)
    graph = graph_of(sample)
    if any(type.dtype in (np.float32, np.complex64) for type in graph.output_types):
        return
    first = pullback(graph, [graph.inputs[k] for k in slots])
    count, total = len(graph.outputs), len(first.outputs)
    seeds = [random_like(x, rng) for x in evaluate(graph, operands)]
    points = [*operands, *seeds]
    directions = {k: random_like(operands[k], rng) for k in slots}
    step = step_for(sample.op)
    numerical = difference(lambda *x: evaluate(first, x)[count:], points, directions, step)
    inputs = [first.inputs[k] for k in slots]
    tangents = evaluate(pushforward(first, inputs), [*points, *directions.values()])[
        total + count :
    ]
    close(tangents, numerical)
    bars = [np.zeros_like(x) for x in evaluate(graph, operands)] + [
        random_like(x, rng) for x in tangents
    ]
    back = evaluate(pullback(first, inputs), [*points, *bars])[total:]
    close(
        [np.asarray(pairing(back, list(directions.values())))],
        [np.asarray(pairing(bars[count:], tangents))],
    )


FLAT = [op for op in REGISTRY.values() if isinstance(op, Elementwise) and None in op.partials]


@pytest.mark.parametrize("op", FLAT, ids=lambda op: op.name)
def test_flat_operands_are_flat(op: Elementwise) -> None:
    """Where an op says that it has no derivative, small changes of that operand change nothing."""
    points = [draw((6,), F64, 0.3 + 2 * k, 2.1 + 2 * k) for k in range(op.ufunc.nin)]
    try:
        types = op.result_types(*map(type_of, points))
    except TypeError:
        return  # of integers
    if is_inexact(types[0].dtype):
        for k, partial in enumerate(op.partials):
            moved = [x + 1e-9 * (k == i) for i, x in enumerate(points)]
            change = op.reference(*moved) - op.reference(*points)
            assert partial is not None or not np.any(change)


@pytest.mark.parametrize("backend", backends())
@pytest.mark.parametrize("sample", some(ALL), ids=str)
def test_backends_do_what_the_references_do(sample: Sample, backend: str) -> None:
    graph = graph_of(sample)
    slots = smooth_operands(sample)
    arrays = list(sample.operands)
    if slots:
        graph = pullback(graph, [graph.inputs[k] for k in slots])
        rng = np.random.default_rng(3)
        arrays += [random_like(x, rng) for x in outputs_of(sample.op, sample.operands)]
    expected = evaluate(graph, arrays)
    for version in (graph, optimise(graph)):
        got = get_backend(backend).compile(version)(arrays)
        for one, other in zip(got, expected, strict=True):
            assert type_of(one) == type_of(other)
            np.testing.assert_allclose(
                one,
                other,
                rtol=1e-4 if one.dtype.itemsize == 4 else 1e-11,
                atol=1e-6 if one.dtype == np.float32 else 1e-13,
            )


WRONG = {
    "scaled": (lambda x, y: 1.0001 * np.cos(x),),
    "sign": (lambda x, y: -np.cos(x),),
    "flat": (None,),
    "shifted": (lambda x, y: np.cos(x) + 1e-6,),
}


@pytest.mark.parametrize("partials", WRONG.values(), ids=WRONG)
def test_the_test_catches_a_wrong_derivative(partials: Any) -> None:
    wrong = Elementwise("wrong_sin", np.sin, *partials)
    sample = Sample(wrong, (np.array([0.3, 1.2, -0.7]),))
    if partials[0] is None:
        assert smooth_operands(sample) == []
        return
    with pytest.raises(AssertionError):
        check_first_order(sample, np.random.default_rng(1))


class OneSided(Elementwise):
    """A right forward rule beside a wrong reverse rule."""

    def vjp(self, primals: Any, outputs: Any, cotangents: Any, wanted: Any) -> Any:
        return [1.001 * x for x in super().vjp(primals, outputs, cotangents, wanted)]


def test_the_test_catches_modes_that_disagree() -> None:
    op = OneSided("one_sided", np.sin, lambda x, y: np.cos(x))
    with pytest.raises(AssertionError):
        check_first_order(Sample(op, (np.array([0.3, 1.2, -0.7]),)), np.random.default_rng(1))
