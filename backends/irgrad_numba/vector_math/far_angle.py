"""Large angles modulo pi / 2, exactly enough for every float64 (M. H. Payne, R. N. Hanek, Radian
reduction for trigonometric functions, ACM SIGNUM Newsletter 18 (1983)).

x = m 2^e with an integer m of 53 bits. Of the binary digits of 2 / pi, those at which m 2^e gives
multiples of 4 are skipped; m times the 256 digits that follow is x * 2 / pi modulo 4 to within
2^-201, and the float64 nearest to a multiple of pi / 2 is 2^-62 away."""

from __future__ import annotations

from irgrad_numba.llvm import Type, Value, copysign, fma
from irgrad_numba.vector_math.coefficients import HALF_PI, TWO_OVER_PI_DIGITS
from irgrad_numba.vector_math.floating import Pair, product_of, sum_of_ordered
from irgrad_numba.vector_math.function import each_lane

DIGITS = 64 * len(TWO_OVER_PI_DIGITS)
TABLE = "math.two_over_pi"


def quarters(x: Value) -> tuple[Value, Pair]:
    """(n, (r, tail)) in double precision: x = n pi / 2 + r + tail for |x| from 1 on."""
    n, r, tail = each_lane(x, _reduced)
    return n, (r, tail)


def _product(x: Value) -> Value:
    """|x| * 2 / pi modulo 4 as an integer of 256 bits, in units of 2^-254."""
    code = x.code
    listed = ", ".join(f"i64 {word}" for word in (*TWO_OVER_PI_DIGITS, 0))
    code.module.declarations[TABLE] = (
        f"@{TABLE} = private constant [{DIGITS // 64 + 1} x i64] [{listed}], align 8"
    )
    bits = x.bits() & (2**63 - 1)
    skipped = (bits >> 52) - (1075 + 2 - 64)
    shift = (DIGITS - 256) - skipped
    m = (bits & (2**52 - 1)) | 2**52
    start = code.name()
    code.emit(f"{start} = getelementptr i8, ptr @{TABLE}, i64 {(shift >> 3).text}")
    window, by, aligned, integer, product = (code.name() for _ in range(5))
    code.emit(f"{window} = load i320, ptr {start}, align 1")
    code.emit(f"{by} = zext i64 {(shift & 7).text} to i320")
    code.emit(f"{aligned} = lshr i320 {window}, {by}")
    code.emit(f"{integer} = zext i64 {m.text} to i320")
    code.emit(f"{product} = mul i320 {aligned}, {integer}")
    return Value(code, Type("i64"), product)


def _word(product: Value, position: int) -> Value:
    """Bits of the product from a position on, as an integer."""
    code, name = product.code, product.code.name()
    code.emit(f"{name} = lshr i320 {product.text}, {position}")
    return code.value(Type("i64"), f"trunc i320 {name} to i64")


def _reduced(x: Value) -> tuple[Value, Value, Value]:
    x = x.cast("f64")
    product = _product(x)
    first, second = _word(product, 192), _word(product, 128)
    n = ((first >> 61) + 1) >> 1  # bits 254 and 255 are whole quarters
    first = first - (n << 62)
    parts = [
        (first >> 32).cast("f64") * 2.0**-30,
        (first & 0xFFFFFFFF).cast("f64") * 2.0**-62,
        ((second >> 32) & 0xFFFFFFFF).cast("f64") * 2.0**-94,
        (second & 0xFFFFFFFF).cast("f64") * 2.0**-126,
    ]
    high, lost = sum_of_ordered(parts[0], parts[1])
    high, more = sum_of_ordered(high, parts[2])
    high, low = sum_of_ordered(high, lost + (more + parts[3]))
    a, b, _ = HALF_PI["f64"]
    r, tail = product_of(high, a)
    r, tail = sum_of_ordered(r, fma(high, b, fma(low, a, tail)))
    sign = copysign(x.lift(1.0), x)
    return (x < 0).where(-n, n), r * sign, tail * sign
