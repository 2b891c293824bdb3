"""`np.pad` but for odd reflection. Axes are padded in order, so later ones set the corners."""

from __future__ import annotations

import difflib
from collections.abc import Sequence
from typing import Any

import numpy as np

from irgrad.errors import ArgumentError, ShapeError, UnsupportedError
from irgrad.frontend.numpy_api.joining import joined
from irgrad.frontend.pick import constant, pick
from irgrad.frontend.promote import lift_each
from irgrad.frontend.registry import implements
from irgrad.frontend.sharing import copies
from irgrad.ops.cast import astype
from irgrad.ops.linear import broadcast_to, reshape
from irgrad.ops.shape import pad as pad_zeros
from irgrad.ops.shape import slice_axis

INDEXED = ("edge", "reflect", "symmetric", "wrap")
STATISTICS = {"maximum": np.max, "minimum": np.min, "mean": np.mean, "median": np.median}
KEYWORDS = {
    "constant": "constant_values",
    "linear_ramp": "end_values",
    "reflect": "reflect_type",
    "symmetric": "reflect_type",
    **dict.fromkeys(STATISTICS, "stat_length"),
}

MODES = ("constant", "empty", "linear_ramp", *INDEXED, *STATISTICS)


@implements(np.pad)
@copies
def pad(array: Any, pad_width: Any, mode: str = "constant", **kwargs: Any) -> Any:
    """`np.pad`."""
    (x,) = lift_each(array)
    widths = widths_of(pad_width, x.ndim)
    _check(mode, kwargs)
    option = kwargs.get(KEYWORDS.get(mode, ""))
    if mode in ("constant", "empty"):
        return pad_constant(x, widths, pairs(0 if option is None else option, x.ndim))
    for axis, (before, after) in enumerate(widths):
        if not x.shape[axis] and (before or after):
            raise ShapeError(
                f"pad: empty axis {axis} cannot be extended in mode '{mode}'",
                hint="use mode 'constant'",
            )
    if mode in INDEXED:
        return pad_indexed(x, widths, mode)
    rule = _ramp if mode == "linear_ramp" else _statistic
    options = pairs(0 if option is None and mode == "linear_ramp" else option, x.ndim)
    for axis, (width, given) in enumerate(zip(widths, options, strict=True)):
        parts = [rule(x, axis, side, width[side], given[side], mode) for side in (0, 1)]
        x = joined([parts[0], x, parts[1]], axis, "pad") if any(width) else x
    return x


def pad_constant(
    x: Any, widths: Sequence[tuple[int, int]], values: Sequence[tuple[Any, Any]]
) -> Any:
    """Pad with given values; where all are zero, with one op."""
    if all(isinstance(value, (int, float)) and value == 0 for pair in values for value in pair):
        return pad_zeros(x, [before for before, _ in widths], [after for _, after in widths])
    for axis, (width, pair) in enumerate(zip(widths, values, strict=True)):
        sides = [_filled(x, axis, extent, value) for extent, value in zip(width, pair, strict=True)]
        x = joined([sides[0], x, sides[1]], axis, "pad") if any(width) else x
    return x


def pad_indexed(x: Any, widths: Sequence[tuple[int, int]], mode: Any) -> Any:
    """Pad by elements of `x`: NumPy's own padding of the indices says which."""
    for axis, width in enumerate(widths):
        if any(width):
            x = pick(x, axis, np.pad(np.arange(x.shape[axis]), width, mode=mode))
    return x


def widths_of(pad_width: Any, ndim: int) -> list[tuple[int, int]]:
    """The widths before and after, for each axis."""
    if isinstance(pad_width, dict):
        listed: list[Any] = [(0, 0)] * ndim
        for axis, width in pad_width.items():
            listed[axis] = width if isinstance(width, tuple) else (width, width)
        pad_width = listed
    given = np.asarray(pad_width)
    if given.dtype.kind not in "iu":
        raise ArgumentError("pad: pad_width must be of integral type")
    widths = [(int(before), int(after)) for before, after in pairs(given.tolist(), ndim)]
    if min((extent for pair in widths for extent in pair), default=0) < 0:
        raise ShapeError("pad: widths must not be negative")
    return widths


