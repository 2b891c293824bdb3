"""What functions cost: counts by hand, formulas against counts, the command."""

from __future__ import annotations

import json
from dataclasses import dataclass

import numpy as np
import pytest

import irgrad
from irgrad.cli import main
from irgrad.errors import ArgumentError, DTypeError, ShapeError, UnsupportedError
from irgrad.inspect.cost import Count, count, operations
from irgrad.inspect.polynomial import fit
from irgrad.ir.graph import Graph, regions
from irgrad.ir.op import REGISTRY, Op
from irgrad.ir.types import type_of
from tests.ops import linalg_samples, reduction_samples, scan_samples, shape_samples  # noqa: F401 -- samples
from tests.ops.samples import samples_of


def specs(text: str) -> list:
    return [irgrad.spec(part) for part in text.split()]


def loss(W1, W2, x, b, y):
    h = np.tanh(W1 @ x + b)
    r = W2 @ h - y
    return 0.5 * np.sum(r**2)


@pytest.mark.parametrize(
    ("formula", "types", "operations", "moved"),
    [
        ("A @ x", "f64[4,3] f64[3]", 4 * (3 + 2), 8 * (12 + 3 + 4)),
        ("A @ B", "f64[4,3] f64[3,5]", 20 * 5, 8 * (12 + 15 + 20)),
        ("sum(x)", "f64[7]", 6, 8 * 8),
        ("sin(x) + y", "f64[7] f64[7]", 14, 8 * (14 + 21)),
        ("x[2:5]", "f32[7]", 0, 0),
        ("max(x)", "f64[6]", 5, 8 * 7),
        ("where(x > 0, x, 0.0)", "f64[6]", 12, None),
        ("cumsum(x)", "f64[6]", 6, None),
        ("sort(x)", "f64[8]", 24, None),
    ],
)
def test_counts_by_hand(formula: str, types: str, operations: int, moved: int | None) -> None:
    counted = count(irgrad.trace(formula, *specs(types)))
    assert counted.operations == operations
    assert moved is None or counted.bytes == moved


def test_linear_algebra_is_cubic_and_exact_where_it_can_be() -> None:
    def eliminated(n: int) -> int:
        return sum((n - k) + 2 * (n - k) ** 2 for k in range(1, n + 1))

    def f(A, b):
        return np.sum(np.linalg.solve(A, b) ** 2)

    cost = irgrad.cost(f, *specs("f64[6,6] f64[6]"), sizes={"n": 6})
    assert cost.function.operations == eliminated(6) + (2 * 36 - 6) + 2 * 6 - 1
    assert str(cost.function.operations_formula) == "2/3 n³ + 3/2 n² + 5/6 n − 1"
    stacked = count(irgrad.trace(np.linalg.cholesky, irgrad.spec("f64[5,3,3]")))
    assert stacked.operations == 5 * (1 + 4 + 9)


@pytest.mark.parametrize("name", sorted(REGISTRY))
def test_every_op_has_a_cost_or_is_refused_for_its_region(name: str) -> None:
    for sample in samples_of(name)[:3]:
        types = tuple(type_of(x) for x in sample.operands)
        try:
            counted = operations(sample.op, types, sample.op.result_types(*types))
        except UnsupportedError:
            assert regions(sample.op)
        else:
            assert isinstance(counted, int) and counted >= 0


