"""`if` on a traced condition: both branches are traced, once each, and what they change becomes
what a `cond` gives."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import Any

import numpy as np

from irgrad.errors import ArgumentError, IrgradError, Location, ShapeError
from irgrad.frontend.branches import agreed_kind, as_condition
from irgrad.frontend.capture.choices import is_chosen, remember
from irgrad.frontend.capture.ends import UNCHANGED, after, in_order, parts_after
from irgrad.frontend.capture.extents import alike, limited
from irgrad.frontend.capture.flags import Flags, at_end
from irgrad.frontend.capture.handles import repeated
from irgrad.frontend.capture.inner import REACHED, Inner
from irgrad.frontend.capture.maybe import Maybe, uncertain
from irgrad.frontend.capture.moving import Shown, moved, shown
from irgrad.frontend.capture.naming import called
from irgrad.frontend.capture.parts import (
    Alias,
    Shape,
    handle,
    kinds_of,
    now,
    put_together,
    same,
    same_item,
    taken_apart,
)
from irgrad.frontend.capture.raising import Raised
from irgrad.frontend.capture.recursion import check_ends
from irgrad.frontend.capture.shared import array_of, own_roots, shared_by
from irgrad.frontend.capture.state import UNBOUND, Key, State
from irgrad.frontend.capture.swaps import Chosen, settle
from irgrad.frontend.lost import Lost, lost_contents
from irgrad.frontend.lower import Argument
from irgrad.frontend.promote import lift
from irgrad.frontend.region import apply, operand_types, with_all
from irgrad.frontend.site import call_site
from irgrad.frontend.tracer import Tracer
from irgrad.frontend.view import one_of, write
from irgrad.ir.blame import described
from irgrad.ir.builder import CURRENT, Builder, Traced
from irgrad.ir.graph import Value
from irgrad.ir.names import numbered
from irgrad.ir.printer import clean_name
from irgrad.ir.types import BOOL, ArrayType
from irgrad.ops.cond import Cond

Body = Callable[[], Any]
RESULT: Key = ("result", 0)


def branch(
    test: Any, then: Body, other: Body, state: State, lenient: bool, last: bool = False
) -> Any:
    """Do what one of two bodies does -> what it returns. A variable that has a value in one of them
    only has none afterwards; if `lenient`, where the program sees to it that nobody reads it then,
    some value. A variable whose values cannot be merged has none either, and so has what is in a
    container where these bodies are the `last` of a function.
    """
    selector = as_condition(_single(test))
    check_ends()
    arms = [Inner(state, lends=True) for _ in range(2)]
    for arm, body in zip(arms, (other, then), strict=True):
        arm.run(body)
    merge = _Merge(selector, state, arms, lenient, last)
    for key in in_order(arms, state):
        ends = [after(state, arm, key) for arm in arms]
        if state.is_jump(key):
            ends = [
                at_end(end, selector, holds) for end, holds in zip(ends, (False, True), strict=True)
            ]
        merge.add(key, ends)
    merge.add(RESULT, [UNBOUND if arm.raised else arm.result for arm in arms])
    found = merge.found()
    result = found.pop(RESULT)
    reach(found.pop(REACHED, True))
    if all(arm.raised for arm in arms):
        raise Raised
    state.put(found)
    for arm in arms:
        arm.remember_rows()
    for (kind, number), new in found.items():
        if kind == "variable":
            called(new, state.variables.names[number])
    return result


def _single(test: Any) -> Any:
    """A condition of one element as a scalar; NumPy knows no truth of several either."""
    if test.size != 1:
        raise ShapeError(
            "the condition of an if (or of and, or, not, a chained comparison) must be a scalar, "
            f"got {described(test.value)}",
            location=call_site().location,
            hint="np.where chooses element by element, & and | combine masks; np.any and np.all "
            "make one condition",
        )
    return test.reshape(()) if test.ndim else test


def reach(token: Any) -> None:
    """Have what follows depend on it."""
    here = CURRENT.get()
    assert here is not None
    if token is not True:
        here.reached = token if here.reached is True else np.logical_and(here.reached, token)


class _Merge:
    """What two branches give: leaves that are the same in both, and outputs of a `cond`."""

    def __init__(
        self, selector: Any, state: State, arms: Sequence[Inner], lenient: bool, last: bool
    ) -> None:
        self.selector, self.state, self.arms = selector, state, arms
        self.lenient, self.last = lenient, last
        self.kinds: list[Argument] = []
        self.outputs: list[list[Value]] = [[], []]
        self.names: list[str] = []
        self.made: dict[Key, Callable[[Iterator[Any]], Any]] = {}
        self.twins: dict[tuple[int, ...], tuple[list[Any], list[Any]]] = {}
        self.naming: dict[int, list[str]] = {}
        self.chosen: list[Chosen | None] = []
        self.flags = Flags(selector)

    def add(self, key: Key, values: list[Any]) -> None:
        """What the branches give for one thing."""
        if key[0] == "array":
            self._array(key, values)
            return
        before = len(self.kinds), dict(self.twins)
        try:
            self._add(key, values)
        except IrgradError as error:
            may_wait = self.last if key[0] == "contents" else key[0] == "variable"
            if self.state.is_flag(key) or not may_wait:
                raise
            count, self.twins = before
            for made in (self.kinds, self.names, *self.outputs):
                del made[count:]
            self._lose(key, values, error)

    def _add(self, key: Key, values: list[Any]) -> None:
        refused = next(filter(is_chosen, values), None) if key[0] == "contents" else None
        if refused is not None:
            self.made[key] = lambda given: refused
            return
        if key[0] == "contents" and self._grew(key, values):
            return
        values = alike(values)
        if all(v is values[0] for v in values) and not isinstance(values[0], Tracer):
            self.made[key] = lambda given: values[0]
            return
        is_jump = self.state.is_jump(key) and all(isinstance(v, (bool, Tracer)) for v in values)
        if is_jump and (known := self.flags.same(values)) is not None:
            self.made[key] = known
            return
        if any(v is UNBOUND for v in values):
            there = [v for v in values if v is not UNBOUND]
            fine = self.lenient and not self._is_lost(key)
            fine = fine or self.state.is_flag(key) or any(a.raised for a in self.arms)
            if not there or not fine:
                self._lose(key, values, None)
                return
        leaves, shapes = parts_after(self.state, self.arms, values)
        shape = next(shape for shape in shapes if shape is not None)
        if any(s is not None and s != shape for s in shapes):
            raise ArgumentError(
                f"{self._name(key, shape, None)} differs between the branches: "
                f"{' and '.join(map(str, shapes))}",
                location=self._line(leaves),
                hint=self._hint(key),
            )
        count = max(map(len, leaves))
        columns = [[own[k] if own else UNBOUND for own in leaves] for k in range(count)]
        plan = [self._leaf(key, shape, k, column) for k, column in enumerate(columns)]

        def make(given: Any) -> Any:
            made = put_together(shape, (leaf(given) for leaf in plan))
            limited(made)
            for item, arm in zip(values, self.arms, strict=True):
                with arm.left():
                    remember(made, item, arm.choices)
            return made

        self.made[key] = self.flags.once(values, make) if is_jump else make

    def _grew(self, key: Key, values: list[Any]) -> bool:
        """Whether a list was appended to by the branches, not as often by each: items that only one
        of them has are in the list under its condition.
        """
        before = self.state.get(key)
        start = len(before)
        kept = (
            isinstance(items, list) and len(items) >= start and all(map(same_item, before, items))
            for items in values
        )
        if not isinstance(before, list) or not all(kept) or len(set(map(len, values))) == 1:
            return False
        plans = [
            self._item(key, [items[k] if k < len(items) else UNBOUND for items in values])
            for k in range(start, max(map(len, values)))
        ]
        self.made[key] = lambda given: [*before, *(make(given) for make in plans)]
        return True

    def _item(self, key: Key, column: list[Any]) -> Callable[[Any], Any]:
        """An item that a list has after one of the branches, or after both."""
        if any(item is UNBOUND or type(item) is Maybe for item in column):
            column = [x if x is UNBOUND else uncertain(x) for x in column]
        parts = [(UNBOUND, None) if x is UNBOUND else taken_apart(x, _no) for x in column]
        shapes = [shape for _, shape in parts if shape is not None]
        if any(shape != shapes[0] for shape in shapes):
            raise ArgumentError(
                f"an item of {self.state.name(key)} differs between the branches: "
                f"{' and '.join(map(str, shapes))}",
                location=self._line([leaves for leaves, _ in parts if leaves is not UNBOUND]),
                hint="append the same tuples and classes on both sides",
            )
        count = shapes[0].size
        columns = [[x if x is UNBOUND else x[k] for x, _ in parts] for k in range(count)]
        plan = [self._part(key, shapes[0], k, leaves) for k, leaves in enumerate(columns)]
        return lambda given: put_together(shapes[0], (leaf(given) for leaf in plan))

    def _part(self, key: Key, shape: Shape, k: int, column: list[Any]) -> Callable[[Any], Any]:
        there = [False if x is UNBOUND else x for x in column]
        if all(type(x) is bool for x in there):  # whether an item is present
            return self._test(there)
        return self._leaf(key, shape, k, column)

    def _hint(self, key: Key) -> str:
        if key[0] == "contents":
            return "lists, dicts and sets grow and shrink only where the condition is known"
        return "give it the same tuples, lists, dicts and classes on both sides"

    def _is_lost(self, key: Key) -> bool:
        """Whether a variable may have had a value here that has been lost."""
        here = CURRENT.get()
        assert here is not None
        return key[0] == "variable" and ("lost", self.state.variables.names[key[1]]) in here.notes

    def _lose(self, key: Key, values: list[Any], error: IrgradError | None) -> None:
        """Leave no value; `error` is for who reads it, if it is more than that there is none."""
        here = CURRENT.get()
        assert here is not None
        if key[0] == "variable":
            name = self.state.variables.names[key[1]]
            earlier = here.notes.get(("lost", name))
            here.notes["lost", name] = error or earlier or call_site().location
        if key[0] != "contents" or error is None:
            self.made[key] = lambda given: UNBOUND
            return
        left = lost_contents(values, Lost(lambda: error), self.state.name(key).endswith(" object"))
        self.made[key] = lambda given: left

    def _array(self, key: Key, values: list[Any]) -> None:
        roots = [arm.roots[key[1]] for arm in self.arms if key[1] in arm.roots]
        given = [roots[0] if v is UNCHANGED else v for v in values]
        name = roots[0].version.name or "array"
        put = self._output(given, [Argument(v.value.type) for v in given], name, None)
        self.made[key] = lambda given: write(roots[0], put(given))

    def _leaf(self, key: Key, shape: Shape, k: int, column: list[Any]) -> Callable[[Any], Any]:
        there = [leaf for leaf in column if leaf is not UNBOUND]
        handles = [handle(leaf) for leaf in there]
        if all(same(handles[0], other) for other in handles[1:]) and self._is_outer(handles[0]):
            return lambda given: handles[0]
        named = [array_of(leaf, arm) for leaf, arm in zip(column, self.arms, strict=True)]
        if any(each is None for each in named):
            return self._merged(key, shape, k, column)
        twin, made = self.twins.setdefault(tuple(map(id, named)), (named, []))
        if twin is not named:
            return lambda given: made[0]
        make = self._merged(key, shape, k, column)

        def once(given: Any) -> Any:
            made.append(make(given))
            return made[0]

        return once

    def _merged(self, key: Key, shape: Shape, k: int, column: list[Any]) -> Callable[[Any], Any]:
        """A leaf that differs between the branches."""
        views = self._moved(column)
        if views is not None:
            return self._placed(views)
        there = [leaf for leaf in column if leaf is not UNBOUND]
        ends = [
            leaf.now if isinstance(leaf, Alias) else arm.at_end(leaf)
            for leaf, arm in zip(column, self.arms, strict=True)
        ]
        kinds = kinds_of([leaf for leaf in ends if leaf is not UNBOUND])
        if any(kind is None for kind in kinds):
            self._refuse(key, shape, k, there, kinds)
        name = self.state.variables.names[key[1]] if key[0] == "variable" else "out"
        told = partial(self._name, key, shape, k), self._line([column])
        put = self._output(ends, kinds, name, told)
        for leaf, arm in zip(column, self.arms, strict=True):
            for root in own_roots(leaf, arm):
                self.naming.setdefault(id(root), []).append(self._name(key, shape, k))
        named = [array_of(leaf, arm) for leaf, arm in zip(column, self.arms, strict=True)]
        shared, certain = shared_by(column, self.arms)
        tests = [(self._test(held), self._from_outside(each)) for each, held in shared]

        def make(given: Any) -> Any:
            names = self._together(column)
            base = put(given)
            if not (tests or names) and certain:
                return base
            arms = [(test(given), show(given)) for test, show in tests]
            made = one_of(base, arms, names or ("" if certain else self._name(key, shape, k)))
            plain = certain and not names and all(each is not None for each in named)
            self.chosen.append(Chosen(named[0], named[1], made) if plain else None)
            return made

        return make

    def _moved(self, column: list[Any]) -> list[Shown] | None:
        """The leaves as one view that the branches have at other places; None for others."""
        named = [array_of(leaf, arm) for leaf, arm in zip(column, self.arms, strict=True)]
        views = None if any(each is None for each in named) else moved(*named)
        return views if views is not None and self._is_outer(views[0].root) else None

    def _placed(self, views: list[Shown]) -> Callable[[Any], Any]:
        """A view at the places that it has in the branch that is taken."""
        first = views[0]
        puts = [
            self._output(list(column), kinds_of(column), "place", None)
            for column in zip(*(view.places for view in views), strict=True)
        ]
        return lambda given: Shown(first.root, first.windows, [p(given) for p in puts]).handle()

    def _from_outside(self, handle: Any) -> Callable[[Any], Any]:
        """A handle on an array from outside, where its places are known to a branch alone at those
        that the branch gives.
        """
        view = shown(handle)
        if view is None or all(map(self._is_outer, view.places)):
            return lambda given: handle
        puts = [self._place(place) for place in view.places]
        return lambda given: Shown(view.root, view.windows, [p(given) for p in puts]).handle()

    def _place(self, place: Any) -> Any:
        """A place that one of the branches knows, as an output."""
        (kind,) = kinds_of([place])
        own = [place if self._is_known(place, arm) else UNBOUND for arm in self.arms]
        return self._output(own, [kind] * len(own), "place", None)

    def _is_known(self, place: Any, arm: Inner) -> bool:
        builder = getattr(place, "builder", None)
        return builder is None or builder is arm.builder or self._is_outer(place)

    def _together(self, column: list[Any]) -> str:
        """What else names an array that a branch made and this variable names, with its name."""
        for leaf, arm in zip(column, self.arms, strict=True):
            for root in own_roots(leaf, arm):
                if len(self.naming[id(root)]) > 1:
                    return " and ".join(self.naming[id(root)])
        return ""

    def _test(self, held: list[Any]) -> Callable[[Any], Any]:
        """Whether a variable names an array, given what says so in each branch."""
        if all(type(condition) is bool for condition in held) and held[0] == held[1]:
            return lambda given: held[0]
        if any(isinstance(condition, Traced) for condition in held):
            return self._output(held, [Argument(ArrayType(BOOL, ()))] * len(held), "same", None)
        test = self.selector if held[1] else np.logical_not(self.selector)
        return lambda given: test

    def _is_outer(self, item: Any) -> bool:
        """Whether a value is no result of a branch."""
        builder = getattr(item, "builder", None)
        return builder is None or all(arm.builder is not builder for arm in self.arms)

    def _refuse(self, key: Key, shape: Shape, k: int, there: list[Any], kinds: Any) -> None:
        for leaf in there:
            if isinstance(leaf, Lost):
                leaf.refuse()
        types = " and ".join(
            repr(leaf) if kind is None else str(kind.type)
            for leaf, kind in zip(there, kinds, strict=True)
        )
        raise ArgumentError(
            f"if: {self._name(key, shape, k)} differs between the branches: {types}",
            location=self._line([there]),
            hint="only numbers and arrays can depend on a traced condition",
        )

    def _output(self, ends: list[Any], kinds: list[Any], name: str, told: Any) -> Any:
        """One output of the `cond`."""
        kind: Any = kinds[0]
        for following in kinds[1:]:
            text, line = told or (lambda: name, None)
            kind = agreed_kind("if", text, kind, following, line)
        for arm, leaf, outputs in zip(self.arms, ends, self.outputs, strict=True):
            with arm.open():
                outputs.append(_lifted(arm.builder, leaf, kind))
        self.kinds.append(kind)
        self.names.append(clean_name(name) if name.isidentifier() else "out")
        return next

    def _name(self, key: Key, shape: Shape, k: int | None) -> str:
        root = "what is returned" if key == RESULT else self.state.name(key)
        if k is None or root.startswith(("the ", "what ")):
            return root
        return f"'{shape.place(k, root.strip(chr(39)))}'"

    def _line(self, leaves: list[list[Any]]) -> Location | None:
        for own in leaves:
            for leaf in reversed(own):
                end: Any = now(leaf)
                inside = any(getattr(end, "owner", None) is arm.builder for arm in self.arms)
                if inside and end.version.node.location:
                    return end.version.node.location
        return call_site().location

    def found(self) -> dict[Key, Any]:
        """Everything, with the outputs of the `cond`; arrays are written to."""
        results = iter(self._results() if self.kinds else ())
        found = {key: make(results) for key, make in self.made.items()}
        settle(self.chosen, self.selector)
        return {key: new for key, new in found.items() if key[0] != "array"}

    def _results(self) -> list[Any]:
        names = numbered(self.names)
        closed = [
            arm.close("branch", dict(zip(names, outputs, strict=True)))
            for arm, outputs in zip(self.arms, self.outputs, strict=True)
        ]
        graphs, operands = with_all([graph for graph, _ in closed], [own for _, own in closed])
        op = Cond(tuple(graphs))
        given = [self.selector, *operands]
        return apply(op, given, operand_types(given), named=set(self.made) != {RESULT, REACHED})


def _no(item: Any) -> bool:
    return False


def _lifted(builder: Builder, leaf: Any, kind: Argument) -> Value:
    if leaf is UNBOUND:
        leaf = repeated(np.zeros((), kind.type.dtype), kind.type.shape)
    return builder.lift(lift(builder, leaf, kind.type.dtype))


__all__ = ["branch"]
