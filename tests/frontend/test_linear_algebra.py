"""Products, each as NumPy has them; random einsum specs."""

from __future__ import annotations

from typing import Any

import hypothesis.strategies as st
import numpy as np
import pytest
from hypothesis import given, settings

import irgrad
from irgrad.errors import ShapeError, TraceError, UnsupportedError
from irgrad.frontend.numpy_api.einsum import parse
from irgrad.frontend.numpy_api.linear_algebra import best_splits
from tests.frontend.against_numpy import Case, array, check, fails_as_numpy, same_as_numpy

A = array(3, 4)
B = array(4, 2, seed=1)
Q = array(3, 3, seed=2)
V = array(4, seed=3)
W = array(3, seed=4)
T = array(2, 3, 4, seed=5)
S = np.float64(1.5)
Z = A + 1j * array(3, 4, seed=6)
INTS = array(3, 4, dtype=int)
BOOLS = INTS % 3 == 0

CASES = {
    "matmul": Case(lambda a, b: a @ b, (A, B)),
    "matmul_vector": Case(lambda a, v: a @ v, (A, V)),
    "vector_matmul": Case(lambda w, a: w @ a, (W, A)),
    "vector_vector": Case(lambda v, w: v @ w, (V, V)),
    "matmul_batch": Case(lambda t, b: t @ b, (T, B)),
    "matmul_broadcast": Case(lambda t, u: np.matmul(t[:, None], u), (T, array(5, 4, 2))),
    "matmul_broadcast_one": Case(lambda t, u: np.matmul(t, u[None]), (T, B)),
    "matmul_batch_vector": Case(lambda t, v: t @ v, (T, V)),
    "matmul_list": Case(lambda a: a @ [1.0, 2.0, 3.0, 4.0], (A,)),
    "matmul_captured": Case(lambda a: A.T @ a, (A,)),
    "matmul_bools": Case(lambda a: a @ a.T, (BOOLS,), smooth=False),
    "matmul_ints": Case(lambda a: a @ [1, 2, 3, 4], (INTS,), smooth=False),
    "matmul_mixed": Case(lambda a, v: a @ v, (INTS, V)),
    "matmul_empty": Case(lambda a, b: a[:, :0] @ b[:0], (A, B), smooth=False),
    "linalg_matmul": Case(lambda a, b: np.linalg.matmul(a, b), (A, B)),
    "dot": Case(lambda a, b: np.dot(a, b), (A, B)),
    "dot_method": Case(lambda a, v: a.dot(v), (A, V)),
    "dot_many": Case(lambda t, u: np.dot(t, u), (T, array(2, 4, 5))),
    "dot_scalar": Case(lambda a, s: np.dot(s, a) + a.dot(2.0), (A, S)),
    "inner": Case(lambda a, t: np.inner(a, t), (A, T)),
    "inner_scalar": Case(lambda a: np.inner(a, 2.0), (A,)),
    "vdot": Case(lambda a, b: np.vdot(a, b), (A, A[::-1].T)),
    "vdot_complex": Case(lambda a: np.vdot(a, a[::-1]), (Z,), smooth=False),
    "outer": Case(lambda a, v: np.outer(a, v), (A, V)),
    "linalg_outer": Case(lambda w, v: np.linalg.outer(w, v), (W, V)),
    "multiply_outer": Case(lambda w, v: np.linalg.tensordot(w, v, axes=0), (W, V)),
    "tensordot": Case(lambda t, a: np.tensordot(t, a), (T, A)),
    "tensordot_pairs": Case(
        lambda t, u: np.tensordot(t, u, axes=([0, 2], [1, 0])), (T, array(4, 2, 5))
    ),
    "tensordot_pair": Case(lambda t, a: np.tensordot(t, a, axes=(1, 0)), (T, A)),
    "vecdot": Case(lambda t, v: np.vecdot(t, v), (T, V)),
    "vecdot_complex": Case(lambda z, v: np.vecdot(z, v), (Z, V), smooth=False),
    "linalg_vecdot": Case(lambda a, b: np.linalg.vecdot(a, b, axis=0), (A, A * 2)),
    "kron": Case(lambda a, b: np.kron(a, b), (A, B)),
    "kron_axes": Case(lambda t, v: np.kron(t, v), (T, V)),
    "cross": Case(lambda a, b: np.cross(a, b), (Q, Q[::-1] * 2)),
    "cross_axes": Case(lambda a, b: np.cross(a, b, axisa=0, axisb=1, axisc=0), (Q, Q * Q)),
    "cross_broadcast": Case(lambda a, b: np.cross(a, b), (W, Q)),
    "linalg_cross": Case(lambda a, b: np.linalg.cross(a, b, axis=0), (A, A * A)),
    "multi_dot": Case(lambda a, b, q, w: np.linalg.multi_dot([w, q, a, b]), (A, B, Q, W)),
    "multi_dot_vectors": Case(lambda a, v, w: np.linalg.multi_dot([w, a, v]), (A, V, W)),
    "multi_dot_two": Case(lambda a, b: np.linalg.multi_dot([a, b]), (A, B)),
    "matrix_power": Case(lambda q: [np.linalg.matrix_power(q, n) for n in (0, 1, 2, 5)], (Q,)),
    "matrix_power_batch": Case(lambda t: np.linalg.matrix_power(t, 3), (T[:, :, :3],)),
    "linalg_trace": Case(lambda t: np.linalg.trace(t, offset=1), (T,)),
    "linalg_diagonal": Case(lambda t: np.linalg.diagonal(t, offset=-1), (T,)),
    "linalg_transpose": Case(lambda t: np.linalg.matrix_transpose(t), (T,)),
    "convolve": Case(
        lambda v, w: [np.convolve(v, w, mode) for mode in ("full", "same", "valid")], (V, W)
    ),
    "convolve_swapped": Case(
        lambda v, w: [np.convolve(w, v, mode) for mode in ("full", "same", "valid")], (V, W)
    ),
    "correlate": Case(
        lambda v, w: [np.correlate(v, w, mode) for mode in ("full", "same", "valid")], (V, W)
    ),
    "correlate_swapped": Case(
        lambda v, w: [np.correlate(w, v, mode) for mode in ("full", "same", "valid")], (V, W)
    ),
    "correlate_complex": Case(lambda z: np.correlate(z[0], z[1, :3], "full"), (Z,), smooth=False),
}
if hasattr(np, "matvec"):
    CASES |= {
        "matvec": Case(lambda t, v: np.matvec(t, v), (T, V)),
        "vecmat": Case(lambda w, t: np.vecmat(w, t), (W, T)),
        "vecmat_complex": Case(lambda z, t: np.vecmat(z[:, 0], t), (Z, T), smooth=False),
    }

