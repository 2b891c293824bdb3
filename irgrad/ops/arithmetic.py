"""Arithmetic ufuncs. Ties of maximum and minimum go to the first operand; abs has derivative 0 at
0.
"""

from __future__ import annotations

import numpy as np

from irgrad.ops.base import elementwise

ADD = elementwise("add", np.add, 1, 1)
SUBTRACT = elementwise("subtract", np.subtract, 1, -1)
MULTIPLY = elementwise("multiply", np.multiply, lambda x, y, p: y, lambda x, y, p: x)
DIVIDE = elementwise("divide", np.divide, lambda x, y, q: 1 / y, lambda x, y, q: -q / y)
NEGATIVE = elementwise("negative", np.negative, -1)
SQUARE = elementwise("square", np.square, lambda x, y: 2 * x)
POWER = elementwise(
    "power",
    np.power,
    lambda x, p, y: p * x ** np.where(p == 0, 0, p - 1),
    lambda x, p, y: y * np.log(np.where(x == 0, 1, x)),
)
EXP = elementwise("exp", np.exp, lambda x, y: y)
LOG = elementwise("log", np.log, lambda x, y: 1 / x)
SIN = elementwise("sin", np.sin, lambda x, y: np.cos(x))
COS = elementwise("cos", np.cos, lambda x, y: -np.sin(x))
TANH = elementwise("tanh", np.tanh, lambda x, y: 1 - y * y)
SQRT = elementwise("sqrt", np.sqrt, lambda x, y: 0.5 / y)

EQUAL = elementwise("equal", np.equal, None, None)
NOT_EQUAL = elementwise("not_equal", np.not_equal, None, None)
LESS = elementwise("less", np.less, None, None)
LESS_EQUAL = elementwise("less_equal", np.less_equal, None, None)
GREATER = elementwise("greater", np.greater, None, None)
GREATER_EQUAL = elementwise("greater_equal", np.greater_equal, None, None)
