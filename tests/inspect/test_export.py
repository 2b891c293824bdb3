"""Exported modules: no irgrad in them, and the same values."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import numba
import numpy as np
import pytest
from irgrad_numba.spelled import TABLES

import irgrad
from irgrad.errors import OptionError, UnsupportedError
from irgrad.ir.types import SHORT
from irgrad.ops.base import bind
from tests.ops import test_derivatives
from tests.ops.samples import SAMPLES

assert test_derivatives  # the files of samples, imported there

Array = np.ndarray[Any, Any]


def loaded(text: str, name: str) -> Any:
    """The function of an exported module."""
    assert "irgrad" not in text.split('"""', 2)[2]
    scope: dict[str, Any] = {}
    exec(compile(text, "exported.py", "exec"), scope)
    return scope[name]


def same(found: Any, expected: Any, rtol: float = 1e-12) -> None:
    """Pytrees of the same structure, types and values."""
    assert type(found) is type(expected)
    if isinstance(expected, dict):
        assert list(found) == list(expected)
        for key in expected:
            same(found[key], expected[key], rtol)
    elif isinstance(expected, (tuple, list)):
        for x, y in zip(found, expected, strict=True):
            same(x, y, rtol)
    elif isinstance(expected, (np.ndarray, np.generic)):
        x, y = np.asarray(found), np.asarray(expected)
        assert (x.dtype, x.shape) == (y.dtype, y.shape)
        if y.dtype.kind not in "fc":
            np.testing.assert_array_equal(x, y)
            return
        rtol = max(rtol, 50 * float(np.finfo(y.dtype).eps))
        scale = np.max(np.abs(y[np.isfinite(y)]), initial=0)
        np.testing.assert_allclose(x, y, rtol=rtol, atol=rtol * float(scale))
    else:
        assert found == expected


def check(f: Any, *args: Any, **kwargs: Any) -> str:
    """Export a function, and compare -> the text."""
    compiled = irgrad.compile(f, backend="numpy")
    text = compiled.export(None, *args, **kwargs)
    exported = loaded(
        text, getattr(compiled, "__name__", "function").replace("<lambda>", "_lambda_")
    )
    same(exported(*args, **kwargs), compiled(*args, **kwargs))
    return text


UNWRITTEN = {"solve_root", "solve_minimum", "solve_linear"}
"""Ops that call a solver of the user's."""


@pytest.mark.parametrize("name", sorted(SAMPLES))
def test_every_op(name: str) -> None:
    for sample in SAMPLES[name][:6]:
        compiled = irgrad.compile(lambda *xs, op=sample.op: bind(op, *xs), "numpy", capture=False)
        operands = [np.asarray(x) for x in sample.operands]
        if name in UNWRITTEN:
            with pytest.raises(UnsupportedError, match=f"{name} cannot be written in NumPy"):
                compiled.export(None, *operands)
            continue
        text = compiled.export(None, *operands)
        same(loaded(text, "_lambda_")(*operands), compiled(*operands))


