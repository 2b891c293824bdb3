"""The ratios as a picture: one line a row, one mark a system, logarithmic, irgrad at 1."""

from __future__ import annotations

import math
from html import escape

from benchmarks.results import IRGRAD, Results, Row

COLOURS = {
    "irgrad-numpy": "#56b4e9", "jax": "#d55e00", "torch": "#cc79a7", "torch-compile": "#882255",
    "pytensor": "#009e73", "casadi": "#999933", "autograd": "#777777", "numpy": "#e69f00",
    "numba": "#0072b2", "limit": "#000000",
}  # fmt: skip
FONT = 'font-family="sans-serif" font-size="12" fill="#222"'
SHOWN = 'style="max-width:100%;min-width:600px;height:auto"'
LEFT, RIGHT, LINE, TOP = 260, 20, 26, 84
WIDTH = 960


def picture(results: Results) -> str:
    """An SVG document."""
    rows = [row for row in results.rows if row.seconds(IRGRAD)]
    marks = [(i, name, x) for i, row in enumerate(rows) for name, x in _ratios(row).items()]
    low = min([x for _, _, x in marks], default=1) * 0.8
    high = max([x for _, _, x in marks], default=10) * 1.25
    low, high = min(low, 0.5), max(high, 2.0)
    height = TOP + LINE * len(rows) + 50

    def place(x: float) -> float:
        share = (math.log(x) - math.log(low)) / (math.log(high) - math.log(low))
        return LEFT + share * (WIDTH - LEFT - RIGHT)

    size = f'width="{WIDTH}" height="{height}" viewBox="0 0 {WIDTH} {height}"'
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" {size} {SHOWN} {FONT}>',
        f'<rect width="{WIDTH}" height="{height}" fill="#fff"/>',
        _text(LEFT, 22, "Time of value and gradient, times irgrad-numba's", size=15),
        _text(LEFT, 42, "right of the line: slower than irgrad", fill="#666"),
    ]
    parts += _legend([name for name in COLOURS if any(name == mark for _, mark, _ in marks)])
    bottom = TOP + LINE * len(rows)
    for tick in _ticks(low, high):
        bold = tick == 1
        parts.append(
            f'<line x1="{place(tick):.1f}" x2="{place(tick):.1f}" y1="{TOP - 8}" y2="{bottom}" '
            f'stroke="{"#222" if bold else "#ddd"}" stroke-width="{2 if bold else 1}"/>'
        )
        parts.append(_text(place(tick), bottom + 18, f"{tick:g}x", anchor="middle"))
    for i, row in enumerate(rows):
        y = TOP + LINE * i + LINE / 2
        parts.append(_text(LEFT - 12, y + 4, row.name, anchor="end"))
        parts.append(f'<line x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{y}" y2="{y}" stroke="#eee"/>')
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
        return f'<path d="M{x:.1f} {y - 8}v16" stroke="#000" stroke-width="3">{title}</path>'
    fill = COLOURS[name]
    return (
        f'<circle cx="{x:.1f}" cy="{y}" r="5.5" fill="{fill}" fill-opacity="0.85">{title}</circle>'
    )


def _legend(names: list[str]) -> list[str]:
    parts, x = [], LEFT + 6.0
    for name in names:
        parts += [_mark(x, 60, name, name), _text(x + 10, 64, name)]
        x += 26 + 6.5 * len(name)
    return parts


def _text(x: float, y: float, text: str, anchor: str = "start", size: int = 12,
          fill: str = "#222") -> str:  # fmt: skip
    return (
        f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" font-size="{size}" fill="{fill}">'
        f"{escape(text)}</text>"
    )
