"""Lists, dicts and objects of which only the running program knows which one a name has: what is in
them, and that nobody reads one where another that it may be has been written to."""

from __future__ import annotations

import copy
import itertools
from typing import Any

import numpy as np
import pytest

import irgrad
from irgrad.errors import TraceError
from tests.frontend.against_python import check_like_python

POINTS = (-0.512, 0.487)
KEEP, REBIND, WRITE, NESTED = "keep", "rebind", "write", "nested"


class Held:
    def __init__(self, v: Any, w: Any) -> None:
        self.v, self.w = v, w

    def double(self) -> None:
        self.v = self.v * 2


def change_list(how: str, items: Any, x: Any) -> Any:
    if how == REBIND:
        return [items[1] + x, items[0]]
    if how == WRITE:
        items[0] = 3 * items[0] + x
    if how == NESTED:
        if x < 0.2:
            items = [items[1], items[0] * x]
        else:
            items[1] = x
    return items


def change_dict(how: str, items: Any, x: Any) -> Any:
    if how == REBIND:
        return {"a": items["b"] + x, "b": items["a"]}
    if how == WRITE:
        items.update(a=3 * items["a"] + x)
    if how == NESTED:
        if x < 0.2:
            items = {"a": items["b"], "b": items["a"] * x}
        else:
            items["b"] = x
    return items


def change_object(how: str, item: Any, x: Any) -> Any:
    if how == REBIND:
        return Held(item.w + x, item.v)
    if how == WRITE:
        item.double()
    if how == NESTED:
        if x < 0.2:
            item = Held(item.w, item.v * x)
        else:
            item.w = x
    return item


def seen(item: Any) -> Any:
    return (item.v, item.w) if isinstance(item, Held) else item


def write(item: Any) -> None:
    if isinstance(item, list):
        item[0] = 7.0
    elif isinstance(item, dict):
        item["a"] = 7.0
    else:
        item.v = 7.0


STARTS: dict[str, Any] = {
    "list": ([1.0, 2.0], change_list),
    "dict": ({"a": 1.0, "b": 2.0}, change_dict),
    "object": (Held(1.0, 2.0), change_object),
}


@pytest.mark.parametrize("backend", ["numpy", "numba"])
@pytest.mark.parametrize("steps", [1, 3, 20])
@pytest.mark.parametrize("start", STARTS)
def test_branches_that_bind_and_write(start: str, steps: int, backend: str) -> None:
    """Each of two branches leaves a container alone, writes to it or binds another one."""
    first, change = STARTS[start]
    pairs = itertools.permutations if steps == 1 else itertools.combinations
    for then, other in pairs((KEEP, REBIND, WRITE, NESTED), 2):

        def program(x: Any, then: str = then, other: str = other) -> Any:
            item = copy.deepcopy(first)
            for i in range(steps):
                if x < 0.3 * (i % 3):
                    item = change(then, item, x)
                else:
                    item = change(other, item, x)
                x = x * 0.9
            return seen(item)

        if backend == "numpy":
            check_like_python(program, backend, POINTS)
        else:
            with irgrad.use_backend(backend):
                for x in POINTS:
                    wanted = np.hstack([*np.atleast_1d(_numbers(program(x)))])
                    found = np.hstack([*np.atleast_1d(_numbers(irgrad.compile(program)(x)))])
                    np.testing.assert_allclose(found, wanted, rtol=1e-12)


def _numbers(result: Any) -> list[Any]:
    return list(result.values() if isinstance(result, dict) else result)


@pytest.mark.parametrize("start", STARTS)
@pytest.mark.parametrize("through", ["new", "old"])
@pytest.mark.parametrize("how", ["if", "else", "for", "while", "both", "inside"])
def test_a_second_name_of_what_is_written_to(start: str, through: str, how: str) -> None:
    """A write through one name would have to be seen through the other in some runs only."""
    first, change = STARTS[start]

    def program(x: Any) -> Any:
        old = new = copy.deepcopy(first)
        if how == "if":
            new = change(REBIND, old, x) if x < 0 else old
        if how == "else":
            if x < 0:
                pass
            else:
                new = change(REBIND, old, x)
        if how == "for":
            for i in range(20):
                if x < i:
                    new = change(REBIND, new, x)
        if how == "while":
            while x < 0:
                new = change(REBIND, new, x)
                x = x + 1
        if how == "both":
            for _ in range(20):
                old = new = change(REBIND, new, x)
        if how == "inside":
            old, new = [old], [new]
            if x < 0:
                new = [change(REBIND, new[0], x)]
            old, new = old[0], new[0]
        write(new if through == "new" else old)
        return seen(new), seen(old)

    with pytest.raises(TraceError, match="may be one that has been written to") as error:
        irgrad.compile(program, unroll=4)(0.5)
    assert "copy" in str(error.value)
    assert "test_choices.py" in str(error.value)


