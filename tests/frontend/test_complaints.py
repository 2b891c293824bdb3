"""What an error says while a function is lowered: the call, the user's variables with their types,
their line, what was expected, and what to write instead. Each test is over a whole class of calls.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import irgrad
from irgrad.errors import ArgumentError, IrgradError, ShapeError, UnsupportedError
from irgrad.frontend.registry import FUNCTIONS
from irgrad.ops.elementwise import UFUNCS

W, V, N = np.ones((3, 4)), np.ones(3), np.arange(3)
HERE = "at test_complaints.py:"


def told(call: Callable[[], Any], *parts: str, remedy: bool = True) -> str:
    """The message of what a call raises, which has all the parts, this file and a remedy."""
    with pytest.raises(IrgradError) as caught:
        call()
    text = str(caught.value)
    for part in (*parts, HERE, *["hint: "] * remedy):
        assert part in text, f"{part!r} is not in:\n{text}"
    return text


MISTAKES: dict[str, tuple[Any, tuple[Any, ...], tuple[str, ...]]] = {
    "index": (lambda x: x[5], (V,), ("index 5", "size 3: expected -3 to 2", "array: %x: f64[3]")),
    "inner index": (lambda x: x[0, 7], (W,), ("index 7", "axis 1", "-4 to 3", "%x: f64[3,4]")),
    "take": (lambda x: np.take(x, 7, 0), (W,), ("take: index 7", "-3 to 2", "%x: f64[3,4]")),
    "list": (lambda x: x[[0, 9]], (V,), ("index 9", "-3 to 2", "%x: f64[3]")),
    "many": (lambda x: x[0, 1, 2], (W,), ("2 axes, but 3", "%x: f64[3,4]")),
    "float index": (lambda x: x[1.5], (V,), ("got 1.5", "%x: f64[3]", "write 1")),
    "name": (lambda x: x["w"], (V,), ("got 'w'", "%x: f64[3]", "dict")),
    "mask": (lambda x: x[np.ones(5, bool)], (V,), ("size 3, the mask 5", "%x: f64[3]")),
    "reshape": (lambda x: x.reshape(5, 5), (W,), ("reshape", "size 12", "size 25", "%x: f64[3,4]")),
    "-1": (lambda x: np.reshape(x, (-1, 5)), (W,), ("size 12", "make 5", "multiple", "%x")),
    "concatenate": (
        lambda x, y: np.concatenate([x, y]), (W, V), ("%x: f64[3,4], %y: f64[3]", "x[:, None]"),
    ),
    "stack": (lambda x, y: np.stack([x, y]), (W, V), ("(3, 4), (3,)", "%x: f64[3,4], %y: f64[3]")),
    "vstack": (lambda x, y: np.vstack([x, y]), (W, V), ("vstack: ", "%x: f64[3,4], %y: f64[3]")),
    "squeeze": (lambda x: np.squeeze(x, 0), (W,), ("size 1, got 3", "%x: f64[3,4]")),
    "transpose": (lambda x: x.transpose(0, 1, 2), (W,), ("transpose: axis 2", "%x: f64[3,4]")),
    "broadcast_to": (lambda x: np.broadcast_to(x, (5, 5)), (W,), ("broadcast_to: ", "%x: f64[3,")),
    "split": (lambda x: np.split(x, 2), (V,), ("split: size 3", "%x: f64[3]")),
    "repeat": (lambda x: np.repeat(x, [1, 2]), (V,), ("repeat: ", "%x: f64[3]", "3 of them")),
    "diagonal": (lambda x: np.diagonal(x), (V,), ("diagonal ", "%x: f64[3]")),
    "einsum": (lambda x, y: np.einsum("ij,j", x, y), (W, V), ("'j' is 3", "4 elsewhere", "%y")),
    "einsum term": (lambda x: np.einsum("ijk", x), (W,), ("'ijk'", "2 axes", "%x: f64[3,4]")),
    "matmul": (lambda x, y: x @ y, (W, V), ("%x: f64[3,4] and %y: f64[3]", "4 and 3")),
    "dot": (lambda x, y: np.dot(x, y), (W, V), ("dot: ", "%x: f64[3,4]", "%y: f64[3]")),
    "inv": (lambda x: np.linalg.inv(x), (W,), ("inv takes square", "%x: f64[3,4]", "pinv")),
    "solve": (lambda x, y: np.linalg.solve(x, y), (W, V), ("solve", "%x: f64[3,4], %y: f64[3]")),
    "choose": (lambda x: np.choose(x, [x, x]), (V,), ("choose: ", "%x: f64[3]", "np.where")),
    "vectorize": (
        lambda x: np.vectorize(abs, excluded=[1])(x),
        (V,),
        ("np.vectorize", "%x: f64[3]", "vmap"),
    ),
    "item": (lambda x: x.item(), (V,), ("item: ", "size 3", "%x: f64[3]")),
    "nonzero": (lambda x: np.nonzero(x), (V,), ("nonzero", "%x: f64[3]", "np.where")),
    "assignment": (
        lambda x, y: np.copyto(x.copy(), y), (V, W), ("copyto", "(3, 4)", "(3,)", "%y: f64[3,4]"),
    ),
    "an array of numbers": (lambda x: x + np.ones(4), (V,), ("%x: f64[3]", "f64[4]")),
}  # fmt: skip


@pytest.mark.parametrize("name", MISTAKES)
def test_mistakes(name: str) -> None:
    function, arguments, parts = MISTAKES[name]
    told(lambda: irgrad.trace(function, *arguments), *parts, remedy=False)


def test_the_operands_have_the_names_of_variables() -> None:
    def loss(x, y):
        left = 2 * x
        right = np.outer(y, y)
        return left + right

    told(lambda: irgrad.trace(loss, V, np.ones(4)), "left: f64[3]", "right: f64[4,4]", "add: ")


_WITH_AXIS = [
    function
    for function in FUNCTIONS
    if callable(function)
    and "axis" in inspect.signature(FUNCTIONS[function]).parameters
    and not isinstance(function, np.ufunc)
]


@pytest.mark.parametrize("function", _WITH_AXIS, ids=lambda function: function.__name__)
def test_an_axis_that_is_not_there(function: Any) -> None:
    parameters = inspect.signature(FUNCTIONS[function]).parameters
    needed = [p for p in parameters.values() if p.default is p.empty and p.name != "axis"]
    samples = {"indices": N, "indices_or_sections": 1, "values": V, "repeats": 2, "shift": 1,
               "kth": 1, "q": 0.5, "obj": 1, "num": 3, "condition": [True], "func1d": np.sum,
               "window_shape": 2}  # fmt: skip
    given_by_name = {} if function is np.apply_along_axis else {"axis": 9}

    def call(x: Any) -> Any:
        lists = ("arrays", "tup")
        given = [[x] if p.name in lists else samples.get(p.name, x) for p in needed]
        if not given_by_name:
            given.insert(1, 9)
        return function(*given, **given_by_name)

    text = told(lambda: irgrad.trace(call, W), "axis 9", "%x: f64[3,4]", function.__name__)
    assert re.search(r"expected -\d to \d|has no axes", text), text


@pytest.mark.parametrize("axis", [1.0, "a", None, (0, 1.5)])
def test_an_axis_that_is_no_int(axis: Any) -> None:
    each = {
        "sum": lambda x: np.sum(x, axis=axis),
        "max": lambda x: x.max(axis),
        "mean": lambda x: np.mean(x, axis),
        "flip": lambda x: np.flip(x, axis),
        "cumsum": lambda x: np.cumsum(x, axis),
        "sort": lambda x: np.sort(x, axis),
        "stack": lambda x: np.stack([x, x], axis),
        "swapaxes": lambda x: np.swapaxes(x, axis, 0),
    }
    for name, call in each.items():
        if axis is None and name in ("sum", "max", "mean", "flip", "cumsum", "sort"):
            continue  # all axes
        with pytest.raises(TypeError):
            call(W)
        got = "1.5" if name in ("sum", "max", "mean", "flip") else "(0, 1.5)"
        text = told(
            lambda call=call: irgrad.trace(call, W),
            f"{name}: an axis is an int, got {got if isinstance(axis, tuple) else repr(axis)}",
            "%x: f64[3,4]",
        )
        assert "write 1, not 1.0" in text


def test_a_shape_that_is_no_ints() -> None:
    for name, call in {
        "reshape": lambda x: x.reshape(4.0, 3),
        "broadcast_to": lambda x: np.broadcast_to(x, (2, 3.0, 4)),
        "expand_dims": lambda x: np.expand_dims(x, 1.0),
        "zeros": lambda x: x + np.zeros((3, 4.0)),  # pyright: ignore[reportArgumentType] -- wrong on purpose
    }.items():
        with pytest.raises(TypeError):
            call(W)
        told(lambda call=call: irgrad.trace(call, W), name, "sequence of ints is expected, got")


_BINARY = [ufunc for ufunc, op in UFUNCS.items() if ufunc.nin == 2]


@pytest.mark.parametrize("ufunc", _BINARY, ids=lambda ufunc: ufunc.__name__)
def test_shapes_that_do_not_broadcast(ufunc: np.ufunc) -> None:
    loops = [types for types in ufunc.types if "e" not in types and types[0] in "dl"]
    left, right = np.ones((2, 3), loops[0][0]), np.ones(4, loops[0][1])
    told(
        lambda: irgrad.trace(lambda x, y: ufunc(x, y), left, right),
        "(2, 3) and (4,) do not broadcast: axis -1 is 3 and 4",
        "%x: ",
        "[2,3]",
        "%y: ",
        "[4]",
    )


_DISPATCHED = type(np.mean)
_REFUSED = [
    f"{space.__name__}.{name}".replace("numpy", "np")
    for space in (np, np.linalg, np.fft)
    for name in dir(space)
    if type(getattr(space, name)) is _DISPATCHED and getattr(space, name) not in FUNCTIONS
]


@pytest.mark.parametrize("name", _REFUSED)
def test_functions_without_a_meaning(name: str) -> None:
    """Named, with the line and something to do, whichever of NumPy's it is."""
    function = eval(name)
    told(
        lambda: irgrad.trace(lambda x: x.__array_function__(function, (), (x,), {}), V),
        f"{name} is not supported on traced values",
        "%x: f64[3]",
    )


