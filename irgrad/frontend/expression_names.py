"""The names that an expression may use: functions, methods, attributes and constants. Nothing else
can be reached.

Every name is looked up in a table made here from literal lists; no text of an expression ever gets
to `getattr`.
"""

from __future__ import annotations

import difflib
import inspect
import math
import operator
from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np
from scipy import special

from irgrad.errors import ExpressionError
from irgrad.frontend import functions as activations
from irgrad.frontend.polygamma import polygamma
from irgrad.frontend.promote import any_traced, innermost, stacked
from irgrad.ops.elementwise import UFUNCS

MOST_ELEMENTS = 10**7
"""Largest array that an expression may make out of nothing."""

CONSTANTS: dict[str, Any] = {
    "pi": math.pi, "e": math.e, "inf": math.inf, "nan": math.nan,
    "euler_gamma": float(np.euler_gamma), "newaxis": None, "float32": np.dtype("f4"),
    "float64": np.dtype("f8"), "complex64": np.dtype("c8"), "complex128": np.dtype("c16"),
    "int8": np.dtype("i1"), "int16": np.dtype("i2"), "int32": np.dtype("i4"),
    "int64": np.dtype("i8"), "uint8": np.dtype("u1"), "uint16": np.dtype("u2"),
    "uint32": np.dtype("u4"), "uint64": np.dtype("u8"), "bool_": np.dtype(bool),
    "bool": np.dtype(bool), "int": np.dtype(int), "float": np.dtype(float),
    "complex": np.dtype(complex),
}  # fmt: skip
"""Names that stand for a value wherever they are not called; no argument can have one."""

MODULES = frozenset(
    {"np", "numpy", "np.linalg", "numpy.linalg", "linalg", "scipy", "scipy.special", "special"}
)
"""Prefixes that names of functions and constants may have, as in `np.sin`."""

_ELEMENTWISE = """
    add subtract multiply divide true_divide floor_divide remainder mod fmod power float_power
    negative positive absolute abs fabs sign square sqrt cbrt reciprocal exp exp2 expm1 log log2
    log10 log1p sin cos tan arcsin arccos arctan arctan2 sinh cosh tanh arcsinh arccosh arctanh
    hypot deg2rad rad2deg degrees radians maximum minimum fmax fmin floor ceil trunc rint heaviside
    logaddexp logaddexp2 copysign isnan isinf isfinite signbit logical_and logical_or logical_not
    logical_xor equal not_equal less less_equal greater greater_equal bitwise_and bitwise_or
    bitwise_xor invert left_shift right_shift conjugate conj matmul"""
ELEMENTWISE = frozenset((*_ELEMENTWISE.split(), "where", "clip", "isclose")) - {"matmul"}
_GENERAL = """
    real imag angle sinc nan_to_num clip where round around sum prod mean std var max min amax amin
    any all argmax argmin ptp median average count_nonzero cumsum cumprod diff trapezoid dot vdot
    inner outer kron cross tensordot einsum trace reshape ravel transpose swapaxes moveaxis
    expand_dims squeeze concatenate stack vstack hstack column_stack broadcast_to tile repeat roll
    flip fliplr flipud rot90 diag diagonal diagflat tril triu take take_along_axis pad sort argsort
    atleast_1d atleast_2d interp convolve array asarray zeros ones full eye identity arange linspace
    zeros_like ones_like full_like tri vander"""
_LINALG = "norm det slogdet inv solve cholesky pinv matrix_power eigvalsh eigh qr svd"
_SPECIAL = """
    expit logit log_expit erf erfc erfinv erfcinv gamma gammaln loggamma digamma psi polygamma beta
    betaln zeta xlogy xlog1py entr rel_entr kl_div i0 i0e i1 i1e j0 j1 ndtr log_ndtr ndtri exprel
    log_softmax"""
_ACTIVATIONS = "sigmoid relu leaky_relu softplus silu gelu softmax log_softmax logsumexp"
_ALIASES = {
    "asin": "arcsin", "acos": "arccos", "atan": "arctan", "atan2": "arctan2", "asinh": "arcsinh",
    "acosh": "arccosh", "atanh": "arctanh", "pow": "power", "concat": "concatenate",
    "permute_dims": "transpose", "len": "len",
}  # fmt: skip
_KEYWORDS = """
    axis axis1 axis2 axes keepdims dtype ddof ord k n m N M offset mode constant_values shape
    start stop num step endpoint a_min a_max min max decimals repeats shift indices weights x dx
    initial nan posinf neginf b slope alpha beta approximate full_matrices compute_uv
    correction rowvar prepend append fill_value newshape return_sign upper descending stable
    hermitian rcond rtol fweights source destination axisa axisb axisc"""
