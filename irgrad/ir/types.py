"""Types of values: a dtype and a shape, and every computation on extents.

Invariants: a dtype is one of `DTYPES`; extents are non-negative ints, or `DYNAMIC` for the leading
extent of what a loop with an unknown number of steps stacks: only loops take and give such values.
Ops compute shapes only through this module, so that symbolic extents can join later without
touching them."""

from __future__ import annotations

import math
import operator
import re
from collections.abc import Iterable, Sequence
from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np

from irgrad.errors import ArgumentError, DTypeError, ShapeError, UnsupportedError

Shape = tuple[int, ...]
DType = np.dtype[Any]

_NAMES = {
    "bool": "bool",
    "i8": "int8",
    "i16": "int16",
    "i32": "int32",
    "i64": "int64",
    "u8": "uint8",
    "u16": "uint16",
    "u32": "uint32",
    "u64": "uint64",
    "f32": "float32",
    "f64": "float64",
    "c64": "complex64",
    "c128": "complex128",
}
DTYPES: dict[str, DType] = {short: np.dtype(name) for short, name in _NAMES.items()}
SHORT: dict[DType, str] = {dtype: short for short, dtype in DTYPES.items()}
BOOL, I64, F64 = DTYPES["bool"], DTYPES["i64"], DTYPES["f64"]
DYNAMIC = -1
"""An extent that is known only when the program runs, written `?`."""


class ArrayType(NamedTuple):
    """The type of a value: element dtype and shape, written `f64[4,3]`.

    >>> ArrayType.parse("f64[4,3]").size
    12
    """

    dtype: DType
    shape: Shape

    @property
    def ndim(self) -> int:
        """Number of axes."""
        return len(self.shape)

    @property
    def size(self) -> int:
        """Number of elements."""
        return math.prod(self.shape)

    @property
    def nbytes(self) -> int:
        """Bytes of one contiguous array of this type."""
        return self.size * self.dtype.itemsize

    @property
    def is_dynamic(self) -> bool:
        """Whether the leading extent is known only when the program runs."""
        return DYNAMIC in self.shape

    def __str__(self) -> str:
        extents = ["?" if extent == DYNAMIC else str(extent) for extent in self.shape]
        return f"{SHORT[self.dtype]}[{','.join(extents)}]"

    @staticmethod
    def parse(text: str) -> ArrayType:
        """The type written as `text`; a ValueError when it is not one."""
        match = re.fullmatch(r"\s*(\w+)\s*\[([\d,?\s]*)\]\s*", text)
        if match is None or match[1] not in DTYPES:
            known = ", ".join(DTYPES)
            raise ValueError(
                f"{text!r} is not a type: write dtype[shape] such as f64[4,3]; dtypes: {known}"
            )
        dtype = DTYPES[match[1]]
        extents = [n.strip() for n in match[2].split(",") if n.strip()]
        try:
            shape = tuple(DYNAMIC if n == "?" else int(n) for n in extents)
        except ValueError:
            raise ValueError(f"{text!r} is not a type: its shape has no commas") from None
        if math.prod(n for n in shape if n > 0) * dtype.itemsize > np.iinfo(np.intp).max:
            raise ValueError(f"{text!r} is larger than memory can be")
        return ArrayType(dtype, shape)


def dtype_argument(dtype: Any) -> DType:
    """The dtype that a `dtype=` argument says; an array is refused, as NumPy refuses it."""
    if hasattr(dtype, "dtype") and not isinstance(dtype, type):
        raise DTypeError(
            "a dtype is expected, got an array or a traced value",
            hint="write y.dtype, or a dtype such as np.float64",
        )
    return check_dtype(np.dtype(dtype))


def check_dtype(dtype: DType) -> DType:
    """`dtype` in native byte order if irgrad has it, as the object in `DTYPES`; else a `DTypeError`
    that lists what it has.
    """
    native = dtype if dtype.isnative else dtype.newbyteorder("=")
    if native not in SHORT:
        remedy = (
            "use .astype(np.float32)"
            if dtype == np.float16
            else "use .astype(np.float64) or another of those"
        )
        raise DTypeError(
            f"dtype {dtype} is not supported; supported: {', '.join(_NAMES.values())}", hint=remedy
        )
    return DTYPES[SHORT[native]]  # of equal dtype objects the one that backends may compare by `is`


