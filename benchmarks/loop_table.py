"""The table of the loop programs: gradients against functions in Numba and against JAX, the time to
the first result at two trip counts, and geometric means."""

from __future__ import annotations

import math
from collections.abc import Sequence

from benchmarks.results import IRGRAD, Results, Row
from benchmarks.tables import Sheet, duration, notes, ratio

SYSTEMS = (IRGRAD, "jax", "numpy", "numba")


def sheets(results: Results) -> list[Sheet]:
    """The programs, what they come to, and what was left out."""
    programs = _programs(results)
    found = [_steady(programs), _first(programs), _summary(programs), notes(results)]
    return [sheet for sheet in found if sheet.rows]


def _programs(results: Results) -> list[list[Row]]:
    """The rows of each program, the size that is timed first."""
    grouped: dict[str, list[Row]] = {}
    for row in results.rows:
        grouped.setdefault(row.workload, []).append(row)
    return list(grouped.values())


def _function(row: Row, system: str) -> float | None:
    found = row.outcomes.get(system)
    return found.function if found else None


def _over(numerator: float | None, denominator: float | None) -> float | None:
    return numerator / denominator if numerator and denominator else None


def _against_numba(row: Row) -> float | None:
    return _over(row.seconds(IRGRAD), _function(row, "numba"))


def _against_jax(row: Row) -> float | None:
    return _over(row.seconds("jax"), row.seconds(IRGRAD))


def _steady(programs: Sequence[Sequence[Row]]) -> Sheet:
    lines = [
        [
            row.name,
            row.outcomes[IRGRAD].problem or duration(row.seconds(IRGRAD)),
            duration(_function(row, IRGRAD)),
            duration(_function(row, "numba")),
            duration(_function(row, "numpy")),
            duration(row.seconds("jax")),
            _times(_against_numba(row)),
            _times(_against_jax(row)),
            _times(_over(_function(row, "numpy"), row.seconds(IRGRAD))),
        ]
        for row, *_ in programs
    ]
    columns = ["gradient", "function", "numba f", "numpy f", "jax gradient"]
    ratios = ["gradient / numba f", "jax / gradient", "numpy f / gradient"]
    return Sheet("Loop programs: time a call", ["program", *columns, *ratios], lines)


def _first(programs: Sequence[Sequence[Row]]) -> Sheet:
    lines = []
    for first, *longer in programs:
        row = [first.name, duration(first.first(IRGRAD)), duration(first.first("jax"))]
        for other in longer[:1]:
            grown = ratio(other.first(IRGRAD), first.first(IRGRAD))
            row += [other.size, duration(other.first(IRGRAD)), grown]
        lines.append([*row, "-", "-", "-"][:6])
    return Sheet(
        "Loop programs: time to the first gradient, at two trip counts",
        ["program", "irgrad", "jax", "longer", "irgrad", "longer / first"],
        lines,
        "Tracing, differentiating, compiling with empty caches, and one run.",
    )


def _summary(programs: Sequence[Sequence[Row]]) -> Sheet:
    """Geometric means, the worst program, and how many there are."""
    rows = [row for row, *_ in programs]
    measures = [
        ("gradient / function in Numba", _against_numba, max),
        ("gradient of JAX / gradient", _against_jax, min),
        ("seconds to the first gradient", lambda row: row.first(IRGRAD), max),
    ]
    lines = []
    for title, measure, worst in measures:
        found = {row.name: value for row in rows if (value := measure(row))}
        if found:
            name = worst(found, key=found.__getitem__)
            cells = (f"{geometric_mean(list(found.values())):.2f}", f"{found[name]:.2f}")
            lines.append([title, *cells, name, f"{len(found)} of {len(rows)}"])
    columns = ["", "geometric mean", "worst", "of", "programs"]
    return Sheet("Loop programs: means", columns, lines)


def geometric_mean(numbers: Sequence[float]) -> float:
    """exp(mean(log x)).

    >>> geometric_mean([1.0, 4.0])
    2.0
    """
    return math.exp(math.fsum(map(math.log, numbers)) / len(numbers))


def _times(value: float | None) -> str:
    return ratio(value, 1.0)
