"""Capture: user functions rewritten from their source, so that what tracing cannot see by itself
(constructors of arrays, conversions, calls of other functions) goes through irgrad while a function
is lowered."""

from irgrad.frontend.capture.function import captured, without_capture

__all__ = ["captured", "without_capture"]
