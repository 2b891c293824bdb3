"""Functions rewritten from their source: constructors, conversions and calls of other functions."""

from __future__ import annotations

import dataclasses
import functools
import itertools
import math
from typing import Any

import numpy as np
import pytest

import irgrad
from irgrad.errors import TraceError, UnsupportedError
from irgrad.frontend.capture import captured
from tests.frontend.against_numpy import array, assert_same, same_as_numpy

X = np.array([0.5, 1.5, 2.5])
M = array(3, 4)
SCALE = 3.0


def outer_product(x: Any) -> Any:
    n = len(x)
    out = np.empty((n, n))
    for i in range(n):
        for j in range(i + 1):
            out[i, j] = x[i] * x[j]
            out[j, i] = out[i, j]
    return out


def write_into(target: Any, value: Any) -> None:
    target[np.arange(2)] = value


class Model:
    def __init__(self, weights: Any) -> None:
        self.weights = np.array(weights)
        self.__offset = np.ones(3)

    def __call__(self, x: Any) -> Any:
        self.__offset[0] = x[1]
        return self.weights * x + self.__offset

    def run(self, x: Any) -> Any:
        z = np.zeros_like(self.weights)
        write_into(z, x[0])
        return z + self(x)


def buffers(x: Any) -> Any:
    a = np.arange(3.0)
    a[np.arange(3)[::-1]] = x
    b = np.eye(3)
    b[np.array([True, False, True])] = a
    if np.ones(2).sum() > 1:
        b[0, sum(np.arange(3)) - 3] = 9
    return a, b, np.full(3, x[0]), np.full((2, 2), 7), np.linspace(0, 1, 3)


def nested(x: Any) -> Any:
    def inner(y: Any = np.zeros(3)) -> Any:  # noqa: B008 -- defaults are kept
        z = np.ones(3)
        z[:] = y * x
        return z

    class Local:
        def go(self) -> Any:
            return np.array([x[0]])

    return inner(x), Local().go(), [np.sum(np.array([v, v])) for v in x][1], inner()


@functools.lru_cache
def cached(n: int) -> Any:
    return n + 1


def decorate(function: Any) -> Any:
    @functools.wraps(function)
    def wrapper(*args: Any) -> Any:
        out = np.zeros(3)
        out[:] = function(*args)
        return out

    return wrapper


@decorate
def decorated(x: Any) -> Any:
    out = np.zeros(2)
    out[0] = x[0]
    return out.sum()


def counting(x: Any) -> Any:
    count = 0

    def more() -> Any:
        nonlocal count
        count += 1
        return np.array([x[count], 1.0])

    return more() + more(), count


@dataclasses.dataclass
class Point:
    x: Any
    y: Any = 0.0

    def moved(self, by: Any) -> Point:
        return Point(np.array([self.x, by]), self.y)


FUNCTIONS = {
    "loops": outer_product,
    "object": lambda x: Model([1.0, 2.0, 3.0]).run(x),
    "buffers": buffers,
    "nested": nested,
    "decorated": decorated,
    "nonlocal": counting,
    "dataclass": lambda x: Point(x[0]).moved(x[1]).x,
    "array": lambda x: np.array([[x[0], 1.0], [x[1], x[2]]]),
    "array_dtype": lambda x: np.array([x[0], 1], dtype=np.float32, ndmin=2),
    "array_copies": lambda x: (np.array(x, copy=True).__iadd__(1), np.asarray(x), x),
    "r_": lambda x: (np.r_[x, 1.0, 0:2, x[:2]], np.c_[x, x], np.c_[M.T[:3, :2], x]),
    "mean": lambda x: np.mean([x[0], x[1]]) + np.max((x[0], 2.0)) + np.dot([1.0, 2.0], [*x[1:]]),
    "scalars": lambda x: (np.float64(x[0]), np.float32(x[1]), np.int64(x[2])),
    "numbers": lambda x: (float(x[0]) * x, math.sin(x[0]), math.pow(x[0], 2), abs(x[0])),
    "extremes": lambda x: (max(x[0], x[1]), min(*x), max([x[2], 7.0])),
    "truth": lambda x: np.where(any(v > 1 for v in x), x, 0),
    "functional": lambda x: functools.reduce(
        lambda a, b: a + b,
        map(lambda t: np.array([t, t * t]), [x[0], x[1]]),  # noqa: C417 -- it is map that is tested
    ),
    "partial": lambda x: functools.partial(lambda a, b: np.array([a, b]), x[0])(x[1]),
    "library": lambda x: cached(2) + sorted([3, 1])[0] + len("ab") + x,
    "copies": lambda x: (M.copy()[0, :3].__iadd__(x), np.copy(M)[1, :3] + x, M.astype(int)[0, 0]),
    "keywords": lambda x: np.zeros(shape=(2,), dtype=np.float32) + np.full(2, fill_value=x[0]),
    "instances": lambda x: x * (1.0 if isinstance(x, np.ndarray) else 2.0),
    "format": lambda x: x * len(f"{np.zeros(2).shape}{SCALE}"),
    "global": lambda x: SCALE * np.array([x[0]]),
    "star": lambda x: np.array([*x, *[1.0]]) + (lambda *a, k=1.0, **b: a[0] * k)(x[0], k=2.0),
    "strings": lambda x: np.array(["a", "b"]).size + x,
}  # fmt: skip


