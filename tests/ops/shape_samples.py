"""Samples of the ops that move, choose, convert, index, sort and multiply elements."""

from __future__ import annotations

import numpy as np

import irgrad
from tests.ops.samples import BOOL, C128, F32, F64, I32, I64, draw, sampled

X = draw((3, 4))
Z = draw((3, 4), C128)
HALF = draw((2, 3), F32)
WHOLE = np.arange(6).reshape(2, 3)


for x in (X, Z, draw((3, 4), F32), np.arange(12).reshape(3, 4), X > 0):
    sampled("reshape", x, shape=(2, 6))
    sampled("transpose", x, axes=(1, 0))
    sampled("broadcast_to", x, shape=(2, 3, 4))
    sampled("slice", x, start=(1, 0), stop=(3, 4), step=(1, 2))
    sampled("pad", x, low=(1, 0), high=(0, 2), inside=(0, 1))
    sampled("update_slice", x, x[1:, ::2], start=(0, 1), step=(1, 2))
    sampled("update_slice", x, x[:0], start=(3, 0), step=(2, 1))
    sampled("flip", x, axes=(0,))
    sampled("concatenate", x, x[:1], x[:0], axis=0)
    sampled("stop_gradient", x)
    sampled("where", np.arange(4) % 2 == 0, x, x[::-1])
sampled("reshape", draw(()), shape=(1, 1))
sampled("reshape", draw((0, 3)), shape=(0,))
sampled("transpose", draw((2, 3, 4)), axes=(2, 0, 1))
sampled("broadcast_to", draw((2, 1)), shape=(2, 3))
sampled("broadcast_to", draw(()), shape=(0, 2))
sampled("slice", draw((7,)), start=(1,), stop=(1,), step=(1,))
sampled("slice", draw((7,)), start=(0,), stop=(7,), step=(3,))
for inverse in (False, True):
    sampled("fft", draw((2, 5), C128), axis=1, inverse=inverse)
    sampled("fft", draw((4, 1, 2), C128), axis=0, inverse=inverse)
sampled("pad", draw((0, 2)), low=(1, 1), high=(1, 0), inside=(2, 2))
sampled("flip", draw((2, 3, 2)), axes=(0, 2))
sampled("concatenate", draw((2, 3)), draw((2, 1)), axis=1)
sampled("where", np.array(True), draw((2, 1)), draw((3,)))
sampled("where", np.zeros((0, 2), bool), draw((2,)), draw(()))
sampled("where", X > 0, X, np.full_like(X, np.inf), wrt=())

for x in (X, Z, draw(())):
    sampled("barrier", x, draw((2,)))
BODY = irgrad.parse("""
    graph @f(%x: f64[3,4], %y: f64[4]) -> (z: f64[3,4], x: f64[3,4]) {
      %z: f64[3,4] = multiply(%x, %y)
      return z=%z, x=%x
    }""")
sampled("call", X, draw((4,)), wrt=(), body=BODY, label="custom_jvp f")

for source in (X, Z, HALF, WHOLE, WHOLE > 2, draw(()), draw((0, 2))):
    for target in (F64, F32, C128, I32, I64, BOOL):
        if source.dtype.kind != "c" or target.kind in "cb":
            sampled("astype", source, dtype=target)
for z in (Z, draw((2,), np.complex64), draw((), C128), draw((0,), C128)):
    for name in ("real", "imag", "conjugate"):
        sampled(name, z)
sampled("conjugate", X)

for dtype in (F64, F32, I64, BOOL):
    for axis in (0, 1):
        if dtype != BOOL:
            sampled("iota", dtype=dtype, shape=(2, 3), axis=axis)
sampled("iota", dtype=I64, shape=(0,), axis=0)

for name in ("sort", "argsort"):
    for axis in (0, 1):
        sampled(name, X, axis=axis)
        sampled(name, HALF, axis=axis)
    sampled(name, draw((0, 2)), axis=0)
    sampled(name, WHOLE[:, ::-1].copy(), axis=1)
    sampled(name, np.array([1.5, np.nan, -1.0, np.inf, 0.0]), axis=0, wrt=())
for side in ("left", "right"):
    sampled("searchsorted", np.array([0.0, 1.0, 1.0, 2.0]), X, side=side)
    sampled("searchsorted", np.array([0, 1, 1, 2]), WHOLE, side=side)

ROWS, COLUMNS = np.array([[0, 2], [-1, 0]]), np.array([[1, 1], [0, 1]])
for x in (X, Z, draw((3, 4), F32), np.arange(12).reshape(3, 4)):
    sampled("gather", x, ROWS, axes=(0,))
    sampled("gather", x, ROWS, axes=(1,))
    sampled("gather", x, ROWS, COLUMNS, axes=(0, 1))
    sampled("gather", x, np.array(1), axes=(1,))
    sampled("scatter_add", x, np.array([0, 1, 0]), axes=(0,), shape=(2, 4))
    sampled("scatter_add", x, np.arange(12).reshape(3, 4) % 5, axes=(0,), shape=(5,))
    sampled("update_at", x, x[:2], np.array([-1, 0]), axes=(0,), distinct=True)
    sampled("update_at", x, x[0, 0], np.array(2), np.array(-1), axes=(0, 1), distinct=True)
    sampled("update_at", x, x[[0, 1, 2, 0]], np.array([1, 1, 0, -3]), axes=(0,), distinct=False)
    sampled("update_at", x, x[:2, :2], ROWS, COLUMNS, axes=(0, 1), distinct=False)
sampled("update_at", draw((2, 3)), draw((0, 2)), np.zeros((0,), I64), axes=(1,), distinct=True)
sampled("gather", draw((3, 4)), np.zeros((0,), I64), axes=(0,))
sampled("scatter_add", draw((0, 4)), np.zeros((0,), I64), axes=(0,), shape=(2, 4))
sampled("scatter_add", draw((1, 4)), np.array([0]), np.array([1]), axes=(0, 2), shape=(3, 4, 2))
sampled("nonzero", np.array([[True, False], [False, True]]), count=2)
sampled("nonzero", np.zeros((0,), bool), count=0)

for spec, left, right in (
    ("i,i->", (3,), (3,)),
    ("i,j->ij", (3,), (2,)),
    ("ij,jk->ik", (2, 3), (3, 4)),
    ("ij,jk->ki", (2, 3), (3, 4)),
    ("ij,j->i", (2, 3), (3,)),
    ("bij,bjk->bik", (2, 2, 3), (2, 3, 2)),
    ("bi,bi->b", (2, 3), (2, 3)),
    ("ijk,kjl->li", (2, 3, 4), (4, 3, 2)),
    ("ij,jk->ik", (2, 0), (0, 3)),
    ("i,i->i", (3,), (3,)),
):
    for dtype in (F64, F32, C128):
        sampled("contract", draw(left, dtype), draw(right, dtype, seed=1), spec=spec)
sampled("contract", WHOLE, WHOLE.T.copy(), spec="ij,jk->ik")
