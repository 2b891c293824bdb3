"""What NumPy's functions mean on traced values: one file per family, each filling the table in `tracer`."""

from irgrad.frontend.numpy_api import linear_algebra, reductions, selection

__all__ = ["linear_algebra", "reductions", "selection"]
