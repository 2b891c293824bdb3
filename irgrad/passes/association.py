"""The best order of a product of several operands: dynamic programming over subsets."""

from __future__ import annotations

from functools import cache, lru_cache
from itertools import combinations
from math import prod


@lru_cache(maxsize=4096)
def best_association(
    groups: tuple[str, ...], result: str, extents: tuple[tuple[str, int], ...]
) -> tuple[object, int]:
    """A binary tree over the operands (ints and pairs) with the fewest multiplications, and their
    number.

    `groups` are the letters of the operands, `extents` the extent of each letter. A product of two
    subsets costs the product of the extents of all letters that occur in either.

    >>> best_association(("ij", "jk", "k"), "i", (("i", 9), ("j", 8), ("k", 7)))
    ((0, (1, 2)), 128)
    """
    extent = dict(extents)
    everything = (1 << len(groups)) - 1

    @cache
    def letters(subset: int) -> frozenset[str]:
        """The letters of a subset's product: those that occur outside of it too."""
        inside = {c for i, group in enumerate(groups) if subset >> i & 1 for c in group}
        outside = {c for i, group in enumerate(groups) if not subset >> i & 1 for c in group}
        return frozenset(inside & (outside | set(result)))

    best: dict[int, tuple[int, object]] = {1 << i: (0, i) for i in range(len(groups))}
    for size in range(2, len(groups) + 1):
        for chosen in combinations(range(len(groups)), size):
            subset = sum(1 << i for i in chosen)
            best[subset] = min(
                (
                    (
                        cost(best, part, subset ^ part, letters, extent),
                        (best[part][1], best[subset ^ part][1]),
                    )
                    for part in _halves(subset)
                ),
                key=lambda found: found[0],
            )
    total, tree = best[everything]
    return tree, total


def cost(
    best: dict[int, tuple[int, object]],
    left: int,
    right: int,
    letters: object,
    extent: dict[str, int],
) -> int:
    """Multiplications of two subsets' products and of the product of both."""
    occurring = letters(left) | letters(right)  # pyright: ignore[reportCallIssue]
    return best[left][0] + best[right][0] + prod(extent[c] for c in occurring)


def _halves(subset: int) -> list[int]:
    """The proper subsets that hold the lowest member: each split once."""
    lowest = subset & -subset
    rest = subset ^ lowest
    part, found = rest, []
    while part:
        part = (part - 1) & rest
        found.append(part | lowest)
    return found
