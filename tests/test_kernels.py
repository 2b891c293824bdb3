"""Programs with loops and arrays written in place: values as NumPy's, gradients as differences."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import irgrad
from irgrad.frontend.pytree import flatten
from tests.programs.kernels import CASES

NAMES = [
    pytest.param(name, marks=[pytest.mark.xfail(reason=case.lacks, strict=True)] * bool(case.lacks))
    for name, case in sorted(CASES.items())
]


def outcome(kernel: Any) -> Any:
    """The program as a function to one number, of all float results and of all float arrays as it
    left them, and to these."""

    def total(*args: Any) -> Any:
        result = kernel(*args)
        left = [arg for arg in args if getattr(arg, "shape", ())]
        results = [] if result is None else result
        return sum(map(weighed, flatten((results, left))[0]), start=0.0), (results, left)

    return total


def weighed(leaf: Any) -> Any:
    """A linear functional of an array that tells all its elements apart."""
    leaf = np.asarray(leaf)
    if leaf.dtype.kind not in "fc":
        return 0.0
    phases = 1.0 + np.cos(np.arange(leaf.size)).reshape(leaf.shape)
    return np.sum(phases * leaf.real) + 0.5 * np.sum(phases * leaf.imag)


def copied(args: Any) -> tuple[Any, ...]:
    return tuple(np.copy(arg) if isinstance(arg, np.ndarray) else arg for arg in args)


def slope(total: Any, args: Any, index: int, along: Any) -> Any:
    """The derivative along a direction of one argument, by a central difference of fourth order."""
    scale = np.linalg.norm(np.ravel(along)) / max(1.0, float(np.max(np.abs(args[index]))))

    def at(step: float) -> Any:
        moved = list(copied(args))
        moved[index] = moved[index] + step / scale * along
        return total(*moved)[0]

    h = 2e-5
    return scale * (8 * (at(h) - at(-h)) - (at(2 * h) - at(-2 * h))) / (12 * h)


def floats(args: Any) -> tuple[int, ...]:
    return tuple(i for i, arg in enumerate(args) if np.asarray(arg).dtype.kind in "fc")


@pytest.mark.parametrize("backend", ["numpy", "numba"])
@pytest.mark.parametrize("name", NAMES)
def test_value_and_gradient(name: str, backend: str) -> None:
    case = CASES[name]
    args = case.arguments(case.small)
    total, wrt = outcome(case.kernel), floats(args)
    expected = total(*copied(args))
    with irgrad.use_backend(backend), np.errstate(all="ignore"):
        if not wrt:
            got = irgrad.compile(total)(*args)
        else:
            got, gradient = irgrad.value_and_grad(total, wrt, has_aux=True)(*args)
    for ours, theirs in zip(flatten(got)[0], flatten(expected)[0], strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-11, atol=1e-12)
    np.testing.assert_equal(args, case.arguments(case.small))
    rng = np.random.default_rng(1)
    for index, part in zip(wrt, gradient if wrt else (), strict=True):
        along = rng.standard_normal(np.shape(part))
        if np.iscomplexobj(part):
            along = along + 1j * rng.standard_normal(np.shape(part))
        reference = slope(total, args, index, along)
        np.testing.assert_allclose(np.sum(part * along).real, reference, rtol=1e-6, atol=1e-7)
