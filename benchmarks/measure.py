"""A run: for each row, every system in turn, round after round."""

from __future__ import annotations

import platform
import statistics
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks import workload
from benchmarks.environment import confine, processor
from benchmarks.process import Process, Trouble
from benchmarks.reference import Reference
from benchmarks.results import Outcome, Results, Row
from benchmarks.systems import CACHED, SLOW_COMPILERS, SYSTEMS
from benchmarks.workload import Size, Workload

SHORT = {
    "none": "",
    "unsupported": "not yet",
    "error": "failed",
    "crashed": "crashed",
    "skipped": "skipped",
}
FUNCTION_ROUNDS = 3
SETTLE = 0.15
"""Seconds before a round: the BLAS threads of the one before spin for some 80 ms when idle."""
SLOW = 0.5  # seconds; of what takes longer there are two rounds


@dataclass(frozen=True)
class Options:
    """How much to measure. `limit` bounds the seconds to a first result, `seconds` one round."""

    systems: Sequence[str]
    workloads: Sequence[str]
    quick: bool = False
    rounds: int = 5
    seconds: float = 0.07
    limit: float = 30.0
    threads: int = 2


class Run:
    """Workers, and what they found: `say` is told what comes, `keep` given what there is."""

    def __init__(
        self, options: Options, say: Callable[[str], None], keep: Callable[[Results], None]
    ) -> None:
        self.options, self.say, self.keep = options, say, keep
        self.results = Results()
        self.processes: dict[str, Process] = {}
        self.overran: set[tuple[str, str]] = set()

    def __call__(self) -> Results:
        """Measure everything."""
        begin = time.perf_counter()
        confine(self.options.threads)
        with tempfile.TemporaryDirectory(prefix="irgrad-bench-") as folder:
            self.folder = Path(folder)
            try:
                self._start()
                self._machine()
                for name in self.options.workloads:
                    self._workload(name)
                    self._about(time.perf_counter() - begin)
                    self.keep(self.results)
            finally:
                for process in self.processes.values():
                    process.stop()
        return self.results

    def _start(self) -> None:
        for name in (*self.options.systems, "limits"):
            self.say(f"starting {name}")
            try:
                process = Process(name, self.folder, self.options.threads)
            except Trouble as trouble:
                self.results.systems[name] = {"missing": str(trouble)}
                continue
            if name != "limits":
                self.results.systems[name] = process.facts
            if "missing" not in process.facts:
                self.processes[name] = process

    def _about(self, seconds: float) -> None:
        self.results.about = {
            "date": time.strftime("%Y-%m-%d %H:%M"),
            "took": f"{seconds:.0f} s{', quick' if self.options.quick else ''}",
            "rounds": f"{self.options.rounds} of {self.options.seconds} s",
            "threads": str(self.options.threads),
            "processor": processor(),
            "system": platform.platform(terse=True),
            "Python": platform.python_version(),
            "NumPy": np.__version__,
        }

    def _machine(self) -> None:
        """Bandwidth and BLAS peak: the best of the rounds, since they are bounds."""
        self.say("bandwidth and BLAS")
        process = self.processes["limits"]
        process.open(None, None, fresh=False)
        amounts = process.ask("limits", 120)
        for name, (amount, unit) in amounts.items():
            times = [self._round(process, name) for _ in range(max(3, self.options.rounds))]
            self.results.machine[name] = f"{amount / min(times):.1f} {unit}"
        process.close()

    def _workload(self, name: str) -> None:
        work = workload.load(name)
        for size in work.sizes:
            if size.quick or not self.options.quick:
                row = Row(name, size.label)
                self.results.rows.append(row)
                self._row(work, size, row)

    def _row(self, work: Workload, size: Size, row: Row) -> None:
        reference = Reference(work, work.make(*size.parameters))
        alive = []
        for name in self.results.timed():
            self.say(f"{row.name}: first result of {name}")
            row.outcomes[name] = self._first(name, work, row, reference)
            if not row.outcomes[name].problem:
                alive.append(name)
        if not size.only_first_result:
            self._functions(row, alive)
            self._rounds(row, alive)
        for process in self.processes.values():
            process.close()
        if not self.options.quick:
            self._warm(row, alive)

    def _first(self, name: str, work: Workload, row: Row, reference: Reference) -> Outcome:
        """Compile and run once, and hold what comes out against the reference."""
        if (name, row.workload) in self.overran:
            return Outcome(problem="skipped", detail="overran on a smaller size")
        file = self.folder / "result.npz"
        process = self.processes[name]
        try:
            process.open(row.workload, row.size, fresh=True)
            answer = process.ask("first", self.options.limit, save=str(file))
        except Trouble as trouble:
            if trouble.kind == "overran":
                self.overran.add((name, row.workload))
            return self._failed(trouble)
        with np.load(file) as arrays:
            error = reference.deviation(list(arrays.values()))
        outcome = Outcome(first=answer["first"], peak=answer["peak"], error=error)
        if error > reference.tolerance:
            outcome.problem, outcome.detail = "wrong", f"deviates by {error:.1e}"
        return outcome

    def _failed(self, trouble: Trouble) -> Outcome:
        short = SHORT.get(trouble.kind, f"> {self.options.limit:.0f} s")
        return Outcome(problem=short or "-", detail=str(trouble))

    def _functions(self, row: Row, alive: list[str]) -> None:
        """Prepare the function alone; whoever cannot is timed without."""
        self.ready: list[str] = []
        by_hand = [name for name in ("numpy", "numba") if name in self.processes]
        for name in dict.fromkeys([*by_hand, *alive]):
            if name in SLOW_COMPILERS:
                continue
            if self.options.quick and "irgrad" not in name:
                continue
            self.say(f"{row.name}: function of {name}")
            try:
                self.processes[name].ask("prepare", self.options.limit)
                self.ready.append(name)
            except Trouble as trouble:
                if trouble.kind not in ("none", "unsupported", "error") and name in alive:
                    alive.remove(name)
                    row.outcomes[name] = self._failed(trouble)

    def _rounds(self, row: Row, alive: list[str]) -> None:
        calls = [(name, "gradient") for name in alive] + [(name, "function") for name in self.ready]
        calls += [("limits", name) for name in self._limits(row)]
        times: dict[tuple[str, str], list[float]] = {call: [] for call in calls}
        for i in range(self.options.rounds):
            self.say(f"{row.name}: round {i + 1}")
            for (name, call), found in times.items():
                most = FUNCTION_ROUNDS if call == "function" else self.options.rounds
                if i == len(found) and i < most and (i < 2 or found[-1] < SLOW):
                    try:
                        found.append(self._round(self.processes[name], call))
                    except Trouble as trouble:
                        row.outcomes.get(name, Outcome()).detail = f"{call}: {trouble}"
        for (name, call), found in times.items():
            if found and name == "limits":
                row.limits[call] = statistics.median(found)
            elif found:
                setattr(row.outcomes[name], call, statistics.median(found))

    def _limits(self, row: Row) -> list[str]:
        process = self.processes["limits"]
        try:
            process.open(row.workload, row.size, fresh=False)
            return list(process.ask("limits", 120))
        except Trouble as trouble:
            self.say(f"{row.name}: no limits: {trouble}")
            return []

    def _round(self, process: Process, call: str) -> float:
        time.sleep(SETTLE)
        return process.ask("round", 120, call=call, seconds=self.options.seconds)["seconds"]

    def _warm(self, row: Row, alive: list[str]) -> None:
        """The first result once more, in a new process that finds what the last one left."""
        for name in [name for name in alive if name in CACHED]:
            self.say(f"{row.name}: second process of {name}")
            process = self.processes[name]
            try:
                process.open(row.workload, row.size, fresh=False)
                row.outcomes[name].warm = process.ask("first", self.options.limit, save="")["first"]
            except Trouble as trouble:
                row.outcomes[name].detail = f"second process: {trouble}"
            process.close()


def default_systems() -> list[str]:
    """All of them but torch.compile, which needs a C++ compiler and a minute a row."""
    return [name for name in SYSTEMS if name != "torch-compile"]


def quick(options: dict[str, Any]) -> dict[str, Any]:
    """What `--quick` changes where nothing else is said."""
    return {"rounds": 3, "seconds": 0.03, "limit": 10.0, **options}
