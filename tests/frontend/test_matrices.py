"""np.linalg, each function as NumPy has it: values, derivatives in both modes, errors."""

from __future__ import annotations

import contextlib
from typing import Any

import numpy as np
import pytest
from numpy.linalg import LinAlgError

import irgrad
from irgrad.errors import OptionError, ShapeError, UnsupportedError
from irgrad.frontend.functions import logsumexp
from tests.frontend.against_numpy import Case, assert_same, check, same_as_numpy
from tests.ops.linalg_samples import definite, matrices, regular, spread
from tests.ops.samples import C128

la = np.linalg
A, S, P = regular(3, 3), regular(2, 3, 3), definite(3, 3)
B, V, W = matrices(3, 2), matrices(3, seed=1), spread(4, 2)
WIDE = spread(2, 4)
Z = regular(3, 3, dtype=C128)
H = definite(3, 3, dtype=C128)
INTS = np.array([[2, 1, 0], [1, 3, 1], [0, 1, 4]])

CASES = {
    "solve": Case(lambda a, b: la.solve(a, b), (A, B)),
    "solve_vector": Case(lambda a, b: la.solve(a, b), (A, V)),
    "solve_stack_vector": Case(lambda a, b: la.solve(a, b), (S, V)),
    "solve_broadcast": Case(lambda a, b: la.solve(a, b), (A, matrices(4, 3, 2))),
    "solve_outer": Case(lambda a, b: la.solve(a[:, None], b), (S, matrices(4, 3, 2))),
    "solve_complex": Case(lambda a, b: la.solve(a, b), (Z, V)),
    "solve_ints": Case(lambda a, b: la.solve(a, b), (INTS, V)),
    "solve_captured": Case(lambda b: la.solve(A, b), (V,)),
    "solve_list": Case(lambda a: la.solve(a, [1.0, 2.0, 3.0]), (A,)),
    "inv": Case(lambda a: la.inv(a), (S,)),
    "inv_ints": Case(lambda a: la.inv(a), (INTS,), smooth=False),
    "det": Case(lambda a: la.det(a), (S,)),
    "det_complex": Case(lambda a: la.det(a), (Z,)),
    "slogdet": Case(lambda a: la.slogdet(a), (S,)),
    "slogdet_complex": Case(lambda a: la.slogdet(a), (Z,)),
    "logdet": Case(lambda a: la.slogdet(a).logabsdet, (A,)),
    "cholesky": Case(lambda a: la.cholesky(a), (P,)),
    "cholesky_upper": Case(lambda a: la.cholesky(a, upper=True), (P,)),
    "cholesky_complex": Case(lambda a: la.cholesky(a), (H,)),
    "eigh": Case(lambda a: la.eigh(a), (P,)),
    "eigh_upper": Case(lambda a: la.eigh(a, "U"), (P,)),
    "eigh_fields": Case(lambda a: la.eigh(a).eigenvectors * la.eigh(a).eigenvalues, (P,)),
    "eigvalsh": Case(lambda a: la.eigvalsh(a), (H,)),
    "qr": Case(lambda a: la.qr(a), (W,)),
    "qr_wide": Case(lambda a: la.qr(a), (WIDE,)),
    "qr_complex": Case(lambda a: la.qr(a), (Z,)),
    "qr_r": Case(lambda a: la.qr(a, mode="r"), (S,)),
    "qr_complete": Case(lambda a: la.qr(a, mode="complete"), (WIDE,)),
    "svd": Case(lambda a: la.svd(a), (A,)),
    "svd_thin": Case(lambda a: la.svd(a, full_matrices=False), (W,)),
    "svd_values": Case(lambda a: la.svd(a, compute_uv=False), (WIDE,)),
    "svdvals": Case(lambda a: la.svdvals(a), (S,)),
    "pinv": Case(lambda a: la.pinv(a), (W,)),
    "pinv_wide": Case(lambda a: la.pinv(a, rtol=None), (WIDE,)),
    "pinv_complex": Case(lambda a: la.pinv(a, rcond=1e-10), (Z,)),
    "lstsq": Case(lambda a, b: la.lstsq(a, b)[::3], (W, W[:, :1] ** 2)),
    "lstsq_left": Case(lambda a, b: la.lstsq(a, b, rcond=None)[1], (W, W[:, 0] ** 2)),
    "lstsq_wide": Case(lambda a, b: la.lstsq(a, b)[:2], (WIDE, WIDE[:, 0] ** 2)),
    "tensorsolve": Case(
        lambda a, b: la.tensorsolve(np.reshape(a, (2, 3, 6)), b), (regular(6, 6), matrices(2, 3))
    ),
    "tensorsolve_axes": Case(
        lambda a, b: la.tensorsolve(np.moveaxis(np.reshape(a, (2, 3, 6)), 2, 0), b, axes=(0,)),
        (regular(6, 6), matrices(2, 3)),
    ),
    "tensorinv": Case(lambda a: la.tensorinv(np.reshape(a, (2, 3, 6))), (regular(6, 6),)),
    "matrix_power": Case(lambda a: la.matrix_power(a, -3), (A,)),
    "multi_dot": Case(lambda a, b: la.multi_dot([la.inv(a), a, b]), (A, B)),
    "cond": Case(lambda a: [la.cond(a, p) for p in (None, 2, -2, "fro", 1, np.inf)], (S,)),
    "matrix_rank": Case(lambda a: la.matrix_rank(a), (S,), smooth=False),
    "matrix_rank_tol": Case(lambda a: la.matrix_rank(a, tol=1.5), (W,), smooth=False),
    "matrix_rank_vector": Case(lambda a: la.matrix_rank(a), (V,), smooth=False),
    "norms": Case(lambda a: [la.norm(a, p, axis=(1, 2)) for p in (2, -2, "nuc")], (S,)),
    "norms_moved": Case(lambda a: la.norm(a, "nuc", axis=(2, 0), keepdims=True), (S,)),
    "matrix_norm": Case(lambda a: la.matrix_norm(a, ord=2), (S,)),
}


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_as_numpy(case: Case) -> None:
    check(case)


