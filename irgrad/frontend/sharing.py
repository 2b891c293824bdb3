"""Which results share memory with their operands in NumPy.

Ops that may be views mark their operand and their result as sharing (`Builder.viewed`), and an
in-place operator refuses such a value. A function whose result is a copy in NumPy, though views
make it up here, takes the marks back."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable, Iterator
from typing import Any, TypeVar

from irgrad.ir.builder import Traced
from irgrad.ops.base import bind
from irgrad.ops.cast import Astype

F = TypeVar("F", bound=Callable[..., Any])


def copies(function: F) -> F:
    """Decorator: the result (or each of a list or tuple) shares no memory with operands."""

    @functools.wraps(function)
    def wrapper(*args: Any, **kwargs: Any) -> Any:
        operands = list(traced_in((*args, *kwargs.values())))
        unshared = [x for x in operands if x.value not in x.builder.viewed]
        result = function(*args, **kwargs)
        for operand in unshared:
            operand.builder.viewed.discard(operand.value)
        return _fresh(result, {operand.value for operand in operands})

    return wrapper  # pyright: ignore[reportReturnType]


def copied(x: Any) -> Any:
    """A copy of a traced array: the same numbers, another value."""
    return bind(Astype(x.dtype), x)


def traced_in(operands: Iterable[Any]) -> Iterator[Any]:
    """The traced values among operands and in their lists and tuples."""
    for operand in operands:
        if isinstance(operand, Traced):
            yield operand
        elif isinstance(operand, (list, tuple)):
            yield from traced_in(operand)


def _fresh(result: Any, taken: set[Any]) -> Any:
    if isinstance(result, (list, tuple)):
        return type(result)(_fresh(item, taken) for item in result)
    if not isinstance(result, Traced):
        return result
    if result.value in taken:
        return copied(result)
    result.builder.viewed.discard(result.value)
    return result
