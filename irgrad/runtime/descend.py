"""Gradient descent: the loop that backpropagation is the subroutine of."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, NamedTuple

import numpy as np

from irgrad.errors import NoConvergence, OptionError, TraceError
from irgrad.frontend.called import check_function, check_takes, check_unknown
from irgrad.frontend.keywords import keywords
from irgrad.frontend.promote import any_traced
from irgrad.frontend.pytree import flatten_arrays, leaves_of, unflatten
from irgrad.frontend.site import call_site
from irgrad.inspect.curve import curve_svg, curve_text
from irgrad.runtime.compiled import Compiled
from irgrad.runtime.implicit import arguments, unknown_of
from irgrad.runtime.transforms import Gradient, differentiable


class Descent(NamedTuple):
    """Where a descent ended: the point `x` (a pytree like the start), the `value` there, and along
    the way `history`, the values at the start and after each step, and `slopes`, the lengths of the
    gradients that were followed. `converged` says that the last of them was below `tol`.

    >>> found = descend(lambda x: (x - 3.0) ** 2, 0.0, rate=0.5, steps=5)
    >>> float(found.x), found.value, found.history.tolist()[:2], found.steps
    (3.0, 0.0, [9.0, 0.0], 5)
    >>> print(found.plot())
    9 ...
    >>> found.to_svg().startswith("<svg")
    True
    """

    x: Any
    value: float
    history: np.ndarray[Any, Any]
    slopes: np.ndarray[Any, Any]
    converged: bool

    @property
    def steps(self) -> int:
        """The number of steps taken."""
        return len(self.history) - 1

    def plot(self) -> str:
        """The history, as text."""
        return curve_text(self.history)

    def to_svg(self) -> str:
        """The history, as an SVG picture."""
        return curve_svg(self.history, "value after each step")

    _repr_svg_ = to_svg

    def __str__(self) -> str:
        ended = "converged" if self.converged else "stopped"
        return f"{ended} after {self.steps} steps at {self.value:.6g}\n{self.plot()}"


@keywords(
    lr="rate=0.1",
    learning_rate="rate=0.1",
    maxiter="steps=100",
    options="its options are keywords: steps=100, tol=1e-6",
    bounds="irgrad.scipy.minimize takes bounds",
    method="irgrad.scipy.minimize has methods",
)
def descend(
    f: Any,
    x0: Any,
    args: Any = (),
    *,
    rate: float | Callable[[int], float] = 0.1,
    steps: int = 100,
    momentum: float = 0.0,
    tol: float = 0.0,
    progress: bool = False,
    callback: Callable[[int, Any, float], Any] | None = None,
) -> Descent:
    """Gradient descent x <- x - rate * grad f(x, *args) from `x0`, a pytree of floats.

    The gradient is that of steepest ascent: of complex x its conjugate, in irgrad's convention.
    `rate` is a number or a function of the step's number; with `momentum` m the step is
    v <- m v - rate * grad, x <- x + v (Polyak 1964). It ends after `steps`, when the gradient is
    shorter than `tol`, or when `callback(step, x, value)` returns True. `progress` shows a bar on
    the terminal. A value or gradient that is not finite is a `NoConvergence` that says at which
    step.

    >>> import numpy as np
    >>> result = descend(lambda x: np.sum((x - 3.0) ** 2), np.zeros(2), rate=0.25, steps=20)
    >>> result.x.round(4).tolist(), result.steps
    ([3.0, 3.0], 20)
    >>> print(descend(lambda x: x * x, 1.0, rate=0.4, steps=9))
    stopped after 9 steps at 2.62144e-13
    1         *
    .          *
    .           *
    .            *
    .             *
    .              *
    .               *
    .                *
    .                 *
    2.62e-13           *
    """
    if not isinstance(steps, (int, np.integer)) or steps < 0:
        raise OptionError(
            f"descend: steps must be an int and not negative, got {steps!r:.60}",
            location=call_site().location,
        )
    for name, given in (("rate", rate), ("momentum", momentum), ("tol", tol)):
        if name != "rate" or not callable(given):
            _number(name, given)
        else:
            check_takes("descend", name, given, "step")
    function = differentiable("descend", f)
    args = arguments(args)
    if any(map(any_traced, leaves_of((x0, args)))):
        raise _traced()
    check_unknown("descend", function, args)
    if callback is not None:
        call = "f, x0, args, callback="
        check_function("descend", "callback", callback, call, "step", "x", "value")
    both = Compiled(Gradient(function, 0, False, False, True, "descend"))
    unknown = unknown_of("descend", x0)
    x = unknown.build(unknown.vector)
    value, gradient = both(x, *args)
    history, slopes = [_finite(value, 0)], []
    velocity = [np.zeros_like(leaf) for leaf in flatten_arrays(gradient)[0]]
    converged = False
    for step in _counted(steps, history, progress):
        leaves, tree = flatten_arrays(gradient)
        slopes.append(float(np.sqrt(sum(float(np.sum(np.abs(leaf) ** 2)) for leaf in leaves))))
        if not all(np.all(np.isfinite(leaf)) for leaf in leaves):
            raise NoConvergence(
                f"descend: the gradient is not finite after {step} steps, where the value is "
                f"{history[-1]:.6g}",
                hint="this may be a kink, or the end of a domain: start elsewhere, or take a "
                "smaller rate",
            )
        converged = slopes[-1] < tol
        if converged:
            break
        size = _number(f"rate({step})", rate(step)) if callable(rate) else rate
        velocity = [momentum * v - size * np.conj(g) for v, g in zip(velocity, leaves, strict=True)]
        here, _ = flatten_arrays(x)
        moved = [
            np.asarray(a + v, np.asarray(a).dtype)[()] for a, v in zip(here, velocity, strict=True)
        ]
        x = unflatten(tree, moved)
        value, gradient = both(x, *args)
        history.append(_finite(value, step + 1))
        told = None if callback is None else callback(step + 1, x, history[-1])
        if isinstance(told, (bool, np.bool_)) and told:
            break
    return Descent(x, history[-1], np.array(history), np.array(slopes), converged)


def _number(name: str, x: Any) -> float:
    """A number that an argument is, or gives; it is not negative, and momentum below 1."""
    array = np.asarray(x)
    fits = not array.shape and array.dtype.kind in "biuf" and array >= 0
    if not fits or (name == "momentum" and array >= 1):
        kind = {"rate": "or a function of the step, ", "momentum": "below 1, "}.get(name, "")
        raise OptionError(
            f"descend: {name} must be a number, {kind}not negative, got {x!r:.60}",
            location=call_site().location,
        )
    return float(x)


def _traced() -> TraceError:
    return TraceError(
        "descend of traced values: it takes numbers only",
        location=call_site().location,
        hint="irgrad.minimize_argmin(f, x0, args) can be differentiated; so can steps that "
        "irgrad.fori_loop or a loop takes",
    )


def _finite(value: Any, step: int) -> float:
    if any_traced(value):
        raise _traced()
    number = float(value)
    if not np.isfinite(number):
        raise NoConvergence(
            f"descend: the value is {number} after {step} steps",
            hint="take a smaller rate" if step else "start elsewhere",
        )
    return number


def _counted(steps: int, history: list[float], progress: bool) -> Iterable[int]:
    """The numbers of the steps, with a bar and the last value on the terminal."""
    if not progress:
        yield from range(steps)
        return
    from rich.console import Console  # which takes as long to load as the rest of irgrad.runtime
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

    columns = (
        TextColumn("descend"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[value]}"),
    )
    with Progress(*columns, console=Console(stderr=True)) as bar:
        task = bar.add_task("descend", total=steps, value=f"{history[-1]:.6g}")
        for step in range(steps):
            yield step
            bar.update(task, advance=1, value=f"{history[-1]:.6g}")
