"""Log posterior of a Gaussian mixture (ADBench, GradBench).

Q_k is lower triangular with diagonal exp(q_k) and strict lower part l_k, column by column;
beta_ik = alpha_k + sum_j q_kj - |Q_k (x_i - mu_k)|^2 / 2;
F = sum_i LSE_k beta_ik - n (d/2 log 2 pi + LSE alpha) + prior.
"""

import numpy as np
from scipy.special import multigammaln


def logsumexp(x, axis):
    top = np.max(x, axis=axis, keepdims=True)
    return np.log(np.sum(np.exp(x - top), axis=axis)) + np.squeeze(top, axis)


def strictly_lower(lower, d):
    """(k, d(d-1)/2) entries, column by column -> (k, d, d) matrices."""
    place = np.zeros((d, d), int)
    place.T[np.triu_indices(d, 1)] = np.arange(1, d * (d - 1) // 2 + 1)
    padded = np.concatenate([np.zeros((lower.shape[0], 1)), lower], axis=1)
    return padded[:, place]


def log_prior(q, lower, gamma, m):
    k, d = q.shape
    n = d + m + 1
    constant = k * (n * d * (np.log(gamma) - 0.5 * np.log(2)) - multigammaln(0.5 * n, d))
    squares = np.sum(np.exp(q) ** 2) + np.sum(lower**2)
    return constant - 0.5 * gamma**2 * squares + m * np.sum(q)


def objective(alpha, mu, q, lower, x, gamma, m, prior_sign=1):
    n, d = x.shape
    centred = x[:, None, :] - mu[None, :, :]
    scaled = np.exp(q) * centred + np.einsum("kij,nkj->nki", strictly_lower(lower, d), centred)
    beta = alpha + np.sum(q, axis=1) - 0.5 * np.sum(scaled**2, axis=2)
    likelihood = np.sum(logsumexp(beta, 1)) - n * (
        0.5 * d * np.log(2 * np.pi) + logsumexp(alpha, 0)
    )
    return likelihood + prior_sign * log_prior(q, lower, gamma, m)


def load_text(path):
    """ADBench's text: 'd k n', then alpha, mu, icf = q | l, x, 'gamma m'."""
    numbers = iter(path.read_text().split())
    d, k, n = (int(next(numbers)) for _ in range(3))

    def take(*shape):
        return np.array([float(next(numbers)) for _ in range(int(np.prod(shape)))]).reshape(shape)

    alpha, mu, icf, x = take(k), take(k, d), take(k, d + d * (d - 1) // 2), take(n, d)
    return alpha, mu, icf[:, :d], icf[:, d:], x, float(next(numbers)), int(next(numbers))
