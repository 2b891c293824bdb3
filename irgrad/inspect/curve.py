"""Pictures of a sequence of numbers, such as the values along a descent: text, and SVG."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from irgrad.inspect.theme import INK, LINE, ROOT, themed
from irgrad.ir.op import Array


def _heights(values: Array) -> tuple[Array, bool]:
    """What to draw: logarithms where all is positive and spans more than two decades."""
    finite = values[np.isfinite(values)]
    spans = finite.size > 0 and finite.min() > 0 and finite.max() > 100 * finite.min()
    with np.errstate(all="ignore"):
        return (np.log10(values), True) if spans else (values, False)


def curve_text(values: Sequence[float] | Array, rows: int = 10, columns: int = 60) -> str:
    """The values against their number, for a terminal; logarithmic where they span decades.

    >>> print(curve_text([4.0, 2.0, 1.0, 0.5], rows=3))
    4         *
    .          *
    0.5         **
    """
    all_values = np.asarray(values, float)
    heights, _ = _heights(all_values)
    columns = min(columns, heights.size)
    places = np.arange(columns) * heights.size // max(columns, 1)
    shown = heights[places]
    finite = shown[np.isfinite(shown)]
    low, high = (finite.min(), finite.max()) if finite.size else (0.0, 0.0)
    span = (high - low) or 1.0
    canvas = [[" "] * columns for _ in range(rows)]
    for column, height in enumerate(shown):
        if np.isfinite(height):
            canvas[round((high - height) / span * (rows - 1))][column] = "*"
    ends = all_values[np.isfinite(all_values)]
    labels = {0: f"{ends.max():.3g}", rows - 1: f"{ends.min():.3g}"} if ends.size else {}
    return "\n".join(
        f"{labels.get(row, '.'):<10}{''.join(line)}".rstrip() for row, line in enumerate(canvas)
    )


def curve_svg(values: Sequence[float] | Array, title: str = "") -> str:
    """The values against their number as an SVG picture; logarithmic where they span decades."""
    all_values = np.asarray(values, float)
    heights, logarithmic = _heights(all_values)
    places = np.flatnonzero(np.isfinite(heights))
    shown = heights[places]
    low, high = (shown.min(), shown.max()) if shown.size else (0.0, 0.0)
    span = (high - low) or 1.0
    x = 60 + 430 * places / max(heights.size - 1, 1)
    y = 20 + 230 * (high - shown) / span
    points = " ".join(f"{a:.1f},{b:.1f}" for a, b in zip(x, y, strict=True))
    ends = [10**height if logarithmic else height for height in (high, low)]
    words = f'font-family="sans-serif" font-size="11" style="{themed("fill", INK)}"'
    return (
        '<svg xmlns="http://www.w3.org/2000/svg" class="irgrad" viewBox="0 0 510 290" width="510">'
        f'<style>{ROOT}</style><path d="M60,20V250H490" fill="none" stroke="#999"/>'
        f'<polyline points="{points}" fill="none" stroke-width="1.5" '
        f'style="{themed("stroke", LINE)}"/>'
        f'<text x="4" y="24" {words}>{ends[0]:.3g}</text>'
        f'<text x="4" y="254" {words}>{ends[1]:.3g}</text>'
        f'<text x="60" y="275" {words}>0</text>'
        f'<text x="490" y="275" text-anchor="end" {words}>{max(heights.size - 1, 0)}</text>'
        f'<text x="275" y="275" text-anchor="middle" {words}>{title}</text></svg>'
    )
