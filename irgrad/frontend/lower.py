"""Lowering a Python function: run it once on tracers, and keep what it did as a graph.

Arguments and results are pytrees. Arrays, NumPy scalars and Python floats and complex numbers are
traced; Python ints, bools, strings and None are static: part of the program."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from types import BuiltinFunctionType
from typing import Any, NamedTuple

import numpy as np

from irgrad.errors import (
    ArgumentError,
    IrgradError,
    OptionError,
    TraceError,
    UnsupportedError,
    place_text,
    with_article,
)
from irgrad.frontend.bounded import Bounded
from irgrad.frontend.called import unfitting
from irgrad.frontend.capture import captured
from irgrad.frontend.capture.raising import Raised, tied
from irgrad.frontend.capture.recursion import to_an_end
from irgrad.frontend.capture.settings import is_enabled
from irgrad.frontend.capture.source import tell_of_missing_source
from irgrad.frontend.decisions import attend, record
from irgrad.frontend.distinct import distinct
from irgrad.frontend.guards import Guard, reachable
from irgrad.frontend.leaks import retold
from irgrad.frontend.lost import Lost
from irgrad.frontend.masked import Selection
from irgrad.frontend.pytree import (
    flatten,
    flatten_with_paths,
    holds,
    how_to_register,
    map_leaves,
    paths_of,
    unflatten,
    written,
    written_path,
)
from irgrad.frontend.result import check_static
from irgrad.frontend.site import defined_at
from irgrad.frontend.tracer import Tracer
from irgrad.ir.builder import CURRENT, Builder, Traced
from irgrad.ir.bulk import paused_gc
from irgrad.ir.graph import Graph, Value
from irgrad.ir.printer import clean_name
from irgrad.ir.types import ArrayType, check_dtype, type_of


def is_lowering() -> bool:
    """Whether a function is being lowered, so that calls may close over traced values."""
    return CURRENT.get() is not None


class Argument(NamedTuple):
    """A traced leaf of the arguments: its type, and whether it is a Python number (weak
    promotion).
    """

    type: ArrayType
    weak: bool = False


class Spec:
    """Stands for an array of a type, where only the type matters: `irgrad.trace(f,
    irgrad.spec("f64[4,3]"))`. Of an array it is the array's type.
    """

    __slots__ = ("type",)

    def __init__(self, text: str) -> None:
        if isinstance(text, (np.ndarray, np.generic)):
            self.type = type_of(np.asarray(text))
            return
        if not isinstance(text, str):  # pyright: ignore[reportUnnecessaryIsInstance]
            raise ArgumentError(
                f"spec takes the text of a type, got {text!r}",
                hint="irgrad.spec('f64[4,3]') is a 4x3 array of float64, 'f64[]' a number",
            )
        try:
            self.type = ArrayType.parse(text)
        except ValueError as error:
            raise OptionError(str(error)) from None

    def no_numbers(self, place: str = "") -> ArgumentError:
        """The error for one in the place of an array that must have numbers."""
        return ArgumentError(
            f"{place}{self!r} stands for the type of an array, and has no numbers",
            hint="pass an array; irgrad.trace, irgrad.cost, and .graph, .dump and .kernels of a "
            "compiled function take types",
        )

    def __array__(self, dtype: Any = None, copy: Any = None) -> Any:
        raise self.no_numbers()

    def __repr__(self) -> str:
        return f"spec('{self.type}')"


class Signature(NamedTuple):
    """What a lowered program depends on: the structure of the arguments, each leaf's type or static
    value, how the structure is written (the order and the types of the keys of dicts, which code
    sees as it runs), and whether code is rewritten.
    """

    tree: Any
    leaves: tuple[Any, ...]
    written: str
    rewrites: bool

    @classmethod
    def of(cls, arguments: Any, tree: Any, leaves: Sequence[Any]) -> Signature:
        """The signature of `arguments`, flattened to `tree` and `leaves`."""
        return cls(tree, tuple(leaves), written(arguments), is_enabled())

    @property
    def traced(self) -> list[int]:
        """The positions of the leaves that are traced."""
        return [i for i, leaf in enumerate(self.leaves) if isinstance(leaf, Argument)]


class Lowered(NamedTuple):
    """A graph with what is needed to call it: how to read arguments and build results.

    `captured` are the arrays (or outer traced values) that the last inputs stand for. `static` are
    results that were no traced values, put back at their places in `result_tree` where `outputs`
    has None. `guards` are the arrays whose numbers became part of the program,
    `bound` what the variables of the function, and of those that it calls, were last bound to."""

    graph: Graph
    signature: Signature
    captured: tuple[Any, ...]
    result_tree: Any
    statics: tuple[Any, ...]
    names: tuple[str, ...]
    guards: tuple[Guard, ...] = ()
    bound: Mapping[str, Value] = {}

    @property
    def holds(self) -> bool:
        """Whether the arrays whose numbers are part of the program hold them still."""
        return all(guard.holds for guard in self.guards)


def classify(leaf: Any) -> Any:
    """A leaf of the arguments as it stands in a signature: an `Argument`, or the static value
    itself (with its type).
    """
    if isinstance(leaf, np.ndarray):
        return Argument(type_of(leaf))
    if isinstance(leaf, np.generic):
        return Argument(ArrayType(check_dtype(leaf.dtype), ()))
    if isinstance(leaf, (float, complex)):
        return Argument(type_of(np.asarray(leaf)), weak=True)
    if isinstance(leaf, Tracer):
        return Argument(leaf.value.type, leaf.weak)
    if isinstance(leaf, Spec):
        return Argument(leaf.type)
    try:
        hash(leaf)
    except (TypeError, ValueError):  # the latter of memoryviews
        raise ArgumentError(
            f"{with_article(type(leaf).__name__)} is neither an array nor a static value",
            hint=_instead(leaf),
        ) from None
    return Static(leaf)


def _instead(leaf: Any) -> str:
    if isinstance(leaf, slice):
        return "pass its start, stop and step as ints"
    if isinstance(leaf, (set, bytearray, memoryview)):
        return f"pass a {'frozenset' if isinstance(leaf, set) else 'bytes'}"
    return f"pass its arrays, or {how_to_register(type(leaf).__name__)}"


class Static:
    """A leaf that is part of the program: equal values that code can tell apart (1 and True,
    range(0) and range(5, 5)) stay apart.
    """

    __slots__ = ("_key", "value")

    def __init__(self, value: Any) -> None:
        self.value = value
        self._key = distinct(value)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Static) and self._key == other._key

    def __hash__(self) -> int:
        return hash(self._key)


def signature_of(
    args: Sequence[Any], kwargs: Mapping[str, Any], function: Any = None
) -> tuple[Signature, list[Any]]:
    """The signature of a call, and the leaves of its arguments that are traced.

    An error names the argument of `function` that it is about.
    """
    arguments = (tuple(args), dict(kwargs))
    leaves, tree = flatten(arguments)
    kinds: list[Any] = []
    try:
        kinds.extend(map(classify, leaves))  # as far as the first that is refused
    except IrgradError as error:
        place = argument_place(function, tree, len(kinds))
        error.message = f"argument {place}: {error.message}"
        raise
    traced = [leaf for leaf, kind in zip(leaves, kinds, strict=True) if isinstance(kind, Argument)]
    return Signature.of(arguments, tree, kinds), traced


def check_numbers(function: Any, traced: Sequence[Any], args: Any, kwargs: Any) -> None:
    """Refuse types in the place of arrays, among the `traced` leaves, where a program is to run."""
    if not any(isinstance(leaf, Spec) for leaf in traced):
        return
    leaves, tree = flatten((tuple(args), dict(kwargs)))
    for position, leaf in enumerate(leaves):
        if isinstance(leaf, Spec):
            raise leaf.no_numbers(f"argument {argument_place(function, tree, position)}: ")


@paused_gc()
def lower(
    function: Callable[..., Any],
    signature: Signature,
    contains: bool = False,
    inside: bool = False,
) -> Lowered:
    """Run `function` on tracers of the types in `signature`; see `Builder` for `contains`. Where it
    is `inside` traced code, which gets the result, that may have arrays of traced extents. A
    function that calls itself without end is left as it is, see `capture.recursion`.
    """
    return to_an_end(lambda: _lower(function, signature, contains, inside))


def _lower(
    function: Callable[..., Any], signature: Signature, contains: bool, inside: bool
) -> Lowered:
    builder = Builder(Tracer, CURRENT.get(), contains)
    names = argument_names(function, signature)
    leaves: list[Any] = []
    for name, leaf in zip(names, signature.leaves, strict=True):
        if isinstance(leaf, Argument):
            tracer = builder.input(name, leaf.type)
            tracer.weak = leaf.weak
            leaves.append(tracer)
        else:
            leaves.append(leaf.value)
    attend(builder, [value.type for value in builder.inputs])
    args, kwargs = unflatten(signature.tree, leaves)
    token = CURRENT.set(builder)
    try:
        with builder.emitting(None, None, busy=False):
            result = _followed(function)(*args, **kwargs)
        if "refused" in builder.notes and builder.outer is None:
            raise builder.notes["refused"]
        if not inside and holds(result, Bounded):
            raise returned(function)
        lowered = finish(builder, result, signature, names, function)
        record(builder, lowered)
        tell_of_missing_source(builder)
        bound = {name: traced.version for name, traced in builder.bound.items()}
        return lowered._replace(guards=reachable(builder.guards), bound=bound)
    except (TypeError, ValueError, AttributeError) as error:
        if isinstance(error.__cause__, IrgradError):  # NumPy put one of its own in front of ours
            raise error.__cause__ from None
        own = isinstance(error, IrgradError)
        again = None if own else unfitting(function, args, kwargs) or retold(error)
        if again is not None:
            raise again from None
        _explain_types(error, signature)
        raise
    except NameError as error:
        _explain_unbound(error, builder)
        raise
    except Raised:
        raise TraceError(
            "the function raises an exception whatever the traced values are",
            location=defined_at(function),
            hint="raise it under a condition",
        ) from None
    finally:
        CURRENT.reset(token)
        builder.closed = True


def _followed(function: Callable[..., Any]) -> Callable[..., Any]:
    """What to call for a function: a builtin of Python's has a way in as where code calls it."""
    if isinstance(function, BuiltinFunctionType) and is_enabled():
        from irgrad.frontend.capture.call import call

        return call(function)
    return captured(function)


