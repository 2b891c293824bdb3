"""Compiled functions: one program for each signature, made at the first call with it."""

from __future__ import annotations

import functools
import inspect
import sys
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from irgrad.errors import ArgumentError, BackendError, IrgradError, with_article
from irgrad.frontend.capture import capturing
from irgrad.frontend.capture.settings import TURNED_OFF
from irgrad.frontend.decisions import Decisions, deciding_by
from irgrad.frontend.lower import Lowered, Signature, check_numbers, signature_of
from irgrad.frontend.pytree import LEAF
from irgrad.frontend.site import call_site
from irgrad.ir.delayed import made
from irgrad.ir.graph import Graph
from irgrad.passes.pipeline import optimise
from irgrad.runtime import export, native, output
from irgrad.runtime.backend import Memory, default_backend, get_backend
from irgrad.runtime.callables import as_callable, function_of
from irgrad.runtime.program import Program, Programs, flat_key
from irgrad.runtime.remember import bound, kept
from irgrad.runtime.target import (
    has_traced,
    inline,
    innermost_call,
    innermost_function,
    lower_target,
)
from irgrad.runtime.unbound import Unbound

STAGES = ("lowered", "differentiated", "optimised")


class Compiled:
    """A function, transformation, expression or graph, compiled once for each signature.

    Arrays and Python floats are arguments of the program; Python ints, bools, strings and None are
    part of it. With `out=`, an array or a pytree of arrays like the result, results are written
    there, and `out` is returned (unless the function itself has an argument of that name).

    >>> import numpy as np
    >>> f, place = compile(lambda x: x * 2.0), np.empty(2)
    >>> f(np.ones(2), out=place) is place
    True
    """

    def __init__(
        self,
        target: Callable[..., Any],
        backend: str | None = None,
        programs: Programs | None = None,
        capture: bool = True,
        unroll: int | None = None,
    ) -> None:
        if not callable(target):
            raise ArgumentError(
                f"cannot compile {with_article(type(target).__name__)}",
                hint="pass a function, an expression string or a Graph",
            )
        if backend is not None:
            get_backend(backend)
        self.target = target
        self.backend = backend
        self.capture = capture
        self.unroll = unroll
        self._programs = Programs() if programs is None else programs
        self._direct: tuple[str, Callable[..., Any]] | None = None
        """The last program's direct call, and its backend."""
        self._own_out: bool | None = None
        self._direct_out: tuple[str, type, Callable[..., Any]] | None = None
        """The last call with `out=`: its backend, the type of `out`, and the direct call."""
        functools.update_wrapper(self, innermost_function(target), updated=())

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Call it as the function itself; inside a trace it becomes part of the graph.

        >>> float(compile(lambda x, scale=2.0: x * scale)(3.0, scale=0.5))
        1.5
        """
        backend = self.backend or default_backend()
        direct = self._direct
        if direct is not None and direct[0] == backend and not (kwargs or TURNED_OFF):
            result = direct[1](*args)
            if result is not None:
                return result
        fast = self._direct_out
        if fast is not None and len(kwargs) == 1 and fast[0] == backend and not TURNED_OFF:
            out: Any = kwargs.get("out")
            if type(out) is fast[1]:
                places = (out,) if fast[1] is np.ndarray else out
                if fast[2](*args, *places) is not None:
                    return out
        if "out" in kwargs and not self._has_own_out():
            out = kwargs.pop("out")
            if out is not None:
                return self._write(out, args, kwargs)
        flat = None if kwargs else flat_key(backend, args)
        programs = self._programs
        if flat is not None and flat in programs.flat:
            return self._run(programs.flat[flat], args, args, backend)
        signature, leaves = signature_of(args, kwargs, self.target)
        check_numbers(self.target, leaves, args, kwargs)
        if has_traced(leaves):
            return inline(self._lowered(self.target, signature), leaves)
        program = self._made((backend, signature), leaves)
        if isinstance(program, Lowered):
            return inline(program, leaves)
        if flat is not None and program.is_fixed:
            programs.flat[flat] = program
        return self._run(program, args, leaves, backend)

    def _run(
        self, program: Program, args: Sequence[Any], leaves: Sequence[Any], backend: str
    ) -> Any:
        """Call a program, directly where it can be, now and the next time."""
        direct = program.direct(leaves) if program.is_fixed else None
        if direct is not None:
            if not TURNED_OFF:
                self._direct = backend, direct
            result = direct(*args)
            if result is not None:
                return result
        return program(leaves)

    def _has_own_out(self) -> bool:
        if self._own_out is None:
            self._own_out = output.has_own_out(self.target)
        return self._own_out

    def _write(self, out: Any, args: Sequence[Any], kwargs: Mapping[str, Any]) -> Any:
        """Call it, and write the result into `out`."""
        signature, leaves = signature_of(args, kwargs, self.target)
        check_numbers(self.target, leaves, args, kwargs)
        if has_traced(leaves) or output.is_traced(out):
            return output.write_traced(repr(self), out, self(*args, **kwargs))
        backend = self.backend or default_backend()
        program = self._made((backend, signature), leaves)
        if isinstance(program, Lowered):
            return output.write_traced(repr(self), out, self(*args, **kwargs))
        arrays = output.arrays_of(out, program.lowered)
        call = program.into(leaves)
        lasts = not kwargs and program.is_fixed and not TURNED_OFF
        if call is not None and lasts and output.is_flat(program.lowered):
            single = program.lowered.result_tree == LEAF
            self._direct_out = backend, np.ndarray if single else tuple, call
        if call is None or call(*leaves, *arrays) is None:
            output.copy_into(arrays, program.outputs(leaves))
        return out

    def _made(self, key: tuple[str, Signature], leaves: Sequence[Any]) -> Program | Lowered:
        """The program for arguments, made where there is none yet; where the function closes over
        traced values, what it is lowered to.
        """
        program = self._programs.fitting(key, leaves)
        if program is not None:
            return program
        with deciding_by(leaves) as decisions:
            lowered = self._lowered(self.target, key[1])
        if has_traced(lowered.captured):
            return lowered
        return self._program(key, lowered, decisions)

    def _lowered(self, target: Any, signature: Signature) -> Lowered:
        try:
            with capturing(self.capture, self.unroll):
                return lower_target(target, signature)
        except IrgradError as error:
            error.at(call_site().location)
            raise

    def _program(
        self, key: tuple[str, Signature], lowered: Lowered, decisions: Decisions | None = None
    ) -> Program:
        programs = self._programs
        with programs.lock:
            known = programs.by_signature.get(key)
            if decisions is not None and decisions.taken:
                made = Program(lowered, key[0], decisions.taken)
                made.other = programs.kept(known)
                programs.by_signature[key] = known = made
            elif known is None or not known.lowered.holds:
                programs.by_signature[key] = known = Program(lowered, key[0])
            return known

    def __get__(self, instance: Any, owner: type | None = None) -> Any:
        """The compiled method of an object, where a method was decorated."""
        if instance is None and owner is not None:
            return Unbound(self, owner)
        method = bound(self.target, instance, owner)
        if method is None:
            return self
        what = f"programs, capture={self.capture}, unroll={self.unroll}"
        return self._like(method, kept(method, Programs, what))

    def _like(self, target: Callable[..., Any], programs: Programs | None) -> Compiled:
        """Another target, compiled as this one is."""
        return type(self)(*self._options(target, programs))

    def _options(self, target: Any, programs: Programs | None) -> tuple[Any, ...]:
        return target, self.backend, programs, self.capture, self.unroll

    def __reduce__(self) -> Any:
        """Pickled by reference where it is a module's own (a decorated function), else as its
        target, to be compiled anew.
        """
        name = getattr(self, "__qualname__", "")
        found: Any = sys.modules.get(getattr(self, "__module__", ""))
        for part in name.split("."):
            found = getattr(found, part, None)
        if found is self or (isinstance(found, Unbound) and found.decorated is self):
            return name
        return type(self), self._options(self.target, None)

    def __copy__(self) -> Compiled:
        return self

    def __deepcopy__(self, memo: dict[int, Any]) -> Compiled:
        return self

    def graph(self, *args: Any, stage: str = "optimised", **kwargs: Any) -> Graph:
        """The graph for these arguments, at a stage: "lowered", "differentiated" or "optimised".

        Types may stand for arrays: `irgrad.spec("f64[3]")`. An `ArgumentError` names the stages.

        >>> from irgrad import grad, spec
        >>> slope = compile(grad("sum(x * x)"))
        >>> [len(slope.graph(spec("f64[3]"), stage=stage)) for stage in ("lowered", "optimised")]
        [2, 1]
        """
        signature, _ = signature_of(args, kwargs, self.target)
        if stage not in STAGES:
            raise ArgumentError(f"no stage '{stage}'; there are {', '.join(STAGES)}")
        if stage == "lowered":
            return made(self._lowered(*innermost_call(self.target, signature)).graph)
        graph = made(self._lowered(self.target, signature).graph)
        return optimise(graph) if stage == "optimised" else graph

    def dump(self, *args: Any, stage: str = "optimised", **kwargs: Any) -> str:
        """The text of `graph(*args, stage=stage)`.

        >>> from irgrad import grad, spec
        >>> print(compile(grad("sum(x * x)")).dump(spec("f64[3]")))
        graph @expression(%x: f64[3]) -> (d_x: f64[3]) {
          %x.bar: f64[3] = add(%x, %x) ...
          return d_x=%x.bar
        }
        """
        return str(self.graph(*args, stage=stage, **kwargs))

    def kernels(self, *args: Any, **kwargs: Any) -> str:
        """What the backend does for these arguments, step by step, as loops that read like Python.
        After a single call the arguments may be left out, here and in the other forms.

        >>> import numpy as np
        >>> f = compile(lambda x: np.sum(x * x + 1.0), backend="numba")
        >>> print(f.kernels(np.ones(3)))
        # 1: loops over 3
        #    %2 = sum, kept: a reduction
        for i0 in range(0, 3):
            v3 = square(x[i0])
            v4 = v3 + 1.0
            t2[0] += v4
        """
        return self._listing("kernels", args, kwargs)

    def llvm(self, *args: Any, **kwargs: Any) -> str:
        """The program for these arguments as LLVM's code, optimised. A `BackendError` where the
        backend makes none.

        >>> "define" in compile("x * x", backend="numba").llvm(1.0)
        True
        """
        return self._listing("llvm", args, kwargs)

    def asm(self, *args: Any, **kwargs: Any) -> str:
        """The program for these arguments as assembly. A `BackendError` where the backend makes
        none.

        >>> "ret" in compile("x * x", backend="numba").asm(1.0)
        True
        """
        return self._listing("asm", args, kwargs)

    def memory(self, *args: Any, **kwargs: Any) -> Memory:
        """Bytes that a call with these arguments takes, as the backend has planned them: arguments,
        results, and scratch memory at its worst moment. What single NumPy calls take inside
        themselves is not counted. Types may stand for arrays.

        >>> f = compile(lambda A, x: A @ (A @ x))
        >>> from irgrad import spec
        >>> f.memory(spec("f64[100,100]"), spec("f64[100]"))._replace(scratch=0)
        Memory(arguments=80800, results=800, scratch=0)
        """
        return native.memory(self._program_for(args, kwargs), self.backend)

    def export(self, path: Any, *args: Any, style: str = "numpy", **kwargs: Any) -> str:
        """Write the program for these arguments (types may stand for arrays) to the file `path` as
        a Python module that needs no irgrad -> its text; with None for `path`, only that.

        The function has this one's name, and gives the same results, up to rounding.

        >>> f = compile("sin(x) * exp(-x**2)", backend="numpy")
        >>> print(f.export(None, 1.0))  # doctest: +ELLIPSIS
        \"\"\"..., as irgrad wrote it in NumPy.\"\"\"
        <BLANKLINE>
        import numpy as np
        ...
        """
        name = getattr(self, "__name__", "function")
        return export.export(self._program_for(args, kwargs), path, name, style)

    def njit(self, *args: Any) -> Any:
        """A function that `numba.njit` code can call in nopython mode, for positional arguments of
        the types of `args` (arrays or `irgrad.spec`): it takes arrays, numbers, bools, strings and
        None, and tuples, named tuples, lists and dicts of these, as Numba has them; it returns
        arrays, numbers, and tuples, named tuples and lists. It releases no lock, and is safe in
        threads.

        An array of another type is a TypingError of Numba's, one of another shape a ValueError, an
        index outside its axis an IndexError.

        >>> import numba
        >>> square = compile("x * x", backend="numba").njit(1.0)
        >>> numba.njit(lambda n: square(n) + square(2.0))(3.0)
        13.0
        """
        return native.njit(self._program_for(args, {}), self.backend)

    def low_level_callable(self, *args: Any, caller: str = "integrate") -> Any:
        """The function as a `scipy.LowLevelCallable`, for a function from float64 numbers to one:
        `double f(double, void*)` for one number, `double f(int, double*, void*)` for more. Without
        `args` (arrays or `irgrad.spec`), every parameter is a number. Called with another number of
        them, as by `quad` without its `args=`, it returns nan.

        With `caller="generic_filter"` it is one that `scipy.ndimage.generic_filter` takes; with
        "generic_filter1d" a function to an array, as that takes it.

        >>> from scipy.integrate import quad
        >>> f = compile(lambda x: x * x, backend="numba")
        >>> round(quad(f.low_level_callable(), 0.0, 3.0)[0], 12)
        9.0
        """
        if not args:
            parameters = inspect.signature(innermost_function(self.target)).parameters.values()
            args = tuple(0.0 for p in parameters if p.default is p.empty)
        return native.low_level_callable(self._program_for(args, {}), self.backend, caller)

    def _program_for(self, args: Sequence[Any], kwargs: Mapping[str, Any]) -> Program:
        """The program for these arguments; types may stand for arrays. Without arguments it is the
        only one made so far.
        """
        backend = self.backend or default_backend()
        made = [p for (of, _), p in self._programs.by_signature.items() if of == backend]
        if not args and not kwargs and len(made) == 1 and made[0].lowered.holds:
            return made[0]
        if not args and not kwargs:
            self._check_needs_nothing(len(made))
        signature, _ = signature_of(args, kwargs, self.target)
        program = self._programs.by_signature.get((backend, signature))
        if program is None or not program.lowered.holds:
            lowered = self._lowered(self.target, signature)
            program = self._program((backend, signature), lowered)
        return program

    def _check_needs_nothing(self, programs: int) -> None:
        """Refuse to choose a program where no arguments are given, unless the function takes
        none.
        """
        try:
            signature = inspect.signature(innermost_function(self.target))
            signature.bind()
        except (TypeError, ValueError):  # or a builtin without a signature
            name = getattr(self, "__name__", "the function")
            which = f"{programs} programs have" if programs else "no program has"
            raise ArgumentError(
                f"{name}: {which} been made by calls, so the arguments must say which is meant",
                hint="pass the arguments of a call, or their types: irgrad.spec('f64[3]')",
            ) from None

    def _listing(self, form: str, args: Sequence[Any], kwargs: Mapping[str, Any]) -> str:
        backend = self.backend or default_backend()
        make = getattr(self._program_for(args, kwargs).executable, form, None)
        if make is None:
            raise BackendError(
                f"the backend '{backend}' has no {form}", hint="compile with backend='numba'"
            )
        return make()

    def __repr__(self) -> str:
        name = getattr(self, "__name__", self.target)
        return f"<compiled {name}, {len(self._programs.by_signature)} programs>"


def compile(
    target: Any,
    backend: str | None = None,
    *,
    capture: bool = True,
    unroll: int | None = None,
    donate: int | str | tuple[int | str, ...] = (),
) -> Compiled:
    """Compile a function, a transformed function, an expression string or a Graph.

    With `capture=False` functions are traced as they are, and not rewritten from their source.
    A `for` over a range longer than `unroll` becomes a loop in the graph, if its body allows; by
    default one over more than 16 numbers, or of so many nodes that unrolling takes long.
    Derivatives of the compiled function are lowered in the same way.

    `donate` names arguments, by position or name, that are the function's to change: what it writes
    to them is in the caller's arrays after the call. Others are never written to.

    >>> import numpy as np
    >>> f = compile(lambda x: np.sin(x) ** 2)
    >>> float(f(0.0))
    0.0
    >>> def halve(x):
    ...     x[1:] *= 0.5
    >>> x = np.ones(3)
    >>> compile(halve, donate="x")(x), x.tolist()
    (None, [1.0, 0.5, 0.5])
    """
    if donate == ():
        return Compiled(as_callable(target), backend, capture=capture, unroll=unroll)
    from irgrad.runtime.donate import Donating

    return Donating(as_callable(target), backend, None, capture, unroll, donate)


def trace(target: Any, *args: Any, **kwargs: Any) -> Graph:
    """The graph of a target for these arguments: lowered, differentiated if it is a transformation,
    not optimised.

    >>> print(trace(lambda x: x * x, 2.0))  # doctest: +ELLIPSIS
    graph @lambda(%x: f64[]) -> (out: f64[]) {
      %0: f64[] = multiply(%x, %x) ...
      return out=%0
    }
    """
    function = function_of("trace", target)
    signature, _ = signature_of(args, kwargs, function)
    return made(lower_target(function, signature).graph)


__all__ = ["Compiled", "IrgradError", "compile", "trace"]
