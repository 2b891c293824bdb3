"""Loop programs as their users write them: values and gradients against NPBench's references."""

from __future__ import annotations

import ast
import inspect
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import irgrad
from tests.programs import npbench

DATA = Path(__file__).parent / "data" / "npbench"
NAMES = sorted(path.stem for path in DATA.glob("*.npz"))


def load(name: str) -> tuple[Any, list[Any], dict[str, Any]]:
    """The program with its output summed, its arguments' names and values, the reference."""
    with np.load(DATA / f"{name}.npz", allow_pickle=False) as archive:
        data = dict(archive)
    names = [str(key) for key in data["_args"]]
    values = [data[key] if data[key].ndim else data[key].item() for key in names]
    program, wanted = getattr(npbench, name), str(data["_output"])

    def total(*args: Any) -> Any:
        result = program(*args)
        if wanted == "ret":
            return np.sum(result)
        if wanted in names:
            return np.sum(args[names.index(wanted)])
        return np.sum(result[ast.literal_eval(wanted)[1]])

    parameters = [inspect.Parameter(key, inspect.Parameter.POSITIONAL_OR_KEYWORD) for key in names]
    total.__signature__ = inspect.Signature(parameters)  # pyright: ignore[reportFunctionMemberAccess]
    return total, values, data


@pytest.mark.parametrize("backend", ["numpy", "numba"])
@pytest.mark.parametrize("name", NAMES)
def test_value_and_gradient(name: str, backend: str) -> None:
    total, values, data = load(name)
    before = [np.copy(value) for value in values]
    with irgrad.use_backend(backend):
        value, slope = irgrad.value_and_grad(total, argnums=str(data["_wrt"]))(*values)
    np.testing.assert_equal(values, before)
    np.testing.assert_allclose(value, data["_value"], rtol=1e-9)
    tolerance = 1e-6 if "difference" in str(data["_method"]) else 1e-9
    np.testing.assert_allclose(slope, data["_grad"], rtol=tolerance, atol=tolerance)
