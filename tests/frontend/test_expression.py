"""Expressions: what they mean, on arrays and when traced."""

from __future__ import annotations

import pickle
import re
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import scipy.special
from hypothesis import given, settings
from hypothesis import strategies as st

import irgrad
from irgrad.errors import ArgumentError, ExpressionError, IndexingError, ShapeError
from irgrad.frontend import expression_text
from irgrad.frontend.expression import Expression, expression
from irgrad.frontend.expression_grammar import Step, compile_tree
from irgrad.frontend.expression_text import Source, parse

ENV = {
    "x": np.array([0.3, -1.2, 2.0]),
    "y": np.array([1.5, 0.7, -0.4]),
    "A": np.arange(9.0).reshape(3, 3) / 4 - 0.9,
    "s": 0.8,
    "np": np,
    "where": np.where,
    **{
        name: getattr(np, name)
        for name in ["sin", "cos", "exp", "tanh", "abs", "sqrt", "log", "sum", "prod", "mean"]
    },
    **{
        name: getattr(np, name)
        for name in ["maximum", "minimum", "dot", "einsum", "eye", "zeros", "ones"]
    },
    **{
        name: getattr(np, name)
        for name in ["arange", "linspace", "stack", "concatenate", "array", "pi", "e"]
    },
    **{
        name: getattr(np, name)
        for name in ["clip", "cumsum", "max", "min", "linalg", "inf", "nan", "outer"]
    },
}

AS_IN_NUMPY = """
x + y
x - 2 * y / 3
-x**2
2**-1 * x
x**2**0.5 if s > 10 else x
(-2.0) ** 2 * s
abs(x) ** s
x // 0.5 + x % 0.7
A @ x
x @ A @ y
x[1]
x[-1] + y[::-1]
x[1:]
A[:, 0]
A[1:, ::-1]
A[..., None].sum()
A[0, 1] * A[-1, -2]
x[[0, 2]]
A[[0, 1], [1, 2]]
A.T @ x
A.T.shape[0] * s
A.ndim + x.size
A.sum(axis=0)
A.reshape(9)[4]
A.reshape(-1, 1)
x.dot(y)
sum(A, axis=1, keepdims=True)
np.sum(A) + np.linalg.norm(x)
linalg.norm(x)
max(x) - min(y)
max(A, axis=0)
maximum(x, 0)
where(x > 0, x, -y)
where((x > 0) & (y > 0), 1.0, 0.0)
0.5 * sum((A @ tanh(A @ x + y) - y) ** 2)
einsum('ij,j->i', A, x)
einsum('ii', A)
stack([x, y])
concatenate((x, y, x))
array([1.0, 2.0, 3.0]) * x
array([s, 2 * s, x[0]])
[1.0, 2.0, 3.0] * x
eye(3) @ x
zeros(3) + x
ones((3, 3)) * x
arange(3) * x
linspace(0, 1, 3) + x
pi * x + e
exp(-x) + sin(x) * cos(y)
1e-3 * x + 1_000 * y + 0x10
x * (1 + 2j)
cumsum(x)
clip(x, -0.5, 0.5)
prod(x) + mean(A)
outer(x, y)[0, 1:3]
"""


@pytest.mark.parametrize("text", AS_IN_NUMPY.strip().splitlines())
def test_value_is_numpys_on_arrays_and_compiled(text: str) -> None:
    expected = eval(text, dict(ENV))
    formula = expression(text)
    arguments = [ENV[name] for name in formula.names]
    for got in (formula(*arguments), irgrad.compile(text)(*arguments)):
        np.testing.assert_allclose(got, expected, rtol=1e-13)
        assert np.shape(got) == np.shape(expected)
        assert np.asarray(got).dtype == np.asarray(expected).dtype


