"""Equal values that are not the same: what a program that depends on a static value is kept by.

`==` holds between 1 and True, frozenset({1}) and frozenset({True}), range(0) and range(5, 5), but
code that runs while it is traced tells them apart."""

from __future__ import annotations

import dataclasses
import decimal
from typing import Any


def distinct(value: Any) -> Any:
    """A hashable key, equal for two values where they have the same type and the same parts.

    >>> distinct(frozenset({1})) == distinct(frozenset({True}))
    False
    """
    kind = type(value)
    if kind is frozenset:
        return kind, frozenset(map(distinct, value))
    if kind in (range, slice):
        return kind, *map(distinct, (value.start, value.stop, value.step))
    if kind is decimal.Decimal:
        return kind, value.as_tuple()
    if isinstance(value, tuple):
        return kind, *map(distinct, value)
    if dataclasses.is_dataclass(value) and not isinstance(value, type) and _compares_fields(kind):
        fields = [field.name for field in dataclasses.fields(value) if field.compare]
        return kind, *(distinct(getattr(value, name)) for name in fields)
    if kind in (float, complex):
        return kind, repr(value)  # 0.0 and -0.0, and nan is itself
    return kind, value


def _compares_fields(kind: Any) -> bool:
    """Whether the class compares as `dataclass` has it."""
    return kind.__dataclass_params__.eq and "__eq__" in vars(kind) and kind.__hash__ is not None
