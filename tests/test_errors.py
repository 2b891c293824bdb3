"""What a user reads after a mistake: what failed, their own line, and the remedy."""

from __future__ import annotations

import os
import subprocess
import sys

import numpy as np
import pytest

import irgrad
from irgrad import errors

X = np.array([1.0, 2.0, 3.0])


def message(kind: type[Exception], call) -> str:
    """The message of the error of `kind` that `call` raises."""
    with pytest.raises(kind) as caught:
        call()
    return str(caught.value)


def shows(text: str, *parts: str) -> None:
    for part in parts:
        assert part in text, f"{part!r} is not in:\n{text}"


def test_shape_mismatch_names_operands_line_and_remedy() -> None:
    def loss(w, x):
        return np.sum(w @ x)  # the guilty line

    text = message(errors.ShapeError, lambda: irgrad.grad(loss)(np.ones((4, 3)), np.ones(4)))
    shows(
        text,
        "3 and 4",
        "%w: f64[4,3]",
        "test_errors.py:",
        "np.sum(w @ x)",
        "hint:",
    )
    assert issubclass(errors.ShapeError, ValueError)


def test_broadcast_mismatch() -> None:
    text = message(errors.ShapeError, lambda: irgrad.trace(lambda x: x + np.ones(4), X))
    shows(text, "(3,)", "(4,)", "do not broadcast", "test_errors.py")


def test_unsupported_function_is_named_with_the_line() -> None:
    text = message(errors.UnsupportedError, lambda: irgrad.grad(lambda x: np.sum(np.unique(x)))(X))
    shows(text, "np.unique", "np.sum(np.unique(x))", "test_errors.py")


def test_unsupported_ufunc_is_named() -> None:
    from scipy import special

    text = message(
        errors.UnsupportedError, lambda: irgrad.trace(lambda x: special.mathieu_a(1.0, x), X)
    )
    shows(text, "mathieu_a", "test_errors.py")


def test_non_scalar_output() -> None:
    text = message(errors.ShapeError, lambda: irgrad.grad(lambda x: np.sin(x))(X))
    shows(text, "scalar", "f64[3]", "sum the result", "jacobian", "test_errors.py")


@pytest.mark.parametrize(
    ("result", "parts"),
    [
        (lambda x: None, ("returns None", "is a return missing?")),
        (lambda x: "loss", ("the Python str 'loss'",)),
        (lambda x: 5, ("the Python int 5", "does not depend on the arguments")),
        (lambda x: (x, x), ("a tuple of 2 values", "has_aux=True", "jacobian")),
        (lambda x: [x], ("a list of 1 value", "return one scalar")),
        (lambda x: {"loss": x}, ("a dict of 1 value",)),
    ],
)
def test_outputs_that_are_no_scalar(result, parts) -> None:
    for transform in (irgrad.grad, irgrad.value_and_grad):
        for f, options in ((result, {}), (lambda x: (result(x), x), {"has_aux": True})):
            text = message(errors.ArgumentError, lambda t=transform, f=f, o=options: t(f, **o)(1.0))
            shows(text, "grad needs a scalar", *parts, "test_errors.py:")


def test_has_aux_needs_a_pair() -> None:
    for result in (
        lambda x: x,
        lambda x: (x,),
        lambda x: (x, x, x),
        lambda x: None,
        lambda x: [x, x],
    ):
        for call in (
            lambda f: irgrad.grad(f, has_aux=True)(1.0),
            lambda f: irgrad.vjp(f, 1.0, has_aux=True),
            lambda f: irgrad.jvp(f, (1.0,), (1.0,), has_aux=True),
        ):
            text = message(errors.ArgumentError, lambda f=result, call=call: call(f))
            shows(text, "must return (value, aux), it returns", "test_errors.py:")


def test_integer_output() -> None:
    text = message(errors.DTypeError, lambda: irgrad.grad(lambda x: np.argmax(x))(X))
    shows(text, "float result", "i64[]")