@pytest.mark.parametrize(
    ("text", "meaning"),
    [
        ("0 < x < 1", lambda x: (x > 0) & (x < 1)),
        ("not x > 0", lambda x: ~(x > 0)),
        ("x > 0 and x < 1 or x == -1.2", lambda x: ((x > 0) & (x < 1)) | (x == -1.2)),
        ("x if x > 0 else 0.1 * x", lambda x: np.where(x > 0, x, 0.1 * x)),
        ("1.0 if x > 1 else 2.0 if x > 0 else 3.0", lambda x: np.select([x > 1, x > 0], [1, 2], 3)),
        ("x if x.shape[0] > 2 else y", lambda x: x),
        ("expit(x) + erf(x)", lambda x: scipy.special.expit(x) + scipy.special.erf(x)),
        ("scipy.special.xlogy(2.0, abs(x))", lambda x: 2 * np.log(abs(x))),
        ("gamma(abs(x)) - special.gamma(abs(x))", lambda x: 0 * x),
        ("~(x > 0)", lambda x: x <= 0),
        ("polygamma(1, abs(x))", lambda x: scipy.special.polygamma(1, abs(x))),
        (
            "sigmoid(x) + leaky_relu(x, slope=0.2)",
            lambda x: scipy.special.expit(x) + np.maximum(x, 0.2 * x),
        ),
        (
            "logsumexp(x) + softmax(x)",
            lambda x: scipy.special.logsumexp(x) + scipy.special.softmax(x),
        ),
        ("len(x) * x", lambda x: 3 * x),
        ("np.pi * x", lambda x: np.pi * x),
        ("x[newaxis, :, None].T", lambda x: x[None, :, None].T),
    ],
)
def test_meanings_that_are_not_pythons(text: str, meaning) -> None:
    formula = expression(text)
    x = ENV["x"]
    arguments = {name: ENV[name] for name in formula.names}
    for got in (formula(**arguments), irgrad.compile(text)(*arguments.values())):
        np.testing.assert_allclose(
            np.asarray(got, float), np.asarray(meaning(x), float), atol=1e-14
        )


ATOMS = ["x", "y", "s", "0.5", "2.0", "pi", "sum(x)", "x[0]", "A[1]", "A @ x", "eye(3)[1]"]


def terms(inner: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    """A larger expression around smaller ones."""
    pair = st.tuples(inner, inner)
    return st.one_of(
        st.builds("({0[0]} {1} {0[1]})".format, pair, st.sampled_from("+-*")),
        st.builds("{0[0]} {1} {0[1]}".format, pair, st.sampled_from("+-")),
        st.builds("{1}({0})".format, inner, st.sampled_from(["sin", "tanh", "np.cos", "-", "+"])),
        st.builds("({0}) ** {1}".format, inner, st.sampled_from(["2", "3", "2.0"])),
        st.builds("where({0[0]} > {0[1]}, {0[0]}, {0[1]})".format, pair),
        st.builds("({0[0]}) / (2.0 + abs({0[1]}))".format, pair),
        st.builds("maximum({0[0]}, \n  {0[1]})".format, pair),
        st.builds("sum(stack([{0} + zeros(3), x]), axis=0)".format, inner),
    )


formulas = st.recursive(st.sampled_from(ATOMS), terms, max_leaves=12)


@settings(max_examples=150, deadline=None)
@given(formulas)
def test_random_expressions_are_numpys(text: str) -> None:
    with np.errstate(all="ignore"):
        expected = eval(f"({text})", dict(ENV))
    formula = expression(text)
    arguments = [ENV[name] for name in formula.names]
    np.testing.assert_allclose(formula(*arguments), expected, rtol=1e-12, atol=1e-12)
    if arguments:
        compiled = irgrad.compile(formula)(*arguments)
        np.testing.assert_allclose(compiled, expected, rtol=1e-12, atol=1e-12)


@settings(max_examples=100, deadline=None)
@given(formulas)
def test_a_chain_parsed_in_pieces_is_the_same_program(text: str) -> None:
    text = f"{text} + {text} - {text} + {text} - {text}"
    source = Source(re.sub(r"\bs\b", "ß", text).replace(" + ", "\n+ "))
    whole = compile_tree(source, parse(source))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(expression_text, "CHAIN", 3)  # long enough for a name to stand in
        pieces = compile_tree(source, parse(source))
    assert whole.names == pieces.names
    assert len(whole.steps) == len(pieces.steps)
    for one, other in zip(whole.steps, pieces.steps, strict=True):
        if isinstance(one, Step):
            assert isinstance(other, Step)
            assert (one.arity, one.offset) == (other.arity, other.offset)


def test_names_in_order_of_first_appearance_and_signature() -> None:
    formula = expression("b * x + a * b")
    assert formula.names == ("b", "x", "a")
    assert str(formula.__signature__) == "(b, x, a)"
    assert formula(2.0, x=3.0, a=1.0) == formula(2.0, 3.0, 1.0) == 8.0
    assert repr(formula) == "expression('b * x + a * b')"
    assert formula.text == formula.__doc__ == "b * x + a * b"


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("a if b else c", "abc"),
        ("a + (b if c else d)", "abcd"),
        ("a * b if c and d else f", "abcdf"),
        ("a < b < c", "abc"),
        ("a[b:c] + d", "abcd"),
        ("where(a, b, c) ** d", "abcd"),
        ("clip(a, b, c)", "abc"),
        ("-a ** b @ c", "abc"),
        ("(a, b)[0] + [c, d][1]", "abcd"),
        ("a.sum(b) + c.T", "abc"),
    ],
)
def test_names_stand_as_they_are_written(text: str, names: str) -> None:
    assert "".join(expression(text).names) == names


