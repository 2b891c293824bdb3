"""A graph as a module of NumPy code that needs no irgrad: a line for each value that has a name or
is used twice, expressions of the others inside them, regions as functions and loops."""

from __future__ import annotations

import base64
from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from irgrad.errors import OptionError, UnsupportedError, with_article
from irgrad.frontend.identifiers import identifiers
from irgrad.inspect.numpy_forms import Text, dtype_name, form
from irgrad.inspect.numpy_helpers import HELPERS
from irgrad.ir.graph import Graph, Node, Value
from irgrad.ir.op import Array
from irgrad.ir.types import BOOL, ArrayType
from irgrad.ops.elementwise import Elementwise

WIDEST = 76
"""Letters of an expression that is still put inside another one."""
LISTED = 1000
"""Elements of an array that is written out; larger ones are written as bytes."""
TAKEN = ["np", "special", "scipy", "base64", "collections", "math", "numba"]


class Module:
    """What several functions of one module share."""

    def __init__(self) -> None:
        self.helpers: set[str] = set()
        self.constants: dict[str, str] = {}
        self.functions: list[str] = []
        self.records: dict[Any, str] = {}
        """Named tuples: the name of each type."""
        self.names: list[str] = [*TAKEN, *(f"_{name}" for name in HELPERS)]

    def name(self, hint: str) -> str:
        """A name of the module that is not taken."""
        self.names.append(identifiers([*self.names, hint])[-1])
        return self.names[-1]

    def constant(self, hint: str, array: Array) -> str:
        """The name of an array of numbers that the module holds."""
        text = array_text(array)
        for name, known in self.constants.items():
            if known == text:
                return name
        name = self.name(hint)
        self.constants[name] = text
        return name

    def record(self, kind: Any) -> str:
        """The name of a type of named tuples, which the module defines."""
        if kind not in self.records:
            self.records[kind] = self.name(kind.__name__)
        return self.records[kind]

    def text(self, head: str) -> str:
        """The module."""
        body = "\n\n\n".join([*(HELPERS[h].strip() for h in sorted(self.helpers)), *self.functions])
        constants = [f"{name} = {text}" for name, text in self.constants.items()]
        constants += [
            f'{name} = collections.namedtuple("{kind.__name__}", "{" ".join(kind._fields)}")'
            for kind, name in self.records.items()
        ]
        whole = "\n".join([*constants, body])
        imports = ["import numba"] if "@numba." in whole else []
        imports += ["import numpy as np"]
        imports += ["import scipy.linalg"] if "scipy.linalg." in whole else []
        imports += ["from scipy import special"] if "special." in whole else []
        standard = [
            f"import {name}" for name in ("base64", "collections", "math") if f"{name}." in whole
        ]
        imports = [*standard, *([""] if standard else []), *imports]
        parts = ["\n".join(imports), *(["\n".join(constants)] if constants else []), body]
        return f'"""{head}"""\n\n' + "\n\n\n".join(["\n\n".join(parts[:-1]), parts[-1]]) + "\n"


def array_text(array: Array) -> str:
    """An array as an expression."""
    dtype = dtype_name(array.dtype)
    if array.size > LISTED:
        data = base64.b64encode(np.ascontiguousarray(array).tobytes()).decode()
        return f'np.frombuffer(base64.b64decode("{data}"), {dtype}).reshape({array.shape})'
    if not array.size:
        return f"np.empty({array.shape}, {dtype})"
    return f"np.array({_listed(array.tolist())}, {dtype})"


def _listed(data: Any) -> str:
    if isinstance(data, list):
        items: list[Any] = data
        return f"[{', '.join(map(_listed, items))}]"
    return number_text(data)


