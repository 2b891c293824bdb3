"""Programs: a target compiled for one signature, and those made so far."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from functools import cached_property
from typing import Any

import numpy as np

from irgrad.errors import ArgumentError
from irgrad.frontend.capture.settings import REWRITES
from irgrad.frontend.lower import Lowered, Signature
from irgrad.frontend.pytree import LEAF
from irgrad.ir.bulk import paused_gc
from irgrad.ir.delayed import made
from irgrad.ir.graph import Graph
from irgrad.ir.op import Array
from irgrad.ir.types import check_dtype, type_of
from irgrad.passes.pipeline import optimise
from irgrad.runtime.backend import (
    Argument,
    DirectExecutable,
    Executable,
    RecallingBackend,
    Template,
    get_backend,
)
from irgrad.runtime.direct import MOST_LAYOUTS, Layouts, direct_call, into_call, layout_of
from irgrad.runtime.target import build_result


class Program:
    """A target compiled for one signature by one backend."""

    def __init__(
        self, lowered: Lowered, backend: str, taken: Sequence[tuple[Lowered, list[bool]]] = ()
    ) -> None:
        self.lowered = lowered
        self.conditions = [(Program(test, backend), answers) for test, answers in taken]
        """What arguments must decide for the program to be theirs."""
        self.other: Program | None = None
        """One for arguments that decide otherwise."""
        self.backend = get_backend(backend)
        self._lock = threading.RLock()
        self._graph: Graph | None = None
        self._executable: Executable | None = None
        arguments = len(lowered.graph.inputs) - lowered.graph.captured
        self.dtypes = [type.dtype for type in lowered.graph.input_types[:arguments]]
        self._direct: dict[Layouts, Callable[..., Any] | None] = {}
        self._into: dict[Layouts, Callable[..., Any] | None] = {}
        self.plain = lowered.result_tree == LEAF and lowered.statics == (None,)
        self.captured_types = lowered.graph.input_types[arguments:]

    @property
    def graph(self) -> Graph:
        """The optimised graph, made when it is needed."""
        with self._lock:
            if self._graph is None:
                self._graph = optimise(made(self.lowered.graph))
            return self._graph

    @property
    def executable(self) -> Executable:
        """What the backend makes of it, made when it is needed."""
        if self._executable is None:
            with self._lock:
                if self._executable is None:
                    self._executable = self.backend.compile(self.graph)
        return self._executable

    @property
    def is_fixed(self) -> bool:
        """Whether the signature alone says that the program is the one to run."""
        return not (self.lowered.guards or self.conditions)

    def fits(self, leaves: Sequence[Any]) -> bool:
        """Whether it is the program for the traced leaves of some arguments."""
        return self.lowered.holds and all(
            [bool(x) for x in test.outputs(leaves)] == answers for test, answers in self.conditions
        )

    def direct(self, leaves: Sequence[Any]) -> Callable[..., Any] | None:
        """The call with the user's own arguments, which lie in memory as `leaves` do, where the
        backend has one.
        """
        layouts = tuple(map(layout_of, leaves))
        if layouts not in self._direct:
            if len(self._direct) >= MOST_LAYOUTS:
                return None
            with paused_gc():
                self._direct[layouts] = direct_call(self.lowered, self._backend_direct, layouts)
        return self._direct[layouts]

    def into(self, leaves: Sequence[Any]) -> Callable[..., Any] | None:
        """The call with traced leaves that lie as `leaves` do and arrays for the outputs, where the
        backend has one; it returns None where they are not just what was lowered.
        """
        layouts = tuple(map(layout_of, leaves))
        if layouts not in self._into:
            if len(self._into) >= MOST_LAYOUTS:
                return None
            self._into[layouts] = into_call(self.lowered, self._backend_direct, layouts)
        return self._into[layouts]

    def _backend_direct(
        self, arguments: Sequence[Argument], result: Template, captured: Sequence[Array]
    ) -> Callable[..., Any] | None:
        """The backend's direct call, where it has one."""
        if isinstance(self.backend, RecallingBackend):
            graph = self.lowered.graph
            return self.backend.direct(graph, self._made, arguments, result, captured)
        executable = self.executable
        if not isinstance(executable, DirectExecutable):
            return None
        return executable.direct(arguments, result, captured)

    def _made(self) -> Executable:
        return self.executable

    def __call__(self, leaves: Sequence[Any]) -> Any:
        """Run on the traced leaves of the arguments -> the result pytree."""
        outputs = [x if x.ndim else x[()] for x in self.outputs(leaves)]
        return outputs[0] if self.plain else build_result(self.lowered, outputs)

    def outputs(self, leaves: Sequence[Any]) -> list[Array]:
        """The outputs of the graph: fresh arrays."""
        arrays: list[Array] = list(map(np.asarray, leaves, self.dtypes))
        if self.captured_types:
            arrays += self._captured()
        call = self._on_arrays if all(x.flags.c_contiguous for x in arrays) else None
        outputs = None if call is None else call(*arrays)
        return self.executable(arrays) if outputs is None else list(map(np.asarray, outputs))

    @cached_property
    def _on_arrays(self) -> Callable[..., Any] | None:
        """The call with arrays of all inputs in C order, where the backend keeps code between
        processes: it is there before the graph is optimised.
        """
        graph, backend = self.lowered.graph, self.backend
        if self._executable is not None or not isinstance(backend, RecallingBackend):
            return None
        arguments = [Argument("array", type) for type in graph.input_types]
        return backend.direct(
            graph, self._made, arguments, tuple(range(len(graph.output_types))), ()
        )

    def _captured(self) -> list[Array]:
        """The arrays closed over, as they are now: backends take native byte order only."""
        arrays: list[Array] = []
        for array, expected in zip(self.lowered.captured, self.captured_types, strict=True):
            if array.shape != expected.shape or array.dtype != expected.dtype:
                if array.shape != expected.shape or check_dtype(array.dtype) != expected.dtype:
                    raise ArgumentError(
                        f"an array that the function closes over was {expected}, now "
                        f"{type_of(array)}",
                        hint="compile again, or pass it as an argument",
                    )
                array = array.astype(expected.dtype)
            arrays.append(array)
        return arrays


def flat_key(backend: str, args: tuple[Any, ...]) -> tuple[Any, ...] | None:
    """What stands for the signature where every argument is a plain array or a Python float; None
    elsewhere.
    """
    key: list[Any] = [backend, REWRITES.get()]
    for arg in args:
        kind = type(arg)
        if kind is np.ndarray:
            key += (arg.dtype, arg.shape)
        elif kind is float:
            key.append(float)
        else:
            return None
    return tuple(key)


class Programs:
    """The programs made so far for one target, by backend and signature."""

    __slots__ = ("by_signature", "flat", "lock")

    def __init__(self) -> None:
        self.by_signature: dict[tuple[str, Signature], Program] = {}
        self.flat: dict[tuple[Any, ...], Program] = {}
        self.lock = threading.RLock()

    def fitting(self, key: tuple[str, Signature], leaves: Sequence[Any]) -> Program | None:
        """The program for these traced leaves, if there is one."""
        program = self.by_signature.get(key)
        while program is not None and not program.fits(leaves):
            program = program.other
        return program

    def kept(self, program: Program | None) -> Program | None:
        """The latest of the programs that decide otherwise, so many that finding the right one does
        not take longer than running it.
        """
        last, count = program, 1
        while last is not None and last.other is not None and count < MOST_DECISIONS:
            last, count = last.other, count + 1
        if last is not None:
            last.other = None
        return program


MOST_DECISIONS = 32
"""Programs for one signature."""
