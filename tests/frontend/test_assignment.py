"""Writing into traced arrays means what it means in NumPy: each case, errors, random programs."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import irgrad
from irgrad.errors import DTypeError, ShapeError, TraceError, UnsupportedError
from tests.frontend.against_numpy import array

M = array(3, 4)
MASK = np.array([True, False, True])


def same_changes(change: Any, *args: Any, rtol: float = 1e-14) -> None:
    """What `change` leaves in copies of `args`, by NumPy and through irgrad; the arguments
    themselves stay as they are.
    """

    def function(*args: Any) -> Any:
        result = change(*args)
        return args if result is None else (args, result)

    before = [np.copy(x) for x in args]
    wanted = function(*[np.copy(x) for x in args])
    got = irgrad.compile(function)(*args)
    for one, other in zip(leaves_of(wanted), leaves_of(got), strict=True):
        np.testing.assert_allclose(other, one, rtol=rtol)
        assert np.asarray(one).dtype == other.dtype
    for old, new in zip(before, args, strict=True):
        np.testing.assert_array_equal(old, new)


def leaves_of(tree: Any) -> list[Any]:
    return [x for part in tree for x in leaves_of(part)] if isinstance(tree, tuple) else [tree]


def statement(text: str) -> Any:
    """The function of x, y and m that runs a few statements."""

    def change(x: Any, y: Any) -> Any:
        scope = {"x": x, "y": y, "m": MASK, "np": np}
        exec(text, scope)
        return scope.get("result")

    return change


STATEMENTS = """
x[0] = 1
x[1:, ::2] = y[:2, :2]
x[::-1, 1] = [7, 8, 9]
x[-1] += y[0]
x[1:-1] *= 3; x[:, 1:-1] -= x[:, :-2]
x[1:] = x[:-1]
x[...] = y
x[..., -1] = x[..., 0]
x[:, None, 1] = 5
x[1, 2] = y[0, 0]; x[1, 2] /= 4
x[[0, 0, 2]] = y
x[[0, 0, 2]] += y
x[[0, 1], [1, -1]] = [5, 6]
x[1:, [2, 0]] = y[1:, :2]
x[1, [2, 0, 2]] -= 1
x[np.array([[0, 2], [1, 1]])] = 3
x[np.ix_([0, 2], [1, 3])] += 1
x[y > 0] = 0
x[y > 0] *= 2
x[x > 1] = x[x > 1] ** 2
x[m] = y[m]
x[m] = [[1], [2]]
x[m] += 1; x[~m, 1] = 9
x[m, 2] = y[m, 0]
x[y[:, 0] > 0] = y[0]
x.T[1] = [1, 2, 3]
x.T[1:][:, ::2] = 4
x.reshape(4, 3)[1] = 0
x.ravel()[5] = 1; x.T.ravel()[3] = 100
x.flat[::3] = 9; x.flat[2] = y[0, 0]; x.flat[[0, 1, 2, 3]] = [1, 2]
x.flat = y.ravel()[::-1]
x.swapaxes(0, 1)[0] *= 2; np.moveaxis(x, 0, 1)[2] = 0
np.flip(x, 0)[0] = 5; np.rot90(x)[0] += 1
np.split(x, 3)[1][...] = 6
np.expand_dims(x, 0)[0, 1] = 2; np.squeeze(x)[0, 0] = 3
v = x[1:]; w = v[:, 1]; w[...] = 7; x[2, 1] += 1; v *= 2; result = v, w
v = x[0]; z = x.copy(); v += 1; x = x + 1; x += 5; result = v, z
v = x[:, 0]; a = x; a += 1; a = a * 2; a += 1; result = a, v
s = x[0, 0]; x[0, 0] = 99; result = s
s = x[0, 0, ...]; s += 1; s[()] = s * 2; result = s.copy()
for row in x: row += row.sum()
for row, other in zip(x, y): row[1:] = other[:-1]
np.add(x, y, out=x)
np.multiply(x[0], 2, out=x[1]); np.negative(x[0], x[0])
np.add(x, 1, out=x, where=y > 0)
np.matmul(x[:, :3], x[:, 1:], out=y[:, :3])
np.sum(x, axis=0, out=y[0]); x.sum(1, out=y[:, 1]); np.cumsum(x, axis=1, out=x)
np.clip(x, -1, 1, x); np.round(x, 1, out=y)
np.dot(x, np.ones((4, 4)), out=y); np.take(x, [0, 1], axis=0, out=y[1:])
np.maximum.reduce(x, axis=0, out=y[1])
np.concatenate([x[:1], x[:2]], out=y); np.mean(x, axis=1, out=y[:, 2])
q = np.divmod(x, 2, out=(x, y))
np.add.at(x, [0, 0, 1], y); np.subtract.at(x[0], [1, 1], 2)
np.multiply.at(x, ([0, 0, 1], [1, 1, 2]), [2, 3, 4]); np.negative.at(x, [0, 0, 2])
np.maximum.at(x, (slice(None), [0, 0]), y[:, :2]); np.add.at(x, 1, 5)
np.copyto(x, y); np.copyto(x[0], 5); np.copyto(x, 0, where=y > 0)
np.put(x, [1, -1, 5], [3, 4]); x.put([0], 8); np.put(x, [99, -99], [1, 2], mode='clip')
np.place(x, y > 0, [1, 2, 3]); np.putmask(x, y < 0, [7, 8, 9])
np.put_along_axis(x, np.argmax(x, axis=1)[:, None], 0, axis=1)
np.fill_diagonal(x, 3); np.fill_diagonal(y, [1, 2]); np.fill_diagonal(x.T, 4, wrap=True)
x.sort(axis=0); y.sort(); y[0].partition(2)
x.fill(2); y[:, 1].fill(x[0, 0])
x[0], x[1] = x[1], x[0]
a, b = x, y; a[0] = 1; a, b = b, a; a[0] = 2; b += a
x[:] = np.tanh(y); y[:] = x[:, ::-1]
x[0] = 1.5; x = x.astype(np.int64); x[0] = 2.7; x += 1; result = x
x = x.astype(np.float32); x += y; result = x
x = x + 1j; x.real = 5; x.imag[1:] += y[1:]; x.imag *= 2; result = x
x[()] = y; x[:0] = 1; x[5:] = 2; x[[]] = 3
x @= np.eye(4); x **= 2; x %= 3; x //= 2
x[0] = x[0] = 4; x[1][2] = 5; x[1:][0][1:][0] = 6
"""
LINES = [line for line in STATEMENTS.splitlines() if line]


@pytest.mark.parametrize("text", LINES)
def test_statements(text: str) -> None:
    same_changes(statement(text), M, array(3, 4, seed=1))


INDEXED = (
    "x[i] = y",
    "x[i] += y",
    "x[:, i] = y[:, :1]",
    "x[i[0]] = 2",
    "x[i[0], 1:] = y[0, 1:]; x[1:, i[1]] += 3",
    "np.add.at(x, i, y); np.maximum.at(x, i, 2 * y)",
    "x[i, [0, 1, 2]] *= 2",
)


@pytest.mark.parametrize("text", INDEXED)
def test_traced_indices(text: str) -> None:
    def change(x: Any, y: Any, i: Any) -> None:
        exec(text, {"x": x, "y": y, "i": i, "np": np})

    same_changes(change, M, array(3, 4, seed=1), np.array([2, 0, -1]))
    same_changes(change, M, array(3, 4, seed=1), np.array([1, 0, -2]))


GRADIENTS = (
    "x[[0, 0, 2]] = y; x *= y",
    "x[i] = y; x[i] *= y[::-1]; x[1] = x[0] * x[2]",
    "x[y > 0] = y[y > 0] ** 2; x[1:] *= x[:-1]",
    "v = x[::-1]; v[1:, ::2] += y[:2, ::2] * v[:2, 1::2]; x *= v",
    "np.add.at(x, i, y * y); x.T[1] *= x[0, :3]",
    "np.multiply(x, y, out=x, where=y > 0); x.sort(axis=1); y[0] = x[1]; x *= y",
)


@pytest.mark.parametrize("text", GRADIENTS)
def test_derivatives(text: str) -> None:
    places = np.array([1, 0, 1])

    def function(x: Any, y: Any) -> Any:
        x, y = x * 1.0, y * 1.0
        exec(text, {"x": x, "y": y, "i": places, "np": np})
        return x

    irgrad.check_grads(function, [M, array(3, 4, seed=1)])


REFUSALS: dict[str, tuple[Any, type[Exception], str]] = {
    "shape": (lambda x: x.__setitem__(0, np.ones(3)), ShapeError, "could not broadcast"),
    "grows": (lambda x: x[0].__iadd__(x), ShapeError, "cannot hold a result"),
    "kind": (lambda x: x.astype(int).__iadd__(x), DTypeError, "same_kind"),
    "complex": (lambda x: x.__setitem__(0, 1j), DTypeError, "imaginary part"),
    "complex_array": (lambda x: x.__setitem__(0, x[0] * 1j), DTypeError, "imaginary part"),
    "bounds": (lambda x: x.__setitem__(3, 1.0), IndexError, "out of bounds"),
    "mask": (lambda x: x.__setitem__(x[:2] > 0, 1.0), IndexError, "did not match"),
    "constant_out": (lambda x: np.sum(x, out=np.zeros(())), UnsupportedError, "holds only numbers"),
    "constant_at": (lambda x: np.add.at(np.zeros(3), [0], x[0, 0]), UnsupportedError, "constant"),
    "constant_put": (lambda x: np.put(np.zeros(3), [0], x[0, 0]), UnsupportedError, "np.where"),
    "imag": (lambda x: setattr(x, "imag", 1), DTypeError, "imaginary part"),
    "outer": (
        lambda x: irgrad.grad(lambda y: x.__setitem__((0, 0), y) or y * y)(2.0),
        TraceError,
        "array from outside",
    ),
}


@pytest.mark.parametrize("name", REFUSALS)
def test_refusals(name: str) -> None:
    function, kind, match = REFUSALS[name]
    with pytest.raises(kind, match=match) as error, irgrad.without_capture():
        irgrad.trace(lambda x: function(x * 1.0), M)
    assert "test_assignment.py" in str(error.value)


def test_adding_to_a_view_writes_once() -> None:
    def function(x: Any) -> Any:
        x[1:, 1] += 1.0
        return x

    graph = irgrad.trace(function, M)
    assert [node.op.name for node in graph].count("update_slice") == 1


def test_returned_views_are_independent_arrays() -> None:
    def function(x: Any) -> Any:
        x[0] = 1.0
        return x, x, x.T, x[0]

    results = irgrad.compile(function)(M)
    for result in results:
        before = [np.copy(other) for other in results if other is not result]
        result += 1
        after = [other for other in results if other is not result]
        np.testing.assert_equal(before, after)


def test_a_function_may_change_its_arguments() -> None:
    def relax(a: Any, b: Any) -> None:
        b[1:-1] = 0.5 * (a[:-2] + a[2:])
        a, b = b, a
        b[0] = -1.0

    def steps(a: Any, b: Any) -> Any:
        for _ in range(3):
            relax(a, b)
            relax(b, a)

    same_changes(steps, array(6), array(6, seed=1))


def test_inner_functions_see_the_version_of_their_time() -> None:
    def function(x: Any) -> Any:
        slope = irgrad.grad(lambda y: np.sum(x * y**2))
        before = slope(x)
        x[0] = 3.0
        return before, slope(x)

    before, after = irgrad.compile(function)(M)
    changed = np.copy(M)
    changed[0] = 3.0
    np.testing.assert_allclose(before, 2 * M * M)
    np.testing.assert_allclose(after, 2 * changed * changed)


# random programs

VIEWS = (
    "{a}[1:]", "{a}[::-1]", "{a}[..., ::2]", "{a}.T", "{a}[None]", "{a}.reshape(-1)", "{a}.ravel()",
    "{a}[..., 0:1]", "np.atleast_2d({a})[..., -1]", "{a}", "{a}.copy()", "{a} * {b}.sum()",
    "np.flip({a}, 0)", "{a}[[0, -1, 0]]", "{a}.swapaxes(0, -1)", "np.squeeze({a}[:1])",
)  # fmt: skip
WRITES = (
    "{a} += {b}.max()", "{a}[...] = {a} * {b}.sum()", "{a}[0] = {b}.mean()", "{a}[-1:] *= 1.5",
    "{a}[{a} > 0] = 0.25", "{a}[{a} < 0.5] -= 1.0", "{a}[[0, -1, 0]] += {a}[[-1, 0, 0]]",
    "np.multiply({a}, 0.5, out={a})", "{a}.flat[::2] = 0.75", "{a}[::2] = {a}[:1]",
    "np.add.at({a}, [0, 0], 0.125)", "{a}.T[...] = {a}.T[::-1]", "{a}.sort(axis=-1)",
    "np.copyto({a}, {b}.min(), where={a} > 1)", "{a}.fill({b}.sum())", "np.sin({a}, {a})",
    "{a}[..., 1:] = {a}[..., :-1]", "{a}[:, ...] -= {a}[:1]",
)  # fmt: skip
NAMES = st.sampled_from("xyvw")


@st.composite
def programs(draw: Any) -> str:
    """Statements that make views and write into them."""
    lines = ["v = x[1:]", "w = y"]
    for _ in range(draw(st.integers(1, 6))):
        a, b = draw(NAMES), draw(NAMES)
        if draw(st.booleans()):
            view = draw(st.sampled_from(VIEWS)).format(a=a, b=b)
            lines.append(f"{draw(st.sampled_from('vw'))} = {view}")
        lines.append(draw(st.sampled_from(WRITES)).format(a=a, b=b))
    return "\n".join([*lines, "result = v, w"])


@given(programs())
@settings(max_examples=80, deadline=None, derandomize=True)
def test_random_programs(text: str) -> None:
    change = statement(text)
    x, y = array(4, 3), array(2, 3, seed=1)
    try:
        change(np.copy(x), np.copy(y))
    except (ValueError, IndexError):  # a program that NumPy refuses
        return
    with irgrad.use_backend("numpy"):
        same_changes(change, x, y, rtol=1e-7)  # sines of large numbers


@given(programs())
@settings(max_examples=15, deadline=None, derandomize=True)
def test_derivatives_of_random_programs(text: str) -> None:
    def function(x: Any, y: Any) -> Any:
        x, y = x * 1.0, y * 1.0
        v, w = statement(text)(x, y)
        return np.sum(np.sin(x)) + np.sum(y * y) + np.sum(v) + np.sum(np.cos(w))

    point = array(4, 3) + 0.013, array(2, 3, seed=1) - 0.017
    try:
        float(function(*point))
    except (ValueError, IndexError):
        return
    gradient = irgrad.grad(function, argnums=(0, 1))
    with irgrad.use_backend("numpy"):
        slopes = gradient(*point)
    for place, slope in enumerate(slopes):
        for at in np.ndindex(slope.shape):
            ends = []
            for step in (1e-6, -1e-6):
                moved = [np.copy(x) for x in point]
                moved[place][at] += step
                ends.append(float(function(*moved)))
            np.testing.assert_allclose(slope[at], (ends[0] - ends[1]) / 2e-6, rtol=1e-4, atol=1e-6)


def add_at_pairs(x: Any, y: Any, i: Any) -> None:
    np.add.at(x, (i, i[::-1]), y[0, :3])


def add_at_a_row(x: Any, y: Any, i: Any) -> None:
    np.add.at(x, (i[0], i), y[0, :3])
    np.subtract.at(x, (slice(None), i), y[:, :3])


def multiply_at_lists(x: Any, y: Any, i: Any) -> None:
    np.multiply.at(x, ([i[0], i[1]], 1), y[0, 0])
    np.maximum.at(x, (2, i), y[0, :3])
    np.negative.at(x, (i, 0))


@pytest.mark.parametrize("change", [add_at_pairs, add_at_a_row, multiply_at_lists])
def test_tuples_of_traced_indices_are_indices_of_several_axes(change: Any) -> None:
    """In code that is captured, too, where other ufuncs take tuples as arrays."""
    same_changes(change, M, array(3, 4, seed=1), np.array([2, 0, -1]))
    same_changes(change, M, array(3, 4, seed=1), np.array([1, 0, 1]))
