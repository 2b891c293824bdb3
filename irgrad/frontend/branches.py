"""`cond` and `switch`: branches that are chosen when the program runs."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import numpy as np

from irgrad.errors import ArgumentError, DTypeError, Location, ShapeError
from irgrad.frontend.called import check_function, shown_type
from irgrad.frontend.capture import captured
from irgrad.frontend.guards import fixed
from irgrad.frontend.integers import as_int64, is_integer
from irgrad.frontend.keywords import keywords
from irgrad.frontend.known import known
from irgrad.frontend.loans import Loans, fresh
from irgrad.frontend.lower import Argument, classify
from irgrad.frontend.pytree import flatten, map_leaves, unflatten, written_path
from irgrad.frontend.region import (
    Region,
    apply,
    described,
    joined,
    operand_types,
    trace_region,
    with_all,
)
from irgrad.frontend.site import call_site, defined_at
from irgrad.ir.builder import CURRENT, Traced
from irgrad.ir.types import BOOL, ArrayType
from irgrad.ops.cond import Cond

Branch = Callable[..., Any]


_OF_JAX = {
    "operand": "operands come last, by position",
    "operands": "operands come last, by position",
    "linear": "leave it out: in what a branch is linear is seen from its graph",
}


@keywords(**_OF_JAX)
def cond(pred: Any, true_fun: Branch, false_fun: Branch, *operands: Any) -> Any:
    """`true_fun(*operands)` where `pred` holds, else `false_fun(*operands)`; only one of them runs.

    `pred` is a scalar; a number means true where it is not 0. Where it depends on no argument the
    choice is made at once: the other function is not looked at, and the result has the type that
    the chosen one gives it. Else both functions must return the same structure of the same types,
    integers and Python numbers taking the type of the other branch; `DTypeError`, `ShapeError` or
    `ArgumentError` otherwise.

    >>> cond(True, lambda x: 1, lambda x: x / 2, 3.0)
    1
    >>> import irgrad
    >>> irgrad.compile(lambda x: cond(x > 0, lambda x: 1, lambda x: x / 2, x))(3.0)
    np.float64(1.0)
    """
    for name, branch in (("true_fun", true_fun), ("false_fun", false_fun)):
        check_function(
            "cond", name, branch, "pred, true_fun, false_fun, *operands", *_numbered(operands)
        )
    _check_selector("cond", "pred", pred)
    certain = _certain(pred)
    if certain is None:
        return _chosen("cond", as_condition(pred), (false_fun, true_fun), operands)
    return _followed(true_fun if certain[()] else false_fun, operands)


def as_condition(pred: Any) -> Any:
    """A traced scalar as a bool."""
    if pred.value.type.dtype == BOOL:
        return pred
    with pred.builder.emitting(call_site().location, None):
        return pred != 0


@keywords(**_OF_JAX)
def switch(index: Any, branches: Sequence[Branch], *operands: Any) -> Any:
    """`branches[index](*operands)`, the index clamped to 0 ... len(branches) - 1; only that branch
    runs.

    The branches must agree as those of `cond` do.

    >>> float(switch(1, [lambda x: x, lambda x: x * 10.0], 2.0))
    20.0
    """
    if not isinstance(branches, Iterable) or isinstance(branches, (Traced, np.ndarray, np.generic)):
        raise ArgumentError(
            f"switch: branches must be a list of functions, got {shown_type(branches)}",
            location=call_site().location,
            hint="the order of arguments is switch(index, branches, *operands)",
        )
    branches = tuple(branches)
    for k, branch in enumerate(branches):
        check_function(
            "switch",
            f"branches[{k}]",
            branch,
            "index, branches, *operands",
            *_numbered(operands),
        )
    if not branches:
        raise ArgumentError(
            "switch: there are no branches",
            location=call_site().location,
            hint="branches is a list of functions, of which index chooses one",
        )
    _check_selector("switch", "index", index)
    if not is_integer(index):
        raise DTypeError(
            f"switch: index must be an integer, got {shown_type(index)}",
            location=call_site().location,
            hint="convert with int(...), or .astype(np.int64) where it is traced",
        )
    certain = _certain(index)
    if certain is not None:
        return _followed(branches[min(max(int(certain), 0), len(branches) - 1)], operands)
    with index.builder.emitting(call_site().location, None):
        index = as_int64(index)
    return _chosen("switch", index, branches, operands)


def _certain(selector: Any) -> Any:
    """The number that a selector is, as an array; None where it depends on arguments."""
    return known(selector) if isinstance(selector, Traced) else np.asarray(fixed(selector))


def _followed(branch: Branch, operands: tuple[Any, ...]) -> Any:
    """The result of the branch that runs at once: rewritten in a trace, as what calls it is."""
    return map_leaves(fresh, (branch if CURRENT.get() is None else captured(branch))(*operands))


def _numbered(operands: Sequence[Any]) -> list[str]:
    return [f"operands[{k}]" for k in range(len(operands))]


def _check_selector(what: str, name: str, selector: Any) -> None:
    shape = selector.value.type.shape if isinstance(selector, Traced) else np.shape(selector)
    if shape:
        raise ShapeError(
            f"{what}: {name} must be a scalar, got shape {shape}",
            location=call_site().location,
            hint="np.where chooses element by element; np.any and np.all make one condition",
        )
    if not isinstance(selector, (Traced, bool, int, float, complex, np.generic, np.ndarray)):
        raise DTypeError(
            f"{what}: {name} must be a number, got {shown_type(selector)}",
            location=call_site().location,
            hint="a comparison gives a bool",
        )


def _chosen(
    what: str, selector: Any, functions: tuple[Branch, ...], operands: tuple[Any, ...]
) -> Any:
    functions = tuple(map(captured, functions))
    leaves, _ = flatten((operands, {}))
    kinds = [classify(leaf) for leaf in leaves]
    wanted: list[ArrayType | None] = []
    loans = Loans(what, (operands, {}))
    lending = [loans.lending(f) for f in functions]
    trace = functools.partial(trace_region, contains=True, what=f"{what}: ")
    while True:
        loans.start()
        regions = [trace(f, operands, kinds, wanted) for f in lending]
        agreed = _agreed(what, functions, regions)
        if agreed == wanted and loans.settled:
            break
        wanted = agreed
    given = [x for x, k in zip(leaves, kinds, strict=True) if isinstance(k, Argument)]
    graphs, beside = with_all(
        loans.extended([region.graph for region in regions]),
        [region.captured for region in regions],
        regions[0].free,
    )
    op = Cond(tuple(graphs))
    every = [selector, *given, *beside]
    types = operand_types([selector], given, beside)
    found = iter(loans.keep(apply(op, every, types)) if graphs[0].outputs else [])
    filled = [None if kind is None else next(found) for kind in regions[0].kinds]
    return unflatten(regions[0].tree, filled)


def _agreed(
    what: str, functions: Sequence[Branch], regions: Sequence[Region]
) -> list[ArrayType | None]:
    """The types that all branches give, converted where nothing is lost."""
    first = regions[0]
    for function, region in zip(functions, regions, strict=True):
        if region.tree != first.tree:
            raise ArgumentError(
                f"{what}: the branches return different structures: {described(first.tree)} and "
                f"{described(region.tree)}",
                location=defined_at(function),
                hint="return the same tuples, lists and dicts from every branch",
            )
    agreed: list[ArrayType | None] = []
    for place in range(len(first.kinds)):
        kind = first.kinds[place]
        name = functools.partial(written_path, first.tree, place, "the result")
        for region in regions[1:]:
            line = region.lines[place] or first.lines[place]
            kind = agreed_kind(what, name, kind, region.kinds[place], line)
        agreed.append(None if kind is None else kind.type)
    return agreed


def agreed_kind(
    what: str,
    name: Callable[[], str],
    one: Argument | None,
    other: Argument | None,
    line: Location | None,
) -> Argument | None:
    """The kind of a value that two branches give, converted where nothing is lost; `name` makes
    what errors call it.
    """
    if one is None and other is None:
        return None
    if one is None or other is None or one.type.shape != other.type.shape:
        types = " and ".join("None" if kind is None else str(kind.type) for kind in (one, other))
        raise ShapeError(
            f"{what}: {name()} differs between the branches: {types}",
            location=line or call_site().location,
            hint="is a return missing?"
            if one is None or other is None
            else "return arrays of one shape from every branch",
        )
    dtype = joined(one, other)
    if dtype is None:
        raise DTypeError(
            f"{what}: {name()} differs between the branches: {one.type} and {other.type}",
            location=line or call_site().location,
            hint=f"convert one of them, with .astype(np.{one.type.dtype})",
        )
    return Argument(ArrayType(dtype, one.type.shape), one.weak and other.weak)


__all__ = ["agreed_kind", "as_condition", "cond", "switch"]
