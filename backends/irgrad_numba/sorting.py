"""Sorting along an axis, stable, nan last: a merge sort of each row, in memory of its own; for
argsort each element goes with its place.

Floats are sorted as integers of the same order: comparing these takes a fifth of the time, and that
is what a merge waits for. Rows of equal length are merged from both ends at once."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from irgrad.ir.graph import Node
from irgrad.ir.types import DTYPES, SHORT, ArrayType
from irgrad.ops.sorting import Argsort
from irgrad_numba.llvm import BITS, Code, Module, Type, Value
from irgrad_numba.strips import load, save, stored_form, strips
from irgrad_numba.walk import Strided, walk, widest

INTEGERS = {"f32": "i32", "f64": "i64", "bool": "u8"}
"""What elements are sorted as that are no integers."""


def temporaries(node: Node) -> list[ArrayType]:
    """Two rows of elements."""
    (x,) = node.operands
    op: Any = node.op
    size = _bytes(SHORT[x.type.dtype], isinstance(op, Argsort))
    return [ArrayType(DTYPES["u8"], (x.type.shape[op.axis] * size,))] * 2


def _bytes(type: str, placed: bool) -> int:
    """Those of an element."""
    return 16 if placed else max(8, BITS[type]) // 8


def sort(code: Code, node: Node, operands: Sequence[Strided], result: Strided) -> None:
    """The sorted elements, or their places; the rows lie in the two buffers after the result."""
    (x,) = operands
    op: Any = node.op
    axis, extent, placed = op.axis, x.shape[op.axis], isinstance(op, Argsort)
    kind = Type(INTEGERS.get(x.type, x.type))
    element = f"{{{kind.text}, i64}}" if placed else kind.text
    sorter = _emit_sorter(code.module, kind, element, _bytes(x.type, placed))
    rest = [a for a in range(len(x.shape)) if a != axis]
    by, to_by = x.strides[axis], result.strides[axis]
    width = widest(x.type) if by == to_by == 1 and not placed else 1

    def at(row: str, k: Value, field: int = 0) -> str:
        name = code.name()
        inner = f", i32 {field}" if placed else ""
        code.emit(f"{name} = getelementptr {element}, ptr {row}, i64 {k.text}{inner}")
        return name

    def along(places: list[Value], _: int) -> None:
        given, to = places
        for k, lanes in strips(code, 0, extent, width):
            save(_key(x.get(code, given + k * by, lanes), placed), at("%b2", k))
            if placed:
                save(k, at("%b2", k, 1))
        row = code.name()
        code.emit(f"{row} = call ptr @{sorter}(ptr %b2, ptr %b3, i64 {extent})")
        for k, lanes in strips(code, 0, extent, width):
            if placed:
                found = load(code, Type("i64"), at(row, k, 1))
            else:
                found = _number(load(code, Type(kind.element, lanes), at(row, k)), x.type)
            result.put(code, to + k * to_by, found)

    if extent:
        strides = [tuple(array.strides[a] for a in rest) for array in (x, result)]
        starts = [x.start(code), result.start(code)]
        walk(code, tuple(x.shape[a] for a in rest), strides, starts, 1, along)


def _key(x: Value, placed: bool) -> Value:
    """An integer in the order of a number; where places count, of both zeros the same."""
    if not x.type.is_float:
        return stored_form(x)
    bits = (x + 0.0 if placed else x).bits()
    return x.is_nan().where(_largest(bits), _flipped(bits))


def _number(key: Value, type: str) -> Value:
    if type == "bool":
        return key != 0
    return _flipped(key).reinterpret(type) if type in INTEGERS else key


def _flipped(bits: Value) -> Value:
    """All bits but the sign, turned over where that is set."""
    size = BITS[bits.type.element]
    return bits ^ ((bits >> (size - 1)) & (2 ** (size - 1) - 1))


def _largest(bits: Value) -> int:
    """The bits of a nan, which are above those of all numbers."""
    return 0x7FF8000000000000 if bits.type.element == "i64" else 0x7FC00000


def _emit_sorter(module: Module, kind: Type, element: str, size: int) -> str:
    """Define the function that sorts the row at %x, with room for another at %y -> its name; it
    says in which of them the sorted row is.
    """
    lines: list[str] = []
    order = f"icmp {'slt' if kind.is_signed else 'ult'} {kind.text}"
    for line in SORTER.splitlines():
        if " = BEFORE " not in line:
            lines.append(line)
            continue
        name, x, y = line.replace("= BEFORE ", "").replace(",", "").split()
        if element != kind.text:
            lines += [f"  {e}{name[1:]} = extractvalue ELEMENT {e}, 0" for e in (x, y)]
            x, y = f"{x}{name[1:]}", f"{y}{name[1:]}"
        lines.append(f"  {name} = {order} {x}, {y}")
    text = "\n".join(lines).replace("ELEMENT", element).replace("SIZE", str(size))
    module.declare("llvm.memcpy.p0.p0.i64", "void {}(ptr, ptr, i64, i1)")
    return module.shared("sorter", text, "ptr")


SORTER = """(ptr %x, ptr %y, i64 %n) nounwind noinline {
entry:
  br label %block
block:
  %start = phi i64 [0, %entry], [%end, %insert]
  %unsorted = icmp slt i64 %start, %n
  br i1 %unsorted, label %few, label %pass
few:
  %after = add i64 %start, 12
  %whole = icmp slt i64 %after, %n
  %end = select i1 %whole, i64 %after, i64 %n
  %second = add i64 %start, 1
  br label %insert
insert:
  %k = phi i64 [%second, %few], [%k.next, %put]
  %k.more = icmp slt i64 %k, %end
  br i1 %k.more, label %take, label %block
take:
  %k.at = getelementptr ELEMENT, ptr %x, i64 %k
  %new = load ELEMENT, ptr %k.at
  br label %look
look:
  %z = phi i64 [%k, %take], [%z.next, %move]
  %first = icmp sle i64 %z, %start
  br i1 %first, label %put, label %compare
compare:
  %z.next = sub i64 %z, 1
  %z.before = getelementptr ELEMENT, ptr %x, i64 %z.next
  %old = load ELEMENT, ptr %z.before
  %earlier = BEFORE %new, %old
  br i1 %earlier, label %move, label %put
move:
  %z.at = getelementptr ELEMENT, ptr %x, i64 %z
  store ELEMENT %old, ptr %z.at
  br label %look
put:
  %place = getelementptr ELEMENT, ptr %x, i64 %z
  store ELEMENT %new, ptr %place
  %k.next = add i64 %k, 1
  br label %insert
pass:
  %width = phi i64 [12, %block], [%width.next, %over]
  %from = phi ptr [%x, %block], [%to, %over]
  %to = phi ptr [%y, %block], [%from, %over]
  %several = icmp slt i64 %width, %n
  br i1 %several, label %pair, label %done
pair:
  %p = phi i64 [0, %pass], [%p.end, %rest], [%p.end, %ends]
  %p.more = icmp slt i64 %p, %n
  br i1 %p.more, label %halves, label %over
halves:
  %mid.far = add i64 %p, %width
  %mid.in = icmp slt i64 %mid.far, %n
  %mid = select i1 %mid.in, i64 %mid.far, i64 %n
  %p.far = add i64 %mid, %width
  %p.in = icmp sle i64 %p.far, %n
  %p.end = select i1 %p.in, i64 %p.far, i64 %n
  br i1 %mid.in, label %seam, label %rest
seam:
  %mid.before = sub i64 %mid, 1
  %last.at = getelementptr ELEMENT, ptr %from, i64 %mid.before
  %next.at = getelementptr ELEMENT, ptr %from, i64 %mid
  %last = load ELEMENT, ptr %last.at
  %next = load ELEMENT, ptr %next.at
  %mixed = BEFORE %next, %last
  br i1 %mixed, label %way, label %rest
way:
  %end.before = sub i64 %p.end, 1
  br i1 %p.in, label %ends, label %step
ends:
  %i = phi i64 [%p, %way], [%i.next, %ends]
  %j = phi i64 [%mid, %way], [%j.next, %ends]
  %o = phi i64 [%p, %way], [%o.next, %ends]
  %u = phi i64 [%mid.before, %way], [%u.next, %ends]
  %v = phi i64 [%end.before, %way], [%v.next, %ends]
  %q = phi i64 [%end.before, %way], [%q.next, %ends]
  %i.at = getelementptr ELEMENT, ptr %from, i64 %i
  %j.at = getelementptr ELEMENT, ptr %from, i64 %j
  %a = load ELEMENT, ptr %i.at
  %b = load ELEMENT, ptr %j.at
  %right = BEFORE %b, %a
  %low = select i1 %right, ELEMENT %b, ELEMENT %a
  %o.at = getelementptr ELEMENT, ptr %to, i64 %o
  store ELEMENT %low, ptr %o.at
  %right.by = zext i1 %right to i64
  %i.one = add i64 %i, 1
  %i.next = sub i64 %i.one, %right.by
  %j.next = add i64 %j, %right.by
  %o.next = add i64 %o, 1
  %u.at = getelementptr ELEMENT, ptr %from, i64 %u
  %v.at = getelementptr ELEMENT, ptr %from, i64 %v
  %c = load ELEMENT, ptr %u.at
  %d = load ELEMENT, ptr %v.at
  %left = BEFORE %d, %c
  %high = select i1 %left, ELEMENT %c, ELEMENT %d
  %q.at = getelementptr ELEMENT, ptr %to, i64 %q
  store ELEMENT %high, ptr %q.at
  %left.by = zext i1 %left to i64
  %u.next = sub i64 %u, %left.by
  %v.less = sub i64 %v, 1
  %v.next = add i64 %v.less, %left.by
  %q.next = sub i64 %q, 1
  %apart = icmp slt i64 %o.next, %q
  br i1 %apart, label %ends, label %pair
step:
  %g = phi i64 [%p, %way], [%g.next, %one]
  %h = phi i64 [%mid, %way], [%h.next, %one]
  %r = phi i64 [%p, %way], [%r.next, %one]
  %g.more = icmp slt i64 %g, %mid
  %h.more = icmp slt i64 %h, %p.end
  %both = and i1 %g.more, %h.more
  br i1 %both, label %one, label %rest
one:
  %g.at = getelementptr ELEMENT, ptr %from, i64 %g
  %h.at = getelementptr ELEMENT, ptr %from, i64 %h
  %e = load ELEMENT, ptr %g.at
  %f = load ELEMENT, ptr %h.at
  %other = BEFORE %f, %e
  %less = select i1 %other, ELEMENT %f, ELEMENT %e
  %r.at = getelementptr ELEMENT, ptr %to, i64 %r
  store ELEMENT %less, ptr %r.at
  %other.by = zext i1 %other to i64
  %g.one = add i64 %g, 1
  %g.next = sub i64 %g.one, %other.by
  %h.next = add i64 %h, %other.by
  %r.next = add i64 %r, 1
  br label %step
rest:
  %first.left = phi i64 [%p, %halves], [%p, %seam], [%g, %step]
  %g.left = phi i1 [true, %halves], [true, %seam], [%g.more, %step]
  %h.left = phi i64 [%p, %halves], [%p, %seam], [%h, %step]
  %to.left = phi i64 [%p, %halves], [%p, %seam], [%r, %step]
  %g.end = phi i64 [%p.end, %halves], [%p.end, %seam], [%mid, %step]
  %source = select i1 %g.left, i64 %first.left, i64 %h.left
  %source.end = select i1 %g.left, i64 %g.end, i64 %p.end
  %count = sub i64 %source.end, %source
  %size = mul i64 %count, SIZE
  %source.at = getelementptr ELEMENT, ptr %from, i64 %source
  %rest.at = getelementptr ELEMENT, ptr %to, i64 %to.left
  call void @llvm.memcpy.p0.p0.i64(ptr %rest.at, ptr %source.at, i64 %size, i1 false)
  br label %pair
over:
  %width.next = shl i64 %width, 1
  br label %pass
done:
  ret ptr %from
}"""