EINSUMS: dict[str, tuple[Any, ...]] = {
    "ij,jk->ik": (A, B),
    "ij,jk": (A, B),
    "ji": (A,),
    "ij->": (A,),
    "ij->ji": (A,),
    "ii": (Q,),
    "ii->i": (Q,),
    "ii,i->i": (Q, W),
    "ij,ij->": (A, A),
    "ij,ij->i": (A, A),
    "ij,j->ij": (A, V),
    "ij,i->ij": (A, W),
    "i,j": (W, V),
    ",ij->ij": (S, A),
    "i,": (V, S),
    "...ij,jk->...ik": (T, B),
    "...i,...i": (T, A),
    "i...,i": (A, W),
    "...,...": (T, A),
    "bij,jk,k->bi": (T, B, V[:2]),
    "ij,jk,kl,lm->im": (A, B, B.T, B),
    "ij,ik,il->jkl": (A, Q, A),
    "iij->j": (array(3, 3, 2),),
    "iijj->ij": (array(2, 2, 3, 3),),
    "iii->i": (array(3, 3, 3),),
    "ij,kl->": (A, B),
    "ij,kl->k": (A, B),
    "abc,abd->acd": (T, T),
    "ba,b,c->": (A, W, V),
    "i,i,i->i": (W, W, W),
    "ij,jk,ik->": (A, B, A @ B),
    "i,j,k,l->lkji": (W[:2], W, V, W[:2]),
    "...ii->...": (array(2, 3, 3),),
    "bij,bjk->bik": (T, array(2, 4, 5)),
}