def number_text(number: Any) -> str:
    """A Python number as an expression that gives it back.

    >>> number_text(float("nan")), number_text(-0.0), number_text(1 - 2j)
    ('np.nan', '-0.0', '(1-2j)')
    """
    if isinstance(number, complex):
        finite = np.isfinite(number.real) and np.isfinite(number.imag)
        parts = number_text(number.real), number_text(number.imag)
        return repr(number) if finite else f"complex({', '.join(parts)})"
    if isinstance(number, float) and not np.isfinite(number):
        return "np.nan" if number != number else "np.inf" if number > 0 else "-np.inf"
    return repr(number)


def static_text(value: Any) -> str:
    """A value that is part of the program as an expression; an `OptionError` where there is none.

    >>> static_text("a"), static_text(float("inf"))
    ("'a'", 'np.inf')
    """
    if value is None or type(value) in (bool, int, str, bytes):
        return repr(value)
    if type(value) in (float, complex):
        return number_text(value)
    if type(value) is tuple:
        parts: tuple[Any, ...] = value
        return f"({''.join(f'{static_text(part)}, ' for part in parts)})"
    raise OptionError(
        f"export: {value!r:.60} is {with_article(type(value).__name__)}, which cannot be written"
    )


class Function:
    """One graph as the lines of a function."""

    def __init__(self, graph: Graph, module: Module, inputs: Sequence[str]) -> None:
        self.graph = graph
        self.module = module
        self.lines: list[str] = []
        values = [v for node in graph.nodes for v in node.outputs]
        hints = [graph.names.get(v, "v") for v in values]
        hints = [f"t{hint}" if hint[:1].isdigit() else hint for hint in hints]
        found = identifiers([*module.names, *inputs, *hints])[len(module.names) + len(inputs) :]
        self.names = dict(zip(values, found, strict=True))
        self.text: dict[Value, Text] = {
            value: Text(name) for value, name in zip(graph.inputs, inputs, strict=True)
        }
        self.uses = Counter(v for node in graph.nodes for v in node.operands)
        self.uses.update(graph.outputs)
        self.taken = len(values)

    def write(self) -> list[str]:
        """All lines but the return."""
        for node in self.graph.nodes:
            self.node(node)
        return self.lines

    def node(self, node: Node) -> None:
        """The line of one node."""
        if node.op.name in STRUCTURES:
            names = [self.names[v] for v in node.outputs]
            STRUCTURES[node.op.name](self, node, names)
            self.text.update((v, Text(self.names[v])) for v in node.outputs)
        else:
            self._write(node)

    def need(self, values: Sequence[Value]) -> None:
        """The lines of these values and of all that they need, as far as they are missing."""
        waiting, missing = list(values), set[Node]()
        while waiting:
            value = waiting.pop()
            if value.constant is None and value not in self.text and value.node not in missing:
                missing.add(value.node)
                waiting += value.node.operands
        for node in self.graph.nodes if missing else ():
            if node in missing:
                self.node(node)

    def _write(self, node: Node) -> None:
        text = form(node, self.operands(node))
        if node.op.name in HELPERS:
            self.module.helpers.add(node.op.name)
        if len(node.outputs) > 1:
            names = ", ".join(self.names[v] for v in node.outputs)
            self.lines.append(f"{names} = {text}")
            self.text.update((v, Text(self.names[v])) for v in node.outputs)
            return
        value = Value(node, 0)
        inner = value.name is None and self.uses[value] == 1 and len(text) <= WIDEST
        if inner and value not in self.graph.outputs:
            self.text[value] = text
        else:
            self.lines.append(f"{self.names[value]} = {text}")
            self.text[value] = Text(self.names[value])

    def operands(self, node: Node) -> list[Text]:
        """The texts of a node's operands."""
        infix = isinstance(node.op, Elementwise) and len(node.operands) == 2
        free = [v for v in node.operands if v.constant is None]
        weak = infix and len(free) == 1 and free[0].type.dtype == node.operands[0].type.dtype
        weak = weak and node.operands[0].type.dtype == node.operands[1].type.dtype != BOOL
        return [self.written(v, weak) for v in node.operands]

    def written(self, value: Value, weak: bool = False) -> Text:
        """A value's text; with `weak`, a number takes its dtype from what stands beside it."""
        constant = value.constant
        if constant is None:
            return self.text[value]
        text = self._constant(value, constant, weak)
        return Text(text, not text.startswith("-"))

    def _constant(self, value: Value, constant: Array, weak: bool) -> str:
        if constant.ndim:
            if constant.size > 1 and (constant == constant.flat[0]).all() and constant.flat[0]:
                number = number_text(constant.flat[0].item())
                return f"np.full({constant.shape}, {number}, {dtype_name(constant.dtype)})"
            return self.module.constant(value.name or "CONSTANT", constant)
        number = number_text(constant.item())
        if weak or value.type.dtype == BOOL:
            return number
        return f"{dtype_name(value.type.dtype)}({number})"

    def region(self, graph: Graph) -> str:
        """A region as a function of the module -> its name."""
        name = self.module.name(graph.name)
        inputs = identifiers([*self.module.names, *graph.input_names])[len(self.module.names) :]
        inner = Function(graph, self.module, inputs)
        lines = inner.write()
        results = ", ".join(inner.written(v) for v in graph.outputs)
        trailing = "," if len(graph.outputs) == 1 else ""
        if not (lines and lines[-1].startswith("raise ")):
            lines.append(f"return {results}{trailing}")
        body = "\n".join(f"    {line}" for line in lines)
        self.module.functions.append(f"def {name}({', '.join(inputs)}):\n{body}")
        return name

    def fresh(self, hint: str) -> str:
        """A local name that no value has."""
        self.taken += 1
        known = [*self.module.names, *self.names.values(), *self.text.values()]
        known = [name for name in known if name.isidentifier()]
        name = identifiers([*dict.fromkeys(known), hint])[-1]
        self.module.names.append(name)
        return name


