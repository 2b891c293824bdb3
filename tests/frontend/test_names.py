"""Values carry the user's variable names, and argnums finds them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import irgrad

X = np.array([0.3, 0.5, 0.7, 0.9])


def plain(x: Any) -> Any:
    u = np.sin(x)
    return np.sum(u * u)


def chained(x: Any) -> Any:
    u = v = np.sin(x)
    return np.sum(u * v)


def walrus(x: Any) -> Any:
    return np.sum((u := np.sin(x)) * u)


def unpacked(x: Any) -> Any:
    u, v = np.split(x * x, 2)
    return np.sum(u * v)


def unpacked_list(x: Any) -> Any:
    [u, v, _w] = np.array_split(x, 3)
    return np.sum(u) * np.sum(v) ** 2


def again(x: Any) -> Any:
    u = np.sin(x)
    u = u * u
    return np.sum(u * u)


NAMED: dict[str, tuple[Callable[[Any], Any], dict[str, Any]]] = {
    "plain": (plain, {"u": 2 * np.sin(X)}),
    "chained": (chained, {"u": 2 * np.sin(X)}),
    "walrus": (walrus, {"u": 2 * np.sin(X)}),
    "unpacked": (unpacked, {"u": X[2:] ** 2, "v": X[:2] ** 2}),
    "unpacked list": (unpacked_list, {"u": np.full(2, X[2] ** 2), "v": [2 * X[2] * (X[0] + X[1])]}),
    "again": (again, {"u": 2 * np.sin(X) ** 2}),
}


@pytest.mark.parametrize("name", NAMED)
def test_inner_values_by_name(name: str) -> None:
    """Of several values with a name the last counts: what the name means in the end."""
    f, expected = NAMED[name]
    for variable, gradient in expected.items():
        np.testing.assert_allclose(irgrad.grad(f, variable)(X), gradient, rtol=1e-12)


def test_storing_into_items_names_nothing() -> None:
    def f(x: Any) -> Any:
        kept: dict[str, Any] = {}
        kept["a"], kept["b"] = np.split(x, 2)
        return np.sum(kept["a"] * kept["b"])

    assert {node.name for node in irgrad.trace(f, X).nodes} == {None}
