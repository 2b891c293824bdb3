"""Arithmetic ufuncs. At 0, abs and hypot have derivative 0."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from irgrad.errors import DTypeError
from irgrad.ir.builder import Traced
from irgrad.ir.op import register_instance
from irgrad.ir.types import ArrayType
from irgrad.ops.cast import REAL, conjugate
from irgrad.ops.elementwise import Elementwise, elementwise, registered
from irgrad.ops.ratio import Steep, ratio


class RealElementwise(Elementwise):
    """An elementwise op whose meaning for complex numbers is not differentiable, and is refused."""

    def result_types(self, *operands: ArrayType) -> tuple[ArrayType, ...]:
        if any(operand.dtype.kind == "c" for operand in operands):
            raise DTypeError(f"{self.name} of complex numbers is not supported", hint="take .real")
        return super().result_types(*operands)


class Absolute(Elementwise):
    """|x|: derivative sign(x), and for complex x the tangent is Re(conj(x) x_dot) / |x|, 0 at 0."""

    def jvp(
        self, primals: Sequence[Any], outputs: Sequence[Any], tangents: Sequence[Any]
    ) -> Sequence[Any]:
        if primals[0].dtype.kind != "c":
            return super().jvp(primals, outputs, tangents)
        return [_real(ratio(conjugate(primals[0]), outputs[0]) * tangents[0])]

    def vjp(
        self,
        primals: Sequence[Any],
        outputs: Sequence[Any],
        cotangents: Sequence[Any],
        wanted: Sequence[bool],
    ) -> Sequence[Any]:
        if primals[0].dtype.kind != "c":
            return super().vjp(primals, outputs, cotangents, wanted)
        return [ratio(conjugate(primals[0]), outputs[0]) * cotangents[0]]


class ComplexSign(Elementwise):
    """s = z / |z|, and 0 at 0. Its tangent is what turns it, i Im(conj(s) z_dot) s / |z|, while the
    sign of real numbers is flat: so it is an op of its own.
    """

    def result_types(self, *operands: ArrayType) -> tuple[ArrayType, ...]:
        if any(operand.dtype.kind != "c" for operand in operands):
            raise DTypeError(f"{self.name} takes complex numbers, got {operands[0]}", hint="sign")
        return super().result_types(*operands)

    def jvp(
        self, primals: Sequence[Any], outputs: Sequence[Any], tangents: Sequence[Any]
    ) -> Sequence[Any]:
        turning = np.imag(conjugate(outputs[0]) * tangents[0])
        return [1j * turning * ratio(outputs[0], np.absolute(primals[0]))]

    def vjp(
        self,
        primals: Sequence[Any],
        outputs: Sequence[Any],
        cotangents: Sequence[Any],
        wanted: Sequence[bool],
    ) -> Sequence[Any]:
        along = np.imag(cotangents[0] * ratio(outputs[0], np.absolute(primals[0])))
        return [1j * along * conjugate(outputs[0])]


def _real(z: Any) -> Any:
    from irgrad.ops.base import bind

    return bind(REAL, z)


class Power(Steep):
    """x^p. At 0 a derivative in x is infinite at some order unless p is 1, 2, ...: where that is
    known, the chain rule is a plain product.
    """

    def scaled(self, value: Any, operand: int, primals: Sequence[Any], output: Any) -> Any:
        exponent = _fixed(primals[1])
        whole = exponent is not None and exponent == np.maximum(np.rint(exponent.real), 1)
        if operand == 1 or whole:
            return Elementwise.scaled(self, value, operand, primals, output)
        return super().scaled(value, operand, primals, output)


def _fixed(p: Any) -> Any:
    """The number that an exponent is known to be."""
    constant = p.value.constant if isinstance(p, Traced) else np.asarray(p)
    return None if constant is None or constant.ndim else constant[()]


def _slope_of_power(x: Any, p: Any, y: Any) -> Any:
    """p x^(p - 1)."""
    exponent = _fixed(p)
    if exponent is None:
        return p * x ** np.where(p == 0, 0, p - 1)
    return p * x ** (exponent - 1 if exponent else exponent)


ADD = elementwise("add", np.add, 1, 1)
SUBTRACT = elementwise("subtract", np.subtract, 1, -1)
MULTIPLY = elementwise("multiply", np.multiply, lambda x, y, p: y, lambda x, y, p: x)
DIVIDE = elementwise("divide", np.divide, lambda x, y, q: 1 / y, lambda x, y, q: -q / y)
NEGATIVE = elementwise("negative", np.negative, -1)
POSITIVE = elementwise("positive", np.positive, 1)
RECIPROCAL = elementwise("reciprocal", np.reciprocal, lambda x, y: -y * y)
SQUARE = elementwise("square", np.square, lambda x, y: 2 * x)
SQRT = registered(Steep("sqrt", np.sqrt, lambda x, y: ratio(0.5, y)))
CBRT = registered(Steep("cbrt", np.cbrt, lambda x, y: ratio(ratio(1 / 3, y), y)))
POWER = registered(
    Power("power", np.power, _slope_of_power, lambda x, p, y: y * np.log(np.where(x == 0, 1, x)))
)
ABSOLUTE = registered(Absolute("absolute", np.absolute, lambda x, y: np.sign(x)))
FABS = elementwise("fabs", np.fabs, lambda x, y: np.sign(x))
SIGN = registered(RealElementwise("sign", np.sign, None))
COMPLEX_SIGN = ComplexSign("complex_sign", np.sign, 0)
SIGN.on_complex = COMPLEX_SIGN
register_instance(COMPLEX_SIGN)
FLOOR_DIVIDE = elementwise("floor_divide", np.floor_divide, None, None)
REMAINDER = elementwise("remainder", np.remainder, 1, lambda x, y, r: -(x // y))
FMOD = elementwise("fmod", np.fmod, 1, lambda x, y, r: -np.trunc(x / y))
HYPOT = registered(
    Steep("hypot", np.hypot, lambda x, y, r: ratio(x, r), lambda x, y, r: ratio(y, r))
)
COPYSIGN = elementwise(
    "copysign",
    np.copysign,
    lambda x, y, z: np.where(np.signbit(x) == np.signbit(y), 1, np.full_like(x, -1)),
    None,
)
HEAVISIDE = elementwise(
    "heaviside", np.heaviside, None, lambda x, h, y: np.where(x == 0, 1, np.zeros_like(x))
)
NEXTAFTER = elementwise("nextafter", np.nextafter, 1, None)
SPACING = elementwise("spacing", np.spacing, None)
LDEXP = elementwise("ldexp", np.ldexp, lambda x, n, y: np.ldexp(np.ones_like(x), n), None)
GCD = elementwise("gcd", np.gcd, None, None)
LCM = elementwise("lcm", np.lcm, None, None)
