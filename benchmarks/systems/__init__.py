"""The systems that are timed, one a file; importing the file imports the system.

A file defines `start(name) -> System`. `SYSTEMS` maps what the table calls a system to its file."""

from __future__ import annotations

import importlib
from collections.abc import Sequence
from typing import Any, Protocol

from benchmarks.workload import Arguments, Call, Workload

SYSTEMS = {
    "irgrad-numba": "irgrad",
    "irgrad-numpy": "irgrad",
    "jax": "jax",
    "torch": "torch",
    "torch-compile": "torch",
    "pytensor": "pytensor",
    "casadi": "casadi",
    "autograd": "autograd",
    "numpy": "by_hand",
    "numba": "by_hand",
}
# What keeps compiled programs on disk; for the others a second process is like the first.
CACHED = ("irgrad-numba", "jax", "torch-compile", "pytensor", "numba")
# Their function alone is not timed: to compile it would double the run.
SLOW_COMPILERS = ("torch-compile", "pytensor")
PEERS = ("jax", "torch", "torch-compile", "pytensor", "casadi", "autograd")


class System(Protocol):
    """Compiles workloads in one system's best ordinary idiom, in float64.

    Arguments are converted to the system's own arrays once, before the first call. A call returns
    when its results are there. It gives them in the system's own arrays."""

    version: str

    def gradient(self, work: Workload, arguments: Arguments, /) -> Call:
        """A call that gives the value and its gradients."""
        ...

    def function(self, work: Workload, arguments: Arguments, /) -> Call:
        """A call that gives the value alone."""
        ...

    def arrays(self, result: Any, /) -> Sequence[Any]:
        """What `gradient`'s call gave: the value, then one NumPy array a gradient."""
        ...


def start(name: str) -> System:
    """The system called `name`; ImportError where it is not installed."""
    return importlib.import_module(f"benchmarks.systems.{SYSTEMS[name]}").start(name)
