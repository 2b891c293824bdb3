"""List comprehensions as loops: `[f(x) for x in xs]` appends what each step gives.

In rewritten code it is `listed(xs, lambda item, out: [out.append(f(x)) for x in (item,)])`: the
inner comprehension binds the variables, whatever the target is."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from irgrad.frontend.capture.flow import NEEDS_NUMBERS, for_, if_
from irgrad.frontend.capture.inner import Inner
from irgrad.frontend.capture.iteration import positions
from irgrad.frontend.capture.parts import taken_apart
from irgrad.frontend.capture.raising import forget
from irgrad.frontend.capture.settings import most_nodes, unrolled
from irgrad.frontend.capture.state import State, Variables
from irgrad.frontend.known import known
from irgrad.ir.builder import CURRENT, Traced
from irgrad.ir.graph import node_count

Step = Callable[[Any, list[Any]], Any]


class _Body:
    """The body of the loop, known by the place of the comprehension in the code."""

    def __init__(self, step: Step, out: list[Any]) -> None:
        self.step, self.out, self.item = step, out, None
        self.__code__: Any = step.__code__  # pyright: ignore[reportFunctionMemberAccess]

    def bind(self, item: Any) -> None:
        """The item of the step that comes."""
        self.item = item

    def __call__(self) -> None:
        self.step(self.item, self.out)


def listed(items: Iterable[Any], step: Step, out: list[Any] | None = None) -> list[Any]:
    """`out`, to which `step` has appended what there is for each of the items."""
    out = [] if out is None else out
    variables = Variables(tuple, lambda values: None, lambda: (out, step), ())
    body = _Body(step, out)
    if CURRENT.get() is not None and _is_loop(items, variables, body):
        for_(items, body.bind, body, *variables)
    else:
        for item in items:
            step(item, out)
    return out


def when(test: Any, append: Callable[[], Any], out: list[Any]) -> None:
    """The `if` of a comprehension."""
    if_(test, append, _nothing, tuple, lambda values: None, lambda: (append, out), ())


def _nothing() -> None:
    pass


def _is_loop(items: Iterable[Any], variables: Variables, body: _Body) -> bool:
    """Whether the steps are long or many, and all that they append is traced: what is known stays
    so, since sizes and keys may be made of it.
    """
    found = positions(items)
    if found is None or not isinstance(found.count, int):
        return found is not None
    if found.count < 2:
        return False
    here, key = CURRENT.get(), ("size", body.__code__)
    assert here is not None
    if key not in here.notes:
        here.notes[key] = 0
        here.notes[key] = _size(next(iter(items)), variables, body)
    most, size = most_nodes(), here.notes[key]
    many = found.count > unrolled() or (most is not None and found.count * size > most)
    return bool(size) and many


def _size(item: Any, variables: Variables, body: _Body) -> int:
    """The nodes of a step that appends nothing but traced values; else 0."""
    start = len(body.out)
    inner = Inner(State(variables), lends=True, repeats=True)

    def run() -> list[Any]:
        body.bind(item)
        body()
        return taken_apart(body.out[start:], lambda _: False)[0]

    try:
        inner.run(run)
    except NEEDS_NUMBERS as error:
        forget(error)
        return 0
    count = max(1, node_count(inner.builder.nodes))
    leaves = inner.result or ()
    unknown = all(isinstance(leaf, Traced) and known(leaf) is None for leaf in leaves)
    inner.builder.closed = True
    return count if leaves and unknown else 0


__all__ = ["listed", "when"]
