"""What loops run over, and what they carry besides variables: lists, dicts, objects."""

from __future__ import annotations

import dataclasses
import itertools
from collections import deque
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

import irgrad
from irgrad.errors import IrgradError
from tests.frontend.against_python import check_like_python

POINTS = (0.5, -1.25)
WEIGHTS = [0.1 * k for k in range(30)]
TABLE = np.cos(np.arange(90.0)).reshape(30, 3)


# what a loop runs over


def rows(x: Any) -> Any:
    s = np.zeros(3)
    for row in TABLE:
        s = s * 0.9 + np.sin(row * x)
    return s


def traced_rows(x: Any) -> Any:
    a = TABLE * x
    s, i = 0.0, -1
    for i, row in enumerate(a):
        s += row[0] * i - row[2]
    return s, i


def zipped(x: Any) -> Any:
    a, s = TABLE * x, 0.0
    for row, (k, weight), _ in zip(a, enumerate(WEIGHTS, 3), range(25), strict=False):
        s = s * 0.5 + row[1] * weight + k
    return s


def backwards(x: Any) -> Any:
    s = x
    for i in reversed(range(2, 40, 3)):
        s = np.sin(s * i)
    for weight in reversed(WEIGHTS):
        s = s * weight + x
    return s


def pairs_and_places(x: Any) -> Any:
    a, s, sums = TABLE * x, x, np.zeros((18, 3))
    for i, j in itertools.product(range(18), repeat=2):
        s = s * 0.99 + a[i, 0] * a[j, 1]
        if s > 40:
            break
    for i, j in itertools.combinations(range(20), 2):
        s = s + 0.01 * a[i, 2] * a[j, 2]
    for p, q in itertools.combinations(a, 2):
        s = s + 0.01 * p @ q
    for place in np.ndindex(18, 3):
        sums[place] = a[place] * place[1]
    for (i, j), v in np.ndenumerate(a):
        s = s + 0.01 * i * j * v
    for v in np.nditer(a):
        s = s + 0.1 * v
    return s, sums


def odd_numbers(n: int) -> Any:
    for i in range(n):
        yield 2 * i + 1


def squares(items: Any) -> Any:
    for item in items:
        yield item * item


def generated(x: Any) -> Any:
    a, s, u = TABLE[:, 0] * x, x, 3.0
    for v in (np.sin(u) for u in a):
        s = 0.9 * s + v
    for v in (u * u for u in a if u > 0.1 * x and u < 0.9):
        s = 0.9 * s + v
        if s > 3:
            break
    for i, (v, w) in enumerate(zip((u + 1 for u in a), a[::-1], strict=True)):
        s = 0.9 * s + i * v * w
    for n, v in zip(odd_numbers(30), squares(a), strict=True):
        s = 0.9 * s + n * v
    for v in map(lambda v, w: v - w, a, WEIGHTS):
        s = 0.9 * s + v
    for v in filter(lambda v: v > 0, a):
        s = 0.9 * s + v
    for v, w in itertools.pairwise(a):
        s = 0.9 * s + v * w
    for v in itertools.chain(a, WEIGHTS):
        s = 0.9 * s + v
    return s, u


def best_by_key(x: Any) -> Any:
    a, s = TABLE * x, 0.0
    for i in range(29):
        k = max(range(i, 30), key=lambda r: abs(a[r, 0] - 0.2 * x))
        s = s * 0.9 + a[k, 1]
    pairs = [(a[k, 0], a[k, 2]) for k in range(30)]
    return s, max(a, key=lambda row: row @ row), min(pairs, key=lambda pair: pair[0] * pair[1])


class Meter:
    """Counts for all of its kind."""

    total = 0.0
    readings = 0

    def read(self, x: Any) -> Any:
        Meter.total = Meter.total * 0.9 + x
        self.__class__.readings += 1
        return Meter.total


def of_a_class(x: Any) -> Any:
    Meter.total, Meter.readings = 0.0, 0
    meter = Meter()
    for row in TABLE * x:
        meter.read(row[0])
    while Meter.total > 0.1:
        Meter.total *= 0.5
    return Meter.total, Meter.readings * 1.0


def broken_rows(x: Any) -> Any:
    for i, row in enumerate(TABLE):  # noqa: B007 -- read after the loop
        x = x + row[0]
        if x > 1.7:
            break
    else:
        i = -1
    return x, i


def list_of_tuples(x: Any) -> Any:
    pairs = [(0.1 * k, k) for k in range(20)]
    s = 0.0
    for a, b in pairs:
        s += np.sin(a * x) * b
    return s


# lists


def appended(x: Any) -> Any:
    h, hs = x, []
    for i in range(40):
        h = np.sin(h) + 0.01 * i
        hs.append(h)
    return np.stack(hs), hs[-1], hs[3] * hs[-2], sum(hs), np.mean(hs)


