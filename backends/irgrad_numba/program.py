"""A scheduled graph as one native function: kernels, library calls and callbacks in order."""

from __future__ import annotations

import math
import threading
from collections.abc import Callable, Iterator, Sequence
from itertools import groupby
from typing import Any

import numpy as np

from irgrad.errors import BackendError
from irgrad.ir.graph import Graph
from irgrad.ir.op import Array
from irgrad.ops.contract import Contract
from irgrad.runtime.backend import Argument, Template, WrittenStep
from irgrad_numba import machine, nopython, pool
from irgrad_numba.blas import emit_gemm, share_of
from irgrad_numba.bounds import Fault, emit_check
from irgrad_numba.calls import Callback, Group
from irgrad_numba.gateway import ENTRY, emit_entry
from irgrad_numba.indices import Check
from irgrad_numba.kernel import KernelCalls, NativeCall, Sweep
from irgrad_numba.layout import Layout, fitted, in_bytes, in_c_order, layout, layout_of
from irgrad_numba.listing import Listing
from irgrad_numba.llvm import BITS, Module
from irgrad_numba.loop_source import LoopSource
from irgrad_numba.memory import Memory, arrange
from irgrad_numba.native import State, link, load
from irgrad_numba.pieces import Operand
from irgrad_numba.products import Gemm
from irgrad_numba.raw import OUTSIDE, RAISED, RAW, SCALAR, emit_low_level, emit_raw
from irgrad_numba.routine import Routine
from irgrad_numba.schedule import Kernel, Schedule, plan
from irgrad_numba.walk import emit_copy
from irgrad_numba.whole_array import emit_routine

MOST_LAYOUTS = 16
"""Of inputs that lie otherwise, copies are taken."""
RELEASE_WORK = 50_000
"""Programs with less work (elements, products) keep the interpreter lock: they are over before a
switch is."""


