"""The syntax tree of a function that is there already."""

from __future__ import annotations

import ast
import linecache
import warnings
from functools import lru_cache
from types import CodeType, FunctionType
from typing import Any, NamedTuple

Definition = ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda


class Source(NamedTuple):
    """The definition of a function, and the class in whose body it stands (for private names)."""

    definition: Definition
    owner: str | None


def source_of(function: FunctionType) -> Source | None:
    """The definition of a function; None where its source is not at hand, or not its own."""
    code = function.__code__
    lines = linecache.getlines(code.co_filename, function.__globals__)
    if not lines:
        return None
    tree = _tree(code.co_filename, "".join(lines))
    found = [
        source
        for source in _definitions(tree, code.co_firstlineno)
        if _is_named(source.definition, code) and _matches(source.definition, code)
    ]
    return min(found, key=lambda source: _length(source.definition), default=None)


MANY_NODES = 20_000
_told: set[CodeType] = set()


def tell_of_missing_source(builder: Any) -> None:
    """Warn, once for a function, where one without source has made a graph of very many nodes."""
    function = builder.notes.get("no source")
    if function is None or builder.outer is not None or len(builder.nodes) < MANY_NODES:
        return
    if function.__code__ not in _told:
        _told.add(function.__code__)
        warnings.warn(
            f"{function.__qualname__} has no source, so its loops are not followed but unrolled: "
            f"{len(builder.nodes):,} nodes. Define it in a file, or use irgrad.scan, "
            "irgrad.fori_loop or irgrad.while_loop",
            stacklevel=8,
        )


@lru_cache(maxsize=256)
def _tree(file: str, text: str) -> ast.Module:
    """The syntax tree of a file; an empty one where it is not Python."""
    try:
        return ast.parse(text)
    except (SyntaxError, ValueError):
        return ast.Module([], [])


def _definitions(tree: ast.Module, line: int) -> list[Source]:
    """The definitions whose text has the line."""
    found: list[Source] = []
    work: list[tuple[ast.AST, str | None]] = [(tree, None)]
    while work:
        node, owner = work.pop()
        if isinstance(node, Definition):
            found.append(Source(node, owner))
        inner = node.name if isinstance(node, ast.ClassDef) else owner
        children = ast.iter_child_nodes(node)
        work += [(child, inner) for child in children if _holds(child, line)]
    return found


def _holds(node: ast.AST, line: int) -> bool:
    """Whether the text of a node, its decorators included, has the line; so it may where the tree
    does not say.
    """
    end = getattr(node, "end_lineno", None)
    if end is None:
        return True
    return line <= end and line >= min(n.lineno for n in (node, *_decorators(node)))  # pyright: ignore[reportAttributeAccessIssue] -- nodes with an end have a beginning


def _decorators(node: ast.AST) -> list[ast.expr]:
    return getattr(node, "decorator_list", [])


def _is_named(node: Definition, code: CodeType) -> bool:
    """Whether a definition has the name and the first line of some code."""
    if isinstance(node, ast.Lambda):
        return code.co_name == "<lambda>" and node.lineno == code.co_firstlineno
    first = min(n.lineno for n in (node, *_decorators(node)))
    return code.co_name == node.name and first == code.co_firstlineno


def _length(node: Definition) -> tuple[int, int]:
    """How much of the text a definition takes: the innermost of several is the shortest."""
    lines = (node.end_lineno or node.lineno) - node.lineno
    return lines, (node.end_col_offset or 0) - node.col_offset * (lines == 0)


def _matches(node: Definition, code: CodeType) -> bool:
    """Whether the code may have come from a definition: its parameters, and for a lambda, of which
    a line may hold several, the columns.
    """
    given = node.args
    names = [a.arg for a in [*given.posonlyargs, *given.args, *given.kwonlyargs]]
    count = code.co_argcount + code.co_kwonlyargcount
    known = [name.split("__")[-1] for name in code.co_varnames[:count]]
    if [name.split("__")[-1] for name in names] != known:
        return False
    if not isinstance(node, ast.Lambda):
        return True
    body = node.body
    end = body.end_col_offset or 0
    places = [
        (line, column)
        for line, _, column, _ in code.co_positions()
        if line is not None and column is not None and (line, column) > (code.co_firstlineno, 0)
    ]
    start, stop = (node.lineno, node.col_offset), (body.end_lineno or node.lineno, end)
    return all(start <= place <= stop for place in places)
