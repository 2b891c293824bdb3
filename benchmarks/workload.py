"""What a workload is: a program, its inputs, and what to hold it against.

Each file of `benchmarks/workloads` defines one as `WORKLOAD`; the name of the file is its name. It
imports nothing but NumPy, SciPy and `benchmarks.workload` at its top: a process has only one of the
peers in it, and may have none."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any

import numpy

Arguments = tuple[Any, ...]
Call = Callable[[], Any]

NAMES = (
    "abs", "concatenate", "copy", "cos", "einsum", "exp", "log", "max", "mean", "min",
    "ones_like", "roll", "sin", "sqrt", "stack", "sum", "tanh", "where", "zeros",
)  # fmt: skip


def namespace(module: Any, **others: Any) -> Any:
    """What a program's first argument `np` offers: `NAMES` of `module`; `length(x)`, the extent of
    the first axis as an int; and by keyword what each system calls by another name: erf, logaddexp,
    logsumexp, relu, sigmoid.

    >>> namespace(numpy, erf=abs).erf(-1)
    1
    """
    found = {name: getattr(module, name) for name in NAMES if hasattr(module, name)}
    return SimpleNamespace(**{"length": lambda x: x.shape[0], **found, **others})


@dataclass(frozen=True)
class Size:
    """One row of the table: parameters of `make`, and what irgrad's Numba backend aims at there.

    `ahead` maps a system to how many times its time must be irgrad's; "best peer" is the fastest of
    them. `within` maps a limit, "numba" (loops by hand) or "function" (irgrad's own time for the
    value alone) to how many times that irgrad may take. `seconds` bounds a call by itself.
    `first_ahead` maps a system to how many times its time to the first result must be irgrad's;
    where `only_first_result`, nothing else is timed."""

    label: str
    parameters: tuple[Any, ...]
    ahead: Mapping[str, float] = field(default_factory=dict)
    within: Mapping[str, float] = field(default_factory=dict)
    seconds: float | None = None
    first_ahead: Mapping[str, float] = field(default_factory=lambda: {"jax": 1.0})
    quick: bool = False
    only_first_result: bool = False


@dataclass(frozen=True)
class Workload:
    """A scalar program and its gradient, or what else `calls` compute of a program.

    `function(np, *arguments)` is generic over the namespace of arrays; arguments are arrays first,
    then whatever is static. `variants` maps a system to
    the same function in that system's own idiom, or to the reason why there is none. `gradient`
    is written by hand in NumPy and gives (value, one gradient for each of `argnums`); where it is
    missing, results are held against a difference quotient. `loops()` compiles the same by hand
    with Numba, `primal()` the function alone, and `limits(*arguments)` gives named calls that move
    the same bytes or multiply the same matrices and do nothing else, the aim first.

    Where something else than value and gradient is asked for (a sparse Jacobian, a gradient in
    little memory), `calls` maps a system to a function of (np, *arguments) that compiles it and
    gives a call; the call returns an array and a sequence of others, and `gradient` by hand the
    same arrays. Systems that are missing there have none."""

    function: Callable[..., Any]
    make: Callable[..., Arguments]
    sizes: Sequence[Size]
    tiny: tuple[Any, ...]
    argnums: tuple[int, ...] = (0,)
    gradient: Callable[..., Sequence[Any]] | None = None
    loops: Callable[[], Callable[..., Sequence[Any]]] | None = None
    primal: Callable[[], Callable[..., Any]] | None = None
    limits: Callable[..., Mapping[str, Call]] | None = None
    variants: Mapping[str, Callable[..., Any] | str] = field(default_factory=dict)
    calls: Mapping[str, Callable[..., Call]] = field(default_factory=dict)

    def size(self, label: str) -> Size:
        """The size called `label`."""
        return next(size for size in self.sizes if size.label == label)

    def program(self, system: str, np: Any, arguments: Arguments) -> Callable[..., Any]:
        """The function of the arrays among `arguments`, as `system` likes it; `NoProgram` where the
        workload says that there is none.
        """
        found = self.variants.get(system, self.function)
        if isinstance(found, str):
            raise NoProgram(found)
        static = arguments[len(arrays(arguments)) :]
        return lambda *dynamic: found(np, *dynamic, *static)

    def call(self, system: str, np: Any, arguments: Arguments) -> Call:
        """The call of `system` where `calls` say what is computed; `NoProgram` without one."""
        if system not in self.calls:
            raise NoProgram("no port")
        return self.calls[system](np, *arguments)


class NoProgram(Exception):
    """A workload has no program for a system; the message says why."""


def no_assignment(*able: str) -> dict[str, str]:
    """Why most systems have no program that assigns to parts of arrays; `able` are those that do.

    PyTorch's tape breaks where a value that it has kept is assigned to."""
    unable = ("autograd", "casadi", "pytensor", "torch", "torch-compile")
    return {name: "no port: it assigns in place" for name in unable if name not in able}


def arrays(arguments: Arguments) -> Arguments:
    """The arrays among the arguments."""
    return tuple(a for a in arguments if isinstance(a, numpy.ndarray))


def load(name: str) -> Workload:
    """The workload in the file called `name`, or the loop program."""
    programs = importlib.import_module("benchmarks.loops").PROGRAMS
    if name in programs:
        return programs[name]
    return importlib.import_module(f"benchmarks.workloads.{name}").WORKLOAD


def names() -> list[str]:
    """The names of all workloads, those without loops first, in the order of the table."""
    package = importlib.import_module("benchmarks.workloads")
    found = {module.name for module in pkgutil.iter_modules(package.__path__)}
    order = [name for name in package.ORDER if name in found]
    return order + sorted(found - set(order))
