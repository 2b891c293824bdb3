"""What the operators and calls of an expression do to values: traced ones, arrays, numbers, tuples
and slices.

Between two Python numbers the arithmetic is NumPy's (1 / 0.0 is inf, (-8.0) ** (1/3) is nan) and
stays a Python number, so that it promotes like one; integers stay exact, but below 2**`MOST_BITS`.
"""

from __future__ import annotations

import ast
import itertools
import operator
from collections.abc import Callable
from typing import Any

import numpy as np

from irgrad.errors import ExpressionError
from irgrad.frontend.expression_names import ELEMENTWISE, Function, check_broadcast, check_size
from irgrad.frontend.promote import any_traced, innermost, stacked
from irgrad.ir.builder import Traced

MOST_BITS = 1023
"""An integer constant has at most this many bits, so that it can always become a float."""

BINARY: dict[type[ast.operator], tuple[str, Callable[[Any, Any], Any], np.ufunc]] = {
    ast.Add: ("+", operator.add, np.add),
    ast.Sub: ("-", operator.sub, np.subtract),
    ast.Mult: ("*", operator.mul, np.multiply),
    ast.Div: ("/", operator.truediv, np.divide),
    ast.FloorDiv: ("//", operator.floordiv, np.floor_divide),
    ast.Mod: ("%", operator.mod, np.remainder),
    ast.Pow: ("**", operator.pow, np.power),
    ast.MatMult: ("@", operator.matmul, np.matmul),
    ast.BitAnd: ("&", operator.and_, np.bitwise_and),
    ast.BitOr: ("|", operator.or_, np.bitwise_or),
    ast.BitXor: ("^", operator.xor, np.bitwise_xor),
    ast.LShift: ("<<", operator.lshift, np.left_shift),
    ast.RShift: (">>", operator.rshift, np.right_shift),
}
COMPARISONS: dict[type[ast.cmpop], Callable[[Any, Any], Any]] = {
    ast.Lt: operator.lt,
    ast.LtE: operator.le,
    ast.Gt: operator.gt,
    ast.GtE: operator.ge,
    ast.Eq: operator.eq,
    ast.NotEq: operator.ne,
}
_NUMBERS = (int, float, complex)
_SEQUENCES = (list, tuple)


def binary(kind: type[ast.operator]) -> Callable[[Any, Any], Any]:
    """The meaning of a binary operator."""
    symbol, python, ufunc = BINARY[kind]

    def apply(left: Any, right: Any) -> Any:
        left, right = _no_sequences(symbol, left, right)
        if kind is ast.BitXor and not (_is_whole(left) and _is_whole(right)):
            raise ExpressionError(
                "'^' is the exclusive or of integers", hint="write x**2 for a power"
            )
        if kind is not ast.MatMult:
            check_broadcast(f"'{symbol}'", (left, right))
        if type(left) in (bool, int) and type(right) in (bool, int):
            return _integers(kind, left, right)
        if type(left) in (bool, *_NUMBERS) and type(right) in (bool, *_NUMBERS):
            return ufunc(left, right).item()
        return python(left, right)

    return apply


def _is_whole(x: Any) -> bool:
    return np.dtype(getattr(x, "dtype", type(x))).kind in "biu"


def _no_sequences(symbol: str, left: Any, right: Any) -> tuple[Any, Any]:
    """Lists beside an array are arrays; two lists, or a list and a number, do not compute."""
    if not isinstance(left, _SEQUENCES) and not isinstance(right, _SEQUENCES):
        return left, right
    other = right if isinstance(left, _SEQUENCES) else left
    if not hasattr(other, "dtype"):
        raise ExpressionError(
            f"'{symbol}' between a list or tuple and {_kind(other)}",
            hint="write array([...]) for an array",
        )
    if isinstance(other, Traced) and not any_traced(right if other is left else left):
        return left, right  # the list becomes a constant of the graph
    return _as_array(left), _as_array(right)


def _as_array(x: Any) -> Any:
    if not isinstance(x, _SEQUENCES):
        return x
    return stacked(innermost([x]), x) if any_traced(x) else np.asarray(x)


def _kind(x: Any) -> str:
    return "a list or tuple" if isinstance(x, _SEQUENCES) else "a number"


