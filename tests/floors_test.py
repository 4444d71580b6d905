"""The house stands: imports go down, and each floor keeps to what it is for."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

SOURCE = Path(__file__).parents[1] / "src" / "ewaldite"
FLOORS = (
    ("errors",),
    ("kernels",),
    ("model",),
    ("crystal", "tables"),
    ("geometry",),
    ("io", "run"),
    ("diffuse", "spectroscopy", "simulate"),
    ("plot",),
    ("report",),
    ("cli",),
)
LEVEL = {folder: level for level, folders in enumerate(FLOORS) for folder in folders}
# What a floor may not use although it lies below: a simulation that shared the formulas of the
# reduction would share its mistakes
FORBIDDEN = {"simulate": {"geometry", "kernels", "crystal"}}
# Libraries at home on one floor
HOME = {"gemmi": {"crystal"}, "h5py": {"io"}, "fabio": {"io"}, "hdf5plugin": {"io"}}
HOME |= {
    "matplotlib": {"plot"},
    "plopp": {"plot"},
    "distributed": {"run"},
    "xraylib": {"tables"},
}
HOME |= {"cyclopts": {"cli"}, "pydantic": {"diffuse", "spectroscopy", "run"}}
OF_KERNELS = {"ewaldite", "numba", "numpy", "math", "__future__", "collections", "typing"}
# Floors that know no file system at all
PURE = {"errors", "kernels", "model", "crystal", "tables", "geometry"}
FILES = {"os", "pathlib", "shutil", "tempfile", "glob", "h5py"}
# Lines of a file that can still be read in one go
MOST_LINES = 300
EXTRAS = ("fabio", "hdf5plugin", "xraylib", "matplotlib", "plopp", "scippnexus", "distributed")


def name_of(path: Path) -> str:
    parts = ("ewaldite", *path.relative_to(SOURCE).with_suffix("").parts)
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


MODULES = {name_of(path): path for path in sorted(SOURCE.rglob("*.py"))}


def folder_of(module: str) -> str:
    return [*module.split("."), ""][1]


def imports_of(module: str) -> Iterator[str]:
    """Absolute names of all that a module imports, at its top or inside a function."""
    for node in ast.walk(ast.parse(MODULES[module].read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{module}: relative import"
            for alias in node.names:
                inner = f"{node.module}.{alias.name}"
                yield inner if inner in MODULES else str(node.module)


def inside(module: str) -> set[str]:
    return {name for name in imports_of(module) if name.split(".")[0] == "ewaldite"}


def test_every_module_is_on_a_floor() -> None:
    assert {folder_of(m) for m in MODULES} - {""} <= set(LEVEL)
    assert len(MODULES) > 50


def test_files_are_small() -> None:
    lines = {m: len(path.read_text("utf-8").splitlines()) for m, path in MODULES.items()}
    assert {m: n for m, n in lines.items() if n > MOST_LINES} == {}


@pytest.mark.parametrize("module", [m for m in MODULES if m != "ewaldite"])
def test_imports_go_down(module: str) -> None:
    folder = folder_of(module)
    for target in inside(module):
        other = folder_of(target)
        assert other, f"{module} imports the roof: {target}"
        below = LEVEL[other] < LEVEL[folder] and other not in FORBIDDEN.get(folder, set())
        assert below or other == folder, f"{module} imports {target}"


def roots_of(module: str) -> set[str]:
    return {name.split(".")[0] for name in imports_of(module)}


def test_libraries_are_at_home() -> None:
    away = [
        f"{module} imports {root}"
        for module in MODULES
        for root in sorted(roots_of(module) & set(HOME))
        if folder_of(module) not in HOME[root]
    ]
    assert away == []


def test_kernels_are_numba_and_numpy() -> None:
    kernels = [m for m in MODULES if folder_of(m) == "kernels"]
    assert [
        f"{m} imports {roots_of(m) - OF_KERNELS}" for m in kernels if roots_of(m) - OF_KERNELS
    ] == []


def test_pure_floors_touch_no_file() -> None:
    touching = [
        f"{module} imports {root}"
        for module in MODULES
        if folder_of(module) in PURE
        for root in sorted(roots_of(module) & FILES)
    ]
    assert touching == []


def test_no_import_circle() -> None:
    try:
        order = list(TopologicalSorter({m: inside(m) - {m} for m in MODULES}).static_order())
    except CycleError as error:
        pytest.fail(f"circle: {' -> '.join(error.args[1])}")
    assert order.index("ewaldite.errors") < order.index("ewaldite.cli.app")


def run_without_extras(script: str) -> subprocess.CompletedProcess[str]:
    block = f"""
import sys
class Block:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in {EXTRAS!r}:
            raise ModuleNotFoundError(f"No module named {{name!r}}", name=name)
sys.meta_path.insert(0, Block())
"""
    command = [sys.executable, "-c", block + script]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def test_the_block_blocks() -> None:
    done = run_without_extras("import matplotlib")
    assert "No module named 'matplotlib'" in done.stderr


@pytest.mark.parametrize(
    "words", [["--help"], ["diffuse", "--help"], ["diffuse", "run", "--help"]]
)
def test_help_needs_the_core_only(words: list[str]) -> None:
    script = f"import ewaldite\nfrom ewaldite.cli.app import main\nmain({words!r})"
    done = run_without_extras(script)
    assert done.returncode == 0, done.stderr
    assert "Usage: ewaldite" in done.stdout


def test_every_module_can_be_imported_with_the_core_only() -> None:
    names = ", ".join(m for m in MODULES if m != "ewaldite.__main__")
    done = run_without_extras(f"import {names}")
    assert done.returncode == 0, done.stderr