class Program:
    """Runs a graph: arrays of all inputs in, fresh arrays of all outputs out. Machine code is made
    at the first call, or when `direct` says how the program is called.
    """

    def __init__(self, graph: Graph) -> None:
        self.graph = graph
        self.schedule = plan(graph)
        self._entries: dict[tuple[Layout, ...], Entry | None] = {}
        """Ways to call it, by how the inputs lie in memory; None where they must be copied."""
        self._c_order: Entry | None = None
        self._lock = threading.RLock()

    def __call__(self, arrays: Sequence[Array]) -> list[Array]:
        """The outputs: fresh, writeable arrays."""
        fitting = list(map(fitted, arrays, self.graph.input_types))
        entry = self._entry(tuple(map(layout_of, fitting)))
        outputs = None if entry is None else entry.outputs(fitting)
        if outputs is None:  # strides that cannot be, or a captured array that lies elsewhere
            outputs = self._all_inputs().outputs(list(map(in_c_order, fitting)))
        assert outputs is not None
        return list(map(np.asarray, outputs))

    def direct(
        self, arguments: Sequence[Argument], result: Template, captured: Sequence[Array]
    ) -> Callable[..., Any] | None:
        """A function of the user's own arguments -> the result, or None where they are not just
        what `arguments` say. The last inputs of the graph are `captured`; there is none where these
        or the arguments must be copied at each call.
        """
        types = self.graph.input_types[len(self.graph.inputs) - len(captured) :]
        if any(fitted(x, type) is not x for x, type in zip(captured, types, strict=True)):
            return None
        given = [_layout(a) for a in arguments if a.kind not in ("static", "out")]
        layouts = (*given, *map(layout_of, captured))
        with self._lock:
            schedule = self._planned(layouts) if all(map(_is_addressable, arguments)) else None
            if schedule is None:
                return None
            entry = Entry(schedule, arguments, result, captured)
            if not any(a.kind == "out" for a in arguments):
                self._entries[layouts] = entry
        return entry.call

    def scratch_bytes(self) -> int:
        """Bytes of memory for intermediate values, which those that never live together share."""
        return Emitted(self.schedule).memory.scratch_bytes

    def njit(self, names: Sequence[str], result: Template, captured: Sequence[Array]) -> Any:
        """A function for `numba.njit` code, of the arguments and with the result of `direct`."""
        emitted = self._raw(captured)
        state = emitted.link(RAW, captured)
        given = self.graph.input_types[: len(self.graph.inputs) - len(captured)]
        address, outputs = state.loaded.address[RAW], self.graph.output_types
        return nopython.njit(address, state, names, given, outputs, result)

    def low_level_callable(self, captured: Sequence[Array]) -> Any:
        """`scipy.LowLevelCallable` for a function from float64 numbers to one."""
        given = self.graph.input_types[: len(self.graph.inputs) - len(captured)]
        sizes = nopython.low_level_sizes(given, self.graph.output_types)
        emitted = self._raw(captured)
        if emitted.groups:
            raise BackendError(
                "a low-level callable cannot go back to Python, and this program may",
                hint="compiled.kernels(...) shows the steps that do",
            )
        name = emit_low_level(emitted.module, sizes)
        state = emitted.link(name, captured)
        return nopython.low_level_callable(state.loaded.address[name], state, name == SCALAR)

    def _raw(self, captured: Sequence[Array]) -> Emitted:
        types = self.graph.input_types
        given = len(types) - len(captured)
        if any(fitted(x, type) is not x for x, type in zip(captured, types[given:], strict=True)):
            raise BackendError("a captured array is of another byte order, or not aligned")
        schedule = self._planned((*[None] * given, *map(layout_of, captured)))
        if schedule is None:
            raise BackendError("a captured array does not lie in memory as BLAS takes it")
        emitted = Emitted(schedule)
        emit_raw(emitted.module, emitted.memory)
        return emitted

    def kernels(self) -> str:
        """The steps of the program as loops that read like Python."""
        return str(Listing(self.schedule))

    def written(self) -> list[WrittenStep]:
        """The steps as loops for Numba's own compiler, for modules that need no irgrad."""
        return list(LoopSource(self.schedule).written())

    def llvm(self) -> str:
        """The program as LLVM's code, optimised."""
        return machine.llvm_text(self._text())

    def asm(self) -> str:
        """The program as the assembly of this processor."""
        return machine.assembly(self._text())

    def _text(self) -> str:
        entry = next((e for e in self._entries.values() if e is not None), None)
        entry = entry or self._all_inputs()
        return str(Emitted(entry.schedule).with_entry(entry.arguments, entry.result).module)

    def _planned(self, layouts: tuple[Layout, ...]) -> Schedule | None:
        """The schedule for inputs that lie so; None where a product would leave BLAS for it."""
        if not any(layouts):
            return self.schedule
        if len(self._entries) >= MOST_LAYOUTS:
            return None
        schedule = plan(self.graph, layouts)
        nodes = [n for step in schedule.steps if isinstance(step, Group) for n in step.nodes]
        return None if any(isinstance(node.op, Contract) for node in nodes) else schedule

    def _entry(self, layouts: tuple[Layout, ...]) -> Entry | None:
        """The way to call it with all inputs, lying so."""
        with self._lock:
            if layouts not in self._entries:
                schedule = self._planned(layouts)
                if schedule is None and len(self._entries) >= MOST_LAYOUTS:
                    return None
                self._entries[layouts] = None if schedule is None else self._flat(schedule, layouts)
            return self._entries[layouts]

    def _all_inputs(self) -> Entry:
        """The way to call it with all inputs, in C order."""
        with self._lock:
            if self._c_order is None:
                layouts = (None,) * len(self.graph.inputs)
                self._c_order = self._flat(self.schedule, layouts)
            return self._c_order

    def _flat(self, schedule: Schedule, layouts: Sequence[Layout]) -> Entry:
        arguments = [
            Argument("array", type, None, in_bytes(strides, type.dtype.itemsize))
            for type, strides in zip(self.graph.input_types, layouts, strict=True)
        ]
        return Entry(schedule, arguments, tuple(range(len(self.graph.outputs))))


class Entry:
    """One way to call a program, in machine code."""

    def __init__(
        self,
        schedule: Schedule,
        arguments: Sequence[Argument],
        result: Template,
        captured: Sequence[Array] = (),
    ) -> None:
        self.schedule = schedule
        self.arguments = arguments
        self.result = result
        self.call = Emitted(schedule).with_entry(arguments, result).load(arguments, captured)

    def outputs(self, arrays: Sequence[Array]) -> list[Any] | None:
        """The outputs, given the arrays of (at least) all inputs that are arguments."""
        given = iter(arrays)
        result = self.call(
            *[a.value if a.kind == "static" else a.fitted(next(given)) for a in self.arguments]
        )
        if result is None:
            return None
        outputs: dict[int, Any] = {}
        _collect(self.result, result, outputs)
        return [outputs[k] for k in range(len(outputs))]


def _collect(template: Template, result: Any, outputs: dict[int, Any]) -> None:
    """Take a result apart again."""
    if isinstance(template, int):
        outputs[template] = result
    else:
        for part, inner in zip(template, result, strict=True):
            _collect(part, inner, outputs)


