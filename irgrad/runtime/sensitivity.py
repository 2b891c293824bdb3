"""`irgrad.sensitivity`: the derivative of the output with respect to every value on the way."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np

from irgrad.autodiff.graphs import gradient
from irgrad.errors import ArgumentError, DTypeError, Location, ShapeError, short_name
from irgrad.frontend.lower import signature_of
from irgrad.inspect.differences import derivative_along
from irgrad.inspect.nudge import Run
from irgrad.ir.evaluate import evaluate
from irgrad.ir.graph import Graph, Value
from irgrad.ir.op import Array
from irgrad.ir.printer import operand_text
from irgrad.ir.types import is_inexact, type_of
from irgrad.runtime.target import lower_target
from irgrad.runtime.transforms import differentiable


class Influence(NamedTuple):
    """What one value means for the output.

    `derivative` is d output / d value, with all before it held fixed. `effect` is sum |derivative *
    value|: the rate at which the output rises when each element changes in proportion to its own
    size, in the direction that raises the output; one percent moves it by effect / 100. `measured`
    is the same from running the rest of the graph with the value nudged, where that was asked for.

    >>> row = sensitivity("sin(x) * y", 0.0, 3.0)["x"]
    >>> row.name, float(row.derivative), row.effect, row.measured
    ('x', 3.0, 0.0, None)
    """

    name: str
    op: str
    location: Location | None
    value: Array
    derivative: Array
    effect: float
    measured: float | None

    @property
    def line(self) -> str:
        """The user's line, as `file.py:4`."""
        return f"{short_name(self.location.file)}:{self.location.line}" if self.location else ""


class Sensitivity:
    """The influences of all values of a function on its output, the greatest effect first.

    >>> found = sensitivity("a * a * b", 2.0, 3.0)
    >>> [row.name for row in found], float(found["a"].derivative), float(found.output)
    (['a', 'b', '0'], 12.0, 12.0)
    """

    def __init__(self, run: Run, influences: list[Influence]) -> None:
        self._run = run
        self.output = run.output[()]
        self.influences = sorted(
            influences, key=lambda row: -row.effect if row.effect >= 0 else 1.0
        )

    def __iter__(self) -> Iterator[Influence]:
        return iter(self.influences)

    def __len__(self) -> int:
        return len(self.influences)

    def __getitem__(self, name: str) -> Influence:
        found = {row.name: row for row in self.influences}
        name = name.removeprefix("%").split(" ")[0]  # as the table prints it
        if name not in found:
            raise ArgumentError(f"no value called '{name}'; there are {', '.join(found)}")
        return found[name]

    def nudged(self, name: str, by: Any) -> Any:
        """The output when `by` is added to the value called `name` and all after it is run again.

        >>> s = sensitivity("sin(x) * 2.0", 0.0)
        >>> float(s.nudged("x", np.pi / 2))
        2.0
        """
        at = self[name].value
        try:
            nudge = np.broadcast_to(np.asarray(by).astype(at.dtype, casting="same_kind"), at.shape)
        except (ValueError, TypeError) as error:
            raise ArgumentError(
                f"nudged: '{name}' is {type_of(at)}, which {by!r} cannot be added to"
            ) from error
        return self._run.nudged(self._run.graph.value(name), nudge)[()]

    def rows(self) -> list[tuple[str, ...]]:
        """The cells of a table, in the order of `titles`; of arrays stand the norms."""
        return [
            (
                f"%{row.name} {row.op.partition('(')[0]}" if row.name[:1].isdigit() else row.name,
                str(type_of(row.value)),
                row.line,
                _short(row.derivative),
                f"{row.effect:.5g}",
                *([] if row.measured is None else [f"{row.measured:.5g}"]),
            )
            for row in self
        ]

    def titles(self) -> tuple[str, ...]:
        """The heads of the table's columns."""
        measured = any(row.measured is not None for row in self)
        base = ("value", "type", "line", "derivative", "effect")
        return (*base, "measured") if measured else base

    def __repr__(self) -> str:
        table = [self.titles(), *self.rows()]
        widths = [max(map(len, column)) for column in zip(*table, strict=True)]
        return "\n".join(
            "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
            for row in table
        )


