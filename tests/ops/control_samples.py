"""Samples of loops and branches: small regions written as text."""

from __future__ import annotations

import numpy as np

import irgrad
from tests.ops.samples import BOOL, C128, F32, draw, sampled

X, Y, W = draw((3,), seed=1), draw((3,), seed=2), draw((3, 3), low=-0.5, high=0.5)
ROWS = draw((4, 3), seed=3)
TANH = irgrad.parse("""
graph @step(%i: i64[], %c: f64[3], %x: f64[3], %w: f64[3,3]) -> (c: f64[3], y: f64[]) {
  %0: f64[3] = contract(%w, %c) {spec='ab,b->a'}
  %1: f64[3] = add(%0, %x)
  %h: f64[3] = tanh(%1)
  %2: f64[] = contract(%h, %c) {spec='a,a->'}
  return c=%h, y=%2
}""")
COUNTING = irgrad.parse("""
graph @step(%i: i64[], %n: i64[], %c: f64[3], %a: f64[3]) -> (n: i64[], c: f64[3]) {
  %0: f64[] = astype(%i) {dtype=f64}
  %1: f64[3] = multiply(%c, %a)
  %2: f64[3] = add(%1, %0)
  %3: f64[3] = sin(%2)
  %4: i64[] = add(%n, 1)
  return n=%4, c=%3
}""")
NARROW = irgrad.parse("""
graph @step(%i: i64[], %c: f32[], %x: f32[]) -> (c: f32[], y: f32[]) {
  %0: f32[] = multiply(%c, %x)
  return c=%0, y=%c
}""")
COMPLEX = irgrad.parse("""
graph @step(%i: i64[], %c: c128[], %x: c128[], %w: c128[]) -> (c: c128[], y: c128[]) {
  %0: c128[] = multiply(%c, %x)
  %1: c128[] = add(%0, %w)
  return c=%1, y=%1
}""")
NESTED = irgrad.parse("""
graph @outer(%i: i64[], %c: f64[3], %a: f64[3]) -> (c: f64[3]) {
  %0: i64[] = add(%i, 1)
  %n: i64[] = astype(0) {dtype=i64}
  %k: i64[], %m: f64[3] = loop(%0, %n, %c, %a) {carried=2, scanned=0, length=None, backward=True, replay=False, body=
    graph @step(%i: i64[], %n: i64[], %c: f64[3], %a: f64[3]) -> (n: i64[], c: f64[3]) {
      %1: f64[3] = multiply(%c, %a)
      %2: f64[3] = sin(%1)
      %3: i64[] = add(%n, %i)
      return n=%3, c=%2
    }}
  return c=%m
}""")  # noqa: E501 -- as it prints
for backward in (False, True):
    for length in (4, 1, 0):
        sampled(
            "loop", X, ROWS[:length], W,
            carried=1, scanned=1, length=length, backward=backward, replay=False, body=TANH,
        )  # fmt: skip
    for trips in (3, 0, -2):
        sampled(
            "loop", np.asarray(trips), np.asarray(5), X, Y,
            carried=2, scanned=0, length=None, backward=backward, replay=False, body=COUNTING,
        )  # fmt: skip
sampled(
    "loop", draw((), F32, 0.5, 1), draw((5,), F32, 0.5, 1.5),
    carried=1, scanned=1, length=5, backward=False, replay=False, body=NARROW,
)  # fmt: skip
sampled(
    "loop", draw((), C128), draw((3,), C128, -0.8, 0.8), draw((), C128, seed=4),
    carried=1, scanned=1, length=3, backward=False, replay=False, body=COMPLEX,
)  # fmt: skip
sampled("loop", X, Y, carried=1, scanned=0, length=3, backward=False, replay=False, body=NESTED)

FIRST = irgrad.parse("""
graph @sines(%x: f64[3], %y: f64[3]) -> (a: f64[3], b: f64[]) {
  %0: f64[3] = sin(%x)
  %1: f64[3] = multiply(%0, %y)
  %2: f64[] = contract(%1, %0) {spec='a,a->'}
  return a=%1, b=%2
}""")
SECOND = irgrad.parse("""
graph @products(%x: f64[3], %y: f64[3]) -> (a: f64[3], b: f64[]) {
  %0: f64[3] = exp(%y)
  %1: f64[3] = multiply(%0, %x)
  return a=%1, b=1.0
}""")
THIRD = irgrad.parse(
    "graph @same(%x: f64[3], %y: f64[3]) -> (a: f64[3], b: f64[]) { return a=%x, b=0.5 }"
)
for flag in (False, True):
    sampled("cond", np.asarray(flag, BOOL), X, Y, branches=(FIRST, SECOND))
for number in (-1, 0, 2, 7):
    sampled("cond", np.asarray(number), X, Y, branches=(FIRST, THIRD, SECOND))

BELOW = irgrad.parse("""
graph @below(%n: i64[], %c: f64[3], %a: f64[3], %stop: i64[]) -> (go: bool[]) {
  %0: bool[] = less(%n, %stop)
  return go=%0
}""")
SINES = irgrad.parse("""
graph @step(%n: i64[], %c: f64[3], %a: f64[3], %stop: i64[]) -> (n: i64[], c: f64[3]) {
  %0: f64[3] = sin(%c)
  %1: f64[3] = multiply(%0, %a)
  %2: i64[] = add(%n, 1)
  return n=%2, c=%1
}""")
for stop in (4, 0):
    sampled("while", np.asarray(0), X, Y, np.asarray(stop), carried=2, condition=BELOW, body=SINES)
sampled("add_stacks", draw((3, 2)), draw((3, 2), seed=5))
