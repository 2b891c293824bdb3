"""Transforms, histograms, checksums, filters, options."""

from __future__ import annotations

from typing import Any

import numpy as np

from tests.programs.kernels.case import case
from tests.programs.kernels.physics import complexes


@case(lambda rng, n: (rng.integers(0, 256, n).astype(np.uint8),), small=(20,), large=(2000,))
def crc16(data: Any, poly: Any = 0x8408) -> Any:
    crc = 0xFFFF
    for b in data:
        cur_byte = 0xFF & b
        for _ in range(8):
            if (crc & 0x0001) ^ (cur_byte & 0x0001):
                crc = (crc >> 1) ^ poly
            else:
                crc >>= 1
            cur_byte >>= 1
    crc = ~crc & 0xFFFF
    crc = (crc << 8) | ((crc >> 8) & 0xFF)
    return crc & 0xFFFF


def fft_inputs(rng: Any, r: int, k: int) -> tuple[Any, ...]:
    n = r**k
    return n, r, k, complexes(rng, n), np.zeros(n, dtype=np.complex128)


@case(fft_inputs, small=(2, 4), large=(4, 6))
def stockham_fft(N: Any, R: Any, K: Any, x: Any, y: Any) -> None:
    i_coord, j_coord = np.mgrid[0:R, 0:R]
    dft_mat = np.empty((R, R), dtype=np.complex128)
    dft_mat[:] = np.exp(-2.0j * np.pi * i_coord * j_coord / R)
    y[:] = x[:]
    ii_coord, jj_coord = np.mgrid[0:R, 0 : R**K]
    for i in range(K):
        yv = np.reshape(y, (R**i, R, R ** (K - i - 1)))
        tmp_perm = np.transpose(yv, axes=(1, 0, 2))
        D = np.empty((R, R**i, R ** (K - i - 1)), dtype=np.complex128)
        tmp = np.exp(-2.0j * np.pi * ii_coord[:, : R**i] * jj_coord[:, : R**i] / R ** (i + 1))
        D[:] = np.repeat(np.reshape(tmp, (R, R**i, 1)), R ** (K - i - 1), axis=2)
        tmp_twid = np.reshape(tmp_perm, (N,)) * np.reshape(D, (N,))
        y[:] = np.reshape(dft_mat @ np.reshape(tmp_twid, (R, R ** (K - 1))), (N,))


