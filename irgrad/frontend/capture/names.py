"""What statements do to the variables around them, and whether they leave by a jump."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from irgrad.frontend.capture.syntax import children, walk

_SCOPES = (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda, ast.ClassDef)
_COMPREHENSIONS = (ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp)
_LOOPS = (ast.For, ast.While, ast.AsyncFor)
_SUSPENDING = (ast.Yield, ast.YieldFrom, ast.Await, ast.AsyncFor, ast.AsyncWith)


def stored(statements: Sequence[ast.AST]) -> list[str]:
    """The variables that statements bind or delete, in order; scopes inside keep their own."""
    found: dict[str, None] = {}
    for node in inside(statements):
        if isinstance(node, ast.Name) and not isinstance(node.ctx, ast.Load):
            found[node.id] = None
        elif isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
            found[node.name] = None
        elif isinstance(node, ast.alias):
            found[(node.asname or node.name).split(".")[0]] = None
        elif isinstance(node, (ast.ExceptHandler, ast.MatchAs, ast.MatchStar)) and node.name:
            found[node.name] = None
        elif isinstance(node, ast.MatchMapping) and node.rest:
            found[node.rest] = None
    return list(found)


class Variable(NamedTuple):
    """A variable in a target of an assignment, and whether it takes a list, what is left over."""

    name: str
    starred: bool


def variables(target: ast.expr, starred: bool = False) -> list[Variable]:
    """The variables in a target, nested ones too, in order."""
    if isinstance(target, ast.Name):
        return [Variable(target.id, starred)]
    if isinstance(target, ast.Starred):
        return variables(target.value, True)
    if isinstance(target, (ast.Tuple, ast.List)):
        return [variable for item in target.elts for variable in variables(item)]
    return []  # attributes and items


def loaded(statements: Sequence[ast.AST]) -> list[str]:
    """The names that statements read, those in scopes inside included."""
    names = (
        node.id
        for statement in statements
        for node in walk(statement)
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load)
    )
    return list(dict.fromkeys(names))


def declared_global(statements: Sequence[ast.AST]) -> set[str]:
    """The names that a function declares global."""
    return {
        name for node in inside(statements) if isinstance(node, ast.Global) for name in node.names
    }


def declared(statements: Sequence[ast.AST]) -> set[str]:
    """The names that a function declares global or nonlocal."""
    kinds = (ast.Global, ast.Nonlocal)
    return {name for node in inside(statements) if isinstance(node, kinds) for name in node.names}


def suspends(statements: Sequence[ast.AST]) -> bool:
    """Whether a function with these statements is a generator, or asynchronous."""
    return any(isinstance(node, _SUSPENDING) for node in inside(statements))


def is_plain(statements: Sequence[ast.AST], returns: bool = False) -> bool:
    """Whether statements can become the body of a function: none of them jumps out (`returns` lets
    return), suspends, or declares names.
    """
    kinds = (*_SUSPENDING, ast.Global, ast.Nonlocal, *((ast.Return,) * (not returns)))
    return not _breaks(statements) and not any(isinstance(n, kinds) for n in inside(statements))


def always_returns(statements: Sequence[ast.stmt]) -> bool:
    """Whether control cannot reach the end of statements, by what their last one is."""
    last = statements[-1] if statements else None
    if isinstance(last, ast.If):
        return always_returns(last.body) and always_returns(last.orelse)
    return isinstance(last, ast.Return)


def _breaks(nodes: Sequence[ast.AST]) -> bool:
    for node in nodes:
        if isinstance(node, (ast.Break, ast.Continue)):
            return True
        if isinstance(node, (*_SCOPES, *_LOOPS, ast.expr)):
            continue
        if _breaks(children(node)):
            return True
    return False


def inside(nodes: Sequence[ast.AST]) -> Iterator[ast.AST]:
    """All nodes but those in scopes inside, whose own node comes too."""
    work = list(nodes)[::-1]
    while work:
        node = work.pop()
        yield node
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            work += [*node.decorator_list, *node.args.defaults]
        elif isinstance(node, _COMPREHENSIONS):
            work += [inner for inner in walk(node) if isinstance(inner, ast.NamedExpr)]
            work += [g.iter for g in node.generators]
        elif not isinstance(node, _SCOPES):
            work += children(node)[::-1]
