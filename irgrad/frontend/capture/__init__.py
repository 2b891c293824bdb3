"""Capture: user functions rewritten from their source, so that what tracing cannot see by itself
(constructors of arrays, conversions, calls of other functions, branches and loops) goes through
irgrad while a function is lowered."""

from irgrad.frontend.capture.function import captured
from irgrad.frontend.capture.settings import capturing, without_capture

__all__ = ["captured", "capturing", "without_capture"]
