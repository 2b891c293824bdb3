"""Functions among the arguments of control flow and solvers: that they are functions, and that they
take what they will be called with.
"""

from __future__ import annotations

import inspect
from types import FunctionType
from typing import Any

import numpy as np

from irgrad.errors import ArgumentError
from irgrad.frontend.site import call_site, defined_at
from irgrad.ir.builder import Traced


def check_function(what: str, name: str, f: Any, call: str, *given: str) -> None:
    """Raise `ArgumentError` where an argument of `what`, whose arguments are `call`, is not a
    function, or takes other arguments than those that are `given`.
    """
    check_callable(what, name, f, call)
    check_takes(what, name, f, *given)


def check_callable(what: str, name: str, f: Any, call: str) -> None:
    """Raise `ArgumentError` where an argument is no function."""
    if not callable(f):
        raise ArgumentError(
            f"{what}: {name} must be a function, got {shown_type(f)}",
            location=call_site().location,
            hint=f"the order of arguments is {what}({call})",
        )


def check_takes(what: str, name: str, f: Any, *given: str) -> None:
    """Raise `ArgumentError` where a function takes other arguments than those that are `given`."""
    signature = _signature(f)
    if signature is None or _binds(signature, len(given)):
        return
    count = f"with {len(given)} argument{'s' * (len(given) > 1)}, ({', '.join(given)})"
    raise ArgumentError(
        f"{what}: {name} is called {count if given else 'without arguments'}, but "
        f"{getattr(f, '__name__', 'the function')} takes {signature}",
        location=defined_at(f) or call_site().location,
        hint=_remedy(what, name, signature, given),
    )


def _signature(f: Any) -> inspect.Signature | None:
    """What a function itself takes, not one that it wraps; None where Python does not know."""
    if isinstance(f, np.ufunc):
        kind = inspect.Parameter.POSITIONAL_ONLY
        return inspect.Signature([inspect.Parameter(f"x{k}", kind) for k in range(1, f.nin + 1)])
    try:
        return inspect.signature(f, follow_wrapped=False)
    except (TypeError, ValueError):
        return None


def _binds(signature: inspect.Signature, count: int) -> bool:
    try:
        signature.bind(*range(count))
    except TypeError:
        return False
    return True


def unfitting(f: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> ArgumentError | None:
    """The error for a call of f whose arguments are not those that it takes."""
    signature = _signature(f)
    try:
        if signature is not None:
            signature.bind(*args, **kwargs)
    except TypeError as error:
        got = f"{len(args)} argument{'s' * (len(args) != 1)}"
        got += "".join(f", {name}=" for name in kwargs)
        name = getattr(f, "__name__", "the function")
        return ArgumentError(
            f"{name} takes {signature}, and got {got}: {error}",
            location=defined_at(f) or call_site().location,
        )
    return None


def check_unknown(what: str, f: Any, args: tuple[Any, ...], *given: str, name: str = "f") -> None:
    """The same for a function of an unknown (or of what is `given`) and of the `args` of a solver.

    >>> check_unknown("root", lambda x, a: x - a, (2.0,))
    """
    every = [*(given or ("x",)), *(f"args[{k}]" for k in range(len(args)))]
    check_function(what, name, f, f"{name}, x0, args", *every)


def _remedy(what: str, name: str, signature: inspect.Signature, given: tuple[str, ...]) -> str:
    if name == "callback":
        return f"a callback is called at each step: def callback({', '.join(given)})"
    if what in ("cond", "switch"):
        return "all branches take the operands; what they close over is no operand"
    if given[0] == "operator":
        return "a solver gets a LinearOperator and the right-hand side, and returns the solution"
    if given[0] == "equation":
        return "a solver gets an Equation and the start, and returns the solution"
    if what.startswith("custom_"):
        return f"see irgrad.{what} for the arguments of rules"
    if what not in ("fori_loop", "map", "scan", "while_loop"):
        return "the unknown comes first, as one argument; the others are a tuple, args=(a, b)"
    if len(signature.parameters) > len(given):
        return "each is one argument: a tuple is unpacked inside the function"
    return "a parameter that the function does not read may be called _"


def shown_type(x: Any) -> str:
    """What an object is, for a message: the type of an array, the class of anything else."""
    if isinstance(x, Traced):
        return str(x.value.type)
    shown = x.__name__ if isinstance(x, FunctionType) else f"{x!r:.40}"
    return f"{type(x).__name__} {shown}"
