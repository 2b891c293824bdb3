"""`np.einsum` in full: any operands, implicit results, ellipses, repeated and lone letters."""

from __future__ import annotations

import string
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from irgrad.errors import ArgumentError, ShapeError
from irgrad.frontend.contraction import Operand, ordered, product, summed, without_repeats
from irgrad.frontend.promote import common_dtype, innermost, lift, lift_each
from irgrad.frontend.registry import implements
from irgrad.frontend.sharing import copies
from irgrad.ir.types import dtype_argument

LETTERS = string.ascii_uppercase + string.ascii_lowercase


class Request(NamedTuple):
    """An einsum with explicit letters: one group for each operand, and the result's."""

    groups: list[str]
    result: str


@implements(np.einsum)
def einsum(
    *operands: Any,
    out: Any = None,
    optimize: Any = False,
    dtype: Any = None,
    order: str = "K",
    casting: str = "safe",
) -> Any:
    """`np.einsum`; more than two operands are contracted pair by pair in a greedy order."""
    spec, arrays = (
        (operands[0], operands[1:]) if isinstance(operands[0], str) else _from_lists(operands)
    )
    builder, arrays = innermost(arrays), lift_each(*arrays)
    wanted = common_dtype(arrays) if dtype is None else dtype_argument(dtype)
    lifted = [lift(builder, array, wanted) for array in arrays]
    request = parse(spec, [x.ndim for x in lifted])
    check_extents(request, lifted)
    contract_all = copies(_contracted) if len(lifted) > 1 else _contracted
    return contract_all(*lifted, request=request)


def _contracted(*lifted: Any, request: Request) -> Any:
    named = [
        without_repeats(Operand(x, group)) for x, group in zip(lifted, request.groups, strict=True)
    ]
    return ordered(reduce_all(named, request.result), request.result)


def reduce_all(operands: list[Operand], result: str) -> Operand:
    """All operands contracted into one, in the greedy order of `np.einsum_path`."""
    for together in greedy_path(operands, result):
        chosen = [operands.pop(i) for i in sorted(together, reverse=True)][::-1]
        current = chosen[0]
        for i, other in enumerate(chosen[1:], 2):
            needed = _letters(chosen[i:]) + _letters(operands) + result
            kept = "".join(c for c in dict.fromkeys(current.letters + other.letters) if c in needed)
            current = product(current, other, result if set(kept) == set(result) else kept)
        operands.append(current)
    return summed(operands[0], result)


def _letters(operands: Sequence[Operand]) -> str:
    return "".join(operand.letters for operand in operands)


def greedy_path(operands: Sequence[Operand], result: str) -> list[tuple[int, ...]]:
    """Which operands to contract at each step; results go to the end of the list."""
    if len(operands) < 3:
        return [tuple(range(len(operands)))]
    spec = ",".join(operand.letters for operand in operands) + "->" + result
    empty = [np.broadcast_to(0.0, operand.array.shape) for operand in operands]
    return np.einsum_path(spec, *empty, optimize="greedy")[0][1:]


def parse(spec: str, ndims: Sequence[int]) -> Request:
    """The letters of each operand and of the result, ellipses spelled out, for operands of these
    numbers of axes.

    >>> parse("...ij,jk", [3, 2])
    Request(groups=['Aij', 'jk'], result='Aik')
    """
    spec = spec.replace(" ", "")
    given, arrow, result = spec.partition("->")
    terms = given.split(",")
    if len(terms) != len(ndims):
        raise ArgumentError(f"einsum: {spec!r} names {len(terms)} operands, got {len(ndims)}")
    letters = given.replace("...", "").replace(",", "")
    _check_letters(spec, letters + result.replace("...", ""))
    spare = [c for c in LETTERS if c not in spec]
    counts = [_ellipsis_axes(term, ndim, spec) for term, ndim in zip(terms, ndims, strict=True)]
    named = "".join(spare[: max(counts, default=0)])
    groups = [
        term.replace("...", named[len(named) - count :])
        for term, count in zip(terms, counts, strict=True)
    ]
    if not arrow:
        once = "".join(sorted(c for c in set(letters) if letters.count(c) == 1))
        return Request(groups, named + once)
    return Request(groups, _result(spec, result, named, letters))


def _result(spec: str, result: str, named: str, letters: str) -> str:
    if named and "..." not in result:
        raise ShapeError(f"einsum: the result of {spec!r} lacks the ellipsis of its operands")
    full = result.replace("...", named)
    for letter in full:
        if full.count(letter) > 1:
            raise ShapeError(
                f"einsum: '{letter}' stands twice in the result of {spec!r}",
                hint="np.diag makes a matrix of a vector",
            )
        if letter not in letters + named:
            raise ShapeError(
                f"einsum: '{letter}' of the result of {spec!r} is in no operand",
                hint="np.broadcast_to repeats along new axes",
            )
    return full


def _check_letters(spec: str, letters: str) -> None:
    for letter in letters:
        if letter not in LETTERS:
            raise ArgumentError(f"einsum: {letter!r} in {spec!r} is not a letter")


def _ellipsis_axes(term: str, ndim: int, spec: str) -> int:
    """How many axes the ellipsis of one operand stands for."""
    written = len(term.replace("...", ""))
    if "..." in term and term.count("...") == 1 and written <= ndim:
        return ndim - written
    if "..." in term or written != ndim:
        raise ShapeError(
            f"einsum: '{term}' of {spec!r} does not fit an operand of {ndim} axes",
            hint="one letter for each axis; '...' stands for any number of them",
        )
    return 0


def check_extents(request: Request, arrays: Sequence[Any]) -> None:
    """A `ShapeError` where a letter has two extents; 1 broadcasts, but not inside one operand."""
    extents: dict[str, int] = {}
    for group, array in zip(request.groups, arrays, strict=True):
        own: dict[str, int] = {}
        for letter, extent in zip(group, array.shape, strict=True):
            if own.setdefault(letter, extent) != extent:
                raise ShapeError(
                    f"einsum: '{letter}' is {own[letter]} and {extent} in the one {array.value!r}",
                    hint="axes of one letter have one extent",
                )
            known = extents.setdefault(letter, extent)
            if known == 1:
                extents[letter] = extent
            elif extent not in (1, known):
                raise ShapeError(
                    f"einsum: '{letter}' is {extent} in {array.value!r} but {known} elsewhere",
                    hint="axes of one letter have one extent",
                )


def _from_lists(operands: Sequence[Any]) -> tuple[str, Sequence[Any]]:
    """The form einsum(x, [0, 1], y, [1, 2], [0, 2]) as a spec and its arrays."""
    count = len(operands) // 2
    arrays, lists = operands[: 2 * count : 2], [*operands[1 : 2 * count : 2]]
    terms = [_term(sublist) for sublist in lists]
    result = "->" + _term(operands[-1]) if len(operands) % 2 else ""
    return ",".join(terms) + result, arrays


def _term(sublist: Sequence[Any]) -> str:
    return "".join("..." if label is Ellipsis else LETTERS[label] for label in sublist)
