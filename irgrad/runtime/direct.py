"""Calls that reach a backend's machine code with the user's own arguments, without Python in
between."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np

from irgrad.frontend.lower import Lowered, Static
from irgrad.frontend.pytree import flatten, unflatten
from irgrad.ir.op import Array
from irgrad.runtime.backend import Argument, Template

MOST_LAYOUTS = 32
"""Ways to call a program, by how its arguments lie in memory."""
Layouts = tuple[tuple[int, ...] | None, ...]
Direct = Callable[[Sequence[Argument], Template, Sequence[Array]], Callable[..., Any] | None]
"""`DirectExecutable.direct`."""


def layout_of(leaf: Any) -> tuple[int, ...] | None:
    """The strides of an array that does not lie in C order."""
    if type(leaf) is not np.ndarray or leaf.flags.c_contiguous:
        return None
    return leaf.strides


def direct_call(lowered: Lowered, direct: Direct, layouts: Layouts) -> Callable[..., Any] | None:
    """The call with the user's own arguments, where `direct` gives one and all arguments are
    positional leaves; it returns None where they are not just what was lowered.
    """
    leaves = lowered.signature.leaves
    flat = lowered.signature.tree == flatten((tuple(range(len(leaves))), {}))[1]
    strides = iter(layouts)
    arguments = [_argument(leaf, strides) for leaf in leaves]
    count = len(lowered.graph.output_types)
    if not flat or None in arguments or any(lowered.statics) or len(lowered.statics) != count:
        return None
    if not all(array.dtype.isnative for array in lowered.captured):
        return None  # each call converts them
    template = unflatten(lowered.result_tree, range(count))
    if is_template(template):
        return direct([a for a in arguments if a], template, lowered.captured)
    call = direct([a for a in arguments if a], tuple(range(count)), lowered.captured)
    if call is None:
        return None

    def with_structure(*args: Any) -> Any:
        outputs = call(*args)
        return None if outputs is None else unflatten(lowered.result_tree, outputs)

    return with_structure


def into_call(lowered: Lowered, direct: Direct, layouts: Layouts) -> Callable[..., Any] | None:
    """The call with the traced leaves alone, and arrays for its outputs."""
    strides = iter(layouts)
    traced = [leaf for leaf in lowered.signature.leaves if not isinstance(leaf, Static)]
    arguments = [_argument(leaf, strides) for leaf in traced]
    native = all(array.dtype.isnative for array in lowered.captured)
    if None in arguments or not native:
        return None
    outs = [Argument("out", type) for type in lowered.graph.output_types]
    return direct([*[a for a in arguments if a], *outs], (), lowered.captured)


def _argument(leaf: Any, strides: Iterator[tuple[int, ...] | None]) -> Argument | None:
    """A leaf of the signature as an argument of a direct call; None for what none takes."""
    if isinstance(leaf, Static):
        return Argument("static", None, leaf.value)
    layout = next(strides)
    if not leaf.weak:
        return Argument("array", leaf.type, None, layout)
    return Argument("float", leaf.type) if leaf.type.dtype.kind == "f" else None


def is_template(result: Any) -> bool:
    """Whether a result is made of tuples alone."""
    return isinstance(result, int) or (type(result) is tuple and all(map(is_template, result)))
