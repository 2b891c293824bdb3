"""SciPy's plain functions in user code as it is: values and derivatives, on both backends."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import scipy.linalg
import scipy.special
import scipy.stats
from scipy import special
from scipy.special import logsumexp
from scipy.stats import norm

import irgrad
from irgrad.errors import OptionError, TraceError, UnsupportedError
from irgrad.frontend.scipy_api import SCIPY

linalg: Any = scipy.linalg
R = np.random.default_rng(3)
X = R.normal(size=(3, 4))
A = R.normal(size=(3, 3)) + 3 * np.eye(3)
S = A @ A.T
B, V = R.normal(size=(3, 2)), R.normal(size=3)
P = R.uniform(0.1, 0.9, size=4)
POSITIVE = R.uniform(0.5, 2.0, size=4)
STACK = np.stack([A, S])
SIGNS = np.array([1.0, -2.0, 0.0, 1.5])

CASES: dict[str, tuple[Callable[..., Any], tuple[Any, ...]]] = {
    "scipy.special.logsumexp": (lambda x: logsumexp(x), (X,)),
    "scipy.special.logsumexp axis": (lambda x: special.logsumexp(x, 1, keepdims=True), (X,)),
    "scipy.special.logsumexp axes": (lambda x: special.logsumexp(x, axis=(0, -1)), (X,)),
    "scipy.special.logsumexp b": (lambda x, b: special.logsumexp(x, axis=-1, b=b), (X, POSITIVE)),
    "scipy.special.logsumexp signs": (
        lambda x: special.logsumexp(x, axis=1, b=SIGNS, return_sign=True),
        (X,),
    ),
    "scipy.special.softmax": (lambda x: special.softmax(x), (X,)),
    "scipy.special.softmax axis": (lambda x: scipy.special.softmax(x, axis=0), (X,)),
    "scipy.special.log_softmax": (lambda x: special.log_softmax(x), (X,)),
    "scipy.special.log_softmax axis": (lambda x: special.log_softmax(x, axis=-1), (X,)),
    "scipy.special.polygamma": (lambda x: special.polygamma(1, x), (POSITIVE,)),
    "scipy.linalg.solve": (lambda a, b: linalg.solve(a, b), (A, B)),
    "scipy.linalg.solve one": (lambda a: scipy.linalg.solve(a, V, check_finite=False), (A,)),
    "scipy.linalg.solve pos": (lambda a, b: linalg.solve(a, b, assume_a="pos"), (S, V)),
    "scipy.linalg.solve sym": (lambda a: linalg.solve(a, V, lower=True, assume_a="sym"), (A,)),
    "scipy.linalg.solve transposed": (lambda a, b: linalg.solve(a, b, transposed=True), (A, V)),
    "scipy.linalg.inv": (lambda a: linalg.inv(a, overwrite_a=True), (A,)),
    "scipy.linalg.det": (lambda a: linalg.det(a), (A,)),
    "scipy.linalg.det stack": (lambda a: linalg.det(a), (STACK,)),
    "scipy.linalg.pinv": (lambda a: linalg.pinv(a), (X,)),
    "scipy.linalg.cholesky": (lambda a: linalg.cholesky(a), (S,)),
    "scipy.linalg.cholesky lower": (lambda a: linalg.cholesky(a, lower=True), (S,)),
    "scipy.linalg.cho_factor": (lambda a: np.triu(linalg.cho_factor(a)[0]), (S,)),
    "scipy.linalg.cho_solve": (lambda a, b: linalg.cho_solve(linalg.cho_factor(a), b), (S, V)),
    "scipy.linalg.cho_solve lower": (
        lambda a, b: linalg.cho_solve(linalg.cho_factor(a, lower=True), b),
        (S, B),
    ),
    "scipy.linalg.solve_triangular": (lambda a, b: linalg.solve_triangular(a, b), (A, V)),
    "scipy.linalg.solve_triangular lower": (
        lambda a, b: linalg.solve_triangular(a, b, lower=True, unit_diagonal=True),
        (A, B),
    ),
    "scipy.linalg.solve_triangular trans": (
        lambda a, b: linalg.solve_triangular(a, b, "T", lower=True),
        (A, B),
    ),
    "scipy.linalg.lu_factor": (lambda a: linalg.lu_factor(a), (A,)),
    "scipy.linalg.lu_solve": (lambda a, b: linalg.lu_solve(linalg.lu_factor(a), b), (A, B)),
    "scipy.linalg.lu": (lambda a: linalg.lu(a), (A,)),
    "scipy.linalg.block_diag": (lambda a, b: linalg.block_diag(a, b), (A, B)),
    "scipy.linalg.toeplitz": (lambda c, r: linalg.toeplitz(c, r), (V, P)),
    "scipy.linalg.circulant": (lambda c: linalg.circulant(c), (V,)),
    "scipy.linalg.hankel": (lambda c, r: linalg.hankel(c, r), (V, P)),
    "scipy.linalg.norm": (lambda a: linalg.norm(a), (X,)),
    "scipy.linalg.norm ord": (lambda a: linalg.norm(a, 1, axis=0, keepdims=True), (X,)),
    "scipy.linalg.eigh": (lambda a: linalg.eigh(a, eigvals_only=True), (S,)),
    "scipy.linalg.eigh vectors": (lambda a: np.abs(linalg.eigh(a, lower=False)[1]), (S,)),
    "scipy.linalg.eigvalsh": (lambda a: linalg.eigvalsh(a), (S,)),
    "scipy.linalg.svd": (lambda a: linalg.svd(a, compute_uv=False), (X,)),
    "scipy.linalg.svd vectors": (lambda a: np.abs(linalg.svd(a, full_matrices=False)[0]), (X,)),
    "scipy.linalg.svdvals": (lambda a: linalg.svdvals(a), (X,)),
    "scipy.linalg.qr": (lambda a: np.abs(linalg.qr(a)[1]), (A,)),
    "scipy.linalg.qr economic": (lambda a: np.abs(linalg.qr(a, mode="economic")[0]), (X.T,)),
    "scipy.linalg.expm": (lambda a: linalg.expm(a), (A / 3,)),
    "scipy.linalg.expm squared": (lambda a: linalg.expm(a), (3 * A,)),
    "scipy.linalg.expm nothing": (lambda a: linalg.expm(a), (np.zeros((2, 2)),)),
    "scipy.stats.norm.pdf": (lambda x: norm.pdf(x), (X,)),
    "scipy.stats.norm.pdf moved": (lambda x, m, s: norm.pdf(x, m, scale=s), (X, V[0], 1.5)),
    "scipy.stats.norm.pdf scale": (lambda s: norm.pdf(X, scale=s), (POSITIVE,)),
    "scipy.stats.norm.logpdf": (lambda x, s: norm.logpdf(x, 0.5, s), (X, POSITIVE)),
    "scipy.stats.norm.cdf": (lambda x, m: scipy.stats.norm.cdf(x, loc=m), (X, P)),
    "scipy.stats.norm.logcdf": (lambda x: norm.logcdf(x), (X,)),
    "scipy.stats.norm.sf": (lambda x: norm.sf(x, 0.1, 2.0), (X,)),
    "scipy.stats.norm.logsf": (lambda x: norm.logsf(x), (X,)),
    "scipy.stats.norm.ppf": (lambda q, s: norm.ppf(q, 0.5, s), (P, POSITIVE)),
    "scipy.stats.norm.isf": (lambda q: norm.isf(q, scale=2.0), (P,)),
}


def test_every_meaning_has_a_case() -> None:
    assert set(SCIPY) == {name.split()[0] for name in CASES}


@pytest.mark.parametrize("backend", irgrad.backends())
@pytest.mark.parametrize("name", CASES)
def test_values_are_scipys(name: str, backend: str) -> None:
    function, arguments = CASES[name]
    expected = function(*arguments)
    found = irgrad.compile(function, backend=backend)(*arguments)
    if not isinstance(expected, tuple):
        expected, found = (expected,), (found,)
    for one, other in zip(found, expected, strict=True):
        assert np.shape(one) == np.shape(other)
        np.testing.assert_allclose(one, other, rtol=1e-11, atol=1e-13)


@pytest.mark.parametrize("backend", irgrad.backends())
@pytest.mark.parametrize("name", CASES)
def test_derivatives_are_those_of_differences(name: str, backend: str) -> None:
    function, arguments = CASES[name]
    with irgrad.use_backend(backend):
        irgrad.check_grads(function, arguments, order=2)


def test_names_of_scipy_lead_to_the_users_line_and_variable() -> None:
    def f(a: Any, b: Any) -> Any:
        solution = linalg.solve(a, b)
        return np.sum(solution)

    text = str(irgrad.trace(f, A, V))
    assert "%solution: f64[3] = " in text and "test_scipy_api.py" in text


def test_numbers_alone_stay_scipys() -> None:
    def f(x: Any) -> Any:
        return x * linalg.lu_factor(A)[0][0, 0] * norm.cdf(0.3, 0.1)

    assert irgrad.grad(f)(2.0) == f(1.0)


class Asked:
    @property
    def name(self) -> str:
        raise AssertionError("nobody asks for this")

    def twice(self, x: Any) -> Any:
        return 2 * x


def test_users_objects_are_not_asked_for_their_names() -> None:
    asked = Asked()
    assert irgrad.grad(lambda x: asked.twice(x))(1.0) == 2


def test_density_outside_its_meaning() -> None:
    assert np.isnan(irgrad.compile(lambda s: norm.pdf(0.0, scale=s))(-1.0))


@pytest.mark.parametrize(
    ("function", "kind", "parts"),
    [
        (lambda a: linalg.sqrtm(a), TraceError, ("linalg.sqrtm", "write its formula")),
        (lambda a: linalg.eigh(a, A), UnsupportedError, ("scipy.linalg.eigh", "b=", "lower")),
        (lambda a: linalg.qr(a, pivoting=True), UnsupportedError, ("scipy.linalg.qr", "pivoting")),
        (lambda a: linalg.solve(a, V, assume_a="banded"), OptionError, ("banded", "'sym'")),
        (lambda a: linalg.qr(a, mode="raw"), OptionError, ("mode must be", "economic")),
    ],
)
def test_what_has_no_meaning_is_refused(
    function: Callable[..., Any], kind: type[Exception], parts: tuple[str, ...]
) -> None:
    with pytest.raises(kind) as caught:
        irgrad.trace(function, A)
    for part in (*parts, "%a: f64[3,3]", "test_scipy_api.py"):
        assert part in str(caught.value)
