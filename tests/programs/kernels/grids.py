"""Stencils of weather codes and of fluids."""

from __future__ import annotations

from typing import Any

import numpy as np

from tests.programs.kernels.case import case

BET_M = 0.5
BET_P = 0.5


def vadv_inputs(rng: Any, i: int, j: int, k: int) -> tuple[Any, ...]:
    fields = [rng.random((i, j, k)) for _ in range(2)]
    return (*fields, rng.random((i + 1, j, k)), *(rng.random((i, j, k)) for _ in range(2)), 3 / 20)


@case(vadv_inputs, small=(3, 3, 19), large=(30, 30, 40))
def vadv(utens_stage: Any, u_stage: Any, wcon: Any, u_pos: Any, utens: Any, dtr_stage: Any) -> None:
    I, J, K = utens_stage.shape[0], utens_stage.shape[1], utens_stage.shape[2]  # noqa: E741
    ccol = np.ndarray((I, J, K), dtype=utens_stage.dtype)
    dcol = np.ndarray((I, J, K), dtype=utens_stage.dtype)
    data_col = np.ndarray((I, J), dtype=utens_stage.dtype)
    for k in range(1):
        gcv = 0.25 * (wcon[1:, :, k + 1] + wcon[:-1, :, k + 1])
        cs = gcv * BET_M
        ccol[:, :, k] = gcv * BET_P
        bcol = dtr_stage - ccol[:, :, k]
        correction_term = -cs * (u_stage[:, :, k + 1] - u_stage[:, :, k])
        dcol[:, :, k] = (
            dtr_stage * u_pos[:, :, k] + utens[:, :, k] + utens_stage[:, :, k] + correction_term
        )
        divided = 1.0 / bcol
        ccol[:, :, k] = ccol[:, :, k] * divided
        dcol[:, :, k] = dcol[:, :, k] * divided
    for k in range(1, K - 1):
        gav = -0.25 * (wcon[1:, :, k] + wcon[:-1, :, k])
        gcv = 0.25 * (wcon[1:, :, k + 1] + wcon[:-1, :, k + 1])
        as_ = gav * BET_M
        cs = gcv * BET_M
        acol = gav * BET_P
        ccol[:, :, k] = gcv * BET_P
        bcol = dtr_stage - acol - ccol[:, :, k]
        correction_term = -as_ * (u_stage[:, :, k - 1] - u_stage[:, :, k]) - cs * (
            u_stage[:, :, k + 1] - u_stage[:, :, k]
        )
        dcol[:, :, k] = (
            dtr_stage * u_pos[:, :, k] + utens[:, :, k] + utens_stage[:, :, k] + correction_term
        )
        divided = 1.0 / (bcol - ccol[:, :, k - 1] * acol)
        ccol[:, :, k] = ccol[:, :, k] * divided
        dcol[:, :, k] = (dcol[:, :, k] - (dcol[:, :, k - 1]) * acol) * divided
    for k in range(K - 1, K):
        gav = -0.25 * (wcon[1:, :, k] + wcon[:-1, :, k])
        as_ = gav * BET_M
        acol = gav * BET_P
        bcol = dtr_stage - acol
        correction_term = -as_ * (u_stage[:, :, k - 1] - u_stage[:, :, k])
        dcol[:, :, k] = (
            dtr_stage * u_pos[:, :, k] + utens[:, :, k] + utens_stage[:, :, k] + correction_term
        )
        divided = 1.0 / (bcol - ccol[:, :, k - 1] * acol)
        dcol[:, :, k] = (dcol[:, :, k] - (dcol[:, :, k - 1]) * acol) * divided
    for k in range(K - 1, K - 2, -1):
        datacol = dcol[:, :, k]
        data_col[:] = datacol
        utens_stage[:, :, k] = dtr_stage * (datacol - u_pos[:, :, k])
    for k in range(K - 2, -1, -1):
        datacol = dcol[:, :, k] - ccol[:, :, k] * data_col[:, :]
        data_col[:] = datacol
        utens_stage[:, :, k] = dtr_stage * (datacol - u_pos[:, :, k])


@case(
    lambda rng, n, k: (rng.random((n + 4, n + 4, k)), rng.random((n, n, k)), rng.random((n, n, k))),
    small=(5, 3),
    large=(40, 20),
)
def hdiff_by_level(in_field: Any, out_field: Any, coeff: Any) -> None:
    """The limiter by masks, level by level."""
    K = out_field.shape[2]
    for k in range(K):
        f = in_field[:, :, k]
        lap = 4.0 * f[1:-1, 1:-1] - (f[2:, 1:-1] + f[:-2, 1:-1] + f[1:-1, 2:] + f[1:-1, :-2])
        flx = lap[1:, 1:-1] - lap[:-1, 1:-1]
        flx[flx * (f[2:-1, 2:-2] - f[1:-2, 2:-2]) > 0] = 0.0
        fly = lap[1:-1, 1:] - lap[1:-1, :-1]
        fly[fly * (f[2:-2, 2:-1] - f[2:-2, 1:-2]) > 0] = 0.0
        out_field[..., k] = f[2:-2, 2:-2] - coeff[..., k] * (
            np.diff(flx, axis=0) + np.diff(fly, axis=1)
        )