def remedies(x: Any) -> dict[str, tuple[Any, Any]]:
    """What hints say to write, and what it stands for, at `x`."""
    p = x[:3]
    inexact = np.floor(np.log2(np.abs(x))) + 1
    return {
        "frexp": (x / 2**inexact, lambda x: np.frexp(x)[0]),
        "polymul": (np.convolve(x, p), lambda x: np.polymul(x, x[:3])),
    }


def test_remedies_do_what_they_stand_for() -> None:
    x = np.array([0.3, 5.0, 1.7, 2.2, 9.0])
    for name in remedies(x):
        got = irgrad.compile(lambda x, name=name: remedies(x)[name][0])(x)
        np.testing.assert_allclose(got, remedies(x)[name][1](x), err_msg=name, atol=1e-12)


ON_NUMBERS: dict[str, Callable[[], Any]] = {
    "frexp": lambda: np.frexp(np.array([3.0, 8.0])),
    "reduceat": lambda: np.add.reduceat(np.arange(4), [0, 2]),
    "histogram": lambda: np.histogram(np.arange(5.0), bins=np.linspace(0, 4, 3)),
    "fft": lambda: np.fft.fft(np.eye(3)),
    "irfft": lambda: np.fft.irfft(np.ones(3)),
    "lstsq": lambda: np.linalg.lstsq(np.eye(2), np.ones(2))[0],
    "eig": lambda: np.linalg.eigvals(np.array([[0.0, 1.0], [-1.0, 0.0]])),
    "vectorize": lambda: np.vectorize(lambda t: t * 2)(np.arange(3)),
    "choose": lambda: np.choose(np.array([0, 1]), [1.0, 2.0]),
    "unique": lambda: np.unique(np.array([3, 1, 3])),
    "polyfit": lambda: np.polyfit(np.arange(3.0), np.array([1.0, 2.0, 4.0]), 1),
    "none": lambda: np.unique(np.array([3, 1, 3]), axis=None),
    "text": lambda: len(np.array2string(np.arange(3))),
}


