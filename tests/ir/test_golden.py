"""Golden graphs: a text, the passes to run, and the text that must come out.

`golden/*.ir` holds `# passes: a, b`, a graph, `# expected:` and the graph after the passes;
`IRGRAD_BLESS=1` rewrites what is expected. `bad/*.ir` holds malformed text, with `# error: ...` at
the end of the guilty line, and below it a comment with a caret under the guilty place.
"""

from __future__ import annotations

import os
import re
from pathlib import Path

import pytest

import irgrad
from irgrad.errors import IRTextError
from irgrad.ir.verify import verify
from irgrad.passes.pipeline import PIPELINE, optimise

HERE = Path(__file__).parent
GOLDEN = sorted((HERE / "golden").glob("*.ir"))
BAD = sorted((HERE / "bad").glob("*.ir"))
EXPECTED = "# expected:\n"


@pytest.mark.parametrize("path", GOLDEN, ids=lambda path: path.stem)
def test_golden(path) -> None:
    given, _, expected = path.read_text().partition(EXPECTED)
    named = re.search(r"# passes: *(.*)", given)
    assert named, "a golden file names its passes"
    passes = [name.strip() for name in named[1].split(",") if name.strip()]
    graph = verify(irgrad.parse(given))
    got = str(optimise(graph, tuple(passes) if passes != ["all"] else PIPELINE)) + "\n"
    if os.environ.get("IRGRAD_BLESS"):
        path.write_text(given + EXPECTED + got)
        return
    assert got == expected, "IRGRAD_BLESS=1 accepts the new text"


@pytest.mark.parametrize("path", BAD, ids=lambda path: path.stem)
def test_bad_text_is_refused_on_its_line(path) -> None:
    text = path.read_text()
    lines = text.split("\n")
    guilty = next(i for i, line in enumerate(lines) if "# error:" in line)
    message = lines[guilty].split("# error:")[1].strip()
    with pytest.raises(IRTextError) as caught:
        irgrad.parse(text)
    shown = str(caught.value)
    assert message in shown
    assert shown.startswith(f"line {guilty + 1}: ")
    assert shown.split("\n")[1:3] == [f"    {lines[guilty]}", f"    {_caret(lines[guilty + 1])}"]


def _caret(comment: str) -> str:
    """A line of white space and a caret."""
    assert comment.startswith("#")
    return comment.replace("#", " ", 1)
