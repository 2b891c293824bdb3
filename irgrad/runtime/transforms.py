"""The derivative operators that users write: grad, value_and_grad, vjp, jvp.

Each is a transformation of graphs, so they nest in each other and inside traced functions without
confusion."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from irgrad.autodiff.budget import budget_set, with_budget
from irgrad.autodiff.calls import can_wait, settled, with_residuals
from irgrad.autodiff.graphs import gradient
from irgrad.errors import ArgumentError, DTypeError, ShapeError, with_article
from irgrad.frontend.keywords import keywords
from irgrad.frontend.lower import Lowered, Signature, Static
from irgrad.frontend.pytree import flatten, unflatten
from irgrad.frontend.site import call_site, defined_at
from irgrad.ir.delayed import Delayed, choosing
from irgrad.ir.graph import Graph, Value
from irgrad.runtime.callables import function_of
from irgrad.runtime.compiled import Compiled
from irgrad.runtime.operator import Operator
from irgrad.runtime.selection import Arguments
from irgrad.runtime.target import lower_target

OF_JAX = {
    "allow_int": "integers have no derivative: pass floats, or choose other argnums",
    "argnum": "argnums=0",
    "reduce_axes": "sum over the axis of the batch in the function, or take the mean of the result",
}
"""Keywords of JAX's that have no place here, and what to write instead."""
Argnums = int | str | tuple[int | str, ...]


@dataclass(frozen=True)
class Slot:
    """A place in a result template: the output of the graph that goes there."""

    output: int


class Gradient(Operator):
    """`grad` or `value_and_grad` of a function, which in messages is what `asker` takes."""

    def __init__(
        self,
        function: Callable[..., Any],
        argnums: Argnums,
        has_aux: bool,
        holomorphic: bool,
        with_value: bool,
        asker: str = "grad",
    ) -> None:
        super().__init__(function, argnums, has_aux, holomorphic, with_value, asker)
        self.asker = asker
        self.argnums = argnums
        self.has_aux = has_aux
        self.holomorphic = holomorphic
        self.with_value = with_value

    def lower(self, signature: Signature) -> Lowered:
        """The gradient's graph: the function's nodes, then the adjoint nodes."""
        operator = "value_and_grad" if self.with_value else "grad"
        arguments = Arguments(signature, self.function, operator)
        argnums = self.argnums if isinstance(self.argnums, tuple) else (self.argnums,)
        for argnum in argnums:
            arguments.check(argnum, self.holomorphic)
        lowered = lower_target(self.function, signature)
        self._check_output(lowered)
        later = can_wait(lowered.graph) and all(map(arguments.names_argument, argnums))
        if not later:
            lowered = lowered._replace(graph=with_residuals(lowered.graph)[0])
        selections = [arguments.select(argnum, lowered) for argnum in argnums]
        wrt = [value for selection in selections for value in selection.values]
        self._check_inner(wrt)
        extended = _delayed(lowered.graph, wrt) if later else _extended(lowered.graph, wrt)
        first = len(lowered.graph.outputs)
        gradients: list[Any] = []
        for selection in selections:
            gradients.append(
                selection.build([Slot(first + i) for i in range(len(selection.values))])
            )
            first += len(selection.values)
        result: Any = tuple(gradients) if isinstance(self.argnums, tuple) else gradients[0]
        primal = result_template(lowered)
        if self.with_value:
            result = (primal, result)
        elif self.has_aux:
            result = (result, primal[1])
        return with_result(lowered, extended, result)

    def _check_output(self, lowered: Lowered) -> None:
        name = getattr(self.function, "__name__", "the function")
        operator = self.asker == "grad"
        template = result_template(lowered)
        if self.has_aux:
            template, _ = with_aux(template, self.function)
        if not isinstance(template, Slot):
            raise ArgumentError(
                f"{self.asker} needs a scalar, {name} returns {described(template)}",
                location=defined_at(self.function),
                hint=_scalar_remedy(template, operator),
            )
        type = lowered.graph.outputs[template.output].type
        location = lowered.graph.outputs[template.output].node.location
        if type.shape:
            raise ShapeError(
                f"{self.asker} needs a scalar, {name} returns {type}",
                location=location,
                hint="sum the result"
                + ", or use jacobian for the derivatives of all its elements" * operator,
            )
        if type.dtype.kind not in "fc":
            raise DTypeError(
                f"{self.asker} needs a float result, {name} returns {type}",
                location=location,
                hint="convert with .astype(np.float64) before the last step",
            )
        if type.dtype.kind == "c" and not self.holomorphic:
            raise DTypeError(
                f"{self.asker} needs a real scalar, {name} returns {type}",
                location=location,
                hint="take .real or abs()"
                + ", or pass holomorphic=True for a holomorphic function" * operator,
            )
        if type.dtype.kind != "c" and self.holomorphic:
            raise DTypeError(
                f"holomorphic=True needs a complex result, {name} returns {type}",
                location=location,
                hint="leave holomorphic=True out",
            )

    def _check_inner(self, wrt: Sequence[Value]) -> None:
        """Inner values, which argnums may name too, must have derivatives."""
        for value in wrt:
            if value.type.dtype.kind not in ("c" if self.holomorphic else "fc"):
                needed = "complex" if self.holomorphic else "float"
                raise DTypeError(
                    f"grad with respect to {value!r}: the dtype must be {needed}",
                    location=value.node.location,
                    hint="choose a value that is one, before it is rounded, compared or counted",
                )


def _extended(graph: Graph, wrt: Sequence[Value]) -> Graph:
    """A graph that is ready for reverse mode, and the gradients of its first output."""
    return settled(gradient(graph, 0, wrt))


