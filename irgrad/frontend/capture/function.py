"""Functions rewritten: the same name, defaults, globals and closure cells, another code.

The code is made once for each code object; where a function has no source, it stays as it is."""

from __future__ import annotations

import functools
import threading
from collections.abc import Callable, Iterator
from functools import cache
from types import CellType, CodeType, FunctionType, MethodType
from typing import Any
from weakref import WeakKeyDictionary

from irgrad.frontend.capture.module import rewritten
from irgrad.frontend.capture.recursion import is_left
from irgrad.frontend.capture.rewrite import HELPER
from irgrad.frontend.capture.settings import is_enabled
from irgrad.frontend.capture.source import Source, source_of
from irgrad.frontend.site import is_library
from irgrad.ir.builder import CURRENT

_lock = threading.RLock()
_codes: dict[tuple[CodeType, str, Any], CodeType | None] = {}
_rewritten: set[CodeType] = set()
_functions: WeakKeyDictionary[FunctionType, FunctionType] = WeakKeyDictionary()


def captured(function: Callable[..., Any]) -> Callable[..., Any]:
    """The function or method rewritten, also inside a partial or as an object's `__call__`; itself
    where it is not the user's, or has no source.
    """
    if isinstance(function, MethodType) and isinstance(function.__func__, FunctionType):
        inner = captured(function.__func__)
        return function if inner is function.__func__ else MethodType(inner, function.__self__)
    if isinstance(function, functools.partial):
        return _captured_partial(function)
    if not isinstance(function, FunctionType):
        return _captured_object(function)
    if not is_enabled():
        return function
    known = _functions.get(function)
    if known is not None and is_left(known.__code__):
        return function
    if known is not None and known.__defaults__ == function.__defaults__:
        return known
    if function.__code__ in _rewritten or not is_users(function.__code__):
        return function
    code = _code_of(function)
    if code is None:
        here = CURRENT.get()
        if here is not None:
            here.notes["no source"] = function
        return function
    made = _with_code(function, code)
    _functions[function] = made
    return made


def _captured_partial(function: functools.partial[Any]) -> Callable[..., Any]:
    if type(function) is not functools.partial:
        return function
    inner = captured(function.func)
    same = inner is function.func
    return function if same else functools.partial(inner, *function.args, **function.keywords)


def _captured_object(function: Callable[..., Any]) -> Callable[..., Any]:
    """What calls an object: its rewritten `__call__`."""
    kind: Any = type(function)
    method = next((vars(c)["__call__"] for c in kind.__mro__ if "__call__" in vars(c)), None)
    if type(method) is FunctionType and captured(method) is not method:
        return MethodType(captured(method), function)
    return function


@cache
def is_users(code: CodeType) -> bool:
    """Whether code is neither a library's that irgrad knows the functions of, nor Python's own."""
    return not is_library(code)


def _code_of(function: FunctionType) -> CodeType | None:
    key = function.__code__, function.__code__.co_filename, None
    with _lock:
        if key not in _codes:
            _codes[key] = _compiled(source_of(function), key[0], key[0].co_freevars)
        return _codes[key]


def handing(
    function: FunctionType, change: Callable[[Any], Any], names: dict[str, Any]
) -> Callable[..., Any] | None:
    """The function rewritten from another definition, with free variables of other `names` in it;
    None where there is none.
    """
    code = function.__code__
    free = (*(name for name in code.co_freevars if name != HELPER), *names)
    key = code, code.co_filename, change
    with _lock:
        if key not in _codes:
            source = source_of(function)
            definition = None if source is None else change(source.definition)
            made = source and definition and source._replace(definition=definition)
            _codes[key] = _compiled(made, code, free)
        found = _codes[key]
    return None if found is None else _with_code(function, found, names)


def _compiled(source: Source | None, code: CodeType, free: tuple[str, ...]) -> CodeType | None:
    if source is None:
        return None
    module = rewritten(source, free)
    flags = code.co_flags & _FUTURE
    try:
        compiled = compile(module, code.co_filename, "exec", flags, dont_inherit=True)
    except SyntaxError:
        return None
    for inner in _nested(compiled):
        _rewritten.add(inner)
    holder = next(c for c in compiled.co_consts if isinstance(c, CodeType))
    inner = next(c for c in holder.co_consts if isinstance(c, CodeType))
    return inner if set(inner.co_freevars) <= {HELPER, *free} else None


_FUTURE = 0x1000000  # from __future__ import annotations


def _nested(code: CodeType) -> Iterator[CodeType]:
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield constant
            yield from _nested(constant)


def _with_code(
    function: FunctionType, code: CodeType, names: dict[str, Any] | None = None
) -> FunctionType:
    from irgrad.frontend.capture import call

    cells = dict(zip(function.__code__.co_freevars, function.__closure__ or (), strict=True))
    cells[HELPER] = CellType(call)
    cells.update({name: CellType(held) for name, held in (names or {}).items()})
    made = FunctionType(
        code,
        function.__globals__,
        function.__name__,
        function.__defaults__,
        tuple(cells[name] for name in code.co_freevars),
    )
    made.__kwdefaults__ = function.__kwdefaults__
    made.__dict__.update(function.__dict__)
    made.__qualname__, made.__module__ = function.__qualname__, function.__module__
    made.__doc__ = function.__doc__
    made.__annotations__ = function.__annotations__
    return made
