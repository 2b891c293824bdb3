"""`irgrad demo`: one loss from NumPy code to checked gradients, with the graph at every stage."""

from __future__ import annotations

import inspect
import linecache
import time
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from rich.console import Console
from rich.rule import Rule
from rich.syntax import Syntax
from rich.text import Text

import irgrad
from irgrad.cli import show
from irgrad.errors import BackendError
from irgrad.inspect.differences import gradient_error, relative_error
from irgrad.ir.graph import Graph
from irgrad.passes.pipeline import Report, optimise
from irgrad.runtime.backend import backends, get_backend

WRT = ("x", "W1", "W2", "b")


FILE = "mlp.py"
SOURCE: str = """\
import numpy as np

def loss(W1, W2, x, b, y):  # 0.5 || W2 tanh(W1 x + b) - y ||^2
    h = np.tanh(W1 @ x + b)
    r = W2 @ h - y
    return 0.5 * np.sum(r**2)
"""


def user_function() -> Callable[..., Any]:
    """`loss` from `SOURCE`, as if a user had it in a file, so that the graph can name its lines."""
    lines: list[str] = SOURCE.splitlines(keepends=True)
    linecache.cache[FILE] = (len(SOURCE), None, lines, FILE)
    namespace: dict[str, Any] = {}
    exec(compile(SOURCE, FILE, "exec"), namespace)
    return namespace["loss"]


def example(inputs: int, hidden: int, outputs: int) -> list[Any]:
    """Random arguments for `loss`: W1, W2, x, b, y."""
    rng = np.random.default_rng(0)
    shapes = [(hidden, inputs), (outputs, hidden), (inputs,), (hidden,), (outputs,)]
    return [rng.standard_normal(shape) / np.sqrt(shape[-1]) for shape in shapes]


def demo(out: Console) -> int:
    """Show everything; the exit status is 1 where a gradient disagrees with differences."""
    loss, args = user_function(), example(3, 4, 2)
    _heading(out, f"1. The code: plain NumPy, in {FILE}")
    out.print(Syntax(SOURCE.rstrip(), "python", line_numbers=True, background_color="default"))
    _graphs(out, loss, args)
    worst = max(_gradients(out, loss, args), _backends(out, loss))
    return int(not worst < 1e-6)


def _heading(out: Console, text: str) -> None:
    out.print()
    out.print(Rule(Text(text, style="bold"), align="left", characters="─"))


def _graphs(out: Console, loss: Callable[..., Any], args: Sequence[Any]) -> None:
    """The three stages, with what the passes did."""
    compiled = irgrad.compile(irgrad.grad(loss, WRT))
    lowered = compiled.graph(*args, stage="lowered")
    differentiated = compiled.graph(*args, stage="differentiated")
    report = Report()
    optimised = optimise(differentiated, report=report)
    _graph(out, "2. The code as a graph", lowered)
    _graph(out, "3. With the adjoint nodes of reverse mode", differentiated)
    out.print(Text("\n%h.bar is the adjoint of %h; vjp(%h) says whose rule emitted the node."))
    _graph(out, "4. After the passes", optimised)
    out.print()
    out.print(show.passes_table(report.stages))


def _graph(out: Console, title: str, graph: Graph) -> None:
    _heading(out, f"{title}: {show.graph_stages(graph)}")
    show.show_text(out, show.narrow(str(graph), out.width))


def _gradients(out: Console, loss: Callable[..., Any], args: list[Any]) -> float:
    """The gradients and their check -> the largest relative error."""
    _heading(out, "5. The gradients, against central differences")
    value, gradients = irgrad.value_and_grad(loss, WRT)(*args)
    names = list(inspect.signature(loss).parameters)
    made = show.table(f"loss = {value:.6f}", "to", "type", "gradient", "relative error")
    errors: list[float] = []
    for name, gradient in zip(WRT, gradients, strict=True):
        errors.append(gradient_error(loss, args, names.index(name), gradient))
        row = (name, show.type_text(gradient), show.short(gradient), f"{errors[-1]:.1e}")
        made.add_row(*map(Text, row))
    out.print(made)
    return max(errors)


def _backends(out: Console, loss: Callable[..., Any]) -> float:
    """Value and gradients on every installed backend -> the largest disagreement."""
    _heading(out, "6. The same graph on every backend")
    worst = 0.0
    for sizes in ((3, 4, 2), (256, 512, 64)):
        arguments = example(*sizes)
        title = f"value and gradients, {sizes[0]} inputs, {sizes[1]} hidden, {sizes[2]} outputs"
        made = show.table(title, "backend", "first call", "each call", "largest difference")
        plain = _seconds(lambda arguments=arguments: loss(*arguments))
        made.add_row("NumPy, the value alone", "", _duration(plain), "", style="dim")
        reference: list[Any] = []
        for name in backends():
            try:
                get_backend(name)
            except BackendError as error:
                made.add_row(name, Text(error.message), "", "", style="dim")
                continue
            row, results = _measure(loss, name, arguments)
            reference = reference or results
            difference = max(map(relative_error, results, reference))
            worst = max(worst, difference)
            made.add_row(name, *row, f"{difference:.1e}")
        out.print(made)
    return worst


def _measure(
    loss: Callable[..., Any], backend: str, args: list[Any]
) -> tuple[tuple[str, str], list[Any]]:
    """(time of the first call, which compiles, and of a later one), and the results."""
    run = irgrad.compile(irgrad.value_and_grad(loss, WRT), backend=backend)
    with show.console(stderr=True).status(f"compiling for {backend}"):
        start = time.perf_counter()
        value, gradients = run(*args)
        first = time.perf_counter() - start
    later = _seconds(lambda: run(*args))
    return (_duration(first), _duration(later)), [value, *gradients]


def _seconds(call: Callable[[], Any], budget: float = 0.2) -> float:
    """The fastest of as many calls as fit into the budget."""
    best, spent = float("inf"), 0.0
    while spent < budget:
        start = time.perf_counter()
        call()
        elapsed = time.perf_counter() - start
        best, spent = min(best, elapsed), spent + elapsed
    return best


def _duration(seconds: float) -> str:
    for unit, scale in (("s", 1.0), ("ms", 1e-3)):
        if seconds >= scale:
            return f"{seconds / scale:.2f} {unit}"
    return f"{seconds * 1e6:.1f} us"
