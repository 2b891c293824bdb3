"""Programs that go step by step; `scan` and `fori_loop` are handed to them, in JAX's form."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

Loop = Callable[..., Any]


def lstm(scan: Loop, main: Any, extra: Any, state: Any, sequence: Any) -> Any:
    """ADBench's LSTM with diagonal weights: minus the mean log probability of the next symbol."""
    layers, width = main.shape[0] // 2, main.shape[1] // 4

    def sigmoid(x: Any) -> Any:
        return 1.0 / (1.0 + np.exp(-x))

    def step(carry: Any, now: Any) -> Any:
        u = now * extra[0]
        after = []
        for k in range(layers):
            weights, biases = (np.split(main[2 * k + i], 4) for i in (0, 1))
            h, cell = carry[k]
            f = sigmoid(u * weights[0] + biases[0])
            g = sigmoid(h * weights[1] + biases[1])
            o = sigmoid(u * weights[2] + biases[2])
            a = np.tanh(h * weights[3] + biases[3])
            cell = cell * f + g * a
            u = o * np.tanh(cell)
            after.append((u, cell))
        y = u * extra[1] + extra[2]
        return tuple(after), y - np.log(2 + np.sum(np.exp(y)))

    start = tuple((state[2 * k], state[2 * k + 1]) for k in range(layers))
    _, ys = scan(step, start, sequence[:-1])
    return -np.sum(sequence[1:] * ys) / ((len(sequence) - 1) * width)


def ode(fori_loop: Loop, x: Any, steps: int) -> Any:
    """y0' = x0, y_i' = x_i y_(i-1) by classical Runge-Kutta to t = 2: GradBench's problem."""
    h = 2.0 / steps

    def slope(y: Any) -> Any:
        return np.concatenate([x[:1], x[1:] * y[:-1]])

    def step(i: Any, y: Any) -> Any:
        k1 = slope(y)
        k2 = slope(y + h / 2 * k1)
        k3 = slope(y + h / 2 * k2)
        k4 = slope(y + h * k3)
        return y + h / 6 * (k1 + 2 * k2 + 2 * k3 + k4)

    return fori_loop(0, steps, step, np.zeros_like(x))


def jacobi_2d(fori_loop: Loop, steps: int, a: Any, b: Any) -> Any:
    """PolyBench's: the interior of each from the five-point mean of the other, in turn."""

    def smoothed(x: Any) -> Any:
        return 0.2 * (x[1:-1, 1:-1] + x[1:-1, :-2] + x[1:-1, 2:] + x[2:, 1:-1] + x[:-2, 1:-1])

    def framed(x: Any, inside: Any) -> Any:
        middle = np.concatenate([x[1:-1, :1], inside, x[1:-1, -1:]], 1)
        return np.concatenate([x[:1], middle, x[-1:]])

    def step(t: Any, state: Any) -> Any:
        a, b = state
        b = framed(b, smoothed(a))
        return framed(a, smoothed(b)), b

    return fori_loop(1, steps, step, (a, b))


def seidel_2d(scan: Loop, fori_loop: Loop, steps: int, a: Any) -> Any:
    """PolyBench's: each inner element becomes the mean of its nine, row by row, in place."""

    def sweep(t: Any, a: Any) -> Any:
        def row(above: Any, rows: Any) -> Any:
            now, below = rows
            known = above[:-2] + above[1:-1] + above[2:] + now[1:-1] + now[2:]
            known = known + below[:-2] + below[1:-1] + below[2:]

            def element(left: Any, rest: Any) -> Any:
                new = (left + rest) / 9.0
                return new, new

            _, inside = scan(element, now[0], known)
            after = np.concatenate([now[:1], inside, now[-1:]])
            return after, after

        _, rows = scan(row, a[0], (a[1:-1], a[2:]))
        return np.concatenate([a[:1], rows, a[-1:]])

    return fori_loop(0, steps - 1, sweep, a)


def cholesky(fori_loop: Loop, a: Any) -> Any:
    """The lower triangular factor, column by column."""
    n = a.shape[0]
    places = np.arange(n)

    def column(j: Any, lower: Any) -> Any:
        at = 1.0 * (places == j)
        rest = a @ at - lower @ (at @ lower)
        new = np.where(places >= j, rest / np.sqrt(rest @ at), 0.0)
        return lower + np.outer(new, at)

    return fori_loop(0, n, column, np.zeros_like(a))


def gramschmidt(scan: Loop, a: Any) -> Any:
    """The modified Gram-Schmidt process on the columns of `a` -> (Q, R)."""
    n = a.shape[1]
    places = np.arange(n)

    def step(a: Any, k: Any) -> Any:
        at = 1.0 * (places == k)
        column = a @ at
        norm = np.sqrt(np.sum(column * column))
        q = column / norm
        r = np.where(places > k, q @ a, 0.0)
        return a - np.outer(q, r), (q, r + norm * at)

    _, (q, r) = scan(step, a, np.arange(n))
    return q.T, r
