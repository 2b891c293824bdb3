"""Reads of what no step of a loop writes, as reads of the array before the loop: what the steps
carry is then used in fewer places, and what is the same in every step can leave the loop.

`A[i, j] -= A[i, :i] @ A[:i, j]` for j from i on reads, of what it carries, A[i, j] alone."""

from __future__ import annotations

import dataclasses
from collections.abc import Collection, Hashable

from irgrad.autodiff.parts import Numbers, apart, writes
from irgrad.autodiff.reads import Read, Reads
from irgrad.ir.builder import rebuilt
from irgrad.ir.exchange import Exchange
from irgrad.ir.graph import Graph, Value, input_value
from irgrad.ops.loop import Loop

MOST = 200
"""Pairs of reads and writes that are compared."""


def before_the_loop(
    op: Loop, numbers: Numbers, steady: Collection[Hashable]
) -> tuple[Loop, list[int]]:
    """The loop with such reads of further fixed values, and which of its operands these are."""
    body = op.body
    found: dict[Value, Read] = {}
    before: list[tuple[Value, int]] = []
    reads = None
    for k, source in enumerate(body.inputs[1 : 1 + op.carried]):
        own = writes(body, numbers, source, body.outputs[k]) if source.type.shape else None
        if not own:
            continue
        parts = [p.renamed(steady, "other") for write in own for p in write.parts]
        array = input_value(f"{body.names[source]}.before", source.type)
        reads = reads or Reads(body, numbers, None)
        waiting = [x for v in (source, *(w.value for w in own)) for x in reads.of(v, array)]
        written = [part for write in own for part in write.parts]
        count = len(found)
        if len(waiting) * len(parts) > MOST:
            continue
        while waiting:
            read = waiting.pop()
            if read.shown.part in written:  # another step may well write there, this one does
                continue
            if all(apart(read.shown.part, part) for part in parts):
                found[read.value] = read
                continue
            narrower = [*reads.narrower(read)]
            if not narrower:  # the steps wait for each other
                return op, []
            waiting += narrower
        if len(found) > count:
            before.append((array, op.first + k))
    if not before:
        return op, []
    walk = Exchange(body)
    for node in body.nodes:
        read = found.get(Value(node, 0))
        if read is None:
            walk.keep(node)
            continue
        for each in read.nodes:
            image = rebuilt(each, tuple(map(walk.moved, each.operands)), walk.images)
            walk.replace(each, image, [0])
        walk.values[read.value] = walk.moved(read.image)
    nodes = walk.result()
    inputs = [*body.inputs, *(array for array, _ in before)]
    outputs = dict(zip(nodes.output_names, nodes.outputs, strict=True))
    body = Graph(body.name, inputs, nodes.nodes, outputs)
    return dataclasses.replace(op, body=body), [number for _, number in before]
