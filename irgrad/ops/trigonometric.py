"""Circular and hyperbolic functions and their inverses."""

from __future__ import annotations

import math

import numpy as np

from irgrad.ops.elementwise import elementwise, registered
from irgrad.ops.ratio import Steep, ratio

DEGREE = math.pi / 180

SIN = elementwise("sin", np.sin, lambda x, y: np.cos(x))
COS = elementwise("cos", np.cos, lambda x, y: -np.sin(x))
TAN = elementwise("tan", np.tan, lambda x, y: 1 + y * y)
ARCSIN = registered(Steep("arcsin", np.arcsin, lambda x, y: ratio(1, np.sqrt(1 - x * x))))
ARCCOS = registered(Steep("arccos", np.arccos, lambda x, y: ratio(-1, np.sqrt(1 - x * x))))
ARCTAN = elementwise("arctan", np.arctan, lambda x, y: 1 / (1 + x * x))
ARCTAN2 = elementwise(
    "arctan2",
    np.arctan2,
    lambda y, x, angle: x / np.hypot(x, y) / np.hypot(x, y),
    lambda y, x, angle: -y / np.hypot(x, y) / np.hypot(x, y),
)
SINH = elementwise("sinh", np.sinh, lambda x, y: np.cosh(x))
COSH = elementwise("cosh", np.cosh, lambda x, y: np.sinh(x))
TANH = elementwise("tanh", np.tanh, lambda x, y: 1 - y * y)
ARCSINH = elementwise("arcsinh", np.arcsinh, lambda x, y: 1 / np.sqrt(1 + x * x))
ARCCOSH = registered(
    Steep("arccosh", np.arccosh, lambda x, y: ratio(ratio(1, np.sqrt(x - 1)), np.sqrt(x + 1)))
)
ARCTANH = elementwise("arctanh", np.arctanh, lambda x, y: 1 / (1 - x * x))
DEG2RAD = elementwise("deg2rad", np.deg2rad, lambda x, y: np.full_like(x, DEGREE))
RAD2DEG = elementwise("rad2deg", np.rad2deg, lambda x, y: np.full_like(x, 1 / DEGREE))
RADIANS = elementwise("radians", np.radians, lambda x, y: np.full_like(x, DEGREE))
DEGREES = elementwise("degrees", np.degrees, lambda x, y: np.full_like(x, 1 / DEGREE))
