"""Colourings: which columns (or rows) of a sparse matrix can share one directional derivative.

Columns of one colour meet in no row, so that the product of the Jacobian with the sum of their unit
vectors has each of their entries by itself (Curtis, Powell, Reid 1974). Of a symmetric matrix a
star colouring needs fewer: an entry can be read at its place or at its mirror image (Coleman, More
1984). See Gebremedhin, Manne, Pothen, *What color is your Jacobian?* (2005).

Greedy colouring is done on the matrix itself: each row holds the colours seen in it as bits of an
int. That takes 0.3 s for the 10^5 columns of a mesh, where the graph of the 1.4 million pairs of
columns that meet takes NetworkX 4 s. Up to `MOST_MEETINGS` of them `networkx.greedy_color` tries
further orders, and the best colouring is taken."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

import numpy as np
import scipy.sparse as sp

from irgrad.ir.op import Array

MOST_MEETINGS = 60_000
STRATEGIES = ("largest_first", "smallest_last")


class Colouring(NamedTuple):
    """A colour for each column (or row), and how many there are."""

    colours: Array
    number: int


def columns_apart(pattern: Any) -> Colouring:
    """Colours of the columns of a boolean sparse matrix such that no two of one colour have an
    entry in one row.

    >>> columns_apart(sp.eye_array(5, dtype=bool, format="csr")).number
    1
    """
    by_column = _csc(pattern)
    least = int(np.diff(_csr(pattern).indptr).max(initial=0))
    best = _greedy(by_column, range(by_column.shape[1]))
    if best.number > least:
        sizes = np.diff(by_column.indptr)
        best = min(best, _greedy(by_column, np.argsort(-sizes, kind="stable")), key=_number)
    if best.number <= least:
        return best
    meetings = int((np.diff(_csr(pattern).indptr).astype(np.int64) ** 2).sum())
    if meetings > MOST_MEETINGS:
        return best
    return min([best, *_by_networkx(by_column)], key=_number)


def _csr(pattern: Any) -> Any:
    return sp.csr_array(pattern)


def _csc(pattern: Any) -> Any:
    return sp.csc_array(pattern)


def _number(colouring: Colouring) -> int:
    return colouring.number


def _by_networkx(by_column: Any) -> Iterable[Colouring]:
    """Greedy colourings of the graph of columns that meet."""
    import networkx as nx

    wide = by_column.astype(np.int32)
    meets = sp.triu(wide.T @ wide, k=1)
    graph: nx.Graph[int] = nx.Graph()
    graph.add_nodes_from(range(by_column.shape[1]))
    graph.add_edges_from(zip(meets.row.tolist(), meets.col.tolist(), strict=True))
    for strategy in STRATEGIES:
        found = nx.greedy_color(graph, strategy)
        colours = np.array([found[column] for column in range(by_column.shape[1])], np.int64)
        yield _numbered(colours)


def _numbered(colours: Array) -> Colouring:
    return Colouring(colours, int(colours.max(initial=-1)) + 1)


def _greedy(by_column: Any, order: Iterable[int]) -> Colouring:
    """Each column in `order` gets the first colour that none of its rows has seen."""
    starts, rows = by_column.indptr.tolist(), by_column.indices.tolist()
    seen = [0] * by_column.shape[0]
    colours = np.zeros(by_column.shape[1], np.int64)
    for column in order:
        own = rows[starts[column] : starts[column + 1]]
        taken = 0
        for row in own:
            taken |= seen[row]
        bit = ~taken & (taken + 1)
        colours[column] = bit.bit_length() - 1
        for row in own:
            seen[row] |= bit
    return _numbered(colours)


def star(pattern: Any) -> Colouring:
    """A star colouring of a symmetric pattern: neighbours differ, and no path of four columns has
    only two colours.

    >>> first = np.arange(6) == 0
    >>> arrow = sp.csr_array(np.eye(6, dtype=bool) | first | first[:, None])
    >>> star(arrow).number, columns_apart(arrow).number
    (2, 6)
    """
    matrix = _csr(pattern)
    orders = [np.argsort(-np.diff(matrix.indptr), kind="stable"), np.arange(matrix.shape[0])]
    return min((_greedy_star(matrix, order) for order in orders), key=_number)


def _greedy_star(matrix: Any, order: Sequence[int] | Array) -> Colouring:
    """Greedy star colouring (Gebremedhin et al. 2005, algorithm 4.1), with sets of colours as bits:
    `around[w]` are the colours of the neighbours of w, `twice[w]` those of two or more of them.
    """
    starts, columns = (x.tolist() for x in (matrix.indptr, matrix.indices))
    size = matrix.shape[0]
    bits = [0] * size
    around, twice, closed = [0] * size, [0] * size, [0] * size
    for v in map(int, order):
        neighbours = [w for w in columns[starts[v] : starts[v + 1]] if w != v]
        taken = 0
        for w in neighbours:
            # beside a coloured w: its colour, and those that would close a path v, w, x, y;
            # across an uncoloured one: all of its neighbours', so that it never lies inside one
            taken |= bits[w] | closed[w] if bits[w] else around[w]
        bit = bits[v] = ~taken & (taken + 1)
        for w in neighbours:
            if around[w] & bit and not twice[w] & bit:
                twice[w] |= bit
                _close(w, bit, bits, closed, columns[starts[w] : starts[w + 1]])
            elif around[w] & bit:
                closed[v] |= bits[w]
            around[w] |= bit
            if bits[w] & twice[v]:
                closed[w] |= bit
    return _numbered(np.array([bit.bit_length() - 1 for bit in bits], np.int64))


def _close(w: int, bit: int, bits: list[int], closed: list[int], neighbours: list[int]) -> None:
    """Neighbours y of w that share the colour `bit`: no further neighbour of y may have the colour
    of w.
    """
    for y in neighbours:
        if bits[y] == bit:
            closed[y] |= bits[w]


def readable(pattern: Any, colouring: Colouring) -> tuple[Array, Array]:
    """For each entry (i, j) of a star-coloured symmetric pattern, in CSR order: the colour and the
    row at which the product with the sums of unit vectors has it.

    It stands at (i, colour of j) where j alone of that colour meets row i, else at the mirror
    image.
    """
    matrix = _csr(pattern)
    rows = np.repeat(np.arange(matrix.shape[0]), np.diff(matrix.indptr))
    columns = matrix.indices
    colours = colouring.colours
    keys = rows * colouring.number + colours[columns]
    _, inverse, counts = np.unique(keys, return_inverse=True, return_counts=True)
    alone = counts[inverse.reshape(-1)] == 1
    return np.where(alone, colours[columns], colours[rows]), np.where(alone, rows, columns)
