"""Nodes are called after the user's variables, however these are bound."""

from __future__ import annotations

import contextlib
import importlib.util
import sys
from typing import Any

import numpy as np
import pytest

import irgrad

X = np.array([1.0, 2.0, 3.0])

BINDINGS = {
    "call": ("u = np.sin(x)", "u:sin"),
    "operator": ("u = 2 * x", "u:multiply"),
    "of an inner function": ("u = direct(x)", "u:multiply"),
    "named inside": ("u = inner(x)", "u:multiply"),
    "named twice inside": ("u = outer(x)", "r:multiply u:add"),
    "twice": ("a = inner(x); b = inner(a)", "a:multiply b:multiply"),
    "passed through": ("u = np.sin(x); v = same(u)", "u:sin"),
    "a lambda": ("u = (lambda t: np.cos(t))(x)", "u:cos"),
    "side by side": ("a, b = np.sin(x), inner(x)", "a:sin b:multiply"),
    "a pair": ("a, b = pair(x)", "a:add b:subtract"),
    "nested": ("a, (b, c) = direct(x), pair(x)", "a:multiply b:add c:subtract"),
    "starred": ("a, *b = np.sin(x), np.cos(x), np.tan(x)", "a:sin b:cos b_2:tan"),
    "a list": ("[a, b] = pair(x)", "a:add b:subtract"),
    "rows": ("a, b, c = x", "a:reshape b:reshape c:reshape"),
    "chained": ("u = v = inner(x)", "u:multiply"),
    "chained pairs": ("p = a, b = pair(x)", "a:add b:subtract"),
    "an alias": ("u = np.sin(x); v = u; w = v", "u:sin"),
    "an argument": ("u = x; v = np.sin(u)", "x:input v:sin"),
    "annotated": ("u: np.ndarray = inner(x)", "u:multiply"),
    "walrus": ("y = np.sum(u := inner(x))", "u:multiply y:sum"),
    "in a comprehension": ("m = [s := inner(t) for t in (x, x + 1)]", "s:multiply s_2:multiply"),
    "in place": ("u = inner(x); u += 1", "u:multiply u_2:add"),
    "written to": ("u = inner(x); u[0] = 5.0", "u:multiply u_2:update_slice"),
    "made here": ("u = np.zeros(3); u[0] = x[0]", "u:broadcast_to u_2:update_slice"),
    "for": ("for r in (np.sin(x), np.cos(x)): t = r * 2", "r:sin r_2:cos t:multiply t_2:multiply"),
    "for pairs": (
        "for k, (a, b) in enumerate([pair(x), pair(x)]): pass",
        "a:add b:subtract a_2:add b_2:subtract",
    ),
    "for with break": ("for r in (np.sin(x), np.cos(x)):\n  if r.ndim: break", "r:sin"),
    "for rows": ("for r in x: pass", "r:reshape r_2:reshape r_3:reshape"),
    "with": ("with context(x) as u: v = inner(u)", "u:exp v:multiply"),
    "if": ("if x[0] > 0: u = np.sin(x)\nelse: u = np.cos(x)", "u:cond"),
    "known if": ("if x.ndim: u = np.sin(x)\nv = u", "u:sin"),
    "loop": ("u = np.cos(x)\nfor i in range(100): u = np.sin(u)", "u_2:sin"),
    "item": ("d = {}; d['k'] = np.sin(x); u = d['k']", "u:sin"),
    "attribute": ("o = Box(); o.value = np.sin(x); u = o.value", "value:sin"),
    "method": ("o = Box(); u = o.method(x)", "u:multiply"),
    "compiled inside": ("u = irgrad.compile(inner)(x)", "u:multiply"),
    "nested function": ("def h(t):\n  r = np.sin(t)\n  return r\nu = h(x)", "u:sin"),
}
UNCAPTURED = ("call", "operator", "chained", "in place", "annotated", "walrus")

HEAD = """
import contextlib
import numpy as np
import irgrad

def direct(x): return 3 * x
def inner(x):
    r = 3 * x
    return r
def outer(x):
    r = inner(x)
    s = r + 1
    return s
def same(x): return x
def pair(x): return x + 1, x - 1
@contextlib.contextmanager
def context(x): yield np.exp(x)
class Box:
    def method(self, x):
        r = 3 * x
        return r

"""


