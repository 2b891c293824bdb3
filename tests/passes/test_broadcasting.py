"""The passes keep dtype, shape and value where constants and operands broadcast, extents of 1
included.
"""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import irgrad
from irgrad.ir.evaluate import evaluate
from irgrad.ir.types import type_of
from irgrad.passes.pipeline import optimise

SHAPES = [(), (1,), (1, 1), (3,), (2, 1), (1, 3), (2, 3)]
NUMBERS = [0.0, -0.0, 1.0, -1.0, 2.0, -0.5, 2.5, 3.0, 4.0]
BINARY = [np.add, np.subtract, np.multiply, np.divide, np.power, np.maximum]
UNARY = [np.negative, np.square, np.sum, np.mean, np.abs, lambda x: np.sum(x, -1) if x.ndim else x]


def choose(number, x, y):
    """`np.where` on the sign of the first."""
    return np.where(number > 0, x, y)


constants = st.tuples(st.sampled_from(SHAPES), st.sampled_from(NUMBERS))
expressions = st.recursive(
    st.one_of(st.sampled_from(["x", "y"]), constants),
    lambda parts: st.one_of(
        st.tuples(st.sampled_from(BINARY), parts, parts),
        st.tuples(st.sampled_from(UNARY), parts),
        st.tuples(st.just(choose), constants, parts, parts),
    ),
    max_leaves=7,
)


def value_of(expression, x, y):
    """The expression on arguments; constants are made like one of them, so that the graph holds
    them as broadcast numbers.
    """
    if isinstance(expression, str):
        return x if expression == "x" else y
    if not callable(expression[0]):
        return np.full_like(x, expression[1], shape=expression[0])
    function, *parts = expression
    return function(*[value_of(part, x, y) for part in parts])


def check(function, x, y) -> None:
    """The optimised graph gives what the traced one gives."""
    graph = irgrad.trace(function, *[irgrad.spec(str(type_of(array))) for array in (x, y)])
    with np.errstate(all="ignore"):
        before, after = evaluate(graph, [x, y]), evaluate(optimise(graph), [x, y])
    for old, new in zip(before, after, strict=True):
        assert type_of(old) == type_of(new)
        np.testing.assert_allclose(new, old, rtol=1e-12)


@settings(deadline=None)  # a busy machine compiles slowly
@given(expressions, st.sampled_from(SHAPES), st.sampled_from(SHAPES))
def test_dtype_shape_and_value_are_kept(expression, x_shape, y_shape) -> None:
    x, y = np.full(x_shape, 1.25), np.full(y_shape, 0.75)
    try:
        with np.errstate(all="ignore"):
            value_of(expression, x, y)
    except ValueError:  # shapes that do not broadcast
        return
    check(lambda x, y: value_of(expression, x, y), x, y)


WRAPPED = {
    "plain": lambda op, c, y: op(c, y),
    "negative operand": lambda op, c, y: op(c, -y),
    "negative result": lambda op, c, y: -op(c, y),
    "negative constant": lambda op, c, y: op(-c, y),
}


@pytest.mark.parametrize("wrapped", WRAPPED.values(), ids=WRAPPED)
@pytest.mark.parametrize("op", BINARY, ids=lambda op: op.__name__)
def test_each_operation_with_a_constant_of_another_shape(op, wrapped) -> None:
    for number, shape, y_shape, flipped in itertools.product(
        [0.0, 1.0, -1.0, 2.0, 2.5], [(1,), (1, 1), (3,)], [(), (1,), (3,)], [False, True]
    ):

        def function(x, y, number=number, shape=shape, flipped=flipped):
            c = np.full_like(x, number, shape=shape)
            return wrapped((lambda a, b: op(b, a)) if flipped else op, c, y)

        check(function, np.ones(()), np.full(y_shape, 0.75))
