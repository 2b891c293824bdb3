"""Every op under compositions of the public transforms, on one sample each.

All of them are ways to H v, the Hessian of f(x) = <w, op(x)> along v, which is known from
differences of the gradient that the op's rules give (`test_derivatives.py` has those)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import irgrad
from irgrad.autodiff.graphs import pullback
from irgrad.ir.evaluate import evaluate
from irgrad.ir.types import type_of
from irgrad.ops.base import bind
from irgrad.runtime.backend import backends
from tests.ops.samples import Sample
from tests.ops.test_derivatives import SMOOTH, difference, graph_of, smooth_operands, step_for

Array = np.ndarray[Any, Any]
Function = Callable[[Any], Any]


def slot_of(sample: Sample) -> int | None:
    """The operand to differentiate: the first real one in double precision."""
    types = [*map(type_of, sample.operands), *graph_of(sample).output_types]
    slots = [k for k in smooth_operands(sample) if sample.operands[k].dtype == np.float64]
    narrow = any(type.dtype in (np.float32, np.complex64) for type in types)
    return slots[0] if slots and sample.order >= 2 and not narrow else None


def chosen() -> list[Sample]:
    """The first sample of each op that has two derivatives with respect to a real operand."""
    firsts: dict[str, Sample] = {}
    for sample in SMOOTH:
        if sample.op.name not in firsts and slot_of(sample) is not None:
            firsts[sample.op.name] = sample
    return list(firsts.values())


def along(f: Function, v: Array) -> Function:
    return lambda x: irgrad.jvp(f, (x,), (v,))[1]


def pulled(f: Function, v: Array) -> Function:
    return lambda x: irgrad.vjp(f, x)[1](v)[0]


def mean_of_two(f: Function) -> Function:
    """f through `vmap` over two equal examples: their mean."""
    return lambda x: 0.5 * np.sum(irgrad.vmap(f)(np.stack([x, x])), 0)


COMPOSITIONS: dict[str, Callable[[Function, Array], Function]] = {
    "jvp of grad": lambda f, v: along(irgrad.grad(f), v),
    "grad of jvp": lambda f, v: irgrad.grad(along(f, v)),
    "vjp of grad": lambda f, v: pulled(irgrad.grad(f), v),
    "grad of <grad, v>": lambda f, v: irgrad.grad(lambda x: np.sum(irgrad.grad(f)(x) * v)),
    "hvp": lambda f, v: lambda x: irgrad.hvp(f)(x, v),
    "vmap of grad of jvp": lambda f, v: mean_of_two(irgrad.grad(along(f, v))),
    "vmap of jvp of grad": lambda f, v: mean_of_two(along(irgrad.grad(f), v)),
    "grad of vmap of jvp": lambda f, v: irgrad.grad(mean_of_two(along(f, v))),
    "grad of jvp of vmap": lambda f, v: irgrad.grad(along(mean_of_two(f), v)),
    "jvp of grad of vmap": lambda f, v: along(irgrad.grad(mean_of_two(f)), v),
    "jvp of vmap of grad": lambda f, v: along(mean_of_two(irgrad.grad(f)), v),
}


def program(sample: Sample, slot: int) -> tuple[Function, list[Array]]:
    """f of one operand, and the weights of the outputs."""
    rng = np.random.default_rng(5)
    outputs = evaluate(graph_of(sample), sample.operands)
    weights = [
        rng.standard_normal(y.shape) if y.dtype.kind in "fc" else np.zeros(y.shape) for y in outputs
    ]

    def f(x: Any) -> Any:
        operands = [x if k == slot else y for k, y in enumerate(sample.operands)]
        results = bind(sample.op, *operands)
        results = results if isinstance(results, tuple) else (results,)
        terms = [
            np.sum(np.real(y) * w)
            for y, w, old in zip(results, weights, outputs, strict=True)
            if old.dtype.kind in "fc"
        ]
        return sum(terms[1:], terms[0])

    return f, [w.astype(y.dtype) for w, y in zip(weights, outputs, strict=True)]


@pytest.mark.parametrize("sample", chosen(), ids=lambda sample: sample.op.name)
def test_ways_to_a_hessian(sample: Sample) -> None:
    slot = slot_of(sample)
    assert slot is not None
    f, weights = program(sample, slot)
    x = sample.operands[slot]
    v = np.random.default_rng(6).standard_normal(x.shape)
    graph = graph_of(sample)
    back = pullback(graph, [graph.inputs[slot]])
    with np.errstate(all="ignore"):
        (expected,) = difference(
            lambda *points: evaluate(back, [*points, *weights])[-1:],
            sample.operands,
            {slot: v},
            step_for(sample.op),
        )
        scale = 1e-7 * np.max(np.abs(expected), initial=1.0)
        with irgrad.use_backend("numpy"):
            for name, composed in COMPOSITIONS.items():
                got = composed(f, v)(x)
                np.testing.assert_allclose(got, expected, rtol=1e-7, atol=scale, err_msg=name)
        for backend in backends():
            with irgrad.use_backend(backend):
                whole = irgrad.hessian(f)(x).reshape(x.size, x.size)
            size = np.max(np.abs(whole), initial=1.0)
            np.testing.assert_allclose(whole, whole.T, rtol=1e-9, atol=1e-11 * size)
            product = (whole @ v.reshape(-1)).reshape(x.shape)
            np.testing.assert_allclose(product, expected, rtol=1e-7, atol=scale)
