"""Gradient descent on the two-layer loss 0.5 |W2 tanh(W1 x + b) - y|^2, with backpropagation as its
subroutine.

    python examples/two_layers.py
    irgrad dump examples/two_layers.py:loss --grad \\
        --args "f64[2,8], f64[8,3], f64[8], f64[3], f64[2]"
"""

import numpy as np

import irgrad


def loss(W2, W1, b, x, y):
    """0.5 |W2 tanh(W1 x + b) - y|^2."""
    h = np.tanh(W1 @ x + b)
    residual = W2 @ h - y
    return 0.5 * np.sum(residual**2)


def main() -> None:
    """Fit W2, W1 and b to one pair x, y, and show what was compiled."""
    rng = np.random.default_rng(0)
    weights = [rng.standard_normal(shape) / 2 for shape in [(2, 8), (8, 3), (8,)]]
    x, y = rng.standard_normal(3), np.array([1.0, -2.0])
    step = irgrad.compile(irgrad.value_and_grad(loss, argnums=("W2", "W1", "b")))
    print(step.dump(*weights, x, y), "\n")
    for iteration in range(50):
        value, gradients = step(*weights, x, y)
        weights = [w - 0.01 * g for w, g in zip(weights, gradients, strict=True)]
        if iteration % 5 == 0:
            print(f"step {iteration:2d}   loss {value:.6f}   {'#' * int(80 * value)}")
    print(f"step 50   loss {loss(*weights, x, y):.6f}")


if __name__ == "__main__":
    main()
