"""Who asked a traced value for its numbers, and what to write instead.

NumPy gives `np.full`, `np.array` and some others no chance to dispatch, and SciPy converts its
arguments first: all that is seen is a call of `__array__` or `__float__`. What the user called is
read from the source of their line; where there is none, from the library's frame."""

from __future__ import annotations

import ast
import builtins
import linecache
import math
import sys
from itertools import islice, takewhile
from types import FrameType
from typing import Any, NamedTuple

import numpy as np

from irgrad.frontend.refused import remedy_for
from irgrad.frontend.site import is_library

_STACK = "np.stack([a, b]) makes an array of traced values"
_REMEDIES = {
    "full": "np.full_like(a, x), np.broadcast_to(x, shape) and x * np.ones(shape) take a traced x",
    "fromiter": f"{_STACK}, of any list",
    "nditer": "for place, x in np.ndenumerate(a), with a[place] = ... to write, takes a traced a",
    "r_": "np.concatenate([a, b]) and np.hstack([a, b]) take traced values",
    "c_": "np.column_stack([a, b]) and np.stack([a, b], axis=-1) take traced values",
    "logsumexp": "irgrad.functions.logsumexp(x) takes traced values",
    "softmax": "irgrad.functions.softmax(x) takes traced values",
    "log_softmax": "irgrad.functions.log_softmax(x) takes traced values",
    "lu_factor": "np.linalg.solve(a, b) takes traced values",
    "lu_solve": "np.linalg.solve(a, b) takes traced values",
    "polygamma": "irgrad.functions.polygamma(n, x) takes traced values",
}
_OF_MATH = {
    **{key: f"scipy.special.{key} takes traced values" for key in ("erf", "erfc", "gamma")},
    "lgamma": "scipy.special.gammaln takes traced values",
    "remainder": "x - y * np.rint(x / y) is the same but for rounding",
    "frexp": remedy_for("frexp"),
    "ldexp": "x * 2.0**i is the same within the range of floats",
}
"""What to write instead of functions of `math` that NumPy lacks or means otherwise."""
_ROOT = "irgrad.root(f, x0, args) takes traced values, and can be differentiated"
_MINIMUM = "irgrad.minimize_argmin(f, x0, args) takes traced values, and can be differentiated"
_OF_SCIPY = {
    **dict.fromkeys(("root", "root_scalar", "fsolve", "brentq", "bisect", "newton"), _ROOT),
    **dict.fromkeys(("minimize", "minimize_scalar", "fmin", "least_squares"), _MINIMUM),
    "fixed_point": "irgrad.fixed_point(f, x0, args) takes traced values, and can be differentiated",
    **dict.fromkeys(("solve_ivp", "odeint"), "write its steps as a loop, or with irgrad.scan"),
    "quad": "a sum over the nodes and weights of np.polynomial.legendre.leggauss takes them",
}
"""What to write instead of SciPy's solvers, which take functions of numbers."""
_CONVERSIONS = {
    "array", "asarray", "asanyarray", "ascontiguousarray", "asfortranarray", "require"
}  # fmt: skip
_SEVERAL = (ast.List, ast.Tuple, ast.ListComp, ast.GeneratorExp)


class Asker(NamedTuple):
    """What was called, as the user writes it, and what to do instead; empty where not known."""

    name: str
    remedy: str


def asker(depth: int) -> Asker:
    """The call of a library's function that the frame `depth` callers up serves."""
    frame: FrameType | None = sys._getframe(depth + 1)  # pyright: ignore[reportPrivateUsage]
    outermost: FrameType | None = None
    while frame is not None and is_library(frame.f_code):
        if _module(frame).startswith("irgrad"):
            return Asker("", "")
        outermost, frame = frame, frame.f_back
    if frame is None:
        return Asker("", "")
    node = _node(frame)
    written = _written(node)
    found = _looked_up(written, frame)
    library = "" if outermost is None else _public_name(outermost)
    return Asker(written or library, _remedy(node, written or library, found, library))


def _node(frame: FrameType) -> ast.expr | None:
    """The expression that a frame is evaluating."""
    places = islice(frame.f_code.co_positions(), frame.f_lasti // 2, None)
    first, last, start, end = next(places, (None,) * 4)
    if first is None or last is None or start is None or end is None:
        return None
    file = frame.f_code.co_filename
    lines = [linecache.getline(file, number).encode() for number in range(first, last + 1)]
    lines[-1] = lines[-1][:end]
    lines[0] = lines[0][start:]
    try:
        return ast.parse(b"(" + b"".join(lines) + b")", mode="eval").body
    except (SyntaxError, ValueError):
        return None


def _written(node: ast.expr | None) -> str:
    if isinstance(node, ast.Call):
        return ast.unparse(node.func)
    return ast.unparse(node.value) if isinstance(node, ast.Subscript) else ""


def _looked_up(written: str, frame: FrameType) -> Any:
    """The object that a dotted name stands for."""
    name, *attributes = written.split(".")
    for scope in (frame.f_locals, frame.f_globals, vars(builtins)):
        if name in scope:
            found = scope[name]
            for attribute in attributes:
                found = getattr(found, attribute, None)
            return found
    return None


def _module(frame: FrameType) -> str:
    return frame.f_globals.get("__name__", "")


def _public_name(frame: FrameType) -> str:
    """`np.full` for a function of numpy._core.numeric, `scipy.special.softmax`."""
    root, *parts = takewhile(lambda part: not part.startswith("_"), _module(frame).split("."))
    head = "np" if root == "numpy" else root
    return ".".join([head, *(part for part in parts if part != "lib"), frame.f_code.co_qualname])


def _remedy(node: ast.expr | None, name: str, found: Any, library: str) -> str:
    if library.startswith("np.vectorize"):
        return "call the function on the whole arrays, or irgrad.vmap(f)(x)"
    key = getattr(found, "__name__", name.rpartition(".")[-1])
    arguments = node.args if isinstance(node, ast.Call) else []
    several = any(isinstance(argument, _SEVERAL) for argument in arguments)
    if library.startswith("np.ma."):
        return "masked arrays take no traced values: use m.filled(0.0), its mask, and np.where"
    if key in _REMEDIES:
        return _REMEDIES[key]
    if key in _CONVERSIONS and not several:
        return f"leave {name} away, the value is an array already; of a list, {_STACK}"
    if several or key in _CONVERSIONS:
        return _STACK
    if isinstance(found, type) and issubclass(found, np.generic):
        return f"write x.astype(np.{key})"
    if getattr(math, key, None) is found and found is not None:
        equal = f"np.{key} takes traced values" if hasattr(np, key) else ""
        return _OF_MATH.get(key, equal)
    if library.startswith("scipy.linalg") and hasattr(np.linalg, key):
        return f"np.linalg.{key} takes traced values"
    if library.startswith("scipy"):
        formula = "write its formula with NumPy's functions and scipy.special's ufuncs"
        return _OF_SCIPY.get(key, formula)
    return ""


__all__ = ["Asker", "asker"]
