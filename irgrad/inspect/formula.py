"""A node as mathematics: the sign of its op, and the local derivative to each operand.

A local derivative is not looked up: the op's own partial derivative is traced, simplified by the
passes, and written in infix form.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from irgrad.errors import IrgradError
from irgrad.frontend.tracer import Tracer
from irgrad.ir.builder import Builder
from irgrad.ir.graph import Graph, Node, Value, regions
from irgrad.ir.literal import constant_text
from irgrad.ir.types import is_inexact
from irgrad.ops.contract import Contract
from irgrad.ops.elementwise import Elementwise
from irgrad.ops.extremum import Extremum
from irgrad.ops.linear import Linear
from irgrad.passes.pipeline import optimise

INFIX = {
    "add": ("+", 1), "subtract": ("−", 1), "multiply": ("·", 2), "divide": ("/", 2),
    "ratio": ("/", 2), "scale": ("·", 2), "equal": ("=", 0), "not_equal": ("≠", 0),
    "less": ("<", 0), "less_equal": ("≤", 0), "greater": (">", 0), "greater_equal": ("≥", 0),
    "logical_or": ("or", -1), "logical_and": ("and", -1),
}  # fmt: skip
SIGNS = {"add": "+", "subtract": "−", "multiply": "×", "divide": "÷", "ratio": "÷",
         "scale": "×", "negative": "−·", "sum": "Σ", "prod": "Π", "sqrt": "√", "transpose": "ᵀ",
         "expit": "σ", "square": "(·)²", "broadcast_to": "1·"}  # fmt: skip
SELECTING = {"slice", "pad", "gather", "scatter_add", "concatenate"}
_SUPERSCRIPT = str.maketrans("0123456789-", "⁰¹²³⁴⁵⁶⁷⁸⁹⁻")
_SUBSCRIPT = str.maketrans("0123456789", "₀₁₂₃₄₅₆₇₈₉")
_ATOM, _POWER, _PRODUCT, _SUM = 4, 3, 2, 1


def called(name: str) -> str:
    """How a value is called in a formula: its name, v₄ for the unnamed %4.

    >>> called("h"), called("12")
    ('h', 'v₁₂')
    """
    return f"v{name.translate(_SUBSCRIPT)}" if name.isdigit() else name


def sign(node: Node) -> str:
    """The op of a node as a sign, with a constant operand in its place; a constant array is c.

    >>> import irgrad
    >>> [sign(node) for node in irgrad.trace("0.5 * sum(tanh(x)**2)", np.ones(3))]
    ['tanh', '(·)²', 'Σ', '0.5×']
    """
    name = node.op.name
    if isinstance(node.op, Contract):
        left, right, result = _groups(node.op.spec)
        return "⊗" if len(result) == len(left) + len(right) else "@"
    constants = [operand.constant for operand in node.operands]
    short = SIGNS.get(name, name)
    given = [constant for constant in constants if constant is not None]
    if len(constants) != 2 or len(given) != 1 or regions(node.op):
        return short
    literal = _number(given[0])
    if name == "power" and constants[1] is not None:
        raised = literal.translate(_SUPERSCRIPT) if _is_count(literal) else f"^{literal}"
        return f"(·){raised}"
    if name in ("add", "subtract", "multiply", "scale", "divide", "ratio"):
        literal = literal.replace("-", "−")
        return f"{literal}{short}" if constants[0] is not None else f"{short}{literal}"
    first, second = (literal, "·") if constants[0] is not None else ("·", literal)
    return f"{short}({first}, {second})"


def _groups(spec: str) -> tuple[str, str, str]:
    operands, result = spec.split("->")
    left, right = operands.split(",")
    return left, right, result


def _is_count(literal: str) -> bool:
    return literal.lstrip("-").isdigit()


def _number(array: Any) -> str:
    if array.size != 1:
        return "c"
    array = array.reshape(())
    value = array[()]
    if value.dtype.kind != "f":
        return constant_text(array)
    is_whole = np.isfinite(value) and value == int(value) and abs(value) < 1e6
    return str(int(value)) if is_whole else f"{value:.6g}"


def local_derivative(node: Node, slot: int, names: Mapping[Value, str]) -> str:
    """The derivative of a node with respect to one of its operands, as a formula; nothing where
    there is none.

    >>> import irgrad
    >>> graph = irgrad.trace(lambda x: np.tanh(x) * x, 0.5)
    >>> [local_derivative(node, 0, graph.names) for node in graph]
    ['1 − v₀²', 'x']
    """
    op = node.op
    if not op.differentiable(slot) or not is_inexact(node.operands[slot].type.dtype):
        return ""
    if isinstance(op, Contract):
        other = node.operands[1 - slot]
        return called(names[other]) if other.constant is None else _number(other.constant)
    if isinstance(op, Extremum):
        return _traced(node, names, lambda x, y, out: _chosen(op, slot, x, y))
    if op.name == "where":
        yes, no = (1.0, 0.0) if slot == 1 else (0.0, 1.0)
        return _traced(node, names, lambda c, x, y, out: np.where(c, yes, no))
    if isinstance(op, Elementwise):
        partial = op.partials[slot]
        if isinstance(partial, int):
            return str(partial).replace("-", "−")
        return _traced(node, names, partial) if partial else ""
    if isinstance(op, Linear):
        return "0/1" if op.name in SELECTING else "1"
    return f"∂{op.name}"


def _chosen(op: Extremum, slot: int, x: Any, y: Any) -> Any:
    ties = x >= y if op.name in ("maximum", "fmax") else x <= y
    return np.where(ties, 1.0, 0.0) if slot == 0 else np.where(ties, 0.0, 1.0)


def _traced(node: Node, names: Mapping[Value, str], partial: Callable[..., Any]) -> str:
    """A partial derivative of the operands and the output, as simplified text."""
    builder = Builder(Tracer)
    values: dict[Value, Any] = {}

    def given(value: Value) -> Any:
        if value.constant is not None:
            return Tracer(builder, builder.constant(value.constant))
        if value not in values:
            values[value] = builder.input(called(names[value]), value.type)
        return values[value]

    builder.provenance.busy = True
    arguments = [given(value) for value in (*node.operands, Value(node, 0))]
    try:
        with warnings.catch_warnings(), np.errstate(all="ignore"):
            warnings.simplefilter("ignore")
            result = partial(*arguments)
            graph, _ = builder.finish("partial", {"out": builder.lift(result)})
            return infix(optimise(graph))
    except (IrgradError, TypeError, ValueError):
        return f"∂{node.op.name}"


def infix(graph: Graph) -> str:
    """The only output of a graph as a formula in its inputs.

    >>> import irgrad
    >>> infix(irgrad.trace("(x + 1) * x**3", 2.0))
    '(x + 1) · x³'
    """
    written: dict[Value, tuple[str, int]] = {
        value: (value.name or "v", _ATOM) for value in graph.inputs
    }

    def read(value: Value) -> tuple[str, int]:
        if value.constant is not None:
            text = _number(value.constant).replace("-", "−")
            return text, _SUM if text.startswith("−") else _ATOM
        return written[value]

    for node in graph.nodes:
        written[Value(node, 0)] = _written(node, [read(operand) for operand in node.operands])
    return read(graph.outputs[0])[0]


def _written(node: Node, operands: Sequence[tuple[str, int]]) -> tuple[str, int]:
    """One node in infix form, with the precedence of what stands outermost."""
    name = node.op.name
    if name in ("broadcast_to", "reshape", "astype"):
        return operands[0]
    if name == "negative":
        return f"−{_wrapped(operands[0], _PRODUCT)}", _SUM
    if name in ("absolute", "fabs"):
        return f"|{operands[0][0]}|", _ATOM
    if name == "square":
        return f"{_wrapped(operands[0], _ATOM)}²", _POWER
    if name == "reciprocal":
        return f"1/{_wrapped(operands[0], _POWER)}", _PRODUCT
    if name == "power" and _is_count(operands[1][0].replace("−", "-")):
        raised = operands[1][0].replace("−", "-").translate(_SUPERSCRIPT)
        return f"{_wrapped(operands[0], _ATOM)}{raised}", _POWER
    if name in INFIX:
        between, level = INFIX[name]
        right = level + (name in ("subtract", "divide", "ratio"))
        texts = _wrapped(operands[0], level), _wrapped(operands[1], right)
        return ("/" if between == "/" else f" {between} ").join(texts), level
    if name == "where" and (operands[1][0], operands[2][0]) in (("1", "0"), ("0", "1")):
        negated = "" if operands[1][0] == "1" else "not "
        return f"[{negated}{operands[0][0]}]", _ATOM
    return f"{name}({', '.join(text for text, _ in operands)})", _ATOM


def _wrapped(operand: tuple[str, int], level: int) -> str:
    text, own = operand
    return text if own >= level else f"({text})"


__all__ = ["called", "infix", "local_derivative", "sign"]
