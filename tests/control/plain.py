"""What the control-flow functions mean, in plain Python on arrays."""

from __future__ import annotations

from typing import Any

import numpy as np

from irgrad.frontend.pytree import flatten, unflatten


def scan(
    f: Any, init: Any, xs: Any = None, length: int | None = None, reverse: bool = False
) -> Any:
    leaves, tree = flatten(xs)
    steps = length if length is not None else len(next(x for x in leaves if x is not None))
    carry, rows = init, [None] * steps
    for i in reversed(range(steps)) if reverse else range(steps):
        carry, rows[i] = f(carry, unflatten(tree, [None if x is None else x[i] for x in leaves]))
    columns = zip(*(flatten(row)[0] for row in rows), strict=True)
    stacked = [None if column[0] is None else np.stack(column) for column in columns]
    return carry, unflatten(flatten(rows[0])[1], stacked)


def fori_loop(lower: Any, upper: Any, body: Any, init: Any) -> Any:
    for i in range(int(lower), int(upper)):
        init = body(i, init)
    return init


def while_loop(condition: Any, body: Any, init: Any) -> Any:
    while condition(init):
        init = body(init)
    return init


def cond(pred: Any, true_fun: Any, false_fun: Any, *operands: Any) -> Any:
    return (true_fun if pred else false_fun)(*operands)


def switch(index: Any, branches: Any, *operands: Any) -> Any:
    return branches[min(max(int(index), 0), len(branches) - 1)](*operands)


def map(f: Any, xs: Any) -> Any:
    return scan(lambda carry, x: (carry, f(x)), None, xs)[1]
