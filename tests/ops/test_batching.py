"""Every op on its samples under `batch`, against the stacked results of single examples: each
operand batched alone, and all together.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest

from irgrad.autodiff.batch import batch
from irgrad.autodiff.graphs import pullback, pushforward
from irgrad.ir.evaluate import evaluate
from irgrad.ir.graph import Graph
from irgrad.ir.op import Op
from irgrad.ir.types import is_inexact, type_of
from irgrad.ir.verify import verify
from irgrad.passes.pipeline import optimise
from irgrad.runtime.backend import backends, get_backend
from tests.ops.samples import Sample, samples_of
from tests.ops.test_derivatives import (
    ALL,
    NAMES,
    SMOOTH,
    close,
    difference,
    graph_of,
    pairing,
    random_like,
    smooth_operands,
    some,
    step_for,
)

Array = np.ndarray[Any, Any]


@pytest.fixture(autouse=True)
def _quiet() -> Any:
    with np.errstate(all="ignore"):
        yield


def examples_of(x: Array, size: int) -> Array:
    """`size` different operands that an op takes as well as `x`: its elements in another order."""
    flat = x.reshape(-1)
    shuffled = [np.random.default_rng(i).permutation(flat) if i else flat for i in range(size)]
    return np.array(shuffled, x.dtype).reshape(size, *x.shape)


def is_of_matrices(op: Op) -> bool:
    """Whether shuffled elements might be no operand of the op: singular, not positive definite.
    LAPACK rounds a zero differently where there are more columns, hence an absolute tolerance.
    """
    return type(op).__module__.startswith("irgrad.ops.linalg.")


SHARING = ("barrier", "call", "cond", "loop", "while")
"""Ops that give some results of which they know that all examples share them."""


def which_are_batched(count: int) -> list[list[bool]]:
    """Each operand alone, and all together."""
    alone = [[i == k for i in range(count)] for k in range(count)]
    return alone if count < 2 else [*alone, [True] * count]


def batch_of(sample: Sample, batched: Sequence[bool], size: int) -> list[Array]:
    """Operands of a batch. What is sorted stays sorted, what is an index stays an index."""
    stacks: list[Array] = []
    for k, (x, is_batched) in enumerate(zip(sample.operands, batched, strict=True)):
        examples = examples_of(x, size)
        if is_of_matrices(sample.op) and x.dtype.kind in "fc":
            examples = np.stack([x * x.dtype.type(1 + i) for i in range(size)])
        if sample.op.name == "searchsorted" and k == 0:
            examples = np.sort(examples, -1)
        stacks.append(examples if is_batched else x)
    return stacks


def loop(graph: Graph, operands: Sequence[Array], batched: Sequence[bool], size: int) -> Any:
    """The results for one example after the other, stacked."""
    each = [
        evaluate(graph, [x[i] if b else x for x, b in zip(operands, batched, strict=True)])
        for i in range(size)
    ]
    return [np.stack(column) for column in zip(*each, strict=True)]


@pytest.mark.parametrize("sample", some(ALL), ids=str)
def test_a_batch_is_a_stacked_loop(sample: Sample) -> None:
    graph = graph_of(sample)
    for batched in which_are_batched(len(sample.operands)):
        many, differ = batch(graph, batched, 3)
        assert all(differ) or sample.op.name in SHARING, "what is the same for all, and known"
        operands = batch_of(sample, batched, 3)
        got = evaluate(verify(many), operands)
        for one, expected in zip(got, loop(graph, operands, batched, 3), strict=True):
            one = one if one.ndim == expected.ndim else np.broadcast_to(one, expected.shape)
            assert type_of(one) == type_of(expected)
            np.testing.assert_allclose(
                one, expected, rtol=1e-5 if one.dtype.itemsize == 4 else 1e-12, atol=1e-13
            )

    empty, _ = batch(graph, [True] * len(sample.operands), 0)
    nothing = [np.zeros((0, *x.shape), x.dtype) for x in sample.operands]
    for one, type in zip(evaluate(empty, nothing), graph.output_types, strict=True):
        assert not sample.operands or one.shape == (0, *type.shape)


@pytest.mark.parametrize("sample", some(ALL), ids=str)
def test_a_batch_of_batches(sample: Sample) -> None:
    """The inner batch of some operands, the outer of others and of all."""
    graph, count = graph_of(sample), len(sample.operands)
    for inner in which_are_batched(count)[-2:]:
        once, _ = batch(graph, inner, 2)
        for outer in which_are_batched(count)[:2]:
            twice, _ = batch(once, outer, 3)
            operands = batch_of(sample, inner, 2)
            matrices = is_of_matrices(sample.op)
            operands = [
                np.stack([x, 2 * x, x])
                if b and matrices and x.dtype.kind in "fc"
                else np.stack([x, x[..., ::-1] if x.dtype.kind == "f" and x.ndim else x, x])
                if b
                else x
                for x, b in zip(operands, outer, strict=True)
            ]
            got = evaluate(verify(twice), operands)
            for one, expected in zip(got, loop(once, operands, outer, 3), strict=True):
                one = np.broadcast_to(one, expected.shape) if one.ndim < expected.ndim else one
                np.testing.assert_allclose(
                    one, expected, rtol=1e-5 if one.dtype.itemsize == 4 else 1e-12, atol=1e-13
                )


NARROW = (np.float32, np.complex64)


@pytest.mark.parametrize("sample", some(SMOOTH), ids=str)
def test_vmap_of_grad_of_jvp(sample: Sample) -> None:
    """The gradient of <c, J(x) v>, for two examples at once, against differences; and the same by
    differentiating the batched op.
    """
    graph, slots = graph_of(sample), smooth_operands(sample)
    types = [*map(type_of, sample.operands), *graph.output_types]
    if not slots or sample.order < 2 or any(type.dtype in NARROW for type in types):
        return
    rng, inputs = np.random.default_rng(4), [graph.inputs[k] for k in slots]
    pushed = pushforward(graph, inputs)
    back = pullback(pushed, inputs)
    count = len(graph.outputs)
    points = [
        sample.operands,
        [x * 1.0001 if k in slots else x for k, x in enumerate(sample.operands)],
    ]
    directions = [[random_like(x, rng) for k, x in enumerate(sample.operands) if k in slots]] * 2
    smooth = [is_inexact(type.dtype) for type in graph.output_types]
    bars = [
        [np.zeros(type.shape, type.dtype) for type in graph.output_types]
        + [
            random_like(np.zeros(type.shape, type.dtype), rng) * int(is_smooth)
            for type, is_smooth in zip(graph.output_types, smooth, strict=True)
        ]
        for _ in points
    ]
    each = [[*x, *v, *c] for x, v, c in zip(points, directions, bars, strict=True)]
    stacked = [np.stack(column) for column in zip(*each, strict=True)]
    many, _ = batch(back, [True] * len(stacked), 2)
    got = evaluate(verify(many), stacked)[2 * count :]

    for i, (x, v, c) in enumerate(zip(points, directions, bars, strict=True)):
        along = {k: random_like(x[k], rng) for k in slots}

        def paired(*moved: Array, v: Any = v, c: Any = c) -> list[Array]:
            return [np.asarray(pairing(c[count:], evaluate(pushed, [*moved, *v])[count:]))]

        (numerical,) = difference(paired, x, along, step_for(sample.op))
        close([np.asarray(pairing([g[i] for g in got], list(along.values())))], [numerical])

    batched, _ = batch(graph, [True] * len(graph.inputs), 2)
    whole = pushforward(batched, [batched.inputs[k] for k in slots])
    after = pullback(whole, [batched.inputs[k] for k in slots])
    close(evaluate(after, stacked)[2 * count :], got)


@pytest.mark.parametrize("backend", backends())
@pytest.mark.parametrize("name", [name for name in NAMES if samples_of(name)[0].operands])
def test_backends_on_batches(name: str, backend: str) -> None:
    """The first sample of every op, all operands batched."""
    sample = samples_of(name)[0]
    flags = [True] * len(sample.operands)
    many, _ = batch(graph_of(sample), flags, 3)
    operands = batch_of(sample, flags, 3)
    got = get_backend(backend).compile(optimise(many))(operands)
    for one, expected in zip(got, evaluate(many, operands), strict=True):
        assert type_of(one) == type_of(expected)
        np.testing.assert_allclose(one, expected, rtol=1e-11, atol=1e-13)
