"""vmap: axes in and out, pytrees, nesting with every other operator, errors."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import irgrad
from irgrad.errors import ArgumentError, ShapeError, UnsupportedError
from irgrad.ir.op import REGISTRY, Array, Op, register
from irgrad.ir.types import ArrayType
from irgrad.ops.base import bind

RNG = np.random.default_rng(0)
X = RNG.standard_normal((5, 3))
W = RNG.standard_normal((3, 2))


def close(got, expected) -> None:
    np.testing.assert_allclose(got, expected, rtol=1e-12, atol=1e-12)


def test_a_batch_is_a_loop() -> None:
    close(irgrad.vmap(lambda x: np.tanh(x @ W))(X), np.tanh(X @ W))
    close(irgrad.vmap(np.dot)(X, X), np.sum(X * X, 1))
    close(irgrad.vmap(np.sin)(X[:, 0]), np.sin(X[:, 0]))


@pytest.mark.parametrize("in_axis", [0, 1, 2, -1, -2, -3])
@pytest.mark.parametrize("out_axis", [0, 1, 2, -1, -2, -3])
def test_axes_in_and_out(in_axis, out_axis) -> None:
    x = RNG.standard_normal((2, 3, 4))
    got = irgrad.vmap(lambda x: 2 * x.T, in_axis, out_axis)(x)
    each = [2 * part.T for part in np.moveaxis(x, in_axis, 0)]
    close(got, np.stack(each, out_axis))


def test_arguments_that_are_not_mapped() -> None:
    f = irgrad.vmap(lambda x, w, n: (x @ w) ** n, in_axes=(0, None, None))
    close(f(X, W, 2), (X @ W) ** 2)
    close(f(X, W, 3), (X @ W) ** 3)
    f = irgrad.vmap(lambda x, *, w: x @ w, in_axes=[1])
    close(f(X.T, w=np.stack([W] * 5)), X @ W)
    close(irgrad.vmap(lambda x, mode="a": x * 2 if mode == "a" else x)(X, mode="b"), X)
    close(irgrad.vmap(lambda x, mode: x * 2 if mode == "a" else x)(X, "a"), 2 * X)
    close(irgrad.vmap(lambda x, k=1: x * k)(X, k=3), 3 * X)


def test_pytrees_of_arguments_axes_and_results() -> None:
    def f(params, x):
        y = params["w"] @ x + params["b"]
        return {"y": y, "both": (y[0], params["b"])}

    params = {"w": RNG.standard_normal((4, 3, 5)), "b": RNG.standard_normal(4)}
    got = irgrad.vmap(f, in_axes=({"w": 2, "b": None}, 0), out_axes={"y": 1, "both": (0, None)})(
        params, X
    )
    each = [f({"w": params["w"][..., i], "b": params["b"]}, X[i]) for i in range(5)]
    close(got["y"], np.stack([one["y"] for one in each], 1))
    close(got["both"][0], [one["both"][0] for one in each])
    close(got["both"][1], params["b"])


def test_results_that_are_the_same_for_all() -> None:
    ones, threes, x, name = irgrad.vmap(lambda x: (1.0, 3, x, "name"))(X)
    close(ones, np.ones(5))
    close(threes, np.full(5, 3))
    assert threes.dtype == np.int64
    close(x, X)
    assert name == "name"
    one, flag = irgrad.vmap(lambda x: (W, True), out_axes=(None, 0))(X)
    close(one, W)
    assert flag.dtype == bool and flag.shape == (5,)
    close(irgrad.vmap(lambda x: W, out_axes=2)(X), np.stack([W] * 5, 2))


def test_the_number_of_examples_by_axis_size() -> None:
    close(irgrad.vmap(lambda w: w * 2, in_axes=None, axis_size=4)(W), np.stack([2 * W] * 4))
    assert irgrad.vmap(lambda x: x * 2)(np.zeros((0, 3))).shape == (0, 3)


def test_nested() -> None:
    outer = irgrad.vmap(irgrad.vmap(np.dot, (None, 1)), (0, None))
    close(outer(X, W), X @ W)
    close(irgrad.vmap(lambda x: irgrad.vmap(lambda y: np.dot(x, y))(W.T))(X), X @ W)
    close(irgrad.vmap(lambda x: irgrad.vmap(lambda y: x * y)(x))(X), X[:, :, None] * X[:, None, :])


def test_vmap_of_derivatives_and_derivatives_of_vmap() -> None:
    f = lambda x, w: np.sum(np.sin(x @ w) ** 2)  # noqa: E731 -- used in many ways
    many = irgrad.vmap(f, (0, None))
    d_x = np.stack([irgrad.grad(f)(x, W) for x in X])
    close(irgrad.vmap(irgrad.grad(f), (0, None))(X, W), d_x)
    value, (by_x, by_w) = irgrad.vmap(irgrad.value_and_grad(f, (0, 1)), (0, None))(X, W)
    close(value, [f(x, W) for x in X])
    close(by_x, d_x)
    close(np.sum(by_w, 0), irgrad.grad(lambda w: np.sum(many(X, w)))(W))
    close(irgrad.grad(lambda x: np.sum(many(x, W)))(X), d_x)
    v = RNG.standard_normal(X.shape)
    tangent = irgrad.vmap(lambda x, v: irgrad.jvp(lambda x: f(x, W), (x,), (v,))[1])(X, v)
    close(tangent, np.sum(d_x * v, 1))
    close(irgrad.jvp(lambda x: many(x, W), (X,), (v,))[1], tangent)
    pulled = irgrad.vmap(lambda x, c: irgrad.vjp(lambda x: f(x, W), x)[1](c)[0])(X, v[:, 0])
    close(pulled, d_x * v[:, :1])
    irgrad.check_grads(lambda x, w: irgrad.vmap(irgrad.grad(f), (0, None))(x, w), (X, W))


def test_a_pullback_under_vmap() -> None:
    """The rows of a Jacobian: a pullback made outside, mapped over unit cotangents."""
    _, pull = irgrad.vjp(lambda x: np.tanh(x @ W), X[0])
    (rows,) = irgrad.vmap(pull)(np.eye(2))
    close(rows, (1 - np.tanh(X[0] @ W) ** 2)[:, None] * W.T)


def test_compiled_functions_inside_and_outside() -> None:
    inner = irgrad.compile(lambda x: np.sum(x**2))
    f = irgrad.compile(irgrad.vmap(lambda x: inner(x) * x))
    close(f(X), np.sum(X**2, 1)[:, None] * X)
    close(irgrad.vmap(f)(np.stack([X, 2 * X]))[1], f(2 * X))
    for backend in irgrad.backends():
        with irgrad.use_backend(backend):
            close(irgrad.vmap(irgrad.grad(inner))(X), 2 * X)


def test_closures_over_outer_values_batched_or_not() -> None:
    def f(x):
        scaled = np.sum(x) * W
        return irgrad.vmap(lambda row, w: row * w + x[0], (0, None))(scaled, x[1])

    expected = [np.sum(x) * W * x[1] + x[0] for x in X]
    close(irgrad.vmap(f)(X), expected)
    gradient = irgrad.vmap(irgrad.grad(lambda x: np.sum(f(x) ** 2)))(X)
    close(gradient, [irgrad.grad(lambda x: np.sum(f(x) ** 2))(x) for x in X])


def test_closed_over_arrays_are_read_when_it_runs() -> None:
    data = np.ones(3)
    f = irgrad.vmap(lambda x: x * data)
    close(f(X), X)
    data[:] = 2
    close(f(X), 2 * X)


def test_a_decorated_method_and_what_is_compiled_once() -> None:
    traced = []

    class Model:
        scale = 2.0

        @irgrad.vmap
        def both(self, x):
            traced.append(1)
            return self.scale * x

    model = Model()
    close(model.both(X), 2 * X)
    close(model.both(X + 1), 2 * X + 2)
    assert len(traced) == 1
    assert irgrad.vmap(np.sin) == irgrad.vmap(np.sin)
    assert irgrad.vmap(np.sin) != irgrad.vmap(np.sin, 1)
    close(irgrad.vmap("x * x")(X), X * X)


def test_the_graph_has_no_loop_and_keeps_lines_and_adjoints() -> None:
    graph = irgrad.trace(irgrad.vmap(irgrad.grad(lambda x: np.sum(np.sin(x @ W)))), X)
    assert len(graph) < 15
    assert all(node.location is not None for node in graph.nodes)
    assert any("x.bar" in node.names for node in graph.nodes)
    assert any(node.origin is not None and node.origin.rule == "vjp" for node in graph.nodes)


def test_what_does_not_depend_on_the_example_is_computed_once() -> None:
    graph = irgrad.trace(irgrad.vmap(lambda x, w: x * np.exp(w), (0, None)), X, W[:, 0])
    assert [str(node.types[0]) for node in graph.nodes] == ["f64[3]", "f64[5,3]"]


@register("test_twice")
class Twice(Op):
    """An op from outside without a batching rule: two outputs."""

    by: int

    def result_types(self, *operands: ArrayType) -> tuple[ArrayType, ...]:
        return (operands[0], ArrayType(operands[0].dtype, ()))

    def reference(self, *operands: Array) -> tuple[Array, ...]:
        return operands[0] * self.by, np.asarray(np.sum(operands[0] * operands[1]))


def test_an_op_without_a_rule_is_applied_to_each_example() -> None:
    assert "test_twice" in REGISTRY
    f = irgrad.vmap(lambda x, y: bind(Twice(3), x, y), (0, None))
    double, total = f(X, X[0])
    close(double, 3 * X)
    close(total, X @ X[0])
    double, total = f(X[:0], X[0])
    assert double.shape == (0, 3) and total.shape == (0,)


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: irgrad.vmap(lambda x, y: x)(X, X[:2]), ShapeError, "y is f64.2,3. and has 2"),
        (lambda: irgrad.vmap(lambda x, y: x)(X, 2.0), ArgumentError, "y is f64.*no axis"),
        (lambda: irgrad.vmap(lambda x, y: x)(X, 2), ArgumentError, "y is the Python number 2"),
        (lambda: irgrad.vmap(lambda x, y: x)(X, y=2.0), ArgumentError, "by position, with"),
        (lambda: irgrad.vmap(lambda x, y: x, (0,))(X, X), ArgumentError, "has 1 entries"),
        (lambda: irgrad.vmap(lambda x: x, 2)(X), ArgumentError, "in_axes=2 for x: axis 2"),
        (lambda: irgrad.vmap(lambda x: x, ((0, 0),))(X), ArgumentError, "does not fit the argum"),
        (lambda: irgrad.vmap(lambda x: x, None)(X), ArgumentError, "no argument of .* is mapped"),
        (lambda: irgrad.vmap(lambda x: x, 0, 5)(X), ArgumentError, "out_axes=5 for the result"),
        (lambda: irgrad.vmap(lambda x: x, 0, (0, 0))(X), ArgumentError, "does not fit the result"),
        (lambda: irgrad.vmap(lambda x: {"a": x}, 0, None)(X), ArgumentError, r"result\['a'\]"),
        (lambda: irgrad.vmap(lambda x: x, "x")(X), ArgumentError, "in_axes must be an int"),
        (lambda: irgrad.vmap(lambda x: x, 0, 1.5)(X), ArgumentError, "out_axes must be an int"),
        (lambda: irgrad.vmap(lambda x: x, axis_size=4)(X), ShapeError, "axis_size has 4"),
        (lambda: irgrad.vmap(lambda x: x, axis_size=X), ArgumentError, "a number of examples"),
        (lambda: irgrad.vmap(3), ArgumentError, "cannot transform an int"),
        (lambda: irgrad.vmap(lambda x: x[x > 0])(X), UnsupportedError, "mask"),
    ],
)
def test_errors(call, error, message) -> None:
    with pytest.raises(error, match=message):
        call()


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_random_programs_and_axes(data) -> None:
    """A random program of several arguments, each mapped on a random axis or not at all."""
    rank = data.draw(st.integers(0, 2))
    shape = tuple(data.draw(st.lists(st.integers(1, 3), min_size=rank, max_size=rank)))
    axes = data.draw(
        st.tuples(*[st.none() | st.integers(-rank - 1, rank)] * 2).filter(
            lambda a: a != (None,) * 2
        )
    )
    out_axis = data.draw(st.integers(-rank - 1, rank))
    steps = data.draw(
        st.lists(
            st.sampled_from(["sin", "add", "flip", "cumsum", "sort", "norm", "roll"]), max_size=5
        )
    )

    def f(x, y):
        for step in steps:
            if step == "sin":
                x = np.sin(x)
            elif step == "add":
                x = x * y + 1
            elif step == "norm":
                x = x / (1 + np.sum(y * y))
            elif rank and step == "flip":
                x = np.flip(x, 0)
            elif rank and step == "cumsum":
                x = np.cumsum(x, -1)
            elif rank and step == "sort":
                x = np.sort(x, 0)
            elif rank:
                x = np.roll(x, 1, 0) - y
        return x + y

    rng = np.random.default_rng(len(steps))
    whole = [
        rng.standard_normal(
            shape if axis is None else np.insert(np.array(shape, int), axis % (rank + 1), 4)
        )
        for axis in axes
    ]
    pieces = [
        [x] * 4 if axis is None else list(np.moveaxis(x, axis, 0))
        for x, axis in zip(whole, axes, strict=True)
    ]
    each = [np.asarray(f(x, y)) for x, y in zip(*pieces, strict=True)]
    close(irgrad.vmap(f, axes, out_axis)(*whole), np.stack(each, out_axis))
