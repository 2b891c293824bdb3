"""What a backend makes of a program beside the call from Python: how much memory it takes, and
functions for callers that are machine code themselves."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from irgrad.errors import ArgumentError, BackendError
from irgrad.frontend.pytree import flatten, unflatten
from irgrad.runtime.backend import MeasuredExecutable, Memory, default_backend
from irgrad.runtime.direct import is_template
from irgrad.runtime.nopython import spelled

if TYPE_CHECKING:
    from irgrad.runtime.program import Program


def memory(program: Program, backend: str | None) -> Memory:
    """Bytes of a call of a program."""
    executable: Any = program.executable
    known = isinstance(executable, MeasuredExecutable)
    scratch = executable.scratch_bytes() if known else None
    if scratch is None:
        name = backend or default_backend()
        raise BackendError(
            f"the memory that the backend '{name}' takes here is not known before it runs"
        )
    arguments, results = program.graph.input_types, program.graph.output_types
    return Memory(sum(t.nbytes for t in arguments), sum(t.nbytes for t in results), scratch)


def njit(program: Program, backend: str | None) -> Any:
    """A function for Numba's nopython mode."""
    executable = _having(program, "njit", backend)
    return executable.njit(spelled(program.lowered), program.lowered.captured)


def low_level_callable(program: Program, backend: str | None, caller: str) -> Any:
    """A `scipy.LowLevelCallable`."""
    form = "low_level_callable"
    _check_flat(program, form)
    executable = _having(program, form, backend)
    return executable.low_level_callable(program.lowered.captured, caller)


def _check_flat(program: Program, form: str) -> None:
    """Refuse a program of other arguments than traced leaves, or of other results than outputs and
    tuples of them.
    """
    lowered = program.lowered
    leaves = lowered.signature.leaves
    flat = lowered.signature.tree == flatten((tuple(range(len(leaves))), {}))[1]
    if not flat or len(lowered.signature.traced) != len(leaves):
        raise ArgumentError(f"{form} takes arrays and floats alone", hint="close over the rest")
    template = unflatten(lowered.result_tree, range(len(lowered.statics)))
    if any(lowered.statics) or not is_template(template):
        raise ArgumentError(f"{form} returns arrays, numbers and tuples of them alone")


def _having(program: Program, form: str, backend: str | None) -> Any:
    """What the backend makes of a program, where it has that form."""
    if not hasattr(program.executable, form):
        raise BackendError(
            f"the backend '{backend or default_backend()}' has no {form}",
            hint="compile with backend='numba'",
        )
    return program.executable
