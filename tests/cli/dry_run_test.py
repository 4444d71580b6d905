"""``--dry-run`` says what would be done, and leaves everything as it is."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from diffuse.tiny import STEPS
from ewaldite.run.sizes import parse_bytes


def state(folder: Path) -> dict[str, tuple[int, bytes]]:
    """Time and content of everything in a folder."""
    return {
        str(path.relative_to(folder)): (
            path.stat().st_mtime_ns,
            path.read_bytes() if path.is_file() else b"",
        )
        for path in folder.rglob("*")
    }


@pytest.fixture
def dry(command: Callable[..., Any]) -> Callable[..., list[str]]:
    def run(folder: Path, *words: str) -> list[str]:
        """Lines of a dry run, which changed nothing."""
        before = state(folder)
        answer = command("diffuse", "run", folder / "tiny.toml", "--dry-run", *words)
        assert answer.code == 0, answer.err
        assert state(folder) == before
        lines: list[str] = answer.out.splitlines()
        return lines

    return run


def test_nothing_is_made_beside_a_new_experiment(
    fresh: Path, dry: Callable[..., list[str]]
) -> None:
    lines = dry(fresh)
    assert lines[:10] == [*(f"{name}: not done yet" for name in STEPS), "9 steps to do"]
    assert not (fresh / "out").exists()


def test_the_plan_names_every_step_with_its_peak(
    fresh: Path, dry: Callable[..., list[str]]
) -> None:
    lines = dry(fresh, "--memory", "3 GB", "--workers", "2")[10:]
    assert [line.split()[0] for line in lines[:-1]] == [*STEPS, "report"]
    peaks = [parse_bytes(" ".join(line.split()[1:3]).rstrip(",")) for line in lines[:-1]]
    assert all(peak and 1e8 < peak < 1e9 for peak in peaks)
    assert "2 workers" in lines[1]
    assert lines[-1].startswith("predicted peak ")
    assert lines[-1].endswith("of a budget of 3 GB ([run] memory)")


def test_what_cannot_fit_is_refused_before_anything_is_done(
    fresh: Path, command: Callable[..., Any]
) -> None:
    before = state(fresh)
    answer = command("diffuse", "run", fresh / "tiny.toml", "--dry-run", "--memory", "200 MB")
    assert answer.code != 0
    assert "which does not fit" in answer.out
    assert re.search(r"the step '\w+' needs \d+ MB", " ".join(answer.err.split()))
    assert state(fresh) == before
    answer = command("diffuse", "run", fresh / "tiny.toml", "--memory", "200 MB")
    assert answer.code != 0
    assert "[run] memory to '" in " ".join(answer.err.split())
    assert not (fresh / "out" / "masks.nxs").exists()


def test_a_finished_run_has_nothing_to_do(done: Path, dry: Callable[..., list[str]]) -> None:
    assert dry(done) == ["0 steps to do"]


def test_the_options_of_the_finished_run_stay(
    done: Path, dry: Callable[..., list[str]]
) -> None:
    """The file says how the results came about, not how others would."""
    config = done / "tiny.toml"
    config.write_text(config.read_text() + "\n[merge]\nseed = 7\n")
    kept = (done / "out" / "options.toml").read_text()
    lines = dry(done, "--workers", "3", "--memory", "3 GB")
    assert [line.split(":")[0] for line in lines[:3]] == ["merge", "map", "2 steps to do"]
    # sizes of the finished tables are known, so that no image is looked at
    assert [line.split()[0] for line in lines[3:]] == ["merge", "map", "report", "predicted"]
    assert "seed" in lines[0]
    assert (done / "out" / "options.toml").read_text() == kept
    assert "seed = 7" not in kept


def test_what_a_dry_run_says_is_done(fresh: Path, command: Callable[..., Any]) -> None:
    said = command("diffuse", "run", fresh / "tiny.toml", "--dry-run").out.splitlines()
    answer = command("diffuse", "run", fresh / "tiny.toml")
    assert answer.code == 0
    steps = [line for line in answer.err.splitlines() if line.endswith(": not done yet")]
    assert steps == said[:9]
    # the log says the same plan before the first step, but for the report
    plan = [line for line in answer.err.splitlines() if line.startswith("plan: ")]
    assert [line.split()[1] for line in plan[:-1]] == list(STEPS)
    assert answer.err.index(plan[-1]) < answer.err.index(steps[0])
    assert (fresh / "out" / "options.toml").is_file()


@pytest.mark.parametrize(
    ("words", "found"), [(["--memory", "lots"], "'lots'"), (["--workers", "0"], "workers")]
)
def test_mistakes_are_told(
    words: list[str], found: str, fresh: Path, command: Callable[..., Any]
) -> None:
    before = state(fresh)
    answer = command("diffuse", "run", fresh / "tiny.toml", "--dry-run", *words)
    assert answer.code != 0
    assert found in answer.err + answer.out
    assert state(fresh) == before