def _call(function: Function, node: Node, names: Sequence[str]) -> None:
    op: Any = node.op
    name = function.region(op.body)
    args = ", ".join(function.written(v) for v in node.operands)
    function.lines.append(f"{', '.join(names)}{_comma(names)} = {name}({args})")


def _comma(names: Sequence[str]) -> str:
    return "," if len(names) == 1 else ""


def _cond(function: Function, node: Node, names: Sequence[str]) -> None:
    op: Any = node.op
    branches = [function.region(branch) for branch in op.branches]
    selector = function.written(node.operands[0])
    args = ", ".join(function.written(v) for v in node.operands[1:])
    targets = f"{', '.join(names)}{_comma(names)}"
    if node.operands[0].type.dtype == BOOL:
        no, yes = branches
        function.lines += [f"if {selector}:", f"    {targets} = {yes}({args})"]
        function.lines += ["else:", f"    {targets} = {no}({args})"]
        return
    table = f"({', '.join(branches)},)"
    number = f"min(max(int({selector}), 0), {len(branches) - 1})"
    function.lines.append(f"{targets} = {table}[{number}]({args})")


def _loop(function: Function, node: Node, names: Sequence[str]) -> None:
    op: Any = node.op
    body = function.region(op.body)
    trips, carried, scanned, fixed = op.groups([function.written(v) for v in node.operands])
    steps = str(op.length) if op.length is not None else f"max(0, int({trips[0]}))"
    state, stacks = list(names[: op.carried]), names[op.carried :]
    lines = [f"{a} = {b}" for a, b in zip(state, carried, strict=True)]
    types: list[ArrayType] = list(op.body.output_types[op.carried :])
    for stack, type in zip(stacks, types, strict=True):
        shape = ", ".join([steps, *map(str, type.shape)])
        lines.append(f"{stack} = np.empty(({shape},), {dtype_name(type.dtype)})")
    i = function.fresh("i")
    over = f"range({steps} - 1, -1, -1)" if op.backward else f"range({steps})"
    args = ", ".join([f"np.int64({i})", *state, *(f"{x}[{i}]" for x in scanned), *fixed])
    targets = [*state, *(f"{stack}[{i}]" for stack in stacks)]
    if targets:
        lines += [
            f"for {i} in {over}:",
            f"    {', '.join(targets)}{_comma(targets)} = {body}({args})",
        ]
    function.lines += lines


