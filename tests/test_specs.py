"""Types where arrays belong, and arrays where types do."""

from __future__ import annotations

import numpy as np
import pytest

import irgrad
from irgrad.errors import ArgumentError, OptionError

SPEC = irgrad.spec("f64[3]")


def f(x):
    return np.sum(x**2)


NUMBERS = {
    "compile": lambda: irgrad.compile(f)(SPEC),
    "a ufunc": lambda: irgrad.compile(np.sin)(SPEC),
    "grad": lambda: irgrad.grad(f)(SPEC),
    "by keyword": lambda: irgrad.grad(f, "x")(x=SPEC),
    "value_and_grad": lambda: irgrad.value_and_grad(f)(SPEC),
    "jacobian": lambda: irgrad.jacobian(f)(SPEC),
    "hessian": lambda: irgrad.hessian(f)(SPEC),
    "hvp": lambda: irgrad.hvp(f)(SPEC, SPEC),
    "vmap": lambda: irgrad.vmap(f)(SPEC),
    "vjp": lambda: irgrad.vjp(f, SPEC),
    "linearize": lambda: irgrad.linearize(f, SPEC),
    "inside": lambda: irgrad.compile(lambda y: irgrad.grad(f)(SPEC) * y)(np.ones(3)),
    "an expression": lambda: irgrad.grad("sum(x**2)")(SPEC),
    "a graph": lambda: irgrad.compile(irgrad.trace(f, SPEC))(SPEC),
}
UNNAMED = {
    "NumPy": lambda: np.sin(SPEC),
    "closed over": lambda: irgrad.compile(lambda y: y + SPEC)(np.ones(3)),
    "check_grads": lambda: irgrad.check_grads(f, (SPEC,)),
    "sensitivity": lambda: irgrad.sensitivity(f, SPEC),
    "root": lambda: irgrad.root(lambda x: x * x - 2.0, SPEC),
    "scan": lambda: irgrad.scan(lambda c, x: (c + x, None), 0.0, SPEC),
    "descend": lambda: irgrad.descend(f, SPEC),
}


@pytest.mark.parametrize("call", [*NUMBERS, *UNNAMED])
def test_a_type_has_no_numbers(call) -> None:
    with pytest.raises(ArgumentError, match=r"spec\('f64\[3\]'\) stands for the type") as caught:
        (NUMBERS | UNNAMED)[call]()
    assert "pass an array" in caught.value.hint
    assert ("argument x: spec" in str(caught.value)) == (call in NUMBERS)


def test_the_place_in_a_pytree() -> None:
    with pytest.raises(ArgumentError, match=r"argument p\['a'\]\[1\]: spec"):
        irgrad.compile(lambda p: p["a"][0])({"a": [1.0, SPEC]})


def test_types_where_types_belong() -> None:
    compiled = irgrad.compile(irgrad.grad(f))
    text = str(irgrad.trace(f, SPEC))
    assert text == str(irgrad.trace(f, np.ones(3))) == str(irgrad.trace(f, irgrad.spec(np.ones(3))))
    assert "%x: f64[3]" in text
    assert "f64[3]" in compiled.dump(SPEC)
    assert len(compiled.graph(SPEC, stage="lowered")) == 2
    assert "for i0" in irgrad.compile(f, backend="numba").kernels(SPEC)
    assert irgrad.cost(f, SPEC).function.operations > 0


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (float, "spec takes the text of a type, got <class 'float'>"),
        ((3,), r"spec takes the text of a type, got \(3,\)"),
        ("f64[3", "'f64\\[3' is not a type: write"),
        ("float64[3]", "'float64\\[3\\]' is not a type"),
        ("f64[3 4]", "its shape has no commas"),
    ],
)
def test_what_is_no_type(given, message) -> None:
    with pytest.raises((ArgumentError, OptionError), match=message):
        irgrad.spec(given)


def test_a_type_as_a_string() -> None:
    with pytest.raises(TypeError) as caught:
        irgrad.trace(f, "f64[3]")
    assert caught.value.__notes__ == [
        "  hint: for an array of type f64[3], pass irgrad.spec('f64[3]')"
    ]