PHASE_FREE = {
    "eigh": lambda a: (lambda w, v: v @ np.diag(np.sin(w)) @ v.conj().T)(*la.eigh(a)),
    "eigh_size": lambda a: np.abs(la.eigh(a).eigenvectors),
    "svd": lambda a: (lambda u, s, vh: u @ np.diag(np.sqrt(s)) @ vh)(*la.svd(a)),
    "svd_left": lambda a: (lambda u, s, vh: u @ np.diag(s**3) @ u.conj().T)(*la.svd(a)),
    "svd_size": lambda a: np.abs(la.svd(a, full_matrices=False).Vh),
    "svd_tall": lambda a: np.abs(la.svd(a[:, :2], full_matrices=False).U),
}


@pytest.mark.parametrize("function", PHASE_FREE.values(), ids=PHASE_FREE)
def test_complex_vectors_in_functions_that_do_not_see_their_phase(function: Any) -> None:
    irgrad.check_grads(function, (H + 0.1 * np.tril(Z),), order=1)


def test_second_order_through_a_chain() -> None:
    def f(a: Any, b: Any) -> Any:
        p = a @ a.T + np.eye(3)
        return la.slogdet(p)[1] + b @ la.solve(p, b) + logsumexp(la.eigvalsh(p))

    irgrad.check_grads(f, (A, V), order=2)


def test_the_gradient_of_a_determinant_at_a_singular_matrix() -> None:
    gradient = irgrad.grad(la.det)(np.array([[1.0, 2.0], [2.0, 4.0]]))
    np.testing.assert_allclose(gradient, [[4, -2], [-2, 1]], atol=1e-12)


