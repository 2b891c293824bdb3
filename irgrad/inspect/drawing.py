"""The geometry of a drawing: sizes of boxes, places of layers and bands, paths of edges.

Units are pixels. Text is set in a monospaced font, whose width is known without measuring.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

from irgrad.inspect.layering import Band, Point, nearest
from irgrad.inspect.placement import Box, Chain, Edge, Placement
from irgrad.ir.graph import Graph

ADVANCE = 0.605
"""Width of a character of a monospaced font, in units of its size."""
MARGIN = 16.0
_ROUNDS = 4

Place = tuple[float, float]
Stop = tuple[float, float, float]
"""A place on a path, and the middle of its layer."""
Frame = tuple[float, float, float, float]
Segment = tuple[Place, Place, Place, Place]
"""A cubic Bézier curve: start, two control points, end."""


@dataclass
class Look:
    """What a style decides: text and size of each box, and the space between."""

    measure: Callable[[Box], None]
    layer_gap: float
    row_gap: float
    band_gap: float
    label: Callable[[Edge], str] = lambda edge: ""
    label_size: float = 10.5


@dataclass
class Route:
    """One edge as a path; `homes` are the middles of the layers to which the ends of its segments
    belong, `crosses` says that it leads from one band to another.
    """

    edge: Edge
    segments: list[Segment]
    homes: list[float]
    crosses: bool = False


@dataclass
class Drawing:
    """A graph with everything in its place; `width` and `height` include the margin."""

    placement: Placement
    routes: list[Route] = field(default_factory=list[Route])
    labels: list[tuple[str, Place, Route]] = field(default_factory=list[tuple[str, Place, Route]])
    width: float = 0.0
    height: float = 0.0


def text_width(text: str, size: float) -> float:
    """The width of a line of text."""
    return len(text) * size * ADVANCE


def draw(graph: Graph, look: Look) -> Drawing:
    """Lay out a graph."""
    placement = Placement(graph)
    for box in placement.boxes:
        look.measure(box)
    bands = _bands(placement)
    layouts = {chain: _Layout(placement, chain, boxes, look) for chain, boxes in bands.items()}
    _columns(list(layouts.values()))
    top = MARGIN
    for layout in layouts.values():
        layout.arrange()
        top = layout.shift(top) + look.band_gap
    drawing = Drawing(placement)
    for layout in layouts.values():
        drawing.routes += layout.routes()
    drawing.routes += _between(placement)
    boxes = placement.boxes
    drawing.width = max((box.x + box.width / 2 for box in boxes), default=0.0) + MARGIN
    drawing.height = max(MARGIN, top - look.band_gap) + MARGIN
    _label(drawing, look)
    return drawing


def _bands(placement: Placement) -> dict[Chain, list[Box]]:
    """The boxes of each band, the primal band first, derivatives of derivatives last."""
    found: dict[Chain, list[Box]] = {}
    for box in placement.boxes:
        found.setdefault(box.chain, []).append(box)
    return dict(sorted(found.items(), key=lambda item: len(item[0])))


class _Layout:
    """One band: its layers, and where they stand."""

    def __init__(self, placement: Placement, chain: Chain, boxes: list[Box], look: Look) -> None:
        self.placement = placement
        self.look = look
        self.boxes = boxes
        self.backwards = bool(boxes) and boxes[0].backwards
        self.edges = [e for e in placement.edges if e.source.chain == e.target.chain == chain]
        by_key: dict[tuple[int, int], list[Box]] = {}
        for box in boxes:
            by_key.setdefault((box.column, box.step), []).append(box)
        order = sorted(by_key, key=lambda key: (key[0], -key[1] if self.backwards else key[1]))
        self.keys = order
        self.layers = [by_key[key] for key in order]
        self.widths = [max(box.width for box in layer) for layer in self.layers]
        self.gaps = self._gaps()
        self.middles = [0.0] * len(order)

    def _gaps(self) -> list[float]:
        """The space on the upstream side of each layer, wide enough for the labels there."""
        widest = [0.0] * len(self.layers)
        index = {box: i for i, layer in enumerate(self.layers) for box in layer}
        for edge in self.edges:
            width = text_width(self.look.label(edge), self.look.label_size)
            widest[index[edge.target]] = max(widest[index[edge.target]], width)
        return [self.look.layer_gap + width for width in widest]

    def weights(self) -> list[float]:
        """All layers alike."""
        return [1.0] * len(self.keys)

    def distances(self) -> list[float]:
        """The least distance from the middle of each layer to that of the next to the right."""
        upstream = self.gaps[:-1] if self.backwards else self.gaps[1:]
        return [
            (a + b) / 2 + gap
            for (a, b), gap in zip(itertools.pairwise(self.widths), upstream, strict=True)
        ]

    def arrange(self) -> None:
        """Heights of boxes and points, once the layers have their places."""
        band = Band(self.layers, self.look.row_gap)
        self.paths = {
            edge: band.connect(edge.value, edge.source, edge.target) for edge in self.edges
        }
        band.arrange(lambda item: _pull(item))
        for layer, middle in zip(self.layers, self.middles, strict=True):
            for box in layer:
                box.x = middle
        self.points = [item for layer in band.layers for item in layer if isinstance(item, Point)]

    def shift(self, top: float) -> float:
        """Move the band below `top` -> its bottom."""
        items = [*self.boxes, *self.points]
        highest = min((item.y - item.height / 2 for item in items), default=0.0)
        for item in items:
            item.y += top - highest
        return max((item.y + item.height / 2 for item in items), default=top)

    def routes(self) -> Iterator[Route]:
        """The edges inside the band."""
        ports = _ports(self.edges, self.paths)
        for edge in self.edges:
            yield self._route(edge, ports[edge])

    def _route(self, edge: Edge, offset: float) -> Route:
        sense = -1.0 if self.backwards else 1.0
        start = (edge.source.x + sense * _half(edge.source, 0.0), edge.source.y)
        end = (edge.target.x - sense * _half(edge.target, offset), edge.target.y + offset)
        stops: list[Stop] = [(*start, edge.source.x)]
        for point in self.paths[edge]:
            middle, half = self.middles[point.layer], self.widths[point.layer] / 2
            ends = (middle - sense * half, middle + sense * half)
            stops += [(x, point.y, middle) for x in ends]
        stops = _bends([*stops, (*end, edge.target.x)])
        segments = [curve(a[:2], b[:2]) for a, b in itertools.pairwise(stops)]
        return Route(edge, segments, [middle for _, _, middle in stops])


def _bends(stops: Sequence[Stop]) -> list[Stop]:
    """The stops of a path without those in the middle of a level stretch."""
    kept = [stops[0]]
    for before, stop, after in zip(stops, stops[1:], stops[2:], strict=False):
        if max(abs(before[1] - stop[1]), abs(after[1] - stop[1]), abs(kept[-1][1] - stop[1])) > 0.5:
            kept.append(stop)
    return [*kept, stops[-1]]


def _pull(item: object) -> float | None:
    """A derivative node would stand as high in its band as its primal does in its own."""
    if isinstance(item, Box) and item.beside is not None and item.chain:
        return item.beside.y
    return None


def _half(box: Box, offset: float) -> float:
    """From the middle of a box to its outline, `offset` above or below its middle."""
    return box.half - box.radius + max(box.radius**2 - offset**2, 0.0) ** 0.5


def _columns(layouts: Sequence[_Layout]) -> None:
    """Give each layer its place: the bands keep their own distances, and their columns come as near
    to each other as these allow.
    """
    for layout in layouts:
        layout.middles = nearest([0.0] * len(layout.keys), layout.weights(), layout.distances())
    primal, *others = layouts
    primal.middles = [middle - primal.middles[0] for middle in primal.middles]
    for _ in range(_ROUNDS if others else 0):
        for layout in others:
            _follow(layout, [primal])
        _follow(primal, others)
    ends = [m - w / 2 for lay in layouts for m, w in zip(lay.middles, lay.widths, strict=True)]
    for layout in layouts:
        layout.middles = [middle - min(ends) + MARGIN for middle in layout.middles]


def _follow(layout: _Layout, leaders: Sequence[_Layout]) -> None:
    """Bring the columns of one band near to where the others have theirs."""
    found: dict[int, list[float]] = {}
    for leader in leaders:
        for key, middle in zip(leader.keys, leader.middles, strict=True):
            found.setdefault(key[0], []).append(middle)
    wanted: list[float] = []
    weights: list[float] = []
    for key, middle in zip(layout.keys, layout.middles, strict=True):
        led = found.get(key[0])
        wanted.append(middle if led is None else sum(led) / len(led))
        weights.append(0.2 if led is None else 1.0)
    layout.middles = nearest(wanted, weights, layout.distances())


def _ports(edges: Sequence[Edge], paths: dict[Edge, list[Point]]) -> dict[Edge, float]:
    """How far above or below the middle of its target each edge arrives."""
    arriving: dict[Box, list[Edge]] = {}
    for edge in edges:
        arriving.setdefault(edge.target, []).append(edge)
    offsets: dict[Edge, float] = {}
    for box, listed in arriving.items():
        listed.sort(key=lambda e: (paths[e][-1].y if paths[e] else e.source.y, e.slot))
        room = min(14.0, 1.2 * (box.radius or box.height / 2) / len(listed))
        for position, edge in enumerate(listed):
            offsets[edge] = (position - (len(listed) - 1) / 2) * room
    return offsets


def _between(placement: Placement) -> Iterator[Route]:
    """The edges from one band to another, past the boxes that stand above or below in a layer."""
    ends = _ends(placement.boxes)
    for edge in placement.edges:
        if edge.source.chain != edge.target.chain:
            homes = [edge.source.x, edge.target.x]
            yield Route(edge, [_across(edge, ends)], homes, crosses=True)


def _ends(boxes: Sequence[Box]) -> dict[int, set[Box]]:
    """Of each layer, the highest box (key -1) and the lowest (key 1)."""
    layers: dict[tuple[Chain, float], list[Box]] = {}
    for box in boxes:
        layers.setdefault((box.chain, box.x), []).append(box)
    return {
        side: {pick(layer, key=lambda box: box.y) for layer in layers.values()}
        for side, pick in ((-1, min), (1, max))
    }


def _across(edge: Edge, ends: dict[int, set[Box]]) -> Segment:
    source, target = edge.source, edge.target
    down = 1 if source.y < target.y else -1
    bend = 0.5 * abs(target.y - source.y)
    if source in ends[down]:
        start = (source.x, source.y + down * source.height / 2)
        first = (start[0], start[1] + down * bend)
    else:
        sense = -1.0 if source.backwards else 1.0
        start = (source.x + sense * source.half, source.y + 5.0)
        first = (start[0] + sense * 40.0, start[1] + down * bend / 2)
    if target in ends[-down]:
        end = (target.x, target.y - down * target.height / 2)
        return start, first, (end[0], end[1] - down * bend), end
    side = 1.0 if source.x > target.x else -1.0
    end = (target.x + side * target.half, target.y - down * 5.0)
    return start, first, (end[0] + side * 40.0, end[1] - down * bend / 2), end


def curve(a: Place, b: Place) -> Segment:
    """From `a` to `b`, level at both."""
    bend = (b[0] - a[0]) / 2
    return a, (a[0] + bend, a[1]), (b[0] - bend, b[1]), b


def _label(drawing: Drawing, look: Look) -> None:
    """A place for each label beside its edge where it covers neither a box, nor another label, nor
    a line that begins or ends with its own.
    """
    taken = [_frame(box.x, box.y, box.width, box.height) for box in drawing.placement.boxes]
    touching: dict[Box, list[Place]] = {}
    for route in drawing.routes:
        if not route.crosses:
            touching.setdefault(route.edge.source, []).extend(trace(route.segments[0]))
            touching.setdefault(route.edge.target, []).extend(trace(route.segments[-1]))
    for route in drawing.routes:
        text = look.label(route.edge)
        if not text or route.crosses:
            continue
        width, height = text_width(text, look.label_size) + 2, look.label_size + 1
        reach = _around(route.segments[-1], width + 20.0, 3 * height)
        near = touching[route.edge.source] + touching[route.edge.target]
        covered = [frame for frame in taken if _overlap(frame, reach)]
        place = free(route.segments[-1], width, height, covered, near)
        taken.append(_frame(*place, width, height))
        drawing.labels.append((text, place, route))


def trace(segment: Segment) -> list[Place]:
    """Places all along a segment."""
    return [bezier(segment, i / 16) for i in range(17)]


def _around(segment: Segment, aside: float, above: float) -> Frame:
    """The frame of a segment, wide enough for all places of its label."""
    xs, ys = zip(*segment, strict=True)
    return min(xs) - aside, min(ys) - above, max(xs) + aside, max(ys) + above


def free(
    segment: Segment, width: float, height: float, taken: list[Frame], near: list[Place]
) -> Place:
    """The best place for a label along a segment, beside the line: one that covers nothing, else
    the one that covers the least.
    """
    best, least = (0.0, 0.0), float("inf")
    for share in (0.5, 0.6, 0.4, 0.7, 0.3, 0.8, 0.2):
        x, y = bezier(segment, share)
        for away in (1, 2, 3):
            for side in (-1, 1):
                for aside in (0.0, side * away * 6.0, -side * away * 6.0):
                    place = (x + aside, y + side * (height / 2 + 2) * (1 + (away - 1) / 2))
                    frame = _frame(*place, width, height)
                    bad = 5 * sum(_overlap(frame, other) for other in taken)
                    bad += sum(_inside(point, frame) for point in near) if not bad else 0
                    if not bad:
                        return place
                    if bad < least:
                        best, least = place, bad
    return best


def _inside(point: Place, frame: Frame) -> bool:
    return frame[0] < point[0] < frame[2] and frame[1] < point[1] < frame[3]


def bezier(segment: Segment, t: float) -> Place:
    """The place at parameter t, from 0 at the start of a segment to 1 at its end."""
    weights = ((1 - t) ** 3, 3 * t * (1 - t) ** 2, 3 * t * t * (1 - t), t**3)
    x, y = (sum(w * p[axis] for w, p in zip(weights, segment, strict=True)) for axis in (0, 1))
    return x, y


def _frame(x: float, y: float, width: float, height: float) -> Frame:
    return x - width / 2, y - height / 2, x + width / 2, y + height / 2


def _overlap(a: Frame, b: Frame) -> bool:
    return a[0] < b[2] and b[0] < a[2] and a[1] < b[3] and b[1] < a[3]


__all__ = ["Drawing", "Look", "Route", "bezier", "curve", "draw", "free", "text_width", "trace"]
