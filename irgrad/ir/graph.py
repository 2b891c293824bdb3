"""Programs: values, nodes and graphs.

A graph is a list of nodes in birth order. Nodes are immutable (only the names of their outputs,
hints for printing, are ever given later) and an operand exists before the node that uses it, so
birth order is a topological order: no sort, no recursion, and graphs share the nodes that a pass
left alone.
Inputs and constants are leaf nodes outside the list.

The same graph as a `networkx.MultiDiGraph` is `Graph.dag`, made when it is first asked for: keeping
one up to date costs 4 us a node in a small graph and 11 us in one of 100,000 nodes, more than all
the passes together."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import cache, cached_property
from typing import TYPE_CHECKING, Any, NamedTuple

from irgrad.errors import Location
from irgrad.ir.op import Array, Op, parameter_types, register
from irgrad.ir.types import ArrayType, type_of

if TYPE_CHECKING:
    import networkx as nx


class Origin(NamedTuple):
    """Which rule emitted a node, and for which primal node (its name, once that node is gone from
    the text).
    """

    rule: str
    of: Node | str


class Node:
    """One operation with its operands, the types of its outputs and their names (None where there
    is none), and where it comes from.
    """

    __slots__ = ("location", "names", "op", "operands", "origin", "types")

    def __init__(
        self,
        op: Op,
        operands: tuple[Value, ...],
        types: tuple[ArrayType, ...],
        *,
        names: tuple[str | None, ...] = (),
        location: Location | None = None,
        origin: Origin | None = None,
    ) -> None:
        self.op = op
        self.operands = operands
        self.types = types
        self.names = names or (None,) * len(types)
        self.location = location
        self.origin = origin

    @property
    def outputs(self) -> tuple[Value, ...]:
        """The values that this node produces."""
        count = len(self.types)
        if count == 1:  # nearly always
            return (Value(self, 0),)
        return tuple(Value(self, index) for index in range(count))

    @property
    def is_input(self) -> bool:
        """Whether this leaf stands for an input of a graph."""
        return isinstance(self.op, Input)

    @property
    def is_constant(self) -> bool:
        """Whether this leaf holds a constant."""
        return isinstance(self.op, Constant)

    def __repr__(self) -> str:
        names = ", ".join(name or self.op.name for name in self.names)
        return f"<{names}: {', '.join(map(str, self.types))} = {self.op!r}>"


class Value(NamedTuple):
    """One output of a node."""

    node: Node
    index: int  # pyright: ignore[reportIncompatibleMethodOverride] -- tuple.index is of no use here

    @property
    def type(self) -> ArrayType:
        """Its dtype and shape."""
        return self.node.types[self.index]

    @property
    def name(self) -> str | None:
        """What it is called: the hint after which a graph names it."""
        return self.node.names[self.index]

    def call(self, name: str | None) -> None:
        """Give it a name."""
        names = self.node.names
        self.node.names = (*names[: self.index], name, *names[self.index + 1 :])

    @property
    def constant(self) -> Array | None:
        """The array, where this value is a constant."""
        return self.node.op.array if isinstance(self.node.op, Constant) else None

    def __repr__(self) -> str:
        return f"%{self.name or self.node.op.name}: {self.type}"


@register("input")
class Input(Op):
    """A leaf that stands for an argument."""


class Constant(Op):
    """A leaf that holds an array, compared by its bits; it prints as a literal."""

    name = "constant"

    def __init__(self, array: Array) -> None:
        self.array = array.copy()
        self.array.flags.writeable = False
        self._key = (array.dtype, array.shape, array.tobytes())

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Constant) and self._key == other._key

    def __hash__(self) -> int:
        return hash(self._key)

    def reference(self, *operands: Array) -> Array:
        return self.array


def input_value(name: str, type: ArrayType) -> Value:
    """A new input leaf."""
    return Value(Node(Input(), (), (type,), names=(name,)), 0)


def input_for(value: Value, names: Mapping[Value, str]) -> Value:
    """A new input leaf for a value of another graph. It has the value's own name, or the one in
    `names`, which are unique there: one of several values called x is `x_2`, which nobody wrote.
    """
    return input_value(value.name or names.get(value, "x"), value.type)


def constant_value(array: Array) -> Value:
    """A new constant leaf, in the byte order of the machine."""
    type = type_of(array)
    return Value(Node(Constant(array.astype(type.dtype, copy=False)), (), (type,)), 0)


_ABOVE: dict[str, Callable[..., Any]] = {}
_MOST_DRAWN = 1000
"""A notebook shows a larger graph as text only."""


def supply(**functions: Callable[..., Any]) -> None:
    """Supply what graphs do by code on a floor above this one: `svg` draws a graph, `function` is
    the function that it stands for.
    """
    _ABOVE.update(functions)


class Graph:
    """A program: typed inputs, nodes in birth order, named outputs.

    The last `captured` inputs are arrays that the traced function closed over: whoever runs the
    graph binds them by reference. Equality and hash are structural: they do not depend on names,
    locations or addresses.

    >>> import irgrad
    >>> graph = irgrad.parse(
    ...     "graph @f(%x: f64[]) -> (out: f64[]) {  %y: f64[] = multiply(%x, %x)  return out=%y }"
    ... )
    >>> sorted(edge[2] for edge in graph.dag.edges(keys=True))
    [0, 1]
    """

    def __init__(
        self,
        name: str,
        inputs: Sequence[Value],
        nodes: Iterable[Node],
        outputs: Mapping[str, Value],
        captured: int = 0,
    ) -> None:
        self.name = name
        self.inputs = tuple(inputs)
        self.nodes = tuple(nodes)
        self.output_names = tuple(outputs)
        self.outputs = tuple(outputs.values())
        self.captured = captured
        self.settled: set[Any] = set()
        """The passes that have left it as it is, and would again."""

    def replace(
        self,
        *,
        name: str | None = None,
        nodes: Iterable[Node] | None = None,
        outputs: Mapping[str, Value] | None = None,
    ) -> Graph:
        """The graph with other nodes or outputs and the same inputs.

        >>> import irgrad
        >>> graph = irgrad.trace("x * x", 1.5)
        >>> graph.replace(name="identity", nodes=(), outputs={"out": graph.inputs[0]})
        <Graph @identity(f64[]) -> (f64[]), 0 nodes>
        """
        return Graph(
            self.name if name is None else name,
            self.inputs,
            self.nodes if nodes is None else nodes,
            dict(zip(self.output_names, self.outputs, strict=True)) if outputs is None else outputs,
            self.captured,
        )

    def __call__(self, /, *args: Any, **kwargs: Any) -> Any:
        """The outputs for these inputs, captured ones last, by the ops' reference meaning in NumPy;
        inside a traced function the nodes become part of that. `irgrad.compile(graph)` computes the
        same in machine code.

        >>> import irgrad
        >>> irgrad.trace("x * x", 1.5)(3.0)
        np.float64(9.0)
        """
        return _ABOVE["function"](self)(*args, **kwargs)

    @property
    def input_types(self) -> tuple[ArrayType, ...]:
        """The types of the inputs, captured ones included.

        >>> import irgrad
        >>> [str(type) for type in irgrad.trace("x * x", irgrad.spec("f64[3]")).input_types]
        ['f64[3]']
        """
        return tuple(value.type for value in self.inputs)

    @property
    def output_types(self) -> tuple[ArrayType, ...]:
        """The types of the outputs.

        >>> import irgrad
        >>> [str(type) for type in irgrad.trace("sum(x)", irgrad.spec("f64[3]")).output_types]
        ['f64[]']
        """
        return tuple(value.type for value in self.outputs)

    @property
    def input_names(self) -> tuple[str, ...]:
        """The names of the inputs, as printed.

        >>> import irgrad
        >>> irgrad.trace("a * b", 1.0, 2.0).input_names
        ('a', 'b')
        """
        return tuple(self.names[value] for value in self.inputs)

    @cached_property
    def dag(self) -> nx.MultiDiGraph[Node]:
        """The graph on networkx: an edge for each operand, its key the slot, `output` which output
        of the producer.

        Leaves are nodes too. Run any networkx algorithm on it; changing it does not change the
        program.

        >>> import irgrad, networkx
        >>> networkx.dag_longest_path_length(irgrad.trace("sin(cos(x)) * x", 0.5).dag)
        3
        """
        import networkx as nx

        dag: nx.MultiDiGraph[Node] = nx.MultiDiGraph(name=self.name)
        dag.add_nodes_from(value.node for value in self.inputs)
        for node in self.nodes:
            dag.add_node(node)
            for slot, operand in enumerate(node.operands):
                dag.add_edge(operand.node, node, key=slot, output=operand.index)
        dag.add_nodes_from(value.node for value in self.outputs)
        return dag

    @cached_property
    def names(self) -> dict[Value, str]:
        """The name of every value but constants, unique in the graph, as it prints (without the
        %).

        >>> import irgrad
        >>> list(irgrad.trace("sin(x) * x", 0.5).names.values())
        ['x', '0', '1']
        """
        from irgrad.ir.printer import assign_names

        return assign_names(self)

    def value(self, name: str) -> Value:
        """The value called `name` in the text; a KeyError that lists names near to it otherwise.

        >>> import irgrad
        >>> irgrad.trace("sin(x) * x", 0.5).value("%0").node.op.name
        'sin'
        """
        found = self._by_name.get(name.removeprefix("%"))
        if found is None:
            import difflib

            close = difflib.get_close_matches(name, self._by_name, n=3)
            near = f"; near: {', '.join(close)}" if close else ""
            raise KeyError(f"no value called '{name}' in @{self.name}{near}")
        return found

    @cached_property
    def _by_name(self) -> dict[str, Value]:
        return {name: value for value, name in self.names.items()}

    def __reduce__(self) -> Any:
        """Pickled as JSON text: loading runs no code of the graph's."""
        from irgrad.ir.json_form import from_json

        return from_json, (self.to_json(),)

    def __copy__(self) -> Graph:
        return self  # nothing of a graph ever changes

    def __deepcopy__(self, memo: dict[int, Any]) -> Graph:
        return self

    def to_json(self) -> str:
        """The graph as JSON text; `irgrad.from_json` reads it back.

        >>> import irgrad
        >>> graph = irgrad.trace("sin(x) * x", 0.5)
        >>> irgrad.from_json(graph.to_json()) == graph
        True
        """
        from irgrad.ir.json_form import to_json

        return to_json(self)

    def svg(self, style: str = "full") -> str:
        """The graph as a picture, in SVG text: sources left, sinks right, adjoint nodes below their
        primal nodes.

        `style="full"` shows the name, type and call of each node; `"blackboard"` the op in a
        circle, with the local derivatives on the edges. A long picture goes on in further rows, as
        a line of music does: a line ends at the side of a row in the name of its value, and goes on
        from that name in the row beside. Of more than a thousand nodes look at the text, or at the
        graph of a part of the function. An `OptionError` names the styles that there are.

        >>> import irgrad
        >>> irgrad.trace("x * x", 1.5).svg(style="blackboard").startswith("<svg")
        True
        """
        return _ABOVE["svg"](self, style)

    def _repr_svg_(self) -> str | None:
        """In a notebook that asks for a picture; none of a graph too large to be looked at."""
        return self.svg() if len(self) <= _MOST_DRAWN else None

    def _repr_html_(self) -> str:
        """In a notebook: the picture, and the text behind a click. Of a graph too large to be
        looked at, it says so instead.
        """
        text = str(self).replace("&", "&amp;").replace("<", "&lt;")
        folded = f"<details><summary>{repr(self)[1:-1]}</summary><pre>{text}</pre></details>"
        picture = self._repr_svg_() or (
            f"{len(self):,} nodes make no readable picture. <code>graph.svg()</code> draws them "
            "all the same; <code>irgrad.trace</code> of a part of the function makes a smaller one."
        )
        return f'<div style="overflow-x:auto">{picture}</div>{folded}'

    @cached_property
    def structural_hash(self) -> str:
        """A hexadecimal digest of the structure, the same in every process and on every machine.

        >>> import irgrad
        >>> one, other = irgrad.trace("sin(x)", 0.5), irgrad.trace("sin(y)", 0.7)
        >>> one.structural_hash == other.structural_hash
        True
        """
        from irgrad.ir.structure import digest

        return digest(self)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Graph):
            return NotImplemented
        from irgrad.ir.structure import same_structure

        return self is other or same_structure(self, other)

    def __hash__(self) -> int:
        return int(self.structural_hash[:15], 16)

    def __len__(self) -> int:
        return len(self.nodes)

    def __iter__(self) -> Iterator[Node]:
        return iter(self.nodes)

    def __str__(self) -> str:
        from irgrad.ir.printer import to_text

        return to_text(self)

    def __repr__(self) -> str:
        inputs = ", ".join(map(str, self.input_types))
        outputs = ", ".join(map(str, self.output_types))
        return f"<Graph @{self.name}({inputs}) -> ({outputs}), {len(self.nodes)} nodes>"