def test_eigenvalues_and_invariants_at_a_multiple_eigenvalue() -> None:
    def f(a: Any) -> Any:
        w, v = la.eigh(a)
        return np.trace(v @ np.diag(w**2) @ v.T)

    gradient = irgrad.grad(f)(np.eye(3))
    np.testing.assert_allclose(gradient, 2 * np.eye(3), atol=1e-12)


def test_equal_singular_values_have_a_sum() -> None:
    gradient = irgrad.grad(lambda a: la.norm(a, "nuc"))(2 * np.eye(2))
    np.testing.assert_allclose(gradient, np.eye(2), atol=1e-12)


@pytest.mark.parametrize("backend", irgrad.backends())
@pytest.mark.parametrize("name", ["solve", "inv", "cholesky"])
def test_a_singular_matrix_is_numpys_error(name: str, backend: str) -> None:
    function = {
        "solve": lambda a: la.solve(a, a),
        "inv": lambda a: la.inv(a),
        "cholesky": lambda a: la.cholesky(a),
    }[name]
    with pytest.raises(LinAlgError):
        irgrad.compile(function, backend=backend)(np.zeros((2, 2)))
    with pytest.raises(LinAlgError):
        irgrad.grad(lambda a: np.sum(function(a)))(np.zeros((2, 2)))


HARD = {
    "nan": np.diag([1.0, np.nan, 1.0]),
    "inf": np.full((3, 3), np.inf),
    "zero": np.zeros((3, 3)),
    "empty": np.zeros((0, 0)),
    "stack": np.stack([np.zeros((3, 3)), np.eye(3)]),
    "no stack": np.zeros((0, 3, 3)),
}
OF_HARD = {
    "cholesky": la.cholesky,
    "inv": la.inv,
    "det": la.det,
    "slogdet": la.slogdet,
    "solve": lambda a: la.solve(a, a),
    "pinv": la.pinv,
    "eigh": lambda a: la.eigh(a)[0],
    "svd": lambda a: la.svd(a, compute_uv=False),
    "norm": lambda a: la.norm(a, 2, axis=(-2, -1)),
    "rank": la.matrix_rank,
    "qr": lambda a: np.abs(la.qr(a)[1]),
    "cond": la.cond,
    "cond_fro": lambda a: la.cond(a, "fro"),
    "cond_1": lambda a: la.cond(a, 1),
    "cond_small": lambda a: la.cond(a, -2),
}
OF_SINGULAR_VALUES = ("svd", "norm", "rank", "cond", "cond_small")


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
@pytest.mark.parametrize("backend", irgrad.backends())
@pytest.mark.parametrize("name", OF_HARD)
def test_hard_matrices_have_numpys_result_or_an_error_where_it_has_one(name: str, backend: str):
    function = OF_HARD[name]
    compiled = irgrad.compile(function, backend=backend)
    for kind, a in HARD.items():
        if name in OF_SINGULAR_VALUES and not np.isfinite(a).all():
            with contextlib.suppress(LinAlgError):  # nan or an error: versions of NumPy differ
                assert name == "rank" or not np.isfinite(compiled(a)).any()
            continue
        try:
            expected = function(a)
        except LinAlgError:
            with pytest.raises((LinAlgError, ShapeError)):
                compiled(a)
        else:
            np.testing.assert_allclose(compiled(a), expected, err_msg=kind)


@pytest.mark.parametrize("backend", irgrad.backends())
def test_vectors_of_matrices_with_an_infinite_number_are_nan(backend: str) -> None:
    """NumPy would not come to an end: its LAPACK goes on for ever. Others of a stack stay; a
    pseudoinverse is an error.
    """
    a = np.stack([np.eye(3) + 1.0, np.eye(3)])
    a[1, 2, 0] = np.inf
    with pytest.raises(LinAlgError):
        irgrad.compile(la.pinv, backend=backend)(a)
    for f in (lambda a: la.svd(a, full_matrices=False)[0], irgrad.grad(norms)):
        found = irgrad.compile(f, backend=backend)(a)
        np.testing.assert_allclose(found[0], irgrad.compile(f, backend="numpy")(a[:1])[0])
        assert np.isnan(found[1]).all()


