"""The threads of the pool, as LLVM's text: how they take chunks, wait, and sleep.

A job has a number, which is even; it is odd while the next one is written down. The chunks taken of
a share, and those that a thread has finished, are counted above the job's number in one word:
nobody sets them back, and who comes too late takes nothing."""

TEXT = """
%job = type {i64, ptr, ptr, ptr, i64, i64}  ; number, function, table, state, count, shares
%counter = type {i64, [120 x i8]}

@process = internal global i32 0
@lock = internal global [128 x i8] zeroinitializer, align 128
@wake = internal global [128 x i8] zeroinitializer, align 128
@job = internal global %job zeroinitializer, align 128
@taken = internal global [${threads} x %counter] zeroinitializer, align 128
@finished = internal global [${threads} x %counter] zeroinitializer, align 128
@sleeping = internal global %counter zeroinitializer, align 128
@busy = internal global %counter zeroinitializer, align 128
@unwoken = internal global i64 0
@waking = internal global i64 ${waking}
@helped = internal global i64 0
@help.before = internal global i64 -1
@distrust = internal global i64 0

; One chunk of a share of `size`, or -1: `mark` is the job's number above the counts.
define internal i64 @take(ptr %place, i64 %mark, i64 %size) alwaysinline {
  br label %look
look:
  %old = load atomic i64, ptr %place monotonic, align 8
  %ahead = sub i64 %old, %mark
  %before = icmp slt i64 %ahead, 0
  %so.far = select i1 %before, i64 0, i64 %ahead
  %some = icmp slt i64 %so.far, %size
  br i1 %some, label %try, label %none
try:
  %more = add i64 %so.far, 1
  %new = add i64 %mark, %more
  %pair = cmpxchg ptr %place, i64 %old, i64 %new seq_cst monotonic
  %won = extractvalue {i64, i1} %pair, 1
  br i1 %won, label %end, label %look
none:
  ret i64 -1
end:
  ret i64 %so.far
}

; How many chunks of a share this thread has run.
define internal i64 @run_share(ptr %function, ptr %table, ptr %state, i64 %count, i64 %shares,
                               i64 %mark, i64 %whose, i64 %own) {
  %after = add i64 %whose, 1
  %low = mul i64 %whose, %count
  %high = mul i64 %after, %count
  %first = udiv i64 %low, %shares
  %last = udiv i64 %high, %shares
  %size = sub i64 %last, %first
  %place = getelementptr [${threads} x %counter], ptr @taken, i64 0, i64 %whose
  br label %next
next:
  %n = phi i64 [0, %0], [%n.next, %run]
  %k = call i64 @take(ptr %place, i64 %mark, i64 %size)
  %some = icmp sge i64 %k, 0
  br i1 %some, label %run, label %end
run:
  %chunk = add i64 %first, %k
  call void %function(ptr %table, ptr %state, i64 %chunk, i64 %own)
  %n.next = add i64 %n, 1
  br label %next
end:
  ret i64 %n
}

; The chunks left of all shares but one's own.
define internal i64 @run_others(ptr %function, ptr %table, ptr %state, i64 %count, i64 %shares,
                                i64 %mark, i64 %own) {
  br label %next
next:
  %k = phi i64 [1, %0], [%k.next, %run]
  %n = phi i64 [0, %0], [%n.next, %run]
  %more = icmp slt i64 %k, %shares
  br i1 %more, label %run, label %end
run:
  %beside = add i64 %own, %k
  %whose = urem i64 %beside, %shares
  %ran = call i64 @run_share(ptr %function, ptr %table, ptr %state, i64 %count, i64 %shares,
                             i64 %mark, i64 %whose, i64 %own)
  %n.next = add i64 %n, %ran
  %k.next = add i64 %k, 1
  br label %next
end:
  ret i64 %n
}

; The number of the next job after `seen`.
define internal i64 @wait_for_work(i64 %seen) {
  br label %look
look:
  %tries = phi i64 [0, %0], [%tries.next, %again], [%tries.next, %give.way], [0, %awake]
  %now = load atomic i64, ptr @job acquire, align 8
  %odd = trunc i64 %now to i1
  %same = icmp eq i64 %now, %seen
  %wait = or i1 %odd, %same
  br i1 %wait, label %patience, label %end
patience:
  %tries.next = add i64 %tries, 1
  %more = icmp slt i64 %tries, ${patience}
  br i1 %more, label %again, label %sleep
again:
  call void @${pause}
  %rest = urem i64 %tries.next, 200
  %tired = icmp eq i64 %rest, 0
  br i1 %tired, label %give.way, label %look
give.way:
  %gave = call i32 @sched_yield()
  br label %look
sleep:
  %locked = call i32 @pthread_mutex_lock(ptr @lock)
  %one = atomicrmw add ptr @sleeping, i64 1 seq_cst
  br label %check
check:
  %still = load atomic i64, ptr @job seq_cst, align 8
  %unchanged = icmp eq i64 %still, %seen
  br i1 %unchanged, label %doze, label %awake
doze:
  %woken = call i32 @pthread_cond_wait(ptr @wake, ptr @lock)
  br label %check
awake:
  %less = atomicrmw sub ptr @sleeping, i64 1 seq_cst
  %unlocked = call i32 @pthread_mutex_unlock(ptr @lock)
  br label %look
end:
  ret i64 %now
}

define internal ptr @worker(ptr %start) {
  %both = ptrtoint ptr %start to i64
  %first = lshr i64 %both, 10
  %own = and i64 %both, 1023
  %place = getelementptr [${threads} x %counter], ptr @finished, i64 0, i64 %own
  br label %next
next:
  %seen = phi i64 [%first, %0], [%seen, %read], [%now, %idle], [%now, %look], [%now, %help],
                  [%now, %helped]
  %now = call i64 @wait_for_work(i64 %seen)
  br label %read
read:
  %function = load atomic ptr, ptr getelementptr (%job, ptr @job, i64 0, i32 1) monotonic, align 8
  %table = load atomic ptr, ptr getelementptr (%job, ptr @job, i64 0, i32 2) monotonic, align 8
  %state = load atomic ptr, ptr getelementptr (%job, ptr @job, i64 0, i32 3) monotonic, align 8
  %count = load atomic i64, ptr getelementptr (%job, ptr @job, i64 0, i32 4) monotonic, align 8
  %shares = load atomic i64, ptr getelementptr (%job, ptr @job, i64 0, i32 5) monotonic, align 8
  fence acquire
  %still = load atomic i64, ptr @job monotonic, align 8
  %whole = icmp eq i64 %still, %now
  br i1 %whole, label %idle, label %next
idle:
  %needed = icmp slt i64 %own, %shares
  br i1 %needed, label %work, label %next
work:
  %mark = shl i64 %now, 20
  %n = call i64 @run_share(ptr %function, ptr %table, ptr %state, i64 %count, i64 %shares,
                           i64 %mark, i64 %own, i64 %own)
  %done = add i64 %mark, %n
  store atomic i64 %done, ptr %place release, align 8
  br label %look
look:
  %tries = phi i64 [0, %work], [%tries.next, %wait]
  %later = load atomic i64, ptr @job monotonic, align 8
  %same = icmp eq i64 %later, %now
  br i1 %same, label %patience, label %next
patience:
  %tries.next = add i64 %tries, 1
  %early = icmp slt i64 %tries, ${late}
  br i1 %early, label %wait, label %help
wait:
  call void @${pause}
  br label %look
help:
  %m = call i64 @run_others(ptr %function, ptr %table, ptr %state, i64 %count, i64 %shares,
                            i64 %mark, i64 %own)
  %any = icmp sgt i64 %m, 0
  br i1 %any, label %helped, label %next
helped:
  %all = add i64 %done, %m
  store atomic i64 %all, ptr %place release, align 8
  br label %next
}
"""
