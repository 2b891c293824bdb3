"""Handles that share memory: what NumPy's views mean while values are immutable.

A traced array is a handle, a name for the current version of what it holds: writing gives it a new
version. A view is a handle that has its numbers from another, its parent, through a window: an op
of which `overwrite` says what becomes of the operand when the result is written to. Its further
operands are places known only when the program runs, as of `A[i]` with a traced `i`. Reading a view
after its root got a new version reads that; writing to a view writes to its parents up to the root.
So no other part of irgrad knows of aliases.

Where only the running program knows which of several arrays a variable names, as of
`v = a if c > 0 else b`, the handle is `OneOf` them: reading it chooses, writing to it writes to the
one that it is."""

from __future__ import annotations

import gc
import threading
from collections.abc import Callable, Sequence
from typing import Any
from weakref import ref

import numpy as np

from irgrad.errors import DTypeError, ReadOnly, ShapeError, TraceError
from irgrad.frontend.integers import written
from irgrad.frontend.promote import lift
from irgrad.ir.builder import CURRENT, Builder, Traced
from irgrad.ir.graph import Value
from irgrad.ir.op import Op
from irgrad.ops.cast import astype
from irgrad.ops.select import WHERE, where


class View:
    """How a handle shows part of another: `op` of `parent` at `places`; `seen` is the root's
    version then.
    """

    __slots__ = ("op", "parent", "places", "root", "seen", "writable")

    def __init__(self, parent: Any, op: Op, places: Sequence[Any] = ()) -> None:
        self.parent = parent
        self.op = op
        self.places = [Traced(place.builder, place.value) for place in places]
        self.root = root_of(parent)
        self.seen = self.root.value
        self.writable = True


class OneOf:
    """How a handle shows one of several others: the first whose condition holds, or else `base`, an
    array of its own, which has the numbers of the one that it is as long as nobody writes to that
    by another name; others that have no name any more are forgotten, unless it `holds` them.
    `seen` are the versions of all when they were looked at. It is not written to where `frozen`
    says why.
    """

    __slots__ = ("base", "frozen", "known", "seen")

    def __init__(
        self,
        base: Any,
        arms: Sequence[tuple[Any, Any]],
        frozen: str = "",
        holds: bool = False,
    ) -> None:
        self.base = base
        refer = _held if holds else _reference
        self.known = [(condition, refer(each)) for condition, each in arms]
        self.frozen = frozen
        self.seen = self.current()

    @property
    def arms(self) -> list[tuple[Any, Any]]:
        """The others that it may be, each with its condition."""
        there = [(condition, found()) for condition, found in self.known]
        return [(condition, each) for condition, each in there if each is not None]

    def current(self) -> list[Value]:
        """The versions of all that it may be."""
        every = [self.base, *(each for _, each in self.arms)]
        for each in every:
            _ = each.builder.level  # which refuses an array whose numbers are elsewhere
        return [each.value for each in every]

    def refresh(self, handle: Any) -> None:
        """Choose again where one of them was written to: outside of branches that only read it. Of
        those that are one of several themselves, each is looked at once.
        """
        seen = getattr(_LOOKED_AT, "seen", None)
        if seen is not None:
            if id(self) not in seen:
                self._choose(handle)
                seen.add(id(self))
            return
        _LOOKED_AT.seen = set()
        try:
            self._choose(handle)
        finally:
            _LOOKED_AT.seen = None

    def _choose(self, handle: Any) -> None:
        current = self.current()
        if not handle.owner.closed and all(value in self.seen for value in current):
            return
        chosen = self.base
        for condition, each in reversed(self.arms):
            operands = condition, each, chosen
            deepest = max((x.builder for x in operands), key=lambda found: found.level)
            chosen = deepest.bind(WHERE, operands)
        handle.owner, handle.version, self.seen = chosen.builder, chosen.value, current

    def write(self, handle: Any, new: Any) -> None:
        """Write to the one that it is: to each that it may be, once, whatever leads to it."""
        several = _in_turn(handle)
        frozen = next((each.window.frozen for each in several if each.window.frozen), None)
        if frozen is not None:
            raise TraceError(
                f"an in-place write where {frozen} may be names of one array",
                hint="bind one of them to a .copy()",
            )
        reached: dict[int, tuple[Any, Any]] = {id(handle): (handle, True)}
        for one in several:
            _, way = reached[id(one)]
            for condition, each in one.window.arms:
                _, other = reached.get(id(each), (each, False))
                reached[id(each)] = each, _either(other, _both(way, condition))
        values = {
            key: new if way is True else where(way, new, each)
            for key, (each, way) in reached.items()
        }
        inner = {id(each): each.window.base for each in several}
        for key, (each, _) in reached.items():
            write(inner.get(key, each), values[key])
        for each in several[::-1]:
            value = values[id(each)]
            each.owner, each.version = value.builder, value.value
            each.window.seen = each.window.current()


