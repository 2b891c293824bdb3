"""Complex numbers as pairs of reals: each part of an op as an expression of the parts of its
operands. In memory the parts alternate, so that a complex buffer is one of reals, twice as long."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from irgrad.ir.types import DTYPES, SHORT, ArrayType, DType
from irgrad_numba.expression import Expr, Pool
from irgrad_numba.index import Index

PARTS = {"c64": "f32", "c128": "f64"}
"""The type of the parts."""
Parts = tuple[Expr, Expr]


def part_type(dtype: DType) -> str:
    """The element type of a value, of a complex one that of its parts."""
    return PARTS.get(SHORT[dtype], SHORT[dtype])


def in_parts(type: ArrayType) -> ArrayType:
    """The type of the memory of a value: of a complex one, one more axis of two reals."""
    if not is_complex(type):
        return type
    return ArrayType(DTYPES[part_type(type.dtype)], (*type.shape, 2))


def is_complex(type: ArrayType) -> bool:
    """Whether elements are pairs."""
    return type.dtype.kind == "c"


def in_memory(index: Index, part: int) -> Index:
    """Where a part lies, of a complex number at `index`."""
    return index.scaled(2) + part


class Arithmetic:
    """Expressions of one real type."""

    def __init__(self, pool: Pool, type: str) -> None:
        self.pool = pool
        self.type = type

    def apply(self, name: str, *args: Expr) -> Expr:
        """An elementwise op."""
        return self.pool.apply(name, self.type, *args)

    def number(self, number: float) -> Expr:
        """A constant."""
        return self.pool.number(self.type, number)

    def test(self, name: str, *args: Expr) -> Expr:
        """An op whose result is a truth value."""
        return self.pool.apply(name, "bool", *args)

    def where(self, condition: Expr, x: Expr, y: Expr) -> Expr:
        """One of two numbers."""
        return self.apply("where", condition, x, y)


def _each(name: str) -> Callable[..., Parts]:
    """An op on each part by itself."""

    def rule(a: Arithmetic, *args: Parts) -> Parts:
        x, y = (a.apply(name, *parts) for parts in zip(*args, strict=True))
        return x, y

    return rule


def multiply(a: Arithmetic, x: Parts, y: Parts) -> Parts:
    """(xr yr - xi yi) + i (xr yi + xi yr)."""
    times = lambda p, q: a.apply("multiply", p, q)  # noqa: E731
    return (
        a.apply("subtract", times(x[0], y[0]), times(x[1], y[1])),
        a.apply("add", times(x[0], y[1]), times(x[1], y[0])),
    )


def divide(a: Arithmetic, x: Parts, y: Parts) -> Parts:
    """By the larger part of the divisor first, as NumPy does (Smith 1962); by 0, each part."""
    size = [a.apply("fabs", part) for part in y]
    real_first = a.test("greater_equal", *size)
    big, small = a.where(real_first, *y), a.where(real_first, y[1], y[0])
    ratio = a.apply("divide", small, big)
    scale = a.apply("add", big, a.apply("multiply", small, ratio))
    scale = a.apply("divide", a.number(1.0), scale)
    turned = [a.apply("multiply", part, ratio) for part in x]
    real = a.where(real_first, a.apply("add", x[0], turned[1]), a.apply("add", turned[0], x[1]))
    imaginary = a.where(
        real_first, a.apply("subtract", x[1], turned[0]), a.apply("subtract", turned[1], x[0])
    )
    zero = a.test("logical_and", *(a.test("equal", part, a.number(0.0)) for part in size))
    result = [
        a.where(zero, a.apply("divide", part, size[0]), a.apply("multiply", whole, scale))
        for part, whole in zip(x, (real, imaginary), strict=True)
    ]
    return result[0], result[1]


def _both(name: str, fold: str) -> Callable[..., Expr]:
    """A truth about both parts."""

    def rule(a: Arithmetic, *args: Parts) -> Expr:
        return a.test(fold, *(a.test(name, *parts) for parts in zip(*args, strict=True)))

    return rule


equal = _both("equal", "logical_and")


def ratio(a: Arithmetic, x: Parts, y: Parts) -> Parts:
    """x / y, and 0 where both are 0."""
    zero = a.number(0.0)
    none = a.test("logical_and", *(equal(a, z, (zero, zero)) for z in (x, y)))
    real, imaginary = divide(a, x, y)
    return a.where(none, zero, real), a.where(none, zero, imaginary)


def scale(a: Arithmetic, x: Parts, y: Parts) -> Parts:
    """x y, and 0 where one of them is, whatever the other."""
    zero, product = a.number(0.0), multiply(a, x, y)
    none = a.test("logical_or", *(equal(a, z, (zero, zero)) for z in (x, y)))
    lost = a.test("logical_or", *(a.test("isnan", part) for part in product))
    lost = a.test("logical_and", none, lost)
    return a.where(lost, zero, product[0]), a.where(lost, zero, product[1])


def exponential(a: Arithmetic, x: Parts) -> Parts:
    """e^xr (cos xi + i sin xi), in two factors where e^xr alone is too large; at infinities as C
    (annex G of the standard).
    """
    real, angle = x
    half = a.apply("exp", a.apply("multiply", real, a.number(0.5)))
    large = a.test("greater", real, a.number(80.0 if a.type == "f32" else 700.0))
    first = a.where(large, half, a.apply("exp", real))
    second = a.where(large, half, a.number(1.0))
    parts = [
        a.apply("multiply", a.apply("multiply", a.apply(name, angle), first), second)
        for name in ("cos", "sin")
    ]
    whole = a.apply("exp", real)
    flat = a.test("equal", angle, a.number(0.0))
    lost = a.test("logical_not", a.test("isfinite", angle))
    nothing = a.test("logical_and", lost, a.test("equal", real, a.number(float("-inf"))))
    beyond = a.test("logical_and", lost, a.test("equal", real, a.number(float("inf"))))
    kept = a.where(flat, whole, a.where(nothing, a.number(0.0), parts[0]))
    turned = a.where(flat, angle, a.where(nothing, a.number(0.0), parts[1]))
    return a.where(beyond, real, kept), turned


TO_COMPLEX: dict[str, Callable[..., Parts]] = {
    "add": _each("add"),
    "subtract": _each("subtract"),
    "negative": _each("negative"),
    "positive": _each("positive"),
    "multiply": multiply,
    "square": lambda a, x: multiply(a, x, x),
    "divide": divide,
    "ratio": ratio,
    "scale": scale,
    "exp": exponential,
    "conjugate": lambda a, x: (x[0], a.apply("negative", x[1])),
}
"""Ops whose result is complex, by name."""


TO_REAL: dict[str, Callable[..., Expr]] = {
    "real": lambda a, x: x[0],
    "imag": lambda a, x: x[1],
    "absolute": lambda a, x: a.apply("hypot", *x),
    "equal": equal,
    "not_equal": _both("not_equal", "logical_or"),
    "isnan": _both("isnan", "logical_or"),
    "isinf": _both("isinf", "logical_or"),
    "isfinite": _both("isfinite", "logical_and"),
}
"""Ops of complex numbers whose result is real."""


def has_parts(name: str, operands: Sequence[ArrayType], result: ArrayType) -> bool:
    """Whether an elementwise op of complex numbers is one of those above."""
    if not all(map(is_complex, operands)):
        return False
    return name in (TO_COMPLEX if is_complex(result) else TO_REAL)
