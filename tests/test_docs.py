"""What the documentation shows is what irgrad makes. The pages' cells run in `make docs`."""

from __future__ import annotations

import importlib.util
import inspect
import re
from pathlib import Path

import pytest

import irgrad

ROOT = Path(__file__).parent.parent


def test_the_picture_in_the_readme_is_current() -> None:
    spec = importlib.util.spec_from_file_location("picture", ROOT / "docs" / "picture.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    assert module.FILE.read_text(encoding="utf-8") == module.picture(), "run make picture"


@pytest.mark.parametrize("name", irgrad.__all__)
def test_every_public_name_is_in_the_reference_with_an_example(name: str) -> None:
    public = getattr(irgrad, name)
    reference = (ROOT / "docs" / "api.md").read_text("utf-8")
    assert re.search(rf":: (irgrad\.)?{name}\b", reference)
    shown = reference if isinstance(public, type) else inspect.getdoc(public) or ""
    assert inspect.ismodule(public) or len(shown) > 60
    assert isinstance(public, type) or inspect.ismodule(public) or ">>>" in shown


def test_links_between_files_lead_somewhere() -> None:
    pages = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").glob("*.md"))]
    for page in pages:
        prose = re.sub(r"```.*?```|`[^`\n]*`", "", page.read_text("utf-8"), flags=re.DOTALL)
        for target in re.findall(r"\]\(([^)#\s]+)", prose):
            if "://" not in target:
                assert (page.parent / target).exists(), f"{page.name} links to {target}"
