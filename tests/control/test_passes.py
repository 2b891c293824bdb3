"""What passes do to loops and branches."""

from __future__ import annotations

import numpy as np

import irgrad
from irgrad.ir.graph import Graph, Node, regions
from irgrad.ops.cond import Cond
from irgrad.ops.loop import Loop
from irgrad.ops.while_loop import While
from irgrad.passes.pipeline import optimise

X = np.array([0.1, 0.2, 0.3])


def only(graph: Graph, kind: type) -> Node:
    (node,) = [node for node in graph.nodes if isinstance(node.op, kind)]
    return node


def names(graph: Graph) -> list[str]:
    return [node.op.name for node in graph.nodes]


def test_passes_reach_the_innermost_region() -> None:
    def run(x):
        inner = lambda j, d: -(-(d * 1.0)) * d + np.sin(x) * 0 + np.sin(x) * 0  # noqa: E731
        return irgrad.fori_loop(0, 3, lambda i, c: irgrad.fori_loop(0, 3, inner, c) * c, x)

    outer = only(irgrad.compile(run).graph(X), Loop)
    inner = only(regions(outer.op)["body"], Loop)
    body = regions(inner.op)["body"]
    assert "negative" not in names(body), "simplified"
    assert "sin" not in names(body) + names(regions(outer.op)["body"]), "hoisted twice"


def test_what_does_not_change_leaves_the_loop() -> None:
    text = """
    graph @f(%x: f64[3], %w: f64[3], %n: i64[]) -> (y: f64[3], z: f64[3]) {
      %y: f64[3] = loop(%x, %w) {carried=1, scanned=0, length=4, backward=False, replay=False, body=
        graph @step(%i: i64[], %c: f64[3], %w: f64[3]) -> (c: f64[3]) {
          %e: f64[3] = exp(%w)  @f.py:3
          %b: f64[3] = broadcast_to(2.0) {shape=(3,)}
          %s: f64[3] = multiply(%e, %b)
          %t: f64[3] = multiply(%c, %s)
          return c=%t
        }}
      %z: f64[3] = loop(%n, %x, %w) {carried=1, scanned=0, length=None, backward=False, replay=False, body=
        graph @step(%i: i64[], %c: f64[3], %w: f64[3]) -> (c: f64[3]) {
          %one: i64[3] = astype(%w) {dtype=i64}
          %g: f64[3] = gather(%w, %one) {axes=(0,)}
          %e: f64[3] = exp(%w)
          %h: f64[3] = multiply(%g, %e)
          %t: f64[3] = add(%c, %h)
          return c=%t
        }}
      return y=%y, z=%z
    }"""  # noqa: E501 -- one line is one node
    graph = optimise(irgrad.parse(text))
    first, second = (node for node in graph.nodes if isinstance(node.op, Loop))
    assert names(regions(first.op)["body"]) == ["multiply"]
    assert "gather" in names(regions(second.op)["body"]), "it may fail, and the loop not run"
    assert "exp" not in names(regions(second.op)["body"])
    (moved,) = [node for node in graph.nodes if node.op.name == "exp"]
    assert (moved.names, moved.location and moved.location.line) == (("e",), 3)


def test_dead_carried_values_and_rows() -> None:
    def run(x, w):
        def step(c, t):
            used, dead, kept, same = c
            return (used * t + kept, dead * used, kept * 0.5, same), (dead, used)

        (used, _, _, same), (_, rows) = irgrad.scan(step, (x, x, x * 2, w), np.arange(3.0))
        return used + same, rows

    node = only(irgrad.compile(run).graph(X, 2 * X), Loop)
    assert (node.op.parameters["carried"], node.op.parameters["scanned"]) == (2, 1)
    assert len(node.types) == 3
    once = irgrad.compile(
        lambda x: irgrad.fori_loop(0, 3, lambda i, c: (c[0] + 1, c[1]), (x, x))[1]
    )
    assert once.graph(X).nodes == (), "the loop changes nothing that is asked for"


def test_dead_parts_of_while_loops() -> None:
    def run(x):
        step = lambda s: (s[0] + 1, s[1] * 2, s[2] * s[1])  # noqa: E731
        return irgrad.while_loop(lambda s: s[0] < 5, step, (0, x, x))[1]

    node = only(irgrad.compile(run).graph(X), While)
    assert node.op.parameters["carried"] == 2, "the counter stays, for the condition"


