"""Straight-line programs of growing length, irregular on purpose: time to the first result alone.

A node is one operation of the function, not of its gradient. Each takes values among the last few,
and one in twenty reduces, so that no two stretches compile to the same kernel."""

from __future__ import annotations

from typing import Any

import numpy as np

from benchmarks.workload import Arguments, Size, Workload

WINDOW = 5


def function(np: Any, x: Any, ops: Any) -> Any:
    """Run the list of (operation, operands)."""
    values = [x + float(i) for i in range(WINDOW)]
    for kind, i, j in ops:
        a, b = values[i], values[j]
        if kind == 0:
            new = np.sin(a)
        elif kind == 1:
            new = np.tanh(b)
        elif kind == 2:
            new = a * 0.9
        elif kind == 3:
            new = a + b
        elif kind == 4:
            new = np.sin(a) * b
        else:
            new = a * np.mean(b)
        values = [*values[1:], new]
    return np.sum(values[-1])


def program(nodes: int) -> tuple[tuple[int, int, int], ...]:
    """`nodes` operations, the last ones bounded so that no value runs away."""
    rng = np.random.default_rng(0)
    kinds = np.where(rng.random(nodes) < 0.05, 5, rng.integers(0, 5, nodes))
    kinds[::4] = 1
    operands = rng.integers(0, WINDOW, (nodes, 2))
    return tuple((int(k), int(i), int(j)) for k, (i, j) in zip(kinds, operands, strict=True))


def make(nodes: int) -> Arguments:
    """An array of 100, and the program as static ints."""
    return np.random.default_rng(0).standard_normal(100), program(nodes)


SIZES = (100, 300, 1000, 3000, 10_000, 20_000)
WORKLOAD = Workload(
    function,
    make,
    sizes=[
        Size(f"{n:,} nodes", (n,), first_ahead={}, quick=n <= 300, only_first_result=True)
        for n in SIZES
    ],
    tiny=(20,),
)
