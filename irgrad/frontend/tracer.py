"""The tracer: an array without numbers that NumPy code computes with, each step becoming a node.

It implements NumPy's override protocols, the operators, indexing and ndarray's methods and
attributes. What a NumPy function means is in `numpy_api`; here is only how a call gets there."""

from __future__ import annotations

import functools
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from irgrad.errors import DTypeError, ShapeError, UnsupportedError, with_article
from irgrad.frontend.complaint import completed
from irgrad.frontend.entry import entry
from irgrad.frontend.only_numbers import OnlyNumbers
from irgrad.frontend.promote import as_weak
from irgrad.frontend.refused import missing, on_numbers
from irgrad.frontend.registry import ATTRIBUTES, FUNCTIONS, METHODS
from irgrad.frontend.site import call_site
from irgrad.frontend.ufunc_call import call_elementwise, call_ufunc
from irgrad.frontend.view import OneOf, View, become, owner_of, refreshed, write_result
from irgrad.ir.builder import CURRENT, Builder
from irgrad.ir.graph import Value
from irgrad.ir.op import Op
from irgrad.ir.types import check_plain
from irgrad.ops.elementwise import UFUNCS


def _is_foreign(kind: type) -> bool:
    """Whether objects of this type give ufuncs a meaning of their own, so that NumPy's protocols
    let them decide.
    """
    return not issubclass(kind, (Tracer, np.ndarray, np.generic)) and hasattr(
        kind, "__array_ufunc__"
    )


_REFLECTED = {
    np.add: "__radd__", np.subtract: "__rsub__", np.multiply: "__rmul__", np.divide: "__rtruediv__",
    np.floor_divide: "__rfloordiv__", np.remainder: "__rmod__", np.power: "__rpow__",
    np.matmul: "__rmatmul__",
}  # fmt: skip
_PLAIN = (np.ndarray, np.generic, int, float, complex, list, tuple)


def _knows_how(ufunc: np.ufunc, number: Tracer, other: Any) -> bool:
    """Whether an object has an operation of its own with a number on its left, `0.5 * vector`."""
    kind = type(other)
    if issubclass(kind, (Tracer, *_PLAIN)) or number.ndim:
        return False
    return hasattr(kind, _REFLECTED.get(ufunc, ""))


_NO_NUMBERS = (str, bytes, dict, set, frozenset, type(None))
_EQUALITY = (np.equal, np.not_equal)


def _operator(ufunc: np.ufunc, reflected: bool = False) -> Any:
    op = UFUNCS.get(ufunc)

    def method(self: Tracer, other: Any) -> Any:
        operands = (other, self) if reflected else (self, other)
        if isinstance(other, _NO_NUMBERS) or _is_foreign(type(other)):
            if _is_foreign(type(other)):
                return NotImplemented
            if ufunc in _EQUALITY:
                return np.full(self.shape, ufunc is np.not_equal)[()]  # equal to no number
            raise DTypeError(
                f"{ufunc.__name__}: {_kind(other)} is no number",
                hint="operands are arrays and numbers; is a value missing, or of another type?",
            )
        if not reflected and _knows_how(ufunc, self, other):
            return NotImplemented
        if op is None:
            return call_ufunc(ufunc, operands)
        return call_elementwise(op, operands, operator=True)

    method.__name__ = f"__{'r' if reflected else ''}{ufunc.__name__}__"
    return entry(method)


def _inplace(ufunc: np.ufunc) -> Any:
    operator = _operator(ufunc).__wrapped__

    def method(self: Tracer, other: Any) -> Any:
        result = operator(self, other)
        scalar = not (self.ndim or self.window or self.in_place)  # which is immutable
        if result is NotImplemented or scalar:
            return result
        return write_result(ufunc.__name__, self, result)

    return entry(method)


def _kind(operand: Any) -> str:
    return "None" if operand is None else with_article(type(operand).__name__)


_power = _operator(np.power)