def norms(a: Any) -> Any:
    return np.sum(la.norm(a, 2, axis=(-2, -1)))


def test_a_singular_constant_is_an_error_when_it_runs() -> None:
    f = irgrad.compile(lambda x: x * la.inv(x[0] * 0 + [[1.0, 1.0], [1.0, 1.0]]))
    with pytest.raises(LinAlgError):
        f(np.ones((2, 2)))


REFUSED: dict[str, tuple[Any, Any, str]] = {
    "not square": (lambda x: la.inv(x), ShapeError, "inv takes square matrices"),
    "vector": (lambda x: la.det(x[0]), ShapeError, "in the last two axes"),
    "unfit": (lambda x: la.solve(x @ x.T, x.T), ShapeError, "do not fit"),
    "full svd": (lambda x: la.svd(x), UnsupportedError, "full_matrices=False"),
    "complete qr": (lambda x: la.qr(x.T, "complete"), UnsupportedError, "reduced"),
    "lstsq": (lambda x: la.lstsq(x, x[0]), ShapeError, "make no system"),
    "eig": (lambda x: la.eig(x @ x.T), UnsupportedError, "eigh"),
    "eigvals": (lambda x: la.eigvals(x @ x.T), UnsupportedError, "eigvalsh"),
    "uplo": (lambda x: la.eigh(x @ x.T, "X"), OptionError, "UPLO"),
    "cutoffs": (lambda x: la.pinv(x, 0.1, rtol=0.1), OptionError, "cannot both"),
}


@pytest.mark.parametrize(("function", "kind", "match"), REFUSED.values(), ids=REFUSED)
def test_refusals(function: Any, kind: Any, match: str) -> None:
    with pytest.raises(kind, match=match) as caught:
        irgrad.compile(function)(WIDE)
    assert "test_matrices.py" in str(caught.value)


def test_results_are_numpys_named_tuples() -> None:
    got = irgrad.compile(lambda a: la.svd(a))(A)
    assert type(got) is type(la.svd(A))
    assert_same(tuple(got), tuple(la.svd(A)))
    same_as_numpy(lambda a: la.slogdet(a).sign, A)


def test_solve_triangular() -> None:
    solve = irgrad.functions.solve_triangular
    for lower in (False, True):
        triangle = np.tril(A) if lower else np.triu(A)
        for b in (V, B, matrices(2, 3, 2)):
            expected = la.solve(triangle, b)
            np.testing.assert_allclose(solve(A, b, lower), expected, atol=1e-12)
            compiled = irgrad.compile(lambda a, b: solve(a, b, lower))  # noqa: B023 -- run at once
            np.testing.assert_allclose(compiled(A, b), expected, atol=1e-12)
            irgrad.check_grads(lambda a, b: solve(a, b, lower), (A, b), order=1)  # noqa: B023
    with pytest.raises(LinAlgError):
        solve(np.zeros((2, 2)), np.ones(2))


def test_expressions_have_them() -> None:
    f = irgrad.grad("log(det(A)) + sum(solve(A, b))", argnums="A")
    assert_same(f(P, V), irgrad.grad(lambda a, b: np.log(la.det(a)) + np.sum(la.solve(a, b)))(P, V))


@pytest.mark.parametrize("shape", [(0, 0), (0, 3), (3, 0)])
def test_norms_of_empty_matrices_are_zero(shape: tuple[int, int]) -> None:
    found = irgrad.compile(lambda a: [la.norm(a, p) for p in (2, 1, np.inf, "nuc", "fro")])
    assert found(np.empty(shape)) == [0.0] * 5
    with pytest.raises(ValueError, match="nothing to choose from"):
        irgrad.compile(lambda a: la.norm(a, -2))(np.empty(shape))