def test_operands_come_in_once_and_constants_not_at_all() -> None:
    text = """
    graph @f(%x: f64[], %w: f64[]) -> (y: f64[]) {
      %y: f64[] = loop(%x, %w, %w, 1.0, %x) {carried=1, scanned=0, length=4, backward=False, replay=False, body=
        graph @step(%i: i64[], %c: f64[], %a: f64[], %b: f64[], %one: f64[], %no: f64[]) -> (c: f64[]) {
          %0: f64[] = multiply(%c, %one)
          %1: f64[] = multiply(%a, %b)
          %2: f64[] = sin(%0)
          %3: f64[] = add(%2, %a)
          return c=%3
        }}
      return y=%y
    }"""  # noqa: E501 -- one line is one node
    node = only(optimise(irgrad.parse(text)), Loop)
    assert len(node.operands) == 2
    assert names(regions(node.op)["body"]) == ["sin", "add"]


def test_a_condition_that_is_known_folds() -> None:
    text = str(
        irgrad.trace(lambda k, x: irgrad.switch(k, [np.sin, np.cos, np.tanh], x), np.asarray(1), X)
    )
    for number, expected in ((-3, "sin"), (1, "cos"), (8, "tanh")):
        known = text.replace("cond(%k", f"cond({number}")
        assert names(optimise(irgrad.parse(known))) == [expected]


def test_a_condition_that_is_computed_from_constants_folds() -> None:
    """While the function is lowered, and in the passes, where it comes from text."""

    def run(x):
        up, down = (lambda x: x * 2.0), (lambda x: x * 3.0)
        total = irgrad.cond(np.zeros(3).sum() > 0, up, down, x)
        total = total + irgrad.cond(np.arange(5).max() == 4, up, down, x)
        total = total + irgrad.switch(np.argmax(np.ones((2, 9)).sum(0)), [up, down], x)
        return total + irgrad.switch(np.full((2, 2), 1).prod(), [up, down], x)

    graph = irgrad.trace(run, X)
    assert names(graph).count("cond") == 0
    np.testing.assert_allclose(irgrad.compile(run)(X), (3 + 2 + 2 + 3) * X)
    choice = irgrad.trace(lambda p, x: irgrad.cond(np.sum(p) > 1.0, np.sin, np.cos, x), X, X)
    for number, kept in ((0.25, "cos"), (0.5, "sin")):
        text = str(choice).replace("(%p: f64[3], ", "(").replace("= sum(%p)", "= sum(%many)")
        head, line, rest = text.partition("\n")
        many = f"  %many: f64[3] = broadcast_to({number}) {{shape=(3,)}}\n"
        assert names(optimise(irgrad.parse(head + line + many + rest))) == [kept]


def test_branches_lose_what_nobody_reads() -> None:
    def run(p, x, w):
        first = lambda x, w, u: (np.sin(x), np.exp(w), u)  # noqa: E731
        second = lambda x, w, u: (x * 2, w, u)  # noqa: E731
        one, _, same = irgrad.cond(p > 0, first, second, x, w, w)
        return one + same

    node = only(irgrad.compile(run).graph(1.0, X, X), Cond)
    assert len(node.types) == 1
    assert len(node.operands) == 2


def test_loops_without_steps_fold_and_one_step_is_its_body() -> None:
    none = irgrad.compile(lambda x: irgrad.fori_loop(3, 3, lambda i, c: np.sin(c), x))
    assert none.graph(X).nodes == ()
    step = lambda c, t: (np.sin(c) * t, c)  # noqa: E731
    once = irgrad.compile(lambda x, ts: irgrad.scan(step, x, ts))
    assert "loop" not in names(once.graph(X, np.ones(1)))
    carry, rows = once(X, np.ones(1))
    np.testing.assert_allclose(carry, np.sin(X), rtol=1e-15)
    np.testing.assert_array_equal(rows, X[None])
    carry, rows = once(X, np.ones(0))
    assert rows.shape == (0, 3)
    assert carry.tolist() == X.tolist()


def test_loops_that_nobody_needs_disappear() -> None:
    def run(x):
        irgrad.scan(lambda c, t: (c * t, c), x, X)
        return x * 2

    assert names(irgrad.compile(run).graph(X)) == ["multiply"]
