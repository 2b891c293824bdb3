"""scan, fori_loop, while_loop and map: NumPy's meaning, both modes, second order, closures."""

from __future__ import annotations

import numpy as np
import pytest

import irgrad
from irgrad.errors import OutOfRange
from irgrad.ir.evaluate import evaluate
from irgrad.ops.loop import Loop
from tests.control import plain


@pytest.fixture(params=irgrad.backends(), autouse=True)
def _backend(request):
    with irgrad.use_backend(request.param):
        yield


def same(program, *args, order=2, exact=True, step=None) -> None:
    """A program on irgrad's loops, eager and compiled, and on plain ones; derivatives."""
    expected = program(plain, *args)
    for got in (program(irgrad, *args), irgrad.compile(lambda *x: program(irgrad, *x))(*args)):
        for one, other in zip(_leaves(got), _leaves(expected), strict=True):
            assert np.shape(one) == np.shape(other)
            if exact:
                assert np.asarray(one).dtype == np.asarray(other).dtype
            np.testing.assert_allclose(one, other, rtol=1e-12, atol=1e-13)
    if order:
        irgrad.check_grads(lambda *x: program(irgrad, *x), args, order, step=step)


def _leaves(tree):
    from irgrad.frontend.pytree import leaves_of

    return [leaf for leaf in leaves_of(tree) if leaf is not None]


RNG = np.random.default_rng(3)
X, W, XS = (0.4 * RNG.standard_normal(shape) for shape in [3, (3, 3), (5, 3)])


@pytest.mark.parametrize("reverse", [False, True])
def test_scan_in_both_directions(reverse) -> None:
    def program(m, w, x, xs):
        def step(c, x):
            h = np.tanh(w @ c + x)
            return h, np.sum(h * c)

        return m.scan(step, x, xs, reverse=reverse)

    same(program, W, X, XS)


def test_pytrees_none_and_integers_are_carried() -> None:
    def program(m, x, xs):
        def step(c, row):
            c = {"state": c["state"] * row["a"] + row["b"][0], "count": c["count"] + 1, "no": None}
            return c, (c["state"][0], None, {"n": c["count"]})

        start = {"state": x, "count": 0, "no": None}
        return m.scan(step, start, {"a": xs, "b": (xs[:, 0],)})

    same(program, X, XS)


def test_integers_become_floats_once() -> None:
    same(lambda m, x: m.fori_loop(0, 3, lambda i, s: s + i * x, 0), 1.5, exact=False)
    same(lambda m, xs: m.scan(lambda s, x: (s + x, s * 1.0), 0, xs), XS[:, 0], exact=False)
    got = irgrad.compile(lambda x: irgrad.fori_loop(0, 3, lambda i, s: s * x, 1.0))(np.float32(2))
    assert got.dtype == np.float32


def test_the_index_is_a_python_integer() -> None:
    same(lambda m, x: m.fori_loop(2, 6, lambda i, s: s * np.float32(0.5) + i, x), np.float32(1.5))
    same(lambda m, x: m.fori_loop(-3, 2, lambda i, s: np.sin(s) + i, x), 0.3)


@pytest.mark.parametrize("bounds", [(0, 0), (3, 1), (2, 2), (0, 1)])
def test_no_step_or_one(bounds) -> None:
    same(lambda m, x: m.fori_loop(*bounds, lambda i, s: np.sin(s) * s, x), X)
    low, high = map(np.asarray, bounds)
    traced = lambda x: irgrad.fori_loop(low + 0, high, lambda i, s: np.sin(s) * s, x)  # noqa: E731
    same(lambda m, x: m.fori_loop(*bounds, lambda i, s: np.sin(s) * s, x), X)
    run = irgrad.compile(lambda x, a, b: irgrad.fori_loop(a, b, lambda i, s: np.sin(s) * s, x))
    np.testing.assert_allclose(run(X, low, high), traced(X), rtol=1e-15)  # sin in machine code


