"""Making graphs: a builder appends nodes, and hands them out as traced values.

A builder is the one place where a node comes into being during lowering and differentiation, so it
is also where type rules run, where the user's line is put on nodes and errors, and where an array
that the traced code did not get as an argument becomes a captured input (by reference: never
copied, hashed or folded)."""

from __future__ import annotations

import contextvars
from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np

from irgrad.errors import IrgradError, Location, TraceError
from irgrad.ir.graph import Graph, Node, Origin, Value, constant_value, input_value
from irgrad.ir.op import Array, Op
from irgrad.ir.types import ArrayType, type_of


class Traced:
    """A value under construction: the builder that it belongs to and the value in its graph."""

    __slots__ = ("owner", "version")

    def __init__(self, builder: Builder, value: Value) -> None:
        self.owner = builder
        self.version = value

    @property
    def builder(self) -> Builder:
        """The builder of the graph that the value is in."""
        return self.owner

    @property
    def value(self) -> Value:
        """The value that it stands for now."""
        return self.version

    def show(self, parent: Any, op: Op) -> None:
        """Called where this is `op`, a window, of `parent`."""


class Part:
    """Elements of traced arrays that are no array of a known shape: `x[mask]`, `x[:k]`."""

    __slots__ = ()

    def operate(self, function: Callable[..., Any], operands: Sequence[Any]) -> Any:
        """An elementwise function of operands, of which this is one."""
        raise NotImplementedError


CURRENT: contextvars.ContextVar[Builder | None] = contextvars.ContextVar(
    "irgrad_builder", default=None
)
"""The builder of the function that is being traced."""


def home(found: Builder) -> Builder:
    """Where an operation on values of `found` and builders around it belongs: there, or in the
    branch inside it that is being traced.
    """
    current = CURRENT.get()
    branch = None if current is None else current.branch
    if branch is None or branch.level <= found.level:
        return found
    around = branch.outer
    while around is not None:
        if around is found:
            return branch
        around = around.outer
    return found


_USERS_LINE: list[Callable[[Op], Location | None]] = []


def located_by(find: Callable[[Op], Location | None]) -> None:
    """Let `find` say which line of the user's runs, for ops bound outside of any function that
    knows. The search lives in `irgrad.frontend`, on a floor above this one.
    """
    _USERS_LINE[:] = [find]


_USERS_NAME: list[Callable[[Array], str | None]] = []


def named_by(find: Callable[[Array], str | None]) -> None:
    """Let `find` say what the user's code that runs calls an array, for arrays that it closes
    over. The search lives in `irgrad.frontend` too.
    """
    _USERS_NAME[:] = [find]


class Provenance:
    """Where the nodes emitted now come from: the user's line, and the rule that emits them.

    `busy` says that it is settled, so that calls made on the way leave it alone. The builders of
    nested traces share one, since a call may emit into any of them.
    """

    __slots__ = ("busy", "location", "origin")

    def __init__(self) -> None:
        self.location: Location | None = None
        self.origin: Origin | None = None
        self.busy = False