_METHODS = """
    sum prod mean std var max min any all argmax argmin cumsum cumprod dot ravel squeeze swapaxes
    diagonal trace clip repeat take round conj conjugate"""
_STRINGS = {
    "norm": ("fro", "nuc"), "pad": ("constant", "edge", "reflect", "symmetric", "wrap"),
    "qr": ("reduced", "complete"), "convolve": ("full", "same", "valid"),
}  # fmt: skip
_POSITIONAL = {"dot": 2, "concatenate": 2, "einsum": 64, "outer": 2}


class Function(NamedTuple):
    """A function of the whitelist: at most `most` positional arguments, since further ones could be
    `out`.
    """

    name: str
    call: Callable[..., Any]
    most: int

    def takes_string(self, text: str) -> bool:
        """Whether `text` may stand among the arguments."""
        if self.name == "einsum":
            return all(c in ",->. " or (c.isascii() and c.isalpha()) for c in text)
        return text in _STRINGS.get(self.name, ())

    @property
    def strings(self) -> str:
        """The strings that may stand among the arguments, for a message."""
        return ", ".join(map(repr, _STRINGS.get(self.name, ()))) or "none"


def takes_keyword(name: str) -> bool:
    """Whether a call may have the keyword argument `name`: `out`, `where`, `like` may not be."""
    return name in _KEYWORDS.split()


@lru_cache(maxsize=1)
def functions() -> dict[str, Function]:
    """Every function that an expression may call, by name without prefix.

    >>> sorted(name for name in functions() if name.startswith("arc"))
    ['arccos', 'arccosh', 'arcsin', 'arcsinh', 'arctan', 'arctan2', 'arctanh']
    """
    found: dict[str, Any] = {ufunc.__name__: ufunc for ufunc in UFUNCS if _is_special(ufunc)}
    general = f"{_ELEMENTWISE} {_GENERAL}"
    for names, module in (
        (_SPECIAL, special),
        (general, np),
        (_LINALG, np.linalg),
        (_ACTIVATIONS, activations),
    ):
        found.update(
            {name: getattr(module, name) for name in names.split() if hasattr(module, name)}
        )
    found |= {
        "array": array,
        "asarray": array,
        "astype": _astype,
        "len": len,
        "polygamma": polygamma,
    }
    found |= {alias: found[name] for alias, name in _ALIASES.items()}
    return {
        name: Function(name, function, _most(name, function)) for name, function in found.items()
    }


def _is_special(ufunc: np.ufunc) -> bool:
    return getattr(special, ufunc.__name__, None) is ufunc


def _most(name: str, function: Any) -> int:
    if isinstance(function, np.ufunc):
        return function.nin
    if name in _POSITIONAL:
        return _POSITIONAL[name]
    try:
        parameters = list(inspect.signature(function).parameters)
    except (TypeError, ValueError):
        return 3
    return parameters.index("out") if "out" in parameters else len(parameters)


def near(name: str, known: Any) -> str:
    """A hint with the known name that is closest to `name`, or nothing."""
    close = difflib.get_close_matches(name, known, n=1)
    return f"did you mean '{close[0]}'?" if close else ""


def array(object: Any, dtype: Any = None) -> Any:
    """`np.array`, of traced values too."""
    if any_traced(object):
        traced = (
            stacked(innermost([object]), object) if isinstance(object, (list, tuple)) else object
        )
        return traced if dtype is None else traced.astype(dtype)
    return np.array(object, dtype)


def _reshape(x: Any, *shape: Any) -> Any:
    return np.reshape(x, shape[0] if len(shape) == 1 else shape)


def _transpose(x: Any, *axes: Any) -> Any:
    return np.transpose(x, None if not axes else axes[0] if len(axes) == 1 else axes)


@lru_cache(maxsize=1)
def methods() -> dict[str, Function]:
    """The methods of arrays that an expression may call, as functions of the array."""
    found = {name: functions()[name] for name in _METHODS.split()}
    found["reshape"] = Function("reshape", _reshape, 32)
    found["transpose"] = Function("transpose", _transpose, 32)
    found["flatten"] = Function("flatten", np.ravel, 1)
    found["copy"] = Function("copy", np.copy, 1)
    found["astype"] = Function("astype", _astype, 2)
    return found


