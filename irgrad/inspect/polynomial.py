"""Exact polynomials in named sizes, and finding the one that counts follow.

A count of operations is a polynomial in the extents of the arrays. It is found by counting at as
many sizes as it has coefficients, in exact arithmetic, and holding it against the counts at further
sizes: what does not fit there is no formula.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Mapping, Sequence
from fractions import Fraction
from math import prod

from irgrad.errors import ArgumentError

Powers = tuple[int, ...]
HIGHEST = 7
"""The highest power of one size that is looked for."""
_SUPERSCRIPT = str.maketrans("0123456789", "⁰¹²³⁴⁵⁶⁷⁸⁹")


class Polynomial:
    """A polynomial with rational coefficients in named sizes.

    >>> p = Polynomial(("d", "n"), {(2, 0): Fraction(3), (1, 1): Fraction(1), (0, 0): Fraction(-1)})
    >>> print(p), p(d=2, n=5)
    3 d² + d n − 1
    (None, 21)
    """

    def __init__(self, names: Sequence[str], terms: Mapping[Powers, Fraction]) -> None:
        self.names = tuple(names)
        self.terms = {powers: factor for powers, factor in terms.items() if factor}

    def __call__(self, **sizes: int) -> int | Fraction:
        """The value at some sizes."""
        if set(sizes) != set(self.names):
            wanted = ", ".join(f"{name}=..." for name in self.names)
            raise ArgumentError(f"{self} takes {wanted or 'no sizes'}, got {sizes}")
        total = sum(
            factor
            * prod(sizes[name] ** power for name, power in zip(self.names, powers, strict=True))
            for powers, factor in self.terms.items()
        )
        return int(total) if Fraction(total).denominator == 1 else Fraction(total)

    def _ordered(self) -> list[tuple[Powers, Fraction]]:
        return sorted(self.terms.items(), key=lambda term: (sum(term[0]), term[0]), reverse=True)

    def _written(self, power: Callable[[str, int], str], minus: str, space: str) -> str:
        text = ""
        for powers, factor in self._ordered():
            letters = [power(n, p) for n, p in zip(self.names, powers, strict=True) if p]
            plain = abs(factor) == 1 and letters
            parts = ([] if plain else [str(abs(factor))]) + letters
            sign = f" {minus} " if factor < 0 else " + "
            text += (sign if text else minus if factor < 0 else "") + space.join(parts)
        return text or "0"

    def __str__(self) -> str:
        return self._written(
            lambda name, p: name + ("" if p == 1 else str(p).translate(_SUPERSCRIPT)), "−", " "
        )

    def latex(self) -> str:
        """The polynomial in LaTeX.

        >>> Polynomial(("d",), {(2,): Fraction(3), (0,): Fraction(-1)}).latex()
        '3 d^{2} - 1'
        """
        return self._written(lambda name, p: name + ("" if p == 1 else f"^{{{p}}}"), "-", " ")

    def __repr__(self) -> str:
        return f"Polynomial({self})"

    def __eq__(self, other: object) -> bool:
        return (
            isinstance(other, Polynomial)
            and self.names == other.names
            and self.terms == other.terms
        )

    def __hash__(self) -> int:
        return hash((self.names, frozenset(self.terms.items())))


def fit(
    counts: Callable[[Mapping[str, int]], Sequence[int]], sizes: Mapping[str, int]
) -> list[Polynomial | None]:
    """The polynomials that several counts follow near `sizes`; None for one that is none of a power
    up to `HIGHEST` in each size.

    >>> found = fit(
    ...     lambda s: [3 * s["d"] ** 2 + s["d"] * s["n"] - 1, 2 ** s["n"]], {"d": 4, "n": 9}
    ... )
    >>> [str(p) for p in found]
    ['3 d² + d n − 1', 'None']
    """
    names = tuple(sizes)
    lines = [
        [counts({**sizes, name: sizes[name] + i}) for i in range(HIGHEST + 2)] for name in names
    ]
    degrees = [[_degree(column) for column in zip(*line, strict=True)] for line in lines]
    regular = [max(each) <= HIGHEST for each in zip(*degrees, strict=True)]
    highest = [
        max([d for d, r in zip(each, regular, strict=True) if r], default=0) for each in degrees
    ]
    grid = list(itertools.product(*(range(degree + 1) for degree in highest)))
    sampled = [counts({n: sizes[n] + i for n, i in zip(names, at, strict=True)}) for at in grid]
    further = (
        {n: s + HIGHEST + 3 + i for i, (n, s) in enumerate(sizes.items())},
        {n: 2 * s + 1 + i for i, (n, s) in enumerate(sizes.items())},
    )
    checks = [(at, counts(at)) for at in further]
    found: list[Polynomial | None] = []
    for i, column in enumerate(zip(*sampled, strict=True)):
        values = dict(zip(grid, column, strict=True))
        p = _interpolated(names, [sizes[n] for n in names], highest, values)
        fits = regular[i] and all(p(**at) == numbers[i] for at, numbers in checks)
        found.append(p if fits else None)
    return found


def _degree(values: Sequence[int]) -> int:
    """The degree of the polynomial through equidistant values; their number where there is none."""
    differences = list(values)
    degree = -1
    while any(differences):
        differences = [b - a for a, b in itertools.pairwise(differences)]
        degree += 1
    return max(degree, 0)


def _interpolated(
    names: Sequence[str],
    start: Sequence[int],
    degrees: Sequence[int],
    values: Mapping[Powers, int],
) -> Polynomial:
    """Newton's interpolation on a grid, one size after the other."""
    terms = {at: Fraction(value) for at, value in values.items()}
    for axis in range(len(degrees)):
        lines: dict[Powers, list[Fraction]] = {}
        for at in sorted(terms):
            lines.setdefault((*at[:axis], -1, *at[axis + 1 :]), []).append(terms[at])
        terms = {
            (*line[:axis], power, *line[axis + 1 :]): factor
            for line, column in lines.items()
            for power, factor in enumerate(_newton(start[axis], column))
        }
    return Polynomial(names, terms)


def _newton(start: int, values: Sequence[Fraction]) -> list[Fraction]:
    """The coefficients of the polynomial through values at start, start + 1, ..."""
    coefficients = [Fraction(0)] * len(values)
    basis = [Fraction(1)]
    differences = list(values)
    for i in range(len(values)):
        for power, factor in enumerate(basis):
            coefficients[power] += differences[0] * factor
        differences = [b - a for a, b in itertools.pairwise(differences)]
        root = Fraction(start + i)
        basis = [
            ((basis[p - 1] if p else 0) - root * (basis[p] if p < len(basis) else 0))
            / Fraction(i + 1)
            for p in range(len(basis) + 1)
        ]
    return coefficients


__all__ = ["Polynomial", "fit"]
