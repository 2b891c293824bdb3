"""`raise` and `assert` where only the running program knows whether they are reached: the exception
is made while the function is lowered, and raised when it runs."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Generator
from contextlib import contextmanager
from typing import Any

import numpy as np

from irgrad.errors import TraceError
from irgrad.frontend.capture.doors import door
from irgrad.frontend.only_numbers import FORMATTED
from irgrad.frontend.site import call_site
from irgrad.ir.builder import CURRENT, Traced
from irgrad.ops.fail import Fail, name_of


class Raised(BaseException):
    """Leaves the body of a branch or loop that has raised."""


def certain() -> bool:
    """Whether a statement that is reached now is reached in every run."""
    here = CURRENT.get()
    return here is None or (here.branch is None and here.reached is True)


@contextmanager
def trying() -> Generator[None]:
    """The body of a `try` with handlers."""
    here = CURRENT.get()
    notes = {} if here is None else here.notes
    notes["trying"] = notes.get("trying", 0) + 1
    try:
        yield
    finally:
        notes["trying"] -= 1


@door(contextlib.suppress)
class Suppressing:
    """`contextlib.suppress`, of whose body it is known that it is one of a `try`."""

    def __init__(self, *kinds: type[BaseException]) -> None:
        self.around = (contextlib.suppress(*kinds), trying())

    def __enter__(self) -> None:
        for each in self.around:
            each.__enter__()

    def __exit__(self, *raised: Any) -> bool:
        outer, inner = self.around
        inner.__exit__(None, None, None)
        return bool(outer.__exit__(*raised))


def fail(make: Callable[[], Any]) -> None:
    """Have the program raise an exception here, and leave the body at hand."""
    here = CURRENT.get()
    assert here is not None
    location = call_site().location
    if here.notes.get("trying"):
        error = TraceError(
            "an exception that is raised under a traced condition in the body of a try, or of "
            "contextlib.suppress",
            location=location,
            hint="use an if in place of the try, or return a flag",
        )
        here.notes.setdefault("refused", error)
        raise error
    operands: list[Any] = []
    token = FORMATTED.set(operands)
    try:
        error = make()
        if isinstance(error, type):
            error = error()
        arguments = tuple(_written(argument, operands) for argument in error.args)
    finally:
        FORMATTED.reset(token)
    with here.emitting(location, None):
        reached = here.bind(Fail(name_of(type(error)), arguments), operands)
    here.reached = reached if here.reached is True else np.logical_and(here.reached, reached)
    raise Raised


def forget(error: Exception | None) -> None:
    """What a trace refused that has been given up for another way is refused no more."""
    here = CURRENT.get()
    if here is not None and error is not None and here.notes.get("refused") is error:
        del here.notes["refused"]


def _written(argument: Any, operands: list[Any]) -> str:
    """An argument of an exception as `Fail` has it; traced values in it become operands."""
    if isinstance(argument, Traced):
        operands.append(argument)
        return f"{{{len(operands) - 1}}}"
    if isinstance(argument, (int, float, complex, bool, bytes, type(None))):
        return f"={argument!r}"
    pieces = str(argument).split("\x1a")
    return "'" + "".join(
        f"{{{piece}}}" if k % 2 else _escaped(piece) for k, piece in enumerate(pieces)
    )


def _escaped(text: str) -> str:
    return text.replace("{", "{{").replace("}", "}}")


def tied(builder: Any, leaf: Any) -> Any:
    """A result that depends on what had to be reached before it."""
    if builder.reached is True or leaf is None:
        return leaf
    location = leaf.version.node.location if hasattr(leaf, "version") else None
    with builder.emitting(location, None):
        return np.where(builder.reached, leaf, np.zeros((), leaf.dtype)[()])
