"""Colours of pictures, for light pages and dark ones."""

from __future__ import annotations

Colours = tuple[str, str]

INK: Colours = ("#16181d", "#e9ebef")
PALE: Colours = ("#69707d", "#9aa2af")
GROUND: Colours = ("#ffffff", "#131416")
LINE: Colours = ("#224477", "#8ab4f8")

ROOT = "svg.irgrad:root{color-scheme:light dark}"
"""The rule by which a picture that is a file of its own follows the system's scheme."""


def themed(property: str, colours: Colours) -> str:
    """CSS that sets a colour. `light-dark()` follows the colour scheme of the page that the picture
    stands in; a renderer that does not know it keeps the light colour.

    >>> themed("fill", ("#fff", "#000"))
    'fill:#fff;fill:light-dark(#fff,#000);'
    """
    light, dark = colours
    return f"{property}:{light};{property}:light-dark({light},{dark});"
