"""The ratios as a picture: one line a row, one mark a system, logarithmic, irgrad at 1."""

from __future__ import annotations

import math
from html import escape

from benchmarks.results import IRGRAD, Results, Row
from irgrad.inspect.theme import INK, PALE, ROOT, themed

COLOURS = {
    "irgrad-numpy": "#56b4e9", "jax": "#d55e00", "torch": "#cc79a7", "torch-compile": "#882255",
    "pytensor": "#009e73", "casadi": "#999933", "autograd": "#777777", "numpy": "#e69f00",
    "numba": "#0072b2",
}  # fmt: skip
STYLE = f"""<style>{ROOT}
.irgrad text{{font:12px sans-serif;{themed("fill", INK)}}}
.irgrad text.pale{{{themed("fill", PALE)}}}
.irgrad path{{stroke-width:3;{themed("stroke", INK)}}}
.irgrad line{{stroke-opacity:.2;{themed("stroke", PALE)}}}
.irgrad line.own{{stroke-width:2;stroke-opacity:1;{themed("stroke", INK)}}}
</style>"""
SHOWN = 'style="max-width:100%;min-width:600px;height:auto"'
RIGHT, LINE, TOP = 20, 26, 84
WIDTH = 960


def picture(results: Results) -> str:
    """An SVG document."""
    rows = [row for row in results.rows if row.seconds(IRGRAD)]
    marks = [(i, name, x) for i, row in enumerate(rows) for name, x in _ratios(row).items()]
    low = min([x for _, _, x in marks], default=1) * 0.8
    high = max([x for _, _, x in marks], default=10) * 1.25
    low, high = min(low, 0.5), max(high, 2.0)
    height = TOP + LINE * len(rows) + 50
    left = 24 + 6.2 * max((len(row.name) for row in rows), default=0)

    def place(x: float) -> float:
        share = (math.log(x) - math.log(low)) / (math.log(high) - math.log(low))
        return left + share * (WIDTH - left - RIGHT)

    size = f'width="{WIDTH}" height="{height}" viewBox="0 0 {WIDTH} {height}"'
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" class="irgrad" {size} {SHOWN}>{STYLE}',
        _text(left, 22, "Time of value and gradient, times irgrad-numba's"),
        _text(left, 42, "right of the line: slower than irgrad", kind="pale"),
    ]
    drawn = {name for _, name, _ in marks}
    parts += _legend(left, [name for name in (*COLOURS, "limit") if name in drawn])
    bottom = TOP + LINE * len(rows)
    for tick in _ticks(low, high):
        kind = ' class="own"' if tick == 1 else ""
        x = f"{place(tick):.1f}"
        parts.append(f'<line{kind} x1="{x}" x2="{x}" y1="{TOP - 8}" y2="{bottom}"/>')
        parts.append(_text(place(tick), bottom + 18, f"{tick:g}x", anchor="middle"))
    for i, row in enumerate(rows):
        y = TOP + LINE * i + LINE / 2
        parts.append(_text(left - 12, y + 4, row.name, anchor="end"))
        parts.append(f'<line x1="{left:.1f}" x2="{WIDTH - RIGHT}" y1="{y}" y2="{y}"/>')
    for i, name, x in marks:
        parts.append(_mark(place(x), TOP + LINE * i + LINE / 2, name, f"{name}: {x:.3g}x"))
    return "\n".join([*parts, "</svg>", ""])


def _ratios(row: Row) -> dict[str, float]:
    own = row.seconds(IRGRAD)
    assert own
    others = {name: row.seconds(name) for name in row.outcomes if name != IRGRAD}
    others["limit"] = next(iter(row.limits.values()), None)
    return {name: seconds / own for name, seconds in others.items() if seconds}


def _ticks(low: float, high: float) -> list[float]:
    powers = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
    return [10.0**p for p in powers if low <= 10.0**p <= high]


def _mark(x: float, y: float, name: str, label: str) -> str:
    title = f"<title>{escape(label)}</title>"
    if name == "limit":
        return f'<path d="M{x:.1f} {y - 8}v16">{title}</path>'
    fill = COLOURS[name]
    return (
        f'<circle cx="{x:.1f}" cy="{y}" r="5.5" fill="{fill}" fill-opacity="0.85">{title}</circle>'
    )


def _legend(left: float, names: list[str]) -> list[str]:
    parts, x = [], left + 6
    for name in names:
        parts += [_mark(x, 60, name, name), _text(x + 10, 64, name)]
        x += 26 + 6.5 * len(name)
    return parts


def _text(x: float, y: float, text: str, anchor: str = "start", kind: str = "") -> str:
    return (
        f'<text class="{kind}" x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}">{escape(text)}</text>'
    )