def appended_vectors(x: Any) -> Any:
    h, hs = np.ones(3) * x, [np.zeros(3)]
    for row in TABLE:
        h = 0.5 * h + row
        hs.append(h)
    return np.array(hs), np.concatenate(hs), np.vstack(hs), np.stack(hs, axis=1)


def reads_last(x: Any) -> Any:
    xs = [x, 2 * x]
    for _ in range(50):
        xs.append(np.sin(xs[-1]) + 0.1 * xs[-2])
    return np.array(xs)[::7]


def several(x: Any) -> Any:
    pairs, flat, h = [], [], x
    for i in range(30):
        h = np.cos(h) * 0.9
        pairs.append((h, h * i))
        flat.append(h)
        flat.append(-h * x)
    total = 0.0
    for a, b in pairs:
        total += a * b
    for k, v in enumerate(flat):
        total += v * k
    return total, len(flat), np.sum([b for _, b in pairs])


def nested_lists(x: Any) -> Any:
    table = []
    for i in range(20):
        row: list[Any] = []
        for j in range(25):
            row.append(np.sin(x * i) * j)  # noqa: PERF401 -- what is tested
        table.append(np.array(row))
    return np.array(table)


def fixed_list(x: Any) -> Any:
    state = [x, np.zeros(2)]
    for i in range(60):
        state[0] = 0.9 * state[0] + np.sin(i)
        state[1] = state[1] * 0.5 + state[0]
        if state[0] > 1:
            state[0] -= 1
    return state[0], state[1]


def dictionary(x: Any) -> Any:
    d = {"w": x, "v": 0.0, "name": "sgd"}
    for _ in range(40):
        g = 2 * d["w"] - 1
        d["v"] = 0.9 * d["v"] + g
        d["w"] -= 0.01 * d["v"]
    return d["w"]


# objects


class Cell:
    def __init__(self, x: Any) -> None:
        self.h = np.zeros(2)
        self.x, self.steps = x, 0

    def step(self, u: Any) -> Any:
        self.h = np.tanh(self.h * self.x + u)
        self.steps += 1
        return self.h


def object_state(x: Any) -> Any:
    cell = Cell(x)
    out = [cell.step(u) for u in (0.1, 0.2)]
    outs = []
    for u in np.linspace(0, 1, 30):
        outs.append(cell.step(u))  # noqa: PERF401 -- what is tested
    return np.array(outs), cell.steps, out[-1]


@dataclasses.dataclass(frozen=True)
class Point:
    a: Any
    b: Any

    def moved(self, by: Any) -> Point:
        return Point(self.a + by, self.b * 0.9 + self.a)


def dataclass_state(x: Any) -> Any:
    p = Point(x, 1.0)
    for i in range(30):
        p = p.moved(np.sin(x * i))
        if p.b > 2:
            p = Point(p.a, p.b - 1)
    return p.a, p.b


def object_in_branch(x: Any) -> Any:
    cell, log = Cell(x), [0.0, 0.0]
    if x > 0:
        cell.x = x * 2
        log[1] = x
    cell.step(0.5)
    return cell.h, log[1]


def annotated(x: Any) -> Any:
    for i in range(20):
        step: float
        step = 0.1 * i
        y: Any = x + step * np.sin(x)
        x = y
    return x


def windows(x: Any) -> Any:
    recent: Any = deque(maxlen=3)
    buffer, total = [], 0.0
    for i in range(40):
        recent.append(x * np.sin(i))
        buffer.append(recent[0])
        if len(buffer) > 4:
            buffer.pop(0)
        total += sum(recent) / len(recent) * max(buffer)
    return total


def objects_in_while(x: Any) -> Any:
    cell, history = Cell(abs(x)), {"last": 0.0}
    while cell.x < 9:
        cell.x = cell.x * 1.3 + 0.1
        cell.steps += 1
        history["last"] = cell.x
    return cell.x, cell.steps, history["last"]


KEPT: dict[str, Any] = {"last": 0.0}
COUNTS: list[Any] = []
RECENT: list[Any] = [0.0]
SUM: Any = 0.0


def keep(v: Any, recent: list[Any] = RECENT) -> Any:
    global SUM
    SUM = 0.9 * SUM + v
    KEPT["last"] = 0.5 * KEPT["last"] + v
    COUNTS.append(v * v)
    recent[0] = recent[0] * 0.5 + SUM
    attributes.most = np.maximum(attributes.most, v)
    return recent[0]


attributes: Any = keep


