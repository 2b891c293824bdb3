"""Threads that run the chunks of a kernel, shared by all programs of the process.

`irgrad_parallel(function, table, state, count, most)` runs `function(table, state, k, thread)` for
k in 0..count, on the calling thread, whose number is 0, and on those of the pool, but only on
threads with numbers below `most`. Each first takes the chunks of its own share, then
what is left of others': from one piece of work to the next a thread then finds most of what it
reads in its own cache, and nothing is slower than lines that another core has written to. How work
is cut into chunks does not depend on the number of threads, so neither do results. Where the pool
is busy with the work of another caller, this one runs its chunks alone.

Threads start at the first call, as many as `IRGRAD_NUM_THREADS` says or the processors this process
may use; after work they look out for more for some 50 microseconds, then sleep. A child after a
fork starts threads of its own.

A worker that has seen a new generation counts itself in, and works only where the job is still
open; the caller closes the job and waits until nobody is in. Both orders are sequentially
consistent, so that a worker never meets a job that is over."""

from __future__ import annotations

import platform
from functools import cache

from irgrad_numba import machine
from irgrad_numba.thread_count import thread_count

PARALLEL = "irgrad_parallel"
SIGNATURE = "void {}(ptr, ptr, ptr, i64, i64)"
PAUSE = {
    "x86_64": ("llvm.x86.sse2.pause()", "llvm.x86.sse2.pause()"),
    "aarch64": ("llvm.aarch64.hint(i32)", "llvm.aarch64.hint(i32 1)"),
}
"""The instruction that tells the processor that a thread waits in a loop: declared, called."""


@cache
def loaded() -> machine.Loaded:
    """The pool of this process."""
    kind = platform.machine().replace("arm64", "aarch64")
    declared, called = PAUSE.get(kind, ("llvm.donothing()", "llvm.donothing()"))
    text = TEXT.replace("THREADS", str(thread_count())).replace("DECLARED", declared)
    code = machine.plain_code(text.replace("PAUSE", called), 0)
    return machine.Loaded(code, [PARALLEL], {})


