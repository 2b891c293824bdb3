"""What integers come to where the limits of loops say it: comparisons that hold at every point or
at none, and what `where`, `minimum` and `maximum` choose then.

Indices of slices with traced bounds are kept inside their axis by such choices, for the places
outside of the slice. Loops that run through the slice alone need none of them, and what is left,
`i - j` say, goes through memory in steps of one."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

from irgrad.ops.intervals import FAR
from irgrad_numba.expression import Expr, Pool
from irgrad_numba.index import Index, Range, variable

COMPARED = {
    "less": (False, 1), "less_equal": (False, 0), "greater": (True, 1), "greater_equal": (True, 0),
}  # fmt: skip
"""Comparisons of x and y: whether they say that x - y, not y - x, is at least a number, and that
number."""
MINUS_ZERO = (-0.0).hex()
DEEPEST = 8
"""How many sums within sums are taken apart."""


class DecidedPool(Pool):
    """Expressions at points of loops over `ranges`, which limits bound further."""

    def __init__(self, ranges: Sequence[Range]) -> None:
        super().__init__()
        self.ranges = ranges
        self.low = {v: [Index(low)] for v, (low, _) in enumerate(ranges)}
        self.high = {v: [Index(high - 1)] for v, (_, high) in enumerate(ranges)}
        """What each loop variable is at least, and at most."""
        self.intervals: dict[Expr, Range] = {}
        """What integers can be, both ends included."""
        self.plus: set[Expr] = set()
        """Sums that are never -0.0, since something in them is not: 0.0 adds nothing to these."""
        self.checked: dict[tuple[Expr, int], Expr] = {}

    def limit(self, number: int, at_least: bool, bound: Expr) -> None:
        """A loop variable is at least `bound`, or below it."""
        if at_least:
            self.low[number].append(affine(bound))
        else:
            self.high[number].append(affine(bound) + -1)

    def divided(self, index: Index, by: int) -> tuple[Index, Index]:
        """The quotient and the remainder of an index, by divisions at run time where it must be."""
        bounds = index.bounds(self.ranges)
        if bounds is not None and bounds[0] == bounds[1]:
            index = Index(bounds[0])
        if not index.dynamic and not any(c % by for _, c in index.terms):
            terms = tuple((v, c // by) for v, c in index.terms)
            return Index(index.constant // by, terms), Index(index.constant % by)
        position, divisor = self.index(index), self.number("i64", by)
        quotient, remainder = (
            self.apply(op, "i64", position, divisor) for op in ("quotient", "modulo")
        )
        return Index(0, (), ((quotient, 1),)), Index(0, (), ((remainder, 1),))

    def place(self, x: Expr, extent: int, site: int) -> Expr:
        """An index that is checked, by the first who asks for all that use it."""
        key = x, extent
        if key not in self.checked:
            self.checked[key] = super().place(x, extent, site)
        return self.checked[key]

    def apply(self, op: str, type: str, *args: Expr) -> Expr:
        """An elementwise op; of those that choose, what is chosen at every point."""
        if op == "where" and args[0].kind == "number":
            return args[1] if args[0].data else args[2]
        if op in ("logical_and", "logical_or"):
            for one, other in (args, args[::-1]):
                if one.kind == "number":
                    return other if one.data == (op == "logical_and") else one
        if op == "add" and type in ("f32", "f64"):
            for x, y in (args, args[::-1]):
                if y == self.number(type, 0.0) and self._is_plus(x):
                    return x
            made = super().apply(op, type, *args)
            if any(map(self._is_plus, args)):
                self.plus.add(made)
            return made
        if all(x.type == "i64" for x in args):
            if op in COMPARED:
                found = self._compared(op, *args)
                if found is not None:
                    return self.number("bool", found)
            elif op in ("minimum", "maximum"):
                for x, y in (args, args[::-1]):
                    less = affine(y) + affine(x).scaled(-1)
                    if self._is_at_least_zero(less if op == "minimum" else less.scaled(-1)):
                        return x
        return super().apply(op, type, *args)

    def _is_plus(self, e: Expr) -> bool:
        return e in self.plus or (e.kind == "number" and e.data != MINUS_ZERO)

    def _compared(self, op: str, x: Expr, y: Expr) -> bool | None:
        """What a comparison gives at every point, where that is known."""
        turned, least = COMPARED[op]
        difference = (affine(y) + affine(x).scaled(-1)).scaled(-1 if turned else 1)
        if self._is_at_least_zero(difference + -least):
            return True
        return False if self._is_at_least_zero(difference.scaled(-1) + (least - 1)) else None

    def _is_at_least_zero(self, index: Index) -> bool:
        """Whether that is known of every point."""
        waiting = [index]
        while waiting:
            x = waiting.pop()
            if not x.terms:
                if self._least(x) >= 0:
                    return True
                continue
            v, by = x.terms[0]
            rest = x + variable(v).scaled(-by)
            waiting += [rest + end.scaled(by) for end in (self.low if by > 0 else self.high)[v]]
        return False

    def _least(self, index: Index) -> float:
        """The least that an index without loop variables can be."""
        total: dict[Expr, int] = defaultdict(int)
        for e, by in index.dynamic:
            total[e] += by
        least: float = index.constant if abs(index.constant) < FAR else float("-inf")
        for e, by in total.items():
            if by:
                ends = self.intervals.get(e)
                least += float("-inf") if ends is None else min(by * end for end in ends)
        return least


def affine(e: Expr, depth: int = DEEPEST) -> Index:
    """An i64 expression as an index, sums and multiples of numbers taken apart."""
    if e.kind == "number":
        return Index(e.data)
    if e.kind == "index":
        return e.data
    if depth and e.kind == "apply" and e.data in ("add", "subtract", "multiply"):
        x, y = (affine(arg, depth - 1) for arg in e.args)
        if e.data == "add":
            return x + y
        if e.data == "subtract":
            return x + y.scaled(-1)
        for a, b in ((x, y), (y, x)):
            if not (a.terms or a.dynamic):
                return b.scaled(a.constant)
    return Index(0, (), ((e, 1),))
