"""Arrays of numbers that the function at hand has made, and that nothing else names: they become
handles, to which traced values can be assigned.

What is computed of closed-over arrays alone, `buffer = W * 2.0`, is NumPy's own array. Where the
function goes on to write into it, it is looked at by how many names it has: one that only the
variable names is the same as a handle on a copy of it."""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from irgrad.frontend.capture.handles import handle_on
from irgrad.frontend.capture.names import inside, variables
from irgrad.ir.builder import CURRENT

# what a function writes into


def written_names(statements: Sequence[ast.stmt]) -> set[str]:
    """The variables into whose arrays a function writes, or may, through views of them too."""
    nodes = list(inside(statements))
    for inner in nodes:
        if isinstance(inner, (ast.FunctionDef, ast.AsyncFunctionDef)):
            nodes += inside(inner.body)
    found = {name for node in nodes for name in _written(node)}
    views = [
        (name, root)
        for node in nodes
        if isinstance(node, ast.Assign) and (root := _root(node.value))
        for target in node.targets
        for name, _ in variables(target)
    ]
    while more := {root for name, root in views if name in found} - found:
        found |= more
    return found


def _written(node: ast.AST) -> Iterator[str]:
    """The variables whose arrays one statement or expression may write into."""
    if isinstance(node, (ast.Subscript, ast.Attribute)) and not isinstance(node.ctx, ast.Load):
        yield from filter(None, [_root(node.value)])
    elif isinstance(node, ast.AugAssign):
        yield from filter(None, [_root(node.target)])
    elif isinstance(node, ast.keyword) and node.arg == "out":
        yield from filter(None, [_root(node.value)])
    elif isinstance(node, ast.Expr) and isinstance(node.value, ast.Call):
        call = node.value  # made for what it does: arguments and the object are changed
        yield from filter(None, map(_root, [call.func, *call.args]))


def _root(node: ast.expr) -> str | None:
    """The variable of which an expression is, or may be, a view."""
    while isinstance(node, (ast.Subscript, ast.Attribute, ast.Starred)):
        node = node.value
    return node.id if isinstance(node, ast.Name) else None


# whether an array has no other name


def owned(array: Any) -> Any:
    """What a variable names, as a handle if it is an array of numbers that it alone names."""
    if type(array) is not np.ndarray or CURRENT.get() is None:
        return array
    alone = sys.getrefcount(array) <= _ALONE
    base: Any = array.base
    if base is not None:
        own = type(base) is np.ndarray and base.base is None
        alone = alone and own and sys.getrefcount(base) <= _ALONE_AS_BASE
    return handle_on(array) if alone else array


def _count_alone() -> tuple[int, int]:
    """How many references Python counts of an array that one variable names, and of its base."""
    counts: list[int] = []

    def count(array: Any) -> None:
        counts.append(sys.getrefcount(array))

    only = np.empty(1)
    count(only)

    def count_base(array: Any) -> None:
        base = array.base
        counts.append(sys.getrefcount(base))

    view = np.empty(1)[:]
    count_base(view)
    return counts[0], counts[1]


_ALONE, _ALONE_AS_BASE = _count_alone()
