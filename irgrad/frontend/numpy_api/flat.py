"""`x.flat`: the elements in C order, through which any array can be written, contiguous or not."""

from __future__ import annotations

from typing import Any

import numpy as np

from irgrad.frontend.entry import entry
from irgrad.frontend.promote import lift
from irgrad.frontend.registry import FUNCTIONS, method
from irgrad.frontend.sharing import copied
from irgrad.frontend.tracer import Tracer
from irgrad.ir.builder import Traced
from irgrad.ops.base import bind
from irgrad.ops.linear import Reshape, reshape


class Flat(Tracer):
    """`x.flat`: reading a part of it copies, and what is written to it is repeated to fit."""

    __slots__ = ()

    @entry
    def __getitem__(self, index: Any) -> Any:
        return copied(FUNCTIONS["getitem"](self, index))

    @entry
    def __setitem__(self, index: Any, new: Any) -> None:
        places: Any = np.arange(self.size)[index] if not isinstance(index, Traced) else index
        values = lift(self.builder, new)
        if values.ndim and values.shape != places.shape:
            values = np.resize(values, places.shape)
        FUNCTIONS["setitem"](self, index, values)


def flat_of(x: Any) -> Any:
    """A view of the elements in C order, wherever they lie."""
    return reshape(x, (x.size,))


@method("flat", attribute=True)
def flat(self: Any) -> Any:
    """`x.flat`."""
    elements = bind(Reshape((self.size,)), self)
    result = Flat(elements.builder, elements.value)
    result.window = elements.window
    return result
