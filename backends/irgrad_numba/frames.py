"""Where the buffers of the code that is being written lie: those of the program in the table, those
of a region in values of the function, parts of a thread at its number."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Protocol

from irgrad_numba.kernel import Sweep

if TYPE_CHECKING:
    from irgrad_numba.body import Body


class Frame(Protocol):
    """Where buffers lie."""

    def pointer(self, body: Body, buffer: int) -> str:
        """The address of a buffer."""
        ...

    def table(self, body: Body, buffers: Sequence[int]) -> str:
        """The address of a table that holds those of some buffers, at their numbers."""
        ...

    def handed(self, body: Body, sweep: Sweep) -> tuple[str, Frame]:
        """The address of the table that threads get, and the frame of the function they run."""
        ...


class Table:
    """The frame of the program itself."""

    def pointer(self, body: Body, buffer: int) -> str:
        """Loaded where it is used; in scratch memory, at its offset there; of a stack, its
        entry.
        """
        memory = body.memory
        if memory.buffers[buffer].is_dynamic:
            return body.stack(0, buffer)
        if buffer in memory.offsets:
            return body.moved(body.scratch(), memory.offsets[buffer])
        at = body.value(f"getelementptr ptr, ptr %table, i64 {buffer}")
        return body.value(f"load ptr, ptr {at}")

    def table(self, body: Body, buffers: Sequence[int]) -> str:
        """The table that the function gets, with what lies in scratch memory added."""
        for buffer in sorted(set(buffers) & body.memory.offsets.keys()):
            pointer = self.pointer(body, buffer)
            at = body.value(f"getelementptr ptr, ptr %table, i64 {buffer}")
            body.emit(f"store ptr {pointer}, ptr {at}")
        return "%table"

    def handed(self, body: Body, sweep: Sweep) -> tuple[str, Frame]:
        """The table itself."""
        return "%table", Own(sweep)


class Own(Table):
    """The frame of a sweep: each thread, or each chunk, has its own part of some buffers."""

    def __init__(self, sweep: Sweep) -> None:
        self.parts = {buffer: ("%thread", size) for buffer, size in sweep.parts.items()}
        """Whose part it is, and the bytes of a part."""
        for buffer, size in sweep.groups.parts.items() if sweep.groups else ():
            self.parts[buffer] = "%chunk", size

    def pointer(self, body: Body, buffer: int) -> str:
        """The first part belongs to number 0."""
        pointer = super().pointer(body, buffer)
        if buffer not in self.parts:
            return pointer
        number, size = self.parts[buffer]
        return body.moved(pointer, body.value(f"mul i64 {number}, {size}"))


class Local:
    """The frame of a region: a value of the function for each buffer."""

    def __init__(self, pointers: Mapping[int, str]) -> None:
        self.pointers = dict(pointers)

    def pointer(self, body: Body, buffer: int) -> str:
        """Known already."""
        return self.pointers[buffer]

    def table(self, body: Body, buffers: Sequence[int]) -> str:
        """Written for each call."""
        table = body.local(8 * (max(buffers) + 1))
        for buffer in sorted(set(buffers)):
            at = body.value(f"getelementptr ptr, ptr {table}, i64 {buffer}")
            body.emit(f"store ptr {self.pointers[buffer]}, ptr {at}")
        return table

    def handed(self, body: Body, sweep: Sweep) -> tuple[str, Frame]:
        """A table of what the sweep needs alone: other threads read it from step to step."""
        assert not sweep.parts, "threads have memory of their own for steps of the program only"
        places = {buffer: k for k, buffer in enumerate(sorted(set(sweep.buffers)))}
        table = body.local(8 * len(places))
        for buffer, k in places.items():
            at = body.value(f"getelementptr ptr, ptr {table}, i64 {k}")
            body.emit(f"store ptr {self.pointers[buffer]}, ptr {at}")
        return table, Handed(places)


class Handed(Local):
    """The frame of a sweep in a region: addresses are in the table, at `places`."""

    def __init__(self, places: Mapping[int, int]) -> None:
        super().__init__({})
        self.places = places

    def pointer(self, body: Body, buffer: int) -> str:
        """Loaded once."""
        if buffer not in self.pointers:
            at = body.once(f"getelementptr ptr, ptr %table, i64 {self.places[buffer]}")
            self.pointers[buffer] = body.once(f"load ptr, ptr {at}")
        return self.pointers[buffer]
