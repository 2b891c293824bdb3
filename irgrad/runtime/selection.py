"""Which values `argnums` names: arguments by position or name, or inner values by the name that the
code gives them.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from irgrad.errors import ArgumentError, DTypeError
from irgrad.frontend.lower import Argument, Lowered, positional_names
from irgrad.frontend.pytree import LEAF, flatten, unflatten
from irgrad.ir.graph import Value
from irgrad.runtime.target import arguments_of


class Selection(NamedTuple):
    """One entry of argnums: the values to differentiate to, and the pytree that their gradients
    form.
    """

    values: list[Value]
    tree: Any

    def build(self, leaves: Sequence[Any]) -> Any:
        """The pytree with `leaves` in it."""
        return unflatten(self.tree, leaves)


class Arguments:
    """The arguments of a lowered call, to be chosen from."""

    def __init__(self, lowered: Lowered, function: Callable[..., Any]) -> None:
        self.lowered = lowered
        self.args, self.kwargs = arguments_of(lowered.signature)
        self.names = positional_names(function, len(self.args))[: len(self.args)]
        self.inputs = dict(zip(lowered.signature.traced, lowered.graph.inputs, strict=False))

    def select(self, argnum: int | str) -> Selection:
        """The values that one entry of argnums names."""
        if isinstance(argnum, str):
            return self._by_name(argnum)
        if not isinstance(argnum, int) or isinstance(argnum, bool):
            raise ArgumentError(f"argnums must be ints, names or a tuple of them, got {argnum!r}")
        if not -len(self.args) <= argnum < len(self.args):
            raise ArgumentError(
                f"argnums={argnum}, but the call has {len(self.args)} positional arguments"
            )
        position = argnum % len(self.args)
        name = self.names[position] if position < len(self.names) else str(position)
        return self._leaves(self.args[position], name)

    def _by_name(self, name: str) -> Selection:
        if name in self.kwargs:
            return self._leaves(self.kwargs[name], name)
        if name in self.names:
            return self._leaves(self.args[self.names.index(name)], name)
        try:
            value = self.lowered.graph.value(name)
        except KeyError as error:
            known = ", ".join([*self.names, *self.kwargs])
            raise ArgumentError(f"argnums: {error.args[0]}; the arguments are {known}") from None
        return Selection([value], LEAF)

    def _leaves(self, positions: Any, name: str) -> Selection:
        leaves, tree = flatten(positions)
        return Selection([self._input(position, name) for position in leaves], tree)

    def _input(self, position: int, name: str) -> Value:
        leaf = self.lowered.signature.leaves[position]
        if isinstance(leaf, Argument):
            return self.inputs[position]
        kind = type(leaf.value).__name__
        remedy = f"pass a float: {float(leaf.value)}" if kind == "int" else "choose other argnums"
        raise DTypeError(
            f"grad with respect to '{name}': {leaf.value!r} is a Python {kind}, which is static",
            hint=remedy,
        )
