"""Products of vectors and matrices: dot, matmul, tensordot and kin, all through `contract`."""

from __future__ import annotations

import operator
from collections.abc import Sequence
from typing import Any

import numpy as np

from irgrad.errors import ArgumentError, ShapeError, TraceError
from irgrad.frontend.contraction import contracted
from irgrad.frontend.numpy_api.shape import axes_in_order, moveaxis, ravel
from irgrad.frontend.pick import gather_axis
from irgrad.frontend.promote import any_traced, lift_arrays, lift_each
from irgrad.frontend.registry import implements, method
from irgrad.frontend.sharing import copies
from irgrad.ir.types import I64, broadcast_shapes, normalize_axis
from irgrad.ops.cast import conjugate
from irgrad.ops.create import iota
from irgrad.ops.linear import broadcast_to, full, reshape
from irgrad.ops.shape import pad, slice_axis

LETTERS = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
BATCH = LETTERS[3:]


def _product(name: str, a: Any, left: str, b: Any, right: str, result: str) -> Any:
    """A product of cores `left` and `right`, with the axes before them broadcast."""
    a, b = lift_arrays(a, b)
    for x, core in ((a, left), (b, right)):
        if x.ndim < len(core):
            raise ShapeError(
                f"{name}: {x.value!r} has too few axes, {len(core)} are needed",
                hint="use * for scalars",
            )
    leads = [x.shape[: x.ndim - len(core)] for x, core in ((a, left), (b, right))]
    broadcast_shapes(*leads)
    width = max(map(len, leads))
    batch = [BATCH[width - len(lead) : width] for lead in leads]
    _check_shared(name, a, left, b, right)
    return contracted(a, batch[0] + left, b, batch[1] + right, BATCH[:width] + result)


def _check_shared(name: str, a: Any, left: str, b: Any, right: str) -> None:
    """The summed axes must have equal extents: unlike einsum, 1 does not broadcast there."""
    for c in set(left) & set(right):
        one, other = (
            a.shape[a.ndim - len(left) + left.index(c)],
            b.shape[b.ndim - len(right) + right.index(c)],
        )
        if one != other:
            raise ShapeError(
                f"{name}: {a.value!r} and {b.value!r} do not fit, the summed axes are "
                f"{one} and {other}",
                hint="a @ b needs a.shape[-1] == b.shape[-2], or b.shape[0] for a vector b",
            )


@implements(np.matmul, np.linalg.matmul)
@copies
def matmul(a: Any, b: Any, /) -> Any:
    """`a @ b`, with NumPy's broadcasting of leading axes."""
    left = "b" if np.ndim(a) == 1 else "ab"
    right = "b" if np.ndim(b) == 1 else "bc"
    return _product("matmul", a, left, b, right, left[:-1] + right[1:])


@implements("matvec")
@copies
def matvec(a: Any, b: Any, /) -> Any:
    """`np.matvec`: matrices times vectors."""
    return _product("matvec", a, "ab", b, "b", "a")


@implements("vecmat")
@copies
def vecmat(a: Any, b: Any, /) -> Any:
    """`np.vecmat`: conjugated vectors times matrices."""
    a, b = lift_arrays(a, b)
    return _product("vecmat", conjugate(a), "a", b, "ab", "b")


@implements(np.vecdot)
@copies
def vecdot(a: Any, b: Any, /) -> Any:
    """`np.vecdot`: the sum of conj(a) * b over the last axis."""
    a, b = lift_arrays(a, b)
    return _product("vecdot", conjugate(a), "a", b, "a", "")


@implements(np.linalg.vecdot)
@copies
def linalg_vecdot(x1: Any, x2: Any, /, *, axis: int = -1) -> Any:
    """`np.linalg.vecdot`."""
    return vecdot(moveaxis(x1, axis, -1), moveaxis(x2, axis, -1))


@implements(np.dot)
@copies
def dot(a: Any, b: Any, out: Any = None) -> Any:
    """`np.dot`: over the last axis of a and the last but one of b."""
    a, b = lift_arrays(a, b)
    if not a.ndim or not b.ndim:
        return a * b
    axis = max(b.ndim - 2, 0)
    return _along("dot", a, (a.ndim - 1,), b, (axis,))


@method("dot")
def dot_method(self: Any, b: Any, out: Any = None) -> Any:
    """`x.dot(y)`."""
    return dot(self, b, out)


@implements(np.inner)
@copies
def inner(a: Any, b: Any, /) -> Any:
    """`np.inner`: over the last axes."""
    a, b = lift_arrays(a, b)
    if not a.ndim or not b.ndim:
        return a * b
    return _along("inner", a, (a.ndim - 1,), b, (b.ndim - 1,))


@implements(np.vdot)
@copies
def vdot(a: Any, b: Any, /) -> Any:
    """`np.vdot`: the sum of conj(a) * b over all elements."""
    a, b = lift_arrays(a, b)
    return _along("vdot", ravel(conjugate(a)), (0,), ravel(b), (0,))


@implements(np.outer)
@copies
def outer(a: Any, b: Any, out: Any = None) -> Any:
    """`np.outer`: all products of elements."""
    a, b = lift_arrays(a, b)
    return contracted(ravel(a), "i", ravel(b), "j", "ij")


