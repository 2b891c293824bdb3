"""Python's operators on arrays that are no tracers, as the elementwise functions they stand for."""

from __future__ import annotations

from typing import Any

import numpy as np

from irgrad.frontend.entry import entry
from irgrad.ir.builder import Part


def _operator(ufunc: np.ufunc, reflected: bool = False) -> Any:
    def method(self: Elementwise, other: Any) -> Any:
        return self.operate(ufunc, (other, self) if reflected else (self, other))

    return entry(method)


class Elementwise(Part):
    """Python's operators, by `operate`."""

    __slots__ = ()
    __hash__ = None  # pyright: ignore[reportAssignmentType] -- equality is elementwise, as ndarray's

    __add__, __radd__ = _operator(np.add), _operator(np.add, True)
    __sub__, __rsub__ = _operator(np.subtract), _operator(np.subtract, True)
    __mul__, __rmul__ = _operator(np.multiply), _operator(np.multiply, True)
    __truediv__, __rtruediv__ = _operator(np.divide), _operator(np.divide, True)
    __floordiv__, __rfloordiv__ = _operator(np.floor_divide), _operator(np.floor_divide, True)
    __mod__, __rmod__ = _operator(np.remainder), _operator(np.remainder, True)
    __pow__, __rpow__ = _operator(np.power), _operator(np.power, True)
    __and__, __rand__ = _operator(np.bitwise_and), _operator(np.bitwise_and, True)
    __or__, __ror__ = _operator(np.bitwise_or), _operator(np.bitwise_or, True)
    __xor__, __rxor__ = _operator(np.bitwise_xor), _operator(np.bitwise_xor, True)
    __lt__, __le__ = _operator(np.less), _operator(np.less_equal)
    __gt__, __ge__ = _operator(np.greater), _operator(np.greater_equal)
    __eq__, __ne__ = _operator(np.equal), _operator(np.not_equal)  # pyright: ignore[reportAssignmentType]

    @entry
    def __neg__(self) -> Any:
        return self.operate(np.negative, (self,))

    @entry
    def __abs__(self) -> Any:
        return self.operate(np.absolute, (self,))

    @entry
    def __invert__(self) -> Any:
        return self.operate(np.invert, (self,))
