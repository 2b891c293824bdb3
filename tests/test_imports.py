"""What `import irgrad` loads: all that a first call needs of irgrad, nothing large that few use."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

PROGRAM = """
import sys
import numpy as np
import scipy.special

others = set(sys.modules)
import irgrad

with irgrad.use_backend("numba"):
    loaded = set(sys.modules) - others


def f(x):
    for i in range(3):
        x = x * np.sin(x) + i
    if np.sum(x) > 0.0:
        x = x * (x @ x)
    return np.sum(x)


irgrad.compile(irgrad.value_and_grad(f), "numba")(np.ones(4))
print(*sorted(set(sys.modules) - loaded))
print(*sorted(loaded))
"""


def test_what_is_loaded(tmp_path: Path) -> None:
    script = tmp_path / "program.py"
    script.write_text(PROGRAM)
    run = subprocess.run([sys.executable, script], capture_output=True, text=True, check=True)
    later, at_once = (line.split(" ") for line in run.stdout.splitlines())
    assert [name for name in later if name.startswith("irgrad")] == [], "loaded by the first call"
    large = {
        "scipy.optimize", "scipy.integrate", "scipy.linalg", "rich.console", "sympy", "numba",
        "matplotlib", "networkx",
    }  # fmt: skip
    assert not large & set(at_once), "loaded by everybody"
