"""Histograms of traced numbers, with a known number of bins."""

from __future__ import annotations

import operator
from typing import Any

import numpy as np

from irgrad.errors import ArgumentError, ShapeError, UnsupportedError
from irgrad.frontend.guards import fixed
from irgrad.frontend.promote import lift_each
from irgrad.frontend.registry import implements
from irgrad.frontend.sharing import copies
from irgrad.ir.types import I64
from irgrad.ops.index import scatter_add


@implements(np.histogram)
@copies
def histogram(
    a: Any, bins: Any = 10, range: Any = None, density: Any = None, weights: Any = None
) -> tuple[Any, Any]:
    """`np.histogram`: the weights and the edges have derivatives, the counts have none."""
    edges = histogram_bin_edges(a, bins, range)
    (a, edges, weights) = lift_each(a, edges, np.int64(1) if weights is None else weights)
    if weights.ndim and weights.shape != a.shape:
        raise ShapeError(f"histogram: weights of shape {weights.shape} for {a.shape} numbers")
    count = edges.shape[0] - 1
    a = np.ravel(a)
    places = np.clip(np.searchsorted(edges, a, side="right") - 1, 0, count - 1)
    inside = np.logical_and(a >= edges[0], a <= edges[-1])
    kept = np.where(inside, np.ravel(weights), 0).astype(weights.dtype)
    totals = scatter_add(kept, (0,), (count,), [places.astype(I64)])
    if density:
        return totals / np.diff(edges) / np.sum(totals), edges
    return totals, edges


@implements(np.histogram_bin_edges)
@copies
def histogram_bin_edges(a: Any, bins: Any = 10, range: Any = None, weights: Any = None) -> Any:
    """`np.histogram_bin_edges`, of a known number of bins or of given edges."""
    if isinstance(bins, str):
        raise UnsupportedError(
            f"histogram: bins={bins!r} chooses a number of bins that is not known",
            hint="pass the number of bins",
        )
    if np.ndim(bins) == 1:
        return lift_each(a, bins)[1]
    count = operator.index(fixed(bins))
    if count < 1:
        raise ArgumentError(f"histogram: the number of bins must be positive, got {count}")
    (a,) = lift_each(a) if range is None else (a,)
    if range is not None:
        first, last = range
    else:
        first, last = (np.min(a), np.max(a)) if a.size else (0.0, 1.0)
    alike = np.equal(first, last)
    first, last = np.where(alike, first - 0.5, first), np.where(alike, last + 0.5, last)
    return np.linspace(first, last, count + 1)
