"""Sparsity patterns through loops and branches.

Steps are followed one by one where their number is known and they are few: positions, and indices
that follow from them, are then known numbers. Else the body is followed once, on patterns that say
which element of a carried value, of a slice, of a fixed value each result depends on. With A from
carried values to carried values, and what else they depend on as s, n steps make
(1 + A)^n (c + s) of the start c: repeated squaring gives that, until it does not grow any more.
Row i depends on slice i, and on what any step carries. A branch is the one that is selected, or
the union of all."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import numpy as np
import scipy.sparse as sp

from irgrad.autodiff.patterns import Rows, tidy, union
from irgrad.autodiff.sparsity import REGIONS, UNKNOWN, Known, Walk
from irgrad.ir.graph import Graph, Node, Value, regions
from irgrad.ir.types import is_inexact
from irgrad.ops.cond import Cond, selected
from irgrad.ops.loop import Groups, Loop
from irgrad.ops.while_loop import While


def _cond(walk: Walk, node: Node) -> Sequence[Known]:
    op: Any = node.op
    selector, *given = map(walk.known, node.operands)
    if selector.numbers is not None:
        walk.decided_by |= selector.sources
        return walk.follow(op.branches[selected(selector.numbers, len(op.branches))], given)
    every = [walk.follow(branch, given) for branch in op.branches]
    return [
        Known(union([one.pattern for one in column]), None, frozenset())
        for column in zip(*every, strict=True)
    ]


def _loop(walk: Walk, node: Node) -> Sequence[Known]:
    op: Any = node.op
    groups = op.groups(list(map(walk.known, node.operands)))
    steps = op.length
    if steps is None and groups.trips[0].numbers is not None:
        walk.decided_by |= groups.trips[0].sources
        steps = max(0, int(groups.trips[0].numbers))
    scanned = op.groups(node.operands).scanned
    work = _visits(op.body)
    if steps is None or steps * work > walk.visits:
        return Closure(walk, op.body, 1, groups, scanned, steps).outputs()
    walk.visits -= steps * work
    state = groups.carried
    rows: dict[int, list[Known]] = {}
    for i in range(steps - 1, -1, -1) if op.backward else range(steps):
        slices = [_row(x, k, i) for x, k in zip(scanned, groups.scanned, strict=True)]
        position = Known(None, np.asarray(i), frozenset())
        found = walk.follow(op.body, [position, *state, *slices, *groups.fixed])
        state, rows[i] = found[: op.carried], found[op.carried :]
    stacks = node.outputs[op.carried :]
    columns = [[rows[i][k] for i in range(steps)] for k in range(len(stacks))]
    return [
        *state,
        *(_stack(walk, y, column) for y, column in zip(stacks, columns, strict=True)),
    ]


def _while(walk: Walk, node: Node) -> Sequence[Known]:
    """Steps one by one for as long as the condition is known, then any number of them."""
    op: Any = node.op
    n, operands = op.carried, list(map(walk.known, node.operands))
    state, fixed = operands[:n], operands[n:]
    rows: list[list[Known]] = [[] for _ in op.body.outputs[n:]]
    steps, work = 0, _visits(op.body) + len(op.condition.nodes) + 1
    while True:
        (holds,) = walk.follow(op.condition, [*state, *fixed])
        if holds.numbers is None or walk.visits < work:
            break
        walk.decided_by |= holds.sources
        walk.visits -= work
        if not holds.numbers:
            count = Known(None, np.asarray(steps), holds.sources)
            return [*state, count, *(_any(column) for column in rows)]
        found = walk.follow(op.body, [*state, *fixed])
        state = found[:n]
        for column, row in zip(rows, found[n:], strict=True):
            column.append(row)
        steps += 1
    groups = Groups([], state, [], fixed)
    found = Closure(walk, op.body, 0, groups, [], None).outputs()
    more = [_any([*column, row]) for column, row in zip(rows, found[n:], strict=True)]
    return [*found[:n], UNKNOWN, *more]


class Closure:
    """Any number of steps of a body, or at most `steps`, with unknown positions."""

    def __init__(
        self,
        walk: Walk,
        body: Graph,
        lead: int,
        groups: Groups,
        scanned: Sequence[Value],
        steps: int | None,
    ) -> None:
        self.walk, self.body, self.groups, self.steps = walk, body, groups, steps
        inputs = body.inputs[lead:]
        self.carried = inputs[: len(groups.carried)]
        self.slices = inputs[len(self.carried) : len(self.carried) + len(scanned)]
        self.fixed = inputs[len(self.carried) + len(scanned) :]
        self.scanned = scanned
        self.local = self._local(lead, [*self.carried, *self.slices, *self.fixed])

    def _local(self, lead: int, values: Sequence[Value]) -> list[Rows]:
        """The patterns of the outputs of one step in what goes into it."""
        inner = Walk(values, {}, self.walk.visits)
        inner.decided_by = self.walk.decided_by
        inputs = [inner.known(v) if is_inexact(v.type.dtype) else UNKNOWN for v in values]
        last = len(values) - len(self.fixed)
        for k, known in enumerate(self.groups.fixed, last):
            if known.pattern is None and known.numbers is not None:
                inputs[k] = known
        given = [*(UNKNOWN,) * lead, *inputs]
        found = inner.follow(self.body, given)
        self.walk.visits = inner.visits
        return [
            sp.csr_array((value.type.size, inner.columns), dtype=bool) if k.pattern is None
            else k.pattern
            for value, k in zip(self.body.outputs, found, strict=True)
        ]  # fmt: skip

    def outputs(self) -> list[Known]:
        """The carried values after the steps, and the stacked rows."""
        a, b = _size(self.carried), _size(self.carried) + _size(self.slices)
        count = len(self.carried)
        of_carried = _below(self.local[:count], self.local[0].shape[1] if self.local else 0)
        start = self._below(self.carried, self.groups.carried)
        slices = self._below(
            self.slices,
            [_union_of_rows(x, k) for x, k in zip(self.scanned, self.groups.scanned, strict=True)],
        )
        fixed = self._below(self.fixed, self.groups.fixed)
        source = of_carried[:, a:b] @ slices + of_carried[:, b:] @ fixed
        reach = _power(of_carried[:, :a], self.steps)
        state = tidy(sp.csr_array(reach @ (start + source)))
        ends = np.cumsum([0, *(value.type.size for value in self.carried)])
        results = [_known(state[i:j]) for i, j in pairwise(ends)]
        for row in self.local[count:]:
            shared = row[:, :a] @ state + row[:, b:] @ fixed
            results.append(self._rows(row[:, a:b], slices, shared))
        return results

    def _rows(self, of_slices: Rows, slices: Rows, shared: Rows) -> Known:
        if self.steps is None or any(x.type.is_dynamic for x in self.scanned):
            return _known(tidy(sp.csr_array(of_slices @ slices + shared)))
        total = sp.vstack([shared] * self.steps, format="csr") if self.steps else shared[:0]
        first = 0
        for x, known in zip(self.scanned, self.groups.scanned, strict=True):
            size = x.type.size // self.steps if self.steps else 0
            own = of_slices[:, first : first + size]
            first += size
            if known.pattern is not None and self.steps:
                each = sp.kron(sp.eye_array(self.steps, dtype=bool), own, format="csr")
                total = total + sp.csr_array(each, dtype=bool) @ known.pattern
        return _known(tidy(sp.csr_array(total)))

    def _below(self, values: Sequence[Value], known: Sequence[Known]) -> Rows:
        """Patterns one below the other, zeros for what does not depend."""
        blocks = [
            self.walk.empty(value.type.size) if k.pattern is None else k.pattern
            for value, k in zip(values, known, strict=True)
        ]
        return _below(blocks, self.walk.columns)


def _below(blocks: Sequence[Rows], columns: int) -> Rows:
    return sp.vstack(blocks, format="csr") if blocks else sp.csr_array((0, columns), dtype=bool)


def _size(values: Sequence[Value]) -> int:
    return sum(value.type.size for value in values)


def _known(pattern: Rows) -> Known:
    return Known(pattern if pattern.nnz else None, None, frozenset())


def _power(matrix: Rows, steps: int | None) -> Rows:
    """(1 + A)^n, or the largest of them."""
    reach = tidy(sp.csr_array(matrix + sp.eye_array(matrix.shape[0], dtype=bool, format="csr")))
    done = 1
    while steps is None or done < steps:
        further = tidy(sp.csr_array(reach @ reach))
        if further.nnz == reach.nnz:
            break
        reach, done = further, 2 * done
    return reach


def _visits(body: Graph) -> int:
    """The nodes that one step looks at, steps of inner loops of known length counted."""
    total = len(body.nodes) + 1
    for node in body.nodes:
        length = node.op.length if isinstance(node.op, Loop) else None
        total += sum((length or 1) * _visits(region) for region in regions(node.op).values())
    return total


def _row(stack: Value, known: Known, i: int) -> Known:
    """What is known of row i."""
    if stack.type.is_dynamic:
        return known
    size = stack.type.size // stack.type.shape[0]
    pattern = None if known.pattern is None else known.pattern[i * size : (i + 1) * size]
    numbers = None if known.numbers is None else np.asarray(known.numbers[i])
    return Known(pattern, numbers, known.sources)


def _union_of_rows(stack: Value, known: Known) -> Known:
    if stack.type.is_dynamic or known.pattern is None or not stack.type.shape[0]:
        return known if stack.type.is_dynamic else UNKNOWN
    size = stack.type.size // stack.type.shape[0]
    flat = known.pattern.tocoo()
    shape = (size, known.pattern.shape[1])
    united = sp.csr_array((flat.data, (flat.row % max(1, size), flat.col)), shape=shape)
    return _known(tidy(united))


def _stack(walk: Walk, stack: Value, rows: Sequence[Known]) -> Known:
    """What is known of stacked rows."""
    if stack.type.is_dynamic:
        return _any(rows)
    sources = frozenset[Value]().union(*(row.sources for row in rows))
    if all(row.pattern is None for row in rows):
        if not rows or any(row.numbers is None for row in rows):
            return UNKNOWN
        return Known(
            None, np.stack([row.numbers for row in rows if row.numbers is not None]), sources
        )
    size = stack.type.size // stack.type.shape[0]
    blocks = [walk.empty(size) if row.pattern is None else row.pattern for row in rows]
    return _known(sp.vstack(blocks, format="csr"))


def _any(rows: Sequence[Known]) -> Known:
    """What is known of each of some rows."""
    pattern = union([row.pattern for row in rows])
    return UNKNOWN if pattern is None else _known(tidy(sp.csr_array(pattern)))


REGIONS.update({Cond: _cond, Loop: _loop, While: _while})
