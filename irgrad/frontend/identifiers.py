"""Python identifiers for the names of values and symbols, which need not be any."""

from __future__ import annotations

import keyword
from collections.abc import Sequence


def identifiers(names: Sequence[str]) -> list[str]:
    """`names` as distinct Python identifiers.

    >>> identifiers(["x.bar", "lambda", "3", "x_bar"])
    ['x_bar', 'lambda_', '_3', 'x_bar_2']
    """
    found: dict[str, None] = {}
    for name in names:
        base = "".join(c if f"_{c}".isidentifier() else "_" for c in name) or "_"
        if not base.isidentifier():
            base = f"_{base}"
        if keyword.iskeyword(base):
            base = f"{base}_"
        unique, count = base, 1
        while unique in found:
            count += 1
            unique = f"{base}_{count}"
        found[unique] = None
    return list(found)
