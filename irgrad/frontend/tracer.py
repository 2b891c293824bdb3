"""The tracer: an array without numbers that NumPy code computes with, each step becoming a node.

It implements NumPy's override protocols, the operators, indexing and ndarray's methods and
attributes. What a NumPy function means is in `numpy_api`; here is only how a call gets there."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator
from typing import Any, NoReturn, TypeVar

import numpy as np

from irgrad.errors import DTypeError, IrgradError, MissingAttribute, TraceError, UnsupportedError
from irgrad.frontend.asker import asker
from irgrad.frontend.guards import deciding
from irgrad.frontend.known import known
from irgrad.frontend.out import check_out, writes_out
from irgrad.frontend.promote import any_traced, as_weak, comparable, innermost, kind, lift
from irgrad.frontend.site import call_site
from irgrad.frontend.view import View, owner_of, refreshed, write_result
from irgrad.ir.builder import Builder, Traced, located_by
from irgrad.ir.graph import Value
from irgrad.ir.op import Op
from irgrad.ir.types import check_plain, dtype_argument
from irgrad.ops.elementwise import UFUNCS, Elementwise

located_by(lambda: call_site(2).location)
FUNCTIONS: dict[Any, Callable[..., Any]] = {}
F = TypeVar("F", bound=Callable[..., Any])


def implements(*functions: Any) -> Callable[[F], F]:
    """Decorator: this is what the NumPy functions mean on traced values.

    A name stands for a function that not every supported NumPy has.
    """

    def decorate(implementation: F) -> F:
        for function in functions:
            known = getattr(np, function, None) if isinstance(function, str) else function
            FUNCTIONS[known] = writes_out(deciding(implementation), known)
        return implementation

    return decorate


def _name(result: Any, variable: str | tuple[str | None, ...] | None) -> None:
    """Call unnamed values after the variables that they are bound to."""
    if isinstance(result, Tracer):
        node = result.value.node
        if isinstance(variable, str) and node.name is None and len(node.types) == 1:
            node.name = variable
    elif isinstance(result, (tuple, list)) and isinstance(variable, tuple):
        for part, name in zip(result, variable, strict=False):
            _name(part, name)


def entry(method: F) -> F:
    """Decorator of the methods that user code calls: puts the user's line on nodes and errors, and
    the name of the user's variable on the result."""

    @functools.wraps(method)
    def wrapper(self: Tracer, *args: Any, **kwargs: Any) -> Any:
        now = self.builder.provenance
        if now.busy:
            return method(self, *args, **kwargs)
        site = call_site()
        now.busy, now.location = True, site.location
        try:
            result = method(self, *args, **kwargs)
        except IrgradError as error:
            raise error.at(site.location) from None
        finally:
            now.busy, now.location = False, None
        if site.variable is not None:
            _name(result, site.variable)
        return result

    return wrapper  # pyright: ignore[reportReturnType]


def _is_foreign(kind: type) -> bool:
    """Whether objects of this type give ufuncs a meaning of their own, so that NumPy's protocols
    let them decide.
    """
    return not issubclass(kind, (Tracer, np.ndarray, np.generic)) and hasattr(
        kind, "__array_ufunc__"
    )


_NO_NUMBERS = (str, bytes, dict, set, frozenset, type(None))
_EQUALITY = (np.equal, np.not_equal)


def _operator(ufunc: np.ufunc, reflected: bool = False) -> Any:
    op = UFUNCS.get(ufunc)

    def method(self: Tracer, other: Any) -> Any:
        operands = (other, self) if reflected else (self, other)
        if isinstance(other, _NO_NUMBERS) or _is_foreign(type(other)):
            if ufunc in _EQUALITY and not _is_foreign(type(other)):
                return np.full(self.shape, ufunc is np.not_equal)[()]  # equal to no number
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
        if result is NotImplemented or not (self.ndim or self.view):  # scalars are immutable
            return result
        return write_result(ufunc.__name__, self, result)

    return entry(method)


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