def test_same_text_is_the_same_object() -> None:
    assert expression("x + 1") is expression("x + 1")
    assert irgrad.grad("x + 1") == irgrad.grad("x + 1")


@pytest.mark.parametrize(
    ("args", "kwargs", "message"),
    [
        ((1.0,), {}, "takes the arguments x, y: missing a required argument: 'y'"),
        ((1.0, 2.0, 3.0), {}, "too many positional arguments"),
        ((1.0,), {"yy": 2.0}, "has no argument 'yy'; it has the arguments x, y"),
        ((1.0, 2.0), {"pi": 2.0}, "pi is the constant 3.14159"),
    ],
)
def test_wrong_arguments(args, kwargs, message: str) -> None:
    with pytest.raises(ArgumentError, match=message):
        expression("pi * x + y")(*args, **kwargs)


def test_gradients_by_position_and_name() -> None:
    assert irgrad.grad("x**2 + y")(3.0, 1.0) == 6.0
    assert irgrad.grad("x**2 * y", argnums="y")(3.0, 1.0) == 9.0
    gradients = irgrad.grad("x**2 * y", argnums=("y", "x"))(3.0, 1.0)
    assert gradients == (9.0, 6.0)


def test_second_order_and_use_inside_a_traced_function() -> None:
    assert irgrad.grad(irgrad.grad("x**3"))(2.0) == 12.0
    cube = expression("x**3")
    assert irgrad.grad(lambda t: cube(t) + cube(2.0 * t))(1.0) == pytest.approx(27.0)
    inner = irgrad.grad("x**2 * y")
    assert irgrad.grad(lambda t: inner(t, t))(3.0) == pytest.approx(12.0)


def test_arrays_beside_traced_arguments_are_captured_by_reference() -> None:
    weights = np.array([1.0, 2.0])
    dot = expression("sum(w * x)")
    gradient = irgrad.grad(lambda x: dot(weights, x))
    x = np.ones(2)
    assert gradient(x).tolist() == [1.0, 2.0]
    weights[:] = 5.0
    assert gradient(x).tolist() == [5.0, 5.0]


def test_small_arrays_made_inside_stand_in_the_text() -> None:
    graph = irgrad.trace("eye(2) @ x + [1.0, 2.0]", irgrad.spec("f64[2]"))
    assert graph.captured == 0
    assert "[1.0, 0.0, 0.0, 1.0]:f64[2,2]" in str(graph)
    assert irgrad.parse(str(graph)) == graph
    assert irgrad.trace("ones(2000) + x", 1.0).captured == 1


def test_results_may_be_tuples_and_lists() -> None:
    one, (two, three) = irgrad.compile("x, [x * 2, eye(1)]")(1.5)
    assert (one, two, three.tolist()) == (1.5, 3.0, [[1.0]])


