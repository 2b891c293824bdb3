"""What has no derivative is refused with the op, the user's line, the operands and a remedy,
however the derivative is asked for."""

from __future__ import annotations

import linecache

import numpy as np
import pytest
from scipy import special

import irgrad
from irgrad.errors import UnsupportedError
from irgrad.ir.op import Op, make_op, register_instance
from irgrad.ops.base import bind

X = np.array([1.5, 2.5])


class Opaque(Op):
    name = "opaque_in_a_test"

    def result_types(self, *operands):
        return operands

    def reference(self, *operands):
        return np.sin(operands[0])


register_instance(Opaque())


@irgrad.custom_vjp
def reverse_only(x):
    return x**3


reverse_only.defvjp(lambda x: (x**3, x), lambda x, bar: (3 * x**2 * bar,))


@irgrad.custom_jvp
def without_rule(x):
    return x**3


def opaque(x):
    level = x * 2
    return np.sum(bind(make_op("opaque_in_a_test", {}), level))  # here


def order(x):
    level = x * 2
    return np.sum(special.gammainc(level, 0.5))  # here


def looped(x):
    level = x
    for _ in range(100):
        level = special.gammainc(level, 0.5)  # here
    return np.sum(level)


def branched(x):
    if np.sum(x) > 0:
        level = x * 2
        return np.sum(special.gammainc(level, 0.5))  # here
    return 0.0


def complex_psi(x):
    level = x * 1j
    return np.sum(special.psi(level).real)  # here


def no_rule(x):
    level = x * 2
    return np.sum(without_rule(level))  # here


def forward(x):
    level = x * 2
    return np.sum(reverse_only(level))  # here


WAYS = {
    "grad": lambda f: irgrad.grad(f)(X),
    "value_and_grad": lambda f: irgrad.value_and_grad(f)(X),
    "jvp": lambda f: irgrad.jvp(f, (X,), (X,)),
    "linearize": lambda f: irgrad.linearize(f, X),
    "hessian": lambda f: irgrad.hessian(f)(X),
    "vmap": lambda f: irgrad.vmap(irgrad.grad(f))(X[None]),
    "inside": lambda f: irgrad.compile(lambda x: irgrad.grad(f)(x) + 1)(X),
}
REMEDY = {
    opaque: "irgrad.stop_gradient(x) takes it as a constant",
    order: "pass it as a plain number, or through irgrad.stop_gradient",
    looped: "irgrad.stop_gradient",
    branched: "irgrad.stop_gradient",
    complex_psi: "irgrad.custom_jvp",
    no_rule: "without_rule.defjvp(...)",
    forward: "use reverse mode",
}


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("function", REMEDY, ids=lambda f: f.__name__)
def test_no_derivative(function, way) -> None:
    if function is forward and way in ("grad", "value_and_grad", "vmap", "inside", "hessian"):
        WAYS[way](function)
        return
    with pytest.raises(UnsupportedError) as caught:
        WAYS[way](function)
    text = str(caught.value)
    code = function.__code__
    lines = linecache.getlines(code.co_filename)
    line = next(i for i in range(code.co_firstlineno, len(lines)) if "# here" in lines[i - 1])
    assert f"at test_no_derivative.py:{line}    {lines[line - 1].strip()}" in text
    assert text.count("\n  at ") == 1
    assert REMEDY[function] in text
    assert "%level" in text or function is looped


def test_it_names_the_op() -> None:
    with pytest.raises(UnsupportedError, match=r"^opaque_in_a_test has no derivative"):
        irgrad.grad(opaque)(X)
    with pytest.raises(UnsupportedError, match=r"^gammainc has no derivative .* parameter a"):
        irgrad.grad(order)(X)
