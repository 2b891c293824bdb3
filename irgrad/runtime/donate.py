"""`compile(f, donate=...)`: a function that writes to its arguments writes to the caller's arrays.

The program returns what the function has made of them beside its result, and each call puts that
into the arrays that it was given."""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from irgrad.errors import ArgumentError, DTypeError, IrgradError, ReadOnly, with_article
from irgrad.frontend.capture import captured
from irgrad.frontend.entry import about_call
from irgrad.frontend.lower import Lowered, Signature, positional_names
from irgrad.frontend.pytree import flatten, written_path
from irgrad.ir.builder import Traced
from irgrad.runtime.compiled import Compiled
from irgrad.runtime.output import share_memory
from irgrad.runtime.program import Programs

Donate = int | str | tuple[int | str, ...]


class Donating(Compiled):
    """A compiled function that writes to the arrays which its caller donates."""

    def __init__(
        self,
        target: Callable[..., Any],
        backend: str | None,
        programs: Programs | None,
        capture: bool,
        unroll: int | None,
        donate: Donate,
    ) -> None:
        super().__init__(target, backend, programs, capture, unroll)
        self.donate = donate

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Call it as the function itself, which changes the donated arrays."""
        own = self._has_own_out()
        out = None if own else kwargs.pop("out", None)
        places = self._places(args, kwargs)
        if out is not None:
            return super().__call__(*args, out=(out, places), **kwargs)[0]
        result, finals = super().__call__(*args, **kwargs)
        for place, final in zip(places, finals, strict=True):
            place[...] = final
        return result

    @about_call
    def _places(self, args: Sequence[Any], kwargs: Mapping[str, Any]) -> list[Any]:
        """The donated arrays, checked."""
        places: list[Any] = []
        for name, argument in chosen_arguments(self.target, self.donate, args, kwargs):
            leaves, tree = flatten(argument)
            for position, leaf in enumerate(leaves):
                _check(written_path(tree, position, name), leaf, places)
                places.append(leaf)
        return places

    def _lowered(self, target: Any, signature: Signature) -> Lowered:
        return super()._lowered(_with_finals(target, self.donate), signature)

    def _options(self, target: Any, programs: Programs | None) -> tuple[Any, ...]:
        return *super()._options(target, programs), self.donate


def _with_finals(f: Callable[..., Any], donate: Donate) -> Callable[..., Any]:
    """`f` that returns the leaves of its donated arguments beside its result, as they are then."""

    @functools.wraps(f)
    def run(*args: Any, **kwargs: Any) -> Any:
        chosen = [value for _, value in chosen_arguments(f, donate, args, kwargs)]
        result = captured(f)(*args, **kwargs)
        return result, flatten(chosen)[0]

    return run


def chosen_arguments(
    f: Callable[..., Any], donate: Donate, args: Sequence[Any], kwargs: Mapping[str, Any]
) -> list[tuple[str, Any]]:
    """The arguments that `donate` names by position or name, each with its name."""
    names = positional_names(f, len(args))[: len(args)]
    given: dict[Any, tuple[str, Any]] = {name: (name, value) for name, value in kwargs.items()}
    for position, (name, value) in enumerate(zip(names, args, strict=True)):
        given[position] = given[position - len(args)] = given[name] = name, value
    chosen = donate if isinstance(donate, (tuple, list)) else (donate,)
    for one in chosen:
        if one not in given:
            listed = ", ".join([*names, *kwargs]) or "none"
            raise ArgumentError(
                f"donate={one!r} names no argument of the call; they are {listed}",
                hint="donate takes positions, names, or a tuple of them",
            )
    return [given[one] for one in chosen]


def _check(name: str, leaf: Any, others: Sequence[Any]) -> None:
    """Refuse what cannot be written to."""
    error: IrgradError | None = None
    if isinstance(leaf, Traced):
        return
    if not isinstance(leaf, np.ndarray):
        error = DTypeError(
            f"donate: {name} must be an array, got {with_article(type(leaf).__name__)}",
            hint="donate the arguments that the function writes to",
        )
    elif not leaf.flags.writeable:
        error = ReadOnly(f"donate: {name} is read-only", hint="pass a copy")
    elif any(isinstance(other, np.ndarray) and share_memory(leaf, other) for other in others):
        error = ArgumentError(
            f"donate: {name} shares memory with another donated array",
            hint="inside the function two arguments are two arrays: pass a copy",
        )
    if error is not None:
        raise error
