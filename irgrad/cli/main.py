"""The command line: `irgrad grad`, `dump`, `run`, `cost`, `sensitivity`, `demo`, `backends`,
`cache`.

Exit status: 0 done, 1 the input was wrong (a message in a panel on standard error, no traceback),
2 wrong usage.
"""

from __future__ import annotations

import argparse
import inspect
import os
import sys
import time
from collections.abc import Callable, Collection, Sequence
from contextlib import AbstractContextManager
from functools import partial
from pathlib import Path
from typing import Any, NoReturn

from rich.text import Text

import irgrad
from irgrad.cli import analysis, inputs, show
from irgrad.cli.argument_types import types
from irgrad.cli.users_code import users_code
from irgrad.errors import ArgumentError, BackendError, IrgradError
from irgrad.frontend.expression import Expression, expression
from irgrad.inspect.differences import gradient_error
from irgrad.inspect.dot import to_dot
from irgrad.inspect.svg import to_svg
from irgrad.ir.graph import Graph
from irgrad.runtime import disk_cache
from irgrad.runtime.backend import backends, default_backend, get_backend
from irgrad.runtime.compiled import STAGES
from irgrad.runtime.graph_function import graph_function

TOLERANCE = 1e-6
"""Largest relative error against central differences that `--check` accepts."""

