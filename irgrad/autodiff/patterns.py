"""Patterns: which elements of some inputs the elements of a value can depend on, as a boolean CSR
matrix with a row for each element of the value (in C order) and a column for each of the inputs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import scipy.sparse as sp

from irgrad.ir.op import Array
from irgrad.ir.types import Shape

Rows = Any
"""A boolean `scipy.sparse.csr_array`, a row for each element of a value."""


def tidy(matrix: Rows) -> Rows:
    """The matrix itself, in canonical form."""
    matrix.sum_duplicates()
    matrix.sort_indices()
    return matrix


def numbered(shape: Shape) -> Array:
    """The number of each element, in C order."""
    return np.arange(int(np.prod(shape, dtype=int))).reshape(shape)


def picked(pattern: Rows, places: Array) -> Rows:
    """Row i is row `places[i]` of `pattern`."""
    return pattern[places.reshape(-1)]


def sent(pattern: Rows, places: Array, count: int) -> Rows:
    """Row i is the union of those rows of `pattern` whose place is i."""
    flat = pattern.tocoo()
    rows = places.reshape(-1)[flat.row]
    united = sp.csr_array((flat.data, (rows, flat.col)), shape=(count, pattern.shape[1]))
    return tidy(united)


def union(patterns: Sequence[Rows | None]) -> Rows | None:
    """The entries of any of the patterns; None where there is none."""
    present = [pattern for pattern in patterns if pattern is not None]
    total = present[0] if present else None
    for pattern in present[1:]:
        total = pattern if pattern is total else total + pattern
    return total


def spread(pattern: Rows | None, shape: Shape, result: Shape) -> Rows | None:
    """Broadcasting."""
    if pattern is None or shape == result:
        return pattern
    return picked(pattern, np.broadcast_to(numbered(shape), result))
