"""jacobian, hessian and hvp: derivatives of arrays, and second derivatives."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any

import numpy as np

from irgrad.autodiff.calls import settled, with_residuals
from irgrad.autodiff.jacobian import jacobian as jacobian_of
from irgrad.autodiff.modes import first_supported, pushed_forward
from irgrad.errors import ArgumentError, DTypeError, OptionError
from irgrad.frontend.entry import about_call
from irgrad.frontend.keywords import keywords
from irgrad.frontend.lower import Argument, Lowered, Signature
from irgrad.frontend.promote import convert_to
from irgrad.frontend.pytree import (
    difference,
    flatten,
    leaves_of,
    map_leaves,
    unflatten,
    written_path,
)
from irgrad.frontend.site import call_site, defined_at
from irgrad.frontend.tracer import Tracer
from irgrad.ir.builder import Builder, substitute
from irgrad.ir.graph import Graph, Value
from irgrad.ir.types import is_inexact
from irgrad.runtime.operator import Operator
from irgrad.runtime.selection import Arguments
from irgrad.runtime.target import arguments_of, lower_target
from irgrad.runtime.transforms import (
    OF_JAX,
    Argnums,
    Gradient,
    Slot,
    checked_argnums,
    described,
    differentiable,
    result_template,
    with_aux,
    with_result,
)

MODES = ("forward", "reverse")


class Jacobian(Operator):
    """`jacobian` of a function."""

    def lower(self, signature: Signature) -> Lowered:
        """The function's nodes, then those of its batched pushforward or pullback."""
        argnums, mode, has_aux, holomorphic = self.options
        arguments = Arguments(signature, self.function, "jacobian")
        entries = argnums if isinstance(argnums, tuple) else (argnums,)
        for argnum in entries:
            arguments.check(argnum, holomorphic)
        lowered = lower_target(self.function, signature)
        selections = [arguments.select(argnum, lowered) for argnum in entries]
        wrt = [value for selection in selections for value in selection.values]
        template = result_template(lowered)
        template, *aux = with_aux(template, self.function) if has_aux else (template,)
        outputs = self._outputs(lowered, template, holomorphic)
        modes = self._modes([lowered.graph.outputs[i] for i in outputs], wrt, mode, holomorphic)
        graph = lowered.graph
        ways = [partial(_extended, graph, outputs, wrt, mode == "forward") for mode in modes]
        extended = first_supported(*ways)
        count = len(lowered.graph.outputs)

        def blocks(leaf: Any) -> Any:
            """The derivatives of one leaf of the result."""
            if not isinstance(leaf, Slot):
                return leaf
            place = count + outputs.index(leaf.output) * len(wrt)
            parts: list[Any] = []
            for selection in selections:
                size = len(selection.values)
                parts.append(selection.build([Slot(place + i) for i in range(size)]))
                place += size
            return tuple(parts) if isinstance(argnums, tuple) else parts[0]

        result = map_leaves(blocks, template)
        return with_result(lowered, extended, (result, *aux) if has_aux else result)

    def _outputs(self, lowered: Lowered, template: Any, holomorphic: bool) -> list[int]:
        """The outputs of the graph that are differentiated, each of a dtype that can be."""
        name = getattr(self.function, "__name__", "the function")
        leaves, tree = flatten(template)
        for position, leaf in enumerate(leaves):
            place = written_path(tree, position, "the result")
            if not isinstance(leaf, Slot):
                if leaf.value is None:
                    continue
                raise ArgumentError(
                    f"jacobian needs arrays, {place} of {name} is {described(leaf)}",
                    location=defined_at(self.function),
                    hint="return it beside the arrays, with has_aux=True",
                )
            output = lowered.graph.outputs[leaf.output]
            if not is_inexact(output.type.dtype):
                raise DTypeError(
                    f"jacobian needs float results, {place} of {name} is {output.type}",
                    location=output.node.location,
                    hint="convert with .astype(np.float64), or return it as aux: has_aux=True",
                )
            if holomorphic and output.type.dtype.kind != "c":
                raise DTypeError(
                    f"holomorphic=True needs complex results, {place} of {name} is {output.type}",
                    location=output.node.location,
                    hint="leave holomorphic=True out",
                )
        return [leaf.output for leaf in leaves if isinstance(leaf, Slot)]

    def _modes(
        self, outputs: list[Value], wrt: list[Value], mode: str | None, holomorphic: bool
    ) -> Sequence[str]:
        """The one that is asked for, or that complex numbers need, else both: forward mode first
        where there are not more directions than results.
        """
        from_complex = any(value.type.dtype.kind == "c" for value in wrt)
        to_complex = any(value.type.dtype.kind == "c" for value in outputs)
        if not holomorphic and (from_complex or to_complex):
            needed = "reverse" if from_complex else "forward"
            if (from_complex and to_complex) or mode not in (None, needed):
                what = "complex results" if to_complex else "real results"
                of = "complex arguments" if from_complex else "real arguments"
                raise DTypeError(
                    f"jacobian: {what} of {of}"
                    + ("" if mode is None else f" in {mode} mode")
                    + f", from {getattr(self.function, '__name__', 'the function')}",
                    location=defined_at(self.function),
                    hint="pass holomorphic=True for a holomorphic function; else differentiate to "
                    "real and imaginary parts, as in lambda x, y: f(x + 1j * y)"
                    if from_complex and to_complex
                    else f"use mode='{needed}'",
                )
            return (needed,)
        if mode is not None:
            return (mode,)
        directions = sum(value.type.size for value in wrt)
        return MODES if directions <= sum(value.type.size for value in outputs) else MODES[::-1]


