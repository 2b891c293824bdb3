"""Random programs as text: blocks of statements from a vocabulary, nested in branches and loops."""

from __future__ import annotations

import linecache
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from hypothesis import strategies as st


class Vocabulary(NamedTuple):
    """What programs are made of: how they begin, the expression that they return, statements by
    theme, those that need the variables of a loop, conditions, heads of `for`, conditions of
    `while` (which may have the count `m`), and compound statements around a block.
    """

    prelude: str
    result: str
    themes: Sequence[Sequence[str]]
    in_loops: Sequence[str]
    tests: Sequence[str]
    heads: Sequence[str]
    whiles: Sequence[str]
    around: Sequence[tuple[str, str]]


@st.composite
def blocks(draw: Any, words: Vocabulary, depth: int = 0, loop: bool = False) -> list[str]:
    """Lines of statements; those of a `loop` may leave it."""

    def one_of(*items: Any) -> Any:
        return draw(st.sampled_from(items))

    def inner(loop: bool) -> list[str]:
        return ["    " + line for line in draw(blocks(words, depth + 1, loop))]

    lines: list[str] = []
    for _ in range(one_of(1, 2, 3)):
        kinds = ["simple"] * 3 + (["if", "around", "for", "while"] if depth < 2 else [])
        kind = one_of(*kinds, *(["jump", "in_loop"] if loop else []))
        if kind == "simple":
            lines.append(one_of(*one_of(*words.themes)))
        elif kind == "in_loop":
            lines.append(one_of(*words.in_loops))
        elif kind == "jump":
            test = one_of(f"i % 3 == {one_of(0, 1, 2)}", *words.tests)
            lines.append(f"if {test}: {one_of('break', 'continue', f'return {words.result}')}")
        elif kind == "if":
            lines += [f"if {one_of(*words.tests)}:", *inner(loop)]
            if one_of(True, True, False):
                lines += ["else:", *inner(loop)]
        elif kind == "around":
            before, after = one_of(*words.around)
            lines += [before, *inner(loop), *after.splitlines()]
        elif kind == "for":
            lines += [f"for {one_of(*words.heads)}:", *inner(True)]
        else:
            m = f"m{depth}"  # no loop counts for another
            test = one_of(*words.whiles).replace("m ", f"{m} ")
            stop = [f"    if {m} > 4: break"] if test == "True" else []
            lines += [f"{m} = 0", f"while {test}:", f"    {m} += 1", *stop, *inner(True)]
        if kind in ("for", "while") and one_of(True, False):
            lines += ["else:", f"    {one_of(*one_of(*words.themes))}"]
    return lines


def program_of(words: Vocabulary, lines: Sequence[str]) -> Any:
    """The function `program(x, a)` whose body these lines are."""
    body = "\n".join(f"    {line}" for line in [*lines, f"return {words.result}"])
    text = f"{words.prelude}{body}\n"
    name = f"<program {abs(hash(text))}>"
    linecache.cache[name] = (len(text), None, text.splitlines(keepends=True), name)
    scope: dict[str, Any] = {"np": np, "__name__": "program"}
    exec(compile(text, name, "exec"), scope)
    return scope["program"]
