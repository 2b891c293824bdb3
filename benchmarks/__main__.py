"""irgrad beside its peers and beside the limits of the machine.

    python -m benchmarks                      everything that is installed, ten to thirty minutes
    python -m benchmarks --quick              fewer rows and rounds, no second processes
    python -m benchmarks --only mixture sines --systems irgrad-numba jax
    python -m benchmarks --loops              the loop programs, beside JAX, Numba and NumPy
    python -m benchmarks --report             print the last run again, measure nothing
    python -m benchmarks --limits             what bounds each row of the last run

Results go to benchmarks/results.{md,svg,json}, those of the loop programs to benchmarks/loops.*, of
partial runs of either to benchmarks/partial.*."""

from __future__ import annotations

import argparse
import contextlib
import sys
import time
from collections.abc import Callable
from pathlib import Path

from rich.console import Console

from benchmarks import loop_table, loops, workload
from benchmarks.analysis import analysis, page
from benchmarks.measure import Options, Run, default_systems, quick
from benchmarks.picture import picture
from benchmarks.results import Results
from benchmarks.systems import SYSTEMS
from benchmarks.tables import markdown, report

FOLDER = Path(__file__).parent


def parse() -> argparse.Namespace:
    """The command line."""
    programs = [*workload.names(), *loops.PROGRAMS]
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--only", nargs="+", choices=programs, metavar="WORKLOAD")
    parser.add_argument("--loops", action="store_true", help="the loop programs, in one table")
    parser.add_argument("--systems", nargs="+", choices=SYSTEMS, metavar="SYSTEM")
    parser.add_argument("--quick", action="store_true", help="a look, in two to five minutes")
    parser.add_argument("--rounds", type=int, help="rounds a row (5)")
    parser.add_argument("--seconds", type=float, help="seconds a round and system (0.07)")
    parser.add_argument("--limit", type=float, help="seconds to wait for a first result (30)")
    parser.add_argument("--threads", type=int, help="threads of every system (2)")
    parser.add_argument("--results", type=Path, help="where to write or read, without suffix")
    shown = parser.add_mutually_exclusive_group()
    shown.add_argument("--report", action="store_true", help="the tables of the last run")
    shown.add_argument("--limits", action="store_true", help="the limits of the last run")
    parser.epilog = f"workloads: {' '.join(programs)}\nsystems: {' '.join(SYSTEMS)}"
    return parser.parse_args()


def measured(
    options: argparse.Namespace, console: Console, keep: Callable[[Results], None]
) -> Results:
    """A run with these options; `keep` is given the results after each workload."""
    given = {name: getattr(options, name) for name in ("rounds", "seconds", "limit", "threads")}
    given = {name: value for name, value in given.items() if value is not None}
    systems = options.systems or (loop_table.SYSTEMS if options.loops else default_systems())
    workloads = options.only or (loops.NAMES if options.loops else workload.names())
    settings = quick(given) if options.quick else given
    begin, last = time.perf_counter(), ""
    with console.status("") if console.is_terminal else contextlib.nullcontext() as status:

        def say(text: str) -> None:
            nonlocal last
            row = text.partition(":")[0]
            if status:
                status.update(text)
            elif row != last:
                print(f"{time.perf_counter() - begin:6.0f} s  {row}", file=sys.stderr, flush=True)
            last = row

        return Run(Options(systems, workloads, options.quick, **settings), say, keep)()


def main() -> None:
    """Measure or read, print, write."""
    options, console = parse(), Console()
    if not console.is_terminal:
        console.width = 200
    whole = not (options.only or options.systems or options.quick)
    name = ("loops" if options.loops else "results") if whole else "partial"
    path = options.results or FOLDER / name
    if options.report or options.limits:
        results = Results.load(path.with_suffix(".json"))
    else:
        results = measured(options, console, lambda rows: rows.save(path.with_suffix(".json")))
    if options.loops:
        sheets = whole_page = loop_table.sheets(results)
    else:
        sheets = analysis(results) if options.limits else report(results)
        whole_page = page(results)
    for sheet in sheets:
        console.print(sheet.rich())
        console.print()
    if not options.limits:
        path.with_suffix(".svg").write_text(picture(results))
        path.with_suffix(".md").write_text(markdown(whole_page, path.with_suffix(".svg").name))
        console.print(f"written: {path}.md, .svg, .json", highlight=False)


if __name__ == "__main__":
    main()
