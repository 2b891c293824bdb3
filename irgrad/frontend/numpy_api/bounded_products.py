"""Products of arrays whose bounds are traced: the summed axes are brought to the same places, and
what lies outside is 0."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from irgrad.errors import ShapeError, UnsupportedError
from irgrad.frontend.bounded import FUNCTIONS, METHODS, Bounded, elementwise, match, ndim_of
from irgrad.frontend.contraction import contracted
from irgrad.frontend.numpy_api.bounded_functions import implements, total
from irgrad.frontend.numpy_api.linear_algebra import BATCH, letters_along
from irgrad.frontend.promote import lift, lift_arrays
from irgrad.ir.builder import Traced
from irgrad.ir.types import normalize_axis


def contraction(a: Any, left: str, b: Any, right: str, result: str) -> Any:
    """`np.einsum(f"{left},{right}->{result}", a, b)`, either operand bounded."""
    builder = next(x for x in (a, b) if isinstance(x, Bounded)).builder
    pair = [x if isinstance(x, (Bounded, Traced)) else lift(builder, x) for x in (a, b)]
    cuts = {}
    for letter in dict.fromkeys(left + right):
        axes = [
            group.index(letter) - len(group) if letter in group else None for group in (left, right)
        ]
        cut = match(pair, axes)
        if cut is not None and letter in result:
            cuts[result.index(letter) - len(result)] = cut
    a, b = lift_arrays(*[x.filled() if isinstance(x, Bounded) else x for x in pair])
    _check(a, left, b, right)
    found = contracted(a, left, b, right, result)
    return Bounded(found, cuts) if cuts else found


def _check(a: Any, left: str, b: Any, right: str) -> None:
    for letter in set(left) & set(right):
        one, other = a.shape[left.index(letter)], b.shape[right.index(letter)]
        if one != other:
            raise ShapeError(
                f"{a.value!r} and {b.value!r} do not fit, the summed axes are {one} and {other}"
            )


def _letters(x: Any, core: str, width: int) -> str:
    lead = ndim_of(x) - len(core)
    return BATCH[width - lead : width] + core


@implements(np.matmul)
def matmul(a: Any, b: Any) -> Any:
    """`a @ b`."""
    left = "b" if ndim_of(a) == 1 else "ab"
    right = "b" if ndim_of(b) == 1 else "bc"
    if not ndim_of(a) or not ndim_of(b):
        raise ShapeError("matmul: a scalar has too few axes", hint="use * for scalars")
    width = max(ndim_of(a) - len(left), ndim_of(b) - len(right))
    result = BATCH[:width] + left[:-1] + right[1:]
    return contraction(a, _letters(a, left, width), b, _letters(b, right, width), result)


@implements(np.dot, method="dot")
def dot(a: Any, b: Any, out: Any = None) -> Any:
    """`np.dot`: over the last axis of a and the last but one of b."""
    if not ndim_of(a) or not ndim_of(b):
        return a * b
    return _along(a, (ndim_of(a) - 1,), b, (max(ndim_of(b) - 2, 0),))


@implements(np.inner)
def inner(a: Any, b: Any) -> Any:
    """`np.inner`: over the last axes."""
    if not ndim_of(a) or not ndim_of(b):
        return a * b
    return _along(a, (ndim_of(a) - 1,), b, (ndim_of(b) - 1,))


@implements(np.vdot)
def vdot(a: Any, b: Any) -> Any:
    """`np.vdot`: the sum of conj(a) * b over all elements."""
    return total(elementwise(np.multiply, (np.conjugate(a), b)))


@implements(np.outer)
def outer(a: Any, b: Any, out: Any = None) -> Any:
    """`np.outer` of arrays of one axis."""
    if ndim_of(a) != 1 or ndim_of(b) != 1:
        next(x for x in (a, b) if isinstance(x, Bounded)).refuse("np.outer of several axes")
    return contraction(a, "a", b, "b", "ab")


FUNCTIONS[np.linalg.outer] = outer


@implements(np.tensordot)
def tensordot(a: Any, b: Any, axes: Any = 2) -> Any:
    """`np.tensordot`."""
    if isinstance(axes, (int, np.integer)):
        count = int(axes)
        return _along(a, range(ndim_of(a) - count, ndim_of(a)), b, range(count))
    first, second = ([x] if isinstance(x, int) else x for x in axes)
    return _along(
        a, [normalize_axis(x, ndim_of(a)) for x in first],
        b, [normalize_axis(x, ndim_of(b)) for x in second],
    )  # fmt: skip


def _along(a: Any, a_axes: Sequence[int], b: Any, b_axes: Sequence[int]) -> Any:
    left, right, rest = letters_along(ndim_of(a), a_axes, ndim_of(b), b_axes)
    return contraction(a, left, b, right, rest)


@implements(np.einsum)
def einsum(subscripts: Any, *operands: Any, **options: Any) -> Any:
    """`np.einsum` of one or two operands, in letters."""
    text = subscripts.replace(" ", "") if isinstance(subscripts, str) else "..."
    given, arrow, result = text.partition("->")
    groups = given.split(",")
    repeated = any(len(set(group)) != len(group) for group in groups)
    if "." in text or repeated or len(groups) != len(operands) or len(operands) > 2:
        raise UnsupportedError(
            "np.einsum with an ellipsis, a diagonal or more than two operands of an array whose "
            "extent is known only when the program runs",
            hint="write it as products of two operands, with a letter for each axis",
        )
    if not arrow:
        every = "".join(groups)
        result = "".join(sorted(c for c in set(every) if every.count(c) == 1))
    if len(operands) == 2:
        return contraction(operands[0], groups[0], operands[1], groups[1], result)
    x, group = next(iter(operands)), groups[0]
    axes = tuple(place for place, letter in enumerate(group) if letter not in result)
    x = total(x, axes) if axes else x
    kept = [letter for letter in group if letter in result]
    return np.transpose(x, [kept.index(letter) for letter in result]) if kept else x


@implements(np.trace, method="trace")
def trace(x: Any, *args: Any, **kwargs: Any) -> Any:
    """`np.trace` of bounds that begin at the same places."""
    return np.trace(x.filled(), *args, **kwargs) if _is_corner(x) else x.refuse("np.trace")


def _is_corner(x: Bounded) -> bool:
    lows = [x.cut(a).low if x.cut(a) else 0 for a in range(x.ndim)]  # pyright: ignore[reportOptionalMemberAccess]
    return x.ndim == 2 and all(not isinstance(low, Traced) and low == lows[0] for low in lows)


METHODS["dot"] = dot
