"""A wide picture cut into rows, as a line of text or a line of music is: what runs off a row at the
right goes on at the left of the next, at the same height.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import NamedTuple

_PAD, _GAP, _CAPTION = 12.0, 22.0, 18.0
_HIGHEST = 2.2
"""The height of a row, in units of its width, up to which it is one."""
_ROOM = 0.9
"""The part of the width for what lies between two cuts; boxes that a cut meets need the rest."""


class Piece(NamedTuple):
    """Some SVG text and the frame that it fills. What has a `place` stands in the row there and is
    never cut; the rest, the lines, is drawn in every row that it passes.
    """

    left: float
    top: float
    right: float
    bottom: float
    text: str
    place: float | None = None


def in_rows(
    pieces: Sequence[Piece], width: float, height: float, widest: float
) -> tuple[str, float, float]:
    """The SVG text of all pieces, and its size: as it is up to a width of `widest`, else in rows of
    about the same width. A picture that is high as well stays one sheet.

    >>> line = Piece(0.0, 0.0, 300.0, 1.0, "<path/>")
    >>> in_rows([line], 300.0, 20.0, widest=500.0)
    ('<path/>', 300.0, 20.0)
    >>> in_rows([line], 300.0, 20.0, widest=200.0)[0].count("<path/>")
    2
    """
    count = math.ceil(width / (_ROOM * widest))
    if width <= widest or height > _HIGHEST * widest:
        return "".join(piece.text for piece in pieces), width, height
    span = width / count
    held: list[list[Piece]] = [[] for _ in range(count)]
    for piece in pieces:
        if piece.place is not None:
            held[_row(piece.place, span, count)].append(piece)
    ranges = [
        (
            min([i * span, *(p.left - _PAD for p in row)]),
            max([(i + 1) * span, *(p.right + _PAD for p in row)]),
        )
        for i, row in enumerate(held)
    ]
    parts: list[str] = []
    top = 0.0
    for number, (row, (left, right)) in enumerate(
        zip(_rows(pieces, held, ranges, span), ranges, strict=True), start=1
    ):
        high = min((piece.top for piece in row), default=0.0) - _PAD
        low = max((piece.bottom for piece in row), default=0.0) + _PAD
        parts.append(
            f'<text class="pale row" x="{_PAD:g}" y="{top + _CAPTION - 5:.1f}">'
            f"{number} of {count}</text>"
            f'<svg x="0" y="{top + _CAPTION:.1f}" width="{right - left:.1f}" '
            f'height="{low - high:.1f}" viewBox="{left:.1f} {high:.1f} {right - left:.1f} '
            f'{low - high:.1f}">{"".join(piece.text for piece in row)}</svg>'
        )
        top += _CAPTION + low - high + _GAP
    return "".join(parts), max(right - left for left, right in ranges), top - _GAP


def _rows(
    pieces: Sequence[Piece],
    held: Sequence[Sequence[Piece]],
    ranges: Sequence[tuple[float, float]],
    span: float,
) -> Iterator[list[Piece]]:
    """The pieces of each row: lines first, since all else stands in front of them."""
    lines: list[list[Piece]] = [[] for _ in held]
    for piece in pieces:
        if piece.place is None:
            first = _row(piece.left, span, len(held)) - 1
            last = _row(piece.right, span, len(held)) + 1
            for i in range(max(first, 0), min(last, len(held) - 1) + 1):
                if piece.left < ranges[i][1] and ranges[i][0] < piece.right:
                    lines[i].append(piece)
    for crossing, own in zip(lines, held, strict=True):
        yield [*crossing, *own]


def _row(x: float, span: float, count: int) -> int:
    return min(max(int(x / span), 0), count - 1)


__all__ = ["Piece", "in_rows"]
