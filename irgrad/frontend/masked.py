"""`x[mask]` with a mask that is only known when the program runs: how many elements it selects is
not known either.

A `Selection` keeps the whole array and the mask. Elementwise functions act on all places, with the
unselected ones filled by the first selected element, so that no value and no derivative there makes
a nan of its own; reductions count the selected places alone. Everything else takes the selected
elements by themselves, `packed`: an array whose extent is known only when the program runs. That is
made once, so that it is what writes and views are of; the whole array has from it what was
written."""

from __future__ import annotations

import functools
import inspect
import operator
from collections.abc import Callable, Sequence
from typing import Any, NoReturn

import numpy as np

from irgrad.errors import IndexingError, TraceError, UnsupportedError
from irgrad.frontend.bounded import FUNCTIONS, Bounded
from irgrad.frontend.bounded import elementwise as bounded_elementwise
from irgrad.frontend.compaction import compacted, ranks, true_count
from irgrad.frontend.entry import entry
from irgrad.frontend.operators import Elementwise
from irgrad.frontend.promote import lift_each
from irgrad.frontend.sharing import copies
from irgrad.frontend.ufunc_call import call_ufunc
from irgrad.ir.builder import CURRENT
from irgrad.ir.graph import Value
from irgrad.ops.index import gather
from irgrad.ops.linear import full, reshape
from irgrad.ops.select import where
from irgrad.ops.stop import stop_gradient

REMEDY = (
    "write np.where(mask, a, b) on the whole arrays, or reduce the selection: sum, mean, max, any"
)


def _inplace(change: Callable[[Any, Any], Any]) -> Any:
    def method(self: Selection, other: Any) -> Any:
        change(self.packed, packed(other))
        return self

    return entry(method)