def check_plain(kind: Any) -> None:
    """Refuse a subclass of ndarray whose arithmetic is its own: its meaning would be lost."""
    plain: Any = np.ndarray
    if kind is plain or not issubclass(kind, plain):
        return
    if kind.__mul__ is plain.__mul__ and kind.__array_ufunc__ is plain.__array_ufunc__:
        return
    if issubclass(kind, np.ma.MaskedArray):
        remedy = "pass m.filled(0.0) and the mask, and choose with np.where(mask, a, b)"
    elif issubclass(kind, np.matrix):
        remedy = "pass np.asarray(M), and write @ for the matrix product"
    else:
        remedy = "pass np.asarray(a), and write out what the class adds"
    name = f"{kind.__module__}.{kind.__qualname__}"
    raise UnsupportedError(
        f"an array of type {name}, whose arithmetic is its own, is not supported", hint=remedy
    )


def type_of(array: Any) -> ArrayType:
    """The type of a NumPy array or scalar."""
    check_plain(type(array))
    dtype = array.dtype
    name = SHORT.get(dtype)
    return ArrayType(check_dtype(dtype) if name is None else DTYPES[name], array.shape)


def is_inexact(dtype: DType) -> bool:
    """Whether values of `dtype` can carry a derivative: float or complex."""
    return dtype.kind in "fc"


def real_dtype(dtype: DType) -> DType:
    """The dtype of the real part."""
    return {"c64": DTYPES["f32"], "c128": DTYPES["f64"]}.get(SHORT[dtype], dtype)


def broadcast_shapes(*shapes: Shape) -> Shape:
    """NumPy's broadcasting of shapes; a `ShapeError` says which extents clash."""
    first = shapes[0] if shapes else ()
    if all(shape == first for shape in shapes):
        return first
    ndim = max(map(len, shapes))
    result: list[int] = []
    for axis in range(-ndim, 0):
        extents = dict.fromkeys(shape[axis] for shape in shapes if len(shape) >= -axis)
        extents.pop(1, None)
        if len(extents) > 1:
            raise ShapeError(
                f"shapes {' and '.join(map(str, shapes))} do not broadcast: "
                f"axis {axis} is {' and '.join(map(str, extents))}",
                hint="axes are matched from the last one on, and an extent of 1 fits any other: "
                "x[:, None] puts an axis of 1 last, x[None] first",
            )
        result.append(next(iter(extents), 1))
    return tuple(result)


def broadcast_axes(shape: Shape, result: Shape) -> tuple[int, ...]:
    """The axes of `result` along which an operand of `shape` is repeated (or which it lacks)."""
    lead = len(result) - len(shape)
    return tuple(range(lead)) + tuple(
        axis + lead for axis, extent in enumerate(shape) if extent == 1 and result[axis + lead] != 1
    )


def normalize_axis(axis: int, ndim: int) -> int:
    """`axis` counted from 0; a `ShapeError` when there is no such axis, an `ArgumentError` for what
    is no int.
    """
    try:
        axis = operator.index(axis)
    except TypeError:
        raise ArgumentError(f"an axis is an int, got {axis!r}", hint="write 1, not 1.0") from None
    if not -ndim <= axis < ndim:
        expected = f": expected {-ndim} to {ndim - 1}" if ndim else ", which has no axes"
        raise ShapeError(
            f"axis {axis} is out of bounds for an array of {ndim} dimension{'s' * (ndim != 1)}"
            f"{expected}",
            hint="axes are numbered from 0, and -1 is the last" if ndim else "leave axis away",
        )
    return axis % ndim


def normalize_axes(axis: int | Sequence[int] | None, ndim: int) -> tuple[int, ...]:
    """NumPy's `axis=` argument as a tuple of distinct axes in increasing order; None means all."""
    if axis is None:
        return tuple(range(ndim))
    axes = [normalize_axis(a, ndim) for a in (axis if isinstance(axis, Iterable) else (axis,))]
    if len(set(axes)) != len(axes):
        raise ShapeError(
            f"an axis stands twice in axis={axis}", hint="-1 is the last axis by another name"
        )
    return tuple(sorted(axes))


def drop_axes(shape: Shape, axes: Iterable[int]) -> Shape:
    """`shape` without `axes`."""
    gone = set(axes)
    return tuple(extent for axis, extent in enumerate(shape) if axis not in gone)


def keep_axes(shape: Shape, axes: Iterable[int]) -> Shape:
    """`shape` with 1 at each of `axes`."""
    ones = set(axes)
    return tuple(1 if axis in ones else extent for axis, extent in enumerate(shape))


def slice_extent(start: int, stop: int, step: int) -> int:
    """Number of indices start, start + step, ... below stop (step > 0)."""
    return max(0, -((start - stop) // step))


@lru_cache(maxsize=4096)
def contiguous_strides(shape: Shape) -> Shape:
    """Strides, in elements, of a C-contiguous array."""
    strides = [1]
    for extent in reversed(shape[1:]):
        strides.append(strides[-1] * extent)
    return tuple(reversed(strides[: len(shape)]))