def test_one_that_nobody_else_names_is_written_to() -> None:
    def reset(state: Any, x: Any) -> Any:
        if x < 0:
            state = [0.0 * x, 1.0]
        state[0] += x
        return state

    def program(x: Any) -> Any:
        state, best = [1.0, 2.0], [0.0, 0.0]
        for _ in range(30):
            state = reset(state, x)
            if state[0] > best[0]:
                best = state.copy()
            x = x + 0.1
        return state, best

    check_like_python(program, "numpy", POINTS, second=True)


def test_a_list_of_an_inner_function_is_no_table() -> None:
    def program(x: Any) -> Any:
        items = [1.0, 2.0]

        def swap() -> None:
            nonlocal items
            items = [x, 2 * x]

        if x < 0:
            items[1] = 9.0
        else:
            swap()
        return items

    check_like_python(program, "numpy", POINTS)


def of_rows(how: str, x: Any) -> Any:
    """Lists that become rows of a table in one branch or step."""
    S, T, table = [x, 1.0], [0.5, 2 * x], [[x, 3.0], [2.0, x]]
    if how == "exchanged":
        table = [S, T]
        if x < 0:
            return S, T, table
        table[0], table[1] = table[1], table[0]
        S[0] += x
        T, S = S, T
        return S, T, table
    if how == "read":
        if x < 0:
            T[0] = x
        else:
            table[0] = S
        T[1] = table[0][1] * table[1][0]
    if how == "written in a branch":
        if x < 0:
            T[0] = x
        else:
            table[0] = S
        table[0][0] = table[1][1] * 0.3
    if how == "written in a step":
        for i in range(20):
            table[1][0] = np.sin(x)
            if x < 0.1 * i:
                table[1] = S
    return S, T, table


@pytest.mark.parametrize("backend", ["numpy", "numba"])
@pytest.mark.parametrize("how", ["exchanged", "read", "written in a branch", "written in a step"])
def test_rows_that_are_lists_of_their_own(how: str, backend: str) -> None:
    if not how.startswith("written"):
        check_like_python(lambda x: of_rows(how, x), backend, POINTS)
        return
    with pytest.raises(TraceError, match="may be one that has been written to"):
        irgrad.compile(lambda x: of_rows(how, x), backend=backend)(0.5)


@pytest.mark.parametrize("backend", ["numpy", "numba"])
@pytest.mark.parametrize("kind", ["for", "while"])
def test_what_is_from_outside_is_returned_from_a_loop(kind: str, backend: str) -> None:
    """Arrays, views of them, lists and what is no number, beside numbers."""

    def counting(x: Any) -> Any:
        S, A = [x, 1.0], np.array([x, 2.0, x])
        B = A[1:]
        for i in range(20):
            if x + i * 0.1 > 0:
                return x * i, S, {"a": A}, B, None, i
            A[0] += x
            S[1] *= x
        return x, S, {"a": A}, B, None, 20

    def waiting(x: Any) -> Any:
        S, A = [x, 1.0], np.array([x, 2.0, x])
        B, k = A[1:], 0
        while x < 3:
            A[1:] += x
            S[0] = S[0] + A[1]
            x, k = x + 0.3, k + 1
            if A[1] > 2.5:
                return x, S, {"a": A}, B, None, k
        return x, S, {"a": A}, B, None, k

    check_like_python(counting if kind == "for" else waiting, backend, (-0.512, 0.487))


def test_an_array_that_a_loop_returns_is_written_to() -> None:
    def find(A: Any, x: Any) -> Any:
        while x < 3:
            x = x + 0.5
            if x > 1:
                return A
        return A

    def program(x: Any) -> Any:
        A = np.array([x, 1.0, 2.0])
        B, C = find(A, x), find(2 * A, x)
        B[0] = 5 * x
        C[1] = x
        return A, B, C

    check_like_python(program, "numpy", POINTS)