@pytest.mark.parametrize("name", sorted(SAMPLES))
def test_every_op_with_loops(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The loops run as Python: what Numba makes of them is tested on fewer."""
    monkeypatch.setattr(numba, "njit", lambda **_: lambda function: function)
    for sample in [] if name in UNWRITTEN else SAMPLES[name][:3]:
        compiled = irgrad.compile(lambda *xs, op=sample.op: bind(op, *xs), "numpy", capture=False)
        operands = [np.asarray(x) for x in sample.operands]
        if any(type.is_dynamic for n in compiled.graph(*operands).nodes for type in n.types):
            continue
        text = compiled.export(None, *operands, style="numba")
        with np.errstate(all="ignore"):
            same(loaded(text, "_lambda_")(*operands), compiled(*operands))


def mixture(x: Any, i: Any, k: Any) -> Any:
    y = np.where(x > 0, np.sqrt(np.abs(x)), np.maximum(x, -1.0)) + np.concatenate([x[1:], x[:1]])
    z = np.sum(y.reshape(4, -1), axis=0) // 0.3 + np.cumsum(x)[i]
    return np.prod(z[::-1] * 0.5), np.sum(k // 3 * k, axis=1), (k % 7 << 1).astype("f4") / 3, y > 0


def recurrence(x: Any, W: Any) -> Any:
    def step(h: Any, v: Any) -> Any:
        h = np.tanh(W @ h + v)
        return h, np.sum(h)

    h, sums = irgrad.scan(step, x[0], x)
    return np.sum(h) + np.sum(sums**2)


def growth(x: Any, n: Any) -> Any:
    def body(c: Any) -> Any:
        return irgrad.cond(c[0] < n, lambda y: y * 1.5, lambda y: y + 2.0 + np.sin(y), c)

    y = irgrad.while_loop(lambda c: np.sum(c) < 50.0, body, x)
    return np.sum(irgrad.fori_loop(0, 20, lambda i, c: np.sin(c) + i * n, y) ** 2)


def relaxation(A: Any, i: Any) -> Any:
    A = A.copy()
    for _ in range(3):
        for k in range(1, 19):
            A[k, 1:-1] = (A[k - 1, 1:-1] + A[k + 1, 1:-1] + A[k, :-2] + A[k, 2:]) * 0.25
    for k in range(20):
        A[i[k], 3] += A[k, i[k]] * A[3, k]
    b = np.linalg.solve(A + 9.0 * np.eye(20), A[0])
    for k in range(1, 20):
        b[k] = b[k - 1] * 0.9 + b[k]
    return np.sum(b * A[:, 3])


LOOPS: dict[Any, tuple[Any, ...]] = {
    recurrence: (np.linspace(-1, 1, 75).reshape(25, 3), np.linspace(0, 1, 9).reshape(3, 3)),
    growth: (np.array([0.5, 0.7]), np.array(2.0)),
    relaxation: (np.sin(np.arange(400.0)).reshape(20, 20), np.arange(20) * 7 % 20 - 10),
}


@pytest.mark.parametrize("f", LOOPS, ids=lambda f: f.__name__)
def test_loops_and_writes_are_loops_for_numba(f: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Here they run as Python, and below, as Numba compiles them."""
    monkeypatch.setattr(numba, "njit", lambda **_: lambda function: function)
    compiled = irgrad.compile(irgrad.value_and_grad(f), backend="numba")
    text = compiled.export(None, *LOOPS[f], style="numba")
    body = text.partition(f"\ndef {f.__name__}(")[2]
    assert "loops" in body
    assert "for " not in body
    exported = loaded(text, f.__name__)
    with np.errstate(all="ignore"):
        same(exported(*LOOPS[f]), compiled(*LOOPS[f]), rtol=1e-10)
    if f is relaxation:
        with pytest.raises(IndexError, match="an index is out of bounds for an axis of size 20"):
            exported(LOOPS[f][0], LOOPS[f][1] + 20)


def settled(x: Any) -> Any:
    y = np.zeros(20)
    for k in range(1, 20):
        y[k] = y[k - 1] * x if y[k - 1] > 0.5 else x + y[k - 1]
    while y[19] > 1.0:
        y *= 0.5
    return y[19]


def test_loops_run_in_a_process_without_irgrad(tmp_path: Path) -> None:
    compiled, path = irgrad.compile(irgrad.grad(settled), backend="numba"), tmp_path / "settled.py"
    compiled.export(path, 1.1, style="numba")
    code = (
        "import sys; sys.modules['irgrad'] = None\n"
        f"import runpy; print(runpy.run_path({str(path)!r})['settled'](1.1))"
    )
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    np.testing.assert_allclose(float(found.stdout), compiled(1.1), rtol=1e-10)


def test_loops_that_numba_compiles() -> None:
    x, i = np.random.default_rng(0).normal(size=12), np.array([0, -1, 5])
    for dtype in ("i4", "u1"):
        k = np.arange(-6, 6).astype(dtype).reshape(3, 4)
        compiled = irgrad.compile(mixture, backend="numba")
        text = compiled.export(None, x, i, k, style="numba")
        assert text.count("@numba.njit") >= 3
        same(loaded(text, "mixture")(x, i, k), compiled(x, i, k))
    gradient = irgrad.compile(irgrad.grad(lambda x, i, k: mixture(x, i, k)[0]), backend="numba")
    exported = loaded(gradient.export(None, x, i, k, style="numba"), "_lambda_")
    same(exported(x, i, k), gradient(x, i, k))
    with pytest.raises(IndexError, match=r"out of bounds for (an axis of|axis 0 with) size 12"):
        exported(x, i + 12, k)


def special(dtype: str) -> tuple[Array, Array]:
    """All pairs of the numbers at which one compiler's arithmetic differs from another's."""
    kind: Any = np.dtype(dtype)
    if kind.kind == "f":
        large, tiny = np.finfo(kind).max, np.finfo(kind).tiny
        numbers = [0.0, -0.0, np.inf, -np.inf, np.nan, 1, -1, 0.5, -0.5, 2.5, -7, 3, large, tiny]
    elif kind.kind == "b":
        numbers = [False, True]
    else:
        info = np.iinfo(kind)
        numbers = [0, 1, 2, 3, 7, info.bits - 1, info.bits, info.max, info.max // 2 + 1, info.min]
        numbers += [-1, -3, -7] if kind.kind == "i" else []
    x, y = np.meshgrid(*[np.array(numbers, kind)] * 2)
    return x.ravel(), y.ravel()


def _is_known(ufunc: Any, x: Array, y: Array) -> bool:
    """Whether NumPy and irgrad have it for these dtypes."""
    try:
        return ufunc(*(x[:1], y[:1])[: ufunc.nin]).dtype in SHORT
    except TypeError:
        return False


@pytest.mark.parametrize("dtype", ["f4", "i8", "u8", "i1", "u1", "?"])
@np.errstate(all="ignore")
def test_numba_computes_what_numpy_does(dtype: str) -> None:
    """Every op whose text depends on the dtype, with numbers where the two could differ."""
    x, y = special(dtype)
    ops: dict[str, Any] = {}
    for name in TABLES[np.dtype(dtype).kind]:
        ufunc: Any = getattr(np, name, None)
        if name == "power":
            ops[name] = lambda x, y: x ** x.dtype.type(3)
        elif ufunc is not None and _is_known(ufunc, x, y):
            ops[name] = lambda x, y, f=ufunc: f(*(x, y)[: f.nin])
    compiled = irgrad.compile(lambda x, y: {name: f(x, y) for name, f in ops.items()}, "numba")
    text = compiled.export(None, x, y, style="numba")
    written = text.partition("def _lambda_(")[2]
    assert not re.search(r"^    \w+ = np\.(?!empty\(|asarray\()", written, re.MULTILINE)
    found = loaded(text, "_lambda_")(x, y)
    for name, f in ops.items():
        expected = f(x, y)
        assert found[name].dtype == expected.dtype, name
        np.testing.assert_array_equal(found[name], expected, name)
        zero = (expected == 0) & (name not in ("maximum", "minimum", "fmax", "fmin"))
        np.testing.assert_array_equal(np.signbit(found[name][zero]), np.signbit(expected[zero]))


def test_the_users_names_are_in_the_code() -> None:
    def loss(W: Any, b: Any, x: Any) -> Any:
        hidden = np.tanh(W @ x + b)
        return np.sum(hidden**2)

    text = check(irgrad.value_and_grad(loss, (0, 1)), np.ones((3, 4)), np.ones(3), np.ones(4))
    assert "def loss(W, b, x):" in text
    assert "hidden = np.tanh(" in text
    assert "W @ x" in text
    assert "W_bar" in text


def test_structured_arguments_results_and_static_ones() -> None:
    def f(p: Any, n: int, *, scale: Any, lambda_: Any = None) -> Any:
        return {"y": (p["a"] * n + p["b"][0] * scale, "text", None), "n": [n, p["b"][1][0]]}

    p = {"a": np.ones(2, "f4"), "b": (np.arange(2.0), [3.5])}
    check(f, p, 3, scale=2.0)


def test_captured_arrays_and_constants() -> None:
    A, big = np.array([[1.0, np.nan], [-0.0, np.inf]]), np.linspace(0, 1, 3000)
    text = check(lambda x: (A @ x, big * x[0], np.float32(0.1) * x.astype("f4")), np.ones(2))
    assert "base64" in text


def test_loops_and_branches() -> None:
    def f(x: Any, n: Any) -> Any:
        total = x * 0.0
        for k in range(100):
            if total < 5.0:
                total = total + x * k
            else:
                total = total - 1.0
        while total > n:
            total = total / 2.0
        return total

    for target in (f, irgrad.grad(f), irgrad.grad(irgrad.grad(f))):
        text = check(target, 0.3, 0.7)
        assert target is not f or "while " in text
        assert target is not f or re.search(r"for \w+ in range\(", text)


def test_indexing_and_in_place_writes() -> None:
    def f(x: Any, i: Any) -> Any:
        y = np.cumsum(x, axis=1)
        y[:, i] += x[i].T[: y.shape[0], : len(i)]
        return np.sum(np.sort(y, axis=0) * y), np.argmax(y, axis=0)

    x, i = np.random.default_rng(0).normal(size=(4, 4)), np.array([0, -1, 2])
    check(f, x, i)
    check(irgrad.grad(lambda x, i: f(x, i)[0]), x, i)


def test_a_file_runs_in_a_process_without_irgrad(tmp_path: Path) -> None:
    f = irgrad.compile(irgrad.grad(lambda x: np.sum(np.sin(x) ** 2)), backend="numpy")
    path = tmp_path / "gradient.py"
    assert f.export(path, irgrad.spec("f64[3]")) == path.read_text()
    code = (
        "import sys; sys.modules['irgrad'] = None\n"
        "import runpy, numpy as np\n"
        f"f = runpy.run_path({str(path)!r})['_lambda_']\n"
        "print(f(np.ones(3)).tolist())"
    )
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    np.testing.assert_allclose(eval(found.stdout), f(np.ones(3)))


def layers(p: Any, x: Any) -> Any:
    for W, b in p:
        x = np.tanh(W @ x + b)
    return np.sum(x**2)


def test_loops_of_programs_with_products() -> None:
    """The backend works on other graphs than the program's: with other products, in other order."""
    rng = np.random.default_rng(0)
    A, x, B = rng.normal(size=(5, 5)), rng.normal(size=5), rng.normal(size=(3, 5, 4))
    products = lambda A, B, x: np.sum(np.einsum("ij,kjl->lik", A, B) ** 2) + np.sum(A @ A @ x)  # noqa: E731
    for f, args in [(layers, ([(A, x), (A, x)], x)), (products, (A, B, x))]:
        compiled = irgrad.compile(irgrad.value_and_grad(f), backend="numba")
        text = compiled.export(None, *args, style="numba")
        assert "@numba.njit" in text
        same(
            loaded(text, compiled.__name__.replace("<lambda>", "_lambda_"))(*args), compiled(*args)
        )


class Unknown(Exception):
    """One that a module cannot name."""


def climbed(x: Any) -> Any:
    total = 0.0
    for k in range(30):
        if x[k % 3] > total + 5:
            raise ValueError(f"{x[k % 3]:.2f} at {k}", "too steep", k)
        total += x[k % 3]
    assert total < 100, f"{total} {{}}"
    return total


@pytest.mark.parametrize("style", ["numpy", "numba"])
def test_exceptions_are_raised(style: str) -> None:
    compiled = irgrad.compile(climbed, backend="numpy")
    exported = loaded(compiled.export(None, np.ones(3), style=style), "climbed")
    same(exported(np.ones(3)), compiled(np.ones(3)))
    for x in (np.array([1.0, 9.0, 1.0]), np.full(3, 4.0)):
        with pytest.raises((ValueError, AssertionError)) as expected:
            compiled(x)
        with pytest.raises(expected.type) as found:
            exported(x)
        assert found.value.args == expected.value.args

    def strange(x: Any) -> Any:
        if x < 0:
            raise Unknown("no")
        return x

    with pytest.raises(UnsupportedError, match=r"raise Unknown\(...\) cannot be written") as error:
        irgrad.compile(strange, backend="numpy").export(None, 1.0, style=style)
    assert "raise Unknown(" in str(error.value).partition("\n")[2]


def test_folds_of_nothing() -> None:
    x = np.ones((3, 0))
    for f in (np.sum, np.prod, np.any, np.all):
        compiled = irgrad.compile(lambda x, f=f: (f(x, axis=1), f(x)), backend="numba")
        text = compiled.export(None, x, style="numba")
        same(loaded(text, "_lambda_")(x), compiled(x))


def test_named_tuples() -> None:
    compiled = irgrad.compile(lambda x: {"qr": np.linalg.qr(x), "e": [np.linalg.eigh(x)]})
    found = loaded(compiled.export(None, np.eye(2)), "_lambda_")(np.eye(2))
    assert found["qr"]._fields == ("Q", "R")
    same(found["e"][0].eigenvectors, compiled(np.eye(2))["e"][0].eigenvectors)


def test_refusals() -> None:
    f = irgrad.compile(lambda x: (x, sys), backend="numpy")
    with pytest.raises(OptionError, match="is a module, which cannot be written"):
        f.export(None, 1.0)
    f = irgrad.compile(lambda x: x, backend="numpy")
    with pytest.raises(OptionError, match="no style 'fortran'"):
        f.export(None, 1.0, style="fortran")


def complex_sums(z: Any, w: Any) -> Any:
    return np.exp(z) * w / (1 + z * z), np.sum(z * w, axis=0), np.abs(z), np.conj(z)[::-1] * 1j


def complex_phases(z: Any, w: Any) -> Any:
    return irgrad.grad(lambda a: np.sum(np.abs(np.exp(1j * a) * z[0] - w) ** 2))(w.real)


def complex_writes(z: Any, w: Any) -> Any:
    a = z.copy()
    a[1] = w[0] * 2
    for k in range(30):
        a[k % 3] = a[(k + 1) % 3] * 0.5 + w[k % 3]
    return a, np.exp(z)


@pytest.mark.parametrize(
    ("f", "least"), [(complex_sums, 1), (complex_phases, 1), (complex_writes, 0)]
)
def test_complex_numbers_in_loops_are_their_parts(
    f: Any, least: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(numba, "njit", lambda **_: lambda function: function)
    rng = np.random.default_rng(0)
    z, w = rng.standard_normal((2, 4, 3)) + 1j * rng.standard_normal((2, 4, 3))
    for dtype in (np.complex128, np.complex64):
        a, b = z.astype(dtype), w.astype(dtype)
        compiled = irgrad.compile(f, backend="numba")
        text = compiled.export(None, a, b, style="numba")
        assert text.count("@numba.njit") >= least
        for given in ((a, b), (a[::-1], np.asfortranarray(b))):
            same(loaded(text, f.__name__)(*given), compiled(*given))


def raising(x: Any) -> Any:
    if np.sum(x) > 100:
        raise ValueError("large")
    return np.exp(x) * 2


def test_what_raises_is_in_loops_but_for_that(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(numba, "njit", lambda **_: lambda function: function)
    x = np.ones(5)
    text = irgrad.compile(raising, backend="numba").export(None, x, style="numba")
    assert text.count("@numba.njit") == 2
    exported = loaded(text, "raising")
    same(exported(x), raising(x))
    with pytest.raises(ValueError, match="large"):
        exported(100 * x)
