"""Arrays whose extent changes in a branch or loop, as of `x = x[mask]`: before it they are arrays
of as many elements as there are at most, of which all count."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from irgrad.frontend.bounded import Bounded, Bounds
from irgrad.frontend.capture.parts import now
from irgrad.frontend.integers import limit
from irgrad.frontend.masked import Selection, packed
from irgrad.frontend.pytree import flatten, unflatten
from irgrad.frontend.tracer import Tracer


def side_by_side(tree: Any) -> Any:
    """What masks select in a tree, as arrays by themselves."""
    leaves, structure = flatten(tree)
    if not any(isinstance(leaf, Selection) for leaf in leaves):
        return tree
    return unflatten(structure, [packed(leaf) for leaf in leaves])


def widened(x: Any, other: Any) -> Any:
    """An array as one whose bounds are those of `other` where these are known, if that has bounds
    that are not, and is of the same size at most; else as it is.
    """
    x = side_by_side(x) if isinstance(other, Bounded) else x
    if not isinstance(other, Bounded) or not isinstance(x, (Tracer, np.ndarray)):
        return x
    if x.shape != now(other.base).shape:
        return x
    cuts = {
        axis: Bounds(*map(_like, cut, (0, x.shape[axis])))
        for axis, cut in other.cuts.items()
    }  # fmt: skip
    return Bounded(x, cuts)


def _like(bound: Any, known: int) -> Any:
    return known if type(bound) is int and bound == known else np.int64(known)


def alike(values: Sequence[Any]) -> list[Any]:
    """What branches give for one variable, those with known extents as the others."""
    cut = next((x for x in values if isinstance(x, Bounded)), None)
    return [widened(x, cut) for x in values]


def limited(x: Any) -> None:
    """Remember what is known of the bounds of an array that is carried or chosen."""
    if isinstance(x, Bounded):
        shape = now(x.base).shape
        for axis, cut in x.cuts.items():
            for bound in cut.traced:
                limit(bound, 0, shape[axis])
