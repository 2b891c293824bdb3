"""A graph as a picture, with no system package: `graph.svg(style=...)`.

Sources stand at the left, sinks at the right, adjoint nodes below their primal nodes; `placement`
says how. A picture that would be very wide goes on in further rows, whose lines `cutting` joins by
name. `"blackboard"` draws signs in circles with the local derivative on each edge, `"full"` boxes
with the name, the type and the call of each node. Colours follow the page's or the system's dark
mode.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from html import escape

from irgrad.errors import OptionError
from irgrad.inspect.cutting import Connector, Cutting, arrives_cut
from irgrad.inspect.drawing import Frame, Look, Place, Route, Segment, draw, free, text_width, trace
from irgrad.inspect.formula import called, local_derivative, sign
from irgrad.inspect.placement import Box, Edge
from irgrad.inspect.rows import Piece, Rows
from irgrad.inspect.theme import GROUND, INK, PALE, ROOT, themed
from irgrad.ir.graph import Graph, Value, region_fields, regions, supply
from irgrad.ir.printer import node_text, operand_text, parameter_text

_COLOURS = {
    "primal": ("#e6effb", "#15304f", "#4a7fc1", "#6ea8ec"),
    "reverse": ("#fdeadb", "#46250d", "#d07530", "#f0a060"),
    "forward": ("#e0f3e6", "#123a22", "#3f9b5f", "#6fcf8f"),
    "input": ("#ffffff", "#1b1d21", "#5f6672", "#a8afba"),
    "captured": ("#ececef", "#33363c", "#8a909a", "#8a909a"),
    "output": ("#fff6cf", "#433a08", "#b39a1e", "#e0c64a"),
}
"""Kind -> fill and line, each for light and for dark."""
_FONT = "ui-monospace,SFMono-Regular,Menlo,Consolas,'DejaVu Sans Mono',monospace"
_LONGEST = 34
_SIZE, _SMALL, _LINE = 12.0, 10.5, 15.0
_RADIUS = 17.0
_SMALLEST = 0.9
"""A page that is too narrow shrinks a picture down to this; then it scrolls."""
_WIDEST = 960.0
"""The width of a row: what a page of 864 pixels shows without scrolling."""

Line = tuple[str, float, str]
"""A line of text: what it says, its size, its class."""


def to_svg(graph: Graph, style: str = "full") -> str:
    """The picture of `graph` as SVG text.

    >>> import irgrad
    >>> to_svg(irgrad.trace("x * x", 1.5)).startswith("<svg")
    True
    """
    if style not in _STYLES:
        raise OptionError(f"no style '{style}'; there are {', '.join(_STYLES)}")
    panels = [(f"@{graph.name}", graph), *_regions(graph)]
    drawn = [_STYLES[style](panel).picture() for _, panel in panels]
    titled = [text_width(title, 16.0) + 32 for title, _ in panels if len(panels) > 1]
    width = max(titled + [width for _, width, _ in drawn])
    parts: list[str] = []
    top = 0.0
    for (title, _), (body, _, height) in zip(panels, drawn, strict=True):
        if len(panels) > 1:
            parts.append(f'<text class="title" x="16" y="{top + 18:g}">{escape(title)}</text>')
            top += 20
        parts.append(f'<g transform="translate(0 {top:g})">{body}</g>')
        top += height
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" class="irgrad" width="{width:.0f}" '
        f'height="{top:.0f}" viewBox="0 0 {width:.0f} {top:.0f}" role="img" '
        f'style="height:auto;max-width:100%;min-width:{_SMALLEST * width:.0f}px" '
        f'aria-label="graph of {escape(graph.name)}">{_style()}{"".join(parts)}</svg>'
    )


def _regions(graph: Graph) -> Iterator[tuple[str, Graph]]:
    """The graphs inside the nodes of `graph`, each with a title, at every depth."""
    for node in graph.nodes:
        for name, region in regions(node.op).items():
            yield f"{name} of %{graph.names[Value(node, 0)]}", region
            yield from _regions(region)


class _Full:
    """Boxes with name, type and call."""

    def __init__(self, graph: Graph) -> None:
        self.graph = graph
        self.names = graph.names
        self.lines: dict[Box, list[Line]] = {}
        self.drawn: set[tuple[int, Segment]] = set()
        self.look = Look(self.measure, layer_gap=24.0, row_gap=16.0, band_gap=44.0)

    def measure(self, box: Box) -> None:
        """Give a box its text and size."""
        lines = self.lines[box] = list(self.text(box))
        box.width = max(text_width(text, size) for text, size, _ in lines) + 18
        box.height = len(lines) * _LINE + 10
        box.half = box.width / 2

    def text(self, box: Box) -> Iterator[Line]:
        """The lines in a box."""
        if box.kind == "output":
            yield box.label, _SIZE, "name"
            if box.value.constant is not None:
                yield f"= {_cropped(operand_text(box.value, self.names))}", _SMALL, "pale"
            return
        for value in box.node.outputs:
            yield f"%{self.names[value]}: {value.type}", _SIZE, "name"
        if box.kind == "node":
            operands = ", ".join(
                _cropped(operand_text(operand, self.names), 14) for operand in box.node.operands
            )
            yield _cropped(f"{box.node.op.name}({operands})"), _SMALL, "pale"
            inner = region_fields(type(box.node.op))
            shown = {k: v for k, v in box.node.op.parameters.items() if k not in inner}
            if shown:
                text = ", ".join(f"{key}={parameter_text(value)}" for key, value in shown.items())
                yield _cropped(text), _SMALL, "pale"

    def picture(self) -> tuple[str, float, float]:
        """The SVG text of the drawing, and its size."""
        drawing = draw(self.graph, self.look)
        rows = Rows(drawing.width, drawing.height, _WIDEST)
        inside, across, far = _sorted(drawing.routes, rows)
        held = [piece for route in across for piece in self.line(route, rows)]
        held += [self.from_afar(routes, rows) for routes in far]
        held += [
            Piece(*_frame(box.x, box.y, box.width, box.height), self.box(box), rows.row(box.x))
            for box in drawing.placement.boxes
        ]
        cut = [arrives_cut(route, rows) for _, _, route in drawing.labels]
        moved = list(itertools.compress(drawing.labels, cut))
        kept = [each for each, moves in zip(drawing.labels, cut, strict=True) if not moves]
        held += [self.label_at(*each, rows) for each in kept]
        rooms = [
            Piece(*self.room(text, route), "", rows.row(route.edge.target.x))
            for text, _, route in moved
        ]
        cutting = Cutting(inside, rows, rows.sides([*held, *rooms]))
        lines = [piece for route in inside for piece in self.line(route, rows, cutting)]
        held += map(self.connector, cutting.connectors())
        for text, _, route in moved:
            row, segment = list(cutting.lines(route))[-1]
            taken = [piece.frame for piece in held if piece.row == row]
            size = self.look.label_size
            place = free(segment, text_width(text, size) + 2, size + 1, taken, [])
            held.append(self.label_at(text, place, route, rows))
        return rows.sheet([*lines, *held])

    def label_at(self, text: str, place: Place, route: Route, rows: Rows) -> Piece:
        """The label of a line, in the row of the line's reader."""
        size = self.look.label_size
        frame = _frame(*place, text_width(text, size), size)
        return Piece(*frame, _label(text, *place, size), rows.row(route.edge.target.x))

    def room(self, text: str, route: Route) -> Frame:
        """Where a line that comes from another row arrives: a frame as wide as its label."""
        _, _, before, tip = route.segments[-1]
        width = text_width(text, self.look.label_size) + 24
        return _hull([tip, (tip[0] - math.copysign(width, tip[0] - before[0]), tip[1])])

    def line(self, route: Route, rows: Rows, cutting: Cutting | None = None) -> Iterator[Piece]:
        """The path of an edge, with an arrow head; what edges share is drawn once."""
        row = rows.row(route.edge.target.x)
        kind = "edge across" if route.crosses else "edge"
        pieces = (
            [(row, each) for each in route.segments] if cutting is None else cutting.lines(route)
        )
        for piece in pieces:
            row, (a, b, c, d) = piece
            if piece not in self.drawn:
                self.drawn.add(piece)
                path = f'<path class="{kind}" d="M{_at(a)}C{_at(b)} {_at(c)} {_at(d)}"/>'
                yield Piece(*_hull(trace(piece[1]) if route.crosses else piece[1]), path, row)
        _, _, before, tip = route.segments[-1]
        yield Piece(*_frame(*tip, 12.0, 12.0), _head(before, tip), row)

    def from_afar(self, routes: Sequence[Route], rows: Rows) -> Piece:
        """Where values of another band arrive that stand a page away, or in another row: a
        connector with their names, and an arrow.
        """
        (_, _, before, tip), target = routes[0].segments[-1], routes[0].edge.target
        dx, dy = before[0] - tip[0], before[1] - tip[1]
        length = (dx * dx + dy * dy) ** 0.5 or 1.0
        x, y = tip[0] + 20 * dx / length, tip[1] + 20 * dy / length
        names = ", ".join(dict.fromkeys(self.called(route.edge.value) for route in routes))
        line = f'<path class="edge across" d="M{x:.1f} {y:.1f}L{_at(tip)}"/>'
        if abs(tip[1] - target.y) < target.height / 2 - 1:  # at a side: not in front of the box
            x += math.copysign(_tag_width(names, self.look.label_size) / 2, dx)
        frame, tag = self.tag(names, x, y)
        return Piece(*frame, line + _head(before, tip) + tag, rows.row(target.x))

    def connector(self, connector: Connector) -> Piece:
        """The name of a value at the side of a row, where its line ends or begins."""
        name = self.called(connector.value)
        x = connector.x + connector.side * _tag_width(name, self.look.label_size) / 2
        frame, tag = self.tag(name, x, connector.y)
        return Piece(*frame, tag, connector.row)

    def tag(self, text: str, x: float, y: float) -> tuple[Frame, str]:
        """A connector with its middle at (x, y): its frame, and its picture."""
        size = self.look.label_size
        frame = _frame(x, y, _tag_width(text, size), size + 4)
        return frame, (
            f'<g class="connector"><rect x="{frame[0]:.1f}" y="{frame[1]:.1f}" '
            f'width="{frame[2] - frame[0]:.1f}" height="{size + 4:g}" rx="3"/>'
            f"{_text((text, size, 'name'), x, y)}</g>"
        )

    def called(self, value: Value) -> str:
        """What a value is called in this picture."""
        return f"%{self.names[value]}"

    def box(self, box: Box) -> str:
        """The shape of a box with its text and a tooltip."""
        return (
            f'<g class="{_kind(box)}"><title>{escape(self.tooltip(box))}</title>'
            f"{self.shape(box)}{self.written(box)}</g>"
        )

    def shape(self, box: Box) -> str:
        """A rounded rectangle."""
        radius = 5 if box.kind == "node" else min(15.0, box.height / 2)
        return (
            f'<rect x="{box.x - box.half:.1f}" y="{box.y - box.height / 2:.1f}" '
            f'width="{2 * box.half:.1f}" height="{box.height:.1f}" rx="{radius:g}"/>'
        )

    def written(self, box: Box) -> str:
        """The lines in the middle of the box."""
        lines = self.lines[box]
        first = box.y - (len(lines) - 1) * _LINE / 2
        return "".join(_text(line, box.x, first + i * _LINE) for i, line in enumerate(lines))

    def tooltip(self, box: Box) -> str:
        """The line of the dump, and the user's."""
        if box.kind != "node":
            return f"{box.kind} {box.label or self.names[box.value]}: {box.value.type}"
        text = " ".join(node_text(box.node, self.names).split())
        source = box.node.location.source if box.node.location else ""
        return f"{text}\n{source}".strip()


