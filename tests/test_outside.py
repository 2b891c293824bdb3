"""A second distribution adds a backend and ops from outside, without touching irgrad."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

OUTSIDE = Path(__file__).parent / "outside"


def python(code: str, *, installed: bool = True) -> str:
    """What `code` prints in a fresh interpreter where the other distribution is installed."""
    environment = {**os.environ, "PYTHONPATH": str(OUTSIDE) if installed else ""}
    environment.pop("IRGRAD_BACKEND", None)
    run = subprocess.run(
        [sys.executable, "-c", code], env=environment, capture_output=True, text=True
    )
    assert run.returncode == 0, run.stderr
    return run.stdout


def test_the_backend_is_listed_and_runs() -> None:
    out = python(
        """
import numpy as np, irgrad
assert "outside" in irgrad.backends()
f = irgrad.compile(irgrad.grad(lambda x: np.sum(np.sin(x))), backend="outside")
print(f(np.zeros(3)).tolist())
from irgrad_outside.backend import compiled
print(len(compiled))
"""
    )
    assert out.split("\n")[:2] == ["[1.0, 1.0, 1.0]", "1"]


def test_without_it_the_backend_is_unknown() -> None:
    assert "outside" not in python("import irgrad; print(irgrad.backends())", installed=False)


def test_the_environment_chooses_it() -> None:
    code = """
import os
os.environ["IRGRAD_BACKEND"] = "outside"
import irgrad
irgrad.grad(lambda x: x * x)(1.0)
from irgrad_outside.backend import compiled
print(len(compiled))
"""
    assert python(code).strip() == "1"


def test_its_elementwise_op_has_both_derivatives() -> None:
    python(
        """
import numpy as np, irgrad
from irgrad_outside.ops import softsign
x = np.array([-2.0, 0.3, 1.5])
irgrad.check_grads(lambda x: np.sum(softsign(x) ** 2), (x,))
for backend in irgrad.backends():
    got = irgrad.compile(softsign, backend=backend)(x)
    np.testing.assert_allclose(got, x / (1 + abs(x)))
"""
    )


def test_operands_are_promoted_as_of_a_ufunc() -> None:
    python(
        """
import numpy as np, irgrad
from irgrad_outside.ops import halved, slope, softsign
whole = [np.arange(3, dtype=d) for d in ("i4", "i8", "u8", "f4", "f8")]
held = np.arange(1, 4)
for backend in irgrad.backends():
    for x in [*whole, np.int64(3), 1.5]:
        for op, ufunc in ((softsign, np.sqrt), (lambda x: slope(x, 2), lambda x: x / 2),
                          (lambda x: slope(x, held), lambda x: x / held),
                          (lambda x: slope(1, x + 1), lambda x: 1 / (x + 1))):
            got = irgrad.compile(op, backend=backend)(x)
            assert got.dtype == np.asarray(ufunc(x)).dtype == np.asarray(op(x)).dtype, (x, got)
            np.testing.assert_allclose(got, op(x), rtol=1e-6)
        wanted = np.float64 if np.asarray(x).dtype == np.float64 else np.float32
        assert irgrad.compile(halved, backend=backend)(x).dtype == wanted
        assert np.asarray(halved(x)).dtype == wanted
assert irgrad.grad(lambda x: slope(x, 4))(2.0) == 0.25
assert irgrad.compile(lambda x: softsign(np.arange(3)) * x)(2.0).tolist()[1] == 1.0
"""
    )


def test_errors_show_the_line_of_the_caller(tmp_path: Path) -> None:
    lines = {
        "shape": "return slope(x, np.ones(4))  # the caller",
        "dtype": "return softsign(x > 0)  # the caller",
        "class": "return halved(np.reshape(x, (1, 1, 3)))  # the caller",
    }
    for name, line in lines.items():
        code = f"""
import numpy as np, irgrad
from irgrad_outside.ops import halved, slope, softsign
def f(x):
    {line}
irgrad.compile(f)(np.ones(3))
"""
        (tmp_path / f"{name}.py").write_text(code)
        run = f"""
import runpy, irgrad
try:
    runpy.run_path({str(tmp_path / f"{name}.py")!r})
except irgrad.errors.IrgradError as error:
    print(error)
"""
        text = python(run)
        assert f"at {name}.py:5    {line}" in text, text
        assert "%" in text
        assert "ops.py" not in text


def test_an_op_in_the_file_of_its_user() -> None:
    text = python(
        """
import numpy as np, irgrad
from irgrad.ops.base import bind
from irgrad.ops.elementwise import elementwise
class Ufunc:
    nin, nout, __name__ = 2, 1, "sub2"
    def __call__(self, x, y, out=None): return np.subtract(x, y, out=out)
    def resolve_dtypes(self, dtypes): return np.subtract.resolve_dtypes(dtypes)
OP = elementwise("sub2", Ufunc(), 1, -1)
def sub2(x, y):
    return bind(OP, x, y)                # line 11
def f(x):
    return sub2(x, np.ones(4))           # line 13
for wrong in (f, lambda x: bind(OP, x, np.ones(4))):   # line 14
    try:
        irgrad.compile(wrong)(np.ones(3))
    except irgrad.errors.ShapeError as error:
        print(error.location.line)
"""
    )
    assert text.split() == ["13", "14"]


def test_its_text_reads_back_where_nothing_imported_it() -> None:
    text = python(
        """
import irgrad
from irgrad_outside.ops import repeat_body, softsign
body = irgrad.trace(lambda x: softsign(x) * 2.0, irgrad.spec("f64[3]"))
inner = irgrad.trace(lambda x: repeat_body(body, 2, x), irgrad.spec("f64[3]"))
print(irgrad.trace(lambda x: repeat_body(inner, 3, x) + 1.0, irgrad.spec("f64[3]")))
"""
    )
    assert text.count("graph @") == 3
    code = f"""
import sys, irgrad, numpy as np
from irgrad.passes.pipeline import optimise
text = {text!r}
graph = irgrad.parse(text)
assert str(graph) == text.rstrip() and irgrad.parse(str(graph)) == graph
assert irgrad.from_json(graph.to_json()) == graph
x = np.array([1.0, -2.0, 0.0])
expected = x
for _ in range(6):
    expected = 2 * expected / (1 + abs(expected))
for g in (graph, optimise(graph)):
    np.testing.assert_allclose(irgrad.compile(g, backend="numpy")(x), expected + 1)
print(graph.structural_hash)
"""
    assert python(code) == python(code)
