"""2 x is x + x where something else can be the product of a fused multiplication and addition."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import irgrad

AWKWARD = [0.0, -0.0, 1.0, -1.5, np.inf, -np.inf, np.nan, 5e-324, 1e150, -1e-310]
SUMS = [
    lambda x, y: 2 * x - y * y,
    lambda x, y: -2 * x + y * x,
    lambda x, y: y * x + x * 2,
    lambda x, y: x * y - -2 * y,
]
OTHERS = [
    lambda x, y: 2 * x - y,  # one operation as it is
    lambda x, y: 2 * x + 2 * y,
    lambda x, y: 3 * x - y * y,
]


def doublings(f: Any, *args: Any) -> int:
    """How many sums of one thing with itself are computed for a vector."""
    lines = [line for line in f.llvm(*args).splitlines() if "fadd" in line and "<" in line]
    operands = [line.split("> ")[-1].split(", ") for line in lines]
    return sum(x == y for x, y in operands)


@pytest.mark.parametrize("dtype", ["f8", "f4"])
@pytest.mark.parametrize("f", [*SUMS, *OTHERS])
def test_doubled_numbers_are_those_of_products(f: Any, dtype: str) -> None:
    with np.errstate(all="ignore"):
        x, y = (v.ravel().astype(dtype) for v in np.meshgrid(AWKWARD, AWKWARD))
        expected = f(x, y)
    compiled = irgrad.compile(f, backend="numba")
    np.testing.assert_allclose(compiled(x, y), expected, rtol=2 * np.finfo(dtype).eps)
    assert bool(doublings(compiled, x, y)) == (f in SUMS)