def _in_turn(handle: Any) -> list[Any]:
    """A handle and those that it may be which may be several themselves, each before its own."""
    found: list[Any] = []
    seen: set[int] = set()
    work = [(handle, False)]
    while work:
        one, is_done = work.pop()
        if is_done:
            found.append(one)
        elif id(one) not in seen and isinstance(one.window, OneOf):
            seen.add(id(one))
            work += [(one, True), *((each, False) for _, each in one.window.arms)]
    return found[::-1]


def _both(one: Any, other: Any) -> Any:
    return other if one is True else one if other is True else np.logical_and(one, other)


def _either(one: Any, other: Any) -> Any:
    return other if one is False else one if other is False else np.logical_or(one, other)


_LOOKED_AT = threading.local()
"""What has been refreshed on the way to the value of one handle."""


def _held(handle: Any) -> Callable[[], Any]:
    return lambda: handle


def _reference(handle: Any) -> Callable[[], Any]:
    """A handle for as long as anything else names its array."""
    whole = not isinstance(handle.window, View)
    return ref(handle) if whole and handles_of(handle) == [handle] else lambda: handle


def keep_for_names(*handles: Any) -> None:
    """Keep arrays that may be looked at by handles on one of several, which do not hold them."""
    here = CURRENT.get()
    if here is not None:
        here.notes.setdefault("kept", []).extend(handles)


def one_of(base: Any, arms: Sequence[tuple[Any, Any]], frozen: str = "") -> Any:
    """A handle on the array of `arms` whose condition holds, where there is none on `base`; it is
    not written to where it may share its array with others of the names in `frozen`.
    """
    made = base.builder.wrap(base.builder, base.value)
    made.window = OneOf(base, arms, frozen)
    return made


def root_of(handle: Any) -> Any:
    """The handle at the bottom of a chain of views."""
    return handle.window.root if isinstance(handle.window, View) else handle


def roots_of(handle: Any) -> list[Any]:
    """The arrays whose memory a handle may show."""
    return _each(handle, root_of, lambda root: root.window is not None)


def handles_of(handle: Any, known: Any = None) -> list[Any]:
    """The handles that one may turn out to be; `known` stands for all that it may be itself."""

    def is_several(one: Any) -> bool:
        return one is not known and isinstance(one.window, OneOf) and bool(one.window.arms)

    return _each(handle, lambda one: one, is_several)


def _each(handle: Any, end: Callable[[Any], Any], is_several: Callable[[Any], bool]) -> list[Any]:
    """What is reached from a handle by the arrays that it may be, where these are not several
    themselves; each once.
    """
    found: list[Any] = []
    seen: set[int] = set()
    work = [handle]
    while work:
        one = end(work.pop())
        if id(one) in seen:
            continue
        seen.add(id(one))
        if is_several(one):
            work += [one.window.base, *(each for _, each in one.window.arms)][::-1]
        else:
            found.append(one)
    return found


def become(handle: Any, show: Callable[[Any], Any]) -> bool:
    """Let a handle become the view `show` of what it named, which another handle names from now on
    -> whether it can: no other view may be of this one, and no body around that goes on with it.
    """
    root, current = root_of(handle), CURRENT.get()
    others = (each for each in gc.get_referrers(handle) if isinstance(each, View))
    if root.owner is not current or any(each.parent is handle for each in others):
        return False
    same = handle.builder.wrap(handle.builder, handle.value)
    same.window = handle.window
    view = show(same)
    handle.owner, handle.version, handle.window = view.owner, view.value, view.window
    return True


def owner_of(handle: Any) -> Builder:
    """The builder of a view's value: the root's, or a deeper one that it was read in, as long as
    the root is what it was then.
    """
    if isinstance(handle.window, OneOf):
        handle.window.refresh(handle)
        return handle.owner
    own, held = handle.owner, handle.window.root.builder
    stays = own.level > held.level and not own.closed
    return own if stays and handle.window.seen is handle.window.root.value else held


