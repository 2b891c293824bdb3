"""The JSON form of a graph: the same content as the text, for other programs. Reading it runs
nothing.
"""

from __future__ import annotations

import json
from typing import Any, cast

import numpy as np

from irgrad.errors import ArgumentError, IrgradError, IRTextError, Location, with_article
from irgrad.ir.bulk import paused_gc
from irgrad.ir.graph import Graph, Node, Origin, Value, constant_value, input_value
from irgrad.ir.op import make_op
from irgrad.ir.parser import hints, parse_literal
from irgrad.ir.printer import clean_name, operand_text
from irgrad.ir.types import DTYPES, SHORT, ArrayType

FORMAT = "irgrad-graph-1"


@paused_gc()
def to_json(graph: Graph) -> str:
    """The graph as a JSON text: operands are `%name` or a literal as in the text form."""
    return json.dumps({"format": FORMAT, **_encode_graph(graph)}, indent=1, allow_nan=False)


@paused_gc()
def from_json(text: str) -> Graph:
    """The graph that `to_json` wrote; an `IRTextError` names what is wrong otherwise.

    >>> import irgrad
    >>> graph = irgrad.trace(lambda x: x * 2.0, 1.5)
    >>> from_json(graph.to_json()) == graph
    True
    """
    if not isinstance(text, (str, bytes, bytearray)):  # pyright: ignore[reportUnnecessaryIsInstance]
        raise ArgumentError(f"from_json takes a JSON text, got {with_article(type(text).__name__)}")
    try:
        data = json.loads(text)
    except ValueError as error:
        raise IRTextError(f"not JSON: {error}") from None
    if not isinstance(data, dict) or cast("dict[str, Any]", data).get("format") != FORMAT:
        raise IRTextError(f"not a graph: the field 'format' must be {FORMAT!r}")
    return _decode_graph(cast("dict[str, Any]", data))


def _encode_graph(graph: Graph) -> dict[str, Any]:
    names = graph.names
    return {
        "name": clean_name(graph.name),
        "inputs": [{"name": names[value], "type": str(value.type)} for value in graph.inputs],
        "captured": graph.captured,
        "nodes": [_encode_node(node, names) for node in graph.nodes],
        "outputs": [
            {"name": clean_name(name), "value": operand_text(value, names)}
            for name, value in zip(graph.output_names, graph.outputs, strict=True)
        ],
    }


def _encode_node(node: Node, names: dict[Value, str]) -> dict[str, Any]:
    data: dict[str, Any] = {
        "outputs": [{"name": names[value], "type": str(value.type)} for value in node.outputs],
        "op": node.op.name,
        "operands": [operand_text(operand, names) for operand in node.operands],
    }
    if node.op.parameters:
        data["parameters"] = {key: _encode(value) for key, value in node.op.parameters.items()}
    if node.origin is not None:
        of = node.origin.of
        known = not isinstance(of, str) and Value(of, 0) in names
        label = (
            f"%{names[Value(cast(Node, of), 0)]}"
            if known
            else clean_name(of if isinstance(of, str) else of.names[0] or of.op.name)
        )
        data["origin"] = {"rule": node.origin.rule, "of": label}
    if node.location is not None:
        data["location"] = {"file": node.location.file, "line": node.location.line}
    return data


def _encode(value: Any) -> Any:
    if isinstance(value, Graph):
        return {"graph": _encode_graph(value)}
    if isinstance(value, np.dtype):
        return {"dtype": SHORT[value]}
    if isinstance(value, tuple):
        return [_encode(item) for item in cast("tuple[Any, ...]", value)]
    if isinstance(value, float):
        return {"float": repr(value)}
    return value


def _decode(value: Any) -> Any:
    if isinstance(value, list):
        return tuple(_decode(item) for item in cast("list[Any]", value))
    if isinstance(value, dict):
        (kind, content), *rest = cast("dict[str, Any]", value).items()
        if kind == "graph" and not rest:
            return _decode_graph(content)
        if kind == "dtype" and not rest:
            return DTYPES[content]
        if kind == "float" and not rest:
            return float(content)
        raise ValueError(f"unknown parameter form {kind!r}")
    return value


def _decode_graph(data: dict[str, Any]) -> Graph:
    values: dict[str, Value] = {}
    where = "the header"
    try:
        inputs = [
            input_value(item["name"], ArrayType.parse(item["type"])) for item in data["inputs"]
        ]
        values.update(zip((item["name"] for item in data["inputs"]), inputs, strict=True))
        nodes: list[Node] = []
        for number, item in enumerate(data["nodes"]):
            where = f"node {number}"
            nodes.append(_decode_node(item, values))
        where = "the outputs"
        outputs = {item["name"]: _operand(item["value"], values) for item in data["outputs"]}
        return Graph(data["name"], inputs, nodes, outputs, data["captured"])
    except IrgradError as error:
        raise IRTextError(f"{where}: {error.message}", hint=error.hint) from None
    except KeyError as error:
        raise IRTextError(f"{where}: the field {error} is missing") from None
    except (TypeError, ValueError, AttributeError) as error:
        raise IRTextError(f"{where}: {type(error).__name__}: {error}") from None


def _operand(text: str, values: dict[str, Value]) -> Value:
    if text.startswith("%"):
        if text[1:] not in values:
            raise IRTextError(f"no value {text}")
        return values[text[1:]]
    return constant_value(parse_literal(text))


def _decode_node(data: dict[str, Any], values: dict[str, Value]) -> Node:
    parameters = {key: _decode(value) for key, value in data.get("parameters", {}).items()}
    op = make_op(data["op"], parameters)
    operands = tuple(_operand(text, values) for text in data["operands"])
    types = op.result_types(*[operand.type for operand in operands])
    names = [item["name"] for item in data["outputs"]]
    if [str(type) for type in types] != [item["type"] for item in data["outputs"]]:
        raise IRTextError(f"{op.name} gives {', '.join(map(str, types))}")
    origin = location = None
    if "origin" in data:
        of: str = data["origin"]["of"]
        origin = Origin(data["origin"]["rule"], values[of[1:]].node if of.startswith("%") else of)
    if "location" in data:
        location = Location(data["location"]["file"], int(data["location"]["line"]))
    node = Node(op, operands, types, names=hints(names), location=location, origin=origin)
    values.update(zip(names, node.outputs, strict=True))
    return node
