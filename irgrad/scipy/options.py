"""What SciPy's options may be, checked before SciPy runs: methods, tolerances, Jacobians."""

from __future__ import annotations

import difflib
from collections.abc import Mapping, Sequence
from typing import Any

from irgrad.errors import ArgumentError, OptionError, with_article
from irgrad.frontend.site import call_site


def check_method(
    what: str, method: Any, names: Sequence[str], *, exact: bool = False, own: bool = False
) -> None:
    """Raise `OptionError` where a method is none of SciPy's `names`, in upper or lower case unless
    `exact`; with `own`, None and solvers of the user's own pass.
    """
    if not isinstance(method, str):
        if own and (method is None or callable(method)):
            return
        got = with_article(type(method).__name__)
        raise OptionError(
            f"{what}: method must be a name{' or a solver' * own}, got {got}",
            location=call_site().location,
            hint=f"there are {', '.join(names)}",
        )
    known = {name if exact else name.lower(): name for name in names}
    if (method if exact else method.lower()) in known:
        return
    near = difflib.get_close_matches(method.lower(), [name.lower() for name in names], 1)
    meant = [name for name in names if near and name.lower() == near[0]]
    raise OptionError(
        f"{what}: no method {method!r}; there are {', '.join(names)}",
        location=call_site().location,
        hint=f"method={meant[0]!r}?" if meant else "",
    )


def check_tolerance(what: str, tol: Any) -> None:
    """Raise `OptionError` where a tolerance is no number, or negative."""
    try:
        fits = tol is None or float(tol) >= 0
    except (TypeError, ValueError):
        fits = False
    if not fits:
        raise OptionError(
            f"{what}: tol must be a number, not negative, or None, got {tol!r:.60}",
            location=call_site().location,
        )


def check_options(what: str, options: Any) -> None:
    """Raise `ArgumentError` where the options of the method are no dict."""
    if options is not None and not isinstance(options, Mapping):
        raise ArgumentError(
            f"{what}: options must be a dict, got {options!r:.60}",
            location=call_site().location,
            hint='options={"maxiter": 100}',
        )


def check_jacobian(what: str, jac: Any) -> None:
    """Raise `OptionError` where `jac` is no form of a Jacobian."""
    if not isinstance(jac, str) or jac not in ("auto", "dense", "sparse"):
        raise OptionError(
            f"{what}: jac must be 'auto', 'dense' or 'sparse', got {jac!r:.60}",
            location=call_site().location,
            hint="the Jacobian of f is exact; a rule of your own is irgrad.custom_jvp",
        )
