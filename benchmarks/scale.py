"""Cost per node of every phase, for graphs from 1,000 to 100,000 primal nodes.

    python -m benchmarks.scale [--sizes 1000 10000 100000] [--shapes chain fan sum] [--enough 1.0]

`chain` is x -> 1.01 sin(x), repeated; `fan` uses one value n / 2 times; `sum` adds n arguments.
Each phase is repeated until it has taken a second in all, at least once; the figure is the least
processor time of one, in microseconds per primal node, printed as soon as it is there. `round trip`
is printing, parsing and comparing together."""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from rich.console import Console
from rich.table import Table

import irgrad
from irgrad.autodiff.graphs import gradient
from irgrad.ir.verify import verify
from irgrad.passes.pipeline import optimise
from irgrad.runtime.backend import get_backend


def chain(n: int) -> tuple[Callable[..., Any], list[float]]:
    """n ops, one after the other."""

    def f(x: Any) -> Any:
        for _ in range(n // 2):
            x = np.sin(x) * 1.01
        return x

    return f, [0.5]


def fan(n: int) -> tuple[Callable[..., Any], list[float]]:
    """One value used n / 2 times."""

    def f(x: Any) -> Any:
        total = x
        for i in range(n // 2):
            total = total + x * float(i)
        return total

    return f, [0.5]


def addition(n: int) -> tuple[Callable[..., Any], list[float]]:
    """A sum of n arguments."""

    def f(*xs: Any) -> Any:
        total = xs[0]
        for x in xs[1:]:
            total = total + x
        return total

    return f, [float(i) for i in range(n)]


SHAPES = {"chain": chain, "fan": fan, "sum": addition}


def least(call: Callable[[], Any], enough: float) -> tuple[float, Any]:
    """The least processor time of a call, in seconds, and what the last one gave."""
    best, spent, result = float("inf"), 0.0, None
    while spent < enough or best > spent:  # at least once
        result = None  # its memory is free for the next
        start = time.process_time()
        result = call()
        taken = time.process_time() - start
        best, spent = min(best, taken), spent + taken
    return best, result


def measure(
    shape: str, n: int, enough: float, show: Callable[[str, float], None]
) -> dict[str, float]:
    """Microseconds per primal node of each phase, each given to `show` when it is known."""
    function, arguments = SHAPES[shape](n)
    figures: dict[str, float] = {}

    def note(phase: str, figure: float) -> None:
        figures[phase] = figure
        show(phase, figure)

    def timed(phase: str, call: Callable[[], Any]) -> Any:
        best, result = least(call, enough)
        note(phase, best / n * 1e6)
        return result

    graph = timed("trace", lambda: irgrad.trace(function, *arguments))
    joint = timed("reverse", lambda: gradient(graph.replace(), 0, graph.inputs))
    small = timed("optimise", lambda: optimise(joint))
    note("all three", sum(figures.values()))
    timed("verify", lambda: verify(joint))
    text = timed("print", lambda: str(joint.replace()))
    parsed = timed("parse", lambda: irgrad.parse(text))
    assert timed("compare", lambda: parsed == joint)
    note("round trip", figures["print"] + figures["parse"] + figures["compare"])
    timed("hash", lambda: joint.replace().structural_hash)
    run = timed("plan", lambda: get_backend("numpy").compile(small))
    arrays = [np.asarray(x) for x in arguments]
    timed("run", lambda: run(arrays))
    return figures


def report(shape: str, sizes: Sequence[int], enough: float, console: Console) -> Table:
    """Measure one shape at all sizes -> the table."""

    def show(phase: str, figure: float) -> None:
        console.print(f"  {phase} [bold]{figure:.2f}[/]", end="", highlight=False)
        console.file.flush()

    measure(shape, 1000, 0.0, lambda phase, figure: None)  # what the first graph of all brings
    columns: list[dict[str, float]] = []
    for n in sizes:
        console.print(f"{shape}, {n:,}:", end="", highlight=False)
        columns.append(measure(shape, n, enough, show))
        console.print()
    table = Table(title=f"{shape}: microseconds per primal node")
    table.add_column("phase")
    for n in sizes:
        table.add_column(f"n = {n:,}", justify="right")
    table.add_column("last / first", justify="right")
    for phase in columns[0]:
        row = [column[phase] for column in columns]
        table.add_row(phase, *(f"{figure:.2f}" for figure in row), f"{row[-1] / row[0]:.2f}")
    seconds = columns[-1]["all three"] * sizes[-1] / 1e6
    table.caption = f"{sizes[-1]:,} nodes to their optimised gradient: {seconds:.1f} s"
    return table


def main() -> None:
    """Print the figures as they come, and a table for each shape."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.scale",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--sizes", type=int, nargs="+", default=[1000, 10_000, 100_000])
    parser.add_argument("--shapes", choices=SHAPES, nargs="+", default=list(SHAPES))
    parser.add_argument("--enough", type=float, default=1.0, help="seconds for each phase")
    options = parser.parse_args()
    console = Console(soft_wrap=True)
    with irgrad.without_capture():  # the loops are to unroll
        for shape in options.shapes:
            console.print(report(shape, options.sizes, options.enough, console))


if __name__ == "__main__":
    main()
