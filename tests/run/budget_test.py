from __future__ import annotations

import os
import resource
from pathlib import Path

import pytest

from ewaldite.errors import UserError
from ewaldite.run.budget import Budget, memory_budget, usable_processors

GIB = 1 << 30
UNLIMITED = resource.RLIM_INFINITY


@pytest.fixture
def machine(tmp_path: Path) -> Path:
    """A machine with 64 GiB of free RAM and no control groups."""
    (tmp_path / "proc/self").mkdir(parents=True)
    (tmp_path / "proc/meminfo").write_text(
        f"MemTotal:       99999999 kB\nMemAvailable:   {64 * GIB // 1024} kB\n"
    )
    return tmp_path


def found(machine: Path, environ: dict[str, str], ulimit: int = UNLIMITED) -> Budget:
    return memory_budget(None, environ=environ, root=machine, address_space=ulimit)


def test_the_option_wins_as_it_stands(machine: Path) -> None:
    environ = {"SLURM_MEM_PER_NODE": "10"}
    budget = memory_budget("1.5 GB", environ=environ, root=machine)
    assert budget == Budget(1_500_000_000, "[run] memory")
    assert str(budget) == "1.5 GB ([run] memory)"


@pytest.mark.parametrize("option", ["lots", "12", "0 GB", "-1 GB", ""])
def test_an_unreadable_option_is_named(option: str) -> None:
    with pytest.raises(UserError, match="is not a size of memory") as caught:
        memory_budget(option)
    assert repr(option) in caught.value.found
    assert "[run] memory" in caught.value.asked
    assert "'1.5 GB'" in caught.value.remedy


def test_free_ram_counts_what_we_hold_already(
    machine: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ewaldite.run.budget.current_rss", lambda: 3 * GIB)
    budget = found(machine, {})
    assert budget.bytes == int(0.9 * 67 * GIB)
    assert "free RAM" in budget.source


@pytest.mark.parametrize(
    ("environ", "limit", "word"),
    [
        ({"SLURM_MEM_PER_NODE": "4096"}, 4 * GIB, "SLURM_MEM_PER_NODE"),
        ({"SLURM_MEM_PER_NODE": "4G"}, 4 * GIB, "SLURM_MEM_PER_NODE"),
        ({"SLURM_MEM_PER_CPU": "2048", "SLURM_CPUS_ON_NODE": "3"}, 6 * GIB, "PER_CPU"),
        ({"SLURM_MEM_PER_CPU": "2048", "SLURM_CPUS_PER_TASK": "2"}, 4 * GIB, "PER_CPU"),
        ({"SLURM_MEM_PER_CPU": "2048"}, 2 * GIB, "PER_CPU"),
        ({"PBS_RESC_MEM": str(5 * GIB)}, 5 * GIB, "PBS"),
        ({"PBS_RESC_MEM": "5gb"}, 5 * GIB, "PBS"),
        ({"LSB_CG_MEMLIMIT": hex(3 * GIB)}, 3 * GIB, "LSF"),
        ({"PBS_RESC_MEM": "5gb", "LSB_CG_MEMLIMIT": hex(3 * GIB)}, 3 * GIB, "LSF"),
    ],
)
def test_limits_of_batch_systems(
    machine: Path, environ: dict[str, str], limit: int, word: str
) -> None:
    budget = found(machine, environ)
    assert budget.bytes == int(0.9 * limit)
    assert word in budget.source


@pytest.mark.parametrize(
    "environ", [{"SLURM_MEM_PER_NODE": "0"}, {"SLURM_MEM_PER_NODE": "x"}, {"PBS_RESC_MEM": ""}]
)
def test_values_that_say_nothing_are_no_limit(machine: Path, environ: dict[str, str]) -> None:
    assert "free RAM" in found(machine, environ).source


def test_control_group_and_ulimit(machine: Path) -> None:
    (machine / "proc/self/cgroup").write_text("0::/\n")
    (machine / "sys/fs/cgroup").mkdir(parents=True)
    (machine / "sys/fs/cgroup/memory.max").write_text(str(2 * GIB))
    budget = found(machine, {"SLURM_MEM_PER_NODE": "4096"})
    assert budget.bytes == int(0.9 * 2 * GIB)
    assert "control group" in budget.source
    budget = found(machine, {}, ulimit=GIB)
    assert budget.bytes == int(0.9 * GIB)
    assert "ulimit" in budget.source


def test_a_system_that_tells_nothing(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"Set \[run\] memory"):
        found(tmp_path, {})


def test_this_machine_has_some_memory_and_processors() -> None:
    assert memory_budget(None).bytes > 50_000_000
    assert 1 <= usable_processors() <= (os.cpu_count() or 1)


@pytest.mark.parametrize(
    "name", ["SLURM_CPUS_PER_TASK", "PBS_NUM_PPN", "PBS_NCPUS", "LSB_DJOB_NUMPROC"]
)
def test_processors_of_a_batch_job(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(range(16)))
    assert usable_processors(environ={}, root=tmp_path) == 16
    assert usable_processors(environ={name: "6"}, root=tmp_path) == 6
    assert usable_processors(environ={name: "99"}, root=tmp_path) == 16
    assert usable_processors(environ={name: "junk"}, root=tmp_path) == 16


@pytest.mark.parametrize(("quota", "processors"), [(250_000, 3), (20_000, 1), (9_900_000, 16)])
def test_processors_under_a_quota(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, quota: int, processors: int
) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(range(16)))
    (tmp_path / "proc/self").mkdir(parents=True)
    (tmp_path / "proc/self/cgroup").write_text("0::/job\n")
    (tmp_path / "sys/fs/cgroup/job").mkdir(parents=True)
    (tmp_path / "sys/fs/cgroup/job/cpu.max").write_text(f"{quota} 100000\n")
    assert usable_processors(environ={}, root=tmp_path) == processors
