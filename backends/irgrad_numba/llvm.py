"""Writing LLVM: typed values whose Python operators append instructions to a function being built.

A `Value` is a scalar or a vector of `width` lanes; rules written with operators serve both, and
every element type. Text is written directly: LLVM parses it faster than objects can be made for
each instruction. Floating-point instructions carry the `contract` flag (a * b + c may become one
fused instruction) and no other fast-math flag, except inside `Code.exact`, which carries none."""

from __future__ import annotations

import operator
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from irgrad_numba.llvm_types import BITS, Type, literal

FOLDED = {"add": operator.add, "sub": operator.sub, "mul": operator.mul}
"""Instructions on integers whose results are worth knowing: places of elements are made of them."""
SMALL = 1 << 62
"""No integer that is known reaches it, so that none overflows."""


class Module:
    """Functions, declarations of what they call, and constants, collected as text; and the table of
    what is known only in the running process, which is given to the code as its state.
    """

    def __init__(self) -> None:
        self.functions: dict[str, str] = {}
        self.declarations: dict[str, str] = {}
        self.globals: dict[str, str] = {}
        self.slots: dict[tuple[Any, ...], int] = {}
        self.table_size = 0
        self.imports: dict[str, int] = {}
        """Addresses of what is declared and not found in the process by its name."""
        self._shared: dict[str, str] = {}

    def slot(self, *key: Any, count: int = 1) -> int:
        """The place in the table of what `key` names; `count` places where it is new."""
        if key not in self.slots:
            self.slots[key] = self.table_size
            self.table_size += count
        return self.slots[key]

    def declare(self, name: str, signature: str) -> None:
        """Declare an external function: `signature` has a place for its name."""
        self.declarations[name] = f"declare {signature.format(f'@{name}')}"

    def shared(self, stem: str, definition: str, result: str = "void") -> str:
        """Define an internal function, from its parameters on -> its name, the same for the same
        text.
        """
        name = self._shared.get(definition)
        if name is None:
            name = self._shared[definition] = f"{stem}{len(self._shared)}"
            self.functions[name] = f"define internal {result} @{name}{definition}"
        return name

    def __str__(self) -> str:
        parts = (self.declarations, self.globals, self.functions)
        return "\n".join(line for part in parts for line in part.values()) + "\n"


class Code:
    """The body of one function: instructions in order, and the names given so far."""

    def __init__(self, module: Module) -> None:
        self.module = module
        self.lines: list[str] = []
        self.allocas: list[str] = []
        self.flags = "contract "
        self.brief = False
        """Whether it is over soon, and may take a little longer."""
        self.block = "entry"
        self._count = 0

    def name(self) -> str:
        """A new local name."""
        self._count += 1
        return f"%v{self._count}"

    def emit(self, line: str) -> None:
        """Append an instruction without a result."""
        self.lines.append(f"  {line}")

    def value(self, type: Type, expression: str) -> Value:
        """Append an instruction with a result."""
        name = self.name()
        self.lines.append(f"  {name} = {expression}")
        return Value(self, type, name)

    def label(self, name: str) -> None:
        """Begin a basic block."""
        self.lines.append(f"{name}:")
        self.block = name

    def fresh_label(self, stem: str) -> str:
        """A new name for a basic block."""
        self._count += 1
        return f"{stem}{self._count}"

    def constant(self, type: Type, number: float | int | bool) -> Value:
        """The number in every lane."""
        text = literal(type.element, number)
        if type.width > 1:
            text = f"splat ({Type(type.element).text} {text})"
        return Value(self, type, text, number)

    def lanes(self, type: Type, numbers: list[int]) -> Value:
        """A constant vector of integers, a number for each lane."""
        lane = Type(type.element).text
        return Value(self, type, f"<{', '.join(f'{lane} {n}' for n in numbers)}>")

    def alloca(self, type: Type) -> str:
        """A local variable, which LLVM turns into registers."""
        name = self.name()
        self.allocas.append(f"  {name} = alloca {type.text}, align 64")
        return name

    def get(self, variable: str, type: Type) -> Value:
        """The contents of a local variable."""
        return self.value(type, f"load {type.text}, ptr {variable}, align 64")

    def put(self, variable: str, value: Value) -> None:
        """Set a local variable."""
        self.emit(f"store {value.type.text} {value.text}, ptr {variable}, align 64")

    def call(self, result: Type, name: str, *arguments: Value) -> Value:
        """Call a function of the module or of the outside, declared by its use."""
        types = ", ".join(argument.type.text for argument in arguments)
        if name not in self.module.functions:
            self.module.declare(name, f"{result.text} {{}}({types})")
        listed = ", ".join(f"{argument.type.text} {argument.text}" for argument in arguments)
        return self.value(result, f"call {result.text} @{name}({listed})")

    def intrinsic(self, name: str, *arguments: Value) -> Value:
        """Call an LLVM intrinsic that is overloaded on the type of its first argument."""
        type = arguments[0].type
        return self.call(type, f"llvm.{name}.{type.mangled}", *arguments)

    @contextmanager
    def exact(self) -> Iterator[None]:
        """Inside, products and sums are rounded one by one, as written."""
        flags, self.flags = self.flags, ""
        yield
        self.flags = flags


