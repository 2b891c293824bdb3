"""The passes keep dtype, shape and value where constants and operands broadcast, extents of 1
included.
"""

from __future__ import annotations

import numpy as np
from hypothesis import given
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


@given(expressions, st.sampled_from(SHAPES), st.sampled_from(SHAPES))
def test_dtype_shape_and_value_are_kept(expression, x_shape, y_shape) -> None:
    x, y = np.full(x_shape, 1.25), np.full(y_shape, 0.75)
    try:
        with np.errstate(all="ignore"):
            value_of(expression, x, y)
    except ValueError:  # shapes that do not broadcast
        return
    types = [irgrad.spec(str(type_of(array))) for array in (x, y)]
    graph = irgrad.trace(lambda x, y: value_of(expression, x, y), *types)
    small = optimise(graph)
    arrays = [x, y]
    with np.errstate(all="ignore"):
        for before, after in zip(evaluate(graph, arrays), evaluate(small, arrays), strict=True):
            assert type_of(before) == type_of(after)
            np.testing.assert_allclose(after, before, rtol=1e-12)
