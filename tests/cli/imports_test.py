"""What must answer at once, help and plan, loads no library that it can do without."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from diffuse import tiny as diffuse
from spectroscopy import tiny as spectroscopy

CALL = """
import sys
from ewaldite.cli.app import main
try:
    main(sys.argv[1:])
finally:
    sys.stderr.write("\\n" + " ".join({name.partition(".")[0] for name in sys.modules}))
"""
PICTURES = {"matplotlib", "plopp", "distributed", "IPython", "pandas"}


def loaded(*words: str) -> set[str]:
    """Packages that a command imports."""
    call = [sys.executable, "-c", CALL, *words]
    done = subprocess.run(call, capture_output=True, text=True, check=True)
    return set(done.stderr.splitlines()[-1].split())


@pytest.mark.parametrize("chain", ["diffuse", "spectroscopy"])
def test_help_loads_no_numbers(chain: str) -> None:
    found = loaded(chain, "run", "--help")
    assert "cyclopts" in found
    assert not found & {*PICTURES, "numba", "scipp", "scipy", "h5py", "gemmi"}


@pytest.mark.parametrize(
    ("name", "chain"), [("diffuse", diffuse), ("spectroscopy", spectroscopy)]
)
def test_the_plan_loads_no_pictures(name: str, chain: object, tmp_path: Path) -> None:
    config = chain.write_tiny(tmp_path / "tiny")  # type: ignore[attr-defined]
    found = loaded(name, "run", str(config), "--dry-run")
    assert "numba" in found
    assert not found & PICTURES
