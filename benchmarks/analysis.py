"""What bounds each row, how far irgrad is from it, and which aims it meets."""

from __future__ import annotations

from collections.abc import Iterator

from benchmarks import workload
from benchmarks.results import IRGRAD, Results, Row
from benchmarks.systems import PEERS
from benchmarks.tables import Sheet, duration, own_time, ratio, report
from benchmarks.workload import Size


def page(results: Results) -> list[Sheet]:
    """The report with limits and aims, ratios first."""
    ratios, *others = report(results)
    return [ratios, *analysis(results), *others]


def analysis(results: Results) -> list[Sheet]:
    """Limits, then aims."""
    return [limits(results), aims(results)]


def limits(results: Results) -> Sheet:
    """Every limit of every row."""
    lines = []
    for row in results.rows:
        bounds = {**row.limits}
        by_hand = {"NumPy by hand": row.seconds("numpy"), "Numba by hand": row.seconds("numba")}
        if "numba" in row.outcomes:
            by_hand["function in Numba"] = row.outcomes["numba"].function
        bounds.update({name: seconds for name, seconds in by_hand.items() if seconds})
        for name, seconds in bounds.items():
            own = row.seconds(IRGRAD)
            lines.append([row.name, name, duration(seconds), own_time(row), ratio(own, seconds)])
    return Sheet(
        "What bounds each row",
        ["workload", "limit", "its time", "irgrad", "irgrad / limit"],
        lines,
        "A limit moves the bytes or multiplies the matrices that it names and does nothing else. "
        "A ratio below 1 beats it.",
    )


def aims(results: Results) -> Sheet:
    """The aims of the workloads, met or missed."""
    lines = []
    for row in results.rows:
        size = workload.load(row.workload).size(row.size)
        for aim, found, reached in [*_aims(row, size), *_first_aims(row, size)]:
            lines.append([row.name, aim, found, {True: "yes", False: "NO", None: "-"}[reached]])
    return Sheet("Aims", ["workload", "aim", "found", "met"], lines)


Aim = tuple[str, str, bool | None]


def _aims(row: Row, size: Size) -> Iterator[Aim]:
    own = row.seconds(IRGRAD)
    for name, factor in size.ahead.items():
        other = _best_peer(row) if name == "best peer" else row.seconds(name)
        yield _at_least(f"{factor}x faster than {name}", other, own, factor)
    for name, factor in size.within.items():
        yield _at_most(f"at most {factor}x {name}", own, _bound(row, name), factor)
    if size.seconds is not None:
        reached = None if own is None else own <= size.seconds
        yield f"at most {duration(size.seconds)}", duration(own), reached


def _first_aims(row: Row, size: Size) -> Iterator[Aim]:
    own = row.first(IRGRAD)
    for name, factor in size.first_ahead.items():
        text = f"first result {factor}x faster than {name}"
        yield _at_least(text, row.first(name), own, factor)
    found = row.outcomes.get(IRGRAD)
    if found is not None and found.warm is not None:
        yield "second process: at most 50 ms", duration(found.warm), found.warm <= 0.05


def _best_peer(row: Row) -> float | None:
    found = [seconds for name in PEERS if (seconds := row.seconds(name)) is not None]
    return min(found, default=None)


def _bound(row: Row, name: str) -> float | None:
    if name == "function":
        found = row.outcomes.get(IRGRAD)
        return found.function if found else None
    return row.seconds(name) if name in row.outcomes else row.limits.get(name)


def _at_least(text: str, other: float | None, own: float | None, factor: float) -> Aim:
    reached = None if other is None or not own else other >= factor * own
    return text, ratio(other, own), reached


def _at_most(text: str, own: float | None, bound: float | None, factor: float) -> Aim:
    reached = None if own is None or not bound else own <= factor * bound
    return text, ratio(own, bound), reached
