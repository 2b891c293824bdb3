"""A scheduled graph, compiled: the buffers it needs and the steps that fill them."""

from __future__ import annotations

import builtins
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np

from irgrad.ir.graph import Graph, Value
from irgrad.ir.op import Array
from irgrad.ir.types import SHORT, contiguous_strides
from irgrad_numba import machine
from irgrad_numba.emit import IDENTITY, emit_kernel
from irgrad_numba.expression import Reduce
from irgrad_numba.llvm import Module
from irgrad_numba.native import Native, emit_entry
from irgrad_numba.pieces import Piece, pieces
from irgrad_numba.schedule import REDUCTIONS, Call, Kernel, Schedule, plan

RELEASE_ELEMENTS = 20_000
"""Programs over fewer elements keep the interpreter lock: they are over before a switch is."""


class Step(NamedTuple):
    """One call: a Python function, the buffers it takes, and those that its results go to (None for
    machine code, which writes into what it takes).
    """

    call: Callable[..., Any]
    reads: tuple[int, ...]
    writes: tuple[int, ...] | None


class Program:
    """Runs a graph: arrays of all inputs in, fresh arrays of all outputs out."""

    def __init__(self, graph: Graph) -> None:
        self.schedule = plan(graph)
        self.text, self._segments = emit(self.schedule)
        names = [s for s in self._segments if isinstance(s, str)]
        self._native = Native(machine.compile_text(self.text), names) if names else None
        buffers = self.schedule.buffers
        self._count = len(graph.inputs)
        self._shapes = [(value.type.shape, value.type.dtype) for value in buffers]
        self._fixed = {k: v.constant for k, v in enumerate(buffers) if v.constant is not None}
        self._steps = [self._step(segment) for segment in self._segments]
        self._results = [self._result(value) for value in graph.outputs]
        self._repeated = {
            k
            for k, r in enumerate(self._results)
            if r in self._results[:k] or r < self._count or r in self._fixed
        }

    def _result(self, value: Value) -> int:
        return self.schedule.views[value].buffer

    def _step(self, segment: str | Call) -> Step:
        if isinstance(segment, str):
            assert self._native is not None
            return Step(self._native.functions[segment], (), None)
        node = segment.node
        views = [self.schedule.views[v] for v in node.operands]
        kinds = [(v.type.shape, w) for v, w in zip(node.operands, views, strict=True)]

        def call(*arrays: Array) -> Any:
            operands = [
                strided(array, shape, view.offset, view.strides)
                for array, (shape, view) in zip(arrays, kinds, strict=True)
            ]
            result = node.op.reference(*operands)
            return result if isinstance(result, tuple) else (result,)

        writes = tuple(self.schedule.views[v].buffer for v in node.outputs)
        return Step(call, tuple(view.buffer for view in views), writes)

    def __call__(self, arrays: Sequence[Array]) -> list[Array]:
        """The outputs: fresh, writeable arrays."""
        buffers: list[Any] = [plain(array) for array in arrays]
        for k in range(self._count, len(self._shapes)):
            fixed = self._fixed.get(k)
            buffers.append(np.empty(*self._shapes[k]) if fixed is None else fixed)
        with np.errstate(all="ignore"):
            for call, reads, writes in self._steps:
                if writes is None:
                    call(*buffers)
                else:
                    results = call(*[buffers[k] for k in reads])
                    for k, result in zip(writes, results, strict=True):
                        buffers[k] = plain(np.asarray(result, self._shapes[k][1]))
        return [
            np.array(buffers[r]) if k in self._repeated else buffers[r]
            for k, r in enumerate(self._results)
        ]


def plain(array: Array) -> Array:
    """The array itself where it is a C-contiguous, aligned one; else a copy that is."""
    if type(array) is np.ndarray:
        flags = array.flags
        if flags.c_contiguous and flags.aligned:
            return array
    return np.array(array, order="C")


def strided(array: Array, shape: tuple[int, ...], offset: int, strides: tuple[int, ...]) -> Array:
    """A view of an array's memory by offset and strides in elements."""
    if offset == 0 and array.shape == shape and strides == contiguous_strides(shape):
        return array
    size = array.itemsize
    base = array.reshape(-1)[offset:]
    return np.lib.stride_tricks.as_strided(
        base, shape, tuple(stride * size for stride in strides), writeable=False
    )


def emit(schedule: Schedule) -> tuple[str, list[str | Call]]:
    """The program's LLVM text, and the order of its machine code functions and calls."""
    module = Module()
    segments: list[str | Call] = []
    calls: list[tuple[str, Sequence[int]]] = []
    work = 0

    def close() -> None:
        if calls:
            name = f"run{len(segments)}"
            emit_entry(module, name, calls, release=work > RELEASE_ELEMENTS)
            segments.append(name)
            calls.clear()

    for number, step in enumerate(schedule.steps):
        if isinstance(step, Kernel):
            buffers = kernel(module, schedule, step, f"kernel{number}")
            calls.append((f"kernel{number}", buffers))
            size = 1
            for extent in step.space:
                size *= extent
            work += size * len(step.roots)
        else:
            close()
            segments.append(step)
    close()
    return str(module), segments


def kernel(module: Module, schedule: Schedule, step: Kernel, name: str) -> list[int]:
    """Define the function of a kernel -> the buffers that it takes."""
    parts = pieces(schedule, step)
    written = {schedule.views[Value(node, 0)].buffer for node in step.roots}
    used = set(written)
    for part in parts:
        used.update(e.data[0] for e in part.expressions if e.kind == "load")
    order = sorted(used)
    types = {k: SHORT[schedule.buffers[k].type.dtype] for k in order}
    emit_kernel(module, name, types, written, parts, starts(schedule, step, parts))
    return order


def starts(schedule: Schedule, step: Kernel, parts: list[Piece]) -> list[tuple[int, Any, int]]:
    """What buffers must hold before the loops, where these accumulate into them: the buffer, the
    identity of the fold, and how many elements.
    """
    result: list[tuple[int, Any, int]] = []
    for node in step.roots:
        value = Value(node, 0)
        buffer, type = schedule.views[value].buffer, SHORT[value.type.dtype]
        op = REDUCTIONS.get(builtins.type(node.op), "add")
        if not parts:  # a space without points: folds of nothing
            identity = IDENTITY[op](type) + 0 if op == "add" else IDENTITY[op](type)
            result.append((buffer, identity, value.type.size))
    for statement in parts[0].statements if parts else ():
        if not isinstance(statement, Reduce):
            continue
        depth = len(parts[0].ranges)
        while depth and depth - 1 in statement.axes:
            depth -= 1
        folded = depth < len(parts[0].ranges)
        if not folded or len(parts) > 1 or any(axis < depth for axis in statement.axes):
            owner = schedule.buffers[statement.buffer].type
            identity = IDENTITY[statement.op](SHORT[owner.dtype])
            result.append((statement.buffer, identity, owner.size))
    return result
