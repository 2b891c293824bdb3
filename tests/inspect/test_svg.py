"""Pictures: everything is drawn, nothing overlaps, values flow the way that the sweeps do."""

from __future__ import annotations

import functools
import itertools
import re
import xml.etree.ElementTree as ET
from dataclasses import dataclass

import numpy as np
import pytest

import irgrad
from irgrad.errors import OptionError
from irgrad.inspect.drawing import Drawing, draw
from irgrad.inspect.formula import called, infix, local_derivative, sign
from irgrad.inspect.placement import Placement
from irgrad.inspect.svg import _Blackboard, _Full, to_svg
from irgrad.ir.graph import Graph, Node, Value, input_value
from irgrad.ir.op import REGISTRY, Op
from irgrad.ir.types import ArrayType, is_inexact, type_of
from tests.ops import reduction_samples, scan_samples, shape_samples  # noqa: F401 -- samples
from tests.ops.samples import samples_of

STYLES = {"full": _Full, "blackboard": _Blackboard}


def loss(W1, W2, x, b, y):
    h = np.tanh(W1 @ x + b)
    r = W2 @ h - y
    return 0.5 * np.sum(r**2)


def deep(W, b, x):
    for i in range(12):
        x = np.tanh(W[i] @ x + b[i]) * x
    return np.sum(x**2)


def rosen(x):
    return np.sum(100 * (x[1:] - x[:-1] ** 2) ** 2 + (1 - x[:-1]) ** 2)


def factors(a):
    q, r = np.linalg.qr(a)
    return np.sum(q) + np.sum(r**2)


def specs(text: str) -> list:
    return [irgrad.spec(part) for part in text.split()]


LOSS = specs("f64[4,3] f64[2,4] f64[3] f64[4] f64[2]")
DEEP = specs("f64[12,3,3] f64[12,3] f64[3]")
GRAPHS = {
    "loss": irgrad.trace(loss, *LOSS),
    "gradient": irgrad.compile(irgrad.value_and_grad(loss, (0, 1, 2, 3))).graph(*LOSS),
    "as it is": irgrad.trace(irgrad.grad(loss, (0, 1)), *LOSS),
    "deep": irgrad.compile(irgrad.grad(deep, (0, 1, 2))).graph(*DEEP),
    "second": irgrad.trace(irgrad.grad(lambda x: np.sum(irgrad.grad(rosen)(x) ** 2)), np.ones(4)),
    "forward": irgrad.trace(lambda x, t: irgrad.jvp(rosen, (x,), (t,)), np.ones(4), np.ones(4)),
    "captured": irgrad.trace(lambda x: np.sum(np.ones(3) * x) * 2.0, np.ones(3)),
    "constant": irgrad.parse("graph @c() -> (out: f64[]) { return out=1.5 }"),
    "identity": irgrad.trace(lambda x: x, 1.0),
    "results": irgrad.trace(factors, np.ones((3, 2))),
}  # fmt: skip


@functools.cache
def picture(name: str, style: str) -> tuple[str, Drawing]:
    return to_svg(GRAPHS[name], style), draw(GRAPHS[name], STYLES[style](GRAPHS[name]).look)


def frame(box) -> tuple[float, ...]:
    return (box.x - box.width / 2, box.y - box.height / 2,
            box.x + box.width / 2, box.y + box.height / 2)  # fmt: skip


def overlap(a, b) -> bool:
    return a[0] < b[2] - 0.1 and b[0] < a[2] - 0.1 and a[1] < b[3] - 0.1 and b[1] < a[3] - 0.1


@pytest.mark.parametrize("name", GRAPHS)
@pytest.mark.parametrize("style", STYLES)
def test_everything_is_drawn_and_no_text_overlaps(name: str, style: str) -> None:
    graph = GRAPHS[name]
    text, drawing = picture(name, style)
    root = ET.fromstring(text)
    titles = [e for e in root.iter() if e.tag.endswith("title")]
    assert len(titles) == len(graph.inputs) + len(graph.nodes) + len(graph.outputs)
    frames = list(map(frame, drawing.placement.boxes))
    for a, b in itertools.combinations(frames, 2):
        assert not overlap(a, b)
    for left, top, right, bottom in frames:
        assert left >= 0 and top >= 0 and right <= drawing.width and bottom <= drawing.height


