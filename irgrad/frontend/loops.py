"""`scan`, `fori_loop`, `map` and `while_loop`: loops whose body is traced once where something is
traced, and run by Python elsewhere."""

from __future__ import annotations

import functools
import operator
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import numpy as np

from irgrad.errors import ArgumentError, DTypeError, IrgradError, OutOfRange, ShapeError
from irgrad.frontend.branches import cond
from irgrad.frontend.called import check_function, shown_type
from irgrad.frontend.capture import captured
from irgrad.frontend.guards import fixed
from irgrad.frontend.integers import as_int64, distance, is_integer
from irgrad.frontend.keywords import keywords
from irgrad.frontend.known import computed
from irgrad.frontend.lower import Argument
from irgrad.frontend.promote import innermost
from irgrad.frontend.pytree import flatten, unflatten, written_path
from irgrad.frontend.region import (
    Region,
    apply,
    index_input,
    leaf_kinds,
    operand_types,
    settled_carry,
    trace_region,
    with_inputs,
)
from irgrad.frontend.site import call_site, defined_at
from irgrad.frontend.stepping import Unfit, is_outside, repeated, repeated_while, scanned
from irgrad.frontend.tracer import Tracer
from irgrad.ir.builder import Traced
from irgrad.ir.graph import Graph, input_value
from irgrad.ir.types import BOOL, I64, ArrayType
from irgrad.ops.fail import Fail, name_of
from irgrad.ops.loop import Loop
from irgrad.ops.while_loop import While


@keywords()
def scan(
    f: Callable[..., Any],
    init: Any,
    xs: Any = None,
    length: int | None = None,
    reverse: bool = False,
    unroll: int | bool = 1,
) -> tuple[Any, Any]:
    """(carry, ys) of carry, y = f(carry, x) for each x along the first axis of `xs`, from `init`.

    `init` and `xs` are pytrees of arrays; all arrays of `xs` have the same extent along their first
    axis, `length` if it is given (which it must be where `xs` is None). `ys` has each y at the
    place of its x. With `reverse` the steps go from the last x to the first. The carried value
    keeps its structure, shapes and dtypes in every step, but for integers that become floats.
    `unroll`, how many steps JAX would put in line, changes nothing.

    Raises `ShapeError`, `DTypeError` or `ArgumentError` where these do not fit.

    >>> import numpy as np
    >>> carry, ys = scan(lambda s, x: (s + x, s), 0.0, np.array([1.0, 2.0, 3.0]))
    >>> float(carry), ys.tolist()
    (6.0, [0.0, 1.0, 3.0])
    """
    check_function("scan", "f", f, "f, init, xs", "carry", "x")
    _check_flag("scan", "reverse", reverse)
    _check_unroll("scan", unroll)
    return _scanned("scan", f, init, xs, length, bool(reverse))


def _scanned(
    what: str, f: Callable[..., Any], init: Any, xs: Any, length: int | None, reverse: bool
) -> tuple[Any, Any]:
    """`scan`, in the name of the function `what`."""
    leaves, _ = flatten(init)
    name = functools.partial(written_path, flatten(init)[1], root="init")
    kinds = leaf_kinds(leaves, lambda k: f"{what}: {name(k)}")
    rows, _ = flatten(xs)
    slices = _slices(what, xs, rows)
    steps = _length(what, xs, rows, length)
    if steps and is_outside(init, xs):
        with suppress(Unfit):
            return scanned(f, init, xs, steps, reverse)
    f = captured(f)

    def trace(state: Any) -> Region:
        wanted = [k.type if isinstance(k, Argument) else None for k in state]
        return trace_region(
            f, (init, xs), [*state, *slices], wanted, repeats=True, what=f"{what}: "
        )

    def carried_of(result: Any) -> Any:
        if not isinstance(result, tuple) or len(result) != 2:
            raise ArgumentError(
                f"{what}: the function must return a pair, (carried value, y)",
                location=defined_at(f),
                hint="return (carry, None) where there is no y",
            )
        return result[0]

    region, kinds = settled_carry(what, f, trace, init, kinds, carried_of)
    state = [(x, k) for x, k in zip(leaves, kinds, strict=True) if isinstance(k, Argument)]
    arrays = [x for x, k in zip(rows, slices, strict=True) if isinstance(k, Argument)]
    body = with_inputs(region.graph, [index_input(), *region.graph.inputs])
    op = Loop(len(state), len(arrays), steps, reverse, False, body)
    operands = [*(x for x, _ in state), *arrays, *region.captured]
    types = operand_types([k for _, k in state], arrays, region.captured)
    found = iter(apply(op, operands, types))
    filled = [None if kind is None else next(found) for kind in region.kinds]
    return unflatten(region.tree, filled)


