"""What every program calls at its boundary with Python: looking at array objects, giving out result
arrays and scratch memory. Compiled once for a process.

Result arrays come from NumPy. The last two of each result are remembered, and given out again once
nobody else holds a reference to them: fresh memory costs more than most arithmetic. Scratch memory
is kept between calls; of calls at the same time each takes its own.

Offsets are those of NumPy's array object (data 16, nd 24, dimensions 32, strides 40, descr 56,
flags 64, weak references 72), part of its binary interface; flags 257 are C order and aligned, 1028
owned and writeable. A reference count is read as 32 bits, which all versions of Python have at the
start of an object."""

from __future__ import annotations

import sys
from functools import cache

from irgrad_numba import machine

STACK_BYTES = 32_768
"""Scratch memory up to this size lies on the stack."""
LEAST_HUGE, HUGE_PAGE = 1 << 22, 1 << 21
"""From this size on Linux is asked for large pages, as NumPy asks for large arrays: loops that go
through several arrays, or through long rows, need the addresses of fewer pages at a time."""

SIGNATURES = {
    "irgrad_same_array": "i1 {}(ptr, ptr, ptr, i32, ptr)",
    "irgrad_same_strided": "i1 {}(ptr, ptr, ptr, i32, ptr, ptr)",
    "irgrad_result_array": "ptr {}(ptr, ptr, ptr, ptr, i32, ptr)",
    "irgrad_scratch": "ptr {}(ptr, i64)",
    "irgrad_give_back": "void {}(ptr, ptr)",
}


@cache
def loaded() -> machine.Loaded:
    """The functions in this process."""
    least = LEAST_HUGE if sys.platform == "linux" else 2**62
    text = TEXT.replace("LEAST_HUGE", str(least)).replace("HUGE_PAGE", str(HUGE_PAGE))
    return machine.Loaded(machine.plain_code(text, 0), list(SIGNATURES), {})


