"""Arrays with several names: chosen by a branch, exchanged by a loop, named twice after a step,
left behind by the name that wrote to them. Each means what it means in Python, or is refused."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import irgrad
from irgrad.errors import TraceError

POINTS = (7.05, 2.05, 0.55, -1.05)


def written_in_one_of_two(x: Any) -> Any:
    A = np.zeros(3)
    B = np.ones(3)
    if x > 0:
        v = A
    else:
        v = B
    v[0] = x
    return A, B


def chosen_and_read_later(x: Any) -> Any:
    A = np.zeros(3)
    B = np.ones(3)
    v = A if x > 0 else B
    A[1] = 7 * x
    return v, A, B


def views_and_arrays_of_branches(x: Any) -> Any:
    A = np.zeros(3)
    B = np.ones(3)
    C = np.ones(3) * 3
    if x > 5:
        v = A
    elif x > 1:
        v = B[:]
    else:
        v = np.zeros(3)
    v[0] = x
    w = v[1:]
    A[1] = 5
    w[1] += x * 2
    if x > 0:
        v[1] += 100
        u = v
    else:
        u = C
    u += 10
    B[1] = -1
    return A, B, C, v, w, u


def picked_by_a_function(x: Any) -> Any:
    A = np.zeros(3)
    B = np.ones(3)

    def pick():
        if x > 1:
            return A
        return B

    v = pick()
    v[0] = x
    for _i in range(30):
        v[1] += x
        A[2] += 1
    return A, B, v


def exchange(x: Any) -> Any:
    a = np.ones(50) * x
    b = np.zeros(50)
    a[3] = 2 * x
    for t in range(1001):
        b[1:-1] = 0.3 * (a[:-2] + a[2:] + a[1:-1]) + t * 1e-5
        a, b = b, a
    return a, b


def exchange_of_three(x: Any) -> Any:
    a = np.ones(5) * x
    b = np.zeros(5)
    c = np.zeros(5)
    a0 = a
    for t in range(100):
        c[:] = 0.5 * a + 0.4 * b + t * 0.001
        a, b, c = b, c, a
    return a, b, c, a0


def exchange_in_a_list(x: Any) -> Any:
    u = [np.ones(5) * x, np.zeros(5)]
    for t in range(100):
        u[1][:] = 0.5 * u[0] + t * 0.001
        u[0], u[1] = u[1], u[0]
    return u


def exchange_while(x: Any) -> Any:
    a = np.ones(3) * x
    b = np.zeros(3)
    A = a
    n = 0
    while np.sum(a) > 1:
        b[:] = 0.5 * a
        b[0] += 0.01
        a, b = b, a
        n += 1
    b[1] = 17
    return a, b, A, n


def exchange_until_break(x: Any) -> Any:
    a = np.ones(3) * x
    b = np.zeros(3)
    A = a
    for t in range(100):
        b[:] = 0.5 * a + t * 0.001
        a, b = b, a
        if np.sum(a) < 1:
            break
    a[2] = 5
    return a, b, A


def exchange_of_unknown_count(x: Any) -> Any:
    a = np.ones(3) * x
    b = np.zeros(3)
    A = a
    for t in range(np.int64(np.floor(x * 5))):
        b[:] = 0.5 * a + t * 0.001
        a, b = b, a
    return a, b, A


def exchange_nested(x: Any) -> Any:
    a = np.ones(3) * x
    b = np.zeros(3)
    A = a
    for _s in range(50):
        for t in range(31):
            b[:] = 0.5 * a + t * 0.001
            a, b = b, a
        a[0] += 0.1
    return a, b, A


def exchange_under_a_condition(x: Any) -> Any:
    a = np.ones(6) * x
    b = np.zeros(6)
    for t in range(40):
        b[1:-1] = 0.5 * (a[:-2] + a[2:])
        if np.sum(b) > 0.05 * t:
            a, b = b, a
        a[0] = x + 0.5 * a[1]
    return a, b


def exchanges_that_unroll(x: Any) -> Any:
    pair = [np.ones(3) * x, np.arange(3.0)]
    first, part = pair[0], pair[1][1:]
    either = pair[0] if x > 1 else pair[1]
    for t in range(4):
        if pair[0][t % 3] > pair[1][1] - 0.1 * t:
            pair[0], pair[1] = pair[1], pair[0]
        pair[0][1] += 0.3 * x
        part[0] *= 1.1
    either[2] = 7 * x
    first[0] -= part[0]
    return *pair, first, part, either


def names_the_result_of_a_step(x: Any) -> Any:
    a = np.ones(3) * x
    c = a
    for _i in range(100):
        c[0] += 1
        a = a * 0.9
        c = a
    return a, c


def best_so_far(x: Any) -> Any:
    a = np.ones(3) * x
    best = a
    fb = 100.0
    for _i in range(100):
        a[0] -= 0.1 * (a[0] - 0.3)
        f = np.sum(a)
        if f < fb:
            best = a
            fb = f
    return a, best


def two_names_of_the_last(x: Any) -> Any:
    a = np.ones(3) * x
    c = a
    for _i in range(100):
        a = a * 0.9
        c = a
    c[0] = 5
    return a, c


def previous_of_a_loop(x: Any) -> Any:
    a = np.ones(3) * x
    p = a
    for _i in range(100):
        p = a
        a = a * 0.9 + p[::-1] * 0.05
    a[0] = 5
    return a, p


def best_of_a_while(x: Any) -> Any:
    a = np.ones(3) * x
    best = a.copy()
    fb = 100.0
    while np.sum(a) > 0.5:
        a = a * 0.9
        f = np.sum(a)
        if f < fb:
            best = a
            fb = f
    best[0] = 7
    return a, best


def row_of_the_last(x: Any) -> Any:
    a = np.ones((3, 3)) * x
    r = a[0, 1:]
    for _i in range(100):
        a = a * 0.9
        r = a[1, 1:]
    r[0] = 5
    a[1, 2] = 9
    return a, r


def row_of_the_last_while(x: Any) -> Any:
    a = np.ones((3, 3)) * x
    r = a[0, 1:]
    while np.sum(a) > 1:
        a = a * 0.9
        r = a[1, 1:]
    r[0] = 5
    a[1, 2] = 9
    return a, r


def left_behind_and_used(x: Any) -> Any:
    A = np.ones(3) * x
    a = A
    for _i in range(100):
        a[0] += 1
        a = a * 0.9
    return a, A


def left_behind(x: Any) -> Any:
    A = np.ones(3) * x
    a = A
    for _i in range(100):
        a[0] += 1
        a = a * 0.9
    return a


def left_behind_nested(x: Any) -> Any:
    a = np.ones(3) * x
    for _s in range(40):
        for _i in range(100):
            a[0] += 1
            a = a * 0.9
        a[1] += 1
    return a


def left_behind_nested_and_used(x: Any) -> Any:
    A = np.ones(3) * x
    a = A
    for _s in range(40):
        for _i in range(100):
            a[0] += 1
            a = a * 0.9
    return a, A


def left_behind_in_branches(x: Any) -> Any:
    a = np.ones(3) * x
    for _s in range(40):
        if np.sum(a) > 4:
            a = a * 0.9
        else:
            a[0] += 1.5
    return a


def chosen_in_a_branch(x: Any) -> Any:
    b = np.ones(4) * x
    if x > 0:
        t = np.zeros(4)
        v = t if x > 1 else b
        v[1] = x
    else:
        v = b * 3
    v[0] = x * 5
    return v, b


def read_in_one_branch_and_returned_in_the_other(x: Any) -> Any:
    a, c = np.ones(4) * x, np.zeros(4)
    for _ in range(2):
        b = a[:2]
        b += x
        if x > 3:
            return x + a[0]
        a, c = c, a
    return np.sum(a) + 0.3 * np.sum(c)


def made_in_a_branch_by_two_names(x: Any) -> Any:
    if x > 0:
        u = v = np.zeros(4)
    else:
        u, v = np.ones(4), np.ones(4)
    u[0] = x
    return u, v


def made_in_a_branch_with_a_view(x: Any) -> Any:
    b = np.ones(4) * x
    if x > 0:
        t = np.zeros(4)
        u = t[1:]
    else:
        t = b
        u = b[:-1]
    u[0] = x
    return t, u


def another_name_from_outside_after_a_while(x: Any) -> Any:
    a, c, m = np.ones(4) * x, np.zeros(4), 0
    while np.sum(a) < 9 and m < 4:
        m += 1
        c = a
    a[0] += x
    return c


def exchanged_often_with_a_third_name(x: Any, steps: int = 6) -> Any:
    a, b = np.array([x, 2.0, 0.5]), np.array([1.0, x, 0.25])
    first = a
    for k in range(steps):
        if a[0] > b[0]:
            other = a
            a = b
            b = other
        first[1] += 0.1 * k
        a[0] *= 1.3
    return a, b, first


PROGRAMS = (
    exchanged_often_with_a_third_name,
    written_in_one_of_two,
    chosen_and_read_later,
    views_and_arrays_of_branches,
    picked_by_a_function,
    exchange,
    exchange_of_three,
    exchange_in_a_list,
    exchange_while,
    exchange_until_break,
    exchange_of_unknown_count,
    exchange_nested,
    exchange_under_a_condition,
    exchanges_that_unroll,
    names_the_result_of_a_step,
    best_so_far,
    two_names_of_the_last,
    previous_of_a_loop,
    row_of_the_last,
    left_behind,
    left_behind_nested,
    left_behind_in_branches,
    chosen_in_a_branch,
    read_in_one_branch_and_returned_in_the_other,
)
REFUSED = (
    (best_of_a_while, "may be names of one array"),
    (row_of_the_last_while, "may be names of one array"),
    (left_behind_and_used, "used after a loop that wrote to it"),
    (left_behind_nested_and_used, "a name which then came to name another"),
    (made_in_a_branch_by_two_names, "names of one array"),
    (made_in_a_branch_with_a_view, "names of one array"),
    (another_name_from_outside_after_a_while, "another name of an array from outside"),
)


def _parts(result: Any) -> list[Any]:
    return list(result) if isinstance(result, (list, tuple)) else [result]


@pytest.mark.parametrize("backend", ["numpy", "numba"])
@pytest.mark.parametrize("program", PROGRAMS, ids=lambda program: program.__name__)
def test_as_in_python(program: Any, backend: str) -> None:
    def total(x: Any) -> Any:
        return sum([(k + 1) * np.sum(part * 1.0) for k, part in enumerate(_parts(program(x)))])

    with irgrad.use_backend(backend):
        compiled, slope = irgrad.compile(program), irgrad.grad(total)
        for x in POINTS:
            for found, wanted in zip(_parts(compiled(x)), _parts(program(x)), strict=True):
                np.testing.assert_allclose(found, wanted, rtol=1e-10, atol=1e-12)
            difference = (total(x + 1e-6) - total(x - 1e-6)) / 2e-6
            np.testing.assert_allclose(slope(x), difference, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize(("program", "match"), REFUSED)
def test_refused(program: Any, match: str) -> None:
    with pytest.raises(TraceError, match=match) as error:
        irgrad.trace(program, 2.0)
    assert "test_array_names.py:" in str(error.value)


def test_exchanges_add_to_the_graph_and_do_not_multiply_it() -> None:
    def size(steps: int) -> int:
        return len(irgrad.trace(lambda x: exchanged_often_with_a_third_name(x, steps), 0.5).nodes)

    assert size(14) < 20 * size(4)
