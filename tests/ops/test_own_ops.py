"""Ops from outside: batches of ops along axes, and rules that do not keep what the op says."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import pytest

import irgrad
from irgrad.errors import DTypeError, IrgradError, OptionError, ShapeError
from irgrad.ir.op import Op, register
from irgrad.ir.types import ArrayType
from irgrad.ops.base import AlongAxes, Pointwise, bind
from irgrad.ops.batching import spread
from irgrad.ops.elementwise import elementwise

X = np.random.default_rng(0).standard_normal((4, 4, 4))


@register("test_weighted_mean")
class WeightedMean(AlongAxes):
    axis: int

    def result_types(self, *operands: ArrayType) -> tuple[ArrayType, ...]:
        shape = list(operands[0].shape)
        del shape[self.axis]
        return (operands[0]._replace(shape=tuple(shape)),)

    def reference(self, *operands: Any) -> Any:
        x, weights = operands
        return np.sum(x * weights, self.axis) / np.sum(weights, self.axis)


@register("test_hasty")
class Hasty(Op):
    """Each of its rules gives what the op does not say."""

    def result_types(self, *operands: ArrayType) -> tuple[ArrayType, ...]:
        return operands[:1]

    def reference(self, *operands: Any) -> Any:
        return operands[0] / 2 if operands[0].size else np.zeros(1)

    def jvp(self, primals: Any, outputs: Any, tangents: Any) -> Any:
        return [tangents[0][:1]]

    def vjp(self, primals: Any, outputs: Any, cotangents: Any, wanted: Any) -> Any:
        return [np.zeros(7)]

    def batch(self, operands: Any, batched: Any) -> Any:
        return [np.sum(operands[0], axis=-1)]


def hasty(x: Any) -> Any:
    return bind(Hasty(), x)


@register("test_turned")
class Turned(Pointwise):
    """x and -x, by rules that take every (co)tangent for a number."""

    def result_types(self, *operands: ArrayType) -> tuple[ArrayType, ...]:
        return operands[:1] * 2

    def reference(self, *operands: Any) -> Any:
        return operands[0] + 0, -operands[0]

    def jvp(self, primals: Any, outputs: Any, tangents: Any) -> Any:
        return [tangents[0], -tangents[0]]

    def vjp(self, primals: Any, outputs: Any, cotangents: Any, wanted: Any) -> Any:
        return [-cotangents[1] + cotangents[0]]


@register("test_scaled_cosine")
class ScaledCosine(Pointwise):
    """x cos(t) + b, of which t and b broadcast to the shape of x."""

    def result_types(self, *operands: ArrayType) -> tuple[ArrayType, ...]:
        return operands[:1]

    def reference(self, *operands: Any) -> Any:
        x, t, b = operands
        return x * np.cos(t) + b

    def vjp(self, primals: Any, outputs: Any, cotangents: Any, wanted: Any) -> Any:
        (x, t, _), (bar,) = primals, cotangents
        each = (bar * np.cos(t), -bar * x * np.sin(t), bar)
        return [
            np.sum(e, tuple(range(x.ndim - y.ndim))) for e, y in zip(each, primals, strict=True)
        ]


class _Quarter:
    nin, nout, __name__ = 1, 1, "quarter"

    def __call__(self, x: Any, out: Any = None) -> Any:
        return np.divide(x, 4, out=out)

    def resolve_dtypes(self, dtypes: Any) -> Any:
        return np.cbrt.resolve_dtypes(dtypes)


QUARTER: Any = elementwise("test_quarter", _Quarter(), lambda x, y: 0.25)  # pyright: ignore[reportArgumentType] -- what a ufunc offers


@pytest.mark.parametrize("axis", [0, 1, -1, -2])
@pytest.mark.parametrize("in_axes", [(0, None), (None, 0), (0, 0), (1, 2)])
def test_a_batch_of_an_op_along_an_axis(axis: int, in_axes: Any) -> None:
    operands = [np.exp(X if k is not None else X[0]) for k in in_axes]
    examples = [
        [
            np.moveaxis(x, k, 0)[i] if k is not None else x
            for x, k in zip(operands, in_axes, strict=True)
        ]
        for i in range(4)
    ]
    op = WeightedMean(axis)
    batch = irgrad.vmap(lambda x, y: bind(op, x, y), in_axes=in_axes)(*operands)
    np.testing.assert_allclose(batch, [op.reference(*each) for each in examples], rtol=1e-14)


@pytest.mark.parametrize(
    ("op", "shapes"),
    [
        *((WeightedMean(axis), ((3, 3), (3,))) for axis in (0, -1)),
        (ScaledCosine(), ((3,), (3,), (3,))),
        (ScaledCosine(), ((3,), (), (3,))),
        (ScaledCosine(), ((3, 3), (3,), ())),
        (ScaledCosine(), ((), (), ())),
    ],
    ids=str,
)
def test_a_batch_of_operands_of_several_ranks_some_of_them_batched(op: Op, shapes: Any) -> None:
    def f(*operands: Any) -> Any:
        return bind(op, *operands)

    rng = np.random.default_rng(0)
    for in_axes in itertools.product((0, None), repeat=len(shapes)):
        if 0 not in in_axes:
            continue
        batched = [axis == 0 for axis in in_axes]
        operands = [
            rng.uniform(1, 2, (3, *shape) if each else shape)
            for shape, each in zip(shapes, batched, strict=True)
        ]
        batch = irgrad.vmap(f, in_axes)
        examples = list(zip(*spread(operands, batched), strict=True))
        with irgrad.use_backend("numpy"):
            np.testing.assert_allclose(batch(*operands), [f(*each) for each in examples])


def test_the_gradient_of_a_batch_asks_the_rule_for_examples() -> None:
    def loss(x: Any, t: Any) -> Any:
        return np.sum(irgrad.vmap(lambda x, t: bind(ScaledCosine(), x, t, 1.0))(x, t))

    x, t = X[0, :3], X[1, 0, :3]
    with irgrad.use_backend("numpy"):
        slopes = irgrad.grad(loss, (0, 1))(x, t)
    np.testing.assert_allclose(slopes[0], np.broadcast_to(np.cos(t)[:, None], x.shape))
    np.testing.assert_allclose(slopes[1], -np.sum(x, axis=1) * np.sin(t))


CALLS: dict[str, tuple[Any, type[IrgradError], str]] = {
    "reference": (lambda x: irgrad.compile(hasty)(x), DTypeError, "a result of type f64.* i64"),
    "of nothing": (lambda x: hasty(x[:0]), ShapeError, r"a result of type f64\[1\].* i64\[0\]"),
    "vjp": (
        lambda x: irgrad.grad(lambda x: np.sum(hasty(x)))(x * 0.5),
        ShapeError,
        r"cotangent of type f64\[7\], expected f64\[3\]",
    ),
    "jvp": (
        lambda x: irgrad.jvp(hasty, (x * 0.5,), (x * 0.5,)),
        ShapeError,
        r"tangent of type f64\[1\], expected f64\[3\]",
    ),
    "batch": (
        lambda x: irgrad.vmap(hasty)(np.ones((2, 3))),
        ShapeError,
        r"a result of type f64\[2\], expected f64\[3\]",
    ),
}


@pytest.mark.parametrize("backend", irgrad.backends())
@pytest.mark.parametrize("call", CALLS)
def test_rules_are_held_to_the_types_of_the_op(call: str, backend: str) -> None:
    f, error, message = CALLS[call]
    with irgrad.use_backend(backend), pytest.raises(error, match=message) as raised:
        f(np.arange(3))
    assert "test_hasty: its" in str(raised.value)
    assert "result_types" in raised.value.hint


def test_an_op_with_two_results() -> None:
    def product(x: Any) -> Any:
        same, turned = bind(Turned(), x)
        return np.sum(same * turned)

    irgrad.check_grads(product, (X,))
    np.testing.assert_array_equal(irgrad.vmap(irgrad.grad(product))(X), -2 * X)
    with pytest.raises(TypeError, match="NoneType") as raised:
        irgrad.grad(lambda x: np.sum(bind(Turned(), x)[0]))(X)
    assert "cotangent of result 1 of test_turned is zero" in raised.value.__notes__[-1]


def test_an_elementwise_op_takes_what_a_ufunc_takes() -> None:
    def f(x: Any, k: Any) -> Any:
        return np.sum(bind(QUARTER, x[x > 0]) ** 2) + np.sum(bind(QUARTER, x[:k]))

    x = np.array([1.0, -2.0, 3.0])
    for backend in irgrad.backends():
        with irgrad.use_backend(backend):
            gradient = irgrad.grad(f)(x, np.int64(2))
        np.testing.assert_allclose(gradient, np.where(x > 0, x / 8, 0) + np.array([0.25, 0.25, 0]))


def test_a_name_belongs_to_the_module_that_registered_it() -> None:
    class Again(Op):
        pass

    register("test_again")(Again)

    class Changed(Op):
        pass

    register("test_again")(Changed)  # the cell of a notebook, run again
    with pytest.raises(OptionError, match="'sum' is registered already, by the module irgrad"):
        register("sum")(type("Sum", (Op,), {}))