@pytest.mark.parametrize("dtype", [np.int8, np.int32, np.int64, np.uint8, np.uint64])
def test_bounds_at_the_ends_of_their_dtypes(dtype) -> None:
    least, most = (int(end) for end in (np.iinfo(dtype).min, np.iinfo(dtype).max))
    top = min(most, 2**63 - 1)

    def counted(low, high):
        return irgrad.fori_loop(low, high, lambda i, c: (c[0] + 1, i), (0, 0))

    def ranged(low, high):
        count = last = 0
        for i in range(low, high):
            count, last = count + 1, i
        return count, last

    for low, high in [(least, least + 2), (top - 2, top), (most, least), (most // 2 + 1, least)]:
        expected = (2, high - 1) if low < high else (0, 0)
        bounds = dtype(low), dtype(high)
        assert counted(*bounds) == expected
        assert irgrad.compile(counted)(*bounds) == expected
        assert irgrad.compile(ranged)(*bounds) == expected
        if low <= top:
            assert irgrad.compile(lambda high, low=low: counted(low, high))(bounds[1]) == expected
        assert irgrad.compile(lambda low, high=high: counted(low, high))(bounds[0]) == expected
    if most > top:
        for bounds in ((most - 2, most), (top + 1, top + 3)):
            with pytest.raises(OverflowError, match=f"lower is {bounds[0]}, beyond int64"):
                irgrad.compile(counted)(*map(dtype, bounds))
    pick = irgrad.compile(lambda k: irgrad.switch(k, [lambda: 0, lambda: 1, lambda: 2]))
    assert [pick(dtype(k)) for k in (least, 1, most // 2 + 2, most)] == [0, 1, 2, 2]


def test_ranges_beyond_int64() -> None:
    for low, high in [(2**70, 2**70 + 2), (-(2**63), 2**63 - 1)]:
        with pytest.raises(OutOfRange, match="goes beyond int64"):
            irgrad.compile(lambda x, a=low, b=high: irgrad.fori_loop(a, b, lambda i, c: c, x))(1.0)
    assert irgrad.compile(lambda x: irgrad.fori_loop(2**70, 0, lambda i, c: c + i, x))(1.0) == 1.0
    assert irgrad.fori_loop(2**70, 2**70 + 2, lambda i, c: c + i, 0.0) == 2.0**71 + 1.0


def test_scans_of_length_zero() -> None:
    step = lambda c, x: (c * x, (c, x))  # noqa: E731
    carry, (cs, xs) = irgrad.compile(lambda c, xs: irgrad.scan(step, c, xs))(X, np.zeros((0, 3)))
    np.testing.assert_array_equal(carry, X)
    assert cs.shape == xs.shape == (0, 3)
    grads = irgrad.grad(lambda c, xs: np.sum(irgrad.scan(step, c, xs)[0]), (0, 1))(
        X, np.zeros((0, 3))
    )
    assert grads[0].tolist() == [1.0] * 3
    assert grads[1].shape == (0, 3)


def test_traced_bounds_differentiate_in_both_modes() -> None:
    def run(x, low, high):
        return irgrad.fori_loop(low, high, lambda i, s: (np.sin(s[0]) * x + i, s[1] * s[0]), (x, x))

    for low, high in [(0, 4), (2, 5), (3, 3), (4, 2)]:
        a, b = np.asarray(low), np.asarray(high)
        expected = plain.fori_loop(
            low, high, lambda i, s: (np.sin(s[0]) * 0.7 + i, s[1] * s[0]), (0.7, 0.7)
        )
        np.testing.assert_allclose(irgrad.compile(run)(0.7, a, b), expected, rtol=1e-13)
        irgrad.check_grads(lambda x, a=a, b=b: run(x, a, b), (0.7,))


def test_traced_bounds_that_are_a_known_number_apart() -> None:
    near = lambda x, n: irgrad.fori_loop(n - 2, n + 1, lambda i, s: np.sin(s) * i, x)  # noqa: E731
    expected = plain.fori_loop(1, 4, lambda i, s: np.sin(s) * i, X)
    np.testing.assert_allclose(irgrad.compile(near)(X, np.asarray(3)), expected, rtol=1e-13)
    assert "length=3" in str(irgrad.trace(near, X, np.asarray(3)))


def test_loops_of_traced_bounds_inside_loops() -> None:
    """Triangular loops: the bound of the inner one is the index of the outer."""

    def program(m, x, w):
        def row(i, s):
            return m.fori_loop(0, i, lambda j, t: np.sin(t) * w + j * x, s) * s

        return m.fori_loop(0, 4, row, x)

    same(program, 0.6, 0.8)


def test_while_loops() -> None:
    def program(m, x, w):
        go = lambda s: s[0] < 5  # noqa: E731
        step = lambda s: (s[0] * 1.5 + abs(w), np.sin(s[1] * s[0]) + x, s[2] + 1)  # noqa: E731
        return m.while_loop(go, step, (abs(x), w, 0))

    same(program, 0.7, 0.3, step=1e-4)  # it oscillates
    same(program, 20.0, 0.3, order=0)


def test_while_loops_inside_scans_and_while_loops() -> None:
    def program(m, x, xs):
        def collatz(s, x):
            def inner(t):
                return m.while_loop(
                    lambda u: u[0] < 3, lambda u: (u[0] * 2, u[1] * np.cos(u[1])), (t[0], t[1])
                )

            after = m.while_loop(
                lambda t: t[2] < 3,
                lambda t: (*inner((0.5 + t[2], t[1])), t[2] + 1),
                (0.5, s * x, 0),
            )
            return np.sin(after[1] + s), after[1]

        return m.scan(collatz, x, xs)

    same(program, 0.4, np.array([0.5, -1.2, 0.9]), order=2)


def test_newton_to_convergence() -> None:
    """A while loop whose number of steps depends on the data, differentiated."""

    def root(a):
        return irgrad.while_loop(
            lambda x: np.abs(x * x - a) > 1e-14, lambda x: 0.5 * (x + a / x), a
        )

    assert abs(irgrad.grad(root)(2.0) - 0.5 / np.sqrt(2.0)) < 1e-12
    assert abs(irgrad.grad(irgrad.grad(root))(2.0) + 0.25 / 2.0**1.5) < 1e-10


def test_map() -> None:
    same(lambda m, x, xs: m.map(lambda row: {"p": np.tanh(row) @ x, "q": row * 2}, xs), X, XS)


def test_closed_over_arrays_are_operands_by_reference() -> None:
    data, deeper = np.array([1.0, 2.0]), np.array([3.0])

    def run(x):
        def outer(c, t):
            return (
                irgrad.fori_loop(0, 2, lambda i, d: d * t + np.sum(deeper * x), c),
                c * np.sum(data * c),
            )

        return np.sum(irgrad.scan(outer, x, data)[1])

    gradient = irgrad.compile(irgrad.grad(run))
    before = gradient(0.5)
    data[:] = [2.0, 5.0]
    deeper[0] = -1.0
    fresh = irgrad.grad(lambda x: run(x))(0.5)
    assert gradient(0.5) == fresh != before


def test_derivatives_inside_bodies_keep_their_levels_apart() -> None:
    """d/dx of x d/dy (x + y) is 1; the same with loops around and inside."""

    def run(x):
        inner = lambda y, c: irgrad.fori_loop(0, 2, lambda j, d: d * y + x, c)  # noqa: E731
        step = lambda i, c: c + x * irgrad.grad(inner)(x, c)  # noqa: E731
        return irgrad.fori_loop(0, 2, step, x)

    confusing = irgrad.grad(
        lambda x: irgrad.fori_loop(0, 1, lambda i, c: x * irgrad.grad(lambda y: x + y)(1.0), x)
    )
    assert confusing(3.0) == 1.0
    irgrad.check_grads(run, (0.7,), order=3)

    def pushed(x):
        return irgrad.fori_loop(
            0, 3, lambda i, c: irgrad.jvp(lambda y: y * c * x, (x,), (c,))[1], x
        )

    irgrad.check_grads(pushed, (0.7,))


def test_complex_and_single_precision() -> None:
    def program(m, c, xs):
        return m.scan(lambda c, x: (c * x + 0.5j, c), c, xs)

    same(program, 0.3 + 0.2j, np.array([0.5j, 1.0 - 0.2j, 0.3]))
    same(
        lambda m, c, xs: m.scan(lambda c, x: (np.sin(c) * x, c), c, xs),
        np.float32(0.3),
        XS[:, 0].astype("f4"),
        order=1,
    )


def tapes(graph) -> list[str]:
    """The types of what loops stack beside what the program asks for."""
    return [
        str(type)
        for node in graph.nodes
        if isinstance(node.op, Loop) and not node.op.backward
        for name, type in zip(node.op.body.output_names, node.types, strict=True)
        if ".tape" in name
    ]


def test_what_the_tape_keeps() -> None:
    def tape_of(step, x, xs):
        f = irgrad.grad(lambda x, xs: np.sum(irgrad.scan(step, x, xs)[0]), (0, 1))
        return tapes(irgrad.compile(f).graph(x, xs))

    x, xs = np.ones(4), np.ones((6, 4))
    assert tape_of(lambda c, x: (2 * c + x, None), x, xs) == [], "linear"
    assert tape_of(lambda c, x: (c * 3 + np.sin(x), None), x, xs) == [], "from the scanned rows"
    assert tape_of(lambda c, x: (np.tanh(c) + x, None), x, xs) == ["f64[6,4]"], "the one output"
    assert tape_of(lambda c, x: (np.tanh(c * x), None), x, xs) == ["f64[6,4]"], "before is after"
    assert tape_of(lambda c, x: (c * (x > 0), None), x, xs) == [], "masks are computed again"
    kept = tape_of(lambda c, x: (c + np.sin(c[0]) * x, None), x, xs)
    assert set(kept) <= {"f64[6]", "f64[6,1]"}, "the element that was read, not its array"


def test_the_graph_means_what_it_computes() -> None:
    run = irgrad.value_and_grad(
        lambda x, xs: np.sum(irgrad.scan(lambda c, x: (np.sin(c * x), c), x, xs)[1])
    )
    graph = irgrad.trace(run, X, XS)
    expected = run(X, XS)
    again = irgrad.from_json(irgrad.parse(str(graph)).to_json())
    for got, wanted in zip(evaluate(again, [X, XS]), expected, strict=True):
        np.testing.assert_allclose(got, wanted, rtol=1e-13)


def test_what_is_the_same_in_every_step_is_not_kept_in_every_step() -> None:
    text = """
    graph @f(%x: f64[3], %w: f64[3]) -> (y: f64[3]) {
      %y: f64[3] = loop(%x, %w) {carried=1, scanned=0, length=6, backward=False, replay=False, body=
        graph @step(%i: i64[], %c: f64[3], %w: f64[3]) -> (c: f64[3]) {
          %e: f64[3] = exp(%w)
          %t: f64[3] = multiply(%c, %e)
          return c=%t
        }}
      return y=%y
    }"""
    graph = irgrad.parse(text)
    grad = irgrad.grad(lambda x, w: np.sum(irgrad.compile(graph)(x, w)), (0, 1))
    kept = irgrad.compile(grad).graph(X, X)
    assert tapes(kept) == ["f64[6,3]"], "c, and not exp(w)"
    assert [node.op.name for node in kept.nodes].count("exp") == 1
    np.testing.assert_allclose(grad(X, X)[1], 6 * X * np.exp(6 * X), rtol=1e-12)
