"""Real runs of both chains, killed at 50 random moments and started again."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from types import ModuleType

import h5py
import numpy as np
import pytest

from diffuse import tiny as diffuse
from spectroscopy import tiny as spectroscopy

CHAINS = {"diffuse": diffuse, "spectroscopy": spectroscopy}
LOOPS = "loops.json"
KILLS = 25  # of each chain
TICK = 1 / os.sysconf("SC_CLK_TCK")


@dataclass
class Server:
    """The warm process, with an undisturbed run of each chain."""

    process: subprocess.Popen[str]
    folder: Path
    seconds: dict[str, float] = field(default_factory=dict)

    def start(self, chain: str, config: Path, notes: Path, **changes: object) -> int:
        """Start a run; give its process."""
        assert self.process.stdin is not None
        wanted = {
            "chain": chain,
            "config": str(config),
            "notes": str(notes),
            "changes": changes,
        }
        self.process.stdin.write(json.dumps(wanted) + "\n")
        self.process.stdin.flush()
        return self._answer()

    def end(self) -> int:
        """Wait for the run; give its exit code."""
        return self._answer()

    def _answer(self) -> int:
        assert self.process.stdout is not None
        return int(self.process.stdout.readline())


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    folder = tmp_path_factory.mktemp("killed")
    configs = {}
    for name, chain in CHAINS.items():
        chain.write_tiny(folder / name)
        configs[name] = str(chain.copy_tiny(folder / name, folder / f"whole {name}"))
    with subprocess.Popen(
        [
            sys.executable,
            str(Path(__file__).with_name("killable.py")),
            json.dumps(configs),
            str(folder / LOOPS),
        ],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
    ) as process:
        made = Server(process, folder)
        assert made.end() == process.pid  # it is warm
        for name, chain in CHAINS.items():
            config = chain.copy_tiny(folder / name, folder / f"timed {name}")
            before = cpu_of_children(process.pid)
            made.start(name, config, folder / f"timed {name}" / "notes", workers=1)
            assert made.end() == 0
            made.seconds[name] = cpu_of_children(process.pid) - before
        yield made
        process.kill()


def cpu_of_children(process: int) -> float:
    """CPU time of children that have ended, s; see proc(5)."""
    return sum(map(int, stat(process)[13:15])) * TICK


def cpu(process: int) -> float:
    """CPU time of a process, s; infinite when it has ended."""
    found = stat(process)
    return np.inf if not found or found[0] == "Z" else sum(map(int, found[11:13])) * TICK


def stat(process: int) -> list[str]:
    """Fields of a process after its name."""
    try:
        return Path(f"/proc/{process}/stat").read_text().rpartition(") ")[2].split()
    except OSError:
        return []


def kill_after(process: int, seconds: float, more: float) -> None:
    """Kill a process after so much CPU time, and a little more: its clock is coarse."""
    while cpu(process) < seconds:
        time.sleep(0.001)
    time.sleep(more)
    try:
        os.kill(process, signal.SIGKILL)
    except ProcessLookupError:
        return


def finished_shards(folder: Path) -> set[str]:
    """Folders of checkpoints in which one is whole."""
    files = (folder / "out" / "work").rglob("*.npz")
    return {
        str(path.parent.resolve())
        for path in files
        if not path.name.startswith(".") and len(path.stem) == 65
    }


def finished_steps(folder: Path) -> set[str]:
    state = folder / "out" / "work" / "state.json"
    return set(json.loads(state.read_text())["steps"]) if state.is_file() else set()


def noted(notes: Path, what: str) -> list[str]:
    if not notes.is_file():
        return []
    lines = notes.read_text().splitlines()
    return [line.removeprefix(f"{what} ") for line in lines if line.startswith(f"{what} ")]


def content(folder: Path) -> dict[str, bytes]:
    """All arrays of all results, but for how they came about."""
    found: dict[str, bytes] = {}
    for path in sorted((folder / "out").rglob("*.nxs")):
        name = path.relative_to(folder)
        if "work" in name.parts:
            continue
        with h5py.File(path) as file:

            def visit(place: str, item: object, name: Path = name) -> None:
                if isinstance(item, h5py.Dataset) and "process" not in place.split("/"):
                    found[f"{name}/{place}"] = np.asarray(item[()]).tobytes()

            file.visititems(visit)
    return found


def one_run_killed_again_and_again(
    server: Server, name: str, chain: ModuleType, folder: Path, rng: random.Random, most: int
) -> int:
    """Start a run, kill it, start it again, until it ends; give the number of kills."""
    config = chain.copy_tiny(server.folder / name, folder)
    kills, shards, steps = 0, set[str](), set[str]()
    for run in range(most + 1):
        notes = folder / f"notes-{run}"
        process = server.start(name, config, notes, workers=rng.choice([1, 2, 3]))
        if run < most:
            share = rng.uniform(0, 0.6)
            kill_after(process, share * server.seconds[name], rng.uniform(0, TICK))
        code = server.end()
        assert code in (0, -signal.SIGKILL)
        begun = noted(notes, "shard")
        assert not shards.intersection(begun), "a finished shard was done again"
        assert not steps.intersection(noted(notes, "step")), "a finished step was done again"
        assert len(set(begun)) == len(begun)
        shards |= finished_shards(folder)
        steps |= finished_steps(folder)
        kills += code != 0
        if code == 0:
            break
    server.start(name, config, folder / "again")
    assert server.end() == 0
    assert not list((folder / "out").rglob(".*"))  # what was half written is gone
    assert not (folder / "again").read_text()  # the same command again does nothing
    return kills


@pytest.mark.timeout(900)  # kernels may have to be compiled first
def test_both_chains_find_their_loops_compiled(server: Server) -> None:
    loops = json.loads((server.folder / LOOPS).read_text())
    # a list that lacks some: add the lines to src/ewaldite/run/loops.json
    assert loops == {"compiled": [], "unlisted": []}


@pytest.mark.slow
@pytest.mark.timeout(900)
@pytest.mark.parametrize("name", CHAINS)
def test_killed_at_random_moments_it_ends_the_same_and_repeats_nothing(
    name: str, server: Server, tmp_path: Path
) -> None:
    rng = random.Random(f"{name} 5")
    whole = content(server.folder / f"whole {name}")
    assert len(whole) > 20
    kills = 0
    for number in range(KILLS):
        folder = tmp_path / str(number)
        most = min(6, KILLS - kills)
        kills += one_run_killed_again_and_again(server, name, CHAINS[name], folder, rng, most)
        assert content(folder) == whole
        if kills == KILLS:
            break
    assert kills == KILLS
