"""User code -> Graph: tracing plain NumPy, and expression strings."""

from irgrad.frontend import numpy_api

__all__ = ["numpy_api"]