def test_complex_output_and_holomorphic() -> None:
    text = message(errors.DTypeError, lambda: irgrad.grad(lambda x: np.sum(x * 1j))(X))
    shows(text, "real scalar", "c128", ".real", "holomorphic")
    text = message(errors.DTypeError, lambda: irgrad.grad(lambda z: np.sum(z))(X * 1j))
    shows(text, "real scalar", "c128", "pass holomorphic=True")
    holomorphic = lambda f: irgrad.grad(f, holomorphic=True)  # noqa: E731 -- short
    text = message(errors.DTypeError, lambda: holomorphic(lambda z: np.sum(np.abs(z)))(X * 1j))
    shows(text, "holomorphic=True needs a complex result", "f64[]", "leave holomorphic=True out")
    text = message(errors.DTypeError, lambda: holomorphic(lambda p: np.sum(p["x"] * 1j))({"x": X}))
    shows(text, "holomorphic=True needs complex arguments", "p['x'] is f64[3]", "astype(complex)")


def test_complex_to_real_conversion() -> None:
    text = message(errors.DTypeError, lambda: irgrad.trace(lambda z: z.astype(np.float64), X * 1j))
    shows(text, "imaginary part", ".real", "test_errors.py")


def test_python_if_on_a_traced_value() -> None:
    def f(x):
        if x > 0:
            return x
        return -x

    with irgrad.without_capture():
        text = message(errors.TraceError, lambda: irgrad.vmap(irgrad.grad(f))(np.ones(3)))
    shows(text, "truth value", "if x > 0:", "np.where", "test_errors.py")


@pytest.mark.parametrize("convert", [float, int, complex, np.asarray])
def test_asking_a_tracer_for_its_number(convert) -> None:
    with irgrad.without_capture():
        text = message(errors.TraceError, lambda: irgrad.trace(lambda x: convert(x) * 2, 1.5))
    shows(text, "traced value", "convert(x)", "test_errors.py", "hint:")


def test_tracer_as_index_or_size() -> None:
    text = message(
        errors.UnsupportedError,
        lambda: irgrad.trace(lambda x, n: np.ones(n) * x, 1.5, np.int64(3)),
    )
    shows(text, "size", "Python int", "test_errors.py")


def test_in_place_write_into_a_constant_array() -> None:
    def f(x):
        out = np.zeros(3)
        out[0] = x
        return out

    with irgrad.without_capture():
        text = message(errors.TraceError, lambda: irgrad.trace(f, 1.5))
    shows(text, "in-place write into a constant NumPy array", "out[0] = x", "np.stack")


def test_accumulation_into_a_constant_array() -> None:
    def f(x):
        total = np.zeros(3)
        total += x
        return total

    with irgrad.without_capture():
        text = message(errors.UnsupportedError, lambda: irgrad.trace(f, X))
    shows(text, "in-place write into a constant NumPy array", "total += x", "a = a + x")


def test_in_place_operators_follow_every_name() -> None:
    def f(x):
        y = x * 1.0
        z = y
        y += 1.0
        return z

    np.testing.assert_array_equal(irgrad.compile(f)(X), X + 1)


def test_out_of_range_static_index() -> None:
    text = message(errors.IndexOutOfBounds, lambda: irgrad.trace(lambda x: x[3], X))
    shows(text, "3", "axis 0", "x[3]", "test_errors.py")
    assert issubclass(errors.IndexOutOfBounds, IndexError)


def test_escaped_tracer() -> None:
    kept = []
    irgrad.trace(lambda x: kept.append(x) or x, 1.0)
    shows(
        message(errors.TraceError, lambda: kept[0] + 1.0),
        "after the function that was traced had returned",
    )
    shows(message(errors.TraceError, lambda: irgrad.trace(lambda y: y + kept[0], 1.0)), "escaped")


def test_malformed_text_and_unknown_op() -> None:
    text = message(
        errors.IRTextError,
        lambda: irgrad.parse("graph @f(%x: f64[]) -> () {\n  %y: f64[ = sin(%x)\n}"),
    )
    shows(text, "line 2", "type", "^")
    bad = "graph @f(%x: f64[]) -> (y: f64[]) {\n  %y: f64[] = sinn(%x)\n  return y=%y\n}"
    shows(
        message(errors.IRTextError, lambda: irgrad.parse(bad)),
        "unknown op 'sinn'",
        "did you mean 'sin'",
        "^",
    )


