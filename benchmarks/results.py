"""What a run found out, and its JSON form."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

IRGRAD = "irgrad-numba"


@dataclass
class Outcome:
    """One system on one row; None where it was not measured.

    `first` and `warm` are seconds to the first result, in a process that has made its imports, with
    an empty and with a filled cache on disk; `peak` bytes of memory for that, beyond the inputs;
    `gradient` and `function` seconds a call, medians; `error` the largest deviation of a result
    from the reference, as a share of its largest element. `problem` says why there is no time, and
    `detail` the long form of that."""

    first: float | None = None
    warm: float | None = None
    peak: int | None = None
    gradient: float | None = None
    function: float | None = None
    error: float | None = None
    problem: str = ""
    detail: str = ""


@dataclass
class Row:
    """One size of one workload."""

    workload: str
    size: str
    outcomes: dict[str, Outcome] = field(default_factory=dict)
    limits: dict[str, float] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """As the table shows it."""
        return f"{self.workload.replace('_', ' ')}, {self.size}"

    def seconds(self, system: str) -> float | None:
        """Seconds a gradient, or None."""
        found = self.outcomes.get(system)
        return found.gradient if found else None

    def first(self, system: str) -> float | None:
        """Seconds to the first result with an empty cache, or None."""
        found = self.outcomes.get(system)
        return found.first if found and not found.problem else None


@dataclass
class Results:
    """A whole run. `systems` maps a name to its version, its seconds of import, or its problem."""

    about: dict[str, str] = field(default_factory=dict)
    machine: dict[str, str] = field(default_factory=dict)
    systems: dict[str, dict[str, Any]] = field(default_factory=dict)
    rows: list[Row] = field(default_factory=list)

    def timed(self) -> list[str]:
        """The systems that started, in order."""
        return [name for name, facts in self.systems.items() if "missing" not in facts]

    def save(self, path: Path) -> None:
        """Write JSON."""
        path.write_text(json.dumps(asdict(self), indent=1) + "\n")

    @classmethod
    def load(cls, path: Path) -> Results:
        """Read what `save` wrote."""
        raw = json.loads(path.read_text())
        rows = [
            Row(
                row["workload"],
                row["size"],
                {name: Outcome(**outcome) for name, outcome in row["outcomes"].items()},
                row["limits"],
            )
            for row in raw["rows"]
        ]
        return cls(raw["about"], raw["machine"], raw["systems"], rows)
