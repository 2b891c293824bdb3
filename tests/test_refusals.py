"""Wrong input is refused with what was given, where, and what to write instead."""

from __future__ import annotations

import copy
import json
import pickle
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import irgrad
from irgrad.cli.argument_types import types
from irgrad.errors import ArgumentError, ExpressionError, IRTextError, TraceError
from irgrad.ir.types import ArrayType
from irgrad.ops.elementwise import elementwise

GRAPH = irgrad.trace(lambda x: np.sum(np.sin(x)), np.ones(3))


@irgrad.compile
def decorated(x: Any) -> Any:
    return np.sin(x)


def double(x: Any) -> Any:
    return 2 * x


@pytest.mark.parametrize("text", [5, None, b"x", {}, GRAPH])
def test_texts_that_are_none(text: Any) -> None:
    with pytest.raises(ArgumentError, match=type(text).__name__):
        irgrad.parse(text)
    if not isinstance(text, bytes):
        with pytest.raises(ArgumentError, match=type(text).__name__):
            irgrad.from_json(text)


def test_json_without_a_field() -> None:
    """Whichever field is left out, at any depth."""

    def without(data: Any) -> list[Any]:
        found: list[Any] = []
        for key, value in data.items() if isinstance(data, dict) else enumerate(data):
            if isinstance(data, dict) and key not in ("parameters", "location", "origin"):
                found.append({k: v for k, v in data.items() if k != key})
            if isinstance(value, (dict, list)) and key not in ("parameters", "location"):
                for part in without(value):
                    changed = copy.copy(data)
                    changed[key] = part
                    found.append(changed)
        return found

    broken = without(json.loads(GRAPH.to_json()))
    assert len(broken) > 10
    for data in broken:
        with pytest.raises(IRTextError) as raised:
            irgrad.from_json(json.dumps(data))
        assert "KeyError" not in str(raised.value)


@pytest.mark.parametrize("text", ["f64[2]]", "f64[2", "f64[2], )", "[1, 2", "f64]2["])
def test_types_with_stray_brackets(text: str) -> None:
    with pytest.raises(ArgumentError, match=r"never closed|unmatched|does not match"):
        types(text)


@pytest.mark.parametrize("text", ["f64[9223372036854775807]", "i8[4294967296,4294967296]"])
def test_types_beyond_memory(text: str) -> None:
    for read in (types, ArrayType.parse, irgrad.spec):
        with pytest.raises((ValueError, ArgumentError), match="larger than memory"):
            read(text)


EXPRESSIONS = {
    "x^2": r"\*\*2 for a power",
    "2.0^3": r"\*\*2 for a power",
    "arange(x)": "length of arange depends on an argument",
    "arange(0, x, 1)": "length of arange depends on an argument",
    "zeros(10**5) * zeros((10**5, 1)) + x": "more than 10,000,000",
    "zeros(10**5) < zeros((10**5, 1))": "more than 10,000,000",
    "maximum(zeros(10**5), zeros((10**5, 1)))": "more than 10,000,000",
    "where(zeros(10**5) > 0, zeros((10**5, 1)), 0)": "more than 10,000,000",
}


@pytest.mark.parametrize("text", EXPRESSIONS)
def test_expressions(text: str) -> None:
    f = irgrad.expression(text)
    with pytest.raises(ExpressionError, match=EXPRESSIONS[text]) as raised:
        irgrad.compile(f)(*[1.5] * len(f.names))
    assert "^" in str(raised.value).splitlines()[-2]


def test_exclusive_or_of_integers_stays() -> None:
    assert irgrad.expression("6 ^ 3")() == 5
    x = np.array([6, 1])
    np.testing.assert_array_equal(irgrad.compile("x ^ 3")(x), x ^ 3)


def test_rounding_a_traced_scalar() -> None:
    assert irgrad.compile(lambda x: round(x, 1))(0.26) == 0.3
    assert irgrad.compile(lambda x, v: round(x, 1) * v)(0.26, np.float32(1)).dtype == np.float32
    for x in (0.5, np.ones(2)):
        with pytest.raises(TraceError, match=r"np\.round"):
            irgrad.compile(lambda x: round(x) * 1.0)(x)


@pytest.mark.parametrize("name", ["my op", "", "1st", "a-b", "é", "%x"])
def test_names_of_ops_that_the_text_cannot_hold(name: str) -> None:
    with pytest.raises(ValueError, match="name of an op"):
        elementwise(name, np.frompyfunc(abs, 1, 1), None)


@pytest.mark.parametrize(
    ("ufunc", "partials", "message"),
    [
        (np.multiply, 1, "takes 2 operands, got 1 partial derivatives"),
        (np.modf, 1, "gives 2 results, an elementwise op has one.*Pointwise"),
        (np.divmod, 2, "gives 2 results"),
    ],
)
def test_ufuncs_that_are_no_elementwise_op(ufunc: Any, partials: int, message: str) -> None:
    with pytest.raises(ValueError, match=f"test_refused {message}"):
        elementwise("test_refused", ufunc, *(None,) * partials)


COPIES: dict[str, Callable[[Any], Any]] = {
    "copy": copy.copy,
    "deepcopy": copy.deepcopy,
    "pickle": lambda x: pickle.loads(pickle.dumps(x)),
}


@pytest.mark.parametrize("way", COPIES.values(), ids=COPIES)
def test_copies_of_graphs_and_compiled_functions(way: Any) -> None:
    assert way(GRAPH) == GRAPH
    assert str(way(GRAPH)) == str(GRAPH)
    assert way([GRAPH])[0].structural_hash == GRAPH.structural_hash
    assert way(decorated) is decorated
    for f in (irgrad.compile(double), irgrad.compile(GRAPH), irgrad.compile("x * 2")):
        x = np.arange(3.0)
        np.testing.assert_array_equal(way(f)(x), f(x))
    with pytest.raises((AttributeError, pickle.PicklingError)):
        pickle.dumps(irgrad.compile(lambda x: x))