@pytest.mark.parametrize("name", CASES)
def test_as_numpy(name: str) -> None:
    check(CASES[name])


@pytest.mark.parametrize("spec", EINSUMS)
def test_einsum(spec: str) -> None:
    check(Case(lambda *operands: np.einsum(spec, *operands), EINSUMS[spec]))


def test_einsum_from_lists_of_labels() -> None:
    check(Case(lambda a, b: np.einsum(a, [0, 1], b, [1, 2], [2, 0]), (A, B)))
    check(Case(lambda a, b: np.einsum(a, [0, 1], b, [1, 2]), (A, B)))
    check(Case(lambda t, b: np.einsum(t, [..., 3], b, [3, 0], [..., 0]), (T, B)))


def test_einsum_promotes_and_broadcasts_ones() -> None:
    same_as_numpy(lambda a, v: np.einsum("ij,j->i", a, v), INTS, V.astype(np.float32))
    same_as_numpy(lambda a: np.einsum("ij,ij->i", a, a), BOOLS)
    same_as_numpy(lambda a: np.einsum("ij,ij->i", a, a, dtype=np.float32, casting="unsafe"), INTS)
    check(Case(lambda a, b: np.einsum("ij,jk->ik", a, b), (A[:, :1], B)))
    check(Case(lambda a, b: np.einsum("ij,ij->ij", a, b), (A[:, :1], A[:1])))


def test_einsum_contracts_in_a_cheap_order() -> None:
    """(n, m) (m, n) (n,): the vector first, so no n x n matrix is made."""
    n, m = 50, 3
    graph = irgrad.trace(
        lambda a, b, v: np.einsum("ij,jk,k->i", a, b, v), array(n, m), array(m, n), array(n)
    )
    assert max(type.size for node in graph for type in node.types) <= n


def test_scalar_products_are_multiplications() -> None:
    graph = irgrad.trace(lambda a, s: np.einsum("ij,->ij", np.dot(a, s), s), A, S)
    assert [node.op.name for node in graph] == ["multiply", "multiply"]


@st.composite
def einsum_requests(draw: Any) -> tuple[str, list[Any]]:
    """A random spec and operands: repeated and lone letters, broadcast ones, ellipses."""
    letters = "abcde"
    extents = {letter: draw(st.integers(0, 3)) for letter in letters}
    terms = draw(st.lists(st.text(letters, max_size=4), min_size=1, max_size=4))
    dots = [draw(st.integers(0, 2)) if draw(st.booleans()) else None for _ in terms]
    lead = [draw(st.integers(1, 2)) for _ in range(2)]
    operands: list[Any] = []
    spec: list[str] = []
    for i, (term, count) in enumerate(zip(terms, dots, strict=True)):
        squeezed = draw(st.sets(st.sampled_from(letters), max_size=1))
        own = [1 if c in squeezed else extents[c] for c in term]
        operands.append(array(*(lead[2 - count :] if count else []), *own, seed=i))
        spec.append(term if count is None else "..." + term)
    used = sorted(set("".join(terms)))
    result = ""
    if draw(st.booleans()):
        kept = draw(st.permutations(used))[: draw(st.integers(0, len(used)))]
        result = "->" + ("..." if any(count is not None for count in dots) else "") + "".join(kept)
    return ",".join(spec) + result, operands


@given(einsum_requests())
@settings(max_examples=150, deadline=None, derandomize=True)
def test_any_einsum(request: tuple[str, list[Any]]) -> None:
    spec, operands = request
    same_as_numpy(lambda *operands: np.einsum(spec, *operands), *operands, rtol=1e-9)


