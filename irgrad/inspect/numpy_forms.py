"""How each op is written in NumPy: a text made of the texts of its operands."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import scipy.special

from irgrad.errors import UnsupportedError
from irgrad.inspect.numpy_helpers import HELPERS
from irgrad.ir.graph import Node
from irgrad.ir.types import DType
from irgrad.ops.contract import split_spec
from irgrad.ops.elementwise import Elementwise

INFIX = {
    "add": "+", "subtract": "-", "multiply": "*", "divide": "/", "less": "<", "less_equal": "<=",
    "greater": ">", "greater_equal": ">=", "equal": "==", "not_equal": "!=", "bitwise_and": "&",
    "bitwise_or": "|", "bitwise_xor": "^",
}  # fmt: skip
IDENTITIES = ("stop_gradient", "barrier")
LINALG = {
    "cholesky": "cholesky", "solve": "solve", "inv": "inv", "det": "det", "qr": "qr",
    "slogdet": "slogdet",
}  # fmt: skip
PLAIN = {"real": "np.real", "imag": "np.imag", "conjugate": "np.conjugate", "where": "np.where"}
REDUCTIONS = {"max": "np.max", "min": "np.min", "any": "np.any", "all": "np.all"}


class Text(str):
    """An expression; `atom` is one that can stand anywhere (a name, a call, or in parentheses)."""

    __slots__ = ("is_atom",)

    def __new__(cls, text: str, is_atom: bool = True) -> Text:
        made = super().__new__(cls, text)
        made.is_atom = is_atom
        return made

    @property
    def atom(self) -> str:
        """It, in parentheses where it needs them."""
        return str(self) if self.is_atom else f"({self})"


def dtype_name(dtype: DType) -> str:
    """A dtype as NumPy's attribute.

    >>> dtype_name(np.dtype("f4"))
    'np.float32'
    """
    return "np.bool_" if dtype.kind == "b" else f"np.{dtype.name}"


def form(node: Node, args: Sequence[Text]) -> Text:
    """The text of a node without regions; an `UnsupportedError` where an op has none."""
    op = node.op
    if op.name in INFIX and len(args) == 2:
        return Text(f"{args[0].atom} {INFIX[op.name]} {args[1].atom}", False)
    if op.name == "negative" and node.types[0].dtype.kind != "b":
        return Text(f"-{args[0].atom}", False)
    if isinstance(op, Elementwise) and op.name not in FORMS:
        return Text(f"{_function(op)}({', '.join(args)})")
    if op.name in IDENTITIES:
        return args[0]
    if op.name in PLAIN:
        return Text(f"{PLAIN[op.name]}({', '.join(args)})")
    if op.name in LINALG:
        return Text(f"np.linalg.{LINALG[op.name]}({', '.join(args)})")
    if op.name in FORMS:
        return Text(FORMS[op.name](node, list(args)), op.name != "contract")
    raise UnsupportedError(
        f"{op.name} cannot be written in NumPy", location=node.location,
        hint="export the function without it, or keep using the compiled one",
    )  # fmt: skip


def _function(op: Elementwise) -> str:
    name = op.ufunc.__name__.lstrip("_")
    if getattr(np, name, None) is op.ufunc:
        return f"np.{name}"
    if hasattr(scipy.special, name):
        return f"special.{name}"
    raise UnsupportedError(f"{op.name} is a function of its own, which NumPy and SciPy lack")


def _axes(axes: Sequence[int]) -> str:
    return str(axes[0]) if len(axes) == 1 else str(tuple(axes))


def _sum(node: Node, args: list[Text]) -> str:
    p, ndim = node.op.parameters, node.operands[0].type.ndim
    kind = node.types[0].dtype
    dtype = "" if kind.itemsize == 8 or kind.kind in "fc" else f", dtype={dtype_name(kind)}"
    axis = "" if len(p["axes"]) == ndim else f", axis={_axes(p['axes'])}"
    return f"np.{node.op.name}({args[0]}{axis}{dtype})"


def _extreme(node: Node, args: list[Text]) -> str:
    return f"{REDUCTIONS[node.op.name]}({args[0]}, axis={_axes(node.op.parameters['axes'])})"


def _position(node: Node, args: list[Text]) -> str:
    if not node.operands[0].type.size:
        return f"np.zeros({node.types[0].shape}, np.int64)"
    return f"np.{node.op.name}({args[0]}, axis={node.op.parameters['axis']})"


def _window(start: Sequence[int], stop: Sequence[int], step: Sequence[int], shape: Any) -> str:
    parts: list[str] = []
    for a, b, by, extent in zip(start, stop, step, shape, strict=True):
        first, last = str(a) if a else "", "" if b >= extent else str(b)
        parts.append(f"{first}:{last}" + (f":{by}" if by != 1 else ""))
    while len(parts) > 1 and parts[-1] == ":":
        parts.pop()
    return ", ".join(parts) or "..."


def _slice(node: Node, args: list[Text]) -> str:
    p = node.op.parameters
    shape = node.operands[0].type.shape
    return f"{args[0].atom}[{_window(p['start'], p['stop'], p['step'], shape)}]"


def _transpose(node: Node, args: list[Text]) -> str:
    axes = node.op.parameters["axes"]
    if tuple(axes) == tuple(range(len(axes)))[::-1]:
        return f"{args[0].atom}.T"
    return f"np.transpose({args[0]}, {tuple(axes)})"


def _iota(node: Node, args: list[Text]) -> str:
    p = node.op.parameters
    line = f"np.arange({p['shape'][p['axis']]}, dtype={dtype_name(p['dtype'])})"
    if len(p["shape"]) == 1:
        return line
    column = [n if axis == p["axis"] else 1 for axis, n in enumerate(p["shape"])]
    return f"np.broadcast_to({line}.reshape({tuple(column)}), {p['shape']})"


def _contract(node: Node, args: list[Text]) -> str:
    left, right, result = split_spec(node.op.parameters["spec"])
    x, y = args
    if node.types[0].dtype.kind != "b":
        flips = (("", ""), (".T", ""), ("", ".T"), (".T", ".T"))
        for flip_x, flip_y in flips:
            a = left[::-1] if flip_x else left
            b = right[::-1] if flip_y else right
            if (flip_x and len(a) != 2) or (flip_y and len(b) != 2):
                continue
            if not (1 <= len(a) <= 2 and 1 <= len(b) <= 2) or a[-1] != b[0]:
                continue
            if a[:-1] + b[1:] == result and a[-1] not in result:
                return f"{x.atom}{flip_x} @ {y.atom}{flip_y}"
        if len(left) == len(right) == 1 and result == left + right:
            return f"np.outer({x}, {y})"
        if left == right == result:
            return f"{x.atom} * {y.atom}"
    return f"np.einsum({node.op.parameters['spec']!r}, {x}, {y}, optimize=True)"


def _indexed(x: Text, ndim: int, axes: Sequence[int]) -> str:
    """An array whose first axes are those that are indexed."""
    order = (*axes, *(axis for axis in range(ndim) if axis not in axes))
    return x.atom if order == tuple(range(ndim)) else f"np.transpose({x}, {order})"


def _gather(node: Node, args: list[Text]) -> str:
    x, *indices = args
    ndim = node.operands[0].type.ndim
    return f"{_indexed(x, ndim, node.op.parameters['axes'])}[{', '.join(indices)}]"


def _helped(node: Node, args: list[Text]) -> str:
    values = [f"{key}={value!r}" for key, value in node.op.parameters.items()]
    skipped = {"update_at": ("distinct",), "nonzero": ("count",)}.get(node.op.name, ())
    values = [v for v in values if v.split("=")[0] not in skipped]
    return f"_{node.op.name}({', '.join([*args, *values])})"


def _fourier(node: Node, args: list[Text]) -> str:
    name, norm = ("ifft", ', norm="forward"') if node.op.parameters["inverse"] else ("fft", "")
    return f"np.fft.{name}({args[0]}, axis={node.op.parameters['axis']}{norm})"


FORMS: dict[str, Callable[[Node, list[Text]], str]] = {
    "sum": _sum,
    "prod": _sum,
    **dict.fromkeys(REDUCTIONS, _extreme),
    "argmax": _position,
    "argmin": _position,
    "reshape": lambda node, args: f"np.reshape({args[0]}, {node.types[0].shape})",
    "broadcast_to": lambda node, args: f"np.broadcast_to({args[0]}, {node.types[0].shape})",
    "astype": lambda node, args: f"{args[0].atom}.astype({dtype_name(node.types[0].dtype)})",
    "iota": _iota,
    "contract": _contract,
    "transpose": _transpose,
    "slice": _slice,
    "fft": _fourier,
    "flip": lambda node, args: f"np.flip({args[0]}, {_axes(node.op.parameters['axes'])})",
    "concatenate": lambda node, args: (
        f"np.concatenate(({', '.join(args)},), axis={node.op.parameters['axis']})"
    ),
    "gather": _gather,
    "eigh": lambda node, args: (
        f"np.linalg.eigh({args[0]}, {'L' if node.op.parameters['lower'] else 'U'!r})"
    ),
    "pinv": lambda node, args: f"np.linalg.pinv({args[0]}, {node.op.parameters['rcond']!r})",
    "svd": lambda node, args: f"np.linalg.svd({args[0]}, full_matrices=False)",
    "argsort": lambda node, args: (
        f"np.argsort({args[0]}, axis={node.op.parameters['axis']}, stable=True)"
    ),
    "sort": lambda node, args: (
        f"np.sort({args[0]}, axis={node.op.parameters['axis']}, stable=True)"
    ),
    "cummax": lambda node, args: (
        f"np.maximum.accumulate({args[0]}, axis={node.op.parameters['axis']})"
    ),
    "cummin": lambda node, args: (
        f"np.minimum.accumulate({args[0]}, axis={node.op.parameters['axis']})"
    ),
    "add_stacks": lambda node, args: f"np.add({args[0]}, {args[1]})",
    **dict.fromkeys(HELPERS, _helped),
}
"""By the name of the op; those of `HELPERS` call a function that the module brings along."""