@pytest.mark.parametrize("name", ON_NUMBERS)
def test_known_numbers_are_computed_with(name: str) -> None:
    """Arrays that are made inside and depend on no argument."""
    results = ON_NUMBERS[name]()
    for part, expected in enumerate(results if isinstance(results, tuple) else (results,)):

        def f(x, part=part):
            found = ON_NUMBERS[name]()
            return x * (found[part] if isinstance(found, tuple) else found)

        np.testing.assert_allclose(irgrad.compile(f)(2.0), 2.0 * np.asarray(expected))


def test_arrays_from_outside_are_read_anew() -> None:
    held = np.array([1.0, 1.0, 4.0])
    f = irgrad.compile(lambda x: x * np.sum(np.unique(np.array(held))))
    assert f(1.0) == 5.0
    held[0] = 2.0
    assert f(1.0) == 7.0


def test_attributes() -> None:
    for name in dir(np.ndarray):
        if not name.startswith("__") and name != "mT":  # an error in NumPy, too
            irgrad.trace(lambda x, name=name: hasattr(x, name) and x, V)
    told(lambda: irgrad.trace(lambda x: x.foo, V), "no attribute 'foo'", "%x: f64[3]")
    told(lambda: irgrad.trace(lambda x: x.summ(), V), "did you mean 'sum'?", "%x: f64[3]")
    told(lambda: irgrad.trace(lambda x: x.exp(), V), "write np.exp(x)", "%x: f64[3]")
    told(lambda: irgrad.trace(lambda x: x.strides, V), "ndarray.strides", "nowhere in memory")


