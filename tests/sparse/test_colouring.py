"""Colourings: no two columns of a colour meet; star colourings read every entry."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import scipy.sparse as sp

from irgrad.autodiff import colouring as module
from irgrad.autodiff.colouring import columns_apart, readable, star


def random_pattern(seed: int) -> Any:
    rng = np.random.default_rng(seed)
    rows, columns = rng.integers(0, 16, 2)
    return rng.random((rows, columns)) < rng.choice([0.0, 0.1, 0.3, 0.9])


@pytest.mark.parametrize("seed", range(60))
@pytest.mark.parametrize("most", [0, module.MOST_MEETINGS])
def test_columns_of_a_colour_meet_in_no_row(
    seed: int, most: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "MOST_MEETINGS", most)
    pattern = random_pattern(seed)
    colours, number = columns_apart(sp.csr_array(pattern))
    assert colours.shape == (pattern.shape[1],)
    assert set(colours) == set(range(number))
    for colour in range(number):
        assert pattern[:, colours == colour].sum(axis=1).max(initial=0) <= 1


@pytest.mark.parametrize("seed", range(100))
def test_star_colourings_read_every_entry(seed: int) -> None:
    rng = np.random.default_rng(seed)
    size = int(rng.integers(1, 18))
    pattern = rng.random((size, size)) < rng.choice([0.05, 0.2, 0.5])
    pattern = pattern | pattern.T | np.eye(size, dtype=bool)
    sparse = sp.csr_array(pattern)
    found = star(sparse)
    half = rng.random((size, size)) * pattern
    symmetric = half + half.T
    products = np.eye(found.number)[found.colours].T @ symmetric
    colour, row = readable(sparse, found)
    rows = np.repeat(np.arange(size), np.diff(sparse.indptr))
    np.testing.assert_allclose(products[colour, row], symmetric[rows, sparse.indices])


def test_a_tridiagonal_hessian_needs_three_colours_at_most() -> None:
    pattern = sp.diags_array([np.ones(9), np.ones(10), np.ones(9)], offsets=[-1, 0, 1])
    assert star(sp.csr_array(pattern.astype(bool))).number <= 3


def test_an_arrow_needs_two() -> None:
    first = np.arange(50) == 0
    arrow = sp.csr_array(np.eye(50, dtype=bool) | first | first[:, None])
    assert star(arrow).number == 2
