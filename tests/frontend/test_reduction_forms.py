"""Every form of the reductions' arguments on arrays of every kind: what NumPy gives (value, dtype
and shape), an error where NumPy has one, or a refusal of irgrad's.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import irgrad
from irgrad.errors import DTypeError, IrgradError

REDUCTIONS = [
    "sum", "prod", "max", "min", "mean", "var", "std", "any", "all", "argmax", "argmin", "cumsum",
    "cumprod", "median", "ptp", "count_nonzero", "nansum",
]  # fmt: skip
X = np.random.default_rng(0).standard_normal((3, 4))
ARRAYS: dict[str, Any] = {
    "f64": X,
    "f32": X.astype(np.float32),
    "i8": (X * 5).astype(np.int8),
    "u64": np.abs(X * 5).astype(np.uint64),
    "bool": X > 0,
    "c64": (X + 1j * X[::-1]).astype(np.complex64),
    "Fortran": np.asfortranarray(X),
    "turned": X[::-1, ::-1],
    "empty": np.zeros((0, 4)),
    "0-d": np.array(2.5),
}
FORMS: list[dict[str, Any]] = [
    {}, {"axis": 0}, {"axis": -1}, {"axis": (0, 1)}, {"axis": None}, {"axis": 0, "keepdims": True},
    {"dtype": np.float32}, {"initial": 2}, {"where": True}, {"ddof": 1}, {"axis": 5},
]  # fmt: skip


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", REDUCTIONS)
def test_reduction(name: str) -> None:
    function = getattr(np, name)
    for kind, array in ARRAYS.items():
        for form in FORMS:
            about = f"{name} of {kind} with {form}"
            run = irgrad.compile(lambda a, form=form: function(a, **form), backend="numpy")
            try:
                expected = np.asarray(function(array, **form))
            except Exception:
                with pytest.raises((IrgradError, TypeError, ValueError)):
                    run(array)
                continue
            if kind == "c64" and "dtype" in form:
                with pytest.raises(DTypeError, match="drops the imaginary part"):
                    run(array)
                continue
            found = np.asarray(run(array))
            assert (found.dtype, found.shape) == (expected.dtype, expected.shape), about
            np.testing.assert_allclose(found, expected, rtol=1e-5, err_msg=about)
