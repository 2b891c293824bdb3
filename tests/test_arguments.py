"""Errors about an argument say which it is, as the user writes it, before anything it leads to."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import irgrad
from irgrad import errors

X = np.array([1.0, 2.0, 3.0])


class Unhashable:
    __hash__ = None  # pyright: ignore[reportAssignmentType]


def message(call: Callable[[], Any]) -> str:
    with pytest.raises(errors.IrgradError) as caught:
        call()
    return str(caught.value)


def unreachable(*args: Any, **kwargs: Any) -> Any:
    raise AssertionError("the argument is blamed before the function is run")


def f(x: Any, params: Any, *rest: Any, option: Any = 1.0, **more: Any) -> Any:
    return unreachable()


PATHS = st.recursive(
    st.just(("", lambda leaf: leaf)),
    lambda inner: st.one_of(
        inner.map(lambda t: (f"[1]{t[0]}", lambda leaf: (0.0, t[1](leaf)))),
        inner.map(lambda t: (f"['k']{t[0]}", lambda leaf: {"a": X, "k": t[1](leaf)})),
    ),
    max_leaves=3,
)
SLOTS: dict[str, Callable[[Any], tuple[tuple[Any, ...], dict[str, Any]]]] = {
    "x": lambda a: ((a, X), {}),
    "params": lambda a: ((X, a), {}),
    "rest[1]": lambda a: ((X, X, X, a), {}),
    "option": lambda a: ((X, X), {"option": a}),
    "other": lambda a: ((X, X), {"other": a}),
}
NO_ARGUMENTS = {
    "float16": np.float16(1),
    "objects": np.array([object()]),
    "strings": np.array(["a"]),
    "masked": np.ma.array(X),
    "set": {1},
    "bytearray": bytearray(b"a"),
    "memoryview": memoryview(bytearray(b"a")),
    "object": Unhashable(),
}
NO_FLOATS = {
    "int": 3,
    "bool": True,
    "str": "a",
    "ints": np.arange(3),
    "np": np.int8(1),
}
SETTINGS = settings(max_examples=8, deadline=None)


@pytest.mark.parametrize("leaf", NO_ARGUMENTS.values(), ids=NO_ARGUMENTS.keys())
@SETTINGS
@given(slot=st.sampled_from(sorted(SLOTS)), path=PATHS)
def test_what_cannot_be_an_argument_is_named(leaf: Any, slot: str, path: Any) -> None:
    args, kwargs = SLOTS[slot](path[1](leaf))
    calls = [
        lambda: irgrad.compile(f)(*args, **kwargs),
        lambda: irgrad.compile(irgrad.grad(f)).dump(*args, **kwargs),
        lambda: irgrad.grad(irgrad.grad(f))(*args, **kwargs),
        lambda: irgrad.trace(f, *args, **kwargs),
    ]
    if not kwargs:
        calls.append(lambda: irgrad.vjp(f, *args))
        calls.append(lambda: irgrad.jvp(f, args, args))
    for call in calls:
        text = message(call)
        assert f"argument {slot}{path[0]}: " in text
        assert "hint:" in text


def test_how_to_pass_what_is_no_argument() -> None:
    for leaf, part in (
        ({1}, "frozenset"),
        (Unhashable(), "register_pytree_node(Unhashable, flatten, unflatten, namespace="),
        (Unhashable(), "in its global namespace"),
    ):
        assert part in message(lambda leaf=leaf: irgrad.compile(f)(X, leaf))


@pytest.mark.parametrize("leaf", NO_FLOATS.values(), ids=NO_FLOATS.keys())
@SETTINGS
@given(slot=st.sampled_from(["x", "params", "option", "other"]), path=PATHS)
def test_grad_of_what_has_no_derivative_names_it(leaf: Any, slot: str, path: Any) -> None:
    args, kwargs = SLOTS[slot](path[1](leaf))
    ways: list[Any] = [slot] if kwargs else [slot, {"x": 0, "params": 1}[slot]]
    for argnums in ways:
        for transform in (irgrad.grad, irgrad.value_and_grad):
            text = message(lambda a=argnums, t=transform: t(f, a)(*args, **kwargs))
            assert f"grad with respect to {slot}{path[0]}: " in text


@pytest.mark.parametrize("leaf", NO_FLOATS.values(), ids=NO_FLOATS.keys())
def test_jvp_along_what_has_no_derivative_names_it(leaf: Any) -> None:
    tangent = 1 if np.ndim(leaf) == 0 else np.ones(3)
    text = message(lambda: irgrad.jvp(f, (X, {"n": leaf}), (X, {"n": tangent})))
    assert "the tangent of params['n']: " in text
    for none in (None, 0, 0.0, False, np.zeros(3)):
        value, _ = irgrad.jvp(lambda x, p: x, (X, {"n": leaf}), (X, {"n": none}))
        assert value.tolist() == X.tolist()


@pytest.mark.parametrize(
    ("call", "remedy"),
    [
        (lambda: irgrad.grad(lambda x: x**2)(3), "pass a float: 3.0"),
        (lambda: irgrad.grad("a**2")(3), "pass a float: 3.0"),
        (lambda: irgrad.grad(lambda x: x and None)(-2), "pass a float: -2.0"),
        (lambda: irgrad.grad(lambda x: np.sum(x**2))(np.arange(3)), ".astype(np.float64)"),
        (lambda: irgrad.grad(lambda x: x**2)(np.int64(3)), "pass floats"),
        (lambda: irgrad.jvp(lambda x: x**2, (3,), (1,)), "pass a float: 3.0"),
        (lambda: irgrad.grad(lambda p: p["n"] ** 2)({"n": 3}), "p['n']: 3 is a Python int"),
    ],
)
def test_integers_where_floats_are_meant(call: Any, remedy: str) -> None:
    assert remedy in message(call)


def test_argnums_of_what_is_not_passed() -> None:
    def g(x: Any, scale: Any = 2.0) -> Any:
        return x * scale

    for argnums in (1, "scale", (0, 1)):
        text = message(lambda a=argnums: irgrad.grad(g, a)(3.0))
        assert "'scale' is left at its default; pass it: scale=2.0" in text
    assert "argnums='scale'" in message(lambda: irgrad.grad(g, 1)(3.0, scale=2.0))
    assert irgrad.grad(g, "scale")(3.0, scale=2.0) == 3


@pytest.mark.parametrize(
    ("given", "part"),
    [
        (np.ones(4), "has shape (4,), expected (3,)"),
        (1.0, "has shape (), expected (3,)"),
        (X * 1j, "complex value where float64 is expected"),
        (None, "is a NoneType, expected f64[3]"),
        ("a", "is a str, expected f64[3]"),
        (np.array(["a", "b", "c"]), "is an ndarray, expected f64[3]"),
    ],
)
def test_tangents_and_cotangents_are_named(given: Any, part: str) -> None:
    _, pull = irgrad.vjp(lambda x: {"a": (x, x)}, X)
    assert "the cotangent['a'][1]" in message(lambda: pull({"a": (X, given)}))
    assert part in message(lambda: pull({"a": (X, given)}))
    text = message(lambda: irgrad.jvp(f, (X, {"w": X}), (X, {"w": given})))
    assert "the tangent of params['w']" in text and part in text


@pytest.mark.parametrize("dtype", [np.int8, np.uint8, np.bool_])
@pytest.mark.parametrize(
    "function", [np.sqrt, np.exp, lambda x: np.hypot(x, x), lambda x: np.sin(x) + 1]
)
def test_small_integers_that_numpy_computes_in_half_precision(dtype: Any, function: Any) -> None:
    text = message(lambda: irgrad.trace(function, np.ones(3, dtype)))
    for part in ("computes in float16", f"of {np.dtype(dtype).name}", "operands: %", "astype"):
        assert part in text


i: Any = irgrad
"""Called with types that it does not take."""
MISUSED: dict[str, Callable[[], Any]] = {
    "trace": lambda: i.trace(3, 1.0),
    "compile": lambda: i.compile(3),
    "backend": lambda: i.compile(np.sin, backend=3)(1.0),
    "transform": lambda: i.grad(3),
    "argnums": lambda: i.grad(np.sin, argnums=1.5),
    "check_grads of none": lambda: i.check_grads(3, (1.0,)),
    "check_grads of a number": lambda: i.check_grads(np.sin, 1.0),
    "check_grads of an array": lambda: i.check_grads(np.sin, np.ones(3)),
    "check_grads modes": lambda: i.check_grads(np.sin, (1.0,), modes=3),
    "check_grads mode": lambda: i.check_grads(np.sin, (1.0,), modes="back"),
    "check_grads order": lambda: i.check_grads(np.sin, (1.0,), order="a"),
    "jvp": lambda: i.jvp(np.sin, 1.0, 1.0),
    "vjp": lambda: i.vjp(3, 1.0),
    "parse": lambda: i.parse(3),
    "spec": lambda: i.spec(3),
}


@pytest.mark.parametrize("name", MISUSED)
def test_a_wrong_argument_of_the_interface_is_an_error_of_irgrads(name: str) -> None:
    with pytest.raises(errors.IrgradError) as error:
        MISUSED[name]()
    assert name.split()[0] in str(error.value)


def test_numpys_integers_and_one_mode_are_fine() -> None:
    assert i.grad(lambda x, y: x * y, argnums=np.int64(1))(2.0, 3.0) == 2.0
    assert i.grad(lambda x, y: x * y, argnums=(np.int64(0), "y"))(2.0, 3.0) == (3.0, 2.0)
    i.check_grads(np.sin, (1.0,), modes="rev")
