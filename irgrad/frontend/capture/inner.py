"""A body of a loop or branch under trace, whose region is closed when it is known what of it is
needed."""

from __future__ import annotations

from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager
from typing import Any

from irgrad.frontend.capture.extents import side_by_side
from irgrad.frontend.capture.parts import Alias, put_together, taken_apart
from irgrad.frontend.capture.places import rows_stacked
from irgrad.frontend.capture.raising import Raised
from irgrad.frontend.capture.rows import is_row
from irgrad.frontend.capture.state import UNBOUND, Key, State
from irgrad.frontend.tracer import Tracer, snapshot
from irgrad.frontend.view import roots_of
from irgrad.ir.builder import CURRENT, Builder
from irgrad.ir.graph import Graph, Value

REACHED: Key = ("reached", 0)


class Inner:
    """A trace inside the one at hand. An array from outside that the body writes to is lent to it:
    the handle itself gets a version inside, so that every alias and view means the same as ever.
    `handed` are arrays of the body's own whose names count, `shown` the handles of what it ends
    with. Where the body `repeats`, it is run once for all steps of a loop.
    """

    def __init__(self, state: State, lends: bool, repeats: bool = False) -> None:
        self.state = state
        self.builder = Builder(Tracer, CURRENT.get(), contains=True)
        self.builder.repeats |= repeats
        if lends:
            self.builder.lend = self.lend
        self.loans: list[tuple[Any, Any, Any, Any]] = []
        self.handed: list[Any] = []
        self.shown: dict[int, tuple[Any, Any]] = {}
        self.changes: dict[Key, Any] = {}
        self.roots: dict[int, Any] = {}
        self.ends: dict[int, Value] = {}
        self.result: Any = None
        self.raised = False

    def lend(self, root: Any, version: Value | None = None) -> bool:
        """Let the body write to an array."""
        owner, before = root.owner, root.version
        lent = self.builder.lift(root) if version is None else version
        root.owner, root.version = self.builder, lent
        self.loans.append((root, owner, before, lent))
        return True

    def put_away(self, root: Any, owner: Any) -> None:
        """Keep an array from the body."""
        self.loans.append((root, root.owner, root.version, root.version))
        root.owner = owner

    @contextmanager
    def open(self) -> Generator[None]:
        """Inside, what is computed goes here."""
        token = CURRENT.set(self.builder)
        try:
            with self.builder.emitting(None, None, busy=False):
                yield
        finally:
            CURRENT.reset(token)

    def run(self, body: Callable[[], Any]) -> None:
        """Trace a body, see what it has changed, and put everything back."""
        try:
            with self.open():
                try:
                    self.result = body()
                except Raised:
                    self.raised = True
                if self.builder.reached is not True:
                    self.changes[REACHED] = self.builder.reached
                if self.raised:
                    return
                self.result = self._as_now(self.result)
                for key, new in self.state.changes().items():
                    stack = self._stack(key, new)
                    if stack is None:
                        self.changes[key] = self._as_now(new)
                    else:
                        self.changes["rows", key[1]] = stack
                for root, _, _, lent in self.loans:
                    self.ends[id(root)] = root.version
                    if root.version is not lent:
                        self.changes["array", id(root)] = Tracer(root.builder, root.version)
                        self.roots[id(root)] = root
        except BaseException:
            self.builder.closed = True
            raise
        finally:
            for root, owner, version, _ in reversed(self.loans):
                root.owner, root.version = owner, version
            self.state.reset()

    def _stack(self, key: Key, new: Any) -> Any:
        """A list of numbers as one array, where it was written to at a traced place."""
        same = key[0] == "contents" and len(self.state.get(key)) == len(new)
        return rows_stacked(new) if same else None

    def at_end(self, leaf: Any) -> Any:
        """A value from outside as it is at the end of the body."""
        roots = roots_of(leaf) if isinstance(leaf, Tracer) else []
        ended = [(root, root.owner, root.version) for root in roots if id(root) in self.ends]
        if not ended:
            return leaf
        for root, _, _ in ended:
            root.owner, root.version = self.builder, self.ends[id(root)]
        try:
            with self.open():
                return Tracer(leaf.builder, leaf.value, leaf.weak)
        finally:
            for root, owner, version in ended:
                root.owner, root.version = owner, version

    def _as_now(self, new: Any) -> Any:
        if new is UNBOUND:
            return new
        new = side_by_side(new)
        leaves, shape = taken_apart(new, self.state.is_whole)
        now = list(map(self._leaf_now, leaves))
        if all(one is other for one, other in zip(now, leaves, strict=True)):
            return new
        return put_together(shape, iter(now))

    def _leaf_now(self, leaf: Any) -> Any:
        if not isinstance(leaf, Tracer) or (is_row(leaf) and leaf.owner.level < self.builder.level):
            return leaf
        if any(leaf is each for each in self.handed):
            return Alias(leaf, snapshot(leaf))
        roots = roots_of(leaf)
        outer = [root.owner.level < self.builder.level for root in roots]
        lent = any(root is loan[0] for root in roots for loan in self.loans)
        if leaf.ndim and (lent or any(outer)):
            return Alias(leaf, Tracer(leaf.builder, leaf.value, leaf.weak))
        if all(outer):
            return leaf
        now = snapshot(leaf)
        self.shown[id(now)] = now, leaf
        return now

    def handle(self, now: Any) -> Any:
        """The handle of the body's own whose value at the end is `now`."""
        return self.shown.get(id(now), (now, now))[1]

    def close(self, name: str, outputs: dict[str, Value]) -> tuple[Graph, Sequence[Any]]:
        """The region, what it closed over as its last inputs, and what these stand for."""
        graph, captured = self.builder.finish(name, outputs)
        for given, what in zip(graph.inputs[::-1], captured[::-1], strict=False):
            if isinstance(what, Tracer) and what.value.name:
                given.call(what.value.name)
        named = dict(zip(graph.output_names, graph.outputs, strict=True))
        return Graph(graph.name, graph.inputs, graph.nodes, named), captured
