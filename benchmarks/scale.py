"""Cost per node of every phase, for graphs from 1,000 to 100,000 primal nodes.

    python -m benchmarks.scale [--sizes 1000 10000 100000] [--shape chain|fan|sum]

`chain` is x -> 1.01 sin(x), repeated; `fan` uses one value n times; `sum` adds n arguments. Each
phase runs for a second, and at least once; the figure is the least processor time, in
microseconds per primal node."""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
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


_ENOUGH = 1.0
"""Seconds for which a phase is repeated."""


def measure(shape: str, n: int) -> dict[str, float]:
    """Microseconds per primal node of each phase."""
    function, arguments = SHAPES[shape](n)
    figures: dict[str, float] = {}

    def timed(phase: str, call: Callable[[], Any]) -> Any:
        best, spent, result = float("inf"), 0.0, None
        while spent < _ENOUGH:
            result = None  # its memory is free for the next
            start = time.process_time()
            result = call()
            taken = time.process_time() - start
            best, spent = min(best, taken), spent + taken
        figures[phase] = best / n * 1e6
        return result

    graph = timed("trace", lambda: irgrad.trace(function, *arguments))
    joint = timed("reverse", lambda: gradient(graph, 0, graph.inputs))
    small = timed("optimise", lambda: optimise(joint))
    figures["total"] = sum(figures.values())
    timed("verify", lambda: verify(joint))
    text = timed("print", lambda: str(joint.replace()))
    parsed = timed("parse", lambda: irgrad.parse(text))
    assert timed("compare", lambda: parsed == joint)
    timed("hash", lambda: joint.replace().structural_hash)
    run = timed("plan", lambda: get_backend("numpy").compile(small))
    arrays = [np.asarray(x) for x in arguments]
    timed("run", lambda: run(arrays))
    return figures


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.scale",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--sizes", type=int, nargs="+", default=[1000, 10_000, 100_000])
    parser.add_argument("--shape", choices=SHAPES, default="chain")
    options = parser.parse_args()
    table = Table(title=f"{options.shape}: microseconds per primal node")
    table.add_column("phase")
    columns = []
    with irgrad.without_capture():  # the loops are to unroll
        measure(options.shape, 1000)
        for n in options.sizes:
            table.add_column(f"n = {n:,}", justify="right")
            columns.append(measure(options.shape, n))
    table.add_column("last / first", justify="right")
    for phase in columns[0]:
        row = [column[phase] for column in columns]
        table.add_row(phase, *(f"{figure:.2f}" for figure in row), f"{row[-1] / row[0]:.2f}")
    Console().print(table)


if __name__ == "__main__":
    main()
