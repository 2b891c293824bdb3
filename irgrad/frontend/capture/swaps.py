"""Arrays that a branch exchanges among its variables: `if c: a, b = b, a`.

Each variable names one of two arrays then, which one is known only when the program runs. Were it a
handle on one of them, a second exchange would give handles on handles, and their number would be a
power of that of the exchanges. So it is the other way round: the variables name new arrays that
have the numbers chosen, and the handles from before, which nobody may name any more, are those that
show one of them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from irgrad.frontend.capture.inner import step_of_loop
from irgrad.frontend.tracer import Tracer
from irgrad.frontend.view import OneOf, keep_for_names
from irgrad.ir.builder import CURRENT


class Chosen(NamedTuple):
    """A handle that a variable has after a branch, on what it names after the one or the other."""

    other: Any
    then: Any
    made: Any


def settle(pairs: Sequence[Chosen | None], selector: Any) -> None:
    """Turn handles and arrays round where the branches give the same arrays to the same number of
    variables, and nothing else may name these.
    """
    here = CURRENT.get()
    assert here is not None
    chosen = [pair for pair in pairs if pair]
    by_other, by_then = ({id(pair[k]): pair for pair in chosen} for k in (0, 1))
    arrays = [pair.other for pair in chosen]
    if (
        not chosen
        or len(chosen) < len(pairs)
        or by_other.keys() != by_then.keys()
        or len(by_other) < len(chosen)
    ):
        return
    step = step_of_loop(here)
    own = [array.owner is here for array in arrays]
    if any(array.window is not None for array in arrays) or not (step or all(own)):
        return
    keep_for_names(*arrays)
    for pair in chosen:
        pair.made.window = None
    opposite = np.logical_not(selector)
    for array, is_own in zip(arrays, own, strict=True):
        if not is_own:
            step.lend(array)
        base = Tracer(here, here.lift(array))
        arms = [(selector, by_then[id(array)].made), (opposite, by_other[id(array)].made)]
        array.window = OneOf(base, arms, holds=True)


__all__ = ["Chosen", "settle"]
