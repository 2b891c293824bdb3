"""Loops over arrays in memory, for routines that write their own: `walk` merges neighbouring axes
that run through memory as one, and takes elements that lie side by side by the vector."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

from irgrad.ir.graph import Value as Named
from irgrad.ir.types import SHORT, Shape
from irgrad_numba.complex_parts import PARTS
from irgrad_numba.index import View, contiguous
from irgrad_numba.llvm import BITS, Code, Module, Type, Value
from irgrad_numba.strips import VECTOR_BYTES, element, load, loop, save, strips


class Strided(NamedTuple):
    """An array as a routine sees it: argument number `buffer` of the routine from `offset` on,
    strides in elements. Complex numbers are pairs of reals, along one more axis.
    """

    buffer: int
    type: str
    shape: Shape
    offset: int
    strides: tuple[int, ...]

    @staticmethod
    def of(value: Named, view: View, buffer: int) -> Strided:
        """A value of the graph that lies where `view` says."""
        type, shape = SHORT[value.type.dtype], value.type.shape
        if type not in PARTS:
            return Strided(buffer, type, shape, view.offset, view.strides)
        strides = (*(2 * s for s in view.strides), 1)
        return Strided(buffer, PARTS[type], (*shape, 2), 2 * view.offset, strides)

    def start(self, code: Code) -> Value:
        """The position of the first element."""
        return code.constant(Type("i64"), self.offset)

    def get(self, code: Code, position: Value, width: int = 1) -> Value:
        """Elements side by side."""
        return load(code, Type(self.type, width), element(code, self.buffer, self.type, position))

    def put(self, code: Code, position: Value, value: Value) -> None:
        """Write elements side by side."""
        save(value, element(code, self.buffer, self.type, position))


def widest(*types: str) -> int:
    """Lanes of a vector of the largest of these types."""
    return VECTOR_BYTES * 8 // max(8, *(BITS[type] for type in types))


def merged(shape: Shape, strides: Sequence[tuple[int, ...]]) -> list[tuple[int, tuple[int, ...]]]:
    """Axes (extent, stride in each array), those of extent 1 left out, neighbours as one where all
    arrays run through them evenly.

    >>> merged((2, 3, 1), [(3, 1, 9), (6, 2, 9)])
    [(6, (1, 2))]
    """
    axes: list[tuple[int, tuple[int, ...]]] = []
    for axis, extent in enumerate(shape):
        by = tuple(s[axis] for s in strides)
        if extent == 1:
            continue
        if axes and all(a == b * extent for a, b in zip(axes[-1][1], by, strict=True)):
            axes[-1] = axes[-1][0] * extent, by
        else:
            axes.append((extent, by))
    return axes


def walk(
    code: Code,
    shape: Shape,
    strides: Sequence[tuple[int, ...]],
    starts: Sequence[Value],
    width: int,
    body: Callable[[list[Value], int], None],
) -> None:
    """`body(positions, lanes)` at every point of `shape` in C order: a position in each array, and
    vectors of at most `width` lanes where all arrays lie side by side.
    """
    if 0 not in shape:
        walk_axes(code, merged(shape, strides), starts, width, body)


def walk_axes(
    code: Code,
    axes: Sequence[tuple[int, tuple[int, ...]]],
    starts: Sequence[Value],
    width: int,
    body: Callable[[list[Value], int], None],
) -> None:
    """`walk` along axes (extent, stride in each array)."""

    def level(k: int, at: list[Value]) -> None:
        if k == len(axes):
            body(at, 1)
            return
        extent, by = axes[k]
        if k == len(axes) - 1 and width > 1 and all(s == 1 for s in by):
            for i, lanes in strips(code, 0, extent, min(width, extent)):
                body([a + i for a in at], lanes)
            return
        with loop(code, 0, extent, 1) as i:
            level(k + 1, [a + i * s if s else a for a, s in zip(at, by, strict=True)])

    level(0, list(starts))


def emit_copy(module: Module, value: Named, view: View) -> str:
    """Define a function of pointers to a value that lies where `view` says, and to memory for it in
    C order -> its name.
    """
    code = Code(module)
    x = Strided.of(value, view, 0)
    y = Strided.of(value, contiguous(1, value.type.shape), 1)
    walk(
        code,
        x.shape,
        [x.strides, y.strides],
        [x.start(code), y.start(code)],
        widest(x.type),
        lambda at, lanes: y.put(code, at[1], x.get(code, at[0], lanes)),
    )
    lines = ["entry:", *code.allocas, *code.lines, "  ret void", "}"]
    return module.shared("copy", "(ptr %b0, ptr %b1) nounwind noinline {\n" + "\n".join(lines))
