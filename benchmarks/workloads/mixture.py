"""Log posterior of a Gaussian mixture, ADBench's objective (Srajer, Kukelova, Fitzgibbon 2018).

Q_k is lower triangular with diagonal exp(q_k) and strictly lower part l_k, column by column;
beta_ik = alpha_k + sum_j q_kj - |Q_k (x_i - mu_k)|^2 / 2;
F = sum_i LSE_k beta_ik - n (d/2 log 2 pi + LSE alpha) + prior, Wishart's with gamma = 1, m = 0."""

from __future__ import annotations

import functools
import math
from collections.abc import Callable
from typing import Any

import numpy as np
from scipy.special import logsumexp, softmax

from benchmarks.workload import Arguments, Call, Size, Workload


def constant(n: int, d: int, k: int) -> float:
    """The terms of F that depend on extents alone."""
    gammas = d * (d - 1) / 4 * math.log(math.pi) + sum(
        math.lgamma((i + 1) / 2) for i in range(1, d + 1)
    )
    return k * (-0.5 * (d + 1) * d * math.log(2) - gammas) - 0.5 * n * d * math.log(2 * math.pi)


def places(d: int) -> np.ndarray:
    """Where each entry of a strictly lower triangle stands, from 1, column by column; else 0."""
    i, j = np.indices((d, d))
    return np.where(i > j, j * (2 * d - j - 1) // 2 + i - j, 0)


def function(np: Any, alpha: Any, mu: Any, q: Any, lower: Any, x: Any) -> Any:
    """All samples and all components at once."""
    n, d, k = np.length(x), np.length(x.T), np.length(alpha)
    triangle = np.concatenate([np.zeros((k, 1)), lower], axis=1)[:, places(d)]
    centred = x[:, None, :] - mu[None, :, :]
    scaled = np.exp(q) * centred + np.einsum("kij,nkj->nki", triangle, centred)
    beta = alpha + np.sum(q, axis=1) - 0.5 * np.sum(scaled**2, axis=2)
    prior = -0.5 * (np.sum(np.exp(q) ** 2) + np.sum(lower**2))
    likelihood = np.sum(np.logsumexp(beta, 1)) - n * np.logsumexp(alpha, 0)
    return likelihood + prior + constant(n, d, k)


def casadi(np: Any, alpha: Any, mu: Any, q: Any, lower: Any, x: Any) -> Any:
    """One component at a time; a triangle is a sparsity pattern."""
    from casadi import DM, diag, fmax, horzcat, mmax, repmat, sparsify, sum2, sumsqr

    (n, d), k = x.shape, alpha.shape[0]
    pattern = sparsify(DM(places(d))).sparsity()
    columns = []
    for i in range(k):
        Q = diag(np.exp(q[i, :])) + type(lower)(pattern, lower[i, :].T)
        scaled = (x - repmat(mu[i, :], n, 1)) @ Q.T
        columns.append(alpha[i] + np.sum(q[i, :]) - 0.5 * sum2(scaled**2))
    beta = horzcat(*columns)
    top, high = functools.reduce(fmax, columns), mmax(alpha)
    likelihood = np.sum(np.log(sum2(np.exp(beta - repmat(top, 1, k)))) + top)
    likelihood -= n * (np.log(np.sum(np.exp(alpha - high))) + high)
    return likelihood - 0.5 * (sumsqr(np.exp(q)) + sumsqr(lower)) + constant(n, d, k)


def gradient(alpha: Any, mu: Any, q: Any, lower: Any, x: Any) -> tuple[Any, ...]:
    """By hand; the products are batches over the components."""
    (n, d), k = x.shape, alpha.size
    i, j = np.triu_indices(d, 1)
    Q = np.zeros((k, d, d))
    Q[:, j, i] = lower
    scales = np.exp(q)
    Q[:, range(d), range(d)] = scales
    centred = x - mu[:, None, :]
    scaled = centred @ Q.transpose(0, 2, 1)
    beta = alpha[:, None] + q.sum(axis=1)[:, None] - 0.5 * np.einsum("kni,kni->kn", scaled, scaled)
    tops = logsumexp(beta, axis=0)
    shares = np.exp(beta - tops)
    value = tops.sum() - n * logsumexp(alpha) + constant(n, d, k)
    value -= 0.5 * (np.sum(scales**2) + np.sum(lower**2))
    scaled *= -shares[:, :, None]
    d_Q = scaled.transpose(0, 2, 1) @ centred
    weights = shares.sum(axis=1)
    d_q = weights[:, None] + d_Q[:, range(d), range(d)] * scales - scales**2
    d_mu = -(scaled.sum(axis=1)[:, None, :] @ Q)[:, 0, :]
    return value, weights - n * softmax(alpha), d_mu, d_q, d_Q[:, j, i] - lower


def loops() -> Callable[..., Any]:
    """Sample by sample, nothing of size n x k x d is stored."""
    import numba

    @numba.njit(parallel=True, fastmath={"reassoc", "contract"})
    def likelihood(alpha: Any, mu: Any, Q: Any, x: Any) -> Any:
        (n, d), k = x.shape, alpha.size
        parts = numba.get_num_threads()
        values, weights = np.zeros(parts), np.zeros((parts, k))
        d_mu, d_Q = np.zeros((parts, k, d)), np.zeros((parts, k, d, d))
        for part in numba.prange(parts):
            beta, scaled = np.empty(k), np.zeros((k, d))
            for s in range(n * part // parts, n * (part + 1) // parts):
                for c in range(k):
                    squares = 0.0
                    for i in range(d):
                        z = 0.0
                        for j in range(i + 1):
                            z += Q[c, i, j] * (x[s, j] - mu[c, j])
                        scaled[c, i] = z
                        squares += z * z
                    beta[c] = alpha[c] - 0.5 * squares
                top = beta.max()
                total = 0.0
                for c in range(k):
                    beta[c] = np.exp(beta[c] - top)
                    total += beta[c]
                values[part] += top + np.log(total)
                for c in range(k):
                    share = beta[c] / total
                    weights[part, c] += share
                    for i in range(d):
                        z = share * scaled[c, i]
                        for j in range(i + 1):
                            d_Q[part, c, i, j] -= z * (x[s, j] - mu[c, j])
                            d_mu[part, c, j] += z * Q[c, i, j]
        return values.sum(), weights.sum(axis=0), d_mu.sum(axis=0), d_Q.sum(axis=0)

    def compiled(alpha: Any, mu: Any, q: Any, lower: Any, x: Any) -> Any:
        (n, d), k = x.shape, alpha.size
        i, j = np.triu_indices(d, 1)
        Q = np.zeros((k, d, d))
        scales = np.exp(q)
        Q[:, j, i] = lower
        Q[:, range(d), range(d)] = scales
        value, weights, d_mu, d_Q = likelihood(alpha + q.sum(axis=1), mu, Q, x)
        value -= 0.5 * (np.sum(scales**2) + np.sum(lower**2)) + n * logsumexp(alpha)
        d_q = weights[:, None] + d_Q[:, range(d), range(d)] * scales - scales**2
        d_alpha = weights - n * softmax(alpha)
        return value + constant(n, d, k), d_alpha, d_mu, d_q, d_Q[:, j, i] - lower

    return compiled


def limits(alpha: Any, mu: Any, q: Any, lower: Any, x: Any) -> dict[str, Call]:
    """One product forwards, two backwards, by BLAS, and n k exponentials by NumPy."""
    from benchmarks.limits import multiplying

    d, k = x.shape[1], alpha.size
    centred, Q = x - mu[:, None, :], np.ones((k, d, d))
    products = multiplying((centred, Q), (centred, Q), (centred.transpose(0, 2, 1), centred))
    beta = -np.abs(centred[:, :, 0])
    return {"products and exponentials": lambda: (products(), np.exp(beta))}


def make(n: int, d: int, k: int) -> Arguments:
    """n samples of d features, k components."""
    rng = np.random.default_rng(0)
    shapes = [(k,), (k, d), (k, d), (k, d * (d - 1) // 2), (n, d)]
    return tuple(rng.standard_normal(shape) for shape in shapes)


CHEAP = {"function": 4.0}
WORKLOAD = Workload(
    function,
    make,
    sizes=[
        Size("n = 1000, d = 2, k = 5", (1000, 2, 5), {"torch": 2}, CHEAP),
        Size("n = 1000, d = 10, k = 25", (1000, 10, 25), {"torch": 2}, CHEAP, quick=True),
        Size("n = 1000, d = 64, k = 50", (1000, 64, 50), {"torch": 2}, CHEAP),
        Size("n = 10^4, d = 10, k = 25", (10**4, 10, 25), {"torch": 2}, CHEAP),
    ],
    tiny=(6, 3, 2),
    argnums=(0, 1, 2, 3),
    gradient=gradient,
    loops=loops,
    limits=limits,
    variants={"casadi": casadi},
)
