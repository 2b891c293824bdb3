"""Least squares, log-sum-exp and k-means (GradBench)."""

import numpy as np


def llsq(x, n):
    """1/2 sum_i (sgn t_i - sum_j x_j t_i^j)^2 with t_i = -1 + 2 i / (n - 1)."""
    t = -1 + 2 * np.arange(n) / (n - 1)
    powers = t[:, None] ** np.arange(x.shape[0])
    return 0.5 * np.sum((np.sign(t) - powers @ x) ** 2)


def lse(x):
    """max + log sum exp(x - max)."""
    top = np.max(x)
    return top + np.log(np.sum(np.exp(x - top)))


def kmeans(centroids, points):
    """sum_i min_j |P_i - C_j|^2."""
    return np.sum(np.min(np.sum((points[:, None, :] - centroids[None]) ** 2, axis=2), axis=1))
