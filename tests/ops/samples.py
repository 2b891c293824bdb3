"""Sample operands of every op, for the tests of `test_derivatives.py`.

For a new op call `sampled` (name, operands, parameters) in one of the files of samples, or in a
file of your own that `test_derivatives.py` imports. An elementwise op needs only a line in
`DOMAINS`: intervals in which it is smooth; operands of several shapes and dtypes are drawn from
them."""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np

from irgrad.ir.op import REGISTRY, Op, make_op
from irgrad.ir.types import DTYPES, ArrayType
from irgrad.ops.elementwise import Elementwise

Array = np.ndarray[Any, Any]
F32, F64, C128, I32, I64, U8 = (DTYPES[k] for k in ("f32", "f64", "c128", "i32", "i64", "u8"))
BOOL = DTYPES["bool"]


class Sample(NamedTuple):
    """An op with operands at which it is differentiable `order` times with respect to those in
    `wrt` (None: all of which the op says so).
    """

    op: Op
    operands: tuple[Array, ...]
    wrt: tuple[int, ...] | None = None
    order: int = 2

    def __str__(self) -> str:
        types = ",".join(f"{x.dtype}{list(x.shape)}".replace(" ", "") for x in self.operands)
        return f"{self.op!r}-{types}"


def draw(
    shape: tuple[int, ...], dtype: Any = F64, low: float = -2, high: float = 2, seed: int = 0
) -> Array:
    """Numbers between `low` and `high`, no two equal; imaginary parts, if any, of either sign."""
    rng = np.random.default_rng([seed, len(shape), *shape])
    count = math.prod(shape)
    numbers = low + (rng.permutation(count) + rng.uniform(0.2, 0.8, count)) * (high - low) / max(
        count, 1
    )
    if np.dtype(dtype).kind == "c":
        numbers = numbers + 1j * rng.uniform(0.3, 0.9, count) * rng.choice([-1, 1], count)
    return numbers.reshape(shape).astype(dtype)


REAL = ((-2.5, 2.5),)
POSITIVE = ((0.2, 3.0),)
ON_REALS = """
    negative positive square exp exp2 exp10 expm1 sin cos arctan sinh cosh tanh arcsinh deg2rad
    rad2deg degrees radians expit log_expit ndtr log_ndtr erf erfc erfcx dawsn rgamma j0 j1 i0 i1
    cosm1 exprel erfi wrightomega sindg cosdg"""
ON_POSITIVES = """
    sqrt cbrt log log2 log10 log1p reciprocal gamma gammaln loggamma psi entr y0 y1 k0 k1 expi exp1
    absolute fabs i0e i1e spence k0e k1e"""
ON_PAIRS = """
    add subtract multiply scale maximum minimum fmax fmin hypot copysign logaddexp logaddexp2
    nextafter"""
DOMAINS: dict[str, tuple[tuple[float, float], ...]] = {
    **dict.fromkeys(ON_REALS.split(), REAL),
    **dict.fromkeys(ON_POSITIVES.split(), POSITIVE),
    **dict.fromkeys(["arcsin", "arccos", "arctanh", "erfinv"], ((-0.9, 0.9),)),
    **dict.fromkeys(["logit", "ndtri"], ((0.1, 0.9),)),
    **dict.fromkeys(ON_PAIRS.split(), REAL * 2),
    **dict.fromkeys(["beta", "betaln", "xlogy", "rel_entr", "kl_div", "arctan2"], POSITIVE * 2),
    **dict.fromkeys(["jv", "yv", "iv", "ive", "kv"], ((0.0, 3.0), (0.5, 3.0))),
    **dict.fromkeys(["gammainc", "gammaincc"], ((0.5, 3.0), (0.3, 3.0))),
    "complex_sign": REAL,
    "tan": ((-1.2, 1.2),),
    "arccosh": ((1.2, 3.0),),
    "erfcinv": ((0.2, 1.8),),
    **dict.fromkeys(["divide", "ratio"], ((-2.5, 2.5), (0.4, 2.5))),
    "power": ((0.3, 2.5), (-2.5, 2.5)),
    "remainder": ((3.65, 3.9), (0.85, 0.89)),
    "fmod": ((-3.9, -3.65), (0.85, 0.89)),
    "heaviside": ((0.2, 2.5), (-1, 1)),
    "xlog1py": ((0.2, 3.0), (-0.8, 2.0)),
    "betaincc": ((0.5, 3.0), (0.5, 3.0), (0.2, 0.8)),
    "betaincinv": ((0.5, 3.0), (0.5, 3.0), (0.2, 0.8)),
    "gammaincinv": ((0.5, 3.0), (0.2, 0.8)),
    "gammainccinv": ((0.5, 3.0), (0.2, 0.8)),
    "stdtr": ((1.0, 5.0), (-2.5, 2.5)),
    "stdtrit": ((1.0, 5.0), (0.1, 0.9)),
    "ndtri_exp": ((-40.0, -0.1),),
    "owens_t": ((-2.0, 2.0), (-2.0, 2.0)),
    "binom": ((4.1, 7.9), (0.6, 3.4)),
    "poch": ((0.3, 3.0), (0.3, 3.0)),
    "huber": ((0.9, 1.1), (-0.8, 2.5)),
    "pseudo_huber": ((0.5, 2.0), (-2.5, 2.5)),
    "boxcox": ((0.3, 3.0), (-1.5, 1.5)),
    "boxcox1p": ((-0.6, 3.0), (-1.5, 1.5)),
    "inv_boxcox": ((-0.5, 0.6), (-1.0, 1.0)),
    "inv_boxcox1p": ((-0.5, 0.6), (-1.0, 1.0)),
    "powm1": ((0.3, 2.5), (-2.5, 2.5)),
    "hyp0f1": ((0.5, 3.0), (-2.0, 2.0)),
    "hyp1f1": ((0.5, 3.0), (0.5, 3.0), (-2.0, 2.0)),
    "hyp2f1": ((0.5, 2.0), (0.5, 2.0), (0.7, 3.0), (-0.6, 0.6)),
    "ellipk": ((-2.0, 0.8),),
    "ellipe": ((-2.0, 0.8),),
    "tandg": ((10.0, 80.0),),
    "cotdg": ((10.0, 80.0),),
    "zeta": ((1.5, 4.0), (0.3, 3.0)),
    "betainc": ((0.5, 3.0), (0.5, 3.0), (0.2, 0.8)),
}
"""Elementwise op -> for each operand an interval in which it is smooth."""