_EXAMPLES = """
examples:
  irgrad grad "x**2 + sin(y)" --at x=3.0 --at y=0.5
  irgrad grad "0.5 * sum((W @ x - y)**2)" --at W=@w.npy --at 'x=[1, 2]' --at 'y=[0, 1]' --wrt W
  irgrad dump --expr "sum(tanh(W @ x))" --args 'f64[4,3], f64[3]' --grad
  irgrad dump model.py:loss --args 'f64[4,3], f64[3]' --grad --wrt W --format svg > g.svg
  irgrad dump model.py:loss --args 'f64[3]' > loss.ir    then edit it, and:
  irgrad run loss.ir --at 'x=[1, 2, 3]'
  irgrad cost "sum((W @ x)**2)" --at 'W=ones((16, 16))' --at 'x=ones(16)' --size d=16
  irgrad sensitivity "exp(a) * sin(b)" --at a=1 --at b=0.5 --differences
  irgrad demo
"""
_CACHE = """
Compiled code is kept in the user's cache folder: the next process need not compile it again.

`irgrad cache` shows the folder and what it holds, `irgrad cache clear` empties it. Of the
environment variables, IRGRAD_CACHE=0 turns it off, IRGRAD_CACHE_DIR moves it, and
IRGRAD_CACHE_BYTES limits it.
"""
_GRAD = """
The value and the gradients of an expression or a function.

An expression is Python's arithmetic with NumPy's and scipy.special's functions; its free names are
its arguments. A function of yours is module:name (looked up from the current folder) or
path/file.py:name. Each argument gets a value from --at: a number, a list, a constant expression
such as linspace(0, 1, 5), or @file.npy. Gradients are taken with respect to all of these, or to
those of --wrt; integers given for these are taken as floats.
"""
_GRAD_EXAMPLES = """
examples:
  irgrad grad "x**2 + sin(y)" --at x=3.0 --at y=0.5
  irgrad grad "logsumexp(A @ x)" --at 'A=eye(3)' --at 'x=[1, 2, 3]' --wrt x --check
  irgrad grad "sum(W**2)" --at W=@weights.npy --format json
  irgrad grad model.py:loss --at W=@weights.npy --at 'x=[1, 2, 3]' --wrt W
"""
_DUMP = """
The graph of a function or an expression, as text that `irgrad run` reads back, as JSON, as a
picture (svg; blackboard has the local derivatives on the edges), or in Graphviz's DOT language.

A function is module:name (looked up from the current folder) or path/file.py:name. --args gives the
types of its arguments, or literals for static ones.
"""
_DUMP_EXAMPLES = """
examples:
  irgrad dump model.py:loss --args 'f64[4,3], f64[3]'
  irgrad dump model.py:loss --args 'f64[4,3], f64[3]' --grad --wrt W --wrt x --stage differentiated
  irgrad dump --expr "sum(sin(x)**2)" --args 'f64[3]' --grad --format svg > graph.svg

stages:
  lowered         what the function computes, before any derivative
  differentiated  with the nodes of the derivative
  optimised       after the passes (the default)
"""
_RUN = """
Run the text of a graph, as `irgrad dump` prints it or as you have edited it. The text is data: ops
are looked up by name, and nothing else is run. FILE may be - for standard input.
"""
_RUN_EXAMPLES = """
examples:
  irgrad run loss.ir --at 'x=[1, 2, 3]' --at W=@w.npy
  irgrad dump --expr "x * x" --args 'f64[]' | irgrad run - --at x=3.0
"""


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line -> the exit status."""
    arguments = parser().parse_args(argv)
    try:
        return arguments.command(arguments)
    except IrgradError as error:
        if error.location is not None and Path(error.location.file) == Path(sys.argv[0]):
            error.location = None  # the command's own script, not a line of the user's
        show.show_error(error)
        return 1
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:  # the reader, `head` perhaps, has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except OSError as error:  # a full disk, a file that cannot be written
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        print(f"irgrad: {error}", file=sys.stderr)
        return 1


class _Parser(argparse.ArgumentParser):
    """Says what to do about a formula that begins with a minus, which looks like an option."""

    def error(self, message: str) -> NoReturn:
        if message.endswith(("required: EXPR", "--expr: expected one argument")):
            message += "\nput one that begins with a minus in brackets: '(-x**2)'"
        super().error(message)


def parser() -> argparse.ArgumentParser:
    """The grammar of the command line."""
    top = _Parser(
        prog="irgrad",
        description="Gradients of NumPy functions and expressions, through a graph you can read.",
        epilog=_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    top.add_argument("--version", action="version", version=f"irgrad {irgrad.__version__}")
    commands = top.add_subparsers(metavar="COMMAND", required=True)

    grad_ = _command(
        commands, "grad", _grad, "value and gradients of an expression or a function", _GRAD
    )
    grad_.epilog = _GRAD_EXAMPLES
    grad_.add_argument("target", metavar="EXPR", help=analysis.TARGET)
    _add_values(grad_)
    _add_backend(grad_)
    _add_wrt(
        grad_, "arguments to differentiate to: x, or x,y (may be repeated; default: all given)"
    )
    grad_.add_argument("--dump", action="store_true", help="show the optimised graph too")
    grad_.add_argument("--check", action="store_true", help="compare with central differences")

    dump = _command(commands, "dump", _dump, "the graph of a function or an expression", _DUMP)
    dump.epilog = _DUMP_EXAMPLES
    dump.add_argument("target", nargs="?", metavar="FUNCTION", help="module:name or file.py:name")
    dump.add_argument("--expr", metavar="EXPR", help="an expression instead of a function")
    dump.add_argument("--args", default="", metavar="TYPES", help="such as 'f64[4,3], f64[3], n=5'")
    dump.add_argument("--grad", action="store_true", help="the graph of its gradient")
    _add_wrt(
        dump, "names or positions of arguments: x, or x,y (may be repeated; default: the first)"
    )
    dump.add_argument("--stage", choices=STAGES, default="optimised", help="default: optimised")
    dump.add_argument("--format", choices=tuple(_FORMATS), default="text")

    run = _command(commands, "run", _run, "run the text of a graph", _RUN)
    run.epilog = _RUN_EXAMPLES
    run.add_argument("file", metavar="FILE", help="a graph's text, or - for standard input")
    _add_values(run)
    _add_backend(run)

    analysis.add_commands(commands, _command, _add_values, _add_backend, _add_wrt)
    _command(commands, "demo", _demo, "a loss, its graph before and after, its gradients, a check")
    _command(commands, "backends", _backends, "the installed backends")
    cache = _command(commands, "cache", _cache, "compiled code kept on disk", _CACHE)
    cache.add_argument("action", nargs="?", choices=("show", "clear"), default="show")
    return top


def _command(commands: Any, name: str, run: Any, help: str, description: str = "") -> Any:
    made = commands.add_parser(
        name,
        help=help,
        description=(description or help).strip(),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    made.set_defaults(command=run, usage=made.error)
    return made


def _add_values(command: argparse.ArgumentParser) -> None:
    command.add_argument(
        "--at",
        action="append",
        default=[],
        metavar="NAME=VALUE",
        help="an argument's value: x=3.0, 'v=[1, 2]', W=@file.npy (may be repeated)",
    )
    command.add_argument("--format", choices=("table", "json"), default="table")


def _add_backend(command: argparse.ArgumentParser) -> None:
    command.add_argument("--backend", metavar="NAME", help="default: the first of irgrad backends")


def _add_wrt(command: argparse.ArgumentParser, help: str) -> None:
    command.add_argument(
        "--wrt",
        action="extend",
        type=lambda text: [name.strip() for name in text.split(",")],
        default=[],
        metavar="NAME",
        help=help,
    )


def _working(what: str) -> AbstractContextManager[Any]:
    """A spinner on standard error while something takes its time, where that is a terminal."""
    return show.console(stderr=True).status(what)


def _grad(arguments: argparse.Namespace) -> int:
    function = inputs.formula_or_function(arguments.target)
    is_formula = isinstance(function, Expression)
    what = "the expression" if is_formula else arguments.target
    given = inputs.values(arguments.at)
    wrt = _wrt(arguments.wrt, list(inspect.signature(function).parameters), given, what)
    at = {name: inputs.numeric(value, floats=name in wrt) for name, value in given.items()}
    if is_formula:
        function.check_called(at)
    args, kwargs = inputs.bound(function, at, what)
    if not wrt:
        raise ArgumentError(f"{what}: no argument has a value", hint="--at NAME=VALUE")
    target = irgrad.compile(irgrad.value_and_grad(function, tuple(wrt)), arguments.backend)
    with _working("compiling and running"), users_code(what):
        start = time.perf_counter()
        value, gradients = target(*args, **kwargs)
        seconds = time.perf_counter() - start
        errors = _errors(function, at, wrt, gradients) if arguments.check else {}
    graph = str(target.graph(*args, **kwargs)) if arguments.dump else None
    if arguments.format == "json":
        report: dict[str, Any] = {
            "value": value,
            "gradients": dict(zip(wrt, gradients, strict=True)),
        }
        report |= {"backend": arguments.backend or default_backend(), "seconds": seconds}
        report |= {"relative_errors": errors} if arguments.check else {}
        show.show_json(report | ({"graph": graph} if graph else {}))
    else:
        _show_gradients(arguments.target, at, wrt, value, gradients, graph)
        _show_errors(errors)
    return int(any(not error <= TOLERANCE for error in errors.values()))


def _wrt(given: list[str], names: Sequence[str], at: Collection[str], what: str) -> list[str]:
    """The arguments to differentiate to: all that have a value, where none is given."""
    if not names:
        raise ArgumentError(f"{what} has no argument to differentiate to")
    for name in given:
        if name not in names:
            raise ArgumentError(f"--wrt {name}: {what} has the arguments {', '.join(names)}")
        if name not in at:
            raise ArgumentError(f"--wrt {name}: it has no value", hint=f"--at {name}=...")
    return given or [name for name in names if name in at]


def _show_gradients(
    title: str, at: Any, wrt: Any, value: Any, gradients: Any, graph: str | None
) -> None:
    out = show.console()
    out.print(Text(title, style="bold"))
    out.print(Text(f"= {show.short(value)}"))
    out.print(show.gradients_table("", wrt, at, gradients))
    if graph:
        show.show_text(out, graph)


def _errors(
    function: Callable[..., Any], at: dict[str, Any], wrt: list[str], gradients: Any
) -> dict[str, float]:
    """The relative error of each gradient against central differences."""

    def along(name: str, x: Any) -> Any:
        args, kwargs = inputs.bound(function, {**at, name: x}, "the function")
        return function(*args, **kwargs)

    return {
        name: gradient_error(partial(along, name), [at[name]], 0, gradient)
        for name, gradient in zip(wrt, gradients, strict=True)
    }


def _show_errors(errors: dict[str, float]) -> None:
    for name, error in errors.items():
        agrees = error <= TOLERANCE
        style = "green" if agrees else "bold red"
        verdict = "agrees with" if agrees else "DISAGREES with"
        text = f"{name}: {verdict} central differences, relative error {error:.1e}"
        show.console().print(Text(text, style=style))


_FORMATS: dict[str, Callable[[Graph], str]] = {
    "text": str,
    "json": Graph.to_json,
    "dot": to_dot,
    "svg": Graph.svg,
    "blackboard": partial(to_svg, style="blackboard"),
}


def _dump(arguments: argparse.Namespace) -> int:
    if (arguments.target is None) == (arguments.expr is None):
        arguments.usage("give a FUNCTION (such as model.py:loss) or --expr EXPR, and not both")
    if arguments.wrt and not arguments.grad:
        arguments.usage("--wrt goes with --grad")
    args, kwargs = types(arguments.args)
    named = arguments.target is not None
    target = inputs.target(arguments.target) if named else expression(arguments.expr)
    if named:
        _check_arguments(arguments.target, target, args, kwargs)
    if arguments.grad:
        target = irgrad.grad(target, inputs.argnums(arguments.wrt))
    with _working("lowering"), users_code(arguments.target or "the expression"):
        graph = irgrad.compile(target).graph(*args, stage=arguments.stage, **kwargs)
        text = _FORMATS[arguments.format](graph)
    if arguments.format == "text":
        show.show_text(show.console(), text)
    else:
        print(text.rstrip("\n"))
    return 0


def _check_arguments(name: str, function: Any, args: Any, kwargs: Any) -> None:
    """Say what --args lacks for a call of the user's function."""
    if not inspect.isfunction(function):
        return
    signature = inspect.signature(function)
    try:
        signature.bind(*args, **kwargs)
    except TypeError as error:
        if not str(error).startswith("missing"):
            return  # Python's own words serve
        needed = [each.name for each in signature.parameters.values() if each.default is each.empty]
        example = ", ".join("f64[3]" for _ in needed)
        raise ArgumentError(
            f"{name}{signature}: {error}",
            hint=f"--args '{example}' gives the types of {', '.join(needed)} (shapes as they are)",
        ) from None