@implements(np.linalg.outer)
@copies
def linalg_outer(x1: Any, x2: Any, /) -> Any:
    """`np.linalg.outer`: of 1-D arrays."""
    if np.ndim(x1) != 1 or np.ndim(x2) != 1:
        raise ShapeError(f"linalg.outer takes 1-D arrays, got {np.ndim(x1)} and {np.ndim(x2)} axes")
    return outer(x1, x2)


@implements(np.tensordot, np.linalg.tensordot)
@copies
def tensordot(a: Any, b: Any, axes: Any = 2) -> Any:
    """`np.tensordot`: over the last `axes` axes of a and the first of b, or over given pairs."""
    a, b = lift_arrays(a, b)
    if isinstance(axes, (int, np.integer)):
        count = int(axes)
        if count > min(a.ndim, b.ndim):
            raise ShapeError(
                f"tensordot: {a.value!r} and {b.value!r} do not both have {count} axes",
                hint="axes is how many of the last and first axes are summed, or two lists of them",
            )
        return _along("tensordot", a, tuple(range(a.ndim - count, a.ndim)), b, tuple(range(count)))
    first, second = axes
    return _along("tensordot", a, axes_in_order(first, a.ndim), b, axes_in_order(second, b.ndim))


def _along(name: str, a: Any, a_axes: Sequence[int], b: Any, b_axes: Sequence[int]) -> Any:
    """The sum of products over pairs of axes; the other axes of a, then those of b, remain."""
    if len(a_axes) != len(b_axes) or any(
        a.shape[i] != b.shape[j] for i, j in zip(a_axes, b_axes, strict=True)
    ):
        raise ShapeError(
            f"{name}: axes {tuple(a_axes)} of {a.value!r} and {tuple(b_axes)} of {b.value!r} "
            "differ in extent",
            hint="the summed axes must have equal extents",
        )
    left, right, rest = letters_along(a.ndim, a_axes, b.ndim, b_axes)
    return contracted(a, left, b, right, rest)


def letters_along(
    a_ndim: int, a_axes: Sequence[int], b_ndim: int, b_axes: Sequence[int]
) -> tuple[str, str, str]:
    """Letters for the axes of a, of b, and of their product over pairs of axes."""
    left, right = LETTERS[:a_ndim], list(LETTERS[a_ndim : a_ndim + b_ndim])
    for i, j in zip(a_axes, b_axes, strict=True):
        right[j] = left[i]
    rest = [c for c in left if c not in right] + [c for c in right if c not in left]
    return left, "".join(right), "".join(rest)


@implements(np.kron)
@copies
def kron(a: Any, b: Any) -> Any:
    """`np.kron`: blocks a[i, j] * b."""
    a, b = lift_arrays(a, b)
    ndim = max(a.ndim, b.ndim)
    one, other = ((1,) * (ndim - x.ndim) + x.shape for x in (a, b))
    left, right = LETTERS[:ndim], LETTERS[ndim : 2 * ndim]
    mixed = "".join(map("".join, zip(left, right, strict=True)))
    product = contracted(reshape(a, one), left, reshape(b, other), right, mixed)
    return reshape(product, [m * n for m, n in zip(one, other, strict=True)])


@implements(np.cross)
@copies
def cross(
    a: Any, b: Any, axisa: int = -1, axisb: int = -1, axisc: int = -1, axis: int | None = None
) -> Any:
    """`np.cross` of vectors of 3 components (or 2, whose third is zero)."""
    axisa, axisb, axisc = (axisa, axisb, axisc) if axis is None else (axis, axis, axis)
    a, b = lift_arrays(a, b)
    a, b = moveaxis(a, axisa, -1), moveaxis(b, axisb, -1)
    sizes = a.shape[-1], b.shape[-1]
    if not set(sizes) <= {2, 3}:
        raise ShapeError(
            f"cross: vectors must have 2 or 3 components, got {sizes[0]} and {sizes[1]}",
            hint="axisa and axisb say which axes hold the components; the last ones do otherwise",
        )
    a0, a1, a2 = _components(a)
    b0, b1, b2 = _components(b)
    if sizes == (2, 2):
        return a0 * b1 - a1 * b0
    parts = [a1 * b2 - a2 * b1, a2 * b0 - a0 * b2, a0 * b1 - a1 * b0]
    return moveaxis(np.stack(parts, axis=-1), -1, axisc)


@implements(np.linalg.cross)
@copies
def linalg_cross(x1: Any, x2: Any, /, *, axis: int = -1) -> Any:
    """`np.linalg.cross`: of vectors of 3 components."""
    sizes = [np.shape(x)[normalize_axis(axis, np.ndim(x))] for x in (x1, x2)]
    if sizes != [3, 3]:
        raise ShapeError(
            f"linalg.cross takes vectors of 3 components, got {sizes[0]} and {sizes[1]}",
            hint="x[..., 0] * y[..., 1] - x[..., 1] * y[..., 0] is the cross product in the plane",
        )
    return cross(x1, x2, axis=axis)