def _delayed(graph: Graph, wrt: Sequence[Value]) -> Delayed:
    """The same to some inputs of a graph, once it is asked for."""
    bytes = budget_set()
    recipe = f"gradient to {[graph.inputs.index(value) for value in wrt]}, tape {bytes}"
    types = [*graph.output_types, *(value.type for value in wrt)]

    def make() -> Graph:
        with with_budget(bytes):
            return _extended(with_residuals(graph)[0], wrt)

    return Delayed(graph, recipe, types, make)


def result_template(lowered: Lowered) -> Any:
    """The result pytree with a `Slot` for each output of the graph and a `Static` for the rest."""
    count = iter(range(len(lowered.graph.outputs)))
    leaves = [Slot(next(count)) if static is None else static for static in lowered.statics]
    return unflatten(lowered.result_tree, leaves)


def with_aux(template: Any, function: Any) -> tuple[Any, Any]:
    """The two halves of the result of a function under has_aux."""
    if isinstance(template, tuple) and len(template) == 2:
        return template
    name = getattr(function, "__name__", "the function")
    raise ArgumentError(
        f"has_aux: {name} must return (value, aux), it returns {described(template)}",
        location=defined_at(function),
    )


def described(template: Any) -> str:
    """What a function returns, in a message."""
    if isinstance(template, Static):
        kind = type(template.value).__name__
        return "None" if template.value is None else f"the Python {kind} {template.value!r}"
    if isinstance(template, (tuple, list, dict)):
        count = len(template)
        return f"{with_article(type(template).__name__)} of {count} value{'s' * (count != 1)}"
    return "an array" if isinstance(template, Slot) else f"{with_article(type(template).__name__)}"


def _scalar_remedy(template: Any, operator: bool) -> str:
    if not isinstance(template, Static):
        more = (
            "; with has_aux=True, grad and value_and_grad take results beside it, and jacobian "
            "takes results of any shape"
        )
        return "return one scalar" + more * operator
    if template.value is None:
        return "is a return missing?"
    if isinstance(template.value, (bool, int)):
        return "it does not depend on the arguments; return a float that does"
    return "return a number that is computed from the arguments"


def with_result(lowered: Lowered, graph: Graph, template: Any) -> Lowered:
    """`lowered` with another graph, whose outputs go to the slots of `template`."""
    leaves, tree = flatten(template)
    slots = [leaf.output for leaf in leaves if isinstance(leaf, Slot)]
    statics = tuple(
        None if isinstance(leaf, Slot) else leaf if isinstance(leaf, Static) else Static(leaf)
        for leaf in leaves
    )
    return lowered._replace(graph=choosing(graph, slots), result_tree=tree, statics=statics)


@keywords(**OF_JAX)
def grad(
    f: Any, argnums: Argnums = 0, *, has_aux: bool = False, holomorphic: bool = False
) -> Gradient:
    """The gradient function of a scalar function: x -> df/dx, with the shape and dtype of x.

    `argnums` chooses arguments by position or name (a tuple gives a tuple of gradients), or an
    intermediate value by the name that the code gives it. With `has_aux`, f returns (value, aux)
    and the result is (gradient, aux).

    For a complex argument z = x + iy it is df/dx - i df/dy. A function with a complex result must
    be holomorphic, of complex arguments, and be declared so: `holomorphic=True`.

    >>> import numpy as np
    >>> grad(lambda x: np.sum(x**2))(np.array([1.0, 2.0])).tolist()
    [2.0, 4.0]
    """
    return _transformed(f, argnums, has_aux, holomorphic, False)


@keywords(**OF_JAX)
def value_and_grad(
    f: Any, argnums: Argnums = 0, *, has_aux: bool = False, holomorphic: bool = False
) -> Gradient:
    """Like `grad`, but the function returns (value, gradient); the value is what f returns, aux
    included.

    >>> value, gradient = value_and_grad(lambda x: x * x)(3.0)
    >>> float(value), float(gradient)
    (9.0, 6.0)
    """
    return _transformed(f, argnums, has_aux, holomorphic, True)


def _transformed(
    f: Any, argnums: Any, has_aux: bool, holomorphic: bool, with_value: bool
) -> Gradient:
    name = "value_and_grad" if with_value else "grad"
    function = differentiable(name, f)
    return Gradient(function, checked_argnums(name, argnums), has_aux, holomorphic, with_value)


def checked_argnums(name: str, argnums: Any) -> Argnums:
    """`argnums` of the operator `name` as an int, a name, or a tuple of them."""
    if isinstance(argnums, (list, tuple)):
        return tuple(_checked_argnum(name, argnum) for argnum in argnums)
    return _checked_argnum(name, argnums)


def _checked_argnum(name: str, argnum: Any) -> int | str:
    whole = isinstance(argnum, (int, np.integer)) and not isinstance(argnum, bool)
    if not whole and not isinstance(argnum, str):
        raise ArgumentError(
            f"{name}: argnums must be ints, names or a tuple of them, got {argnum!r:.60}",
            location=call_site().location,
            hint=f"{name}(f) is a function: {name}(f)(x)" if np.ndim(argnum) else "",
        )
    return argnum if isinstance(argnum, str) else int(argnum)


def differentiable(name: str, f: Any) -> Callable[..., Any]:
    """The function that a target of the transformation `name` stands for; a compiled one as it is
    where it says how loops are lowered.
    """
    function = function_of(name, f)
    if isinstance(function, Compiled) and function.capture and function.unroll is None:
        return function.target
    return function
