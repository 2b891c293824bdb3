"""`compiled(x, out=...)`: results that go into arrays which are there already.

Each array must have just the dtype and shape of its result, be writeable, and share no memory with
another one. It may share memory with arguments: they are read before it is written."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from irgrad.errors import ArgumentError, DTypeError, IrgradError, ReadOnly, ShapeError, with_article
from irgrad.frontend.lower import Lowered
from irgrad.frontend.out import check_out
from irgrad.frontend.pytree import LEAF, flatten, subtrees, written_path
from irgrad.ir.builder import Traced
from irgrad.ir.op import Array
from irgrad.ir.types import ArrayType, check_plain
from irgrad.runtime.target import innermost_function

WORK = 10_000
"""What may be spent on the question whether two arrays share memory; then they count as if."""


def has_own_out(target: Callable[..., Any]) -> bool:
    """Whether `out` is an argument of the function itself, which keeps its meaning."""
    try:
        parameters = inspect.signature(innermost_function(target)).parameters.values()
    except (TypeError, ValueError):
        return False
    return any(p.name == "out" or p.kind is p.VAR_KEYWORD for p in parameters)


def arrays_of(out: Any, lowered: Lowered) -> list[Array]:
    """The arrays of `out`, one for each output of the graph, checked."""
    leaves = _leaves(out, lowered)
    places: list[str] = [
        written_path(lowered.result_tree, k, "out") for k in range(len(lowered.statics))
    ]
    wanted = iter(lowered.graph.output_types)
    arrays: list[Array] = []
    for place, leaf, static in zip(places, leaves, lowered.statics, strict=True):
        if static is None:
            arrays.append(_checked(place, leaf, next(wanted)))
        elif leaf is not None:
            raise ArgumentError(
                f"{place}: the result is {static.value!r}, no array", hint="write None in its place"
            )
    names = [p for p, static in zip(places, lowered.statics, strict=True) if static is None]
    for k, array in enumerate(arrays):
        for other in range(k):
            if share_memory(array, arrays[other]):
                raise ArgumentError(
                    f"{names[other]} and {names[k]} share memory", hint="pass arrays of their own"
                )
    return arrays


def _leaves(out: Any, lowered: Lowered) -> list[Any]:
    try:
        return subtrees(lowered.result_tree, out)
    except ValueError:
        raise ArgumentError(
            f"out= has not the structure of the result: expected "
            f"{_written(lowered.result_tree)}, got {_written(flatten(out)[1])}",
            hint="pass arrays in the same tuples, lists and dicts as the function returns",
        ) from None


def _written(tree: Any) -> str:
    return str(tree).removeprefix("PyTreeSpec(").split(", NoneIsLeaf")[0]


def _checked(place: str, leaf: Any, type: ArrayType) -> Array:
    """An array that can take a result of `type`; `place` is how the user reaches it."""
    remedy = f"np.empty({type.shape}, np.{type.dtype.name}) fits"
    if not isinstance(leaf, np.ndarray):
        raise ArgumentError(
            f"{place} must be an array of {type}, got {with_article(leaf.__class__.__name__)}",
            hint=remedy,
        )
    check_plain(leaf.__class__)
    array: Array = leaf
    error: IrgradError | None = None
    if array.shape != type.shape:
        error = ShapeError(f"{place} has shape {array.shape}, the result {type.shape}", hint=remedy)
    elif array.dtype != type.dtype:
        error = DTypeError(f"{place} is of {array.dtype}, the result of {type.dtype}", hint=remedy)
    elif not array.flags.writeable:
        error = ReadOnly(f"{place} is read-only", hint=remedy)
    elif array.size and any(
        n > 1 and s == 0 for n, s in zip(array.shape, array.strides, strict=True)
    ):
        error = ArgumentError(f"{place} has several elements in one place", hint=remedy)
    if error is not None:
        raise error
    return array


def share_memory(x: Array, y: Array) -> bool:
    """Whether two arrays have an element in common, or it takes too long to know."""
    if not np.may_share_memory(x, y):
        return False
    try:
        limit: Any = WORK
        return np.shares_memory(x, y, max_work=limit)
    except np.exceptions.TooHardError:
        return True


def is_flat(lowered: Lowered) -> bool:
    """Whether the result is one array, or a tuple of arrays, and all arguments are traced leaves in
    order: then machine code can look at `out` by itself.
    """
    leaves = lowered.signature.leaves
    return (
        lowered.signature.tree == flatten((tuple(range(len(leaves))), {}))[1]
        and len(lowered.signature.traced) == len(leaves)
        and not any(lowered.statics)
        and lowered.result_tree in (LEAF, flatten(tuple(lowered.statics))[1])
    )


def is_traced(out: Any) -> bool:
    """Whether any of the arrays is under trace."""
    return any(isinstance(leaf, Traced) for leaf in flatten(out)[0])


def write_traced(name: str, out: Any, result: Any) -> Any:
    """Inside a trace: write a result into traced arrays -> `out`."""
    leaves, tree = flatten(out)
    for leaf in leaves:
        check_out(name, leaf)
    for leaf, value in zip(leaves, subtrees(tree, result), strict=True):
        leaf[...] = value
    return out


def copy_into(arrays: Sequence[Array], outputs: Sequence[Array]) -> None:
    """Write fresh results into the arrays of `out`."""
    for array, output in zip(arrays, outputs, strict=True):
        np.copyto(array, output)
