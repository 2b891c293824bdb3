"""What the control-flow functions refuse: which value, the user's line, expected, got, remedy."""

from __future__ import annotations

import functools

import numpy as np
import pytest

import irgrad
from irgrad.errors import (
    ArgumentError,
    DTypeError,
    IrgradError,
    OptionError,
    ShapeError,
    TraceError,
)

ONES = np.ones(3)


def refused(function, *args) -> str:
    with pytest.raises(IrgradError) as caught:
        irgrad.compile(function)(*args)
    message = str(caught.value)
    assert "test_errors.py:" in message, f"no line of the user's:\n{message}"
    return message


def test_a_carried_value_that_changes_shape() -> None:
    def run(x):
        def step(c, t):
            grown = np.stack([c, t])
            return grown, None

        return irgrad.scan(step, 0.0, x)

    message = refused(run, ONES)
    assert "scan: the carried value changes its shape: expected f64[], got f64[2]" in message
    assert "grown = np.stack([c, t])" in message
    assert "start with an array of shape (2,)" in message


def test_a_carried_value_that_changes_dtype() -> None:
    def run(x):
        def step(i, c):
            return {"a": c["a"] + 1, "b": c["b"] * x}

        return irgrad.fori_loop(0, 3, step, {"a": 0, "b": np.float32(1)})

    message = refused(run, np.float64(2))
    assert (
        "fori_loop: the carried value['b'] changes its dtype: expected f32[], got f64[]" in message
    )
    assert "start with .astype(np.float64)" in message
    message = refused(
        lambda x: irgrad.while_loop(lambda c: c.real < 3, lambda c: c * 1j, x), 2.0 * np.ones(())
    )
    assert "expected f64[], got c128[]" in message


def test_carried_values_that_are_no_arrays() -> None:
    message = refused(lambda x: irgrad.scan(lambda c, t: (c, t), {"name": "sum"}, x), ONES)
    assert "scan: init['name']: a str is not an array" in message
    assert "close over it" in message
    message = refused(lambda x: irgrad.scan(lambda c, t: (object(), t), 0.0, x), ONES)
    assert "the result[0]: an object is not an array" in message
    for result in (
        lambda x: irgrad.scan(lambda c, t: (c, "y"), 0.0, x),
        lambda x: irgrad.cond(x[0] > 0, lambda: (x, "yes"), lambda: (x, "no")),
    ):
        message = refused(result, ONES)
        assert "the result[1]: a str is not an array" in message
        assert "hint: return arrays" in message and "close over" not in message
    message = refused(lambda x: irgrad.fori_loop(0, 2, lambda i, c: None, x), ONES)
    assert "is f64[3] before the step and None after" in message


def test_carried_values_of_another_structure() -> None:
    message = refused(lambda x: irgrad.scan(lambda c, t: ((c, c), t), 0.0, x), ONES)
    assert "expected *, got (*, *)" in message
    message = refused(lambda x: irgrad.scan(lambda c, t: c, 0.0, x), ONES)
    assert "must return a pair" in message


def test_what_is_scanned() -> None:
    message = refused(
        lambda x: irgrad.scan(lambda c, t: (c, None), 0.0, {"a": x, "b": x[:2]}), ONES
    )
    assert "differ in their first extent: xs['a']: 3, xs['b']: 2" in message
    message = refused(lambda x: irgrad.scan(lambda c, t: (c, None), 0.0, x, length=4), ONES)
    assert "xs: 3, length: 4" in message
    message = refused(lambda x: irgrad.scan(lambda c, t: (c, None), 0.0, x), 1.0)
    assert "xs has no axis to go along" in message
    message = refused(lambda x: irgrad.scan(lambda c, t: (c, None), x, None), 1.0)
    assert "pass length=" in message


def test_bounds_and_conditions() -> None:
    message = refused(lambda x: irgrad.fori_loop(0, x, lambda i, c: c, x), 2.5)
    assert "upper must be an integer, got f64[]" in message
    message = refused(lambda x: irgrad.while_loop(lambda c: c < 1, lambda c: c, x), ONES)
    assert "the condition must be a scalar bool, got bool[3]" in message
    assert "np.any" in message


