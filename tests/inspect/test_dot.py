"""Drawings: what stands in the DOT text, and that Graphviz reads it."""

from __future__ import annotations

import re
import shutil
import subprocess

import numpy as np
import pytest

import irgrad
from irgrad.inspect.dot import quoted, to_dot


def loss(W, x, y):
    h = np.tanh(W @ x)
    return 0.5 * np.sum((h - y) ** 2)


ARGS = [irgrad.spec(text) for text in ("f64[4,3]", "f64[3]", "f64[4]")]


def test_every_node_and_edge_is_drawn() -> None:
    graph = irgrad.compile(irgrad.grad(loss, (0, 1))).graph(*ARGS)
    text = to_dot(graph)
    drawn = re.findall(r"^  (n\d+) \[label", text, re.MULTILINE)
    assert len(drawn) == len(graph.inputs) + len(graph.nodes)
    edges = re.findall(r"n\d+ -> n\d+ \[", text)
    operands = [v for node in graph.nodes for v in node.operands if v.constant is None]
    assert len(edges) == len(operands)
    assert len(re.findall(r"-> nout\d+", text)) == len(graph.outputs)


def test_inputs_left_outputs_right_adjoints_beside() -> None:
    graph = irgrad.compile(irgrad.grad(loss, (0, 1))).graph(*ARGS)
    text = to_dot(graph)
    assert "rankdir=LR" in text
    assert re.search(r"rank=source; n0; n1; n2}", text)
    assert re.search(r"rank=sink; nout0; nout1}", text)
    names = {name: key for key, name in re.findall(r'(n\d+) \[label="([\w.]+):', text)}
    same = re.findall(r"rank=same; ([^}]*)}", text)
    assert any({names["h"], names["W.bar"]} - set(group.split("; ")) != set() for group in same)
    primal = next(line for line in text.splitlines() if '"h: f64[4]\\ntanh"' in line)
    adjoint = next(line for line in text.splitlines() if '"W.bar: f64[4,3]' in line)
    assert "#dbe7f5" in primal and "#f6d5c3" in adjoint
    assert "vjp(" in adjoint and "@test_dot.py:" in adjoint


def test_captured_inputs_are_grey_and_constants_inside() -> None:
    weights = np.ones(3)
    text = to_dot(irgrad.trace(lambda x: np.sum(weights * x) * 2.0, np.ones(3)))
    assert "#eeeeee" in text
    assert "2.0" in text


def test_constant_output() -> None:
    graph = irgrad.parse("graph @c() -> (out: f64[]) { return out=1.5 }")
    assert '"out = 1.5"' in to_dot(graph)


def test_quoting() -> None:
    assert quoted('a "b" \\ \n') == '"a \\"b\\" \\\\ \\n"'


@pytest.mark.skipif(shutil.which("dot") is None, reason="Graphviz is not installed here")
@pytest.mark.parametrize(
    ("target", "args"),
    [(loss, ARGS), (irgrad.grad(loss, (0, 1)), ARGS), (irgrad.grad("x**2"), [1.0])],
)
def test_graphviz_reads_it(target, args) -> None:
    text = to_dot(irgrad.trace(target, *args))
    done = subprocess.run(["dot", "-Tsvg"], input=text, capture_output=True, text=True, check=True)
    assert "<svg" in done.stdout
    assert "Warning" not in done.stderr