class Slotted:
    __slots__ = ("__own", "a")

    def __init__(self) -> None:
        self.a, self.__own = 0.0, 1.0

    def step(self, v: Any) -> Any:
        self.a, self.__own = self.a * 0.5 + v, self.__own * (1 + 0.01 * v)
        return self.__own


def kept_elsewhere(x: Any) -> Any:
    global SUM
    SUM, KEPT["last"], total = 0.0, 0.0, 0.0
    attributes.most = -1.0
    RECENT[0] = 0.0
    COUNTS.clear()
    names, slots = SimpleNamespace(a=x, n=0), Slotted()
    for i in range(40):
        total += keep(np.sin(x * i))
        names.a, names.n = 0.9 * names.a + total * 0.1, names.n + 1
        total += 0.1 * slots.step(names.a)
    return total, SUM, KEPT["last"], sum(COUNTS), attributes.most, names.a, names.n, slots.a


FUNCTIONS = (
    rows, traced_rows, zipped, backwards, broken_rows, list_of_tuples, appended, appended_vectors,
    reads_last, several, nested_lists, fixed_list, dictionary, object_state, dataclass_state,
    object_in_branch, objects_in_while, annotated, windows, kept_elsewhere, pairs_and_places,
    generated, best_by_key, of_a_class,
)  # fmt: skip
SECOND = (appended, fixed_list, object_state)


@pytest.mark.parametrize("backend", ["numpy", "numba"])
@pytest.mark.parametrize("function", FUNCTIONS, ids=lambda f: f.__name__)
def test_as_python_means_it(function: Any, backend: str) -> None:
    check_like_python(function, backend, POINTS, function in SECOND and backend == "numpy")


@pytest.mark.parametrize(
    "function", [f for f in FUNCTIONS if f not in (object_in_branch,)], ids=lambda f: f.__name__
)
def test_long_loops_stay_loops(function: Any) -> None:
    graph = irgrad.trace(function, 0.5)
    assert {"loop", "while"} & {node.op.name for node in graph.nodes}
    assert len(graph.nodes) < 60


def test_short_ones_unroll() -> None:
    def short(x: Any) -> Any:
        for row in TABLE[:5]:
            x = x + row[0]
        return x

    assert "loop" not in [node.op.name for node in irgrad.compile(short).graph(0.5).nodes]


def grows_in_while(x: Any) -> Any:
    xs = []
    while x < 10:
        x = x * 2
        xs.append(x)
    return sum(xs)


def shrinks_under_a_condition(x: Any) -> Any:
    xs = [0.0, x, 2 * x]
    if x > 0.3:
        xs.pop()
    return sum(xs)


def changes_kind(x: Any) -> Any:
    d = {"a": x}
    while x < 10:
        x = x * 2
        d["a"] = "text"
    return x


REFUSALS = (
    (grows_in_while, "a list grows in a loop whose number of steps"),
    (shrinks_under_a_condition, "the list differs between the branches"),
    (changes_kind, "what is in the dict' is|what is in the dict is"),
)


@pytest.mark.parametrize(("function", "match"), REFUSALS)
def test_refusals(function: Any, match: str) -> None:
    with pytest.raises(IrgradError, match=match) as error:
        irgrad.trace(function, 0.5)
    assert "test_state.py:" in str(error.value)


def test_a_list_that_is_looked_at_in_other_ways_unrolls() -> None:
    def program(x: Any) -> Any:
        xs = [x]
        for i in range(20):
            xs.append(sum(xs) * 0.1 + len(xs) + i)
            if xs:
                x = x + xs[0]
        return x, xs[-1]

    check_like_python(program, "numpy", (0.5,))


def lstm(weights: Any, recurrent: Any, bias: Any, inputs: Any) -> Any:
    n = recurrent.shape[0]
    state, hs = [np.zeros(n), np.zeros(n)], []
    for x in inputs:
        z = x @ weights + state[0] @ recurrent + bias
        i, f, o = 1 / (1 + np.exp(-z[: 3 * n].reshape(3, n)))
        state[1] = f * state[1] + i * np.tanh(z[3 * n :])
        state[0] = o * np.tanh(state[1])
        hs.append(state[0])
    return np.sum(np.array(hs) ** 2) + np.sum(hs[-1])


def test_lstm_of_8191_steps() -> None:
    random = np.random.default_rng(0)
    shapes = ((3, 16), (4, 16), (16,), (8191, 3))
    arguments = [0.3 * random.normal(size=shape) for shape in shapes]
    compiled = irgrad.compile(irgrad.value_and_grad(lstm), backend="numba")
    graph = compiled.graph(*arguments)
    assert [node.op.name for node in graph.nodes].count("loop") == 2
    assert len(graph.nodes) < 60
    value, _ = compiled(*arguments)
    np.testing.assert_allclose(value, lstm(*arguments), rtol=1e-10)
