"""Every pass in every kind of region: it does there what it does outside, and keeps the value."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

import numpy as np
import pytest

import irgrad
from irgrad.ir.delayed import Delayed
from irgrad.ir.evaluate import evaluate
from irgrad.ir.graph import Graph, regions
from irgrad.ir.verify import verify
from irgrad.passes.pipeline import PASSES, optimise

X, W = np.array([0.3, -0.2, 0.5]), np.array([1.5, 0.5, -0.7])

STEPS = "replay=False, body="

# What holds the region: lines of a graph of %x, %w, %two and a count %n. The region gets a vector
# %c and the fixed %w, runs the lines in the place of BODY, and gives their %t.
HOLDERS = {
    "loop": f"""
      %y: f64[3] = loop(%x, %w) {{carried=1, scanned=0, length=2, backward=False, {STEPS}
        graph @r(%i: i64[], %c: f64[3], %w: f64[3]) -> (t: f64[3]) {{ BODY return t=%t }}}}""",
    "loop of traced length": f"""
      %y: f64[3] = loop(%n, %x, %w) {{carried=1, scanned=0, length=None, backward=True, {STEPS}
        graph @r(%i: i64[], %c: f64[3], %w: f64[3]) -> (t: f64[3]) {{ BODY return t=%t }}}}""",
    "rows of a loop": f"""
      %rows: f64[2,3] = loop(%two, %w) {{carried=0, scanned=1, length=2, backward=False, {STEPS}
        graph @r(%i: i64[], %c: f64[3], %w: f64[3]) -> (t: f64[3]) {{ BODY return t=%t }}}}
      %y: f64[3] = sum(%rows) {{axes=(0,)}}""",
    "body of a while": """
      %e: i64[], %y: f64[3], %steps: i64[] = while(0, %x, %w) {carried=2, condition=
        graph @more(%k: i64[], %c: f64[3], %w: f64[3]) -> (more: bool[]) {
          %more: bool[] = less(%k, 2)
          return more=%more
        }, body=
        graph @r(%k: i64[], %c: f64[3], %w: f64[3]) -> (k: i64[], t: f64[3]) {
          %after: i64[] = add(%k, 1) BODY return k=%after, t=%t }}""",
    "condition of a while": """
      %e: i64[], %y: f64[3], %steps: i64[] = while(0, %x, %w) {carried=2, condition=
        graph @r(%k: i64[], %c: f64[3], %w: f64[3]) -> (more: bool[]) { BODY
          %largest: f64[] = max(%t) {axes=(0,)}
          %small: bool[] = less(%largest, 1e6)
          %few: bool[] = less(%k, 2)
          %more: bool[] = logical_and(%small, %few)
          return more=%more
        }, body=
        graph @step(%k: i64[], %c: f64[3], %w: f64[3]) -> (k: i64[], c: f64[3]) {
          %k_2: i64[] = add(%k, 1)
          %c_2: f64[3] = add(%c, %w)
          return k=%k_2, c=%c_2
        }}""",
    "branch": """
      %p: bool[] = less(%n, 3)
      %y: f64[3] = cond(%p, %x, %w) {branches=(
        graph @other(%c: f64[3], %w: f64[3]) -> (t: f64[3]) { return t=%c },
        graph @r(%c: f64[3], %w: f64[3]) -> (t: f64[3]) { BODY return t=%t })}""",
    "loop in a branch": f"""
      %p: bool[] = less(%n, 3)
      %y: f64[3] = cond(%p, %x, %w) {{branches=(
        graph @other(%c: f64[3], %w: f64[3]) -> (t: f64[3]) {{ return t=%c }},
        graph @inner(%c: f64[3], %w: f64[3]) -> (z: f64[3]) {{
          %z: f64[3] = loop(%c, %w) {{carried=1, scanned=0, length=2, backward=False, {STEPS}
            graph @r(%i: i64[], %c: f64[3], %w: f64[3]) -> (t: f64[3]) {{ BODY return t=%t }}}}
          return z=%z
        }})}}""",
}

LOOP = f"{{carried=CARRIED, scanned=0, length=3, backward=False, {STEPS}"

# For each pass: lines that it has something to do on, and how many ops of a kind it leaves of them
# (what a rule makes needless is left to dce).
BODIES: dict[str, tuple[str, dict[str, int]]] = {
    "inline": (
        """
        %t: f64[3] = call(%c) {body=
          graph @g(%c: f64[3]) -> (s: f64[3]) {
            %s: f64[3] = sin(%c)
            return s=%s
          }, label='checkpoint g'}""",
        {"call": 0, "sin": 1},
    ),
    "dce": (
        """
        %unread: f64[3] = exp(%w)
        %t: f64[3] = sin(%c)""",
        {"exp": 0, "sin": 1},
    ),
    "cse": (
        """
        %a: f64[3] = sin(%c)
        %b: f64[3] = sin(%c)
        %t: f64[3] = add(%a, %b)""",
        {"sin": 1},
    ),
    "fold": (
        """
        %half: f64[] = exp(0.5)
        %t: f64[3] = multiply(%c, %half)""",
        {"exp": 0, "multiply": 1},
    ),
    "simplify": (
        """
        %a: f64[3] = negative(%c)
        %b: f64[3] = negative(%a)
        %t: f64[3] = sin(%b)""",
        {"negative": 1, "sin": 1},
    ),
    "contract": (
        """
        %a: f64[3] = multiply(%c, %w)
        %b: f64[] = sum(%a) {axes=(0,)}
        %t: f64[3] = sin(%b_3)""".replace("%t", "%b_3: f64[3] = broadcast_to(%b) {shape=(3,)}\n%t"),
        {"contract": 1, "sum": 0},
    ),
    "decide": (
        """
        %t: f64[3] = cond(True, %c) {branches=(
          graph @a(%c: f64[3]) -> (s: f64[3]) {
            %s: f64[3] = exp(%c)
            return s=%s
          },
          graph @b(%c: f64[3]) -> (s: f64[3]) {
            %s: f64[3] = sin(%c)
            return s=%s
          })}""",
        {"cond": 0, "exp": 0, "sin": 1},
    ),
    "prune": (
        f"""
        %t: f64[3], %u: f64[3] = loop(%c, %w) {LOOP.replace("CARRIED", "2")}
          graph @g(%i: i64[], %c: f64[3], %d: f64[3]) -> (c: f64[3], d: f64[3]) {{
            %s: f64[3] = sin(%c)
            %e: f64[3] = exp(%d)
            return c=%s, d=%e
          }}}}""",
        {"loop": 1, "exp": 0, "sin": 1},
    ),
    "hoist": (
        f"""
        %t: f64[3] = loop(%c, %w) {LOOP.replace("CARRIED", "1")}
          graph @g(%i: i64[], %c: f64[3], %w: f64[3]) -> (c: f64[3]) {{
            %e: f64[3] = exp(%w)
            %s: f64[3] = sin(%c)
            %a: f64[3] = add(%s, %e)
            return c=%a
          }}}}""",
        {"exp": 1},
    ),
    "join": (
        f"""
        %t: f64[3] = loop(%c, %w) {LOOP.replace("CARRIED", "1")}
          graph @g(%i: i64[], %c: f64[3], %w: f64[3]) -> (c: f64[3]) {{
            %f: f64[] = astype(%i) {{dtype=f64}}
            %m: f64[3] = multiply(%w, %f)
            %s: f64[3] = sin(%m)
            %a: f64[3] = add(%c, %s)
            return c=%a
          }}}}""",
        {"sum": 1, "sin": 1},
    ),
}


ABOUT_DERIVATIVES = {"absorb"}
"""Passes that take apart only what differentiation emitted, which no text says: tested apart."""


def every(graph: Graph, depth: int = 0) -> Iterator[tuple[str, int]]:
    """The names of all ops, with how deep they lie."""
    for node in graph.nodes:
        yield node.op.name, depth
        for region in regions(node.op).values():
            yield from every(region, depth + 1)


def held(holder: str, lines: str) -> Graph:
    """The graph of a holder with these lines in its region."""
    return irgrad.parse(
        "graph @f(%x: f64[3], %w: f64[3], %n: i64[], %two: f64[2,3]) -> (y: f64[3]) {"
        + HOLDERS[holder].replace("BODY", f"{lines}\n")
        + "\n return y=%y\n}"
    )


@pytest.mark.parametrize("holder", HOLDERS)
@pytest.mark.parametrize("name", BODIES)
def test_a_pass_in_a_region(name: str, holder: str) -> None:
    lines, expected = BODIES[name]
    graph, own = held(holder, lines), held(holder, "%t: f64[3] = cosh(%c)")
    small = PASSES[name](graph)
    verify(small)
    frame, after = Counter(op for op, _ in every(own)), Counter(op for op, _ in every(small))
    assert {op: after[op] - frame[op] for op in expected} == expected, str(small)
    if name == "hoist":
        before, now = (max(d for op, d in every(g) if op == "exp") for g in (graph, small))
        assert now < before, "what is the same in all steps has left"
    assert irgrad.parse(str(small)).structural_hash == small.structural_hash
    for n in (2, 5):
        given = [X, W, np.asarray(n), np.stack([X, W])]
        (one,), (two,), (three,) = (evaluate(g, given) for g in (graph, small, optimise(graph)))
        np.testing.assert_allclose(two, one, rtol=1e-14)
        np.testing.assert_allclose(three, one, rtol=1e-14)


def test_every_pass_has_a_case() -> None:
    assert set(BODIES) == set(PASSES) - ABOUT_DERIVATIVES


def test_passes_take_graphs_that_are_yet_to_be_made() -> None:
    graph = irgrad.trace(lambda x: np.sin(x) * np.sin(x), 1.0)
    waiting = Delayed(graph, "the same", graph.output_types, graph.replace)
    for name, run in PASSES.items():
        assert run(waiting).output_types == graph.output_types, name
        assert run(run(waiting)).output_types == graph.output_types, name
