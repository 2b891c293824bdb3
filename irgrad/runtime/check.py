"""Checking derivatives against numerical differences."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from irgrad.errors import ArgumentError, IrgradError
from irgrad.frontend.lower import Argument, signature_of
from irgrad.frontend.pytree import leaves_of, map_leaves
from irgrad.ir.types import is_inexact
from irgrad.runtime.compiled import Compiled, as_callable
from irgrad.runtime.linearize import jvp, vjp

MODES = ("fwd", "rev")


class GradientMismatch(IrgradError, AssertionError):
    """A derivative disagrees with numerical differences."""


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

    In a random direction v, forward mode is held against the central difference of fourth order (8
    (f(x + h v) - f(x - h v)) - (f(x + 2h v) - f(x - 2h v))) / 12h with h = eps^(1/5) (Fornberg,
    1988), and reverse mode against forward mode by <y_bar, J v> = <J^T y_bar, v>. Higher orders
    check the derivative functions in the same way, in every combination of modes. A numerical
    difference needs f to be smooth within h of `args`.

    >>> import numpy as np
    >>> check_grads(lambda x: np.sum(np.sin(x) ** 2), (np.array([0.3, 1.2]),))
    """
    if unknown := set(modes) - set(MODES):
        raise ArgumentError(f"check_grads: unknown modes {sorted(unknown)}; there are {MODES}")
    if isinstance(order, bool) or not isinstance(order, (int, np.integer)) or order < 1:
        raise ArgumentError(f"check_grads: order must be an int of at least 1, got {order!r}")
    if not modes:
        raise ArgumentError(f"check_grads: no modes; there are {MODES}")
    function = as_callable(f)
    args = tuple(args)
    if not _float_leaves(args):
        raise ArgumentError("check_grads: no argument is a float array", hint="pass floats")
    rng = np.random.default_rng(seed)
    _check(function, args, order, modes, _Tolerance(args, rtol, atol, step), rng, "f")


class _Tolerance:
    """Step and tolerances that fit the least precise float argument."""

    def __init__(
        self, args: Any, rtol: float | None, atol: float | None, step: float | None
    ) -> None:
        eps = max(float(np.finfo(np.asarray(leaf).dtype).eps) for leaf in _float_leaves(args))
        self.step = eps ** (1 / 5) if step is None else step
        self.rtol = eps**0.45 if rtol is None else rtol
        self.atol = self.rtol if atol is None else atol


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
    numerical = _difference(f, args, direction, tolerance.step)
    out, forward = jvp(f, args, _along(args, direction))
    cotangent = [
        rng.standard_normal(np.shape(leaf)) * _unit(leaf, rng) for leaf in _float_leaves(out)
    ]
    if "fwd" in modes:
        _compare(f"forward derivative of {label}", _float_leaves(forward), numerical, tolerance)
        _check(
            lambda *x: _leaves_of(jvp(f, x, _along(x, direction))[1]),
            args,
            order - 1,
            modes,
            tolerance,
            rng,
            f"forward derivative of {label}",
        )
    if "rev" in modes:
        gradient = lambda *x: _pulled(f, x, cotangent)  # noqa: E731 -- differentiated again below
        expected = sum(_pairing(c, n) for c, n in zip(cotangent, numerical, strict=True))
        got = sum(_pairing(c, d) for c, d in zip(gradient(*args), direction, strict=True))
        _compare(f"reverse derivative of {label}", [got], [expected], tolerance)
        _check(gradient, args, order - 1, modes, tolerance, rng, f"reverse derivative of {label}")


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
    return [
        np.asarray(rng.standard_normal(np.shape(leaf)) * _unit(leaf, rng), np.asarray(leaf).dtype)
        for leaf in _float_leaves(tree)
    ]


def _unit(leaf: Any, rng: np.random.Generator) -> Any:
    """A random complex phase for a complex leaf, else 1."""
    complex_leaf = np.result_type(getattr(leaf, "dtype", type(leaf))).kind == "c"
    return np.exp(2j * np.pi * rng.random()) if complex_leaf else 1.0


def _difference(f: Any, args: tuple[Any, ...], direction: list[Any], step: float) -> list[Any]:
    scale = max([1.0, *(float(np.max(np.abs(leaf), initial=0.0)) for leaf in _float_leaves(args))])
    h = step * scale
    run = Compiled(f)
    near, far = (
        [
            _float_leaves(
                run(
                    *_filled(
                        args,
                        [
                            x + k * h * d
                            for x, d in zip(_float_leaves(args), direction, strict=True)
                        ],
                    )
                )
            )
            for k in (distance, -distance)
        ]
        for distance in (1, 2)
    )
    return [
        (8 * (np.asarray(a) - b) - (np.asarray(c) - d)) / (12 * h)
        for a, b, c, d in zip(*near, *far, strict=True)
    ]


def _pairing(a: Any, b: Any) -> float:
    return float(np.real(np.sum(np.asarray(a) * b)))


def _compare(what: str, got: Sequence[Any], expected: Sequence[Any], tolerance: _Tolerance) -> None:
    for leaf, numerical in zip(got, expected, strict=True):
        scale = np.max(np.abs(numerical), initial=0.0)
        error = np.max(np.abs(np.asarray(leaf) - numerical), initial=0.0)
        if not error <= tolerance.atol + tolerance.rtol * scale:
            raise GradientMismatch(
                f"{what} disagrees with numerical differences: largest error {error:.3g} at "
                f"magnitude {scale:.3g}",
                hint="either the derivative is wrong, or f is not smooth near the arguments",
            )
