"""A graph as a function: what makes `graph(x)`, `irgrad.compile(graph)`, `irgrad.grad(graph)` and
hand-edited text run.
"""

from __future__ import annotations

import inspect
from collections.abc import Sequence
from typing import Any

import numpy as np

from irgrad.errors import ArgumentError, DTypeError, ShapeError, with_article
from irgrad.frontend.identifiers import identifiers
from irgrad.frontend.promote import any_traced, convert_to, innermost, stacked
from irgrad.frontend.tracer import Tracer
from irgrad.ir.builder import Builder
from irgrad.ir.evaluate import evaluate
from irgrad.ir.graph import Graph, Value, supply
from irgrad.ir.types import SHORT, ArrayType
from irgrad.ops.call import inlined


class GraphFunction:
    """The function that a graph stands for: its inputs in order (captured ones last) -> its output,
    or a tuple of them.

    Inputs may be given by keyword, under their names made Python identifiers. Called on arrays it
    computes by the ops' reference meaning; called on traced values the graph's nodes become part of
    theirs.

    >>> import irgrad
    >>> graph = irgrad.parse(
    ...     "graph @f(%x: f64[], %y.bar: f64[]) -> (out: f64[]) { "
    ...     "%z: f64[] = multiply(%x, %y.bar)  return out=%z }"
    ... )
    >>> f = GraphFunction(graph)
    >>> f(3.0, y_bar=2.0), irgrad.grad(graph)(3.0, 2.0)
    (np.float64(6.0), np.float64(2.0))
    """

    def __init__(self, graph: Graph) -> None:
        self.graph = graph
        self.names = tuple(identifiers(graph.input_names))
        parameters = [
            inspect.Parameter(name, inspect.Parameter.POSITIONAL_OR_KEYWORD) for name in self.names
        ]
        self.__signature__ = inspect.Signature(parameters)
        self.__name__ = self.__qualname__ = graph.name

    def __call__(self, /, *args: Any, **kwargs: Any) -> Any:
        """The outputs for these inputs; an `ArgumentError`, `DTypeError` or `ShapeError` where they
        do not fit.
        """
        arguments = self._bind(args, kwargs)
        builder = innermost(arguments) if any_traced(arguments) else None
        values = [
            fitted(argument, type, f"input '{name}' of @{self.graph.name}", builder)
            for argument, type, name in zip(
                arguments, self.graph.input_types, self.names, strict=True
            )
        ]
        if builder is None:
            with np.errstate(all="ignore"):
                outputs: Sequence[Any] = [
                    x if x.ndim else x[()] for x in map(np.array, evaluate(self.graph, values))
                ]
        else:
            outputs = self._inline(builder, values)
        return outputs[0] if len(outputs) == 1 else tuple(outputs)

    def _bind(self, args: Sequence[Any], kwargs: dict[str, Any]) -> list[Any]:
        try:
            bound = self.__signature__.bind(*args, **kwargs)
        except TypeError as error:
            captured = self.names[len(self.names) - self.graph.captured :]
            missing = [name for name in captured if f"'{name}'" in str(error)]
            raise ArgumentError(
                f"@{self.graph.name} takes {self._listed()}: {error}",
                hint=f"{missing[0]} stands for an array that the traced function closed over: pass "
                "it too, or compile the function itself"
                if missing
                else "",
            ) from None
        return [bound.arguments[name] for name in self.names]

    def _listed(self) -> str:
        pairs = zip(self.names, self.graph.input_types, strict=True)
        return ", ".join(f"{name}: {type}" for name, type in pairs) or "no arguments"

    def _inline(self, builder: Builder, values: Sequence[Any]) -> list[Any]:
        operands: list[Value] = [builder.lift(value) for value in values]
        return [Tracer(builder, output) for output in builder.inline(inlined(self.graph), operands)]

    def __repr__(self) -> str:
        return f"<function of the graph @{self.graph.name}({self._listed()})>"


def graph_function(graph: Graph) -> GraphFunction:
    """The function of `graph`, the same object each time, so that it is compiled once."""
    return vars(graph).setdefault("__function__", GraphFunction(graph))


supply(function=graph_function)


def fitted(argument: Any, type: ArrayType, what: str, builder: Builder | None) -> Any:
    """`argument` as a value of exactly `type`; numbers and lists are converted, wrong kinds and
    shapes refused.
    """
    if builder is not None and isinstance(argument, (list, tuple)) and any_traced(argument):
        argument = stacked(builder, argument)
    value = argument if isinstance(argument, (Tracer, np.ndarray)) else _as_array(argument, what)
    if not np.can_cast(value.dtype, type.dtype, "same_kind"):
        raise DTypeError(
            f"{what} is {type}, got {SHORT.get(value.dtype, value.dtype)} values",
            hint=f"convert with .astype(np.{type.dtype})",
        )
    if value.shape != type.shape:
        raise ShapeError(f"{what} is {type}, got shape {value.shape}")
    converted = convert_to(value, type.dtype)
    if builder is None or value is argument:
        return converted
    return builder.wrap(builder, builder.constant(converted))


def _as_array(argument: Any, what: str) -> Any:
    try:
        array = np.asarray(argument)
    except ValueError as error:
        raise ShapeError(f"{what}: {error}") from None
    if array.dtype not in SHORT:
        raise DTypeError(f"{what} must be numbers, got {with_article(type(argument).__name__)}")
    return array
