"""What results must be: the gradient by hand, or else a difference quotient."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from benchmarks.workload import Arguments, Workload, arrays

EQUAL, CLOSE = 1e-8, 1e-4


class Reference:
    """Value and gradients of a workload, and how far those of a system may be off."""

    def __init__(self, work: Workload, arguments: Arguments) -> None:
        self.work, self.arguments = work, arguments
        self.exact = None if work.gradient is None else work.gradient(*arguments)
        self.tolerance = EQUAL if self.exact is not None else CLOSE

    def deviation(self, found: Sequence[Any]) -> float:
        """The largest deviation of value or gradients, as a share of the largest element.

        Infinite where a number or a shape is wrong altogether."""
        if self.exact is None:
            return self._deviation_along_a_line(found)
        pairs = zip(found, self.exact, strict=True)
        return max(_share(np.asarray(x), np.asarray(y)) for x, y in pairs)

    def _deviation_along_a_line(self, found: Sequence[Any]) -> float:
        """<gradient, v> against (f(x + h v) - f(x - h v)) / 2h, for one v of normal numbers."""
        value, *gradients = found
        inputs = [self.arguments[i] for i in self.work.argnums]
        if any(g.shape != x.shape for g, x in zip(gradients, inputs, strict=True)):
            return float("inf")
        rng, h = np.random.default_rng(1), 1e-6
        line = [rng.standard_normal(x.shape) for x in inputs]
        pairs = list(zip(gradients, line, strict=True))
        slope = float(sum(np.vdot(g, v) for g, v in pairs))
        ahead, back, here = (self._value(line, step) for step in (h, -h, 0.0))
        size = sum(float(np.linalg.norm(g) * np.linalg.norm(v)) for g, v in pairs)
        off = abs(slope - (ahead - back) / (2 * h)) / max(size, 1e-12)
        return _finite(max(off, abs(float(value) - here) / max(abs(here), 1e-300)))

    def _value(self, line: Sequence[Any], step: float) -> float:
        from benchmarks.systems.by_hand import NP

        moved = list(arrays(self.arguments))
        for i, v in zip(self.work.argnums, line, strict=True):
            moved[i] = moved[i] + step * v
        return float(self.work.program("numpy", NP, self.arguments)(*moved))


def _share(x: np.ndarray, y: np.ndarray) -> float:
    if x.shape != y.shape:
        return float("inf")
    largest = np.max(np.abs(y), initial=0.0)
    return _finite(float(np.max(np.abs(x - y), initial=0.0)) / max(float(largest), 1e-300))


def _finite(x: float) -> float:
    return x if np.isfinite(x) else float("inf")