class _Blackboard(_Full):
    """Signs in circles, names above, shapes below, local derivatives on the edges."""

    def __init__(self, graph: Graph) -> None:
        super().__init__(graph)
        self.look = Look(
            self.measure, layer_gap=30.0, row_gap=14.0, band_gap=34.0, label=self.label
        )
        self.derivatives: dict[tuple[Box, int], str] = {}

    def measure(self, box: Box) -> None:
        lines = self.lines[box] = list(self.text(box))
        inner = text_width(lines[0][0], _SIZE)
        box.radius = _RADIUS
        box.half = max(_RADIUS, inner / 2 + 8)
        texts = [text_width(text, size) for text, size, _ in lines[1:]]
        box.width = max([2 * box.half, *texts]) + 4
        box.height = 2 * _RADIUS + 2 * _LINE

    def text(self, box: Box) -> Iterator[Line]:
        """In the circle, below it, above it."""
        if box.kind == "output":
            text = box.label
            if box.value.constant is not None:
                text += f" = {_cropped(operand_text(box.value, self.names))}"
            yield text, _SIZE, "name"
            return
        names = [self.names[value] for value in box.node.outputs]
        name = ", ".join(map(self.called, box.node.outputs))
        shapes = ["×".join(map(str, value.type.shape)) for value in box.node.outputs]
        shape = ", ".join(shapes) if any(shapes) else ""
        if box.kind == "node":
            yield _cropped(sign(box.node), 16), _SIZE, "name"
            yield _cropped(shape), _SMALL, "pale"
            yield _cropped(name), _SIZE, "pale" if all(map(str.isdigit, names)) else "name"
        else:
            yield name, _SIZE, "name"
            yield shape, _SMALL, "pale"

    def written(self, box: Box) -> str:
        heights = (box.y, box.y + _RADIUS + _LINE / 2 + 1, box.y - _RADIUS - _LINE / 2 + 1)
        return "".join(
            _text(line, box.x, y) for line, y in zip(self.lines[box], heights, strict=False)
        )

    def shape(self, box: Box) -> str:
        return (
            f'<rect x="{box.x - box.half:.1f}" y="{box.y - _RADIUS:.1f}" '
            f'width="{2 * box.half:.1f}" height="{2 * _RADIUS:g}" rx="{_RADIUS:g}"/>'
        )

    def label(self, edge: Edge) -> str:
        """The local derivative on an edge, after the name of a value that is one of several."""
        if edge.target.kind == "output" or edge.source.chain != edge.target.chain:
            return ""
        key = edge.target, edge.slot
        if key not in self.derivatives:
            text = local_derivative(edge.target.node, edge.slot, self.names)
            short = len(text) <= 24
            self.derivatives[key] = text if short else f"∂{edge.target.node.op.name}"
        text, several = self.derivatives[key], len(edge.source.node.outputs) > 1
        return f"{self.called(edge.value)}: {text}" if text and several else text

    def called(self, value: Value) -> str:
        return called(self.names[value])


