"""What the command line shows: numbers and arrays in short, graphs as text, errors in a panel."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
from rich import box
from rich.console import Console
from rich.highlighter import RegexHighlighter
from rich.panel import Panel
from rich.table import Table
from rich.text import Text
from rich.theme import Theme

from irgrad.ir.graph import Graph
from irgrad.ir.types import SHORT

_THEME = Theme(
    {
        "ir.value": "cyan",
        "ir.type": "green",
        "ir.op": "bold",
        "ir.string": "yellow",
        "ir.provenance": "dim",
        "ir.keyword": "magenta",
    }
)


class IRHighlighter(RegexHighlighter):
    """Colours for the text of a graph."""

    base_style = "ir."
    highlights = [  # noqa: RUF012 -- rich's own form
        r"(?P<value>%[\w.:]*\w)",
        r"(?P<type>\b(?:bool|[iufc]\d+)\[[\d,]*\])",
        r"= (?P<op>[\w.]+)\(",
        r"(?P<string>'[^']*')",
        r"^\s*(?P<keyword>graph|return)\b",
        r"(?<=  )(?P<provenance>\w+\(%?[\w.]+\)(?=\s*(?:@|$)))",
        r"(?P<provenance>@[^\s(]+:\d+)$",
    ]


def console(*, stderr: bool = False) -> Console:
    """A console that keeps to NO_COLOR and to what the stream can show."""
    return Console(stderr=stderr, highlight=False, theme=_THEME)


def show_text(out: Console, text: str) -> None:
    """Print the text of a graph as it is, never wrapped, coloured where the terminal can."""
    highlight = IRHighlighter()
    for line in text.splitlines():
        out.print(highlight(Text(line)), soft_wrap=True)


_PROVENANCE = re.compile(r"(.*?\S) {2,}((?:\w+\(%?[\w.:]+\))?(?: *@\S+)?)$")


def narrow(text: str, width: int) -> str:
    """The text of a graph, its headers broken and its provenance moved up, for a terminal."""
    matches = [_PROVENANCE.fullmatch(line) for line in text.splitlines()]
    bodies = [len(match[1]) for match in matches if match]
    notes = [len(match[2]) for match in matches if match]
    column = min(max(bodies, default=0), width - max(notes, default=0) - 2)
    lines: list[str] = []
    for line, match in zip(text.splitlines(), matches, strict=True):
        if match:
            lines.append(f"{match[1]:<{max(column, 0)}}  {match[2]}")
        else:
            lines += _broken(line, width)
    return "\n".join(lines)


def _broken(line: str, width: int) -> list[str]:
    """A header cut after commas of its lists, the rest indented."""
    if len(line) <= width or not line.lstrip().startswith("graph"):
        return [line]
    lines: list[str] = []
    current = ""
    for part in re.split(r"(?<=,) (?=%|\w+:)|(?<=\)) (?=->)", line):
        if current and len(current) + 1 + len(part) > width:
            lines.append(current)
            current = "     " + part
        else:
            current = f"{current} {part}" if current else part
    return [*lines, current]


def show_error(error: Exception) -> None:
    """An error of the user's input, in a panel on standard error."""
    text = Text(str(error), overflow="fold")
    name = type(error).__name__
    console(stderr=True).print(Panel(text, title=name, title_align="left", border_style="red"))


def type_text(value: Any) -> str:
    """The type of a value, as in the text of a graph: `f64[4,3]`."""
    array = np.asarray(value)
    if array.dtype not in SHORT:
        return type(value).__name__
    return f"{SHORT[array.dtype]}[{','.join(map(str, array.shape))}]"


def short(value: Any) -> str:
    """A number in full, an array in a few lines.

    >>> short(np.float64(0.1)), short(np.zeros(3))
    ('0.1', '[0. 0. 0.]')
    """
    array = np.asarray(value)
    if array.dtype not in SHORT:
        return str(value)
    if not array.ndim:
        return str(array[()])
    return np.array2string(array, precision=6, threshold=24, edgeitems=2, max_line_width=48)


def plain(value: Any) -> Any:
    """A value for JSON: nested lists, {"real", "imag"} for complex, strings for nan and inf."""
    if isinstance(value, Mapping):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(item) for item in value]
    if isinstance(value, np.ndarray):
        return plain(value.tolist())
    if isinstance(value, np.generic):
        return plain(value.item())
    if isinstance(value, complex):
        return {"real": plain(value.real), "imag": plain(value.imag)}
    if isinstance(value, float) and not np.isfinite(value):
        return str(value)
    return value


def show_json(data: Mapping[str, Any]) -> None:
    """One JSON object on standard output."""
    print(json.dumps(plain(data), indent=2, allow_nan=False))


def table(title: str, *columns: str) -> Table:
    """An empty table in the one style that all of them have."""
    made = Table(title=Text(title), title_justify="left", title_style="bold", box=box.SIMPLE_HEAD)
    for column in columns:
        made.add_column(column, overflow="fold")
    return made


def values_table(title: str, rows: Iterable[tuple[str, Any]]) -> Table:
    """Names with their types and values."""
    made = table(title, "name", "type", "value")
    for name, value in rows:
        made.add_row(Text(name), type_text(value), Text(short(value)))
    return made


def gradients_table(
    title: str, names: Sequence[str], at: Mapping[str, Any], gradients: Sequence[Any]
) -> Table:
    """Each argument with its value and the derivative with respect to it."""
    made = table(title, "argument", "type", "value", "gradient")
    for name, gradient in zip(names, gradients, strict=True):
        row = (type_text(at[name]), short(at[name]), short(gradient))
        made.add_row(Text(name, style="cyan"), *map(Text, row))
    return made


def passes_table(stages: Sequence[Any]) -> Table:
    """What each pass did to the number of nodes, and how long it took."""
    made = table("passes", "pass", "nodes before", "after", "milliseconds")
    for stage in stages:
        changed = "bold" if stage.after != stage.before else "dim"
        row = (stage.name, str(stage.before), str(stage.after), f"{stage.seconds * 1e3:.2f}")
        made.add_row(*row, style=changed)
    for column in made.columns[1:]:
        column.justify = "right"
    return made


def graph_stages(graph: Graph) -> str:
    """`12 nodes`, for captions."""
    return f"{len(graph)} node{'s' * (len(graph) != 1)}"
