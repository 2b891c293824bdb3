"""The tables of a run, for the terminal and in Markdown."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from rich.box import SIMPLE_HEAD
from rich.table import Table

from benchmarks.results import IRGRAD, Outcome, Results, Row


@dataclass(frozen=True)
class Sheet:
    """A table: what it shows, its columns, its rows; the first column is text."""

    title: str
    columns: Sequence[str]
    rows: Sequence[Sequence[str]]
    legend: str = ""

    def rich(self) -> Table:
        """For the terminal."""
        table = Table(title=self.title, caption=self.legend, box=SIMPLE_HEAD, padding=(0, 1, 0, 0))
        for i, column in enumerate(self.columns):
            table.add_column(column, justify="right" if i else "left", overflow="fold")
        for row in self.rows:
            table.add_row(*row)
        return table

    def markdown(self) -> str:
        """For a file."""
        rule = ["---", *["---:"] * (len(self.columns) - 1)]
        lines = ["| " + " | ".join(cells) + " |" for cells in (self.columns, rule, *self.rows)]
        return "\n".join(
            [f"## {self.title}", "", *([self.legend, ""] if self.legend else []), *lines]
        )


def duration(seconds: float | None) -> str:
    """Three digits and a unit.

    >>> duration(1.234e-6), duration(0.5), duration(None)
    ('1.23 us', '500 ms', '-')
    """
    if seconds is None:
        return "-"
    for size, unit in ((1.0, "s"), (1e-3, "ms"), (1e-6, "us")):
        if seconds >= 0.9995 * size:
            return f"{_digits(seconds / size)} {unit}"
    return f"{_digits(seconds / 1e-9)} ns"


def ratio(numerator: float | None, denominator: float | None) -> str:
    """How many times, with two or three digits."""
    if numerator is None or not denominator:
        return "-"
    return f"{_digits(numerator / denominator)}x"


def _digits(x: float) -> str:
    return f"{x:.2f}" if x < 9.995 else f"{x:.1f}" if x < 99.95 else f"{x:,.0f}"


def report(results: Results) -> list[Sheet]:
    """All tables, ratios first."""
    kinds = (ratios, times, first, growth, memory, notes, machine)
    return [sheet for kind in kinds if (sheet := kind(results)).rows]


def _repeated(results: Results) -> list[Row]:
    return [row for row in results.rows if row.workload != "growth"]


def _cell(outcome: Outcome | None, show: Callable[[Outcome], str]) -> str:
    if outcome is None:
        return "-"
    return outcome.problem or show(outcome)


def ratios(results: Results) -> Sheet:
    """Every system's time over irgrad's."""
    others = [name for name in results.timed() if name != IRGRAD]
    lines = []
    for row in _repeated(results):
        own = row.seconds(IRGRAD)
        cells = [
            _cell(
                row.outcomes.get(name),
                lambda o, own=own: ratio(o.gradient, own) if own else duration(o.gradient),
            )
            for name in others
        ]
        bound = next(iter(row.limits.values()), None)
        lines.append([row.name, own_time(row), *cells, ratio(own, bound)])
    return Sheet(
        "Times irgrad's: seconds a call of value and gradient over those of irgrad-numba",
        ["workload", IRGRAD, *others, "irgrad / limit"],
        lines,
        "numpy and numba: by hand. Last column: irgrad over its first limit, see below. "
        "Plain times where irgrad-numba has none.",
    )


def own_time(row: Row) -> str:
    """irgrad's own time, or why there is none."""
    return _cell(row.outcomes.get(IRGRAD), lambda o: duration(o.gradient))