_STYLES: Mapping[str, Callable[[Graph], _Full]] = {"full": _Full, "blackboard": _Blackboard}


def _sorted(
    routes: Sequence[Route], rows: Rows
) -> tuple[list[Route], list[Route], list[list[Route]]]:
    """The routes inside bands, those across, and, by target, those from too far to be drawn."""
    inside = [route for route in routes if not route.crosses]
    across: list[Route] = []
    far: dict[Box, list[Route]] = {}
    for route in routes:
        source, target = route.edge.source, route.edge.target
        if not route.crosses:
            continue
        if rows.row(source.x) == rows.row(target.x) and abs(source.x - target.x) <= _WIDEST:
            across.append(route)
        else:
            far.setdefault(target, []).append(route)
    return inside, across, list(far.values())


def _kind(box: Box) -> str:
    """The class that colours a box."""
    if box.kind != "node":
        return box.kind
    return box.chain[-1] if box.chain else "primal"


def _text(line: Line, x: float, y: float) -> str:
    text, size, kind = line
    return (
        f'<text class="{kind}" x="{x:.1f}" y="{y + 0.35 * size:.1f}" font-size="{size:g}">'
        f"{escape(text)}</text>"
    )


def _at(place: tuple[float, float]) -> str:
    return f"{place[0]:.1f} {place[1]:.1f}"