@cache
def region_fields(kind: type[Op]) -> tuple[str, ...]:
    """The parameters of a class of ops that hold regions."""
    hints = parameter_types(kind) if dataclasses.is_dataclass(kind) else {}
    return tuple(key for key, hint in hints.items() if hint in (Graph, tuple[Graph, ...]))


def regions(op: Op) -> dict[str, Graph]:
    """The sub-graphs among an op's parameters, by name: `body`, or `branches.0` in a tuple."""
    found: dict[str, Graph] = {}
    for key in region_fields(type(op)):
        value: Any = getattr(op, key)
        if isinstance(value, Graph):
            found[key] = value
        else:
            found.update((f"{key}.{number}", region) for number, region in enumerate(value))
    return found


def node_count(nodes: Iterable[Node]) -> int:
    """The number of nodes, with those of the regions in them."""
    return sum(
        1 + sum(node_count(region.nodes) for region in regions(node.op).values()) for node in nodes
    )


def with_regions(op: Op, change: Callable[[Graph], Graph]) -> Op:
    """`op` with `change` applied to each region; `op` itself where that changes nothing."""
    changed: dict[str, Any] = {}
    for key in region_fields(type(op)):
        old: Any = getattr(op, key)
        if isinstance(old, Graph):
            new: Any = change(old)
            same = new is old
        else:
            new = tuple(map(change, old))
            same = all(one is other for one, other in zip(new, old, strict=True))
        if not same:
            changed[key] = new
    return op.replaced(**changed) if changed else op
