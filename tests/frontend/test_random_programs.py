"""Random programs of loops, branches, jumps and arrays with several names: they mean what they mean
in Python, on both backends, and so do their derivatives in both modes."""

from __future__ import annotations

import linecache
import os
from typing import Any

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

import irgrad
from irgrad.errors import TraceError

POINTS = (0.5, 3.0, -1.5)
REFUSED = (
    "another name", "name one array", "names of one array", "by another name", "by a name which",
)  # fmt: skip
"""Where only the running program knows which names are one array."""

EXAMPLES = int(os.environ.get("IRGRAD_PROGRAMS", "12"))
"""As many programs, the same each time; others where the variable asks for a number of them."""

SIMPLE = (
    "x = x * 0.5 + y", "y = np.sin(x) - y", "a[0] += x", "a[1:] *= 0.9", "a = a + y", "n += 1",
    "x -= a[n % 4]", "a[n % 4] = y", "b = a[:2]; b += x", "a[::-1] += 0.1 * a", "x, y = y, x",
    "y = x if x > y else 0.5 * y", "a[a > 1] = y", "a, c = c, a", "c = a", "c = a.copy()",
    "c[1:] += 0.5 * x", "b = c[2:]", "b *= y", "c = a if x > y else 0.5 * c",
)  # fmt: skip


@st.composite
def blocks(draw: Any, depth: int = 0, loop: bool = False) -> list[str]:
    """Statements on x, y (floats), a and c (arrays of 4), b (a view of 2) and n (an int)."""
    lines: list[str] = []
    for _ in range(draw(st.integers(1, 3))):
        kinds = ["simple"] * 3 + (["if", "known", "for", "while"] if depth < 2 else [])
        kind = draw(st.sampled_from(kinds + (["jump"] if loop else [])))
        if kind == "simple":
            lines.append(draw(st.sampled_from(SIMPLE)))
            continue
        if kind == "jump":
            test = draw(
                st.sampled_from([f"i % 3 == {draw(st.integers(0, 2))}", "x > y", "a[2] < n"])
            )
            end = draw(st.sampled_from(["break", "continue", "return x + y + a[0] + n"]))
            lines.append(f"if {test}: {end}")
            continue
        inner = draw(blocks(depth + 1, loop=kind == "for" or (loop and kind == "known")))
        if kind == "if":
            test = draw(st.sampled_from(["x > y", "a[1] < 0.5", "0 < x < 2", "not x > 1 or y < 0"]))
            lines += [f"if {test}:", *_indented(draw(blocks(depth + 1, loop)))]
            lines += ["else:", *_indented(draw(blocks(depth + 1, loop)))]
        elif kind == "known":
            lines += ["if len(a) == 4:", *_indented(inner)]
        elif kind == "for":
            lines += [f"for i in range({draw(st.sampled_from([0, 2, 70]))}):", *_indented(inner)]
        else:
            m = f"m{depth}"  # no loop counts for another
            test = draw(st.sampled_from([f"np.sum(a) < 9 and {m} < 4", f"{m} < 3", "True"]))
            count, stop = f"{m} += 1", [f"if {m} > 4: break"] if test == "True" else []
            lines += [f"{m} = 0", f"while {test}:", *_indented([count, *stop, *inner])]
        if kind in ("for", "while") and draw(st.booleans()):
            lines += ["else:", *_indented([draw(st.sampled_from(SIMPLE))])]
    return lines


def _indented(lines: list[str]) -> list[str]:
    return ["    " + line for line in lines]


def _program(lines: list[str]) -> Any:
    text = "\n".join(
        ["def program(x, a):", "    y, n, m, i, b, c = 0.75, 1, 0, 0, a[:2], 0.5 * a",
         *_indented(lines), "    return x + y + np.sum(a) + n * 0.1 + 0.3 * np.sum(c) + b[1]"]
    )  # fmt: skip
    name = f"<program {abs(hash(text))}>"
    linecache.cache[name] = (len(text), None, text.splitlines(keepends=True), name)
    scope: dict[str, Any] = {"np": np}
    exec(compile(text, name, "exec"), scope)
    return scope["program"]


@given(blocks(), st.sampled_from(POINTS))
@settings(max_examples=EXAMPLES, deadline=None, derandomize="IRGRAD_PROGRAMS" not in os.environ)
def test_random_programs(lines: list[str], x: float) -> None:
    program, a = _program(lines), np.array([0.3, 1.2, -0.7, 0.1])

    def plain(t: float) -> float:
        with np.errstate(all="ignore"):
            return float(program(x + t, a + t))

    wanted = plain(0.0)
    if not abs(wanted) < 1e6:
        return
    near, far = ((plain(h) - plain(-h)) / (2 * h) for h in (1e-6, 2e-6))
    smooth = abs(near - far) < 1e-5 * (1 + abs(near)) and abs(near) < 1e4
    for backend in ("numpy", "numba"):
        with irgrad.use_backend(backend), np.errstate(all="ignore"):
            try:
                value, (by_x, by_a) = irgrad.value_and_grad(program, argnums=(0, 1))(x, a)
                tangent = irgrad.jvp(program, (x, a), (1.0, np.ones(4)))[1]
            except TraceError as error:
                if any(words in str(error) for words in REFUSED):
                    return
                raise
        np.testing.assert_allclose(value, wanted, rtol=1e-6, atol=1e-9)
        along = by_x + np.sum(by_a)
        np.testing.assert_allclose(tangent, along, rtol=1e-6, atol=1e-6 * (1 + abs(near)))
        if smooth:
            np.testing.assert_allclose(along, near, rtol=1e-4, atol=1e-4)