def _label(text: str, x: float, y: float, size: float) -> str:
    return (
        f'<text class="on" x="{x:.1f}" y="{y + 3.5:.1f}" font-size="{size}">{escape(text)}</text>'
    )


def _tag_width(text: str, size: float) -> float:
    return text_width(text, size) + 8


def _frame(x: float, y: float, width: float, height: float) -> Frame:
    return x - width / 2, y - height / 2, x + width / 2, y + height / 2


def _hull(places: Sequence[Place]) -> Frame:
    xs, ys = zip(*places, strict=True)
    return min(xs), min(ys), max(xs), max(ys)


def _head(before: tuple[float, float], tip: tuple[float, float]) -> str:
    """A small triangle at `tip`."""
    dx, dy = tip[0] - before[0], tip[1] - before[1]
    length = (dx * dx + dy * dy) ** 0.5 or 1.0
    ux, uy = dx / length, dy / length
    back = tip[0] - 6 * ux, tip[1] - 6 * uy
    left, right = (back[0] - 3 * uy, back[1] + 3 * ux), (back[0] + 3 * uy, back[1] - 3 * ux)
    return f'<path class="head" d="M{_at(tip)}L{_at(left)}L{_at(right)}Z"/>'


def _cropped(text: str, longest: int = _LONGEST) -> str:
    text = " ".join(text.split())
    return text if len(text) <= longest else f"{text[: longest - 1]}…"


def _style() -> str:
    """The style sheet."""
    rules = [
        ROOT,
        f".irgrad text{{font-family:{_FONT};text-anchor:middle;{themed('fill', INK)}}}",
        ".irgrad text.name,.irgrad text.title{font-weight:600}",
        ".irgrad text.title{text-anchor:start;font-size:14px}",
        ".irgrad text.row{text-anchor:start;font-size:11px}",
        f".irgrad text.pale{{{themed('fill', PALE)}}}",
        (
            f".irgrad text.on{{paint-order:stroke;stroke-width:3px;stroke-linejoin:round;"
            f"{themed('stroke', GROUND)}}}"
        ),
        f".irgrad .edge{{fill:none;stroke-width:1.2;{themed('stroke', PALE)}}}",
        ".irgrad .across{stroke-dasharray:3 3;stroke-opacity:.5}",
        f".irgrad .head{{{themed('fill', PALE)}}}",
        ".irgrad rect{stroke-width:1.3}",
        f".irgrad .connector rect{{{themed('fill', GROUND)}{themed('stroke', PALE)}}}",
    ]
    rules += [
        f".irgrad .{kind} rect{{{themed('fill', colours[:2])}{themed('stroke', colours[2:])}}}"
        for kind, colours in _COLOURS.items()
    ]
    return f"<style>{''.join(rules)}</style>"


supply(svg=to_svg)

__all__ = ["to_svg"]
