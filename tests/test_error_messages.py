"""Whole messages of the mistakes that everybody makes once: the values by the user's names for
them, the user's line, expected, got and a remedy. Each is the same from a function, a method, a
lambda and an expression, and through derivatives of derivatives."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import irgrad
from irgrad.errors import BackendError, DTypeError, ExpressionError, IrgradError, IRTextError

V, W = np.ones(3), np.ones((4, 3))
Z = V * 1j
CONSTANT = np.zeros(3)


class Model:
    def __init__(self) -> None:
        self.w = np.ones((4, 4))
        self.parts = {"shift": np.ones(2)}

    def product(self, x):
        return np.sum(self.w @ x)

    def shifted(self, x):
        return np.sum(x + self.parts["shift"])

    def unknown(self, x):
        h = np.sin(x)
        return np.sum(np.unique(h))

    def outside(self, x):
        h = np.sin(x)
        return h[5]

    def written(self, x):
        h = x * 2
        h[-4] = 1.0
        return np.sum(h)

    def number(self, x):
        return np.sum(np.zeros(3) + float(x))

    def folded(self, x):
        return np.sum(x.reshape(2, 2))


def product(w, x):
    h = w @ x
    return np.sum(h)


def real(z):
    return np.sum(z.astype(np.float64))


def into_real(x):
    a = np.zeros(3)
    a[0] = x[0] * 1j
    return np.sum(a)


def branch(x):
    if x > 0 and x < 1:
        return np.sum(x)
    return -np.sum(x)


def joined(x):
    return np.sum(np.concatenate([x, W]))


def accumulated(x):
    total = CONSTANT
    total += x
    return np.sum(total)


M = Model()
MATMUL = "a @ b needs a.shape[-1] == b.shape[-2], or b.shape[0] for a vector b"
BROADCAST = (
    "axes are matched from the last one on, and an extent of 1 fits any other: x[:, None] puts an "
    "axis of 1 last, x[None] first"
)
AXES = "axes are numbered from 0, and -1 is the last"
SORT = "np.sort(x) has equal elements side by side"
SIZES = "the sizes must be equal; an extent of -1 becomes what is left"
CONDITION = (
    "np.where chooses element by element, & and | combine masks; np.any and np.all make one "
    "condition"
)
OUTSIDE = "index 5 is out of bounds for axis 0 with size 3: expected -3 to 2"

MISTAKES: dict[str, tuple[Any, tuple[Any, ...], str]] = {
    "shapes, function": (
        product, (W, np.ones(4)),
        ("matmul: %w: f64[4,3] and %x: f64[4] do not fit, the summed axes are 3 and 4\n"
        f"HERE\n  hint: {MATMUL}"),
    ),
    "shapes, method": (
        M.product, (V,),
        ("matmul: %self.w: f64[4,4] and %x: f64[3] do not fit, the summed axes are 4 and 3\n"
        f"HERE\n  hint: {MATMUL}"),
    ),
    "shapes, part of a dict": (
        M.shifted, (V,),
        ("add: shapes (3,) and (2,) do not broadcast: axis -1 is 3 and 2\n"
        f"  operands: %x: f64[3], %self.parts.shift: f64[2]\nHERE\n  hint: {BROADCAST}"),
    ),
    "shapes, lambda": (
        lambda x: np.sum(W @ x), (np.ones(4),),
        ("matmul: %W: f64[4,3] and %x: f64[4] do not fit, the summed axes are 3 and 4\n"
        f"HERE\n  hint: {MATMUL}"),
    ),
    "shapes, expression": (
        "sum(W @ x)", (W, np.ones(4)),
        ("matmul: %W: f64[4,3] and %x: f64[4] do not fit, the summed axes are 3 and 4\n"
        f"  at <expression>:1    sum(W @ x)\n                             ^\n  hint: {MATMUL}"),
    ),
    "unsupported function": (
        M.unknown, (V,),
        ("np.unique is not supported on traced values: the size of the result depends on the "
        f"numbers\n  operands: %h: f64[3]\nHERE\n  hint: {SORT}"),
    ),
    "unsupported function, lambda": (
        lambda x: np.sum(np.unique(x)), (V,),
        ("np.unique is not supported on traced values: the size of the result depends on the "
        f"numbers\n  operands: %x: f64[3]\nHERE\n  hint: {SORT}"),
    ),
    "index": (M.outside, (V,), f"{OUTSIDE}\n  array: %h: f64[3]\nHERE"),
    "index, lambda": (lambda x: x[5], (V,), f"{OUTSIDE}\n  array: %x: f64[3]\nHERE"),
    "index, no variable": (
        lambda x: np.sin(x)[5], (V,), f"{OUTSIDE}\n  array: the result of sin: f64[3]\nHERE",
    ),
    "index, expression": (
        "x[5]", (V,),
        f"{OUTSIDE}\n  array: %x: f64[3]\n  at <expression>:1    x[5]\n                       ^",
    ),
    "index of an assignment": (
        M.written, (V,),
        ("index -4 is out of bounds for axis 0 with size 3: expected -3 to 2\n"
        "  array: %h: f64[3]\nHERE"),
    ),
    "axis": (
        lambda w: np.sum(np.sum(w, axis=2)), (W,),
        ("sum: axis 2 is out of bounds for an array of 2 dimensions: expected -2 to 1\n"
        f"  operands: %w: f64[4,3]\nHERE\n  hint: {AXES}"),
    ),
    "axis, expression": (
        "sum(sum(x, axis=1))", (V,),
        ("axis 1 is out of bounds for an array of 1 dimension: expected -1 to 0\n"
        "  operands: %x: f64[3]\n  at <expression>:1    sum(sum(x, axis=1))\n"
        f"                           ^\n  hint: {AXES}"),
    ),
    "reshape": (
        M.folded, (V,),
        ("cannot reshape an array of size 3 into shape (2, 2), which has size 4\n"
        f"  operands: %x: f64[3]\nHERE\n  hint: {SIZES}"),
    ),
    "concatenate": (
        joined, (V,),
        ("concatenate: shapes (3,) and (4, 3) must agree but along axis 0\n"
        "  operands: %x: f64[3], %W: f64[4,3]\nHERE\n"
        "  hint: give both as many axes, with x[:, None] or np.reshape"),
    ),
    "complex to real": (
        real, (Z,),
        ("astype from complex128 to float64 drops the imaginary part\n"
        "  operands: %z: c128[3]\nHERE\n  hint: use .real"),
    ),
    "complex to real, float()": (
        lambda z: float(z[0]), (Z,),
        ("float: a complex number is not real\n"
        "  operands: %z: c128[]\nHERE\n  hint: x.real takes its real part"),
    ),
    "complex into a real array": (
        into_real, (V,),
        ("assignment of complex128 into an array of float64 drops the imaginary part\n"
        "  operands: %a: f64[3], the result of multiply: c128[]\nHERE\n"
        "  hint: use .real, or make the array complex"),
    ),
    "if on an array": (
        branch, (V,),
        ("the condition of an if (or of and, or, not, a chained comparison) must be a scalar, got "
        f"the result of greater: bool[3]\nHERE\n  hint: {CONDITION}"),
    ),
    "float() of an array": (
        M.number, (V,),
        ("float() of a traced value (%x: f64[3])\nHERE\n  hint: the numbers are not known while "
        "the function is lowered; leave the value as it is; np.stack([a, b]) makes an array "
        "of traced values"),
    ),
    "write into a constant array": (
        accumulated, (V,),
        ("np.add: out= is not supported with an array that holds only numbers: an in-place write "
        "into a constant NumPy array\n  operands: %x: f64[3], %total: f64[3]\nHERE\n"
        "  hint: write a = a + x instead of a += x, leave out= away and use the result"),
    ),
}  # fmt: skip

WAYS: dict[str, Callable[..., Any]] = {
    "trace": irgrad.trace,
    "grad": lambda f, *args: irgrad.grad(f)(*args),
    "jvp": lambda f, *args: irgrad.jvp(f, args, args),
    "grad of grad": lambda f, *args: irgrad.grad(
        lambda *xs: np.sum(np.abs(irgrad.grad(f)(*xs)) ** 2)
    )(*args),
    "jacobian of vjp": lambda f, *args: irgrad.jacobian(
        lambda *xs: irgrad.vjp(f, *xs)[1](1.0)[0], mode="forward"
    )(*args),
    "vmap of grad": lambda f, *args: irgrad.vmap(irgrad.grad(f))(*(np.stack([x, x]) for x in args)),
    "compile": lambda f, *args: irgrad.compile(irgrad.grad(f), backend="numpy")(*args),
}


def told(call: Callable[[], Any], function: Any) -> str:
    """The message that a call raises, with HERE in place of a line of `function`."""
    with pytest.raises(IrgradError) as caught:
        call()
    text = str(caught.value)
    place = re.search(r"^  at test_error_messages\.py:(\d+)    .+$", text, re.MULTILINE)
    if place is None:
        return text
    lines = {line for *_, line in function.__code__.co_lines() if line}
    assert min(lines) <= int(place[1]) <= max(lines), text
    return text.replace(place[0], "HERE")


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("name", MISTAKES)
def test_a_mistake_while_a_function_is_lowered(name: str, way: str) -> None:
    function, arguments, expected = MISTAKES[name]
    assert told(lambda: WAYS[way](function, *arguments), function) == expected


N = np.arange(3)
FLOATS = "pass floats, or convert with .astype(np.float64)"
INTEGERS: dict[str, tuple[Any, Any, Any, str]] = {
    "first": (product, 0, (N, V), f"grad with respect to w: i64[3] is not a float type: {FLOATS}"),
    "second": (product, 1, (V, N), f"grad with respect to x: i64[3] is not a float type: {FLOATS}"),
    "name": (product, "x", (V, N), f"grad with respect to x: i64[3] is not a float type: {FLOATS}"),
    "method": (M.product, 0, (N,), f"grad with respect to x: i64[3] is not a float type: {FLOATS}"),
    "Python": (
        M.product, 0, (3,),
        "grad with respect to x: 3 is a Python int, which is static: pass a float: 3.0",
    ),
    "bool": (
        lambda q: q, 0, (True,),
        "grad with respect to q: True is a Python bool, which is static: pass a float: 1.0",
    ),
    "expression": (
        "a * n", 1, (1.0, 3),
        "grad with respect to n: 3 is a Python int, which is static: pass a float: 3.0",
    ),
    "pytree": (
        lambda p: p["a"] * p["n"], 0, ({"a": 1.0, "n": N},),
        f"grad with respect to p['n']: i64[3] is not a float type: {FLOATS}",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", INTEGERS)
def test_integers_to_differentiate_by(name: str) -> None:
    function, argnums, arguments, expected = INTEGERS[name]
    for transform in (irgrad.grad, irgrad.value_and_grad):
        for call in (
            lambda t=transform: t(function, argnums)(*arguments),
            lambda t=transform: irgrad.grad(lambda x: t(function, argnums)(*arguments))(1.0),
        ):
            with pytest.raises(DTypeError) as caught:
                call()
            message, place, hint = str(caught.value).split("\n")
            message = message.replace("value_and_grad with", "grad with")
            assert f"{message}: {hint.removeprefix('  hint: ')}" == expected
            assert place.startswith("  at test_error_messages.py:")


INSTEAD = "sum the result, or use jacobian for the derivatives of all its elements"


@pytest.mark.parametrize(
    ("function", "expected"),
    [
        (
            lambda x: np.tanh(x),
            f"grad needs a scalar, <lambda> returns f64[3]\nHERE\n  hint: {INSTEAD}",
        ),
        (
            "sin(x)",
            (
                "grad needs a scalar, expression returns f64[3]\n  at <expression>:1    sin(x)\n"
                f"                       ^\n  hint: {INSTEAD}"
            ),
        ),
        (
            lambda z: np.sum(z * 1j),
            (
                "grad needs a real scalar, <lambda> returns c128[]\nHERE\n  hint: take .real or "
                "abs(), or pass holomorphic=True for a holomorphic function"
            ),
        ),
    ],
)
def test_results_without_a_gradient(function: Any, expected: str) -> None:
    for call in (
        lambda: irgrad.grad(function)(V),
        lambda: irgrad.value_and_grad(function)(V),
        lambda: irgrad.jacobian(irgrad.grad(function))(V),
        lambda: irgrad.grad(lambda x: np.sum(irgrad.grad(function)(x)))(V),
    ):
        assert told(call, function) == expected


TEXT = "graph @f(%x: f64[3]) -> (y: f64[3]) {\n  %y: f64[3] = sin(%x)\n  return y=%y\n}"
EDITS = {
    "type": (
        "%y: f64[3] =", "%y: f64[3 =",
        "line 2: expected a type such as f64[4,3]\n      %y: f64[3 = sin(%x)\n          ^",
    ),
    "wrong type": (
        "%y: f64[3] =", "%y: f64[] =",
        ("line 2: sin gives f64[3], the line says f64[]\n      %y: f64[] = sin(%x)\n"
        "                  ^"),
    ),
    "op": (
        "sin", "sinn",
        ("line 2: unknown op 'sinn'\n      %y: f64[3] = sinn(%x)\n                   ^\n"
        "  hint: did you mean 'sin'?"),
    ),
    "value": (
        "sin(%x)", "sin(%z)",
        ("line 2: %z is not defined above this line\n      %y: f64[3] = sin(%z)\n"
        "                       ^"),
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", EDITS)
def test_text_with_a_mistake(name: str) -> None:
    old, new, expected = EDITS[name]
    irgrad.parse(TEXT)
    with pytest.raises(IRTextError) as caught:
        irgrad.parse(TEXT.replace(old, new))
    assert str(caught.value) == expected


def test_the_text_of_a_graph_is_no_expression() -> None:
    for use in (irgrad.compile, irgrad.grad, irgrad.expression):
        with pytest.raises(ExpressionError) as caught:
            use(TEXT)
        assert "hint: irgrad.parse reads the text of a graph" in str(caught.value)


@pytest.mark.parametrize("name", ["nunba", 3, ""])
def test_a_backend_that_is_not_there(name: Any) -> None:
    hint = "\n  hint: did you mean 'numba'?" if name == "nunba" else ""
    if name == 3:
        hint = "\n  hint: a backend is chosen by the name under which a distribution lists it"
    for use in (
        lambda: irgrad.compile(np.sin, backend=name),
        lambda: irgrad.use_backend(name).__enter__(),
    ):
        with pytest.raises(BackendError) as caught:
            use()
        installed = ", ".join(irgrad.backends())
        message = f"no backend called '{name}'; installed: {installed}{hint}"
        assert str(caught.value).startswith(message)
        assert hint or str(caught.value) == message


OPERATORS = (
    irgrad.grad, irgrad.value_and_grad, irgrad.jacobian, irgrad.jacfwd, irgrad.jacrev,
    irgrad.hessian, irgrad.hvp, irgrad.sparse_jacobian, irgrad.sparse_hessian,
)  # fmt: skip


def two(x, y):
    return np.sum(x * y)


@pytest.mark.parametrize("operator", OPERATORS, ids=lambda operator: operator.__name__)
def test_calls_of_every_operator_that_do_not_fit(operator: Any) -> None:
    name = operator.__name__
    v = (V,) if name == "hvp" else ()
    for call, message in (
        (lambda: operator(two)(V, *v), r"two takes \(x, y\), and got 1 argument: missing .* 'y'"),
        (lambda: operator(two)(V, V, V, *v), r"and got 3 arguments: too many positional"),
        (lambda: operator(two)(V, *v, z=V), r"two takes .* z=: (missing|got an unexpected)"),
        (lambda: operator(two, None), f"{name}: argnums must be ints, names.* got None"),
        (lambda: operator(two, V), rf"{name}: argnums must(.|\n)*hint: {name}\(f\) is a function"),
        (lambda: operator(two, allow_int=True), f"{name} has no keyword 'allow_int'; it has argn"),
        (lambda: operator(two, argnum=0), "hint: argnums=0"),
        (lambda: operator(two, argnms=0), "hint: did you mean 'argnums'?"),
    ):
        with pytest.raises(TypeError, match=message) as caught:
            call()
        assert "test_error_messages.py" in str(caught.value)


def test_argnums_that_name_an_argument_twice() -> None:
    """Where each has directions of its own; the gradient is twice the same."""
    first, second = irgrad.grad(two, (0, "x"))(V, N * 1.0)
    np.testing.assert_array_equal(first, second)
    for call in (
        lambda: irgrad.sparse_jacobian(two, (0, "x"))(V, V),
        lambda: irgrad.sparse_hessian(two, (0, 0))(V, V),
        lambda: irgrad.hvp(two, (0, -2))(V, V, (V, V)),
    ):
        with pytest.raises(TypeError, match="argnums name %x twice"):
            call()


def test_results_without_a_sparse_matrix() -> None:
    for f, message in (
        (lambda x: None, "sparse_jacobian: <lambda> returns no array(.|\n)*return missing"),
        (lambda x: x > 0, r"sparse_jacobian needs float results, <lambda> returns bool\[3\]"),
        (lambda x: {"a": x, "n": np.argmax(x)}, r"needs float results, .* i64\[\]"),
        (lambda x: x * 1j, r"has complex numbers \(c128\[3\]\)"),
    ):
        with pytest.raises(TypeError, match=message):
            irgrad.sparse_jacobian(f)(V)
    with pytest.raises(TypeError, match="argnums choose no array"):
        irgrad.sparse_hessian(two, ())(V, V)


def test_keywords_that_have_another_name_here() -> None:
    calls: dict[str, Callable[[Any], Any]] = {
        "solver='lm'": lambda i: i.root(np.sin, 1.0, method="lm"),
        "changes nothing that counts": lambda i: i.fixed_point(np.sin, 1.0, tol=1e-3),
        "irgrad.scipy.minimize takes bounds": lambda i: i.minimize_argmin(two, 1.0, bounds=[]),
        "solver='cg'": lambda i: i.linear_solve(np.sin, 1.0, method="cg"),
        "all arguments are differentiated to": lambda i: i.vjp(two, V, V, argnums=0),
        "rate=0.1": lambda i: i.descend(two, V, lr=0.1),
        "let f return the arrays alone": lambda i: i.sparse_jacobian(two, has_aux=True),
    }
    for remedy, call in calls.items():
        with pytest.raises(TypeError, match="has no keyword") as caught:
            call(irgrad)
        assert f"hint: {remedy}" in str(caught.value) or remedy in str(caught.value)


def test_lists_in_the_place_of_arrays() -> None:
    bowl = lambda x: np.sum((x - 1) ** 2)  # noqa: E731 -- passed on
    for call in (
        lambda: irgrad.grad(bowl)([1.0, 2.0]),
        lambda: irgrad.minimize_argmin(bowl, [1.0, 2.0]),
        lambda: irgrad.root(lambda x: -x, (1.0, 2.0)),
        lambda: irgrad.descend(bowl, [1.0, 2.0]),
    ):
        with pytest.raises(TypeError, match="operand type") as caught:
            call()
        assert any("pass np.array" in note for note in caught.value.__notes__)


def test_starts_and_solvers_that_do_not_fit() -> None:
    found = lambda equation, start: type("Result", (), {"x": start})()  # noqa: E731 -- short
    for call, message in (
        (lambda: irgrad.root(np.sin, "a"), "root: the start holds a str, no array"),
        (lambda: irgrad.root(np.sin, 1j), "root of complex unknowns"),
        (lambda: irgrad.root(np.sin, V, solver=lambda e, x: None), "gave None, expected an array"),
        (lambda: irgrad.root(np.sin, V, solver=found), "(.|\n)*hint: return result.x"),
        (lambda: irgrad.minimize_argmin(lambda x: None, V), "is None, no array(.|\n)*missing"),
        (lambda: irgrad.minimize_argmin(lambda x: x[0] * 1j, V), "make it a real number"),
        (lambda: irgrad.linear_solve(np.sin, V, solver=found), "irgrad.root takes a solver of y"),
        (lambda: irgrad.root(lambda x: x > 2, V), r"root: .* is bool\[3\], expected floats"),
        (
            lambda: irgrad.fixed_point(lambda x: x[0] > 2, 1 * V),
            r"fixed_point: .* is bool\[\], exp",
        ),
        (lambda: irgrad.scipy.root(lambda x: x > 2, V), "expected floats(.|\n)*of its sides"),
        (lambda: irgrad.descend(lambda x: np.sum(x) > 1, V), r"descend needs a float .* bool\[\]"),
        (
            lambda: irgrad.descend(lambda x: np.sum(x) * 1j, V),
            "descend needs a real .*\n.*\n.*abs..$",
        ),
        (
            lambda: irgrad.scipy.minimize(lambda x: np.sum(x).astype(int), V),
            r"minimize needs a float result, <lambda> returns i64\[\]",
        ),
    ):
        with pytest.raises((TypeError, ValueError), match=message) as caught:
            call()
        assert "test_error_messages.py" in str(caught.value)
