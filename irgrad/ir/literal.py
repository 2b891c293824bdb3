"""The written form of constants and parameters: exact for every dtype, nan payloads and negative
zeros included.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from irgrad.ir.op import Array
from irgrad.ir.types import BOOL, DTYPES, F64, I64, SHORT, ArrayType

C128 = DTYPES["c128"]
_BITS = {4: "u4", 8: "u8"}


def constant_text(array: Array) -> str:
    """A constant operand: `2.0`, `3:i32`, `complex(1.0, -0.0)`, `[1.0, 2.0]:f64[2]`."""
    if array.ndim:
        elements = ", ".join(element_text(element) for element in array.ravel())
        return f"[{elements}]:{ArrayType(array.dtype, array.shape)}"
    text = element_text(array[()])
    return text if array.dtype in (F64, I64, BOOL, C128) else f"{text}:{SHORT[array.dtype]}"


def element_text(element: Any) -> str:
    """One number, in the fewest digits that read back to the same bits."""
    if element.dtype.kind == "c":
        return f"complex({element_text(element.real)}, {element_text(element.imag)})"
    if element.dtype.kind != "f":
        return str(element)
    if not np.isnan(element):
        return str(element)
    bits = int(element.view(_BITS[element.dtype.itemsize]))
    plain = int(np.array(np.nan, element.dtype).view(_BITS[element.dtype.itemsize]))
    return "nan" if bits == plain else f"nan({bits:#x})"


def element_value(dtype: np.dtype[Any], text: str, imaginary: str | None = None) -> Any:
    """The number written as `text` (and `imaginary`), in `dtype`; a ValueError when it does not
    fit.
    """
    if dtype.kind == "c":
        part = np.dtype(f"f{dtype.itemsize // 2}")
        pair = np.array([element_value(part, text), element_value(part, imaginary or "0.0")])
        return pair.view(dtype)[0]
    if text.startswith("nan("):
        return np.array(int(text[4:-1], 16), _BITS[dtype.itemsize]).view(dtype)[()]
    if dtype.kind == "b":
        return np.bool_({"True": True, "False": False}[text])
    if dtype.kind in "iu":
        number = int(text)
        if not np.iinfo(dtype).min <= number <= np.iinfo(dtype).max:
            raise ValueError(f"{text} does not fit into {SHORT[dtype]}")
        return dtype.type(number)
    return dtype.type(text)
