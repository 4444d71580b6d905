"""What must answer at once: help, and what would be done."""

from __future__ import annotations

import resource
import subprocess
import sys
from pathlib import Path

import pytest

from diffuse import tiny as diffuse
from spectroscopy import tiny as spectroscopy

CALL = "import sys; from ewaldite.cli.app import main; main(sys.argv[1:])"


def seconds(*words: str) -> float:
    """CPU time of a command, s; that of the clock is longer on a busy machine."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run([sys.executable, "-c", CALL, *words], capture_output=True, check=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


@pytest.mark.parametrize("chain", ["diffuse", "spectroscopy"])
def test_help_comes_at_once(chain: str) -> None:
    assert seconds(chain, "run", "--help") < 1.0


@pytest.mark.parametrize(
    ("name", "chain"), [("diffuse", diffuse), ("spectroscopy", spectroscopy)]
)
def test_the_plan_comes_at_once(name: str, chain: object, tmp_path: Path) -> None:
    config = chain.write_tiny(tmp_path / "tiny")  # type: ignore[attr-defined]
    words = (name, "run", str(config), "--dry-run")
    seconds(*words)  # kernels may have to be compiled first
    assert seconds(*words) < 3.0  # 2 s on a machine that does nothing else
