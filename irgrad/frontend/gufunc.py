"""`axis=`, `axes=` and `keepdims=` of generalized ufuncs, whose core axes are the last ones."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import numpy as np

from irgrad.errors import OptionError
from irgrad.frontend.promote import lift_each

_CORE = re.compile(r"\(([^)]*)\)")


def along_axes(
    ufunc: np.ufunc,
    implementation: Callable[..., Any],
    inputs: tuple[Any, ...],
    axis: Any = None,
    axes: Any = None,
    keepdims: bool = False,
    **unknown: Any,
) -> Any:
    """A generalized ufunc of one result with its core axes where the options say."""
    if unknown:
        raise OptionError(f"{ufunc.__name__}: {', '.join(unknown)}= is not supported")
    if axis is None and axes is None and not keepdims:
        return implementation(*inputs)
    cores = [core.split(",") if core else [] for core in _CORE.findall(ufunc.signature or "")]
    if axis is not None:
        axes = [axis if core else () for core in cores]
    elif axes is None:
        axes = [tuple(range(-len(core), 0)) for core in cores]
    elif len(axes) == len(inputs) and not cores[-1]:
        axes = [*axes, ()]
    places = [(each,) if isinstance(each, int) else tuple(each) for each in axes]
    if [len(place) for place in places] != [len(core) for core in cores]:
        raise OptionError(f"{ufunc.__name__}: axes={axes} does not fit {ufunc.signature}")
    moved = [
        np.moveaxis(x, place, range(-len(place), 0))
        for x, place in zip(lift_each(*inputs), places, strict=False)
    ]
    result = implementation(*moved)
    if keepdims:
        if cores[-1]:
            raise OptionError(f"{ufunc.__name__} does not support keepdims=")
        return np.expand_dims(result, places[0])
    return np.moveaxis(result, range(-len(places[-1]), 0), places[-1])
