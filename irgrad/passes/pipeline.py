"""The pipeline: which passes run, in which order, and why. It verifies, counts, times and keeps
what passes do.

Order constraints, asserted below: `fold` before `simplify`, whose rules look at constants; `cse`
before `contract` and `absorb`, which must know what has a single use, and before `hoist`; `dce`
last, since rules leave nodes without readers behind."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import NamedTuple

from irgrad.autodiff.parallel import at_once
from irgrad.errors import OptionError
from irgrad.ir.bulk import paused_gc
from irgrad.ir.graph import Graph
from irgrad.ir.verify import verify
from irgrad.passes.absorb import absorb
from irgrad.passes.contract_rules import CONTRACTIONS
from irgrad.passes.cse import cse
from irgrad.passes.dce import dce
from irgrad.passes.decide import decide
from irgrad.passes.fold import fold
from irgrad.passes.hoist import hoist
from irgrad.passes.inline import inline
from irgrad.passes.prune import prune
from irgrad.passes.regions import everywhere
from irgrad.passes.rewrite import rewrite
from irgrad.passes.shared_factor import SHARED
from irgrad.passes.simplify import merged, simplify

PRODUCTS = merged(CONTRACTIONS, SHARED)
VERIFY = False
"""Verify after each pass; the tests set it."""


def contract(graph: Graph) -> Graph:
    """Sums of products into contractions, contractions into their best order."""
    return rewrite(graph, PRODUCTS)


def join(graph: Graph) -> Graph:
    """Loops whose steps do not wait for each other, all steps at once."""
    return at_once(graph)[0]


PASSES: dict[str, Callable[[Graph], Graph]] = {
    "inline": inline,
    "dce": everywhere(dce),
    "cse": everywhere(cse),
    "fold": everywhere(fold),
    "simplify": everywhere(simplify),
    "contract": everywhere(contract),
    "decide": everywhere(decide),
    "join": join,
    "prune": everywhere(prune),
    "absorb": everywhere(absorb),
    "hoist": everywhere(hoist),
}

PIPELINE: tuple[str, ...] = (
    "inline",  # the other passes, and backends, know no calls
    "dce",  # what the user computed and did not return needs no further work
    "prune",  # nor do what loops keep for adjoints that nobody wants, and what they never change
    "fold",  # derivative rules leave arithmetic on constants (1 * c)
    "decide",  # selectors and trip counts that are constants now
    "join",  # loops as operations on whole arrays, which the other passes see through
    "simplify",  # unit factors, broadcasts and reshapes of the reverse pass
    "cse",  # adjoint rules recompute what the primal has
    "absorb",  # what is added to a loop's sums and a branch's zeros is what they begin with
    "hoist",  # each thing once: what is the same in every step leaves the loop
    "cse",  # and may stand outside already
    "contract",  # now single uses are known
    "simplify",  # what the contractions uncovered
    "cse",  # and made equal
    "prune",  # loops whose operands and rows the rules made needless
    "dce",  # rules leave nodes that nothing reads any more
)

assert PIPELINE.index("fold") < PIPELINE.index("simplify"), "rules look at constants"
assert PIPELINE.index("cse") < PIPELINE.index("contract"), "single uses are known only after cse"
assert PIPELINE[0] == "inline", "no other pass looks into calls"
assert PIPELINE.index("fold") < PIPELINE.index("decide"), "selectors are constants after folding"
assert PIPELINE.index("cse") < PIPELINE.index("hoist"), "what is equal leaves the loop once"
assert PIPELINE.index("cse") < PIPELINE.index("absorb"), "single uses are known only after cse"
assert PIPELINE[-1] == "dce", "rules leave dead nodes"

KEEPING_CALLS: tuple[str, ...] = tuple(name for name in PIPELINE if name != "inline")
"""For a graph that is yet to be differentiated: inlined, a call has lost its rule."""


class Stage(NamedTuple):
    """What one pass did."""

    name: str
    before: int
    after: int
    seconds: float
    graph: Graph


@dataclass
class Report:
    """What the pipeline did: statistics and the graph after each pass."""

    stages: list[Stage] = field(default_factory=list[Stage])

    def __str__(self) -> str:
        lines = [f"{'pass':<12}{'nodes':>8}{'after':>8}{'ms':>10}"]
        lines += [
            f"{s.name:<12}{s.before:>8}{s.after:>8}{s.seconds * 1e3:>10.2f}" for s in self.stages
        ]
        return "\n".join(lines)


@paused_gc()
def optimise(
    graph: Graph, passes: tuple[str, ...] = PIPELINE, report: Report | None = None
) -> Graph:
    """Run the passes in order -> a cheaper graph with the same value. A pass that gave the very
    graph at hand has nothing to add, and is not run again. A name of no pass is an `OptionError`.

    >>> import irgrad
    >>> report = Report()
    >>> small = optimise(irgrad.trace(irgrad.grad("x**2 * 1.0"), 3.0), report=report)
    >>> len(small) <= report.stages[0].before
    True
    """
    unknown = [name for name in passes if name not in PASSES]
    if unknown:
        raise OptionError(f"no pass called {unknown[0]!r}; there are {', '.join(PASSES)}")
    settled: dict[str, Graph] = {}
    for name in passes:
        start = time.perf_counter()
        result = graph if settled.get(name) is graph else PASSES[name](graph)
        seconds = time.perf_counter() - start
        settled[name] = result
        if VERIFY and result is not graph:
            verify(result)
            assert result.output_types == graph.output_types, f"{name} changed a type"
        if report is not None:
            report.stages.append(Stage(name, len(graph), len(result), seconds, result))
        graph = result
    return graph
