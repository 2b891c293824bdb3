"""The functions of `math` and `cmath` on traced numbers: arguments become floats or complex ones,
results are Python numbers.

Where Python raises for a number outside the domain, or for one too large, the result is NumPy's:
nan or an infinity. What is not here (integers, bits) is refused where it asks for a
number."""

from __future__ import annotations

import builtins
import cmath
import functools
import math
from collections.abc import Callable, Iterable
from typing import Any

import numpy as np
from scipy import special

from irgrad.errors import ShapeError
from irgrad.frontend.capture.constructors import array
from irgrad.frontend.capture.doors import DOORS, at_home, door
from irgrad.frontend.capture.scalars import weak_number
from irgrad.frontend.functions import stop_gradient
from irgrad.frontend.known import known
from irgrad.frontend.promote import any_traced
from irgrad.frontend.site import call_site
from irgrad.ir.builder import Traced

_SAME = """exp expm1 log1p log2 log10 sqrt sin cos tan sinh cosh tanh copysign radians degrees
    isnan isinf isfinite fmod modf"""
_INVERSE = "sin cos tan sinh cosh tanh"
_EQUAL: dict[str, Callable[..., Any]] = {
    **{name: getattr(np, name) for name in _SAME.split()},
    **{f"a{name}": getattr(np, f"arc{name}") for name in _INVERSE.split()},
    "atan2": np.arctan2, "pow": np.power, "fabs": np.abs, "cbrt": np.cbrt, "exp2": np.exp2,
    "erf": special.erf, "erfc": special.erfc, "gamma": special.gamma, "lgamma": special.gammaln,
}  # fmt: skip
"""Functions of `math`, and those of the same meaning and signature on arrays."""


def _log(x: Any, base: Any = None) -> Any:
    return np.log(x) if base is None else np.log(x) / np.log(base)


def _hypot(*coordinates: Any) -> Any:
    return (
        np.abs(*coordinates) if len(coordinates) == 1 else functools.reduce(np.hypot, coordinates)
    )


def _remainder(x: Any, y: Any) -> Any:
    """IEEE 754's: x - n y with n the integer nearest to x / y, the even one of two. Exact, as fmod
    is: of the rest r of |x|, in [0, |y|), r - |y| where that is nearer to 0.
    """
    size, modulus = np.abs(x), np.abs(y)
    rest = np.fmod(size, modulus)
    above = modulus - rest
    tie = rest - 2 * np.fmod(0.5 * (size - rest), modulus)
    nearest = np.where(rest < above, rest, np.where(rest > above, -above, tie))
    nearest = np.where(np.isinf(modulus) & np.isfinite(size), size, nearest)
    return np.copysign(1.0, x) * nearest


def _is_close(a: Any, b: Any, *, rel_tol: Any = 1e-9, abs_tol: Any = 0.0) -> Any:
    allowed = np.maximum(rel_tol * np.maximum(np.abs(a), np.abs(b)), abs_tol)
    near = (np.abs(a - b) <= allowed) & np.isfinite(a) & np.isfinite(b)
    return np.equal(a, b) | near


def _polar(z: Any) -> Any:
    return np.abs(z), np.angle(z)


def _rect(r: Any, angle: Any) -> Any:
    return r.real * np.cos(angle.real) + 1j * (r.real * np.sin(angle.real))


_COMPLEX: dict[str, Callable[..., Any]] = {
    **{name: getattr(np, name) for name in ["exp", "sqrt", "log10", "isnan", "isinf", "isfinite"]},
    **{name: getattr(np, name) for name in ["sin", "cos", "tan", "sinh", "cosh", "tanh"]},
    **{f"a{name}": getattr(np, f"arc{name}") for name in _INVERSE.split()},
    "log": _log, "phase": np.angle, "polar": _polar, "rect": _rect,
}  # fmt: skip
"""The same of `cmath`."""


