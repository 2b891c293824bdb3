"""Products: dot, matmul, einsum, tensordot and kin, all through `contract`."""

from __future__ import annotations

from typing import Any

import numpy as np

from irgrad.errors import ShapeError
from irgrad.frontend.promote import lift_together
from irgrad.frontend.tracer import implements, method
from irgrad.ops.contract import contract

LETTERS = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"


@implements(np.matmul)
def matmul(a: Any, b: Any) -> Any:
    """`a @ b`, with NumPy's broadcasting of leading axes."""
    a, b = lift_together(a, b)
    if not a.ndim or not b.ndim:
        raise ShapeError("matmul: a scalar is no matrix", hint="use * for scalars")
    if a.ndim <= 2 and b.ndim <= 2:
        left = "ij"[2 - a.ndim :]
        right = "jk"[: b.ndim]
        return contract(f"{left},{right}->{left[:-1]}{right[1:]}", a, b)
    raise NotImplementedError