@case(lambda rng, n: (complexes(rng, 2**n),), small=(4,), large=(10,))
def iterative_fft(x: Any) -> Any:
    """Decimation in time in place, after the bits of the indices were reversed."""
    n = x.shape[0]
    j = 0
    for i in range(1, n):
        bit = n >> 1
        while j & bit:
            j ^= bit
            bit >>= 1
        j ^= bit
        if i < j:
            x[i], x[j] = x[j], x[i]
    size = 2
    while size <= n:
        w = np.exp(-2j * np.pi * np.arange(size // 2) / size)
        for start in range(0, n, size):
            half = start + size // 2
            even, odd = x[start:half].copy(), w * x[half : start + size]
            x[start:half] = even + odd
            x[half : start + size] = even - odd
        size *= 2
    return np.abs(x) ** 2


@case(lambda rng, n, k: (rng.random(n), rng.random(n), k), small=(60, 4), large=(20_000, 50))
def azimint_naive(data: Any, radius: Any, npt: Any) -> Any:
    rmax = radius.max()
    res = np.zeros(npt, dtype=np.float64)
    for i in range(npt):
        r1 = rmax * i / npt
        r2 = rmax * (i + 1) / npt
        mask_r12 = np.logical_and((r1 <= radius), (radius < r2))
        values_r12 = data[mask_r12]
        res[i] = values_r12.mean()
    return res


def get_bin_edges(a: Any, bins: Any) -> Any:
    bin_edges = np.zeros((bins + 1,), dtype=np.float64)
    a_min = a.min()
    a_max = a.max()
    delta = (a_max - a_min) / bins
    for i in range(bin_edges.shape[0]):
        bin_edges[i] = a_min + i * delta
    bin_edges[-1] = a_max
    return bin_edges


def compute_bin(x: Any, bin_edges: Any) -> Any:
    n = bin_edges.shape[0] - 1
    a_min = bin_edges[0]
    a_max = bin_edges[-1]
    if x == a_max:
        return n - 1
    return int(n * (x - a_min) / (a_max - a_min))


def histogram(a: Any, bins: Any, weights: Any) -> Any:
    hist = np.zeros((bins,), dtype=a.dtype)
    bin_edges = get_bin_edges(a, bins)
    for i in range(a.shape[0]):
        bin = compute_bin(a[i], bin_edges)
        hist[bin] += weights[i]
    return hist, bin_edges


@case(lambda rng, n, k: (rng.random(n), rng.random(n), k), small=(60, 4), large=(20_000, 50))
def azimint_by_element(data: Any, radius: Any, npt: Any) -> Any:
    histu, _ = histogram(radius, npt, np.ones_like(data))
    histw, _ = histogram(radius, npt, data)
    return histw / histu


@case(
    lambda rng, n, k: (rng.random(n), rng.random(n), k),
    small=(60, 4),
    large=(20_000, 50),
)
def azimint_hist(data: Any, radius: Any, npt: Any) -> Any:
    histu = np.histogram(radius, npt)[0]
    histw = np.histogram(radius, npt, weights=data)[0]
    return histw / histu


@case(lambda rng, n: (rng.random(n), 0.3, 0.2), small=(20,), large=(5000,))
def recursive_filter(x: Any, a: Any, b: Any) -> Any:
    y = np.zeros_like(x)
    y[0] = x[0]
    for i in range(1, len(x)):
        y[i] = a * y[i - 1] + b * x[i]
    z = np.zeros(x.shape)
    for i in range(len(x) - 2, -1, -1):
        z[i] = a * z[i + 1] + (1 - a) * y[i]
    return z


@case(lambda rng, n: (rng.uniform(1, 2, n), 1.5, 0.05, 0.3, 2.0), small=(20,), large=(200,))
def american_put(S: Any, strike: Any, rate: Any, sigma: Any, T: Any) -> Any:
    """The binomial tree, one value for each spot."""
    steps = 24
    dt = T / steps
    up = np.exp(sigma * np.sqrt(dt))
    down = 1.0 / up
    prob = (np.exp(rate * dt) - down) / (up - down)
    discount = np.exp(-rate * dt)
    k = np.arange(steps + 1)
    values = np.maximum(strike - S[:, None] * up ** (2.0 * k - steps), 0.0)
    for n in range(steps - 1, -1, -1):
        for j in range(n + 1):
            held = discount * (prob * values[:, j + 1] + (1.0 - prob) * values[:, j])
            values[:, j] = np.maximum(held, strike - S * up ** (2.0 * j - n))
    return values[:, 0]


@case(lambda rng, n, m: (rng.random(n), rng.random(m), 0.5), small=(7, 18), large=(80, 100))
def dynamic_time_warping(x: Any, y: Any, gamma: Any) -> Any:
    n, m = len(x), len(y)
    D = np.full((n + 1, m + 1), np.inf)
    D[0, 0] = 0.0
    for i in range(1, n + 1):
        for j in range(1, m + 1):
            cost = (x[i - 1] - y[j - 1]) ** 2
            D[i, j] = cost + min(D[i - 1, j], D[i, j - 1], D[i - 1, j - 1])
    return gamma * D[n, m]


@case(
    lambda rng, n, m: (rng.random((n, m)), rng.random((m, m)), rng.random(m)),
    small=(20, 3),
    large=(500, 8),
)
def viterbi(emission: Any, transition: Any, initial: Any) -> Any:
    T, states = emission.shape
    score = np.zeros((T, states))
    back = np.zeros((T, states), dtype=int)
    score[0] = initial + emission[0]
    for t in range(1, T):
        for s in range(states):
            candidates = score[t - 1] + transition[:, s]
            back[t, s] = np.argmax(candidates)
            score[t, s] = candidates[back[t, s]] + emission[t, s]
    path = np.zeros(T, dtype=int)
    path[-1] = np.argmax(score[-1])
    for t in range(T - 2, -1, -1):
        path[t] = back[t + 1, path[t + 1]]
    return score[-1].max(), path


@case(
    lambda rng, n, m: (rng.random((n, m)), rng.random((m, m)), rng.random(m)),
    small=(20, 3),
    large=(500, 8),
)
def forward_algorithm(emission: Any, transition: Any, initial: Any) -> Any:
    alpha = np.multiply(initial, emission[0])
    log_likelihood = 0.0
    for t in range(1, emission.shape[0]):
        scale = np.add.reduce(alpha)
        log_likelihood += np.log(scale)
        alpha = (alpha / scale) @ transition * emission[t]
    return log_likelihood + np.log(alpha.sum())


@case(
    lambda rng, n, k: (rng.random((n, n)), rng.random((2 * k + 1, 2 * k + 1))),
    small=(6, 1),
    large=(40, 2),
)
def correlate_by_element(image: Any, kernel: Any) -> Any:
    H, W = image.shape
    r = kernel.shape[0] // 2
    padded = np.pad(image, r, mode="edge")
    out = np.zeros_like(image)
    for y in range(H):
        for x in range(W):
            for i in range(2 * r + 1):
                for j in range(2 * r + 1):
                    out[y, x] += kernel[i, j] * padded[y + i, x + j]
    return out