def _integers(kind: type[ast.operator], left: int, right: int) -> Any:
    """Python's arithmetic, refused before it gets large."""
    bits = max(left.bit_length(), right.bit_length())
    if kind is ast.Pow and right > 0:
        bits = max(1, left.bit_length() - 1) * right if abs(left) > 1 else 1
    elif kind is ast.LShift:
        bits = left.bit_length() + right
    elif kind is ast.Mult:
        bits = left.bit_length() + right.bit_length() - 1
    check_integer(bits)
    symbol, python, ufunc = BINARY[kind]
    if right == 0 and kind in (ast.FloorDiv, ast.Mod):
        raise ExpressionError(f"integer {symbol} by zero")
    if kind is ast.Div or (kind is ast.Pow and right < 0):
        return ufunc(float(left), float(right)).item()
    result = python(left, right)
    check_integer(result.bit_length())
    return result


def check_integer(bits: int) -> None:
    """An `ExpressionError` for an integer of too many bits."""
    if bits > MOST_BITS:
        raise ExpressionError(
            f"an integer of more than {MOST_BITS} bits",
            hint="compute with floats: 10.0 instead of 10",
        )


def negative(x: Any) -> Any:
    """`-x`."""
    return -_alone(x, "-")


def positive(x: Any) -> Any:
    """`+x`."""
    return +_alone(x, "+")


def invert(x: Any) -> Any:
    """`~x`; of a Python bool the logical not."""
    return not x if isinstance(x, bool) else ~_alone(x, "~")


def logical_not(x: Any) -> Any:
    """`not x`, elementwise."""
    return not x if isinstance(x, _NUMBERS) else np.logical_not(_alone(x, "not"))


def _alone(x: Any, symbol: str) -> Any:
    if isinstance(x, _SEQUENCES):
        raise ExpressionError(
            f"'{symbol}' of a list or tuple", hint="write array([...]) for an array"
        )
    return x


UNARY: dict[type[ast.unaryop], Callable[[Any], Any]] = {
    ast.USub: negative,
    ast.UAdd: positive,
    ast.Invert: invert,
    ast.Not: logical_not,
}


def all_of(*operands: Any) -> Any:
    """`a and b and ...`, elementwise: a bool of Python where all operands are Python numbers."""
    return _combined(np.logical_and, all, operands)


def any_of(*operands: Any) -> Any:
    """`a or b or ...`, elementwise."""
    return _combined(np.logical_or, any, operands)


def _combined(ufunc: np.ufunc, python: Callable[..., bool], operands: tuple[Any, ...]) -> Any:
    if all(isinstance(operand, _NUMBERS) for operand in operands):
        return python(operands)
    result = operands[0]
    for operand in operands[1:]:
        result = ufunc(result, operand)
    return result


def comparison(kinds: list[type[ast.cmpop]]) -> Callable[..., Any]:
    """The meaning of `a < b <= c`: `(a < b) and (b <= c)`, elementwise."""
    compare = [COMPARISONS[kind] for kind in kinds]

    def apply(*operands: Any) -> Any:
        for pair in itertools.pairwise(operands):
            check_broadcast("a comparison", pair)
        parts = [
            each(*_no_sequences("a comparison", left, right))
            for each, left, right in zip(compare, operands, operands[1:], strict=False)
        ]
        return parts[0] if len(parts) == 1 else all_of(*parts)

    return apply


def choose(x: Any, condition: Any, y: Any) -> Any:
    """`x if condition else y`, its operands as they are written: `np.where`, or one of the two
    where the condition is a Python number.
    """
    if isinstance(condition, _NUMBERS):
        return x if condition else y
    return np.where(condition, x, y)


def subscript(x: Any, index: Any) -> Any:
    """`x[index]`."""
    if isinstance(x, _NUMBERS):
        raise ExpressionError("a number has no axes to index", hint="pass an array")
    return x[index]


def slice_of(*bounds: Any) -> slice:
    """`a:b:c`."""
    return slice(*bounds)


def tuple_of(*items: Any) -> tuple[Any, ...]:
    """`(a, b)`."""
    return items


def list_of(*items: Any) -> list[Any]:
    """`[a, b]`."""
    return list(items)


_TAKES_LISTS = frozenset(
    {"stack", "concatenate", "concat", "vstack", "hstack", "column_stack", "array", "asarray"}
)


def call(function: Function, keywords: tuple[str, ...]) -> Callable[..., Any]:
    """The meaning of a call: its arguments are the positional ones, then those of `keywords`."""

    def apply(*values: Any) -> Any:
        count = len(values) - len(keywords)
        positional: list[Any] = list(values[:count])
        if function.name not in _TAKES_LISTS:
            positional = [
                _as_array(x) if isinstance(x, _SEQUENCES) and any_traced(x) else x
                for x in positional
            ]
        named = dict(zip(keywords, values[count:], strict=True))
        check_size(function.name, positional, named)
        if function.name in ELEMENTWISE:
            check_broadcast(function.name, positional)
        return function.call(*positional, **named)

    return apply
