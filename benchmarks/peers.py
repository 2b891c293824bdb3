"""Gradients of real programs: irgrad on each installed backend beside autograd and JAX, in one run.

    pip install -e '.[bench]' && python benchmarks/peers.py [--only NAME]

Each column is microseconds a call of value and gradient, the best of several rounds that take
turns, and in brackets the seconds to the first result. `value` is the plain NumPy function, without
a gradient. Peers that are not installed, or that cannot run a program, are left out."""

from __future__ import annotations

import argparse
import importlib.util
import sys
import time
from collections.abc import Callable
from types import ModuleType
from typing import Any, NamedTuple

import numpy as np
from rich.console import Console
from rich.progress import track
from rich.table import Table

import irgrad

RNG = np.random.default_rng(0)


class Workload(NamedTuple):
    """A program over a NumPy namespace, its arguments, and which of them to differentiate."""

    function: Callable[..., Any]
    arguments: tuple[Any, ...]
    argnums: tuple[int, ...]


def rosenbrock(np: Any, x: Any) -> Any:
    """Sum of 100 (x_{i+1} - x_i^2)^2 + (1 - x_i)^2."""
    return np.sum(100 * (x[1:] - x[:-1] ** 2) ** 2 + (1 - x[:-1]) ** 2)


def two_layers(np: Any, x: Any, W1: Any, W2: Any, b: Any, y: Any) -> Any:
    """0.5 |W2 tanh(W1 x + b) - y|^2."""
    return 0.5 * np.sum((W2 @ np.tanh(W1 @ x + b) - y) ** 2)


def logistic(np: Any, w: Any, X: Any, y: Any) -> Any:
    """Negative log likelihood of labels -1, 1."""
    return np.sum(np.logaddexp(0.0, -y * (X @ w)))


def mixture(np: Any, alpha: Any, mu: Any, q: Any, lower: Any, x: Any) -> Any:
    """Log likelihood of a Gaussian mixture, as in ADBench, without its prior."""
    d = x.shape[1]
    place = PLACES[d]
    padded = np.concatenate([np.zeros((lower.shape[0], 1)), lower], axis=1)
    centred = x[:, None, :] - mu[None, :, :]
    turned = np.einsum("kij,nkj->nki", padded[:, place], centred)
    scaled = np.exp(q) * centred + turned
    beta = alpha + np.sum(q, axis=1) - 0.5 * np.sum(scaled**2, axis=2)
    top = np.max(beta, axis=1, keepdims=True)
    return np.sum(np.log(np.sum(np.exp(beta - top), axis=1)) + top[:, 0])


def places(d: int) -> np.ndarray:
    """Where each entry of a strictly lower triangle stands, column by column; 0 elsewhere."""
    place = np.zeros((d, d), int)
    place.T[np.triu_indices(d, 1)] = np.arange(1, d * (d - 1) // 2 + 1)
    return place


PLACES = {10: places(10)}


def normal(*shape: int) -> np.ndarray:
    """Standard normal numbers."""
    return RNG.standard_normal(shape)


def layers(d: int) -> tuple[np.ndarray, ...]:
    """Arguments of `two_layers` with all extents d."""
    return normal(d), normal(d, d) / d**0.5, normal(d, d) / d**0.5, normal(d), normal(d)


WORKLOADS = {
    "rosenbrock n=2": Workload(rosenbrock, (normal(2),), (0,)),
    "rosenbrock n=10^6": Workload(rosenbrock, (normal(10**6),), (0,)),
    "equation (1) d=16": Workload(two_layers, layers(16), (0, 1, 2, 3)),
    "equation (1) d=256": Workload(two_layers, layers(256), (0, 1, 2, 3)),
    "equation (1) d=2048": Workload(two_layers, layers(2048), (0, 1, 2, 3)),
    "logistic 10^5 x 50": Workload(
        logistic, (normal(50), normal(10**5, 50), np.sign(normal(10**5))), (0,)
    ),
    "mixture n=1000 d=10 k=25": Workload(
        mixture,
        (normal(25), normal(25, 10), normal(25, 10), normal(25, 45), normal(1000, 10)),
        (0, 1, 2, 3),
    ),
}


def runners(work: Workload) -> dict[str, Callable[[], Any]]:
    """Name -> a call that gives value and gradient as NumPy arrays or their like, finished."""
    found: dict[str, Callable[[], Any]] = {"value": lambda: work.function(np, *work.arguments)}
    for backend in irgrad.backends():
        compiled = irgrad.compile(
            irgrad.value_and_grad(lambda *a: work.function(np, *a), work.argnums), backend
        )
        found[f"irgrad {backend}"] = lambda run=compiled: run(*work.arguments)
    if importlib.util.find_spec("autograd"):
        found["autograd"] = _autograd(work)
    if importlib.util.find_spec("jax"):
        found["jax.jit"] = _jax(work)
    return found


def _autograd(work: Workload) -> Callable[[], Any]:
    import autograd
    import autograd.numpy as anp

    run = autograd.value_and_grad(
        lambda chosen, rest: work.function(anp, *_merged(work, chosen, rest))
    )
    chosen = tuple(work.arguments[i] for i in work.argnums)
    return lambda: run(chosen, work.arguments)


def _merged(work: Workload, chosen: Any, rest: Any) -> list[Any]:
    merged = list(rest)
    for position, value in zip(work.argnums, chosen, strict=True):
        merged[position] = value
    return merged


def _jax(work: Workload) -> Callable[[], Any]:
    import jax

    jax.config.update("jax_enable_x64", True)
    jnp: ModuleType = jax.numpy
    run = jax.jit(jax.value_and_grad(lambda *a: work.function(jnp, *a), work.argnums))
    return lambda: jax.block_until_ready(run(*work.arguments))


def measure(work: Workload, rounds: int = 5) -> dict[str, tuple[float, float] | None]:
    """Name -> (microseconds a call, seconds to the first result), or None where it cannot run."""
    calls, first, best = runners(work), {}, {}
    for name, call in calls.items():
        start = time.perf_counter()
        try:
            call()
        except Exception as error:
            print(f"{name}: {type(error).__name__}: {error}", file=sys.stderr)
            continue
        first[name] = time.perf_counter() - start
    for _ in range(rounds):
        for name in first:
            count, start = 0, time.perf_counter()
            while time.perf_counter() - start < 0.1:
                calls[name]()
                count += 1
            best[name] = min(best.get(name, 1e9), (time.perf_counter() - start) / count)
    return {name: (best[name] * 1e6, first[name]) if name in first else None for name in calls}


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--only", choices=WORKLOADS)
    options = parser.parse_args()
    chosen = [options.only] if options.only else list(WORKLOADS)
    rows = {name: measure(WORKLOADS[name]) for name in track(chosen, "measuring")}
    table = Table(title="microseconds a call (seconds to the first result)")
    table.add_column("workload")
    for column in next(iter(rows.values())):
        table.add_column(column, justify="right")
    for name, row in rows.items():
        table.add_row(
            name, *(f"{cell[0]:,.1f} ({cell[1]:.2f})" if cell else "-" for cell in row.values())
        )
    Console(width=120).print(table)


if __name__ == "__main__":
    main()
