"""Particles, quantum transport, fractals, geometry."""

from __future__ import annotations

from typing import Any

import numpy as np

from tests.programs.kernels.case import case


@case(lambda rng, n, t: (-1.75, 0.25, -1.0, 1.0, n, n, t), small=(6, 18), large=(100, 60))
def mandelbrot1(
    xmin: Any, xmax: Any, ymin: Any, ymax: Any, xn: Any, yn: Any, maxiter: Any, horizon: Any = 2.0
) -> Any:
    X = np.linspace(xmin, xmax, xn, dtype=np.float64)
    Y = np.linspace(ymin, ymax, yn, dtype=np.float64)
    C = X + Y[:, None] * 1j
    N = np.zeros(C.shape, dtype=np.int64)
    Z = np.zeros(C.shape, dtype=np.complex128)
    for n in range(maxiter):
        inside = np.less(abs(Z), horizon)
        N[inside] = n
        Z[inside] = Z[inside] ** 2 + C[inside]
    N[maxiter - 1 == N] = 0
    return Z, N


@case(
    lambda rng, n, t: (-1.75, 0.25, -1.0, 1.0, n, n, t),
    small=(5, 7),
    large=(60, 16),
)
def mandelbrot2(
    xmin: Any, xmax: Any, ymin: Any, ymax: Any, xn: Any, yn: Any, itermax: Any, horizon: Any = 2.0
) -> Any:
    Xi, Yi = np.mgrid[0:xn, 0:yn]
    X = np.linspace(xmin, xmax, xn, dtype=np.float64)[Xi]
    Y = np.linspace(ymin, ymax, yn, dtype=np.float64)[Yi]
    C = X + Y * 1j
    N_ = np.zeros(C.shape, dtype=np.int64)
    Z_ = np.zeros(C.shape, dtype=np.complex128)
    Xi.shape = Yi.shape = C.shape = xn * yn
    Z = np.zeros(C.shape, np.complex128)
    for i in range(itermax):
        if not len(Z):
            break
        np.multiply(Z, Z, Z)
        np.add(Z, C, Z)
        gone = abs(Z) > horizon
        N_[Xi[gone], Yi[gone]] = i + 1
        Z_[Xi[gone], Yi[gone]] = Z[gone]
        np.logical_not(gone, gone)
        Z = Z[gone]
        Xi, Yi = Xi[gone], Yi[gone]
        C = C[gone]
    return Z_.T, N_.T


@case(lambda rng, n, t: (rng.random(2), n, t), small=(4, 9), large=(40, 60))
def mandelbrot_by_pixel(centre: Any, n: Any, limit: Any) -> Any:
    counts = np.zeros((n, n), dtype=np.int64)
    last = np.zeros((n, n))
    for i in range(n):
        for j in range(n):
            c = complex(centre[0] - 2 + 2.5 * i / n, centre[1] - 1 + 2 * j / n)
            z = 0j
            for k in range(limit):  # noqa: B007 -- counted below
                z = z * z + c
                if z.real**2 + z.imag**2 > 4.0:
                    break
            counts[i, j] = k
            last[i, j] = abs(z)
    return counts, last


def getAcc(pos: Any, mass: Any, G: Any, softening: Any) -> Any:
    x = pos[:, 0:1]
    y = pos[:, 1:2]
    z = pos[:, 2:3]
    dx = x.T - x
    dy = y.T - y
    dz = z.T - z
    inv_r3 = dx**2 + dy**2 + dz**2 + softening**2
    inv_r3[inv_r3 > 0] = inv_r3[inv_r3 > 0] ** (-1.5)
    ax = G * (dx * inv_r3) @ mass
    ay = G * (dy * inv_r3) @ mass
    az = G * (dz * inv_r3) @ mass
    return np.hstack((ax, ay, az))


