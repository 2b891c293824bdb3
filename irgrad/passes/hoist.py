"""Hoisting: what is the same in every step of a loop is computed once, before it.

Only what is computed from fixed operands alone can move. Views and repetitions cost nothing and
stay, unless what moves reads them; so does what may raise an error where the loop might not run."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from typing import Any

from irgrad.ir.builder import rebuilt
from irgrad.ir.exchange import Exchange
from irgrad.ir.graph import Graph, Node, Value, input_for, input_value
from irgrad.ops.cast import Astype
from irgrad.ops.create import Iota
from irgrad.ops.elementwise import Elementwise
from irgrad.ops.linear import BroadcastTo, Linear
from irgrad.ops.loop import Loop
from irgrad.ops.shape import Pad
from irgrad.ops.while_loop import While
from irgrad.passes.prune import narrowed
from irgrad.passes.regions import everywhere, has_regions, inside

RAISING = ("gather", "scatter_add", "nonzero")


def hoist(graph: Graph) -> Graph:
    """Move what does not change out of the loops of a graph."""
    return _walk(graph).result() if has_regions(graph) else graph


def hoisted(graph: Graph) -> tuple[Graph, Callable[[Value], Value]]:
    """`hoist` on a graph and the regions in it, and where its values have gone."""
    if not has_regions(graph):
        return graph, lambda value: value
    outer = inside(graph, everywhere(hoist))
    places = {
        old: new
        for a, b in zip(graph.nodes, outer.nodes, strict=True)
        for old, new in zip(a.outputs, b.outputs, strict=True)
    }
    walk = _walk(outer)
    return walk.result(), lambda value: walk.moved(places.get(value, value))


def _walk(graph: Graph) -> Exchange:
    walk = Exchange(graph)
    for node in graph.nodes:
        op: Any = node.op
        if isinstance(op, Loop):
            _hoist(walk, node, op.body, 1 + op.carried + op.scanned, bool(op.length))
        elif isinstance(op, While):
            _hoist(walk, node, op.body, op.carried, False)
        else:
            walk.keep(node)
    return walk


def movable(node: Node, runs: bool) -> bool:
    """Whether a node may be computed before a loop (which surely `runs`, or may have no step)."""
    if any(type.is_dynamic for type in node.types):
        return False
    if runs:
        return True
    return isinstance(node.op, (Elementwise, Linear)) and node.op.name not in RAISING


def is_cheap(node: Node) -> bool:
    """Whether a node is as cheap inside the loop, where the passes see through it."""
    small = node.types[0].size == 1 and isinstance(node.op, (Astype, Pad))
    return node.op.is_view or isinstance(node.op, (BroadcastTo, Iota)) or small


def _masks(nodes: Sequence[Node]) -> set[Node]:
    """The nodes that compare places with a bound, or join such masks: backends see by it which
    part of an array is in use.
    """
    found: set[Node] = set()
    for node in nodes:
        if node.types[0].dtype.kind == "b" and isinstance(node.op, Elementwise):
            inner = [v.node for v in node.operands if not (v.node.is_input or v.node.is_constant)]
            if any(isinstance(n.op, Iota) or n in found or _shows(n) for n in inner):
                found.add(node)
    return found


def _shows(node: Node) -> bool:
    """Whether a node is a view of places."""
    while node.op.is_view and not node.operands[0].node.is_input:
        node = node.operands[0].node
    return isinstance(node.op, Iota)


def _hoist(walk: Exchange, node: Node, body: Graph, varying: int, runs: bool) -> None:
    fixed = set(body.inputs[varying:])
    steady: list[Node] = []
    for inner in body.nodes:
        same = all(v in fixed or v.constant is not None for v in inner.operands)
        if same and movable(inner, runs):
            steady.append(inner)
            fixed.update(inner.outputs)
    moved = _worth_moving(steady)
    leaves = set(moved)
    if not moved:
        walk.keep(node)
        return
    operands = list(map(walk.moved, node.operands))
    outside = dict(
        zip(
            body.inputs[varying:],
            operands[len(operands) - len(body.inputs) + varying :],
            strict=True,
        )
    )
    _emit(walk, moved, outside)
    read = {v for inner in body.nodes if inner not in leaves for v in inner.operands}
    read.update(body.outputs)
    leaving = [v for inner in moved for v in inner.outputs if v in read]
    _exchange(walk, node, body, operands, leaving, outside)


def _worth_moving(steady: Sequence[Node]) -> list[Node]:
    """The costly nodes, and what they read."""
    chosen: set[Node] = set()
    masks = _masks(steady)
    for node in reversed(steady):
        if node in chosen or not (is_cheap(node) or node in masks):
            chosen.add(node)
            chosen.update(v.node for v in node.operands)
    return [node for node in steady if node in chosen]


def _emit(walk: Exchange, moved: Sequence[Node], outside: dict[Value, Value]) -> None:
    images: dict[Node, Node] = {}
    for inner in moved:
        operands = tuple(outside.get(v, v) for v in inner.operands)
        image = rebuilt(inner, operands, images)
        images[inner] = image
        walk.nodes.append(image)
        outside.update(zip(inner.outputs, image.outputs, strict=True))


def _exchange(
    walk: Exchange,
    node: Node,
    body: Graph,
    operands: list[Value],
    leaving: Sequence[Value],
    outside: dict[Value, Value],
) -> None:
    """The loop with the values that have left its body as further fixed operands."""
    op: Any = node.op
    outer = walk
    fresh = [input_for(v, body.names) for v in leaving]
    widened = Graph(
        body.name,
        [*body.inputs, *fresh],
        body.nodes,
        dict(zip(body.output_names, body.outputs, strict=True)),
    )
    inner = _reading(widened, dict(zip(leaving, fresh, strict=True)))
    more = [outside[v] for v in leaving]
    if isinstance(op, Loop):
        changed: Any = dataclasses.replace(op, body=inner)
    else:
        test = op.condition
        unread = [input_value(v.name or "x", v.type) for v in fresh]
        named = dict(zip(test.output_names, test.outputs, strict=True))
        changed = While(
            op.carried, Graph(test.name, [*test.inputs, *unread], test.nodes, named), inner
        )
    image = rebuilt(node, (*operands, *more), outer.images, changed)
    outer.replace(node, image, range(len(node.types)))


def _reading(graph: Graph, instead: dict[Value, Value]) -> Graph:
    """The nodes of `graph` reading other values in the place of some."""
    walk = Exchange(graph)
    walk.values.update(instead)
    for node in graph.nodes:
        if not all(value in instead for value in node.outputs):
            walk.keep(node)
    return narrowed(walk.result(), graph.inputs, {}, range(len(graph.outputs)))
