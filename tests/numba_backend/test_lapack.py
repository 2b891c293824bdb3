"""Linear algebra in machine code: what NumPy gives, in loops and for other callers too."""

from __future__ import annotations

from typing import Any

import numba
import numpy as np
import pytest
from scipy.integrate import quad
from scipy.linalg import lu_factor, lu_solve

import irgrad

RNG = np.random.default_rng(0)
A = RNG.normal(size=(2, 3, 4, 4)) + 3 * np.eye(4)
B = RNG.normal(size=(2, 3, 4, 2))


def everything(a: Any, b: Any) -> Any:
    s = a @ a.swapaxes(-1, -2)
    upper = np.linalg.cholesky(s).swapaxes(-1, -2)
    (w, v), (w_low, v_low) = np.linalg.eigh(s, "U"), np.linalg.eigh(s[..., ::-1, ::-1])
    u, sigma, vh = np.linalg.svd(a[..., :3], full_matrices=False)
    q, r = np.linalg.qr(np.concatenate([a, a[..., :2, :]], axis=-2))
    return (
        np.linalg.solve(a, b), np.linalg.solve(a, b[..., :1]), np.linalg.inv(a), np.linalg.det(a),
        *np.linalg.slogdet(-a), upper, np.linalg.solve(upper, b), q, r, w, w_low,
        v * np.sign(v[..., :1, :]), v_low * np.sign(v_low[..., :1, :]),  # signs are rounding's
        np.linalg.svd(a[..., :3, :], full_matrices=False)[1], sigma, (u * sigma[..., None, :]) @ vh,
    )  # fmt: skip


def close(found: Any, expected: Any, rtol: float) -> None:
    for x, y in zip(found, expected, strict=True):
        assert (x.dtype, x.shape) == (y.dtype, y.shape)
        np.testing.assert_allclose(x, y, rtol=rtol, atol=rtol)


@pytest.mark.parametrize("dtype", ["f8", "f4"])
@pytest.mark.parametrize("lies", ["plain", "turned", "stepped", "backwards"])
def test_stacks_of_matrices_that_lie_anyhow(dtype: str, lies: str) -> None:
    a, b = A.astype(dtype), B.astype(dtype)
    if lies == "turned":
        a, b = a.swapaxes(-1, -2), np.asfortranarray(b)
    elif lies == "stepped":
        a, b = np.repeat(a, 2, axis=-1)[..., ::2], np.repeat(b, 3, axis=0)[::3]
    elif lies == "backwards":
        a, b = a[:, ::-1, ::-1], b[..., ::-1, ::-1]
    compiled = irgrad.compile(everything, backend="numba")
    assert "in Python" not in compiled.kernels(a, b)
    close(compiled(a, b), everything(a, b), 1e-11 if dtype == "f8" else 2e-3)


@pytest.mark.parametrize("n", [1, 2, 7, 70])
def test_sizes_and_gradients(n: int) -> None:
    a, b = RNG.normal(size=(n, n)) + n * np.eye(n), RNG.normal(size=(n, 3))

    def f(a: Any, b: Any) -> Any:
        factor = np.linalg.cholesky(a @ a.T)
        w, v = np.linalg.eigh(a + a.T)
        total = np.sum(np.linalg.solve(a, b) ** 2) + np.linalg.slogdet(a)[1] + np.sum(factor**2)
        return total + np.linalg.det(a / n) + np.sum(np.linalg.inv(a)) + np.sum(w**2) + v[0, 0] ** 2

    g = irgrad.value_and_grad(f, (0, 1))
    found, expected = (irgrad.compile(g, backend=name)(a, b) for name in ("numba", "numpy"))
    close([found[0], *found[1]], [expected[0], *expected[1]], 1e-8)


@pytest.mark.parametrize("dtype", ["c16", "c8"])
def test_complex_matrices(dtype: str) -> None:
    a, b = (A + 1j * A[::-1, :, ::-1]).astype(dtype), (B - 0.5j * B).astype(dtype)

    def f(a: Any, b: Any) -> Any:
        s = a @ np.conj(a.swapaxes(-1, -2))
        (w, v), (q, r), factor = np.linalg.eigh(s), np.linalg.qr(a), np.linalg.cholesky(s)
        u, sigma, vh = np.linalg.svd(a[..., :3], full_matrices=False)
        again = (v * w[..., None, :]) @ np.conj(v.swapaxes(-1, -2))
        solved = np.linalg.solve(a, b), np.linalg.inv(a), np.linalg.solve(a.swapaxes(-1, -2), b)
        rank = a * (np.arange(4) > 0)
        dets = np.linalg.det(a), *np.linalg.slogdet(-a), np.linalg.det(rank)
        inverses = np.linalg.pinv(a[..., :2]), np.linalg.pinv(rank), np.linalg.pinv(a[..., 1:, :])
        found = *solved, *dets, *inverses, w, again, q, r, factor, sigma
        return *found, (u * sigma[..., None, :]) @ vh

    compiled = irgrad.compile(f, backend="numba")
    for x, y in [(a, b), (a[..., ::-1, :], np.asfortranarray(b))]:
        assert "in Python" not in compiled.kernels(x, y)
        close(compiled(x, y), f(x, y), 1e-11 if dtype == "c16" else 2e-3)


def test_derivatives_of_complex_determinants() -> None:
    a = (A[0] + 1j * A[1]) * np.array([1, 1, 1, 0])  # singular

    def f(a: Any) -> Any:
        b = np.linalg.det(a)
        return np.sum(np.abs(b - 1.0) ** 2) + np.sum(np.abs(np.linalg.pinv(a[..., :3])) ** 2)

    for x in (a, A[0] + 1j * A[1]):
        compiled = irgrad.compile(irgrad.grad(f), backend="numba")
        assert "in Python" not in compiled.kernels(x)
        expected = irgrad.compile(irgrad.grad(f), backend="numpy")(x)
        np.testing.assert_allclose(compiled(x), expected, rtol=1e-9, atol=1e-9)


