"""Regions that are written as functions of traced values, and regions in the place of a call."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from irgrad.frontend.tracer import Tracer
from irgrad.ir.builder import Builder
from irgrad.ir.graph import Graph, Value
from irgrad.ir.names import numbered
from irgrad.ir.printer import clean_name
from irgrad.ir.types import ArrayType

Outputs = Sequence[tuple[str, Any]]


def composed(
    name: str,
    inputs: Sequence[tuple[str, ArrayType]],
    outer: Builder,
    make: Callable[..., Outputs],
) -> Graph:
    """A region that does what `make` does on traced inputs."""
    builder = Builder(Tracer)
    traced = [builder.input(given, type) for given, type in inputs]
    with builder.emitting(outer.provenance.location, None):
        outputs = [(name, builder.lift(x)) for name, x in make(*traced)]
    return Graph(name, builder.inputs, builder.nodes, distinct(outputs))


def inlined(builder: Builder, region: Graph, inputs: Sequence[Any]) -> list[Any]:
    """What a region gives on traced values."""
    values = builder.inline(region, [builder.lift(x) for x in inputs])
    return [Tracer(builder, value) for value in values]


def distinct(pairs: Sequence[tuple[str, Value]]) -> dict[str, Value]:
    """Values by names as they print, with numbers behind those that stand twice."""
    names = numbered(clean_name(name) for name, _ in pairs)
    return dict(zip(names, (value for _, value in pairs), strict=True))
