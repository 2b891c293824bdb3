"""Programs of the field through loops: values and gradients against references, and against the
same programs in plain Python."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import irgrad
from tests.control import plain
from tests.programs import recurrent

DATA = Path(__file__).parent.parent / "data"


@pytest.fixture(params=irgrad.backends(), autouse=True)
def _backend(request):
    with irgrad.use_backend(request.param):
        yield


def load(name: str) -> dict[str, np.ndarray]:
    with np.load(DATA / f"{name}.npz", allow_pickle=False) as archive:
        return dict(archive)


def test_lstm_of_1024_steps() -> None:
    d = load("adbench/lstm_l2_c1024")

    def loss(main, extra):
        return recurrent.lstm(irgrad.scan, main, extra, d["state"], d["sequence"])

    value, gradient = irgrad.value_and_grad(loss, argnums=(0, 1))(
        d["main_params"], d["extra_params"]
    )
    np.testing.assert_allclose(value, d["value"], rtol=1e-9)
    np.testing.assert_allclose(
        np.concatenate([g.ravel() for g in gradient]),
        d["grad"],
        rtol=1e-9,
        atol=1e-9 * np.abs(d["grad"]).max(),
    )


@pytest.mark.parametrize("steps", [1, 10])
def test_ode(steps: int) -> None:
    d = load(f"gradbench/ode_n10_s{steps}")
    run = lambda x: recurrent.ode(irgrad.fori_loop, x, steps)  # noqa: E731
    value, pull = irgrad.vjp(run, d["x"])
    np.testing.assert_allclose(value, d["value"], rtol=1e-9)
    (gradient,) = pull(np.eye(10)[-1])
    np.testing.assert_allclose(gradient, d["grad_last_rk4"], rtol=1e-9)


RNG = np.random.default_rng(0)
SPD = RNG.standard_normal((5, 5))
SPD = SPD @ SPD.T + 5 * np.eye(5)
PROGRAMS = {
    "jacobi_2d": (
        lambda m, a, b: recurrent.jacobi_2d(m.fori_loop, 4, a, b),
        (RNG.standard_normal((6, 6)), RNG.standard_normal((6, 6))),
    ),
    "seidel_2d": (
        lambda m, a: recurrent.seidel_2d(m.scan, m.fori_loop, 3, a),
        (RNG.standard_normal((5, 5)),),
    ),
    "cholesky": (lambda m, a: recurrent.cholesky(m.fori_loop, a), (SPD,)),
    "gramschmidt": (lambda m, a: recurrent.gramschmidt(m.scan, a), (RNG.standard_normal((6, 4)),)),
}


@pytest.mark.parametrize("name", PROGRAMS)
def test_yardsticks(name: str) -> None:
    program, args = PROGRAMS[name]
    run = irgrad.compile(lambda *x: program(irgrad, *x))
    for got, expected in zip(_listed(run(*args)), _listed(program(plain, *args)), strict=True):
        np.testing.assert_allclose(got, expected, rtol=1e-12, atol=1e-13)
    irgrad.check_grads(
        lambda *x: program(irgrad, *x), args, order=2 if name == "gramschmidt" else 1
    )


def _listed(result):
    return list(result) if isinstance(result, tuple) else [result]


def test_seidel_keeps_nothing() -> None:
    """A linear body has no tape: the adjoint loops take nothing that the forward loops stack."""
    a = np.ones((5, 5))
    run = irgrad.grad(lambda a: np.sum(recurrent.seidel_2d(irgrad.scan, irgrad.fori_loop, 3, a)))
    assert ".tape" not in irgrad.compile(run).dump(a)
