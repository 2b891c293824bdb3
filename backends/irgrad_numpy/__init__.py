"""The NumPy backend: interprets a graph, op by op, and is the living definition of what a graph
computes.
"""

from irgrad_numpy import control
from irgrad_numpy.interpreter import NumpyBackend

__all__ = ["NumpyBackend", "control"]
