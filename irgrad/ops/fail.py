"""`fail`: an exception of the user's, raised when the program runs."""

from __future__ import annotations

import ast
import sys
from typing import Any, NoReturn

from irgrad.errors import DTypeError
from irgrad.ir.op import Array, register
from irgrad.ir.types import BOOL, ArrayType
from irgrad.ops.base import Flat

_CLASSES: dict[str, type[BaseException]] = {}


def name_of(kind: type[BaseException]) -> str:
    """The name by which a graph knows a class of exceptions."""
    name = f"{kind.__module__}.{kind.__qualname__}"
    _CLASSES[name] = kind
    return name


def _class(name: str) -> type[BaseException]:
    """The class with a name; a RuntimeError where this process does not know it."""
    if name in _CLASSES:
        return _CLASSES[name]
    module, _, attribute = name.rpartition(".")
    found = getattr(sys.modules.get(module), attribute, None)
    known = isinstance(found, type) and issubclass(found, BaseException)
    return found if known else RuntimeError  # pyright: ignore[reportReturnType] -- just checked


@register("fail")
class Fail(Flat):
    """Raises `error`, the full name of a class of exceptions; gives a bool[] so that others can
    depend on it.

    `arguments` are those of the exception: a format string in which {k} stands for the number of
    the k-th operand, or a literal of Python after an equals sign."""

    error: str
    arguments: tuple[str, ...]

    def result_types(self, *operands: ArrayType) -> tuple[ArrayType, ...]:
        if any(type.is_dynamic for type in operands):
            raise DTypeError("fail: an operand has an extent that is known only when it runs")
        return (ArrayType(BOOL, ()),)

    def reference(self, *operands: Array) -> NoReturn:
        numbers = [x.item() if x.size == 1 and not x.ndim else x for x in operands]
        raise made(_class(self.error), [_argument(text, numbers) for text in self.arguments])


def made(kind: Any, arguments: list[Any]) -> BaseException:
    """An exception with these arguments, whatever its class takes."""
    error = kind.__new__(kind, *arguments)
    error.args = tuple(arguments)
    return error


def _argument(text: str, numbers: list[Any]) -> Any:
    if text.startswith("="):
        return ast.literal_eval(text[1:])
    if text.startswith("{") and text[1:-1].isdigit() and text.endswith("}"):
        return numbers[int(text[1:-1])]
    return text.removeprefix("'").format(*numbers)
