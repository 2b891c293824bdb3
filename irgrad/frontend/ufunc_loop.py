"""The dtypes in which a ufunc computes where `dtype=`, `signature=` or `casting=` asks for them."""

from __future__ import annotations

from functools import cache
from typing import Any, NamedTuple

import numpy as np

from irgrad.errors import DTypeError
from irgrad.ir.types import DType, dtype_argument
from irgrad.ops.elementwise import ufunc_loop


class Asked(NamedTuple):
    """A signature, with None where NumPy chooses, and how operands may be cast to it."""

    signature: tuple[DType | None, ...] = ()
    casting: str = "same_kind"

    @classmethod
    def of(cls, ufunc: np.ufunc, options: dict[str, Any]) -> Asked:
        """What the options of a call ask for, taken out of them."""
        casting = options.pop("casting", "same_kind")
        signature = options.pop("signature", options.pop("sig", None))
        dtype = options.pop("dtype", None)
        if dtype is not None:
            signature = (None,) * ufunc.nin + (dtype,) * ufunc.nout
        if isinstance(signature, str) and "->" in signature:
            signature = tuple(signature.replace("->", ""))
        elif signature is not None and not isinstance(signature, tuple):
            signature = (None,) * ufunc.nin + (signature,) * ufunc.nout
        if signature is None and casting == "same_kind":
            return UNASKED
        each = (None if x is None else dtype_argument(x) for x in signature or ())
        return cls(tuple(each), casting)

    def options(self) -> dict[str, Any]:
        """As options of a call."""
        if self is UNASKED:
            return {}
        signature = {"signature": self.signature} if self.signature else {}
        return {"casting": self.casting, **signature}


UNASKED = Asked()
"""A call without any of these options."""


def resolved(ufunc: np.ufunc, operands: tuple[Any, ...], asked: Asked) -> tuple[DType, ...]:
    """The dtypes of operands and results in which the ufunc computes, as NumPy chooses them for
    operands of these dtypes (or Python number types).
    """
    if asked is UNASKED:
        return ufunc_loop(ufunc, operands)
    return _resolved(ufunc, operands, asked)


@cache
def _resolved(ufunc: np.ufunc, operands: tuple[Any, ...], asked: Asked) -> tuple[DType, ...]:
    dtypes: Any = (*operands, *(None,) * ufunc.nout)
    signature: Any = asked.signature or (None,) * len(dtypes)
    casting: Any = asked.casting
    try:
        loop = ufunc.resolve_dtypes(dtypes, signature=signature, casting=casting)
    except (TypeError, ValueError) as error:
        wanted = ", ".join("any" if x is None else x.name for x in asked.signature)
        raise DTypeError(
            f"{ufunc.__name__} has no loop for these operands with dtypes ({wanted}) and "
            f"casting={asked.casting!r}: {error}",
            hint="convert the result with .astype, or the operands",
        ) from None
    return ufunc_loop(ufunc, tuple(loop[: len(operands)]))[: len(operands)] + tuple(
        map(dtype_argument, loop[len(operands) :])
    )
