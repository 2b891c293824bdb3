"""Threads that run the chunks of a kernel, shared by all programs of the process.

`irgrad_parallel(function, table, state, count, most, work)` runs
`function(table, state, k, thread)` for k in 0..count, on the calling thread, whose number is 0, and
on those of the pool, but only on threads with numbers below `most`. Each first takes the chunks of
its own share, then what is left of others': from one piece of work to the next a thread then finds
most of what it reads in its own cache, and nothing is slower than lines that another core has
written to. How work is cut into chunks does not depend on the number of threads, so neither do
results. Where the pool is busy with the work of another caller, this one runs its chunks alone.

Threads start at the first call, as many as `IRGRAD_NUM_THREADS` says or the processors this process
may use; after work they look out for more for some 50 microseconds, then sleep. To wake them takes
as long: they are woken, or started, when calls since the last time were `work` (about so many
nanoseconds) worth it. Where they are awake, as in a loop whose steps are shared, a call costs some
hundred nanoseconds. A child after a fork starts threads of its own.

The caller waits only for chunks that others have taken, never for a thread. Where one that has
taken some had to leave its processor, all work is done alone for a while. For `LATE` looks a thread
leaves the share of another to that: to look at its counters would take their lines of the cache
from it."""

from __future__ import annotations

import platform
import sys
from functools import cache
from string import Template

from irgrad_numba import machine, trials, workers
from irgrad_numba.thread_count import thread_count

PARALLEL = "irgrad_parallel"
SIGNATURE = "void {}(ptr, ptr, ptr, i64, i64, i64)"
WAKING = 40_000
"""Nanoseconds of work that are worth waking threads: that takes five to fifty thousand."""
PATIENCE = 2000
"""How often a thread looks for work before it sleeps."""
LATE = 50
RARELY = 64 * WAKING
"""The most work before threads are woken; it doubles where they came too late to help."""
REGRET = 32
"""All work is done alone so many times as long as the caller has waited for one that was away:
longer than it had worked itself."""
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
    threads = thread_count()
    text = Template(workers.TEXT + TEXT + trials.TEXT).substitute(
        declared=declared,
        pause=called,
        threads=threads,
        others=threads - 1,
        patience=PATIENCE,
        late=LATE,
        later=LATE + 1,
        waking=WAKING,
        rarely=RARELY,
        regret=REGRET,
        clock=1 if sys.platform == "linux" else 6,
        **trials.NUMBERS,
    )
    return machine.Loaded(machine.plain_code(text, 0), [PARALLEL, trials.STEP], {})


