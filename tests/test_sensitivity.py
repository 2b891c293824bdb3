"""What each value means for the output: derivatives, the experiment, names, the command."""

from __future__ import annotations

import json

import numpy as np
import pytest

import irgrad
from irgrad.cli import main
from irgrad.errors import ArgumentError, DTypeError, ShapeError
from tests.programs.sheet import composed


def loss(W1, W2, x, b, y):
    h = np.tanh(W1 @ x + b)
    r = W2 @ h - y
    return 0.5 * np.sum(r**2)


def args() -> list:
    rng = np.random.default_rng(0)
    return [rng.standard_normal(shape) for shape in [(4, 3), (2, 4), (3,), (4,), (2,)]]


def test_every_value_by_its_name_ranked_and_measured() -> None:
    found = irgrad.sensitivity(loss, *args(), differences=True)
    assert float(found.output) == pytest.approx(float(loss(*args())))
    effects = [row.effect for row in found]
    assert effects == sorted(effects, reverse=True)
    assert {"W1", "W2", "x", "b", "y", "h", "r"} <= {row.name for row in found}
    for row in found:
        assert row.measured == pytest.approx(row.effect, rel=1e-7, abs=1e-9)
        assert row.derivative.shape == row.value.shape
    for name in ("W1", "b", "h"):
        np.testing.assert_allclose(found[name].derivative, irgrad.grad(loss, name)(*args()))
    assert found["h"].line.startswith("test_sensitivity.py:")
    assert "measured" in str(found) and "%0 contract" in str(found)


def test_nudging_by_hand() -> None:
    found = irgrad.sensitivity(composed, 3.0)
    assert float(found["f"].derivative) == 2 * 9.0
    assert float(found.nudged("f", 1.0)) == 10.0**2 + 9.0
    assert float(found.nudged("x", 0.0)) == float(found.output)
    with pytest.raises(ArgumentError, match="no value called 'q'"):
        found.nudged("q", 1.0)


def test_complex_values_and_captured_arrays() -> None:
    weights = np.array([1.0 + 2.0j, -0.5j])
    found = irgrad.sensitivity(
        lambda z: np.sum(np.abs(weights * z) ** 2), np.array([1j, 2.0 - 1j]), differences=True
    )
    for row in found:
        assert row.measured == pytest.approx(row.effect, rel=1e-6)
    assert any(row.name == "weights" for row in found)


def test_values_without_influence_have_none() -> None:
    found = irgrad.sensitivity(lambda x, y: x * 2.0, 1.0, 5.0)
    assert found["y"].effect == 0.0


def test_an_argument_that_is_the_result_is_listed_and_what_is_no_number_comes_last() -> None:
    assert float(irgrad.sensitivity("x", 2.0, differences=True)["x"].derivative) == 1.0
    found = irgrad.sensitivity(lambda x, y: np.sqrt(x) + y * y * y, 0.0, 2.0)
    *known, last = found
    assert known[0].name == "y" and np.isnan(last.effect)
    assert repr(found) == str(found)


def test_refusals() -> None:
    with pytest.raises(ShapeError, match="needs a scalar"):
        irgrad.sensitivity("2 * x", np.ones(3))
    with pytest.raises(ArgumentError, match="returns 2"):
        irgrad.sensitivity(lambda x: (x, x), 1.0)
    with pytest.raises(DTypeError, match="real scalar"):
        irgrad.sensitivity(lambda x: x * 1j, 1.0)


def test_the_command(capsys, monkeypatch, tmp_path) -> None:
    monkeypatch.setenv("COLUMNS", "120")
    argv = ["sensitivity", "exp(a) * sin(b)", "--at", "a=1", "--at", "b=0.5"]
    assert main([*argv, "--differences"]) == 0
    out = capsys.readouterr().out
    assert "measured" in out and "%0 exp" in out
    assert main([*argv, "--format", "json"]) == 0
    data = json.loads(capsys.readouterr().out)
    assert data["output"] == pytest.approx(np.e * np.sin(0.5))
    (tmp_path / "model.py").write_text("def f(a, b):\n    u = a * b\n    return u * u\n")
    assert main(["sensitivity", f"{tmp_path}/model.py:f", "--at", "a=1", "--at", "b=2"]) == 0
    assert "model.py:2" in capsys.readouterr().out
    assert main(["sensitivity", "a[1:]", "--at", "a=[1, 2]"]) == 1
    capsys.readouterr()
    last = ["sensitivity", "sum(a[k:])", "--at", "a=[1, 2]", "--at", "k=1", "--integer"]
    assert main([*last, "k"]) == 0
    assert "sum(a[k:]) = 2.0" in capsys.readouterr().out
    assert main([*last, "j"]) == 1
    assert "--integer j: it has no value" in capsys.readouterr().err


@pytest.mark.parametrize("by", [np.ones(3), "a", 1j])
def test_a_nudge_that_does_not_fit_is_refused(by) -> None:
    found = irgrad.sensitivity("sum(x)", np.ones(2))
    with pytest.raises(ArgumentError, match=r"nudged: 'x' is f64\[2\]"):
        found.nudged("x", by)
