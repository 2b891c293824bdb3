"""From the syntax tree of an expression to steps of a stack machine; whatever is not listed here is
refused.

The walk is a loop with a stack of its own, so that depth costs nothing, and so is the machine that
runs the steps.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple, NoReturn

from irgrad.frontend import expression_operators as operators
from irgrad.frontend.expression_names import (
    ATTRIBUTES,
    CONSTANTS,
    MODULES,
    Function,
    functions,
    methods,
    near,
    takes_keyword,
)
from irgrad.frontend.expression_text import Parsed, Piece, Source, Tree

_LISTS = (
    "stack(...), array([...]) and concatenate(...) build arrays; a Python function can hold loops"
)
_REFUSED: dict[str, tuple[str, str]] = {
    "Lambda": ("a lambda", "write the formula itself, or trace a Python function"),
    "ListComp": ("a comprehension", _LISTS),
    "SetComp": ("a comprehension", _LISTS),
    "DictComp": ("a comprehension", _LISTS),
    "GeneratorExp": ("a comprehension", _LISTS),
    "NamedExpr": (
        "an assignment (:=)",
        "write the sub-expression out: equal ones are computed once anyway",
    ),
    "JoinedStr": (
        "an f-string",
        "the only strings are the subscripts of einsum and names of modes",
    ),
    "Starred": ("a starred argument", "write the arguments out"),
    "Dict": ("a dict", "return a tuple"),
    "Set": ("a set", "return a tuple"),
    "Await": ("await", "an expression is a formula"),
    "Yield": ("yield", "an expression is a formula"),
    "YieldFrom": ("yield", "an expression is a formula"),
    "Slice": ("a slice outside of an index", "write x[a:b]"),
}


class Step(NamedTuple):
    """One step: `act` on the `arity` topmost values; `combines` marks those that compute (and may
    meet traced values).
    """

    act: Callable[..., Any]
    arity: int
    offset: int
    combines: bool = True


class Argument(NamedTuple):
    """A free name: the machine puts its value here."""

    position: int


class Program(NamedTuple):
    """The steps of an expression in order, with its argument names in order of first appearance."""

    steps: list[Step | Argument]
    names: tuple[str, ...]


class Lowered(NamedTuple):
    """What a node becomes: its children first, then a step."""

    children: Sequence[Any]
    act: Callable[..., Any]
    offset: int
    combines: bool = True


def compile_tree(source: Source, parsed: Parsed) -> Program:
    """The program of a parsed expression; an `ExpressionError` with a caret under whatever is
    refused.
    """
    return _Compiler(source, parsed.parts).run(parsed.tree)


class _Compiler:
    """A walk over the trees in evaluation order."""

    def __init__(self, source: Source, parts: dict[str, Tree]) -> None:
        self.source = source
        self.parts = parts
        self.arguments: dict[str, int] = {}
        self.places: dict[str, int] = {}
        self.called: dict[str, int] = {}
        self.index_parts: set[int] = set()

    def run(self, tree: Tree) -> Program:
        steps: list[Step | Argument] = []
        work: list[Tree | Step | Argument] = [tree]
        while work:
            item = work.pop()
            if not isinstance(item, Tree):
                steps.append(item)
                continue
            part = self.parts.get(item.node.id) if isinstance(item.node, ast.Name) else None
            if part is not None:
                work.append(part)
                continue
            lowered = self.lower(*item)
            if isinstance(lowered, Argument):
                steps.append(lowered)
                continue
            children = [Tree(child, item.piece) for child in lowered.children]
            work.append(Step(lowered.act, len(children), lowered.offset, lowered.combines))
            work.extend(reversed(children))
        for name in self.called.keys() & self.arguments.keys():
            self.source.fail(
                f"'{name}' is a function in one place and an argument in another",
                max(self.called[name], self.places[name]),
                "rename the argument",
            )
        return Program(steps, tuple(self.arguments))

    def lower(self, node: Any, piece: Piece) -> Lowered | Argument:
        handler = _HANDLERS.get(type(node))
        if handler is None:
            what, hint = _REFUSED.get(type(node).__name__, (f"'{type(node).__name__}'", ""))
            self.fail(f"{what} is not part of the grammar", node, piece, hint)
        return handler(self, node, piece)

    def fail(self, message: str, node: Any, piece: Piece, hint: str = "") -> NoReturn:
        self.source.fail(message, piece.begin(node), hint)

    # leaves

    def _constant(self, node: ast.Constant, piece: Piece) -> Lowered:
        value: Any = node.value
        if isinstance(value, (str, bytes)):
            self.fail(
                "a string has no meaning here",
                node,
                piece,
                "the only strings are the subscripts of einsum and names of modes",
            )
        if value is ... and id(node) not in self.index_parts:
            self.fail("'...' has a meaning only in an index", node, piece)
        if isinstance(value, int) and value.bit_length() > operators.MOST_BITS:
            self.fail(
                f"an integer of more than {operators.MOST_BITS} bits",
                node,
                piece,
                "write it as a float: 1e400",
            )
        return Lowered((), lambda: value, piece.begin(node), False)

    def _name(self, node: ast.Name, piece: Piece) -> Lowered | Argument:
        if node.id in CONSTANTS:
            constant = CONSTANTS[node.id]
            return Lowered((), lambda: constant, piece.begin(node), False)
        if node.id in MODULES:
            self.fail(
                f"'{node.id}' is a module",
                node,
                piece,
                f"write {node.id}.name, such as {node.id}.sin",
            )
        self.places.setdefault(node.id, piece.begin(node))
        return Argument(self.arguments.setdefault(node.id, len(self.arguments)))

    # operators

    def _binary(self, node: ast.BinOp, piece: Piece) -> Lowered:
        symbol = operators.BINARY[type(node.op)][0]
        return Lowered(
            (node.left, node.right),
            operators.binary(type(node.op)),
            self._between(node, symbol, piece),
        )

    def _between(self, node: ast.BinOp, symbol: str, piece: Piece) -> int:
        """Where the operator stands: its last mention before the right operand."""
        start, end = piece.end(node.left), piece.begin(node.right)
        found = self.source.text.rfind(symbol, start, end)
        return start if found < 0 else found

    def _unary(self, node: ast.UnaryOp, piece: Piece) -> Lowered:
        return Lowered((node.operand,), operators.UNARY[type(node.op)], piece.begin(node))

    def _boolean(self, node: ast.BoolOp, piece: Piece) -> Lowered:
        act = operators.all_of if isinstance(node.op, ast.And) else operators.any_of
        return Lowered(node.values, act, piece.begin(node))

    def _compare(self, node: ast.Compare, piece: Piece) -> Lowered:
        for op, left in zip(node.ops, (node.left, *node.comparators), strict=False):
            if type(op) not in operators.COMPARISONS:
                self.source.fail(
                    "'is' and 'in' are not part of the grammar",
                    piece.end(left) + 1,
                    "compare with == and !=",
                )
        act = operators.comparison([type(op) for op in node.ops])
        return Lowered((node.left, *node.comparators), act, piece.begin(node))

    def _conditional(self, node: ast.IfExp, piece: Piece) -> Lowered:
        return Lowered((node.body, node.test, node.orelse), operators.choose, piece.begin(node))

    # structure

    def _tuple(self, node: ast.Tuple, piece: Piece) -> Lowered:
        if id(node) in self.index_parts:
            self.index_parts.update(map(id, node.elts))
        return Lowered(node.elts, operators.tuple_of, piece.begin(node), False)

    def _list(self, node: ast.List, piece: Piece) -> Lowered:
        return Lowered(node.elts, operators.list_of, piece.begin(node), False)

    def _subscript(self, node: ast.Subscript, piece: Piece) -> Lowered:
        self.index_parts.add(id(node.slice))
        return Lowered((node.value, node.slice), operators.subscript, piece.begin(node))

    def _slice(self, node: ast.Slice, piece: Piece) -> Lowered:
        if id(node) not in self.index_parts:
            self.fail("a slice has a meaning only in an index", node, piece)
        absent = ast.Constant(None, lineno=node.lineno, col_offset=node.col_offset)
        bounds = [bound or absent for bound in (node.lower, node.upper, node.step)]
        return Lowered(bounds, operators.slice_of, piece.begin(node), False)

    def _attribute(self, node: ast.Attribute, piece: Piece) -> Lowered:
        path = dotted(node)
        if path is not None and path.split(".")[0] in MODULES:
            module, _, name = path.rpartition(".")
            if module in MODULES and name in CONSTANTS:
                constant = CONSTANTS[name]
                return Lowered((), lambda: constant, piece.begin(node), False)
            if module in MODULES and name in functions():
                self.fail(f"'{path}' is a function", node, piece, f"call it: {path}(...)")
            self.fail(f"'{path}' is no constant", node, piece, near(name, CONSTANTS))
        act = ATTRIBUTES.get(node.attr)
        if act is None:
            self.source.fail(
                f"the attribute '.{node.attr}' cannot be read",
                self._attribute_at(node, piece),
                near(node.attr, ATTRIBUTES) or f"these can: {', '.join(ATTRIBUTES)}",
            )
        return Lowered((node.value,), act, self._attribute_at(node, piece))

    def _attribute_at(self, node: ast.Attribute, piece: Piece) -> int:
        return piece.end(node) - len(node.attr)

    # calls

    def _call(self, node: ast.Call, piece: Piece) -> Lowered:
        function, receiver, at = self._callee(node.func, piece)
        positional = [*receiver, *node.args]
        for argument in node.args:
            if isinstance(argument, ast.Starred):
                self.fail(
                    "a starred argument is not part of the grammar",
                    argument,
                    piece,
                    "write the arguments out",
                )
        if (
            function.name in ("max", "min")
            and isinstance(node.func, ast.Name)
            and len(positional) > 1
        ):
            self.fail(
                f"{function.name} of several arguments is ambiguous",
                node.args[1],
                piece,
                f"write {function.name}imum(a, b), or {function.name}(x, axis=0)",
            )
        given = len(positional)
        if given > function.most:
            self.fail(
                f"{function.name} takes {function.most} positional arguments, got {given}",
                node.args[-1],
                piece,
                "name the others: axis=0",
            )
        keywords = self._keywords(node.keywords, piece)
        values = [
            self._string(value, function, piece)
            for value in (*positional, *(k.value for k in node.keywords))
        ]
        return Lowered(values, operators.call(function, keywords), at)

    def _callee(self, node: Any, piece: Piece) -> tuple[Function, list[Any], int]:
        """The function that is called, the receiver where it is a method, and where its name
        stands.
        """
        path = dotted(node)
        if path is not None and (isinstance(node, ast.Name) or path.split(".")[0] in MODULES):
            return self._function(path, node, piece), [], piece.begin(node)
        if not isinstance(node, ast.Attribute):
            self.fail(
                "only functions can be called, by their names", node, piece, "write * for a product"
            )
        at = self._attribute_at(node, piece)
        method = methods().get(node.attr)
        if method is None:
            is_function = node.attr in functions()
            hint = f"write {node.attr}(...)" if is_function else near(node.attr, methods())
            self.source.fail(f"unknown method '.{node.attr}()'", at, hint)
        return method, [node.value], at

    def _function(self, path: str, node: Any, piece: Piece) -> Function:
        module, _, name = path.rpartition(".")
        function = functions().get(name) if not module or module in MODULES else None
        if function is None:
            hint = near(name, functions())
            if not hint and not module:
                hint = f"write {name} * (...) for a product, or one of NumPy's names"
            self.fail(f"unknown function '{path}'", node, piece, hint)
        if not module:
            self.called.setdefault(name, piece.begin(node))
        return function

    def _keywords(self, keywords: list[ast.keyword], piece: Piece) -> tuple[str, ...]:
        found: list[str] = []
        for keyword in keywords:
            if keyword.arg is None:
                self.fail(
                    "a starred argument is not part of the grammar",
                    keyword.value,
                    piece,
                    "write it out",
                )
            if not takes_keyword(keyword.arg):
                self.fail(
                    f"the argument '{keyword.arg}=' is not part of the grammar", keyword, piece
                )
            if keyword.arg in found:
                self.fail(f"the argument '{keyword.arg}=' is given twice", keyword, piece)
            found.append(keyword.arg)
        return tuple(found)

    def _string(self, node: Any, function: Function, piece: Piece) -> Any:
        """An argument as it is, a string that the function may have as a constant in a step of its
        own.
        """
        if not isinstance(node, ast.Constant) or not isinstance(node.value, str):
            return node
        if not function.takes_string(node.value):
            strings = function.strings
            self.fail(
                f"{function.name} takes no string {node.value!r}",
                node,
                piece,
                "einsum's subscripts are letters, commas and ->"
                if function.name == "einsum"
                else f"strings that it takes: {strings}",
            )
        return _StringConstant(node.value, lineno=node.lineno, col_offset=node.col_offset)

    def _string_constant(self, node: _StringConstant, piece: Piece) -> Lowered:
        text = node.text
        return Lowered((), lambda: text, piece.begin(node), False)


class _StringConstant(ast.expr):
    """A string that was found where a string may stand."""

    def __init__(self, text: str, lineno: int, col_offset: int) -> None:
        super().__init__(lineno=lineno, col_offset=col_offset)
        self.text = text


_HANDLERS: dict[type, Callable[[_Compiler, Any, Piece], Lowered | Argument]] = {
    ast.Constant: _Compiler._constant,
    ast.Name: _Compiler._name,
    ast.BinOp: _Compiler._binary,
    ast.UnaryOp: _Compiler._unary,
    ast.BoolOp: _Compiler._boolean,
    ast.Compare: _Compiler._compare,
    ast.IfExp: _Compiler._conditional,
    ast.Tuple: _Compiler._tuple,
    ast.List: _Compiler._list,
    ast.Subscript: _Compiler._subscript,
    ast.Slice: _Compiler._slice,
    ast.Attribute: _Compiler._attribute,
    ast.Call: _Compiler._call,
    _StringConstant: _Compiler._string_constant,
}


def dotted(node: Any) -> str | None:
    """`a.b.c` for a short chain of attributes of a name, None for anything else."""
    parts: list[str] = []
    while isinstance(node, ast.Attribute) and len(parts) < 4:
        parts.append(node.attr)
        node = node.value
    return ".".join([node.id, *reversed(parts)]) if isinstance(node, ast.Name) else None