@pytest.mark.parametrize("name", FUNCTIONS)
def test_as_python_means_it(name: str) -> None:
    with irgrad.use_backend("numpy"):
        same_as_numpy(FUNCTIONS[name], X)


def test_functions_stay_what_they_are() -> None:
    def function(x: Any, y: float = 2.0, *, z: Any = None) -> Any:
        """What it does."""
        return np.array([x, y])

    function.mark = 1  # pyright: ignore[reportFunctionMemberAccess]
    made: Any = captured(function)
    assert made is not function
    for name in ("__name__", "__qualname__", "__doc__", "__defaults__", "__kwdefaults__", "mark"):
        assert getattr(made, name) == getattr(function, name)
    assert made.__globals__ is function.__globals__
    assert made.__code__.co_filename == function.__code__.co_filename
    assert_same(made(1.0), function(1.0))


def test_provenance_is_the_users() -> None:
    def function(x: Any) -> Any:
        table = np.zeros(3)
        table[0] = x
        return table

    text = str(irgrad.trace(function, 0.5))
    line = function.__code__.co_firstlineno + 1
    assert "%table: f64[3] = broadcast_to(0.0) {shape=(3,)}" in text
    assert f"@test_capture.py:{line}" in text

    def wrong(x: Any) -> Any:
        table = np.zeros(3)
        table[5] = x

    with pytest.raises(IndexError, match=r"at test_capture.py:\d+    table\[5\] = x"):
        irgrad.trace(wrong, 0.5)


def test_it_can_be_turned_off(monkeypatch: pytest.MonkeyPatch) -> None:
    def function(x: Any) -> Any:
        table = np.zeros(3)
        table[0] = x
        return table

    assert irgrad.compile(function)(1.0)[0] == 1.0
    with pytest.raises(TraceError, match="in-place write"):
        irgrad.compile(function, capture=False)(1.0)
    with pytest.raises(TraceError, match="in-place write"), irgrad.without_capture():
        irgrad.trace(function, 1.0)
    monkeypatch.setenv("IRGRAD_CAPTURE", "0")
    with pytest.raises(TraceError, match="in-place write"):
        irgrad.trace(function, 1.0)


def test_without_source_tracing_goes_on() -> None:
    scope: dict[str, Any] = {"np": np}
    exec("def function(x):\n    return np.sin(x) * np.ones(2)", scope)
    assert_same(irgrad.compile(scope["function"])(X[:2]), np.sin(X[:2]))


def test_closed_over_arrays_are_not_written_to() -> None:
    held = np.zeros(3)

    def function(x: Any) -> Any:
        held[0] = x
        return held

    with pytest.raises(TraceError, match="in-place write into a constant NumPy array"):
        irgrad.trace(function, 1.0)