def getEnergy(pos: Any, vel: Any, mass: Any, G: Any) -> Any:
    KE = 0.5 * np.sum(np.sum(mass * vel**2))
    x = pos[:, 0:1]
    y = pos[:, 1:2]
    z = pos[:, 2:3]
    dx = x.T - x
    dy = y.T - y
    dz = z.T - z
    inv_r = np.sqrt(dx**2 + dy**2 + dz**2)
    inv_r[inv_r > 0] = 1.0 / inv_r[inv_r > 0]
    PE = G * np.sum(np.sum(np.triu(-(mass * mass.T) * inv_r, 1)))
    return KE, PE


@case(
    lambda rng, n, t: (
        20.0 * np.ones((n, 1)) / n,
        rng.standard_normal((n, 3)),
        rng.standard_normal((n, 3)),
        n,
        t,
        0.05,
        1.0,
        0.1,
    ),
    small=(5, 20),
    large=(40, 60),
)
def nbody(mass: Any, pos: Any, vel: Any, N: Any, Nt: Any, dt: Any, G: Any, softening: Any) -> Any:
    vel -= np.mean(mass * vel, axis=0) / np.mean(mass)
    acc = getAcc(pos, mass, G, softening)
    KE = np.ndarray(Nt + 1, dtype=np.float64)
    PE = np.ndarray(Nt + 1, dtype=np.float64)
    KE[0], PE[0] = getEnergy(pos, vel, mass, G)
    t = 0.0
    for i in range(Nt):
        vel += acc * dt / 2.0
        pos += vel * dt
        acc = getAcc(pos, mass, G, softening)
        vel += acc * dt / 2.0
        t += dt
        KE[i + 1], PE[i + 1] = getEnergy(pos, vel, mass, G)
    return KE, PE


@case(
    lambda rng, n, t: (rng.random((n, 3)) * n, rng.standard_normal((n, 3)), 1e-4, t),
    small=(5, 3),
    large=(40, 20),
)
def lennard_jones(x: Any, v: Any, dt: Any, steps: Any) -> Any:
    n = x.shape[0]
    energy = 0.0
    for _ in range(steps):
        f = np.zeros_like(x)
        energy = 0.0
        for i in range(n):
            for j in range(i + 1, n):
                d = x[i] - x[j]
                r2 = d @ d
                if r2 < 9.0:
                    s6 = 1.0 / r2**3
                    energy += 4.0 * s6 * (s6 - 1.0)
                    force = 24.0 * s6 * (2.0 * s6 - 1.0) / r2 * d
                    f[i] += force
                    f[j] -= force
        v += dt * f
        x += dt * v
    return energy


def complexes(rng: Any, *shape: int) -> Any:
    return rng.standard_normal(shape) + 1j * rng.standard_normal(shape)


@case(
    lambda rng, nr, nm, ns, points: (
        nr,
        nm,
        ns,
        complexes(rng, ns + 1, nr, nr),
        complexes(rng, points),
        complexes(rng, nr, nm),
    ),
    small=(4, 3, 2, 18),
    large=(20, 15, 2, 32),
)
def contour_integral(
    NR: np.int64, NM: np.int64, slab_per_bc: np.int64, Ham: Any, int_pts: Any, Y: Any
) -> Any:
    P0 = np.zeros((NR, NM), dtype=np.complex128)
    P1 = np.zeros((NR, NM), dtype=np.complex128)
    for z in int_pts:
        Tz = np.zeros((NR, NR), dtype=np.complex128)
        for n in range(slab_per_bc + 1):
            zz = np.power(z, slab_per_bc / 2 - n)
            Tz += zz * Ham[n]
        if NR == NM:
            X = np.linalg.inv(Tz)
        else:
            X = np.linalg.solve(Tz, Y)
        if abs(z) < 1.0:
            X = -X
        P0 += X
        P1 += z * X
    return P0, P1


def self_energy_inputs(rng: Any, k: int, e: int, a: int, b: int, n: int) -> tuple[Any, ...]:
    return (
        rng.integers(0, a, (a, b)).astype(np.int32),
        complexes(rng, a, b, 3, n, n),
        complexes(rng, k, e, a, n, n),
        complexes(rng, k, e, a, b, 3, 3),
        np.zeros((k, e, a, n, n), dtype=np.complex128),
    )


