"""Errors of a running program name the user's line, the variable, what fits and what came, on every
backend and through every transformation."""

from __future__ import annotations

import re

import numpy as np
import pytest

import irgrad
from irgrad.errors import IndexOutOfBounds, Location, ShapeError
from irgrad.ir.blame import blame, described
from irgrad.ir.graph import constant_value

X = np.arange(12.0).reshape(4, 3)
I = np.array([1, 9])  # noqa: E741 -- the name that such an index has


def one_axis(x, i):
    return np.sum(x[i] ** 2)  # here


def inner_axis(x, i):
    return np.sum(x[1:, i] ** 2)  # here


def two_axes(x, i):
    return np.sum(x[[0, 1], i] ** 2)  # here


def one_number(x, i):
    return np.sum(x[i[1]] ** 2)  # here


def computed(x, i):
    return np.sum(x[2 * i - i] ** 2)  # here


def negative(x, i):
    return np.sum(x[-i] ** 2)  # here


def named(x, i):
    table = np.sin(x)
    return np.sum(np.take(table, i, axis=1) ** 2)  # here


def along(x, i):
    return np.sum(np.take_along_axis(x, i[:, None], axis=0) ** 2)  # here


def chosen(x, i):
    return np.sum(np.choose(i, [x[0, :2], x[1, :2]]) ** 2)  # here


def written(x, i):
    a = x.copy()
    a[i] = x[:2] ** 2  # here
    return np.sum(a)


def added(x, i):
    a = np.zeros(3)
    np.add.at(a, i, x[0, :2] ** 2)  # here
    return np.sum(a)


def put(x, i):
    a = x.copy()
    np.put_along_axis(a, i[:, None], x[0, 0] ** 2, axis=0)  # here
    return np.sum(a)


def mapped(x, i):
    return np.sum(irgrad.vmap(lambda k: x[k] ** 2)(i))  # here


def looped(x, i):
    for k in range(100):
        x = x + x[i[k % 2]] ** 2  # here
    return np.sum(x)


def branched(x, i):
    if x[0, 1] > 0:
        x = x + x[i[1]] ** 2  # here
    return np.sum(x)


def scanned(x, i):
    return irgrad.scan(lambda c, k: (c + x[k, 0] ** 2, None), 0.0, i)[0]  # here


WAYS = [
    one_axis, inner_axis, two_axes, one_number, computed, negative, named, along, chosen, written,
    added, put, mapped, looped, branched, scanned,
]  # fmt: skip
OPERATORS = {
    "value": lambda f: f,
    "grad": irgrad.grad,
    "second order": lambda f: irgrad.grad(lambda x, i: np.sum(irgrad.grad(f)(x, i) ** 2)),
    "jvp": lambda f: lambda x, i: irgrad.jvp(lambda x: f(x, i), (x,), (x,)),
}


def guilty_line(function) -> str:
    code = function.__code__
    for line in range(code.co_firstlineno, code.co_firstlineno + 9):
        source = Location(code.co_filename, line).source
        if source.endswith("# here"):
            return f"at test_running_errors.py:{line}    {source}"
    raise AssertionError("no guilty line")


@pytest.mark.parametrize("backend", irgrad.backends())
@pytest.mark.parametrize("operator", OPERATORS)
@pytest.mark.parametrize("way", WAYS, ids=lambda way: way.__name__)
def test_an_index_outside(way, operator, backend) -> None:
    f = irgrad.compile(OPERATORS[operator](way), backend=backend)
    with pytest.raises(IndexOutOfBounds, match="is out of bounds for axis") as caught:
        f(X, I)
    text = str(caught.value)
    assert f"index {-9 if way is negative else 9} is out" in text
    size = caught.value.extent
    assert f"with size {size}: expected {-size} to {size - 1}\n" in text
    assert guilty_line(way) in text
    assert re.search(r"index: (%|elements of %i: i64|the result of \w+: i64)", text)
    if way not in (one_number, computed, negative, mapped, looped, branched, scanned):
        assert "index: %i: i64[" in text
    assert text.count("\n  at ") == text.count("index: ") == 1
    assert f(X, np.array([1, 1])) is not None  # and goes on working


@pytest.mark.parametrize("backend", irgrad.backends())
def test_the_array_is_named(backend) -> None:
    names = (one_axis, "x: f64[4,3]"), (named, "table: f64[4,3]"), (added, "a: i64[3]")
    for function, name in names:
        for f in (function, irgrad.grad(function)):
            with pytest.raises(IndexOutOfBounds, match="out of bounds") as caught:
                irgrad.compile(f, backend=backend)(X, I)
            assert f"array: %{name}" in str(caught.value)


def added_to(a, i):
    a = a.copy()
    np.add.at(a, i, 1.0)
    return a


def set_in(a, i):
    a = a.copy()
    a[i] = 1.0
    return a


