"""How arrays from outside lie in memory. Machine code is made for a layout at first sight: C order,
or the strides of the very array, negative and zero ones too; what it cannot address is copied."""

from __future__ import annotations

import builtins

import numpy as np

from irgrad.ir.op import Array
from irgrad.ir.types import DTYPES, SHORT, ArrayType, Shape

Layout = tuple[int, ...] | None
"""Strides in elements, 0 along axes of extent 1; None is C order."""


def fitted(array: Array, type: ArrayType) -> Array:
    """The array itself where machine code can address it: aligned, of the very dtype object in
    `DTYPES`, strides that are multiples of an element; else a copy.
    """
    dtype = DTYPES[SHORT[type.dtype]]
    if builtins.type(array) is np.ndarray and array.dtype is dtype:
        flags = array.flags
        if flags.aligned and (flags.c_contiguous or _whole(array)):
            return array
    return np.array(array, dtype, order="C", subok=False).view(dtype)


def _whole(array: Array) -> bool:
    return not any(stride % array.itemsize for stride in array.strides)


def layout_of(array: Array) -> Layout:
    """The layout of an array that machine code can address."""
    return None if array.flags.c_contiguous else layout(array.shape, array.strides, array.itemsize)


def layout(shape: Shape, strides: tuple[int, ...], itemsize: int) -> Layout:
    """Strides in bytes as a layout."""
    return tuple(s // itemsize if n != 1 else 0 for n, s in zip(shape, strides, strict=True))


def in_bytes(layout: Layout, itemsize: int) -> Layout:
    """A layout as strides in bytes."""
    return None if layout is None else tuple(s * itemsize for s in layout)


def in_c_order(array: Array) -> Array:
    """The array itself where it lies in C order, else a copy that does."""
    return array if array.flags.c_contiguous else np.array(array, order="C")