ONE = """
    zeta gammainc gammaincc gammaincinv gammainccinv stdtr stdtrit jv yv iv ive kv hyp0f1"""
PARAMETERS_WITHOUT_DERIVATIVE = {
    **dict.fromkeys(ONE.split(), 1),
    **dict.fromkeys(["betainc", "betaincc", "betaincinv", "hyp1f1"], 2),
    "hyp2f1": 3,
}
"""Elementwise op -> how many leading operands have no closed derivative."""

COMPLEX_ORDER = {"gamma": 1, "loggamma": 1, "rgamma": 1, "psi": 0}
"""Elementwise op -> how often it can be differentiated at complex numbers, where less than twice
(SciPy has no trigamma function of them).
"""

SHAPES: tuple[tuple[tuple[int, ...], ...], ...] = (
    ((), (), (), ()),
    ((5,), (5,), (5,), (5,)),
    ((2, 3), (3,), (2, 1), ()),
    ((2, 1), (1, 3), (), (3,)),
    ((0,), (0,), (1,), ()),
)


def _takes(op: Elementwise, dtype: Any) -> bool:
    """Whether the op computes in `dtype`."""
    try:
        op.result_types(*[ArrayType(np.dtype(dtype), ())] * op.ufunc.nin)
    except TypeError:
        return False
    return True


def smooth_samples(name: str) -> list[Sample]:
    """Samples of an elementwise op inside its domain, in several shapes and dtypes."""
    op, domain = REGISTRY[name], DOMAINS[name]
    assert isinstance(op, Elementwise)
    wrt = tuple(range(PARAMETERS_WITHOUT_DERIVATIVE.get(name, 0), len(domain)))
    samples: list[Sample] = []
    for dtype in (F64, F32, C128):
        for shapes in SHAPES if dtype == F64 else SHAPES[1:3]:
            if _takes(op, dtype):
                operands = tuple(
                    draw(shape, dtype, *interval, seed=seed)
                    for seed, (interval, shape) in enumerate(zip(domain, shapes, strict=False))
                )
                order = COMPLEX_ORDER.get(name, 2) if dtype == C128 else 2
                samples.append(Sample(op, operands, wrt if order else (), order))
    return samples


def flat_samples(name: str) -> list[Sample]:
    """Samples of an elementwise op without derivative: all its dtypes, special floats too."""
    op = REGISTRY[name]
    assert isinstance(op, Elementwise)
    special = np.array([0.0, -0.0, 1.5, -2.5, np.inf, -np.inf, np.nan])
    samples: list[Sample] = []
    for dtype in (F64, F32, C128, I32, I64, U8, BOOL):
        if not _takes(op, dtype):
            continue
        whole = {
            "f": special,
            "c": np.array([0, 1 + 2j, -1j, 2.5 - 1j, complex(np.inf, 1), complex(0, np.nan), -1.5]),
            "b": np.array([True, False]),
        }.get(dtype.kind, np.array([3, 0, 7, 2, 5, 1, 4]))
        operands = tuple(np.roll(whole, k).astype(dtype) for k in range(op.ufunc.nin))
        samples += [Sample(op, operands), Sample(op, tuple(x[:0] for x in operands))]
        samples.append(Sample(op, tuple(x[:, None] if k else x for k, x in enumerate(operands))))
    return samples


SAMPLES: dict[str, list[Sample]] = {}
"""Op -> its samples, beside those that follow from `DOMAINS`."""


def sampled(
    name: str,
    *operands: Array,
    wrt: tuple[int, ...] | None = None,
    order: int = 2,
    **parameters: Any,
) -> None:
    """One more sample of the op `name` with these parameters."""
    op = make_op(name, parameters)
    SAMPLES.setdefault(name, []).append(Sample(op, operands, wrt, order))


def samples_of(name: str) -> list[Sample]:
    """All samples of an op; none where nobody wrote any."""
    written = SAMPLES.get(name, [])
    if name in DOMAINS:
        return [*smooth_samples(name), *written]
    op = REGISTRY[name]
    flat = isinstance(op, Elementwise) and all(partial is None for partial in op.partials)
    return [*flat_samples(name), *written] if flat else written


for _dtype in (F64, F32):
    sampled("ldexp", draw((4,), _dtype), np.array([-2, 0, 1, 5], np.int32))
    sampled("ldexp", draw((2, 1), _dtype), np.array([-2, 0, 1], np.int64))