def test_the_two_layer_loss_in_named_sizes() -> None:
    types = specs("f64[16,8] f64[3,16] f64[8] f64[16] f64[3]")
    cost = irgrad.cost(loss, *types, argnums="W1", sizes={"h": 16, "n": 8, "m": 3})
    h, n, m = 16, 8, 3
    by_hand = h * (2 * n - 1) + h + h + m * (2 * h - 1) + m + (2 * m - 1) + 1
    assert cost.function.operations == by_hand
    assert str(cost.function.operations_formula) == "2 h n + 2 h m + h + 2 m"
    for way in cost:
        assert way.operations_formula is not None and way.bytes_formula is not None
        assert way.operations_formula(h=h, n=n, m=m) == way.operations
        assert way.bytes_formula(h=h, n=n, m=m) == way.bytes
    elsewhere = irgrad.cost(loss, *specs("f64[40,9] f64[5,40] f64[9] f64[40] f64[5]"), argnums="W1")
    for here, there in zip(cost, elsewhere, strict=True):
        assert here.operations_formula(h=40, n=9, m=5) == there.operations
    assert cost.differences.operations == 2 * h * n * by_hand + 4 * h * n
    assert cost.reverse.operations < cost.forward.operations < cost.differences.operations
    assert "with gradient, reverse" in str(cost)


def test_formulas_are_for_all_positions_and_pytrees() -> None:
    def f(p, scale):
        return np.sum(p["w"] ** 2) * scale

    cost = irgrad.cost(f, {"w": np.ones((6, 5))}, 2.0, argnums=(0, 1), sizes={"n": 6, "k": 5})
    assert str(cost.function.operations_formula) == "2 n k"
    assert [way.operations_formula(n=6, k=5) for way in cost] == [way.operations for way in cost]


def test_no_polynomial_is_no_formula() -> None:
    cost = irgrad.cost("sum(sort(x))", irgrad.spec("f64[16]"), sizes={"d": 16})
    assert cost.function.operations_formula is None
    assert "operations are" not in str(cost)
    assert [str(p) for p in fit(lambda s: [2 ** s["n"], s["n"]], {"n": 3})] == ["None", "n"]
    assert fit(lambda s: [s["n"] if s["n"] < 12 else 0], {"n": 3}) == [None]


def test_argnums_may_be_a_list_and_inner_values() -> None:
    types = specs("f64[4,3] f64[2,4] f64[3] f64[4] f64[2]")
    assert irgrad.cost(loss, *types, argnums=["W1", 3]) == irgrad.cost(
        loss, *types, argnums=("W1", "b")
    )
    inner = irgrad.cost(loss, *types, argnums="h")
    assert inner.function.operations < inner.reverse.operations < inner.differences.operations


def test_one_count_without_a_formula_leaves_the_others_theirs() -> None:
    some, none = irgrad.cost("sum(x)", irgrad.spec("f64[4]"), sizes={"d": 4}), Count(3, 4)
    table = str(some._replace(forward=none)).splitlines()
    assert len(table) == 5 and table[3].endswith("no polynomial") and table[1].endswith("d − 1")


def rows(x):
    h = 0.0
    for i in range(len(x)):
        h = np.tanh(h + x[i])
    return h


def repeated(x, n):
    for _ in range(n):
        x = np.sin(x)
    return np.sum(x)


def until(x):
    while np.sum(x) > 1.0:
        x = 0.5 * x
    return np.sum(x)


def nested(x, n):
    for _ in range(n):
        for _ in range(n):
            x = np.sin(x)
    return np.sum(x)


@pytest.mark.parametrize(
    ("f", "args", "given", "operations", "formula"),
    [
        (rows, "f64[64]", {"sizes": {"n": 64}}, 128, "2 n"),
        (repeated, "f64[8] 1000", {"sizes": {"n": 8, "T": 1000}}, 8007, "n T + n − 1"),
        (repeated, "f64[8] i64[]", {"sizes": {"n": 8}, "steps": 5}, 48, "n steps + n"),
        (nested, "f64[8] i64[]", {"steps": 5}, 208, "8 steps² + 8"),
        (nested, "f64[8] 200", {}, 8 * 40_000 + 7, "None"),
        (until, "f64[8]", {"steps": 5}, 5 * (8 + 8) + 8 + 7, "16 steps + 15"),
    ],
)
def test_loops_cost_their_steps(f, args, given, operations: int, formula: str) -> None:
    at = [int(arg) if arg.isdigit() else irgrad.spec(arg) for arg in args.split()]
    cost = irgrad.cost(f, *at, **given)
    assert cost.function.operations == operations
    assert str(cost.function.operations_formula) == formula
    assert operations < cost.reverse.operations < 8 * operations
    named = dict(given.get("sizes", {}))
    named |= {"steps": given["steps"]} if "steps" in given else {}
    for way in cost if named else ():
        assert way.operations_formula(**named) == way.operations
        assert way.bytes_formula(**named) == way.bytes


