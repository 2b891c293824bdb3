"""The function that runs all steps of a program on a table of buffers, written as LLVM text."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from irgrad_numba import blas_threads, pool
from irgrad_numba.frames import Frame, Table
from irgrad_numba.kernel import Groups, NativeCall, Sweep
from irgrad_numba.llvm import BITS, Module
from irgrad_numba.memory import Memory
from irgrad_numba.raw import OUTSIDE, RAISED
from irgrad_numba.stacks import ENTRY, StackSum, emit_sum, grow
from irgrad_numba.trials import Trial
from irgrad_numba.walk import emit_copy

LONGEST = 256
"""Steps of a program in one function."""

ASK = """\
define internal ptr @ask(ptr %function, i64 %number, i64 %address) noinline {
  %raised = call ptr @PyErr_Occurred()
  %none = icmp eq ptr %raised, null
  br i1 %none, label %ask, label %refuse
ask:
  %result = call ptr (ptr, ptr, ...) @PyObject_CallFunction(
    ptr %function, ptr @format, i64 %number, i64 %address)
  ret ptr %result
refuse:
  ret ptr null
}"""
"""Calls Python, or not where an error waits to be seen: SciPy's loops may go on after one."""


class Callbacks:
    """A call back into Python."""

    checks = False

    def __init__(self, number: int, buffers: Sequence[int]) -> None:
        self.number = number
        self.buffers = list(buffers)


class Checked:
    """A call of a function of some buffers (and of the state) that says whether Python must be
    asked, and the call of that; where this raises, `status` says why. BLAS's own threads stay out
    where it is said to leave the function `alone`.
    """

    checks = False

    def __init__(
        self,
        name: str,
        given: Sequence[int],
        otherwise: Callbacks,
        status: int,
        stateful: bool = False,
        alone: bool = False,
    ) -> None:
        self.alone = alone
        self.name = name
        self.given = list(given)
        self.otherwise = otherwise
        self.status = status
        self.stateful = stateful
        self.buffers = [*given, *otherwise.buffers]


class Steps(Protocol):
    """A step that writes itself."""

    buffers: list[int]

    @property
    def checks(self) -> bool:
        """Whether it checks indices."""
        ...

    def emit(self, body: Body, frame: Frame) -> None:
        """Write it."""
        ...


Step = NativeCall | Sweep | Callbacks | Checked | StackSum | Steps


def write_body(module: Module, memory: Memory, steps: Sequence[Step]) -> None:
    """Define `body`, the function that runs the steps; it gives 0, or why it stopped (see `raw`).

    Long programs are functions of `LONGEST` steps each: the time that a compiler takes grows faster
    than a function."""
    stacks: dict[tuple[int, int], int] = {}
    parts = [steps[k : k + LONGEST] for k in range(0, len(steps), LONGEST)] or [[]]
    for number, part in enumerate(parts):
        body = Body(module, memory, stacks)
        for step in part:
            body.run(step)
        if number == len(parts) - 1:
            body.copy_results()
        body.define(f"steps{number}")
    _define_body(module, len(parts), len(stacks))


def _define_body(module: Module, parts: int, stacks: int) -> None:
    """The function around the steps: stacks are empty before, freed after, however these end."""
    size = max(1, stacks) * ENTRY
    lines = [f"  %stacks = alloca [{size} x i8], align 64"]
    if stacks:
        module.declare("llvm.memset.p0.i64", "void {}(ptr, i8, i64, i1)")
        lines.append(f"  call void @llvm.memset.p0.i64(ptr %stacks, i8 0, i64 {size}, i1 false)")
    for k in range(parts):
        lines += [
            f"  %status{k} = call i32 @steps{k}(ptr %table, ptr %state, ptr %stacks)",
            f"  %failed{k} = icmp ne i32 %status{k}, 0",
            f"  br i1 %failed{k}, label %end, label %after{k}",
            f"after{k}:",
        ]
    before = ["entry", *(f"after{k}" for k in range(parts))]
    ends = ", ".join(f"[%status{k}, %{before[k]}]" for k in range(parts))
    lines += ["  br label %end", "end:", f"  %status = phi i32 {ends}, [0, %after{parts - 1}]"]
    for k in range(stacks):
        module.declare("free", "void {}(ptr)")
        lines += [
            f"  %at{k} = getelementptr i8, ptr %stacks, i64 {k * ENTRY}",
            f"  %rows{k} = load ptr, ptr %at{k}",
            f"  call void @free(ptr %rows{k})",
        ]
    module.functions["body"] = (
        "define internal i32 @body(ptr %table, ptr %state) noinline {\nentry:\n"
        + "\n".join([*lines, "  ret i32 %status", "}"])
    )


