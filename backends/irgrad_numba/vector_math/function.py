"""A rule as an LLVM function of its own: emitted once for each type in a module, then called.

Inside, nothing is contracted: a rule writes each fused operation itself, so that its bits are the
same in every kernel and for every number of lanes."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from irgrad_numba.llvm import Code, Type, Value

Rule = Callable[..., Value]

ATTRIBUTES = "nounwind willreturn memory(none)"
"""Two calls with the same arguments are one, and a call without a use is none: what libm writes to
errno is of no interest."""
ONCE, MORE = "alwaysinline", "noinline"
MOST_LANES = 64


def call(name: str, rule: Rule, *args: Value) -> Value:
    """Call `rule` as the function `name` of the module that `args` belong to.

    Its number of lanes is a power of two: what is left over of a loop calls the function of the
    loop, and LLVM is slow to compile others. A function that is called once is inlined. Others must
    not be, or the time to compile would grow with every copy."""
    code, type = args[0].code, args[0].type
    lanes = _lanes(name, code, type)
    if lanes != type.width:
        return call(name, rule, *[x.padded(lanes) for x in args]).part(0, type.width)
    symbol, functions = _symbol(name, type), code.module.functions
    if symbol not in functions:
        functions[symbol] = _definition(code, symbol, rule, args)
    elif MORE not in functions[symbol]:
        functions[symbol] = functions[symbol].replace(ONCE, MORE, 1)
    return code.call(type, symbol, *args)


def _symbol(name: str, type: Type) -> str:
    return f"math.{name}.{type.mangled}"


def _lanes(name: str, code: Code, type: Type) -> int:
    """The lanes of the function that is called for a type; in code that is over soon those of a
    wider one that is there, as it takes long to compile another.
    """
    least = 1 << (type.width - 1).bit_length()
    if not code.brief or least == 1:
        return least
    wider = [least << k for k in range(MOST_LANES.bit_length()) if least << k <= MOST_LANES]
    there = (n for n in wider if _symbol(name, Type(type.element, n)) in code.module.functions)
    return next(there, least)


def _definition(caller: Code, symbol: str, rule: Rule, args: tuple[Value, ...]) -> str:
    code = Code(caller.module)
    code.flags = ""
    inside = [Value(code, x.type, f"%x{position}") for position, x in enumerate(args)]
    result = rule(*inside)
    parameters = ", ".join(f"{x.type.text} {x.text}" for x in inside)
    lines = ["entry:", *code.allocas, *code.lines, f"  ret {result.type.text} {result.text}"]
    head = f"define internal {result.type.text} @{symbol}({parameters}) {ONCE} {ATTRIBUTES} {{"
    return "\n".join([head, *lines, "}"])


def any_lane(condition: Value) -> Value:
    """Whether a condition holds in some lane, as a scalar."""
    if condition.type.width == 1:
        return condition
    reduce = f"llvm.vector.reduce.or.{condition.type.mangled}"
    return condition.code.call(Type("bool"), reduce, condition)


def each_lane(x: Value, body: Callable[..., Sequence[Value]], *others: Value) -> list[Value]:
    """Scalar code in a loop over the lanes of vectors -> its results as vectors."""
    code, width = x.code, x.type.width
    if width == 1:
        return list(body(x, *others))
    sources = {code.alloca(y.type): y for y in (x, *others)}
    for place, y in sources.items():
        code.put(place, y)
    head, done, before = code.fresh_label("lane"), code.fresh_label("done"), code.block
    code.emit(f"br label %{head}")
    code.label(head)
    i, following, more = code.name(), code.name(), code.name()
    at = len(code.lines)
    results = body(*[_at(place, y.type.element, i, y.code) for place, y in sources.items()])
    targets = [code.alloca(y.type._replace(width=width)) for y in results]
    for place, y in zip(targets, results, strict=True):
        code.emit(f"store {y.type.text} {y.text}, ptr {_element(place, y.type, i, code)}")
    code.lines.insert(at, f"  {i} = phi i64 [ 0, %{before} ], [ {following}, %{code.block} ]")
    code.emit(f"{following} = add i64 {i}, 1")
    code.emit(f"{more} = icmp slt i64 {following}, {width}")
    code.emit(f"br i1 {more}, label %{head}, label %{done}")
    code.label(done)
    return [
        code.get(place, y.type._replace(width=width))
        for place, y in zip(targets, results, strict=True)
    ]


def _element(place: str, type: Type, i: str, code: Code) -> str:
    name = code.name()
    code.emit(f"{name} = getelementptr {type.text}, ptr {place}, i64 {i}")
    return name


def _at(place: str, element: str, i: str, code: Code) -> Value:
    type = Type(element)
    return code.value(type, f"load {type.text}, ptr {_element(place, type, i, code)}")


def rarely(condition: Value, usual: Value, otherwise: Callable[[], Value]) -> Value:
    """`usual`, but `otherwise()` in the lanes that meet `condition`, in a branch for when there are
    any.
    """
    return rarely_all(condition, [usual], lambda: [otherwise()])[0]


def rarely_all(
    condition: Value, usual: Sequence[Value], otherwise: Callable[[], Sequence[Value]]
) -> list[Value]:
    """The same for several values."""
    code = condition.code
    slow, done = code.fresh_label("slow"), code.fresh_label("done")
    before = code.block
    code.emit(f"br i1 {any_lane(condition).text}, label %{slow}, label %{done}")
    code.label(slow)
    others = [condition.where(y, x) for x, y in zip(usual, otherwise(), strict=True)]
    after = code.block
    code.emit(f"br label %{done}")
    code.label(done)
    return [
        code.value(x.type, f"phi {x.type.text} [ {x.text}, %{before} ], [ {y.text}, %{after} ]")
        for x, y in zip(usual, others, strict=True)
    ]
