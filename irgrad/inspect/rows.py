"""A wide picture cut into rows, as a line of text or a line of music is: what leaves a row at the
right goes on at the left of the next.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

_PAD, _GAP, _CAPTION = 12.0, 22.0, 18.0
_HIGHEST = 2.2
"""The height of a row, in units of its width, up to which it is one."""
_ROOM = 0.7
"""The part of the width for what lies between two cuts; boxes that a cut meets, and what stands at
the sides of a row, need the rest."""
_SIDE = 28.0
"""The least room between a box and the side of its row: lines have to bend there."""


class Piece(NamedTuple):
    """Some SVG text, the frame that it fills, and the row in which it stands."""

    left: float
    top: float
    right: float
    bottom: float
    text: str
    row: int = 0

    @property
    def frame(self) -> tuple[float, float, float, float]:
        """Left, top, right, bottom."""
        return self[:4]


class Rows:
    """The rows of a picture: one up to a width of `widest`, else several of about the same width. A
    picture that is high as well stays one sheet.

    >>> rows = Rows(300.0, 20.0, widest=250.0)
    >>> rows.count, rows.row(10.0), rows.row(299.0), rows.cut(0)
    (2, 0, 1, 150.0)
    """

    def __init__(self, width: float, height: float, widest: float) -> None:
        whole = width <= widest or height > _HIGHEST * widest
        self.count = 1 if whole else math.ceil(width / (_ROOM * widest))
        self.width, self.height = width, height

    def row(self, x: float) -> int:
        """The row of what stands at `x`."""
        return min(max(int(x * self.count / self.width), 0), self.count - 1)

    def cut(self, row: int) -> float:
        """The place of the cut between a row and the next."""
        return (row + 1) * self.width / self.count

    def sides(self, pieces: Sequence[Piece]) -> list[tuple[float, float]]:
        """The left and the right side of each row, with all its pieces between."""
        found: list[tuple[float, float]] = []
        for row in range(self.count):
            held = [piece for piece in pieces if piece.row == row]
            left = min([self.cut(row - 1), *(piece.left - _SIDE for piece in held)])
            right = max([self.cut(row), *(piece.right + _SIDE for piece in held)])
            found.append((left, right))
        return found

    def sheet(self, pieces: Sequence[Piece]) -> tuple[str, float, float]:
        """The SVG text of all pieces, one row below the other, and its size.

        >>> a, b = Piece(0, 0, 9, 9, "<a/>", 0), Piece(290, 0, 299, 9, "<b/>", 1)
        >>> Rows(300.0, 20.0, widest=500.0).sheet([a, b])
        ('<a/><b/>', 300.0, 20.0)
        >>> Rows(300.0, 20.0, widest=250.0).sheet([a, b])[0].count("</svg>")
        2
        """
        if self.count == 1:
            return "".join(piece.text for piece in pieces), self.width, self.height
        parts: list[str] = []
        top = widest = 0.0
        for row in range(self.count):
            held = [piece for piece in pieces if piece.row == row]
            left = min((piece.left for piece in held), default=0.0) - _PAD
            right = max((piece.right for piece in held), default=0.0) + _PAD
            high = min((piece.top for piece in held), default=0.0) - _PAD
            low = max((piece.bottom for piece in held), default=0.0) + _PAD
            parts.append(
                f'<text class="pale row" x="{_PAD:g}" y="{top + _CAPTION - 5:.1f}">'
                f"{row + 1} of {self.count}</text>"
                f'<svg x="0" y="{top + _CAPTION:.1f}" width="{right - left:.1f}" '
                f'height="{low - high:.1f}" viewBox="{left:.1f} {high:.1f} {right - left:.1f} '
                f'{low - high:.1f}">{"".join(piece.text for piece in held)}</svg>'
            )
            top += _CAPTION + low - high + _GAP
            widest = max(widest, right - left)
        return "".join(parts), widest, top - _GAP


__all__ = ["Piece", "Rows"]