def test_a_step_that_writes_one_element_costs_one_element() -> None:
    def f(x):
        y = np.zeros(len(x))
        for i in range(1, len(x)):
            y[i] = 0.5 * y[i - 1] + x[i]
        return np.sum(y)

    cost = irgrad.cost(f, irgrad.spec("f64[100]"), sizes={"n": 100})
    assert cost.function.operations_formula is not None
    assert cost.reverse.operations < 8 * cost.function.operations


@pytest.mark.parametrize("n", [3, 7])
def test_forward_mode_counts_the_values_of_loops_and_branches_once(n: int) -> None:
    def step(x):
        return np.tanh(x) * np.exp(-x)

    def looped(x):
        return np.sum(irgrad.fori_loop(0, 10, lambda i, x: step(x), x))

    def unrolled(x):
        for _ in range(10):
            x = step(x)
        return np.sum(x)

    x = irgrad.spec(f"f64[{n}]")
    operations = [irgrad.cost(f, x).forward.operations for f in (looped, unrolled)]
    assert operations[0] == operations[1]

    def chosen(x):
        return np.sum(step(x) if x[0] > 0 else 0.5 * x)

    branch = irgrad.cost(chosen, x)
    plain = irgrad.cost(lambda x: np.sum(step(x)), x)
    assert branch.forward.operations - plain.forward.operations == 1


def test_solvers_cost_their_steps() -> None:
    def kepler(e, m):
        return irgrad.root(lambda E, e, m: E - e * np.sin(E) - m, m, (e, m))

    scalar = irgrad.spec("f64[]")
    found = irgrad.cost(kepler, scalar, scalar, steps=7)
    # the residual 4; cos, product and difference for its slope; a quotient; the step itself
    per_step = 4 + 4 + 1 + 1
    assert found.function.operations == 7 * per_step
    assert str(found.function.operations_formula) == f"{per_step} steps"
    assert found.reverse.operations < found.function.operations + 10
    with pytest.raises(UnsupportedError, match="'solve_root' takes is known only") as caught:
        irgrad.cost(kepler, scalar, scalar)
    assert "steps=100" in str(caught.value)

    def solved(A, b):
        return np.sum(irgrad.linear_solve(lambda x, A: A @ x, b, (A,)))

    A, b = irgrad.spec("f64[12,12]"), irgrad.spec("f64[12]")
    linear = irgrad.cost(solved, A, b, argnums=1, sizes={"n": 12})
    # n products of 2 n^2 - n, elimination of 2/3 n^3 and lower powers, the sum
    assert str(linear.function.operations_formula).startswith("8/3 n³")
    fixed = irgrad.cost(
        lambda a: irgrad.fixed_point(lambda x, a: np.cos(a * x), 1.0, (a,)), scalar, steps=9
    )
    assert fixed.function.operations == 9 * 4


def test_of_a_branch_the_dearest_arm_counts() -> None:
    def f(x):
        y = np.sin(np.cos(x)) if np.sum(x) > 0 else 2.0 * x
        return np.sum(y)

    assert irgrad.cost(f, irgrad.spec("f64[8]")).function.operations == (7 + 1) + 16 + 7


def test_complex_elements_are_two_directions() -> None:
    def f(z):
        return np.sum(np.abs(z))

    real, complex = (irgrad.cost(f, irgrad.spec(t)) for t in ("f64[6]", "c128[6]"))
    assert complex.differences.operations == 2 * real.differences.operations


