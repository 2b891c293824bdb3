"""What a traced function may return, and that no traced value escapes in it."""

from __future__ import annotations

import enum
import functools
import pickle
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import optree
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import irgrad
from irgrad.errors import DTypeError, UnsupportedError

X = np.array([1.0, 2.0, 3.0])


@dataclass
class Plain:
    value: Any
    scale: float = 1.0


class Slotted:
    __slots__ = ("value",)

    def __init__(self, value: Any) -> None:
        self.value = value


class Registered(Plain):
    pass


register: Any = optree.register_pytree_node
register(
    Registered,
    lambda node: ((node.value, node.scale), None),
    lambda _, children: Registered(*children),
    namespace=optree.registry.__GLOBAL_NAMESPACE,  # pyright: ignore[reportAttributeAccessIssue]
)


class Color(enum.Enum):
    RED = 1


def closure(value: Any) -> Any:
    return lambda: value


HIDING: dict[str, Callable[[Any], Any]] = {
    "dataclass": Plain,
    "slots": Slotted,
    "generator": lambda x: (2 * y for y in x),
    "iterator": iter,
    "map": lambda x: map(np.sin, x),
    "zip": lambda x: zip(x, x, strict=True),
    "enumerate": enumerate,
    "values": lambda x: {"a": x}.values(),
    "items": lambda x: {"a": x}.items(),
    "function": closure,
    "default": lambda x: lambda y=x: y,
    "partial": lambda x: functools.partial(np.sin, x),
    "method": lambda x: Plain(x).__repr__,
    "bound": lambda x: functools.partial(Plain(x).__eq__, 1),
    "set": lambda x: {Slotted(x)},
    "nested": lambda x: Plain([{"a": (Slotted(Plain(x)),)}]),
    "selection": lambda x: Plain(x[x > 1]),
    "pullback": lambda x: irgrad.vjp(np.sin, x)[1],
}


@pytest.mark.parametrize("kind", HIDING)
@settings(max_examples=5, deadline=None)
@given(around=st.lists(st.sampled_from(["list", "dict", "node"]), max_size=4))
def test_no_traced_value_escapes_in_a_result(kind: str, around: list[str]) -> None:
    def wrapped(leaf: Any) -> Any:
        for each in around:
            leaf = (
                [leaf, 1] if each == "list" else {"k": leaf} if each == "dict" else Registered(leaf)
            )
        return leaf

    steps = {"list": "[0]", "dict": "['k']", "node": ".value"}
    path = "".join(steps[each] for each in reversed(around))
    ways: list[tuple[str, Callable[[], Any]]] = [
        (path, lambda: irgrad.compile(lambda x: wrapped(HIDING[kind](x * 2)))(X)),
        (path, lambda: irgrad.vjp(lambda x: wrapped(HIDING[kind](x * 2)), X)),
        (path, lambda: irgrad.jvp(lambda x: wrapped(HIDING[kind](x * 2)), (X,), (X,))),
        (
            f"[1]{path}",
            lambda: irgrad.grad(lambda x: (np.sum(x), wrapped(HIDING[kind](x * 2))), has_aux=True)(
                X
            ),
        ),
    ]
    for place, call in ways:
        with pytest.raises(UnsupportedError) as caught:
            call()
        text = str(caught.value)
        assert f"the result{place}: a" in text
        assert "test_results.py" in text and "hint:" in text


def test_a_class_is_named_with_how_to_register_it() -> None:
    with pytest.raises(UnsupportedError, match=r"a Plain holds a traced value") as caught:
        irgrad.compile(Plain)(X)
    assert "register_pytree_node(Plain, flatten, unflatten, namespace=" in str(caught.value)


def test_registered_classes_are_results() -> None:
    result = irgrad.compile(lambda x: Registered(2 * x, 3.0))(X)
    assert result.value.tolist() == [2.0, 4.0, 6.0]
    assert result.scale == 3.0


HARMLESS = [
    1, True, "text", b"bytes", None, ..., slice(1, 2), range(3), {1, 2}, frozenset(), Color.RED,
    np.dtype("f8"), np.sin, len, Plain, Plain(1), Slotted("a"), np, closure(3),
    functools.partial(max, 1), Plain(2).__eq__, np.random.default_rng(0), pickle.dumps, object(),
]  # fmt: skip


@pytest.mark.parametrize("value", HARMLESS, ids=lambda value: type(value).__name__)
def test_harmless_objects_are_handed_back(value: Any) -> None:
    assert irgrad.compile(lambda x: (x, {"k": value}))(X)[1]["k"] is value


def test_objects_that_hold_themselves_are_searched_once() -> None:
    loop = Plain(None)
    loop.value = [loop]
    assert irgrad.compile(lambda x: (x, loop))(X)[1] is loop
    with pytest.raises(UnsupportedError, match="holds a traced value"):
        irgrad.compile(lambda x: (x, Plain([loop, x])))(X)


def test_variables_that_have_no_value_yet_hide_nothing() -> None:
    def function(x: Any) -> Any:
        def inner() -> Any:
            return later

        if x.ndim == 2:
            later = 1
        return x, inner

    assert callable(irgrad.compile(function)(X)[1])


def test_arrays_that_are_no_numbers_are_placed() -> None:
    for array in (np.array(["a"]), np.array([object()])):
        with pytest.raises(DTypeError, match=r"the result\['k'\]: dtype .* is not supported"):
            irgrad.compile(lambda x, a=array: {"k": a, "x": x})(X)
