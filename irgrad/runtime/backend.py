"""What a backend is, which ones are installed, and which one is used.

A backend is found through the entry-point group `irgrad.backends`. The default is set, in order of
precedence, by an argument, by `use_backend` in the current context, by the environment variable
`IRGRAD_BACKEND` (read when irgrad is imported), else it is the first of `PREFERRED` that is
installed."""

from __future__ import annotations

import contextvars
import difflib
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import cache, lru_cache
from importlib.metadata import EntryPoint, entry_points
from types import MappingProxyType
from typing import Any, NamedTuple, Protocol, runtime_checkable

from irgrad.errors import BackendError
from irgrad.ir.graph import Graph, Node, Value
from irgrad.ir.op import Array
from irgrad.ir.types import ArrayType

GROUP = "irgrad.backends"
PREFERRED = ("numba", "numpy")
_FROM_ENVIRONMENT = os.environ.get("IRGRAD_BACKEND") or None
_CURRENT: contextvars.ContextVar[str | None] = contextvars.ContextVar(
    "irgrad_backend", default=_FROM_ENVIRONMENT
)


class Executable(Protocol):
    """A compiled graph: the arrays of all inputs in, fresh writeable arrays of all outputs out.

    Arrays come with exactly the dtypes and shapes of the graph's inputs, captured ones last; they
    must not be written to. It may be called from several threads at once."""

    def __call__(self, arrays: Sequence[Array], /) -> list[Array]:
        """Run once: an array for each input of the graph, captured ones last -> one for each
        output.
        """
        ...


class Argument(NamedTuple):
    """An argument of a direct call: an "array" of a type, with `strides` in bytes where it does not
    lie in C order; a Python "float"; a "static" object, which must be the very one; or "out", an
    array for a result.
    """

    kind: str
    type: ArrayType | None = None
    value: Any = None
    strides: tuple[int, ...] | None = None

    def fitted(self, array: Array) -> Any:
        """An array of the program's input as this kind of argument."""
        return array.item() if self.kind == "float" else array


Template = int | tuple[Any, ...]
"""A result: the number of an output of the graph, or a tuple of results."""


@runtime_checkable
class DirectExecutable(Executable, Protocol):
    """An executable that can also be called without Python in between."""

    def direct(
        self, arguments: Sequence[Argument], result: Template, captured: Sequence[Array], /
    ) -> Callable[..., Any] | None:
        """A function of the user's own arguments -> the result (0-d outputs as NumPy scalars), or
        None where they are not exactly what `arguments` say: then nothing was computed. `captured`
        are the arrays that the last inputs stand for. None where there is no such function.

        The last arguments may be "out", one for each output, in order, and the result `()`: then
        results are written there. The function returns None where one of these arrays does not lie
        in C order, or overlaps another array of the call.
        """
        ...


@runtime_checkable
class RecallingBackend(Protocol):
    """A backend that keeps machine code between processes by the graph that was lowered."""

    def compile(self, graph: Graph, /) -> Executable:
        """Prepare `graph`, which is optimised and verified."""
        ...

    def direct(
        self,
        graph: Graph,
        make: Callable[[], Executable],
        arguments: Sequence[Argument],
        result: Template,
        captured: Sequence[Array],
        /,
    ) -> Callable[..., Any] | None:
        """As a `DirectExecutable`'s, for a graph that is not optimised; `make` optimises and
        compiles it, where nothing is known of it.
        """
        ...


class WrittenStep(NamedTuple):
    """A step of a program as source: loops over flat arrays that read `reads` and fill `writes`,
    `lines` being the parameters and the body of a function; or `nodes` to be computed in NumPy; or,
    without both, index arrays that must lie inside the extent in `lines`.
    """

    nodes: list[Node]
    reads: list[Value]
    writes: list[Value]
    lines: list[str]
    made: Sequence[tuple[Value, Value]] = ()
    """What the loops compute: each value, and the one in whose array it lies."""
    arrays: Sequence[Value] = ()
    """The results of nodes that later loops may write to."""


