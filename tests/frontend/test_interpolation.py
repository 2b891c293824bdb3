"""interp, unwrap and polyval on traced values."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import irgrad
from irgrad.errors import DTypeError, ShapeError
from tests.frontend.against_numpy import Case, check

X = np.array([-1, 0, 0.5, 1, 1.7, 2.5, 3, 4.0])
SMOOTH_X = np.array([[0.3, 1.2], [2.7, -0.5]])
XP, FP = np.array([0, 1.0, 2, 3]), np.array([1.0, 3, 2, 5])
PHASES = np.array([[0, 3.0, 6.5, 1, -7], [1, 2, 3, 9, 10.0]])
CASES: dict[str, Case] = {
    "interp": Case(np.interp, (SMOOTH_X, XP, FP)),
    "interp at the points": Case(np.interp, (X, XP, FP), False),
    "interp beyond": Case(lambda x: np.interp(x, XP, FP, left=-7, right=9), (X,), False),
    "interp of complex": Case(lambda x: np.interp(x, XP, FP * 1j), (SMOOTH_X,)),
    "interp with a period": Case(lambda x: np.interp(x, XP, FP, period=3.3), (SMOOTH_X,)),
    "interp with points of a period": Case(
        lambda xp, fp: np.interp(X, xp, fp, period=3.3), (XP[::-1] + 5.17, FP)
    ),
    "interp of one point": Case(lambda x: np.interp(x, XP[:1], FP[:1], left=-1), (X,), False),
    "interp of lists": Case(lambda x: np.interp(x, [0, 1, 2], [3, 1, 4]), (X.astype("f4"),), False),
    "interp of a number": Case(lambda x: np.interp(x, XP, FP), (1.3,)),
    "interp of equal points": Case(
        lambda x: np.interp(x, np.array([0.0, 1, 1, 2]), FP), (np.array([0.5, 1.5]),)
    ),
    "unwrap": Case(np.unwrap, (PHASES,)),
    "unwrap columns": Case(lambda p: np.unwrap(p, axis=0), (PHASES,)),
    "unwrap large jumps": Case(lambda p: np.unwrap(p, discont=4), (PHASES,)),
    "unwrap period": Case(lambda p: np.unwrap(p, period=3.0), (PHASES,), False),
    "unwrap bytes": Case(
        lambda p: np.unwrap(p, period=255), (np.array([0, 100, 200, 255, 0, 10]),), False
    ),
    "unwrap ints": Case(
        lambda p: np.unwrap(p, period=4), (np.array([1, 2, 3, 4, 1, 3, 5]),), False
    ),
    "polyval": Case(np.polyval, (np.array([1.0, 2, 3]), X)),
    "polyval of ints": Case(lambda x: np.polyval([1, 2, 3], x), (np.array([1, 2]),), False),
    "polyval at a number": Case(lambda p: np.polyval(p, 2.0), (np.array([1.5, 2]),)),
    "polyval of nothing": Case(lambda p: np.polyval(p, 2.0), (np.zeros(0),), False),
}


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_as_numpy(case: Case) -> None:
    check(case)


def test_slopes_at_and_beyond_the_points() -> None:
    slope = irgrad.grad(lambda x: np.interp(x, XP, FP))
    assert [slope(x) for x in (-1.0, 0.0, 0.5, 1.0, 3.0, 4.0)] == [0, 2, 2, -1, 0, 0]


def test_nan_stays_nan() -> None:
    assert np.isnan(irgrad.compile(lambda x: np.interp(x, XP, FP))(np.nan))


def test_points_that_do_not_fit() -> None:
    refused: list[tuple[Any, Any]] = [
        (lambda x: np.interp(x, XP, FP[:2]), ShapeError),
        (lambda x: np.interp(x, XP[:0], FP[:0]), ShapeError),
        (lambda x: np.interp(x * 1j, XP, FP), DTypeError),
        (lambda x: np.polyval(x[None], x), ShapeError),
    ]
    for f, error in refused:
        with pytest.raises(error, match=r"interp|polyval"):
            irgrad.compile(f)(X)
