"""The functions of a discussion sheet on backpropagation, with their derivatives by hand.

At a kink the first operand of `maximum` is taken, so that max(x, c x) has derivative 1 at 0.
"""

import numpy as np


def composed(x):
    """l(x) = h(f(x), g(x)) with f = x^2, g = x, h = x1^2 + x2^2."""
    f = x**2
    g = x
    return f**2 + g**2


def d_composed(x):
    return 4 * x**3 + 2 * x


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def relu(x):
    return np.maximum(x, 0)


def tanh(x):
    return np.tanh(x)


def leaky_relu_printed(x):
    """As printed: max(x, -0.1 x)."""
    return np.maximum(x, -0.1 * x)


def leaky_relu(x):
    """The usual form: max(x, 0.1 x)."""
    return np.maximum(x, 0.1 * x)


ACTIVATIONS = {
    sigmoid: lambda x: sigmoid(x) * (1 - sigmoid(x)),
    relu: lambda x: np.where(x >= 0, 1.0, 0.0),
    tanh: lambda x: 1 - np.tanh(x) ** 2,
    leaky_relu_printed: lambda x: np.where(x >= 0, 1.0, -0.1),
    leaky_relu: lambda x: np.where(x >= 0, 1.0, 0.1),
}
"""Activation -> its derivative."""


def one_layer(W, x, y, b, phi):
    """f(W, x, y) = (y - sum_i phi(w_i^T x + b_i))^2."""
    z = W @ x + b
    return (y - np.sum(phi(z))) ** 2


def d_one_layer(W, x, y, b, phi):
    """Derivatives to W, x, y and b."""
    z = W @ x + b
    residual = y - np.sum(phi(z))
    z_bar = -2 * residual * ACTIVATIONS[phi](z)
    return np.outer(z_bar, x), W.T @ z_bar, 2 * residual, z_bar


def two_layers(x, W1, W2, b, y, phi):
    """Equation (1): 1/2 |W2 phi(W1 x + b) - y|^2."""
    h = phi(W1 @ x + b)
    r = W2 @ h - y
    return 0.5 * np.sum(r**2)


def d_two_layers(x, W1, W2, b, y, phi):
    """Derivatives to x, W1, W2 and b."""
    z = W1 @ x + b
    h = phi(z)
    r = W2 @ h - y
    z_bar = (W2.T @ r) * ACTIVATIONS[phi](z)
    return W1.T @ z_bar, np.outer(z_bar, x), np.outer(r, h), z_bar


def descend(gradient, w, rate, steps):
    """Gradient descent: w <- w - rate * gradient(w)."""
    for _ in range(steps):
        w = w - rate * gradient(w)
    return w
