"""The Numba backend: fuses a graph into loops and compiles them with LLVM."""

from irgrad_numba.backend import NumbaBackend

__all__ = ["NumbaBackend"]
