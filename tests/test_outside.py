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