def _check_flag(what: str, name: str, flag: Any) -> None:
    if not isinstance(flag, (bool, np.bool_)):
        raise ArgumentError(
            f"{what}: {name} must be True or False, got {shown_type(flag)}",
            location=call_site().location,
        )


def _check_unroll(what: str, unroll: Any) -> None:
    """`unroll` says how to compile, not what; loops here are compiled as loops."""
    whole = isinstance(unroll, (int, np.integer))
    if not whole or (not isinstance(unroll, bool) and unroll < 1):
        raise ArgumentError(
            f"{what}: unroll must be a number of steps or a bool, got {shown_type(unroll)}",
            location=call_site().location,
        )


def _length(what: str, xs: Any, rows: list[Any], length: int | None) -> int:
    """The number of steps, which all arrays of `xs` agree on."""
    known = {}
    for k, row in enumerate(rows):
        if row is None:
            continue
        shape = np.shape(row) if not isinstance(row, Traced) else row.value.type.shape
        name = written_path(flatten(xs)[1], k, "xs")
        if not shape:
            kind = f"the scalar {row!r}" if not isinstance(row, Traced) else row.value.type
            raise ShapeError(
                f"{what}: {name} has no axis to go along, it is {kind}",
                location=call_site().location,
                hint="pass what is the same in every step by closing over it",
            )
        known[name] = shape[0]
    if length is not None:
        known["length"] = _checked_length(what, length)
    if not known:
        raise ArgumentError(
            f"{what}: xs holds no array, so the number of steps is not known",
            location=call_site().location,
            hint="pass length=" if what == "scan" else "map goes along the first axis of arrays",
        )
    if len(set(known.values())) > 1:
        listed = ", ".join(f"{name}: {extent}" for name, extent in known.items())
        raise ShapeError(
            f"{what}: the arrays of xs differ in their first extent: {listed}",
            location=call_site().location,
            hint="pass arrays with one row for each step",
        )
    return next(iter(known.values()))


def _checked_length(what: str, length: Any) -> int:
    try:
        steps = operator.index(fixed(length))
    except TypeError:
        steps = -1
    if steps < 0:
        raise ArgumentError(
            f"{what}: length must be a number of steps, got {shown_type(length)}",
            location=call_site().location,
            hint="an int that is known while the function is lowered, not negative",
        )
    return steps


def _slices(what: str, xs: Any, rows: list[Any]) -> list[Any]:
    name = functools.partial(written_path, flatten(xs)[1], root="xs")
    kinds = leaf_kinds(rows, lambda k: f"{what}: {name(k)}")
    return [
        Argument(ArrayType(k.type.dtype, k.type.shape[1:])) if isinstance(k, Argument) else k
        for k in kinds
    ]


@keywords(batch_size="irgrad.vmap(f)(xs) takes all at once, map one after the other")
def map(f: Callable[[Any], Any], xs: Any) -> Any:
    """f(x) for each x along the first axis of `xs`, stacked.

    >>> import numpy as np
    >>> map(lambda x: x @ x, np.array([[1.0, 2.0], [3.0, 4.0]])).tolist()
    [5.0, 25.0]
    """
    check_function("map", "f", f, "f, xs", "x")
    f = f if is_outside(xs) else captured(f)

    @functools.wraps(f, updated=())
    def step(carry: Any, x: Any) -> Any:
        return carry, f(x)

    del step.__wrapped__
    return _scanned("map", step, None, xs, None, False)[1]


