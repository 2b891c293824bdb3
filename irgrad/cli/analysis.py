"""`irgrad cost` and `irgrad sensitivity`: what a gradient costs, and what each value means for the
output.
"""

from __future__ import annotations

import argparse
import contextlib
import inspect
from collections.abc import Callable, Collection, Sequence
from typing import Any

from rich.text import Text

import irgrad
from irgrad.cli import inputs, show
from irgrad.cli.argument_types import types
from irgrad.cli.users_code import users_code
from irgrad.errors import ArgumentError, BackendError
from irgrad.inspect.cost import Count
from irgrad.runtime.backend import get_backend
from irgrad.runtime.cost import WAYS

_COST = """
Operations and bytes of a scalar expression or function, and of its gradient by reverse mode, by
forward mode and by central differences, counted on the optimised graphs. With --size d=16, each
extent 16 of the arguments is called d, and the counts are given as formulas too. A loop counts its
body as often as it runs; --steps says how often where only the run decides that.
"""
_COST_EXAMPLES = """
examples:
  irgrad cost "sum((W @ x)**2)" --at 'W=ones((16, 16))' --at 'x=ones(16)' --size d=16 --wrt W
  irgrad cost model.py:loss --args 'f64[512,256], f64[256]' --size h=512 --size n=256
"""
_SENSITIVITY = """
The derivative of the output with respect to every value on the way to it, arguments included, the
greatest effect first. The effect is sum |derivative * value|: when every element of the value
grows or shrinks by one percent, the output moves by up to a hundredth of it.
"""
_SENSITIVITY_EXAMPLES = """
examples:
  irgrad sensitivity "exp(a) * sin(b)" --at a=1 --at b=0.5
  irgrad sensitivity model.py:loss --at W=@w.npy --at 'x=[1, 2, 3]' --differences
  irgrad sensitivity "sum(x[k:]**2)" --at 'x=[1, 2, 3]' --at k=1 --integer k
"""
TARGET = "a formula such as 'x**2 + sin(y)', module:function or file.py:function"


def add_commands(
    commands: Any,
    command: Callable[..., Any],
    add_values: Callable[[Any], None],
    add_backend: Callable[[Any], None],
    add_wrt: Callable[[Any, str], None],
) -> None:
    """Put both commands into the grammar of the command line."""
    cost = command(commands, "cost", _cost, "operations and bytes of a gradient", _COST)
    cost.epilog = _COST_EXAMPLES
    cost.add_argument("target", metavar="EXPR", help=TARGET)
    add_values(cost)
    add_backend(cost)
    cost.add_argument("--args", default="", metavar="TYPES", help="types instead of values (--at)")
    cost.add_argument(
        "--size", action="append", default=[], metavar="NAME=N", help="name the extent N"
    )
    cost.add_argument(
        "--steps", type=int, help="steps of each loop whose number only the run decides"
    )
    add_wrt(cost, "an argument to differentiate to (may be repeated; default: the first)")

    sensitivity = command(
        commands, "sensitivity", _sensitivity, "what each value means for the output", _SENSITIVITY
    )
    sensitivity.epilog = _SENSITIVITY_EXAMPLES
    sensitivity.add_argument("target", metavar="EXPR", help=TARGET)
    add_values(sensitivity)
    sensitivity.add_argument(
        "--integer",
        action="append",
        default=[],
        metavar="NAME",
        help="an argument whose integers are no floats: an index, a number of steps",
    )
    sensitivity.add_argument(
        "--differences", action="store_true", help="nudge each value and run the rest again, too"
    )


def _given(
    arguments: argparse.Namespace, function: Any, at: dict[str, Any], floats: Collection[str]
) -> tuple[tuple[Any, ...], dict[str, Any]]:
    """The arguments of the values `at`; integers as floats for those that are in `floats`."""
    given = {name: inputs.numeric(value, floats=name in floats) for name, value in at.items()}
    return inputs.bound(function, given, arguments.target)


def _differentiated(function: Any, wrt: Any) -> set[str]:
    """The names of the arguments to differentiate to; a position that none has stays."""
    names = list(inspect.signature(function).parameters)
    listed = wrt if isinstance(wrt, tuple) else (wrt,)
    return {names[n] if n in range(-len(names), len(names)) else n for n in listed}