@pytest.mark.parametrize("name", GRAPHS)
@pytest.mark.parametrize("style", STYLES)
def test_every_value_is_named(name: str, style: str) -> None:
    graph = GRAPHS[name]
    texts = [e.text or "" for e in ET.fromstring(picture(name, style)[0]).iterfind(".//{*}text")]
    words = {word.strip("%,:") for text in texts for word in text.split()}
    for value in (*graph.inputs, *(v for node in graph for v in node.outputs)):
        shown = graph.names[value]
        assert (called(shown) if style == "blackboard" else shown) in words


@pytest.mark.parametrize("name", GRAPHS)
def test_an_operand_stands_before_its_reader_in_the_flow_of_its_band(name: str) -> None:
    _, drawing = picture(name, "full")
    for edge in drawing.placement.edges:
        if edge.source.chain == edge.target.chain:
            assert (edge.source.x > edge.target.x) == edge.source.backwards


def test_adjoint_nodes_stand_below_their_primal_nodes() -> None:
    graph = GRAPHS["gradient"]
    drawing = draw(graph, _Full(graph).look)
    boxes = {graph.names[box.value]: box for box in drawing.placement.box.values()}
    assert boxes["h.bar"].beside is boxes["2"]
    assert boxes["h.bar"].column == boxes["2"].column
    assert boxes["h.bar"].y > max(boxes[name].y for name in ("W1", "h", "y"))
    primal = [box for box in boxes.values() if not box.chain]
    assert all(box.x > boxes["W1"].x for box in primal if box.kind == "node")
    sink = next(box for box in drawing.placement.outputs if box.label == "out")
    assert all(box.x < sink.x for box in boxes.values())


def test_labels_of_the_blackboard() -> None:
    graph = GRAPHS["loss"]
    drawing = draw(graph, _Blackboard(graph).look)
    assert sorted(text for text, _, _ in drawing.labels) == sorted(
        ["x", "W1", "1", "1", "1 − h²", "h", "W2", "1", "−1", "2 · r", "1", "0.5"]
    )
    assert [sign(node) for node in graph] == ["@", "+", "tanh", "@", "−", "(·)²", "Σ", "0.5×"]


@pytest.mark.parametrize(
    ("formula", "expected"),
    [
        ("maximum(x, -0.1 * x)", "[x ≥ v₀]"),
        ("sin(x)", "cos(x)"),
        ("1.0 / x", "−v₀/x"),
        ("x**3", "3 · x²"),
        ("expit(x)", "v₀ · (1 − v₀)"),
        ("floor(x)", ""),
    ],
)
def test_local_derivatives(formula: str, expected: str) -> None:
    graph = irgrad.trace(formula, 0.5)
    node = graph.nodes[-1]
    slot = next(i for i, v in enumerate(node.operands) if v.constant is None)
    assert local_derivative(node, slot, graph.names) == expected


def test_every_op_has_a_sign_and_labels() -> None:
    for sample in (samples_of(name)[0] for name in sorted(REGISTRY) if samples_of(name)):
        inputs = [input_value(f"x{i}", type_of(x)) for i, x in enumerate(sample.operands)]
        types = sample.op.result_types(*[value.type for value in inputs])
        node = Node(
            sample.op, tuple(inputs), types, names=tuple(f"y{k}" for k in range(len(types)))
        )
        graph = Graph("f", inputs, [node], {"out": Value(node, 0)})
        assert sign(node)
        for slot in range(len(inputs)):
            label = local_derivative(node, slot, graph.names)
            is_number = is_inexact(inputs[slot].type.dtype)
            assert bool(label) == (sample.op.differentiable(slot) and is_number)


def test_infix_keeps_precedence() -> None:
    assert infix(irgrad.trace("(x - (y - 1)) / (x * y)", 1.0, 2.0)) == "(x − (y − 1))/(x · y)"


