"""Inner values by the names that the code gives them.

A value of a branch or loop that is used inside it too reaches the result by ways that the graph
around it does not show: its derivative would not be the whole, and is refused."""

from __future__ import annotations

from collections.abc import Iterator

from irgrad.autodiff.structured import influenced
from irgrad.errors import ArgumentError
from irgrad.ir.graph import Graph, Node, Value, regions
from irgrad.ops.cond import Cond
from irgrad.ops.loop import Loop
from irgrad.ops.while_loop import While

_REMEDY = "give the function an argument e=0.0, write {name} = {name} + e there, and choose e"


def inner_value(what: str, name: str, graph: Graph, bound: Value | None) -> Value | None:
    """The value that the name means in the end; None where there is none. An error where its
    derivative would not be the whole.
    """
    found = _called(name, graph, bound)
    if found is not None:
        _check_shown(what, name, found)
        return found
    hidden = _inside(name, graph)
    if hidden is not None:
        raise ArgumentError(
            f"{what}: '{name}' is a value inside a branch or loop only, and argnums='{name}' has "
            "one for the whole call",
            location=hidden.location,
            hint=_REMEDY.format(name=name),
        )
    return None


def _called(name: str, graph: Graph, bound: Value | None) -> Value | None:
    if bound is not None and (bound.node.is_input or bound.node in graph.nodes):
        return bound
    for node in reversed(graph.nodes):
        if name in node.names:
            return Value(node, node.names.index(name))
    return None


def _inside(name: str, graph: Graph) -> Node | None:
    """A node with the name in a region of the graph."""
    work = [region for node in graph.nodes for region in regions(node.op).values()]
    while work:
        region = work.pop()
        for node in region.nodes:
            if name in node.names:
                return node
            work += regions(node.op).values()
    return None


def _check_shown(what: str, name: str, value: Value) -> None:
    """Refuse a value that reaches others inside the op that gives it."""
    work = [value]
    while work:
        at = work.pop()
        for region, slot in _made_by(at):
            inside = region.outputs[slot]
            reached = influenced(region, [inside])
            others = [v for place, v in enumerate(region.outputs) if place != slot]
            if any(v in reached for v in others):
                raise ArgumentError(
                    f"{what}: argnums='{name}' does not count what is computed from '{name}' "
                    "inside the branch or loop that it comes from",
                    location=inside.node.location or at.node.location,
                    hint=_REMEDY.format(name=name),
                )
            work.append(inside)


def _made_by(value: Value) -> Iterator[tuple[Graph, int]]:
    """The regions that give a value, each with the number of the output."""
    op, slot = value.node.op, value.index
    if value.node.is_input:
        return
    if isinstance(op, Cond):
        yield from ((branch, slot) for branch in op.branches)
    elif isinstance(op, (Loop, While)) and slot < op.carried:
        yield op.body, slot


__all__ = ["inner_value"]
