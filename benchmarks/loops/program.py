"""A loop program in three languages: NumPy as its user wrote it, loops for Numba, a port to JAX."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from benchmarks.workload import Arguments, Size, Workload, no_assignment

Program = Callable[..., Any]


def program(
    function: Program,
    make: Callable[..., Arguments],
    sizes: Mapping[str, tuple[int, ...]],
    tiny: tuple[int, ...],
    *,
    by_loops: Program,
    jax: Program,
    argnums: tuple[int, ...] = (0,),
) -> Workload:
    """The workload of a scalar function of arrays, then static numbers.

    `function` is plain NumPy, with loops and assignments; `by_loops` the same for `numba.njit`,
    compiled when it is asked for; `jax` traceable, with loops that stay loops. The first of `sizes`
    is timed; of the others, which have other trip counts, only the time to the first result is."""

    def primal() -> Program:
        import numba

        return numba.njit(cache=True)(by_loops)

    first, *others = (Size(label, parameters) for label, parameters in sizes.items())
    longer = [Size(size.label, size.parameters, only_first_result=True) for size in others]
    return Workload(
        _without_namespace(function),
        make,
        sizes=[first, *longer],
        tiny=tiny,
        argnums=argnums,
        primal=primal,
        variants={**no_assignment(), "jax": _without_namespace(jax)},
    )


def _without_namespace(function: Program) -> Program:
    """As a workload calls it, with the namespace of arrays first, which these import themselves."""
    return lambda _, *arguments: function(*arguments)
