"""Random programs of loops, branches, jumps, arrays with several names, lists, dicts, objects and
functions: they mean what they mean in Python, on both backends, and so do their derivatives in both
modes."""

from __future__ import annotations

import os

import numpy as np
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import irgrad
from irgrad.errors import IrgradError
from tests.frontend.program_strategy import Vocabulary, blocks, program_of
from tests.frontend.program_words import NAMES, STATE

POINTS = (0.5, 3.0, -1.5)
SHARED = ("another name", "name one array", "names of one array", "by another name",
          "by a name which")  # fmt: skip
"""Where only the running program knows which names are one array."""
REFUSED = (
    *SHARED, "differs between the branches", "changes its structure", "changes its dtype",
    "changes its shape", "a list grows in a loop", "a list that grows", "use as a Python index",
    "as a key of a dict", "before a step of the loop", "do not broadcast",
    "grew under a traced condition", "changed in other ways", "views of one array",
    "grows in the loop",
)  # fmt: skip
"""The same, which type or how many items there are."""

EXAMPLES = int(os.environ.get("IRGRAD_PROGRAMS", "8"))
"""As many programs, the same each time; others where the variable asks for a number of them."""


def chosen(test):
    """A test of so many examples."""
    known = "IRGRAD_PROGRAMS" not in os.environ
    slow = [HealthCheck.too_slow]
    limits = settings(
        max_examples=EXAMPLES, deadline=None, derandomize=known, suppress_health_check=slow
    )
    return limits(test)


@chosen
@given(blocks(NAMES), st.sampled_from(POINTS))
def test_numbers_and_arrays_with_several_names(lines: list[str], x: float) -> None:
    check(NAMES, lines, x, SHARED)


@chosen
@given(blocks(STATE), st.sampled_from(POINTS))
def test_state_of_all_kinds(lines: list[str], x: float) -> None:
    check(STATE, lines, x, REFUSED)


def check(words: Vocabulary, lines: list[str], x: float, refused: tuple[str, ...]) -> None:
    """The program's value, gradient and tangent, or that its refusal has a line and a remedy."""
    program, a = program_of(words, lines), np.array([0.3, 1.2, -0.7, 0.1])

    def plain(t: float) -> float:
        with np.errstate(all="ignore"):
            return float(program(x + t, a + t))

    try:
        wanted = plain(0.0)
        near, far = ((plain(h) - plain(-h)) / (2 * h) for h in (1e-6, 2e-6))
    except (ValueError, TypeError, IndexError, AttributeError):
        return  # such as a name that stands for arrays of different shapes
    if not abs(wanted) < 1e6:
        return
    smooth = abs(near - far) < 1e-5 * (1 + abs(near)) and abs(near) < 1e4
    for backend in ("numpy", "numba"):
        with irgrad.use_backend(backend), np.errstate(all="ignore"):
            try:
                value, (by_x, by_a) = irgrad.value_and_grad(program, argnums=(0, 1))(x, a)
                tangent = irgrad.jvp(program, (x, a), (1.0, np.ones(4)))[1]
            except IrgradError as error:
                told = "\n  at <program " in str(error) and "hint: " in str(error)
                if told and any(word in str(error) for word in refused):
                    return
                raise
        np.testing.assert_allclose(value, wanted, rtol=1e-6, atol=1e-5)
        along = by_x + np.sum(by_a)
        np.testing.assert_allclose(tangent, along, rtol=1e-5, atol=1e-5 * (1 + abs(near)))
        if smooth:
            np.testing.assert_allclose(along, near, rtol=1e-3, atol=1e-3)