class Tracer(Traced):
    """A traced array: dtype and shape are known, the numbers are not.

    It is a handle on the current version of the array; `view` is there where it shows part of
    another. `weak` marks a Python float or complex argument, which promotes as NumPy promotes a
    Python number."""

    __slots__ = ("view", "weak")
    __array_priority__ = 1000
    __hash__ = None  # pyright: ignore[reportAssignmentType] -- equality is elementwise, as ndarray's

    def __init__(self, builder: Builder, value: Value, weak: bool = False) -> None:
        self.owner = builder
        self.version = value
        self.view: View | None = None
        self.weak = weak

    @property
    def builder(self) -> Builder:
        """The builder of the graph that the current version is in."""
        return self.owner if self.view is None else owner_of(self)

    @property
    def value(self) -> Value:
        """The current version."""
        return self.version if self.view is None else refreshed(self)

    def show(self, parent: Any, op: Op) -> None:
        """Be a view of `parent` through `op`."""
        self.view = View(parent, op)

    # attributes: no version has another type

    @property
    def shape(self) -> tuple[int, ...]:
        """Extents of the axes."""
        return self.version.type.shape

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
            name = f"{function.__module__}.{function.__name__}"
            raise UnsupportedError(
                f"{name} is not supported on traced values",
                hint="compute it outside, or open an issue naming it",
            )
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
            raise MissingAttribute(
                f"ndarray.{name} is not supported on traced values", location=call_site().location
            )
        if name in ATTRIBUTES:
            return entry(method)(self)
        return functools.partial(entry(method), self)

    # what only numbers have

    def _refuse(self, what: str, hint: str) -> NoReturn:
        site = call_site(1)
        raise TraceError(
            f"{what} of a traced value ({self.value!r})", location=site.location, hint=hint
        )

    def __bool__(self) -> bool:
        numbers = known(self)
        if numbers is not None:
            return bool(numbers)
        return self._refuse(
            "Python's truth value (if, while, and, or, not, assert, a chained comparison)",
            "use np.where(condition, a, b), np.logical_and, np.logical_or, or irgrad.cond and "
            "irgrad.while_loop; the condition is not known while the function is lowered",
        )

    def __float__(self) -> float:
        numbers = known(self)
        return float(self._no_number("float()") if numbers is None else numbers)

    def __int__(self) -> int:
        numbers = known(self)
        return int(self._no_number("int()") if numbers is None else numbers)

    def __complex__(self) -> complex:
        numbers = known(self)
        return complex(self._no_number("complex()") if numbers is None else numbers)

    def __index__(self) -> int:
        numbers = known(self)
        if numbers is not None:
            return numbers.__index__()
        return self._refuse(
            "use as a Python index or a size",
            "sizes and slice bounds must be Python ints; to index a constant array by a traced "
            "integer, pass the array as an argument; for a list, use np.choose(i, list)",
        )

    def __array__(self, dtype: Any = None, copy: Any = None) -> Any:
        numbers = known(self)
        if numbers is None:
            self._no_number("conversion to an ordinary NumPy array")
        return np.array(numbers, dtype)

    def _no_number(self, what: str) -> NoReturn:
        if call_site(2).stores_item:
            self._refuse(
                "in-place write into a constant NumPy array",
                "the array would have to hold numbers; build "
                "the result with np.stack, np.concatenate or np.where",
            )
        name, remedy = asker(2)
        if name and f"{name}()" != what:
            what = f"{name}: {what}"
        if not remedy and self.dtype.kind in "biu":
            remedy = (
                "to index a constant array by it, pass the array as an argument; "
                "np.where(mask, a, b) chooses by a traced mask"
            )
        elif not remedy:
            remedy = "leave the value as it is; np.stack([a, b]) makes an array of traced values"
        self._refuse(what, f"the numbers are not known while the function is lowered; {remedy}")

    @entry
    def __round__(self, ndigits: int | None = None) -> Any:
        if self.ndim:
            self._refuse("round() of an array", "use np.round(x, decimals)")
        if ndigits is None:
            self._refuse("round(), which gives a Python int,", "use np.round(x) or np.rint(x)")
        return as_weak(np.round(self, ndigits), self)

    def __copy__(self) -> Any:
        return self.copy()

    def __deepcopy__(self, memo: dict[int, Any]) -> Any:
        return self.copy()

    def __reduce_ex__(self, protocol: Any) -> NoReturn:
        self._no_number("pickling")

    def __repr__(self) -> str:
        return f"<traced {self.value!r}>"

    def __format__(self, spec: str) -> str:
        return repr(self)


COMPARISONS = (np.equal, np.not_equal, np.less, np.less_equal, np.greater, np.greater_equal)
METHODS: dict[str, Callable[..., Any]] = {}
ATTRIBUTES: set[str] = set()


