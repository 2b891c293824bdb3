"""A scheduled graph as one native function: kernels, library calls and callbacks in order."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from functools import cached_property
from typing import Any

import numpy as np

from irgrad.errors import BackendError
from irgrad.ir.bulk import paused_gc
from irgrad.ir.graph import Graph
from irgrad.ir.op import Array
from irgrad.ops.contract import Contract
from irgrad.runtime.backend import Argument, Spelling, Template, WrittenProgram, WrittenStep
from irgrad_numba import machine, nopython, recall
from irgrad_numba.band_calls import NativeBands, may_share
from irgrad_numba.bands import Bands
from irgrad_numba.blas import emit_gemm, share_of
from irgrad_numba.block_calls import BlockCalls
from irgrad_numba.body import Callbacks, Checked, Step, write_body
from irgrad_numba.bounds import Fault, emit_check
from irgrad_numba.calls import Callback, Group
from irgrad_numba.complex_parts import PARTS
from irgrad_numba.control import Control, Surroundings
from irgrad_numba.factorisations import emit_lapack
from irgrad_numba.gateway import ENTRY, emit_entry
from irgrad_numba.in_place_source import InPlaceSource, is_written_in_place
from irgrad_numba.indices import Check
from irgrad_numba.kernel import KernelCalls, NativeCall, Sweep
from irgrad_numba.lapack import Lapack, emit_failure
from irgrad_numba.layout import Layout, fitted, in_bytes, in_c_order, layout, layout_of
from irgrad_numba.listing import Listing
from irgrad_numba.llvm import Module
from irgrad_numba.loop_source import LoopSource, UnwrittenError
from irgrad_numba.loops import NativeControl, Part, trips
from irgrad_numba.lower import Sites
from irgrad_numba.memory import arrange
from irgrad_numba.native import State, link, load
from irgrad_numba.pieces import Operand
from irgrad_numba.planning import plan, plan_region
from irgrad_numba.products import Gemm
from irgrad_numba.raw import OUTSIDE, RAISED, RAW, emit_low_level, emit_raw
from irgrad_numba.routine import Routine
from irgrad_numba.schedule import Blocks, Kernel, Schedule
from irgrad_numba.spelled import helpers
from irgrad_numba.stacks import StackSum
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
        self._entries: dict[tuple[Layout, ...], Entry | None] = {}
        """Ways to call it, by how the inputs lie in memory; None where they must be copied."""
        self._c_order: Entry | None = None
        self._lock = threading.RLock()

    @cached_property
    def schedule(self) -> Schedule:
        """The plan for inputs in C order."""
        return plan(self.graph)

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
        self,
        arguments: Sequence[Argument],
        result: Template,
        captured: Sequence[Array],
        key: str | None = None,
    ) -> Callable[..., Any] | None:
        """A function of the user's own arguments -> the result, or None where they are not just
        what `arguments` say. The last inputs of the graph are `captured`; there is none where these
        or the arguments must be copied at each call. Under `key` it is kept on disk.
        """
        types = self.graph.input_types[len(self.graph.inputs) - len(captured) :]
        if any(fitted(x, type) is not x for x, type in zip(captured, types, strict=True)):
            return None
        layouts = _layouts(arguments, captured)
        with self._lock:
            schedule = self._planned(layouts) if all(map(_is_addressable, arguments)) else None
            if schedule is None:
                return None
            entry = Entry(schedule, arguments, result, captured, key)
            if not any(a.kind == "out" for a in arguments):
                self._entries[layouts] = entry
        return entry.call

    def callback(self, arguments: Sequence[Argument], captured: Sequence[Array]) -> Callback:
        """What the code of such a direct call calls."""
        schedule = self._planned(_layouts(arguments, captured))
        assert schedule is not None, "there is code for it"
        return Emitted(schedule).callback()

    def scratch_bytes(self) -> int:
        """Bytes of memory for intermediate values, which those that never live together share."""
        return Emitted(self.schedule).memory.scratch_bytes

    def njit(self, spelling: Spelling, captured: Sequence[Array]) -> Any:
        """A function for `numba.njit` code."""
        emitted = self._raw(captured)
        state = emitted.link(RAW, captured)
        given = self.graph.input_types[: len(self.graph.inputs) - len(captured)]
        address, outputs = state.loaded.address[RAW], self.graph.output_types
        return nopython.njit(address, state, spelling, given, outputs)

    def low_level_callable(self, captured: Sequence[Array], caller: str) -> Any:
        """`scipy.LowLevelCallable` for a function of float64 numbers."""
        given = self.graph.input_types[: len(self.graph.inputs) - len(captured)]
        form, sizes, results = nopython.low_level_form(caller, given, self.graph.output_types)
        emitted = self._raw(captured)
        if emitted.goes_back:
            raise BackendError(
                "a low-level callable cannot go back to Python, and this program does",
                hint="compiled.kernels(...) shows the steps that do",
            )
        emit_low_level(emitted.module, form, sizes, results)
        state = emitted.link(form, captured)
        return nopython.low_level_callable(state.loaded.address[form], state, form)

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
        nothing = "# nothing is computed: results are inputs or constants"
        return str(Listing(self.schedule)) or nothing

    def written(self) -> WrittenProgram:
        """The steps as loops for Numba's own compiler, for modules that need no irgrad; all ops as
        one step where some write into arrays, or have loops, that are not written so.
        """
        schedule = plan_region(Surroundings(self.graph, sites=Sites(), inside=False))
        in_place = is_written_in_place(schedule)
        try:
            steps = list((InPlaceSource if in_place else LoopSource)(schedule).written())
        except UnwrittenError:
            steps = [WrittenStep(list(self.graph.nodes), [], [], [])]
            return WrittenProgram(self.graph, steps)
        called = helpers(line for step in steps for line in step.lines)
        return WrittenProgram(schedule.graph, steps, called)

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
        key: str | None = None,
    ) -> None:
        self.schedule = schedule
        self.arguments = arguments
        self.result = result
        emitted = Emitted(schedule).with_entry(arguments, result)
        self.call = emitted.load(arguments, captured, key)

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


def _layouts(arguments: Sequence[Argument], captured: Sequence[Array]) -> tuple[Layout, ...]:
    """How the inputs of a direct call lie in memory."""
    given = [_layout(a) for a in arguments if a.kind not in ("static", "out")]
    return (*given, *map(layout_of, captured))


def _layout(argument: Argument) -> Layout:
    if argument.strides is None or argument.type is None:
        return None
    return layout(argument.type.shape, argument.strides, argument.type.dtype.itemsize)


class Emitted:
    """A program as LLVM text, with what is needed to load its code."""

    @paused_gc()
    def __init__(self, schedule: Schedule) -> None:
        self.schedule = schedule
        self.module = Module()
        self.groups: list[Group | Fault] = []
        self.goes_back = False
        """Whether a step is one that Python computes."""
        self.work = 0
        self.kernel_calls = KernelCalls(self.module, schedule)
        self.constants: dict[Any, Any] = {}
        """Those of regions."""
        self.regions = 0
        steps = list(self._steps(self.kernel_calls, 1))
        self.memory = arrange(
            schedule.graph,
            schedule.buffers,
            schedule.views,
            [s.buffers for s in steps],
            self.kernel_calls.temporaries,
        )
        write_body(self.module, self.memory, steps)

    def with_entry(self, arguments: Sequence[Argument], result: Template) -> Emitted:
        """With the function that Python calls."""
        emit_entry(self.module, self.memory, arguments, result, self.work > RELEASE_WORK)
        return self

    def load(
        self, arguments: Sequence[Argument], captured: Sequence[Array], key: str | None
    ) -> Callable[..., Any]:
        """Compile, keep under `key`, and load the code into this process -> the entry."""
        things = self._things(captured)
        code = machine.object_code(self.module)
        if key is not None and not self.goes_back:
            constants = {name: x for name, x in things.items() if name[0] == "constant"}
            recall.keep(key, machine.code_key(self.module), self.module, constants)
        for k, argument in enumerate(arguments):
            things["static", k] = argument.value
        return load(code, ENTRY, self.module, things)

    def callback(self) -> Callback:
        """What machine code calls."""
        return Callback(self.groups, self.schedule.sites)

    def link(self, name: str, captured: Sequence[Array]) -> State:
        """Compile, and load the code of a function of that name into this process."""
        code = machine.object_code(self.module)
        return link(code, name, self.module, self._things(captured))

    def _things(self, captured: Sequence[Array]) -> dict[Any, Any]:
        things: dict[Any, Any] = {("callback",): self.callback()}
        things.update(self.constants)
        for k, value in self.memory.constants.items():
            things["constant", k] = value.constant
        for k, array in enumerate(captured):
            things["captured", k] = array
        return things

    def _steps(self, calls: KernelCalls, times: int) -> Iterator[Step]:
        """The steps of a schedule that runs so many times, as machine code calls them."""
        for kind, steps in calls.schedule.stretches():
            if isinstance(kind, Blocks):
                self.work += times * kind.work
                yield from BlockCalls(calls, kind).run()
            elif kind is Kernel:
                kernels = [step for step in steps if isinstance(step, Kernel)]
                self.work += times * sum(k.work for k in kernels)
                yield from calls.of(kernels)
            else:
                for step in steps:
                    assert not isinstance(step, Kernel)
                    if isinstance(step, Lapack):
                        yield from self._lapack(step, calls, times)
                    else:
                        yield self._other(step, calls, times)

    def _other(
        self,
        step: Gemm | Group | Check | Routine | Control | StackSum,
        calls: KernelCalls,
        times: int,
    ) -> Step:
        """The call of what is no kernel."""
        if isinstance(step, StackSum):
            return step
        if isinstance(step, Control):
            return self._control(step, calls, times)
        if isinstance(step, Group):
            self.goes_back = True
            return self._call_back(step)
        if isinstance(step, Check):
            return self._check(step)
        if isinstance(step, Routine):
            self.work += times * step.work
            buffers = [*step.buffers, *map(calls.allot, step.temporaries)]
            name = emit_routine(self.module, step)
            if step.otherwise is not None:
                return Checked(name, buffers, self._call_back(step.otherwise), RAISED)
            return NativeCall(name, [Operand(b, 0, "u8") for b in buffers], False)
        self.work += times * step.work
        operands = [Operand(b, 0, PARTS.get(step.type, step.type)) for b in step.buffers]
        call = NativeCall(emit_gemm(self.module, step, not calls.inside), operands, True)
        share = None if calls.inside else share_of(step)
        return Sweep(share.chunks, [call], share.alone) if share else call

    def _control(self, step: Control, calls: KernelCalls, times: int) -> NativeControl:
        parts: list[Part] = []
        for region in step.regions:
            self.regions += 1
            alone = calls.alone or isinstance(step.node.op, Bands)
            number, inner = self.regions, KernelCalls(self.module, region, True, alone)
            steps = list(self._steps(inner, times * trips(step.node)))
            parts.append(Part(region, steps, inner.types, number))
            for k, value in enumerate(region.buffers):
                if value.constant is not None:
                    self.constants["constant", number, k] = value.constant
        if isinstance(step.node.op, Bands) and may_share(step, parts[0]):
            return NativeBands(step, parts, calls.allot)
        return NativeControl(step, parts, calls.allot)

    def _lapack(self, step: Lapack, calls: KernelCalls, times: int) -> Iterator[Step]:
        self.work += times * step.work
        chunks = 0 if calls.inside else step.chunks
        name, temporaries = emit_lapack(self.module, step, chunks)
        given = [*step.buffers, *map(calls.allot, temporaries)]
        otherwise = self._call_back(step.otherwise)
        if not chunks:
            yield Checked(name, given, otherwise, RAISED, stateful=True, alone=step.alone)
            return
        call = NativeCall(name, [Operand(b, 0, "u8") for b in given], True)
        yield Sweep(chunks, [call], step.is_large)
        yield Checked(emit_failure(self.module, chunks), given[-1:], otherwise, RAISED)

    def _call_back(self, group: Group | Fault) -> Callbacks:
        self.groups.append(group)
        return Callbacks(len(self.groups) - 1, group.buffers)

    def _check(self, check: Check) -> Checked:
        views = self.schedule.views
        fault = Fault(check, views)
        self.work += check.array.type.size
        name, otherwise = emit_check(self.module, check, views[check.array]), self._call_back(fault)
        return Checked(name, otherwise.buffers, otherwise, OUTSIDE)
