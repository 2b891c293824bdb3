"""A rule as an LLVM function of its own: emitted once for each type in a module, then called.

Inside, nothing is contracted: a rule writes each fused operation itself, so that its bits are the
same in every kernel and for every number of lanes."""

from __future__ import annotations

from collections.abc import Callable

from irgrad_numba.llvm import Code, Type, Value

Rule = Callable[..., Value]

ATTRIBUTES = "nounwind willreturn memory(none)"
"""Two calls with the same arguments are one, and a call without a use is none: what libm writes to
errno is of no interest."""
NOINLINE = "noinline"


def call(name: str, rule: Rule, *args: Value) -> Value:
    """Call `rule` as the function `name` of the module that `args` belong to.

    LLVM inlines it where it is called once. Elsewhere it must not: the time to compile would grow
    with every copy."""
    code, type = args[0].code, args[0].type
    symbol = f"math.{name}.{type.mangled}"
    functions = code.module.functions
    if symbol not in functions:
        functions[symbol] = _definition(code, symbol, rule, args)
    elif NOINLINE not in functions[symbol]:
        functions[symbol] = functions[symbol].replace(ATTRIBUTES, f"{NOINLINE} {ATTRIBUTES}", 1)
    return code.call(type, symbol, *args)


def _definition(caller: Code, symbol: str, rule: Rule, args: tuple[Value, ...]) -> str:
    code = Code(caller.module)
    code.flags = ""
    inside = [Value(code, x.type, f"%x{position}") for position, x in enumerate(args)]
    result = rule(*inside)
    parameters = ", ".join(f"{x.type.text} {x.text}" for x in inside)
    lines = ["entry:", *code.allocas, *code.lines, f"  ret {result.type.text} {result.text}"]
    head = f"define internal {result.type.text} @{symbol}({parameters}) {ATTRIBUTES} {{"
    return "\n".join([head, *lines, "}"])


def any_lane(condition: Value) -> Value:
    """Whether a condition holds in some lane, as a scalar."""
    if condition.type.width == 1:
        return condition
    reduce = f"llvm.vector.reduce.or.{condition.type.mangled}"
    return condition.code.call(Type("bool"), reduce, condition)


def rarely(condition: Value, usual: Value, otherwise: Callable[[], Value]) -> Value:
    """`usual`, but `otherwise()` in the lanes that meet `condition`, in a branch for when there are
    any.
    """
    code = usual.code
    slow, done = code.fresh_label("slow"), code.fresh_label("done")
    before = code.block
    code.emit(f"br i1 {any_lane(condition).text}, label %{slow}, label %{done}")
    code.label(slow)
    result = condition.where(otherwise(), usual)
    after = code.block
    code.emit(f"br label %{done}")
    code.label(done)
    return code.value(
        usual.type,
        f"phi {usual.type.text} [ {usual.text}, %{before} ], [ {result.text}, %{after} ]",
    )
