"""The arrows of the house point one way, and the core never imports a backend.

ir <- ops <- {frontend, autodiff, passes, inspect} <- runtime <- the public package <- cli.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parent.parent
FLOORS = {
    "errors": 0, "ir": 0, "ops": 1, "frontend": 2, "autodiff": 2, "passes": 2, "inspect": 2,
    "runtime": 3, "scipy": 3, "functions": 3, "__init__": 4, "cli": 5, "__main__": 6,
}  # fmt: skip
RUNTIME = ("irgrad.runtime.backend", "irgrad.runtime.disk_cache")
PROTOCOL = ("irgrad.errors", "irgrad.ir", "irgrad.ops", "irgrad.passes.rewrite", *RUNTIME)


def imports(file: Path, root: Path) -> Iterator[tuple[int, str]]:
    """(line, module) of every import, also inside functions, with relative ones resolved."""
    package = file.relative_to(root).with_suffix("").parts[:-1]
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = package[: len(package) - node.level + 1] if node.level else ()
            module = ".".join([*base, *([node.module] if node.module else [])])
            yield from ((node.lineno, f"{module}.{alias.name}") for alias in node.names)


def floor(module: str) -> int:
    """The floor of a module of irgrad."""
    parts = module.split(".")
    return FLOORS.get(parts[1], FLOORS["__init__"]) if len(parts) > 1 else FLOORS["__init__"]


def upward(root: Path) -> list[str]:
    """The imports of `root`/irgrad and of the backends that break a rule."""
    found: list[str] = []
    for file in sorted((root / "irgrad").rglob("*.py")):
        module = ".".join(file.relative_to(root).with_suffix("").parts)
        for line, name in imports(file, root):
            inside = name.split(".")[0] == "irgrad"
            if (inside and floor(name) > floor(module)) or name.startswith("irgrad_"):
                found.append(f"{module}:{line} imports {name}")
    for file in sorted((root / "backends").rglob("*.py")):
        own = file.relative_to(root / "backends").parts[0]
        for line, name in imports(file, root / "backends"):
            foreign = name.startswith("irgrad_") and name.split(".")[0] != own
            core = name.split(".")[0] == "irgrad" and not name.startswith(PROTOCOL)
            if foreign or core:
                found.append(f"{own}/{file.name}:{line} imports {name}")
    return found


def test_no_import_points_upward() -> None:
    assert upward(ROOT) == []


def test_an_upward_import_is_caught(tmp_path) -> None:
    for path, text in {
        "irgrad/ir/a.py": "def f():\n    from irgrad.ops import base",
        "irgrad/ops/b.py": "import irgrad.runtime.compiled",
        "irgrad/passes/c.py": "from ..runtime import backend",
        "irgrad/runtime/d.py": "import irgrad_numpy",
        "irgrad/runtime/fine.py": "from irgrad.ir import graph",
        "backends/irgrad_numpy/e.py": "from irgrad.frontend import lower\nimport irgrad_numba",
        "backends/irgrad_numpy/fine.py": "from irgrad.runtime.backend import Backend\nimport numpy",
    }.items():
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_text(text)
    assert len(upward(tmp_path)) == 6
    assert not [row for row in upward(tmp_path) if "fine" in row]


def test_every_folder_of_the_house_has_a_floor() -> None:
    names = {path.stem for path in (ROOT / "irgrad").iterdir() if path.name != "__pycache__"}
    assert names - {"py"} <= set(FLOORS), "give the new room a floor"
