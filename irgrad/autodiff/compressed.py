"""Compressed evaluation: all entries of a sparse Jacobian or Hessian from one batched pushforward
or pullback along a seed for each colour.

The graphs made here have the inputs of the function's graph, then two captured arrays: the colours
of the seeded elements, and the place of each entry in the flattened products. The seeds themselves
are comparisons with the colours, made where they are used. The one output is the vector of entries,
in CSR order."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import scipy.sparse as sp

from irgrad.autodiff.batch import batch
from irgrad.autodiff.colouring import Colouring, columns_apart, readable, star
from irgrad.autodiff.modes import pulled_back, pushed_forward
from irgrad.frontend.tracer import Tracer
from irgrad.ir.builder import Builder
from irgrad.ir.bulk import paused_gc
from irgrad.ir.graph import Graph, Value
from irgrad.ir.op import Array
from irgrad.ir.types import I64, ArrayType
from irgrad.ops.base import bind
from irgrad.ops.cast import astype
from irgrad.ops.create import iota
from irgrad.ops.index import gather
from irgrad.ops.linear import broadcast_to, reshape
from irgrad.ops.shape import Concatenate, slice_axis

MODES = ("forward", "reverse")


class Compression(NamedTuple):
    """How a sparse matrix is evaluated: along the sums of columns ("forward") or rows ("reverse")
    of a colour, and where in the flattened products its entries stand, in CSR order.
    """

    mode: str
    colouring: Colouring
    places: Array


def compression(pattern: Any, mode: str | None, symmetric: bool) -> Compression:
    """The colouring with the fewest colours; forward where it is a tie, which costs less a colour.
    `mode` settles the side.
    """
    rows = np.repeat(np.arange(pattern.shape[0]), np.diff(pattern.indptr))
    if symmetric:
        colouring = star(pattern)
        colours, at = readable(pattern, colouring)
        return Compression("forward", colouring, colours * pattern.shape[1] + at)
    mode, colouring = _chosen(pattern, mode)
    if mode == "forward":
        places = colouring.colours[pattern.indices] * pattern.shape[0] + rows
    else:
        places = colouring.colours[rows] * pattern.shape[1] + pattern.indices
    return Compression(mode, colouring, places.astype(np.int64, copy=False))


def _chosen(pattern: Any, mode: str | None) -> tuple[str, Colouring]:
    """The side with fewer colours; one that cannot win, by its fullest line, is not coloured."""
    sides = {"forward": pattern, "reverse": sp.csr_array(pattern.T)}
    if mode is not None:
        return mode, columns_apart(sides[mode])
    least = {key: int(np.diff(side.indptr).max(initial=0)) for key, side in sides.items()}
    first, second = sorted(MODES, key=lambda key: (least[key], MODES.index(key)))
    best = columns_apart(sides[first])
    if least[second] < best.number:
        other = columns_apart(sides[second])
        if other.number < best.number:
            return second, other
    return first, best


@paused_gc()
def compressed(graph: Graph, wrt: Sequence[Value], how: Compression) -> Graph:
    """The graph of the entries of the Jacobian of all outputs of `graph` to `wrt`."""
    forward = how.mode == "forward"
    product = pushed_forward(graph, wrt) if forward else pulled_back(graph, wrt)
    arguments = len(graph.inputs) - graph.captured
    seeds = len(wrt) if forward else len(graph.outputs)
    batched = [arguments <= k < arguments + seeds for k in range(len(product.inputs))]
    many, differ = batch(product, batched, how.colouring.number)
    builder = Builder(Tracer)
    builder.inputs = list(graph.inputs)
    colours = builder.input("colours", ArrayType(I64, how.colouring.colours.shape))
    places = builder.input("places", ArrayType(I64, how.places.shape))
    types = many.input_types[arguments : arguments + seeds]
    seeded = seeds_of(colours, types)
    operands = [
        *graph.inputs[:arguments],
        *(builder.lift(seed) for seed in seeded),
        *graph.inputs[arguments:],
    ]
    products = [Tracer(builder, value) for value in builder.inline(many, operands)]
    flat = _side_by_side(products, differ, how.colouring.number)
    entries = gather(reshape(flat, (flat.size,)), (0,), (places,))
    outputs = {"entries": builder.lift(entries)}
    return Graph(graph.name, builder.inputs, builder.nodes, outputs, graph.captured + 2)


def seeds_of(colours: Any, types: Sequence[ArrayType]) -> list[Any]:
    """For each value that is seeded, of a batched type (k, ...): ones at the elements of colour 0,
    of colour 1, ...
    """
    seeds: list[Any] = []
    start = 0
    for type in types:
        count, *shape = type.shape
        size = type.size // max(count, 1)
        own = reshape(slice_axis(colours, 0, start, start + size), shape)
        number = iota(colours, I64, (count, *(1,) * len(shape)), 0)
        seeds.append(astype(broadcast_to(number == own, type.shape), type.dtype))
        start += size
    return seeds


def _side_by_side(products: Sequence[Any], differ: Sequence[bool], count: int) -> Any:
    """The products, flattened, as one matrix with a row for each colour; what is the same along all
    seeds is zero, and repeated.
    """
    dtype = np.result_type(*(x.dtype for x in products))
    rows: list[Any] = []
    for x, differs in zip(products, differ, strict=True):
        own = x if differs else broadcast_to(x, (count, *x.shape))
        rows.append(reshape(astype(own, dtype), (count, own.size // max(count, 1))))
    return rows[0] if len(rows) == 1 else bind(Concatenate(1), *rows)
