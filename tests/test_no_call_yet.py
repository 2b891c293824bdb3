"""What a compiled function tells of a program, before a call has made one, and after several."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import irgrad
from irgrad.errors import ArgumentError

ASKED: dict[str, Callable[[Any], Any]] = {
    "kernels": lambda f: f.kernels(),
    "llvm": lambda f: f.llvm(),
    "asm": lambda f: f.asm(),
    "memory": lambda f: f.memory(),
    "njit": lambda f: f.njit(),
    "export": lambda f: f.export(None),
}


def area(width: Any, height: Any) -> Any:
    return np.sum(width * height)


@pytest.mark.parametrize("target", [area, "sum(width * height)", irgrad.grad(area)])
@pytest.mark.parametrize("name", ASKED)
def test_a_program_is_asked_for(name: str, target: Any) -> None:
    compiled = irgrad.compile(target, backend="numba")
    with pytest.raises(ArgumentError, match=r"no program has been made.*\n.*irgrad\.spec"):
        ASKED[name](compiled)
    compiled(1.0, 2.0)
    assert ASKED[name](compiled) is not None
    compiled(np.ones(2), 2.0)
    with pytest.raises(ArgumentError, match="2 programs have been made"):
        ASKED[name](compiled)


def test_without_parameters_nothing_is_asked_for() -> None:
    assert irgrad.compile(lambda: np.ones(3), backend="numba").memory().results == 24


def test_builtins_without_a_signature() -> None:
    with pytest.raises(ArgumentError, match="no program has been made"):
        irgrad.compile(max, backend="numba").kernels()
