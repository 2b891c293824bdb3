"""Operands of traced calls: which builder they belong to, NumPy's promotion (NEP 50), and lifting
to traced values.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np

from irgrad.errors import DTypeError, OutOfRange, ShapeError, UnsupportedError
from irgrad.ir.builder import Builder, Traced, home
from irgrad.ir.types import DType, check_dtype, check_plain
from irgrad.ops.base import bind
from irgrad.ops.cast import Astype

_WEAK = {"f": float, "c": complex, "i": int}
_NUMBERS = (float, int, complex)


def innermost(operands: Iterable[Any]) -> Builder:
    """The builder of the deepest level among traced operands (lists and tuples are searched
    too).
    """
    found: Builder | None = None
    for operand in operands:
        if isinstance(operand, Traced):
            builder = operand.builder
        elif isinstance(operand, (list, tuple)) and any_traced(operand):
            builder = innermost(operand)
        else:
            continue
        if found is None or builder.level > found.level:
            found = builder
    if found is None:
        raise TypeError("no operand is traced")
    return home(found)


def any_traced(operand: Any) -> bool:
    """Whether `operand` is traced or a nested list or tuple that holds something traced."""
    if isinstance(operand, (list, tuple)):
        return any(map(any_traced, operand))
    return isinstance(operand, Traced)


def kind(operand: Any) -> Any:
    """What decides promotion: a dtype, or a Python number type for a weak scalar."""
    if isinstance(operand, Traced):
        dtype = operand.value.type.dtype
        return _WEAK[dtype.kind] if operand.weak else dtype  # pyright: ignore[reportAttributeAccessIssue]
    if type(operand) in _NUMBERS:
        return type(operand)
    return check_dtype(_as_array(operand, None).dtype)


def lift(builder: Builder, operand: Any, dtype: DType | None = None) -> Any:
    """`operand` as a traced value, converted to `dtype` where one is given.

    Arrays are captured by reference and converted inside the graph; numbers and lists written in
    the code are constants."""
    if isinstance(operand, (list, tuple)) and any_traced(operand):
        operand = stacked(builder, operand)
    if isinstance(operand, Traced):
        traced = operand
    elif isinstance(operand, np.ndarray):
        if operand.dtype == object:
            raise UnsupportedError(
                "an object array met a traced value", location=builder.provenance.location
            )
        traced = builder.wrap(builder, builder.lift(operand))
    else:
        array = _as_array(operand, dtype)
        check_dtype(array.dtype)
        return builder.wrap(builder, builder.constant(array))
    if dtype is not None and traced.value.type.dtype != dtype:
        return bind(Astype(dtype), traced)
    return traced


def _as_array(operand: Any, dtype: DType | None) -> Any:
    try:
        return np.asarray(operand, dtype)
    except OverflowError as error:
        raise OutOfRange(
            str(error),
            hint="write a float, such as 1e400"
            if np.dtype(dtype).kind in "fc"
            else "convert the array to a wider dtype first: x.astype(np.int64)",
        ) from None
    except ValueError as error:  # lists of different lengths
        raise ShapeError(str(error)) from None


def stacked(builder: Builder, items: Iterable[Any]) -> Any:
    """A list (of lists) of numbers and traced values as one traced array."""
    return np.stack([lift(builder, item) for item in items])


def lift_each(*operands: Any) -> list[Any]:
    """The operands as traced arrays, each of its own dtype; Python numbers have theirs, as in
    `np.asarray`.
    """
    builder = innermost(operands)
    lifted = [lift(builder, operand) for operand in operands]
    return [x.builder.wrap(x.builder, x.value) if x.weak else x for x in lifted]


def comparable(operand: Any, other: Any) -> Any:
    """A Python int beyond the range of the integers in `other`, which compares exactly in NumPy: an
    infinity, since no integer lies between.
    """
    if type(operand) is not int or not isinstance(other, Traced):
        return operand
    dtype = other.value.type.dtype
    if dtype.kind not in "iub":
        return operand
    limits = np.iinfo(np.int64 if dtype.kind == "b" else dtype)
    inside = limits.min <= operand <= limits.max
    return operand if inside else float("inf" if operand > 0 else "-inf")


def as_weak(result: Any, source: Any) -> Any:
    """`result` as a Python number where it is made of one, such as `z.real` and `abs(x)`."""
    return type(result)(result.builder, result.value, weak=True) if source.weak else result


def common_dtype(operands: Iterable[Any]) -> DType:
    """NumPy's result type of the operands."""
    examples = [k(0) if isinstance(k, type) else k for k in map(kind, operands)]
    return check_dtype(np.result_type(*examples))


def lift_together(*operands: Any, inexact: bool = False) -> list[Any]:
    """The operands as traced values of their common dtype (at least float64 for ints when
    `inexact`).
    """
    builder = innermost(operands)
    operands = tuple(
        stacked(builder, x) if isinstance(x, (list, tuple)) and any_traced(x) else x
        for x in operands
    )
    dtype = common_dtype(operands)
    if inexact and dtype.kind in "biu":
        dtype = np.dtype(np.float64)
    return [lift(builder, operand, dtype) for operand in operands]


def lift_arrays(*operands: Any) -> list[Any]:
    """The operands as traced arrays of their common dtype, where NumPy takes `np.asarray` of each
    first: a Python number counts with its own dtype.
    """
    return lift_together(*lift_each(*operands))


def convert_to(operand: Any, dtype: DType) -> Any:
    """`operand` as an array, a number of NumPy's or a traced value of exactly `dtype`; complex to
    float is refused.
    """
    if isinstance(operand, Traced):
        return operand if operand.value.type.dtype == dtype else bind(Astype(dtype), operand)
    check_plain(type(operand))
    array = np.asarray(operand)
    if array.dtype.kind == "c" and dtype.kind != "c":
        raise DTypeError(f"a complex value where {dtype} is expected", hint="use .real")
    array = array.astype(dtype, copy=False)
    return array if isinstance(operand, np.ndarray) else array[()]
