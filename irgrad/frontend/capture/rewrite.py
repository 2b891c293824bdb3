"""A definition rewritten: calls `g(x)` become `__irgrad__.call(g)(x)`.

The tree keeps its line numbers and columns, so that tracebacks and provenance stay the user's."""

from __future__ import annotations

import ast
import copy
from typing import Any

from irgrad.frontend.capture.source import Definition, Source

HELPER = "__irgrad__"
"""The name under which rewritten code reaches `irgrad.frontend.capture.call`."""


def rewritten(source: Source, free: tuple[str, ...]) -> ast.Module:
    """A module in which a function, whose parameters are the free variables of the definition,
    holds the definition rewritten. Decorators and defaults are left out: the function has them.
    """
    node = Rewriter(source.owner).definition(source.definition)
    parameters = [ast.arg(name) for name in (HELPER, *free)]
    holder = ast.FunctionDef(
        name="__holder__",
        args=ast.arguments(
            posonlyargs=[], args=parameters, kwonlyargs=[], kw_defaults=[], defaults=[]
        ),
        body=[node if isinstance(node, ast.stmt) else ast.Expr(node)],
        decorator_list=[],
    )
    ast.copy_location(holder, node)
    return ast.fix_missing_locations(ast.Module(body=[holder], type_ignores=[]))


class Rewriter(ast.NodeTransformer):
    """Rewrites the inside of one definition, nested ones included."""

    def __init__(self, owner: str | None) -> None:
        self.owner = owner

    def definition(self, node: Definition) -> Any:
        """The outermost definition, without decorators and defaults."""
        node = copy.deepcopy(node)
        given = node.args
        given.defaults, given.kw_defaults = [], [None] * len(given.kwonlyargs)
        every = [*given.posonlyargs, *given.args, *given.kwonlyargs, given.vararg, given.kwarg]
        for parameter in every:
            if parameter is not None:
                parameter.arg, parameter.annotation = self._private(parameter.arg), None
        if isinstance(node, ast.Lambda):
            node.body = self.visit(node.body)
        else:
            node.decorator_list, node.returns = [], None
            node.body = [self.visit(statement) for statement in node.body]
        return node

    def visit_Call(self, node: ast.Call) -> ast.AST:
        """`g(x)`; `super()` stays, since it reads its caller's frame."""
        self.generic_visit(node)
        if isinstance(node.func, ast.Name) and node.func.id in ("super", "locals", "vars", "dir"):
            return node
        node.func = self._helped("call", node.func)
        return node

    def visit_Subscript(self, node: ast.Subscript) -> ast.AST:
        """`np.r_[...]` and `np.c_[...]`, which look like arrays and are functions."""
        self.generic_visit(node)
        value = node.value
        name = value.attr if isinstance(value, ast.Attribute) else getattr(value, "id", "")
        if name in ("r_", "c_") and isinstance(node.ctx, ast.Load):
            node.value = self._helped("call", value)
        return node

    def visit_Name(self, node: ast.Name) -> ast.AST:
        """Private names in a class body are spelt out, as the compiler would."""
        node.id = self._private(node.id)
        return node

    def visit_Attribute(self, node: ast.Attribute) -> ast.AST:
        """As names."""
        self.generic_visit(node)
        node.attr = self._private(node.attr)
        return node

    def visit_AnnAssign(self, node: ast.AnnAssign) -> ast.AST:
        """Annotations are left as they are."""
        node.target = self.visit(node.target)
        node.value = node.value and self.visit(node.value)
        return node

    def _private(self, name: str) -> str:
        if self.owner is None or not name.startswith("__") or name.endswith("__"):
            return name
        return f"_{self.owner.lstrip('_')}{name}"

    def _helped(self, what: str, *operands: ast.expr) -> ast.expr:
        """`__irgrad__.what(operands)`, in the place of the first operand."""
        helper = ast.Attribute(ast.Name(HELPER, ast.Load()), what, ast.Load())
        call = ast.Call(helper, list(operands), [])
        for made in (helper.value, helper, call):
            ast.copy_location(made, operands[0])
        return call
