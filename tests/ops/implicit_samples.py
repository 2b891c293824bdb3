"""Samples of roots, minima and linear maps: equations that have one solution for any parameters."""

from __future__ import annotations

import numpy as np

import irgrad
from irgrad.autodiff.implicit import Regions
from irgrad.ir.graph import Graph
from irgrad.runtime.implicit import _of_one
from tests.ops.samples import draw, sampled

A, B, START = draw((3,)), draw((3,), seed=1), np.zeros(3)


def region(function: object, *examples: object) -> Graph:
    return irgrad.trace(function, *examples)


sampled(
    "solve_root",
    START,
    A,
    B,
    residual=region(lambda x, a, b: x + 0.5 * np.sin(x[::-1] * b) - a * b, START, A, B),
    solver="hybr",
)
OBJECTIVE = region(
    lambda x, a: np.sum(np.cosh(x) - 0.1 * x * x[::-1]) - np.sum(np.tanh(a) * x), START, A
)
sampled(
    "solve_minimum",
    START,
    A,
    objective=OBJECTIVE,
    residual=_of_one(Regions().cotangent(OBJECTIVE, (0,)), np.float64),
    solver="trust-exact",
)
for solver in ("direct", "gmres"):
    sampled(
        "solve_linear",
        A,
        B,
        product=region(lambda x, b: (2 + b * b) * x + 0.3 * b * x[::-1], A, B),
        solver=solver,
    )
