"""A multilayer perceptron with ReLU and softmax cross entropy, averaged over a batch."""

from __future__ import annotations

import functools
import itertools
from typing import Any

import numpy as np
from scipy.special import logsumexp

from benchmarks.workload import Arguments, Call, Size, Workload


def function(np: Any, W1: Any, b1: Any, W2: Any, b2: Any, W3: Any, b3: Any, X: Any, Y: Any) -> Any:
    """Y holds one-hot rows."""
    h = np.relu(X @ W1 + b1)
    h = np.relu(h @ W2 + b2)
    scores = h @ W3 + b3
    return np.mean(np.logsumexp(scores, 1) - np.sum(Y * scores, axis=1))


def torch(np: Any, W1: Any, b1: Any, W2: Any, b2: Any, W3: Any, b3: Any, X: Any, Y: Any) -> Any:
    """The same by addmm and cross_entropy."""
    from torch import addmm, relu
    from torch.nn.functional import cross_entropy

    h = relu(addmm(b1, X, W1))
    h = relu(addmm(b2, h, W2))
    return cross_entropy(addmm(b3, h, W3), Y)


def casadi(np: Any, W1: Any, b1: Any, W2: Any, b2: Any, W3: Any, b3: Any, X: Any, Y: Any) -> Any:
    """Rows are repeated by hand: CasADi does not broadcast."""
    from casadi import fmax, horzsplit, repmat, sum2

    n = X.shape[0]
    h = np.relu(X @ W1 + repmat(b1.T, n, 1))
    h = np.relu(h @ W2 + repmat(b2.T, n, 1))
    scores = h @ W3 + repmat(b3.T, n, 1)
    top = functools.reduce(fmax, horzsplit(scores))
    shifted = np.exp(scores - repmat(top, 1, scores.shape[1]))
    return np.sum(np.log(sum2(shifted)) + top - sum2(Y * scores)) / n


def gradient(
    W1: Any, b1: Any, W2: Any, b2: Any, W3: Any, b3: Any, X: Any, Y: Any
) -> tuple[Any, ...]:
    """Backpropagation by hand, biases and activations in place."""
    h1 = X @ W1
    h1 += b1
    np.maximum(h1, 0.0, out=h1)
    h2 = h1 @ W2
    h2 += b2
    np.maximum(h2, 0.0, out=h2)
    scores = h2 @ W3
    scores += b3
    tops = logsumexp(scores, axis=1, keepdims=True)
    value = np.mean(tops[:, 0] - np.sum(Y * scores, axis=1))
    g = (np.exp(scores - tops) - Y) / X.shape[0]
    d_W3, d_b3 = h2.T @ g, g.sum(axis=0)
    g = g @ W3.T
    g *= h2 > 0
    d_W2, d_b2 = h1.T @ g, g.sum(axis=0)
    g = g @ W2.T
    g *= h1 > 0
    return value, X.T @ g, g.sum(axis=0), d_W2, d_b2, d_W3, d_b3


def limits(W1: Any, b1: Any, W2: Any, b2: Any, W3: Any, b3: Any, X: Any, Y: Any) -> dict[str, Call]:
    """Three products forwards, five backwards."""
    from benchmarks.limits import multiplying

    h1, h2 = X @ W1, X @ W1 @ W2
    forwards = multiplying((X, W1), (h1, W2), (h2, W3))
    inputs = multiplying((Y, W3.T), (h2, W2.T))
    weights = multiplying((h2.T, Y), (h1.T, h2), (X.T, h1))
    return {"BLAS calls alone": lambda: (forwards(), inputs(), weights())}


def make(batch: int, *widths: int) -> Arguments:
    """Weights scaled as usual (He 2015), a batch of normal inputs, random labels."""
    rng = np.random.default_rng(0)
    layers: list[Any] = []
    for m, n in itertools.pairwise(widths):
        layers += [rng.standard_normal((m, n)) * (2 / m) ** 0.5, 0.1 * rng.standard_normal(n)]
    labels = np.eye(widths[-1])[rng.integers(0, widths[-1], batch)]
    return *layers, rng.standard_normal((batch, widths[0])), labels


WORKLOAD = Workload(
    function,
    make,
    sizes=[
        Size(
            "784-512-512-10, batch 128",
            (128, 784, 512, 512, 10),
            ahead={"best peer": 1.0},
            within={"BLAS calls alone": 1.1},
            quick=True,
        )
    ],
    tiny=(3, 4, 5, 4, 2),
    argnums=(0, 1, 2, 3, 4, 5),
    gradient=gradient,
    limits=limits,
    variants={"torch": torch, "torch-compile": torch, "casadi": casadi},
)