def _explain_unbound(error: NameError, builder: Builder) -> None:
    """Tell of a variable that has a value in one branch only; raise what it was lost by."""
    for key, location in builder.notes.items():
        if isinstance(key, tuple) and key[0] == "lost" and f"'{key[1]}'" in str(error):
            if isinstance(location, IrgradError):
                raise location from None
            place = "" if location is None else f"\n{place_text(location)}"
            error.add_note(
                f"  hint: '{key[1]}' has a value only where a traced condition holds; give it one "
                f"before the branch or in both sides of it{place}"
            )


def _explain_types(error: Exception, signature: Signature) -> None:
    """Tell who passed a list for an array, or a type in the form of a string, a part of the program
    as every string.
    """
    if "operand type" in str(error) and ("'list'" in str(error) or "'tuple'" in str(error)):
        error.add_note(
            "  hint: an argument or a start that is a list stays one, of traced numbers: pass "
            "np.array(...) for an array"
        )
    for leaf in signature.leaves:
        text = leaf.value if isinstance(leaf, Static) else None
        if isinstance(text, str):
            with suppress(ValueError):
                type = ArrayType.parse(text)
                error.add_note(f"  hint: for an array of type {type}, pass irgrad.spec({text!r})")


def _with_plain_lists(result: Any) -> Any:
    """A result in which rows of lists of lists at traced places are lists by themselves."""
    from irgrad.frontend.capture.rows import Line

    if not holds(result, Line):
        return result
    return map_leaves(lambda leaf: list(leaf) if isinstance(leaf, Line) else leaf, result)


