"""Logistic regression by gradient descent: two clouds of points, the line between them, and how
sure the model is where.

    python examples/logistic_regression.py
"""

import numpy as np

import irgrad


def loss(p, X, t):
    """The mean cross entropy of labels t in {0, 1}, with a little weight decay."""
    score = X @ p["w"] + p["b"]
    return np.mean(np.logaddexp(0.0, score) - t * score) + 1e-3 * np.sum(p["w"] ** 2)


def clouds(rng, count):
    """Points around (-1, -0.5) with label 0 and around (1, 0.5) with label 1."""
    t = np.arange(count) % 2.0
    centres = np.where(t[:, None] == 1, [1.0, 0.5], [-1.0, -0.5])
    return centres + 0.7 * rng.standard_normal((count, 2)), t


def fit(X, t, steps=200, rate=1.0):
    """Gradient descent from zero -> the parameters, and the loss at each step."""
    step = irgrad.compile(irgrad.value_and_grad(loss))
    p, curve = {"w": np.zeros(2), "b": 0.0}, []
    for _ in range(steps):
        value, d_p = step(p, X, t)
        p = {name: p[name] - rate * d_p[name] for name in p}
        curve.append(value)
    return p, curve


def picture(p, X, t, width=64, height=20):
    """The plane as text: background by the probability of label 1, points as o and x."""
    xs, ys = np.linspace(-3, 3, width), np.linspace(2, -2, height)
    grid = np.stack(np.meshgrid(xs, ys), axis=-1)
    sure = 1 / (1 + np.exp(-(grid @ p["w"] + p["b"])))
    cells = np.array(list(" .:-=+"))[np.minimum((sure * 6).astype(int), 5)]
    for (x, y), label in zip(X, t, strict=True):
        if abs(x) < 3 and abs(y) < 2:
            cells[int((2 - y) / 4 * height), int((x + 3) / 6 * width)] = "x" if label else "o"
    return "\n".join("".join(row) for row in cells)


def main() -> None:
    """Fit, and show."""
    X, t = clouds(np.random.default_rng(0), 120)
    irgrad.check_grads(loss, ({"w": np.array([0.3, -0.2]), "b": 0.1}, X, t))
    p, curve = fit(X, t)
    print(picture(p, X, t))
    right = np.mean((X @ p["w"] + p["b"] > 0) == (t == 1))
    print(f"loss {curve[0]:.4f} -> {curve[-1]:.4f} in {len(curve)} steps, {right:.1%} right")
    print(f"w = {p['w'].round(3)}, b = {p['b']:.3f}")


if __name__ == "__main__":
    main()