def _as_number(library: Any, name: str, x: Any) -> Any:
    """An argument as a float, or a complex number, traced or not."""
    number: Any = known(x) if isinstance(x, Traced) else x
    if number is not None:
        return complex(number) if library is cmath else float(number)
    if x.value.type.size != 1:
        raise ShapeError(
            f"{library.__name__}.{name} takes numbers, got {x.value!r}",
            location=call_site().location,
            hint=_for_arrays(name),
        )
    return weak_number(x, np.complex128 if library is cmath else np.float64)


def _for_arrays(name: str) -> str:
    function = _EQUAL.get(name) or getattr(np, name, None)
    if function is None:
        return "compute with the array as a whole, by functions of NumPy"
    of = "np" if hasattr(np, function.__name__) else "scipy.special"
    return f"{of}.{function.__name__} takes arrays"


def _as_python(result: Any) -> Any:
    """A result as a Python number."""
    if isinstance(result, tuple):
        return tuple(map(_as_python, result))
    if not isinstance(result, Traced) or result.value.type.dtype == bool:
        return result
    return weak_number(result, np.complex128 if result.value.type.dtype.kind == "c" else np.float64)


def _on_numbers(library: Any, name: str, function: Callable[..., Any]) -> None:
    original = getattr(library, name)

    @at_home
    def lowered(*args: Any, **kwargs: Any) -> Any:
        return _as_python(function(*args, **kwargs))

    @door(original)
    def apply(*args: Any, **kwargs: Any) -> Any:
        if not any_traced((*args, *kwargs.values())):
            return original(*args, **kwargs)
        if isinstance(function, np.ufunc) and (len(args) != function.nin or kwargs):
            return original(*(0.0 for _ in args), **kwargs)  # Python's error
        args = tuple(_as_number(library, name, x) for x in args)
        kwargs = {key: _as_number(library, name, x) for key, x in kwargs.items()}
        traced = any_traced((*args, *kwargs.values()))
        return lowered(*args, **kwargs) if traced else original(*args, **kwargs)


for _name, _function in (
    *_EQUAL.items(),
    ("log", _log), ("hypot", _hypot), ("remainder", _remainder), ("isclose", _is_close),
):  # fmt: skip
    if hasattr(math, _name):
        _on_numbers(math, _name, _function)
for _name, _function in _COMPLEX.items():
    _on_numbers(cmath, _name, _function)


@door(math.fsum)
def fsum(items: Iterable[Any], /) -> Any:
    """`math.fsum`, rounded once but where what the sums of pairs lose does not fit into a float."""
    items = list(items)
    return _exact_sum(array(items, np.float64)) if any_traced(items) else math.fsum(items)


def _pairs_summed(x: Any) -> Any:
    lost: Any = 0.0
    while len(x) > 1:
        half = len(x) // 2
        a, b = x[:half], x[half : 2 * half]
        both = a + b
        rest = both - a
        error = np.where(np.isfinite(both), (a - (both - rest)) + (b - rest), 0.0)
        lost = lost + np.sum(stop_gradient(error))  # rounding has no derivative
        x = np.concatenate([both, x[2 * half :]])
    return weak_number(x[0] + lost, np.float64)


_exact_sum = at_home(_pairs_summed, "fsum")
"""Of a + b = s + e, with s the rounded sum, e is a float too.

Knuth, The Art of Computer Programming, vol. 2, 4.2.2, theorem B."""


@door(math.dist)
def dist(p: Iterable[Any], q: Iterable[Any], /) -> Any:
    """`math.dist`: the Euclidean distance of two points."""
    p, q = list(p), list(q)
    if len(p) != len(q) or not any_traced((p, q)):
        return math.dist(p, q)
    return DOORS[math.hypot](*(a - b for a, b in zip(p, q, strict=True)))


def _integral(function: Any, nearest: np.ufunc) -> None:
    to_int = DOORS[builtins.int]

    @door(function)
    def rounded(x: Any, /) -> Any:
        if not isinstance(x, Traced) or known(x) is not None:
            return function(x)
        return to_int(x if x.value.type.dtype.kind in "biu" else nearest(x))


for _rounding, _ufunc in ((math.floor, np.floor), (math.ceil, np.ceil), (math.trunc, np.trunc)):
    _integral(_rounding, _ufunc)
