"""What an operation is: a name, parameters, a type rule, a reference meaning and derivative rules.

An `Op` is immutable. Ops without parameters are single instances; ops with parameters are frozen
dataclasses whose fields are the parameters. The registry maps names to constructors; reading text
or JSON goes through it, so that only registered ops with well-typed parameters ever come into
being."""

from __future__ import annotations

import dataclasses
import difflib
import sys
import types
import typing
from collections.abc import Callable, Sequence
from functools import cache, lru_cache
from importlib.metadata import entry_points
from typing import Any, ClassVar, TypeVar

import numpy as np
import numpy.typing as npt

from irgrad.errors import IRTextError, OptionError, UnsupportedError
from irgrad.ir.declared import as_declared
from irgrad.ir.types import ArrayType

Array = npt.NDArray[Any]


class Op:
    """One kind of operation. Subclasses say what it means; nothing here is particular to a backend.

    In the derivative rules, operands, outputs and (co)tangents are array-likes that understand
    NumPy: the rules are written in plain NumPy and run on traced values. None stands for a
    (co)tangent that is zero.

    >>> from irgrad.ops.linear import Sum
    >>> op = Sum(axes=(0,))
    >>> op.name, op.parameters, op.reference(np.ones(3)).item()
    ('sum', {'axes': (0,)}, 3.0)
    """

    name: ClassVar[str]
    is_view: ClassVar[bool] = False
    """Whether the reference may return a view of its first operand."""
    home: ClassVar[str | None] = None
    """The file that registered the op, where that is none of irgrad's: its lines are not those of
    the user whose call fails."""
    is_elementwise: ClassVar[bool] = False
    """Whether it acts on each element apart, with NumPy's broadcasting."""
    is_window: ClassVar[bool] = False
    """Whether NumPy code can write through the result into the first operand: `overwrite` says
    what becomes of it."""

    @property
    def parameters(self) -> dict[str, Any]:
        """The parameters by name, in the order in which they print."""
        return (
            {f.name: getattr(self, f.name) for f in dataclasses.fields(typing.cast(Any, self))}
            if _is_parametric(self)
            else {}
        )

    def remark(self) -> str:
        """What a reader of a text should know, for a comment above the line; mostly nothing."""
        return ""

    def promoted(self, *kinds: Any) -> tuple[Any, ...]:
        """The dtypes to which `bind` converts operands of these dtypes, or of these Python number
        types: as they are, unless the class says so.
        """
        return tuple(np.dtype(kind) for kind in kinds)

    def result_types(self, *operands: ArrayType) -> tuple[ArrayType, ...]:
        """The types of the outputs; raises a `ShapeError` or `DTypeError` where the operands do not
        fit.
        """
        raise NotImplementedError

    def reference(self, *operands: Array) -> Array | tuple[Array, ...]:
        """The meaning of the op, in NumPy: one array, or a tuple for several outputs."""
        raise NotImplementedError

    def jvp(
        self, primals: Sequence[Any], outputs: Sequence[Any], tangents: Sequence[Any]
    ) -> Sequence[Any]:
        """Tangents of the outputs, given those of the operands (None is zero)."""
        raise no_derivative(self.name)

    def vjp(
        self,
        primals: Sequence[Any],
        outputs: Sequence[Any],
        cotangents: Sequence[Any],
        wanted: Sequence[bool],
    ) -> Sequence[Any]:
        """Cotangents of the operands, given those of the outputs; only `wanted` operands need
        one.
        """
        raise no_derivative(self.name)

    def batch(self, operands: Sequence[Any], batched: Sequence[bool]) -> Sequence[Any] | None:
        """The outputs for a whole batch of examples.

        Of the operands, those that are `batched` (at least one) have the batch axis in front, the
        others are the same for all examples. Of the outputs, those of one more axis than the op
        gives are batched, in front too, the others again the same for all. None, as here, says that
        the op has no rule: it is applied to one example after the other."""
        return None

    def overwrite(self, x: Any, y: Any, *places: Any) -> Any:
        """The operand `x` after `y` was written into the result, for a window; `places` are its
        further operands.
        """
        raise NotImplementedError

    def differentiable(self, operand: int) -> bool:
        """Whether the outputs depend on this operand smoothly; False stops derivatives, by
        class.
        """
        return True

    def result_names(self) -> Sequence[str]:
        """What to call outputs in the text that no variable of the user's names; nothing says that
        numbers do.
        """
        return ()

    def replaced(self, **parameters: Any) -> Op:
        """The op with other values of some parameters."""
        return dataclasses.replace(typing.cast(Any, self), **parameters)

    def __repr__(self) -> str:
        parameters = ", ".join(f"{k}={v!r}" for k, v in self.parameters.items())
        return f"{self.name}({parameters})"


def no_derivative(what: str) -> UnsupportedError:
    """The error for an op without a derivative; who asks for it adds the user's line."""
    return UnsupportedError(
        f"{what} has no derivative",
        hint="irgrad.stop_gradient(x) takes it as a constant, irgrad.custom_jvp gives it a rule",
    )