def test_python_numbers_keep_numpys_meaning_and_promotion() -> None:
    single = np.ones(2, np.float32)
    assert expression("(1 + 0.5) * x")(single).dtype == np.float32
    assert expression("t * x")(2.5, single).dtype == np.float32
    assert expression("1 / x")(0.0) == np.inf
    assert np.isnan(expression("(-8.0) ** (1 / 3)")())
    assert expression("2 ** 62 + 1")() == 2**62 + 1
    assert expression("x / 0")(1) == np.inf
    assert expression("True + 1")() == 2


def test_long_flat_sums() -> None:
    count = 10_000
    text = " + ".join(f"x{i}" for i in range(count))
    formula = expression(text)
    assert len(formula.names) == count
    assert formula(*[1.0] * count) == count
    assert len(irgrad.trace(formula, *[1.0] * count)) == count - 1
    assert expression(" - ".join(["x"] * count))(1.0) == 2 - count
    assert expression(f"sin({text.replace(' + ', chr(10) + '+')})")(*[0.0] * count) == 0.0


def test_nodes_have_the_place_in_the_expression() -> None:
    graph = irgrad.trace("x *\n y", 1.0, 2.0)
    (node,) = graph.nodes
    assert str(graph).count("@<expression>:1") == 1
    assert node.location is not None
    assert node.location.source.splitlines()[0] == "x *"


def test_errors_while_tracing_point_at_the_sub_expression() -> None:
    with pytest.raises(ShapeError) as caught:
        irgrad.trace("sum(W1 @ x + b)", np.ones((4, 3)), np.ones(4), np.ones(4))
    lines = str(caught.value).splitlines()
    row = next(i for i, line in enumerate(lines) if "<expression>:1" in line)
    assert lines[row].index("@ x") == lines[row + 1].index("^")


def test_errors_on_plain_arrays_point_too() -> None:
    with pytest.raises(ExpressionError) as caught:
        expression("2 * (x + y)")(np.ones(2), np.ones(3))
    lines = str(caught.value).splitlines()
    assert "broadcast" in lines[0]
    assert lines[-2].index("+ y") == lines[-1].index("^")
    with pytest.raises(IndexingError, match="out of bounds"):
        expression("x[5]")(np.ones(2))


def test_errors_after_lowering_show_the_expression() -> None:
    with pytest.raises(ShapeError, match=r"grad needs a scalar(.|\n)*W @ x\n +\^"):
        irgrad.grad("W @ x")(np.ones((2, 2)), np.ones(2))


def test_a_long_line_is_cut_around_the_caret() -> None:
    text = f"{'x + ' * 100}W @ x + {' + '.join(['x'] * 100)}"
    with pytest.raises(ShapeError) as caught:
        irgrad.trace(text, np.ones(3), np.ones((4, 4)))
    assert max(map(len, str(caught.value).splitlines())) < 100


def test_it_travels_to_other_processes_and_threads() -> None:
    formula = expression("x**2 + y")
    assert pickle.loads(pickle.dumps(formula))(3.0, 1.0) == 10.0
    with ThreadPoolExecutor(8) as pool:
        compiled = irgrad.compile("sum(sin(x) * y)")
        results = list(pool.map(lambda k: compiled(np.full(3, k), 1.0), np.arange(64.0)))
    np.testing.assert_allclose(results, 3 * np.sin(np.arange(64.0)))


def test_it_is_a_function_for_tools() -> None:
    assert isinstance(expression("x"), Expression)
    assert irgrad.compile("x").__name__ == "expression"
    with pytest.raises(ArgumentError, match="an expression is a string, got an int"):
        expression(3)  # pyright: ignore[reportArgumentType]


def test_conversions_are_functions_and_methods() -> None:
    for text in ("astype(x, float32) * 2", "x.astype(float32) * 2", "np.astype(x, float32) * 2"):
        got = irgrad.compile(text)(np.ones(3))
        assert got.dtype == np.float32
        assert irgrad.grad(f"sum({text})")(np.ones(3)).tolist() == [2.0] * 3