@given(
    st.lists(st.integers(0, 2), max_size=3),
    st.lists(st.integers(0, 2), max_size=3),
    st.tuples(*[st.integers(0, 3)] * 3),
)
@settings(max_examples=100, deadline=None, derandomize=True)
def test_any_matmul(left: list[int], right: list[int], sizes: tuple[int, int, int]) -> None:
    n, m, k = sizes
    a, b = array(*left, n, m), array(*right, m, k, seed=1)
    try:
        np.broadcast_shapes(tuple(left), tuple(right))
    except ValueError:
        fails_as_numpy(lambda a, b: a @ b, a, b, match="broadcast|summed")
    else:
        same_as_numpy(lambda a, b: a @ b, a, b)


def test_parse_spells_out_ellipses() -> None:
    assert parse("...ij,...jk->...ik", [4, 3]) == (["ABij", "Bjk"], "ABik")
    assert parse("ba, ab", [2, 2]) == (["ba", "ab"], "")
    assert parse("ba", [2]) == (["ba"], "ab")


def test_chains_are_multiplied_in_the_cheapest_order() -> None:
    """The example of Cormen et al., chapter 15.2: ((A1 (A2 A3)) ((A4 A5) A6))."""
    split = best_splits([30, 35, 15, 5, 10, 20, 25])
    assert split[0, 5] == 2
    assert split[0, 2] == 0
    assert split[3, 5] == 4


ERRORS: dict[str, tuple[Any, tuple[Any, ...], str]] = {
    "matmul": (lambda a, b: a @ b, (A, A), "the summed axes are 4 and 3"),
    "matmul_one": (lambda a, b: a @ b, (A, B[:1]), "the summed axes are 4 and 1"),
    "matmul_scalar": (lambda a: a @ 2.0, (A,), "for scalars"),
    "matmul_batch": (lambda t, u: t @ u, (T, array(3, 4, 5)), "broadcast"),
    "dot": (lambda a, b: np.dot(a, b), (A, A), "differ in extent"),
    "tensordot": (lambda a, b: np.tensordot(a, b, axes=1), (A, A), "differ in extent"),
    "einsum_extent": (
        lambda a, b: np.einsum("ij,jk", a, b),
        (A, A),
        "'j' is 3 in .* but 4 elsewhere",
    ),
    "einsum_axes": (lambda a: np.einsum("ijk->i", a), (A,), "does not fit an operand of 2 axes"),
    "einsum_result": (lambda a: np.einsum("ij->k", a), (A,), "'k' of the result"),
    "einsum_twice": (lambda a: np.einsum("ij->ii", a), (A,), "stands twice"),
    "einsum_diagonal": (lambda a: np.einsum("ii", a), (A,), "3 and 4 in one operand"),
    "einsum_dots": (lambda a: np.einsum("...i->i", a), (A,), "lacks the ellipsis"),
    "cross": (lambda a: np.cross(a, a), (A,), "2 or 3 components"),
    "convolve_empty": (lambda v: np.convolve(v, v[:0]), (V,), "must not be empty"),
    "multi_dot": (lambda v: np.linalg.multi_dot([v]), (A,), "at least two"),
}


@pytest.mark.parametrize("name", ERRORS)
def test_errors_are_of_numpys_kind(name: str) -> None:
    function, args, match = ERRORS[name]
    fails_as_numpy(function, *args, match=match)


def test_messages() -> None:
    with pytest.raises(ShapeError) as error:
        irgrad.trace(lambda a, b: a @ b, A, A)
    text = str(error.value)
    assert "matmul: %a: f64[3,4] and %b: f64[3,4] do not fit" in text
    assert "hint: a @ b needs a.shape[-1] == b.shape[-2]" in text
    with pytest.raises(TraceError, match="exponent must be a Python int"):
        irgrad.trace(lambda q: np.linalg.matrix_power(q, q[0, 0].astype(int)), Q)
    held = np.zeros((3, 2))
    with pytest.raises(UnsupportedError, match="out="):
        irgrad.trace(lambda a, b: np.dot(a, b, out=held), A, B)
