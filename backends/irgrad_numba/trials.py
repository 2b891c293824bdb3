"""Whether threads share the steps of a loop, found out while it runs: some steps alone, some
shared, then many in the way that was faster, and again after a while. What threads cost from step
to step depends on where the system has put them, and on who else works there: from a tenth of a
microsecond to several. Results are the same either way."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from irgrad_numba.body import Body

STEP = "irgrad_step"
SIGNATURE = "void {}(ptr)"
ALONE, SHARED = 4, 8
"""Steps of a trial in either way; of those that are shared, half are to warm up."""
MOST = 64
"""Steps in which other threads may come to help, before the trial is given up."""
FIRST, LONGEST = 64, 2048
"""Steps between trials, at first and at most: each time twice as many."""
THREADS = 5
"""The place of the number of threads in what is kept of a loop."""
START = (0, ALONE, 0, -1, -1, 1, FIRST // 2, 0, 0)
"""What is known of a loop at first."""


NUMBERS = {
    "steps_alone": ALONE,
    "steps_shared": SHARED,
    "steps_measured": SHARED // 2,
    "most_steps": MOST,
    "longest": LONGEST,
}
"""What stands for them in the text."""


class Trial:
    """That of one loop, while its code is written; nothing is written where nothing is shared."""

    def __init__(self, body: Body) -> None:
        """To be made right after the branch to the head of the loop."""
        self.body = body
        self.around, body.trial = body.trial, self
        self.before = len(body.lines) - 1
        self.name = ""

    def threads(self) -> str:
        """How many may share a step now."""
        body = self.body
        if not self.name:
            known = body.module.globals
            self.name = f"trial{sum(name.startswith('trial') for name in known)}"
            start = ", ".join(f"i64 {number}" for number in START)
            known[self.name] = f"@{self.name} = internal global [{len(START)} x i64] [{start}]"
        at = body.once(f"getelementptr i64, ptr @{self.name}, i64 {THREADS}")
        return body.value(f"load atomic i64, ptr {at} monotonic, align 8")

    def step(self) -> None:
        """The code after a step."""
        if self.name:
            self.body.module.declare(STEP, SIGNATURE)
            self.body.emit(f"call void @{STEP}(ptr @{self.name})")

    def end(self) -> None:
        """After the loop: what comes before it is no step."""
        if self.name:
            start = f"  store atomic i64 0, ptr @{self.name} monotonic, align 8"
            self.body.lines.insert(self.before, start)
        self.body.trial = self.around


TEXT = """
%trial = type {i64, i64, i64, i64, i64, i64, i64, i64, i64}
; when the last step ended, steps left of a stretch, which stretch (0: alone, 1: shared,
; 2: settled), the least time alone, and shared, how many threads share, steps of the last stretch
; of the third kind, chunks that others had run, steps of this stretch

define void @irgrad_step(ptr %trial) {
  %last.at = getelementptr %trial, ptr %trial, i64 0, i32 0
  %left.at = getelementptr %trial, ptr %trial, i64 0, i32 1
  %stretch.at = getelementptr %trial, ptr %trial, i64 0, i32 2
  %alone.at = getelementptr %trial, ptr %trial, i64 0, i32 3
  %shared.at = getelementptr %trial, ptr %trial, i64 0, i32 4
  %most.at = getelementptr %trial, ptr %trial, i64 0, i32 5
  %settled.at = getelementptr %trial, ptr %trial, i64 0, i32 6
  %helped.at = getelementptr %trial, ptr %trial, i64 0, i32 7
  %tries.at = getelementptr %trial, ptr %trial, i64 0, i32 8
  %only = icmp sge i32 1, ${threads}
  br i1 %only, label %end, label %measure
measure:
  %now = call i64 @nanoseconds()
  %last = load atomic i64, ptr %last.at monotonic, align 8
  store atomic i64 %now, ptr %last.at monotonic, align 8
  %first = icmp eq i64 %last, 0
  br i1 %first, label %end, label %step
step:
  %time = sub i64 %now, %last
  %before = load atomic i64, ptr %left.at monotonic, align 8
  %left = sub i64 %before, 1
  %over = icmp sle i64 %left, 0
  %stretch = load atomic i64, ptr %stretch.at monotonic, align 8
  switch i64 %stretch, label %settled [i64 0, label %alone  i64 1, label %shared]
alone:
  %least.alone = load atomic i64, ptr %alone.at monotonic, align 8
  %less.alone = call i64 @llvm.umin.i64(i64 %least.alone, i64 %time)
  store atomic i64 %less.alone, ptr %alone.at monotonic, align 8
  store atomic i64 %left, ptr %left.at monotonic, align 8
  br i1 %over, label %share, label %end
share:
  %help = load atomic i64, ptr @helped monotonic, align 8
  store atomic i64 %help, ptr %helped.at monotonic, align 8
  store atomic i64 -1, ptr %shared.at monotonic, align 8
  store atomic i64 0, ptr %tries.at monotonic, align 8
  store atomic i64 ${steps_shared}, ptr %left.at monotonic, align 8
  store atomic i64 ${threads}, ptr %most.at monotonic, align 8
  store atomic i64 1, ptr %stretch.at monotonic, align 8
  br label %end
shared:
  %tries.before = load atomic i64, ptr %tries.at monotonic, align 8
  %tries = add i64 %tries.before, 1
  store atomic i64 %tries, ptr %tries.at monotonic, align 8
  %helped = load atomic i64, ptr @helped monotonic, align 8
  %helped.before = load atomic i64, ptr %helped.at monotonic, align 8
  store atomic i64 %helped, ptr %helped.at monotonic, align 8
  %nobody = icmp eq i64 %helped, %helped.before
  br i1 %nobody, label %missed, label %together
missed:
  %enough = icmp sgt i64 %tries, ${most_steps}
  br i1 %enough, label %decide, label %end
together:
  %least.shared = load atomic i64, ptr %shared.at monotonic, align 8
  %less.shared = call i64 @llvm.umin.i64(i64 %least.shared, i64 %time)
  %warm = icmp slt i64 %left, ${steps_measured}
  %new.shared = select i1 %warm, i64 %less.shared, i64 %least.shared
  store atomic i64 %new.shared, ptr %shared.at monotonic, align 8
  store atomic i64 %left, ptr %left.at monotonic, align 8
  br i1 %over, label %decide, label %end
decide:
  %with = load atomic i64, ptr %shared.at monotonic, align 8
  %without = load atomic i64, ptr %alone.at monotonic, align 8
  %part = lshr i64 %without, 4
  %clearly = sub i64 %without, %part
  %better = icmp ult i64 %with, %clearly
  %most = select i1 %better, i64 ${threads}, i64 1
  store atomic i64 %most, ptr %most.at monotonic, align 8
  %length = load atomic i64, ptr %settled.at monotonic, align 8
  %twice = shl i64 %length, 1
  %longer = call i64 @llvm.smin.i64(i64 %twice, i64 ${longest})
  store atomic i64 %longer, ptr %settled.at monotonic, align 8
  store atomic i64 %longer, ptr %left.at monotonic, align 8
  store atomic i64 2, ptr %stretch.at monotonic, align 8
  br label %end
settled:
  store atomic i64 %left, ptr %left.at monotonic, align 8
  br i1 %over, label %again, label %end
again:
  store atomic i64 -1, ptr %alone.at monotonic, align 8
  store atomic i64 ${steps_alone}, ptr %left.at monotonic, align 8
  store atomic i64 1, ptr %most.at monotonic, align 8
  store atomic i64 0, ptr %stretch.at monotonic, align 8
  br label %end
end:
  ret void
}
"""
