"""Reading a graph from text. Nothing in the text is run: ops and parameters are checked against the
registry.

    graph      := 'graph' '@'name '(' [inputs] [';' inputs] ')' '->' '(' [results] ')'
                  '{' node* return '}'
    inputs     := '%'name ':' type {',' ...}
    results    := name ':' type {',' ...}
    node       := '%'name ':' type {',' ...} '=' op '(' [operand {',' operand}] ')'
                  [parameters] [origin] [location]
    operand    := '%'name | literal
    literal    := number [':' dtype] | '[' numbers ']' ':' type
    number     := int | float | 'True' | 'False' | 'nan(0x...)' | 'complex(' float ',' float ')'
    parameters := '{' name '=' parameter {',' ...} '}'
    parameter  := a Python literal of ints, floats, strings, bools, None, tuples | dtype | graph
    origin     := rule '(' ['%']name ')'
    location   := '@'file ':' line
    return     := 'return' [name '=' operand {',' ...}]

A `#` begins a comment that goes to the end of its line. A type is a dtype's short name and a shape:
`f64[4,3]`, `f64[?,3]` for what a loop with an unknown number of steps stacks."""

from __future__ import annotations

import ast
import re
from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np

from irgrad.errors import ArgumentError, IrgradError, IRTextError, Location, with_article
from irgrad.ir.bulk import paused_gc
from irgrad.ir.graph import Graph, Node, Origin, Value, constant_value, input_value
from irgrad.ir.literal import C128, element_value
from irgrad.ir.op import Array, Op, make_op
from irgrad.ir.scanner import Scanner
from irgrad.ir.types import BOOL, DTYPES, F64, I64, ArrayType

_NAME = re.compile(r"[\w.]+")
_VALUE = re.compile(r"%[\w.]+")
_TYPE = re.compile(r"\w+\[[\d,?\s]*\]")
_NUMBER = re.compile(r"nan\(0x[0-9a-f]+\)|-?(?:\d+(?:\.\d*)?(?:e[+-]?\d+)?|inf|nan)|True|False")
_SCALAR = re.compile(rf"(?:{_NUMBER.pattern})(?::\w+)?(?=[\s,)])")
_STRING = re.compile(r"'(?:[^'\\\n]|\\.)*'|\"(?:[^\"\\\n]|\\.)*\"")
_LOCATION = re.compile(r'@(?:"([^"\n]*)"|([\w.<>-]+)):(\d+)')
_ORIGIN = re.compile(r"(\w+)\((%?)([\w.]+)\)")
_FLAT_PARAMETERS = re.compile(r"\{[^{}'\"#]*(?:'[^'\\\n]*'[^{}'\"#]*)*\}")


class Declared(NamedTuple):
    """A result in a graph's header: the places of its name and type in the text."""

    at: int
    type_at: int
    type: ArrayType


@paused_gc()
def parse(text: str) -> Graph:
    """The graph written as `text`; an `IRTextError` that shows the guilty line otherwise.

    >>> graph = parse(
    ...     "graph @twice(%x: f64[3]) -> (y: f64[3]) {  %y: f64[3] = add(%x, %x)  return y=%y }"
    ... )
    >>> parse(str(graph)) == graph
    True
    """
    if not isinstance(text, str):  # pyright: ignore[reportUnnecessaryIsInstance]
        raise ArgumentError(
            f"parse takes the text of a graph, got {with_article(type(text).__name__)}"
        )
    reader = _Reader(text)
    try:
        graph = reader.graph()
        reader.space()
        if reader.position != len(text):
            reader.fail("unexpected text after the graph")
    except RecursionError:
        reader.fail("nested too deeply")
    return graph


def parse_literal(text: str) -> Array:
    """The constant written as `text`."""
    return _Reader(text).literal()