def _extended(graph: Graph, outputs: Sequence[int], wrt: Sequence[Value], forward: bool) -> Graph:
    """`graph` with the derivatives of `outputs` to `wrt`, by the rules of the calls in it."""
    if not forward:
        graph, places = with_residuals(graph)
        wrt = [places.get(value, value) for value in wrt]
    return settled(jacobian_of(graph, outputs, wrt, forward))


class HVP(Operator):
    """`hvp` of a function: forward over reverse, by reverse mode alone where rules need it."""

    def lower(self, signature: Signature) -> Lowered:
        """The gradient's nodes, then its tangent nodes along the direction, which is the last
        positional argument.
        """
        argnums, has_aux = self.options
        inner = self.inner(signature)
        *_, direction = arguments_of(signature)[0]
        lowered = Gradient(self.function, argnums, has_aux, False, False).lower(inner)
        arguments = Arguments(inner, self.function, "hvp")
        entries = argnums if isinstance(argnums, tuple) else (argnums,)
        wrt = [v for argnum in entries for v in arguments.select(argnum, lowered).values]
        result = unflatten(lowered.result_tree, range(len(lowered.statics)))
        arguments.check_distinct(wrt)
        result = map_leaves(
            lambda k: None if lowered.statics[k] else k, result[0] if has_aux else result
        )
        along = self._along(signature, direction, result, wrt)
        outputs = list(zip(lowered.graph.output_names, lowered.graph.outputs, strict=True))
        gradient, aux = dict(outputs[: len(wrt)]), dict(outputs[len(wrt) :])
        pushed = pushed_forward(lowered.graph.replace(outputs=gradient), wrt)
        if aux:
            pushed = _beside(pushed, lowered.graph.replace(outputs=aux))
        graph = self._with_inputs(signature, along, pushed)
        return lowered._replace(graph=graph, signature=signature)

    def inner(self, signature: Signature) -> Signature:
        """That of the call without the direction."""
        args, kwargs = arguments_of(signature)
        if len(args) < 2:
            raise ArgumentError(
                f"hvp takes the arguments of {getattr(self.function, '__name__', 'the function')} "
                f"and then a direction, got {len(args)} positional "
                f"argument{'s' * (len(args) != 1)}",
                location=call_site().location,
                hint="the direction is positional, and the last: hvp(f)(x, v)",
            )
        given = (args[:-1], kwargs)
        positions, tree = flatten(given)
        return Signature.of(given, tree, [signature.leaves[position] for position in positions])

    @about_call
    def _along(
        self, signature: Signature, direction: Any, result: Any, wrt: list[Value]
    ) -> list[int]:
        """The positions of the direction's arrays, one for each value of `wrt`; the gradient has
        None where there is none.
        """
        positions, structure = flatten(direction)
        expected = flatten(result)[1]
        if structure != expected:
            raise ArgumentError(
                "hvp: the direction's structure differs from that of the gradient: "
                + difference(structure, expected, "the direction"),
                hint="the direction is the last argument, and looks like the argument that "
                "argnums chooses",
            )
        present = [k for k, leaf in enumerate(leaves_of(result)) if leaf is not None]
        for index, value in zip(present, wrt, strict=True):
            position = positions[index]
            leaf = signature.leaves[position]
            shape = leaf.type.shape if isinstance(leaf, Argument) else ()
            number = isinstance(leaf, Argument) or isinstance(leaf.value, (int, float))
            if not number or shape != value.type.shape:
                what = leaf.type if isinstance(leaf, Argument) else repr(leaf.value)
                place = written_path(structure, index, "the direction")
                raise ArgumentError(f"hvp: {place} is {what}, expected {value.type}")
        return [positions[index] for index in present]

    def _with_inputs(self, signature: Signature, direction: list[int], pushed: Graph) -> Graph:
        """`pushed` on the inputs of `signature`, the direction's converted to the dtypes of its
        seeds.
        """
        builder = Builder(Tracer)
        first = len(pushed.inputs) - pushed.captured - len(direction)
        arguments, operands = iter(pushed.inputs[:first]), list(pushed.inputs)
        given: dict[int, Any] = {}
        for position in signature.traced:
            if position in direction:
                name = f"v{direction.index(position)}" if len(direction) > 1 else "v"
                given[position] = builder.input(name, signature.leaves[position].type)
            else:
                builder.inputs.append(next(arguments))
        with builder.emitting(call_site().location, None):
            for place, position in enumerate(direction, first):
                dtype = operands[place].type.dtype
                if position in given:
                    operands[place] = builder.lift(convert_to(given[position], dtype))
                else:
                    number = np.asarray(signature.leaves[position].value, dtype)
                    operands[place] = builder.constant(number)
        outputs = builder.inline(pushed, operands)
        return Graph(
            pushed.name,
            [*builder.inputs, *pushed.inputs[first + len(direction) :]],
            builder.nodes,
            dict(zip(pushed.output_names, outputs, strict=True)),
            pushed.captured,
        )


