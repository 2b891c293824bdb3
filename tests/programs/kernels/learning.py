"""Layers of neural networks, as forward passes in NumPy."""

from __future__ import annotations

from typing import Any

import numpy as np

from tests.programs.kernels.case import case


def relu(x: Any) -> Any:
    return np.maximum(x, 0)


def softmax(x: Any) -> Any:
    tmp_max = np.max(x, axis=-1, keepdims=True)
    tmp_out = np.exp(x - tmp_max)
    tmp_sum = np.sum(tmp_out, axis=-1, keepdims=True)
    return tmp_out / tmp_sum


def conv2d(input: Any, weights: Any) -> Any:
    K = weights.shape[0]
    N = input.shape[0]
    H_out = input.shape[1] - K + 1
    W_out = input.shape[2] - K + 1
    C_out = weights.shape[3]
    output = np.empty((N, H_out, W_out, C_out), dtype=np.float64)
    for i in range(H_out):
        for j in range(W_out):
            output[:, i, j, :] = np.sum(
                input[:, i : i + K, j : j + K, :, np.newaxis] * weights[np.newaxis, :, :, :],
                axis=(1, 2, 3),
            )
    return output


@case(
    lambda rng, n, k, c: (rng.random((2, n, n, c)), rng.random((k, k, c, 3)), rng.random(3)),
    small=(6, 3, 2),
    large=(30, 5, 3),
)
def conv2d_bias(input: Any, weights: Any, bias: Any) -> Any:
    return conv2d(input, weights) + bias


@case(
    lambda rng, n, s0, s1, c: (
        rng.standard_normal((n, c)),
        rng.standard_normal((c, s0)),
        rng.standard_normal(s0),
        rng.standard_normal((s0, s1)),
        rng.standard_normal(s1),
        rng.standard_normal((s1, c)),
        rng.standard_normal(c),
    ),
    small=(3, 5, 4, 3),
    large=(32, 200, 100, 20),
)
def mlp(input: Any, w1: Any, b1: Any, w2: Any, b2: Any, w3: Any, b3: Any) -> Any:
    x = relu(input @ w1 + b1)
    x = relu(x @ w2 + b2)
    return softmax(x @ w3 + b3)


