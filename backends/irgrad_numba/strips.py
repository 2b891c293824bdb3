"""Loops over vectors, and the memory that they read and write, as LLVM."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from irgrad_numba.llvm import BITS, Code, Type, Value

VECTOR_BYTES = 64
UNROLLED = 4
"""Loops of at most so many vectors are written out,"""
WRITTEN_OUT = 64
"""and at most so many expressions in all."""
FEW, SHORT = 4, 128
"""Of other loops, those of at most so many steps, and so many instructions in all, LLVM writes out:
what such a loop reads and writes stays in registers, also between it and the next."""
WRITE_OUT = '!0 = distinct !{!0, !1}\n!1 = !{!"llvm.loop.unroll.full"}'


def stored_form(value: Value) -> Value:
    """A value as memory holds it: truth values as bytes."""
    return value.zext("u8") if value.is_bool else value


def element(code: Code, buffer: int, type: str, position: Value) -> str:
    """The address of an element."""
    if position.number == 0:
        return f"%b{buffer}"
    memory = "i8" if type == "bool" else Type(type).text
    name = code.name()
    code.emit(f"{name} = getelementptr inbounds {memory}, ptr %b{buffer}, i64 {position.text}")
    return name


@contextmanager
def loop(code: Code, low: int | Value, high: int | Value, step: int) -> Iterator[Value]:
    """A loop over low, low + step, ... below high; it runs at least once."""
    first, last = (x.text if isinstance(x, Value) else x for x in (low, high))
    head, done, before = code.fresh_label("loop"), code.fresh_label("done"), code.block
    code.emit(f"br label %{head}")
    code.label(head)
    i, following = code.name(), code.name()
    at = len(code.lines)
    code.lines.append("")
    yield Value(code, Type("i64"), i)
    code.lines[at] = f"  {i} = phi i64 [{first}, %{before}], [{following}, %{code.block}]"
    code.emit(f"{following} = add nuw nsw i64 {i}, {step}")
    more = code.name()
    code.emit(f"{more} = icmp slt i64 {following}, {last}")
    short = _is_short(low, high, step, len(code.lines) - at)
    if short:
        code.module.globals["write out"] = WRITE_OUT
    code.emit(f"br i1 {more}, label %{head}, label %{done}{', !llvm.loop !0' * short}")
    code.label(done)


@contextmanager
def guarded(code: Code, low: Value, high: Value, step: int) -> Iterator[Value]:
    """A loop like `loop`, of which no step runs where `low` is not below `high`."""
    enter, skip = code.fresh_label("some"), code.fresh_label("none")
    code.emit(f"br i1 {(low < high).text}, label %{enter}, label %{skip}")
    code.label(enter)
    with loop(code, low, high, step) as i:
        yield i
    code.emit(f"br label %{skip}")
    code.label(skip)


@contextmanager
def when(code: Code, condition: Value) -> Iterator[None]:
    """Code that runs only where a condition holds."""
    enter, skip = code.fresh_label("when"), code.fresh_label("then")
    code.emit(f"br i1 {condition.text}, label %{enter}, label %{skip}")
    code.label(enter)
    yield
    code.emit(f"br label %{skip}")
    code.label(skip)


def _is_short(low: int | Value, high: int | Value, step: int, instructions: int) -> bool:
    """Whether LLVM is to write out a loop."""
    if isinstance(low, Value) or isinstance(high, Value):
        return False
    steps = -(-(high - low) // step)
    return steps <= FEW and steps * instructions <= SHORT


def strips(
    code: Code, low: int, high: int, width: int, body: int = 1
) -> Iterator[tuple[Value, int]]:
    """Positions and widths of vectors that cover low..high; the body, of so many expressions, runs
    inside.
    """
    count = (high - low) // width
    number = lambda n: code.constant(Type("i64"), n)  # noqa: E731
    if count > UNROLLED or (count > 1 and count * body > WRITTEN_OUT):
        with loop(code, low, low + count * width, width) as i:
            yield i, width
    else:
        for k in range(count):
            yield number(low + k * width), width
    rest = high - low - count * width
    if rest:
        yield number(high - rest), rest


def load(code: Code, type: Type, address: str) -> Value:
    """The elements at an address; truth values are bytes in memory."""
    memory = type.of("u8") if type.element == "bool" else type
    align = max(1, BITS[memory.element] // 8)
    value = code.value(memory, f"load {memory.text}, ptr {address}, align {align}")
    return value != 0 if type.element == "bool" else value


def save(value: Value, address: str) -> None:
    """Write elements to an address."""
    kept = stored_form(value)
    align = max(1, BITS[kept.type.element] // 8)
    value.code.emit(f"store {kept.type.text} {kept.text}, ptr {address}, align {align}")
