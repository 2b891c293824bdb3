"""A graph as a Graphviz drawing, in the DOT language: data flows from the left to the right.

Inputs stand at the left, outputs at the right. A node that a derivative rule emitted is coloured
and stands beside the primal node whose rule it was, so that the two sweeps of reverse mode lie
above each other. Constants are written inside the node that uses them. A region (the body of a
loop, a branch) is a box of its own.
"""

from __future__ import annotations

from collections.abc import Iterator

from irgrad.ir.graph import Graph, Node, Value, regions
from irgrad.ir.printer import operand_text, parameter_text, provenance_text

_COLOURS = {"vjp": "#f6d5c3", "jvp": "#cfe5d2", "adjoint": "#f6d5c3", "seed": "#f2b8a0"}
_PRIMAL, _INPUT, _CAPTURED, _OUTPUT = "#dbe7f5", "#ffffff", "#eeeeee", "#fff3c4"
_LONGEST = 40


def to_dot(graph: Graph) -> str:
    """The drawing of `graph` as DOT text: write it to a file and run `dot -Tsvg` on it.

    >>> import irgrad
    >>> print(to_dot(irgrad.trace(lambda x: x * 2.0, 1.5)).splitlines()[0])
    digraph "lambda" {
    """
    lines = [
        f"digraph {quoted(graph.name)} {{",
        "  rankdir=LR;",
        '  node [shape=box, style="rounded,filled", fontname="monospace", fontsize=10];',
        '  edge [fontname="monospace", fontsize=8, color="#555555"];',
        *("  " + line for line in _Drawing(graph, "n").lines()),
        "}",
    ]
    return "\n".join(lines) + "\n"


def quoted(text: str) -> str:
    """`text` as a DOT string."""
    escaped = text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
    return f'"{escaped}"'


class _Drawing:
    """One graph, or one region, with the prefix of its identifiers."""

    def __init__(self, graph: Graph, prefix: str) -> None:
        self.graph = graph
        self.prefix = prefix
        leaves = [value.node for value in graph.inputs]
        self.ids = {node: f"{prefix}{i}" for i, node in enumerate([*leaves, *graph.nodes])}

    def lines(self) -> Iterator[str]:
        yield from self._inputs()
        for node in self.graph.nodes:
            yield self._node(node)
            yield from self._edges(node)
            for name, region in regions(node.op).items():
                yield from self._region(node, name, region)
        yield from self._outputs()
        yield from self._beside()

    def _inputs(self) -> Iterator[str]:
        first_captured = len(self.graph.inputs) - self.graph.captured
        for position, value in enumerate(self.graph.inputs):
            colour = _INPUT if position < first_captured else _CAPTURED
            label = f"{self.graph.names[value]}\n{value.type}"
            look = f"label={quoted(label)}, shape=oval, fillcolor={quoted(colour)}"
            yield f"{self.ids[value.node]} [{look}];"
        if self.prefix == "n" and self.graph.inputs:
            drawn = [self.ids[value.node] for value in self.graph.inputs]
            yield f"{{rank=source; {'; '.join(drawn)}}}"

    def _node(self, node: Node) -> str:
        names = self.graph.names
        results = ", ".join(f"{names[value]}: {value.type}" for value in node.outputs)
        options = {
            "label": f"{results}\n{self._call(node)}",
            "fillcolor": self._colour(node),
            "tooltip": provenance_text(node, names),
        }
        listed = ", ".join(f"{key}={quoted(text)}" for key, text in options.items())
        return f"{self.ids[node]} [{listed}];"

    def _call(self, node: Node) -> str:
        """The op with its parameters, and its operands where one is a constant."""
        parts = [
            f"{key}={_cropped(parameter_text(value))}"
            for key, value in node.op.parameters.items()
            if not isinstance(value, Graph)
        ]
        text = node.op.name
        if any(operand.node.is_constant for operand in node.operands):
            listed = (
                _cropped(operand_text(v, {})) if v.node.is_constant else "·" for v in node.operands
            )
            text += f"({', '.join(listed)})"
        return text + (f"\n{', '.join(parts)}" if parts else "")

    def _colour(self, node: Node) -> str:
        return _PRIMAL if node.origin is None else _COLOURS.get(node.origin.rule, _COLOURS["vjp"])

    def _edges(self, node: Node) -> Iterator[str]:
        for slot, operand in enumerate(node.operands):
            if operand.node.is_constant:
                continue
            options = [f'headlabel="{slot}"'] if len(node.operands) > 1 else []
            if self._primal(node) is not None:
                options.append("constraint=false")
            yield f"{self.ids[operand.node]} -> {self.ids[node]} [{', '.join(options)}];"

    def _region(self, node: Node, name: str, region: Graph) -> Iterator[str]:
        inner = _Drawing(region, f"{self.ids[node]}_{name}_")
        yield f"subgraph cluster_{self.ids[node]}_{name} {{"
        yield f"  label={quoted(f'{name} of {self.graph.names[Value(node, 0)]}')};"
        yield from ("  " + line for line in inner.lines())
        yield "}"

    def _outputs(self) -> Iterator[str]:
        drawn: list[str] = []
        for position, (name, value) in enumerate(
            zip(self.graph.output_names, self.graph.outputs, strict=True)
        ):
            key = f"{self.prefix}out{position}"
            drawn.append(key)
            text = (
                name if value.constant is None else f"{name} = {_cropped(operand_text(value, {}))}"
            )
            yield f"{key} [label={quoted(text)}, shape=oval, fillcolor={quoted(_OUTPUT)}];"
            if value.constant is None:
                yield f"{self.ids[value.node]} -> {key} [style=bold];"
        if self.prefix == "n" and drawn:
            yield f"{{rank=sink; {'; '.join(drawn)}}}"

    def _beside(self) -> Iterator[str]:
        """Each primal node in one column with the adjoint nodes of its rule."""
        columns: dict[Node, list[str]] = {}
        for node in self.graph.nodes:
            primal = self._primal(node)
            if primal is not None:
                columns.setdefault(primal, [self.ids[primal]]).append(self.ids[node])
        for column in columns.values():
            yield f"{{rank=same; {'; '.join(column)}}}"

    def _primal(self, node: Node) -> Node | None:
        """The drawn node whose rule emitted `node`, where there is one that is not itself beside
        another.
        """
        of = None if node.origin is None else node.origin.of
        drawn = isinstance(of, Node) and of in self.ids and not of.is_input and of.origin is None
        return of if isinstance(of, Node) and drawn else None


def _cropped(text: str) -> str:
    text = text.replace("\n", " ")
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 3]}..."


__all__ = ["quoted", "to_dot"]