@keywords()
def fori_loop(
    lower: Any,
    upper: Any,
    body_fun: Callable[[Any, Any], Any],
    init_val: Any,
    *,
    unroll: int | bool | None = None,
) -> Any:
    """The value after `value = body_fun(i, value)` for i = lower, ..., upper - 1, from `init_val`.

    The bounds are integers, also traced ones, and in a program i is an int64; where upper <= lower
    the result is `init_val`. The value is a pytree of arrays that keeps its structure, shapes and
    dtypes. `unroll`, how many steps JAX would put in line, changes nothing.

    >>> float(fori_loop(0, 4, lambda i, x: x * 2 + i, 1.0))
    27.0
    """
    order = "lower, upper, body_fun, init_val"
    check_function("fori_loop", "body_fun", body_fun, order, "i", "value")
    _check_unroll("fori_loop", 1 if unroll is None else unroll)
    leaves, tree = flatten(init_val)
    name = functools.partial(written_path, tree, root="init_val")
    kinds = leaf_kinds(leaves, lambda k: f"fori_loop: {name(k)}")
    first, count = _bounds(lower, upper)
    if isinstance(count, int) and count and is_outside(init_val, first):
        with suppress(Unfit):
            return repeated(range(first, first + count), body_fun, init_val)
    if isinstance(first, int) and isinstance(count, int):
        first = _checked_first(first, count)
    body = captured(body_fun)

    @functools.wraps(body)
    def step(i: Any, value: Any) -> Any:
        at = i if isinstance(first, int) and not first else first + i
        return body(Tracer(at.builder, at.value, weak=True), value)

    def trace(state: Any) -> Region:
        wanted = [k.type if isinstance(k, Argument) else None for k in state]
        index = Argument(ArrayType(I64, ()), weak=True)
        contains = not isinstance(count, int)  # there may be no step
        given = [index, *state]
        return trace_region(step, (0, init_val), given, wanted, contains, True, "fori_loop: ")

    region, kinds = settled_carry("fori_loop", body, trace, init_val, kinds, lambda result: result)
    state = [(x, k) for x, k in zip(leaves, kinds, strict=True) if isinstance(k, Argument)]
    steps = count if isinstance(count, int) else None
    op = Loop(len(state), 0, steps, False, False, region.graph)
    counted = [] if steps is not None else [count]
    operands = [*counted, *(x for x, _ in state), *region.captured]
    types = operand_types(counted, [k for _, k in state], region.captured)
    found = iter(apply(op, operands, types) if state else [])
    return unflatten(tree, [next(found) if isinstance(k, Argument) else None for k in kinds])


def _bounds(lower: Any, upper: Any) -> tuple[Any, Any]:
    """The first index and the number of steps: ints, or traced int64."""
    found = []
    for name, bound in (("lower", lower), ("upper", upper)):
        if not is_integer(bound) or np.shape(bound):
            raise DTypeError(
                f"fori_loop: {name} must be an integer, got {shown_type(bound)}",
                location=call_site().location,
                hint="convert with int(...), or .astype(np.int64) where it is traced",
            )
        found.append(bound if isinstance(bound, Traced) else int(fixed(bound)))
    first, last = found
    if isinstance(first, int) and isinstance(last, int):
        return first, max(0, last - first)
    if isinstance(first, int):
        _checked_first(first, 1)
    builder = innermost(found)
    with builder.emitting(call_site().location, None):
        if _may_be_beyond(first) and _may_be_beyond(last):
            first = _checked_index(first, last)
        first, last = as_int64(first), as_int64(last)
        return first, distance(last, first)


def _may_be_beyond(bound: Any) -> bool:
    """Whether a bound may lie beyond int64."""
    return bound.value.type.dtype == np.uint64 if isinstance(bound, Traced) else bound > FURTHEST


def _checked_index(lower: Any, upper: Any) -> Any:
    """The traced first index; where there are steps from one beyond int64, an OverflowError of the
    program.
    """

    def beyond(x: Any) -> Any:
        told = Fail(name_of(OverflowError), ("'fori_loop: lower is {0}, beyond int64",))
        return np.where(x.builder.bind(told, [x]), x, np.uint64(0))

    here = np.logical_and(lower > np.uint64(FURTHEST), lower < upper)
    return cond(here, beyond, lambda x: x, lower)


def _checked_first(first: int, count: int) -> int:
    """The first of `count` indices, which are int64 in a program, as is their number."""
    if not count:
        return 0
    if first < -FURTHEST - 1 or max(count, first + count - 1) > FURTHEST:
        raise OutOfRange(
            f"fori_loop: the range from {first} to {first + count} goes beyond int64",
            location=call_site().location,
            hint="count from 0, and add what the index begins with where it is used",
        )
    return first


