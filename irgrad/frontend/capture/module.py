"""The module that a rewritten definition is compiled in."""

from __future__ import annotations

import ast

from irgrad.frontend.capture.rewrite import HELPER
from irgrad.frontend.capture.source import Source
from irgrad.frontend.capture.statements import Statements


def rewritten(source: Source, free: tuple[str, ...]) -> ast.Module:
    """A module in which a function, whose parameters are the free variables of the definition,
    holds the definition rewritten. Decorators and defaults are left out: the function has them.
    """
    node = Statements(source.owner).definition(source.definition)
    parameters = [ast.arg(name) for name in (HELPER, *free)]
    own: list[ast.stmt] = []
    if (
        isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)) and node.name not in free
    ):  # as of a function that calls itself
        own.append(ast.Global([node.name]))
    holder = ast.FunctionDef(
        name="__holder__",
        args=ast.arguments(
            posonlyargs=[], args=parameters, kwonlyargs=[], kw_defaults=[], defaults=[]
        ),
        body=[*own, node if isinstance(node, ast.stmt) else ast.Expr(node)],
        decorator_list=[],
    )
    ast.copy_location(holder, node)
    return ast.fix_missing_locations(ast.Module(body=[holder], type_ignores=[]))
