"""The true places of a mask that is known only when the program runs: an array of a traced extent.

They lie from the place 0 on, in C order: the k-th true place goes to k, which a running count of
the true ones before it says."""

from __future__ import annotations

from typing import Any

import numpy as np

from irgrad.frontend.bounded import Bounded, Bounds, places
from irgrad.frontend.integers import limit
from irgrad.ir.types import I64
from irgrad.ops.cast import astype
from irgrad.ops.index import gather, scatter_add
from irgrad.ops.linear import reshape


def true_count(mask: Any) -> Any:
    """How many places of a traced mask are true, a traced integer."""
    count = np.sum(mask)
    limit(count, 0, mask.size)
    return count


def _ranks(flat: Any) -> Any:
    """How many true places lie before each true one."""
    return np.cumsum(astype(flat, I64)) - 1


def ranks(mask: Any) -> Any:
    """For each place of a traced mask how many true ones lie before it, 0 where it is false."""
    return np.where(mask, reshape(_ranks(reshape(mask, (mask.size,))), mask.shape), 0)


def true_places(mask: Any) -> Bounded:
    """`np.flatnonzero` of a traced mask."""
    extent = mask.size
    flat = reshape(mask, (extent,))
    targets = np.where(flat, _ranks(flat), 0)  # what is added at 0 for false places is 0
    found = scatter_add(np.where(flat, places(flat, extent), 0), (0,), (extent,), [targets])
    return Bounded(found, {-1: Bounds(0, true_count(mask))})


def compacted(whole: Any, mask: Any) -> Bounded:
    """`whole[mask]` for a traced mask of the leading axes."""
    found = true_places(mask)
    rows = reshape(whole, (mask.size, *whole.shape[mask.ndim :]))
    return Bounded(gather(rows, (0,), [found.base]), {-rows.ndim: found.cuts[-1]})


def spread(chosen: Any, mask: Any) -> Any:
    """For each place of a traced mask, where its element is in `chosen`, an array that has as many
    rows as there are true places; the program stops where it has another number of them.
    """
    cut = chosen.cut(0) if isinstance(chosen, Bounded) else None
    low, extent = (0, len(chosen)) if cut is None else (cut.low, cut.extent)
    beyond = (chosen.base.shape[0] if isinstance(chosen, Bounded) else extent) + 1
    count = true_count(mask)
    rank = reshape(_ranks(reshape(mask, (mask.size,))), mask.shape)
    at = np.where(mask, rank + low, 0)
    return at + np.where(np.equal(count, extent), 0, beyond)
