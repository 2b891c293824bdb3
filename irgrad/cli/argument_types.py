"""`--args`: the types of arguments, and literals for static ones, as one would write a call:
`f64[4,3], n=5, {"W": f64[2,2], "b": f64[2]}`. It is read as Python's grammar and never run."""

from __future__ import annotations

import ast
import re
from typing import Any

import numpy as np

from irgrad.errors import ArgumentError, pointer
from irgrad.frontend.lower import Spec
from irgrad.ir.types import DTYPES

_TYPE = re.compile(r"""'[^']*'|"[^"]*"|(\w+\[[\d,\s]*\])""")
_CALL = "f("
HINT = "write types such as f64[4,3] or f64[], and literals such as 3, True, None; also in lists,"
HINT += " tuples and dicts"


def types(text: str) -> tuple[list[Any], dict[str, Any]]:
    """Positional and keyword arguments: types, literals that are static, and pytrees of them.

    >>> types("f64[4,3], 2, mode=None, p={'W': f64[]}")
    ([spec('f64[4,3]'), 2], {'mode': None, 'p': {'W': spec('f64[]')}})
    """
    reader = _Reader(text)
    call = reader.call()
    args = [reader.value(node) for node in call.args]
    kwargs = {node.arg or "": reader.value(node.value) for node in call.keywords}
    if "" in kwargs or len(kwargs) < len(call.keywords):
        raise ArgumentError("--args: each keyword is given once", hint="write name=type")
    return args, kwargs


class _Reader:
    """The values in a text, in which each type is a name of its length while Python parses it."""

    def __init__(self, text: str) -> None:
        self.text = " ".join(text.splitlines())
        self.types = {m.start(1): m[1] for m in _TYPE.finditer(self.text) if m[1]}

    def call(self) -> ast.Call:
        hidden = _TYPE.sub(lambda m: "_" * len(m[1]) if m[1] else m[0], self.text)
        try:
            call = ast.parse(f"{_CALL}{hidden}\n)", mode="eval").body
        except SyntaxError as error:
            if error.lineno == 2:  # the parenthesis after the text
                opened = re.findall(r"opening parenthesis '(.)'", error.msg)
                what = f"{opened[0]!r} was never closed" if opened else "unmatched ')'"
                raise self.error(what, hidden.rfind(opened[0] if opened else ")")) from None
            column = (error.offset or 1) - 1 - len(_CALL)
            raise self.error(error.msg, min(max(column, 0), len(self.text))) from None
        except (RecursionError, MemoryError):
            raise self.error("too deeply nested", 0) from None
        if not isinstance(call, ast.Call) or not isinstance(call.func, ast.Name):
            raise self.error("a ')' too many", max(self.text.find(")"), 0))
        return call

    def value(self, node: ast.expr) -> Any:
        """What a node stands for."""
        start = node.col_offset - len(_CALL)
        if isinstance(node, ast.Name) and start in self.types:
            return self._type(self.types[start], start)
        if isinstance(node, (ast.List, ast.Tuple)):
            items = [self.value(item) for item in node.elts]
            return items if isinstance(node, ast.List) else tuple(items)
        if isinstance(node, ast.Dict) and all(node.keys):
            keys = [self.value(key) for key in node.keys if key is not None]
            return dict(zip(keys, map(self.value, node.values), strict=True))
        try:
            return ast.literal_eval(node)
        except (ValueError, TypeError, RecursionError, MemoryError):
            source = self.text[start : (node.end_col_offset or 0) - len(_CALL)]
            raise self.error(
                f"{source!r} is neither a type nor a literal", start, _meant(source)
            ) from None

    def _type(self, text: str, start: int) -> Spec:
        try:
            return Spec(text)
        except ValueError as error:
            raise self.error(str(error), start, _meant(text)) from None

    def error(self, what: str, column: int, hint: str = "") -> ArgumentError:
        return ArgumentError(f"--args: {what}\n{pointer(self.text, column)}", hint=hint or HINT)


def _meant(text: str) -> str:
    """What who wrote `text` may have meant, as a question; nothing where that is unknown."""
    name, bracket, shape = text.partition("[")
    short = {dtype.name: short for short, dtype in DTYPES.items()} | {n: n for n in DTYPES}
    try:
        found = short.get(name) or short.get(np.dtype(name).name, "")
    except TypeError:
        found = ""
    return f"{found}{bracket}{shape or '[]'}?" if found else ""
