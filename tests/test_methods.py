"""Decorated methods, called on objects and through their class."""

from __future__ import annotations

import functools
import pickle
import sys

import numpy as np
import optree
import pytest

import irgrad
from irgrad.errors import DTypeError

X = np.array([1.0, 2.0])


@optree.dataclasses.dataclass(namespace="")
class Model:
    """A pytree, too: an object that could be differentiated to."""

    scale: float

    @irgrad.grad
    def grad(self, x):
        return self.scale * np.sum(x**3)

    @irgrad.value_and_grad
    def value_and_grad(self, x):
        return self.scale * np.sum(x**3)

    @irgrad.compile
    def compiled(self, x):
        return self.scale * x**3

    @irgrad.compile
    @irgrad.grad
    def both(self, x):
        return self.scale * np.sum(x**3)

    @irgrad.jacobian
    def jacobian(self, x):
        return self.scale * x**3

    @irgrad.hessian
    def hessian(self, x):
        return self.scale * np.sum(x**3)

    @irgrad.vmap
    def vmap(self, x):
        return self.scale * x**3

    @irgrad.checkpoint
    def checkpoint(self, x):
        return self.scale * x**3

    @staticmethod
    @irgrad.grad
    def static(x):
        return np.sum(x**3)

    @classmethod
    @irgrad.grad
    def of_class(cls, x):
        return np.sum(x**3)

    @classmethod
    @functools.partial(irgrad.grad, argnums="x")
    def named(cls, x):
        return np.sum(x**3)

    sine = irgrad.compile(np.sin)


class Child(Model):
    def grad(self, x):
        return super().grad(x) + 1


def same(one, other) -> None:
    for a, b in zip(optree.tree_leaves(one), optree.tree_leaves(other), strict=True):
        np.testing.assert_array_equal(a, b)


@pytest.mark.parametrize(
    "name",
    ["grad", "value_and_grad", "compiled", "both", "jacobian", "hessian", "vmap", "checkpoint"],
)
def test_through_the_class(name) -> None:
    for scale in (5.0, 2.0):
        m = Model(scale)
        result = getattr(m, name)(X)
        same(getattr(Model, name)(m, X), result)
    same(Model.compiled(m, x=X), m.compiled(X))
    np.testing.assert_allclose(Model.grad(Model(2.0), X), 6 * X**2)


def test_what_takes_no_object() -> None:
    np.testing.assert_allclose(Model.static(X), 3 * X**2)
    np.testing.assert_allclose(Model.named(X), 3 * X**2)
    np.testing.assert_allclose(Model.sine(X), np.sin(X))


def test_class_methods() -> None:
    """Until 3.12 Python binds what a classmethod holds, since 3.13 it passes the class."""
    if sys.version_info < (3, 13):
        np.testing.assert_allclose(Model.of_class(X), 3 * X**2)
    else:
        with pytest.raises(DTypeError, match=r"a class comes first: .* argnums='x'"):
            Model.of_class(X)


def test_subclasses() -> None:
    np.testing.assert_allclose(Child(2.0).grad(X), 6 * X**2 + 1)
    np.testing.assert_allclose(Model.grad(Child(2.0), X), 6 * X**2)
    np.testing.assert_allclose(Child.compiled(Child(2.0), X), 2 * X**3)


def test_nested_in_a_trace() -> None:
    m = Model(2.0)
    outer = irgrad.grad(lambda x: np.sum(Model.grad(m, x)))
    np.testing.assert_allclose(outer(X), 12 * X)


def test_it_is_what_was_decorated() -> None:
    assert Model.compiled.__name__ == "compiled"
    assert Model.grad == Model.grad
    assert hash(Model.grad) == hash(Model.grad)
    assert "method of Model" in repr(Model.compiled)
    assert "multiply" in Model.compiled.dump(Model(2.0), X)
    with pytest.raises(AttributeError):
        _ = Model.grad.nothing
    np.testing.assert_allclose(pickle.loads(pickle.dumps(Model.grad))(Model(2.0), X), 6 * X**2)
