"""The classes of ops, from which derivatives follow.

- `Elementwise` (in `elementwise`): given by its partial derivatives. Forward is sum_i partial_i *
  x_dot_i; reverse is y_bar * partial_i with the broadcast undone.
- `Linear` (in `linear`): linear in some operands together, given by its transpose. Forward is the
  op itself on the tangents.
- `Bilinear`: linear in each of two operands apart, given by its transpose in each.
- `Flat`: no derivative (comparisons, floor, argmax, ...): piecewise constant, or not of a float.
- `Pointwise`: acts on each element of its operands apart; a batch is no different.
- `AlongAxes`: names axes of its operands; in a batch they stand one place further back.

Complex numbers follow JAX: the pairing of a cotangent and a tangent is Re(sum y_bar * y_dot),
without conjugation, so that a holomorphic function's rule is the same as its real one."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import partial
from typing import Any

import numpy as np

from irgrad.errors import IrgradError
from irgrad.ir.builder import Part, Traced, home
from irgrad.ir.op import Op


def bind(op: Op, *operands: Any) -> Any:
    """Apply `op`: emitted where an operand is traced, computed at once where none is. Operands are
    converted as `op.promoted` says, those of a ufunc as NumPy does.

    >>> from irgrad.ops.exponential import EXP
    >>> float(bind(EXP, 0))
    1.0
    """
    if op.is_elementwise:
        for operand in operands:
            if isinstance(operand, Part):
                return operand.operate(partial(bind, op), operands)
    if type(op).promoted is not Op.promoted:
        operands = _converted(op, operands)
    builder = None
    for operand in operands:
        if isinstance(operand, Traced) and (
            builder is None or operand.builder.level > builder.level
        ):
            builder = operand.builder
    if builder is None:
        return op.reference(*map(np.asarray, operands))
    return home(builder).bind(op, operands)


def _converted(op: Op, operands: Sequence[Any]) -> tuple[Any, ...]:
    """The operands with the dtypes that `op` computes in, each as it was where it has that."""
    from irgrad.ops.cast import astype

    kinds = tuple(map(_kind, operands))
    traced = next((x for x in operands if isinstance(x, Traced)), None)
    try:
        wanted = op.promoted(*kinds)
    except IrgradError:
        if traced is None:
            raise
        return tuple(operands)  # the type rule says the same, on the user's line
    if wanted == kinds:
        return tuple(operands)
    converted: list[Any] = []
    for x, dtype in zip(operands, wanted, strict=True):
        if isinstance(x, np.ndarray) and x.dtype != dtype and traced is not None:
            x = traced.builder.wrap(traced.builder, traced.builder.lift(x))  # by reference
        if isinstance(x, Traced):
            converted.append(astype(x, dtype))
        else:
            number = not isinstance(x, np.ndarray)
            converted.append(np.asarray(x, dtype)[()] if number else np.asarray(x, dtype))
    return tuple(converted)


def _kind(x: Any) -> Any:
    """What decides promotion: a dtype, or the type of a Python number."""
    if isinstance(x, Traced):
        dtype = x.value.type.dtype
        weak = getattr(x, "weak", False)
        return {"f": float, "c": complex, "i": int}[dtype.kind] if weak else dtype
    return type(x) if type(x) in (int, float, complex) else np.asarray(x).dtype


class Bilinear(Op):
    """Linear in each of two operands while the other is held fixed; given by its transpose in
    each.
    """

    def transpose(self, operand: int, cotangent: Any, primals: Sequence[Any]) -> Any:
        """The cotangent of one operand."""
        raise NotImplementedError

    def jvp(
        self, primals: Sequence[Any], outputs: Sequence[Any], tangents: Sequence[Any]
    ) -> Sequence[Any]:
        (x, y), (x_dot, y_dot) = primals, tangents
        terms = [] if x_dot is None else [bind(self, x_dot, y)]
        terms += [] if y_dot is None else [bind(self, x, y_dot)]
        return [terms[0] + terms[1] if len(terms) == 2 else terms[0]]

    def vjp(
        self,
        primals: Sequence[Any],
        outputs: Sequence[Any],
        cotangents: Sequence[Any],
        wanted: Sequence[bool],
    ) -> Sequence[Any]:
        return [
            self.transpose(slot, cotangents[0], primals) if want else None
            for slot, want in enumerate(wanted)
        ]


class Flat(Op):
    """No derivative: piecewise constant, or not a float."""

    def differentiable(self, operand: int) -> bool:
        return False


def bind_all(op: Op, *operands: Any) -> list[Any]:
    """`bind`, with the results as a list, also where there is one."""
    found = bind(op, *operands)
    return list(found) if isinstance(found, tuple) else [found]


class Pointwise(Op):
    """An op on each element apart, of operands of one shape, whatever that is. Where operands
    differ in shape, their elements need not belong together: a batch is then done one by one.
    """

    def batch(self, operands: Sequence[Any], batched: Sequence[bool]) -> Sequence[Any] | None:
        from irgrad.ops.batching import example_shapes, spread

        alike = len(set(example_shapes(operands, batched))) == 1
        return bind_all(self, *spread(operands, batched)) if alike else None


def after(axes: Iterable[int]) -> tuple[int, ...]:
    """Axes of an example as axes of a batch, whose own axis is the first; those that are counted
    from the end stay.
    """
    return tuple(axis + 1 if axis >= 0 else axis for axis in axes)


class AlongAxes(Op):
    """An op whose parameter `axis` or `axes` names axes of all its operands, which are of one rank.
    Where operands differ in rank, a batch is done one by one.
    """

    def batch(self, operands: Sequence[Any], batched: Sequence[bool]) -> Sequence[Any] | None:
        from irgrad.ops.batching import example_shapes, spread

        if len(set(map(len, example_shapes(operands, batched)))) > 1:
            return None
        axis = self.parameters.get("axis")
        moved = (
            {"axes": after(self.parameters["axes"])} if axis is None else {"axis": after([axis])[0]}
        )
        return bind_all(self.replaced(**moved), *spread(operands, batched))