class Selection(Elementwise):
    """The elements of `whole` where `mask`, on its leading axes, holds."""

    __slots__ = ("_filled", "_first", "_packed", "location", "mask", "selected")
    __array_priority__ = 2000

    def __init__(self, whole: Any, mask: Any, filled: bool = False) -> None:
        self.selected = whole
        self.mask = mask
        self.location = whole.builder.provenance.location
        self._filled: Any = whole if filled else None
        self._packed: Bounded | None = None
        self._first: Any = None

    @classmethod
    def of(cls, x: Any, mask: Any) -> Selection:
        """`x[mask]`, checked."""
        if mask.ndim > x.ndim:
            raise IndexingError(
                f"too many indices: the array has {x.ndim} axes, the mask {mask.ndim}"
            )
        for axis, (got, extent) in enumerate(zip(mask.shape, x.shape, strict=False)):
            if got != extent:
                raise IndexingError(
                    f"boolean index did not match the array along axis {axis}: the axis has size "
                    f"{extent}, the mask {got}"
                )
        x, mask = lift_each(x, mask)
        return cls(snapshot(x), snapshot(mask))

    # what is known

    @property
    def builder(self) -> Any:
        """The builder of the graph under construction."""
        return self.whole.builder

    @property
    def is_written(self) -> bool:
        """Whether the elements by themselves are no longer those that were selected."""
        return self._packed is not None and self._packed.base.value is not self._first

    @property
    def whole(self) -> Any:
        """The whole array."""
        packed = self._packed
        if packed is None or not self.is_written:
            return self.selected
        return where(self.places, gather(packed.base, (0,), [ranks(self.mask)]), self.selected)

    @property
    def dtype(self) -> np.dtype[Any]:
        """Element type."""
        return self.selected.dtype

    @property
    def ndim(self) -> int:
        """Number of axes: the masked ones are one."""
        return 1 + self.whole.ndim - self.mask.ndim

    @property
    def size(self) -> Any:
        """Number of selected elements, a traced integer."""
        return self.count(None)

    @property
    @entry
    def shape(self) -> tuple[Any, ...]:
        """Extents of the axes, the first a traced integer."""
        return true_count(self.mask), *self.whole.shape[self.mask.ndim :]

    @property
    def packed(self) -> Bounded:
        """The selected elements side by side."""
        if self._packed is None:
            token = CURRENT.set(self.selected.builder)
            try:
                self._packed = compacted(self.selected, self.mask)
            finally:
                CURRENT.reset(token)
            self._first = self._packed.base.value
        return self._packed

    @property
    def places(self) -> Any:
        """The mask with an axis for each of the array's."""
        beside = self.selected.ndim - self.mask.ndim
        return with_axes(self.mask, beside) if beside else self.mask

    @property
    def filled(self) -> Any:
        """The whole array with the first selected element in the unselected places."""
        if self._filled is None or self.is_written:
            whole = filled = self.whole
            if whole.size:
                filled = where(self.places, whole, first_selected(whole, self.mask))
            if self.is_written:
                return filled
            self._filled = filled
        return self._filled

    @property
    def real(self) -> Selection:
        """The real parts."""
        return self._like(self.filled.real)

    @property
    def imag(self) -> Selection:
        """The imaginary parts."""
        return self._like(self.filled.imag)

    # elementwise

    def elementwise(
        self, function: Callable[..., Any], operands: Sequence[Any], **options: Any
    ) -> Any:
        """A function of selections by one mask, and operands that broadcast on each element."""
        if not all(map(self.is_alike, operands)):
            return bounded_elementwise(function, list(map(packed, operands)), **options)
        values = [x.filled if isinstance(x, Selection) else x for x in operands]
        if isinstance(function, np.ufunc):
            result = call_ufunc(function, tuple(values), "__call__", options)
        else:
            result = function(*values, **options)
        return tuple(map(self._like, result)) if isinstance(result, tuple) else self._like(result)

    def operate(self, function: Callable[..., Any], operands: Sequence[Any]) -> Any:
        """An elementwise function of operands, of which this is one."""
        return self.elementwise(function, operands)

    def _like(self, whole: Any) -> Selection:
        return Selection(whole, self.mask, filled=True)

    def is_alike(self, operand: Any) -> bool:
        """Whether an operand has an element for each place of the whole array."""
        if isinstance(operand, Selection):
            return operand.mask.shape == self.mask.shape and same(
                operand.mask.value, self.mask.value
            )
        if isinstance(operand, Bounded):
            return False
        extents = np.shape(operand)
        return len(extents) < self.ndim or (len(extents) == self.ndim and extents[0] == 1)

    @entry
    def __array_ufunc__(self, ufunc: np.ufunc, method: str, *inputs: Any, **kwargs: Any) -> Any:
        out = kwargs.get("out")
        if method != "__call__" or out is not None:
            if out is not None:
                kwargs["out"] = packed(out)
            made = packed(self).__array_ufunc__(ufunc, method, *map(packed, inputs), **kwargs)
            return made if out is None else out[0]
        return self.elementwise(ufunc, inputs, **kwargs)

    @entry
    def __array_function__(self, function: Any, types: Any, args: Any, kwargs: Any) -> Any:
        if function in ELEMENTWISE:
            return self.elementwise(function, args, **kwargs)
        reduction = REDUCTIONS.get(function)
        if reduction is None or not isinstance(args[0], Selection):
            return function(*map(packed, args), **kwargs)
        return self._called(reduction, function.__name__, *args, **kwargs)

    def _called(self, reduction: Callable[..., Any], name: str, *args: Any, **kwargs: Any) -> Any:
        """A reduction with the options that it has here; any other option is refused by name."""
        known = inspect.signature(reduction).parameters if kwargs else {}
        for key, value in kwargs.items():
            if key not in known or (key == "out" and value is not None):
                self.refuse(f"{name} with {key}=")
        return reduction(*args, **kwargs)

    # reductions

    def count(self, axis: Any) -> Any:
        """How many elements a reduction over `axis` combines, a traced integer."""
        inner = self.selected.size // max(self.mask.size, 1) if axis is None else 1
        return np.sum(self.mask) * inner

    def combines(self, axis: Any) -> bool:
        """Whether a reduction over `axis` combines the selected elements."""
        return axis is None or axis in (0, -self.ndim)

    def reduced(
        self,
        reduce: Callable[..., Any],
        identity: Any,
        axis: Any,
        keepdims: Any = False,
        **options: Any,
    ) -> Any:
        """A reduction with `identity` in the unselected places."""
        if keepdims is True or not self.combines(axis):
            return reduce(self.packed, axis=axis, keepdims=keepdims, **options)
        blank = full(self.whole, (), np.asarray(identity, self.dtype)[()])
        whole = where(self.places, self.whole, blank)
        return reduce(whole, axis=None if axis is None else tuple(range(self.mask.ndim)), **options)

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        method = METHODS.get(name)
        if method is None:
            return getattr(self.packed, name)
        return functools.partial(entry(Selection._called), self, method, name, self)

    # what needs the number of elements

    def refuse(self, what: str) -> NoReturn:
        raise UnsupportedError(
            f"{what} is not supported on x[mask]: the number of selected elements is not known",
            location=self.builder.provenance.location or self.location,
            hint=REMEDY,
        )

    @entry
    def __len__(self) -> int:
        raise TraceError(
            "len() of x[mask]: the number of selected elements is not known",
            hint="use np.sum(mask), or x[mask].shape[0], a traced integer",
        )

    @entry
    def __iter__(self) -> NoReturn:
        raise TraceError(
            "iteration over x[mask]: the number of selected elements is not known",
            hint="a for statement can, or for i in range(x[mask].shape[0])",
        )

    @entry
    def __getitem__(self, index: Any) -> Any:
        if isinstance(index, Selection) and index.dtype == bool and self.is_alike(index):
            return Selection(self.whole, np.logical_and(self.mask, index.whole))
        return self.packed[packed(index)]

    @entry
    def __setitem__(self, index: Any, value: Any) -> None:
        self.packed[packed(index)] = packed(value)

    __iadd__, __isub__ = _inplace(operator.iadd), _inplace(operator.isub)
    __imul__, __itruediv__ = _inplace(operator.imul), _inplace(operator.itruediv)
    __ipow__, __imod__ = _inplace(operator.ipow), _inplace(operator.imod)
    __ifloordiv__ = _inplace(operator.ifloordiv)
    __iand__, __ior__ = _inplace(operator.iand), _inplace(operator.ior)
    __ixor__ = _inplace(operator.ixor)

    @entry
    def __matmul__(self, other: Any) -> Any:
        return REDUCTIONS[np.dot](self, other)

    @entry
    def __rmatmul__(self, other: Any) -> Any:
        return other @ self.packed

    @entry
    def __bool__(self) -> bool:
        raise TraceError(
            "Python's truth value of x[mask], which is traced", hint="use np.any or np.all"
        )

    def __array__(self, dtype: Any = None, copy: Any = None) -> NoReturn:
        self.refuse("conversion to an array")

    def __copy__(self) -> Selection:
        return self

    def __deepcopy__(self, memo: dict[int, Any]) -> Selection:
        return self

    def __reduce_ex__(self, protocol: Any) -> NoReturn:
        self.refuse("pickling")

    def __repr__(self) -> str:
        return f"<traced {self.selected.value!r} where {self.mask.value!r}>"