def test_notebooks_show_the_picture_and_the_text() -> None:
    graph = GRAPHS["loss"]
    assert graph._repr_svg_() == graph.svg()
    assert "<svg" in graph._repr_html_() and "<pre>graph @loss" in graph._repr_html_()
    with irgrad.without_capture():
        large = irgrad.trace(lambda x: sum((np.sin(x) for _ in range(1200)), 0.0), 1.0)
    assert large._repr_svg_() is None and "<pre>" in large._repr_html_()
    assert "no readable picture" in large._repr_html_()


@pytest.mark.parametrize("style", ["blackboard", "full"])
@pytest.mark.parametrize("op", ["add", "multiply", "power", "maximum", "matmul", "arctan2"])
@pytest.mark.parametrize("first", [True, False])
def test_constant_arrays_are_drawn(style: str, op: str, first: bool) -> None:
    constant, f = np.arange(1.0, 4.0), getattr(np, op)
    graph = irgrad.trace(lambda x: f(constant, x) if first else f(x, constant), np.ones(3))
    for each in (
        graph,
        irgrad.compile(irgrad.grad(lambda x: np.sum(f(x, constant)))).graph(np.ones(3)),
    ):
        assert len(ET.fromstring(each.svg(style=style)))


def test_regions_are_panels_and_no_parameters() -> None:
    def f(x):
        for i in range(1000):
            x = np.tanh(x) if np.sum(x) > i else x * 0.5
        return np.sum(x)

    graph = irgrad.trace(f, np.ones(3))
    for style in ("blackboard", "full"):
        drawn = ET.fromstring(graph.svg(style=style)).iterfind(".//{*}text")
        text = " ".join(each.text or "" for each in drawn)
        assert "body of" in text and "branches.1 of" in text
        assert "branches=" not in text and "loop(0, ·)" not in text


def test_a_region_is_a_panel_of_its_own() -> None:
    @dataclass(frozen=True)
    class Twice(Op):
        name = "twice"
        body: Graph

    x = input_value("x", ArrayType.parse("f64[]"))
    node = Node(Twice(irgrad.trace("sin(x)", 0.5)), (x,), (x.type,), names=("y",))
    text = Graph("outer", [x], [node], {"out": Value(node, 0)}).svg()
    assert "body of %y" in text and "sin(%x)" in text
    ET.fromstring(text)


def test_unknown_style() -> None:
    with pytest.raises(OptionError, match="no style 'chalk'"):
        GRAPHS["loss"].svg(style="chalk")


def long(W, x):
    for i in range(40):
        x = np.tanh(W[i] @ x) + x
    return np.sum(x)


@pytest.mark.parametrize("style", STYLES)
def test_a_long_picture_has_rows_that_a_page_can_show(style: str) -> None:
    graph = irgrad.compile(irgrad.grad(long), unroll=64).graph(*specs("f64[40,3,3] f64[3]"))
    assert len(graph) > 300
    strip = draw(graph, STYLES[style](graph).look)
    root = ET.fromstring(graph.svg(style=style))
    width, height = float(root.get("width", 0)), float(root.get("height", 0))
    assert strip.width > 6000 and width < 1100
    rows = root.findall(".//{*}svg")
    assert len(rows) == np.ceil(strip.width / 672)
    captions = [e.text for e in root.iter() if e.get("class") == "pale row"]
    assert captions[0] == f"1 of {len(rows)}" and len(captions) == len(rows)
    bottom = 0.0
    for row in rows:
        left, top, wide, high = map(float, row.get("viewBox", "").split())
        assert float(row.get("y", 0)) >= bottom
        bottom = float(row.get("y", 0)) + high
        for rect in row.iter("{http://www.w3.org/2000/svg}rect"):
            x, y = float(rect.get("x", 0)), float(rect.get("y", 0))
            assert left <= x and x + float(rect.get("width", 0)) <= left + wide
            assert top <= y and y + float(rect.get("height", 0)) <= top + high
    assert bottom <= height + 1
    titles = [e for e in root.iter() if e.tag.endswith("title")]
    assert len(titles) == len(graph.inputs) + len(graph.nodes) + len(graph.outputs)


