"""Central differences: the check of a gradient that needs nothing but the function."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

ELEMENTWISE = 1000
"""Up to this many elements are checked one by one, more along a random direction."""


def derivative_along(
    function: Callable[..., Any], args: Sequence[Any], position: int, direction: Any
) -> float:
    """The derivative of a real scalar function along a direction in one argument.

    (8 (f(x + hv) - f(x - hv)) - (f(x + 2hv) - f(x - 2hv))) / 12h, the central difference of fourth
    order, with h = eps^(1/5) max(1, |x|) for the argument's precision (Fornberg, 1988).

    >>> bool(abs(derivative_along(lambda x: x**3, [2.0], 0, 1.0) - 12.0) < 1e-9)
    True
    """
    base = np.asarray(args[position])
    precision = float(np.finfo(base.dtype if base.dtype.kind in "fc" else np.float64).eps)
    h = precision**0.2 * max(1.0, float(np.max(np.abs(base), initial=0.0)))

    def at(distance: float) -> float:
        moved = np.asarray(base + distance * np.asarray(direction), base.dtype)
        value = moved if moved.ndim else moved[()]
        return float(function(*args[:position], value, *args[position + 1 :]))

    near, far = (at(k * h) - at(-k * h) for k in (1, 2))
    return (8 * near - far) / (12 * h)


def central_gradient(function: Callable[..., Any], args: Sequence[Any], position: int) -> Any:
    """The gradient of a real scalar function with respect to one argument, element by element.

    >>> import numpy as np
    >>> central_gradient(lambda x: np.sum(x**2), [np.array([1.0, 2.0])], 0).round(8).tolist()
    [2.0, 4.0]
    """
    base = np.asarray(args[position])
    gradient = np.zeros(base.shape)
    for index in np.ndindex(base.shape):
        unit = np.zeros(base.shape)
        unit[index] = 1.0
        gradient[index] = derivative_along(function, args, position, unit)
    return gradient


def gradient_error(
    function: Callable[..., Any], args: Sequence[Any], position: int, gradient: Any
) -> float:
    """The relative error of a gradient against central differences.

    >>> gradient_error(lambda x: x * x, [3.0], 0, 6.0) < 1e-9
    True
    """
    size = np.size(gradient)
    if size <= ELEMENTWISE:
        return relative_error(gradient, central_gradient(function, args, position))
    direction = np.random.default_rng(0).standard_normal(np.shape(gradient)) / np.sqrt(size)
    numerical = derivative_along(function, args, position, direction)
    return relative_error(np.sum(np.asarray(gradient) * direction), numerical)


def relative_error(got: Any, expected: Any) -> float:
    """The largest difference, relative to the largest magnitude (or to 1, where that is smaller).

    >>> relative_error([1.0, 2.0], [1.0, 4.0])
    0.5
    """
    a, b = np.asarray(got), np.asarray(expected)
    if not a.size:
        return 0.0
    return float(np.max(np.abs(a - b)) / max(1.0, float(np.max(np.abs(b)))))
