"""Matrix products by BLAS: `gemm` of SciPy's library, called from machine code."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from irgrad_numba.emit import loop
from irgrad_numba.llvm import Code, Module, Type, Value
from irgrad_numba.products import Gemm, Matrix

ROUTINES = {"f32": "sgemm", "f64": "dgemm"}


def emit_gemm(module: Module, gemm: Gemm) -> str:
    """Define a function of pointers to the buffers (left, right, result) and of the state -> its
    name.
    """
    code = Code(module)
    if gemm.result.column == 1:  # row by row: BLAS, which counts by columns, sees the transposes
        first, second = ("%right", gemm.right, True), ("%left", gemm.left, True)
        m, n, leading = gemm.columns, gemm.rows, gemm.result.row
    else:
        first, second = ("%left", gemm.left, False), ("%right", gemm.right, False)
        m, n, leading = gemm.rows, gemm.columns, gemm.result.column
    at = code.name()
    code.emit(
        f"{at} = getelementptr ptr, ptr %state, i64 {module.slot('blas', ROUTINES[gemm.type])}"
    )
    routine = code.name()
    code.emit(f"{routine} = load ptr, ptr {at}")

    def call(batch: Sequence[Value]) -> None:
        operands: list[str] = []
        modes: list[str] = []
        for pointer, matrix, transposed in (first, second):
            row, column = (matrix.column, matrix.row) if transposed else (matrix.row, matrix.column)
            modes.append(_constant(module, "i8", ord("N" if row == 1 else "T")))
            operands.append(_address(code, gemm, matrix, pointer, batch))
            operands.append(_constant(module, "i32", column if row == 1 else row))
        result = _address(code, gemm, gemm.result, "%result", batch)
        kind = Type(gemm.type).text
        arguments = [
            *modes,
            *[_constant(module, "i32", size) for size in (m, n, gemm.inner)],
            _constant(module, kind, "1.0"),
            *operands,
            _constant(module, kind, "0.0"),
            result,
            _constant(module, "i32", leading),
        ]
        code.emit(f"call void {routine}({', '.join(f'ptr {a}' for a in arguments)})")

    _batched(code, gemm.batch, [], call)
    code.emit("ret void")
    head = "(ptr %left, ptr %right, ptr %result, ptr %state) nounwind noinline {\nentry:\n"
    return module.shared("gemm", head + "\n".join([*code.allocas, *code.lines]) + "\n}")


def _batched(
    code: Code, extents: Sequence[int], places: list[Value], call: Callable[[Sequence[Value]], None]
) -> None:
    """Loops over the batch."""
    if not extents:
        call(places)
        return
    with loop(code, 0, extents[0], 1) as i:
        _batched(code, extents[1:], [*places, i], call)


def _address(code: Code, gemm: Gemm, matrix: Matrix, pointer: str, batch: Sequence[Value]) -> str:
    position = code.constant(Type("i64"), matrix.offset)
    for i, stride in zip(batch, matrix.batch, strict=True):
        position = position + i * stride
    name = code.name()
    code.emit(f"{name} = getelementptr {Type(gemm.type).text}, ptr {pointer}, i64 {position.text}")
    return name


def _constant(module: Module, kind: str, number: int | str) -> str:
    """The address of a constant: BLAS takes all by reference."""
    name = f"const_{kind}_{number}".replace(".", "_").replace("-", "m")
    module.globals[name] = f"@{name} = private constant {kind} {number}"
    return f"@{name}"
