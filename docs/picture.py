"""The picture in the README: the gradient of a network of two layers.

make picture        draws docs/_static/gradient.svg again
"""

from pathlib import Path

import numpy as np

import irgrad

FILE = Path(__file__).parent / "_static" / "gradient.svg"


def loss(W1, W2, x, b, y):
    """0.5 |W2 tanh(W1 x + b) - y|^2."""
    z = W1 @ x + b
    h = np.tanh(z)
    r = W2 @ h - y
    return 0.5 * np.sum(r**2)


def picture() -> str:
    """The graph of the loss and its gradient to x, W1, W2 and b, as SVG."""
    types = map(irgrad.spec, ("f64[4,3]", "f64[2,4]", "f64[3]", "f64[4]", "f64[2]"))
    gradient = irgrad.value_and_grad(loss, argnums=("x", "W1", "W2", "b"))
    return irgrad.compile(gradient).graph(*types).svg(style="blackboard") + "\n"


if __name__ == "__main__":
    FILE.write_text(picture(), encoding="utf-8")
    print(f"wrote {FILE}")