def test_a_loop_of_unknown_length_needs_its_steps() -> None:
    x = irgrad.spec("f64[8]")
    with pytest.raises(UnsupportedError, match="known only when it runs") as caught:
        irgrad.cost(until, x)
    assert "while np.sum(x)" in str(caught.value) and "steps=100" in str(caught.value)
    for steps in (-1, 2.5, True):
        with pytest.raises(ArgumentError, match="steps: expected"):
            irgrad.cost(until, x, steps=steps)
    with pytest.raises(ArgumentError, match="'steps' is the name"):
        irgrad.cost(until, x, steps=3, sizes={"steps": 8})
    for sizes in (["n"], {8: 8}, {"n": [8]}, {"n": 8.0}, {"a b": 8}):
        with pytest.raises(ArgumentError, match="sizes: expected a dict from names to ints"):
            irgrad.cost(until, x, steps=3, sizes=sizes)


def test_refusals() -> None:
    x = irgrad.spec("f64[4]")
    formula = irgrad.cost("sum(x)", x, sizes={"d": np.int64(4)}).function.operations_formula
    assert formula is not None and formula(d=9) == 8
    with pytest.raises(ArgumentError, match=r"takes d=\.\.\., got {'n': 9}"):
        formula(n=9)
    with pytest.raises(ShapeError, match="needs a scalar"):
        irgrad.cost("2 * x", x)
    with pytest.raises(ArgumentError, match="no argument has the extent d=5"):
        irgrad.cost("sum(x)", x, sizes={"d": 5})
    with pytest.raises(ArgumentError, match=r"^cost: argnums=3"):
        irgrad.cost("sum(x)", x, argnums=3)
    with pytest.raises(DTypeError, match=r"^cost with respect to n"):
        irgrad.cost("sum(x) * n", x, 2, argnums="n")
    with pytest.raises(ArgumentError, match="two names"):
        irgrad.cost("sum(x)", x, sizes={"d": 4, "n": 4})
    data = np.ones(4)
    with pytest.raises(ShapeError, match="at other sizes"):
        irgrad.cost(lambda x: np.sum(x * data), x, sizes={"d": 4})


def test_a_region_without_a_rule_is_refused() -> None:
    @dataclass(frozen=True)
    class Holder(Op):
        name = "holder"
        body: Graph

    with pytest.raises(UnsupportedError, match="region of a 'holder'"):
        operations(Holder(Graph("b", [], [], {})), (), ())


def test_the_command(capsys, monkeypatch, tmp_path) -> None:
    monkeypatch.setenv("COLUMNS", "120")
    argv = ["cost", "sum((W @ x)**2)", "--at", "W=ones((16, 16))", "--at", "x=ones(16)"]
    assert main([*argv, "--size", "d=16"]) == 0
    out = capsys.readouterr().out
    assert "2 d² + d − 1" in out and "gradient by differences" in out
    assert main([*argv, "--format", "json"]) == 0
    assert json.loads(capsys.readouterr().out)["function"]["operations"] == 527
    (tmp_path / "model.py").write_text(
        "def f(x, n, *, scale, shift=0.0):\n"
        "    for _ in range(n):\n        x = scale * x + shift\n    return x.sum()\n"
    )
    argv = ["cost", f"{tmp_path}/model.py:f", "--at", "x=[1, 2]", "--at", "n=30", "--size", "n=30"]
    assert main([*argv, "--at", "scale=2", "--backend", "numpy"]) == 0
    assert "4 n + 1" in capsys.readouterr().out
    assert main(argv) == main([*argv, "--at", "scale=2", "--backend", "none"]) == 1
    err = capsys.readouterr().err
    assert "needs a value for scale" in err and "no backend called 'none'" in err
    types = ["cost", "sum(x)", "--args", "f64[5]", "--wrt", "x"]
    assert main(types) == 0
    assert main([*types, "--size", "d"]) == 1