class _Reader(Scanner):
    """Each method reads one piece of the grammar."""

    def __init__(self, text: str) -> None:
        super().__init__(text)
        self.operations: dict[tuple[str, str], Op] = {}
        self.constants: dict[str, Value] = {}

    def graph(self) -> Graph:
        self.require("graph")
        self.require("@")
        name = self.expect(_NAME, "the graph's name")
        values: dict[str, Value] = {}
        opened = self.open("(")
        inputs = self.inputs(values)
        captured = 0
        if self.accept(";"):
            more = self.inputs(values)
            captured = len(more)
            inputs += more
        self.close(")", opened)
        self.require("->")
        declared = self.declared_results()
        opened = self.open("{")
        nodes: list[Node] = []
        while not self.accept("return"):
            if self.position == len(self.text):
                self.fail("'{' is never closed", opened)
            nodes.append(self.node(values))
        outputs = self.results(values, declared)
        self.close("}", opened)
        return Graph(name, inputs, nodes, outputs, captured)

    def inputs(self, values: dict[str, Value]) -> list[Value]:
        found: list[Value] = []
        while match := self.take(_VALUE):
            name = match[0][1:]
            self.require(":")
            value = input_value(name, self.type())
            if name in values:
                self.fail(f"%{name} is defined twice", match.start())
            values[name] = value
            found.append(value)
            if not self.accept(","):
                break
        return found

    def declared_results(self) -> dict[str, Declared]:
        opened = self.open("(")
        declared: dict[str, Declared] = {}
        while match := self.take(_NAME):
            name = match[0]
            if name in declared:
                self.fail(f"result {name} is declared twice", match.start())
            self.require(":")
            self.space()
            at = self.position
            declared[name] = Declared(match.start(), at, self.type())
            if not self.accept(","):
                break
        self.close(")", opened)
        return declared

    def results(self, values: dict[str, Value], declared: dict[str, Declared]) -> dict[str, Value]:
        """What `return` gives: just what the header declares, in its order."""
        outputs: dict[str, Value] = {}
        while match := self.take(_NAME):
            name = match[0]
            if name in outputs:
                self.fail(f"result {name} is given twice", match.start())
            if name not in declared:
                self.fail(f"the graph's header declares no result {name}", match.start())
            self.require("=")
            outputs[name] = self.operand(values)
            if not self.accept(","):
                break
        for name, (at, type_at, type) in declared.items():
            if name not in outputs:
                self.fail(f"the graph's return gives no result {name}", at)
            if outputs[name].type != type:
                self.fail(f"result {name} is {outputs[name].type}, the header says {type}", type_at)
        for name, given in zip(declared, outputs, strict=True):
            if name != given:
                self.fail(f"the graph's return gives {given} here", declared[name].at)
        return outputs

    def type(self) -> ArrayType:
        text = self.expect(_TYPE, "a type such as f64[4,3]")
        try:
            return _type(text)
        except ValueError as error:
            self.fail(str(error), self.position - len(text))

    def node(self, values: dict[str, Value]) -> Node:
        names: list[str] = []
        types: list[ArrayType] = []
        while True:
            what = "a node such as '%y: f64[] = sin(%x)', or 'return'"
            name = self.expect(_VALUE, what, begins=not names)
            if name[1:] in values or name[1:] in names:
                self.fail(f"{name} is defined twice", self.position - len(name))
            names.append(name[1:])
            self.require(":")
            types.append(self.type())
            if not self.accept(","):
                break
        self.require("=")
        equals = self.position
        name = self.expect(_NAME, "an op's name")
        at = self.position - len(name)
        if name == "return":
            self.fail("expected an op's name", equals)
        operands = self.operands(values)
        op = self.operation(name, at)
        origin, location = self.provenance(values)
        checked = self.checked_types(op, operands, tuple(types), at)
        node = Node(op, operands, checked, names=hints(names), location=location, origin=origin)
        values.update(zip(names, node.outputs, strict=True))
        return node

    def checked_types(
        self, op: Op, operands: tuple[Value, ...], types: tuple[ArrayType, ...], at: int
    ) -> tuple[ArrayType, ...]:
        """The types of a node by its op's rule, which must be those of its line."""
        try:
            expected = op.result_types(*[operand.type for operand in operands])
        except IrgradError as error:
            self.fail(error.message, at, error.hint)
        except Exception as error:
            self.fail(f"{op.name}: operands or parameters do not fit: {error}", at)
        if expected != types:
            listed = ", ".join(map(str, expected))
            self.fail(f"{op.name} gives {listed}, the line says {', '.join(map(str, types))}", at)
        return expected

    def operands(self, values: dict[str, Value]) -> tuple[Value, ...]:
        opened = self.open("(")
        return tuple([self.operand(values) for _ in self.items(")", opened)])

    def operand(self, values: dict[str, Value]) -> Value:
        match = self.take(_VALUE)
        if match is None:
            return self.constant()
        value = values.get(match[0][1:])
        if value is None:
            self.fail(f"{match[0]} is not defined above this line", match.start())
        return value

    def constant(self) -> Value:
        """A constant leaf: the same one wherever a number is written in the same way."""
        self.space()
        match = _SCALAR.match(self.text, self.position)
        known = None if match is None else self.constants.get(match[0])
        if match is None or known is None:
            known = constant_value(self.literal())
            if match is not None and match.end() == self.position:
                self.constants[match[0]] = known
        else:
            self.position = self.end = match.end()
        return known

    def literal(self) -> Array:
        self.space()
        at = self.position
        try:
            if not self.accept("["):
                parts = self.number()
                dtype = (
                    DTYPES[self.expect(_NAME, "a dtype")]
                    if self.accept(":")
                    else _default_dtype(*parts)
                )
                return np.asarray(element_value(dtype, *parts))
            elements = [self.number() for _ in self.items("]", at)]
            self.require(":")
            type = self.type()
            array = np.empty(type.size, type.dtype)
            if len(elements) != type.size:
                self.fail(f"{len(elements)} elements for {type}", at)
            for index, element in enumerate(elements):
                array[index] = element_value(type.dtype, *element)
            return array.reshape(type.shape)
        except (ValueError, KeyError, OverflowError) as error:
            if isinstance(error, IrgradError):
                raise
            self.fail(f"not a literal of its dtype: {error}", at)

    def number(self) -> tuple[str, str | None]:
        if self.accept("complex("):
            opened = self.position - 1
            real = self.expect(_NUMBER, "a number")
            self.require(",")
            imaginary = self.expect(_NUMBER, "a number")
            self.close(")", opened)
            return real, imaginary
        return self.expect(_NUMBER, "a value such as %x, or a number"), None

    def operation(self, name: str, at: int) -> Op:
        self.space()
        flat = _FLAT_PARAMETERS.match(self.text, self.position)
        key = (
            (name, flat[0] if flat else "")
            if flat or not self.text.startswith("{", self.position)
            else None
        )
        if key in self.operations:
            self.position = self.end = self.position + len(key[1])
            return self.operations[key]
        try:
            op = make_op(name, self.parameters())
        except IRTextError as error:
            if error.message.startswith("line "):
                raise
            self.fail(error.message, at, error.hint)
        except IrgradError as error:
            self.fail(f"{name}: {error.message}", at, error.hint)
        except (TypeError, ValueError) as error:
            self.fail(f"{name}: {error}", at)
        if key is not None:
            self.operations[key] = op
        return op

    def parameters(self) -> dict[str, Any]:
        found: dict[str, Any] = {}
        if not self.accept("{"):
            return found
        for _ in self.items("}", self.position - 1):
            name = self.expect(_NAME, "a parameter's name")
            if name in found:
                self.fail(f"parameter {name} is given twice", self.position - len(name))
            self.require("=")
            found[name] = self.parameter()
        return found

    def parameter(self) -> Any:
        self.space()
        if self.text.startswith("graph", self.position) and not self.text.startswith(
            "graph=", self.position
        ):
            return self.graph()
        if self.accept("("):
            opened = self.position - 1
            return tuple([self.parameter() for _ in self.items(")", opened, trailing=True)])
        if match := self.take(_STRING):
            return ast.literal_eval(match[0])
        if self.text.startswith(("'", '"'), self.position):
            self.fail("a string that is never closed")
        if match := self.take(_NUMBER):
            text = match[0]
            if text in ("True", "False"):
                return text == "True"
            return int(text) if re.fullmatch(r"-?\d+", text) else float(text)
        word = self.expect(_NAME, "a parameter: a number, a string, a tuple, a dtype or a graph")
        if word == "None":
            return None
        if word in DTYPES:
            return DTYPES[word]
        return self.fail(f"'{word}' is no parameter value", self.position - len(word))

    def provenance(self, values: dict[str, Value]) -> tuple[Origin | None, Location | None]:
        origin = None
        if match := self.take(_ORIGIN):
            rule, percent, name = match.groups()
            if percent and name not in values:
                self.fail(f"%{name} is not defined above this line", match.start(3))
            origin = Origin(rule, values[name].node if percent else name)
        location = None
        if match := self.take(_LOCATION):
            location = Location(match[1] if match[1] is not None else match[2], int(match[3]))
        return origin, location


@lru_cache(maxsize=4096)
def _type(text: str) -> ArrayType:
    return ArrayType.parse(text)


def hints(names: list[str]) -> tuple[str | None, ...]:
    """The hints that the names of outputs are: numbers are none."""
    return tuple([None if name.isdigit() else name for name in names])


def _default_dtype(text: str, imaginary: str | None) -> np.dtype[Any]:
    if imaginary is not None:
        return C128
    if text in ("True", "False"):
        return BOOL
    return I64 if re.fullmatch(r"-?\d+", text) else F64