@case(self_energy_inputs, small=(1, 2, 3, 2, 2), large=(2, 4, 6, 3, 3))
def scattering_self_energies(neigh_idx: Any, dH: Any, G: Any, D: Any, Sigma: Any) -> None:
    for k in range(G.shape[0]):
        for E in range(G.shape[1]):
            for q in range(D.shape[0]):
                for w in range(D.shape[1]):
                    for i in range(D.shape[-2]):
                        for j in range(D.shape[-1]):
                            for a in range(neigh_idx.shape[0]):
                                for b in range(neigh_idx.shape[1]):
                                    if E - w >= 0:
                                        dHG = G[k, E - w, neigh_idx[a, b]] @ dH[a, b, i]
                                        dHD = dH[a, b, j] * D[q, w, a, b, i, j]
                                        Sigma[k, E, a] += dHG @ dHD


@case(lambda rng, n: tuple(rng.random((4, n))), small=(7,), large=(100_000,))
def arc_distance(theta_1: Any, phi_1: Any, theta_2: Any, phi_2: Any) -> Any:
    temp = (
        np.sin((theta_2 - theta_1) / 2) ** 2
        + np.cos(theta_1) * np.cos(theta_2) * np.sin((phi_2 - phi_1) / 2) ** 2
    )
    return 2 * (np.arctan2(np.sqrt(temp), np.sqrt(1 - temp)))


@case(
    lambda rng, n: (
        rng.integers(0, 1000, (n, n)),
        rng.integers(0, 1000, (n, n)),
        np.int64(4),
        np.int64(3),
        np.int64(9),
    ),
    small=(5,),
    large=(300,),
)
def compute(array_1: Any, array_2: Any, a: np.int64, b: np.int64, c: np.int64) -> Any:
    return np.clip(array_1, 2, 10) * a + array_2 * b + c


@case(lambda rng, n: (rng.standard_normal((n, n)), 0.3), small=(5,), large=(300,))
def clipping(x: Any, limit: Any) -> Any:
    y = x.copy()
    y[y > limit] = limit
    y[y < -limit] *= 0.5
    np.clip(x, -1.0, limit, out=x)
    return y


@case(
    lambda rng, n, t: (rng.standard_normal((n, n)), rng.standard_normal((n, n)), t),
    small=(4, 20),
    large=(40, 100),
)
def reaction_diffusion(U: Any, V: Any, steps: Any) -> None:
    for _ in range(steps):
        for Z, rate in ((U, 0.1), (V, 0.05)):
            L = (
                np.roll(Z, (0, 1), (0, 1))
                + np.roll(Z, (0, -1), (0, 1))
                + np.roll(Z, (1, 0), (0, 1))
                + np.roll(Z, (-1, 0), (0, 1))
                - 4 * Z
            )
            Z += rate * L
        uvv = U * V * V
        U += 0.01 * (0.035 * (1 - U) - uvv)
        V += 0.01 * (uvv - 0.1 * V)


@case(lambda rng: (np.float64(0.5),), small=(), large=())
def particle_between_charges(control: Any) -> Any:
    charges = [[10.0, 10.0 - control], [10.0, 0.0]]

    def distance(a: Any, b: Any) -> Any:
        return np.sqrt(sum((u - v) ** 2 for u, v in zip(a, b, strict=True)))

    def acceleration(x: Any) -> Any:
        return [sum((x[k] - c[k]) / distance(x, c) ** 3 for c in charges) for k in range(2)]

    x, v, dt = [0.0, 8.0], [0.75, 0.0], 0.1
    while True:
        following = [x_k + dt * v_k for x_k, v_k in zip(x, v, strict=True)]
        if following[1] <= 0:
            rest = -x[1] / v[1]
            return (x[0] + rest * v[0]) ** 2
        v = [v_k + dt * a_k for v_k, a_k in zip(v, acceleration(x), strict=True)]
        x = following
