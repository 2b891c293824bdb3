"""`if`, `while` and `for` as calls: bodies become functions that share the variables around
them.
"""

from __future__ import annotations

import ast
from collections.abc import Sequence
from typing import Any

from irgrad.frontend.capture.fresh import written_names
from irgrad.frontend.capture.jumps import RESULT, is_guard, stop_of, without_jumps
from irgrad.frontend.capture.names import (
    Variable,
    always_returns,
    declared,
    declared_global,
    is_plain,
    loaded,
    stored,
    variables,
)
from irgrad.frontend.capture.rewrite import HELPER, Expressions, ask, begin
from irgrad.frontend.capture.syntax import copied, walk

Statement = ast.stmt | list[ast.stmt]


class Statements(Expressions):
    """Rewrites statements; `names` are the variables of the function at hand that inner functions
    bind, `written` those into whose arrays it may write, `number` counts those functions.
    """

    def __init__(self, owner: str | None) -> None:
        super().__init__(owner)
        self.names: dict[str, None] = {}
        self.globals: set[str] = set()
        self.written: set[str] = set()
        self.number = 0

    def body_of(self, statements: list[ast.stmt]) -> list[ast.stmt]:
        """The statements of a function, rewritten."""
        kept = self.names, self.globals, self.written, self.in_class
        self.names, self.globals, self.in_class = {}, declared_global(statements), False
        self.written = written_names(statements) - declared(statements)
        documented = statements[:1] if ast.get_docstring(_function(statements)) else []
        body = self._block(without_jumps(statements[len(documented) :]))
        elsewhere = declared(statements)
        bound = [name for name in self.names if name not in elsewhere]
        if bound:  # never run: it makes them variables of this function
            text = f"if 0:\n    {' = '.join(bound)} = None"
            body = [*_placed(ast.parse(text).body, statements[0]), *body]
        self.names, self.globals, self.written, self.in_class = kept
        return [*documented, *body]

    def visit_If(self, node: ast.If) -> Any:
        """An `if` whose branches end where it ends, or return both."""
        both = [*node.body, *node.orelse]
        returning = always_returns(node.body) and always_returns(node.orelse)
        if self.in_class or not is_plain(both, returning):
            return self.generic_visit(node)
        names = stored(both)
        ask(node.test)
        test = self.visit(node.test)
        arms = [("then", self._block(node.body)), ("other", self._block(node.orelse))]
        what = "return if_" if returning else "if_"
        told = [("lenient", is_guard(node)), ("last", returning)]
        more = [ast.keyword(name, ast.Constant(True)) for name, holds in told if holds]
        return self._called(node, what, names, loaded(both), arms, [test], more)

    def visit_While(self, node: ast.While) -> Any:
        """A `while` that ends by its condition."""
        if self.in_class or node.orelse or not is_plain(node.body):
            return self.generic_visit(node)
        names, seen = stored([*node.body, node.test]), loaded([*node.body, node.test])
        forever = isinstance(node.test, ast.Constant) and bool(node.test.value)
        more = [ast.keyword("forever", ast.Constant(True))] if forever else []
        more += _stopping(node)
        ask(node.test)
        test = ast.copy_location(ast.Return(self.visit(node.test)), node.test)
        arms = [("test", [test]), ("body", self._block(node.body))]
        return self._called(node, "while_", names, seen, arms, [], more)

    def visit_For(self, node: ast.For) -> Any:
        """A `for` that ends with what it runs over."""
        if self.in_class or node.orelse or not is_plain(node.body):
            named = self._named(variables(node.target), node.target)
            self.generic_visit(node)
            node.body[:0] = named
            return node
        names, seen = stored([node.target, *node.body]), loaded(node.body)
        items = self.head(node.iter)
        item = ast.copy_location(ast.Name("__item__", ast.Load()), node.target)
        named = self._named(variables(node.target), node.target)
        bind = ast.Assign([self.visit(node.target)], item)
        ast.copy_location(bind, node.target)
        arms = [("bind", [bind, *named]), ("body", self._block(node.body))]
        return self._called(node, "for_", names, seen, arms, [items], _stopping(node))

    def visit_Raise(self, node: ast.Raise) -> Any:
        """A `raise`: at once where it is certain, else when the program runs."""
        self.generic_visit(node)
        if self.in_class or node.exc is None:
            return node
        made = _placed(
            ast.parse(f"if {HELPER}.certain(): pass\n{HELPER}.fail(lambda: 0)").body, node
        )
        chosen, failing = made
        chosen.body = [node]  # pyright: ignore[reportAttributeAccessIssue]
        failing.value.args[0].body = copied(node.exc)  # pyright: ignore[reportAttributeAccessIssue]
        return made

    def visit_Assert(self, node: ast.Assert) -> Any:
        """`assert test, message`."""
        if self.in_class:
            return self.generic_visit(node)
        name = ast.Name("AssertionError", ast.Load())
        error = ast.Call(name, [node.msg], []) if node.msg else name
        test = ast.UnaryOp(ast.Not(), node.test)
        stop = ast.Raise(error, None)
        for made in (name, error, test, stop):
            begin(made, node)
        return self.visit(ast.copy_location(ast.If(test, [stop], []), node))

    def visit_Try(self, node: ast.Try) -> Any:
        """A `try`, of whose body it is known that it is one."""
        self.generic_visit(node)
        if node.handlers and not self.in_class:
            within: Any = _placed(ast.parse(f"with {HELPER}.trying(): pass").body, node)
            within[0].body = node.body
            node.body = within
        return node

    def visit_Assign(self, node: ast.Assign) -> Any:
        """`u = v = f(x)`, `a, (b, *c) = g(x)`: the values are named after the variables."""
        names = [name for target in node.targets for name in variables(target)]
        first = node.targets[0]
        self.generic_visit(node)
        if isinstance(first, ast.Attribute) and not self.in_class:
            name = ast.copy_location(ast.Constant(first.attr), node)
            node.value = self._helped("named", node.value, name)
        fresh = [] if isinstance(node.value, _NOT_FRESH) else self._owned(names, node)
        return [node, *fresh, *self._named(names, node)]

    def _owned(self, names: list[Variable], where: ast.AST) -> list[ast.stmt]:
        """What makes handles of arrays that have just been made and will be written to."""
        text = "\n".join(
            f"{self._private(name)} = {HELPER}.owned({self._private(name)})"
            for name, starred in names
            if name in self.written and not (starred or self.in_class)
        )
        return _placed(ast.parse(text).body, where) if text else []

    def visit_AnnAssign(self, node: ast.AnnAssign) -> Any:
        """`u: Array = f(x)`."""
        if isinstance(node.target, ast.Name) and not self.in_class:
            # The annotation goes: a body that becomes a function shares its variables.
            if node.value is None:
                return ast.copy_location(ast.Pass(), node)
            return self.visit(ast.copy_location(ast.Assign([node.target], node.value), node))
        names = variables(node.target) if node.value is not None else []
        return [super().visit_AnnAssign(node), *self._named(names, node)]

    def visit_With(self, node: ast.With) -> Any:
        """`with f(x) as u`."""
        targets = [item.optional_vars for item in node.items if item.optional_vars]
        names = [name for target in targets for name in variables(target)]
        self.generic_visit(node)
        node.body[:0] = self._named(names, node.items[0].context_expr)
        return node

    def _named(self, names: list[Variable], where: ast.AST) -> list[ast.stmt]:
        """What names the values of variables that have just been bound."""
        if self.in_class or not names:
            return []
        text = "\n".join(
            f"{HELPER}.{'each_named' if starred else 'named'}({self._private(name)}, {name!r})"
            for name, starred in names
        )
        return _placed(ast.parse(text).body, where)

    def _block(self, statements: Sequence[ast.stmt]) -> list[ast.stmt]:
        body: list[ast.stmt] = []
        for statement in statements:
            result: Any = self.visit(statement)
            body += result if isinstance(result, list) else [result]
        return body

    def _called(
        self,
        node: ast.stmt,
        what: str,
        names: list[str],
        seen: list[str],
        arms: list[tuple[str, list[ast.stmt]]],
        operands: list[ast.expr],
        keywords: list[ast.keyword],
    ) -> list[ast.stmt]:
        """The functions, and the call that runs them."""
        self.number += 1
        self.names.update(dict.fromkeys(names))
        mark = f"{self.number}__"
        text = [
            f"def __{arm}{mark}({'__item__' if arm == 'bind' else ''}):\n{self._shared(names)}"
            "    pass"
            for arm, _ in arms
        ]
        values = "".join(f"{HELPER}.value(lambda: {name}), " for name in names)
        text.append(f"def __get{mark}():\n    return ({values})")
        unpacked = "".join(
            f"    {name} = __new__[{i}]\n    if {name} is {HELPER}.UNBOUND: del {name}\n"
            for i, name in enumerate(names)
        )
        text.append(f"def __set{mark}(__new__):\n{self._shared(names)}{unpacked}    pass")
        reached = "".join(f"{HELPER}.value(lambda: {name}), " for name in seen if name != HELPER)
        text.append(f"def __seen{mark}():\n    return ({reached})")
        result, _, call = what.rpartition(" ")
        functions = ", ".join(f"__{arm}{mark}" for arm in (*dict(arms), "get", "set", "seen"))
        told = tuple(_told(name, node) for name in names)
        text.append(f"{result} {HELPER}.{call}({functions}, {told!r})".lstrip())
        made = _placed(ast.parse("\n".join(text)).body, node)
        for function, (_, body) in zip(made, arms, strict=False):
            assert isinstance(function, ast.FunctionDef)
            function.body[-1:] = body or function.body[-1:]
        last: Any = made[-1]
        last.value.args = [*operands, *last.value.args]
        last.value.keywords = keywords
        for part in (inner for keyword in keywords for inner in walk(keyword)):
            begin(part, node)
        return made

    def _shared(self, names: list[str]) -> str:
        outer = [name for name in names if name in self.globals]
        inner = [name for name in names if name not in self.globals]
        lines = [
            f"    {kind} {', '.join(n)}\n"
            for kind, n in (("global", outer), ("nonlocal", inner))
            if n
        ]
        return "".join(lines)


_NOT_FRESH = (ast.Constant, ast.Name, ast.List, ast.ListComp, ast.Dict, ast.Lambda)


def _stopping(loop: ast.For | ast.While) -> list[ast.keyword]:
    """How to read whether a loop has been left."""
    name = stop_of(loop)
    if name is None:
        return []
    return [ast.keyword("stop", ast.parse(f"lambda: {name}", mode="eval").body)]


def _told(name: str, node: ast.stmt) -> str:
    """A variable as errors call it: what a function returns is called by the lines of that."""
    if name != RESULT:
        return name
    lines = sorted(
        {
            part.lineno
            for part in walk(node)
            if isinstance(part, ast.Assign)
            and isinstance(part.targets[0], ast.Name)
            and part.targets[0].id == RESULT
        }
    )
    return f"what is returned on line {' and '.join(map(str, lines))}"


def _function(statements: list[ast.stmt]) -> Any:
    return ast.FunctionDef("f", None, statements, [])  # pyright: ignore[reportArgumentType]


def _placed(made: list[ast.stmt], where: ast.AST) -> list[ast.stmt]:
    """New statements, at the place of one that is there."""
    for statement in made:
        for node in walk(statement):
            begin(node, where)
    return made
