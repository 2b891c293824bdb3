"""The verifier: what must hold of every graph, at every stage."""

from __future__ import annotations

from irgrad.errors import IrgradError, VerifyError
from irgrad.ir.graph import Graph, Node, Value, regions


def verify(graph: Graph) -> Graph:
    """The graph itself, or a `VerifyError` that shows the first node that breaks a rule. It checks
    that

    1. inputs are distinct input leaves, the captured ones not more than there are;
    2. no node stands twice in the list, and none is a leaf;
    3. each operand is an input, a constant, or an output (that exists) of a node earlier in the
       list;
    4. each op accepts its operands, and the types it gives are the types on the node;
    5. outputs are values of this graph, with distinct names;
    6. an adjoint or tangent node says which rule emitted it (its origin has a name);
    7. all of that holds inside every region.
    """
    known = _check_inputs(graph)
    for node in graph.nodes:
        if node in known or node.is_input or node.is_constant:
            raise VerifyError(f"@{graph.name}: node stands twice or is a leaf: {node!r}")
        for slot, operand in enumerate(node.operands):
            flaw = _flaw(operand, known)
            if flaw:
                raise VerifyError(f"@{graph.name}: operand {slot} of {node!r} {flaw}")
        _check_types(graph, node)
        if node.origin is not None and not node.origin.rule.isidentifier():
            raise VerifyError(f"@{graph.name}: origin without a rule: {node!r}")
        for region in regions(node.op).values():
            verify(region)
        known.add(node)
    for name, value in zip(graph.output_names, graph.outputs, strict=True):
        flaw = _flaw(value, known)
        if flaw:
            raise VerifyError(f"@{graph.name}: output {name} {flaw}")
    return graph


def _check_inputs(graph: Graph) -> set[Node]:
    known = {value.node for value in graph.inputs}
    if len(known) != len(graph.inputs) or not all(node.is_input for node in known):
        raise VerifyError(f"@{graph.name}: inputs must be distinct input leaves")
    if not 0 <= graph.captured <= len(graph.inputs):
        raise VerifyError(f"@{graph.name}: {graph.captured} captured inputs of {len(graph.inputs)}")
    return known


def _flaw(value: Value, known: set[Node]) -> str:
    """What is wrong with a value that is read where some nodes are known; nothing where it is in
    order.
    """
    if value.node not in known and not value.node.is_constant:
        return f"is not defined before its use: {value!r}"
    if not 0 <= value.index < len(value.node.types):
        return f"is output {value.index} of a node with {len(value.node.types)}"
    return ""


def _check_types(graph: Graph, node: Node) -> None:
    try:
        types = node.op.result_types(*[operand.type for operand in node.operands])
    except IrgradError as error:
        raise VerifyError(
            f"@{graph.name}: {node!r}: {error.message}", location=node.location
        ) from error
    if types != node.types:
        raise VerifyError(
            f"@{graph.name}: {node!r}: the op gives {', '.join(map(str, types))}",
            location=node.location,
        )
