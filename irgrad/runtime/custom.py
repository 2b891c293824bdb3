"""custom_jvp, custom_vjp and checkpoint: functions that are one node of the graph until derivatives
are taken.

The function is lowered where it is called, its rules when a derivative is taken, so a rule may call
the function itself."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Sequence
from types import MethodType
from typing import Any

import numpy as np

from irgrad.autodiff.calls import CHECKPOINT
from irgrad.errors import ArgumentError, with_article
from irgrad.frontend.called import check_callable
from irgrad.frontend.capture import captured
from irgrad.frontend.closures import traced_within
from irgrad.frontend.keywords import keywords
from irgrad.frontend.known import settled
from irgrad.frontend.loans import Loans, check_unwritten, fresh, writes_to_argument
from irgrad.frontend.lower import Lowered, classify, is_lowering, lower, signature_of
from irgrad.frontend.promote import any_traced, innermost
from irgrad.frontend.pytree import flatten, leaves_of, map_leaves, unflatten
from irgrad.frontend.site import call_site, defined_at
from irgrad.frontend.tracer import snapshot
from irgrad.ir.graph import Graph, input_value
from irgrad.ops.base import bind_all
from irgrad.ops.call import Call, Rule
from irgrad.runtime.custom_reverse import VjpRule
from irgrad.runtime.custom_rules import JvpRule, Site, merged
from irgrad.runtime.rule_arrays import arrays_of_next_call
from irgrad.runtime.target import build_result, has_traced
from irgrad.runtime.transforms import differentiable


class Custom:
    """A function that its caller's graph holds as one node."""

    kind: str

    def __init__(self, function: Callable[..., Any], nondiff_argnums: int | Sequence[int] = ()):
        if not callable(function):
            raise ArgumentError(
                f"{self.kind} takes a function, got {with_article(type(function).__name__)}"
            )
        self.function = function
        single = isinstance(nondiff_argnums, int)
        self.nondiff_argnums = (nondiff_argnums,) if single else tuple(sorted(nondiff_argnums))
        self.name = getattr(function, "__name__", self.kind)
        functools.update_wrapper(self, function, updated=())

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """The function, run as it is on arrays, and one node under trace. Its rule knows nothing of
        what it may write to its arguments, so that is refused.
        """
        if not is_lowering() and not any(map(any_traced, leaves_of((args, kwargs)))):
            return self._run(*args, **kwargs)
        args = self._by_position(args, kwargs)
        fixed = tuple((i, map_leaves(settled, args[i])) for i in self.nondiff_argnums)
        for position, value in fixed:
            if any(map(any_traced, leaves_of(value))):
                raise ArgumentError(
                    f"{self.name}: argument {position} is traced, and in nondiff_argnums",
                    hint="leave it out of nondiff_argnums, and give it no cotangent",
                )
        own = [arg for i, arg in enumerate(args) if i not in self.nondiff_argnums]
        names = [name for i, name in enumerate(self._names(len(args))) if i not in dict(fixed)]
        followed = captured(self.function)

        def reading(*given: Any) -> Any:
            result = followed(*merged(given, fixed))
            for leaf in leaves_of(given):
                check_unwritten(f"{self.kind} {self.name}", leaf)
            return result

        function = named(reading, self.name, names)
        signature, leaves = signature_of(own, {}, function)
        lowered = lower(function, signature)
        if not lowered.graph.outputs or not has_traced([*leaves, *lowered.captured]):
            return self._run(*args)
        closed, arrays = tuple(traced_within(self.rules)), arrays_of_next_call()
        at = defined_at(self.function)
        rule = self.rule(Site(self.name, at, signature, fixed, lowered, closed, arrays))
        whole = _with_unused(lowered, [*closed, *arrays.known])
        results = emit_call(whole, leaves, f"{self.kind} {self.name}", rule)
        return build_result(lowered, results)

    def _run(self, *args: Any, **kwargs: Any) -> Any:
        """The function at once, on copies of the arrays."""
        copies = map_leaves(fresh, (args, kwargs))
        result = self.function(*copies[0], **copies[1])
        for given, then in zip(leaves_of((args, kwargs)), leaves_of(copies), strict=True):
            if isinstance(given, np.ndarray) and given.tobytes() != then.tobytes():
                raise writes_to_argument(f"{self.kind} {self.name}", defined_at(self.function))
        return result

    def rule(self, site: Site) -> Rule:
        """The rule of one call."""
        raise NotImplementedError

    @property
    def rules(self) -> tuple[Any, ...]:
        """The functions of the rule."""
        return ()

    def _by_position(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> tuple[Any, ...]:
        """All arguments by position, defaults filled in: rules take them so."""
        try:
            signature = inspect.signature(self.function)
        except (TypeError, ValueError):
            return args
        if isinstance(self.function, np.ufunc) and not kwargs:
            return args  # its defaults, such as out=, are no arguments of a rule
        try:
            bound = signature.bind(*args, **kwargs)
        except TypeError as error:
            raise ArgumentError(f"{self.name}: {error}") from None
        if bound.kwargs:
            raise ArgumentError(
                f"{self.kind}: {', '.join(bound.kwargs)} of {self.name} is keyword-only, and rules "
                "take arguments by position",
                hint="make it positional",
            )
        bound.apply_defaults()
        return bound.args

    def _names(self, count: int) -> list[str]:
        try:
            names = list(inspect.signature(self.function).parameters)[:count]
        except (TypeError, ValueError):
            names = []
        return names + [f"arg{i}" for i in range(len(names), count)]

    def __get__(self, instance: Any, owner: type | None = None) -> Any:
        return self if instance is None else MethodType(self, instance)


def named(function: Any, name: str, parameters: Sequence[str]) -> Callable[..., Any]:
    """`function` called `name`, its parameters called so."""
    kind = inspect.Parameter.POSITIONAL_ONLY
    function.__name__ = name
    function.__signature__ = inspect.Signature([inspect.Parameter(p, kind) for p in parameters])
    return function


def _with_unused(lowered: Lowered, closed: Sequence[Any]) -> Lowered:
    """`lowered` with traced values and arrays among what it closes over, of which it makes no
    use.
    """
    graph = lowered.graph
    unused = [input_value(f"closed_over_{k}", classify(x).type) for k, x in enumerate(closed)]
    inputs = [*graph.inputs, *unused]
    outputs = dict(zip(graph.output_names, graph.outputs, strict=True))
    more = Graph(graph.name, inputs, graph.nodes, outputs)
    return lowered._replace(graph=more, captured=(*lowered.captured, *map(snapshot, closed)))


def emit_call(lowered: Lowered, leaves: Sequence[Any], label: str, rule: Rule) -> Sequence[Any]:
    """The outputs of a lowered function, one node of the graph under construction."""
    graph = lowered.graph
    outputs = dict(zip(graph.output_names, graph.outputs, strict=True))
    op = Call(Graph(graph.name, graph.inputs, graph.nodes, outputs), label).ruled(rule)
    operands = [*leaves, *lowered.captured]
    site, now = call_site(), innermost(operands).provenance
    with innermost(operands).emitting(now.location or site.location, now.origin):
        results = bind_all(op, *operands)
    if isinstance(site.variable, str) and not now.busy:
        results[0].value.call(site.variable)
    return results


class custom_jvp(Custom):
    """A function with a forward derivative rule of your own, which reverse mode transposes.

    `f.defjvp(rule)` with rule(primals, tangents) -> (result, tangent of the result), linear in the
    tangents; or `f.defjvps(rule_0, rule_1, ...)` with a rule(tangent, result, *primals) for each
    argument, None where it has no derivative. Arguments in `nondiff_argnums` (functions, options)
    come first: rule(*nondiff, primals, tangents). Higher derivatives differentiate the rule.

    >>> import numpy as np, irgrad
    >>> @irgrad.custom_jvp
    ... def softplus(x):
    ...     return np.log(1 + np.exp(x))
    >>> @softplus.defjvp
    ... def softplus_jvp(primals, tangents):
    ...     (x,), (x_dot,) = primals, tangents
    ...     return softplus(x), x_dot * (1 - 1 / (1 + np.exp(x)))
    >>> float(irgrad.grad(softplus)(0.0)), float(irgrad.grad(irgrad.grad(softplus))(0.0))
    (0.5, 0.25)
    """

    kind = "custom_jvp"
    jvp: Callable[..., Any] | None = None

    def defjvp(self, jvp: Callable[..., Any]) -> Callable[..., Any]:
        """Set the rule, jvp(primals, tangents) -> (result, tangent); also as a decorator."""
        check_callable("defjvp", "jvp", jvp, "jvp")
        self.jvp = jvp
        return jvp

    def defjvps(self, *jvps: Callable[..., Any] | None) -> None:
        """Set a rule for each argument, jvp(tangent, result, *primals) -> tangent, or None."""
        for k, each in enumerate(jvps):
            if each is not None:
                check_callable("defjvps", f"rule {k}", each, "*rules")
        if self.nondiff_argnums:
            raise ArgumentError("defjvps does not go with nondiff_argnums", hint="use defjvp")

        def jvp(primals: tuple[Any, ...], tangents: tuple[Any, ...]) -> tuple[Any, Any]:
            if len(jvps) != len(primals):
                raise ArgumentError(
                    f"{self.name}: defjvps got {len(jvps)} rules for {len(primals)} arguments",
                    location=defined_at(self.function),
                )
            result = self(*primals)
            total = map_leaves(lambda leaf: None, result)
            for rule, tangent in zip(jvps, tangents, strict=True):
                if rule is not None and any(leaf is not None for leaf in leaves_of(tangent)):
                    total = _sum_of(total, captured(rule)(tangent, result, *primals))
            return result, total

        self.jvp = jvp

    def rule(self, site: Site) -> Rule:
        """That of the user, for one call."""
        return JvpRule(site, self.jvp)

    @property
    def rules(self) -> tuple[Any, ...]:
        """The one of the user's."""
        return (self.jvp,)


def _sum_of(total: Any, term: Any) -> Any:
    """The sum of two pytrees, in which None is zero."""
    leaves, tree = flatten(term)
    pairs = zip(leaves_of(total), leaves, strict=True)
    return unflatten(tree, [b if a is None else a if b is None else a + b for a, b in pairs])


class custom_vjp(Custom):
    """A function with a reverse derivative rule of your own.

    `f.defvjp(fwd, bwd)` with fwd(*args) -> (result, residuals), which takes what f takes, and
    bwd(residuals, cotangent) -> a tuple with the cotangent of each argument, None for zero.
    Arguments in `nondiff_argnums` (functions, options) come first: bwd(*nondiff, residuals,
    cotangent). Higher derivatives differentiate fwd and bwd, in both modes; forward mode of f
    itself is an error.

    >>> import numpy as np, irgrad
    >>> @irgrad.custom_vjp
    ... def clipped(x):
    ...     return x
    >>> clipped.defvjp(lambda x: (x, None), lambda _, x_bar: (np.clip(x_bar, -1.0, 1.0),))
    >>> float(irgrad.grad(lambda x: 5.0 * clipped(x))(2.0))
    1.0
    """

    kind = "custom_vjp"
    fwd: Callable[..., Any] | None = None
    bwd: Callable[..., Any] | None = None

    def defvjp(self, fwd: Callable[..., Any], bwd: Callable[..., Any]) -> None:
        """Set the rule: fwd(*args) -> (result, residuals), bwd(residuals, cotangent) -> tuple."""
        check_callable("defvjp", "fwd", fwd, "fwd, bwd")
        check_callable("defvjp", "bwd", bwd, "fwd, bwd")
        self.fwd, self.bwd = fwd, bwd

    def rule(self, site: Site) -> Rule:
        """That of the user, for one call."""
        return VjpRule(site, self.fwd, self.bwd)

    @property
    def rules(self) -> tuple[Any, ...]:
        """Both halves."""
        return self.fwd, self.bwd


class Checkpointed(Custom):
    """`checkpoint` of a function."""

    kind = "checkpoint"

    def rule(self, site: Site) -> Rule:
        """The same for all."""
        return CHECKPOINT

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """The function, run as it is on arrays, and one node under trace."""
        if not is_lowering() and not any(map(any_traced, leaves_of((args, kwargs)))):
            return map_leaves(fresh, self.function(*args, **kwargs))
        signature, leaves = signature_of(args, kwargs, self.function)
        loans = Loans(f"{self.kind} {self.name}", (args, kwargs))
        lending = loans.lending(captured(self.function))
        while True:
            loans.start()
            lowered = lower(lending, signature)
            if loans.settled:
                break
        is_empty = not (lowered.graph.outputs or loans.written)
        if is_empty or not has_traced([*leaves, *lowered.captured]):
            return map_leaves(fresh, self.function(*args, **kwargs))
        (graph,) = loans.extended([lowered.graph])
        lowered = lowered._replace(graph=graph)
        results = emit_call(lowered, leaves, f"{self.kind} {self.name}", CHECKPOINT)
        return build_result(lowered, loans.keep(results))


@keywords(
    policy="all that f computes is computed again: apply it to parts of f",
    prevent_cse="leave it out: what is computed again is kept apart",
    static_argnums="ints, strings and None are part of the program by themselves",
)
def checkpoint(f: Any) -> Checkpointed:
    """`f`, computed again by reverse mode instead of keeping what it computed on the way.

    The value and all derivatives are those of f. Reverse mode keeps the arguments of f alone, and
    computes its inside a second time when the cotangent of its result has arrived: more work for
    less memory. Applied to the blocks of a long chain, memory grows with a block and the number of
    blocks, not with their product.

    >>> import numpy as np, irgrad
    >>> block = irgrad.checkpoint(lambda x: np.sin(np.exp(np.sin(x))))
    >>> plain = lambda x: np.sin(np.exp(np.sin(x)))
    >>> bool(irgrad.grad(block)(0.3) == irgrad.grad(plain)(0.3))
    True
    """
    return Checkpointed(differentiable("checkpoint", f))
