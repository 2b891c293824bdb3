"""A definition rewritten: calls `g(x)` become `__irgrad__.call(g)(x)`.

The tree keeps its line numbers and columns, so that tracebacks and provenance stay the user's."""

from __future__ import annotations

import ast
from typing import Any

from irgrad.frontend.capture.source import Definition
from irgrad.frontend.capture.syntax import copied, walk

HELPER = "__irgrad__"
"""The name under which rewritten code reaches `irgrad.frontend.capture.call`."""


class Expressions(ast.NodeTransformer):
    """Rewrites calls, choices and truth; `in_class` says that the statements at hand are those of a
    class body, whose names inner functions do not see.
    """

    def __init__(self, owner: str | None) -> None:
        self.owner = owner
        self.in_class = False

    def body_of(self, statements: list[ast.stmt]) -> list[ast.stmt]:
        """The statements of a function, rewritten."""
        raise NotImplementedError

    def definition(self, node: Definition) -> Any:
        """The outermost definition, without decorators and defaults."""
        node = copied(node)
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
            node.body = self.body_of(node.body)
        return node

    def visit_FunctionDef(self, node: ast.FunctionDef) -> ast.AST:
        """A nested definition."""
        node.decorator_list = [self.visit(decorator) for decorator in node.decorator_list]
        node.args = self.visit(node.args)
        node.body = self.body_of(node.body)
        return node

    def visit_ClassDef(self, node: ast.ClassDef) -> ast.AST:
        """A class, whose own statements stay statements."""
        kept = self.owner, self.in_class
        self.owner, self.in_class = node.name, True
        self.generic_visit(node)
        self.owner, self.in_class = kept
        return node

    def visit_Lambda(self, node: ast.Lambda) -> ast.AST:
        """A function again, also in a class."""
        kept, self.in_class = self.in_class, False
        self.generic_visit(node)
        self.in_class = kept
        return node

    def visit_IfExp(self, node: ast.IfExp) -> ast.AST:
        """`a if c else b`."""
        lazy = self._can_wait(node.body, node.orelse)
        ask(node.test)
        self.generic_visit(node)
        if not lazy:
            return node
        return self._helped("choose", node.test, _later(node.body), _later(node.orelse))

    def visit_BoolOp(self, node: ast.BoolOp) -> ast.AST:
        """`a and b`, `a or b`."""
        lazy = self._can_wait(*node.values[1:])
        self.generic_visit(node)
        if not lazy:
            return node
        words = ("both", "either") if getattr(node, "asked", False) else ("and_", "or_")
        what = words[isinstance(node.op, ast.Or)]
        return self._helped(what, node.values[0], *map(_later, node.values[1:]))

    def visit_UnaryOp(self, node: ast.UnaryOp) -> ast.AST:
        """`not a`."""
        if isinstance(node.op, ast.Not):
            ask(node.operand)
        self.generic_visit(node)
        return self._helped("negated", node.operand) if isinstance(node.op, ast.Not) else node

    def visit_Compare(self, node: ast.Compare) -> ast.AST:
        """`a < b < c`; `a in b`."""
        lazy = len(node.ops) > 1 and self._can_wait(*node.comparators[1:])
        self.generic_visit(node)
        if len(node.ops) == 1 and isinstance(node.ops[0], (ast.In, ast.NotIn)):
            found = self._helped("within", node.left, node.comparators[0])
            inside = isinstance(node.ops[0], ast.In)
            return found if inside else self._helped("negated", found)
        for k, op in enumerate(node.ops):
            if isinstance(op, (ast.In, ast.NotIn)):
                node.comparators[k] = self._helped("searched", node.comparators[k])
        if not lazy:
            return node
        steps: list[ast.expr] = []
        for op, operand in zip(node.ops, node.comparators, strict=True):
            pair = ast.Compare(ast.Name("__a__", ast.Load()), [op], [ast.Name("__b__", ast.Load())])
            steps += [_later(pair, "__a__", "__b__", at=operand), _later(operand)]
        return self._helped("chained", node.left, *steps)

    def _can_wait(self, *operands: ast.expr) -> bool:
        """Whether operands mean the same inside a lambda."""
        return not self.in_class and all(map(can_wait, operands))

    def visit_ListComp(self, node: ast.ListComp) -> ast.AST:
        """`[f(x) for x in xs if c]`."""
        if self.in_class or not can_wait(node) or any(g.is_async for g in node.generators):
            return self.generic_visit(node)
        return self._steps(node.generators, self.visit(node.elt))

    def _steps(self, generators: list[ast.comprehension], element: ast.expr) -> ast.expr:
        """What appends to `__out__` what there is for each item of the first of these."""
        first, *rest = generators
        items = self.head(first.iter)
        out = begun(ast.Name("__out__", ast.Load()), element)
        if rest:
            step = self._steps(rest, element)
            step.args.append(out)  # pyright: ignore[reportAttributeAccessIssue]
        else:
            append = begun(ast.Attribute(out, "append", ast.Load()), element)
            step = begun(ast.Call(append, [element], []), element)
        for test in reversed(first.ifs):
            ask(test)
            step = self._helped("when", self.visit(test), _later(step), out)
        item = begun(ast.Name("__item__", ast.Load()), first.iter)
        one = begun(ast.Tuple([item], ast.Load()), first.iter)
        bind = ast.comprehension(self.visit(first.target), one, [], 0)
        each = begun(ast.ListComp(step, [bind]), element)
        return self._helped("listed", items, _later(each, "__item__", "__out__"))

    def head(self, node: Any) -> ast.expr:
        """What a `for` runs over: `enumerate`, `zip` and `reversed` are kept apart from what they
        are of, and generators from their items.
        """
        if isinstance(node, ast.GeneratorExp):
            return self._mapped(node)
        if not isinstance(node, ast.Call):
            return self.visit(node)
        node.heads = True  # pyright: ignore[reportAttributeAccessIssue]
        if getattr(node.func, "id", "") not in ("enumerate", "zip", "reversed"):
            return self.visit(node)
        node.args = list(map(self.head, node.args))
        node.keywords = list(map(self.visit, node.keywords))
        node.func = self._helped("over", self.visit(node.func))
        return node

    def _mapped(self, node: ast.GeneratorExp) -> ast.expr:
        """`mapped(xs, lambda item: f(x) with the item as x, lambda item: c)` for `(f(x) for x in xs
        if c)`.
        """
        (first, *rest) = node.generators
        if self.in_class or rest or first.is_async or not can_wait(node):
            return self.visit(node)
        test = ast.BoolOp(ast.And(), first.ifs) if len(first.ifs) > 1 else (first.ifs or [None])[0]
        parts = [self._of_item(first.target, node.elt)]
        if test is not None:
            ask(begun(test, first.ifs[0]))
            parts.append(self._of_item(first.target, test))
        return self._helped("mapped", self.head(first.iter), *parts)

    def _of_item(self, target: ast.expr, result: ast.expr) -> ast.expr:
        """`lambda __item__: [result for target in (__item__,)][0]`."""
        item = begun(ast.Name("__item__", ast.Load()), target)
        one = begun(ast.Tuple([item], ast.Load()), target)
        bind = ast.comprehension(self.visit(copied(target)), one, [], 0)
        each = begun(ast.ListComp(self.visit(result), [bind]), result)
        first = begun(ast.Constant(0), result)
        return _later(begun(ast.Subscript(each, first, ast.Load()), result), "__item__")

    def visit_Call(self, node: ast.Call) -> ast.AST:
        """`g(x)`; `super()` stays, since it reads its caller's frame."""
        if isinstance(node.func, ast.Name) and node.func.id in _CONSUMING:
            node.args = list(map(_consumed, node.args))
        for argument in node.args[: _DECIDING.get(name_of(node.func), 0)]:
            decide(argument)
        self.generic_visit(node)
        if isinstance(node.func, ast.Name) and node.func.id in ("super", "locals", "vars", "dir"):
            return node
        how = "looking" if hasattr(node, "looks") else "over" if hasattr(node, "heads") else "call"
        node.func = self._helped(how, node.func)
        return self._deciding(node)

    def visit_Subscript(self, node: ast.Subscript) -> ast.AST:
        """`np.r_[...]` and the like, which look like arrays and are functions; `L[j]`."""
        self.generic_visit(node)
        value, name = node.value, name_of(node.value)
        reads = isinstance(node.ctx, ast.Load)
        if reads and name in ("r_", "c_", "mgrid", "ogrid"):
            node.value = self._helped("call", value)
        elif not self.in_class and (not reads or _may_be_open(node.slice)):
            node.value = self._helped("source" if reads else "place", value)
        return self._deciding(node)

    def _deciding(self, node: Any) -> Any:
        """An expression whose numbers may decide what is computed."""
        return self._helped("fixed", node) if hasattr(node, "decides") else node

    def visit_NamedExpr(self, node: ast.NamedExpr) -> ast.AST:
        """`(y := x)`."""
        name = node.target.id
        self.generic_visit(node)
        node.value = self._helped("named", node.value, ast.copy_location(ast.Constant(name), node))
        return node

    def visit_Name(self, node: ast.Name) -> ast.AST:
        """Private names in a class body are spelt out, as the compiler would."""
        node.id = self._private(node.id)
        return self._deciding(node)

    def visit_Attribute(self, node: ast.Attribute) -> ast.AST:
        """As names."""
        self.generic_visit(node)
        node.attr = self._private(node.attr)
        if not (self.in_class or isinstance(node.ctx, ast.Load)):
            node.value = self._helped("written", node.value)
        return self._deciding(node)

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
            begin(made, operands[0])
        return call


