"""The classes of ops, from which derivatives follow.

- `Elementwise`: given by its partial derivatives. Forward is sum_i partial_i * x_dot_i; reverse is
  y_bar * partial_i with the broadcast undone.
- `Linear`: linear in some operands together, given by its transpose. Forward is the op itself on
  the tangents.
- `Bilinear`: linear in each of two operands apart, given by its transpose in each.
- `Flat`: no derivative (comparisons, floor, argmax, ...): piecewise constant, or not of a float.

Complex numbers follow JAX: the pairing of a cotangent and a tangent is Re(sum y_bar * y_dot),
without conjugation, so that a holomorphic function's rule is the same as its real one."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cache, lru_cache
from typing import Any

import numpy as np

from irgrad.errors import DTypeError
from irgrad.ir.builder import Traced
from irgrad.ir.op import Array, Op, register_instance
from irgrad.ir.types import ArrayType, DType, broadcast_axes, broadcast_shapes, check_dtype

Partial = Callable[..., Any] | int | None
UFUNCS: dict[np.ufunc, Elementwise] = {}


def bind(op: Op, *operands: Any) -> Any:
    """Apply `op`: emitted where an operand is traced, computed at once where none is."""
    builder = None
    for operand in operands:
        if isinstance(operand, Traced) and (
            builder is None or operand.builder.level > builder.level
        ):
            builder = operand.builder
    return (
        op.reference(*map(np.asarray, operands)) if builder is None else builder.bind(op, operands)
    )


class Elementwise(Op):
    """A ufunc with its partial derivatives.

    Each partial is a function of all operands and the output, `lambda x, y: ...` for a unary op,
    written in NumPy; or the number 1 or -1; or None where the op is flat in that operand."""

    def __init__(self, name: str, ufunc: np.ufunc, *partials: Partial) -> None:
        if len(partials) != ufunc.nin:
            raise ValueError(
                f"{name} takes {ufunc.nin} operands, got {len(partials)} partial derivatives"
            )
        self.name = name  # pyright: ignore[reportAttributeAccessIssue] -- a constant of the single instance
        self.ufunc = ufunc
        self.partials = partials

    def loop(self, operands: tuple[Any, ...]) -> tuple[DType, ...]:
        """The dtypes in which NumPy computes for operands of these dtypes (or Python number
        types).
        """
        return _loop(self.ufunc, operands)

    def result_types(self, *operands: ArrayType) -> tuple[ArrayType, ...]:
        return _elementwise_type(self, operands)

    def reference(self, *operands: Array) -> Array:
        return np.asarray(self.ufunc(*operands))

    def differentiable(self, operand: int) -> bool:
        return self.partials[operand] is not None

    def jvp(
        self, primals: Sequence[Any], outputs: Sequence[Any], tangents: Sequence[Any]
    ) -> Sequence[Any]:
        total = None
        for partial, tangent in zip(self.partials, tangents, strict=True):
            if tangent is not None and partial is not None:
                term = _scaled(tangent, partial, primals, outputs[0])
                total = term if total is None else total + term
        return [None if total is None else broadcast_to(total, outputs[0].shape)]

    def vjp(
        self,
        primals: Sequence[Any],
        outputs: Sequence[Any],
        cotangents: Sequence[Any],
        wanted: Sequence[bool],
    ) -> Sequence[Any]:
        return [
            sum_to(_scaled(cotangents[0], partial, primals, outputs[0]), primal.shape)
            if want and partial is not None
            else None
            for partial, primal, want in zip(self.partials, primals, wanted, strict=True)
        ]


def elementwise(name: str, ufunc: np.ufunc, *partials: Partial) -> Elementwise:
    """Define and register an elementwise op; from then on `ufunc` on traced values means this
    op.
    """
    op = Elementwise(name, ufunc, *partials)
    register_instance(op)
    UFUNCS[ufunc] = op
    return op


def _scaled(
    value: Any, partial: Callable[..., Any] | int, primals: Sequence[Any], output: Any
) -> Any:
    if isinstance(partial, int):
        return value if partial == 1 else -value
    return value * partial(*primals, output)


@cache
def _loop(ufunc: np.ufunc, operands: tuple[Any, ...]) -> tuple[DType, ...]:
    try:
        dtypes = ufunc.resolve_dtypes((*operands, *(None,) * ufunc.nout))
    except TypeError:
        listed = ", ".join(
            getattr(dtype, "name", getattr(dtype, "__name__", "?")) for dtype in operands
        )
        raise DTypeError(f"{ufunc.__name__} does not take operands of dtype {listed}") from None
    return tuple(map(check_dtype, dtypes))


@lru_cache(maxsize=8192)
def _elementwise_type(op: Elementwise, operands: tuple[ArrayType, ...]) -> tuple[ArrayType, ...]:
    if len(operands) != op.ufunc.nin:
        raise DTypeError(f"{op.name} takes {op.ufunc.nin} operands, got {len(operands)}")
    dtypes = tuple(operand.dtype for operand in operands)
    loop = op.loop(dtypes)
    if loop[: len(dtypes)] != dtypes:
        needed, got = (", ".join(map(str, group)) for group in (loop[: len(dtypes)], dtypes))
        raise DTypeError(f"{op.name} computes in {needed}, got {got}", hint="insert astype")
    try:
        shape = broadcast_shapes(*(operand.shape for operand in operands))
    except ValueError as error:
        raise type(error)(f"{op.name}: {error}") from None
    return (ArrayType(loop[-1], shape),)


class Linear(Op):
    """Linear in the operands from `first_linear` on, together; given by its transpose in each."""

    first_linear = 0

    def transpose(self, operand: int, cotangent: Any, primals: Sequence[Any]) -> Any:
        """The cotangent of one linear operand."""
        raise NotImplementedError

    def differentiable(self, operand: int) -> bool:
        return operand >= self.first_linear

    def jvp(
        self, primals: Sequence[Any], outputs: Sequence[Any], tangents: Sequence[Any]
    ) -> Sequence[Any]:
        directions = [
            primal
            if not self.differentiable(slot)
            else zeros_like(primal)
            if tangent is None
            else tangent
            for slot, (primal, tangent) in enumerate(zip(primals, tangents, strict=True))
        ]
        return [bind(self, *directions)]

    def vjp(
        self,
        primals: Sequence[Any],
        outputs: Sequence[Any],
        cotangents: Sequence[Any],
        wanted: Sequence[bool],
    ) -> Sequence[Any]:
        return [
            self.transpose(slot, cotangents[0], primals)
            if want and self.differentiable(slot)
            else None
            for slot, want in enumerate(wanted)
        ]


class Bilinear(Op):
    """Linear in each of two operands while the other is held fixed; given by its transpose in
    each.
    """

    def transpose(self, operand: int, cotangent: Any, primals: Sequence[Any]) -> Any:
        """The cotangent of one operand."""
        raise NotImplementedError

    def jvp(
        self, primals: Sequence[Any], outputs: Sequence[Any], tangents: Sequence[Any]
    ) -> Sequence[Any]:
        (x, y), (x_dot, y_dot) = primals, tangents
        terms = [] if x_dot is None else [bind(self, x_dot, y)]
        terms += [] if y_dot is None else [bind(self, x, y_dot)]
        return [terms[0] + terms[1] if len(terms) == 2 else terms[0]]

    def vjp(
        self,
        primals: Sequence[Any],
        outputs: Sequence[Any],
        cotangents: Sequence[Any],
        wanted: Sequence[bool],
    ) -> Sequence[Any]:
        return [
            self.transpose(slot, cotangents[0], primals) if want else None
            for slot, want in enumerate(wanted)
        ]


class Flat(Op):
    """No derivative: piecewise constant, or not a float."""

    def differentiable(self, operand: int) -> bool:
        return False


# The notation of the rules: what every class needs, defined over ops that other files of this
# package hold.


def zeros_like(x: Any) -> Any:
    """Zeros with the dtype and shape of `x`, as a broadcast constant."""
    return full(x, x.shape, np.zeros((), x.dtype)[()])


def full(like: Any, shape: tuple[int, ...], value: Any) -> Any:
    """The NumPy scalar `value` in every place of `shape`, traced where `like` is."""
    from irgrad.ops.shape import broadcast_constant

    return broadcast_constant(like, shape, value)


def broadcast_to(x: Any, shape: tuple[int, ...]) -> Any:
    """`x` repeated to `shape`; `x` itself where it has that shape."""
    from irgrad.ops.shape import BroadcastTo

    return x if x.shape == tuple(shape) else bind(BroadcastTo(tuple(shape)), x)


def sum_to(x: Any, shape: tuple[int, ...]) -> Any:
    """The transpose of `broadcast_to`: `x` summed over the axes along which `shape` was
    repeated.
    """
    from irgrad.ops.reduction import Sum
    from irgrad.ops.shape import reshape

    if x.shape == shape:
        return x
    axes = broadcast_axes(shape, x.shape)
    return reshape(bind(Sum(axes), x) if axes else x, shape)