def packed(x: Any) -> Any:
    """A selection's elements by themselves; anything else as it is, selections in lists packed."""
    if isinstance(x, (list, tuple)):
        return type(x)(map(packed, x))
    return x.packed if isinstance(x, Selection) else x


def snapshot(x: Any) -> Any:
    """A handle of its own on a traced value, which an in-place operator on `x` does not change."""
    return x.builder.wrap(x.builder, x.value)


@copies
def with_axes(mask: Any, count: int) -> Any:
    """`mask` with more axes of extent 1 at its end."""
    return reshape(mask, mask.shape + (1,) * count)


@copies
def first_selected(whole: Any, mask: Any) -> Any:
    """The first element of `whole` where `mask` holds, constant for derivatives."""
    rows = reshape(whole, (mask.size, *whole.shape[mask.ndim :]))
    return stop_gradient(gather(rows, (0,), [np.argmax(mask)]))


def same(one: Value, other: Value) -> bool:
    """Whether two values are computed alike, such as `x > 0` written twice."""
    pairs, seen = [(one, other)], set[tuple[Value, Value]]()
    while pairs:
        pair = pairs.pop()
        a, b = pair
        if a == b or pair in seen:
            continue
        seen.add(pair)
        if (
            a.node.is_input
            or a.index != b.index
            or a.node.op != b.node.op
            or len(a.node.operands) != len(b.node.operands)
        ):
            return False
        pairs += zip(a.node.operands, b.node.operands, strict=True)
    return True


METHODS: dict[str, Callable[..., Any]] = {}
REDUCTIONS: dict[Any, Callable[..., Any]] = {}
ELEMENTWISE = {np.where, np.clip, np.round, np.around, np.real, np.imag, np.nan_to_num, np.isclose}
FUNCTIONS["packed"] = packed
