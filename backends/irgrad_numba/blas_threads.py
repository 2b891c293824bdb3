"""BLAS's own threads, which stay out of the products that ours share: two pools would wait for each
other, and BLAS's look out for work long after theirs is done.

While a program shares products it sets BLAS's number of threads to 1, and back afterwards: the
first of several programs at a time does so, and the last."""

from __future__ import annotations

import ctypes
from functools import cache

from irgrad_numba import machine, scipy_library

ALONE, SHARED = "irgrad_blas_alone", "irgrad_blas_shared"
SIGNATURE = "void {}(ptr, ptr)"
"""Of both: BLAS's functions that set and tell its number of threads."""
PREFIXES = ("scipy_openblas", "openblas")


@cache
def functions() -> dict[str, int]:
    """Addresses of BLAS's `set` and `get`, as SciPy's BLAS has them; none where that cannot be
    told.
    """
    module = scipy_library.module("blas")
    library = ctypes.CDLL(module.__file__)  # what it is linked with is searched too
    for prefix in PREFIXES:
        found = [getattr(library, f"{prefix}_{way}_num_threads", None) for way in ("set", "get")]
        if all(found):
            addresses = [ctypes.cast(f, ctypes.c_void_p).value or 0 for f in found if f]
            return dict(zip(("set", "get"), addresses, strict=True))
    return {}


@cache
def loaded() -> machine.Loaded:
    """The functions of this process."""
    return machine.Loaded(machine.plain_code(TEXT, 0), [ALONE, SHARED], {})


TEXT = """
declare i32 @getpid()
declare i32 @sched_yield()

@process = internal global i32 0
@lock = internal global i64 0, align 64
@users = internal global i64 0
@threads = internal global i32 0

define internal void @acquire() {
  br label %try
try:
  %pair = cmpxchg ptr @lock, i64 0, i64 1 seq_cst seq_cst
  %won = extractvalue {i64, i1} %pair, 1
  br i1 %won, label %end, label %wait
wait:
  %yielded = call i32 @sched_yield()
  br label %try
end:
  ret void
}

define internal void @release() {
  store atomic i64 0, ptr @lock seq_cst, align 8
  ret void
}

define void @irgrad_blas_alone(ptr %set, ptr %get) {
  %pid = call i32 @getpid()
  %owner = load atomic i32, ptr @process seq_cst, align 4
  %same = icmp eq i32 %pid, %owner
  br i1 %same, label %enter, label %forked
forked:
  store atomic i32 %pid, ptr @process seq_cst, align 4
  call void @release()
  %stale = load i64, ptr @users
  store i64 0, ptr @users
  %inherited = icmp ne i64 %stale, 0
  br i1 %inherited, label %restore, label %enter
restore:
  %before = load i32, ptr @threads
  call void %set(i32 %before)
  br label %enter
enter:
  call void @acquire()
  %users = load i64, ptr @users
  %more = add i64 %users, 1
  store i64 %more, ptr @users
  %first = icmp eq i64 %users, 0
  br i1 %first, label %change, label %end
change:
  %now = call i32 %get()
  store i32 %now, ptr @threads
  call void %set(i32 1)
  br label %end
end:
  call void @release()
  ret void
}

define void @irgrad_blas_shared(ptr %set, ptr %get) {
  call void @acquire()
  %users = load i64, ptr @users
  %fewer = sub i64 %users, 1
  store i64 %fewer, ptr @users
  %last = icmp eq i64 %fewer, 0
  br i1 %last, label %change, label %end
change:
  %before = load i32, ptr @threads
  call void %set(i32 %before)
  br label %end
end:
  call void @release()
  ret void
}
"""
