"""Arrays that a function closes over: any dtype, byte order and layout, values and gradients."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import irgrad

DTYPES = [
    *("?", "i1", "i2", "i4", "i8", "u1", "u2", "u4", "u8"),
    *("f4", "f8", "c8", "c16"),
]
LAYOUTS: dict[str, Callable[[Any], Any]] = {
    "plain": lambda a: a,
    "zero_d": lambda a: a[1, 2, ...],
    "transposed": lambda a: a.T,
    "steps": lambda a: a[::-1, ::2],
    "fortran": np.asfortranarray,
    "repeated": lambda a: np.broadcast_to(a[:, :1], a.shape),
    "unaligned": lambda a: _unaligned(a),
    "empty": lambda a: a[:0],
}


def _unaligned(a: Any) -> Any:
    """The array as the field of a record that starts at an odd address."""
    records = np.zeros(a.shape, np.dtype([("pad", "u1"), ("data", a.dtype)]))
    records["data"] = a
    return records["data"]


@pytest.mark.parametrize("backend", irgrad.backends())
@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("dtype", DTYPES)
def test_any_dtype_byte_order_and_layout(dtype: str, order: str, layout: str, backend: str) -> None:
    numbers = np.arange(12).reshape(3, 4) % 5
    original = numbers.astype(np.dtype(f"{order}{dtype}"))
    data = LAYOUTS[layout](original)
    data = data if isinstance(data, np.ndarray) else np.array(data, original.dtype)
    x = 0.3 + np.arange(float(data.size)).reshape(data.shape)

    def f(x: Any) -> Any:
        return np.sum(np.real(x * x * data + data))

    compiled = irgrad.compile(irgrad.value_and_grad(f), backend=backend)
    for _ in range(2):
        value, gradient = compiled(x)
        np.testing.assert_allclose(value, f(x), rtol=1e-12)
        np.testing.assert_allclose(gradient, np.real(2 * x * data), rtol=1e-12)
        if data.flags.writeable and data.flags.owndata:
            data[...] = data * 2  # by reference: the new contents are used
    out = irgrad.compile(lambda x: (data, data + x), backend=backend)(x)
    np.testing.assert_array_equal(out[0], data)
    assert np.asarray(out[0]).dtype.isnative
    assert np.asarray(out[1]).dtype == (data + x).dtype
    np.testing.assert_allclose(out[1], data + x, rtol=1e-12)


@pytest.mark.parametrize("backend", irgrad.backends())
@pytest.mark.parametrize("order", ["<", ">"])
def test_pullbacks_and_tangents(order: str, backend: str) -> None:
    data = np.arange(1.0, 5.0).astype(f"{order}f8")[::-2]
    with irgrad.use_backend(backend):
        out, pull = irgrad.vjp(lambda x: x * data, np.ones(2))
        np.testing.assert_array_equal(out, data)
        np.testing.assert_array_equal(pull(data)[0], data**2)
        tangent = irgrad.jvp(lambda x: x * data, (data,), (data,))[1]
        np.testing.assert_array_equal(tangent, data**2)
    cotangent = irgrad.compile(lambda x: irgrad.vjp(np.sin, x)[1](data)[0], backend=backend)
    np.testing.assert_allclose(cotangent(data), np.cos(data) * data)


def test_swapped_arrays_in_lists_and_as_constants() -> None:
    data = np.array([1.0, 2.0]).astype(">f8")
    x = np.array([3.0, 4.0])
    for f in (
        lambda x: np.concatenate([x, data]),
        lambda x: np.stack([x, data]) @ data,
        lambda x: x[np.array([1, 0]).astype(">i8")],
        lambda x: np.take(data, [1, 0]) + x,
        lambda x: np.where(x > 3, data, x),
        lambda x: x.astype(">f4"),
    ):
        got = irgrad.compile(f)(x)
        np.testing.assert_allclose(got, f(x))
        assert got.dtype.isnative


@pytest.mark.parametrize("backend", irgrad.backends())
def test_arrays_of_another_byte_order_that_the_function_makes(backend: str) -> None:
    def f(x: Any) -> Any:
        made = np.array([1.0, 2.0], ">f8")
        return made, made[1], made * x, irgrad.scan(lambda c, t: (c + t, t), 0.0, made)[1]

    for got, expected in zip(irgrad.compile(f, backend=backend)(3.0), f(3.0), strict=True):
        np.testing.assert_array_equal(got, expected)


COUNT, CHOICE = np.array(3), np.array([True])


def _doubled_in_python(x: Any) -> Any:
    for _ in range(COUNT):
        x = x * 2
    return x


def _chosen_in_python(x: Any) -> Any:
    if CHOICE:
        return x * 2
    return x * 3


@pytest.mark.parametrize(
    "f",
    [
        lambda x: irgrad.fori_loop(0, COUNT, lambda i, c: c * 2, x),
        lambda x: irgrad.scan(lambda c, _: (c * 2, None), x, None, length=COUNT)[0],
        lambda x: irgrad.cond(CHOICE.reshape(()), lambda x: x * 2, lambda x: x * 3, x),
        lambda x: irgrad.switch(COUNT, [lambda x: x] * 4 + [lambda x: x * 5], x),
        _doubled_in_python,
        _chosen_in_python,
        lambda x: x * 2 if np.max(COUNT) > 4 else x * 3,
        lambda x: x * 2 if x > 0 and not np.array_equal(COUNT, 3) else x * 3,
        lambda x: x * 2 if np.any(CHOICE) else x * 3,
        lambda x: irgrad.cond(any(CHOICE), lambda x: x * 2, lambda x: x * 3, x),
    ],
)
def test_a_closed_over_array_that_decides_is_looked_at_in_each_call(
    f: Callable[..., Any],
) -> None:
    compiled = irgrad.compile(f)
    COUNT[...], CHOICE[...] = 3, True
    first = compiled(1.0)
    COUNT[...], CHOICE[...] = 5, False
    assert compiled(1.0) == f(1.0) != first


NUMBERS: dict[str, Callable[[Any], Any]] = {
    "root": lambda a: irgrad.root(lambda x: x * x - a, 1.0),
    "root, dict": lambda a: irgrad.root(lambda x: {"a": x["a"] ** 2 - a, "b": x["b"]}, _START)["a"],
    "args": lambda a: irgrad.root(lambda x, w: x * x - a * w, np.float64(1.0), (1.0,)),
    "fixed_point": lambda a: irgrad.fixed_point(lambda x: (x + a / x) / 2, 1),
    "minimize_argmin": lambda a: irgrad.minimize_argmin(lambda x: (x * x - a) ** 2, 1.0),
    "linear_solve": lambda a: irgrad.linear_solve(lambda x: x / np.sqrt(a), 1.0),
    "jvp": lambda a: irgrad.jvp(lambda x: a**0.5 * x, (0.0,), (1.0,))[1],
    "vjp": lambda a: irgrad.vjp(lambda x: a**0.5 * x, 0.0)[1](1.0)[0],
    "linearize": lambda a: irgrad.linearize(lambda x: a**0.5 * x, 0.0)[1](1.0),
    "vmap": lambda a: irgrad.vmap(lambda x, y: x * y, (None, 0))(1.0, a**0.5 * np.ones(1))[0],
}
"""The square root of a, with numbers in the code; `_START` has an int and a NumPy number."""
_START = {"a": 1, "b": np.float32(0.0)}


@pytest.mark.parametrize("name", NUMBERS)
def test_numbers_are_constants_and_no_inputs(name: str) -> None:
    graph = irgrad.trace(NUMBERS[name], 9.0)
    assert graph.input_names == ("a",)
    assert irgrad.parse(str(graph))(9.0) == pytest.approx(3.0)


def test_solvers_see_closed_over_arrays_that_have_changed() -> None:
    right = {"floats": np.array([1.0, 2.0]), "ints": np.array([3, 4])}
    solve = irgrad.compile(
        lambda a: irgrad.linear_solve(lambda x: {key: a * x[key] for key in x}, right)
    )
    both = irgrad.compile(
        lambda a: irgrad.linear_solve(lambda x: (a * x[0], a * x[1]), (a, right["ints"]))
    )
    for _ in range(2):
        found = solve(2.0)
        assert all((found[key] == right[key] / 2).all() for key in right)
        assert (both(2.0)[1] == right["ints"] / 2).all()
        right["floats"][0], right["ints"][1] = 8.0, 9