def pairs(given: Any, ndim: int) -> list[tuple[Any, Any]]:
    """A value, a (before, after), or one pair for each axis, as a pair for each axis."""
    rows = given if isinstance(given, (list, tuple)) else [given]
    if len(rows) == 2 and not any(isinstance(row, (list, tuple)) for row in rows):
        rows = [rows]
    expanded = [_pair(row) for row in rows]
    if len(expanded) == 1:
        expanded *= ndim
    if len(expanded) != ndim:
        raise ShapeError(f"pad: {len(rows)} entries given for {ndim} axes")
    return expanded


def _pair(row: Any) -> tuple[Any, Any]:
    if not isinstance(row, (list, tuple)):
        return (row, row)
    if len(row) not in (1, 2):
        raise ShapeError(f"pad: expected (before, after), got {row!r}")
    return (row[0], row[-1])


def _check(mode: Any, kwargs: dict[str, Any]) -> None:
    if callable(mode):
        raise UnsupportedError("pad with a function as mode is not supported on traced values")
    if mode not in MODES:
        close = difflib.get_close_matches(str(mode), MODES, n=1)
        raise ArgumentError(
            f"pad: mode {mode!r} is none of {', '.join(MODES)}",
            hint=f"did you mean '{close[0]}'?" if close else "",
        )
    unknown = set(kwargs) - {KEYWORDS.get(mode)}
    if unknown:
        raise ArgumentError(f"pad: mode '{mode}' does not take {', '.join(sorted(unknown))}")
    if kwargs.get("reflect_type", "even") != "even":
        raise UnsupportedError(
            "pad: odd reflection is not supported on traced values",
            hint="2 * edge - np.pad(x, n, 'reflect') gives the padded parts",
        )


def _filled(x: Any, axis: int, extent: int, value: Any) -> Any:
    shape = (*x.shape[:axis], extent, *x.shape[axis + 1 :])
    (one, _) = lift_each(value, x)
    return broadcast_to(astype(one, x.dtype), shape)


def _edge(x: Any, axis: int, side: int) -> Any:
    place = (x.shape[axis] - 1) * side
    return slice_axis(x, axis, place, place + 1)


def _ramp(x: Any, axis: int, side: int, width: int, end: Any, mode: str) -> Any:
    """From the edge towards `end`, which the outermost element has."""
    if x.dtype.kind not in "fc":
        raise UnsupportedError(
            f"pad: linear_ramp of {x.dtype} rounds in NumPy and is not supported on traced values",
            hint="convert with .astype(np.float64) first",
        )
    edge = _edge(x, axis, side)
    weight = np.arange(width, dtype=x.dtype) / max(width, 1)
    shape = [1] * x.ndim
    shape[axis] = width
    ramp = reshape(constant(x, weight.astype(x.dtype)[:: -1 if side else 1]), shape)
    (target, _) = lift_each(end, x)
    target = astype(target, x.dtype)
    return target + (edge - target) * ramp


def _statistic(x: Any, axis: int, side: int, width: int, length: int | None, mode: str) -> Any:
    """The maximum, minimum, mean or median of the `length` elements next to that side."""
    extent = x.shape[axis]
    count = extent if length is None else min(int(length), extent)
    if count <= 0:
        raise ShapeError("pad: stat_length must be positive")
    start = (extent - count) * side
    value = STATISTICS[mode](slice_axis(x, axis, start, start + count), axis=axis, keepdims=True)
    if x.dtype.kind in "iu":
        value = np.rint(value) if value.dtype.kind == "f" else value
    return broadcast_to(astype(value, x.dtype), (*x.shape[:axis], width, *x.shape[axis + 1 :]))
