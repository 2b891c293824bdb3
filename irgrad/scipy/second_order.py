"""What SciPy's minimisers take of second order, and what they get."""

from __future__ import annotations

from typing import Any

import scipy

from irgrad.errors import OptionError
from irgrad.frontend.called import check_takes
from irgrad.frontend.site import call_site
from irgrad.runtime.implicit import Unknown
from irgrad.scipy.constraints import own_hessian
from irgrad.scipy.vector import Vectorised

TAKEN = {
    "newton-cg": ("product", "dense", "sparse"),
    "trust-ncg": ("product", "dense"),
    "trust-krylov": ("product", "dense"),
    "trust-constr": ("product", "dense", "sparse"),
    "dogleg": ("dense",),
    "trust-exact": ("dense",),
}
"""Method -> the forms of a Hessian that it takes; the first is the one it gets where it is free."""
WITHOUT = ("newton-cg", "trust-constr")
"""The methods among them that can do without one, and take an approximation of SciPy's."""
FORMS = ("auto", "product", "dense", "sparse")


def second_order(
    vector: Vectorised, unknown: Unknown, method: str, hess: Any, args: tuple[Any, ...]
) -> dict[str, Any]:
    """The keywords `hess` or `hessp` for SciPy; `OptionError` where `method` takes no such
    `hess`.
    """
    _check(method, hess)
    if method not in TAKEN or hess is None:
        return {}
    if isinstance(hess, scipy.optimize.HessianUpdateStrategy):
        return {"hess": hess}
    if callable(hess):
        check_takes("minimize", "hess", hess, "x", *(f"args[{k}]" for k in range(len(args) - 1)))
        return {"hess": own_hessian(unknown, hess)}
    if hess == "auto":
        pays = method == "trust-constr" and vector.hessian_pays(args)
        hess = "sparse" if pays else TAKEN[method][0]
    if hess == "product":
        return {"hessp": vector.product}
    return {"hess": vector.hessian if hess == "sparse" else vector.dense_hessian}


def _check(method: str, hess: Any) -> None:
    strategy = isinstance(hess, scipy.optimize.HessianUpdateStrategy)
    form = hess if isinstance(hess, str) else None
    if not (strategy or callable(hess) or hess is None or form in FORMS):
        listed = ", ".join(map(repr, FORMS))
        raise _refused(f"hess must be {listed}, None, or a function of x, got {hess!r:.60}")
    taken = TAKEN.get(method, ())
    if form == "auto" or (hess is None and (not taken or method in WITHOUT)):
        return
    if not taken:
        raise _refused(f"method {method!r} takes no Hessian", "hess is for " + ", ".join(TAKEN))
    remedy = f"hess={taken[0]!r}, or leave hess out"
    if hess is None:
        raise _refused(f"method {method!r} needs a Hessian", remedy)
    if strategy and method not in WITHOUT:
        raise _refused(f"method {method!r} takes no update strategy", remedy)
    if form is not None and form not in taken:
        what = "products with the Hessian" if form == "product" else f"{form} Hessian"
        raise _refused(f"method {method!r} takes no {what}", remedy)


def _refused(message: str, hint: str = "") -> OptionError:
    return OptionError(f"minimize: {message}", location=call_site().location, hint=hint)