def _astype(x: Any, dtype: Any) -> Any:
    return _like_array(x).astype(dtype)


def _like_array(x: Any) -> Any:
    return x if hasattr(x, "dtype") else np.asarray(x)


ATTRIBUTES: dict[str, Callable[[Any], Any]] = {
    "T": np.transpose,
    "mT": lambda x: np.swapaxes(x, -1, -2),
    "shape": lambda x: _like_array(x).shape,
    "ndim": lambda x: _like_array(x).ndim,
    "size": lambda x: _like_array(x).size,
    "dtype": lambda x: _like_array(x).dtype,
    "real": np.real,
    "imag": np.imag,
}
"""The attributes of arrays that an expression may read."""


def check_size(name: str, positional: Sequence[Any], keywords: dict[str, Any]) -> None:
    """An `ExpressionError` where a call would make an array of more than `MOST_ELEMENTS`."""
    count = _COUNTS.get(name)
    if count is None:
        return
    try:
        elements = count(*positional, **keywords)
    except TypeError:  # wrong arguments: the function itself says so
        return
    if elements > MOST_ELEMENTS:
        raise ExpressionError(
            f"{name} would make an array of more than {MOST_ELEMENTS:,} elements",
            hint="pass large arrays as arguments",
        )


def check_broadcast(name: str, operands: Sequence[Any]) -> None:
    """An `ExpressionError` where arrays that the expression made would broadcast to more than
    `MOST_ELEMENTS`, and to more than any of them has.
    """
    arrays = [operand for operand in operands if isinstance(operand, np.ndarray)]
    if len(arrays) < 2:
        return
    try:
        elements = math.prod(np.broadcast_shapes(*(array.shape for array in arrays)))
    except ValueError:  # shapes that do not fit: the operator itself says so
        return
    if elements > max(MOST_ELEMENTS, *(array.size for array in arrays)):
        raise ExpressionError(
            f"{name} would make an array of more than {MOST_ELEMENTS:,} elements",
            hint="pass large arrays as arguments",
        )


def _extent(shape: Any) -> int:
    extents = shape if isinstance(shape, (tuple, list)) else (shape,)
    return math.prod(operator.index(extent) for extent in extents)


def _steps(start: Any, stop: Any = None, step: Any = 1, *_: Any, **__: Any) -> float:
    if any_traced([start, stop, step]):
        raise ExpressionError(
            "the length of arange depends on an argument",
            hint="sizes must be numbers in the expression, or x.shape[0]; linspace takes arguments",
        )
    first, last = (0, start) if stop is None else (start, stop)
    return (last - first) / step if step else 0


def _size(x: Any) -> int:
    return _like_array(x).size


_COUNTS: dict[str, Callable[..., Any]] = {
    "zeros": lambda shape, *rest, **_: _extent(shape),
    "ones": lambda shape, *rest, **_: _extent(shape),
    "full": lambda shape, *rest, fill_value=0, **_: _extent(shape),
    "eye": lambda N, M=None, *rest, **_: _extent((N, N if M is None else M)),
    "tri": lambda N, M=None, *rest, **_: _extent((N, N if M is None else M)),
    "identity": lambda n, *rest, **_: _extent((n, n)),
    "arange": _steps,
    "linspace": lambda start, stop, num=50, *rest, **_: _size(start) * operator.index(num),
    "vander": lambda x, N=None, *rest, **_: (
        _size(x) * (_size(x) if N is None else operator.index(N))
    ),
    "broadcast_to": lambda x, shape, **_: _extent(shape),
    "pad": lambda x, width, **_: math.prod(n + 2 * int(np.max(width)) for n in np.shape(x)),
    "tile": lambda x, reps, **_: _size(x) * _extent(reps),
    "repeat": lambda x, repeats, *rest, **_: (
        _size(x) * (repeats if isinstance(repeats, int) else 1)
    ),
    "outer": lambda a, b, **_: _size(a) * _size(b),
    "kron": lambda a, b, **_: _size(a) * _size(b),
    "diag": lambda x, *rest, **_: _size(x) ** 2 if _like_array(x).ndim == 1 else 0,
    "diagflat": lambda x, *rest, **_: _size(x) ** 2,
}