class Pieces:
    """The lines of a picture as they are drawn in its rows. A line leads from joints to joints: its
    end itself, a box there, and (row, name) for a connector there.
    """

    def __init__(self, name: str, style: str) -> None:
        text, self.drawing = picture(name, style)
        self.called = STYLES[style](GRAPHS[name]).called
        root = ET.fromstring(text)
        self.rows = root.findall(".//{*}svg") or [root]
        self.row_of: dict = {}
        self.lines = [line for row, svg in enumerate(self.rows) for line in self.read(row, svg)]
        self.leaving: dict = {}
        for start, stop in self.lines:
            for joint in start:
                self.leaving.setdefault(joint, []).append(stop)

    def read(self, row: int, svg: ET.Element):
        boxes, held = self.drawing.placement.boxes, []
        for group in svg.iterfind(".//{*}g[{*}rect]"):
            rect = group.find("{*}rect")
            x, y, w, h = (float(rect.get(key)) for key in ("x", "y", "width", "height"))
            if group.get("class") == "connector":
                names = group.find("{*}text").text.split(", ")
                held.append(((x, y, x + w, y + h), {(row, name) for name in names}))
            else:
                middle = complex(x + w / 2, y + h / 2)
                away = {abs(complex(box.x, box.y) - middle): box for box in boxes}
                box = away[min(away)]
                self.row_of[box] = row
                held.append((frame(box), {box}))
        for path in svg.iterfind(".//{*}path"):
            if path.get("class", "").startswith("edge"):
                numbers = list(map(float, re.findall(r"-?[\d.]+", path.get("d"))))
                yield [
                    {(row, *end)}.union(*(joints for box, joints in held if inside(end, box)))
                    for end in (numbers[:2], numbers[-2:])
                ]

    def leads(self, edge) -> bool:
        """Whether lines of its value, no other box between, lead from source to target."""
        name = self.called(edge.value)
        todo = [edge.source]
        if edge.source.chain != edge.target.chain:
            todo.append((self.row_of[edge.target], name))
        for joint in todo:
            found = set().union(*self.leaving.get(joint, []))
            if edge.target in found:
                return True
            if isinstance(joint, tuple) and joint[1:] == (name,):
                found |= {(joint[0] - 1, name), (joint[0] + 1, name)} & self.leaving.keys()
            todo += [each for each in found if isinstance(each, tuple) and each not in todo]
        return False


def inside(point, box) -> bool:
    return box[0] - 1 < point[0] < box[2] + 1 and box[1] - 1 < point[1] < box[3] + 1


@pytest.mark.parametrize("name", GRAPHS)
@pytest.mark.parametrize("style", STYLES)
def test_every_edge_is_connected_through_all_rows(name: str, style: str) -> None:
    pieces = Pieces(name, style)
    assert (len(pieces.rows) > 1) == (pieces.drawing.width > 960)
    starts = set().union(*(start for start, _ in pieces.lines))
    stops = set().union(*(stop for _, stop in pieces.lines))
    for start, stop in pieces.lines:
        assert len(start) > 1 or start & stops, "a line begins in mid-air"
        assert len(stop) > 1 or stop & starts, "a line stops in mid-air"
    for edge in pieces.drawing.placement.edges:
        assert pieces.leads(edge), edge


def test_partial_sums_of_an_adjoint_go_along_with_the_sweep() -> None:
    def shared(W, x):
        for _ in range(12):
            x = np.tanh(W @ x)
        return np.sum(x)

    graph = irgrad.compile(irgrad.grad(shared)).graph(*specs("f64[3,3] f64[3]"))
    boxes = Placement(graph).box
    sums = [boxes[node] for node in graph if node.op.name == "add"]
    assert len({box.column for box in sums}) == len(sums) > 8
    for box in sums[:-1]:
        assert box.column == min(boxes[v.node].column for v in box.node.operands)