def _run(arguments: argparse.Namespace) -> int:
    text = _read(arguments.file)
    graph = irgrad.from_json(text) if text.lstrip().startswith("{") else irgrad.parse(text)
    function = graph_function(graph)
    given = inputs.values(arguments.at)
    args, _ = inputs.bound(function, given, f"@{graph.name}")
    floats = [type.dtype.kind in "fc" for type in graph.input_types]
    args = [inputs.numeric(x, floats=float_) for x, float_ in zip(args, floats, strict=True)]
    with _working("compiling and running"):
        result = irgrad.compile(graph, arguments.backend)(*args)
    results = result if isinstance(result, tuple) else (result,)
    named = dict(zip(graph.output_names, results, strict=True))
    if arguments.format == "json":
        show.show_json({"outputs": named, "backend": arguments.backend or default_backend()})
    else:
        show.console().print(show.values_table(f"@{graph.name}", named.items()))
    return 0


def _read(file: str) -> str:
    try:
        return sys.stdin.read() if file == "-" else Path(file).read_text(encoding="utf-8")
    except OSError as error:
        raise ArgumentError(f"cannot read {file}: {error.strerror or error}") from None
    except UnicodeDecodeError:
        raise ArgumentError(f"{file} is not a text", hint="write one with irgrad dump") from None


def _demo(arguments: argparse.Namespace) -> int:
    from irgrad.cli.demo import demo

    return demo(show.console())


def _cache(arguments: argparse.Namespace) -> int:
    if arguments.action == "clear":
        removed = disk_cache.clear()
        show.console().print(f"removed {removed} file{'s' * (removed != 1)}")
        return 0
    usage = disk_cache.usage()
    made = show.table("compiled code on disk", "", "")
    made.add_row("folder", Text(str(usage.folder)))
    made.add_row("in use", f"no: {usage.unused}" if usage.unused else "yes")
    made.add_row("files", str(usage.files))
    made.add_row("size", f"{usage.nbytes / 2**20:.1f} of {usage.limit / 2**20:.0f} MiB")
    show.console().print(made)
    return 0


def _backends(arguments: argparse.Namespace) -> int:
    made = show.table("installed backends", "name", "class", "")
    for name in backends():
        try:
            kind = type(get_backend(name))
            described = f"{kind.__module__}.{kind.__qualname__}"
        except BackendError as error:
            described = error.message
        made.add_row(name, Text(described), "default" if name == default_backend() else "")
    show.console().print(made)
    return 0


__all__ = ["main", "parser"]
