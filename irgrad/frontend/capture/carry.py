"""What a loop carries: the variables, the contents of containers and the arrays that a step
changes, and lists that grow."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from functools import partial
from itertools import islice
from typing import Any, NamedTuple

from irgrad.errors import ArgumentError, IrgradError, Location, TraceError
from irgrad.frontend.capture.branching import reach
from irgrad.frontend.capture.choices import is_chosen, remember
from irgrad.frontend.capture.exchange import LEFT, SHARED, Elsewhere, Exchange, Exchanged, exchange
from irgrad.frontend.capture.extents import limited, widened
from irgrad.frontend.capture.growth import EARLIER, Growing, Grows, as_seen, filled, growth, regrown
from irgrad.frontend.capture.inner import REACHED, Inner
from irgrad.frontend.capture.jumps import is_skip
from irgrad.frontend.capture.maybe import Maybe, certain, is_open, last_items
from irgrad.frontend.capture.moving import Shown, moved
from irgrad.frontend.capture.naming import called
from irgrad.frontend.capture.parts import (
    Alias,
    Shape,
    handle,
    kinds_of,
    now,
    put_together,
    same,
    taken_apart,
)
from irgrad.frontend.capture.rebinding import Rebound, blanks, is_unbound
from irgrad.frontend.capture.state import UNBOUND, Key, State
from irgrad.frontend.capture.tables import TableRow
from irgrad.frontend.capture.ties import Tie
from irgrad.frontend.lost import Lost
from irgrad.frontend.lower import Argument
from irgrad.frontend.region import settled_kind
from irgrad.frontend.site import call_site
from irgrad.frontend.tracer import Tracer
from irgrad.frontend.view import handles_of, keep_for_names, root_of, roots_of, within_reach, write
from irgrad.ir.printer import clean_name


class Slot(NamedTuple):
    """A leaf of what changes: what it is at first, and its kind; None where it stays the same."""

    first: Any
    kind: Argument | None


class Changing(NamedTuple):
    """A variable, container or array that a step changes; `is_new` where it has no value before."""

    shape: Shape
    slots: list[Slot]
    is_new: bool = False


class Carry:
    """What a loop carries; `runs` where there certainly is a step. Each step binds the variables
    that are its `own` before it reads them.
    """

    def __init__(
        self, state: State, whole_periods: bool = False, own: Collection[Key] = ()
    ) -> None:
        self.state, self.whole_periods = state, whole_periods
        self.changing: dict[Key, Changing] = {}
        self.roots: dict[int, Any] = {}
        self.own = set(own)
        self.lost: set[Key] = set()
        self.refused: dict[Key, Any] = {}
        self.growing: dict[int, Growing] = {}
        self.exchange: Exchange | None = None
        self.handed: list[Any] = []
        self.touched: dict[Key, Any] = {}
        self.looked: Inner | None = None
        self.ties: dict[int, Tie] = {}
        self.left: dict[int, Any] = {}
        self.level = 0
        self.runs = False
        self.open_ended: Callable[[], IrgradError] | None = None

    def grow(self, inner: Inner) -> bool:
        """Take in what a trace of a step has changed -> whether that is more than was known."""
        self.handed, self.level, self.touched = inner.handed, inner.builder.level, inner.changes
        self.looked = inner
        grown = self._look_for_exchange(inner)
        for number, root in inner.roots.items():
            if not (self.exchange and self.exchange.position(root) is not None):
                grown |= self.take_root(number, root)
        for key, end in inner.changes.items():
            if key in self.own and end is UNBOUND:
                raise Rebound(key, self.state.name(key))
            if key[0] == "array" or key in self.lost or key in self.refused:
                continue
            if key[0] == "contents" and is_chosen(end):
                grown |= key not in self.refused
                self.refused[key] = end
                self.changing.pop(key, None)
                continue
            covered = [self.changing.pop(each, None) for each in self.state.covered(key)]
            grown |= any(covered)
            if key[0] == "contents" and self._grows(key[1], end):
                seen = self.growing[key[1]].seen
                if not seen:
                    continue
                key, end = ("tail", key[1]), _tail(inner, end, seen)
            made = self._changing(key, end)
            if made is None:
                grown |= key not in self.lost
                self.lost.add(key)
            elif made != self.changing.get(key):
                self.changing[key], grown = made, True
        return grown

    def _look_for_exchange(self, inner: Inner) -> bool:
        """Whether a step turns out to exchange arrays."""
        if self.exchange is not None:
            return False
        pairs: list[tuple[Any, Any]] = []
        for key, end in inner.changes.items():
            if key[0] in ("variable", "contents") and end is not UNBOUND:
                (firsts, own), (leaves, shape) = (
                    taken_apart(x, self.state.is_whole) for x in (self.state.get(key), end)
                )
                pairs += zip(firsts, leaves, strict=True) if own == shape else ()
        self.exchange = exchange(pairs)
        if self.exchange is not None and self.whole_periods:
            raise Exchanged(self.exchange.period)
        return self.exchange is not None

    def _grows(self, number: int, end: Any) -> bool:
        """Whether a list grows in each step."""
        known = self.growing.get(number)
        if known is None:
            found = (
                None if ("contents", number) in self.changing else growth(self.state, number, end)
            )
        else:
            found = regrown(self.state, end, known)
        if found is None:
            return False
        if any(id(root) in self.roots for roots in found.shown for root in roots):
            raise TraceError(
                "a loop appends views of an array that it writes to",
                location=call_site().location,
                hint="append copies: rows.append(A[i].copy())",
            )
        self.growing[number] = found
        return True

    def _first(self, key: Key) -> Any:
        """What there is before the loop."""
        if key == REACHED:
            return True
        if key[0] != "tail":
            return self.state.get(key)
        before = self.state.held[key[1]][1]
        items = last_items(before, self.growing[key[1]].seen)
        return items and as_seen(items, self.state, self.touched)

    def take_root(self, number: int, root: Any) -> bool:
        """Carry an array that is written to -> whether it was not carried before."""
        if number in self.roots:
            return False
        self.roots[number] = root
        slot = Slot(root, Argument(root.version.type))
        self.changing["array", number] = Changing(taken_apart(0, _no)[1], [slot])
        return True

    def _changing(self, key: Key, end: Any) -> Changing | None:
        """How a variable or container is carried; None where it need not or cannot be, and has no
        value after the loop.
        """
        state, known = self.state, self.changing.get(key)
        moving = self._moving(key, end)
        first, end = moving or (None, end)
        is_own = key in self.own or (
            key[0] == "variable" and is_skip(state.variables.names[key[1]])
        )
        if is_own or end is UNBOUND:
            return None
        if isinstance(end, TableRow):  # of each step alone: row = T[i]
            if not is_unbound(self._first(key)):
                raise Rebound(key, state.name(key))
            return None
        leaves, shape = taken_apart(end, state.is_whole)
        is_new = False if moving or known else is_unbound(self._first(key))
        if known is not None:
            firsts, own, is_new = [slot.first for slot in known.slots], known.shape, known.is_new
        elif is_new:
            firsts, own = blanks(state, key, leaves, self.level), shape
            if firsts is None:
                return None
        else:
            first = first or widened(self._first(key), end)
            firsts, own = taken_apart(first, state.is_whole)
        if own != shape:
            self._refuse_shape(key, own, shape, leaves)
        slots: list[Slot] = []
        for k, (first, leaf) in enumerate(zip(firsts, leaves, strict=True)):
            before = known.slots[k].kind if known else None
            slots.append(Slot(first, self._kind(key, shape, k, first, before, leaf)))
        return Changing(shape, slots, is_new)

    def _moving(self, key: Key, end: Any) -> list[Shown] | None:
        """A variable that names a view as one that moves, before the loop and after a step."""
        if key[0] != "variable" or not isinstance(end, Alias):
            return None
        first = self.state.get(key)
        if first is UNBOUND:  # row = A[i], read after the loop
            views = moved(end.handle)
            return views and [views[0].at_first(), *views]
        return None if first is end.handle else moved(first, end.handle)

    def _kind(
        self, key: Key, shape: Shape, k: int, first: Any, before: Argument | None, leaf: Any
    ) -> Argument | None:
        """The kind of one carried leaf, given what it is before a step and after."""
        if key[0] == "tail":
            leaf = now(leaf)
        if before is None and same(first, handle(leaf)):
            return None
        line = line_of(leaf) or call_site().location
        if isinstance(leaf, Alias) and not (
            self._hands_on(first, leaf.handle) or self._stays_or_is_new(first, leaf)
        ):
            raise Rebound(key, self._name(key, shape, k))
        one, other = before or kinds_of([first])[0], kinds_of([leaf])[0]
        if isinstance(leaf, Lost):
            leaf.refuse()
        if one is None or other is None:
            types = [
                repr(x) if kind is None else kind.type for x, kind in ((first, one), (leaf, other))
            ]
            name = self._name(key, shape, k)
            raise ArgumentError(
                f"{name} is {types[0]} before a step of the loop and {types[1]} after",
                location=line,
                hint="only numbers and arrays can change in a loop that is not unrolled",
            )
        name = partial(self._name, key, shape, k)
        return settled_kind(one, other, line, name, " in a loop")

    def _name(self, key: Key, shape: Shape, k: int) -> str:
        """What errors call a leaf."""
        if key[0] in ("contents", "tail", "rows", "table"):
            return f"what is in {self.state.name(key)}"
        return f"'{shape.place(k, self.state.name(key).strip(chr(39)))}'"

    def _hands_on(self, first: Any, end: Any) -> bool:
        """Whether this is a step of the exchange."""
        given = self.handed or (self.exchange.handles if self.exchange else ())
        return self.exchange is not None and self.exchange.goes_on(first, end, given)

    def _stays_or_is_new(self, first: Any, leaf: Alias) -> bool:
        """Whether a variable still names what it named before a step, or an array of that step."""
        return all(
            each is first or root_of(each).owner.level >= self.level
            for each in handles_of(leaf.handle, first)
        )

    def _refuse_shape(self, key: Key, before: Shape, after: Shape, leaves: list[Any]) -> None:
        for leaf in leaves:
            if isinstance(leaf, Lost):
                leaf.refuse()
        raise ArgumentError(
            f"{self.state.name(key)} changes its structure in a loop: {before} before a step, "
            f"{after} after",
            location=next(filter(None, map(line_of, leaves)), call_site().location),
            hint="keep the same tuples, lists, dicts and classes from step to step",
        )

    @property
    def slots(self) -> list[Slot]:
        """The leaves that are carried, in order."""
        return [slot for one in self.changing.values() for slot in one.slots if slot.kind]

    def named_slots(self) -> list[tuple[str, Argument]]:
        """The name and the kind of each."""
        named: list[tuple[str, Argument]] = []
        for key, one in self.changing.items():
            if key[0] == "variable":
                name = self.state.variables.names[key[1]]
            elif key[0] == "array":
                name = self.roots[key[1]].version.name or "array"
            else:
                name = "item"
            name = clean_name(name if name.isidentifier() else "value")
            named += [(name, slot.kind) for slot in one.slots if slot.kind]
        return named

    def bind(
        self,
        values: Sequence[Any],
        inner: Inner | None = None,
        stacks: Sequence[Any] = (),
        steps: Any = 0,
    ) -> None:
        """Give everything these values: for a trace of a step, or after the loop, which had so many
        `steps`.
        """
        given, rows = iter(self._handed_on(values, inner, steps)), iter(stacks)
        changes: dict[Key, Any] = {}
        for number, growing in self.growing.items():
            own = list(islice(rows, len(growing.kinds)))
            before = self.state.held[number][1]
            if inner is None and self.open_ended is not None:
                kept = [Lost(self.open_ended)]
            else:
                kept = [EARLIER] if inner else filled(before, growing, own, steps)
            changes["contents", number] = kept
        lost = (key for key in self.lost if key[0] == "variable")
        changes.update((key, UNBOUND) for key in (*self.own, *lost))
        changes.update(self.refused)
        for key, one in self.changing.items():
            leaves = [next(given) if slot.kind else slot.first for slot in one.slots]
            if key[0] == "array":
                root = self.roots[key[1]]
                if key[1] in self.left:
                    continue
                if inner is None:
                    write(root, leaves[0])
                else:
                    inner.lend(root, leaves[0].value)
                continue
            made = put_together(one.shape, iter(leaves))
            limited(made)
            made = made.handle() if isinstance(made, Shown) else made
            if key == REACHED:
                if inner is None:
                    reach(made)
                else:
                    inner.builder.reached = made
                continue
            if key[0] == "tail":
                changes["contents", key[1]] += made if inner or self.open_ended else []
                continue
            changes[key] = made
            done = inner is not None and self.state.is_result(key)  # which no step reads
            if key[0] in ("variable", "contents") and not done:
                remember(made, self.touched.get(key, UNBOUND), self.looked and self.looked.choices)
                remember(made, UNBOUND if inner is None and self.runs else self.state.get(key))
            if key[0] == "variable":
                called(made, self.state.variables.names[key[1]])
        for root in self.left.values():
            if inner is None:
                within_reach(root, root)
                root.owner = Elsewhere(LEFT)
                keep_for_names(root)
            else:
                inner.put_away(root, Elsewhere(LEFT))
        self.state.put(changes)
        if self.looked is not None:
            self.looked.remember_rows()

    def _handed_on(self, values: Sequence[Any], inner: Inner | None, steps: Any) -> list[Any]:
        """The values, where arrays are exchanged as what the variables then name."""
        values = list(values)
        if inner is None:
            values = [
                self.ties[k](values) if k in self.ties else made for k, made in enumerate(values)
            ]
        if self.exchange is None:
            return values
        places = [self.exchange.position(slot.first) for slot in self.slots]
        at = [places.index(k) for k in range(len(self.exchange.handles))]
        own = [values[k] for k in at]
        if inner is None:
            for k, value in zip(at, self.exchange.after(own, steps), strict=True):
                values[k] = value
            return values
        inner.handed = own
        for each in self.exchange.handles:
            inner.put_away(each, Elsewhere(SHARED))
        return values

    def leave(self, written: Sequence[bool]) -> bool:
        """Give up the arrays that variables name before the loop, where a step writes to what a
        variable names and then binds it to another: only the first step would write to these ->
        whether there are more of them than was known.
        """
        kinds = [key[0] for key, one in self.changing.items() for slot in one.slots if slot.kind]
        before = len(self.left)
        for kind, slot, is_written in zip(kinds, self.slots, written, strict=True):
            if (
                is_written
                and kind != "array"
                and isinstance(slot.first, Tracer)
                and slot.first.ndim
            ):
                self.left.update((id(root), root) for root in roots_of(slot.first))
        return len(self.left) > before

    def ends(self, inner: Inner) -> list[Any]:
        """What a step gives for each carried leaf."""
        ends: list[Any] = []
        for key, one in self.changing.items():
            if key[0] == "tail":
                end = inner.changes["contents", key[1]]
                tail = _tail(inner, end, self.growing[key[1]].seen)
                leaves = taken_apart(tail, self.state.is_whole)[0]
            elif key in inner.changes:
                end = inner.changes[key]
                moving = self._moving(key, end)
                leaves = taken_apart(moving[1] if moving else end, self.state.is_whole)[0]
            else:
                leaves = [None] * len(one.slots)
            ends += [leaf for leaf, slot in zip(leaves, one.slots, strict=True) if slot.kind]
        return ends

    def rows(self, inner: Inner) -> list[Any]:
        """What a step appends to lists."""
        found: list[Any] = []
        for number, growing in self.growing.items():
            end = inner.changes["contents", number]
            found += growing.leaves(self.state, end)
        return found

    def leave_open(self) -> None:
        """Give up all but the last items of lists that grow."""
        line = call_site().location
        self.open_ended = (lambda: Grows(line)) if self.growing else None

    def check_fixed(self) -> None:
        """Refuse lists that grow, where the number of steps is not known."""
        if self.growing:
            raise Grows(call_site().location)


def _tail(inner: Inner, items: Any, seen: int) -> Any:
    """The last items of a list at the end of a step."""
    if is_open(items):  # of which one is chosen by its numbers
        items = [Maybe(now(certain(x)), x.present) if type(x) is Maybe else now(x) for x in items]
    with inner.open():
        return last_items(items, seen)


def _no(item: Any) -> bool:
    return False


def line_of(leaf: Any) -> Location | None:
    """The user's line that made a value."""
    version = getattr(now(leaf), "version", None)
    return None if version is None else version.node.location
