"""Names that are told apart by numbers."""

from __future__ import annotations

from collections.abc import Iterable


def numbered(names: Iterable[str]) -> list[str]:
    """`names`, with a number behind each that stood before.

    >>> numbered(["x", "x", "x_2", "x"])
    ['x', 'x_2', 'x_2_2', 'x_3']
    """
    found: dict[str, None] = {}
    for name in names:
        unique, count = name, 1
        while unique in found:
            count += 1
            unique = f"{name}_{count}"
        found[unique] = None
    return list(found)