FURTHEST = 2**63 - 1


@keywords(maxiter="count the steps in the value, and let cond_fun read them")
def while_loop(
    cond_fun: Callable[[Any], Any], body_fun: Callable[[Any], Any], init_val: Any
) -> Any:
    """The value after `value = body_fun(value)` for as long as `cond_fun(value)` holds, from
    `init_val`.

    The value is a pytree of arrays that keeps its structure, shapes and dtypes; the condition is a
    scalar bool. Derivatives go through it in both modes, whatever the number of steps. It does not
    end where the condition never fails, and under `vmap` for as long as it holds for any example;
    a condition that is always True is an `ArgumentError`.

    >>> float(while_loop(lambda x: x < 100, lambda x: x * x, 3.0))
    6561.0
    """
    for argument, f in (("cond_fun", cond_fun), ("body_fun", body_fun)):
        check_function("while_loop", argument, f, "cond_fun, body_fun, init_val", "value")
    leaves, tree = flatten(init_val)
    name = functools.partial(written_path, tree, root="init_val")
    kinds = leaf_kinds(leaves, lambda k: f"while_loop: {name(k)}")
    if is_outside(init_val):
        with suppress(Unfit):
            check_ends = functools.partial(_check_ends, cond_fun, init_val, kinds)
            return repeated_while(cond_fun, body_fun, init_val, check_ends)
    test_fun, step = captured(cond_fun), captured(body_fun)

    def trace(state: Any) -> Region:
        wanted = [k.type if isinstance(k, Argument) else None for k in state]
        return trace_region(step, (init_val,), state, wanted, True, True, "while_loop: ")

    region, kinds = settled_carry("while_loop", step, trace, init_val, kinds, lambda r: r)
    test = trace_region(test_fun, (init_val,), kinds, (), True, True, "while_loop: ")
    if [k and k.type for k in test.kinds] != [ArrayType(BOOL, ())]:
        got = ", ".join(str(k.type) if k else "None" for k in test.kinds)
        raise DTypeError(
            f"while_loop: the condition must be a scalar bool, got {got}",
            location=next(iter(test.lines), None) or defined_at(test_fun),
            hint="compare, or reduce with np.any(...) or np.all(...)",
        )
    _refuse_endless(test, test_fun)
    state = [(x, k) for x, k in zip(leaves, kinds, strict=True) if isinstance(k, Argument)]
    condition, body, beside = _together(test, region)
    op = While(len(state), condition, body)
    operands = [*(x for x, _ in state), *beside]
    types = operand_types([k for _, k in state], beside)
    found = iter(apply(op, operands, types))
    return unflatten(tree, [next(found) if isinstance(k, Argument) else None for k in kinds])


def _check_ends(cond_fun: Callable[[Any], Any], init: Any, kinds: list[Any]) -> None:
    """Refuse a condition of which a trace shows that it always holds."""
    try:
        test = trace_region(captured(cond_fun), (init,), kinds, contains=True)
    except IrgradError:  # then nobody knows
        return
    _refuse_endless(test, cond_fun)


def _refuse_endless(test: Region, cond_fun: Any) -> None:
    if computed({}, test.graph.outputs[0]):
        raise ArgumentError(
            "while_loop: the condition is True whatever the value is, so the loop never ends",
            location=defined_at(cond_fun),
            hint="let the condition read what the step changes",
        )


def _together(one: Region, other: Region) -> tuple[Graph, Graph, list[Any]]:
    """Two regions on the same arguments, with inputs for all that either closes over."""
    inputs = []
    for own, foreign in ((one, other), (other, one)):
        more = [input_value(v.name or "x", v.type) for v in foreign.graph.inputs[foreign.free :]]
        closed = own.graph.inputs[own.free :]
        both = [*closed, *more] if own is one else [*more, *closed]
        inputs.append([*own.graph.inputs[: own.free], *both])
    first, second = with_inputs(one.graph, inputs[0]), with_inputs(other.graph, inputs[1])
    return first, second, [*one.captured, *other.captured]


__all__ = ["fori_loop", "map", "scan", "while_loop"]