def _while(function: Function, node: Node, names: Sequence[str]) -> None:
    op: Any = node.op
    condition, body = function.region(op.condition), function.region(op.body)
    operands = [function.written(v) for v in node.operands]
    state, steps, stacks = list(names[: op.carried]), names[op.carried], names[op.carried + 1 :]
    fixed = operands[op.carried :]
    lines = [f"{a} = {b}" for a, b in zip(state, operands, strict=False)]
    lines += [f"{steps} = 0", *(f"{stack} = []" for stack in stacks)]
    args = ", ".join([*state, *fixed])
    rows = [function.fresh("row") for _ in stacks]
    targets = [*state, *rows]
    lines.append(f"while {condition}({args})[0]:")
    lines.append(f"    {', '.join(targets)}{_comma(targets)} = {body}({args})")
    lines += [f"    {stack}.append({row})" for stack, row in zip(stacks, rows, strict=True)]
    lines += [f"    {steps} += 1", f"{steps} = np.int64({steps})"]
    for stack, type in zip(stacks, op.body.output_types[op.carried :], strict=True):
        shape = ", ".join(["-1", *map(str, type.shape)])
        lines.append(f"{stack} = np.array({stack}, {dtype_name(type.dtype)}).reshape({shape})")
    function.lines += lines


def _fail(function: Function, node: Node, names: Sequence[str]) -> None:
    """The exception that it raises; what depends on it does not run."""
    op: Any = node.op
    arguments = [
        _raised(text, [_item(function, v) for v in node.operands]) for text in op.arguments
    ]
    module, _, name = op.error.rpartition(".")
    kind = {"builtins": name, "numpy.linalg": f"np.linalg.{name}"}.get(module)
    if kind is None:
        raise UnsupportedError(
            f"raise {name}(...) cannot be written: the module does not know {op.error}",
            location=node.location,
            hint="raise an exception of Python's own",
        )
    function.lines.append(f"raise {kind}({', '.join(arguments)})")


def _item(function: Function, value: Value) -> str:
    """A value as the exception has it: a number as Python's own."""
    if value.type.shape:
        return str(function.written(value))
    constant = value.constant
    if constant is None:
        return f"{function.written(value).atom}.item()"
    return number_text(constant.item())


def _raised(text: str, numbers: Sequence[str]) -> str:
    """An argument of an exception as an expression."""
    if text.startswith("="):
        return text[1:]
    if text.startswith("{") and text[1:-1].isdigit() and text.endswith("}"):
        return numbers[int(text[1:-1])]
    text = text.removeprefix("'")
    return f"{text!r}.format({', '.join(numbers)})" if "{" in text or "}" in text else repr(text)


STRUCTURES: dict[str, Callable[[Function, Node, Sequence[str]], None]] = {
    "call": _call,
    "cond": _cond,
    "loop": _loop,
    "while": _while,
    "fail": _fail,
}


def result_text(function: Function, value: Value) -> str:
    """An output: an array of its own, or a NumPy scalar."""
    text, type = function.written(value), value.type
    node = value.node
    fresh = isinstance(node.op, Elementwise) or node.op.name in ("sum", "prod")
    once = function.graph.outputs.count(value) == 1
    if once and type.shape and node.op.name in ("contract", "concatenate", "sort"):
        return text
    if fresh and (once or not type.shape):
        return text
    return f"np.array({text})" if type.shape else f"{dtype_name(type.dtype)}({text})"


def input_line(name: str, type: ArrayType) -> str:
    """An argument as the dtype that the code was written for."""
    if not type.shape:
        return f"{name} = {dtype_name(type.dtype)}({name})"
    return f"{name} = np.asarray({name}, {dtype_name(type.dtype)})"
