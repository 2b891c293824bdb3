"""What a user of the command line gives: values (`x=3.0`, `W=@file.npy`), types and functions.

Nothing here evaluates Python: values are constant expressions of `irgrad.frontend.expression`, and
arrays are loaded without pickle. Only `module:function` runs code: importing the user's own module.
"""

from __future__ import annotations

import difflib
import importlib
import importlib.util
import inspect
import re
import sys
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from irgrad.cli.users_code import users_code
from irgrad.errors import ArgumentError, IrgradError, with_article
from irgrad.frontend.expression import expression
from irgrad.runtime.callables import as_callable


def values(given: Iterable[str]) -> dict[str, Any]:
    """The values of several `name=value`.

    >>> values(["x=3.0", "v=[1, 2]"])
    {'x': 3.0, 'v': [1, 2]}
    """
    found: dict[str, Any] = {}
    for text in given:
        name, equals, value_text = (part.strip() for part in text.partition("="))
        if not equals or not name.isidentifier():
            raise ArgumentError(
                f"--at {text}: not of the form name=value",
                hint="write --at x=3.0, --at 'v=[1, 2]' or --at W=@file.npy",
            )
        if name in found:
            raise ArgumentError(f"--at gives '{name}' twice")
        found[name] = _value(name, value_text)
    return found


def _value(name: str, text: str) -> Any:
    if text.startswith("@"):
        return load_array(text[1:])
    try:
        formula = expression(text)
        if formula.names:
            raise ArgumentError(
                f"a value must be a number, a list or a constant expression, it mentions "
                f"{', '.join(formula.names)}",
                hint="load arrays from a file: name=@file.npy",
            )
        value = formula()
        numeric(value, floats=False)  # for its error
        return value
    except IrgradError as error:
        error.message = f"--at {name}: {error.message}"
        raise


def load_array(path: str) -> Any:
    """The array in a `.npy` file; one that holds Python objects is refused."""
    try:
        array = np.load(path, allow_pickle=False)
    except OSError as error:
        raise ArgumentError(f"cannot read {path}: {error.strerror or error}") from None
    except (ValueError, EOFError) as error:
        raise ArgumentError(
            f"{path} is not a .npy file of numbers: {error}",
            hint="write it with numpy.save(path, array)",
        ) from None
    if not isinstance(array, np.ndarray):
        raise ArgumentError(f"{path} holds several arrays", hint="save one with numpy.save")
    return array


def numeric(value: Any, *, floats: bool) -> Any:
    """Lists as arrays; with `floats`, integers as floats, since derivatives need them."""
    if isinstance(value, (list, tuple)):
        try:
            value = np.array(value)
        except ValueError as error:
            raise ArgumentError(f"not an array: {error}") from None
    if not floats:
        return value
    if isinstance(value, int) and not isinstance(value, bool):
        return float(value)
    is_integer = np.asarray(value).dtype.kind in "iu"
    return np.asarray(value, np.float64) if is_integer else value


def bound(
    function: Callable[..., Any], given: dict[str, Any], what: str
) -> tuple[tuple[Any, ...], dict[str, Any]]:
    """The arguments of a call of `function`, by position and by keyword, from values by name; an
    `ArgumentError` where one without a default is missing or another is given.

    >>> bound(lambda x, n=2, *, y: x, {"y": 3.0, "x": 1.0}, "f")
    ((1.0,), {'y': 3.0})
    """
    signature = inspect.signature(function)
    parameters = {
        name: _by_name(each)
        for name, each in signature.parameters.items()
        if each.kind not in (each.VAR_POSITIONAL, each.VAR_KEYWORD)
    }
    for name in given:
        if name not in parameters:
            close = difflib.get_close_matches(name, parameters, n=1)
            raise ArgumentError(
                f"{what} has no argument '{name}'; it has {', '.join(parameters) or 'none'}",
                hint=f"did you mean '{close[0]}'?" if close else "",
            )
    missing = [
        name
        for name, each in parameters.items()
        if each.default is each.empty and name not in given
    ]
    if missing:
        raise ArgumentError(
            f"{what} needs a value for {', '.join(missing)}",
            hint=" ".join(f"--at {name}=..." for name in missing),
        )
    found = inspect.Signature(list(parameters.values())).bind(**given)
    return found.args, found.kwargs


def _by_name(parameter: inspect.Parameter) -> inspect.Parameter:
    """The parameter as one that can be given by its name."""
    positional = parameter.kind == parameter.POSITIONAL_ONLY
    return parameter.replace(kind=parameter.POSITIONAL_OR_KEYWORD) if positional else parameter


def target(text: str) -> Callable[..., Any]:
    """The function that `module:name` or `path.py:name` stands for."""
    place, colon, name = text.rpartition(":")
    if not colon or not place or not name:
        raise ArgumentError(
            f"{text!r} does not name a function",
            hint="write module:function, path/file.py:function, or --expr 'x**2'",
        )
    with users_code(place):
        found: Any = _from_file(Path(place)) if place.endswith(".py") else _from_module(place)
    for part in name.split("."):
        if not hasattr(found, part):
            known = [key for key in dir(found) if not key.startswith("_")]
            close = difflib.get_close_matches(part, known, n=1)
            raise ArgumentError(
                f"{place} has no '{part}'", hint=f"did you mean '{close[0]}'?" if close else ""
            )
        found = getattr(found, part)
    function = as_callable(found)
    if not callable(function):
        raise ArgumentError(f"{text} is {with_article(type(found).__name__)}, not a function")
    return function


_FUNCTION = re.compile(r"([\w./\\-]+|.+\.py):[A-Za-z_][\w.]*")


def formula_or_function(text: str) -> Any:
    """What `EXPR` or `module:function` stands for."""
    return target(text) if _FUNCTION.fullmatch(text) else expression(text)


def _from_file(path: Path) -> Any:
    if not path.is_file():
        raise ArgumentError(f"there is no file {path}")
    name = path.stem if path.stem not in sys.modules else f"irgrad_target_{path.stem}"
    spec = importlib.util.spec_from_file_location(name, path)
    if spec is None or spec.loader is None:
        raise ArgumentError(f"cannot load {path}")
    _importable(path.resolve().parent)
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module


def _importable(folder: Path) -> None:
    if str(folder) not in sys.path:
        sys.path.insert(0, str(folder))


def _from_module(name: str) -> Any:
    _importable(Path.cwd())
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError as error:
        if error.name is None or not f"{name}.".startswith(f"{error.name}."):
            raise  # something that the user's module imports
        raise ArgumentError(
            f"there is no module '{error.name}' here",
            hint="run irgrad where it can be imported, or give a path: path/file.py:function",
        ) from None


def argnums(wrt: Sequence[str]) -> Any:
    """`--wrt` as argnums: names and positions; the first argument where none is given."""
    numbers = [int(text) if text.lstrip("-").isdigit() else text for text in wrt]
    return tuple(numbers) if len(numbers) > 1 else numbers[0] if numbers else 0
