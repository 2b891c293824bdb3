"""Random graphs: random types, ops, constants with awkward bits, names from nasty alphabets."""

from __future__ import annotations

from typing import Any

import numpy as np
from hypothesis import strategies as st

from irgrad.errors import Location
from irgrad.ir.evaluate import evaluate
from irgrad.ir.graph import Graph, Node, Origin, Value, constant_value, input_value
from irgrad.ir.op import Array, Op, register
from irgrad.ir.types import BOOL, DTYPES, ArrayType, broadcast_shapes
from irgrad.ops import arithmetic, exponential, trigonometric
from irgrad.ops.cast import Astype
from irgrad.ops.contract import Contract
from irgrad.ops.linear import BroadcastTo, Reshape, Sum
from irgrad.ops.select import WHERE
from irgrad.ops.shape import Concatenate, Flip, Pad, Slice, Transpose


@register("test_call")
class Call(Op):
    """A region applied to the operands: as many outputs as the region has."""

    body: Graph
    note: str

    def result_types(self, *operands: ArrayType) -> tuple[ArrayType, ...]:
        assert operands == self.body.input_types
        return self.body.output_types

    def reference(self, *operands: Array) -> Any:
        results = tuple(evaluate(self.body, operands))
        return results if len(results) > 1 else results[0]


EDGES = [0.0, -0.0, 1.0, -1.5, np.inf, -np.inf, np.nan, 5e-324, 1e-310, 1.7976931348623157e308, 0.1]
NAMES = st.one_of(
    st.none(),
    st.sampled_from(
        ["h", "h_2", "out", "return", "graph", "x.bar", "3", "2x", "été", "a b", "%", ""]
    ),
    st.text(max_size=5),
)
FILES = st.sampled_from(
    ["f.py", "my file.py", 'qu"ote.py', "<stdin>", "C:\\x\\y.py", "/a/b/é.py", "a:b"]
)
SMOOTH = ["unary", "binary", "shape", "sum", "where"]
shapes = st.lists(st.integers(0, 3), max_size=3).map(tuple)
dtypes = st.sampled_from(list(DTYPES.values()))


@st.composite
def constants(draw: st.DrawFn, type: ArrayType) -> Value:
    """A constant with edge values and, for floats, any bits."""
    raw = np.empty(type.shape, type.dtype)
    flat = raw.reshape(-1)
    for i in range(flat.size):
        if type.dtype.kind in "fc" and draw(st.booleans()):
            with np.errstate(all="ignore"):
                flat[i] = draw(st.sampled_from(EDGES))
        else:
            flat[i : i + 1].view(np.uint8)[:] = list(draw(st.binary(min_size=16, max_size=16)))[
                : type.dtype.itemsize
            ]
    if type.dtype == BOOL:
        raw = np.asarray(raw.view(np.uint8) % 2 == 1)
    return constant_value(raw)


