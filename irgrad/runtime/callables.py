"""What may stand for a function: expression strings, SymPy expressions, graphs."""

from __future__ import annotations

from typing import Any

from irgrad.errors import ArgumentError, with_article
from irgrad.frontend.site import call_site
from irgrad.frontend.symbolic import from_sympy, is_sympy
from irgrad.ir.graph import Graph
from irgrad.runtime.graph_function import graph_function


def as_callable(target: Any) -> Any:
    """A function for any target: expression strings, SymPy expressions and graphs become callables,
    the same each time.
    """
    if isinstance(target, Graph):
        return graph_function(target)
    if isinstance(target, str):
        from irgrad.frontend.expression import expression

        return expression(target)
    if is_sympy(target):
        return from_sympy(target)
    return target


def function_of(name: str, target: Any) -> Any:
    """The function for the target that is given to what is called `name`, or an error of that."""
    function = as_callable(target)
    if not callable(function):
        raise ArgumentError(
            f"{name}: cannot transform {with_article(type(target).__name__)}, {target!r:.60}",
            location=call_site().location,
            hint="pass a function, an expression or a Graph",
        )
    return function
