"""What the documentation shows is what irgrad makes. The pages' cells run in `make docs`."""

from __future__ import annotations

import importlib.util
import inspect
import pkgutil
import re
from pathlib import Path

import pytest

import irgrad
import irgrad.functions

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


def described() -> dict[str, object]:
    """What the reference describes by name -> functions, classes, and members of these."""
    found: dict[str, object] = {}
    reference = (ROOT / "docs" / "api.md").read_text("utf-8")
    directives = r"^\.\. auto(?:function|class):: (\S+)(?:\n +:members:(.*))?$"
    for name, members in re.findall(directives, reference, flags=re.MULTILINE):
        full = name if name.startswith("irgrad.") else f"irgrad.{name}"
        found[full] = pkgutil.resolve_name(full)
        for member in filter(None, map(str.strip, members.split(","))):
            found[f"{full}.{member}"] = getattr(found[full], member)
    for name in irgrad.functions.__all__:
        found[f"irgrad.functions.{name}"] = getattr(irgrad.functions, name)
    for name, member in vars(irgrad.Graph).items():
        if not name.startswith("_") and inspect.getdoc(member):
            found[f"irgrad.Graph.{name}"] = member
    return found


@pytest.mark.parametrize(("name", "member"), described().items())
def test_every_entry_of_the_reference_has_an_example_of_its_own_or_of_its_class(
    name: str, member: object
) -> None:
    owner = pkgutil.resolve_name(name.rpartition(".")[0])
    text = inspect.getdoc(member) or ""
    if inspect.isclass(owner) and owner is not irgrad.Graph and owner is not irgrad.Compiled:
        text += inspect.getdoc(owner) or ""
    protocol = any(getattr(each, "_is_protocol", False) for each in (member, owner))
    assert ">>>" in text or protocol


def test_links_between_files_lead_somewhere() -> None:
    pages = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").glob("*.md"))]
    for page in pages:
        prose = re.sub(r"```.*?```|`[^`\n]*`", "", page.read_text("utf-8"), flags=re.DOTALL)
        for target in re.findall(r"\]\(([^)#\s]+)", prose):
            if "://" not in target:
                assert (page.parent / target).exists(), f"{page.name} links to {target}"