def test_a_loop_that_never_ends() -> None:
    for test in (lambda c: True, lambda c: np.array(3) > 2, lambda c: np.any(np.ones(3) > 0)):
        message = refused(lambda x, t=test: irgrad.while_loop(t, lambda c: c + 1, x), 1.0)
        assert "the condition is True whatever the value is" in message
    message = refused(irgrad.vmap(lambda x: irgrad.while_loop(lambda c: True, np.sin, x)), ONES)
    assert "let the condition read what the step changes" in message
    never = irgrad.compile(lambda x: irgrad.while_loop(lambda c: False, lambda c: c + 1, x))
    assert never(1.0) == 1.0


def test_branches_that_differ() -> None:
    message = refused(lambda x: irgrad.cond(x > 0, lambda: x, lambda: np.stack([x, x])), 1.0)
    assert "cond: the result differs between the branches: f64[2] and f64[]" in message
    message = refused(
        lambda x: irgrad.cond(x > 0, lambda: x, lambda: x.astype(np.float32)), np.float64(1)
    )
    assert "f32[] and f64[]" in message
    message = refused(lambda x: irgrad.cond(x > 0, lambda: x, lambda: (x, x)), 1.0)
    assert "different structures: (*, *) and *" in message
    message = refused(lambda x: irgrad.cond(x > 0, lambda: 1, lambda: 2), ONES)
    assert "pred must be a scalar, got shape (3,)" in message
    assert "np.where" in message
    message = refused(lambda x: irgrad.switch(x, [lambda: 1]), 1.0)
    assert "index must be an integer, got f64[]" in message
    assert "no branches" in refused(lambda x: irgrad.switch(x, []), 1.0)


def test_regions_that_do_not_fit_are_refused_by_the_verifier() -> None:
    text = """
    graph @f(%x: f64[]) -> (y: f64[]) {
      %y: f64[] = loop(%x) {carried=1, scanned=0, length=2, backward=False, replay=False, body=
        graph @step(%i: i64[], %c: f32[]) -> (c: f32[]) { return c=%c }}
      return y=%y
    }"""
    with pytest.raises(
        IrgradError, match=r"the body @step takes f32\[\] as value 1, expected f64\[\]"
    ):
        irgrad.parse(text)
    shorter = text.replace("%c: f32[]) -> (c: f32[])", "%c: f64[]) -> (c: i64[])").replace(
        "c=%c", "c=%i"
    )
    with pytest.raises(IrgradError, match=r"gives i64\[\] as value 0, expected f64\[\]"):
        irgrad.parse(shorter)