def _beside(pushed: Graph, primal: Graph) -> Graph:
    """A graph of tangents with the outputs of one of their primals beside its own."""
    first = len(primal.inputs) - primal.captured
    captured = pushed.inputs[len(pushed.inputs) - pushed.captured :]
    nodes = list(pushed.nodes)
    more = substitute(primal, [*pushed.inputs[:first], *captured], nodes.append)
    outputs = dict(zip(pushed.output_names, pushed.outputs, strict=True))
    outputs |= zip(primal.output_names, more, strict=True)
    return pushed.replace(nodes=nodes, outputs=outputs)


@keywords(**OF_JAX)
def jacobian(
    f: Any,
    argnums: Argnums = 0,
    mode: str | None = None,
    *,
    has_aux: bool = False,
    holomorphic: bool = False,
) -> Jacobian:
    """The Jacobian of a function of arrays: for y = f(x), J[i, j] = dy_i/dx_j, of shape
    y.shape + x.shape.

    The result has the structure of f's result, with that of the argument (a tuple for a tuple of
    argnums) in the place of each leaf. All directions are computed at once: unit tangents are
    pushed forward where the arguments have no more elements than the results, else, and where a
    `custom_vjp` rule has no other mode, unit cotangents are pulled back; `mode`, "forward" or
    "reverse", forces one. With `has_aux`, f returns (result, aux) and the Jacobian function
    (Jacobian, aux).

    Complex results of real arguments need forward mode, real results of complex arguments reverse
    mode (df/dx - i df/dy for each, as `grad`); complex to complex must be declared
    `holomorphic=True`.

    >>> import numpy as np
    >>> jacobian(lambda x: x[:2] * x[2])(np.array([1.0, 2.0, 3.0])).tolist()
    [[3.0, 0.0, 1.0], [0.0, 3.0, 2.0]]
    """
    if mode is not None and (not isinstance(mode, str) or mode not in MODES):
        raise OptionError(
            f"jacobian: mode must be one of {MODES} or None, got {mode!r:.60}",
            location=call_site().location,
        )
    function = differentiable("jacobian", f)
    return Jacobian(function, checked_argnums("jacobian", argnums), mode, has_aux, holomorphic)


