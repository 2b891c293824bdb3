"""Expressions: formulas given as strings, with NumPy's meaning and nothing else in reach.

The grammar is Python's: arithmetic, comparisons (chains too), `and`, `or`, `not`, `a if c else b`,
indexing, tuples, lists, calls of functions by NumPy's and scipy.special's names (with `np.` or
without), and the methods and attributes of arrays in `expression_names`.

Names follow three rules. A name that is called is a function. A constant's name (`pi`, `e`, `inf`,
`nan`, `newaxis`, the dtypes) is that constant, and no argument can have it. Every other name is an
argument, in order of first appearance; one that is called elsewhere in the same expression is
refused, so nothing shadows anything in silence.

Nothing is ever passed to `eval` or `exec`. Text is parsed by `ast.parse`, walked by a whitelist,
and run as steps of a stack machine, on traced values or on plain arrays.
"""

from __future__ import annotations

import difflib
import inspect
import re
from collections.abc import Collection, Sequence
from functools import cached_property, lru_cache
from typing import Any

import numpy as np

from irgrad.errors import ArgumentError, ExpressionError, IndexingError, IrgradError, with_article
from irgrad.frontend.complaint import completed
from irgrad.frontend.expression_grammar import Argument, Program, Step, compile_tree
from irgrad.frontend.expression_names import CONSTANTS, functions
from irgrad.frontend.expression_text import Place, Source, parse
from irgrad.frontend.promote import any_traced, innermost, lift
from irgrad.ir.builder import Builder, Traced

EMBEDDED = 1024
"""Arrays that an expression makes (`eye(3)`) are constants of the graph up to this many elements,
else captured.
"""


class Expression:
    """A formula as a function of its free names, in order of first appearance, by position or by
    keyword.

    Called on arrays it computes at once, with NumPy; called on traced values it becomes part of
    their graph.

    >>> f = expression("x**2 + y")
    >>> f.names, f(3.0, y=1.0)
    (('x', 'y'), 10.0)
    """

    def __init__(self, text: str) -> None:
        self.text = text
        self._source = Source(text)
        self._program: Program = compile_tree(self._source, parse(self._source))
        self.names = self._program.names
        parameters = [
            inspect.Parameter(name, inspect.Parameter.POSITIONAL_OR_KEYWORD) for name in self.names
        ]
        self.__signature__ = inspect.Signature(parameters)
        self.__name__ = self.__qualname__ = "expression"
        self.__doc__ = text

    def __call__(self, /, *args: Any, **kwargs: Any) -> Any:
        """The value of the formula for these arguments."""
        arguments = self._bind(args, kwargs)
        if not any(map(any_traced, arguments)):
            with np.errstate(all="ignore"):
                return self._run(arguments, None)
        builder = innermost(arguments)
        with (
            np.errstate(all="ignore"),
            builder.emitting(builder.provenance.location, builder.provenance.origin),
        ):
            result = self._run([lifted(builder, argument) for argument in arguments], builder)
            return embedded(builder, result)

    def _bind(self, args: Sequence[Any], kwargs: dict[str, Any]) -> list[Any]:
        for name in kwargs.keys() - set(self.names):
            close = difflib.get_close_matches(name, self.names, n=1)
            hint = (
                f"{name} is the constant {CONSTANTS[name]}; rename the argument"
                if name in CONSTANTS
                else ""
            )
            raise ArgumentError(
                f"{self!r} has no argument '{name}'; it has {self._listed()}",
                hint=hint or (f"did you mean '{close[0]}'?" if close else ""),
            )
        try:
            bound = self.__signature__.bind(*args, **kwargs)
        except TypeError as error:
            if len(args) < len(self.names):
                self.check_called([*self.names[: len(args)], *kwargs])
            raise ArgumentError(f"{self!r} takes {self._listed()}: {error}") from None
        return [bound.arguments[name] for name in self.names]

    def check_called(self, given: Collection[str]) -> None:
        """An `ArgumentError` with a caret where a name without a value is that of a function."""
        for name in self.names:
            if name not in given and name in functions():
                match = re.search(rf"(?<![\w.]){name}\b", self.text)
                raise ArgumentError(
                    f"'{name}' is an argument here, which has no value, and not the function",
                    location=self._source.place(match.start() if match else 0),
                    hint=f"call the function, {name}(...), or give the argument a value",
                )

    def _listed(self) -> str:
        return f"the arguments {', '.join(self.names)}" if self.names else "no arguments"

    @cached_property
    def _places(self) -> list[Place]:
        steps = self._program.steps
        return [self._source.place(step.offset if isinstance(step, Step) else 0) for step in steps]

    def _run(self, arguments: Sequence[Any], builder: Builder | None) -> Any:
        """Run the steps; in a trace each node gets the place of its step."""
        stack: list[Any] = []
        for position, step in enumerate(self._program.steps):
            if isinstance(step, Argument):
                stack.append(arguments[step.position])
                continue
            start = len(stack) - step.arity
            operands = stack[start:]
            del stack[start:]
            if builder is not None and step.combines:
                builder.provenance.location = self._places[position]
                if any_traced(operands):
                    operands = embedded(builder, operands)
            try:
                result = step.act(*operands)
            except IrgradError as error:
                place = self._places[position]
                raise completed(error, "", operands, place) from error.__cause__
            except Exception as error:
                raise translated(error, self._places[position]) from error
            stack.append(
                result[()] if isinstance(result, np.ndarray) and not result.ndim else result
            )
        return stack[0]

    def __reduce__(self) -> Any:
        return expression, (self.text,)

    def __repr__(self) -> str:
        text = self.text if len(self.text) <= 60 else f"{self.text[:57]}..."
        return f"expression({text!r})"