class WrittenProgram(NamedTuple):
    """A program as source: its steps, which compute the values of a graph that has the program's
    inputs and outputs.
    """

    graph: Graph
    steps: list[WrittenStep]
    helpers: Mapping[str, str] = MappingProxyType({})
    """Functions that the loops call, by their names."""


OUTPUTS = "irgrad_outputs"


class Spelling(NamedTuple):
    """How a function for Numba's nopython mode takes its arguments apart, as Python."""

    parameters: list[str]
    checks: list[tuple[str, str]]
    """Conditions under which arguments are not those of the program, and what to say then."""
    inputs: list[str]
    """An expression for each input but captured ones."""
    result: str
    """The expression of the result, of the tuple of all outputs, `OUTPUTS`."""
    scope: dict[str, Any]
    """What else these expressions name."""


@runtime_checkable
class MeasuredExecutable(Executable, Protocol):
    """An executable that says how much memory a call takes."""

    def scratch_bytes(self) -> int | None:
        """Bytes that a call takes beside arguments and results, at its worst moment; None where
        that depends on the values.
        """
        ...


class Memory(NamedTuple):
    """Bytes of a call: its arguments (captured arrays too), its results, and what it takes beside
    them at its worst moment.
    """

    arguments: int
    results: int
    scratch: int

    @property
    def peak(self) -> int:
        """What a call takes at most, arguments apart."""
        return self.results + self.scratch


@runtime_checkable
class Backend(Protocol):
    """Turns graphs into executables.

    >>> import irgrad, numpy as np
    >>> run = get_backend("numpy").compile(irgrad.trace("x * x", np.ones(2)))
    >>> run([np.array([2.0, 3.0])])
    [array([4., 9.])]
    """

    def compile(self, graph: Graph, /) -> Executable:
        """Prepare `graph`, which is optimised and verified."""
        ...


def backends() -> list[str]:
    """The names of the installed backends.

    >>> "numpy" in backends()
    True
    """
    return sorted(_entry_points())


def default_backend() -> str:
    """The name of the backend that is used where none is given."""
    return _CURRENT.get() or _preferred()


@contextmanager
def use_backend(name: str) -> Iterator[None]:
    """Make `name` the default backend inside a with block.

    >>> with use_backend("numpy"):
    ...     default_backend()
    'numpy'
    """
    get_backend(name)
    token = _CURRENT.set(name)
    try:
        yield
    finally:
        _CURRENT.reset(token)


@cache
def get_backend(name: str) -> Backend:
    """The backend called `name`; otherwise a `BackendError` that lists the installed ones, or says
    why it does not load.
    """
    found = _entry_points().get(name)
    if found is None:
        close = difflib.get_close_matches(str(name), backends(), n=1)
        hint = f"did you mean '{close[0]}'?" if close else ""
        if not isinstance(name, str):
            hint = (
                "a backend is chosen by the name under which a distribution lists it in the "
                "entry-point group irgrad.backends; its compile(graph) needs no such name"
            )
        raise BackendError(
            f"no backend called {str(name)!r}; installed: {', '.join(backends())}", hint=hint
        )
    try:
        return found.load()()
    except Exception as error:  # a stranger's code may fail in any way
        of = f" of {found.dist.name}" if found.dist is not None else ""
        raise BackendError(
            f"the backend '{name}'{of} does not load: {type(error).__name__}: {error}",
            hint=f"repair or uninstall it; it is found as {found.value}",
        ) from error


@lru_cache(maxsize=1)
def _preferred() -> str:
    return next((name for name in PREFERRED if name in _entry_points()), "numpy")


@lru_cache(maxsize=1)
def _entry_points() -> dict[str, EntryPoint]:
    return {entry.name: entry for entry in entry_points(group=GROUP)}