def refreshed(handle: Any) -> Value:
    """The value of a view of the root's current version, where all that it is made of is known."""
    if isinstance(handle.window, OneOf):
        handle.window.refresh(handle)
        return handle.version
    root = handle.window.root
    current = root.value
    stale: list[Any] = []
    while isinstance(handle.window, View) and (
        handle.window.seen is not current or handle.owner is not owner_of(handle)
    ):
        stale.append(handle)
        handle = handle.window.parent
    for each in reversed(stale):
        view = each.window
        found = (view.parent, *view.places)
        each.owner = max((x.builder for x in found), key=lambda builder: builder.level)
        operands = [each.owner.lift(x) for x in found]
        each.version = Value(each.owner.emit(view.op, operands), 0)
        view.seen = current
    return (stale[0] if stale else handle).version


def write(handle: Any, new: Any) -> None:
    """Give `handle` a new version, traced and of its type; its parents and their views see it."""
    within_reach(handle, new)
    written = [(handle, new)]
    while isinstance(handle.window, View):
        view = handle.window
        if not view.writable:
            raise ReadOnly(
                "an in-place write into a read-only view (NumPy makes diagonals read-only)",
                hint="use np.fill_diagonal(x, v), or write into a .copy()",
            )
        places = [x.builder.wrap(x.builder, x.value) for x in view.places]
        handle, new = view.parent, view.op.overwrite(view.parent, new, *places)
        written.append((handle, new))
    if isinstance(handle.window, OneOf):
        handle.window.write(handle, new)
        return
    current = handle.owner.lift(new)
    _keep_name(handle.version, current)
    for each, value in written:
        each.owner, each.version = handle.owner, handle.owner.lift(value)
        if each.window is not None:
            each.window.seen = current
    handle.version = current


def _keep_name(before: Value, after: Value) -> None:
    """A new version is called as the one before it."""
    if after.name is None and not (after.node.is_input or after.node.is_constant):
        after.call(before.name)


def within_reach(handle: Any, new: Any) -> None:
    """Refuse to write into an array from outside the function that is traced. One that it made
    itself, of values from outside alone, becomes its own.
    """
    root, current = root_of(handle), CURRENT.get()
    if root.window is not None:  # those that it may be are asked in turn
        return
    if root.builder.level < max(new.builder.level, 0 if current is None else current.level):
        if current is not None and root.born >= current.level:
            root.owner, root.version = current, current.lift(root)
            return
        if current is not None and current.lend is not None and current.lend(root):
            return
        error = TraceError(
            f"an in-place write into an array from outside ({handle!r}) in a function that is "
            "traced by itself (differentiated, or the body of a loop or branch)",
            hint="pass the array as an argument and return it, or return the value to write",
        )
        error.written = root
        raise error


Step = tuple[Op, tuple[Any, ...]]
"""A window: its op, and its places, as `irgrad.frontend.integers` writes them."""


def step_of(op: Op, places: Sequence[Any] = ()) -> Step:
    """A window as something to compare."""
    return op, tuple(map(written, places))


def steps_between(handle: Any, ancestor: Any) -> list[Step] | None:
    """The windows through which an up-to-date handle shows `ancestor`, the first on it first."""
    steps: list[Step] = []
    while handle is not ancestor:
        if not isinstance(handle.window, View):
            return None
        if handle.window.seen is not handle.window.root.value:
            return None
        steps.append(step_of(handle.window.op, handle.window.places))
        handle = handle.window.parent
    return steps[::-1]


def write_result(name: str, out: Any, result: Any, casting: Any = "same_kind") -> Any:
    """`out` after the result of `name` was written into it, by the rules of `out=`."""
    result = lift(out.builder, result)
    if result.shape != out.shape:
        raise ShapeError(
            f"{name}: an array of shape {out.shape} cannot hold a result of shape {result.shape}"
        )
    if not np.can_cast(result.dtype, out.dtype, casting=casting):
        raise DTypeError(
            f"{name}: cannot cast the result from {result.dtype} to {out.dtype} with casting rule "
            f"'{casting}'",
            hint=f"write x = x + ... for x += ..., or make the array one of {result.dtype}",
        )
    write(out, astype(result, out.dtype))
    return out
