"""Every error that irgrad raises on purpose.

Each carries what failed, the user's line, expected and got, and a remedy. The classes also derive
from the builtin that NumPy would have raised, where it would have, so that code written for NumPy
catches them."""

from __future__ import annotations

import linecache
from typing import Any, NamedTuple

from numpy.linalg import LinAlgError

_NO_SOURCE = """\
  note: this code has no source, so it could not be rewritten: put it into a file or a notebook
        (the prompt of Python 3.13 keeps the source too)"""


class Location(NamedTuple):
    """A line of the user's source."""

    file: str
    line: int

    @property
    def source(self) -> str:
        """The text of the line, stripped; empty where the source is not at hand."""
        return linecache.getline(self.file, self.line).strip()


class IrgradError(Exception):
    """Base of all errors of irgrad: a message, the user's line where it is known, and a remedy."""

    def __init__(self, message: str, *, location: Location | None = None, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.location = location
        self.hint = hint
        self.about = ""
        """On which values it failed, with their types and the user's names for them."""
        self.blamed = False
        """Whether the node that raised it has said so (errors of a running program)."""

    def at(self, location: Location | None) -> IrgradError:
        """The same error, placed at `location` unless it has a place already."""
        if self.location is None:
            self.location = location
        return self

    def __str__(self) -> str:
        text = f"{self.message}\n  {self.about}" if self.about else self.message
        if self.location is not None:
            text += f"\n{place_text(self.location)}"
        if self.hint:
            text += f"\n  hint: {self.hint}"
        return text


class ShapeError(IrgradError, ValueError):
    """Shapes that do not fit together."""


class DTypeError(IrgradError, TypeError):
    """A dtype that an operation, a derivative or a backend does not take."""


class ReadOnly(IrgradError, ValueError):
    """A write into an array that NumPy makes read-only."""


class IndexingError(IrgradError, IndexError):
    """An index that does not fit the array: of a wrong type or shape, or with too many axes."""


class IndexOutOfBounds(IndexingError):
    """An index outside its axis; in a running program it is in the operand at position
    `operand`.
    """

    index: int | str = 0
    axis = extent = 0
    operand: int | None = None

    @classmethod
    def of(
        cls, index: int | str, axis: int, extent: int, operand: int | None = None
    ) -> IndexOutOfBounds:
        """The error for an index (or what is known of it) into an axis of `extent` elements."""
        error = cls("")
        error.index, error.extent, error.operand = index, extent, operand
        error.tell(axis)
        return error

    def tell(self, axis: int) -> None:
        """Let the message be about `axis`, which is that of another array with the same index."""
        extent, self.axis = self.extent, axis
        expected = f": expected {-extent} to {extent - 1}" if extent else ""
        self.message = (
            f"index {self.index} is out of bounds for axis {axis} with size {extent}{expected}"
        )
        self.args = (self.message,)


class ArgumentError(IrgradError, TypeError):
    """A call with arguments that do not fit: wrong names, numbers, structures."""


class OptionError(IrgradError, ValueError):
    """An argument whose value is none of those that it may have."""


class OutOfRange(IrgradError, OverflowError):
    """A Python int that the dtype of the array beside it does not hold."""


class TraceError(IrgradError):
    """Python code asked a traced value for something that only a number has.

    No TypeError: NumPy replaces those by errors of its own, and the remedy would be lost.
    """

    written: Any = None
    """The array from outside of what is traced that it was about to write to."""

    def __str__(self) -> str:
        text = super().__str__()
        if self.location is None or self.location.source:
            return text
        return f"{text}\n{_NO_SOURCE}"


class NotTraceable(TraceError, TypeError):
    """Python code, as of the standard library, that has no way to take a traced value."""


class UnsupportedError(IrgradError, NotImplementedError):
    """A NumPy or Python feature that irgrad does not lower."""


class MissingAttribute(UnsupportedError, AttributeError):
    """An attribute of ndarray that traced values lack; `hasattr` says no."""


class VerifyError(IrgradError):
    """A graph that breaks an invariant of the IR."""


class IRTextError(IrgradError, ValueError):
    """Malformed text or JSON of a graph; the message shows the guilty line."""


class ExpressionError(IrgradError, ValueError):
    """An expression string outside the whitelisted grammar; the message has a caret under the
    place.
    """


class NoConvergence(IrgradError, ArithmeticError):
    """A solver that gave up, or a descent that left the finite numbers: what it says."""


class Singular(IrgradError, LinAlgError):
    """A linear map without an inverse, where one is needed."""


class GradientMismatch(IrgradError, AssertionError):
    """A derivative disagrees with numerical differences."""


class BackendError(IrgradError, ValueError):
    """An unknown backend, or one that cannot run a graph."""


def with_article(noun: str) -> str:
    """A noun with its article, as the name of a type is spoken.

    >>> with_article("int"), with_article("ufunc")
    ('an int', 'a ufunc')
    """
    return f"{'an' if noun.startswith((*'aeioAEIO', 'nd')) else 'a'} {noun}"


def place_text(location: Location) -> str:
    """The line of a message that shows a line of the user's."""
    return f"  at {short_name(location.file)}:{location.line}    {location.source}".rstrip()


def short_name(file: str) -> str:
    """The last component of a path, which is what dumps and messages show; `<cell>` for a cell of
    a notebook, whose file has a number for its name.

    >>> short_name("/home/user/model.py"), short_name("/tmp/ipykernel_42/1077481.py")
    ('model.py', '<cell>')
    """
    if "/ipykernel_" in file.replace("\\", "/"):
        return "<cell>"
    return file.replace("\\", "/").rsplit("/", 1)[-1]


def pointer(line: str, column: int) -> str:
    """`line` with a caret under `column` (from 0), for messages about text."""
    before = "".join(c if c == "\t" else " " for c in line[:column])
    return f"    {line}\n    {before}^"
