"""Functions that NumPy lacks and networks need: `from irgrad.functions import softmax`."""

from irgrad.frontend.functions import *  # noqa: F403 -- the same names, at the place that errors and pages name
from irgrad.frontend.functions import __all__ as __all__
