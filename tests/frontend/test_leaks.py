"""Python code that no protocol of NumPy's reaches meets a traced value: the error is irgrad's, has
no class of its inside, and shows the user's line and a remedy."""

from __future__ import annotations

import decimal
import functools
import json
import operator
import statistics
from typing import Any

import numpy as np
import pytest

import irgrad
from irgrad.errors import IrgradError


def deleted(u: Any) -> Any:
    del u[0]
    return u


def with_attribute(u: Any) -> Any:
    u.k = 3
    return u


LEAKS: dict[str, tuple[Any, type[Exception]]] = {
    "key": (lambda u: {0: 2.0, 1: 3.0}[u[0]] * u, TypeError),
    "member": (lambda u: {u}, TypeError),
    "text": (lambda u: u + "a", TypeError),
    "text first": (lambda u: operator.add("a", u), TypeError),
    "none": (lambda u: u + None, TypeError),
    "none first": (lambda u: operator.sub(None, u), TypeError),
    "compared": (lambda u: u < None, TypeError),
    "matmul": (lambda u: u @ {}, TypeError),
    "in place": (lambda u: operator.iadd(u, None), TypeError),
    "divmod": (lambda u: divmod(u, "a"), TypeError),
    "summed": (lambda u: functools.reduce(operator.add, [u, "a"]), TypeError),
    "attribute": (with_attribute, AttributeError),
    "deleted": (deleted, ValueError),
    "called": (lambda u: u(3), TypeError),
    "statistics": (lambda u: statistics.variance(u, 0.0), TypeError),
    "decimal": (lambda u: decimal.Decimal(u[0]), TypeError),
    "json": (lambda u: json.dumps(u), TypeError),
}


@pytest.mark.parametrize("capture", [True, False])
@pytest.mark.parametrize("name", LEAKS)
def test_errors_are_irgrads(name: str, capture: bool) -> None:
    function, builtin = LEAKS[name]
    for transformed in (function, irgrad.grad(function)):
        with pytest.raises(IrgradError) as error:
            irgrad.compile(transformed, capture=capture)(np.ones(3))
        text = str(error.value)
        assert isinstance(error.value, builtin)
        assert "test_leaks.py" in text
        assert "hint: " in text
        assert "Tracer" not in text


def test_what_users_raise_is_theirs() -> None:
    def wrong(u: Any) -> Any:
        raise TypeError("mine")

    with pytest.raises(TypeError, match="mine") as error:
        irgrad.compile(wrong)(1.0)
    assert not isinstance(error.value, IrgradError)


@pytest.mark.parametrize(
    ("name", "hint"),
    [("sume", "did you mean 'sum'"), ("logg", r"did you mean np\.log\(x\)"), ("foo", r"as f\(x\)")],
)
def test_the_remedy_for_a_missing_attribute_fits(name: str, hint: str) -> None:
    with pytest.raises(AttributeError, match=hint):
        irgrad.compile(lambda x: getattr(x, name)())(np.ones(3))
