"""Linear inequalities of integers, and whether any integers satisfy them.

Unknowns are eliminated one after the other (J. Fourier, 1826; T. S. Motzkin, *Beitraege zur Theorie
der linearen Ungleichungen*, 1936). What no rational numbers satisfy no integers do; where there
might be some, the answer is yes."""

from __future__ import annotations

import math
from collections.abc import Hashable, Iterable, Mapping

Linear = Mapping[Hashable, int]
"""Unknowns with their factors; that of None is the constant."""
LARGEST = 200
"""With more inequalities the answer is yes."""


def plus(a: Linear, b: Linear, by: int = 1) -> Linear:
    """a + by b."""
    found = dict(a)
    for x, factor in b.items():
        found[x] = found.get(x, 0) + by * factor
    return {x: factor for x, factor in found.items() if factor}


def number(n: int) -> Linear:
    """A constant."""
    return {None: n} if n else {}


def possible(zero: Iterable[Linear], least: Iterable[Linear]) -> bool:
    """Whether integers may exist with which all of `zero` are 0, and none of `least` is negative.

    >>> possible([{"i": 1, "j": -1}], [{"j": 1, "i": -1, None: -1}])  # i = j and j > i
    False
    >>> possible([], [{"i": 1}, {"i": -1, None: 3}])  # 0 <= i <= 3
    True
    """
    equal, rest = list(zero), list(least)
    while equal:
        one = equal.pop()
        unknowns = [x for x in one if x is not None]
        if not unknowns:
            if one:
                return False
            continue
        x = min(unknowns, key=lambda x: abs(one[x]))
        equal = [_without(x, one, other) for other in equal]
        rest = [_without(x, one, other) for other in rest]
    return _satisfiable(rest)


def _without(x: Hashable, one: Linear, other: Linear) -> Linear:
    """A form without an unknown that an equation, `one`, has; its sign stays."""
    if x not in other:
        return other
    sign = 1 if one[x] > 0 else -1
    return plus({y: f * abs(one[x]) for y, f in other.items()}, one, -sign * other[x])


def _satisfiable(least: Iterable[Linear]) -> bool:
    known = _tightened(least)
    while known is not None:
        signs: dict[Hashable, list[int]] = {}
        for form in known:
            for x, factor in form.items():
                if x is not None:
                    signs.setdefault(x, [0, 0])[factor > 0] += 1
        if not signs or len(known) > LARGEST:
            return True
        x = min(signs, key=lambda x: math.prod(signs[x]))
        above = [form for form in known if form.get(x, 0) > 0]
        below = [form for form in known if form.get(x, 0) < 0]
        both = [_without(x, one, other) for one in above for other in below]
        known = _tightened([*(form for form in known if x not in form), *both])
    return False


def _tightened(least: Iterable[Linear]) -> list[Linear] | None:
    """Different ones, as tight as integers make them; None where one is negative."""
    found: dict[frozenset[tuple[Hashable, int]], int] = {}
    for form in least:
        apart = math.gcd(*(f for x, f in form.items() if x is not None))
        constant = form.get(None, 0)
        if not apart:
            if constant < 0:
                return None
            continue
        key = frozenset((x, f // apart) for x, f in form.items() if x is not None)
        found[key] = min(constant // apart, found.get(key, constant // apart))
    return [plus(dict(key), number(constant)) for key, constant in found.items()]