def test_stacks_that_threads_share() -> None:
    a = RNG.normal(size=(20, 25, 6, 6)) + 6 * np.eye(6)
    spd = a @ a.swapaxes(-1, -2)

    def f(a: Any, s: Any) -> Any:
        return (
            np.linalg.solve(a, a[..., 0:1]),
            np.linalg.inv(a),
            np.linalg.det(a),
            *np.linalg.eigh(s),
        )

    compiled = irgrad.compile(f, backend="numba")
    assert "in 16 parts for the threads" in compiled.kernels(a, spd)
    *found, w, v = compiled(a, spd)
    close([*found, w, (v * w[..., None, :]) @ v.swapaxes(-1, -2)], [*f(a, spd)[:4], spd], 1e-10)
    spd[11, 13] = -np.eye(6)
    factor = irgrad.compile(np.linalg.cholesky, backend="numba")
    assert "parts for the threads" in factor.kernels(spd)
    with pytest.raises(np.linalg.LinAlgError, match="not positive definite"):
        factor(spd)
    spd[11, 13] = np.eye(6)
    np.testing.assert_allclose(factor(spd), np.linalg.cholesky(spd), rtol=1e-12)
    assert "threads" not in factor.kernels(np.array([np.eye(3)] * 9000))  # these wait for a lock


def test_pseudoinverses_and_pivots() -> None:
    a = A[..., :3].copy()
    a[0, 0, :, 2] = a[0, 0, :, 1]  # of rank 2
    for x in (a, a.swapaxes(-1, -2)):
        compiled = irgrad.compile(np.linalg.pinv, backend="numba")
        assert "in Python" not in compiled.kernels(x)
        np.testing.assert_allclose(compiled(x), np.linalg.pinv(x), rtol=1e-9, atol=1e-11)
    lu = irgrad.compile(lambda a, b: lu_solve(lu_factor(a), b), backend="numba")
    assert "in Python" not in lu.kernels(A[0, 0], B[0, 0])
    np.testing.assert_allclose(lu(A[0, 0], B[0, 0]), np.linalg.solve(A[0, 0], B[0, 0]), rtol=1e-11)
    given = irgrad.compile(lambda a, p, b: lu_solve((a, p), b), backend="numba")
    with pytest.raises(IndexError):
        given(A[0, 0], np.array([0, 1, 2, 1000], np.int32), B[0, 0])


def test_cofactors_of_singular_matrices() -> None:
    a = np.array([[1.0, 2.0, 3.0], [4.0, 5.0, 6.0], [7.0, 8.0, 9.0]])
    gradient = irgrad.compile(irgrad.grad(np.linalg.det), backend="numba")
    for x in (a, a * 0, np.diag([0.0, 2.0, 3.0]), -np.eye(3)):
        expected = irgrad.compile(irgrad.grad(np.linalg.det), backend="numpy")(x)
        np.testing.assert_allclose(gradient(x), expected, atol=1e-12)
    singular = irgrad.compile(lambda a: (np.linalg.det(a), *np.linalg.slogdet(a)), backend="numba")
    assert singular(np.ones((3, 3))) == (0.0, 0.0, -np.inf)


@pytest.mark.parametrize(
    "f", [np.linalg.inv, np.linalg.cholesky, lambda a: np.linalg.solve(a, a), np.linalg.qr]
)
def test_failures_are_numpys(f: Any) -> None:
    for a in (np.zeros((3, 3)), np.full((2, 2), np.nan), np.ones((0, 0))):
        outcomes: list[Any] = []
        for g in (f, irgrad.compile(f, backend="numba")):
            try:
                outcomes.append(np.asarray(g(a)[-1] if f is np.linalg.qr else g(a)))
            except np.linalg.LinAlgError as error:
                outcomes.append(str(error).split("\n")[0])
        expected, found = outcomes
        if isinstance(expected, str):
            assert found == expected
        else:
            np.testing.assert_allclose(found, expected, atol=1e-12)


def steps(a: Any, b: Any) -> Any:
    for k in range(40):
        b = np.linalg.solve(a + k * np.eye(3), b) + np.linalg.inv(a)[0]
    return np.sum(b)


def test_loops_go_on_without_python() -> None:
    a, b = A[0, 0, :3, :3].copy(), B[0, 0, :3, 0].copy()
    compiled = irgrad.compile(irgrad.value_and_grad(steps, (0, 1)), backend="numba")
    assert "in Python" not in compiled.kernels(a, b)
    found, expected = compiled(a, b), irgrad.compile(compiled.target, backend="numpy")(a, b)
    close([found[0], *found[1]], [expected[0], *expected[1]], 1e-11)
    for _ in range(2):
        with pytest.raises(np.linalg.LinAlgError, match="Singular matrix"):
            compiled(a * 0, b)
    inner = irgrad.compile(steps, backend="numba").njit(a, b)
    np.testing.assert_allclose(numba.njit(lambda a, b: inner(a, b))(a, b), found[0], rtol=1e-12)
    with pytest.raises(np.linalg.LinAlgError, match="Singular matrix"):
        inner(a * 0, b)
    low = irgrad.compile(lambda x: np.linalg.inv(np.eye(2) * x)[0, 0], backend="numba")
    np.testing.assert_allclose(quad(low.low_level_callable(), 1.0, 2.0)[0], np.log(2.0))