REGISTRY: dict[str, Op | type[Op]] = {}
_MODULES: dict[str, str] = {}
T = TypeVar("T", bound=Op)


@typing.dataclass_transform(frozen_default=True)
def register(name: str) -> Callable[[type[T]], type[T]]:
    """Class decorator: a frozen dataclass of parameters, known to text and JSON as `name`. The name
    of an op of another module is an `OptionError`.

    >>> @register("shifted")
    ... class Shifted(Op):
    ...     by: int
    ...
    ...     def result_types(self, *operands):
    ...         return operands
    ...
    ...     def reference(self, *operands):
    ...         return operands[0] + operands[0].dtype.type(self.by)
    >>> make_op("shifted", {"by": 3})
    shifted(by=3)
    """

    def decorate(cls: type[T]) -> type[T]:
        cls.name = name
        parametric = dataclasses.dataclass(frozen=True, repr=False)(cls)
        _add(name, parametric)
        return parametric

    return decorate


def register_instance(op: Op) -> Op:
    """Register an op that has no parameters."""
    _add(op.name, op)
    return op


def make_op(name: str, parameters: dict[str, Any]) -> Op:
    """The op called `name` with `parameters`; an `IRTextError` where the registry knows no such
    thing.
    """
    entry = REGISTRY.get(name) or _load_outside_ops().get(name)
    if entry is None:
        close = difflib.get_close_matches(name, REGISTRY, n=1)
        raise IRTextError(
            f"unknown op '{name}'", hint=f"did you mean '{close[0]}'?" if close else ""
        )
    if isinstance(entry, Op):
        if parameters:
            raise IRTextError(f"{name} takes no parameters, got {', '.join(parameters)}")
        return entry
    hints = parameter_types(entry)
    if set(parameters) != set(hints):
        raise IRTextError(
            f"{name} takes the parameters {{{', '.join(hints)}}}, got {{{', '.join(parameters)}}}"
        )
    for key, value in parameters.items():
        if not conforms(value, hints[key]):
            wanted = getattr(hints[key], "__name__", str(hints[key]))
            raise IRTextError(f"{name}: parameter {key} must be {wanted}, got {value!r}")
    return entry(**parameters)


@cache
def parameter_types(cls: type[Op]) -> dict[str, Any]:
    """Parameter name -> annotated type, in order."""
    hints = typing.get_type_hints(cls)
    return {f.name: hints[f.name] for f in dataclasses.fields(typing.cast(Any, cls))}


def conforms(value: Any, hint: Any) -> bool:
    """Whether a parameter value has the annotated type (int, str, tuple[int, ...], dtype, Graph, X
    | None, ...).
    """
    origin, arguments = typing.get_origin(hint), typing.get_args(hint)
    if origin is tuple:
        if not isinstance(value, tuple):
            return False
        items = typing.cast("tuple[Any, ...]", value)
        if len(arguments) == 2 and arguments[1] is Ellipsis:
            return all(conforms(item, arguments[0]) for item in items)
        return len(items) == len(arguments) and all(map(conforms, items, arguments))
    if origin in (typing.Union, types.UnionType):
        return any(conforms(value, argument) for argument in arguments)
    if origin is np.dtype:
        return isinstance(value, np.dtype)
    if hint is int:
        return isinstance(value, int) and not isinstance(value, bool)
    return isinstance(value, origin or hint)


def _is_parametric(op: Any) -> bool:
    return dataclasses.is_dataclass(op)


def _add(name: str, entry: Op | type[Op]) -> None:
    home, module = _place_outside()
    if name in REGISTRY and (home is None or _MODULES[name] != module):
        raise OptionError(
            f"an op called '{name}' is registered already, by the module {_MODULES[name]}",
            hint="choose another name",
        )
    if home is not None:
        entry.home = home  # pyright: ignore[reportAttributeAccessIssue] -- a constant from here on
        if isinstance(entry, type):
            entry.reference = as_declared(entry.reference)
    REGISTRY[name] = entry
    _MODULES[name] = module


def _place_outside() -> tuple[str | None, str]:
    """The file and the module that register an op now: a module that is run again, as the cell of
    a notebook, may. Of irgrad, which is being imported, there is no file.
    """
    frame: types.FrameType | None = sys._getframe(2)  # pyright: ignore[reportPrivateUsage]
    while frame is not None and frame.f_globals.get("__name__", "").startswith("irgrad."):
        frame = frame.f_back
    if frame is None or frame.f_globals.get("__name__", "").startswith("importlib."):
        return None, "irgrad"
    return frame.f_code.co_filename, frame.f_globals.get("__name__", "")


@lru_cache(maxsize=1)
def _load_outside_ops() -> dict[str, Op | type[Op]]:
    """Import the modules that other distributions name under the entry-point group `irgrad.ops`."""
    for entry_point in entry_points(group="irgrad.ops"):
        entry_point.load()
    return REGISTRY
