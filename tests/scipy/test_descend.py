"""Gradient descent: its path, its history, its pictures."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import irgrad
from irgrad.errors import ArgumentError, NoConvergence, OptionError, TraceError
from irgrad.inspect.curve import curve_svg, curve_text


def bowl(p: Any, target: Any = 0.0) -> Any:
    return np.sum((p["u"] - target) ** 2) + 0.5 * p["v"][0] ** 2


START = {"u": np.array([1.0, -2.0], np.float32), "v": [3.0]}


def test_the_steps_are_those_of_the_formula() -> None:
    result = irgrad.descend(bowl, START, (0.5,), rate=0.1, steps=7)
    u, v = START["u"].astype(float), 3.0
    for _ in range(7):
        u, v = u - 0.1 * 2 * (u - 0.5), v - 0.1 * v
    np.testing.assert_allclose(result.x["u"], u, rtol=1e-5)
    np.testing.assert_allclose(result.x["v"][0], v)
    assert result.x["u"].dtype == np.float32
    assert result.steps == 7 and len(result.slopes) == 7 and not result.converged
    assert np.all(np.diff(result.history) < 0) and result.value == result.history[-1]


def test_momentum_and_a_rate_of_the_step() -> None:
    result = irgrad.descend(
        lambda x: 0.5 * x * x, 1.0, rate=lambda k: 0.1 / (k + 1), steps=3, momentum=0.5
    )
    x, v = 1.0, 0.0
    for k in range(3):
        v = 0.5 * v - 0.1 / (k + 1) * x
        x += v
    np.testing.assert_allclose(result.x, x)


def test_it_ends_early() -> None:
    seen: list[int] = []
    result = irgrad.descend(lambda x: x * x, 1.0, rate=0.3, steps=1000, tol=1e-6)
    assert result.converged and result.steps < 100

    def stop(step: int, x: Any, value: float) -> bool:
        seen.append(step)
        return step == 4

    assert irgrad.descend(lambda x: x * x, 1.0, callback=stop).steps == 4
    assert seen == [1, 2, 3, 4]
    assert irgrad.descend(lambda x: x * x, 1, steps=0).value == 1.0


def test_progress(capsys: pytest.CaptureFixture[str]) -> None:
    irgrad.descend(lambda x: x * x, 1.0, steps=3, progress=True)
    captured = capsys.readouterr()
    assert "3/3" in captured.err and not captured.out


def test_pictures() -> None:
    result = irgrad.descend(bowl, START, steps=50)
    assert "stopped after 50 steps" in str(result)
    assert len(result.plot().splitlines()) == 10
    assert result.to_svg().startswith("<svg") and "polyline" in result.to_svg()
    assert curve_text([np.nan, 1.0, 1.0]).count("*") == 2
    assert "*" not in curve_text([]) and curve_svg([]).endswith("</svg>")


def test_errors() -> None:
    with pytest.raises(NoConvergence, match=r"after \d+ steps(.|\n)*smaller rate"):
        irgrad.descend(lambda x: x**4, 10.0, rate=1.0)
    with pytest.raises(OptionError, match="steps"):
        irgrad.descend(lambda x: x * x, 1.0, steps=-1)
    for options, message in [
        ({"rate": "a"}, "rate must be a number, or a function of the step, not negative, got 'a'"),
        ({"rate": np.ones(2)}, "rate must be a number, or a function"),
        ({"rate": lambda k: "a"}, r"rate\(0\) must be a number, not negative, got 'a'"),
        ({"steps": "a"}, "steps must be an int"),
        ({"momentum": None}, "momentum must be a number, below 1, not negative, got None"),
        ({"tol": "a"}, "tol must be a number"),
        ({"rate": -0.1}, "not negative, got -0.1"),
        ({"rate": np.nan}, "not negative, got nan"),
        ({"momentum": 1.5}, "momentum must be a number, below 1"),
        ({"steps": -1}, "steps must be an int and not negative"),
    ]:
        with pytest.raises(OptionError, match=message):
            irgrad.descend(lambda x: x * x, 1.0, **options)
    for solve in (irgrad.descend, irgrad.scipy.minimize):
        with pytest.raises(ArgumentError, match="callback must be a function, got int 3"):
            solve(lambda x: x * x, 1.0, callback=3)


def test_functions_that_do_not_fit_and_traced_values() -> None:
    square = lambda x: x * x  # noqa: E731 -- descended below
    for options, message in [
        ({"rate": lambda: 0.1}, r"rate is called with 1 argument, \(step\)"),
        ({"callback": lambda x: None}, "callback is called with 3 arguments"),
    ]:
        with pytest.raises(ArgumentError, match=message):
            irgrad.descend(square, 1.0, **options)
    for f in (
        lambda a: irgrad.descend(lambda x: (x - a) ** 2, 0.0).x,
        lambda a: irgrad.descend(lambda x, a: (x - a) ** 2, 0.0, a).x,
    ):
        with pytest.raises(TraceError, match=r"descend of traced values(.|\n)*minimize_argmin"):
            irgrad.grad(f)(1.0)
    with pytest.raises(NoConvergence, match="the gradient is not finite after 0 steps"):
        irgrad.descend(lambda x: np.sqrt(x), 0.0)


def test_a_callback_of_numpy_one_argument_and_complex_numbers() -> None:
    stopped = irgrad.descend(lambda x: x * x, 1.0, callback=lambda k, x, v: np.less(v, 0.5))
    assert stopped.steps < 5
    assert abs(irgrad.descend(lambda x, a: (x - a) ** 2, 0.0, 2.0, rate=0.5).x - 2) < 1e-12
    found = irgrad.descend(lambda z: np.abs(z - 1j) ** 2, 1.0 + 0j, rate=0.25)
    np.testing.assert_allclose(found.x, 1j, atol=1e-10)