class Value:
    """A scalar or vector in a function being built; `number` is what all lanes are, where that is
    known. Comparisons give `bool` lanes."""

    __slots__ = ("code", "number", "text", "type")
    __hash__ = object.__hash__

    def __init__(
        self, code: Code, type: Type, text: str, number: float | int | bool | None = None
    ) -> None:
        self.code = code
        self.type = type
        self.text = text
        self.number = number

    def lift(self, other: Operand) -> Value:
        """`other` as a value of this type."""
        return other if isinstance(other, Value) else self.code.constant(self.type, other)

    def _binary(self, float_op: str, integer_op: str, a: Operand, b: Operand) -> Value:
        x, y, op = self.lift(a), self.lift(b), integer_op
        if self.type.is_float:
            op = f"{float_op} {self.code.flags}".rstrip()
        elif self.type.element == "i64":
            known = _folded(op, x, y)
            if known is not None:
                return known
        return self.code.value(self.type, f"{op} {self.type.text} {x.text}, {y.text}")

    def __add__(self, other: Operand) -> Value:
        return self._binary("fadd", "add", self, other)

    def __radd__(self, other: Operand) -> Value:
        return self._binary("fadd", "add", other, self)

    def __sub__(self, other: Operand) -> Value:
        return self._binary("fsub", "sub", self, other)

    def __rsub__(self, other: Operand) -> Value:
        return self._binary("fsub", "sub", other, self)

    def __mul__(self, other: Operand) -> Value:
        return self._binary("fmul", "mul", self, other)

    def __rmul__(self, other: Operand) -> Value:
        return self._binary("fmul", "mul", other, self)

    def __truediv__(self, other: Operand) -> Value:
        return self._binary("fdiv", "", self, other)

    def __rtruediv__(self, other: Operand) -> Value:
        return self._binary("fdiv", "", other, self)

    def __neg__(self) -> Value:
        if not self.type.is_float:
            return 0 - self
        return self.code.value(self.type, f"fneg {self.type.text} {self.text}")

    def __and__(self, other: Operand) -> Value:
        return self._integer("and", other)

    def __or__(self, other: Operand) -> Value:
        return self._integer("or", other)

    def __xor__(self, other: Operand) -> Value:
        return self._integer("xor", other)

    def __invert__(self) -> Value:
        return self._integer("xor", self.code.constant(self.type, 1 if self.is_bool else -1))

    def __lshift__(self, other: Operand) -> Value:
        return self._integer("shl", other)

    def __rshift__(self, other: Operand) -> Value:
        return self._integer("ashr" if self.type.is_signed else "lshr", other)

    @property
    def is_bool(self) -> bool:
        """Whether lanes are truth values."""
        return self.type.element == "bool"

    def _integer(self, op: str, other: Operand) -> Value:
        if isinstance(other, (int, float)) and self.is_bool:
            other = bool(other)
        return self.code.value(
            self.type, f"{op} {self.type.text} {self.text}, {self.lift(other).text}"
        )

    def integer_division(self, other: Operand, remainder: bool = False) -> Value:
        """The quotient (or remainder) rounded towards zero; the divisor must not be 0."""
        op = ("srem" if remainder else "sdiv") if self.type.is_signed else "urem"
        op = "udiv" if op == "urem" and not remainder else op
        return self._integer(op, other)

    def compare(self, relation: str, other: Operand) -> Value:
        """`relation` is eq, ne, lt, le, gt or ge; nan compares as in IEEE (unequal)."""
        if self.type.is_float:
            op = f"fcmp {'une' if relation == 'ne' else 'o' + relation}"
        elif relation in ("eq", "ne"):
            op = f"icmp {relation}"
        else:
            op = f"icmp {'s' if self.type.is_signed else 'u'}{relation}"
        return self.code.value(
            self.type.of("bool"), f"{op} {self.type.text} {self.text}, {self.lift(other).text}"
        )

    def __lt__(self, other: Operand) -> Value:
        return self.compare("lt", other)

    def __le__(self, other: Operand) -> Value:
        return self.compare("le", other)

    def __gt__(self, other: Operand) -> Value:
        return self.compare("gt", other)

    def __ge__(self, other: Operand) -> Value:
        return self.compare("ge", other)

    def __eq__(self, other: Operand) -> Value:  # pyright: ignore[reportIncompatibleMethodOverride] -- as NumPy: a value of bools
        return self.compare("eq", other)

    def __ne__(self, other: Operand) -> Value:  # pyright: ignore[reportIncompatibleMethodOverride] -- as NumPy: a value of bools
        return self.compare("ne", other)

    def is_nan(self) -> Value:
        """Lanes that are nan."""
        return self.code.value(
            self.type.of("bool"), f"fcmp uno {self.type.text} {self.text}, {self.text}"
        )

    def where(self, x: Operand, y: Operand) -> Value:
        """For bool lanes: `x` where true, else `y`; one of them must be a `Value`."""
        like = x if isinstance(x, Value) else y
        assert isinstance(like, Value)
        a, b = like.lift(x), like.lift(y)
        return self.code.value(
            like.type,
            f"select {self.type.text} {self.text}, {a.type.text} {a.text}, {b.type.text} {b.text}",
        )

    def bits(self) -> Value:
        """A float's bits as a signed integer."""
        return self.reinterpret("i64" if self.type.element == "f64" else "i32")

    def reinterpret(self, element: str) -> Value:
        """The same bits as another element type of the same size."""
        to = self.type.of(element)
        return self.code.value(to, f"bitcast {self.type.text} {self.text} to {to.text}")

    def cast(self, element: str) -> Value:
        """Converted as NumPy's astype does between bool, integers and floats."""
        if element == self.type.element:
            return self
        to = self.type.of(element)
        if element == "bool":
            return self != 0
        op = _conversion(self.type, to)
        if not op:  # signed and unsigned integers of one size
            return Value(self.code, to, self.text)
        return self.code.value(to, f"{op} {self.type.text} {self.text} to {to.text}")

    def zext(self, element: str) -> Value:
        """Truth values as the integers 0 and 1."""
        to = self.type.of(element)
        return self.code.value(to, f"zext {self.type.text} {self.text} to {to.text}")

    def lane(self, number: int) -> Value:
        """One lane as a scalar."""
        if self.type.width == 1:
            return self
        one = Type(self.type.element)
        return self.code.value(one, f"extractelement {self.type.text} {self.text}, i32 {number}")

    def _shuffled(self, lanes: list[int]) -> Value:
        if len(lanes) == 1:
            return self.lane(lanes[0])
        to = Type(self.type.element, len(lanes))
        mask = ", ".join(f"i32 {lane}" for lane in lanes)
        return self.code.value(
            to,
            f"shufflevector {self.type.text} {self.text}, {self.type.text} poison, "
            f"<{len(lanes)} x i32> <{mask}>",
        )

    def part(self, start: int, count: int) -> Value:
        """Some neighbouring lanes."""
        return self._shuffled(list(range(start, start + count)))

    def reverse(self) -> Value:
        """The lanes in the opposite order."""
        return self._shuffled(list(range(self.type.width))[::-1])

    def padded(self, width: int) -> Value:
        """More lanes, with copies of the first."""
        count = self.type.width
        return self._shuffled([*range(count), *[0] * (width - count)])

    def joined(self, others: list[Value]) -> Value:
        """This scalar and others as one vector."""
        if not others:
            return self
        to = Type(self.type.element, 1 + len(others))
        text = "poison"
        for number, one in enumerate([self, *others]):
            text = self.code.value(
                to,
                f"insertelement {to.text} {text}, {one.type.text} {one.text}, i32 {number}",
            ).text
        return Value(self.code, to, text)

    def splat(self, width: int) -> Value:
        """A scalar in every lane of a vector."""
        if width == 1:
            return self
        to = Type(self.type.element, width)
        if self.number is not None:
            return self.code.constant(to, self.number)
        one = self.code.value(
            to, f"insertelement {to.text} poison, {self.type.text} {self.text}, i32 0"
        )
        zeros = f"<{width} x i32> zeroinitializer"
        return self.code.value(to, f"shufflevector {to.text} {one.text}, {to.text} poison, {zeros}")


