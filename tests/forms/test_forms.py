"""Every form of every table gives what NumPy gives, on both backends, and has its derivatives."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.forms.sweep import KINDS, REFUSED, not_refused, read, wrong_derivatives, wrong_values

TABLES = {path.stem: read(path) for path in sorted(Path(__file__).parent.glob("*.forms"))}
COMPILED = ("f64", "c128")
"""Kinds of arrays for the Numba backend, which compiles for some seconds each."""


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("table", TABLES)
def test_values(table: str, kind: str) -> None:
    assert not wrong_values(TABLES[table][kind], kind, "numpy")


@pytest.mark.parametrize("kind", COMPILED)
@pytest.mark.parametrize("table", TABLES)
def test_values_on_numba(table: str, kind: str) -> None:
    assert not wrong_values(TABLES[table][kind], kind, "numba")


@pytest.mark.parametrize("table", TABLES)
def test_derivatives(table: str) -> None:
    assert not wrong_derivatives(TABLES[table]["f64"])


@pytest.mark.parametrize("table", TABLES)
def test_refusals(table: str) -> None:
    assert not not_refused(TABLES[table][REFUSED])
