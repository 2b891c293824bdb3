"""Where an element lies, as a function of the loop variables: c0 + sum_k c_k v_k + dynamic terms.

Loop variables are numbered from the outermost loop. A dynamic term is an integer expression of the
kernel (an element of an index array, say) times a coefficient."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

from irgrad.ir.types import Shape, contiguous_strides

if TYPE_CHECKING:
    from irgrad_numba.expression import Expr

Range = tuple[int, int]
"""First value and the one after the last."""


class Index(NamedTuple):
    """An integer that depends on loop variables."""

    constant: int
    terms: tuple[tuple[int, int], ...] = ()
    dynamic: tuple[tuple[Expr, int], ...] = ()

    def __add__(self, other: Index | int) -> Index:  # pyright: ignore[reportIncompatibleMethodOverride] -- a number, not a tuple
        if isinstance(other, int):
            return self._replace(constant=self.constant + other)
        terms = dict(self.terms)
        for variable, by in other.terms:
            terms[variable] = terms.get(variable, 0) + by
        return Index(
            self.constant + other.constant,
            tuple(sorted((v, c) for v, c in terms.items() if c)),
            self.dynamic + other.dynamic,
        )

    def scaled(self, by: int) -> Index:
        """This index times a number."""
        if by == 0:
            return ZERO
        return Index(
            self.constant * by,
            tuple((v, c * by) for v, c in self.terms),
            tuple((e, c * by) for e, c in self.dynamic),
        )

    def coefficient(self, variable: int) -> int:
        """How far one step of a loop variable moves it (dynamic terms apart)."""
        return dict(self.terms).get(variable, 0)

    def without(self, variable: int) -> Index:
        """This index where a loop variable is 0 (dynamic terms apart)."""
        return self._replace(terms=tuple(term for term in self.terms if term[0] != variable))

    def bounds(self, ranges: Sequence[Range]) -> Range | None:
        """The least and the greatest value over `ranges`, both included; None where dynamic."""
        if self.dynamic:
            return None
        low = high = self.constant
        for variable, by in self.terms:
            first, last = ranges[variable][0], ranges[variable][1] - 1
            low += min(by * first, by * last)
            high += max(by * first, by * last)
        return low, high


ZERO = Index(0)


def variable(number: int) -> Index:
    """The loop variable itself."""
    return Index(0, ((number, 1),))


def flat(index: Sequence[Index], strides: Sequence[int], offset: int = 0) -> Index:
    """offset + sum_k index_k stride_k."""
    total = Index(offset)
    for position, stride in zip(index, strides, strict=True):
        total += position.scaled(stride)
    return total


def unflatten(position: Index, shape: Shape, ranges: Sequence[Range]) -> list[Index] | None:
    """The index into an array of `shape` (not a scalar) whose C-order position is `position`; None
    where that takes a division.

    Terms that are multiples of an axis's extent belong to the axes before it; what remains must
    stay inside the axis, so that nothing carries."""
    if position.dynamic:
        return None
    result: list[Index] = []
    for extent in reversed(shape[1:]):
        inner = Index(0, tuple((v, c) for v, c in position.terms if c % extent))
        bounds = inner.bounds(ranges)
        assert bounds is not None
        start = -bounds[0] + (position.constant + bounds[0]) % extent
        if bounds[1] + start >= extent:
            return None
        result.append(inner + start)
        position = Index(
            (position.constant - start) // extent,
            tuple((v, c // extent) for v, c in position.terms if c % extent == 0),
        )
    return [position, *reversed(result)]


class View(NamedTuple):
    """A value as it lies in a buffer: offset and strides in elements."""

    buffer: int
    offset: int
    strides: tuple[int, ...]


def contiguous(buffer: int, shape: Shape) -> View:
    """A C-contiguous array that fills its buffer."""
    return View(buffer, 0, contiguous_strides(shape))


def reshaped(view: View, shape: Shape, wanted: Shape) -> View | None:
    """The same elements with another shape, or None where no strides reach them.

    Axes are taken from the right in groups of equal size; a group of the old shape must be evenly
    spaced."""
    old = [(e, s) for e, s in zip(shape, view.strides, strict=True) if e != 1]
    strides = [0] * len(wanted)
    new = [axis for axis, extent in enumerate(wanted) if extent != 1]
    while old and new:
        extent, stride = old.pop()
        size = 1
        axis = len(wanted)
        while size < extent or (old and not new):
            if not new:
                return None
            axis = new.pop()
            strides[axis] = stride * size
            size *= wanted[axis]
            while size > extent:
                if not old or old[-1][1] != stride * extent:
                    return None
                extent *= old.pop()[0]
        if size != extent:
            return None
    return View(view.buffer, view.offset, tuple(strides))
