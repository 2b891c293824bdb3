"""Which values `argnums` names: arguments by position or name, or inner values by the name that the
code gives them.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from irgrad.errors import ArgumentError, DTypeError, IrgradError
from irgrad.frontend.entry import about_call
from irgrad.frontend.lower import (
    Argument,
    Lowered,
    Signature,
    Static,
    argument_place,
    positional_names,
)
from irgrad.frontend.pytree import LEAF, flatten, unflatten
from irgrad.ir.graph import Graph, Value
from irgrad.ir.types import is_inexact
from irgrad.runtime.inner_values import inner_value
from irgrad.runtime.target import arguments_of


class Selection(NamedTuple):
    """One entry of argnums: the values to differentiate to, and the pytree that their gradients
    form, with None where the argument has None.
    """

    values: list[Value]
    tree: Any
    present: Sequence[bool]

    def build(self, leaves: Sequence[Any]) -> Any:
        """The pytree with `leaves` in it."""
        given = iter(leaves)
        return unflatten(self.tree, [next(given) if here else None for here in self.present])


class Arguments:
    """The arguments of a call, to be chosen from: checked before the function is lowered, so that
    a wrong argument is blamed before anything that it leads to.
    """

    def __init__(
        self, signature: Signature, function: Callable[..., Any], operator: str = "grad"
    ) -> None:
        self.operator = operator
        self.signature = signature
        self.function = function
        self.args, self.kwargs = arguments_of(signature)
        self.names = positional_names(function, len(self.args))[: len(self.args)]
        self._known: tuple[Graph, dict[int, Value]] | None = None

    @about_call
    def check(self, argnum: int | str, holomorphic: bool) -> None:
        """Refuse an entry of argnums that has no derivative."""
        for position in flatten(self._argument(argnum))[0]:
            self._check_leaf(position, holomorphic)

    def names_argument(self, argnum: int | str) -> bool:
        """Whether an entry of argnums is no inner value."""
        return not isinstance(argnum, str) or self._has(argnum)

    @about_call
    def select(self, argnum: int | str, lowered: Lowered) -> Selection:
        """The values that one entry of argnums names."""
        chosen, tree = flatten(self._argument(argnum))
        if isinstance(argnum, str) and not self._has(argnum):
            return Selection([self._inner(argnum, lowered)], LEAF, (True,))
        inputs = self._inputs(lowered)
        values = [inputs[position] for position in chosen if position in inputs]
        return Selection(values, tree, [position in inputs for position in chosen])

    @about_call
    def check_distinct(self, wrt: Sequence[Value]) -> None:
        """Refuse argnums that name a value twice, where each has directions of its own."""
        if len(set(wrt)) < len(wrt):
            twice = next(value for value in wrt if wrt.count(value) > 1)
            raise ArgumentError(
                f"{self.operator}: argnums name %{twice.name} twice",
                hint="name each argument once",
            )

    def _inputs(self, lowered: Lowered) -> dict[int, Value]:
        """The inputs of the graph by the positions of their leaves."""
        if self._known is None or self._known[0] is not lowered.graph:
            traced = zip(lowered.signature.traced, lowered.graph.inputs, strict=False)
            self._known = lowered.graph, dict(traced)
        return self._known[1]

    def _has(self, name: str) -> bool:
        return name in self.kwargs or name in self.names

    def _argument(self, argnum: int | str) -> Any:
        """The leaf positions of one argument; nothing for the name of an inner value."""
        if isinstance(argnum, str):
            if argnum in self.kwargs:
                return self.kwargs[argnum]
            return self.args[self.names.index(argnum)] if argnum in self.names else ()
        if not -len(self.args) <= argnum < len(self.args):
            count = f"{len(self.args)} positional argument{'s' * (len(self.args) != 1)}"
            listed = f" ({', '.join(self.names)})" if self.names else ""
            expected = f": expected {-len(self.args)} to {len(self.args) - 1}" * bool(self.args)
            raise ArgumentError(
                f"{self.operator}: argnums={argnum}, but the call has {count}{listed}{expected}",
                hint=self._unpassed(argnum) or "argnums counts from 0, or names: argnums='x'",
            )
        return self.args[argnum]

    def _inner(self, name: str, lowered: Lowered) -> Value:
        """The inner value that has the name; of several the last, which it means in the end."""
        found = inner_value(self.operator, name, lowered.graph, lowered.bound.get(name))
        if found is not None:
            return found
        try:
            return lowered.graph.value(name)
        except KeyError as error:
            known = ", ".join([*self.names, *self.kwargs])
            raise ArgumentError(
                f"{self.operator}: argnums: {error.args[0]}; the arguments are {known}",
                hint=self._unpassed(name) or "argnums names an argument, or a variable of f",
            ) from None

    def _unpassed(self, argnum: int | str) -> str:
        """What to do where argnums names a parameter that the call leaves at its default, or gives
        by keyword.
        """
        try:
            parameters = list(inspect.signature(self.function).parameters.values())
        except (TypeError, ValueError):
            return ""
        for position, parameter in enumerate(parameters):
            if argnum in (position, parameter.name):
                if parameter.name in self.kwargs:
                    return f"'{parameter.name}' is given by keyword: argnums='{parameter.name}'"
                if parameter.default is not parameter.empty:
                    given = f"{parameter.name}={parameter.default!r}"
                    return f"'{parameter.name}' is left at its default; pass it: {given}"
        return ""

    def _check_leaf(self, position: int, holomorphic: bool) -> None:
        leaf = self.signature.leaves[position]
        if leaf == Static(None):
            return  # nothing to differentiate to, as in JAX
        if isinstance(leaf, Argument) and is_inexact(leaf.type.dtype):
            if holomorphic and leaf.type.dtype.kind != "c":
                place = argument_place(self.function, self.signature.tree, position)
                raise DTypeError(
                    f"holomorphic=True needs complex arguments, {place} is {leaf.type}",
                    hint="leave holomorphic=True out, or pass .astype(complex)",
                )
            return
        place = argument_place(self.function, self.signature.tree, position)
        raise no_derivative(f"{self.operator} with respect to {place}", leaf)


def no_derivative(what: str, leaf: Any) -> IrgradError:
    """The error for a leaf of the arguments that carries no derivative."""
    if isinstance(leaf, Argument):
        return DTypeError(
            f"{what}: {leaf.type} is not a float type",
            hint="pass floats, or convert with .astype(np.float64)",
        )
    kind, remedy = type(leaf.value).__name__, "choose other argnums"
    if isinstance(leaf.value, type):  # of a class method, which Python 3.13 calls with it
        remedy = "a class comes first: choose the argument by name, as in argnums='x'"
    if isinstance(leaf.value, int):
        remedy = f"pass a float: {float(leaf.value)}"
    return DTypeError(f"{what}: {leaf.value!r} is a Python {kind}, which is static", hint=remedy)