def test_unknown_backend() -> None:
    text = message(errors.BackendError, lambda: irgrad.compile(lambda x: x, backend="nump"))
    shows(text, "no backend called 'nump'", "installed: ", "did you mean 'numpy'?")
    with pytest.raises(errors.BackendError), irgrad.use_backend("nope"):
        pass


def test_unknown_backend_in_the_environment() -> None:
    code = "import irgrad; irgrad.grad(lambda x: x * x)(1.0)"
    run = subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, "IRGRAD_BACKEND": "nope"},
        capture_output=True,
        text=True,
    )
    shows(run.stderr, "no backend called 'nope'")


def test_unknown_argnums() -> None:
    f = lambda x, y: x * y  # noqa: E731 -- a lambda has parameter names too
    shows(
        message(errors.ArgumentError, lambda: irgrad.grad(f, 2)(1.0, 2.0)),
        "argnums=2",
        "2 positional",
    )
    for argnums in (1.5, None, {0}, (0, None), True):
        shows(
            message(errors.ArgumentError, lambda a=argnums: irgrad.grad(f, a)),
            "argnums must be ints, names or a tuple of them",
        )
    shows(
        message(errors.ArgumentError, lambda: irgrad.grad(f, "z")(1.0, 2.0)),
        "no value called 'z'",
        "x, y",
    )


def test_float16_is_refused_with_a_remedy() -> None:
    text = message(errors.DTypeError, lambda: irgrad.trace(lambda x: x, X.astype(np.float16)))
    shows(text, "float16", "float32")


def test_object_and_string_arrays_are_refused() -> None:
    for array in (np.array(["a"]), np.array([object()])):
        shows(
            message(errors.DTypeError, lambda a=array: irgrad.trace(lambda x: x, a)),
            "not supported",
        )


def test_tangents_and_cotangents_that_do_not_fit() -> None:
    shows(
        message(errors.ArgumentError, lambda: irgrad.jvp(np.sin, (X,), (np.ones(2),))),
        "tangent",
        "(2,)",
        "(3,)",
    )
    shows(message(errors.ArgumentError, lambda: irgrad.jvp(np.sin, (X,), (X, X))), "structure")
    _, pull = irgrad.vjp(np.sin, X)
    shows(message(errors.ArgumentError, lambda: pull(1.0)), "cotangent", "()", "(3,)")
    shows(message(errors.ArgumentError, lambda: pull((X, X))), "structure")


def test_a_captured_array_that_changed_its_shape() -> None:
    data = np.arange(4.0)
    f = irgrad.compile(lambda x: np.sum(data * x))
    f(1.0)
    data.resize(2, refcheck=False)
    shows(message(errors.ArgumentError, lambda: f(1.0)), "closes over", "f64[4]")


def test_a_missing_attribute_is_named_and_hasattr_says_no() -> None:
    asked = []
    irgrad.trace(lambda x: asked.append(hasattr(x, "no_such")) or x, X)
    assert asked == [False]
    text = message(errors.UnsupportedError, lambda: irgrad.trace(lambda x: x.strides, X))
    shows(text, "ndarray.strides", "x.strides", "test_errors.py")


def test_a_refusal_of_code_without_source_says_that_source_would_help() -> None:
    scope = {"np": np}
    lines = ["def f(x):", "    a = np.zeros(2)", "    a[0] = x", "    return a"]
    exec(compile("\n".join(lines), "<stdin>", "exec"), scope)
    text = message(errors.TraceError, lambda: irgrad.compile(scope["f"])(1.0))
    shows(text, "in-place write", "note: this code has no source", "a file or a notebook")

    def g(x):
        a = np.zeros(2)
        a[0] = x
        return a

    with irgrad.without_capture():
        text = message(errors.TraceError, lambda: irgrad.compile(g)(1.0))
    assert "in-place write" in text and "no source" not in text
