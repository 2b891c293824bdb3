"""Calls that give something else each time: draws of random numbers, the next item of an iterator.

In the body of a loop op they would run once for all steps, so there they are refused, before they
have drawn anything, and the loop unrolls."""

from __future__ import annotations

import builtins
import random
from types import GeneratorType
from typing import Any, NoReturn

import numpy as np

from irgrad.errors import TraceError
from irgrad.frontend.site import call_site
from irgrad.ir.builder import CURRENT

_SOURCES = (np.random.Generator, np.random.RandomState, random.Random, GeneratorType)


def refused_in_loops(function: Any) -> Any:
    """What to call in place of a function that may not run once for all steps, where a step is
    traced; None elsewhere, and for all others.
    """
    here = CURRENT.get()
    if here is None or not here.repeats:
        return None
    if function is not builtins.next and not isinstance(
        getattr(function, "__self__", None), _SOURCES
    ):
        return None
    name = getattr(function, "__name__", "it")

    def refuse(*args: Any, **kwargs: Any) -> NoReturn:
        raise TraceError(
            f"{name}() in a loop would run once for all steps",
            location=call_site().location,
            hint="draw or list all that the steps need before the loop, and index it: r[i]",
        )

    return refuse
