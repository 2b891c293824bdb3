"""Python identifiers for the names of values and symbols, which need not be any."""

from __future__ import annotations

import keyword
import re
from collections.abc import Sequence


def identifiers(names: Sequence[str]) -> list[str]:
    """`names` as distinct Python identifiers.

    >>> identifiers(["x.bar", "lambda", "3", "x_bar"])
    ['x_bar', 'lambda_', '_3', 'x_bar_2']
    """
    found: list[str] = []
    for name in names:
        base = re.sub(r"\W+", "_", name) or "_"
        if base[0].isdigit():
            base = f"_{base}"
        if keyword.iskeyword(base):
            base = f"{base}_"
        unique, count = base, 1
        while unique in found:
            count += 1
            unique = f"{base}_{count}"
        found.append(unique)
    return found
