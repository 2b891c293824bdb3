"""NumPy's functions that have no meaning on traced values: they run where the numbers of all their
arguments are known, and are refused elsewhere, with what to write instead."""

from __future__ import annotations

import difflib
import re
from typing import Any

import numpy as np

from irgrad.errors import MissingAttribute, UnsupportedError
from irgrad.frontend.known import known
from irgrad.ir.builder import Traced

_SIZE = "the size of the result depends on the numbers"
_EIGEN = "whether the result is complex depends on the numbers"
_GENERAL = "compute it outside and pass the result, or make an op of it: see docs/add-an-op.md"
_REFUSED = [
    ("unique unique_all unique_counts unique_inverse unique_values", _SIZE,
     "np.sort(x) has equal elements side by side"),
    ("intersect1d union1d setdiff1d setxor1d", _SIZE, "np.isin(x, y) tells what is in both"),
    ("histogram2d histogramdd", "",
     "np.searchsorted(edges, x) gives the bins, np.add.at(counts, bins, 1) counts"),
    ("trim_zeros", _SIZE, "cut a known part with x[a:b]"),
    ("eig eigvals", _EIGEN, "np.linalg.eigh and eigvalsh take symmetric (Hermitian) matrices"),
    ("roots", _EIGEN, "irgrad.root(lambda x, p: np.polyval(p, x), start, p) finds one of them"),
    ("real_if_close", _EIGEN, "z.real takes the real part"),
    ("poly polymul", "", "np.convolve(p, q) multiplies polynomials"),
    ("polydiv", "", "np.linalg.solve for the coefficients"),
    ("frexp", "", "n = np.floor(np.log2(np.abs(x))) + 1 is the exponent, x / 2**n the mantissa"),
    ("save savetxt savez savez_compressed", "", "return the value, and save it outside"),
    ("array2string array_repr array_str", "",
     "x.shape and x.dtype are known; print(irgrad.compile(f).dump(x)) shows the program"),
    ("may_share_memory shares_memory", "", "a traced value lies nowhere in memory"),
]  # fmt: skip
"""Names, why not (where there is a reason), and what to write instead."""

_REMEDIES = {
    name: (reason, remedy.replace("{name}", name))
    for names, reason, remedy in _REFUSED
    for name in names.split()
}


def remedy_for(name: str) -> str:
    """What to write instead of a function."""
    return _REMEDIES.get(name, ("", _GENERAL))[1]


def on_numbers(call: Any, name: str, args: Any, kwargs: Any) -> Any:
    """`call(*args, **kwargs)` where the numbers of all traced arguments are known; else the error
    that refuses the function `name`.
    """
    numbers = _numbers((args, kwargs)) if kwargs.get("out") is None else None
    if numbers is not None:
        given, options = numbers
        return call(*given, **options)
    reason, remedy = _REMEDIES.get(re.split(r"[. ]", name)[-1], ("", _GENERAL))
    why = f": {reason}" if reason else ""
    raise UnsupportedError(f"{name} is not supported on traced values{why}", hint=remedy)


def _numbers(given: Any) -> Any:
    """Arguments with numbers in place of traced values; None where some are not known."""
    if isinstance(given, Traced):
        return known(given)
    if isinstance(given, dict):
        values = _numbers(tuple(given.values()))
        return None if values is None else dict(zip(given, values, strict=True))
    if type(given) not in (list, tuple):
        return _NONE if given is None else given
    parts = [_numbers(item) for item in given]
    if any(part is None for part in parts):
        return None
    return type(given)(None if part is _NONE else part for part in parts)


_NONE = object()
"""The argument None, as the numbers of it."""

_IN_MEMORY = ("base", "ctypes", "data", "flags", "setflags", "strides", "byteswap", "getfield")


def missing(name: str, location: Any) -> MissingAttribute:
    """The error for an attribute of ndarray that traced values lack, or that ndarray lacks."""
    if hasattr(np.ndarray, name):
        remedy = "compute with the array as a whole: its functions in NumPy, shape and dtype"
        if name in _IN_MEMORY:
            remedy = (
                "a traced value lies nowhere in memory; shape, dtype, size and nbytes are known"
            )
        return MissingAttribute(
            f"ndarray.{name} is not supported on traced values", location=location, hint=remedy
        )
    close = difflib.get_close_matches(name, dir(np.ndarray), n=1)
    if close:
        remedy = f"did you mean '{close[0]}'?"
    elif callable(getattr(np, name, None)):
        remedy = f"write np.{name}(x)"
    elif near := difflib.get_close_matches(name, np.__all__, n=1, cutoff=0.8):
        remedy = f"did you mean np.{near[0]}(x)?"
    else:
        remedy = (
            "write a function of yours as f(x); parts with names are entries of a dict, or of a "
            "registered dataclass, that is passed in place of an array"
        )
    return MissingAttribute(f"ndarray has no attribute '{name}'", location=location, hint=remedy)
