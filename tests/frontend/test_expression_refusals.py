"""What expressions refuse: every refusal with its message, its caret and its remedy."""

from __future__ import annotations

import time

import numpy as np
import pytest

import irgrad
from irgrad.errors import ArgumentError, ExpressionError
from irgrad.frontend.expression import expression
from irgrad.frontend.expression_names import functions

# the expression, the text above which the caret must stand, and a part of the message or hint
REFUSED = [
    ("sine(x)", "sine", "unknown function 'sine'"),
    ("1 + np.sine(x)", "np.sine", "did you mean 'sin'"),
    ("a(b + c)", "a(", r"write a \* \(...\) for a product"),
    ("2(x)", "2(", "only functions can be called"),
    ("x[0](1)", "x[0]", "only functions can be called"),
    ("np.foo", "np.foo", "'np.foo' is no constant"),
    ("x + np.sin", "np.sin", "'np.sin' is a function"),
    ("y + np", "np", "'np' is a module"),
    ("gamma(x) + gamma", "gamma", "a function in one place and an argument in another"),
    ("lambda x: x", "lambda", "a lambda is not part of the grammar"),
    ("(lambda x: x)(1)", "lambda", "only functions can be called"),
    ("[i for i in x]", "[i", "a comprehension is not part"),
    ("sum(i for i in x)", "(i", "a comprehension is not part"),
    ("{i for i in x}", "{", "a comprehension is not part"),
    ("{i: i for i in x}", "{", "a comprehension is not part"),
    ("y + (z := 3)", "z", "an assignment"),
    ("f'{x}'", "f'", "an f-string"),
    ("x + 'abc'", "'abc'", "a string has no meaning here"),
    ("b'abc'", "b'", "a string has no meaning here"),
    ("x['key']", "'key'", "a string has no meaning here"),
    ("sin(*x)", "*x", "a starred argument"),
    ("sin(**x)", "x)", "a starred argument"),
    ("{1: x}", "{", "a dict is not part"),
    ("{1, x}", "{", "a set is not part"),
    ("await x", "await", "await is not part"),
    ("(yield x)", "yield", "yield is not part"),
    ("x + ...", "...", "only in an index"),
    ("x is None", "is", "'is' and 'in' are not part"),
    ("0 < x in y", "in", "compare with == and !="),
    ("x.real.foo", "foo", "the attribute '.foo' cannot be read"),
    ("x.shap", "shap", "did you mean 'shape'"),
    ("x.sun()", "sun", "did you mean 'sum'"),
    ("x.sin()", "sin", r"write sin\(...\)"),
    ("x.tofile(y)", "tofile", "unknown method"),
    ("x.__class__", "__class__", "begin with two underscores"),
    ("x.T.__len__()", "__len__", "out of reach"),
    ("__import__('os')", "__import__", "begin with two underscores"),
    ("sum(x, out=y)", "out", "'out=' is not part of the grammar"),
    ("sin(x, where=y)", "where", "'where=' is not part of the grammar"),
    ("sum(x, axis=0, axis=1)", "axis=1", "'axis=' is given twice"),
    ("sin(x, y)", "y)", "sin takes 1 positional arguments, got 2"),
    ("np.sum(x, 0, y, z)", "z)", "name the others: axis=0"),
    ("max(x, y)", "y)", r"write maximum\(a, b\), or max\(x, axis=0\)"),
    ("einsum('i;j', x)", "'i;j'", "letters, commas and ->"),
    ("norm(x, ord='nul')", "'nul'", "'fro', 'nuc'"),
    ("x +", "", "invalid syntax"),
    ("x + * y", "* y", "invalid syntax"),
    ("x y", "x y", "Perhaps you forgot a comma"),
    ("x = 3", "x", "not an expression"),
    ("x; y", ";", "not an expression"),
    ("del x", "del", "not an expression"),
    ("import os", "import", "not an expression"),
    ("(x", "(", r"'\(' is never closed"),
    ("x[1", "[", r"'\[' is never closed"),
    ("x)", ")", r"'\)' closes nothing"),
    ("(x]", "]", r"'\(' before it needs '\)'"),
    ("x) + (y", ")", r"'\)' closes nothing"),
    ("é + sine(x)", "sine", "unknown function"),
    ("'é' + x", "'é'", "a string has no meaning"),
    ("1 + " + "9" * 400, "999", "an integer of more than 310 digits"),
    ("1 + 0x" + "f" * 300, "0x", "an integer of more than 1023 bits"),
]


@pytest.mark.parametrize(("text", "at", "message"), REFUSED)
def test_refused_with_a_caret(text: str, at: str, message: str) -> None:
    with pytest.raises(ExpressionError, match=message) as caught:
        expression(text)
    lines = str(caught.value).splitlines()
    row = next(i for i, line in enumerate(lines) if line.strip() == "^")
    column = lines[row].index("^")
    assert lines[row - 1].startswith("    ")
    assert lines[row - 1][column:].startswith(at), str(caught.value)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "the expression is empty"),
        ("  \n ", "the expression is empty"),
        ("x\0y", "null bytes"),
        ("x + \ud800", "not an expression"),
        ("-" * 10_000 + "x", "nested too deeply"),
        ("x" + ".T" * 100_000, "nested too deeply"),
        ("x" + " ** x" * 10_000, "nested too deeply"),
        ("x if x else " * 10_000 + "x", "nested too deeply"),
        ("(" * 101 + "x" + ")" * 101, "brackets are nested deeper than 100"),
        ("sin(" * 200 + "x" + ")" * 200, "brackets are nested deeper than 100"),
        ("(" * 100_000, "brackets are nested deeper than 100"),
        ("\uff3f\uff3fclass\uff3f\uff3f", "invalid character"),
        ("x.\xaa__class__", "cannot be read"),
    ],
)
def test_refused(text: str, message: str) -> None:
    start = time.perf_counter()
    with pytest.raises(ExpressionError, match=message):
        expression(text)
    assert time.perf_counter() - start < 5


