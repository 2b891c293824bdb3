"""The host's processor: optimising LLVM text, object code from it, and loading object code.

Compilation uses llvmlite, the compiler library of Numba, directly: the program is typed and lowered
already, so that Numba's front end would find nothing to do."""

from __future__ import annotations

import ctypes
import itertools
import threading
from collections.abc import Callable, Iterator, Sequence
from functools import cache
from typing import Any

import llvmlite
import llvmlite.binding as llvm
from llvmlite.binding import ffi

from irgrad.errors import BackendError
from irgrad.runtime import disk_cache
from irgrad_numba.llvm import Module
from irgrad_numba.split import split
from irgrad_numba.thread_count import thread_count

_LOCK = threading.Lock()  # LLVM contexts are shared: one compilation at a time
_COUNT = itertools.count()
OPTIONS = "speed 1, less for straight functions, dense ones not, no vectorisers, packed"
"""What `optimised` and `target_machine` ask of LLVM: code from other options is other code."""
LONG = 400_000
"""Characters of text from which on a program is long."""
LEVELS = 3, 1
"""At which code is generated for short programs and for long ones: level 1 takes a fifth less time,
and the code of long programs runs as fast, while short recurrences lose up to a tenth. Level 0
leaves out LLVM's passes as well: half the time, for code that is hardly run."""
DENSE = 48
"""Instructions for each loop from which on a kernel of a long program is left as it is: LLVM finds
next to nothing in so much straight code, and takes a third of its time to look."""
PART = 40_000
"""Characters of text that are worth a thread, which takes some 20 ms for them."""
MOST_PARTS = 8


@cache
def target_machine(level: int = 3) -> Any:
    """LLVM's code generator for this processor, with all its features."""
    return _target_machine(level)


def _target_machine(level: int) -> Any:
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


def _level(text: str) -> int:
    """At which code is generated for a program of this length."""
    short, long = LEVELS
    return short if len(text) < LONG else long


def optimised(text: str, machine: Any, level: int, context: Any = None) -> Any:
    """The module of `text`, verified and optimised: what must be inlined is, and each function is
    simplified by itself, but at level 0. LLVM's passes over whole modules take as long again, and
    code runs no faster for them.

    Loops come as explicit vectors, so LLVM's own vectorisers (quadratic in the size of a loop's
    body) stay off."""
    module = _parsed(_with_dense_left(text) if level == LEVELS[1] else text, machine, context)
    options = llvm.create_pipeline_tuning_options(speed_level=1)
    options.loop_vectorization = False
    options.slp_vectorization = False
    options.loop_unrolling = False
    options.loop_interleaving = False
    builder = llvm.create_pass_builder(machine, options)
    inlining = llvm.create_new_module_pass_manager()
    inlining.add_always_inliner_pass()
    inlining.run(module, builder)
    if level == 0:
        return module
    passes, few = builder.getFunctionPassManager(), _few_passes()
    for function in module.functions:
        if not function.is_declaration:
            (few if _is_straight(function) else passes).run(function, builder)
    return module


def _few_passes() -> Any:
    """For code without loops and branches, in which the others find nothing more."""
    passes = llvm.create_new_function_pass_manager()
    passes.add_sroa_pass()
    passes.add_instruction_combine_pass()
    return passes


def _is_straight(function: Any) -> bool:
    """Whether a function has a single basic block."""
    blocks = iter(function.blocks)
    next(blocks)
    return next(blocks, None) is None


def _with_dense_left(text: str) -> str:
    """The text with its dense kernels marked as not to be optimised."""
    before, *functions = text.split("\ndefine ")
    return "\ndefine ".join([before, *map(_left, functions)])


def _left(function: str) -> str:
    if function.count("\n") < DENSE * (1 + function.count(" = phi ")):
        return function
    return function.replace(" nounwind noinline {", " nounwind noinline optnone {", 1)


def _parsed(text: str, machine: Any, context: Any = None) -> Any:
    module = llvm.parse_assembly(text, context)
    module.triple = machine.triple
    module.data_layout = str(machine.target_data)
    module.verify()
    return module


@cache
def compiler() -> tuple[str, ...]:
    """What decides the object code of a text: the compiler and the processor."""
    versions = llvmlite.__version__, str(llvm.llvm_version_info)
    return "numba", *versions, OPTIONS, llvm.get_host_cpu_name(), host_features()