def finish(
    builder: Builder,
    result: Any,
    signature: Signature,
    names: Sequence[str],
    function: Callable[..., Any],
) -> Lowered:
    """Close `builder` on the result pytree of `function`."""
    result = _with_plain_lists(result)
    paths, leaves, tree = flatten_with_paths(result)
    outputs: dict[str, Value] = {}
    statics: list[Any] = []
    for position, (path, leaf) in enumerate(zip(paths, leaves, strict=True)):
        label = ".".join(["out", *map(str, path)])
        try:
            value = output_value(builder, leaf)
            if value is not None and builder.reached is not True:
                value = builder.lift(tied(builder, builder.wrap(builder, value)))
        except IrgradError as error:
            error.message = f"{written_path(tree, position, 'the result')}: {error.message}"
            raise error.at(defined_at(function)) from None
        if value is not None:
            outputs[unique(label, outputs)] = value
        statics.append(Static(leaf) if value is None else None)
    name = getattr(function, "__name__", "f")
    graph, captured = builder.finish(clean_name(name), outputs)
    return Lowered(graph, signature, tuple(captured), tree, tuple(statics), tuple(names))


def returned(function: Callable[..., Any]) -> UnsupportedError:
    """The error for a result whose extent is known only when the program runs."""
    return UnsupportedError(
        "the result has an array whose extent is known only when the program runs",
        location=defined_at(function),
        hint="return the whole array, and the extent beside it",
    )


