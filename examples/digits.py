"""A network on scikit-learn's 1797 handwritten digits, trained by gradient descent with momentum.

pip install scikit-learn
python examples/digits.py
"""

import numpy as np
from sklearn.datasets import load_digits

import irgrad


def logits(p, X):
    """One hidden layer of tanh."""
    return np.tanh(X @ p["W1"] + p["b1"]) @ p["W2"] + p["b2"]


def loss(p, X, T):
    """The mean cross entropy against one-hot labels T."""
    scores = logits(p, X)
    return np.mean(irgrad.functions.logsumexp(scores, axis=1) - np.sum(T * scores, axis=1))


def start(rng, hidden=48):
    """Random weights."""
    return {
        "W1": rng.standard_normal((64, hidden)) / 8,
        "b1": np.zeros(hidden),
        "W2": rng.standard_normal((hidden, 10)) / np.sqrt(hidden),
        "b2": np.zeros(10),
    }


def train(p, X, T, rng, epochs=25, batch=64, rate=0.1, momentum=0.9):
    """Stochastic gradient descent -> the parameters; prints the loss as it falls."""
    step = irgrad.compile(irgrad.value_and_grad(loss))
    velocity = {name: np.zeros_like(value) for name, value in p.items()}
    for epoch in range(epochs):
        order, values = rng.permutation(len(X)), []
        for chosen in order[: len(X) // batch * batch].reshape(-1, batch):
            value, d_p = step(p, X[chosen], T[chosen])
            velocity = {name: momentum * velocity[name] - rate * d_p[name] for name in p}
            p = {name: p[name] + velocity[name] for name in p}
            values.append(value)
        if epoch % 4 == 0:
            mean = np.mean(values)
            print(f"epoch {epoch:2d}   loss {mean:.4f}   {'#' * round(12 * np.log10(1e4 * mean))}")
    return p


def show(image):
    """A digit as text."""
    shades = " .:-=+*%#@"
    return "\n".join("".join(2 * shades[int(v * 9)] for v in row) for row in image.reshape(8, 8))


def main() -> None:
    """Train on three quarters, test on the rest."""
    images, labels = load_digits(return_X_y=True)
    X, rng = images / 16.0, np.random.default_rng(0)
    order = rng.permutation(len(X))
    train_set, test_set = order[:1347], order[1347:]
    p = train(start(rng), X[train_set], np.eye(10)[labels[train_set]], rng)
    guesses = np.argmax(logits(p, X[test_set]), axis=1)
    right = guesses == labels[test_set]
    print(f"\n{right.mean():.1%} of {len(right)} digits not trained on are right. One that is not:")
    wrong = np.flatnonzero(~right)[0]
    print(show(X[test_set[wrong]]))
    print(f"its label is {labels[test_set[wrong]]}, the network says {guesses[wrong]}")


if __name__ == "__main__":
    main()
