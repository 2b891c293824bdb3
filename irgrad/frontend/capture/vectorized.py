"""`np.vectorize(f)(x)` of traced values: a loop over the elements, as in NumPy."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NoReturn

import numpy as np

from irgrad.errors import UnsupportedError
from irgrad.frontend.capture.constructors import asarray
from irgrad.frontend.capture.doors import at_home
from irgrad.frontend.loops import map as over_elements
from irgrad.frontend.promote import any_traced


def _refused(*args: Any, **kwargs: Any) -> NoReturn:
    raise UnsupportedError(
        "np.vectorize with keywords, excluded= or signature= of traced values",
        hint="irgrad.vmap(f, in_axes=...) maps over some of the arguments",
    )


_refuse = at_home(_refused, "np.vectorize")


def vectorized(function: Any, inner: Callable[..., Any]) -> Callable[..., Any]:
    """What to call in place of a `np.vectorize`, whose function, rewritten, is `inner`."""

    def run(*args: Any, **kwargs: Any) -> Any:
        if not any_traced([*args, *kwargs.values()]):
            return function(*args, **kwargs)
        if kwargs or function.excluded or function.signature:
            _refuse(*args, **kwargs)
        whole = np.broadcast_arrays(*map(asarray, args))
        found = over_elements(lambda parts: inner(*parts), tuple(map(np.ravel, whole)))
        several = isinstance(found, tuple)
        types = function.otypes or [None] * (len(found) if several else 1)
        results = [
            np.reshape(x if dtype is None else x.astype(dtype), whole[0].shape)
            for x, dtype in zip(found if several else (found,), types, strict=True)
        ]
        return tuple(results) if several else results[0]

    return run