def _sizes(given: list[str]) -> dict[str, int]:
    sizes: dict[str, int] = {}
    for text in given:
        name, _, extent = text.partition("=")
        if not name.isidentifier() or not extent.isdigit() or name in sizes:
            raise ArgumentError(f"--size {text}: not of the form name=extent, or given twice")
        sizes[name] = int(extent)
    return sizes


def _cost(arguments: argparse.Namespace) -> int:
    function = inputs.formula_or_function(arguments.target)
    if arguments.args and arguments.at:
        arguments.usage("give the arguments by --at or their types by --args, and not both")
    wrt = inputs.argnums(arguments.wrt)
    if arguments.args:
        args, kwargs = types(arguments.args)
    else:
        at = inputs.values(arguments.at)
        args, kwargs = _given(arguments, function, at, _differentiated(function, wrt))
    sizes = _sizes(arguments.size)
    with users_code(arguments.target):
        found = irgrad.cost(
            function,
            *args,
            argnums=wrt,
            sizes=sizes,
            steps=arguments.steps,
            **kwargs,
        )
        peak = _peak(function, wrt, arguments.backend, args, kwargs)
    if arguments.format == "json":
        plain = {way: _plain(count) for way, count in found._asdict().items()}
        for way, number in peak.items():
            plain[way]["peak_bytes"] = number
        show.show_json(plain)
        return 0
    titles = found.titles()
    shown = [title for title in titles if title != "bytes" or show.console().width >= 90]
    made = show.table(arguments.target, "", *shown)
    for title, column in zip(shown, made.columns[1:], strict=True):
        column.justify = "left" if title == "operations are" else "right"
    for way, row in found.rows().items():
        cells = [cell for title, cell in zip(titles, row, strict=True) if title in shown]
        made.add_row(WAYS[way], *map(Text, cells))
    show.console().print(made)
    known = ", ".join(f"{WAYS[way]} {number:,}" for way, number in peak.items())
    if known:
        show.console().print(f"Bytes of a call, beside its arguments: {known}.", style="dim")
    if (sizes or arguments.steps) and len(titles) == 3:
        show.console().print(
            "The counts are no polynomials near these sizes; try others.", style="dim"
        )
    return 0


def _peak(
    function: Any, wrt: Any, backend: str | None, args: Sequence[Any], kwargs: dict[str, Any]
) -> dict[str, int]:
    """What a backend says a call takes, where it knows."""
    if backend is not None:
        get_backend(backend)  # for its error
    gradient = irgrad.value_and_grad(function, wrt)
    found: dict[str, int] = {}
    for way, target in (("function", function), ("reverse", gradient)):
        with contextlib.suppress(BackendError):
            found[way] = irgrad.compile(target, backend).memory(*args, **kwargs).peak
    return found


def _plain(count: Count) -> dict[str, Any]:
    formulas = {
        key: str(formula)
        for key, formula in (
            ("operations_formula", count.operations_formula),
            ("bytes_formula", count.bytes_formula),
        )
        if formula is not None
    }
    return {"operations": count.operations, "bytes": count.bytes, **formulas}


def _sensitivity(arguments: argparse.Namespace) -> int:
    function = inputs.formula_or_function(arguments.target)
    at = inputs.values(arguments.at)
    for name in arguments.integer:
        if name not in at:
            raise ArgumentError(f"--integer {name}: it has no value", hint=f"--at {name}=...")
    args, kwargs = _given(arguments, function, at, at.keys() - set(arguments.integer))
    with users_code(arguments.target):
        found = irgrad.sensitivity(function, *args, differences=arguments.differences, **kwargs)
    if arguments.format == "json":
        values = [{**row._asdict(), "location": row.line} for row in found]
        show.show_json({"output": found.output, "values": values})
        return 0
    made = show.table(f"{arguments.target} = {show.short(found.output)}", *found.titles())
    for row in found.rows():
        made.add_row(*map(Text, row))
    show.console().print(made)
    return 0


__all__ = ["TARGET", "add_commands"]
