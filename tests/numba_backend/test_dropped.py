"""What a program took is given back when it goes."""

from __future__ import annotations

import gc
import weakref

import numpy as np
from irgrad_numba.machine import Linkers, Loaded

import irgrad

X = np.ones(3)


def compiled(k: int):
    f = irgrad.compile(irgrad.grad(lambda x: np.sum(x * float(k))), backend="numba")
    assert f(X)[0] == k
    return f


def count(*names: str) -> int:
    gc.collect()
    return sum(type(thing).__name__ in names for thing in gc.get_objects())


def test_linkers_go_with_their_programs() -> None:
    compiled(0)
    linkers = count("LLJIT")
    for k in range(5 * Linkers.PROGRAMS):
        compiled(k)
    assert count("LLJIT") <= linkers + 1


def test_a_linker_stays_while_one_of_its_programs_does() -> None:
    compiled(0)
    before = count("LLJIT")
    kept = [compiled(k) for k in range(3 * Linkers.PROGRAMS) if k % Linkers.PROGRAMS == 0]
    for k in range(3 * Linkers.PROGRAMS):
        compiled(k)
    gc.collect()
    for k, f in zip(range(0, 3 * Linkers.PROGRAMS, Linkers.PROGRAMS), kept, strict=True):
        assert f(X)[0] == k  # its code is there
    del kept, f
    compiled(0)
    assert count("LLJIT") <= before + 1


def test_code_and_state_go() -> None:
    compiled(0)
    before = {id(thing) for thing in gc.get_objects() if type(thing) is Loaded}
    f = compiled(1)
    code = [
        weakref.ref(thing)
        for thing in gc.get_objects()
        if type(thing) is Loaded and id(thing) not in before
    ]
    assert code
    del f
    gc.collect()
    assert [reference() for reference in code] == [None] * len(code)


def test_programs_leave_no_objects() -> None:
    for k in range(20):
        compiled(k)
    kinds = ("Program", "Entry", "Loaded", "Compiled", "Graph", "Node", "State")
    before = count(*kinds)
    for k in range(20):
        compiled(k)
    assert count(*kinds) <= before + 5