TEXT = """
declare void @Py_IncRef(ptr)
declare void @Py_DecRef(ptr)
declare ptr @aligned_alloc(i64, i64)
declare i32 @madvise(ptr, i64, i32)
declare void @free(ptr)
define internal i1 @is_array(
    ptr %x, ptr %type, ptr %descr, i32 %nd, ptr %dims, i32 %flags) nounwind alwaysinline {
  %type.at = getelementptr i8, ptr %x, i64 8
  %type.is = load ptr, ptr %type.at
  %type.ok = icmp eq ptr %type.is, %type
  br i1 %type.ok, label %array, label %no
array:
  %nd.at = getelementptr i8, ptr %x, i64 24
  %nd.is = load i32, ptr %nd.at
  %nd.ok = icmp eq i32 %nd.is, %nd
  %descr.at = getelementptr i8, ptr %x, i64 56
  %descr.is = load ptr, ptr %descr.at
  %descr.ok = icmp eq ptr %descr.is, %descr
  %flags.at = getelementptr i8, ptr %x, i64 64
  %flags.is = load i32, ptr %flags.at
  %flags.both = and i32 %flags.is, %flags
  %flags.ok = icmp eq i32 %flags.both, %flags
  %kind.ok = and i1 %nd.ok, %descr.ok
  %ok = and i1 %kind.ok, %flags.ok
  br i1 %ok, label %shape, label %no
shape:
  %dims.at = getelementptr i8, ptr %x, i64 32
  %dims.is = load ptr, ptr %dims.at
  br label %axis
axis:
  %k = phi i32 [0, %shape], [%k.next, %extent]
  %done = icmp eq i32 %k, %nd
  br i1 %done, label %yes, label %extent
extent:
  %a.at = getelementptr i64, ptr %dims.is, i32 %k
  %a = load i64, ptr %a.at
  %b.at = getelementptr i64, ptr %dims, i32 %k
  %b = load i64, ptr %b.at
  %equal = icmp eq i64 %a, %b
  %k.next = add i32 %k, 1
  br i1 %equal, label %axis, label %no
yes:
  ret i1 true
no:
  ret i1 false
}

define i1 @irgrad_same_array(ptr %x, ptr %type, ptr %descr, i32 %nd, ptr %dims) nounwind {
  %same = call i1 @is_array(ptr %x, ptr %type, ptr %descr, i32 %nd, ptr %dims, i32 257)
  ret i1 %same
}

define i1 @irgrad_same_strided(
    ptr %x, ptr %type, ptr %descr, i32 %nd, ptr %dims, ptr %strides) nounwind {
  %same = call i1 @is_array(ptr %x, ptr %type, ptr %descr, i32 %nd, ptr %dims, i32 256)
  br i1 %same, label %array, label %no
array:
  %strides.at = getelementptr i8, ptr %x, i64 40
  %strides.is = load ptr, ptr %strides.at
  br label %axis
axis:
  %k = phi i32 [0, %array], [%k.next, %stride]
  %done = icmp eq i32 %k, %nd
  br i1 %done, label %yes, label %stride
stride:
  %s.at = getelementptr i64, ptr %strides.is, i32 %k
  %s = load i64, ptr %s.at
  %t.at = getelementptr i64, ptr %strides, i32 %k
  %t = load i64, ptr %t.at
  %apart = icmp eq i64 %s, %t
  %extent.at = getelementptr i64, ptr %dims, i32 %k
  %extent = load i64, ptr %extent.at
  %single = icmp eq i64 %extent, 1
  %reached = or i1 %apart, %single
  %k.next = add i32 %k, 1
  br i1 %reached, label %axis, label %no
yes:
  ret i1 true
no:
  ret i1 false
}

define internal i1 @is_free(ptr %x, ptr %type, ptr %descr, i32 %nd, ptr %dims) nounwind {
  %none = icmp eq ptr %x, null
  br i1 %none, label %no, label %some
some:
  %count = load i32, ptr %x
  %alone = icmp eq i32 %count, 1
  %weak.at = getelementptr i8, ptr %x, i64 72
  %weak = load ptr, ptr %weak.at
  %unseen = icmp eq ptr %weak, null
  %flags.at = getelementptr i8, ptr %x, i64 64
  %flags.is = load i32, ptr %flags.at
  %flags.both = and i32 %flags.is, 1028
  %own = icmp eq i32 %flags.both, 1028
  %ok.1 = and i1 %alone, %unseen
  %ok.2 = and i1 %ok.1, %own
  br i1 %ok.2, label %compare, label %no
compare:
  %same = call i1 @irgrad_same_array(ptr %x, ptr %type, ptr %descr, i32 %nd, ptr %dims)
  ret i1 %same
no:
  ret i1 false
}

define ptr @irgrad_result_array(
    ptr %slots, ptr %make, ptr %type, ptr %descr, i32 %nd, ptr %dims) {
  %first = load ptr, ptr %slots
  %first.free = call i1 @is_free(ptr %first, ptr %type, ptr %descr, i32 %nd, ptr %dims)
  br i1 %first.free, label %again, label %other
other:
  %second.at = getelementptr ptr, ptr %slots, i64 1
  %second = load ptr, ptr %second.at
  %second.free = call i1 @is_free(ptr %second, ptr %type, ptr %descr, i32 %nd, ptr %dims)
  br i1 %second.free, label %again, label %new
again:
  %old = phi ptr [%first, %0], [%second, %other]
  call void @Py_IncRef(ptr %old)
  ret ptr %old
new:
  call void @Py_IncRef(ptr %descr)
  %x = call ptr %make(
    ptr %type, ptr %descr, i32 %nd, ptr %dims, ptr null, ptr null, i32 0, ptr null)
  %failed = icmp eq ptr %x, null
  br i1 %failed, label %end, label %keep
keep:
  call void @Py_IncRef(ptr %x)
  store ptr %first, ptr %second.at
  store ptr %x, ptr %slots
  call void @Py_DecRef(ptr %second)
  br label %end
end:
  ret ptr %x
}

define ptr @irgrad_scratch(ptr %kept, i64 %size) nounwind {
  %old = load ptr, ptr %kept
  store ptr null, ptr %kept
  %none = icmp eq ptr %old, null
  br i1 %none, label %new, label %end
new:
  %large = icmp sge i64 %size, LEAST_HUGE
  br i1 %large, label %huge, label %small
small:
  %fresh = call ptr @aligned_alloc(i64 64, i64 %size)
  br label %end
huge:
  %more = add i64 %size, HUGE_PAGE
  %pages = udiv i64 %more, HUGE_PAGE
  %whole = mul i64 %pages, HUGE_PAGE
  %begin = call ptr @aligned_alloc(i64 HUGE_PAGE, i64 %whole)
  %failed = icmp eq ptr %begin, null
  br i1 %failed, label %end, label %advise
advise:
  %advised = call i32 @madvise(ptr %begin, i64 %whole, i32 14)
  br label %end
end:
  %x = phi ptr [%old, %0], [%fresh, %small], [%begin, %huge], [%begin, %advise]
  ret ptr %x
}

define void @irgrad_give_back(ptr %kept, ptr %x) nounwind {
  %other = load ptr, ptr %kept
  %none = icmp eq ptr %other, null
  br i1 %none, label %keep, label %drop
keep:
  store ptr %x, ptr %kept
  ret void
drop:
  call void @free(ptr %x)
  ret void
}
"""
