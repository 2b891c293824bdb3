"""Arrays from outside that a function under trace writes to, where these writes are kept: those of
branches and checkpoints, which mean the plain call.

The arrays are lent to the function: the handles themselves get versions inside, so that all names
and views of them mean the same as ever. What those written to hold at the end are results beside
the function's own, and are written to them after the call."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from irgrad.errors import Location, TraceError
from irgrad.frontend.lower import unique
from irgrad.frontend.pytree import flatten, map_leaves, unflatten
from irgrad.frontend.tracer import Tracer, snapshot
from irgrad.frontend.view import write
from irgrad.ir.builder import CURRENT, Builder
from irgrad.ir.graph import Graph, Value


class Loans:
    """What functions that are traced in turn, on the same `arguments`, write to. Once one of them
    turns out to write to more than was known, all are to be traced anew (`settled` says so).
    """

    def __init__(self, what: str, arguments: Any) -> None:
        self.what = what
        self.operands = flatten(arguments)[0]
        self.written: dict[int, Any] = {}
        self.known = 0
        self.ends: list[list[Value]] = []
        self.numbers: list[Any] = []

    @property
    def settled(self) -> bool:
        """Whether all functions of this round gave what all arrays written to hold."""
        return self.known == len(self.written)

    def start(self) -> None:
        """Begin a round."""
        self.known, self.ends, self.numbers = len(self.written), [], []

    def lending(self, function: Callable[..., Any]) -> Callable[..., Any]:
        """`function`, with the arrays among its arguments, and those that it closes over, lent."""

        @functools.wraps(function)
        def run(*args: Any, **kwargs: Any) -> Any:
            given, tree = flatten((args, kwargs))
            with _Lent() as lent:
                own = [
                    lent.take(x, new.owner, new.version) if isinstance(x, Tracer) else new
                    for x, new in zip(self.operands, given, strict=True)
                ]
                args, kwargs = unflatten(tree, own)
                result = map_leaves(snapshot, function(*args, **kwargs))
                pairs = zip(self.operands, given, strict=True)
                self.numbers += [new for x, new in pairs if isinstance(x, np.ndarray)]
                self.written.update((id(root), root) for root in lent.written())
                builder = lent.builder
                self.ends.append([builder.lift(root) for root in self.written.values()])
            return result

        return run

    def extended(self, graphs: Sequence[Graph]) -> list[Graph]:
        """The graphs of this round's functions, with what the arrays hold as further outputs.
        Refused where they write to an argument that holds only numbers.
        """
        for given in self.numbers:
            check_unwritten(self.what, given)
        made: list[Graph] = []
        for graph, ends in zip(graphs, self.ends, strict=True):
            outputs = dict(zip(graph.output_names, graph.outputs, strict=True))
            for root, end in zip(self.written.values(), ends, strict=True):
                outputs[unique(root.version.name or "array", outputs)] = end
            made.append(graph.replace(outputs=outputs))
        return made

    def keep(self, results: Sequence[Any]) -> Sequence[Any]:
        """Write to the arrays what the last results say -> the others."""
        own = len(results) - len(self.written)
        for root, new in zip(self.written.values(), results[own:], strict=True):
            write(root, new)
        return results[:own]


class _Lent:
    """Handles with versions in the innermost trace, for as long as the context lasts."""

    def __init__(self) -> None:
        builder = CURRENT.get()
        assert builder is not None
        self.builder: Builder = builder
        self.loans: list[tuple[Any, Any, Any, Any]] = []

    def take(self, handle: Any, owner: Builder, version: Value) -> Any:
        """Give a handle a version -> the handle."""
        if all(handle is not known for known, *_ in self.loans):
            self.loans.append((handle, handle.owner, handle.version, version))
            handle.owner, handle.version = owner, version
        return handle

    def lend(self, root: Any) -> bool:
        """Take in an array that is about to be written to."""
        self.take(root, self.builder, self.builder.lift(root))
        return True

    def written(self) -> list[Any]:
        """The arrays that are written to."""
        return [x for x, _, _, then in self.loans if x.window is None and x.version is not then]

    def __enter__(self) -> _Lent:
        self.builder.lend = self.lend
        return self

    def __exit__(self, *_: object) -> None:
        for handle, owner, version, _then in reversed(self.loans):
            handle.owner, handle.version = owner, version


def check_unwritten(what: str, given: Any) -> None:
    """Refuse a write to an argument that the caller would not see."""
    if isinstance(given, Tracer) and not given.version.node.is_input:
        raise writes_to_argument(what, given.version.node.location)


def writes_to_argument(what: str, location: Location | None) -> TraceError:
    """The error for such a write."""
    return TraceError(
        f"{what} writes to its argument, and the caller would not see it",
        location=location,
        hint="write into a .copy() of it, and return that",
    )


def fresh(leaf: Any) -> Any:
    """A leaf that shares memory with no other, as the results of traced functions do."""
    return leaf.copy() if isinstance(leaf, np.ndarray) else snapshot(leaf)


__all__ = ["Loans", "check_unwritten", "fresh", "writes_to_argument"]