@pytest.mark.parametrize(
    ("function", "argument", "order"),
    [
        (lambda x: irgrad.cond(x > 0, 3, lambda: x), "cond: true_fun", "pred, true_fun"),
        (lambda x: irgrad.cond(x > 0, lambda: x, x), "cond: false_fun", "pred, true_fun"),
        (lambda x: irgrad.switch(1, 3, x), "switch: branches", "index, branches"),
        (lambda x: irgrad.switch(1, np.array(3), x), "switch: branches", "index, branches"),
        (lambda x: irgrad.switch(1, [np.sin, x], x), "switch: branches[1]", "index, branches"),
        (lambda x: irgrad.scan(x, 0.0, np.sin), "scan: f", "f, init, xs"),
        (lambda x: irgrad.fori_loop(0, 3, x, np.sin), "fori_loop: body_fun", "lower, upper"),
        (lambda x: irgrad.while_loop(True, np.sin, x), "while_loop: cond_fun", "cond_fun, body"),
        (lambda x: irgrad.while_loop(np.isnan, 1, x), "while_loop: body_fun", "cond_fun, body"),
        (lambda x: irgrad.map(x, np.sin), "map: f", "f, xs"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_what_is_no_function(function, argument, order) -> None:
    message = refused(function, 1.0)
    assert f"{argument} must be a " in message
    assert ", got " in message
    assert f"({order}" in message


@pytest.mark.parametrize(
    ("function", "message"),
    [
        (lambda x: irgrad.fori_loop(0, 3, lambda c: c, x), "(i, value), but <lambda> takes (c)"),
        (lambda x: irgrad.fori_loop(0, 3, lambda i, a, b: a, (x, x)), "a tuple is unpacked inside"),
        (lambda x: irgrad.while_loop(lambda a, b: a < b, np.sin, x), "cond_fun is called with 1 a"),
        (lambda x: irgrad.while_loop(np.isnan, lambda i, c: c, x), "body_fun is called with 1 arg"),
        (lambda x: irgrad.scan(lambda c: (c, c), 0.0, x), "called with 2 arguments, (carry, x)"),
        (lambda x: irgrad.cond(x[0] > 0, lambda: x, lambda a: a), "false_fun is called without"),
        (lambda x: irgrad.cond(True, lambda a: x, lambda: x, x), "false_fun is called with 1 arg"),
        (lambda x: irgrad.switch(0, [lambda a: a, lambda: x], x), "branches[1] is called with 1"),
        (lambda x: irgrad.fori_loop(0, 3, np.sin, x), "(i, value), but sin takes (x1, /)"),
        (lambda x: irgrad.map(lambda a, b: a, x), "f is called with 1 argument, (x), but <lambda>"),
    ],
)
def test_functions_that_take_other_arguments(function, message) -> None:
    assert message in refused(function, ONES)


def test_functions_that_take_what_they_get() -> None:
    """Defaults, stars, partials, wrappers, methods, ufuncs and transformed functions."""

    class Model:
        def step(self, i, c):
            return c + 1

        def __call__(self, *args):
            return args[-1] + 1

    body = lambda scale, i, c, more=0: c + 1  # noqa: E731
    hvp = irgrad.hvp(lambda c: np.sum(c * c) / 2)  # takes (c, v)
    bodies = [Model().step, Model(), functools.partial(body, 2), lambda *a: a[1] + 1, np.maximum]
    for step in [*bodies, irgrad.compile(lambda i, c: c + 1)]:
        assert np.all(irgrad.fori_loop(0, 3, step, ONES) >= 1)
    np.testing.assert_allclose(irgrad.scan(lambda c, t: (hvp(c, c), None), ONES, ONES)[0], 1)
    np.testing.assert_allclose(irgrad.cond(True, hvp, hvp, ONES, ONES), ONES)


def test_map_speaks_of_itself() -> None:
    for xs, message in [
        (1.0, "map: xs has no axis to go along"),
        ((ONES, ONES[:2]), "map: the arrays of xs differ in their first extent: xs[0]: 3, xs["),
        (None, "map: xs holds no array"),
        ({"a": "b"}, "map: xs['a']: a str is not an array"),
    ]:  # fmt: skip
        with pytest.raises(IrgradError) as caught:
            irgrad.map(lambda x: x, xs)
        assert str(caught.value).startswith(message)


def test_keywords() -> None:
    step = lambda c, t: (c + t, c)  # noqa: E731
    run = lambda x: (  # noqa: E731
        irgrad.scan(f=step, init=x, xs=ONES, length=3, reverse=True, unroll=2)[0]
        + irgrad.fori_loop(lower=0, upper=3, body_fun=lambda i, c: c + 1, init_val=x, unroll=True)
        + irgrad.while_loop(cond_fun=lambda c: c < 3, body_fun=lambda c: c + 1, init_val=x)
        + irgrad.cond(x > 3, true_fun=lambda: x, false_fun=lambda: 2 * x)
        + irgrad.switch(index=1, branches=[lambda: x, lambda: 2 * x])
    )
    assert run(0.5) == irgrad.compile(run)(0.5) == 12.5
    for wrong, message in [
        (lambda: irgrad.scan(step, 0.0, ONES, unroll=0), "scan: unroll must be a number of steps"),
        (lambda: irgrad.fori_loop(0, 3, step, 0.0, unroll="a"), "fori_loop: unroll must be a numb"),
        (lambda: irgrad.scan(step, 0.0, ONES, reverse=2), "scan: reverse must be True or False, g"),
    ]:
        assert message in refused(wrong)


def test_lengths_and_budgets_that_are_no_numbers() -> None:
    for length in ("a", -1, 2.5):
        message = refused(lambda n=length: irgrad.scan(lambda c, t: (c, t), 0.0, None, n))
        assert "scan: length must be a number of steps, got" in message
    for budget in ("a", -1, np.inf, 1.5, True, np.nan, None):
        with pytest.raises(OptionError, match="expected a number of bytes"):
            irgrad.tape_budget(budget).__enter__()


def test_the_kinds_of_errors() -> None:
    with pytest.raises(ShapeError):
        irgrad.scan(lambda c, t: (c, None), 0.0, (ONES, ONES[:1]))
    with pytest.raises(DTypeError):
        irgrad.fori_loop(0, 2, lambda i, c: c * 1j, np.float64(1))
    with pytest.raises(ArgumentError):
        irgrad.scan(lambda c, t: c, 0.0, ONES)


def test_in_place_changes_of_values_from_outside() -> None:
    def run(x):
        total = x * 1.0

        def step(i, c):
            nonlocal total
            total += c
            return c * 2

        return irgrad.fori_loop(0, 3, step, x) + total

    message = refused(run, ONES)
    assert "an in-place write into an array from outside" in message
    assert "total += c" in message


def test_values_that_leave_their_loop() -> None:
    def run(x):
        kept = []

        def step(i, c):
            kept.append(c)
            return c * 2

        return irgrad.fori_loop(0, 3, step, x) + kept[0]

    assert "used after the function that was traced had returned" in refused(run, ONES)


HABITS = {
    "batch_size": lambda **kwargs: irgrad.map(np.sin, ONES, **kwargs),
    "_split_transpose": lambda **kwargs: irgrad.scan(lambda c, t: (c, t), 0.0, ONES, **kwargs),
    "operand": lambda **kwargs: irgrad.cond(True, np.sin, np.cos, **kwargs),
    "operands": lambda **kwargs: irgrad.switch(0, [np.sin, np.cos], **kwargs),
    "linear": lambda **kwargs: irgrad.cond(True, np.sin, np.cos, 1.0, **kwargs),
    "maxiter": lambda **kwargs: irgrad.while_loop(np.any, np.sin, 0.0, **kwargs),
    "policy": lambda **kwargs: irgrad.checkpoint(np.sin, **kwargs),
    "axis_name": lambda **kwargs: irgrad.vmap(np.sin, **kwargs),
}


@pytest.mark.parametrize("name", HABITS)
def test_keywords_of_jax_that_have_no_place(name) -> None:
    with pytest.raises(ArgumentError, match=f"has no keyword '{name}'; it has ") as caught:
        HABITS[name](**{name: 1.0})
    assert "test_errors.py" in str(caught.value)
    assert caught.value.hint or name.startswith("_")


def test_results_and_conditions_that_are_no_arrays_say_whose_they_are() -> None:
    for wrong, message in [
        (lambda x: irgrad.fori_loop(0, 3, lambda i, c: "a", x), "fori_loop: the result: a str"),
        (lambda x: irgrad.fori_loop(0, 3, lambda i, c: None, x), "hint: is a return missing?"),
        (lambda x: irgrad.scan(lambda c, t: (c, "a"), 0.0, x), "scan: the result[1]: a str"),
        (lambda x: irgrad.while_loop(lambda c: "a", lambda c: c, x), "while_loop: the result: a"),
        (lambda x: irgrad.cond(x[0] > 0, lambda: "a", lambda: "b"), "cond: the result: a str"),
        (lambda x: irgrad.cond(x[0] > 0, lambda: None, lambda: x), "hint: is a return missing?"),
        (lambda x: irgrad.cond(None, lambda: x, lambda: x), "cond: pred must be a number, got N"),
        (lambda x: irgrad.cond("a", lambda: x, lambda: x), "cond: pred must be a number, got str"),
    ]:
        assert message in refused(wrong, ONES)


def test_a_write_to_an_array_from_outside_is_an_error_with_a_public_name() -> None:
    def run(x):
        seen = np.zeros(3)

        def step(i, c):
            seen[0] = c[0]
            return c

        return irgrad.fori_loop(0, 3, step, x) + seen

    with pytest.raises(IrgradError, match="from outside") as caught:
        irgrad.compile(run)(ONES)
    assert type(caught.value) is TraceError