TEXT = """
declare void @${declared}
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
declare i32 @clock_gettime(i32, ptr)

define internal void @start_threads() {
  %a = call i32 @pthread_mutex_init(ptr @lock, ptr null)
  %b = call i32 @pthread_cond_init(ptr @wake, ptr null)
  store atomic i64 0, ptr @sleeping seq_cst, align 8
  store atomic i64 0, ptr @busy seq_cst, align 8
  %number = load atomic i64, ptr @job seq_cst, align 8
  %next = add i64 %number, 3
  %even = and i64 %next, -2
  store atomic i64 %even, ptr @job seq_cst, align 8
  %moved = shl i64 %even, 10
  %place = alloca ptr
  br label %more
more:
  %k = phi i32 [1, %0], [%k.next, %detach]
  %enough = icmp sge i32 %k, ${threads}
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

define internal i64 @nanoseconds() noinline {
  %time = alloca [2 x i64]
  %got = call i32 @clock_gettime(i32 ${clock}, ptr %time)
  %seconds = load i64, ptr %time
  %place = getelementptr i64, ptr %time, i64 1
  %rest = load i64, ptr %place
  %whole = mul i64 %seconds, 1000000000
  %sum = add i64 %whole, %rest
  ret i64 %sum
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

; How many chunks the other threads have finished; whether one of them was not there lately.
define internal {i64, i1} @look(i64 %mark, i64 %shares) {
  %last = sub i64 %mark, 2097152
  br label %next
next:
  %k = phi i64 [1, %0], [%k.next, %each]
  %n = phi i64 [0, %0], [%n.next, %each]
  %missed = phi i1 [false, %0], [%missed.next, %each]
  %more = icmp slt i64 %k, %shares
  br i1 %more, label %each, label %end
each:
  %place = getelementptr [${threads} x %counter], ptr @finished, i64 0, i64 %k
  %word = load atomic i64, ptr %place acquire, align 8
  %ahead = sub i64 %word, %mark
  %here = icmp sge i64 %ahead, 0
  %own = select i1 %here, i64 %ahead, i64 0
  %n.next = add i64 %n, %own
  %since = sub i64 %word, %last
  %late = icmp slt i64 %since, 0
  %missed.next = or i1 %missed, %late
  %k.next = add i64 %k, 1
  br label %next
end:
  %one = insertvalue {i64, i1} undef, i64 %n, 0
  %both = insertvalue {i64, i1} %one, i1 %missed, 1
  ret {i64, i1} %both
}

define void @irgrad_parallel(ptr %function, ptr %table, ptr %state, i64 %count, i64 %most,
                             i64 %work) {
  %nobody.else = icmp sge i32 1, ${threads}
  %kept.alone = icmp sle i64 %most, 1
  %only = or i1 %nobody.else, %kept.alone
  br i1 %only, label %serial, label %trust
trust:
  %debt = load atomic i64, ptr @distrust monotonic, align 8
  %doubt = icmp sgt i64 %debt, 0
  br i1 %doubt, label %work.off, label %weigh
work.off:
  %less = sub i64 %debt, %work
  store atomic i64 %less, ptr @distrust monotonic, align 8
  br label %serial
weigh:
  %before = load atomic i64, ptr @unwoken monotonic, align 8
  %sum = add i64 %before, %work
  %enough = load atomic i64, ptr @waking monotonic, align 8
  %worth = icmp sge i64 %sum, %enough
  %kept = select i1 %worth, i64 0, i64 %sum
  store atomic i64 %kept, ptr @unwoken monotonic, align 8
  br i1 %worth, label %prepare, label %glance
prepare:
  %ready = call i1 @ready()
  br i1 %ready, label %reserve, label %serial
glance:
  %owner = load atomic i32, ptr @process seq_cst, align 4
  %started = icmp sgt i32 %owner, 0
  %resting = load atomic i64, ptr @sleeping monotonic, align 8
  %some = icmp slt i64 %resting, ${others}
  %there = and i1 %started, %some
  br i1 %there, label %reserve, label %serial
reserve:
  %pair = cmpxchg ptr @busy, i64 0, i64 1 seq_cst seq_cst
  %free = extractvalue {i64, i1} %pair, 1
  br i1 %free, label %publish, label %serial
publish:
  %fewer = call i64 @llvm.smin.i64(i64 %most, i64 %count)
  %shares = call i64 @llvm.smin.i64(i64 %fewer, i64 ${threads})
  %number = load atomic i64, ptr @job monotonic, align 8
  %odd = add i64 %number, 1
  store atomic i64 %odd, ptr @job monotonic, align 8
  fence release
  store atomic ptr %function, ptr getelementptr (%job, ptr @job, i64 0, i32 1) monotonic, align 8
  store atomic ptr %table, ptr getelementptr (%job, ptr @job, i64 0, i32 2) monotonic, align 8
  store atomic ptr %state, ptr getelementptr (%job, ptr @job, i64 0, i32 3) monotonic, align 8
  store atomic i64 %count, ptr getelementptr (%job, ptr @job, i64 0, i32 4) monotonic, align 8
  store atomic i64 %shares, ptr getelementptr (%job, ptr @job, i64 0, i32 5) monotonic, align 8
  %now = add i64 %number, 2
  %mark = shl i64 %now, 20
  %first = add i64 %mark, 1
  store atomic i64 %first, ptr @taken monotonic, align 8
  store atomic i64 %now, ptr @job release, align 8
  br i1 %worth, label %check, label %work.on
check:
  fence seq_cst
  %asleep = load atomic i64, ptr @sleeping seq_cst, align 8
  %nobody = icmp eq i64 %asleep, 0
  br i1 %nobody, label %work.on, label %rouse
rouse:
  %help.came = load atomic i64, ptr @helped monotonic, align 8
  %help.before = load atomic i64, ptr @help.before monotonic, align 8
  store atomic i64 %help.came, ptr @help.before monotonic, align 8
  %in.vain = icmp eq i64 %help.came, %help.before
  %twice = shl i64 %enough, 1
  %most.waking = call i64 @llvm.smin.i64(i64 %twice, i64 ${rarely})
  %waking.next = select i1 %in.vain, i64 %most.waking, i64 ${waking}
  store atomic i64 %waking.next, ptr @waking monotonic, align 8
  %locked = call i32 @pthread_mutex_lock(ptr @lock)
  %roused = call i32 @pthread_cond_broadcast(ptr @wake)
  %unlocked = call i32 @pthread_mutex_unlock(ptr @lock)
  br label %work.on
work.on:
  %began = call i64 @nanoseconds()
  call void %function(ptr %table, ptr %state, i64 0, i64 0)
  %next = call i64 @run_share(ptr %function, ptr %table, ptr %state, i64 %count, i64 %shares,
                              i64 %mark, i64 0, i64 0)
  %own = add i64 %next, 1
  br label %others
others:
  %mine = phi i64 [%own, %work.on], [%mine, %again], [%mine, %yield], [%more.mine, %help]
  %tries = phi i64 [0, %work.on], [%tries.next, %again], [%tries.next, %yield], [${later}, %help]
  %since = phi i64 [0, %work.on], [0, %again], [%begun, %yield], [0, %help]
  %seen = call {i64, i1} @look(i64 %mark, i64 %shares)
  %theirs = extractvalue {i64, i1} %seen, 0
  %missed = extractvalue {i64, i1} %seen, 1
  %so.far = add i64 %mine, %theirs
  %over = icmp eq i64 %so.far, %count
  br i1 %over, label %all, label %patience
patience:
  %tries.next = add i64 %tries, 1
  %early = icmp slt i64 %tries, ${late}
  %at.once = and i1 %early, %missed
  %due = icmp eq i64 %tries, ${late}
  %now.help = or i1 %at.once, %due
  br i1 %now.help, label %help, label %wait
help:
  %left = call i64 @run_others(ptr %function, ptr %table, ptr %state, i64 %count, i64 %shares,
                               i64 %mark, i64 0)
  %more.mine = add i64 %mine, %left
  br label %others
wait:
  %short = icmp slt i64 %tries, 1000
  br i1 %short, label %again, label %long
again:
  call void @${pause}
  br label %others
long:
  %known = icmp ne i64 %since, 0
  br i1 %known, label %yield, label %begin
begin:
  %start = call i64 @nanoseconds()
  br label %yield
yield:
  %begun = phi i64 [%since, %long], [%start, %begin]
  %yielded = call i32 @sched_yield()
  br label %others
all:
  %before.help = load atomic i64, ptr @helped monotonic, align 8
  %with.help = add i64 %before.help, %theirs
  store atomic i64 %with.help, ptr @helped monotonic, align 8
  %waited = icmp ne i64 %since, 0
  br i1 %waited, label %regret, label %done
regret:
  %end.time = call i64 @nanoseconds()
  %lost = sub i64 %end.time, %since
  %worked = sub i64 %since, %began
  %away = icmp sgt i64 %lost, %worked
  %alone = mul i64 %lost, ${regret}
  %owed = select i1 %away, i64 %alone, i64 0
  store atomic i64 %owed, ptr @distrust monotonic, align 8
  br label %done
done:
  store atomic i64 0, ptr @busy release, align 8
  ret void
serial:
  br label %each
each:
  %k = phi i64 [0, %serial], [%k.next, %one]
  %some.left = icmp slt i64 %k, %count
  br i1 %some.left, label %one, label %end
one:
  call void %function(ptr %table, ptr %state, i64 %k, i64 0)
  %k.next = add i64 %k, 1
  br label %each
end:
  ret void
}

declare i64 @llvm.smin.i64(i64, i64)
declare i64 @llvm.umin.i64(i64, i64)
"""
