"""What the call of a ufunc, or of one of its methods, means on operands of any kind."""

from __future__ import annotations

from typing import Any

import numpy as np

from irgrad.errors import UnsupportedError
from irgrad.frontend.out import check_out
from irgrad.frontend.promote import any_traced, comparable, innermost, kind, lift
from irgrad.frontend.refused import on_numbers
from irgrad.frontend.registry import FUNCTIONS
from irgrad.frontend.view import write_result
from irgrad.ir.builder import Traced
from irgrad.ir.graph import Value
from irgrad.ir.types import I64, dtype_argument
from irgrad.ops.elementwise import UFUNCS, Elementwise

COMPARISONS = (np.equal, np.not_equal, np.less, np.less_equal, np.greater, np.greater_equal)


def call_elementwise(op: Elementwise, operands: tuple[Any, ...], operator: bool = False) -> Any:
    """Emit an elementwise op on operands of any kind, promoted as its ufunc would."""
    builder = innermost(operands)
    if op.ufunc in COMPARISONS and any(type(operand) is int for operand in operands):
        operands = tuple(map(comparable, operands, operands[::-1]))
    if any(isinstance(operand, (list, tuple)) and any_traced(operand) for operand in operands):
        operands = tuple(lift(builder, x) if isinstance(x, (list, tuple)) else x for x in operands)
    loop = op.loop(_kinds(operands))
    if op.on_complex is not None and loop[0].kind == "c":
        op = op.on_complex
    values = [
        builder.lift(
            operand
            if isinstance(operand, Traced) and operand.value.type.dtype == dtype
            else lift(builder, operand, dtype)
        )
        for operand, dtype in zip(operands, loop, strict=False)
    ]
    weak = (
        operator
        and all(isinstance(kind(operand), type) for operand in operands)
        and loop[-1].kind in "ifc"
    )
    result = builder.wrap(builder, Value(builder.emit(op, values), 0))
    result.weak = weak
    return result


def _kinds(operands: tuple[Any, ...]) -> tuple[Any, ...]:
    """What decides promotion; among Python ints alone, a traced one is an int64, as ufuncs have
    it.
    """
    kinds = tuple(map(kind, operands))
    if any(each is not int for each in kinds):
        return kinds
    return tuple(I64 if isinstance(x, Traced) else int for x in operands)


def call_ufunc(
    ufunc: np.ufunc, inputs: tuple[Any, ...], method: str = "__call__", kwargs: Any = None
) -> Any:
    """What a ufunc call, or a ufunc's method, means on traced operands."""
    if method != "__call__":
        implementation = FUNCTIONS.get((ufunc, method)) or FUNCTIONS.get(method)
        if implementation is None:
            bound, name = getattr(ufunc, method), f"np.{ufunc.__name__}.{method}"
            return on_numbers(bound, name, inputs, kwargs or {})
        options = dict(kwargs or {})
        (out,) = options.pop("out", None) or (None,)
        if out is None:
            return implementation(ufunc, *inputs, **options)
        check_out(f"np.{ufunc.__name__}.{method}", out)
        traced = any(map(any_traced, inputs))
        result = (
            implementation(ufunc, *inputs, **options)
            if traced
            else getattr(ufunc, method)(*inputs, **options)
        )
        return write_result(f"np.{ufunc.__name__}.{method}", out, result)
    options = {key: option for key, option in (kwargs or {}).items() if option is not None}
    outs, where = options.pop("out", ()), options.pop("where", True)
    dtype, casting = options.pop("dtype", None), options.pop("casting", "same_kind")
    if options or (where is not True and not any(out is not None for out in outs)):
        raise UnsupportedError(
            f"np.{ufunc.__name__}: {', '.join(options) or 'where'}= is not supported on traced "
            "values",
            hint="use np.where for where=, or give out= too",
        )
    if len(inputs) > ufunc.nin:
        inputs, outs = inputs[: ufunc.nin], inputs[ufunc.nin :]
    result = _ufunc_result(ufunc, inputs, dtype)
    if not outs:
        return result
    results = result if isinstance(result, tuple) else (result,)
    written = tuple(
        each if out is None else _into(f"np.{ufunc.__name__}", out, each, where, casting)
        for out, each in zip(outs, results, strict=True)
    )
    return written if isinstance(result, tuple) else written[0]


def _ufunc_result(ufunc: np.ufunc, inputs: tuple[Any, ...], dtype: Any) -> Any:
    if not any(map(any_traced, inputs)):
        return ufunc(*inputs, dtype=dtype)
    op = UFUNCS.get(ufunc)
    if op is None:
        implementation = FUNCTIONS.get(ufunc)
        if implementation is None:
            options = {} if dtype is None else {"dtype": dtype}
            return on_numbers(ufunc, f"the ufunc {ufunc.__name__}", inputs, options)
        result = implementation(*inputs)
    else:
        if dtype is not None:
            builder = innermost(inputs)
            inputs = tuple(lift(builder, x, dtype_argument(dtype)) for x in inputs)
        result = call_elementwise(op, inputs)
    return result.astype(dtype) if dtype is not None and result.dtype != dtype else result


def _into(name: str, out: Any, result: Any, where: Any, casting: Any) -> Any:
    """`out` with the result in it, at the places `where` alone."""
    check_out(name, out)
    if where is not True:
        result = np.where(where, result, out)
    return write_result(name, out, result, casting)