def _is_addressable(argument: Argument) -> bool:
    """Whether an argument's strides are multiples of its elements."""
    if argument.strides is None or argument.type is None:
        return True
    return not any(stride % argument.type.dtype.itemsize for stride in argument.strides)


def _layout(argument: Argument) -> Layout:
    if argument.strides is None or argument.type is None:
        return None
    return layout(argument.type.shape, argument.strides, argument.type.dtype.itemsize)


class Emitted:
    """A program as LLVM text, with what is needed to load its code."""

    def __init__(self, schedule: Schedule) -> None:
        self.schedule = schedule
        self.module = Module()
        self.groups: list[Group | Fault] = []
        self.work = 0
        self.kernel_calls = KernelCalls(self.module, schedule)
        steps = list(self._steps())
        self.memory = arrange(
            schedule.graph,
            schedule.buffers,
            schedule.views,
            [s.buffers for s in steps],
            self.kernel_calls.temporaries,
        )
        body = Body(self.module, self.memory)
        for step in steps:
            body.run(step)
        body.finish()

    def with_entry(self, arguments: Sequence[Argument], result: Template) -> Emitted:
        """With the function that Python calls."""
        emit_entry(self.module, self.memory, arguments, result, self.work > RELEASE_WORK)
        return self

    def load(self, arguments: Sequence[Argument], captured: Sequence[Array]) -> Callable[..., Any]:
        """Compile, and load the code into this process -> the entry."""
        things = self._things(captured)
        for k, argument in enumerate(arguments):
            things["static", k] = argument.value
        return load(machine.object_code(str(self.module)), ENTRY, self.module, things)

    def link(self, name: str, captured: Sequence[Array]) -> State:
        """Compile, and load the code of a function of that name into this process."""
        code = machine.object_code(str(self.module))
        return link(code, name, self.module, self._things(captured))

    def _things(self, captured: Sequence[Array]) -> dict[Any, Any]:
        things: dict[Any, Any] = {("callback",): Callback(self.groups, len(self.memory.buffers))}
        for k, value in self.memory.constants.items():
            things["constant", k] = value.constant
        for k, array in enumerate(captured):
            things["captured", k] = array
        return things

    def _steps(self) -> Iterator[Call]:
        for kind, steps in groupby(self.schedule.steps, type):
            if kind is Kernel:
                kernels = [step for step in steps if isinstance(step, Kernel)]
                self.work += sum(math.prod(k.space) * len(k.roots) for k in kernels)
                yield from self.kernel_calls.of(kernels)
            else:
                yield from (self._other(step) for step in steps if not isinstance(step, Kernel))

    def _other(self, step: Gemm | Group | Check | Routine) -> Call:
        """The call of what is no kernel."""
        if isinstance(step, Group):
            return self._call_back(step)
        if isinstance(step, Check):
            return self._check(step)
        if isinstance(step, Routine):
            self.work += step.work
            operands = [Operand(b, 0, "u8") for b in step.buffers]
            return NativeCall(emit_routine(self.module, step), operands, False)
        self.work += math.prod(step.batch) * step.rows * step.inner * step.columns
        operands = [Operand(b, 0, step.type) for b in step.buffers]
        call = NativeCall(emit_gemm(self.module, step), operands, True)
        share = share_of(step)
        return Sweep(share.chunks, [call]) if share else call

    def _call_back(self, group: Group | Fault) -> Callbacks:
        self.groups.append(group)
        return Callbacks(len(self.groups) - 1, group.buffers)

    def _check(self, check: Check) -> Checked:
        views = self.schedule.views
        fault = Fault(check, views)
        self.work += check.array.type.size
        return Checked(emit_check(self.module, check, views[check.array]), self._call_back(fault))


class Callbacks:
    """A call back into Python."""

    def __init__(self, number: int, buffers: Sequence[int]) -> None:
        self.number = number
        self.buffers = list(buffers)


class Checked:
    """A call of a function that says whether Python must raise, and the call of that."""

    def __init__(self, name: str, otherwise: Callbacks) -> None:
        self.name = name
        self.otherwise = otherwise
        self.buffers = otherwise.buffers


Call = NativeCall | Sweep | Callbacks | Checked