_CONSUMING = ("sum", "max", "min", "list", "tuple", "sorted")
"""Functions that take all that a generator gives."""


_DECIDING = {"cond": 1, "switch": 1, "fori_loop": 2, "range": 3}
"""The functions, and how many of their arguments, that choose what is computed."""


def name_of(function: ast.expr) -> str:
    """The name of what is called, without what it is an attribute of."""
    return function.attr if isinstance(function, ast.Attribute) else getattr(function, "id", "")


def _consumed(node: ast.expr) -> ast.expr:
    if not isinstance(node, ast.GeneratorExp):
        return node
    return ast.copy_location(ast.ListComp(node.elt, node.generators), node)


def can_wait(operand: ast.expr) -> bool:
    """Whether an expression means the same inside a lambda."""
    binding = (ast.NamedExpr, ast.Yield, ast.YieldFrom, ast.Await)
    return not any(isinstance(inner, binding) for inner in walk(operand))


def ask(test: Any) -> None:
    """Note of an expression that only its truth counts: `a and b` need not be one of the two, and
    arrays of numbers that it compares decide.
    """
    if isinstance(test, ast.BoolOp):
        test.asked = True  # pyright: ignore[reportAttributeAccessIssue]
        for operand in test.values:
            ask(operand)
    else:
        decide(test)