@pytest.fixture
def function(tmp_path):
    """A function of x with the given body, that stands in a file."""

    def make(body):
        text = HEAD + "def f(x):\n" + "".join(f"    {line}\n" for line in body.split("\n"))
        path = tmp_path / f"named_{abs(hash(body))}.py"
        path.write_text(text + "    return list(locals().values())\n")
        spec = importlib.util.spec_from_file_location(path.stem, path)
        module = importlib.util.module_from_spec(spec)
        sys.modules[path.stem] = module
        spec.loader.exec_module(module)
        return module.f

    return make


@pytest.mark.parametrize("case", BINDINGS)
def test_names(case, function) -> None:
    body, expected = BINDINGS[case]
    # what stays of local variables is no pytree in places: only the trace counts
    f = function(body + "\n")
    graph = irgrad.trace(lambda x: (f(x), 0)[1] + x, X)
    found = [(graph.names[node.outputs[0]], node.op.name) for node in graph.nodes]
    found += [(graph.names[value], "input") for value in graph.inputs]
    for each in expected.split():
        assert tuple(each.split(":")) in found or case == "loop"
    words = {each.split(":")[0] for each in expected.split()} | {"x", "t", "v", "k", "w"}
    for name, op in found:
        assert name in words or name.isdigit() or case == "loop", (name, op)


def test_the_loop_s_region() -> None:
    def f(x):
        u = np.cos(x)
        for _ in range(100):
            u = np.sin(u)
        return u

    text = str(irgrad.trace(f, X))
    assert "%u: f64[3])" in text
    assert "%u_2: f64[3] = sin(%u)" in text


@pytest.mark.parametrize("case", UNCAPTURED)
def test_names_from_bytecode(case, function) -> None:
    body, expected = BINDINGS[case]
    body = body.replace("inner(x)", "np.exp(x)")
    f = function(body)
    with irgrad.without_capture():
        graph = irgrad.trace(lambda x: (f(x), 0)[1] + x, X)
    found = {graph.names[node.outputs[0]] for node in graph.nodes}
    wanted = {each.split(":")[0] for each in expected.split()}
    assert wanted - {"b", "b_2"} <= found


def test_unpacked_results_in_bytecode() -> None:
    def f(x):
        a, b = np.split(x[:2], 2)
        c, *d = np.split(x, 3)
        return a, b, c, d

    with irgrad.without_capture():
        graph = irgrad.trace(f, X)
    assert {"a", "b", "c"} <= set(graph.names.values())


def test_the_adjoint_of_any_variable() -> None:
    def inner(x):
        r = 3 * x
        return r  # noqa: RET504 -- its name is the point

    def f(x):
        u = inner(x)
        v = u
        a, (b, *c) = np.sin(u), (v * u, u + 1)
        values, _ = np.linalg.eigh(np.diag(b))
        g = np.zeros(3)
        g[:] = a
        return np.sum(g * values) + np.sum(c[0])

    def at(name):
        return irgrad.grad(f, argnums=name)(X)

    np.testing.assert_allclose(at("u"), at("x") / 3)
    np.testing.assert_allclose(at("r"), at("u"))  # the name inside is known, too
    np.testing.assert_allclose(at("v"), at("u"))
    np.testing.assert_allclose(at("g"), (3 * X) ** 2)
    np.testing.assert_allclose(at("values"), np.sin(3 * X))


def test_locations_of_statements_over_lines() -> None:
    # fmt: off
    def f(x):
        if (
            x > 0
        ):
            y = np.sin(x)
        else:
            y = np.cos(x)
        for _ in range(100):
            y = (
                y
                + 1
            )
        return y
    # fmt: on

    graph = irgrad.trace(f, 1.0)
    first = f.__code__.co_firstlineno
    lines = {n.op.name: n.location.line - first for n in graph.nodes if n.location}
    assert lines["cond"] == 1
    assert lines["loop"] == 7


def test_captures_of_regions_are_named() -> None:
    def f(x, w):
        u = w * 2
        return irgrad.fori_loop(0, 9, lambda i, c: c * u + w, x)

    text = str(irgrad.trace(f, X, X))
    assert "graph @lambda(%i: i64[], %c: f64[3], %u: f64[3], %w: f64[3])" in text


