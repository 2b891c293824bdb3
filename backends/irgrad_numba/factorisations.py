"""What LAPACK is called for: a function for each op, of the matrices of one example. NumPy calls
the same routines, on the same copies, so that pivots and signs are the same."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import Any, NamedTuple

from irgrad.ir.graph import Node, Value
from irgrad.ir.types import ArrayType
from irgrad.ops.linalg.cholesky import Cholesky
from irgrad.ops.linalg.determinant import Cofactor, Det, Slogdet
from irgrad.ops.linalg.eigen import Eigh
from irgrad.ops.linalg.lu import LU
from irgrad.ops.linalg.pseudoinverse import Pinv
from irgrad.ops.linalg.qr import QR
from irgrad.ops.linalg.solve import Inv, Solve
from irgrad.ops.linalg.svd import SVD
from irgrad.ops.linalg.triangular import SolveTriangular
from irgrad_numba import vector_math
from irgrad_numba.calls import Group
from irgrad_numba.complex_parts import PARTS
from irgrad_numba.index import View
from irgrad_numba.lapack import Lapack, Matrix, Writer
from irgrad_numba.llvm import Code, Module, Type, fabs
from irgrad_numba.llvm import Value as Number
from irgrad_numba.strips import loop

BLOCK = 64
"""Columns that LAPACK takes at a time, where it has memory for them."""


def _cholesky(w: Writer, given: Sequence[Matrix]) -> None:
    a, factor = given
    w.copy(factor, a)  # whose lower triangle by rows is the upper one by columns
    w.solves("potrf", "U", a.rows, factor, a.rows)
    w.clear_above(factor)


def _solve(w: Writer, given: Sequence[Matrix]) -> None:
    a, b, x = given
    n, m = a.rows, w.copied(a)
    y = x if b.columns == 1 else w.by_columns(n, b.columns)
    w.copy(y, b)
    w.solves("gesv", n, b.columns, m, n, w.numbers(n, "i32"), y, n)
    if y is not x:
        w.copy(x, y)


def _inv(w: Writer, given: Sequence[Matrix]) -> None:
    a, x = given
    n, m, y = a.rows, w.copied(a), w.by_columns(a.rows, a.rows)
    w.fill(y, 0.0)
    w.fill(y._replace(rows=1, by_column=n + 1), 1.0)  # the diagonal
    w.solves("gesv", n, n, m, n, w.numbers(n, "i32"), y, n)
    w.copy(x, y)


def _solve_triangular(w: Writer, given: Sequence[Matrix]) -> None:
    """X^T T^T = B^T, as rows are columns to LAPACK."""
    a, b, x = given
    op: Any = w.node.op
    n, turned = a.rows, a.turned
    if not (a.is_by_columns or turned.is_by_columns):
        a = w.copied(a)
    if not op.unit:
        wrong = w.code.alloca(Type("bool"))
        w.code.put(wrong, w.code.constant(Type("bool"), False))
        with loop(w.code, 0, n, 1) as i:
            zero = [w.get(part, w.at(part, i, i)) == 0 for part in a.parts]
            w.code.put(wrong, w.code.get(wrong, Type("bool")) | (zero[0] & zero[-1]))
        w.fail_unless(~w.code.get(wrong, Type("bool")))
    w.copy(x, b)
    straight = a.is_by_columns
    m = a if straight else turned
    triangle = "L" if op.lower == straight else "U"
    way, unit = "T" if straight else "N", "U" if op.unit else "N"
    w.blas("trsm", "R", triangle, way, unit, b.columns, n, 1.0, m, m.by_column, x, b.columns)


def _lu(w: Writer, given: Sequence[Matrix]) -> None:
    a, factors, pivots = given
    n, m = a.rows, w.copied(a)
    w.lapack("getrf", n, n, m, n, pivots)
    w.copy(factors, m)
    with loop(w.code, 0, n, 1) as i:  # rows are counted from 0
        at = pivots.start + i
        w.put(pivots, at, w.get(pivots, at) - 1)


def _logarithm(w: Writer, m: Matrix) -> tuple[list[Number], Number]:
    """The sign (of a complex matrix by its parts) and the logarithm of the size of the determinant
    of a matrix, which is lost.
    """
    code, n, type = w.code, m.rows, Type(PARTS.get(w.type, w.type))
    pivots = w.numbers(n, "i32")
    right = w.lapack("getrf", n, n, m, n, pivots) == 0
    sign, total = [code.alloca(type) for _ in m.parts], code.alloca(type)
    for place, start in zip((*sign, total), (1.0, *[0.0] * len(sign)), strict=True):
        code.put(place, code.constant(type, start))
    with loop(code, 0, n, 1) as i:
        unit, size = _polar(code, [w.get(part, w.at(part, i, i)) for part in m.parts])
        moved = w.get(pivots, pivots.start + i).cast("i64") != i + 1
        turned = _times([code.get(place, type) for place in sign], unit)
        for place, x in zip(sign, turned, strict=True):
            code.put(place, moved.where(-x, x))
        code.put(total, code.get(total, type) + vector_math.call("log", size))
    found = [right.where(code.get(place, type), 0.0) for place in sign]
    return found, right.where(code.get(total, type), -float("inf"))


def _polar(code: Code, x: list[Number]) -> tuple[list[Number], Number]:
    """x / |x| and |x| of a number given by its parts."""
    if len(x) == 1:
        one = code.constant(x[0].type, 1.0)
        return [(x[0] < 0).where(-one, one)], fabs(x[0])
    size = vector_math.call("hypot", *x)
    return [part / size for part in x], size


def _times(x: list[Number], y: list[Number]) -> list[Number]:
    """The product of two numbers given by their parts."""
    if len(x) == 1:
        return [x[0] * y[0]]
    return [x[0] * y[0] - x[1] * y[1], x[0] * y[1] + x[1] * y[0]]


def _put(w: Writer, place: Matrix, number: list[Number]) -> None:
    for part, value in zip(place.parts, number, strict=True):
        w.put(part, part.start, value)


def _det(w: Writer, given: Sequence[Matrix]) -> None:
    a, result = given
    sign, total = _logarithm(w, w.copied(a))
    size = vector_math.call("exp", total)
    _put(w, result, [part * size for part in sign])


def _slogdet(w: Writer, given: Sequence[Matrix]) -> None:
    a, sign, logarithm = given
    unit, total = _logarithm(w, w.copied(a))
    _put(w, sign, unit)
    _put(w, logarithm, [total])


def _eigh(w: Writer, given: Sequence[Matrix]) -> None:
    a, values, vectors = given
    op: Any = w.node.op
    n, m = a.rows, w.copied(a)
    most, integers = 1 + 6 * n + 2 * n * n, 3 + 5 * n
    work, places = w.numbers(most), w.numbers(integers, "i32")
    triangle = "L" if op.lower else "U"
    if w.type == values.type:
        w.solves("syevd", "V", triangle, n, m, n, values, work, most, places, integers)
    else:
        size = 1 + 5 * n + 2 * n * n
        more = work, most, w.numbers(size, values.type), size, places, integers
        w.solves("heevd", "V", triangle, n, m, n, values, *more)
    w.copy(vectors, m)


def _qr(w: Writer, given: Sequence[Matrix]) -> None:
    a, q, r = given
    rows, n, m = a.rows, a.columns, w.copied(a)
    factors, most = w.numbers(n), BLOCK * n
    work = w.numbers(most)
    w.solves("geqrf", rows, n, m, rows, factors, work, most)
    w.copy(r, m)
    w.clear_above(r.turned)
    w.solves("ungqr" if w.type in PARTS else "orgqr", rows, n, n, m, rows, factors, work, most)
    w.copy(q, m)


def _singular(w: Writer, a: Matrix, s: Matrix) -> tuple[Matrix, Matrix]:
    """U and V^H, column after column; the singular values go to `s`."""
    m, n, k = a.rows, a.columns, min(a.rows, a.columns)
    w.fail_unless_finite(a)  # LAPACK may go on for ever
    u, vh = w.by_columns(m, k), w.by_columns(k, n)
    most = 4 * k * k + 7 * k + BLOCK * (m + n)
    more = [w.numbers(most), most, w.numbers(8 * k, "i32")]
    if w.type in PARTS:
        size = max(5 * k * k + 5 * k, 2 * max(m, n) * k + 2 * k * k + k)
        more.insert(2, w.numbers(size, s.type))
    w.solves("gesdd", "S", m, n, w.copied(a), m, s, u, m, vh, k, *more)
    return u, vh


def _svd(w: Writer, given: Sequence[Matrix]) -> None:
    a, *results = given
    u, vh = _singular(w, a, results[1])
    w.copy(results[0], u)
    w.copy(results[2], vh)


def _scale(w: Writer, u: Matrix, by: Matrix) -> None:
    """Multiply each column by a real number."""
    for part in u.parts:
        with loop(w.code, 0, u.columns, 1) as j, loop(w.code, 0, u.rows, 1) as i:
            place = w.at(part, i, j)
            w.put(part, place, w.get(part, place) * w.get(by, by.start + j))


def _turn(w: Writer, u: Matrix, by: list[Number]) -> None:
    """Multiply all elements by a number given by its parts."""
    with loop(w.code, 0, u.columns, 1) as j, loop(w.code, 0, u.rows, 1) as i:
        places = [w.at(part, i, j) for part in u.parts]
        x = [w.get(part, at) for part, at in zip(u.parts, places, strict=True)]
        for part, at, value in zip(u.parts, places, _times(x, by), strict=True):
            w.put(part, at, value)


def _conjugate(w: Writer, x: Matrix) -> None:
    for part in x.parts[1:]:
        with loop(w.code, 0, x.rows, 1) as i, loop(w.code, 0, x.columns, 1) as j:
            at = w.at(part, i, j)
            w.put(part, at, -w.get(part, at))


def _pinv(w: Writer, given: Sequence[Matrix]) -> None:
    """V S^+ U^H, of which S^+ has the reciprocals of the singular values that are not taken as
    zero; it is conj(U S^+ V^H)^T.
    """
    a, x = given
    op: Any = w.node.op
    m, n, k = a.rows, a.columns, min(a.rows, a.columns)
    s = w.numbers(k, PARTS.get(w.type, w.type))
    u, vh = _singular(w, a, s)
    least = w.get(s, s.start) * float(op.rcond)
    with loop(w.code, 0, k, 1) as i:
        value = w.get(s, s.start + i)
        w.put(s, s.start + i, (value > least).where(1.0 / value, 0.0))
    _scale(w, u, s)
    w.blas("gemm", "N", "N", m, n, k, 1.0, u, m, vh, k, 0.0, x, m)  # by rows, X^T by columns
    _conjugate(w, x)


def _cofactor(w: Writer, given: Sequence[Matrix]) -> None:
    """det(U) det(V^H) conj(U P V^H), where P has the products of all singular values but one."""
    a, c = given
    code, n, type = w.code, a.rows, Type(PARTS.get(w.type, w.type))
    s = w.numbers(n, PARTS.get(w.type, w.type))
    u, vh = _singular(w, a, s)
    (first, _), (second, _) = _logarithm(w, w.copied(u)), _logarithm(w, w.copied(vh))
    products, held = w.numbers(n, s.type), code.alloca(type)
    one = code.constant(type, 1.0)
    for back in (False, True):
        code.put(held, one)
        with loop(code, 0, n, 1) as i:
            k = (n - 1) - i if back else i
            so_far = code.get(held, type)
            other = w.get(products, products.start + k) if back else one
            w.put(products, products.start + k, so_far * other)
            code.put(held, so_far * w.get(s, s.start + k))
    _scale(w, u, products)
    real, *imaginary = _times(first, second)
    _turn(w, u, [real, *(-part for part in imaginary)])
    w.blas("gemm", "C", "C", n, n, n, 1.0, vh, n, u, n, 0.0, c, n)  # by rows, C^T by columns


class Rule(NamedTuple):
    """How an op is computed, the axes for each example of those of its operands and results that
    are no matrices, and about how much longer than solving a system it takes.
    """

    compute: Callable[[Writer, Sequence[Matrix]], None]
    axes: Mapping[int, int] = MappingProxyType({})
    weight: int = 1


RULES: dict[type, Rule] = {
    Cholesky: Rule(_cholesky),
    Cofactor: Rule(_cofactor, weight=30),
    Det: Rule(_det, {1: 0}),
    Eigh: Rule(_eigh, {1: 1}, 20),
    Inv: Rule(_inv, weight=2),
    LU: Rule(_lu, {2: 1}),
    Pinv: Rule(_pinv, weight=30),
    QR: Rule(_qr, weight=4),
    SVD: Rule(_svd, {2: 1}, 30),
    Slogdet: Rule(_slogdet, {1: 0, 2: 0}),
    Solve: Rule(_solve),
    SolveTriangular: Rule(_solve_triangular),
}


def lapack_of(node: Node, views: Mapping[Value, View]) -> Lapack | None:
    """The step of a node that LAPACK computes: on matrices that have elements."""
    types = [v.type for v in (*node.operands, *node.outputs)]
    if type(node.op) not in RULES or not all(t.size for t in types):
        return None
    operands = tuple(views[v] for v in node.operands)
    results = tuple(views[v] for v in node.outputs)
    otherwise = Group([node], node.outputs, views)
    return Lapack(node, operands, results, otherwise, RULES[type(node.op)].weight)


def emit_lapack(module: Module, step: Lapack, chunks: int) -> tuple[str, list[ArrayType]]:
    """Define the function of a step, of pointers to its buffers, to memory of some types that it
    needs besides, of the state, and, in chunks, of the number of one -> its name, and these types.
    """
    writer, rule = Writer(module, step, chunks), RULES[type(step.node.op)]
    name = writer.define(rule.compute, rule.axes)
    return name, writer.temporaries
