"""The boundary with Python, as machine code: arguments in, the program's body, results out.

The entry takes the user's own arguments. It looks at each array object (type, dtype, shape, order),
and returns None where one is not exactly what the program was compiled for; it gives every buffer
an address, runs the body, and returns NumPy's arrays and scalars in tuples.

What is known only in the running process (addresses of NumPy's functions, of dtypes, of constants)
stands in a table, `state`, so that the code can be kept on disk."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from irgrad.ir.types import F64, SHORT, ArrayType
from irgrad.runtime.backend import Argument, Template
from irgrad_numba.llvm import Module
from irgrad_numba.memory import Memory
from irgrad_numba.support import SIGNATURES, STACK_BYTES

ENTRY = "entry"
F64_SCALAR = ArrayType(F64, ())
WRITEABLE = 1024
"""The flag of NumPy's array object."""

DECLARED = {
    "Py_IncRef": "void {}(ptr)",
    "Py_DecRef": "void {}(ptr)",
    "PyTuple_New": "ptr {}(i64)",
    "PyTuple_SetItem": "i32 {}(ptr, i64, ptr)",
    "PyErr_NoMemory": "ptr {}()",
    "PyFloat_AsDouble": "double {}(ptr)",
    "PyEval_SaveThread": "ptr {}()",
    "PyEval_RestoreThread": "void {}(ptr)",
}
EXTERNAL = ("_Py_NoneStruct", "PyFloat_Type")


def emit_entry(
    module: Module,
    memory: Memory,
    arguments: Sequence[Argument],
    result: Template,
    release: bool,
) -> None:
    """Define `entry`, which calls the `body` that is there already. What `arguments` do not give,
    the last inputs, are captured arrays.
    """
    for name, signature in {**DECLARED, **SIGNATURES}.items():
        module.declare(name, signature)
    module.globals.update((name, f"@{name} = external global i8") for name in EXTERNAL)
    Entry(module, memory, arguments, result, release).define()


