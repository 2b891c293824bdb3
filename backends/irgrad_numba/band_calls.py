"""Loops over bands of rows (see `bands`) as machine code: a function of one band, which the threads
of the pool run for all of them, each with scratch memory of its own."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from irgrad.ir.types import DTYPES, ArrayType
from irgrad_numba import pool
from irgrad_numba.bands import work_of
from irgrad_numba.body import Body
from irgrad_numba.control import Control
from irgrad_numba.frames import Frame, Table
from irgrad_numba.kernel import NativeCall
from irgrad_numba.loops import NativeControl, Part, Writer
from irgrad_numba.memory import rounded
from irgrad_numba.thread_count import thread_count

FAULT = 16
"""Bytes of a note of an index that is outside: where, and which."""
FIRST_FAULT = """define internal void @first_fault(ptr %faults, i64 %count, ptr %site, ptr %index) {
entry:
  br label %look
look:
  %k = phi i64 [0, %entry], [%next, %right]
  %at = mul i64 %k, 16
  %note = getelementptr i8, ptr %faults, i64 %at
  %found = load i64, ptr %note
  %next = add i64 %k, 1
  %wrong = icmp ne i64 %found, 0
  br i1 %wrong, label %tell, label %right
right:
  %more = icmp slt i64 %next, %count
  br i1 %more, label %look, label %done
tell:
  %which = getelementptr i8, ptr %note, i64 8
  %number = load i64, ptr %which
  store i64 %found, ptr %site
  store i64 %number, ptr %index
  br label %done
done:
  ret void
}"""
"""The note of the first band that has one."""


def may_share(step: Control, part: Part) -> bool:
    """Whether threads may run the steps of a loop over bands: nothing in it asks Python or gets
    memory, and its results are where they will be.
    """
    places = part.results[: step.node.op.parameters["carried"]]
    return places == [*range(1, 1 + len(places))] and _is_plain(part)


def _is_plain(part: Part) -> bool:
    return not any(type.is_dynamic for type in part.types) and all(
        isinstance(step, NativeCall)
        or (isinstance(step, NativeControl) and all(map(_is_plain, step.parts)))
        for step in part.steps
    )


def _calls_library(part: Part) -> bool:
    return any(
        step.stateful if isinstance(step, NativeCall) else any(map(_calls_library, step.parts))
        for step in part.steps
        if isinstance(step, (NativeCall, NativeControl))
    )


class NativeBands(NativeControl):
    """A loop over bands that threads share."""

    def __init__(
        self, step: Control, parts: Sequence[Part], allot: Callable[[ArrayType], int]
    ) -> None:
        self.threads = thread_count()
        self.own = 0
        """Bytes of scratch memory of a thread."""

        def for_each(type: ArrayType) -> int:
            self.own = rounded(type.nbytes)
            return allot(ArrayType(type.dtype, (self.threads * self.own,)))

        super().__init__(step, parts, for_each)
        self.faults = -1
        if self.checks:
            self.faults = allot(ArrayType(DTYPES["u8"], (self.op.length * FAULT,)))
            self.buffers.append(self.faults)

    def emit(self, body: Body, frame: Frame) -> None:
        """Write the function of a band, and the call that runs it for all."""
        module, count = body.module, self.op.length
        module.declare(pool.PARALLEL, pool.SIGNATURE)
        alone = any(map(_calls_library, self.parts))
        if alone:
            body.keep_alone()
        numbers = f"i64 {count}, i64 {self.threads}, i64 {int(work_of(self.node))}"
        arguments = f"ptr @{self._band(body)}, ptr %table, ptr %state, {numbers}"
        body.emit(f"call void @{pool.PARALLEL}({arguments})")
        if alone:
            body.share_again()
        if self.checks:
            body.checks = True
            module.functions["first_fault"] = FIRST_FAULT
            faults = frame.pointer(body, self.faults)
            places = "ptr %fault.site, ptr %fault.index"
            body.emit(f"call void @first_fault(ptr {faults}, i64 {count}, {places})")

    def _band(self, around: Body) -> str:
        """The name of the function of a band."""
        body, frame = Body(around.module, around.memory, {}), Table()
        if self.checks:
            faults = frame.pointer(body, self.faults)
            at = body.value(f"mul i64 %chunk, {FAULT}")
            body.emit(f"%fault.site = getelementptr i8, ptr {faults}, i64 {at}")
            body.emit("%fault.index = getelementptr i8, ptr %fault.site, i64 8")
            body.emit("store i64 0, ptr %fault.site")
        writer = Writer(self, body, frame)
        if self.scratch is not None:
            by = body.value(f"mul i64 %thread, {self.own}")
            writer.scratch = body.moved(writer.scratch, by)
        writer.step("%chunk")
        body.emit("br label %outside")
        body.label("outside")
        head = "(ptr %table, ptr %state, i64 %chunk, i64 %thread) nounwind {"
        lines = ["entry:", *body.entry, "  br label %start", "start:", *body.lines, "  ret void"]
        return around.module.shared("band", "\n".join([head, *lines, "}"]))