class Making:
    """A graph that grows: the values so far, and steps that add a node to it."""

    def __init__(self, draw: st.DrawFn, types: list[ArrayType]) -> None:
        self.draw = draw
        self.inputs = [input_value(draw(NAMES) or "x", type) for type in types]
        self.values = list(self.inputs)
        self.nodes: list[Node] = []

    def add(self, op: Op, *operands: Value) -> None:
        draw = self.draw
        origin = None
        if self.nodes and draw(st.booleans()):
            of = draw(st.sampled_from([*self.nodes, "gone"]))
            origin = Origin(draw(st.sampled_from(["vjp", "jvp", "adjoint"])), of)
        location = Location(draw(FILES), draw(st.integers(1, 999))) if draw(st.booleans()) else None
        types = op.result_types(*[operand.type for operand in operands])
        names = tuple(draw(NAMES) for _ in types)
        node = Node(op, operands, types, names=names, location=location, origin=origin)
        self.nodes.append(node)
        self.values.extend(node.outputs)

    def step(self, ops: list[Any], kinds: list[str]) -> None:
        draw = self.draw
        x = draw(st.sampled_from(self.values))
        kind = draw(st.sampled_from(kinds))
        if kind == "unary" and x.type.dtype.kind == "f":
            self.add(draw(st.sampled_from(ops)), x)
        elif kind in ("binary", "constant") and x.type.dtype.kind in "fc":
            self.binary(x, kind)
        elif kind == "shape":
            self.shape(x)
        elif kind == "cast" and x.type.dtype.kind != "c":
            self.add(Astype(draw(dtypes)), x)
        elif kind == "sum" and x.type.dtype.kind in "fc":
            axes = draw(st.sets(st.sampled_from(range(x.type.ndim)))) if x.type.ndim else ()
            self.add(Sum(tuple(sorted(axes))), x)
        elif kind == "where":
            fits = [v for v in self.values if v.type == x.type]
            condition = draw(constants(ArrayType(BOOL, x.type.shape)))
            self.add(WHERE, condition, x, draw(st.sampled_from(fits)))

    def binary(self, x: Value, kind: str) -> None:
        draw = self.draw
        op = draw(st.sampled_from([arithmetic.ADD, arithmetic.SUBTRACT, arithmetic.MULTIPLY]))
        if kind == "constant":
            shape = draw(st.sampled_from([(), x.type.shape]))
            y = draw(constants(ArrayType(x.type.dtype, shape)))
        else:
            y = draw(st.sampled_from([v for v in self.values if self.broadcasts(v, x)]))
        self.add(op, *((x, y) if draw(st.booleans()) else (y, x)))
        if x.type == y.type and x.type.ndim == 2 and x.type.shape[0] == x.type.shape[1]:
            self.add(Contract(draw(st.sampled_from(["ab,bc->ac", "ab,ab->", "ab,cb->ca"]))), x, y)

    @staticmethod
    def broadcasts(value: Value, x: Value) -> bool:
        if value.type.dtype != x.type.dtype:
            return False
        try:
            broadcast_shapes(value.type.shape, x.type.shape)
        except ValueError:
            return False
        return True

    def shape(self, x: Value) -> None:
        draw, ndim, shape = self.draw, x.type.ndim, x.type.shape
        widths = st.tuples(*[st.integers(0, 2)] * ndim)
        choices: list[Op] = [
            Reshape((x.type.size,)),
            Reshape((1, *shape)),
            Transpose(tuple(draw(st.permutations(range(ndim))))),
            BroadcastTo((2, *shape)),
            Flip(tuple(sorted(draw(st.sets(st.sampled_from(range(ndim)))) if ndim else ()))),
            Slice(tuple(min(1, n) for n in shape), shape, (2,) * ndim),
            Pad(draw(widths), draw(widths), draw(widths)),
        ]
        if ndim:
            choices.append(Concatenate(draw(st.integers(0, ndim - 1))))
        op = draw(st.sampled_from(choices))
        self.add(op, *((x, x) if isinstance(op, Concatenate) else (x,)))


@st.composite
def graphs(draw: st.DrawFn, depth: int = 1, smooth: bool = False) -> Graph:
    """A random graph; with `depth` > 0 it may hold regions; with `smooth` it is one of moderate
    float64 numbers, without constants, that can be evaluated."""
    types = draw(st.lists(st.builds(ArrayType, dtypes, shapes), min_size=0, max_size=3))
    if smooth:
        types = [ArrayType(DTYPES["f64"], draw(shapes)) for _ in range(2)]
    making = Making(draw, types)
    ops = [trigonometric.TANH, trigonometric.SIN, arithmetic.NEGATIVE, arithmetic.SQUARE]
    if not smooth:
        ops += [exponential.EXP, arithmetic.SQRT, arithmetic.RECIPROCAL]
    for _ in range(draw(st.integers(0, 12)) if making.values else 0):
        making.step(ops, SMOOTH if smooth else [*SMOOTH, "constant", "cast"])
        if depth and not smooth and draw(st.integers(0, 5)) == 0:
            call(draw, making, depth)
    values = making.values + ([] if smooth else [draw(constants(ArrayType(DTYPES["f64"], ())))])
    chosen = (
        draw(st.lists(st.sampled_from(values), min_size=int(smooth), max_size=3)) if values else []
    )
    outputs = {f"out_{i}": value for i, value in enumerate(chosen)}
    captured = draw(st.integers(0, len(making.inputs)))
    return Graph(draw(NAMES) or "f", making.inputs, making.nodes, outputs, captured)


def call(draw: st.DrawFn, making: Making, depth: int) -> None:
    """Add a region whose inputs are values at hand."""
    body = draw(graphs(depth=depth - 1))
    operands = []
    for type in body.input_types:
        fits = [value for value in making.values if value.type == type]
        if not fits:
            return
        operands.append(draw(st.sampled_from(fits)))
    if body.outputs:
        making.add(
            Call(body, draw(st.sampled_from(["", "it's", 'say "hi"', "a\\b", "{x}", "#"]))),
            *operands,
        )