def call_elementwise(op: Elementwise, operands: tuple[Any, ...], operator: bool = False) -> Tracer:
    """Emit an elementwise op on operands of any kind, promoted as its ufunc would."""
    builder = innermost(operands)
    if op.ufunc in COMPARISONS and any(type(operand) is int for operand in operands):
        operands = tuple(map(comparable, operands, operands[::-1]))
    if any(isinstance(operand, (list, tuple)) and any_traced(operand) for operand in operands):
        operands = tuple(lift(builder, x) if isinstance(x, (list, tuple)) else x for x in operands)
    try:
        loop = op.loop(tuple(map(kind, operands)))
    except IrgradError as error:
        traced = [repr(operand.value) for operand in operands if isinstance(operand, Traced)]
        error.message += f"\n  operands: {', '.join(traced)}"
        raise
    values = [
        builder.lift(
            operand
            if isinstance(operand, Tracer) and operand.value.type.dtype == dtype
            else lift(builder, operand, dtype)
        )
        for operand, dtype in zip(operands, loop, strict=False)
    ]
    weak = (
        operator
        and all(isinstance(kind(operand), type) for operand in operands)
        and loop[-1].kind in "fc"
    )
    return Tracer(builder, Value(builder.emit(op, values), 0), weak)


def call_ufunc(
    ufunc: np.ufunc, inputs: tuple[Any, ...], method: str = "__call__", kwargs: Any = None
) -> Any:
    """What a ufunc call, or a ufunc's method, means on traced operands."""
    if method != "__call__":
        implementation = FUNCTIONS.get((ufunc, method)) or FUNCTIONS.get(method)
        if implementation is None:
            raise UnsupportedError(f"{ufunc.__name__}.{method} is not supported on traced values")
        options = dict(kwargs or {})
        (out,) = options.pop("out", None) or (None,)
        if out is None:
            return implementation(ufunc, *inputs, **options)
        check_out(f"np.{ufunc.__name__}.{method}", out)
        traced = any(map(any_traced, inputs))
        result = (
            implementation(ufunc, *inputs, **options)
            if traced
            else getattr(ufunc, method)(*inputs, **options)
        )
        return write_result(f"np.{ufunc.__name__}.{method}", out, result)
    options = {key: option for key, option in (kwargs or {}).items() if option is not None}
    outs, where = options.pop("out", ()), options.pop("where", True)
    dtype, casting = options.pop("dtype", None), options.pop("casting", "same_kind")
    if options or (where is not True and not any(out is not None for out in outs)):
        raise UnsupportedError(
            f"np.{ufunc.__name__}: {', '.join(options) or 'where'}= is not supported on traced "
            "values",
            hint="use np.where for where=, or give out= too",
        )
    if len(inputs) > ufunc.nin:
        inputs, outs = inputs[: ufunc.nin], inputs[ufunc.nin :]
    result = _ufunc_result(ufunc, inputs, dtype)
    if not outs:
        return result
    results = result if isinstance(result, tuple) else (result,)
    written = tuple(
        each if out is None else _into(f"np.{ufunc.__name__}", out, each, where, casting)
        for out, each in zip(outs, results, strict=True)
    )
    return written if isinstance(result, tuple) else written[0]


def _ufunc_result(ufunc: np.ufunc, inputs: tuple[Any, ...], dtype: Any) -> Any:
    if not any(map(any_traced, inputs)):
        return ufunc(*inputs, dtype=dtype)
    op = UFUNCS.get(ufunc)
    if op is None:
        implementation = FUNCTIONS.get(ufunc)
        if implementation is None:
            raise UnsupportedError(f"the ufunc {ufunc.__name__} is not supported on traced values")
        result = implementation(*inputs)
    else:
        if dtype is not None:
            builder = innermost(inputs)
            inputs = tuple(lift(builder, x, dtype_argument(dtype)) for x in inputs)
        result = call_elementwise(op, inputs)
    return result.astype(dtype) if dtype is not None and result.dtype != dtype else result


def _into(name: str, out: Any, result: Any, where: Any, casting: Any) -> Any:
    """`out` with the result in it, at the places `where` alone."""
    check_out(name, out)
    if where is not True:
        result = np.where(where, result, out)
    return write_result(name, out, result, casting)


def method(name: str, attribute: bool = False) -> Callable[[F], F]:
    """Decorator: this is ndarray's method (or attribute) `name` on traced values."""

    def decorate(implementation: F) -> F:
        METHODS[name] = writes_out(deciding(implementation))
        if attribute:
            ATTRIBUTES.add(name)
        return implementation

    return decorate
