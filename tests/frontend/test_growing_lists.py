"""Lists that grow under conditions that only the running program knows: what takes them whole takes
them as Python does, and what cannot is refused."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import irgrad
from irgrad.errors import IrgradError
from irgrad.ir.graph import node_count
from tests.frontend.against_python import check_like_python

ANGLES = np.linspace(0.3, 20.0, 60)


def waves(x: Any) -> Any:
    return x * np.sin(ANGLES) + 0.1 * np.cos(3 * ANGLES)


def taken_whole(x: Any) -> Any:
    out = [2.0]
    for v in waves(x):
        if v > 0.2:
            out.append(v * v)  # noqa: PERF401
    a = np.array(out)
    return sum(out), np.mean(out), out[-1], out[2], max(out), min(out), np.sum(a[1:] * a[:-1])


def unrolled(x: Any) -> Any:
    rising, falling = [], [x]
    for v in waves(x)[:9]:
        if v > 0.2:
            rising.append(v)
            rising.append(v * v)
        else:
            rising.append(np.sin(v))
            falling.append(v)
    if not rising or len(falling) == 5:
        return 0.0, 0.0, 0.0
    falling.append(1.0)
    return sum(rising) * len(rising), falling[-2], sum(v * k for k, v in enumerate(falling))


def peaks(x: Any) -> Any:
    w, found = waves(x), []
    for i in range(1, len(w) - 1):
        if w[i - 1] < w[i] > w[i + 1]:
            found.append((i, w[i]))  # noqa: PERF401
    heights = [height for _, height in found]
    total = 0.0
    for i, height in found:
        total += i * height
    return total, sum(heights), len(found)


def last_read_in_the_loop(x: Any) -> Any:
    kept = [x]
    for v in waves(x):
        if abs(v) > 0.6 * abs(kept[-1]):
            kept.append(v)
    return sum(kept), kept[-1]


def until_it_breaks(x: Any) -> Any:
    sums, total = [], 0.0
    for v in waves(x):
        total += abs(v)
        if total > 4:
            break
        sums.append(total)
    return sum(sums), len(sums), sums[-1]


def adaptive_steps(x: Any) -> Any:
    t, h, ts, ys = 0.0, 0.1, [0.0], [x]
    while t < 2.0:
        h = min(h, 2.0 - t)
        slope = -ys[-1] + np.sin(t)
        later = -(ys[-1] + h * slope) + np.sin(t + h)
        error = abs(h * (later - slope))
        if error < 0.01:
            t = t + h
            ts.append(t)
            ys.append(ys[-1] + h * (slope + later) / 2)
        h = h * min(2.0, max(0.3, 0.09 / np.sqrt(error + 1e-9)))
    return ys[-1], ts[-1]


def while_of_known_length(x: Any) -> Any:
    t, us, above = 0.0, [], []
    while t < 10.0:
        x = x + 0.1 * np.sin(3 * x + t)
        us.append(x)
        if x > 1:
            above.append(x)
        t += 0.25
    return np.array(us), sum(above)


def orbit(x: Any) -> Any:
    place = [x, 1.0]
    places = [place]
    for _ in range(40):
        place = [place[0] - 0.1 * place[1], place[1] + 0.1 * np.sin(place[0])]
        places.append(place)
    return places[-1], places[0], places[7], sum(p[0] for p in places)


def orbit_by_the_last_place(x: Any) -> Any:
    places = [[x, 1.0]]
    for k in range(40):
        a, b = places[-1]
        places.append([a - 0.1 * b, b + 0.1 * np.sin(a) + 0.01 * k])
    return places[-1], np.array(places)[3], sum(p[0] for p in places)


def last_place_written_to(x: Any) -> Any:
    place = [x, 1.0]
    places = [place]
    for _ in range(20):
        places[-1][0] += 0.5
        place = [0.9 * place[0], place[1] + 0.1 * place[0]]
        places.append(place)
    return places[-1], places[0], places[3], sum(p[0] for p in places)


def first_place_written_to(x: Any) -> Any:
    place = [x, 1.0]
    places = [place]
    for k in range(20):
        place[0] = 0.9 * place[0] + 0.01 * places[-1][0]
        places.append([place[0], place[1] + k])
    return places[-1], places[0], places[3], sum(p[0] for p in places)


FUNCTIONS = [
    orbit, orbit_by_the_last_place, last_place_written_to, first_place_written_to,
    taken_whole, unrolled, peaks, last_read_in_the_loop, until_it_breaks, adaptive_steps,
    while_of_known_length,
]  # fmt: skip


@pytest.mark.parametrize("backend", ["numpy", "numba"])
@pytest.mark.parametrize("function", FUNCTIONS)
def test_as_python_means_it(function: Any, backend: str) -> None:
    check_like_python(function, backend, (0.9, 0.5))


GROWING = [
    taken_whole, peaks, until_it_breaks, while_of_known_length, orbit, orbit_by_the_last_place,
]  # fmt: skip


@pytest.mark.parametrize("function", GROWING)
def test_graphs_do_not_grow_with_the_lists(function: Any) -> None:
    assert node_count(irgrad.trace(function, 0.9).nodes) < 200


def returned(x: Any) -> Any:
    return [v for v in waves(x) if v > 0]


def popped(x: Any) -> Any:
    out = returned(x)
    return out.pop()


def written(x: Any) -> Any:
    out = returned(x)
    out[1] = 0.0
    return sum(out)


def unlike_items(x: Any) -> Any:
    out = []
    for v in waves(x):
        if v > 0:
            out.append(v)
        else:
            out.append((v, v))
    return len(out)


def earlier_items_of_a_while(x: Any) -> Any:
    out = [x]
    while out[-1] < 10:
        out.append(out[-1] * 2)
    return sum(out)


def first_of_a_list_that_may_grow(x: Any) -> Any:
    out, count = [np.ones(2) * x, np.zeros(2)], 0
    while x < 3 and count < 20:
        x, count = x + out[0][0] * 0.1, count + 1
        if np.sin(x * count) > 0:
            out.append(out[0] * 0.5)
    return x


@pytest.mark.parametrize(
    ("function", "match"),
    [
        (returned, "an item of a list that grew under a traced condition"),
        (popped, r"\.pop\(\) of a list that grew"),
        (written, "an item of a list that grew"),
        (unlike_items, "the list differs between the branches"),
        (earlier_items_of_a_while, "a list grows in a loop whose number of steps"),
        (first_of_a_list_that_may_grow, "one of its earlier items"),
    ],
)
def test_refusals(function: Any, match: str) -> None:
    with pytest.raises(IrgradError, match=match) as error:
        irgrad.trace(function, 0.5)
    assert "test_growing_lists.py:" in str(error.value)
    assert "hint: " in str(error.value)