@pytest.mark.parametrize("capture", [True, False])
def test_item_and_tolist(capture: bool) -> None:
    def compiled(f: Any) -> Any:
        return irgrad.compile(f, capture=capture)

    x = np.array([[1.5, 2.5]])
    assert compiled(lambda x: x[0, 1].item() ** 2)(x) == 6.25
    assert compiled(lambda x: x.item(1) + x.item(0, -1) + x.item((0, 0)))(x) == 6.5
    assert compiled(lambda x: sum(sum(row) for row in x.tolist()))(x) == 4.0
    single = np.ones((1, 2), np.float32)
    assert compiled(lambda x: x * x.item(0))(single).dtype == np.float32
    assert compiled(lambda x: x.item(0) * 1.0)(single).dtype == np.float64
    assert irgrad.grad(lambda x: x[0, 1].item() ** 2)(x).tolist() == [[0.0, 5.0]]
    told(lambda: irgrad.trace(lambda x: x.item(7), V), "index 7", "%x: f64[3]", remedy=False)


def two(p):
    return {"a": p["x"] * 2, "b": p["y"]}


P = {"x": V, "y": 1.0}
DIRECTIONS: dict[str, tuple[Callable[[], Any], tuple[str, ...]]] = {
    "count": (lambda: irgrad.jvp(np.sin, (V,), (V, V)), ("a tuple of 2, expected a tuple of 1",)),
    "list": (
        lambda: irgrad.jvp(np.sin, (V,), ([1.0, 2.0],)),
        ("tangents[0] is a list of 2, expected a single value",),
    ),
    "key": (
        lambda: irgrad.jvp(two, (P,), ({"x": V},)),
        ("tangents[0] is a dict of 'x', expected a dict of 'x', 'y'",),
    ),
    "no tuple": (lambda: irgrad.jvp(np.sin, V, V), ("got ndarray and ndarray", "(x,)")),
    "shape": (lambda: irgrad.jvp(two, (P,), ({"x": N[:2], "y": 1.0},)), ("p['x']", "(2,)", "(3,)")),
    "none": (lambda: irgrad.jvp(np.sin, (V,), (None,)), ("x", "expected f64[3]", "zeros")),
    "pullback": (lambda: irgrad.vjp(two, P)[1]({"a": V}), ("the cotangent is a dict of 'a',",)),
    "pullback shape": (
        lambda: irgrad.vjp(two, P)[1]({"a": 1.0, "b": 1.0}),
        ("the cotangent['a'] has shape ()", "(3,)", "np.broadcast_to(v, (3,))"),
    ),
    "linearize": (lambda: irgrad.linearize(np.sin, V)[1](V, V), ("a tuple of 2",)),
    "hvp": (lambda: irgrad.hvp(np.sum)(V, (V,)), ("the direction is a tuple of 1",)),
    "argnums": (
        lambda: irgrad.grad(two, argnums=3)(P),
        ("grad: argnums=3", "1 positional argument (p): expected -1 to 0"),
    ),
    "argnums name": (lambda: irgrad.grad(np.sum, argnums="q")(V), ("no value called 'q'",)),
    "jacobian": (lambda: irgrad.jacobian(two, argnums=3)(P), ("jacobian: argnums=3",)),
    "int": (lambda: irgrad.grad(np.sum)(N), ("i64[3] is not a float", "astype")),
}  # fmt: skip


@pytest.mark.parametrize("name", DIRECTIONS)
def test_arguments_of_transformations(name: str) -> None:
    call, parts = DIRECTIONS[name]
    text = told(call, *parts)
    assert "PyTreeSpec" not in text


def test_articles() -> None:
    for wrong in (5, V, {"a": 1}, [1], open):
        for call in (
            irgrad.parse, irgrad.from_json, irgrad.expression, irgrad.compile, irgrad.grad,
            irgrad.custom_jvp, lambda x: irgrad.compile(np.sin)(bytearray()),
        ):  # fmt: skip
            if call in (irgrad.compile, irgrad.grad, irgrad.custom_jvp) and callable(wrong):
                continue
            with pytest.raises(IrgradError) as caught:
                call(wrong)
            assert not re.search(r"\ba (int|array|ndarray|object|irgrad)", str(caught.value))


def test_classes_of_errors_stay() -> None:
    with pytest.raises(ShapeError):
        irgrad.trace(lambda x: np.sum(x, axis=2), V)
    with pytest.raises(UnsupportedError):
        irgrad.trace(lambda x: np.unique(x), V)
    with pytest.raises(ArgumentError):
        irgrad.grad(two, argnums=3)(P)
