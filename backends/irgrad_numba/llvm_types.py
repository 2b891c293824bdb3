"""Types of LLVM's values by the short names of the IR's dtypes, and numbers as LLVM writes them."""

from __future__ import annotations

import struct
from functools import cache
from typing import NamedTuple

BITS = {
    "bool": 1, "i8": 8, "i16": 16, "i32": 32, "i64": 64, "u8": 8, "u16": 16, "u32": 32, "u64": 64,
    "f32": 32, "f64": 64, "ptr": 64,
}  # fmt: skip
NAMES = {"f32": "float", "f64": "double", "ptr": "ptr"}


class Type(NamedTuple):
    """An element type, by its short name as in the IR, and a number of lanes (1 is a scalar)."""

    element: str
    width: int = 1

    @property
    def text(self) -> str:
        """The type as LLVM writes it.

        >>> Type("f64", 8).text, Type("u32").text
        ('<8 x double>', 'i32')
        """
        return _text(self.element, self.width)

    @property
    def mangled(self) -> str:
        """The suffix that names this type in an overloaded LLVM intrinsic."""
        kind = self.element if self.is_float else f"i{BITS[self.element]}"
        return kind if self.width == 1 else f"v{self.width}{kind}"

    @property
    def is_float(self) -> bool:
        """Whether lanes are floating-point numbers."""
        return self.element in ("f32", "f64")

    @property
    def is_signed(self) -> bool:
        """Whether lanes are signed integers."""
        return self.element in ("i8", "i16", "i32", "i64")

    def of(self, element: str) -> Type:
        """As many lanes of another element type."""
        return Type(element, self.width)


@cache
def _text(element: str, width: int) -> str:
    name = NAMES.get(element) or f"i{BITS[element]}"
    return name if width == 1 else f"<{width} x {name}>"


def literal(element: str, number: float | int | bool) -> str:
    """A number as LLVM writes it; floats by their bits.

    >>> literal("f64", 0.5), literal("i8", -3), literal("bool", True)
    ('0x3FE0000000000000', '-3', '1')
    """
    if element == "f32":  # LLVM writes a float by the bits of the double that equals it
        number = struct.unpack("<f", struct.pack("<f", number))[0]
    if element in ("f32", "f64"):
        return f"0x{struct.unpack('<Q', struct.pack('<d', number))[0]:016X}"
    return str(int(number))