def sensitivity(f: Any, *args: Any, differences: bool = False, **kwargs: Any) -> Sensitivity:
    """The derivative of a real scalar function with respect to each value in it, arguments
    included, called by the user's variable names and ranked by their effect.

    With `differences`, each value is nudged too: the rest of the graph is run again, and the slope
    that it shows (a central difference of fourth order) stands beside the effect.

    A loop or branch is one op: what it leaves behind is listed, the values of its single steps are
    not. Integers and conditions have no derivative, and are not listed either.

    Raises a `ShapeError`, `DTypeError` or `ArgumentError` where the result is not one real scalar.

    >>> def f(x, y):
    ...     u = x * y
    ...     return u + np.sin(x)
    >>> s = sensitivity(f, 1.0, 2.0, differences=True)
    >>> [row.name for row in s]
    ['x', 'y', 'u', '0']
    >>> float(s["u"].derivative), round(s["u"].measured, 9)
    (1.0, 2.0)
    """
    function = differentiable("sensitivity", f)
    signature, leaves = signature_of(args, kwargs, function)
    lowered = lower_target(function, signature)
    graph = lowered.graph
    _check(graph, getattr(function, "__name__", "the function"))
    given = zip([*leaves, *lowered.captured], graph.input_types, strict=True)
    arrays = [np.asarray(leaf, type.dtype) for leaf, type in given]
    run = Run(graph, arrays)
    output = graph.outputs[0]
    every = [*graph.inputs, *(value for node in graph.nodes for value in node.outputs)]
    wrt = [v for v in every if is_inexact(v.type.dtype) and (v != output or v.node.is_input)]
    extended = gradient(graph, 0, wrt)
    names = dict(zip(extended.output_names, extended.outputs, strict=True))
    adjoints = dict(list(names.items())[len(graph.outputs) :])
    with np.errstate(all="ignore"):
        derivatives = evaluate(extended.replace(outputs=adjoints), arrays)
    influences = [
        _influence(run, value, derivative, differences)
        for value, derivative in zip(wrt, derivatives, strict=True)
    ]
    return Sensitivity(run, influences)


def _check(graph: Graph, name: str) -> None:
    if len(graph.outputs) != 1:
        raise ArgumentError(
            f"sensitivity needs one scalar, {name} returns {len(graph.outputs)} computed values",
            hint="return one number that is computed from float arguments",
        )
    type, location = graph.outputs[0].type, graph.outputs[0].node.location
    if type.shape:
        raise ShapeError(
            f"sensitivity needs a scalar, {name} returns {type}",
            location=location,
            hint="sum the result, or choose one element",
        )
    if type.dtype.kind != "f":
        raise DTypeError(
            f"sensitivity needs a real scalar, {name} returns {type}", location=location
        )


def _influence(run: Run, value: Value, derivative: Array, differences: bool) -> Influence:
    at = run.known[value]
    with np.errstate(all="ignore"):
        product = np.asarray(derivative * at)
        effect = float(np.sum(np.abs(product)))
    node = value.node
    operands = ", ".join(operand_text(v, run.graph.names).lstrip("%") for v in node.operands)
    return Influence(
        run.graph.names[value],
        "argument" if node.is_input else f"{node.op.name}({operands})",
        node.location,
        at,
        derivative,
        effect,
        _measured(run, value, product) if differences else None,
    )


def _measured(run: Run, value: Value, product: Array) -> float:
    """The slope of the output along the change of `value` in proportion to itself that raises it:
    value * conj(p) / |p| for p = derivative * value.
    """
    size = np.abs(product)
    along = run.known[value] * np.conj(product) / np.where(size == 0, 1, size)
    return derivative_along(lambda t: run.nudged(value, t * along), [0.0], 0, 1.0)


def _short(array: Array) -> str:
    """A number, or the norm of an array."""
    if not array.ndim:
        return f"{array[()]:.5g}"
    return f"norm {np.sqrt(np.sum(np.abs(array) ** 2)):.5g}"


__all__ = ["Influence", "Sensitivity", "sensitivity"]