Operand = Value | float | int | bool


def _folded(op: str, x: Value, y: Value) -> Value | None:
    """What an instruction on integers gives, where that is known or one of them."""
    m: Any = x.number
    n: Any = y.number
    if m is not None and n is not None:
        result = FOLDED[op](m, n)
        return x.code.constant(x.type, result) if abs(result) < SMALL else None
    if n == (1 if op == "mul" else 0):
        return x
    if op != "sub" and m == (1 if op == "mul" else 0):
        return y
    return None


def _conversion(source: Type, to: Type) -> str:
    unsigned = not source.is_signed
    if source.is_float and to.is_float:
        return "fpext" if BITS[to.element] > BITS[source.element] else "fptrunc"
    if source.is_float:
        return "fptosi" if to.is_signed else "fptoui"
    if to.is_float:
        return "uitofp" if unsigned else "sitofp"
    if BITS[to.element] == BITS[source.element]:
        return ""
    if BITS[to.element] < BITS[source.element]:
        return "trunc"
    return "zext" if unsigned else "sext"


def fabs(x: Value) -> Value:
    """|x|, by clearing the sign bit."""
    return x.code.intrinsic("fabs", x)


def fma(x: Value, y: Operand, z: Operand) -> Value:
    """x * y + z with one rounding."""
    return x.code.intrinsic("fma", x, x.lift(y), x.lift(z))


def sqrt(x: Value) -> Value:
    """The square root, correctly rounded."""
    return x.code.intrinsic("sqrt", x)


def copysign(x: Value, sign: Operand) -> Value:
    """|x| with the sign of `sign`."""
    return x.code.intrinsic("copysign", x, x.lift(sign))


def rounded(x: Value, way: str) -> Value:
    """`way` is floor, ceil, trunc or rint (to the nearest, ties to even)."""
    return x.code.intrinsic(way, x)