def expression(text: str) -> Expression:
    """The expression written as `text`; an `ExpressionError` that points at what is not understood
    otherwise.

    >>> import irgrad
    >>> f = expression("0.5 * sum((A @ x - y)**2)")
    >>> f.names
    ('A', 'x', 'y')
    >>> irgrad.grad("x**2 + y", argnums="x")(3.0, 1.0)
    np.float64(6.0)
    >>> expression("sine(x)")
    Traceback (most recent call last):
    irgrad.errors.ExpressionError: unknown function 'sine'
        sine(x)
        ^
      hint: did you mean 'sin'?
    """
    if not isinstance(text, str):
        raise ArgumentError(f"an expression is a string, got {with_article(type(text).__name__)}")
    return _expression(text)


@lru_cache(maxsize=256)
def _expression(text: str) -> Expression:
    return Expression(text)


def translated(error: Exception, place: Place) -> IrgradError:
    """An error of NumPy's or Python's as one of irgrad's that says where."""
    kind = (
        IndexingError
        if isinstance(error, IndexError)
        else ArgumentError
        if isinstance(error, TypeError)
        else ExpressionError
    )
    return kind(str(error) or type(error).__name__, location=place)


def lifted(builder: Builder, argument: Any) -> Any:
    """An argument beside traced ones: arrays become captured inputs, in lists and tuples too."""
    if type(argument) in (list, tuple):
        return type(argument)(lifted(builder, item) for item in argument)
    if isinstance(argument, Traced) and argument.builder is not builder:
        inner = builder.wrap(builder, builder.lift(argument))
        inner.weak = getattr(argument, "weak", False)
        return inner
    return lift(builder, argument) if isinstance(argument, np.ndarray) else argument


def embedded(builder: Builder, value: Any) -> Any:
    """Arrays that the expression made, as constants of the graph, in lists and tuples too."""
    if type(value) in (list, tuple):
        return type(value)(embedded(builder, item) for item in value)
    if isinstance(value, np.ndarray) and value.size <= EMBEDDED and value.dtype.kind in "biufc":
        return builder.wrap(builder, builder.constant(value))
    return value
