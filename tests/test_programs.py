"""Programs of the field and the sheet: values and gradients against references and hand
derivations.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import irgrad
from tests.programs import gmm, sheet, small

DATA = Path(__file__).parent / "data"
MIXTURES = ["gmm_d2_k5_n1000", "gmm_d3_k4_n20_m2", "gmm_d10_k5_n1000"]


@pytest.fixture(params=irgrad.backends())
def backend(request):
    """Each installed backend in turn, as the default."""
    with irgrad.use_backend(request.param):
        yield request.param


def load(name: str) -> dict[str, np.ndarray]:
    with np.load(DATA / f"{name}.npz", allow_pickle=False) as archive:
        return dict(archive)


def close(got, expected, tolerance: float = 1e-9) -> None:
    """Relative to the largest element."""
    scale = np.max(np.abs(expected), initial=0.0)
    np.testing.assert_allclose(got, expected, rtol=tolerance, atol=tolerance * scale)


@pytest.mark.parametrize("name", MIXTURES)
def test_gaussian_mixture(name, backend) -> None:
    d = load(f"gradbench/{name}")
    args = (d["alpha"], d["mu"], d["q"], d["l"], d["x"], float(d["gamma"]), int(d["m"]))
    close(gmm.objective(*args), d["value"])
    value, gradients = irgrad.value_and_grad(gmm.objective, ("alpha", "mu", "q", "lower"))(*args)
    close(value, d["value"])
    for gradient, key in zip(gradients, ["grad_alpha", "grad_mu", "grad_q", "grad_l"], strict=True):
        close(gradient, d[key])


def test_adbench_file(backend) -> None:
    d = load("adbench/gmm_test")
    alpha, mu, q, lower, x, gamma, m = gmm.load_text(DATA / "adbench/gmm_test.txt")
    np.testing.assert_array_equal(x, d["x"])
    value, (d_alpha, d_mu, d_q, d_l) = irgrad.value_and_grad(gmm.objective, (0, 1, 2, 3))(
        alpha, mu, q, lower, x, gamma, m, -1
    )
    close(value, d["value_adbench"])
    icf = np.concatenate([d_q, d_l], axis=1)
    close(np.concatenate([d_alpha, d_mu.ravel(), icf.ravel()]), d["grad_adbench"])


def test_adbench_text_of_a_thousand_points(backend) -> None:
    args = gmm.load_text(DATA / "adbench/gmm1k_d2_K5.txt")
    irgrad.check_grads(lambda *p: gmm.objective(*p, *args[4:]), args[:4], order=1)


@pytest.mark.parametrize("n", [16, 1024])
def test_least_squares(n, backend) -> None:
    d = load(f"gradbench/llsq_n{n}_m128")
    value, gradient = irgrad.value_and_grad(small.llsq)(d["x"], n)
    close(value, d["value"])
    close(gradient, d["grad"])


def test_log_sum_exp(backend) -> None:
    d = load("gradbench/lse_n2500")
    value, gradient = irgrad.value_and_grad(small.lse)(d["x"])
    close(value, d["value"])
    close(gradient, d["grad"])


def test_k_means(backend) -> None:
    """The direction is the gradient over the Hessian's diagonal, which H @ 1 is here."""
    d = load("gradbench/kmeans_k10_n1000_d8")
    gradient_of = irgrad.grad(small.kmeans)
    value, gradient = irgrad.value_and_grad(small.kmeans)(d["centroids"], d["points"])
    close(value, d["value"])
    ones = np.ones_like(d["centroids"])
    _, diagonal = irgrad.jvp(lambda c: gradient_of(c, d["points"]), (d["centroids"],), (ones,))
    close(gradient / diagonal, d["dir"])


POINTS = [-2.5, -1.0, -1e-9, 0.0, 1e-9, 0.7, 3.0]


def test_composition(backend) -> None:
    for x in POINTS:
        close(irgrad.grad(sheet.composed)(x), sheet.d_composed(x), 1e-14)


@pytest.mark.parametrize("phi", sheet.ACTIVATIONS)
def test_activations_at_and_around_their_kinks(phi, backend) -> None:
    derivative = sheet.ACTIVATIONS[phi]
    for x in POINTS:
        close(irgrad.grad(phi)(x), derivative(x), 1e-13)
        close(irgrad.jvp(phi, (x,), (1.0,))[1], derivative(x), 1e-13)
    close(
        irgrad.grad(lambda x: np.sum(phi(x)))(np.array(POINTS)), derivative(np.array(POINTS)), 1e-13
    )


@pytest.mark.parametrize("phi", sheet.ACTIVATIONS)
def test_one_layer(phi, backend) -> None:
    rng = np.random.default_rng(3)
    args = (rng.standard_normal((5, 4)), rng.standard_normal(4), 0.3, rng.standard_normal(5))
    gradients = irgrad.grad(lambda *p: sheet.one_layer(*p, phi), (0, 1, 2, 3))(*args)
    for gradient, by_hand in zip(gradients, sheet.d_one_layer(*args, phi), strict=True):
        close(gradient, by_hand, 1e-12)


@pytest.mark.parametrize("phi", sheet.ACTIVATIONS)
def test_equation_one(phi, backend) -> None:
    rng = np.random.default_rng(4)
    args = [rng.standard_normal(s) for s in [(3,), (6, 3), (2, 6), (6,), (2,)]]
    gradients = irgrad.grad(lambda *p: sheet.two_layers(*p, phi), (0, 1, 2, 3))(*args)
    for gradient, by_hand in zip(gradients, sheet.d_two_layers(*args, phi), strict=True):
        close(gradient, by_hand, 1e-12)
    irgrad.check_grads(lambda *p: sheet.two_layers(*p, sheet.tanh), args)


def test_a_kink_inside_a_layer(backend) -> None:
    """W x + b is exactly 0: the documented side is taken."""
    W, x, b = np.array([[1.0, 2.0]]), np.array([2.0, -1.0]), np.array([0.0])
    for phi in (sheet.relu, sheet.leaky_relu_printed, sheet.leaky_relu):
        gradients = irgrad.grad(lambda *p, phi=phi: sheet.one_layer(*p, phi), (0, 1, 2, 3))(
            W, x, 1.0, b
        )
        for gradient, by_hand in zip(gradients, sheet.d_one_layer(W, x, 1.0, b, phi), strict=True):
            close(gradient, by_hand, 1e-14)


def test_gradient_descent_with_backpropagation_as_its_subroutine(backend) -> None:
    rng = np.random.default_rng(5)
    x, y, b = rng.standard_normal(4), 0.5, np.zeros(3)
    loss = lambda W: sheet.one_layer(W, x, y, b, sheet.sigmoid)  # noqa: E731 -- of W alone
    start = rng.standard_normal((3, 4))
    end = sheet.descend(irgrad.grad(loss), start, 0.2, 200)
    assert loss(end) < 1e-6 < loss(start)
