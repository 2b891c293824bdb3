"""Printing a graph as text. The grammar is in `parser`; printing what was parsed gives the same
text again.
"""

from __future__ import annotations

import re
from typing import Any, cast

import numpy as np

from irgrad.errors import Location, short_name
from irgrad.ir.bulk import paused_gc
from irgrad.ir.graph import Graph, Node, Value
from irgrad.ir.literal import constant_text
from irgrad.ir.op import Op
from irgrad.ir.types import SHORT

_PROVENANCE_COLUMN = 68


def assign_names(graph: Graph) -> dict[Value, str]:
    """A unique name for every input and output of a node: the hint where there is one, else what
    the op calls it, else a number. Hints come first.
    """
    taken: set[str] = set()
    counters: dict[str, int] = {}
    number = 0

    def unique(hint: str) -> str:
        name, count = hint, counters.get(hint, 1)
        while name in taken:
            count += 1
            name = f"{hint}_{count}"
        counters[hint] = count
        taken.add(name)
        return name

    names: dict[Value, str] = {}
    later: dict[Value, str] = {}
    for node in [*(value.node for value in graph.inputs), *graph.nodes]:
        for index, name in enumerate(node.names):
            value = Value(node, index)
            if name is not None:
                names[value] = unique(clean_name(name))
                continue
            own = node.op.result_names()
            if own:
                later[value] = names[value] = own[index]
            else:
                names[value] = unique(str(number))
                number += 1
    names.update((value, unique(clean_name(name))) for value, name in later.items())
    return names


def clean_name(hint: str) -> str:
    """`hint` with everything that a name in the text cannot hold replaced."""
    name = re.sub(r"[^\w.]+", "_", hint).strip("_.") or "v"
    return f"v{name}" if name[0].isdigit() else name


@paused_gc()
def to_text(graph: Graph, indent: str = "") -> str:
    """The graph as text, its regions indented."""
    names = graph.names
    lines = [indent + header(graph, names)]
    inside = indent + "  "
    for node in graph.nodes:
        remark = node.op.remark()
        lines += [f"{inside}# {remark}"] * bool(remark)
        lines.append(inside + node_text(node, names, inside))
    results = ", ".join(
        f"{clean_name(name)}={operand_text(value, names)}"
        for name, value in zip(graph.output_names, graph.outputs, strict=True)
    )
    lines += [f"{inside}return {results}".rstrip(), indent + "}"]
    return "\n".join(lines)


def header(graph: Graph, names: dict[Value, str]) -> str:
    """The first line: name, inputs (captured ones after a semicolon) and outputs with their
    types.
    """
    inputs = [f"%{names[value]}: {value.type}" for value in graph.inputs]
    arguments = len(inputs) - graph.captured
    listed = ", ".join(inputs[:arguments])
    if graph.captured:
        listed += "; " + ", ".join(inputs[arguments:])
    results = ", ".join(
        f"{clean_name(name)}: {value.type}"
        for name, value in zip(graph.output_names, graph.outputs, strict=True)
    )
    return f"graph @{clean_name(graph.name)}({listed}) -> ({results}) {{"


def node_text(node: Node, names: dict[Value, str], indent: str = "") -> str:
    """One line: `%y: f64[3] = tanh(%x)  vjp(%z)  @file.py:4`."""
    results = ", ".join(f"%{names[value]}: {value.type}" for value in node.outputs)
    operands = ", ".join(operand_text(operand, names) for operand in node.operands)
    line = f"{results} = {node.op.name}({operands}){parameters_text(node.op, indent)}"
    provenance = provenance_text(node, names)
    if not provenance:
        return line
    width = len(line) - line.rfind("\n") - 1
    return line + " " * max(2, _PROVENANCE_COLUMN - width) + provenance


def operand_text(value: Value, names: dict[Value, str]) -> str:
    """A name, or a literal for a constant."""
    return constant_text(value.constant) if value.constant is not None else f"%{names[value]}"


def parameters_text(op: Op, indent: str = "") -> str:
    """The parameters in braces, or nothing."""
    parameters = op.parameters
    if not parameters:
        return ""
    return (
        " {"
        + ", ".join(f"{key}={parameter_text(value, indent)}" for key, value in parameters.items())
        + "}"
    )


def parameter_text(value: Any, indent: str = "") -> str:
    """One parameter: a Python literal, a dtype's short name, or a region."""
    if isinstance(value, Graph):
        return "\n" + to_text(value, indent + "  ")
    if isinstance(value, np.dtype):
        return SHORT[value]
    if isinstance(value, tuple):
        items = [parameter_text(item, indent) for item in cast("tuple[Any, ...]", value)]
        listed = ", ".join(items).replace(", \n", ",\n")
        return f"({listed},)" if len(items) == 1 else f"({listed})"
    return repr(value)


def provenance_text(node: Node, names: dict[Value, str]) -> str:
    """Whose rule emitted the node, and the user's line."""
    parts: list[str] = []
    if node.origin is not None:
        of = node.origin.of
        if isinstance(of, str):
            parts.append(f"{node.origin.rule}({clean_name(of)})")
        elif Value(of, 0) in names:
            parts.append(f"{node.origin.rule}(%{names[Value(of, 0)]})")
        else:
            parts.append(f"{node.origin.rule}({clean_name(of.names[0] or of.op.name)})")
    if node.location is not None:
        parts.append(location_text(node.location))
    return "  ".join(parts)


def location_text(location: Location) -> str:
    """`@file.py:4`, the file name quoted where it must be."""
    name = short_name(location.file).replace('"', "'")
    return (
        f"@{name}:{location.line}"
        if re.fullmatch(r"[\w.<>-]+", name)
        else f'@"{name}":{location.line}'
    )
