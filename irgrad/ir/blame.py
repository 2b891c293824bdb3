"""Errors of nodes, as they run or are differentiated: the node that failed says where it stands in
the user's code, and on what it computes."""

from __future__ import annotations

from typing import Any

from numpy.linalg import LinAlgError

from irgrad.errors import IndexOutOfBounds, IrgradError, place_text
from irgrad.ir.graph import Node, Value
from irgrad.ir.literal import constant_text
from irgrad.ir.op import Op


def blame(error: Exception, node: Node) -> None:
    """Add to an error that `node` raised the user's line and the names of its operands, unless a
    node in a region of this one has done so.
    """
    if isinstance(error, IrgradError):
        if not error.blamed and error.location is None:
            error.blamed = True
            error.about = _operands_text(error, node)
            error.at(node.location)
    elif node.location is not None:
        place = place_text(node.location)
        if isinstance(error, LinAlgError) and "\n" not in str(error):
            error.args = (f"{error}\n{place}",)
        elif not hasattr(error, "__notes__"):  # of a function of the user's: left as it is
            error.add_note(place)


def _operands_text(error: IrgradError, node: Node) -> str:
    if not isinstance(error, IndexOutOfBounds) or error.operand is None:
        return f"operands: {', '.join(map(described, node.operands))}"
    index = node.operands[error.operand]
    text = f"index: {described(index)}"
    of = None if node.origin is None else node.origin.of
    for each in (node, of):  # an adjoint has the array's indices, and not the array
        if isinstance(each, Node) and each.operands and each.op.name != "scatter_add":
            array = each.operands[0]
            axes = [error.axis] if each is node else [*_indexed(each, index), error.axis]
            fitting = [k for k in axes if array.type.shape[k : k + 1] == (error.extent,)]
            if fitting:
                error.tell(fitting[0])
                return f"{text}\n  array: {described(array)}"
    return text


def _indexed(node: Node, index: Value) -> list[int]:
    """The axes on which a node looks at `index`; a batched adjoint has more axes than its array."""
    axes: Any = node.op.parameters.get("axes", ())
    if not axes or len(node.operands) <= len(axes):
        return []
    indices = node.operands[-len(axes) :]
    return [axis for axis, given in zip(axes, indices, strict=True) if given == index]


def described(value: Value) -> str:
    """`%name: type`, with the name of what the value is a view or a conversion of where it has none
    of its own, of what it is taken from, or whose derivative it belongs to; a number is itself.
    """
    if value.constant is not None:
        short = value.type.size == 1
        return constant_text(value.constant) if short else f"a constant: {value.type}"
    base = value
    while base.name is None and base.node.operands and _shows(base.node.op):
        base = base.node.operands[0]
    if base.name is not None:
        return f"%{base.name}: {value.type}"
    if base.node.op.name == "gather" and base.node.operands[0].name is not None:
        return f"elements of %{base.node.operands[0].name}: {value.type}"
    of = None if value.node.origin is None else value.node.origin.of
    known = of.names[0] if isinstance(of, Node) else of
    whose = "" if known is None else f", from the derivative of %{known}"
    return f"the result of {value.node.op.name}: {value.type}{whose}"


def _shows(op: Op) -> bool:
    return op.is_view or op.name == "astype"
