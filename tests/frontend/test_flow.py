"""Loops and branches of Python on traced values mean what they mean in Python."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import irgrad
from irgrad.errors import IrgradError
from tests.frontend.against_numpy import assert_same

POINTS = (0.5, 3.0, -1.5, 0.25)


def first_bound_in_branches(x: Any) -> Any:
    if x > 0:
        y = np.log(x)
        k = 1
    else:
        y, k = 0.0, 2
    return y * k


def early_returns(x: Any) -> Any:
    if x > 1:
        return x * 2
    if x > 0:
        return x + 1
    z = x * x
    if z > 2:
        z -= 1
        return z
    return -z


def arrays_in_branches(x: Any) -> Any:
    a = np.zeros(3)
    view = a[1:]
    if x > 0:
        a[0] = x
        view += 1
    else:
        view[:] = 2 * x
    if not (0 < x < 1 and x != 0.25):
        a[:2] += view
    return a, view


def expressions(x: Any) -> Any:
    y = x if x > 1 else -x
    both = x > 0 and x < 2
    either = x > 2 or x < 0
    return y, np.where(both, 1, 0), np.where(either, 1, 0), (1.0 if not x > 0 else x)


def operands_chosen(x: Any) -> Any:
    y = x or 3.0
    z = (x > 1 and x) or (x < 0 and -2 * x) or 5.0
    n = x > 0.4 and 7
    if (x - 0.4 and x + 1.4 and [x]) or (x > 9 and y):
        z += 1
    return y, z, n, (x and x + 1.4) * 2, 1.0 if x + 1.4 and y else z


def callee_with_branches(x: Any) -> Any:
    def clipped(v: Any) -> Any:
        if v > 1.1:
            return 1.1
        return v

    class Unit:
        def __init__(self) -> None:
            self.total = np.zeros(())

        def add(self, v: Any) -> None:
            self.total[...] += clipped(v)

    unit = Unit()
    for scale in (1, 2):
        unit.add(x * scale)
    return unit.total, [clipped(v) for v in (x, -x)][1]


def squares(x: Any) -> Any:
    x = abs(x) + 1.5
    n = 0
    while x < 100:
        x = x * x
        n += 1
    return x, n


def buffer_in_while(x: Any) -> Any:
    a = np.ones(4)
    view, steps = a[1:], 0
    while np.sum(a) < 50 and steps < 20:
        view *= 1.5
        a[0] += abs(x)
        steps += 1
    return a, view, steps


def long_range(x: Any) -> Any:
    a = np.zeros(100)
    total = 0
    for i in range(1, 100):
        t = np.sin(x * i)
        a[i] = a[i - 1] + t
        total += t
    return total, a, t, i


def long_reversed(x: Any) -> Any:
    a = np.ones((90, 2))
    for i in range(88, -1, -1):
        a[i] = a[i + 1] * 0.9
        a[i, 1] += x
    return a


def needs_its_index(x: Any) -> Any:
    a = np.zeros(80)
    rows = []
    for i in range(80):
        a[i] = np.sum(a[:i]) * 0.01 + x
        rows.append(a[i])
    return a, sum(rows)


def branch_in_loop(x: Any) -> Any:
    a = np.linspace(-1, 1, 100) + 0 * x
    count = 0
    for i in range(100):
        if a[i] < 0:
            a[i] = -a[i] * x
            count += 1
    return a, count


def jumps(x: Any) -> Any:
    s = 0.0
    for i in range(10):
        for j in range(i):
            if j == 3:
                continue
            if j > 5:
                break
            s += x * j
    else:
        s += 1
    while True:
        s *= 0.5
        if len(str(i)) == 1:
            break
    return s


def swapped(x: Any) -> Any:
    a, b = np.ones(4) * x, np.zeros(4)
    first = a
    for _ in range(70):
        b[1:-1] = 0.5 * (a[:-2] + a[2:])
        a, b = b, a
    return a, b, first


def mutated_argument(x: Any) -> Any:
    def relax(v: Any, n: int) -> None:
        for _ in range(n):
            v += 1
            v[0] *= 0.5

    v = np.zeros(3)
    relax(v, 70)
    relax(v, 2)
    return v * x


def deleted(x: Any) -> Any:
    if x > 0:
        temporary = x * 2
        y = temporary
        del temporary
    else:
        y = x
    return y


def unpacked(x: Any) -> Any:
    if x > 1:
        (a, *rest), c = [x, 1.0, 2.0], x
    else:
        (a, *rest), c = [1.0, x, x], 2.0
    a += c
    return a, *rest


def newton(x: Any) -> Any:
    y, error = abs(x) + 1.0, 1.0
    while error > 1e-12:
        new = 0.5 * (y + (abs(x) + 1.0) / y)
        error = abs(new - y)
        y = new
    return y


def view_written_in_one_branch(x: Any) -> Any:
    a = x * np.ones(4)
    b = a[:2]

    def total() -> Any:
        return np.sum(b) + x

    try:
        if x > 0.3:
            return total()
        b -= 0.1 * a[:2]
        a[1:] += x
        return total() + 1
    finally:
        b = a[2:]


def list_of_constants(x: Any) -> Any:
    items = []
    for v in (0.1, 0.2, 0.3) * 10:
        items.append(v)
        items.append(2 * v)
    return sum(items) * x, items[4] + x


FUNCTIONS = (
    view_written_in_one_branch, list_of_constants,
    first_bound_in_branches, early_returns, arrays_in_branches, expressions, operands_chosen,
    callee_with_branches, squares, buffer_in_while, long_range, long_reversed, needs_its_index,
    branch_in_loop, jumps, swapped, mutated_argument, deleted, unpacked, newton,
)  # fmt: skip


@pytest.mark.parametrize("function", FUNCTIONS, ids=lambda f: f.__name__)
def test_as_python_means_it(function: Any) -> None:
    with irgrad.use_backend("numpy"):
        compiled = irgrad.compile(function)
        for x in POINTS:
            wanted, got = function(x), compiled(x)
            for one, other in zip(np.atleast_1d(*_listed(wanted)), np.atleast_1d(*_listed(got)),
                                  strict=True):  # fmt: skip
                np.testing.assert_allclose(other, one, rtol=1e-12)


def _listed(result: Any) -> tuple[Any, ...]:
    listed = result if isinstance(result, tuple) else (result,)
    return listed if len(listed) > 1 else (*listed, 0.0)


@pytest.mark.parametrize("function", FUNCTIONS, ids=lambda f: f.__name__)
def test_derivatives(function: Any) -> None:
    def total(x: Any) -> Any:
        return sum([np.sum(part * 1.0) for part in _listed(function(x))])

    with irgrad.use_backend("numpy"):
        slope = irgrad.grad(total)
        for x in POINTS:
            difference = (total(x + 1e-6) - total(x - 1e-6)) / 2e-6
            np.testing.assert_allclose(slope(x), difference, rtol=1e-5, atol=1e-7)


def test_the_branch_not_taken_makes_no_nan() -> None:
    slope = irgrad.grad(first_bound_in_branches)
    assert slope(0.0) == 0.0
    assert slope(-1.0) == 0.0


def test_long_loops_are_loop_ops() -> None:
    names = [node.op.name for node in irgrad.trace(long_range, 0.5)]
    assert "loop" in names
    assert len(names) < 20
    compiled = irgrad.compile(long_range, unroll=100)
    assert "loop" not in [node.op.name for node in compiled.graph(0.5)]


def test_methods_compiled_in_two_ways_share_no_programs() -> None:
    def run(self: Any, x: Any) -> Any:
        for _ in range(80):
            x = 0.9 * x
        return x

    class Model:
        unrolled = irgrad.compile(run, unroll=100)
        looped = irgrad.compile(run)

    model = Model()
    assert_same(model.unrolled(1.0), model.looped(1.0))
    assert model.unrolled._programs is model.unrolled._programs
    assert model.unrolled._programs is not model.looped._programs
    assert model.looped.graph(1.0) != model.unrolled.graph(1.0)


def test_traced_bounds() -> None:
    def power(x: Any, n: Any) -> Any:
        y = 1.0
        for i in range(n):
            y = y * x + i
        return y

    compiled = irgrad.compile(power, backend="numpy")
    for n in (0, 1, 5):
        assert_same(compiled(2.0, np.int64(n)), np.float64(power(2.0, n)))
    slope = irgrad.grad(power)(2.0, np.int64(3))
    np.testing.assert_allclose(slope, (power(2.0 + 1e-6, 3) - power(2.0 - 1e-6, 3)) / 2e-6, 1e-6)


def differs(x: Any) -> Any:
    y = np.zeros(3) if x > 0 else np.zeros(2)
    return np.sum(y) * x


def grows(x: Any) -> Any:
    a = np.ones(2)
    while np.sum(a) < x:
        a = np.append(a, 1.0)
    return np.sum(a)


def unbound(x: Any) -> Any:
    if x > 0:
        y = x
    return y


REFUSALS = (
    (differs, ValueError, "differs between the branches"),
    (grows, ValueError, "changes its shape"),
    (unbound, NameError, "y"),
)


@pytest.mark.parametrize(("function", "kind", "match"), REFUSALS)
def test_refusals(function: Any, kind: Any, match: str) -> None:
    with pytest.raises(kind, match=match) as error:
        irgrad.trace(function, 0.5)
    if isinstance(error.value, IrgradError):
        assert "test_flow.py:" in str(error.value)