class Entry:
    """One function that Python calls."""

    def __init__(
        self,
        module: Module,
        memory: Memory,
        arguments: Sequence[Argument],
        template: Template,
        release: bool,
    ) -> None:
        self.module = module
        self.memory = memory
        self.arguments = arguments
        self.template = template
        self.release = release
        self.lines: list[str] = []
        self.count = 0
        self.outs: list[str] = []
        """The memory of arrays for the results, where they are given."""
        self.spans: list[tuple[str, int, int]] = []
        """Inputs in memory: address, and the bytes from it where they begin and end."""

    def define(self) -> None:
        """Emit the function."""
        self.emit(
            f"%table = alloca [{max(1, len(self.memory.buffers))} x ptr], align 64",
            "%state.at = getelementptr i8, ptr %self, i64 16",
            "%state = load ptr, ptr %state.at",
            f"%expected = icmp eq i64 %count, {len(self.arguments)}",
            "br i1 %expected, label %counted, label %mismatch",
        )
        self.label("counted")
        given = self._read_arguments()
        for position in range(given, len(self.memory.input_types)):
            found = self.slot("captured", position - given)
            type = self.memory.input_types[position]
            self._array(found, type, position, self._captured_strides(position))
        self._require_apart()
        made = {} if self.outs else self._make_results()
        self._fixed_buffers()
        kept = self._scratch(made)
        if self.release:
            self.emit("%thread = call ptr @PyEval_SaveThread()")
        self.emit("%status = call i32 @body(ptr %table, ptr %state)")
        if self.release:
            self.emit("call void @PyEval_RestoreThread(ptr %thread)")
        if kept is not None:
            self.emit(f"call void @irgrad_give_back(ptr {kept}, ptr %arena)")
        self.emit("%bad = icmp ne i32 %status, 0", "br i1 %bad, label %failed, label %finished")
        self.label("failed")
        for x in made.values():
            self.emit(f"call void @Py_DecRef(ptr {x})")
        self.emit("ret ptr null")
        self.label("finished")
        self._return(made)
        self.label("mismatch")
        self.emit("call void @Py_IncRef(ptr @_Py_NoneStruct)", "ret ptr @_Py_NoneStruct")
        self.module.functions[ENTRY] = (
            f"define ptr @{ENTRY}(ptr %self, ptr %args, i64 %count) {{\nentry:\n"
            + "\n".join(self.lines)
            + "\n}"
        )

    def emit(self, *lines: str) -> None:
        """Append instructions."""
        self.lines += [f"  {line}" for line in lines]

    def label(self, name: str) -> None:
        """Begin a block."""
        self.lines.append(f"{name}:")

    def name(self) -> str:
        """A new local name."""
        self.count += 1
        return f"%t{self.count}"

    def value(self, expression: str) -> str:
        """Append an instruction with a result."""
        name = self.name()
        self.emit(f"{name} = {expression}")
        return name

    def slot(self, *key: Any) -> str:
        """What the table of the state holds for `key`."""
        return self.value(f"load ptr, ptr {self.slot_address(*key)}")

    def slot_address(self, *key: Any) -> str:
        """Where the table holds it."""
        return self.value(f"getelementptr ptr, ptr %state, i64 {self.module.slot(*key)}")

    def fill(self, buffer: int, address: str) -> None:
        """Give a buffer its address."""
        at = self.value(f"getelementptr ptr, ptr %table, i64 {buffer}")
        self.emit(f"store ptr {address}, ptr {at}")

    def require(self, condition: str) -> None:
        """Go on where `condition` holds; else the arguments do not match."""
        self.count += 1
        self.emit(f"br i1 {condition}, label %next{self.count}, label %mismatch")
        self.label(f"next{self.count}")

    def _read_arguments(self) -> int:
        position = 0
        for k, argument in enumerate(self.arguments):
            at = self.value(f"getelementptr ptr, ptr %args, i64 {k}")
            x = self.value(f"load ptr, ptr {at}")
            if argument.kind == "static":
                self.require(self.value(f"icmp eq ptr {x}, {self.slot('static', k)}"))
                continue
            if argument.kind == "out":
                self._out(x, len(self.outs))
                continue
            if argument.kind == "float":
                self._float(x, position)
            else:
                assert argument.type is not None
                if argument.type == F64_SCALAR:
                    self._array_or_scalar(x, argument.type, position)
                else:
                    self._array(x, argument.type, position, argument.strides)
            position += 1
        return position

    def _is_of(self, x: str, type: str) -> str:
        """Whether an object's type is `type`."""
        at = self.value(f"getelementptr i8, ptr {x}, i64 8")
        return self.value(f"icmp eq ptr {self.value(f'load ptr, ptr {at}')}, {type}")

    def _float(self, x: str, buffer: int) -> None:
        self.require(self._is_of(x, "@PyFloat_Type"))
        self.fill(buffer, self._number(x))

    def _number(self, x: str) -> str:
        """The memory of a float's number."""
        place = self.value("alloca double, align 64")
        number = self.value(f"call double @PyFloat_AsDouble(ptr {x})")
        self.emit(f"store double {number}, ptr {place}")
        return place

    def _array_or_scalar(self, x: str, type: ArrayType, buffer: int) -> None:
        """Where np.float64 scalars are welcome: they are Python floats too."""
        self.count += 1
        number = self.count
        is_scalar = self._is_of(x, self.slot("numpy", "float64"))
        self.emit(f"br i1 {is_scalar}, label %scalar{number}, label %array{number}")
        self.label(f"scalar{number}")
        self.fill(buffer, self._number(x))
        self.emit(f"br label %read{number}")
        self.label(f"array{number}")
        self._array(x, type, buffer)
        self.emit(f"br label %read{number}")
        self.label(f"read{number}")
        at = self.value(f"getelementptr ptr, ptr %table, i64 {buffer}")
        self.spans[-1] = self.value(f"load ptr, ptr {at}"), 0, type.nbytes

    def _captured_strides(self, position: int) -> tuple[int, ...] | None:
        """The strides of a captured array, in bytes, where it does not lie in C order."""
        if position not in self.memory.strided:
            return None
        value, view = self.memory.strided[position]
        return tuple(s * value.type.dtype.itemsize for s in view.strides)

    def _array(
        self, x: str, type: ArrayType, buffer: int, strides: tuple[int, ...] | None = None
    ) -> None:
        look = f"call i1 @irgrad_same_array(ptr {x}, {self._kind(type)})"
        if strides is not None:
            kind = f"{self._kind(type)}, ptr {self._numbers('strides', strides)}"
            look = f"call i1 @irgrad_same_strided(ptr {x}, {kind})"
        same = self.value(look)
        self.require(same)
        at = self.value(f"getelementptr i8, ptr {x}, i64 16")
        data = self.value(f"load ptr, ptr {at}")
        self.fill(buffer, data)
        if strides is None:
            self.spans.append((data, 0, type.nbytes))
        else:
            reach = [(n - 1) * s for n, s in zip(type.shape, strides, strict=True)]
            last = sum(max(r, 0) for r in reach) + type.dtype.itemsize
            self.spans.append((data, sum(min(r, 0) for r in reach), last))

    def _out(self, x: str, number: int) -> None:
        """An array for a result: in C order, and writeable."""
        buffer, type = self.memory.outputs[number]
        self.require(self.value(f"call i1 @irgrad_same_array(ptr {x}, {self._kind(type)})"))
        at = self.value(f"getelementptr i8, ptr {x}, i64 64")
        flags = self.value(f"and i32 {self.value(f'load i32, ptr {at}')}, {WRITEABLE}")
        self.require(self.value(f"icmp ne i32 {flags}, 0"))
        at = self.value(f"getelementptr i8, ptr {x}, i64 16")
        data = self.value(f"load ptr, ptr {at}")
        self.fill(buffer, data)
        self.outs.append(data)

    def _require_apart(self) -> None:
        """Arrays for results must not overlap inputs, nor each other."""
        spans = list(self.spans)
        for data, (_, type) in zip(self.outs, self.memory.outputs, strict=False):
            span = data, 0, type.nbytes
            for other in spans if type.nbytes else ():
                before = self._ends_before(span, other)
                self.require(self.value(f"or i1 {before}, {self._ends_before(other, span)}"))
            spans.append(span)

    def _ends_before(self, x: tuple[str, int, int], y: tuple[str, int, int]) -> str:
        end = self.value(f"getelementptr i8, ptr {x[0]}, i64 {x[2]}")
        start = self.value(f"getelementptr i8, ptr {y[0]}, i64 {y[1]}")
        return self.value(f"icmp ule ptr {end}, {start}")

    def _kind(self, type: ArrayType) -> str:
        """Type object, dtype, number of axes, extents: as arguments of the support functions."""
        array, descr = self.slot("numpy", "PyArray_Type"), self.slot("dtype", SHORT[type.dtype])
        dims = self._numbers("dims", type.shape)
        return f"ptr {array}, ptr {descr}, i32 {type.ndim}, ptr {dims}"

    def _numbers(self, stem: str, numbers: Sequence[int]) -> str:
        """The address of a constant array of numbers."""
        if not numbers:
            return "null"
        listed = ", ".join(f"i64 {n}" for n in numbers)
        name = "_".join([stem, *map(str, numbers)]).replace("-", "m")
        self.module.globals[name] = f"@{name} = private constant [{len(numbers)} x i64] [{listed}]"
        return f"@{name}"

    def _make_results(self) -> dict[int, str]:
        """An array for each output that has axes, memory for a number for each that has none -> the
        array objects.
        """
        made: dict[int, str] = {}
        for k, (buffer, type) in enumerate(self.memory.outputs):
            if not type.shape:
                self.fill(buffer, self.value("alloca [16 x i8], align 64"))
                continue
            self.module.slot("result", k, count=2)
            slots = self.slot_address("result", k)
            make = self.slot("numpy", "PyArray_NewFromDescr")
            x = self.value(
                f"call ptr @irgrad_result_array(ptr {slots}, ptr {make}, {self._kind(type)})"
            )
            self._or_fail(self.value(f"icmp eq ptr {x}, null"), made)
            made[k] = x
            at = self.value(f"getelementptr i8, ptr {x}, i64 16")
            self.fill(buffer, self.value(f"load ptr, ptr {at}"))
        return made

    def _or_fail(self, failed: str, made: dict[int, str]) -> None:
        """Where memory is short, drop what was made."""
        self.count += 1
        number = self.count
        self.emit(f"br i1 {failed}, label %short{number}, label %next{number}")
        self.label(f"short{number}")
        for other in made.values():
            self.emit(f"call void @Py_DecRef(ptr {other})")
        self.emit(f"%none{number} = call ptr @PyErr_NoMemory()", "ret ptr null")
        self.label(f"next{number}")

    def _fixed_buffers(self) -> None:
        for buffer in self.memory.constants:
            self.fill(buffer, self.slot("constant", buffer))

    def _scratch(self, made: dict[int, str]) -> str | None:
        """Memory for intermediate values -> where it is kept between calls, if it is."""
        size = self.memory.scratch_bytes
        if not size:
            return None
        kept = None
        if size <= STACK_BYTES:
            self.emit(f"%arena = alloca [{size} x i8], align 64")
        else:
            kept = self.slot_address("arena")
            self.emit(f"%arena = call ptr @irgrad_scratch(ptr {kept}, i64 {size})")
            self._or_fail(self.value("icmp eq ptr %arena, null"), made)
        for buffer, offset in self.memory.offsets.items():
            self.fill(buffer, self.value(f"getelementptr i8, ptr %arena, i64 {offset}"))
        return kept

    def _return(self, made: dict[int, str]) -> None:
        x = self._build(self.template, made)
        self.emit(f"ret ptr {x}")

    def _build(self, template: Template, made: dict[int, str]) -> str:
        """The object of a result; each array goes to one place."""
        if isinstance(template, int):
            if template in made:
                return made[template]
            buffer, type = self.memory.outputs[template]
            at = self.value(f"getelementptr ptr, ptr %table, i64 {buffer}")
            data = self.value(f"load ptr, ptr {at}")
            make = self.slot("numpy", "PyArray_Scalar")
            descr = self.slot("dtype", SHORT[type.dtype])
            return self.value(f"call ptr {make}(ptr {data}, ptr {descr}, ptr null)")
        whole = self.value(f"call ptr @PyTuple_New(i64 {len(template)})")
        for k, part in enumerate(template):
            x = self._build(part, made)
            self.value(f"call i32 @PyTuple_SetItem(ptr {whole}, i64 {k}, ptr {x})")
        return whole