HOSTILE = [
    ("9**9**9", "an integer of more than 1023 bits"),
    ("9**9**9*x", "an integer of more than 1023 bits"),
    ("2**1024", "an integer of more than 1023 bits"),
    ("1 << 10**9", "an integer of more than 1023 bits"),
    ("(2**1000) * (2**1000)", "an integer of more than 1023 bits"),
    ("1 // 0", "integer // by zero"),
    ("1 % 0", "integer % by zero"),
    ("[1] * 10**9", r"'\*' between a list or tuple and a number"),
    ("(1, 2) + (3, 4)", r"'\+' between a list or tuple and a list or tuple"),
    ("-(1, 2)", "'-' of a list or tuple"),
    ("zeros(10**12)", "more than 10,000,000 elements"),
    ("zeros(shape=10**12)", "more than 10,000,000 elements"),
    ("ones((10**5, 10**5))", "more than 10,000,000 elements"),
    ("full((10**5, 10**5), fill_value=x)", "more than 10,000,000 elements"),
    ("eye(10**6)", "more than 10,000,000 elements"),
    ("identity(10**6)", "more than 10,000,000 elements"),
    ("arange(10**12)", "more than 10,000,000 elements"),
    ("arange(0, 1, 1e-12)", "more than 10,000,000 elements"),
    ("linspace(0, 1, 10**12)", "more than 10,000,000 elements"),
    ("linspace(0, 1, num=10**12)", "more than 10,000,000 elements"),
    ("repeat(x, 10**12, axis=0)", "more than 10,000,000 elements"),
    ("tile(x, (10**6, 10**6))", "more than 10,000,000 elements"),
    ("broadcast_to(x, (10**6, 10**6))", "more than 10,000,000 elements"),
    ("outer(arange(10**5), arange(10**5))", "more than 10,000,000 elements"),
    ("pad(zeros(1), 10**12)", "more than 10,000,000 elements"),
    ("diag(arange(10**5))", "more than 10,000,000 elements"),
    ("x[0]", "a number has no axes"),
    ("x @ x", "matmul"),
]


@pytest.mark.parametrize(("text", "message"), HOSTILE)
def test_refused_when_called(text: str, message: str) -> None:
    formula = expression(text)
    start = time.perf_counter()
    with pytest.raises(ExpressionError, match=message) as caught:
        formula(*[1.0] * len(formula.names))
    assert time.perf_counter() - start < 2
    assert "at <expression>:1" in str(caught.value)
    assert str(caught.value).count("^") >= 1


def test_arguments_are_never_written_to() -> None:
    x, y = np.ones(3), np.zeros(3)
    x.flags.writeable = y.flags.writeable = False
    for text in ("exp(x) + y", "-x", "x[::-1]", "where(x > 0, x, y)", "cumsum(x) * y", "x.T"):
        expression(text)(**{name: {"x": x, "y": y}[name] for name in expression(text).names})


def test_no_function_takes_a_positional_output() -> None:
    """Further positional arguments would be `out`: no function may have them."""
    for name, function in functions().items():
        assert function.most >= 1, name
        if isinstance(function.call, np.ufunc):
            assert function.most == function.call.nin, name
    for name in ("sum", "mean", "max", "cumsum", "take", "clip", "dot", "concatenate", "round"):
        with pytest.raises(ExpressionError, match="positional arguments"):
            expression(f"np.{name}({', '.join(['x'] * (functions()[name].most + 1))})")


def test_dangerous_names_are_not_functions() -> None:
    names = "eval exec compile open getattr setattr vars dir type globals input print load save"
    names += " fromfile loadtxt memmap vectorize apply_along_axis frompyfunc tofile dump"
    for name in names.split():
        assert name not in functions()
        with pytest.raises(ExpressionError, match="unknown function"):
            expression(f"{name}(x)")


def test_a_constant_is_no_argument() -> None:
    with pytest.raises(ArgumentError, match=r"e is the constant 2.718\d+; rename the argument"):
        expression("e * x")(x=1.0, e=2.0)


@pytest.mark.parametrize(
    ("text", "column"), [("x * sin", 4), ("sin", 0), ("x * sin**2 + exp(x)", 4)]
)
def test_a_function_s_name_that_is_not_called_is_shown(text: str, column: int) -> None:
    f = expression(text)
    given = [2.0] * (len(f.names) - 1)
    with pytest.raises(ArgumentError, match=r"call the function, sin\(\.\.\.\)") as caught:
        f(*given)
    shown = str(caught.value).splitlines()
    row = next(k for k, line in enumerate(shown) if line.strip() == "^")
    assert shown[row - 1][shown[row].index("^") :].startswith("sin")
    if given:
        with pytest.raises(ArgumentError, match="call the function"):
            irgrad.grad(text)(*given)
    assert f(*given, 3.0) is not None  # an argument may have the name
