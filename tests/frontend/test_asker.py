"""What needs numbers is named, as the user writes it, with what to write instead."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest
from numpy import full as filled
from scipy import linalg, special, stats

import irgrad
from irgrad.errors import TraceError
from tests.frontend.against_numpy import same_as_numpy


@pytest.fixture(autouse=True)
def _as_it_is() -> Iterator[None]:
    """Rewritten code asks for less."""
    with irgrad.without_capture():
        yield


X = np.array([1.0, 2.0, 3.0])
STACK = "np.stack([a, b]) makes an array of traced values"
CASES: list[tuple[Callable[[Any], Any], str, str]] = [
    (lambda x: np.full(3, x[0]), "np.full: ", "np.full_like(a, x)"),
    (lambda x: np.full(3, x[0]), "np.full: ", "np.broadcast_to(x, shape)"),
    (lambda x: filled(3, x[0]), "filled: ", "np.full_like"),
    (lambda x: np.asarray(x), "np.asarray: ", "leave np.asarray away"),
    (lambda x: np.array(x), "np.array: ", "leave np.array away"),
    (lambda x: np.ascontiguousarray(x), "np.ascontiguousarray: ", "leave np.asc"),
    (lambda x: np.array([x[0], 1.0]), "np.array: ", STACK),
    (lambda x: np.array([v + 1 for v in x]), "np.array: ", STACK),
    (lambda x: np.asarray(((x[0], 1), (2, 3))), "np.asarray: ", STACK),
    (lambda x: np.r_[x, 1.0], "np.r_: ", "np.concatenate([a, b])"),
    (lambda x: np.c_[x, x], "np.c_: ", "np.column_stack([a, b])"),
    (lambda x: np.sum([x[0], x[1]]), "np.sum: ", STACK),
    (lambda x: np.dot([1.0, 2.0], [x[0], x[1]]), "np.dot: ", STACK),
    (lambda x: X * [x[0], x[1], x[2]], "conversion", STACK),
    (lambda x: np.fromiter(x, float), "np.fromiter: ", STACK),
    (lambda x: np.float32(x[0]), "np.float32: ", "write x.astype(np.float32)"),
    (lambda x: math.sin(x[0]), "math.sin: float()", "np.sin takes traced values"),
    (lambda x: float(x[0]), "float() of a traced value", "leave the value as it is"),
    (lambda x: special.logsumexp(x), "special.logsumexp: ", "irgrad.functions.logsumexp(x)"),
    (lambda x: special.softmax(x), "special.softmax: ", "irgrad.functions.softmax(x)"),
    (lambda x: special.log_softmax(x), "special.log_softmax: ", "functions.log_softmax(x)"),
    (lambda x: special.polygamma(1, x), "special.polygamma: ", "functions.polygamma(n, x)"),
    (lambda x: linalg.solve(np.eye(3), x), "linalg.solve: ", "np.linalg.solve takes"),
    (lambda x: linalg.lu_factor(x), "linalg.lu_factor: ", "np.linalg.solve(a, b) takes"),
    (lambda x: stats.norm.pdf(x), "stats.norm.pdf: ", "write its formula"),
    (lambda x: np.ma.array(x), "np.ma.array: ", "masked arrays take no traced values"),
    (lambda x: np.ma.array(X) - x, "np.ma.core.MaskedArray.__sub__: ", "masked arrays take no"),
    (lambda x: X[x > 1], "X: ", "pass the array as an argument"),
]  # fmt: skip


@pytest.mark.parametrize(("function", "name", "remedy"), CASES)
def test_the_asker_is_named_with_a_remedy(function: Any, name: str, remedy: str) -> None:
    with pytest.raises(TraceError) as caught:
        irgrad.compile(function)(X)
    said, _, hint = str(caught.value).partition("hint: ")
    assert said.startswith(name), said
    assert "of a traced value" in said and "test_asker.py" in said
    assert remedy in hint


@pytest.mark.parametrize(
    ("code", "name"),
    [
        ("np.full(3, x[0])", "np.full: "),
        ("special.softmax(x)", "scipy.special.softmax: "),
        ("np.linalg.norm([x[0], x[1]])", "np.linalg.norm: "),
        ("np.asarray(x)", "conversion"),
        ("np.array([x[0], x[1]])", "conversion"),
    ],
)
def test_without_source_the_library_s_frame_tells(code: str, name: str) -> None:
    with pytest.raises(TraceError) as caught:
        irgrad.compile(eval(f"lambda x: {code}"))(X)
    assert str(caught.value).startswith(name)
    assert "hint: " in str(caught.value)


def test_a_call_over_several_lines_and_one_of_irgrad_s_own() -> None:
    def function(x: Any) -> Any:
        return 1.0 + np.asarray(
            # a line of comment, and an é
            x[1:],
        )

    with pytest.raises(TraceError, match=r"^np\.asarray: "):
        irgrad.compile(function)(X)
    with pytest.raises(TraceError, match=r"^conversion"):
        irgrad.compile(lambda x: irgrad.compile(np.asarray)(x))(X)


def test_the_remedies_work() -> None:
    for function in (
        lambda x: np.full_like(x, x[0]),
        lambda x: np.broadcast_to(x[0], (2, 3)),
        lambda x: x[0] * np.ones(3),
        lambda x: np.stack([x[0], x[1]]),
        lambda x: np.stack(list(x)),
        lambda x: np.concatenate([x, [1.0]]),
        lambda x: np.hstack([x, 1.0]),
        lambda x: np.column_stack([x, x]),
        lambda x: np.stack([x, x], axis=-1),
        lambda x: x.astype(np.float32),
    ):
        same_as_numpy(function, X)
    for ours, theirs in (
        (irgrad.functions.logsumexp, special.logsumexp),
        (irgrad.functions.softmax, special.softmax),
        (irgrad.functions.log_softmax, special.log_softmax),
        (lambda x: irgrad.functions.polygamma(2, x), lambda x: special.polygamma(2, x)),
    ):
        np.testing.assert_allclose(irgrad.compile(ours)(X), theirs(X), rtol=1e-13)
