"""Each rule of the verifier, broken alone."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from irgrad.errors import VerifyError
from irgrad.ir.graph import Graph, Node, Origin, Value, constant_value, input_value
from irgrad.ir.types import ArrayType
from irgrad.ir.verify import verify
from irgrad.ops.arithmetic import ADD
from irgrad.ops.trigonometric import SIN
from tests.strategies import Call

V = ArrayType.parse("f64[3]")
X = input_value("x", V)


def sine(of: Value = X, **options: object) -> Node:
    return Node(SIN, (of,), (V,), **options)  # pyright: ignore[reportArgumentType]


def out(node: Node) -> dict[str, Value]:
    return {"out": Value(node, 0)}


def input_twice() -> Graph:
    return Graph("f", [X, X], [], {"out": X})


def input_that_is_a_node() -> Graph:
    node = sine()
    return Graph("f", [Value(node, 0)], [], {"out": Value(node, 0)})


def more_captured_than_inputs() -> Graph:
    return Graph("f", [X], [], {"out": X}, captured=2)


def node_twice() -> Graph:
    node = sine()
    return Graph("f", [X], [node, node], out(node))


def leaf_in_the_list() -> Graph:
    return Graph("f", [X], [input_value("y", V).node], {"out": X})


def use_before_definition() -> Graph:
    first = sine()
    second = sine(Value(first, 0))
    return Graph("f", [X], [second, first], out(second))


def foreign_input() -> Graph:
    node = sine(input_value("y", V))
    return Graph("f", [X], [node], out(node))


def output_that_a_node_lacks() -> Graph:
    first = sine()
    second = sine(Value(first, 0))
    second.operands = (Value(first, 1),)
    return Graph("f", [X], [first, second], out(second))


def operands_that_the_op_refuses() -> Graph:
    node = Node(ADD, (X, constant_value(np.zeros(4))), (V,))
    return Graph("f", [X], [node], out(node))


def types_that_the_op_does_not_give() -> Graph:
    node = Node(SIN, (X,), (ArrayType.parse("f64[4]"),))
    return Graph("f", [X], [node], out(node))


def output_of_no_node() -> Graph:
    return Graph("f", [X], [], out(sine()))


def origin_without_a_rule() -> Graph:
    node = sine(origin=Origin("", X.node))
    return Graph("f", [X], [node], out(node))


def region_that_is_broken() -> Graph:
    inner = use_before_definition()
    node = Node(Call(inner, ""), (X,), (V,))
    return Graph("f", [X], [node], out(node))


BROKEN: list[tuple[Callable[[], Graph], str]] = [
    (input_twice, "distinct input leaves"),
    (input_that_is_a_node, "distinct input leaves"),
    (more_captured_than_inputs, "2 captured inputs of 1"),
    (node_twice, "stands twice"),
    (leaf_in_the_list, "leaf"),
    (use_before_definition, "not defined before its use"),
    (foreign_input, "not defined before its use"),
    (output_that_a_node_lacks, "output 1 of a node with 1"),
    (operands_that_the_op_refuses, "do not broadcast"),
    (types_that_the_op_does_not_give, r"the op gives f64\[3\]"),
    (output_of_no_node, "output out is not defined"),
    (origin_without_a_rule, "origin without a rule"),
    (region_that_is_broken, "not defined before its use"),
]


@pytest.mark.parametrize(("make", "message"), BROKEN, ids=[make.__name__ for make, _ in BROKEN])
def test_a_broken_rule_is_named(make, message) -> None:
    with pytest.raises(VerifyError, match=message):
        verify(make())


def test_a_sound_graph_passes() -> None:
    node = sine(origin=Origin("vjp", X.node))
    graph = Graph("f", [X], [node], out(node))
    assert verify(graph) is graph