class Builder:
    """A graph in the making.

    `wrap` makes the traced values that code computes with. A builder opened inside the trace of
    another, `outer`, has a higher `level`; an operation on values of several levels belongs to the
    innermost, which captures the outer ones. A branch of a program `contains` what is computed
    while it is traced, also from outer values alone. `numbers` holds what is known of values that
    depend on no argument (`held`: those that can change), `limits` the least and greatest that an
    index of a loop can be, `guards` the arrays whose numbers became part of the program. `bound`
    are the variables of the traced code, `depths` says in how deep a call a value got its name.
    `notes` are kept while the outermost function is lowered, and `lend` takes in an array from
    outside that is about to be written to. `reached` is a value that is there once all has run that
    may raise an exception of the user's. `repeats` says that it traces a step of a loop."""

    def __init__(
        self,
        wrap: Callable[[Builder, Value], Any],
        outer: Builder | None = None,
        contains: bool = False,
    ) -> None:
        self.wrap = wrap
        self.outer = outer
        self.branch: Builder | None = self if contains else None if outer is None else outer.branch
        self.level = 0 if outer is None else outer.level + 1
        self.inputs: list[Value] = []
        self.nodes: list[Node] = []
        self.captures: dict[Value | int, tuple[Any, Value]] = {}
        self.constants: dict[tuple[Any, ...], Value] = {}
        self.numbers: dict[Value, Array | None] = {}
        self.held: dict[Value, Array] = {}
        self.limits: dict[Value, tuple[int, int]] = {}
        self.guards: list[Any] = [] if outer is None else outer.guards
        self.bound: dict[str, Traced] = {}
        self.depths: dict[Value, int] = {}
        self.notes: dict[Any, Any] = {} if outer is None else outer.notes
        self.reached: Any = True
        self.lend: Callable[[Any], bool] | None = None
        self.provenance = Provenance() if outer is None else outer.provenance
        self.closed = False
        self.repeats = outer is not None and outer.repeats

    @classmethod
    def extending(cls, graph: Graph, wrap: Callable[[Builder, Value], Any]) -> Builder:
        """A builder that appends to the nodes of `graph`."""
        builder = cls(wrap)
        builder.inputs = list(graph.inputs)
        builder.nodes = list(graph.nodes)
        builder.provenance.busy = True
        return builder

    def input(self, name: str, type: ArrayType) -> Any:
        """A new input, as a traced value."""
        value = input_value(name, type)
        self.inputs.append(value)
        return self.wrap(self, value)

    def constant(self, array: Array) -> Value:
        """The constant with these bits: one leaf for equal constants."""
        key = (array.dtype, array.shape, array.tobytes())
        if key not in self.constants:
            self.constants[key] = constant_value(array)
        return self.constants[key]

    def emit(self, op: Op, operands: Sequence[Value]) -> Node:
        """Append one node; its types come from the op's type rule."""
        if self.closed:
            raise TraceError(
                "a traced value was used after the function that was traced had returned",
                hint="return values from the function instead of storing them outside",
            )
        try:
            types = op.result_types(*[value.type for value in operands])
        except IrgradError as error:
            error.about = f"operands: {', '.join(map(repr, operands))}"
            raise error.at(self.provenance.location) from None
        node = Node(
            op,
            tuple(operands),
            types,
            location=self.provenance.location,
            origin=self.provenance.origin,
        )
        self.nodes.append(node)
        return node

    def bind(self, op: Op, operands: Sequence[Any]) -> Any:
        """Emit `op` on traced values, arrays and scalars -> a traced value, or a tuple of them."""
        now = self.provenance
        if not now.busy and now.location is None:
            with self.emitting(_USERS_LINE[0](op) if _USERS_LINE else None, now.origin):
                return self.bind(op, operands)
        node = self.emit(op, [self.lift(operand) for operand in operands])
        if len(node.types) == 1:
            result = self.wrap(self, Value(node, 0))
            if op.is_window and isinstance(operands[0], Traced):
                result.show(operands[0], op)
            return result
        return tuple(self.wrap(self, value) for value in node.outputs)

    def lift(self, operand: Any) -> Value:
        """The value that stands for `operand` in this graph."""
        if isinstance(operand, Traced):
            if operand.builder is self:
                return operand.value
            if operand.builder.closed:
                raise TraceError(
                    "a traced value escaped from the function in which it was traced",
                    location=self.provenance.location,
                    hint="pass it as an argument or return it",
                )
            return self._capture(operand, operand.value.type)
        if isinstance(operand, np.ndarray):
            return self._capture(operand, type_of(operand))
        return self.constant(np.asarray(operand))

    def _capture(self, what: Any, type: ArrayType) -> Value:
        key = what.value if isinstance(what, Traced) else id(what)
        if key not in self.captures:
            if isinstance(what, Traced):
                what = what.builder.wrap(what.builder, what.value)  # as it is now
                name = what.version.name
            else:
                name = _USERS_NAME[0](what) if _USERS_NAME else None
            name = name or f"captured_{len(self.captures)}"
            self.captures[key] = (what, input_value(name, type))
        return self.captures[key][1]

    def inline(self, graph: Graph, operands: Sequence[Value]) -> tuple[Value, ...]:
        """Append the nodes of `graph` with `operands` in place of its inputs -> its outputs."""
        return substitute(graph, operands, self.nodes.append)

    @contextmanager
    def emitting(
        self, location: Location | None, origin: Origin | None, busy: bool = True
    ) -> Generator[None]:
        """Nodes emitted inside carry this provenance; with `busy=False`, calls settle their own."""
        now = self.provenance
        before = now.location, now.origin, now.busy
        now.location, now.origin, now.busy = location, origin, busy
        try:
            yield
        finally:
            now.location, now.origin, now.busy = before

    def finish(self, name: str, outputs: Mapping[str, Value]) -> tuple[Graph, list[Any]]:
        """Close the builder -> the graph, and what its captured inputs stand for, in order."""
        self.closed = True
        captured = list(self.captures.values())
        inputs = [*self.inputs, *(value for _, value in captured)]
        return Graph(name, inputs, self.nodes, outputs, len(captured)), [
            what for what, _ in captured
        ]


def substitute(
    graph: Graph, operands: Sequence[Value], append: Callable[[Node], object]
) -> tuple[Value, ...]:
    """Copy the nodes of `graph` with `operands` in place of its inputs, each given to `append` ->
    the outputs.
    """
    given = dict(zip(graph.inputs, operands, strict=True))
    image: dict[Node, Node] = {old.node: new.node for old, new in given.items()}

    def moved(value: Value) -> Value:
        if value in given:
            return given[value]
        return Value(image[value.node], value.index) if value.node in image else value

    for node in graph.nodes:
        copy = rebuilt(node, tuple(map(moved, node.operands)), image)
        image[node] = copy
        append(copy)
    return tuple(map(moved, graph.outputs))


def rebuilt(
    node: Node, operands: tuple[Value, ...], image: Mapping[Node, Node], op: Op | None = None
) -> Node:
    """`node` on other operands, perhaps with another op in its place, its provenance carried along
    (`image` maps old nodes to new ones).
    """
    origin = node.origin
    if origin is not None and not isinstance(origin.of, str) and origin.of in image:
        origin = Origin(origin.rule, image[origin.of])
    types = node.types if op is None else op.result_types(*[value.type for value in operands])
    names = node.names
    if len(types) != len(names):  # outputs that an op gets or loses stand last
        names = (*names, *(None,) * len(types))[: len(types)]
    return Node(op or node.op, operands, types, names=names, location=node.location, origin=origin)