def _components(x: Any) -> list[Any]:
    size = x.shape[-1]
    parts = [reshape(slice_axis(x, x.ndim - 1, i, i + 1), x.shape[:-1]) for i in range(size)]
    return parts if size == 3 else [*parts, full(x, x.shape[:-1], np.zeros((), x.dtype)[()])]


@implements(np.linalg.multi_dot)
@copies
def multi_dot(arrays: Any, *, out: Any = None) -> Any:
    """`np.linalg.multi_dot`: a chain of products in the order that multiplies least."""
    chain = lift_each(*arrays)
    if len(chain) < 2:
        raise ShapeError("multi_dot needs at least two arrays")
    ends = [chain[0].ndim == 1, chain[-1].ndim == 1]
    if any(x.ndim != 2 for x in chain[1:-1]) or any(
        x.ndim not in (1, 2) for x in (chain[0], chain[-1])
    ):
        raise ShapeError("multi_dot takes matrices, and vectors at the ends")
    rows = [(1, *x.shape)[-2:][0] for x in chain[:-1]]
    sizes = [*rows, chain[-1].shape[0], 1 if ends[1] else chain[-1].shape[1]]
    return _multiplied(chain, best_splits(sizes), 0, len(chain) - 1)


def best_splits(sizes: Sequence[int]) -> dict[tuple[int, int], int]:
    """Where to split matrices i..j of sizes[k] x sizes[k + 1] (Cormen et al., section 15.2)."""
    count = len(sizes) - 1
    cost = {(i, i): 0 for i in range(count)}
    split: dict[tuple[int, int], int] = {}
    for length in range(1, count):
        for i in range(count - length):
            j = i + length
            costs = {
                k: cost[i, k] + cost[k + 1, j] + sizes[i] * sizes[k + 1] * sizes[j + 1]
                for k in range(i, j)
            }
            split[i, j] = min(costs, key=costs.__getitem__)
            cost[i, j] = costs[split[i, j]]
    return split


def _multiplied(chain: Sequence[Any], split: dict[tuple[int, int], int], i: int, j: int) -> Any:
    if i == j:
        return chain[i]
    k = split[i, j]
    return dot(_multiplied(chain, split, i, k), _multiplied(chain, split, k + 1, j))


@implements(np.linalg.matrix_power)
@copies
def matrix_power(a: Any, n: int) -> Any:
    """`np.linalg.matrix_power` for a static int, by squaring."""
    if any_traced(n):
        raise TraceError(
            "matrix_power with a traced exponent", hint="the exponent must be a Python int"
        )
    (a,) = lift_each(a)
    power = operator.index(n)
    if a.ndim < 2 or a.shape[-1] != a.shape[-2]:
        raise ShapeError(f"matrix_power takes square matrices, got {a.value!r}")
    if power < 0:
        a, power = np.linalg.inv(a), -power
    if not power:
        return broadcast_to(_identity(a, a.shape[-1]), a.shape)
    result = None
    while power:
        if power & 1:
            result = a if result is None else matmul(result, a)
        power >>= 1
        a = matmul(a, a) if power else a
    return result


def _identity(like: Any, size: int) -> Any:
    rows, columns = (iota(like, I64, (size, size), axis) for axis in (0, 1))
    return (rows == columns).astype(like.dtype)


@implements(np.convolve)
@copies
def convolve(a: Any, v: Any, mode: str = "full") -> Any:
    """`np.convolve` of 1-D arrays."""
    a, v = lift_arrays(a, v)
    _check_line(a, v, "convolve")
    if v.size > a.size:
        a, v = v, a
    return _sliding(a, np.flip(v), mode)


@implements(np.correlate)
@copies
def correlate(a: Any, v: Any, mode: str = "valid") -> Any:
    """`np.correlate` of 1-D arrays: sums of a[n + k] * conj(v[n])."""
    a, v = lift_arrays(a, v)
    _check_line(a, v, "correlate")
    if v.size > a.size:
        return np.flip(_sliding(conjugate(v), a, mode))
    return _sliding(a, conjugate(v), mode)


def _check_line(a: Any, v: Any, name: str) -> None:
    if a.ndim > 1 or v.ndim > 1:
        raise ShapeError(f"{name} takes 1-D arrays, got {a.value!r} and {v.value!r}")
    if not a.size or not v.size:
        raise ShapeError(f"{name}: arrays must not be empty")


def _sliding(a: Any, v: Any, mode: str) -> Any:
    """Inner products of `v` with the windows of the longer `a`, padded as `mode` says."""
    a, v = ravel(a), ravel(v)
    count = v.size
    around = {
        "full": (count - 1, count - 1),
        "same": (count // 2, (count - 1) // 2),
        "valid": (0, 0),
    }.get(mode)
    if around is None:
        raise ArgumentError(f"mode must be 'full', 'same' or 'valid', got {mode!r}")
    padded = pad(a, around[:1], around[1:])
    shape = (padded.size - count + 1, count)
    places = iota(a, I64, shape, 0) + iota(a, I64, shape, 1)
    return contracted(gather_axis(padded, 0, places), "ij", v, "j", "i")
