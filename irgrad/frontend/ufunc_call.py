"""What the call of a ufunc, or of one of its methods, means on operands of any kind."""

from __future__ import annotations

from typing import Any

import numpy as np

from irgrad.errors import OptionError
from irgrad.frontend.gufunc import along_axes
from irgrad.frontend.out import check_out
from irgrad.frontend.promote import (
    any_traced,
    common_dtype,
    comparable,
    innermost,
    kind,
    lift,
    lift_each,
)
from irgrad.frontend.refused import on_numbers
from irgrad.frontend.registry import FUNCTIONS
from irgrad.frontend.ufunc_loop import UNASKED, Asked, resolved
from irgrad.frontend.view import write_result
from irgrad.ir.builder import Builder, Traced
from irgrad.ir.graph import Value
from irgrad.ir.types import I64, is_inexact
from irgrad.ops.elementwise import UFUNCS, Elementwise

COMPARISONS = (np.equal, np.not_equal, np.less, np.less_equal, np.greater, np.greater_equal)


def call_elementwise(
    op: Elementwise,
    operands: tuple[Any, ...],
    operator: bool = False,
    asked: Asked = UNASKED,
    where: Any = True,
) -> Any:
    """Emit an elementwise op on operands of any kind, promoted as its ufunc would."""
    builder = innermost((*operands, where))
    if op.ufunc in COMPARISONS and any(type(operand) is int for operand in operands):
        operands = tuple(map(comparable, operands, operands[::-1]))
    if any(isinstance(operand, (list, tuple)) and any_traced(operand) for operand in operands):
        operands = tuple(lift(builder, x) if isinstance(x, (list, tuple)) else x for x in operands)
    loop = resolved(op.ufunc, _kinds(operands), asked)
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
    if where is not True and any(map(callable, op.partials)):
        values = [builder.lift(_harmless(builder, value, where)) for value in values]
    weak = (
        operator
        and all(isinstance(kind(operand), type) for operand in operands)
        and loop[-1].kind in "ifc"
    )
    result = builder.wrap(builder, Value(builder.emit(op, values), 0))
    result.weak = weak
    return result


def _harmless(builder: Builder, value: Value, where: Any) -> Any:
    """An operand with 1 at the places that are left out: whatever the ufunc and its derivatives
    make of the numbers there, 1 / 0 say, reaches neither results nor gradients.
    """
    operand = builder.wrap(builder, value)
    if value.constant is not None or not is_inexact(value.type.dtype):
        return operand
    return np.where(where, operand, np.ones((), value.type.dtype)[()])


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
        return _call_method(ufunc, method, inputs, dict(kwargs or {}))
    options = {key: option for key, option in (kwargs or {}).items() if option is not None}
    name = f"np.{ufunc.__name__}"
    outs = options.pop("out", ())
    if len(inputs) > ufunc.nin:
        inputs, outs = inputs[: ufunc.nin], inputs[ufunc.nin :]
    asked = Asked.of(ufunc, options)
    where = options.pop("where", True)
    _check_memory_order(options)
    results = _results(ufunc, inputs, asked, where, options)
    if where is not True or any(out is not None for out in outs):
        outs = outs or (None,) * len(results)
        results = tuple(
            _into(name, out, result, where, asked.casting)
            for out, result in zip(outs, results, strict=True)
        )
    return results if ufunc.nout > 1 else results[0]


def _call_method(ufunc: np.ufunc, method: str, inputs: Any, options: dict[str, Any]) -> Any:
    """`ufunc.reduce` and kin; without dtype= they compute in the dtype of out=, as NumPy does."""
    name = f"np.{ufunc.__name__}.{method}"
    implementation = FUNCTIONS.get((ufunc, method)) or FUNCTIONS.get(method)
    if implementation is None:
        return on_numbers(getattr(ufunc, method), name, inputs, options)
    (out,) = options.pop("out", None) or (None,)
    if out is None:
        return implementation(ufunc, *inputs, **options)
    check_out(name, out)
    if not any(map(any_traced, inputs)):
        return write_result(name, out, getattr(ufunc, method)(*inputs, **options))
    given = len(inputs) > 2 or options.get("dtype") or method in ("at", "outer")
    if not given and np.can_cast(common_dtype(inputs[:1]), out.dtype, "same_kind"):
        options["dtype"] = out.dtype
    return write_result(name, out, implementation(ufunc, *inputs, **options))


def _check_memory_order(options: dict[str, Any]) -> None:
    """`order=` says how the result lies in memory, `subok=` what becomes of subclasses: traced
    values have neither.
    """
    options.pop("subok", None)
    order = options.pop("order", "K")
    if str(order).upper() not in ("K", "A", "C", "F"):
        raise OptionError(f"order must be one of 'C', 'F', 'A' or 'K', got {order!r}")


def _results(
    ufunc: np.ufunc, inputs: tuple[Any, ...], asked: Asked, where: Any, core: dict[str, Any]
) -> tuple[Any, ...]:
    """What the ufunc gives, before it is put into `out=`; `core` are options of generalized
    ufuncs.
    """
    op = UFUNCS.get(ufunc)
    implementation = FUNCTIONS.get(ufunc)
    results: Any
    if not any(map(any_traced, inputs)):
        results = ufunc(*inputs, **asked.options(), **core)
    elif op is not None and not core:
        results = call_elementwise(op, inputs, asked=asked, where=where)
    elif implementation is None or (core and ufunc.signature is None):
        options = {**asked.options(), **core}
        results = on_numbers(ufunc, f"the ufunc {ufunc.__name__}", inputs, options)
    else:
        inputs = tuple(lift_each(*inputs)) if any(map(_is_list, inputs)) else inputs
        loop = resolved(ufunc, _kinds(inputs), asked)
        if asked is not UNASKED:
            builder = innermost(inputs)
            inputs = tuple(lift(builder, x, t) for x, t in zip(inputs, loop, strict=False))
        results = along_axes(ufunc, implementation, inputs, **core)
    return results if ufunc.nout > 1 else (results,)


def _is_list(operand: Any) -> bool:
    return isinstance(operand, (list, tuple)) and any_traced(operand)


def _into(name: str, out: Any, result: Any, where: Any, casting: str) -> Any:
    """`out` with the result in it, at the places `where` alone; a new array, which has zeros in the
    others, where none is given.
    """
    if out is None:
        return result if where is True else np.where(where, result, np.zeros((), result.dtype)[()])
    check_out(name, out)
    if where is not True:
        result = np.where(where, result, out)
    elif np.shape(result) != out.shape and len(np.shape(result)) <= out.ndim:
        result = np.broadcast_to(result, out.shape)
    return write_result(name, out, result, casting)
