"""The sweep: tables of forms, one a line, each compiled and compared with NumPy itself.

A form is Python as a user writes it: statements between semicolons, the last an expression. Its
lower-case names are traced arguments, their upper-case twins the same arrays closed over. All forms
of a table are one program, so that thousands of them take seconds; where that program fails, each
is looked at by itself, and the failures are listed.

What NumPy gives is expected: values, dtypes, shapes, lists and tuples. Two differences are rules of
irgrad's: a result without axes is a NumPy scalar, and complex numbers do not lose their imaginary
part unasked. Where NumPy raises, irgrad raises too; so it does where a dtype is none of its own."""

from __future__ import annotations

import ast
import builtins
import linecache
import math
import operator
import warnings
from collections.abc import Callable, Iterable
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from scipy import linalg, special

import irgrad
from irgrad.errors import IrgradError
from tests.frontend.against_numpy import leaves

KINDS: dict[str, Any] = {
    "f64": np.float64, "f32": np.float32, "i64": np.int64, "u8": np.uint8, "bool": np.bool_,
    "c128": np.complex128,
}  # fmt: skip
SHAPES = {
    "x": (3, 4), "y": (3, 4), "t": (2, 3, 4), "q": (3, 3), "v": (4,), "w": (3,), "s": (), "z": ()
}  # fmt: skip
EXACT: dict[str, Any] = {
    "m": np.array([[1, 0, 1, 0], [0, 0, 1, 1], [1, 1, 0, 0]], bool),
    "i": np.array([2, 0, 1]),
    "k": np.array([[0, 3, 1], [1, 1, 2]]),
}


@cache
def arrays(kind: str) -> dict[str, Any]:
    """The arguments by name: general numbers; `p` is positive definite, `e` has no elements, `s` is
    a scalar, `m` a mask, `i` and `k` are places.
    """
    dtype = np.dtype(KINDS[kind])
    made: dict[str, Any] = dict(EXACT)
    for name, shape in SHAPES.items():
        draw = np.random.default_rng([ord(name), *shape])
        numbers: Any = 0.37 * draw.permutation(math.prod(shape)) - 1.3
        numbers = numbers.reshape(shape) + draw.uniform(0.02, 0.1, shape)
        if dtype.kind == "c":
            numbers = numbers + 1j * draw.standard_normal(shape)
        elif dtype.kind in "iu":
            numbers = np.round(2 * numbers)
            numbers = np.abs(numbers) if dtype.kind == "u" else numbers
        made[name] = np.asarray(numbers > 0 if dtype.kind == "b" else numbers, dtype)
    made["s"] = made["s"][()]
    made["e"] = np.zeros((0, 4), dtype)
    made["p"] = (made["q"] @ made["q"].conj().T + 30 * np.eye(3)).astype(dtype)
    return made


class Form(NamedTuple):
    """A line of a table, the traced arguments it names, and its source as a function."""

    text: str
    names: tuple[str, ...]
    body: str

    @classmethod
    def of(cls, text: str) -> Form:
        found = {node.id for node in ast.walk(ast.parse(text)) if isinstance(node, ast.Name)}
        *statements, result = (part.strip() for part in text.split("; "))
        body = "".join(f"    {line}\n" for line in [*statements, f"return {result}"])
        return cls(text, tuple(sorted(found & {*SHAPES, *EXACT, "e", "p"})), body)

    def source(self, name: str) -> str:
        """The definition of the function."""
        return f"def {name}({', '.join(self.names)}):\n{self.body}"


REFUSED = "refused"


def read(path: Path) -> dict[str, list[Form]]:
    """The forms of a table for each kind of array, and those that irgrad refuses.

    A line that ends with a colon says for which kinds the forms are that follow, up to a blank
    line; `#` begins a remark.
    """
    found: dict[str, list[Form]] = {name: [] for name in (*KINDS, REFUSED)}
    at = list(KINDS)
    for line in path.read_text().splitlines():
        if line.endswith(":"):
            at = line.rstrip(":").split()
        elif not line:
            at = list(KINDS)
        elif not line.startswith("#"):
            for kind in at:
                found[kind].append(Form.of(line))
    return found


def function_of(group: Iterable[Form], kind: str) -> Callable[..., list[Any]]:
    """The forms as one function of all arguments that they name; it has a source, as a user's
    would.
    """
    group = list(group)
    scope: dict[str, Any] = {
        "np": np, "math": math, "operator": operator, "linalg": linalg, "special": special,
        **{name.upper(): np.array(array) for name, array in arrays(kind).items()},
    }  # fmt: skip
    calls = "".join(f"        form_{n}({', '.join(form.names)}),\n" for n, form in enumerate(group))
    source = "".join(form.source(f"form_{n}") for n, form in enumerate(group))
    source += f"def every({', '.join(names_of(group))}):\n    return [\n{calls}    ]\n"
    file = f"<forms {hash((source, kind))}>"
    linecache.cache[file] = len(source), None, source.splitlines(keepends=True), file
    exec(compile(source, file, "exec"), scope)
    return scope["every"]


def names_of(group: Iterable[Form]) -> list[str]:
    """The arguments that any of the forms names."""
    return sorted({name for form in group for name in form.names})


def arguments(group: Iterable[Form], kind: str) -> list[Any]:
    """Copies of the arguments that the forms name."""
    return [np.copy(arrays(kind)[name])[()] for name in names_of(group)]