def maxpool2d(x: Any) -> Any:
    output = np.empty([x.shape[0], x.shape[1] // 2, x.shape[2] // 2, x.shape[3]], dtype=x.dtype)
    for i in range(x.shape[1] // 2):
        for j in range(x.shape[2] // 2):
            output[:, i, j, :] = np.max(x[:, 2 * i : 2 * i + 2, 2 * j : 2 * j + 2, :], axis=(1, 2))
    return output


def lenet_inputs(rng: Any, n: int, size: int) -> tuple[Any, ...]:
    after = ((size - 2) // 2 - 2) // 2
    flat = after * after * 4
    normal = rng.standard_normal
    return (
        normal((n, size, size, 1)),
        normal((3, 3, 1, 2)), normal(2), normal((3, 3, 2, 4)), normal(4),
        normal((flat, 6)), normal(6), normal((6, 5)), normal(5), normal((5, 4)), normal(4),
        n, flat,
    )  # fmt: skip


@case(lenet_inputs, small=(2, 10), large=(4, 28))
def lenet5(
    input: Any,
    conv1: Any, conv1bias: Any, conv2: Any, conv2bias: Any,
    fc1w: Any, fc1b: Any, fc2w: Any, fc2b: Any, fc3w: Any, fc3b: Any,
    N: Any, C_before_fc1: Any,
) -> Any:  # fmt: skip
    x = relu(conv2d(input, conv1) + conv1bias)
    x = maxpool2d(x)
    x = relu(conv2d(x, conv2) + conv2bias)
    x = maxpool2d(x)
    x = np.reshape(x, (N, C_before_fc1))
    x = relu(x @ fc1w + fc1b)
    x = relu(x @ fc2w + fc2b)
    return x @ fc3w + fc3b


def batchnorm2d(x: Any, eps: float = 1e-5) -> Any:
    mean = np.mean(x, axis=0, keepdims=True)
    std = np.std(x, axis=0, keepdims=True)
    return (x - mean) / np.sqrt(std + eps)


@case(
    lambda rng, n, size, c: (
        rng.standard_normal((n, size, size, c)),
        rng.standard_normal((1, 1, c, 2)),
        rng.standard_normal((3, 3, 2, 2)),
        rng.standard_normal((1, 1, 2, c)),
    ),
    small=(3, 4, 3),
    large=(4, 14, 16),
)
def resnet_basicblock(input: Any, conv1: Any, conv2: Any, conv3: Any) -> Any:
    padded = np.zeros((input.shape[0], input.shape[1] + 2, input.shape[2] + 2, conv1.shape[3]))
    padded[:, 1:-1, 1:-1, :] = conv2d(input, conv1)
    x = batchnorm2d(padded[:, 1:-1, 1:-1, :])
    padded[:, 1:-1, 1:-1, :] = relu(x)
    x = conv2d(padded, conv2)
    x = relu(batchnorm2d(x))
    x = conv2d(x, conv3)
    x = batchnorm2d(x)
    return relu(x + input)


@case(
    lambda rng, t, i, h: (
        rng.standard_normal((t, i)),
        rng.standard_normal((i, 4 * h)),
        rng.standard_normal((h, 4 * h)) / h,
        rng.standard_normal(4 * h),
    ),
    small=(20, 2, 3),
    large=(400, 8, 16),
)
def lstm(xs: Any, W: Any, U: Any, b: Any) -> Any:
    def sigmoid(x: Any) -> Any:
        return 1.0 / (1.0 + np.exp(-x))

    hidden = U.shape[0]
    h, c = np.zeros(hidden), np.zeros(hidden)
    outputs = np.empty((len(xs), hidden))
    for t, x in enumerate(xs):
        gates = x @ W + h @ U + b
        i, f, o, g = np.split(gates, 4)
        c = sigmoid(f) * c + sigmoid(i) * np.tanh(g)
        h = sigmoid(o) * np.tanh(c)
        outputs[t] = h
    return outputs


@case(
    lambda rng, n, d: tuple(rng.standard_normal(s) for s in [(n, d), (d, d), (d, d), (d, d)]),
    small=(5, 4),
    large=(64, 32),
)
def attention(x: Any, Wq: Any, Wk: Any, Wv: Any) -> Any:
    n, d = x.shape
    heads = 2
    Q = (x @ Wq).reshape(n, heads, d // heads).transpose(1, 0, 2)
    K = (x @ Wk).reshape(n, heads, -1).transpose(1, 0, 2)
    V = (x @ Wv).reshape(n, heads, -1).swapaxes(0, 1)
    scores = np.matmul(Q, K.transpose(0, 2, 1)) / np.sqrt(d // heads)
    mask = np.triu(np.ones((n, n), dtype=bool), k=1)
    scores[:, mask] = -1e30
    weights = softmax(scores)
    return (weights @ V).transpose(1, 0, 2).reshape(n, d)


@case(
    lambda rng, n, d: (
        rng.standard_normal((n, d)),
        (rng.random(n) < 0.5).astype(float),
        np.zeros(d),
        0.1,
    ),
    small=(20, 3),
    large=(300, 10),
)
def stochastic_descent(X: Any, y: Any, w: Any, rate: Any) -> Any:
    losses = []
    for _ in range(2):
        total = 0.0
        for i in range(X.shape[0]):
            p = 1 / (1 + np.exp(-np.dot(X[i], w)))
            total -= y[i] * np.log(p) + (1 - y[i]) * np.log(1 - p)
            w -= rate * (p - y[i]) * X[i]
        losses.append(total / X.shape[0])
    return losses


@case(
    lambda rng, n, k: (rng.random((n, 2)), rng.random((k, 2)), 3),
    small=(24, 3),
    large=(400, 5),
)
def lloyd(points: Any, centres: Any, steps: Any) -> None:
    for _ in range(steps):
        distances = np.linalg.norm(points[:, None] - centres[None], axis=2)
        labels = np.argmin(distances, axis=1)
        for k in range(centres.shape[0]):
            members = points[labels == k]
            if len(members) > 0:
                centres[k] = members.mean(axis=0)


@case(
    lambda rng, k, d, n: tuple(
        rng.standard_normal(s) for s in [(k,), (k, d), (k, d), (k, d * (d - 1) // 2), (n, d)]
    ),
    small=(2, 3, 20),
    large=(5, 10, 1000),
)
def mixture_point_by_point(alpha: Any, mu: Any, q: Any, lower: Any, x: Any) -> Any:
    k, d = mu.shape
    rows, cols = np.tril_indices(d, -1)
    Q = np.zeros((k, d, d))
    Q[:, rows, cols] = lower
    Q[:, np.arange(d), np.arange(d)] = np.exp(q)
    total = 0.0
    for point in x:
        terms = [
            alpha[j] + q[j].sum() - 0.5 * np.sum((Q[j] @ (point - mu[j])) ** 2) for j in range(k)
        ]
        largest = max(terms)
        total += largest + np.log(sum(np.exp(term - largest) for term in terms))
    return total - len(x) * np.log(np.sum(np.exp(alpha)))
