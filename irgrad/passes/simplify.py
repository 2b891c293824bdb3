"""Simplification: named identities, one rule each, grouped by family.

No rule makes the code costlier, and none changes what IEEE arithmetic gives but for the last bits
where a comment says so: x * 0 and x - x stay, x + 0.0 stays (it turns -0.0 into 0.0)."""

from __future__ import annotations

from irgrad.ir.graph import Graph
from irgrad.passes.adjoint_rules import ADJOINTS
from irgrad.passes.arithmetic_rules import ARITHMETIC
from irgrad.passes.index_rules import INDEXING
from irgrad.passes.rewrite import Rule, Rules, rewrite
from irgrad.passes.shape_rules import SHAPES


def merged(*tables: Rules) -> dict[str, tuple[Rule, ...]]:
    """The rules of several tables, in order."""
    names = dict.fromkeys(name for table in tables for name in table)
    return {name: tuple(rule for table in tables for rule in table.get(name, ())) for name in names}


RULES = merged(SHAPES, INDEXING, ADJOINTS, ARITHMETIC)


def simplify(graph: Graph) -> Graph:
    """Apply the identities in one walk."""
    return rewrite(graph, RULES)