def test_what_is_made_of_closed_over_arrays_is_written_to() -> None:
    held = np.arange(6.0).reshape(2, 3)

    def made() -> Any:
        return np.sqrt(held), held @ held.T

    def fill(target: Any, x: Any) -> None:
        target[...] = x

    def function(x: Any) -> Any:
        scaled = held * 2.0
        scaled[0] = x
        root, product = made()
        for i in range(2):
            root[i] += x * root[1, 2]
            product[i, i] -= x
        part = np.where(held > 2, held, 0.0)
        view = part[:, 0]
        view[1] = x
        negative = -held
        negative *= x
        flat = (held + 1).reshape(-1)
        flat[2:4] = x
        target = held.sum(axis=0)
        fill(target, x)
        return scaled, root, product, part, negative, flat, target, held

    expected = function(3.0)
    assert_same(irgrad.compile(function)(3.0), expected)
    irgrad.check_grads(function, (3.0,), order=1)


def test_what_has_another_name_outside_is_not() -> None:
    held = np.zeros((2, 3))

    def same() -> Any:
        return held

    def function(x: Any, how: int) -> Any:
        found = (same(), held.T, held.reshape(6)[:3])[how]
        found[0] = x
        return found

    for how in range(3):
        with pytest.raises(TraceError, match=r"in-place write into a constant.*\n.*\n.*copy"):
            irgrad.trace(function, 1.0, how)


def test_copies_of_closed_over_arrays_follow_them() -> None:
    held = np.ones(3)

    def function(x: Any) -> Any:
        own = held.copy()
        own[0] = x
        return own

    compiled = irgrad.compile(function)
    assert compiled(2.0).tolist() == [2.0, 1.0, 1.0]
    held[1] = 5.0
    assert compiled(3.0).tolist() == [3.0, 5.0, 1.0]


def test_directive_strings_are_refused() -> None:
    with pytest.raises(UnsupportedError, match=r"np.concatenate"):
        irgrad.trace(lambda x: np.r_["0,2,0", x, x], X)


def test_derivatives() -> None:
    irgrad.check_grads(outer_product, [X])
    irgrad.check_grads(lambda x: Model([1.0, 2.0, 3.0]).run(x), [X])
    second = irgrad.grad(lambda x: np.sum(irgrad.grad(lambda y: np.sum(outer_product(y)))(x)))
    np.testing.assert_allclose(second(X), [6.0] * 3)


def told_apart(x: Any, rewritten: list[bool]) -> Any:
    """Where it is rewritten, a traced array is an ndarray."""
    rewritten.append(isinstance(x, np.ndarray))
    return np.sum(x**3) if rewritten[-1] else np.sum(x**4)


def with_out(f: Any, x: Any) -> Any:
    return f(x, out=np.zeros(()))


TRANSFORMED = {
    "compile": irgrad.compile,
    "out": lambda f: functools.partial(with_out, irgrad.compile(f)),
    "grad": irgrad.grad,
    "value_and_grad": irgrad.value_and_grad,
    "hessian": irgrad.hessian,
    "jacobian": irgrad.jacobian,
    "vmap": irgrad.vmap,
    "linearize": lambda f: lambda x: irgrad.linearize(f, x)[0],
    "vjp": lambda f: lambda x: irgrad.vjp(f, x)[0],
    "jvp": lambda f: lambda x: irgrad.jvp(f, (x,), (x,))[0],
    "sparse_hessian": irgrad.sparse_hessian,
}


@pytest.mark.parametrize("backend", irgrad.backends())
@pytest.mark.parametrize("name", TRANSFORMED)
def test_without_capture_is_for_compiled_functions_too(name: str, backend: str) -> None:
    rewritten: list[bool] = []
    x = np.full((2, 2) if name == "vmap" else 2, 2.0)
    with irgrad.use_backend(backend):
        transformed = TRANSFORMED[name](lambda x: told_apart(x, rewritten))
        results = []
        for _ in range(3):
            results.append(transformed(x))
            with irgrad.without_capture():
                results.append(transformed(x))
    assert [str(r) for r in results[::2]] == [str(results[0])] * 3
    assert [str(r) for r in results[1::2]] == [str(results[1])] * 3
    assert str(results[0]) != str(results[1])
    changes = [a != b for a, b in itertools.pairwise(rewritten)]
    assert changes.count(True) == 1, "traced once each way, or again and again"
