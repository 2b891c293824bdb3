"""A table of Python's constructs around traced control flow: what each does."""

from __future__ import annotations

import contextlib
import linecache
import textwrap
from collections.abc import Generator
from typing import Any

import numpy as np
import pytest

import irgrad
from tests.frontend.against_python import check_like_python

POINTS = (0.75, -1.25)

WORKS = {
    "bound first in both branches": """
        if x > 0:
            y = x * 2
        else:
            y = -x
        return y""",
    "bound first in a loop": """
        for i in range(30):
            last = x * i
        return last + i""",
    "bound first in a while": """
        n = 0
        while n < abs(x) * 5:
            n += 1
            last = n * x
        return last""",
    "bound after a break": """
        k = 0
        while True:
            k += 1
            if k > 3 * abs(x):
                break
            y = k * x
        return y""",
    "del of a temporary in a branch": """
        y = x
        if x > 0:
            t = x * 2
            y = t
            del t
        return y""",
    "del in a loop": """
        for i in range(40):
            t = x + i
            x = np.sin(t)
            del t
        return x""",
    "del of what is not read again": """
        t = x
        if x > 0:
            del t
        return x""",
    "unpacking": """
        a, (b, *c) = x, (1.0, x, 2 * x)
        for _ in range(20):
            a, b = b, a * 0.5
            c[0], c[1] = c[1], np.sin(c[0])
        if a > b:
            (a, b), d = (b, a), 1.0
        else:
            d = 2.0
        return a, b, c, d""",
    "augmented assignment": """
        a = np.ones(3)
        s = 0
        for i in range(20):
            a[1:] += x
            a *= 0.9
            s += a[i % 3]
            s **= 1
        if x > 0:
            a -= 1
            s //= 1.0
        return a, s""",
    "comprehensions with conditions": """
        a = [v * x if v * x > 0.5 else 0.0 for v in (1, 2, 3)]
        b = {k: -v for k, v in enumerate(a)}
        c = sum(v for v in a)
        return a, b[1], c""",
    "a comprehension in a loop": """
        for i in range(20):
            x = sum([np.sin(x + k) for k in range(3)]) * 0.3
        return x""",
    "a nested function reads what a loop carries": """
        s = x
        def scaled(v):
            return v * s
        for i in range(20):
            s = 0.5 * s + scaled(0.1)
        return s, scaled(2.0)""",
    "nonlocal": """
        total, count = 0.0, 0
        def add(v):
            nonlocal total, count
            total = total + v
            count += 1
        for i in range(30):
            add(np.sin(x * i))
            if total > 1:
                add(-1.0)
        return total, count""",
    "nonlocal, assigned in the inner function's loop": """
        total = x
        def run():
            nonlocal total
            for i in range(30):
                total = 0.9 * total + 1
                if total > 5:
                    break
        run()
        return total""",
    "a lambda of the loop's variable": """
        fs = []
        for i in range(3):
            fs.append(lambda v, i=i: v * i)
        return sum(f(x) for f in fs)""",
    "a function defined in a loop": """
        for i in range(20):
            def step(v):
                return np.cos(v) + i * 0.01
            x = step(x)
        return x""",
    "walrus": """
        y = 0.0
        if (z := x * 2) > 1:
            y = z
        while (z := z * 0.5) > 0.1:
            y += z
        return y, z""",
    "try and finally": """
        try:
            if x > 0:
                y = x
            else:
                y = -2 * x
        finally:
            x = x + 1
        return x * y""",
    "try and except of what is known": """
        table = {"a": 1.0}
        for key in ("a", "b"):
            try:
                x = x + table[key]
            except KeyError:
                x = x * 2
        return x""",
    "try and except in a loop": """
        for i in range(20):
            try:
                x = np.sin(x) + {}["no"]
            except KeyError:
                x = x * 0.9
            else:
                x = 100.0
        return x""",
    "with": """
        with np.errstate(all="ignore"), nothing() as extra:
            if x > 0:
                y = np.log(x) + extra
            else:
                y = x
            for i in range(20):
                with np.errstate(invalid="ignore"):
                    y = np.sin(y)
        return y""",
    "a generator": """
        def halves(v):
            for _ in range(3):
                v = v / 2
                yield v
        return sum(halves(x))""",
    "match": """
        match len(np.shape(x)):
            case 0:
                y = x if x > 0 else 0.5
            case _:
                y = None
        return y""",
    "a class in the function": """
        class Box:
            scale = 2.0
            def __init__(self, v):
                self.v = v
            def grown(self):
                if self.v > 0:
                    return Box(self.v * self.scale)
                return Box(self.v - 1)
        box = Box(x)
        for _ in range(20):
            box = Box(0.5 * box.grown().v)
        return box.v""",
    "None as a value of one variable": """
        best = None
        for v in (x, 2 * x, -x):
            if best is None:
                best = v
            elif v > best:
                best = v
        return best""",
    "functions chosen by known strings": """
        kind = "sin"
        for i in range(20):
            x = np.sin(x) if kind == "sin" else x
            kind = "sin"
        return x""",
    "chained comparisons, and, or, not": """
        y = 0.0
        for i in range(20):
            if 0 < x + i < 5 and not (i == 3 or x > 2):
                y += x
        return y""",
    "a swap of two arrays": """
        a, b = np.ones(4) * x, np.zeros(4)
        for _ in range(20):
            b[1:-1] = 0.5 * (a[:-2] + a[2:])
            a, b = b, a
        return a, b""",
    "a recursive inner function called in loops": """
        def halves(v, depth):
            return v if depth == 0 else halves(0.5 * v, depth - 1) + x
        y = x
        while abs(y) < 5:
            y = y + halves(y, 3)
        for i in range(20):
            y = 0.5 * y + halves(x, 2) * i
        return y""",
    "a view bound anew in each step, and read after the loop": """
        A = x * np.arange(80.0).reshape(20, 4)
        row = A[0]
        row[1] = 2.0
        for i in range(1, 20):
            row = A[i]
            row[0] = A[i - 1, 1] * row[2]
        row[3] = x
        for i in range(20):
            row = A[i, 1:]
            row += 0.1
        return A, row""",
    "a string, None and del that depend on the step": """
        mode, last, y = "up", None, 0.0
        for i in range(40):
            if i == 20:
                mode = "down"
            y += np.sin(x * i) if mode == "up" else -x
            if i % 3 == 2:
                last = y
            if last is not None:
                y += 0.1 * last
            if i == 39:
                del mode
        return y, last""",
    "raise and except that depend on the step": """
        y = 0.0
        for i in range(40):
            try:
                if i % 7 == 3:
                    raise ValueError("seven")
                y += np.sin(x * i)
            except ValueError:
                y *= 0.9
            finally:
                y += 0.1
        return y""",
    "a view bound first in a loop, and read after it": """
        A, i = x * np.arange(80.0).reshape(20, 4), 0
        while i < 18 and A[i, 0] < 5:
            i += 1
            row = A[i]
            row[0] = x + i
        for column in A.T:
            column[0] += row[1]
        return row, column, A""",
    "a generator in the head of a for": """
        def sums(v):
            s = 0.0
            for i in range(20):
                s += v * i
                yield i, s
        for i, s in sums(x):
            x = 0.9 * x + 0.01 * s
        return x, i, s""",
    "max, min and abs": """
        top = -10.0
        for i in range(20):
            top = max(top, np.sin(x * i))
            x = min(abs(x), 2.0)
        return top, x""",
}

