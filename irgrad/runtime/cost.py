"""`irgrad.cost`: what a function costs, and its gradient in each of the ways to get it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import suppress
from functools import cache
from operator import index
from typing import Any, NamedTuple, SupportsIndex

from irgrad.autodiff.graphs import pushforward
from irgrad.autodiff.partial import dependent_nodes
from irgrad.errors import ArgumentError, IrgradError
from irgrad.frontend.lower import Argument, Signature, Static, signature_of
from irgrad.inspect import implicit_cost, linalg_cost  # noqa: F401 -- register their rules
from irgrad.inspect.cost import Count, count
from irgrad.inspect.polynomial import fit
from irgrad.ir.graph import Graph, Value
from irgrad.ir.types import ArrayType
from irgrad.passes.pipeline import optimise
from irgrad.runtime.selection import Arguments
from irgrad.runtime.target import lower_target
from irgrad.runtime.transforms import Argnums, differentiable, value_and_grad

WAYS = {
    "function": "the function",
    "reverse": "with gradient, reverse",
    "forward": "with gradient, forward",
    "differences": "gradient by differences",
}


STEPS = "steps"
"""What formulas call the number of steps of loops that is known only when they run."""


class Cost(NamedTuple):
    """The cost of a function and of its gradient; each a `Count` of operations and bytes.

    >>> import irgrad
    >>> c = irgrad.cost("sum(x * x)", irgrad.spec("f64[4]"))
    >>> c.function.operations, c.reverse.operations, c.differences.operations
    (7, 11, 72)
    """

    function: Count
    reverse: Count
    forward: Count
    differences: Count

    def __str__(self) -> str:
        rows = [("", *self.titles())]
        rows += [(WAYS[way], *row) for way, row in self.rows().items()]
        widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
        return "\n".join(
            "  ".join(
                cell.rjust(width) if 0 < i < 4 else cell.ljust(width)
                for i, (cell, width) in enumerate(zip(row, widths, strict=True))
            ).rstrip()
            for row in rows
        )

    def titles(self) -> tuple[str, ...]:
        """The heads of the table's columns, but that of the names."""
        known = any(count.operations_formula is not None for count in self)
        return ("operations", "x function", "bytes", *(["operations are"] if known else []))

    def rows(self) -> dict[str, tuple[str, ...]]:
        """The cells of the table: operations, ratio to the function's, bytes, the formula."""
        base = self.function.operations
        table: dict[str, tuple[str, ...]] = {}
        for way, counted in self._asdict().items():
            formula = counted.operations_formula
            cells = (
                f"{counted.operations:,}",
                f"{counted.operations / base:.1f}" if base else "",
                f"{counted.bytes:,}",
                "no polynomial" if formula is None else str(formula),
            )
            table[way] = cells[: len(self.titles())]
        return table


def cost(
    f: Any,
    *args: Any,
    argnums: Argnums = 0,
    sizes: Mapping[str, SupportsIndex] | None = None,
    steps: int | None = None,
    **kwargs: Any,
) -> Cost:
    """Operations and bytes of a scalar function at `args`, of its value and gradient in reverse
    mode, in forward mode (the tangents of all directions, the primal values once), and by central
    differences (two calls for each element of the arguments in `argnums`).

    Counts are exact, of the optimised graphs; only the types of `args` matter, so that
    `irgrad.spec("f64[16,16]")` may stand for an array. With `sizes={"d": 16}`, every extent 16 of
    the arguments, and every Python int 16 among them, is called d, and the counts come as
    polynomials in the sizes too. They are found by counting at other sizes nearby and verified
    further away, to about twice the size. Where the counts are no polynomial (sorting), or differ
    in kind between these sizes (an extent of 1 broadcasts, a short loop is unrolled, another order
    of products is the cheapest, a factor 2 / d merges with another where it is a power of two),
    formulas are None; they may be found from other sizes.

    A loop counts its body as often as it runs. Where only the run decides how often (`while`, a
    `range` of an argument that is an array), `steps` says for how many steps of each such loop to
    count, and is a size in the formulas; so it does of `root` and its kin, whose steps count as
    Newton's. Of a branch, the dearest arm counts, so that the counts are bounds from above.
    Complex elements are two directions.

    Raises an `ArgumentError` for sizes that no argument has, an `UnsupportedError` for a loop of
    unknown length without `steps`, and what `grad` raises: the result must be one real scalar.

    >>> import irgrad, numpy as np
    >>> W, x = irgrad.spec("f64[16,16]"), irgrad.spec("f64[16]")
    >>> c = cost("sum((W @ x)**2)", W, x, sizes={"d": 16})
    >>> str(c.function.operations_formula), str(c.reverse.operations_formula)
    ('2 d² + d − 1', '3 d² + 2 d − 1')
    >>> def halved(x):
    ...     while np.sum(x) > 1.0:
    ...         x = 0.5 * x
    ...     return np.sum(x)
    >>> str(cost(halved, irgrad.spec("f64[8]"), steps=20).function.operations_formula)
    '16 steps + 15'
    """
    function = differentiable("cost", f)
    signature, _ = signature_of(args, kwargs, function)
    given = _checked(sizes, signature, steps)

    def counted(at: Mapping[str, int]) -> tuple[Count, ...]:
        named = {name: at[name] for name in given if name != STEPS or steps is None}
        return _counts(
            function,
            _resized(signature, given, named),
            argnums,
            steps if steps is None else at[STEPS],
        )

    found = counted(given)
    if not given:
        return Cost(*found)

    @cache
    def numbers(at: tuple[int, ...]) -> list[int]:
        counts = counted(dict(zip(given, at, strict=True)))
        return [number for c in counts for number in c[:2]]

    try:
        formulas = fit(lambda at: numbers(tuple(at.values())), given)
    except IrgradError as error:
        error.message = f"sizes {given}: at other sizes the function fails: {error.message}"
        error.hint = (
            "every such extent is called so: give sizes that no other extent has, and all arrays "
            "that have them as arguments of a function (the shapes of a Graph do not change)"
        )
        raise
    pairs = zip(formulas[::2], formulas[1::2], strict=True)
    return Cost(*(Count(*c[:2], *pair) for c, pair in zip(found, pairs, strict=True)))