class Expected(NamedTuple):
    """What NumPy makes of a form: a result or an error; `refused` where irgrad has to refuse it."""

    result: Any
    error: Exception | None
    refused: bool


@cache
def expected(form: Form, kind: str) -> Expected:
    """What NumPy makes of a form."""
    with warnings.catch_warnings(record=True) as said, np.errstate(all="ignore"):
        warnings.simplefilter("always")
        try:
            (result,) = function_of([form], kind)(*arguments([form], kind))
        except Exception as error:
            return Expected(None, error, True)
    dropped = any(issubclass(each.category, np.exceptions.ComplexWarning) for each in said)
    half = any(np.asarray(leaf).dtype == np.float16 for leaf in leaves(result))
    return Expected(result, None, dropped or half)


def difference(got: Any, wanted: Any, single: bool = False) -> str:
    """In what a result differs from NumPy's; empty where it does not. Of `single` precision are
    arguments of float32, whatever dtype the result has.
    """
    if isinstance(wanted, (list, tuple)):
        if not isinstance(got, list if isinstance(wanted, list) else tuple):
            return f"{builtins.type(got).__name__} instead of {builtins.type(wanted).__name__}"
        if len(got) != len(wanted):
            return f"{len(got)} parts instead of {len(wanted)}"
        parts = (difference(a, b, single) for a, b in zip(got, wanted, strict=True))
        return next(filter(None, parts), "")
    if not isinstance(wanted, (np.ndarray, np.generic, bool, int, float, complex)):
        return "" if got == wanted else f"{got!r} instead of {wanted!r}"
    if not np.shape(got) and not isinstance(got, (np.generic, bool, int, str)):
        return f"{builtins.type(got).__name__} instead of a NumPy scalar"
    got, wanted = np.asarray(got), np.asarray(wanted)
    if (got.dtype, got.shape) != (wanted.dtype, wanted.shape):
        return f"{got.dtype}{got.shape} instead of {wanted.dtype}{wanted.shape}"
    single = single or wanted.dtype in (np.float32, np.complex64)
    rtol, atol = (2e-4, 1e-5) if single else (1e-9, 1e-10)
    close = np.allclose(got, wanted, rtol, atol, equal_nan=True)
    return "" if close else f"\n{got}\n  instead of\n{wanted}"


def _attempt(form: Form, kind: str, backend: str) -> str:
    """What is wrong with one form."""
    wanted = expected(form, kind)
    try:
        (got,) = irgrad.compile(function_of([form], kind), backend=backend)(
            *arguments([form], kind)
        )
    except (IrgradError, TypeError, ValueError, IndexError) as error:
        if not wanted.refused:
            return f"{builtins.type(error).__name__}: {error}"
        placed = not isinstance(error, IrgradError) or "return " in str(error) or error.location
        return "" if placed else f"an error without a line: {error}"
    if wanted.error is not None:
        return f"gives {got!r}, NumPy raises {wanted.error!r}"
    return difference(got, wanted.result, kind == "f32")


def wrong_values(every: list[Form], kind: str, backend: str) -> list[str]:
    """The forms that do not give what NumPy gives, or raise as it does, and how they differ."""
    sound = [form for form in every if not expected(form, kind).refused]
    with np.errstate(all="ignore"):
        try:
            found = irgrad.compile(function_of(sound, kind), backend=backend)(
                *arguments(sound, kind)
            )
            apart = [
                form
                for form, got in zip(sound, found, strict=True)
                if difference(got, expected(form, kind).result, kind == "f32")
            ]
        except Exception:
            apart = sound
        apart += [form for form in every if expected(form, kind).refused]
        said = {form.text: _attempt(form, kind, backend) for form in apart}
    return [f"{text}: {wrong}" for text, wrong in said.items() if wrong]


def wrong_derivatives(every: list[Form]) -> list[str]:
    """The forms whose derivatives disagree with differences, in float64."""
    smooth = [form for form in every if _is_smooth(form)]
    with np.errstate(all="ignore"), irgrad.use_backend("numpy"):
        if not _disagreement(smooth):
            return []
        said = {form.text: _disagreement([form]) for form in smooth}
    return [f"{text}: {wrong}" for text, wrong in said.items() if wrong]


def not_refused(every: list[Form]) -> list[str]:
    """The forms that are not refused by an error with the user's line and a remedy."""
    said: dict[str, str] = {}
    for form in every:
        try:
            irgrad.compile(function_of([form], "f64"))(*arguments([form], "f64"))
            said[form.text] = "it is computed"
        except IrgradError as error:
            if error.location is None or not error.hint:
                said[form.text] = f"{error}"
        except Exception as error:
            said[form.text] = repr(error)
    return [f"{text}: {wrong}" for text, wrong in said.items()]


def _is_smooth(form: Form) -> bool:
    """Whether differences in float64 tell the derivative of a form."""
    wanted = expected(form, "f64")
    return (
        not wanted.refused
        and not any(mark in form.text for mark in ("float32", '"f4"', "int", "nan"))
        and any(np.asarray(leaf).dtype.kind in "fc" for leaf in leaves(wanted.result))
        and all(np.all(np.isfinite(leaf)) for leaf in leaves(wanted.result) if np.ndim(leaf) >= 0)
    )


def _disagreement(group: list[Form]) -> str:
    try:
        irgrad.check_grads(function_of(group, "f64"), arguments(group, "f64"), order=1)
    except (IrgradError, TypeError, ValueError) as error:
        return f"{builtins.type(error).__name__}: {error}"
    return ""