def decide(node: Any) -> None:
    """Note of the arrays that an expression computes with that their numbers decide what is
    computed, and of the functions that it calls that they may look at such arrays.
    """
    if isinstance(node, ast.Call):
        node.looks = True  # pyright: ignore[reportAttributeAccessIssue]
    for operand in _operands(node):
        if isinstance(operand, (ast.Name, ast.Attribute, ast.Subscript, ast.Call)):
            operand.decides = True  # pyright: ignore[reportAttributeAccessIssue]
        decide(operand)


def _operands(node: Any) -> list[ast.expr]:
    """What an expression computes with; of a call not what it is given by name, of which it may ask
    no more than the shape.
    """
    if isinstance(node, ast.Compare):
        whole = any(isinstance(op, (ast.Is, ast.IsNot, ast.In, ast.NotIn)) for op in node.ops)
        return [] if whole else [node.left, *node.comparators]
    if isinstance(node, ast.BinOp):
        return [node.left, node.right]
    if isinstance(node, ast.UnaryOp):
        return [node.operand]
    if isinstance(node, (ast.Subscript, ast.NamedExpr)):
        return [node.value]
    if isinstance(node, ast.Call):
        method = [node.func.value] if isinstance(node.func, ast.Attribute) else []
        return [
            *method,
            *(arg for arg in node.args if not isinstance(arg, (ast.Name, ast.Attribute))),
        ]
    return []


def begun(made: Any, where: Any) -> Any:
    """A new node, placed where another one begins."""
    begin(made, where)
    return made


def begin(made: Any, where: Any) -> None:
    """Place a new node where another one begins: Python counts the call of a method on the line on
    which its name ends.
    """
    ast.copy_location(made, where)
    if getattr(made, "lineno", None) != getattr(made, "end_lineno", None):
        made.end_lineno, made.end_col_offset = made.lineno, made.col_offset


def _may_be_open(index: ast.expr) -> bool:
    """Whether an index may be a number, or have in it what only the running program knows."""
    return not isinstance(index, ast.Constant) or isinstance(index.value, int)


def _later(body: ast.expr, *parameters: str, at: ast.expr | None = None) -> ast.expr:
    """`lambda parameters: body`."""
    arguments = ast.arguments(
        posonlyargs=[],
        args=[ast.arg(name) for name in parameters],
        kwonlyargs=[],
        kw_defaults=[],
        defaults=[],
    )
    made = ast.copy_location(ast.Lambda(arguments, body), at or body)
    for node in walk(made):
        if "lineno" in node._attributes and not hasattr(node, "lineno"):
            ast.copy_location(node, at or body)
    return made
