"""The host's processor: optimising LLVM text, object code from it, and loading object code.

Compilation uses llvmlite, the compiler library of Numba, directly: the program is typed and lowered
already, so that Numba's front end would find nothing to do."""

from __future__ import annotations

import itertools
import threading
from collections.abc import Callable
from functools import cache
from typing import Any

import llvmlite
import llvmlite.binding as llvm

from irgrad.errors import BackendError
from irgrad.runtime import disk_cache

_LOCK = threading.Lock()  # LLVM contexts are shared: one compilation at a time
_COUNT = itertools.count()
OPTIONS = "inlined where always, functions at speed 1, code 3 or 1, no vectorisers, no unrolling"
"""What `optimised` and `target_machine` ask of LLVM: code from other options is other code."""
LONG = 500_000
"""Characters of text from which on code is generated at level 1: it takes a fifth less time, and
the code of long programs runs as fast. Short recurrences lose up to a tenth there."""


@cache
def target_machine(level: int = 3) -> Any:
    """LLVM's code generator for this processor, with all its features."""
    llvm.initialize_native_target()
    llvm.initialize_native_asmprinter()
    target = llvm.Target.from_default_triple()
    return target.create_target_machine(
        cpu=llvm.get_host_cpu_name(),
        features=host_features(),
        opt=level,
        reloc="pic",
        codemodel="small",
    )


@cache
def host_features() -> str:
    """The instruction sets of this processor, as LLVM lists them."""
    return llvm.get_host_cpu_features().flatten()


class Linkers:
    """Linkers for loaded code, each of a number of programs.

    LLVM's linker keeps 10 KB of tables for each library, also for one that has been dropped, until
    it goes itself. So it goes with the last of its programs."""

    PROGRAMS = 16

    def __init__(self) -> None:
        self.current: Any = None
        self.left = 0

    def next(self) -> Any:
        """The linker for one more program; called under the lock."""
        if not self.left:
            self.current, self.left = llvm.create_lljit_compiler(target_machine()), self.PROGRAMS
        self.left -= 1
        return self.current


_LINKERS = Linkers()


def _generator(text: str) -> Any:
    """The code generator for a program of this length."""
    return target_machine(3 if len(text) < LONG else 1)


def optimised(text: str) -> Any:
    """The module of `text`, verified and optimised: what must be inlined is, and each function is
    simplified by itself. LLVM's passes over whole modules take as long again, and code runs no
    faster for them.

    Loops come as explicit vectors, so LLVM's own vectorisers (quadratic in the size of a loop's
    body) stay off."""
    machine = _generator(text)
    module = _parsed(text, machine)
    options = llvm.create_pipeline_tuning_options(speed_level=1)
    options.loop_vectorization = False
    options.slp_vectorization = False
    options.loop_unrolling = False
    options.loop_interleaving = False
    builder = llvm.create_pass_builder(machine, options)
    inlining = llvm.create_new_module_pass_manager()
    inlining.add_always_inliner_pass()
    inlining.run(module, builder)
    passes = builder.getFunctionPassManager()
    for function in module.functions:
        if not function.is_declaration:
            passes.run(function, builder)
    return module


def _parsed(text: str, machine: Any) -> Any:
    module = llvm.parse_assembly(text)
    module.triple = machine.triple
    module.data_layout = str(machine.target_data)
    module.verify()
    return module


@cache
def compiler() -> tuple[str, ...]:
    """What decides the object code of a text: the compiler and the processor."""
    versions = llvmlite.__version__, str(llvm.llvm_version_info)
    return "numba", *versions, OPTIONS, llvm.get_host_cpu_name(), host_features()


def code_key(text: str) -> str:
    """The name on disk of the object code of a text."""
    return disk_cache.key_of(*compiler(), text)


def object_code(text: str) -> bytes:
    """LLVM text -> object code for this machine, kept on disk.

    The text decides all that the code depends on (structure, dtypes, shapes) but the processor and
    the versions of the compiler."""
    return _kept(code_key(text), lambda: _generator(text).emit_object(optimised(text)))


def plain_code(text: str, level: int) -> bytes:
    """The same without LLVM's passes, generated at `level`, for text by hand that they would hardly
    improve: at level 1 in less than half the time, at level 0 in a tenth.
    """
    machine = target_machine(level)
    key = disk_cache.key_of(f"plain {level}", *compiler(), text)
    return _kept(key, lambda: machine.emit_object(_parsed(text, machine)))


def _kept(key: str, make: Callable[[], bytes]) -> bytes:
    """What is on disk under `key`, made where there is nothing."""
    found = disk_cache.get(key)
    if found is not None:
        return found
    with _LOCK:
        code = make()
    disk_cache.put(key, code)
    return code


def assembly(text: str) -> str:
    """LLVM text -> the assembly that runs."""
    with _LOCK:
        return _generator(text).emit_assembly(optimised(text))


def llvm_text(text: str) -> str:
    """LLVM text after optimisation."""
    with _LOCK:
        return str(optimised(text))


class Loaded:
    """Object code in memory: the addresses of its functions, valid while this object lives."""

    def __init__(self, code: bytes, names: list[str], imports: dict[str, int]) -> None:
        builder = llvm.JITLibraryBuilder().add_object_img(code).add_current_process()
        for name, address in imports.items():
            builder.import_symbol(name, address)
        for name in names:
            builder.export_symbol(name)
        with _LOCK:
            try:
                self._linker = _LINKERS.next()
                self._tracker = builder.link(self._linker, f"irgrad{next(_COUNT)}")
            except RuntimeError as error:
                raise BackendError(f"object code does not load: {error}") from None
        self.address = {name: int(self._tracker[name]) for name in names}
