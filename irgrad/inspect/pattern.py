"""Pictures of sparsity patterns: SVG, and text for a terminal.

Large matrices are shown by blocks: the darker, the more of a block's entries are there."""

from __future__ import annotations

from typing import Any

import numpy as np
import scipy.sparse as sp

from irgrad.inspect.theme import INK, ROOT, themed
from irgrad.ir.op import Array

SHADES = " .:oO@"
"""For text: from no entry in a block to all of them."""


def density(pattern: Any, rows: int, columns: int) -> Array:
    """The matrix in at most rows x columns blocks: which part of each block's entries is there."""
    height, width = pattern.shape
    rows, columns = min(rows, height), min(columns, width)
    if not height or not width:
        return np.zeros((rows, columns))
    entries = sp.coo_array(pattern)
    down, across = entries.row * rows // height, entries.col * columns // width
    counts = np.zeros((rows, columns))
    np.add.at(counts, (down, across), 1)
    own = [
        np.bincount(np.arange(n) * k // n, minlength=k)
        for n, k in ((height, rows), (width, columns))
    ]
    return counts / np.multiply.outer(*own)


def pattern_text(pattern: Any, rows: int = 32, columns: int = 64) -> str:
    """The pattern for a terminal, framed.

    >>> print(pattern_text(sp.eye_array(3, dtype=bool)))
    +---+
    |@  |
    | @ |
    |  @|
    +---+
    """
    blocks = density(pattern, rows, columns)
    shades = np.ceil(blocks * (len(SHADES) - 1)).astype(int)
    edge = f"+{'-' * blocks.shape[1]}+"
    lines = ["|" + "".join(SHADES[shade] for shade in row) + "|" for row in shades]
    return "\n".join([edge, *lines, edge])


def pattern_svg(pattern: Any, colours: Array | None = None, by_row: bool = False) -> str:
    """The pattern as an SVG picture, each column (or row) in the hue of its colour."""
    height, width = pattern.shape
    blocks = density(pattern, 256, 256)
    down, across = np.nonzero(blocks)
    scale = 512 / max(*blocks.shape, 1)
    size = max(scale, 1.0)
    cells: list[str] = []
    for i, j in zip(down.tolist(), across.tolist(), strict=True):
        fill = (
            f"hsl({_hue(i, j, blocks, pattern.shape, colours, by_row)},60%,40%)"
            if colours is not None
            else "currentColor"
        )
        opacity = 0.25 + 0.75 * blocks[i, j]
        cells.append(
            f'<rect x="{j * scale:.1f}" y="{i * scale:.1f}" width="{size:.1f}" '
            f'height="{size:.1f}" fill="{fill}" fill-opacity="{opacity:.2f}"/>'
        )
    box = f"0 0 {blocks.shape[1] * scale:.1f} {blocks.shape[0] * scale:.1f}"
    title = f"{height} x {width}, {pattern.nnz} entries"
    frame = f'<style>{ROOT}</style><rect width="100%" height="100%" fill="none" stroke="#999"/>'
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" class="irgrad" viewBox="{box}" width="512" '
        f'style="{themed("color", INK)}">'
        f"<title>{title}</title>{frame}{''.join(cells)}</svg>"
    )


def _hue(
    i: int, j: int, blocks: Array, shape: tuple[int, int], colours: Array, by_row: bool
) -> int:
    """The hue of a block: that of its first row or column, hues of near colours far apart."""
    place = i * shape[0] // blocks.shape[0] if by_row else j * shape[1] // blocks.shape[1]
    return int(colours[place] * 137.5) % 360
