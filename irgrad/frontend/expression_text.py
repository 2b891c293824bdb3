"""The text of an expression: where things stand in it, and its syntax tree, parsed by Python's own
parser in pieces.

`ast.parse` builds its tree by recursion, so it takes chains such as `x0 + x1 + ...` of a few
thousand terms at most (how many depends on the version of Python). A long chain of + and - is
therefore cut: its first terms are parsed alone, and a name stands for them, padded to their length,
in the text of the next piece. Every position stays what it was.
"""

from __future__ import annotations

import ast
import re
import unicodedata
from bisect import bisect_right
from dataclasses import dataclass, field
from typing import Any, NamedTuple, NoReturn

from irgrad.errors import ExpressionError, Location, pointer

CHAIN = 200
"""Chains of more + and - than this are cut into pieces of this many."""
NESTING = 100
"""Deepest nesting of brackets."""
DIGITS = 310
"""Most digits of an integer: as many as a float can stand for."""
FILE = "<expression>"

_STRING = "|".join(
    (
        r"{3}(?:[^\\]|\\.)*?".join(("'", "'{3}")),
        r"{3}(?:[^\\]|\\.)*?".join(('"', '"{3}')),
        r"'(?:[^'\\\n]|\\.)*'",
        r'"(?:[^"\\\n]|\\.)*"',
    )
)
_TOKEN = re.compile(
    r"(?P<space>(?:\s+|\\\n|#[^\n]*)+)"
    rf"|(?P<string>[rRbBuUfF]{{0,2}}(?:{_STRING}))"
    r"|(?P<number>0[xXoObB]\w+|(?:\d[\d_]*\.?[\d_]*|\.\d[\d_]*)(?:[eE][+-]?\d[\d_]*)?[jJ]?)"
    r"|(?P<name>[^\W\d]\w*)"
    r"|(?P<operator>\*\*|//|<<|>>|[<>=!:]=|.)",
    re.DOTALL,
)
_SEPARATORS = frozenset((",", ":", "=", ";", "<", ">", "<=", ">=", "==", "!=", ":=", "|", "^", "&"))
_SEPARATORS |= {"<<", ">>"}
_WORDS = frozenset(
    {"if", "else", "and", "or", "not", "in", "is", "lambda", "for", "async", "await", "yield"}
)
_CLOSING = {"(": ")", "[": "]", "{": "}"}


class Place(Location):
    """A place in an expression: its source is the line with a caret under the place."""

    text: str
    column: int

    @property
    def source(self) -> str:
        """The line, and below it a caret, as they stand after `at <expression>:1 ` in an error's
        message.
        """
        line, column = excerpt(self.text, self.column, 48)
        lead = len(f"  at {self.file}:{self.line}    ")
        return f"{line}\n{' ' * (lead + column)}^"