class Body:
    """A function of some of the steps, under construction."""

    def __init__(self, module: Module, memory: Memory, stacks: dict[tuple[int, int], int]) -> None:
        self.module = module
        self.memory = memory
        self.numbers = stacks
        """Of the program's stacks, by the number of a region (0 is the program) and the buffer."""
        self.entry: list[str] = []
        """What comes before everything else."""
        self.lines: list[str] = []
        self.block = "start"
        self.count = 0
        self.checks = False
        self.short = False
        """Whether memory may be short."""
        self.stacks: dict[tuple[int, int], str] = {}
        """The entries of those that are used here."""
        self.arena: str | None = None
        """The address of the scratch memory, where it is used here."""
        self.trial: Trial | None = None
        """That of the loop around."""

    def name(self, stem: str = "x") -> str:
        """A new name, without its sign."""
        self.count += 1
        return f"{stem}{self.count}"

    def emit(self, line: str) -> None:
        """Append an instruction without a result."""
        self.lines.append(f"  {line}")

    def value(self, expression: str) -> str:
        """Append an instruction with a result."""
        name = f"%{self.name()}"
        self.lines.append(f"  {name} = {expression}")
        return name

    def once(self, expression: str) -> str:
        """An instruction with a result, at the beginning."""
        name = f"%{self.name()}"
        self.entry.append(f"  {name} = {expression}")
        return name

    def local(self, size: int) -> str:
        """Memory of the function's own, which becomes registers where it can."""
        return self.once(f"alloca [{max(1, size)} x i8], align 64")

    def label(self, name: str) -> None:
        """Begin a block."""
        self.lines.append(f"{name}:")
        self.block = name

    def stack(self, region: int, buffer: int) -> str:
        """The entry of a stack."""
        key = region, buffer
        if key not in self.stacks:
            at = self.numbers.setdefault(key, len(self.numbers)) * ENTRY
            self.stacks[key] = self.once(f"getelementptr i8, ptr %stacks, i64 {at}")
        return self.stacks[key]

    def scratch(self) -> str:
        """The address of the scratch memory."""
        if self.arena is None:
            at = self.once(f"getelementptr ptr, ptr %table, i64 {self.memory.arena}")
            self.arena = self.once(f"load ptr, ptr {at}")
        return self.arena

    def room(self, entry: str, size: str) -> str:
        """Where the rows of a stack are, after making room for so many bytes."""
        rows = self.value(f"call ptr @{grow(self.module)}(ptr {entry}, i64 {size})")
        none, go_on = self.value(f"icmp eq ptr {rows}, null"), self.name("room")
        self.short = True
        self.emit(f"br i1 {none}, label %short, label %{go_on}")
        self.label(go_on)
        return rows

    def use(self, entry: str, size: str) -> None:
        """Say how many bytes of a stack are in use."""
        self.emit(f"store i64 {size}, ptr {self.moved(entry, 16)}")

    def _sum(self, step: StackSum, frame: Frame) -> None:
        entries = [frame.pointer(self, b) for b in step.buffers]
        size = self.value(f"load i64, ptr {self.moved(entries[0], 16)}")
        result = self.room(entries[2], self.value(f"add i64 {size}, 1"))
        self.use(entries[2], size)
        x, y = (self.value(f"load ptr, ptr {entry}") for entry in entries[:2])
        name = emit_sum(self.module, step.type)
        self.emit(f"call void @{name}(ptr {x}, ptr {y}, ptr {result}, i64 {size})")

    def moved(self, pointer: str, by: int | str) -> str:
        """A pointer so many bytes on."""
        return pointer if by == 0 else self.value(f"getelementptr i8, ptr {pointer}, i64 {by}")

    def copy(self, target: str, source: str, size: int) -> None:
        """Copy bytes."""
        if size and target != source:
            name = "llvm.memcpy.p0.p0.i64"
            self.module.declare(name, "void {}(ptr, ptr, i64, i1)")
            self.emit(f"call void @{name}(ptr {target}, ptr {source}, i64 {size}, i1 false)")

    def state(self, *key: object) -> str:
        """What the table of the state holds for a key."""
        at = self.once(f"getelementptr ptr, ptr %state, i64 {self.module.slot(*key)}")
        return self.once(f"load ptr, ptr {at}")

    def run(self, step: Step) -> None:
        """Append a step of the program."""
        self.step(step, Table())
        if step.checks:
            self.stop_if_outside()

    def step(self, step: Step, frame: Frame) -> None:
        """Append a step on the buffers of a frame."""
        if isinstance(step, Callbacks):
            self._call_back(step, frame)
        elif isinstance(step, NativeCall):
            self._call(step, frame)
        elif isinstance(step, Sweep):
            self._sweep(step, frame)
        elif isinstance(step, Checked):
            self._check(step, frame)
        elif isinstance(step, StackSum):
            self._sum(step, frame)
        else:
            step.emit(self, frame)

    def _call(self, call: NativeCall, frame: Frame, *more: str) -> None:
        arguments = [
            f"ptr {self.moved(frame.pointer(self, buffer), start * _bytes(type))}"
            for buffer, start, type in call.operands
        ]
        arguments += ["ptr %state"] if call.stateful else []
        arguments += ["ptr %fault.site", "ptr %fault.index"] if call.checks else []
        self.checks |= call.checks
        self.emit(f"call void @{call.name}({', '.join([*arguments, *more])})")

    def _sweep(self, sweep: Sweep, frame: Frame) -> None:
        """Run the chunks of kernels on the threads of the pool."""
        inside = Body(self.module, self.memory, {})
        table, own = frame.handed(self, sweep)
        if sweep.groups is None:
            for call in sweep.calls:
                inside._call(call, own, "i64 %chunk")
            for number, call in sweep.ends:
                inside._only(number, call, own)
        else:
            inside._group(sweep, sweep.groups, own)
        head = "(ptr %table, ptr %state, i64 %chunk, i64 %thread) nounwind {"
        name = self.module.shared(
            "sweep", "\n".join([head, *inside.entry, *inside.lines, "  ret void", "}"])
        )
        self.module.declare(pool.PARALLEL, pool.SIGNATURE)
        threads = str(sweep.threads) if self.trial is None else self.trial.threads()
        numbers = f"i64 {sweep.count}, i64 {threads}, i64 {sweep.work}"
        arguments = f"ptr @{name}, ptr {table}, ptr %state, {numbers}"
        if sweep.alone:
            self.keep_alone()
        self.emit(f"call void @{pool.PARALLEL}({arguments})")
        if sweep.alone:
            self.share_again()

    def _only(self, number: int, call: NativeCall, own: Frame) -> None:
        """A call in one chunk alone."""
        here, go_on = self.name("here"), self.name("chunk")
        it = self.value(f"icmp eq i64 %chunk, {number}")
        self.emit(f"br i1 {it}, label %{here}, label %{go_on}")
        self.label(here)
        self._call(call, own)
        self.emit(f"br label %{go_on}")
        self.label(go_on)

    def _group(self, sweep: Sweep, groups: Groups, own: Frame) -> None:
        """One group of neighbouring numbers."""
        first, last = (
            self.value(f"udiv i64 {self.value(f'mul i64 {k}, {groups.end}')}, {sweep.count}")
            for k in ("%chunk", self.value("add i64 %chunk, 1"))
        )
        for call in groups.starts:
            self._call(call, own)
        self.emit("br label %before")
        self.label("before")
        self.emit("br label %each")
        self.label("each")
        self.emit(f"%number = phi i64 [{first}, %before], [%following, %each]")
        for call in sweep.calls:
            self._call(call, own, "i64 %number")
        self.emit("%following = add i64 %number, 1")
        more = self.value(f"icmp slt i64 %following, {last}")
        self.emit(f"br i1 {more}, label %each, label %done")
        self.label("done")

    def keep_alone(self) -> None:
        """Let BLAS use no threads of its own,"""
        self._call_blas_threads(blas_threads.ALONE)

    def share_again(self) -> None:
        """and again as many as before."""
        self._call_blas_threads(blas_threads.SHARED)

    def _call_blas_threads(self, name: str) -> None:
        self.module.declare(name, blas_threads.SIGNATURE)
        ways = [self.state("blas_threads", way) for way in ("set", "get")]
        self.emit(f"call void @{name}(ptr {ways[0]}, ptr {ways[1]})")

    def _check(self, step: Checked, frame: Frame) -> None:
        arguments = [f"ptr {frame.pointer(self, buffer)}" for buffer in step.given]
        arguments += ["ptr %state"] if step.stateful else []
        if step.alone:
            self.keep_alone()
        wrong = self.value(f"call i1 @{step.name}({', '.join(arguments)})")
        if step.alone:
            self.share_again()
        bad, right = self.name("wrong"), self.name("right")
        self.emit(f"br i1 {wrong}, label %{bad}, label %{right}")
        self.label(bad)
        self._call_back(step.otherwise, frame, step.status)
        self.emit(f"br label %{right}")
        self.label(right)

    def stop_if_outside(self) -> None:
        """Leave the function where an index was outside its axis."""
        site = self.value("load i64, ptr %fault.site")
        wrong = self.value(f"icmp ne i64 {site}, 0")
        go_on = self.name("inside")
        self.emit(f"br i1 {wrong}, label %outside, label %{go_on}")
        self.label(go_on)

    def _call_back(self, step: Callbacks, frame: Frame, status: int = RAISED) -> None:
        table = self.value(f"ptrtoint ptr {frame.table(self, step.buffers)} to i64")
        result, lock = self._call_python(str(step.number), table)
        failed = self.value(f"icmp eq ptr {result}, null")
        raised, went = self.name("raised"), self.name("went")
        self.emit(f"br i1 {failed}, label %{raised}, label %{went}")
        self.label(raised)
        self.emit(f"call void @PyGILState_Release(i32 {lock})")
        self.emit(f"ret i32 {status}")
        self.label(went)
        self.emit(f"call void @Py_DecRef(ptr {result})")
        self.emit(f"call void @PyGILState_Release(i32 {lock})")

    def _call_python(self, number: str, address: str) -> tuple[str, str]:
        """The result of a call of Python, under its lock."""
        declare = self.module.declare
        declare("Py_DecRef", "void {}(ptr)")
        declare("PyGILState_Ensure", "i32 {}()")
        declare("PyGILState_Release", "void {}(i32)")
        declare("PyObject_CallFunction", "ptr {}(ptr, ptr, ...)")
        declare("PyErr_Occurred", "ptr {}()")
        self.module.globals["format"] = '@format = private constant [3 x i8] c"nn\\00"'
        self.module.functions["ask"] = ASK
        function = self.state("callback")
        lock = self.value("call i32 @PyGILState_Ensure()")
        result = self.value(f"call ptr @ask(ptr {function}, i64 {number}, i64 {address})")
        return result, lock

    def _outside(self) -> None:
        """Where an index was outside: Python raises."""
        for name in ("site", "index"):
            self.entry += [f"  %fault.{name} = alloca i64", f"  store i64 0, ptr %fault.{name}"]
        self.label("outside")
        site = self.value("load i64, ptr %fault.site")
        number = self.value(f"sub i64 0, {site}")
        _, lock = self._call_python(number, self.value("load i64, ptr %fault.index"))
        self.emit(f"call void @PyGILState_Release(i32 {lock})")
        self.emit(f"ret i32 {OUTSIDE}")

    def copy_results(self) -> None:
        """Copy what stands in two places."""
        frame = Table()
        for source, target in self.memory.copies:
            to, of = frame.pointer(self, target), frame.pointer(self, source)
            if source in self.memory.strided:
                name = emit_copy(self.module, *self.memory.strided[source])
                self.emit(f"call void @{name}(ptr {of}, ptr {to})")
                continue
            self.copy(to, of, self.memory.buffers[target].nbytes)

    def define(self, name: str) -> None:
        """End the function."""
        self.emit("ret i32 0")
        if self.checks:
            self._outside()
        if self.short:
            self._without_memory()
        head = f"define internal i32 @{name}(ptr %table, ptr %state, ptr %stacks) noinline {{"
        self.module.functions[name] = "\n".join(
            [head, "entry:", *self.entry, "  br label %start", "start:", *self.lines, "}"]
        )

    def _without_memory(self) -> None:
        declare = self.module.declare
        declare("PyGILState_Ensure", "i32 {}()")
        declare("PyGILState_Release", "void {}(i32)")
        declare("PyErr_NoMemory", "ptr {}()")
        self.label("short")
        lock = self.value("call i32 @PyGILState_Ensure()")
        self.value("call ptr @PyErr_NoMemory()")
        self.emit(f"call void @PyGILState_Release(i32 {lock})")
        self.emit(f"ret i32 {RAISED}")


def _bytes(type: str) -> int:
    return max(1, BITS[type] // 8)