@pytest.mark.parametrize("backend", irgrad.backends())
@pytest.mark.parametrize("function", [lambda a, i: a[i], added_to, set_in])
def test_large_unsigned_indices_are_outside(function, backend) -> None:
    """Of which NumPy makes negative ones."""
    f = irgrad.compile(function, backend=backend)
    for number in (2**64 - 1, 2**64 - 4, 2**63, 2**63 - 1, 4):
        for i in (np.uint64(number), np.array([1, number], np.uint64)):
            with pytest.raises(IndexOutOfBounds, match="is out of bounds for axis 0") as caught:
                f(np.arange(4.0), i)
            text, exact = str(caught.value), f"index {number} is"
            large = number >= 2**63 - 1 and f"index {2**63 - 1} or more is" in text
            assert exact in text or large
    np.testing.assert_array_equal(f(np.arange(4.0), np.uint64(1)), function(np.arange(4.0), 1))


def _powers(x, n):
    _, total = irgrad.while_loop(
        lambda s: s[0] < n,
        lambda s: (s[0] + 1, s[1] + x[s[0]] ** 2),
        (0, 0.0),
    )
    return total


@pytest.mark.parametrize("backend", irgrad.backends())
def test_a_batched_adjoint_tells_of_the_axis_of_the_array(backend) -> None:
    """The adjoint of the array has an axis more, in front, and may be what looks first."""
    each = irgrad.compile(irgrad.vmap(irgrad.grad(_powers), (None, 0)), backend=backend)
    with pytest.raises(IndexOutOfBounds, match="3 is out of bounds for axis 0 with") as caught:
        each(np.ones(3), np.array([1, 4]))
    assert "array: %x: f64[3]\n" in str(caught.value)


def _columns(x, idx):
    def step(i, y):
        y = y.copy()
        y[1:, idx[i]] = np.sin(y[:-1, idx[i]])
        return y

    return np.sum(irgrad.fori_loop(0, 40, step, x))


@pytest.mark.parametrize("backend", irgrad.backends())
def test_arrays_are_told_of_as_they_lie_before_a_loop(backend) -> None:
    """In the loop, the columns may be rows."""
    outside = np.where(np.arange(40) == 7, 45, 0)
    for f in (_columns, irgrad.grad(_columns)):
        with pytest.raises(IndexOutOfBounds, match="45 is out of bounds for axis 1 with") as caught:
            irgrad.compile(f, backend=backend)(np.ones((64, 40)), outside)
        assert "array: %y: f64[64,40]\n" in str(caught.value)


@pytest.mark.parametrize("backend", irgrad.backends())
def test_a_mask_that_has_changed(backend) -> None:
    mask = np.array([True, True, False, False])
    f = irgrad.compile(lambda x: np.sum(x[mask]), backend=backend)
    f(X)
    mask[2] = True
    with pytest.raises(ShapeError, match="the mask has 3 true places") as caught:
        f(X)
    assert "test_running_errors.py" in str(caught.value)
    assert "x[mask]" in str(caught.value)


@pytest.mark.parametrize("backend", irgrad.backends())
def test_a_singular_matrix(backend) -> None:
    with pytest.raises(np.linalg.LinAlgError, match=r"Singular matrix\n  at test_running_errors"):
        irgrad.compile(lambda x: np.linalg.inv(x), backend=backend)(np.ones((2, 2)))


def test_the_user_s_own_errors_get_a_note() -> None:
    node = irgrad.trace(lambda x: np.sin(x), 1.0).nodes[0]
    error = KeyError("x")
    blame(error, node)
    blame(error, node)
    assert str(error) == "'x'"
    assert [note.strip()[:26] for note in error.__notes__] == ["at test_running_errors.py:"]


@pytest.mark.parametrize("backend", irgrad.backends())
def test_text_without_lines(backend) -> None:
    graph = irgrad.parse(
        "graph @f(%x: f64[3], %i: i64[2]) -> (y: f64[2]) {"
        " %y: f64[2] = gather(%x, %i) {axes=(0,)} return y=%y }"
    )
    with pytest.raises(IndexOutOfBounds) as caught:
        irgrad.compile(graph, backend=backend)(X[0], I)
    assert "index: %i: i64[2]\n  array: %x: f64[3]" in str(caught.value)


def _unnamed_in_a_loop(x, idx):
    s = np.zeros(3)
    for i in range(21):
        s = s + x * s[idx[i]]
    return np.sum(s)


@pytest.mark.parametrize("backend", irgrad.backends())
def test_an_unnamed_index_in_a_loop_says_whose_element_it_is(backend) -> None:
    outside = np.array([0] * 20 + [9])
    run = irgrad.compile(irgrad.grad(_unnamed_in_a_loop), backend=backend)
    with pytest.raises(IndexOutOfBounds, match="index 9 is out of bounds") as caught:
        run(np.ones(3), outside)
    message = str(caught.value)
    assert "index: elements of %idx: i64[]" in message
    assert "array: %s: f64[3]" in message
    assert "s = s + x * s[idx[i]]" in message


def test_values_without_a_name_are_described_by_what_they_are() -> None:
    assert described(constant_value(np.arange(3.0))) == "a constant: f64[3]"
    assert described(constant_value(np.array(2.5))) == "2.5"

    def f(x):
        h = np.sin(x)
        return np.sum(h * h)

    graph = irgrad.trace(irgrad.grad(f), np.ones(3))
    texts = [described(value) for node in graph.nodes for value in node.outputs]
    assert not any("%constant" in text for text in texts)
    assert any("derivative of %h" in text for text in texts)
