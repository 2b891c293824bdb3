"""Products with sums, by letters: any einsum-like step as diagonals, sums and binary contracts.

The op `contract` wants each letter in at least two of its three groups and once in each. `Operand`
carries an array with a letter for each axis, and the functions here bring two of them to that form:
repeated letters become diagonals, letters of one operand alone are summed first, and an axis of
extent 1 against a longer one is dropped."""

from __future__ import annotations

from typing import Any, NamedTuple

from irgrad.ops.base import bind
from irgrad.ops.contract import contract
from irgrad.ops.linear import Sum, reshape
from irgrad.ops.shape import slice_axis, transpose


class Operand(NamedTuple):
    """A traced array and a letter for each of its axes."""

    array: Any
    letters: str

    @property
    def extents(self) -> dict[str, int]:
        """Letter -> extent."""
        return dict(zip(self.letters, self.array.shape, strict=True))


def diagonal(x: Any, axis1: int, axis2: int, offset: int = 0) -> Any:
    """The diagonal of two axes as the last axis: a slice of the flat matrix, by a row and one."""
    rest = [axis for axis in range(x.ndim) if axis not in (axis1, axis2)]
    rows, columns = x.shape[axis1], x.shape[axis2]
    count = max(0, min(rows + min(offset, 0), columns - max(offset, 0)))
    lead = tuple(x.shape[axis] for axis in rest)
    if not count or not x.size:
        return (
            reshape(slice_axis(reshape(x, (x.size,)), 0, 0, 0), (*lead, count))
            if 0 in (*lead, count)
            else x
        )
    flat = reshape(transpose(x, [*rest, axis1, axis2]), (*lead, rows * columns))
    start = offset if offset >= 0 else -offset * columns
    return slice_axis(flat, len(rest), start, start + (count - 1) * (columns + 1) + 1, columns + 1)


def without_repeats(x: Operand) -> Operand:
    """Diagonals over letters that stand twice."""
    array, letters = x
    for letter in dict.fromkeys(letters):
        while letters.count(letter) > 1:
            first = letters.index(letter)
            second = letters.index(letter, first + 1)
            array = diagonal(array, first, second)
            letters = letters[:first] + letters[first + 1 : second] + letters[second + 1 :] + letter
    return Operand(array, letters)


def summed(x: Operand, keep: str) -> Operand:
    """The sum over the letters that are not in `keep`."""
    axes = tuple(axis for axis, letter in enumerate(x.letters) if letter not in keep)
    if not axes:
        return x
    return Operand(
        bind(Sum(axes), x.array), "".join(letter for letter in x.letters if letter in keep)
    )


def squeezed(x: Operand, letters: str) -> Operand:
    """Without the axes of extent 1 called `letters`."""
    kept = "".join(letter for letter in x.letters if letter not in letters)
    return (
        Operand(reshape(x.array, [x.extents[letter] for letter in kept]), kept)
        if kept != x.letters
        else x
    )


def ordered(x: Operand, letters: str) -> Any:
    """The array with its axes in the order of `letters`."""
    return transpose(x.array, [x.letters.index(letter) for letter in letters])


def product(x: Operand, y: Operand, result: str) -> Operand:
    """The products of `x` and `y`, which repeat no letter, summed over what `result` lacks."""
    longer = {c for c, n in [*x.extents.items(), *y.extents.items()] if n != 1}
    x = squeezed(
        x, "".join(c for c in x.letters if x.extents[c] == 1 and c in y.letters and c in longer)
    )
    y = squeezed(
        y, "".join(c for c in y.letters if y.extents[c] == 1 and c in x.letters and c in longer)
    )
    x, y = summed(x, y.letters + result), summed(y, x.letters + result)
    kept = "".join(c for c in result if c in x.letters or c in y.letters)
    both = set(x.letters) & set(y.letters)
    if both <= set(kept) and (both == set(x.letters) or both == set(y.letters)):
        return Operand(_aligned(x, kept) * _aligned(y, kept), kept)
    return Operand(contract(f"{x.letters},{y.letters}->{kept}", x.array, y.array), kept)


def _aligned(x: Operand, letters: str) -> Any:
    """`x` ready to broadcast against an array with axes `letters`."""
    own = ordered(x, "".join(c for c in letters if c in x.letters))
    shape = [x.extents.get(c, 1) for c in letters]
    while len(shape) > own.ndim and shape[0] == 1:
        shape.pop(0)
    return reshape(own, shape)


def contracted(x: Any, x_letters: str, y: Any, y_letters: str, result: str) -> Any:
    """`np.einsum(f"{x_letters},{y_letters}->{result}", x, y)` on traced arrays of one dtype."""
    pair = product(
        without_repeats(Operand(x, x_letters)), without_repeats(Operand(y, y_letters)), result
    )
    return ordered(pair, result)
