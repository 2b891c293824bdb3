"""Every op on its samples under `batch`, against the stacked results of single examples: each
operand batched alone, and all together.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest

from irgrad.autodiff.batch import batch
from irgrad.ir.evaluate import evaluate
from irgrad.ir.graph import Graph
from irgrad.ir.types import type_of
from irgrad.ir.verify import verify
from tests.ops.samples import Sample
from tests.ops.test_derivatives import ALL, graph_of

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


def which_are_batched(count: int) -> list[list[bool]]:
    """Each operand alone, and all together."""
    alone = [[i == k for i in range(count)] for k in range(count)]
    return alone if count < 2 else [*alone, [True] * count]


def batch_of(sample: Sample, batched: Sequence[bool], size: int) -> list[Array]:
    """Operands of a batch. What is sorted stays sorted, what is an index stays an index."""
    stacks: list[Array] = []
    for k, (x, is_batched) in enumerate(zip(sample.operands, batched, strict=True)):
        examples = examples_of(x, size)
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


@pytest.mark.parametrize("sample", ALL, ids=str)
def test_a_batch_is_a_stacked_loop(sample: Sample) -> None:
    graph = graph_of(sample)
    for batched in which_are_batched(len(sample.operands)):
        many, differ = batch(graph, batched, 3)
        assert all(differ)
        operands = batch_of(sample, batched, 3)
        got = evaluate(verify(many), operands)
        for one, expected in zip(got, loop(graph, operands, batched, 3), strict=True):
            assert type_of(one) == type_of(expected)
            np.testing.assert_allclose(
                one, expected, rtol=1e-5 if one.dtype.itemsize == 4 else 1e-12
            )


@pytest.mark.parametrize("sample", ALL, ids=str)
def test_a_batch_of_batches(sample: Sample) -> None:
    """The inner batch of some operands, the outer of others and of all."""
    graph, count = graph_of(sample), len(sample.operands)
    for inner in which_are_batched(count)[-2:]:
        once, _ = batch(graph, inner, 2)
        for outer in which_are_batched(count)[:2]:
            twice, _ = batch(once, outer, 3)
            operands = batch_of(sample, inner, 2)
            operands = [
                np.stack([x, x[..., ::-1] if x.dtype.kind == "f" and x.ndim else x, x]) if b else x
                for x, b in zip(operands, outer, strict=True)
            ]
            got = evaluate(verify(twice), operands)
            for one, expected in zip(got, loop(once, operands, outer, 3), strict=True):
                np.testing.assert_allclose(
                    one, expected, rtol=1e-5 if one.dtype.itemsize == 4 else 1e-12
                )


@pytest.mark.parametrize("sample", ALL, ids=str)
def test_an_empty_batch(sample: Sample) -> None:
    graph = graph_of(sample)
    for batched in which_are_batched(len(sample.operands))[-1:]:
        many, _ = batch(graph, batched, 0)
        operands = [np.zeros((0, *x.shape), x.dtype) for x in sample.operands]
        for one, type in zip(evaluate(many, operands), graph.output_types, strict=True):
            assert one.shape == (0, *type.shape)
