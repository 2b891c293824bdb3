"""Checking derivatives against numerical differences."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np

from irgrad.errors import ArgumentError, GradientMismatch, with_article
from irgrad.frontend.lower import Argument, signature_of
from irgrad.frontend.pytree import leaves_of, map_leaves
from irgrad.frontend.site import call_site
from irgrad.ir.types import is_inexact
from irgrad.runtime.callables import function_of
from irgrad.runtime.compiled import Compiled
from irgrad.runtime.linearize import jvp, vjp
from irgrad.runtime.target import lower_target

MODES = ("fwd", "rev")
_SMALLEST = 1e-8
"""Elements smaller than this part of the largest count as 0: their own size tells nothing."""


def check_grads(
    f: Any,
    args: Sequence[Any],
    order: int = 2,
    modes: Sequence[str] = MODES,
    *,
    rtol: float | None = None,
    atol: float | None = None,
    step: float | None = None,
    seed: int = 0,
) -> None:
    """Raise a `GradientMismatch` where a derivative of `f` at `args`, up to `order`, disagrees with
    differences.

    In a random direction v, which changes each element by a part of itself, forward mode is held
    against the central difference of fourth order (8 (f(x + h v) - f(x - h v)) - (f(x + 2h v) - f(x
    - 2h v))) / 12h (Fornberg, 1988), and reverse mode by <y_bar, J v> = <J^T y_bar, v>. Of h =
    eps^(1/5), h/8 and h/64 the step counts whose difference changes least; eps is that of the least
    precise float dtype that f computes in, rtol is eps^0.45, and by how much the differences
    disagree among themselves is forgiven up to eps^(1/4). Higher orders check the derivative
    functions in the same way, in every combination of modes. A numerical difference needs f to be
    smooth near `args`.

    >>> import numpy as np
    >>> check_grads(lambda x: np.sum(np.sin(x) ** 2), (np.array([0.3, 1.2]),))
    """
    given: Any = modes
    modes = tuple(given) if isinstance(given, (tuple, list, set)) else (given,)
    if unknown := set(modes) - set(MODES):
        raise ArgumentError(f"check_grads: unknown modes {sorted(unknown)}; there are {MODES}")
    if isinstance(order, bool) or not isinstance(order, (int, np.integer)) or order < 1:
        raise ArgumentError(f"check_grads: order must be an int of at least 1, got {order!r}")
    if not modes:
        raise ArgumentError(f"check_grads: no modes; there are {MODES}")
    function = function_of("check_grads", f)
    if not isinstance(args, (tuple, list)):
        raise ArgumentError(
            f"check_grads takes a tuple of arguments, got {with_article(type(args).__name__)}",
            location=call_site().location,
            hint="for one argument, check_grads(f, (x,))",
        )
    args = tuple(args)
    if not _float_leaves(args):
        raise ArgumentError("check_grads: no argument is a float array", hint="pass floats")
    rng = np.random.default_rng(seed)
    tolerance = _Tolerance(_precision(function, args), rtol, atol, step)
    _check(function, args, order, modes, tolerance, rng, "f")


class _Tolerance:
    """Steps and tolerances that fit the least precise float dtype that `f` computes in."""

    def __init__(
        self, eps: float, rtol: float | None, atol: float | None, step: float | None
    ) -> None:
        self.eps = eps
        first = eps ** (1 / 5)
        self.steps = (first, first / 8, first / 64) if step is None else (step,)
        self.rtol = eps**0.45 if rtol is None else rtol
        self.atol = 0.0 if atol is None else atol
        self.most = eps**0.25
        """However uncertain the differences are, a larger relative error is one."""


class _Derivative(NamedTuple):
    """A numerical derivative, by how much rounding may put it off, and by how much it depends on
    the step.
    """

    value: Any
    rounding: float
    spread: float

    @property
    def error(self) -> float:
        """By how much it may be off."""
        return self.rounding + self.spread


def _precision(f: Callable[..., Any], args: tuple[Any, ...]) -> float:
    """The largest machine epsilon among the float dtypes in the graph of `f`."""
    signature, _ = signature_of(args, {}, f)
    graph = lower_target(f, signature).graph
    types = [*graph.input_types, *(type for node in graph.nodes for type in node.types)]
    dtypes = {type.dtype for type in types if is_inexact(type.dtype)}
    return max(float(np.finfo(dtype).eps) for dtype in dtypes)


def _check(
    f: Callable[..., Any],
    args: tuple[Any, ...],
    order: int,
    modes: Sequence[str],
    tolerance: _Tolerance,
    rng: np.random.Generator,
    label: str,
) -> None:
    if order == 0:
        return
    direction = _random_like(args, rng)
    numerical = _derivative(f, args, direction, tolerance)
    out, forward = jvp(f, args, _along(args, direction))
    cotangent = [
        rng.standard_normal(np.shape(leaf)) * _unit(leaf, rng) for leaf in _float_leaves(out)
    ]
    if "fwd" in modes:
        label_forward = f"forward derivative of {label}"
        for leaf, expected in zip(_float_leaves(forward), numerical, strict=True):
            scale = float(np.max(np.abs(expected.value), initial=0.0))
            _compare(label_forward, leaf, expected, scale, tolerance)
        derivative = lambda *x: _leaves_of(jvp(f, x, _along(x, direction))[1])  # noqa: E731
        _check(derivative, args, order - 1, modes, tolerance, rng, label_forward)
    if "rev" in modes:
        label_reverse = f"reverse derivative of {label}"
        gradient = lambda *x: _pulled(f, x, cotangent)  # noqa: E731 -- differentiated again below
        pairs = list(zip(cotangent, numerical, strict=True))
        expected = _Derivative(
            sum(_pairing(c, n.value) for c, n in pairs),
            *(sum(float(np.sum(np.abs(c))) * n[k] for c, n in pairs) for k in (1, 2)),
        )
        scale = sum(float(np.sum(np.abs(c * n.value))) for c, n in pairs)
        got = sum(_pairing(c, d) for c, d in zip(gradient(*args), direction, strict=True))
        _compare(label_reverse, got, expected, scale, tolerance)
        _check(gradient, args, order - 1, modes, tolerance, rng, label_reverse)


def _pulled(f: Any, args: tuple[Any, ...], cotangent: list[Any]) -> list[Any]:
    """The cotangents of the float arguments, as a list."""
    out, pullback = vjp(f, *args)
    cotangents = pullback(_filled(out, cotangent))
    return [leaf for leaf in leaves_of(cotangents) if leaf is not None]


def _leaves_of(tree: Any) -> list[Any]:
    return [leaf for leaf in leaves_of(tree) if leaf is not None]


def _is_float(leaf: Any) -> bool:
    (kind,) = signature_of((leaf,), {})[0].leaves
    return isinstance(kind, Argument) and is_inexact(kind.type.dtype)


def _float_leaves(tree: Any) -> list[Any]:
    return [leaf for leaf in leaves_of(tree) if _is_float(leaf)]


def _filled(tree: Any, floats: Sequence[Any]) -> Any:
    """`tree` with its float leaves replaced, in order."""
    remaining = iter(floats)
    return map_leaves(lambda leaf: next(remaining) if _is_float(leaf) else leaf, tree)


def _along(tree: Any, floats: Sequence[Any]) -> Any:
    """Tangents: `floats` for the float leaves of `tree`, none for the others."""
    remaining = iter(floats)
    return map_leaves(lambda leaf: next(remaining) if _is_float(leaf) else None, tree)


def _random_like(tree: Any, rng: np.random.Generator) -> list[Any]:
    """A direction that changes each element by a part of itself; where it is 0, by a part of the
    largest in its array.
    """
    directions: list[Any] = []
    for leaf in _float_leaves(tree):
        size = np.abs(np.asarray(leaf))
        largest = float(np.max(size, initial=0.0)) or 1.0
        size = np.where(size < _SMALLEST * largest, largest, size)
        part = rng.uniform(0.5, 1.0, np.shape(leaf)) * rng.choice([-1.0, 1.0], np.shape(leaf))
        directions.append(np.asarray(size * part * _unit(leaf, rng), np.asarray(leaf).dtype))
    return directions


def _unit(leaf: Any, rng: np.random.Generator) -> Any:
    """A random complex phase for a complex leaf, else 1."""
    complex_leaf = np.result_type(getattr(leaf, "dtype", type(leaf))).kind == "c"
    return np.exp(2j * np.pi * rng.random()) if complex_leaf else 1.0


def _derivative(
    f: Any, args: tuple[Any, ...], direction: list[Any], tolerance: _Tolerance
) -> list[_Derivative]:
    """The derivative of each float result along a direction, by the step whose difference agrees
    best with that of the next smaller one.
    """
    run = Compiled(f)
    tables = [_differences(run, args, direction, step) for step in tolerance.steps]
    moved = max(float(np.max(np.abs(d), initial=0.0)) for d in direction)
    found: list[_Derivative] = []
    for rows in zip(*tables, strict=True):
        candidates: list[_Derivative] = []
        for k, (value, size) in enumerate(rows):
            magnitude = float(np.max(np.abs(value), initial=0.0))
            rounding = tolerance.eps / tolerance.steps[k] * (size + magnitude + moved)
            if k + 1 < len(rows):
                spread = float(np.max(np.abs(value - rows[k + 1][0]), initial=0.0))
            else:
                spread = candidates[-1].spread if k else 0.0
            finite = np.isfinite(rounding + spread)
            candidates.append(_Derivative(value, rounding, spread if finite else np.inf))
        found.append(min(candidates, key=lambda candidate: candidate.error))
    return found


def _differences(
    run: Compiled, args: tuple[Any, ...], direction: list[Any], h: float
) -> list[tuple[Any, float]]:
    """The central difference of fourth order of each float result, and the size of the result."""
    leaves = _float_leaves(args)

    def at(k: int) -> list[Any]:
        moved = [_moved(x, k * h * d) for x, d in zip(leaves, direction, strict=True)]
        return [np.asarray(leaf) for leaf in _float_leaves(run(*_filled(args, moved)))]

    table: list[tuple[Any, float]] = []
    with np.errstate(all="ignore"):
        for a, b, c, d in zip(at(1), at(-1), at(2), at(-2), strict=True):
            wide = np.promote_types(a.dtype, np.float64)
            a, b, c, d = (x.astype(wide) for x in (a, b, c, d))
            size = max(float(np.max(np.abs(x), initial=0.0)) for x in (a, b))
            table.append(((8 * (a - b) - (c - d)) / (12 * h), size))
    return table


def _moved(x: Any, by: Any) -> Any:
    """`x` moved, still a Python number where it was one: its promotion is another."""
    return type(x)(x + by) if type(x) in (float, complex) else x + by


def _pairing(a: Any, b: Any) -> float:
    return float(np.real(np.sum(np.asarray(a) * b)))


def _compare(
    what: str,
    got: Any,
    expected: _Derivative,
    scale: float,
    tolerance: _Tolerance,
) -> None:
    if not (np.all(np.isfinite(got)) and np.all(np.isfinite(expected.value))):
        raise GradientMismatch(
            f"{what}: the derivative or the differences are not finite: {got} and {expected.value}",
            hint="choose arguments at which f, and its values nearby, are finite",
        )
    error = float(np.max(np.abs(np.asarray(got) - expected.value), initial=0.0))
    doubt = 4 * expected.rounding + min(4 * expected.spread, tolerance.most * scale)
    if not error <= tolerance.atol + tolerance.rtol * scale + doubt:
        raise GradientMismatch(
            f"{what} disagrees with numerical differences: largest error {error:.3g} at "
            f"magnitude {scale:.3g}",
            hint="either the derivative is wrong, or f is not smooth near the arguments",
        )
