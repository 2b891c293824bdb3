"""Python identifiers for the names of values and symbols, which need not be any."""

from __future__ import annotations

import keyword
from collections.abc import Sequence

from irgrad.ir.names import numbered


def identifiers(names: Sequence[str]) -> list[str]:
    """`names` as distinct Python identifiers.

    >>> identifiers(["x.bar", "lambda", "3", "x_bar"])
    ['x_bar', 'lambda_', '_3', 'x_bar_2']
    """
    return numbered(map(_identifier, names))


def _identifier(name: str) -> str:
    base = "".join(c if f"_{c}".isidentifier() else "_" for c in name) or "_"
    if not base.isidentifier():
        base = f"_{base}"
    return f"{base}_" if keyword.iskeyword(base) else base
