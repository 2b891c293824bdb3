"""What stands for several loops in the head of one `for`, or for a loop and an `if`:
`itertools.product` and `combinations`, `np.ndindex`, `np.ndenumerate` and `np.nditer` of one array,
`itertools.chain`, and generator expressions with a condition."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Iterator
from typing import Any, NamedTuple

import numpy as np

from irgrad.frontend.capture.iteration import Combined, Mapped, TracedRange, positions
from irgrad.frontend.capture.places import source
from irgrad.frontend.capture.state import Variables

Loop = Callable[..., None]
"""`irgrad.frontend.capture.flow.for_`, which is there when it calls."""


def is_several(
    loop: Loop, variables: Variables, items: Any, bind: Any, body: Any, stop: Any
) -> bool:
    """Whether a `for` has been done as other loops."""
    if isinstance(items, Combined) and items.function is itertools.chain:
        for part in items.args:
            loop(part, bind, body, *variables, stop)
        return True
    if isinstance(items, Mapped) and items.test is not None:
        _filtered(loop, variables, items, bind, body, stop)
        return True
    loops = nest(items)
    if loops is not None:
        _nested(loop, variables, loops, [], bind, body, stop)
    return loops is not None


class _Around:
    """A body of a loop around that of the user's, by which it is known, and of what it is for."""

    def __init__(self, body: Any, what: Any, run: Callable[[], Any]) -> None:
        self.__code__: Any = (body.__code__, what)
        self.run = run

    def __call__(self) -> None:
        self.run()


def _filtered(
    loop: Loop, variables: Variables, mapped: Mapped, bind: Any, body: Any, stop: Any
) -> None:
    """Of the items those for which a test holds."""
    from irgrad.frontend.capture.flow import if_

    here: list[Any] = [None]
    test = mapped.test
    assert test is not None

    def take(item: Any) -> None:
        here[0] = item

    def one() -> None:
        bind(mapped.function(here[0]))
        body()

    def step() -> None:
        if_(test(here[0]), one, lambda: None, *variables, lenient=True)

    loop(mapped.items, take, _Around(body, "filtered", step), *variables, stop)


def _nested(
    loop: Loop,
    variables: Variables,
    loops: Nest,
    around: list[Any],
    bind: Any,
    body: Any,
    stop: Any,
) -> None:
    """The loops inside of those whose variables are given."""
    depth = len(around)
    if depth == len(loops.levels):
        bind(loops.item(around))
        body()
        return
    here: list[Any] = [None]

    def take(item: Any) -> None:
        here[0] = item

    def step() -> None:
        _nested(loop, variables, loops, [*around, here[0]], bind, body, stop)

    loop(loops.levels[depth](around), take, _Around(body, depth, step), *variables, stop)


class Nest(NamedTuple):
    """What each of the loops runs over, given the variables of those around it, and the item of the
    `for`, given those of all.
    """

    levels: list[Callable[[list[Any]], Any]]
    item: Callable[[list[Any]], Any]


def nest(items: Any) -> Nest | None:
    """The loops for which something stands; None for all else."""
    make = _NESTS.get(items.function) if isinstance(items, Combined) else None
    return None if make is None else make(*items.args, **items.kwargs)


def _product(*pools: Any, repeat: int = 1) -> Nest | None:
    every = [_kept(pool) for pool in pools] * repeat
    return Nest([lambda around, pool=pool: pool for pool in every], tuple) if every else None


def _kept(pool: Any) -> Any:
    """What may be run over several times."""
    return list(pool) if isinstance(pool, Iterator) else pool


def _combinations(iterable: Iterable[Any], r: int) -> Nest | None:
    found = positions(_kept(iterable))
    if found is None or not isinstance(found.count, int) or not 0 < r <= found.count:
        return None
    ends = range(found.count - r + 1, found.count + 1)

    def after(around: list[Any]) -> Any:
        bounds = around[-1] + 1 if around else 0, ends[len(around)]
        return range(*bounds) if all(type(x) is int for x in bounds) else TracedRange(*bounds)

    return Nest([after] * r, lambda around: tuple(map(found.at, around)))


def _places(*shape: Any) -> Nest | None:
    extents = shape[0] if len(shape) == 1 and isinstance(shape[0], tuple) else shape
    return _product(*map(range, extents))


def _enumerated(arr: Any) -> Nest | None:
    made = _places(np.shape(arr))
    return made and made._replace(item=lambda around: (tuple(around), source(arr)[tuple(around)]))


def _elements(op: Any, *more: Any, **options: Any) -> Nest | None:
    made = None if more or options else _places(np.shape(op))
    return made and made._replace(item=lambda around: source(op)[tuple(around)])


_NESTS: dict[Any, Callable[..., Nest | None]] = {
    itertools.product: _product,
    itertools.combinations: _combinations,
    np.ndindex: _places,
    np.ndenumerate: _enumerated,
    np.nditer: _elements,
}


__all__ = ["is_several"]