def output_value(builder: Builder, leaf: Any) -> Value | None:
    """The value in the graph of a leaf of the result; None for one that is put back as it is."""
    if isinstance(leaf, (Traced, np.ndarray, np.generic, float, complex)):
        return builder.lift(leaf)
    if isinstance(leaf, Selection):
        leaf.refuse("returning it")
    if isinstance(leaf, Lost):
        leaf.refuse()
    check_static(leaf)
    return None


def unique(label: str, taken: Mapping[str, Any]) -> str:
    """`label` cleaned for the text, with a number where it is taken."""
    name, count = clean_name(label), 1
    while name in taken:
        count += 1
        name = f"{clean_name(label)}_{count}"
    return name


def argument_names(function: Callable[..., Any], signature: Signature) -> list[str]:
    """The name of each leaf of the arguments: the parameter's, with the path inside it."""
    paths = paths_of(signature.tree)
    count = sum(1 for path in paths if path[0] == 0)
    positional = positional_names(function, count + 1)
    return [".".join(map(str, (_parameter(positional, *path[:2]), *path[2:]))) for path in paths]


def argument_place(function: Any, tree: Any, position: int, before: str = "") -> str:
    """How the user writes a leaf of the arguments: `x`, `params['layers'][0]`."""
    root, key, *_ = paths_of(tree)[position]
    positional = positional_names(function, key + 1) if root == 0 else []
    name, dot, item = _parameter(positional, root, key).partition(".")
    return before + written_path(tree, position, f"{name}[{item}]" if dot else name, skip=2)


def _parameter(positional: list[str], root: int, key: Any) -> str:
    """The parameter of an argument at `args[key]` or `kwargs[key]`."""
    if root == 1:
        return str(key)
    return positional[key] if key < len(positional) else f"arg{key}"


def positional_names(function: Callable[..., Any], count: int) -> list[str]:
    """The parameter names that up to `count` positional arguments bind to."""
    try:
        parameters = inspect.signature(function).parameters.values()
    except (TypeError, ValueError):
        return [f"arg{i}" for i in range(count)]
    names: list[str] = []
    for parameter in parameters:
        if parameter.kind in (parameter.POSITIONAL_ONLY, parameter.POSITIONAL_OR_KEYWORD):
            names.append(parameter.name)
        elif parameter.kind == parameter.VAR_POSITIONAL:
            names += [f"{parameter.name}.{i}" for i in range(max(0, count - len(names)))]
    return names
