"""What a program needs to be run: its arguments at two sizes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

Inputs = Callable[..., tuple[Any, ...]]


@dataclass(frozen=True)
class Case:
    """A program with the maker of its arguments, called with a generator and sizes; `lacks` says
    what keeps irgrad from taking it, if anything does.
    """

    kernel: Callable[..., Any]
    inputs: Inputs
    small: tuple[int, ...]
    large: tuple[int, ...]
    lacks: str = ""

    def arguments(self, sizes: tuple[int, ...]) -> tuple[Any, ...]:
        """The same numbers at each call, in new arrays."""
        return self.inputs(np.random.default_rng(0), *sizes)


CASES: dict[str, Case] = {}


def case(inputs: Inputs, *, small: tuple[int, ...], large: tuple[int, ...], lacks: str = "") -> Any:
    """Note a program down, and leave it as it is."""

    def note(kernel: Any) -> Any:
        CASES[kernel.__name__] = Case(kernel, inputs, small, large, lacks)
        return kernel

    return note