def build_up_b(b: Any, rho: Any, dt: Any, u: Any, v: Any, dx: Any, dy: Any) -> None:
    b[1:-1, 1:-1] = rho * (
        1
        / dt
        * ((u[1:-1, 2:] - u[1:-1, 0:-2]) / (2 * dx) + (v[2:, 1:-1] - v[0:-2, 1:-1]) / (2 * dy))
        - ((u[1:-1, 2:] - u[1:-1, 0:-2]) / (2 * dx)) ** 2
        - 2 * ((u[2:, 1:-1] - u[0:-2, 1:-1]) / (2 * dy) * (v[1:-1, 2:] - v[1:-1, 0:-2]) / (2 * dx))
        - ((v[2:, 1:-1] - v[0:-2, 1:-1]) / (2 * dy)) ** 2
    )


def pressure_poisson(nit: Any, p: Any, dx: Any, dy: Any, b: Any) -> None:
    pn = np.empty_like(p)
    pn = p.copy()
    for _ in range(nit):
        pn = p.copy()
        p[1:-1, 1:-1] = (
            (pn[1:-1, 2:] + pn[1:-1, 0:-2]) * dy**2 + (pn[2:, 1:-1] + pn[0:-2, 1:-1]) * dx**2
        ) / (2 * (dx**2 + dy**2)) - dx**2 * dy**2 / (2 * (dx**2 + dy**2)) * b[1:-1, 1:-1]
        p[:, -1] = p[:, -2]
        p[0, :] = p[1, :]
        p[:, 0] = p[:, 1]
        p[-1, :] = 0


def cavity_inputs(rng: Any, n: int, nt: int, nit: int) -> tuple[Any, ...]:
    u, v, p = (0.1 * rng.random((n, n)) for _ in range(3))
    return n, n, nt, nit, u, v, 0.1 / n, 2 / (n - 1), 2 / (n - 1), p, 1.0, 0.1


@case(cavity_inputs, small=(7, 4, 20), large=(41, 20, 20))
def cavity_flow(
    nx: Any, ny: Any, nt: Any, nit: Any, u: Any, v: Any,
    dt: Any, dx: Any, dy: Any, p: Any, rho: Any, nu: Any,
) -> None:  # fmt: skip
    un = np.empty_like(u)
    vn = np.empty_like(v)
    b = np.zeros((ny, nx))
    for _ in range(nt):
        un = u.copy()
        vn = v.copy()
        build_up_b(b, rho, dt, u, v, dx, dy)
        pressure_poisson(nit, p, dx, dy, b)
        u[1:-1, 1:-1] = (
            un[1:-1, 1:-1]
            - un[1:-1, 1:-1] * dt / dx * (un[1:-1, 1:-1] - un[1:-1, 0:-2])
            - vn[1:-1, 1:-1] * dt / dy * (un[1:-1, 1:-1] - un[0:-2, 1:-1])
            - dt / (2 * rho * dx) * (p[1:-1, 2:] - p[1:-1, 0:-2])
            + nu
            * (
                dt / dx**2 * (un[1:-1, 2:] - 2 * un[1:-1, 1:-1] + un[1:-1, 0:-2])
                + dt / dy**2 * (un[2:, 1:-1] - 2 * un[1:-1, 1:-1] + un[0:-2, 1:-1])
            )
        )
        v[1:-1, 1:-1] = (
            vn[1:-1, 1:-1]
            - un[1:-1, 1:-1] * dt / dx * (vn[1:-1, 1:-1] - vn[1:-1, 0:-2])
            - vn[1:-1, 1:-1] * dt / dy * (vn[1:-1, 1:-1] - vn[0:-2, 1:-1])
            - dt / (2 * rho * dy) * (p[2:, 1:-1] - p[0:-2, 1:-1])
            + nu
            * (
                dt / dx**2 * (vn[1:-1, 2:] - 2 * vn[1:-1, 1:-1] + vn[1:-1, 0:-2])
                + dt / dy**2 * (vn[2:, 1:-1] - 2 * vn[1:-1, 1:-1] + vn[0:-2, 1:-1])
            )
        )
        u[0, :] = 0
        u[:, 0] = 0
        u[:, -1] = 0
        u[-1, :] = 1
        v[0, :] = 0
        v[-1, :] = 0
        v[:, 0] = 0
        v[:, -1] = 0


