"""What an op from outside gives is held against what it says of its result's types: by its
reference, and by its rules. Irgrad's own ops are held to that by tests."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import wraps
from typing import Any

import numpy as np
import numpy.typing as npt

from irgrad.errors import DTypeError, ShapeError
from irgrad.ir.types import ArrayType, type_of

Result = npt.NDArray[Any] | tuple[npt.NDArray[Any], ...]


def as_declared(reference: Callable[..., Result]) -> Callable[..., Result]:
    """A class's method `reference` that holds its results against `result_types`."""

    @wraps(reference)
    def checked(self: Any, *operands: Any) -> Result:
        found = reference(self, *operands)
        types = [type_of(np.asarray(x)) for x in (found if isinstance(found, tuple) else (found,))]
        hold(self.name, "reference", "result", types, self.result_types(*map(type_of, operands)))
        return found

    return checked


def hold(
    name: str,
    rule: str,
    what: str,
    given: Sequence[ArrayType | None],
    wanted: Sequence[ArrayType],
) -> None:
    """Raise a `ShapeError` or `DTypeError` where a rule of the op `name` gave other types than
    `wanted`, or another number of values; None is a (co)tangent of zero.
    """
    if len(given) != len(wanted):
        raise ShapeError(f"{name}: its {rule} gave {len(given)} values, expected {len(wanted)}")
    for k, (got, expected) in enumerate(zip(given, wanted, strict=True)):
        if got is None or got == expected or expected.is_dynamic:
            continue
        number = f" {k}" if len(given) > 1 else ""
        raise (DTypeError if got.shape == expected.shape else ShapeError)(
            f"{name}: its {rule} gave a {what}{number} of type {got}, expected {expected}",
            hint="its rules must agree with its result_types, whose dtypes are those that its "
            "method promoted converts operands to",
        )