def code_key(module: Module) -> str:
    """The name on disk of the object code of a module."""
    text = str(module)
    return disk_cache.key_of(*compiler(), str(_level(text)), text)


def object_code(module: Module) -> bytes:
    """Object code of a module for this machine, kept on disk.

    Its text decides all that the code depends on (structure, dtypes, shapes) but the processor and
    the versions of the compiler."""
    text = str(module)
    count = max(1, min(MOST_PARTS, len(text) // PART, thread_count()))

    def make() -> bytes:
        return _generated([text] if count == 1 else split(module, count), _level(text))

    return _kept(code_key(module), make)


def plain_code(text: str, level: int) -> bytes:
    """Object code without LLVM's passes, generated at `level`, for text by hand that they would
    hardly improve: at level 1 in less than half the time, at level 0 in a tenth.
    """

    def make() -> bytes:
        machine = target_machine(level)
        return _packed([machine.emit_object(_parsed(text, machine))])

    return _kept(disk_cache.key_of(f"plain {level}", *compiler(), text), make)


def _kept(key: str, make: Callable[[], bytes]) -> bytes:
    """What is on disk under `key`, made where there is nothing."""
    found = disk_cache.get(key)
    if found is not None:
        return found
    with _LOCK:
        code = make()
    disk_cache.put(key, code)
    return code


def _generated(texts: Sequence[str], level: int) -> bytes:
    """The object code of all parts, each generated in a thread."""
    if len(texts) == 1:
        machine = target_machine(level)
        return _packed([machine.emit_object(optimised(texts[0], machine, level))])
    machines = [_target_machine(level) for _ in texts]
    contexts = [llvm.create_context() for _ in texts]
    modules = [
        optimised(text, machine, level, context)
        for text, machine, context in zip(texts, machines, contexts, strict=True)
    ]
    codes: list[Any] = [None] * len(texts)

    def generate(k: int) -> None:
        codes[k] = _emitted(modules[k], machines[k])

    threads: list[threading.Thread] = []
    for k in range(1, len(texts)):
        thread = threading.Thread(target=generate, args=(k,))
        try:
            thread.start()
        except RuntimeError:  # there are too many, or the interpreter is about to end
            generate(k)
        else:
            threads.append(thread)
    generate(0)
    for thread in threads:
        thread.join()
    return _packed(codes)


def _emitted(module: Any, machine: Any) -> bytes:
    """Object code of a module in a context of its own, by a machine of its own: this needs no lock,
    and where llvmlite's can be gone around, other threads compile meanwhile.
    """
    emit = ffi.lib.LLVMPY_TargetMachineEmitToMemory
    with ffi.OutputString() as error:
        buffer = getattr(emit, "_cfn", emit)(machine, module, 1, error)
        assert buffer, f"no code: {error}"
    try:
        start, size = ffi.lib.LLVMPY_GetBufferStart(buffer), ffi.lib.LLVMPY_GetBufferSize(buffer)
        return ctypes.string_at(start, size)
    finally:
        ffi.lib.LLVMPY_DisposeMemoryBuffer(buffer)


def _packed(codes: Sequence[bytes]) -> bytes:
    """Objects as one string, each after its length."""
    return b"".join(len(code).to_bytes(8, "little") + code for code in codes)


def _unpacked(code: bytes) -> Iterator[bytes]:
    at = 0
    while at < len(code):
        size = int.from_bytes(code[at : at + 8], "little")
        yield code[at + 8 : at + 8 + size]
        at += 8 + size


def assembly(text: str) -> str:
    """LLVM text -> the assembly that runs."""
    level = _level(text)
    machine = target_machine(level)
    with _LOCK:
        return machine.emit_assembly(optimised(text, machine, level))


def llvm_text(text: str) -> str:
    """LLVM text after optimisation."""
    level = _level(text)
    with _LOCK:
        return str(optimised(text, target_machine(level), level))


class Loaded:
    """Object code in memory: the addresses of its functions, valid while this object lives."""

    def __init__(self, code: bytes, names: list[str], imports: dict[str, int]) -> None:
        builder = llvm.JITLibraryBuilder().add_current_process()
        for part in _unpacked(code):
            builder.add_object_img(part)
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