REFUSED = {
    "bound in one branch, read after": (
        """
        if x > 0:
            y = x
        return y""",
        NameError,
        "y",
        "has a value only where",
    ),
    "deleted in one branch, read after": (
        """
        y = x
        if x > 0:
            del y
        return y""",
        NameError,
        "y",
        "has a value only where",
    ),
    "another kind of value in each branch": (
        """
        y = x if x > 0 else "none"
        return y""",
        TypeError,
        "differs between the branches",
        "only numbers and arrays",
    ),
    "None in one branch": (
        """
        y = None
        if x > 0:
            y = x
        return y""",
        TypeError,
        "'y' differs between the branches: None and f64",
        "only numbers and arrays",
    ),
    "a string that a step changes": (
        """
        mode, y = "up", 0.0
        for i in range(40):
            if mode == "up":
                y += x
                if y > 3:
                    mode = "down"
        return y""",
        TypeError,
        "'mode' differs between the branches: 'up' and 'down'",
        "only numbers and arrays",
    ),
    "None that a step replaces under a condition": (
        """
        last, y = None, 0.0
        for i in range(40):
            if np.sin(i * x) > 0.5:
                if last is not None:
                    y += last
                last = x * i
        return y""",
        TypeError,
        "'last' differs between the branches: None and f64",
        "only numbers and arrays",
    ),
    "a dict that grows under a condition": (
        """
        d = {}
        if x > 0:
            d["a"] = x
        return sum(d.values())""",
        TypeError,
        "the dict differs between the branches",
        "only where the condition is known",
    ),
    "a generator as what a while asks": (
        """
        while any(v > x for v in (x, x * 2)):
            x = x + np.ones(3)
        return x""",
        ValueError,
        "changes its shape",
        "keep the shape",
    ),
}


@contextlib.contextmanager
def nothing() -> Generator[float]:
    yield 1.0


def function_of(body: str) -> Any:
    text = "def program(x):\n" + textwrap.indent(textwrap.dedent(body).strip("\n"), "    ")
    name = f"<construct {abs(hash(text))}>"
    linecache.cache[name] = (len(text), None, text.splitlines(keepends=True), name)
    scope: dict[str, Any] = {"np": np, "nothing": nothing, "__name__": "constructs"}
    exec(compile(text, name, "exec"), scope)
    return scope["program"]


@pytest.mark.parametrize("name", WORKS)
def test_works(name: str) -> None:
    check_like_python(function_of(WORKS[name]), "numpy", POINTS)


@pytest.mark.parametrize("name", WORKS)
def test_works_in_machine_code(name: str) -> None:
    function = function_of(WORKS[name])
    compiled = irgrad.compile(function, backend="numba")
    for x in POINTS[:1]:
        np.testing.assert_allclose(
            np.hstack([np.ravel(v) for v in _flat(compiled(x))]),
            np.hstack([np.ravel(v) for v in _flat(function(x))]),
        )


def _flat(result: Any) -> list[Any]:
    if isinstance(result, (tuple, list)):
        return [v for part in result for v in _flat(part)]
    return [result]


@pytest.mark.parametrize("name", REFUSED)
def test_refused(name: str) -> None:
    body, kind, match, remedy = REFUSED[name]
    with pytest.raises(kind, match=match) as error:
        irgrad.trace(function_of(body), 0.75)
    told = "\n".join([str(error.value), *getattr(error.value, "__notes__", [])])
    assert remedy in told
    assert "<construct" in told or kind is NameError
