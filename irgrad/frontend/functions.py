"""Functions that NumPy lacks and networks need, in stable formulas, on arrays and traced values."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from scipy import special

from irgrad.frontend.polygamma import polygamma
from irgrad.frontend.pytree import map_leaves
from irgrad.ir.builder import Traced
from irgrad.ops.stop import stop_gradient as stopped


def sigmoid(x: Any) -> Any:
    """1 / (1 + e^-x).

    >>> float(sigmoid(0.0))
    0.5
    """
    return special.expit(x)


def relu(x: Any) -> Any:
    """max(x, 0); its derivative at 0 is 1, since the first operand of `maximum` wins ties.

    >>> relu(np.array([-1.0, 2.0])).tolist()
    [0.0, 2.0]
    """
    return np.maximum(x, 0)


def leaky_relu(x: Any, slope: float = 0.1) -> Any:
    """max(x, slope x) for 0 <= slope <= 1; its derivative at 0 is 1.

    >>> leaky_relu(np.array([-1.0, 2.0])).tolist()
    [-0.1, 2.0]
    """
    return np.maximum(x, slope * x)


def softplus(x: Any) -> Any:
    """log(1 + e^x), without overflow; its derivative is `sigmoid`.

    >>> softplus(np.array([-1000.0, 0.0, 1000.0])).round(3).tolist()
    [0.0, 0.693, 1000.0]
    """
    return np.logaddexp(x, 0.0)


def silu(x: Any) -> Any:
    """x sigmoid(x) (Elfwing, Uchibe, Doya 2018).

    >>> silu(np.array([-1.0, 0.0, 1.0])).round(3).tolist()
    [-0.269, 0.0, 0.731]
    """
    return x * special.expit(x)


def gelu(x: Any, approximate: bool = False) -> Any:
    """x Phi(x), Phi the normal distribution function, or its approximation by tanh (Hendrycks,
    Gimpel 2016).

    >>> gelu(np.array([-1.0, 0.0, 1.0])).round(3).tolist()
    [-0.159, 0.0, 0.841]
    >>> float(np.max(np.abs(gelu(np.linspace(-3, 3)) - gelu(np.linspace(-3, 3), True)))) < 1e-3
    True
    """
    if approximate:
        return 0.5 * x * (1 + np.tanh(math.sqrt(2 / math.pi) * (x + 0.044715 * x**3)))
    return x * special.ndtr(x)


def logsumexp(x: Any, axis: Any = None, keepdims: bool = False) -> Any:
    """log(sum(e^x)), shifted by the largest element.

    >>> float(logsumexp(np.array([1000.0, 1000.0])).round(3))
    1000.693
    """
    top = finite_maximum(x, axis)
    with np.errstate(divide="ignore"):
        total = np.log(np.sum(np.exp(x - top), axis=axis, keepdims=True)) + top
    return total if keepdims else np.squeeze(total, axis=axis)


def softmax(x: Any, axis: Any = -1) -> Any:
    """e^x / sum(e^x) along `axis`.

    >>> softmax(np.zeros(4)).tolist()
    [0.25, 0.25, 0.25, 0.25]
    """
    shares = np.exp(x - finite_maximum(x, axis))
    return shares / np.sum(shares, axis=axis, keepdims=True)


def log_softmax(x: Any, axis: Any = -1) -> Any:
    """log(softmax(x)) along `axis`, accurate for small shares.

    >>> log_softmax(np.array([0.0, 1000.0])).tolist()
    [-1000.0, 0.0]
    """
    return x - logsumexp(x, axis, keepdims=True)


def solve_triangular(a: Any, b: Any, lower: bool = False, unit_diagonal: bool = False) -> Any:
    """x with T x = b, T the upper (or lower) triangle of `a` (..., n, n), for b (n,) or (..., n,
    k); a LinAlgError where T is singular.

    >>> solve_triangular(np.array([[2.0, 0.0], [1.0, 4.0]]), np.array([2.0, 9.0]), lower=True)
    array([1., 2.])
    """
    from irgrad.frontend.numpy_api.systems import triangular_system

    return triangular_system(a, b, lower, unit_diagonal)


def finite_maximum(x: Any, axis: Any) -> Any:
    """The largest element, or 0 where it is infinite: a shift that cancels, so taken as a
    constant.
    """
    top = stopped(np.max(x, axis=axis, keepdims=True))
    return np.where(np.isfinite(top), top, 0.0)


def stop_gradient(tree: Any) -> Any:
    """`tree`, an array or a pytree of arrays, taken as a constant by derivatives; what is no float
    array stays as it is.

    >>> import irgrad
    >>> float(irgrad.grad(lambda x: x * irgrad.stop_gradient({"a": [x, 2]})["a"][0])(3.0))
    3.0
    """
    return map_leaves(lambda leaf: stopped(leaf) if isinstance(leaf, Traced) else leaf, tree)


__all__ = [
    "gelu",
    "leaky_relu",
    "log_softmax",
    "logsumexp",
    "polygamma",
    "relu",
    "sigmoid",
    "silu",
    "softmax",
    "softplus",
    "solve_triangular",
    "stop_gradient",
]
