"""`np.fft`: transforms of complex, real and Hermitian sequences, along one axis or several."""

from __future__ import annotations

import operator
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from irgrad.errors import DTypeError, OptionError, ShapeError
from irgrad.frontend.numpy_api.elementwise import real
from irgrad.frontend.numpy_api.reductions import array_of
from irgrad.frontend.registry import implements
from irgrad.frontend.sharing import copies
from irgrad.ir.types import DTYPES, normalize_axis
from irgrad.ops.base import bind
from irgrad.ops.cast import astype, conjugate
from irgrad.ops.fourier import FFT
from irgrad.ops.shape import Concatenate, Flip, pad, slice_axis

_OPPOSITE = {None: "forward", "backward": "forward", "forward": "backward", "ortho": "ortho"}
"""The normalization of the other direction."""


def _count(n: Any, default: int) -> int:
    count = default if n is None or n == -1 else operator.index(n)
    if count < 1:
        raise ShapeError(f"invalid number of data points ({count}) of a Fourier transform")
    return count


def _resized(x: Any, axis: int, count: int) -> Any:
    """`x` cut off, or continued by zeros, to `count` elements along an axis."""
    extent = x.shape[axis]
    if count <= extent:
        return x if count == extent else slice_axis(x, axis, 0, count)
    after = [count - extent if i == axis else 0 for i in range(x.ndim)]
    return pad(x, [0] * x.ndim, after)


def _scaled(y: Any, norm: Any, count: int, inverse: bool) -> Any:
    if norm not in _OPPOSITE:
        raise OptionError(f"norm must be 'backward', 'ortho' or 'forward', got {norm!r}")
    if norm == "ortho":
        return y * float(1 / np.sqrt(count))
    return y * (1 / count) if inverse == (norm != "forward") else y


def _complex(x: Any) -> Any:
    x = array_of(x)
    return astype(
        x, np.result_type(x.dtype, np.complex64) if x.dtype.kind in "fc" else DTYPES["c128"]
    )


def _transform(x: Any, n: Any, axis: int, norm: Any, inverse: bool) -> Any:
    x = _complex(x)
    along = normalize_axis(axis, x.ndim)
    count = _count(n, x.shape[along])
    return _scaled(bind(FFT(along, inverse), _resized(x, along, count)), norm, count, inverse)


@implements(np.fft.fft)
@copies
def fft(a: Any, n: Any = None, axis: int = -1, norm: Any = None, out: Any = None) -> Any:
    """`np.fft.fft`: sum_j a_j e^(-2 pi i j k / n)."""
    return _transform(a, n, axis, norm, False)


@implements(np.fft.ifft)
@copies
def ifft(a: Any, n: Any = None, axis: int = -1, norm: Any = None, out: Any = None) -> Any:
    """`np.fft.ifft`: the inverse of `fft`."""
    return _transform(a, n, axis, norm, True)


@implements(np.fft.rfft)
@copies
def rfft(a: Any, n: Any = None, axis: int = -1, norm: Any = None, out: Any = None) -> Any:
    """`np.fft.rfft`: the first half of the transform of real numbers, which tells the other."""
    x = array_of(a)
    if x.dtype.kind == "c":
        raise DTypeError("rfft takes real numbers", hint="np.fft.fft takes complex ones")
    along = normalize_axis(axis, x.ndim)
    y = _transform(x, n, along, norm, False)
    return slice_axis(y, along, 0, y.shape[along] // 2 + 1)


@implements(np.fft.irfft)
@copies
def irfft(a: Any, n: Any = None, axis: int = -1, norm: Any = None, out: Any = None) -> Any:
    """`np.fft.irfft`: the real numbers of which `a` is the first half of the transform."""
    x = _complex(a)
    along = normalize_axis(axis, x.ndim)
    count = _count(n, 2 * (x.shape[along] - 1))
    half = _resized(x, along, count // 2 + 1)
    mirrored = slice_axis(half, along, 1, (count + 1) // 2)
    whole = bind(Concatenate(along), half, bind(Flip((along,)), conjugate(mirrored)))
    return real(_transform(whole, None, along, norm, True))


@implements(np.fft.hfft)
@copies
def hfft(a: Any, n: Any = None, axis: int = -1, norm: Any = None, out: Any = None) -> Any:
    """`np.fft.hfft`: the real transform of a sequence of which `a` is the first half, and the
    other its conjugate.
    """
    return irfft(conjugate(_complex(a)), n, axis, _OPPOSITE.get(norm, norm))


@implements(np.fft.ihfft)
@copies
def ihfft(a: Any, n: Any = None, axis: int = -1, norm: Any = None, out: Any = None) -> Any:
    """`np.fft.ihfft`: the inverse of `hfft`."""
    return conjugate(rfft(a, n, axis, _OPPOSITE.get(norm, norm)))


def _plan(x: Any, s: Any, axes: Any) -> list[tuple[int, Any]]:
    """The axes and the number of points along each."""
    if axes is None:
        axes = range(x.ndim) if s is None else range(x.ndim - len(s), x.ndim)
    counts: Sequence[Any] = [None] * len(axes) if s is None else s
    if len(counts) != len(axes):
        raise ShapeError(f"shape and axes have different lengths: {s} and {tuple(axes)}")
    return [(normalize_axis(axis, x.ndim), n) for axis, n in zip(axes, counts, strict=True)]


def _several(function: Any, inverse: bool, default: Any) -> None:
    @copies
    def transform(
        a: Any, s: Any = None, axes: Any = default, norm: Any = None, out: Any = None
    ) -> Any:
        x = array_of(a)
        for axis, n in reversed(_plan(x, s, axes)):
            x = _transform(x, n, axis, norm, inverse)
        return x

    _named(function, transform)


def _several_real(function: Any, default: Any) -> None:
    @copies
    def transform(
        a: Any, s: Any = None, axes: Any = default, norm: Any = None, out: Any = None
    ) -> Any:
        x = array_of(a)
        *others, (last, n) = _plan(x, s, axes)
        x = rfft(x, n, last, norm)
        for axis, count in reversed(others):
            x = _transform(x, count, axis, norm, False)
        return x

    _named(function, transform)


def _several_to_real(function: Any, default: Any) -> None:
    @copies
    def transform(
        a: Any, s: Any = None, axes: Any = default, norm: Any = None, out: Any = None
    ) -> Any:
        x = array_of(a)
        *others, (last, n) = _plan(x, s, axes)
        for axis, count in others:
            x = _transform(x, count, axis, norm, True)
        return irfft(x, n, last, norm)

    _named(function, transform)


def _named(function: Any, transform: Callable[..., Any]) -> None:
    transform.__name__ = function.__name__
    implements(function)(transform)


_several(np.fft.fft2, False, (-2, -1))
_several(np.fft.fftn, False, None)
_several(np.fft.ifft2, True, (-2, -1))
_several(np.fft.ifftn, True, None)
_several_real(np.fft.rfft2, (-2, -1))
_several_real(np.fft.rfftn, None)
_several_to_real(np.fft.irfft2, (-2, -1))
_several_to_real(np.fft.irfftn, None)