def _checked(
    sizes: Mapping[str, SupportsIndex] | None, signature: Signature, steps: int | None
) -> dict[str, int]:
    """The sizes that counts are functions of: those with a name, and the steps of loops."""
    given = _named({} if sizes is None else sizes)
    extents = {
        n for leaf in signature.leaves if isinstance(leaf, Argument) for n in leaf.type.shape
    }
    extents |= {leaf.value for leaf in signature.leaves if _is_count(leaf)}
    for name, extent in given.items():
        if extent not in extents:
            raise ArgumentError(
                f"sizes: no argument has the extent {name}={extent}",
                hint=f"the extents are {', '.join(map(str, sorted(extents))) or 'none'}",
            )
    if steps is None:
        return given
    if isinstance(steps, bool) or not isinstance(steps, int) or steps < 0:
        raise ArgumentError(f"steps: expected a number of steps, got {steps!r}")
    if STEPS in given:
        raise ArgumentError("sizes: 'steps' is the name of the number of steps of loops")
    return {**given, STEPS: steps}


def _named(sizes: Any) -> dict[str, int]:
    """Sizes as Python ints, by names that formulas can have."""
    given: dict[str, int] = {}
    with suppress(TypeError, AttributeError):
        given = {name: index(extent) for name, extent in sizes.items() if name.isidentifier()}
    if sizes != given:
        raise ArgumentError(
            f"sizes: expected a dict from names to ints, got {sizes!r}", hint='say sizes={"n": 16}'
        )
    if len(set(given.values())) != len(given):
        raise ArgumentError(
            f"sizes {given}: two names for one extent", hint="give arguments of other sizes"
        )
    return given


def _is_count(leaf: Any) -> bool:
    """Whether a leaf of the arguments is a Python int, which is part of the program."""
    return isinstance(leaf, Static) and type(leaf.value) is int


def _resized(signature: Signature, given: Mapping[str, int], at: Mapping[str, int]) -> Signature:
    """The signature with the extents called by a name replaced by that size in `at`."""
    other = {given[name]: size for name, size in at.items()}

    def resized(leaf: Any) -> Any:
        if _is_count(leaf):
            return Static(other.get(leaf.value, leaf.value))
        if not isinstance(leaf, Argument):
            return leaf
        shape = tuple(other.get(extent, extent) for extent in leaf.type.shape)
        return leaf._replace(type=ArrayType(leaf.type.dtype, shape))

    return signature._replace(leaves=tuple(map(resized, signature.leaves)))


def _counts(
    function: Callable[..., Any], signature: Signature, argnums: Argnums, steps: int | None
) -> tuple[Count, Count, Count, Count]:
    gradient = value_and_grad(function, argnums)
    arguments = Arguments(signature, function, "cost")
    listed = gradient.argnums if isinstance(gradient.argnums, tuple) else (gradient.argnums,)
    for argnum in listed:
        arguments.check(argnum, holomorphic=False)
    lowered = lower_target(function, signature)
    wrt = [value for argnum in listed for value in arguments.select(argnum, lowered).values]
    reverse = count(optimise(gradient.lower(signature).graph), steps)
    primal = count(optimise(lowered.graph), steps)
    directions = sum(map(_directions, wrt))
    differences = primal.times(2 * directions) + Count(4 * directions, 0)
    return primal, reverse, _forward(lowered.graph, wrt, primal, steps), differences


def _directions(value: Value) -> int:
    """The real numbers of a value."""
    return value.type.size * (2 if value.type.dtype.kind == "c" else 1)


def _forward(graph: Graph, wrt: list[Value], primal: Count, steps: int | None) -> Count:
    """The primal values once, the tangents once for each direction."""
    total = primal
    for value in wrt:
        pushed = optimise(pushforward(graph, [value]))
        tangent = pushed.inputs[len(pushed.inputs) - pushed.captured - 1]
        often = dict.fromkeys(dependent_nodes(pushed, [tangent]), _directions(value))
        total += count(pushed, steps, often) + primal.times(-1)
    return total


__all__ = ["Cost", "cost"]
