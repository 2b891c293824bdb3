"""What `irgrad.ops.implicit` needs to have done to its regions: derivatives, running, matrices.

Everything made of a region is kept beside it, and small: only the nodes that its output needs."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from irgrad.autodiff.batch import batch
from irgrad.autodiff.modes import at_zero, pulled_back, pushed_forward
from irgrad.autodiff.partial import dependents
from irgrad.ir.evaluate import evaluate
from irgrad.ir.graph import Graph, Value
from irgrad.ir.op import Array
from irgrad.ops.implicit import CALCULUS
from irgrad.passes.pipeline import KEEPING_CALLS, optimise


def _kept(region: Graph, key: Any, make: Callable[[], Graph]) -> Graph:
    known = vars(region).setdefault("__implicit__", {})
    if key not in known:
        known[key] = make()
    return known[key]


def _graph(name: str, inputs: Sequence[Value], made: Graph) -> Graph:
    """A derivative of a region, as a region of its own with these inputs."""
    outputs = dict(zip(made.output_names, made.outputs, strict=True))
    return optimise(Graph(name, inputs, made.nodes, outputs), KEEPING_CALLS)


class Regions:
    """The calculus of regions, which have one output."""

    def tangent(self, region: Graph, slots: tuple[int, ...]) -> Graph:
        """(inputs, tangents of those in `slots`) -> tangent of the output."""

        def make() -> Graph:
            made = pushed_forward(region, [region.inputs[k] for k in slots])
            return _graph(f"{region.name}_tangent", made.inputs, made)

        return _kept(region, ("tangent", slots), make)

    def cotangent(self, region: Graph, slots: tuple[int, ...]) -> Graph:
        """(inputs, cotangent of the output) -> cotangents of those in `slots`."""

        def make() -> Graph:
            made = pulled_back(region, [region.inputs[k] for k in slots])
            return _graph(f"{region.name}_cotangent", made.inputs, made)

        return _kept(region, ("cotangent", slots), make)

    def linear(self, region: Graph, transposed: bool) -> Graph:
        """(v, inputs) -> J v or J^T v, with J the derivative to the first input."""

        def make() -> Graph:
            derivative = pulled_back if transposed else pushed_forward
            made = derivative(region, region.inputs[:1])
            inputs = [made.inputs[-1], *made.inputs[:-1]]
            return _graph(f"{region.name}_{'vjp' if transposed else 'jvp'}", inputs, made)

        return _kept(region, ("linear", transposed), make)

    def varies(self, region: Graph) -> bool:
        """Whether the derivative to the first input may depend on that input."""
        tangent = optimise(self.tangent(region, (0,)))
        return tangent.outputs[0] in dependents(tangent, tangent.inputs[:1])

    def stepped(self, region: Graph, slots: tuple[int, ...]) -> list[int]:
        """Those of the inputs in `slots` that the output depends on without a derivative, as by
        comparisons.
        """
        bars = self.cotangent(region, slots)
        moved = dependents(bars, bars.inputs[-1:])
        still = [k for k, bar in zip(slots, bars.outputs, strict=True) if bar not in moved]
        return [k for k in still if region.outputs[0] in dependents(region, [region.inputs[k]])]

    def vanishes(self, region: Graph, transposed: bool) -> bool:
        """Whether the derivative to the first input, which is not empty, is zero wherever it is
        taken.
        """
        product = self.linear(region, transposed)
        empty = not region.inputs[0].type.size
        return not empty and product.outputs[0] not in dependents(product, product.inputs[:1])

    def transposed(self, product: Graph) -> Graph:
        """(y, parameters) -> A^T y, for a product (x, parameters) -> A x. It is the same at any x;
        what still computes with one, such as a loop, gets zeros.
        """

        def make() -> Graph:
            made = pulled_back(product, product.inputs[:1])
            back = at_zero(made, made.inputs[:1])
            *parameters, y = back.inputs
            return _graph(f"{product.name}_transposed", [y, *parameters], back)

        return _kept(product, "transposed", make)

    def run(self, region: Graph, arrays: Sequence[Array]) -> Array:
        """The one output of a region."""
        small = _kept(region, "optimised", lambda: optimise(region))
        with np.errstate(all="ignore"):
            return np.array(evaluate(small, arrays)[0])

    def matrix(self, product: Graph, parameters: Sequence[Array]) -> Array:
        """The matrix of a linear map, all columns in one batch."""
        size, dtype = product.inputs[0].type.size, product.inputs[0].type.dtype
        batched = [True] + [False] * len(parameters)
        many = _kept(product, "batched", lambda: optimise(batch(product, batched, size)[0]))
        with np.errstate(all="ignore"):
            columns = evaluate(many, [np.eye(size, dtype=dtype), *parameters])[0]
        return np.broadcast_to(columns, (size, size)).T


CALCULUS["regions"] = Regions()
