"""Programs of many fields in the NumPy of their users: loops, arrays written in place, arguments
overwritten. They are written from the mathematics, in the style of NPBench."""

from tests.programs.kernels import grids, learning, linear, physics, polybench, signals
from tests.programs.kernels.case import CASES, Case

__all__ = ["CASES", "Case", "grids", "learning", "linear", "physics", "polybench", "signals"]