def times(results: Results) -> Sheet:
    """Durations, and in brackets the gradient over the function alone."""

    def show(outcome: Outcome) -> str:
        share = f" ({ratio(outcome.gradient, outcome.function)})" if outcome.function else ""
        return f"{duration(outcome.gradient)}{share}"

    def cell(outcome: Outcome | None) -> str:
        if outcome and outcome.problem == "-" and outcome.function:
            return f"function {duration(outcome.function)}"
        return _cell(outcome, show)

    names = results.timed()
    lines = [
        [row.name, *(cell(row.outcomes.get(name)) for name in names), _limits(row)]
        for row in _repeated(results)
    ]
    return Sheet(
        "Time a call (times the function alone)",
        ["workload", *names, "limits"],
        lines,
        "Value and gradient, in float64, medians. The function alone is the same system's.",
    )


def _limits(row: Row) -> str:
    return "; ".join(f"{name} {duration(seconds)}" for name, seconds in row.limits.items()) or "-"


def first(results: Results) -> Sheet:
    """Compile times."""

    def show(outcome: Outcome) -> str:
        warm = "" if outcome.warm is None else f" / {duration(outcome.warm)}"
        return f"{duration(outcome.first)}{warm}"

    names = results.timed()
    imports = ["import alone", *(duration(results.systems[name].get("import")) for name in names)]
    lines = [
        [row.name, *(_cell(row.outcomes.get(name), show) for name in names)]
        for row in _repeated(results)
    ]
    return Sheet(
        "Time to the first result, without imports / in a second process",
        ["workload", *names],
        [imports, *lines],
        "Cold: empty caches. Second process: what the first one left on disk is there.",
    )


def growth(results: Results) -> Sheet:
    """Compile times of the workload that only grows, and what one more node costs."""

    def show(outcome: Outcome) -> str:
        return duration(outcome.first)

    names = results.timed()
    rows = [row for row in results.rows if row.workload == "growth"]
    lines = []
    for row in rows:
        nodes = int(row.size.split()[0].replace(",", ""))
        own = row.first(IRGRAD)
        cells = [_cell(row.outcomes.get(name), show) for name in names]
        lines.append([row.size, *cells, duration(own / nodes) if own else "-"])
    return Sheet(
        "Time to the first result against the length of the program",
        ["program", *names, "irgrad a node"],
        lines,
    )


def memory(results: Results) -> Sheet:
    """Peak memory."""

    def show(outcome: Outcome) -> str:
        return "-" if outcome.peak is None else f"{outcome.peak / 1e6:,.0f}"

    names = results.timed()
    lines = [
        [row.name, *(_cell(row.outcomes.get(name), show) for name in names)] for row in results.rows
    ]
    return Sheet(
        "Peak memory in MB: compiling and running once, beyond imports and inputs",
        ["workload", *names],
        lines,
    )


def noted(results: Results) -> list[list[str]]:
    """What went wrong or was left out, and why."""
    lines = [
        (name, facts["missing"], "")
        for name, facts in results.systems.items()
        if "missing" in facts
    ]
    for row in results.rows:
        lines += [
            (name, outcome.detail, row.name)
            for name, outcome in row.outcomes.items()
            if outcome.detail and not (name in ("numpy", "numba") and outcome.problem == "-")
        ]
    where: dict[tuple[str, str], list[str]] = {}
    for name, reason, row_name in lines:
        where.setdefault((name, reason), []).append(row_name)
    return [[name, reason, "; ".join(rows)] for (name, reason), rows in where.items()]


def notes(results: Results) -> Sheet:
    """The list of `noted`."""
    return Sheet("Left out, and why", ["system", "reason", "workloads"], noted(results))


def machine(results: Results) -> Sheet:
    """Where and with what."""
    versions = {
        name: facts["version"] for name, facts in results.systems.items() if "version" in facts
    }
    facts = {**results.about, **results.machine, **versions}
    return Sheet("Machine and versions", ["", "value"], [[k, v] for k, v in facts.items()])


def markdown(sheets: Sequence[Sheet], svg: str) -> str:
    """The sheets as a page, the picture before them."""
    head = (
        "# Benchmarks\n\n"
        "Written by `make bench`; what is measured, and how, stands in README.md beside this file."
        f"\n\n![Ratios]({svg})"
    )
    return "\n\n".join([head, *(sheet.markdown() for sheet in sheets)]) + "\n"
