"""How a function for Numba's nopython mode takes its arguments apart, and what it returns: as
Python, which a backend puts around its own call."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from irgrad.errors import ArgumentError, with_article
from irgrad.frontend.identifiers import identifiers
from irgrad.frontend.lower import Lowered, Static
from irgrad.frontend.pytree import paths_of, unflatten, written_path
from irgrad.inspect.numpy_code import static_text
from irgrad.ir.types import ArrayType
from irgrad.runtime.backend import OUTPUTS, Spelling
from irgrad.runtime.export import LeafText, tree_text

STATIC = (bool, int, str, type(None))
"""Static arguments that nopython code has, too."""


def spelled(lowered: Lowered) -> Spelling:
    """The parameters of a lowered function, where its inputs stand in them, and its result."""
    tree, leaves = lowered.signature.tree, lowered.signature.leaves
    args, _ = unflatten(tree, range(len(leaves)))
    names = identifiers([_parameter(lowered, k) for k in range(len(args))])
    roots = [names[path[1]] for path in paths_of(tree)]
    places = [written_path(tree, k, root, skip=2) for k, root in enumerate(roots)]
    checks = [check for name, arg in zip(names, args, strict=True) for check in _sizes(arg, name)]
    inputs: list[str] = []
    for place, leaf in zip(places, leaves, strict=True):
        if isinstance(leaf, Static):
            checks.append(_same(place, leaf.value))
        else:
            inputs.append(place)
    _check_result(lowered)
    records: dict[str, Any] = {}

    def record(kind: Any) -> str:
        name = f"irgrad_{kind.__name__}_{len(records)}"
        records[name] = kind
        return name

    outputs = iter(range(len(lowered.graph.outputs)))
    texts = [
        f"{OUTPUTS}[{next(outputs)}]" if s is None else static_text(s.value)
        for s in lowered.statics
    ]
    result = tree_text(unflatten(lowered.result_tree, map(LeafText, texts)), record, "njit")
    return Spelling(names, checks, inputs, result, records)


def _parameter(lowered: Lowered, number: int) -> str:
    """The name of a positional argument: that of its first leaf, without the path inside it."""
    paths = paths_of(lowered.signature.tree)
    for path, name in zip(paths, lowered.names, strict=True):
        if path[1] == number:
            return ".".join(name.split(".")[: len(name.split(".")) - len(path) + 2])
    return f"arg{number}"


def _sizes(tree: Any, place: str) -> Iterator[tuple[str, str]]:
    """Conditions under which an argument has not the structure of `tree`, and what to say then."""
    if isinstance(tree, int):
        return
    kind: Any = type(tree)
    if kind is dict:
        mapping: dict[Any, Any] = tree
        parts = [(f"{place}[{key!r}]", part) for key, part in mapping.items()]
    elif isinstance(tree, tuple) and hasattr(kind, "_fields"):
        parts = [(f"{place}.{key}", part) for key, part in zip(kind._fields, tree, strict=True)]
    elif kind in (tuple, list):
        parts = [(f"{place}[{k}]", part) for k, part in enumerate(tree)]
    else:
        raise ArgumentError(
            f"njit: {place} is {with_article(kind.__name__)}, which nopython code cannot have",
            hint="pass tuples or named tuples of arrays and numbers",
        )
    yield f"len({place}) != {len(parts)}", f"{place}: expected {len(parts)} parts"
    for inner, part in parts:
        yield from _sizes(part, inner)


def _same(place: str, value: Any) -> tuple[str, str]:
    """The condition under which an argument is not the value that is part of the program."""
    if not isinstance(value, STATIC):
        raise ArgumentError(
            f"njit: {place} is {with_article(type(value).__name__)}, part of the program, and "
            "nopython code has none",
            hint="close over it",
        )
    is_not = "is not" if value is None else "!="
    return f"{place} {is_not} {value!r}", f"{place}: the program was made for {value!r}"


def _check_result(lowered: Lowered) -> None:
    """Refuse what nopython code cannot return."""
    types = iter(lowered.graph.output_types)
    leaves = [next(types) if static is None else static for static in lowered.statics]
    waiting = [unflatten(lowered.result_tree, leaves)]
    while waiting:
        tree = waiting.pop()
        if isinstance(tree, (Static, ArrayType)):
            continue
        if isinstance(tree, list):
            parts: list[Any] = tree
            if len(set(map(_numba_kind, parts))) != 1:
                raise ArgumentError(
                    "njit: a list in the result has parts of several types, or none",
                    hint="return a tuple",
                )
        elif not isinstance(tree, tuple):
            raise ArgumentError(
                f"njit: {with_article(type(tree).__name__)} in the result, which nopython code "
                "cannot have",
                hint="return a tuple or a named tuple",
            )
        waiting += tree


def _numba_kind(tree: Any) -> Any:
    """What tells the types of two parts of a result apart for Numba."""
    if isinstance(tree, ArrayType):
        return tree.dtype, tree.ndim
    if isinstance(tree, Static):
        return type(tree.value)
    return type(tree), *map(_numba_kind, tree)