def excerpt(line: str, column: int, width: int = 66) -> tuple[str, int]:
    """The part of a long line around `column`, and where `column` is in it."""
    line = line.replace("\t", " ")
    if len(line) <= width:
        return line, column
    start = max(0, min(column - width // 2, len(line) - width))
    head = "..." if start else ""
    tail = "..." if start + width < len(line) else ""
    return f"{head}{line[start : start + width]}{tail}", column - start + len(head)


class Source:
    """The text of an expression, with its lines."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.lines = text.split("\n")
        self.starts = [0, *(match.end() for match in re.finditer("\n", text))]

    def place(self, offset: int) -> Place:
        """The place at `offset`."""
        row = bisect_right(self.starts, offset) - 1
        place = Place(FILE, row + 1)
        place.text = self.lines[row]
        place.column = offset - self.starts[row]
        return place

    def fail(self, message: str, offset: int, hint: str = "") -> NoReturn:
        """Raise an `ExpressionError` with a caret under `offset`."""
        place = self.place(min(offset, len(self.text)))
        if len(self.starts) > 1:
            message = f"line {place.line}: {message}"
        raise ExpressionError(
            f"{message}\n{pointer(*excerpt(place.text, place.column))}", hint=hint
        )


class Tree(NamedTuple):
    """A piece's syntax tree, and the piece, which knows where its nodes stand in the whole text."""

    node: Any
    piece: Piece


@dataclass
class Piece:
    """A part of the text as it was given to the parser: `prefix`, then the text from `start` on."""

    prefix: str
    body: str
    start: int
    lines: list[str] = field(init=False)

    def __post_init__(self) -> None:
        self.lines = f"{self.prefix}{self.body}\n)".splitlines(keepends=True)
        self.ascii = self.body.isascii()
        self.row_starts = [0]
        for line in self.lines:
            self.row_starts.append(self.row_starts[-1] + len(line))

    def offset(self, row: int, column: int, *, in_bytes: bool = True) -> int:
        """The offset in the whole text of a row (from 1) and a column (from 0) in the piece."""
        row = min(row, len(self.lines))
        if in_bytes and not self.ascii:
            column = len(self.lines[row - 1].encode()[:column].decode(errors="replace"))
        return max(self.start, self.start + self.row_starts[row - 1] + column - len(self.prefix))

    def begin(self, node: Any) -> int:
        """Where `node` begins in the whole text."""
        return self.offset(node.lineno, node.col_offset)

    def end(self, node: Any) -> int:
        """Where `node` ends in the whole text."""
        return self.offset(node.end_lineno, node.end_col_offset)


class Parsed(NamedTuple):
    """The tree of an expression, and the trees that the names in `parts` stand for."""

    tree: Tree
    parts: dict[str, Tree]


def parse(source: Source) -> Parsed:
    """The syntax tree of an expression; an `ExpressionError` with a caret where there is none."""
    if not source.text.strip():
        raise ExpressionError("the expression is empty", hint="write a formula, such as 'x**2 + y'")
    text, parts = source.text, dict[str, Tree]()
    for chain in long_chains(source):
        name, start = "", chain.start
        for cut in chain.cuts:
            parts[f"__{len(parts)}"] = _parse(source, Piece(f"({name}", text[start:cut], start))
            name, start = f"__{len(parts) - 1}", cut
        text = (
            f"{text[: chain.start]}{_standing_for(text[chain.start : start], name)}{text[start:]}"
        )
    return Parsed(_parse(source, Piece("(", text, 0)), parts)


def _standing_for(text: str, name: str) -> str:
    """`name` and blanks, as long as `text` and with as many lines, the last one as long.

    The name stands where the text begins: an operator before it is looked for from there back."""
    body, newline, tail = text.rpartition("\n")
    if not newline:
        return name.ljust(len(text))
    rows = text.count("\n")
    first = len(text) - rows - len(tail)
    if len(name) <= first:
        return name.ljust(first) + newline * rows + " " * len(tail)
    return re.sub(r"[^\n]", " ", body) + newline + name.ljust(len(tail))


def _parse(source: Source, piece: Piece) -> Tree:
    try:
        return Tree(ast.parse("".join(piece.lines), FILE, mode="eval").body, piece)
    except SyntaxError as error:
        offset = piece.offset(error.lineno or 1, max(0, (error.offset or 1) - 1), in_bytes=False)
        graph = source.text.lstrip().startswith("graph @")
        hint = "irgrad.parse reads the text of a graph" if graph else ""
        source.fail(f"not an expression: {error.msg}", offset, hint=hint)
    except (RecursionError, MemoryError):
        source.fail(
            "the expression is nested too deeply",
            piece.start,
            hint="only chains of + and - may be of any length; write a Python function",
        )
    except ValueError as error:  # null bytes, lone surrogates
        source.fail(f"not an expression: {error}", piece.start)


class Chain(NamedTuple):
    """A long chain of + and -: where it begins, and the operators before which it is cut."""

    start: int
    cuts: list[int]


@dataclass
class _Bracket:
    """An open bracket (or the whole text): the chain of + and - that the scan is in."""

    position: int
    closing: str
    chain: int | None = None
    operators: list[int] = field(default_factory=list[int])


def long_chains(source: Source) -> list[Chain]:
    """The chains of more than `CHAIN` additions, inner ones before outer ones; brackets are checked
    on the way.
    """
    found: list[Chain] = []
    stack = [_Bracket(0, "")]
    after_operand = False

    def end_chain() -> None:
        bracket = stack[-1]
        if len(bracket.operators) > CHAIN and bracket.chain is not None:
            found.append(Chain(bracket.chain, bracket.operators[CHAIN::CHAIN]))
        bracket.chain, bracket.operators = None, []

    for match in _TOKEN.finditer(source.text):
        kind, token, at = match.lastgroup, match[0], match.start()
        if kind == "space":
            continue
        if token in _SEPARATORS or token in _WORDS or token in ")]}":
            end_chain()
        elif stack[-1].chain is None:
            stack[-1].chain = at
        if token in _CLOSING:
            stack.append(_Bracket(at, _CLOSING[token]))
            if len(stack) > NESTING:
                source.fail(
                    f"brackets are nested deeper than {NESTING}", at, hint="write a Python function"
                )
        elif token in ")]}":
            if token != stack[-1].closing:
                _unbalanced(source, stack[-1], token, at)
            stack.pop()
        elif token in "+-" and after_operand:
            stack[-1].operators.append(at)
        if kind == "number" and token.isdigit() and len(token) > DIGITS:
            source.fail(
                f"an integer of more than {DIGITS} digits", at, "write it as a float: 1e400"
            )
        if kind == "name" and unicodedata.normalize("NFKC", token).startswith("__"):
            source.fail(
                f"names that begin with two underscores, such as '{token}', are not allowed",
                at,
                "the inside of Python objects is out of reach",
            )
        after_operand = token in ")]}" or (kind != "operator" and token not in _WORDS)
    end_chain()
    if len(stack) > 1:
        source.fail(f"'{source.text[stack[-1].position]}' is never closed", stack[-1].position)
    return found


def _unbalanced(source: Source, bracket: _Bracket, token: str, at: int) -> NoReturn:
    hint = (
        f"'{source.text[bracket.position]}' before it needs '{bracket.closing}'"
        if bracket.closing
        else ""
    )
    source.fail(f"'{token}' closes nothing", at, hint)