@keywords(**OF_JAX)
def jacfwd(
    f: Any, argnums: Argnums = 0, *, has_aux: bool = False, holomorphic: bool = False
) -> Jacobian:
    """`jacobian` by forward mode: one sweep for each element of the argument, all at once. Shapes
    and errors are those of `jacobian`.

    >>> jacfwd(lambda x: x[:2] * x[2])(np.array([1.0, 2.0, 3.0])).tolist()
    [[3.0, 0.0, 1.0], [0.0, 3.0, 2.0]]
    """
    function, argnums = differentiable("jacfwd", f), checked_argnums("jacfwd", argnums)
    return jacobian(function, argnums, "forward", has_aux=has_aux, holomorphic=holomorphic)


@keywords(**OF_JAX)
def jacrev(
    f: Any, argnums: Argnums = 0, *, has_aux: bool = False, holomorphic: bool = False
) -> Jacobian:
    """`jacobian` by reverse mode: one sweep for each element of the result, all at once. Shapes and
    errors are those of `jacobian`.

    >>> jacrev(lambda x: x[:2] * x[2])(np.array([1.0, 2.0, 3.0])).tolist()
    [[3.0, 0.0, 1.0], [0.0, 3.0, 2.0]]
    """
    function, argnums = differentiable("jacrev", f), checked_argnums("jacrev", argnums)
    return jacobian(function, argnums, "reverse", has_aux=has_aux, holomorphic=holomorphic)


@keywords(**OF_JAX)
def hessian(
    f: Any, argnums: Argnums = 0, *, has_aux: bool = False, holomorphic: bool = False
) -> Jacobian:
    """The matrix of second derivatives, of shape y.shape + x.shape + x.shape: forward over reverse
    mode, or reverse over reverse where a `custom_vjp` rule has no forward mode.

    For a tuple of argnums it is a tuple of tuples, `[i][j]` of shape y.shape + x_i.shape +
    x_j.shape.

    >>> import numpy as np
    >>> hessian(lambda x: x[0] ** 2 * x[1])(np.array([1.0, 2.0])).tolist()
    [[4.0, 2.0], [2.0, 0.0]]
    """
    argnums = checked_argnums("hessian", argnums)
    first = jacrev(differentiable("hessian", f), argnums, has_aux=has_aux, holomorphic=holomorphic)
    return jacobian(first, argnums, has_aux=has_aux, holomorphic=holomorphic)


@keywords(**OF_JAX)
def hvp(f: Any, argnums: Argnums = 0, *, has_aux: bool = False) -> HVP:
    """The product of the Hessian of a scalar function and a vector, without the matrix:
    `hvp(f)(x, v)` is H(x) v, at a small multiple of the cost of f.

    The direction comes after the arguments of f, `hvp(f)(x, data, v)`, and has the structure and
    shapes of the argument that `argnums` chooses (a tuple for a tuple); so has the result. With
    `has_aux`, f returns (value, aux) and the result is (product, aux).

    >>> import numpy as np
    >>> hvp(lambda x: np.sum(x**3))(np.array([1.0, 2.0]), np.array([1.0, 10.0])).tolist()
    [6.0, 120.0]
    """
    return HVP(differentiable("hvp", f), checked_argnums("hvp", argnums), has_aux)
