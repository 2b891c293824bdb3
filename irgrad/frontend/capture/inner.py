"""A body of a loop or branch under trace, whose region is closed when it is known what of it is
needed."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import contextmanager
from functools import cached_property
from typing import Any

from irgrad.frontend.capture.choices import choices, is_chosen, know, remember
from irgrad.frontend.capture.extents import side_by_side
from irgrad.frontend.capture.packing import rows_of, rows_stacked, stacked
from irgrad.frontend.capture.parts import Alias, now, put_together, taken_apart
from irgrad.frontend.capture.raising import Raised
from irgrad.frontend.capture.rows import Row, place_of
from irgrad.frontend.capture.state import UNBOUND, Key, State, fill
from irgrad.frontend.capture.tables import FORMER, is_table, refuse_shared, table_stacked
from irgrad.frontend.tracer import Tracer, snapshot
from irgrad.frontend.view import roots_of
from irgrad.ir.builder import CURRENT, Builder
from irgrad.ir.graph import Graph, Value

REACHED: Key = ("reached", 0)


def step_of_loop(builder: Builder) -> Any:
    """The trace of a step that this is, where arrays are lent to it; None for other builders."""
    found = getattr(builder.lend, "__self__", None)
    return found if isinstance(found, Inner) and found.repeats else None


class Inner:
    """A trace inside the one at hand. An array from outside that the body writes to is lent to it:
    the handle itself gets a version inside, so that every alias and view means the same as ever.
    `handed` are arrays of the body's own whose names count, `shown` the handles of what it ends
    with. Where the body `repeats`, it is run once for all steps of a loop.
    """

    def __init__(self, state: State, lends: bool, repeats: bool = False) -> None:
        self.state = state
        self.repeats = repeats
        self.builder = Builder(Tracer, CURRENT.get(), contains=True)
        self.builder.repeats |= repeats
        if lends:
            self.builder.lend = self.lend
        self.loans: list[tuple[Any, Any, Any, Any, Any]] = []
        self.handed: list[Any] = []
        self.shown: dict[int, tuple[Any, Any]] = {}
        self.changes: dict[Key, Any] = {}
        self.roots: dict[int, Any] = {}
        self.rows: dict[int, list[Any]] = {}
        """The lists that are rows of tables now, in which others were before."""
        self.covered: dict[int, Any] = {}
        """What is in those that were."""
        self.ends: dict[int, Value] = {}
        self.result: Any = None
        self.raised = False
        self.choices = choices()

    def lend(self, root: Any, version: Value | None = None) -> bool:
        """Let the body write to an array."""
        owner, before, window = root.owner, root.version, root.window
        lent = self.builder.lift(root) if version is None else version
        root.owner, root.version = self.builder, lent
        self.loans.append((root, owner, before, lent, window))
        return True

    def put_away(self, root: Any, owner: Any) -> None:
        """Keep an array from the body."""
        self.loans.append((root, root.owner, root.version, root.version, root.window))
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
        around = choices()
        know(around.copy())
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
                changes = self.state.changes()
                self._take_tables(changes)
                for key, new in changes.items():
                    stack = self._stack(key, new)
                    if stack is None:
                        self.changes[key] = new if is_chosen(new) else self._as_now(new)
                    else:
                        self.changes["rows", key[1]] = stack
                for root, _, _, lent, window in self.loans:
                    if root.window is not window:
                        root.version = root.value
                    self.ends[id(root)] = root.version
                    if root.version is not lent:
                        self.changes["array", id(root)] = Tracer(root.builder, root.version)
                        self.roots[id(root)] = root
        except BaseException:
            self.builder.closed = True
            raise
        finally:
            for root, owner, version, _, window in reversed(self.loans):
                root.owner, root.version, root.window = owner, version, window
            self.state.reset()
            self.choices = choices()
            know(around)

    def _stack(self, key: Key, new: Any) -> Any:
        """A list of numbers as one array, where it was written to at a traced place."""
        same = key[0] == "contents" and len(self.state.get(key)) == len(new)
        return rows_stacked(new) if same else None

    def _take_tables(self, changes: dict[Key, Any]) -> None:
        """Lists of lists of numbers as arrays, where they were written to at traced places."""
        for number, rows in self.state.tables.items():
            self._take_exchanged(number, changes)
            own = [("contents", k) for k in rows]
            changed = [changes[key] for key in own if key in changes]
            if any(place_of(row) is not None for row in changed):
                stack = table_stacked([changes.get(key, self.state.held[key[1]][1]) for key in own])
                if stack is not None:
                    for key in own:
                        changes.pop(key, None)
                    self.changes["table", number] = self._as_now(stack)

    def _take_exchanged(self, number: int, changes: dict[Key, Any]) -> None:
        """A list of lists whose rows have become others as an array."""
        rows, before = changes.get(("contents", number), ()), self.state.held[number][1]
        if len(rows) != len(before) or not is_table(rows) or len(rows[0]) != len(before[0]):
            return
        stack = table_stacked(rows)
        if stack is None:
            return
        refuse_shared(rows[0])
        self.state.exchanged.add(number)
        self.rows[number] = list(rows)
        for key in self.state.covered(("table", number)):
            if key[0] == "contents" and key[1] != number and key in changes:
                self.covered[key[1]] = self._as_now(changes[key])
            changes.pop(key, None)
        self.changes["table", number] = self._as_now(stack)
        for key, new in changes.items():
            if key[0] == "variable" and any(new is row for row in rows):
                changes[key] = FORMER

    def packed(self, key: Key) -> Any:
        """The numbers of a list, or of a list of lists, at the end of the body as one array, where
        it wrote to them at no traced place.
        """

        def held(number: int) -> Any:
            kinds = [kind for kind in ("rows", "contents") if (kind, number) in self.changes]
            return self.changes[kinds[0], number] if kinds else self.state.held[number][1]

        with self.open():
            if key[0] == "rows":
                return stacked(held(key[1]))
            if key[1] in self.state.exchanged and ("contents", key[1]) in self.changes:
                FORMER.refuse()
            return table_stacked([held(number) for number in self.state.tables[key[1]]])

    @contextmanager
    def left(self) -> Generator[None]:
        """Meanwhile containers from outside hold what they do at the end of the body."""
        for number, items in self._left.items():
            fill(self.state.held[number][0], items)
        try:
            yield
        finally:
            for number in self._left:
                container, then, _ = self.state.held[number]
                fill(container, then)

    @cached_property
    def _left(self) -> dict[int, Any]:
        """The numbers of the containers that the body changes, and what they hold at its end."""
        return dict(self._changed())

    def _changed(self) -> Iterator[tuple[int, Any]]:
        yield from self.covered.items()
        for (kind, number), new in self.changes.items():
            if kind == "contents":
                yield number, new
            if kind == "rows":
                yield number, self._rows(new)
            if kind == "table":
                lines = [self._rows(new, k) for k in range(len(self.state.tables[number]))]
                anew = number in self.state.exchanged
                places = [] if anew else self.state.tables[number]
                yield from zip(places, lines, strict=False)
                yield from [(number, lines)] if anew else []

    def remember_rows(self) -> None:
        """Note that the new rows of tables, after the body, may be the lists that it put there."""
        for number, rows in self.rows.items():
            for row, given in zip(self.state.held[number][0], rows, strict=True):
                remember(row, given, self.choices)

    def _rows(self, stack: Any, *place: int) -> list[Any]:
        with self.open():
            return rows_of(now(stack)[place] if place else now(stack))

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
        ends = list(map(self._leaf_now, leaves))
        if all(one is other for one, other in zip(ends, leaves, strict=True)):
            return new
        made = put_together(shape, iter(ends))
        remember(made, new)
        return made

    def _leaf_now(self, leaf: Any) -> Any:
        lazy = isinstance(leaf, Row) and leaf.stack is not None
        if not isinstance(leaf, Tracer) or (
            lazy and (not leaf.ndim or leaf.owner.level < self.builder.level)
        ):
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
        end = snapshot(leaf)
        self.shown[id(end)] = end, leaf
        return end

    def handle(self, end: Any) -> Any:
        """The handle of the body's own whose value at the end is `end`."""
        return self.shown.get(id(end), (end, end))[1]

    def close(self, name: str, outputs: dict[str, Value]) -> tuple[Graph, Sequence[Any]]:
        """The region, what it closed over as its last inputs, and what these stand for."""
        graph, captured = self.builder.finish(name, outputs)
        for given, what in zip(graph.inputs[::-1], captured[::-1], strict=False):
            if isinstance(what, Tracer) and what.value.name:
                given.call(what.value.name)
        named = dict(zip(graph.output_names, graph.outputs, strict=True))
        return Graph(graph.name, graph.inputs, graph.nodes, named), captured
