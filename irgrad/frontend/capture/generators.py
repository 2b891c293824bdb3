"""Generators in the head of a `for`: the generator runs, and hands each item to the body of the
loop where it would yield. So its own loops stay loops.

Python does the same step by step: between two items the body runs to its end."""

from __future__ import annotations

import ast
import inspect
from collections.abc import Callable, Iterator
from types import FunctionType, MethodType
from typing import Any

from irgrad.frontend.capture.function import captured, handing, is_users
from irgrad.frontend.capture.iteration import Combined
from irgrad.frontend.capture.names import inside
from irgrad.frontend.capture.rewrite import begin
from irgrad.frontend.capture.settings import is_enabled
from irgrad.frontend.capture.syntax import copied, walk

EACH = "__each__"
"""The name of what takes the items, and says whether the loop has been left."""


class Produced:
    """The items of a call of a generator function of the user's."""

    def __init__(self, function: FunctionType, args: tuple[Any, ...], kwargs: Any) -> None:
        self.function, self.args, self.kwargs = function, args, kwargs
        self.found: list[Any] | None = None

    def __iter__(self) -> Iterator[Any]:
        return captured(self.function)(*self.args, **self.kwargs)

    def collected(self) -> list[Any] | None:
        """All items, where it is certain that they come to an end: in a loop over several
        generators at once none can hand its items to the body.
        """
        if self.found is None:
            found: list[Any] = []

            def each(item: Any) -> None:
                found.append(item)

            ended = handing(self.function, _ending, {EACH: each})
            if ended is None:
                return None
            ended(*self.args, **self.kwargs)
            self.found = found
        return self.found

    def hand_to(self, each: Callable[[Any], Any], leaves: bool) -> bool:
        """Run the generator, calling `each` with its items, if that `leaves` until it is true ->
        whether this can be done.
        """
        run = handing(self.function, _leaving if leaves else _staying, {EACH: each})
        if run is None:
            return False
        run(*self.args, **self.kwargs)
        return True


def producing(function: Any) -> Any:
    """What to call in the head of a `for` in place of a generator function; None for others."""
    bound = isinstance(function, MethodType)
    plain = function.__func__ if bound else function
    if type(plain) is not FunctionType or not inspect.isgeneratorfunction(plain):
        return None
    if not (is_enabled() and is_users(plain.__code__)):
        return None
    first = (function.__self__,) if bound else ()
    return lambda *args, **kwargs: Produced(plain, (*first, *args), kwargs)


def is_handed(items: Any, bind: Callable[[Any], None], body: Any, stop: Any) -> bool:
    """Whether a generator has handed its items, which `enumerate` may have numbered, to the body of
    a loop.
    """
    number = None
    if isinstance(items, Combined) and items.function is enumerate:
        number, items = items.start, items.args[0]
    if not isinstance(items, Produced):
        own = producing(getattr(type(items), "__iter__", None))
        if own is None:
            return False
        items = own(items)

    def each(item: Any) -> Any:
        nonlocal number
        bind(item if number is None else (number, item))
        number = None if number is None else number + 1
        body()
        return stop is not None and stop()

    return items.hand_to(each, stop is not None)


def _staying(definition: Any) -> Any:
    return _with_calls(definition, leaves=False)


def _ending(definition: Any) -> Any:
    """The same of a generator that certainly ends, and calls no other."""
    endless = (ast.While, ast.YieldFrom)
    if any(isinstance(node, endless) for node in inside(definition.body)):
        return None
    return _with_calls(definition, leaves=False)


def _leaving(definition: Any) -> Any:
    return _with_calls(definition, leaves=True)


def _with_calls(definition: Any, leaves: bool) -> Any:
    """The definition of a generator with calls in place of its yields; None where it is sent
    something by who takes its items.
    """
    made = copied(definition)
    made.body = [_Calls(leaves).visit(statement) for statement in made.body]
    sent = any(isinstance(node, (ast.Yield, ast.YieldFrom)) for node in inside(made.body))
    return None if sent else made


class _Calls(ast.NodeTransformer):
    """`__each__(x)` for `yield x`, as a statement; if that `leaves`, `if __each__(x): return`."""

    def __init__(self, leaves: bool) -> None:
        self.leaves = leaves

    def visit_Expr(self, node: ast.Expr) -> Any:
        """A yield whose value nobody takes."""
        if isinstance(node.value, ast.Yield):
            return self._handed(node.value.value or ast.Constant(None), node)
        if not isinstance(node.value, ast.YieldFrom):
            return node
        given, item = ast.Name("__given__", ast.Store()), ast.Name("__given__", ast.Load())
        loop = ast.For(given, node.value.value, [self._handed(item, node)], [])
        return _placed(loop, node)

    def _handed(self, item: ast.expr, where: ast.stmt) -> Any:
        call = ast.Call(ast.Name(EACH, ast.Load()), [item], [])
        made = ast.If(call, [ast.Return(None)], []) if self.leaves else ast.Expr(call)
        return _placed(made, where)

    def _inner(self, node: Any) -> Any:
        """Inner functions have yields of their own."""
        return node

    visit_FunctionDef = visit_AsyncFunctionDef = visit_Lambda = visit_ClassDef = _inner


def _placed(made: ast.stmt, where: ast.stmt) -> ast.stmt:
    for node in walk(made):
        if not hasattr(node, "lineno"):
            begin(node, where)
    return made


__all__ = ["is_handed", "producing"]