def test_naming_changes_nothing() -> None:
    def f(x):
        _, *b = iter([x, x + 1])
        with contextlib.suppress(ValueError):
            _, _ = (q for q in [x])
        (e) = 5
        return b, e

    b, e = irgrad.compile(f)(X)
    assert e == 5
    np.testing.assert_allclose(b[0], X + 1)


def test_each_output_of_an_op_has_its_variable_s_name() -> None:
    def f(a):
        q, r = np.linalg.qr(a)
        w, v = np.linalg.eigh(a + a.T)
        return np.sum(q * r) + np.sum(w) * np.sum(v)

    a = np.arange(9.0).reshape(3, 3) + np.eye(3)
    text = str(irgrad.trace(f, a))
    assert "%q: f64[3,3], %r: f64[3,3] = qr(%a)" in text
    assert "%w: f64[3], %v: f64[3,3] = eigh(" in text
    differentiated = irgrad.trace(irgrad.grad(f), a)
    assert {"q.bar", "r.bar", "w.bar", "v.bar"} <= set(differentiated.names.values())
    q, r = np.linalg.qr(a)
    w, v = np.linalg.eigh(a + a.T)
    expected = {"q": r, "r": q, "w": np.full(3, v.sum()), "v": np.full((3, 3), w.sum())}
    for name, value in expected.items():
        for capture in (True, False):
            found = irgrad.compile(irgrad.grad(f, argnums=name), capture=capture)(a)
            np.testing.assert_allclose(found, value, rtol=1e-10, err_msg=name)


def test_hand_written_names_of_outputs_stay() -> None:
    lines = ["graph @f(%a: f64[2,2]) -> (r: f64[2,2]) {"]
    lines += ["  %first: f64[2,2], %0: f64[2,2] = qr(%a)", "  return r=%0", "}"]
    text = "\n".join(lines)
    graph = irgrad.parse(text)
    assert str(graph) == text
    other = irgrad.parse(text.replace("%first", "%x").replace("%0", "%last"))
    assert other == graph
    assert other.structural_hash == graph.structural_hash
    assert str(other) != text


WEIGHTS = np.ones((2, 2))
LAYERS = [np.ones(2), np.full(2, 2.0)]
KEYED: dict[Any, Any] = {0.5: np.ones(2), "k" * 99: np.ones(2)}


class Affine:
    def __init__(self) -> None:
        self.w = np.ones((2, 2))
        self.parts = {"shift": [np.zeros(2), np.ones(2)]}

    def __call__(self, x: Any) -> Any:
        return self.w @ x + self.parts["shift"][1]


def test_arrays_from_outside_are_called_after_what_holds_them() -> None:
    shift, options = np.ones(2), {"scale": np.ones(2)}

    def inner(x: Any) -> Any:
        return x + shift

    def each(x: Any) -> Any:
        for row in LAYERS:
            x = x * row
        return x

    def steps(x: Any) -> Any:
        for _ in range(30):
            x = np.tanh(WEIGHTS @ x)
        return np.sum(x)

    model = Affine()
    cases: dict[str, tuple[Any, list[str]]] = {
        "global": (lambda x: WEIGHTS @ x, ["x", "WEIGHTS"]),
        "local": (lambda x: x * shift, ["x", "shift"]),
        "dict": (lambda x: x * options["scale"], ["x", "options.scale"]),
        "list": (lambda x: x * LAYERS[1], ["x", "LAYERS.1"]),
        "self": (model, ["x", "self.w", "self.parts.shift.1"]),
        "object": (lambda x: model.w @ x, ["x", "model.w"]),
        "called": (lambda x: inner(x), ["x", "shift"]),
        "items": (each, ["x", "row", "row_2"]),
        "no name": (lambda x: x * np.sqrt(np.asarray(shift).copy()), ["x", "shift"]),
        "part": (lambda x: x * WEIGHTS[0], ["x", "captured_0"]),
        "loop": (steps, ["x", "WEIGHTS"]),
        "no text": (lambda x: x * KEYED[0.5], ["x", "captured_0"]),
        "long text": (lambda x: x * KEYED["k" * 99], ["x", "captured_0"]),
    }
    for case, (function, names) in cases.items():
        for traced in (function, irgrad.grad(lambda x, f=function: np.sum(f(x)))):
            graph = irgrad.trace(traced, np.ones(2))
            assert list(graph.input_names) == names, case