def poisson_periodic(nit: Any, p: Any, dx: Any, dy: Any, b: Any) -> None:
    pn = np.empty_like(p)
    for _ in range(nit):
        pn = p.copy()
        p[1:-1, 1:-1] = (
            (pn[1:-1, 2:] + pn[1:-1, 0:-2]) * dy**2 + (pn[2:, 1:-1] + pn[0:-2, 1:-1]) * dx**2
        ) / (2 * (dx**2 + dy**2)) - dx**2 * dy**2 / (2 * (dx**2 + dy**2)) * b[1:-1, 1:-1]
        p[1:-1, -1] = (
            (pn[1:-1, 0] + pn[1:-1, -2]) * dy**2 + (pn[2:, -1] + pn[0:-2, -1]) * dx**2
        ) / (2 * (dx**2 + dy**2)) - dx**2 * dy**2 / (2 * (dx**2 + dy**2)) * b[1:-1, -1]
        p[1:-1, 0] = ((pn[1:-1, 1] + pn[1:-1, -1]) * dy**2 + (pn[2:, 0] + pn[0:-2, 0]) * dx**2) / (
            2 * (dx**2 + dy**2)
        ) - dx**2 * dy**2 / (2 * (dx**2 + dy**2)) * b[1:-1, 0]
        p[-1, :] = p[-2, :]
        p[0, :] = p[1, :]


def channel_inputs(rng: Any, n: int, nit: int) -> tuple[Any, ...]:
    u, v, p = (0.1 * rng.random((n, n)) for _ in range(3))
    return nit, u, v, 0.01, 2 / (n - 1), 2 / (n - 1), p, 1.0, 0.1, 1.0


@case(channel_inputs, small=(6, 5), large=(31, 20))
def channel_flow(
    nit: Any, u: Any, v: Any, dt: Any, dx: Any, dy: Any, p: Any, rho: Any, nu: Any, F: Any
) -> Any:
    udiff = 1
    stepcount = 0
    b = np.zeros_like(u)
    while udiff > 0.05:
        un = u.copy()
        vn = v.copy()
        build_up_b(b, rho, dt, u, v, dx, dy)
        b[1:-1, -1] = rho * (
            1 / dt * ((u[1:-1, 0] - u[1:-1, -2]) / (2 * dx) + (v[2:, -1] - v[0:-2, -1]) / (2 * dy))
        )
        poisson_periodic(nit, p, dx, dy, b)
        u[1:-1, 1:-1] = (
            un[1:-1, 1:-1]
            - un[1:-1, 1:-1] * dt / dx * (un[1:-1, 1:-1] - un[1:-1, 0:-2])
            - dt / (2 * rho * dx) * (p[1:-1, 2:] - p[1:-1, 0:-2])
            + nu * dt / dy**2 * (un[2:, 1:-1] - 2 * un[1:-1, 1:-1] + un[0:-2, 1:-1])
            + F * dt
        )
        v[1:-1, 1:-1] = (
            vn[1:-1, 1:-1]
            - un[1:-1, 1:-1] * dt / dx * (vn[1:-1, 1:-1] - vn[1:-1, 0:-2])
            - dt / (2 * rho * dy) * (p[2:, 1:-1] - p[0:-2, 1:-1])
        )
        u[0, :] = 0
        u[-1, :] = 0
        v[0, :] = 0
        v[-1, :] = 0
        udiff = (np.sum(u) - np.sum(un)) / np.sum(u)
        stepcount += 1
    return stepcount


@case(lambda rng, n, t: (rng.random((n, n)), 0.2, t), small=(6, 20), large=(100, 100))
def laplace_by_roll(T: Any, kappa: Any, steps: Any) -> Any:
    for _ in range(steps):
        T = T + kappa * (
            np.roll(T, 1, 0)
            + np.roll(T, -1, axis=0)
            + np.roll(T, 1, axis=1)
            + np.roll(T, -1, axis=1)
            - 4 * T
        )
    return T


@case(lambda rng, n, t: (rng.random(n), rng.random(n), t), small=(20, 3), large=(300, 100))
def shallow_water(h: Any, hu: Any, steps: Any) -> None:
    g, dt, dx = 9.81, 1e-3, 0.1
    h += 1.0
    for _ in range(steps):
        flux = np.zeros((2, h.size + 1))
        for i in range(1, h.size):
            ul, ur = hu[i - 1] / h[i - 1], hu[i] / h[i]
            speed = max(abs(ul) + np.sqrt(g * h[i - 1]), abs(ur) + np.sqrt(g * h[i]))
            flux[0, i] = 0.5 * (hu[i - 1] + hu[i]) - 0.5 * speed * (h[i] - h[i - 1])
            flux[1, i] = 0.5 * (
                hu[i - 1] * ul + 0.5 * g * h[i - 1] ** 2 + hu[i] * ur + 0.5 * g * h[i] ** 2
            ) - 0.5 * speed * (hu[i] - hu[i - 1])
        flux[1, 0] = 0.5 * g * h[0] ** 2
        flux[1, -1] = 0.5 * g * h[-1] ** 2
        h -= dt / dx * (flux[0, 1:] - flux[0, :-1])
        hu -= dt / dx * (flux[1, 1:] - flux[1, :-1])
