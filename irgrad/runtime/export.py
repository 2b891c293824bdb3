"""`compiled.export("file.py")`: a program as a Python module that needs no irgrad."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from irgrad.errors import BackendError, OptionError, with_article
from irgrad.frontend.identifiers import identifiers
from irgrad.frontend.lower import Static
from irgrad.frontend.pytree import unflatten
from irgrad.inspect.numpy_code import Function, Module, input_line, result_text, static_text
from irgrad.inspect.numpy_forms import Text, dtype_name
from irgrad.ir.graph import Value
from irgrad.runtime.backend import WrittenProgram, WrittenStep, get_backend

if TYPE_CHECKING:
    from irgrad.runtime.program import Program

STYLES = {"numpy": "NumPy", "numba": "loops for Numba"}
WRITABLE = "cannot be written; tuples, lists and dicts can"


def export(program: Program, path: Any, name: str, style: str) -> str:
    """Write the module to `path` (None: nowhere) -> its text."""
    if style not in STYLES:
        raise OptionError(f"no style '{style}'; there are {', '.join(STYLES)}")
    text = written(program, name, style)
    if path is not None:
        Path(path).write_text(text, encoding="utf-8")
    return text


def written(program: Program, name: str, style: str) -> str:
    """The module of a program."""
    graph, lowered, module = program.graph, program.lowered, Module()
    found = _in_loops(program) if style == "numba" else None
    if found is not None:
        graph = found.graph
        module.names += found.helpers
        module.functions += found.helpers.values()
    own = module.name(name)
    given = len(graph.inputs) - graph.captured
    inputs = identifiers([*module.names, *graph.input_names])[len(module.names) :]
    captured = [
        module.constant(hint, array)
        for hint, array in zip(inputs[given:], lowered.captured, strict=True)
    ]
    function = Function(graph, module, [*inputs[:given], *captured])
    lines = [input_line(x, v.type) for x, v in zip(inputs, graph.inputs[:given], strict=False)]
    unpacked, parameters = _parameters(program, inputs[:given])
    body = function.write() if found is None else _with_loops(found.steps, function)
    outputs = iter(result_text(function, v) for v in graph.outputs)
    leaves = [next(outputs) if s is None else static_text(s.value) for s in lowered.statics]
    tree = unflatten(lowered.result_tree, map(LeafText, leaves))
    result = tree_text(tree, module.record, "export")
    types = ", ".join(f"{x}: {v.type}" for x, v in zip(inputs, graph.inputs[:given], strict=False))
    lines = [f'"""For {types or "no arrays"}."""', *unpacked, *lines, *body, f"return {result}"]
    definition = f'@np.errstate(all="ignore")\ndef {own}({", ".join(parameters)}):\n'
    module.functions.append(definition + "\n".join(f"    {line}" for line in lines))
    return module.text(f"{name}, as irgrad wrote it in {STYLES[style]}.")


def _in_loops(program: Program) -> WrittenProgram:
    executable: Any = program.executable
    if not hasattr(executable, "written"):
        executable = get_backend("numba").compile(program.graph)
    if not hasattr(executable, "written"):
        raise BackendError(
            "a program with stacks of unknown length is not written in loops",
            hint="style='numpy' has them",
        )
    return executable.written()


def _with_loops(steps: Sequence[WrittenStep], function: Function) -> list[str]:
    """The lines of a function that calls loops, and their functions."""
    arrays: dict[Value, str] = {}
    for step in steps:
        function.need([*step.reads, *(v for node in step.nodes for v in node.operands)])
        reads = [Text(arrays[v]) if v in arrays else function.written(v) for v in step.reads]
        if step.made:
            _loops(function, step, reads, arrays)
        elif step.nodes:
            function.need([v for node in step.nodes for v in node.outputs])
            for value in step.arrays:
                own = arrays[value] = function.names[value]
                function.lines.append(f"{own} = np.array({function.text[value]}, order='C')")
                function.text[value] = Text(own)
        else:
            (index,), (extent,) = reads, step.lines
            function.lines += [
                f"if np.any(({index.atom} < -{extent}) | ({index.atom} >= {extent})):",
                f"    raise IndexError('an index is out of bounds for an axis of size {extent}')",
            ]
    function.need(function.graph.outputs)
    return function.lines


def _loops(
    function: Function, step: WrittenStep, reads: Sequence[str], arrays: dict[Value, str]
) -> None:
    """Memory for results, and the call of the loops that fill it."""
    module = function.module
    name = module.name("loops")
    for value in step.writes:
        own = arrays[value] = function.names[value]
        shape = value.type.shape or (1,)
        function.lines.append(f"{own} = np.empty({shape}, {dtype_name(value.type.dtype)})")
    given = [*reads, *(arrays[value] for value in step.writes)]
    values = [*step.reads, *step.writes]
    flat = [_flat(x, value) for x, value in zip(given, values, strict=True)]
    function.lines.append(f"{name}({', '.join(flat)})")
    for value, owner in step.made:
        own, shape = arrays[owner], value.type.shape
        there = f"{own}[0]" if not owner.type.shape else own
        if shape != owner.type.shape:
            there = f"np.reshape({there}, {shape})"
        function.text[value] = Text(there)
    head, *body = step.lines
    lines = ['@numba.njit(error_model="numpy")', f"def {name}{head}"]
    module.functions.append("\n".join([*lines, *(f"    {line}" for line in body)]))


def _flat(text: str, value: Value) -> str:
    """The elements of an array one after the other; of complex numbers, their parts."""
    flat, dtype = f"np.reshape({text}, -1)", value.type.dtype
    if dtype.kind != "c":
        return flat
    return f"np.ascontiguousarray({flat}).view(np.float{4 * dtype.itemsize})"


class LeafText(str):
    """A leaf as it is written."""

    __slots__ = ()


def tree_text(tree: Any, record: Callable[[Any], str], form: str) -> str:
    """A pytree of leaves as an expression; `record` names types of named tuples, `form` is what
    errors say it is written for.
    """
    if isinstance(tree, LeafText):
        return tree
    if type(tree) is dict:
        mapping: dict[Any, Any] = tree
        items = [f"{static_text(k)}: {tree_text(v, record, form)}" for k, v in mapping.items()]
        return f"{{{', '.join(items)}}}"
    sequence = isinstance(tree, (tuple, list))
    parts = [tree_text(part, record, form) for part in tree] if sequence else []
    if type(tree) is list:
        return f"[{', '.join(parts)}]"
    if type(tree) is tuple:
        return f"({', '.join(parts)}{',' if len(parts) == 1 else ''})"
    kind: Any = type(tree)
    if isinstance(tree, tuple) and hasattr(kind, "_fields"):
        return f"{record(kind)}({', '.join(parts)})"
    raise OptionError(f"{form}: {with_article(kind.__name__)} in the result {WRITABLE}")


def _parameters(program: Program, inputs: Sequence[str]) -> tuple[list[str], list[str]]:
    """Lines that take structured arguments apart, and the parameters of the function."""
    signature = program.lowered.signature
    names = iter(inputs)
    leaves = [None if isinstance(leaf, Static) else next(names) for leaf in signature.leaves]
    args, kwargs = unflatten(signature.tree, range(len(leaves)))
    lines: list[str] = []
    parameters: list[str] = []
    for k, arg in enumerate(args):
        parameters.append(_parameter(arg, leaves, f"arg{k}", lines))
    keywords = [_parameter(arg, leaves, key, lines, key) for key, arg in kwargs.items()]
    return lines, [*parameters, *(["*", *keywords] if keywords else [])]


def _parameter(
    arg: Any, leaves: Sequence[str | None], name: str, lines: list[str], keyword: str = ""
) -> str:
    """One argument: its name, and lines that give each traced leaf in it one."""
    if isinstance(arg, int):
        leaf = leaves[arg]
        if leaf is None:
            return keyword or f"_{name}=None"
        if keyword and leaf != keyword:
            lines.append(f"{leaf} = {keyword}")
        return keyword or leaf
    _unpack(arg, leaves, keyword or name, lines)
    return keyword or name


def _unpack(tree: Any, leaves: Sequence[str | None], place: str, lines: list[str]) -> None:
    if isinstance(tree, int):
        if leaves[tree] is not None:
            lines.append(f"{leaves[tree]} = {place}")
        return
    if isinstance(tree, dict):
        mapping: dict[Any, Any] = tree
        items = [(f"{place}[{key!r}]", part) for key, part in mapping.items()]
    elif isinstance(tree, (tuple, list)):
        sequence: Sequence[Any] = tree
        items = [(f"{place}[{k}]", part) for k, part in enumerate(sequence)]
    else:
        kind = tree.__class__.__name__
        raise OptionError(f"export: {place} is {with_article(kind)}, which {WRITABLE}")
    for inner, part in items:
        _unpack(part, leaves, inner, lines)
