"""Machine code that an earlier process made, found by the graph as it was lowered: differentiation,
passes, schedule and emission, most of the time to a first result, do not run again.

A record on disk says which object code belongs to a graph and to a way to call it, and what the
code takes from the process that runs it: addresses by name, and constants as their bytes. Nothing
in it is run or unpickled. It is kept only for graphs of irgrad's own ops: what somebody else's op
means can change without its name. Its key holds the versions of all that decided the code, and the
times of irgrad's files, so that who works on irgrad never meets old code."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from irgrad.ir.delayed import Delayed
from irgrad.ir.graph import Constant, Graph
from irgrad.ir.op import Array, Op
from irgrad.ir.types import ArrayType
from irgrad.runtime import disk_cache
from irgrad.runtime.backend import Argument, Template
from irgrad_numba import machine, native
from irgrad_numba.gateway import ENTRY
from irgrad_numba.layout import layout_of
from irgrad_numba.llvm import Module
from irgrad_numba.thread_count import thread_count

if TYPE_CHECKING:
    from irgrad_numba.program import Program

ENABLED = True
FORMAT = "record 1"
PLAIN = (bool, int, float, complex, str, type(None), np.dtype, ArrayType)


class Way(NamedTuple):
    """A graph as it was lowered, and how it is called."""

    graph: Graph
    arguments: Sequence[Argument]
    result: Template
    captured: Sequence[Array]

    @property
    def key(self) -> str | None:
        """The name of its record; None where there may be none."""
        if not ENABLED or not disk_cache.enabled():
            return None
        graph, recipes = _basis(self.graph)
        if not is_own(graph):
            return None
        arguments = [f"{a.kind} {a.type} {a.strides}" for a in self.arguments]
        layouts = [str(layout_of(array)) for array in self.captured]
        parts = [*recipes, *arguments, str(self.result), *layouts, str(thread_count())]
        return disk_cache.key_of(FORMAT, _versions(), graph.structural_hash, *parts)

    def things(self) -> dict[tuple[Any, ...], Any]:
        """The objects of this process that its code looks at."""
        statics = {("static", k): a.value for k, a in enumerate(self.arguments)}
        return statics | {("captured", k): array for k, array in enumerate(self.captured)}


def keep(key: str, code: str, module: Module, constants: Mapping[tuple[Any, ...], Array]) -> None:
    """Write the record of a program: `code` is the name of its object code on disk."""
    if module.imports:
        return  # addresses without a name
    arrays = {name: np.asarray(array, order="C") for name, array in constants.items()}
    head = {
        "code": code,
        "slots": [[list(name), place] for name, place in module.slots.items()],
        "size": module.table_size,
        "calls": [name for name in native.PROVIDED if name in module.declarations],
        "constants": [[list(n), a.dtype.str, list(a.shape)] for n, a in arrays.items()],
    }
    content = [json.dumps(head).encode(), b"\n", *(array.tobytes() for array in arrays.values())]
    disk_cache.put(key, b"".join(content))


def recalled(key: str, way: Way, make: Callable[[], Program | None]) -> Callable[..., Any] | None:
    """The entry of a program that has a record, loaded; None where there is none. `make` gives the
    program itself, which is asked what to raise where an index is outside its axis.
    """
    content = disk_cache.get(key)
    if content is None:
        return None
    text, _, blob = content.partition(b"\n")
    head = json.loads(text)
    code = disk_cache.get(head["code"])
    if code is None:
        return None
    module = Module()
    module.slots = {tuple(name): place for name, place in head["slots"]}
    module.table_size = head["size"]
    module.declarations = dict.fromkeys(head["calls"], "")
    things: dict[tuple[Any, ...], Any] = {**way.things(), **_constants(head, blob)}
    if ("callback",) in module.slots:
        things["callback",] = Late(way, make)
    return native.load(code, ENTRY, module, things)


class Late:
    """The callback of a recalled program, made when it is needed."""

    def __init__(self, way: Way, make: Callable[[], Program | None]) -> None:
        self.way = way
        self.make = make

    def __call__(self, number: int, address: int) -> None:
        """Call what the program's own code calls."""
        program = self.make()
        assert program is not None, "there is code for it"
        program.callback(self.way.arguments, self.way.captured)(number, address)


def _constants(head: Any, blob: bytes) -> dict[tuple[Any, ...], Array]:
    found: dict[tuple[Any, ...], Array] = {}
    at = 0
    for name, dtype, shape in head["constants"]:
        count = int(np.prod(shape, dtype=np.int64))
        array = np.frombuffer(blob, dtype, count, at).reshape(shape)
        at += array.nbytes
        found[tuple(name)] = array.copy()  # aligned
    return found


def _basis(graph: Graph) -> tuple[Graph, list[str]]:
    """A graph that is there already, and how one that is yet to be made comes from it."""
    recipes: list[str] = []
    while isinstance(graph, Delayed):
        recipes.append(graph.recipe)
        graph = graph.source
    return graph, recipes


def is_own(graph: Graph) -> bool:
    """Whether irgrad's own ops with plain parameters are all that a graph has."""
    ops = {id(node.op): node.op for node in graph.nodes}
    return all(map(_is_own_op, ops.values()))


def _is_own_op(op: Op) -> bool:
    own = op.home is None and type(op).__module__.startswith("irgrad.")
    return own and all(map(_is_plain, op.parameters.values()))


def _is_plain(item: Any) -> bool:
    if isinstance(item, tuple):
        return all(map(_is_plain, item))  # pyright: ignore[reportUnknownArgumentType]
    return is_own(item) if isinstance(item, Graph) else isinstance(item, (*PLAIN, Constant))


@cache
def _versions() -> str:
    """What decides the code of a graph: versions, the processor, and irgrad's files as they are."""
    core = Path(disk_cache.__file__).parents[1]
    files = [*_files(core), *_files(Path(__file__).parent)]
    version = (core / "__init__.py").read_text()
    return disk_cache.key_of(version, np.__version__, *machine.compiler(), *sorted(files))


def _files(folder: str | Path) -> Iterator[str]:
    """The modules below a folder, with their sizes and times."""
    with os.scandir(folder) as entries:
        for entry in entries:
            if entry.name.endswith(".py"):
                status = entry.stat()
                yield f"{entry.path} {status.st_size} {status.st_mtime_ns}"
            elif entry.is_dir():
                yield from _files(entry.path)