def _assignable(name: str) -> Any:
    """An attribute of ndarray to which one may assign: `x.real = y`."""

    def read(self: Tracer) -> Any:
        return METHODS[name](self)

    def change(self: Tracer, new: Any) -> None:
        if name == "imag" and self.dtype.kind != "c":
            raise DTypeError(f"assignment to the imaginary part of an array of {self.dtype}")
        read(self)[...] = new

    return property(entry(read), entry(change))


class Tracer(OnlyNumbers):
    """A traced array: dtype and shape are known, the numbers are not.

    It is a handle on the current version of the array; `window` is there where it shows part of
    another; `born` is the level of the trace that made it. `weak` marks a Python float or complex
    argument, which promotes as NumPy promotes a Python number; `in_place` marks an array without
    axes, such as `np.zeros(())`, which in-place operators write to, as they do to no scalar."""

    __slots__ = ("__weakref__", "born", "in_place", "weak", "window")
    __array_priority__ = 1000
    __hash__ = OnlyNumbers.__hash__  # which refuses, since equality is elementwise, as ndarray's

    def __init__(self, builder: Builder, value: Value, weak: bool = False) -> None:
        self.owner = builder
        self.version = value
        self.window: View | OneOf | None = None
        self.weak = weak
        self.in_place = False
        here = CURRENT.get()
        self.born = -1 if here is None else here.level

    @property
    def builder(self) -> Builder:
        """The builder of the graph that the current version is in."""
        return self.owner if self.window is None else owner_of(self)

    @property
    def value(self) -> Value:
        """The current version."""
        return self.version if self.window is None else refreshed(self)

    def show(self, parent: Any, op: Op, places: Sequence[Any] = ()) -> None:
        """Be a view of `parent` through `op` at `places`."""
        self.window = View(parent, op, places)

    # attributes: no version has another type

    @property
    def shape(self) -> tuple[int, ...]:
        """Extents of the axes."""
        return self.version.type.shape

    @shape.setter
    @entry
    def shape(self, new: Any) -> None:
        if not become(self, lambda same: FUNCTIONS[np.reshape](same, new, copy=False)):
            raise UnsupportedError(
                "assignment to the shape of a traced array that has views, or is from outside of "
                "the branch or loop",
                hint="write x = x.reshape(shape), a view of the same elements",
            )

    @property
    def dtype(self) -> np.dtype[Any]:
        """Element type."""
        return self.version.type.dtype

    @property
    def ndim(self) -> int:
        """Number of axes."""
        return len(self.version.type.shape)

    @property
    def size(self) -> int:
        """Number of elements."""
        return self.version.type.size

    @property
    def nbytes(self) -> int:
        """Bytes of the elements."""
        return self.version.type.nbytes

    @property
    def itemsize(self) -> int:
        """Bytes of one element."""
        return self.dtype.itemsize

    real, imag, flat = _assignable("real"), _assignable("imag"), _assignable("flat")

    # NumPy's protocols

    @entry
    def __array_ufunc__(self, ufunc: np.ufunc, method: str, *inputs: Any, **kwargs: Any) -> Any:
        return (
            NotImplemented
            if any(_is_foreign(type(x)) for x in inputs)
            else call_ufunc(ufunc, inputs, method, kwargs)
        )

    @entry
    def __array_function__(self, function: Any, types: Any, args: Any, kwargs: Any) -> Any:
        if any(map(_is_foreign, types)):
            return NotImplemented
        for each in types:
            check_plain(each)
        implementation = FUNCTIONS.get(function)
        if implementation is None:
            name = f"{function.__module__}.{function.__name__}".replace("numpy.", "np.", 1)
            return on_numbers(function, name, args, kwargs)
        return implementation(*args, **kwargs)

    # operators

    __add__, __radd__ = _operator(np.add), _operator(np.add, True)
    __sub__, __rsub__ = _operator(np.subtract), _operator(np.subtract, True)
    __mul__, __rmul__ = _operator(np.multiply), _operator(np.multiply, True)
    __truediv__, __rtruediv__ = _operator(np.divide), _operator(np.divide, True)
    __floordiv__, __rfloordiv__ = _operator(np.floor_divide), _operator(np.floor_divide, True)
    __mod__, __rmod__ = _operator(np.remainder), _operator(np.remainder, True)
    __rpow__ = _operator(np.power, True)
    __matmul__, __rmatmul__ = _operator(np.matmul), _operator(np.matmul, True)
    __and__, __rand__ = _operator(np.bitwise_and), _operator(np.bitwise_and, True)
    __or__, __ror__ = _operator(np.bitwise_or), _operator(np.bitwise_or, True)
    __xor__, __rxor__ = _operator(np.bitwise_xor), _operator(np.bitwise_xor, True)
    __lshift__, __rlshift__ = _operator(np.left_shift), _operator(np.left_shift, True)
    __rshift__, __rrshift__ = _operator(np.right_shift), _operator(np.right_shift, True)
    __lt__, __le__ = _operator(np.less), _operator(np.less_equal)
    __gt__, __ge__ = _operator(np.greater), _operator(np.greater_equal)
    __eq__, __ne__ = _operator(np.equal), _operator(np.not_equal)  # pyright: ignore[reportAssignmentType]
    __iadd__, __isub__ = _inplace(np.add), _inplace(np.subtract)
    __imul__, __itruediv__ = _inplace(np.multiply), _inplace(np.divide)
    __ipow__, __imod__ = _inplace(np.power), _inplace(np.remainder)
    __ifloordiv__, __imatmul__ = _inplace(np.floor_divide), _inplace(np.matmul)
    __iand__, __ior__ = _inplace(np.bitwise_and), _inplace(np.bitwise_or)
    __ixor__ = _inplace(np.bitwise_xor)
    __ilshift__, __irshift__ = _inplace(np.left_shift), _inplace(np.right_shift)

    @entry
    def __pow__(self, other: Any) -> Any:
        if self.dtype == bool and type(other) is int and other == 2 and self.ndim:
            other = np.int8(2)  # NumPy squares, and of bools as int8
        return _power(self, other)

    def __divmod__(self, other: Any) -> Any:
        return self // other, self % other

    def __rdivmod__(self, other: Any) -> Any:
        return other // self, other % self

    @entry
    def __neg__(self) -> Any:
        return call_elementwise(UFUNCS[np.negative], (self,), operator=True)

    @entry
    def __abs__(self) -> Any:
        return as_weak(call_ufunc(np.absolute, (self,)), self)

    @entry
    def __invert__(self) -> Any:
        return call_ufunc(np.invert, (self,))

    @entry
    def __pos__(self) -> Any:
        return as_weak(call_ufunc(np.positive, (self,)), self)

    # indexing and iteration

    @entry
    def __getitem__(self, index: Any) -> Any:
        return FUNCTIONS["getitem"](self, index)

    @entry
    def __setitem__(self, index: Any, new: Any) -> None:
        FUNCTIONS["setitem"](self, index, new)

    @entry
    def __delitem__(self, index: Any) -> None:
        raise ShapeError(
            "cannot delete array elements", hint="np.delete(x, i) gives an array without them"
        )

    def __len__(self) -> int:
        if not self.ndim:
            raise TypeError("len() of unsized object")
        return self.shape[0]

    def __iter__(self) -> Iterator[Any]:
        if not self.ndim:
            raise TypeError("iteration over a 0-d array")
        return (self[i] for i in range(self.shape[0]))

    def __getattr__(self, name: str) -> Any:
        method = METHODS.get(name)
        if method is None:
            if name.startswith("__"):
                raise AttributeError(name)
            site = call_site()
            raise completed(missing(name, site.location), "", (self,), site.location)
        if name in ATTRIBUTES:
            return entry(method, name)(self)
        return functools.partial(entry(method, name), self)

    def __copy__(self) -> Any:
        return self.copy()

    def __deepcopy__(self, memo: dict[int, Any]) -> Any:
        return self.copy()


def snapshot(leaf: Any) -> Any:
    """A traced value as it is now, whatever is written to its handle."""
    return Tracer(leaf.builder, leaf.value, leaf.weak) if isinstance(leaf, Tracer) else leaf
