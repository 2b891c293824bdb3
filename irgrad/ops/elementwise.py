"""Elementwise ops: a ufunc and its partial derivatives.

Forward is sum_i partial_i * x_dot_i; reverse is y_bar * partial_i with the broadcast undone, here
for every op.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from functools import cache, lru_cache
from typing import Any

import numpy as np

from irgrad.errors import DTypeError, ShapeError
from irgrad.ir.op import Array, Op, register_instance
from irgrad.ir.types import DTYPES, I64, SHORT, ArrayType, DType, broadcast_shapes
from irgrad.ops.base import bind
from irgrad.ops.batching import aligned
from irgrad.ops.linear import broadcast_to, sum_to

Partial = Callable[..., Any] | int | None
_NAME = re.compile(r"[A-Za-z_][\w.]*", re.ASCII)
HALF, F32 = np.dtype(np.float16), DTYPES["f32"]
UFUNCS: dict[np.ufunc, Elementwise] = {}


class Elementwise(Op):
    """A ufunc with its partial derivatives.

    Each partial is a function of all operands and the output, `lambda x, y: ...` for a unary op,
    written in NumPy; or the number 1 or -1; or None where the op is flat in that operand.
    `on_complex` is the op that its ufunc means on complex numbers, where that is another one."""

    is_elementwise = True
    on_complex: Elementwise | None = None

    def __init__(self, name: str, ufunc: np.ufunc, *partials: Partial) -> None:
        if not _NAME.fullmatch(name):
            raise ValueError(
                f"{name!r} cannot be the name of an op: the text form writes it as a word of "
                "letters, digits, '_' and '.'"
            )
        if len(partials) != ufunc.nin:
            raise ValueError(
                f"{name} takes {ufunc.nin} operands, got {len(partials)} partial derivatives"
            )
        if ufunc.nout != 1:
            raise ValueError(
                f"{name} gives {ufunc.nout} results, an elementwise op has one: write a class, "
                "of irgrad.ops.base.Pointwise, for a function that has several"
            )
        self.name = name  # pyright: ignore[reportAttributeAccessIssue] -- a constant of the single instance
        self.ufunc = ufunc
        self.partials = partials

    @property
    def is_ufunc(self) -> bool:
        """Whether it computes what its ufunc does: no subclass means something else."""
        return type(self).reference is Elementwise.reference

    def loop(self, operands: tuple[Any, ...]) -> tuple[DType, ...]:
        """The dtypes in which NumPy computes for operands of these dtypes (or Python number
        types).
        """
        return ufunc_loop(self.ufunc, operands)

    def promoted(self, *kinds: Any) -> tuple[Any, ...]:
        return self.loop(kinds)[: len(kinds)]

    def result_types(self, *operands: ArrayType) -> tuple[ArrayType, ...]:
        return _elementwise_type(self, operands)

    def reference(self, *operands: Array) -> Array:
        return np.asarray(self.ufunc(*operands))

    def batch(self, operands: Sequence[Any], batched: Sequence[bool]) -> Sequence[Any]:
        return [bind(self, *aligned(operands, batched))]

    def differentiable(self, operand: int) -> bool:
        return self.partials[operand] is not None

    def scaled(self, value: Any, operand: int, primals: Sequence[Any], output: Any) -> Any:
        """A tangent or cotangent times the partial derivative in an operand."""
        partial = self.partials[operand]
        if partial is None or isinstance(partial, int):
            return value if partial == 1 else -value
        return value * partial(*primals, output)

    def jvp(
        self, primals: Sequence[Any], outputs: Sequence[Any], tangents: Sequence[Any]
    ) -> Sequence[Any]:
        total = None
        for operand, tangent in enumerate(tangents):
            if tangent is not None and self.differentiable(operand):
                term = self.scaled(tangent, operand, primals, outputs[0])
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
            sum_to(self.scaled(cotangents[0], operand, primals, outputs[0]), primal.shape)
            if want and self.differentiable(operand)
            else None
            for operand, (primal, want) in enumerate(zip(primals, wanted, strict=True))
        ]


def elementwise(name: str, ufunc: np.ufunc, *partials: Partial) -> Elementwise:
    """Define and register an elementwise op; from then on `ufunc` on traced values means this
    op. Each partial derivative is a function of all operands and the result, in NumPy. A
    `ValueError` for a ufunc of several results, or of another number of operands.

    >>> from scipy import special
    >>> import irgrad
    >>> _ = elementwise("wofz", special.wofz, lambda z, w: 2j / np.sqrt(np.pi) - 2 * z * w)
    >>> _, slope = irgrad.jvp(special.wofz, (1j,), (1.0 + 0j,))
    >>> slope.round(6)
    np.complex128(0.273212j)
    """
    return registered(Elementwise(name, ufunc, *partials))


def registered(op: Elementwise) -> Elementwise:
    """Register an elementwise op as the meaning of its ufunc on traced values."""
    register_instance(op)
    UFUNCS[op.ufunc] = op
    return op


@cache
def ufunc_loop(ufunc: np.ufunc, operands: tuple[Any, ...]) -> tuple[DType, ...]:
    """The dtypes of operands and results in which NumPy computes a ufunc."""
    listed = ", ".join(
        getattr(dtype, "name", getattr(dtype, "__name__", "?")) for dtype in operands
    )
    if all(dtype is int for dtype in operands):  # which NumPy compares as objects
        operands = (I64,) * len(operands)
    try:
        dtypes = ufunc.resolve_dtypes((*operands, *(None,) * ufunc.nout))
    except TypeError:
        raise DTypeError(f"{ufunc.__name__} does not take operands of dtype {listed}") from None
    if HALF not in dtypes[len(operands) :]:  # signbit of int8: float32 holds the same numbers
        dtypes = tuple(F32 if dtype == HALF else dtype for dtype in dtypes)
    unsupported = [dtype for dtype in dtypes if dtype not in SHORT]
    if unsupported:
        raise DTypeError(
            f"{ufunc.__name__} of {listed} computes in {unsupported[0]}, which is not supported",
            hint="convert first: x.astype(np.float32) or x.astype(np.float64)",
        )
    return dtypes


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
    except ShapeError as error:
        error.message = f"{op.name}: {error.message}"
        raise
    return (ArrayType(loop[-1], shape),)