class Body:
    """The function that runs all steps on a table of buffers: 0, or why it stopped (see `raw`)."""

    def __init__(self, module: Module, memory: Memory) -> None:
        self.module = module
        self.memory = memory
        self.lines: list[str] = []
        self.count = 0

    def _value(self, expression: str) -> str:
        self.count += 1
        self.lines.append(f"  %x{self.count} = {expression}")
        return f"%x{self.count}"

    def _pointer(self, buffer: int, start: int = 0, type: str = "u8") -> str:
        at = self._value(f"getelementptr ptr, ptr %table, i64 {buffer}")
        pointer = self._value(f"load ptr, ptr {at}")
        if not start:
            return pointer
        return self._value(f"getelementptr i8, ptr {pointer}, i64 {start * _bytes(type)}")

    def run(self, step: Call) -> None:
        """Append a step."""
        if isinstance(step, Checked):
            self._check(step)
            return
        if isinstance(step, Callbacks):
            self._call_back(step.number)
            return
        if isinstance(step, Sweep):
            self._sweep(step)
        else:
            self._call(step)

    def _call(self, call: NativeCall, *more: str) -> None:
        arguments = [f"ptr {self._pointer(*operand)}" for operand in call.operands]
        arguments += ["ptr %state"] if call.stateful else []
        self.lines.append(f"  call void @{call.name}({', '.join([*arguments, *more])})")

    def _sweep(self, sweep: Sweep) -> None:
        """Run the chunks of kernels on the threads of the pool."""
        inside = Body(self.module, self.memory)
        for call in sweep.calls:
            inside._call(call, "i64 %chunk")
        head = "(ptr %table, ptr %state, i64 %chunk) nounwind {"
        name = self.module.shared("sweep", "\n".join([head, *inside.lines, "  ret void", "}"]))
        self.module.declare(pool.PARALLEL, pool.SIGNATURE)
        arguments = f"ptr @{name}, ptr %table, ptr %state, i64 {sweep.count}"
        self.lines.append(f"  call void @{pool.PARALLEL}({arguments})")

    def _check(self, step: Checked) -> None:
        wrong = self._value(f"call i1 @{step.name}(ptr {self._pointer(step.buffers[0])})")
        number = step.otherwise.number
        self.lines += [
            f"  br i1 {wrong}, label %wrong{number}, label %right{number}",
            f"wrong{number}:",
        ]
        self._call_back(number, OUTSIDE)
        self.lines += [f"  br label %right{number}", f"right{number}:"]

    def _call_back(self, number: int, status: int = RAISED) -> None:
        declare = self.module.declare
        declare("Py_DecRef", "void {}(ptr)")
        declare("PyGILState_Ensure", "i32 {}()")
        declare("PyGILState_Release", "void {}(i32)")
        declare("PyObject_CallFunction", "ptr {}(ptr, ptr, ...)")
        self.module.globals["format"] = '@format = private constant [3 x i8] c"nn\\00"'
        at = self._value(f"getelementptr ptr, ptr %state, i64 {self.module.slot('callback')}")
        function = self._value(f"load ptr, ptr {at}")
        lock = self._value("call i32 @PyGILState_Ensure()")
        address = self._value("ptrtoint ptr %table to i64")
        result = self._value(
            f"call ptr (ptr, ptr, ...) @PyObject_CallFunction(ptr {function}, ptr @format, "
            f"i64 {number}, i64 {address})"
        )
        failed = self._value(f"icmp eq ptr {result}, null")
        self.lines += [
            f"  br i1 {failed}, label %raised{number}, label %went{number}",
            f"raised{number}:",
            f"  call void @PyGILState_Release(i32 {lock})",
            f"  ret i32 {status}",
            f"went{number}:",
            f"  call void @Py_DecRef(ptr {result})",
            f"  call void @PyGILState_Release(i32 {lock})",
        ]

    def finish(self) -> None:
        """Copy what stands in two places, and define the function."""
        for source, target in self.memory.copies:
            self.module.declare("llvm.memcpy.p0.p0.i64", "void {}(ptr, ptr, i64, i1)")
            to, of = self._pointer(target), self._pointer(source)
            if source in self.memory.strided:
                name = emit_copy(self.module, *self.memory.strided[source])
                self.lines.append(f"  call void @{name}(ptr {of}, ptr {to})")
                continue
            size = self.memory.buffers[target].nbytes
            self.lines.append(
                f"  call void @llvm.memcpy.p0.p0.i64(ptr {to}, ptr {of}, i64 {size}, i1 false)"
            )
        self.module.functions["body"] = (
            "define internal i32 @body(ptr %table, ptr %state) noinline {\n"
            + "\n".join([*self.lines, "  ret i32 0", "}"])
        )


def _bytes(type: str) -> int:
    return max(1, BITS[type] // 8)