TEXT = """
declare void @DECLARED
declare i32 @pthread_create(ptr, ptr, ptr, ptr)
declare i32 @pthread_detach(ptr)
declare i32 @pthread_mutex_init(ptr, ptr)
declare i32 @pthread_mutex_lock(ptr)
declare i32 @pthread_mutex_unlock(ptr)
declare i32 @pthread_cond_init(ptr, ptr)
declare i32 @pthread_cond_wait(ptr, ptr)
declare i32 @pthread_cond_broadcast(ptr)
declare i32 @sched_yield()
declare i32 @getpid()

@process = internal global i32 0
@lock = internal global [128 x i8] zeroinitializer, align 64
@wake = internal global [128 x i8] zeroinitializer, align 64
@function = internal global ptr null
@table = internal global ptr null
@state = internal global ptr null
@count = internal global i64 0
@most = internal global i64 0
@generation = internal global i64 0, align 64
@sleeping = internal global i64 0, align 64
@busy = internal global i64 0, align 64
@open = internal global i64 0, align 64
@next = internal global [THREADS x [64 x i8]] zeroinitializer, align 64
@inside = internal global i64 0, align 64

define internal void @take_chunks(ptr %function, ptr %table, ptr %state, i64 %count, i64 %own) {
  br label %share
share:
  %k = phi i64 [0, %0], [%k.next, %empty]
  %more = icmp slt i64 %k, THREADS
  br i1 %more, label %enter, label %end
enter:
  %beside = add i64 %own, %k
  %whose = urem i64 %beside, THREADS
  %after = add i64 %whose, 1
  %low = mul i64 %whose, %count
  %high = mul i64 %after, %count
  %first = udiv i64 %low, THREADS
  %last = udiv i64 %high, THREADS
  %taken = getelementptr [64 x i8], ptr @next, i64 %whose
  %any = icmp slt i64 %first, %last
  br i1 %any, label %look, label %empty
look:
  %so.far = load atomic i64, ptr %taken monotonic, align 8
  %reached = add i64 %first, %so.far
  %open = icmp slt i64 %reached, %last
  br i1 %open, label %take, label %empty
take:
  %old = atomicrmw add ptr %taken, i64 1 seq_cst
  %chunk = add i64 %first, %old
  %some = icmp slt i64 %chunk, %last
  br i1 %some, label %run, label %empty
run:
  call void %function(ptr %table, ptr %state, i64 %chunk, i64 %own)
  br label %take
empty:
  %k.next = add i64 %k, 1
  br label %share
end:
  ret void
}

define internal void @wait_for_work(i64 %seen) {
  br label %look
look:
  %tries = phi i64 [0, %0], [%tries.next, %again]
  %now = load atomic i64, ptr @generation seq_cst, align 8
  %same = icmp eq i64 %now, %seen
  br i1 %same, label %patience, label %end
patience:
  %tries.next = add i64 %tries, 1
  %more = icmp slt i64 %tries, 1000
  br i1 %more, label %again, label %sleep
again:
  call void @PAUSE
  br label %look
sleep:
  %locked = call i32 @pthread_mutex_lock(ptr @lock)
  %one = atomicrmw add ptr @sleeping, i64 1 seq_cst
  br label %check
check:
  %still = load atomic i64, ptr @generation seq_cst, align 8
  %unchanged = icmp eq i64 %still, %seen
  br i1 %unchanged, label %doze, label %awake
doze:
  %woken = call i32 @pthread_cond_wait(ptr @wake, ptr @lock)
  br label %check
awake:
  %less = atomicrmw sub ptr @sleeping, i64 1 seq_cst
  %unlocked = call i32 @pthread_mutex_unlock(ptr @lock)
  br label %end
end:
  ret void
}

define internal ptr @worker(ptr %start) {
  %both = ptrtoint ptr %start to i64
  %first = lshr i64 %both, 10
  %own = and i64 %both, 1023
  br label %next
next:
  %seen = phi i64 [%first, %0], [%now, %leave]
  call void @wait_for_work(i64 %seen)
  %now = load atomic i64, ptr @generation seq_cst, align 8
  %entered = atomicrmw add ptr @inside, i64 1 seq_cst
  %is.open = load atomic i64, ptr @open seq_cst, align 8
  %closed = icmp eq i64 %is.open, 0
  br i1 %closed, label %leave, label %look
look:
  %most = load i64, ptr @most
  %needed = icmp slt i64 %own, %most
  br i1 %needed, label %work, label %leave
work:
  %function = load ptr, ptr @function
  %table = load ptr, ptr @table
  %state = load ptr, ptr @state
  %count = load i64, ptr @count
  call void @take_chunks(ptr %function, ptr %table, ptr %state, i64 %count, i64 %own)
  br label %leave
leave:
  %left = atomicrmw sub ptr @inside, i64 1 seq_cst
  br label %next
}

define internal void @start_threads() {
  %a = call i32 @pthread_mutex_init(ptr @lock, ptr null)
  %b = call i32 @pthread_cond_init(ptr @wake, ptr null)
  store atomic i64 0, ptr @sleeping seq_cst, align 8
  store atomic i64 0, ptr @busy seq_cst, align 8
  store atomic i64 0, ptr @open seq_cst, align 8
  store atomic i64 0, ptr @inside seq_cst, align 8
  %generation = load atomic i64, ptr @generation seq_cst, align 8
  %moved = shl i64 %generation, 10
  %place = alloca ptr
  br label %more
more:
  %k = phi i32 [1, %0], [%k.next, %detach]
  %enough = icmp sge i32 %k, THREADS
  br i1 %enough, label %end, label %create
create:
  %own = zext i32 %k to i64
  %both = or i64 %moved, %own
  %start = inttoptr i64 %both to ptr
  %failed = call i32 @pthread_create(ptr %place, ptr null, ptr @worker, ptr %start)
  %ok = icmp eq i32 %failed, 0
  br i1 %ok, label %detach, label %end
detach:
  %thread = load ptr, ptr %place
  %detached = call i32 @pthread_detach(ptr %thread)
  %k.next = add i32 %k, 1
  br label %more
end:
  ret void
}

define internal i1 @ready() {
  %pid = call i32 @getpid()
  %owner = load atomic i32, ptr @process seq_cst, align 4
  %ours = icmp eq i32 %owner, %pid
  br i1 %ours, label %yes, label %claim
claim:
  %starting = icmp eq i32 %owner, -1
  br i1 %starting, label %no, label %try
try:
  %pair = cmpxchg ptr @process, i32 %owner, i32 -1 seq_cst seq_cst
  %won = extractvalue {i32, i1} %pair, 1
  br i1 %won, label %start, label %no
start:
  call void @start_threads()
  store atomic i32 %pid, ptr @process seq_cst, align 4
  br label %yes
yes:
  ret i1 true
no:
  ret i1 false
}

define void @irgrad_parallel(ptr %function, ptr %table, ptr %state, i64 %count, i64 %most) {
  %alone = icmp sge i32 1, THREADS
  br i1 %alone, label %serial, label %prepare
prepare:
  %ready = call i1 @ready()
  br i1 %ready, label %reserve, label %serial
reserve:
  %pair = cmpxchg ptr @busy, i64 0, i64 1 seq_cst seq_cst
  %free = extractvalue {i64, i1} %pair, 1
  br i1 %free, label %publish, label %serial
publish:
  store ptr %function, ptr @function
  store ptr %table, ptr @table
  store ptr %state, ptr @state
  store i64 %count, ptr @count
  store i64 %most, ptr @most
  br label %reset
reset:
  %s = phi i64 [0, %publish], [%s.next, %reset]
  %taken = getelementptr [64 x i8], ptr @next, i64 %s
  store atomic i64 0, ptr %taken seq_cst, align 8
  %s.next = add i64 %s, 1
  %s.more = icmp slt i64 %s.next, THREADS
  br i1 %s.more, label %reset, label %offer
offer:
  store atomic i64 1, ptr @open seq_cst, align 8
  %old = atomicrmw add ptr @generation, i64 1 seq_cst
  %asleep = load atomic i64, ptr @sleeping seq_cst, align 8
  %nobody = icmp eq i64 %asleep, 0
  br i1 %nobody, label %work, label %rouse
rouse:
  %locked = call i32 @pthread_mutex_lock(ptr @lock)
  %roused = call i32 @pthread_cond_broadcast(ptr @wake)
  %unlocked = call i32 @pthread_mutex_unlock(ptr @lock)
  br label %work
work:
  call void @take_chunks(ptr %function, ptr %table, ptr %state, i64 %count, i64 0)
  store atomic i64 0, ptr @open seq_cst, align 8
  br label %others
others:
  %tries = phi i64 [0, %work], [%tries.next, %again], [%tries.next, %yield]
  %in = load atomic i64, ptr @inside seq_cst, align 8
  %over = icmp eq i64 %in, 0
  br i1 %over, label %done, label %patience
patience:
  %tries.next = add i64 %tries, 1
  %short = icmp slt i64 %tries, 1000
  br i1 %short, label %again, label %yield
again:
  call void @PAUSE
  br label %others
yield:
  %yielded = call i32 @sched_yield()
  br label %others
done:
  store atomic i64 0, ptr @busy seq_cst, align 8
  ret void
serial:
  br label %each
each:
  %k = phi i64 [0, %serial], [%k.next, %one]
  %some = icmp slt i64 %k, %count
  br i1 %some, label %one, label %end
one:
  call void %function(ptr %table, ptr %state, i64 %k, i64 0)
  %k.next = add i64 %k, 1
  br label %each
end:
  ret void
}
"""
