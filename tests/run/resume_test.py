"""Runs that are killed without warning and started again."""

from __future__ import annotations

import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

# Two steps: shards whose sum depends on the order to the last bit, then a selection of the sum.
# Every shard that is reduced leaves its number in the name of a file before it starts.
PROGRAM = """
import logging, sys, time
from contextlib import closing
from pathlib import Path
import numpy as np
from ewaldite.run.checkpoint import CheckpointStore, Key, ShardStore
from ewaldite.run.digest import digest
from ewaldite.run.durable import write_whole
from ewaldite.run.reduce_shards import run_shards
from ewaldite.run.steps import Step, run_steps

folder, run, workers, option = Path(sys.argv[1]), sys.argv[2], int(sys.argv[3]), sys.argv[4]
store = ShardStore(
    CheckpointStore(folder / "checkpoints", suffix=".npy"),
    key=lambda shard: Key(f"shard {shard}", digest(shard, option)),
    save=lambda result, path: np.save(path, result),
    load=np.load,
)

def reduce(shard):
    (folder / f"begun-{run}-{shard}").touch()
    time.sleep(0.01)
    rng = np.random.default_rng([shard, len(option)])
    return rng.normal(size=2000) * 10.0 ** rng.integers(-9, 9)

def put(name, array):
    write_whole(folder, lambda p: np.save(p, array), lambda _: name, suffix=".npy")

def total():
    out = np.zeros(2000)
    results = run_shards(range(16), reduce, workers=workers, name="t", store=store)
    with closing(results):
        for result in results:
            out += result
    put("total.npy", out)

def end():
    put("end.npy", np.sort(np.load(folder / "total.npy"))[::2])

steps = [
    Step("total", (), (folder / "total.npy",), {"option": option}, total),
    Step("end", ("total",), (folder / "end.npy",), 0, end),
]
sys.stdout.write("ready\\n")
sys.stdout.flush()
run_steps(steps, folder / "state.json", logging.getLogger())
"""


def start(folder: Path, run: int, workers: int = 2, option: str = "a") -> subprocess.Popen[str]:
    folder.mkdir(exist_ok=True)
    arguments = [str(folder), str(run), str(workers), option]
    process = subprocess.Popen(
        [sys.executable, "-c", PROGRAM, *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "ready\n"
    return process


def finish(process: subprocess.Popen[str]) -> int:
    process.communicate(timeout=60)
    return process.returncode


def begun(folder: Path, run: int) -> set[int]:
    return {int(path.name.split("-")[2]) for path in folder.glob(f"begun-{run}-*")}


def finished(folder: Path) -> set[int]:
    """Shards of which a whole checkpoint is on disk."""
    files = [p for p in folder.glob("checkpoints/*/*.npy") if not p.name.startswith(".")]
    return {int(path.parent.name.split(".")[0].split("_")[1]) for path in files}


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    folder = tmp_path_factory.mktemp("undisturbed")
    assert finish(start(folder, 0, workers=1)) == 0
    assert begun(folder, 0) == set(range(16))
    return (folder / "end.npy").read_bytes()


@pytest.mark.parametrize("seed", range(4))
def test_killed_again_and_again_it_gives_the_same_and_repeats_no_finished_shard(
    tmp_path: Path, undisturbed: bytes, seed: int
) -> None:
    rng = random.Random(seed)
    kills = 0
    for run in range(30):
        before = finished(tmp_path)
        process = start(tmp_path, run, workers=rng.choice([1, 2, 5]))
        if kills < 4:
            time.sleep(rng.uniform(0, 0.06))
            process.kill()
        code = finish(process)
        assert code in (0, -signal.SIGKILL)
        kills += code != 0
        assert not begun(tmp_path, run) & before
        if code == 0:
            break
    assert kills > 0
    assert (tmp_path / "end.npy").read_bytes() == undisturbed
    assert finish(start(tmp_path, 99)) == 0
    assert begun(tmp_path, 99) == set()  # the same command again does nothing
    assert not list(tmp_path.glob("checkpoints/*/.*"))  # and what was half written is gone


def test_after_a_changed_option_no_stale_shard_is_taken(
    tmp_path: Path, undisturbed: bytes
) -> None:
    assert finish(start(tmp_path, 0, option="other")) == 0
    assert (tmp_path / "end.npy").read_bytes() != undisturbed
    assert finish(start(tmp_path, 1, option="a")) == 0
    assert begun(tmp_path, 1) == set(range(16))
    assert (tmp_path / "end.npy").read_bytes() == undisturbed
    assert len(list(tmp_path.glob("checkpoints/*/*.npy"))) == 16


def test_ctrl_c_leaves_finished_shards_in_place(tmp_path: Path, undisturbed: bytes) -> None:
    process = start(tmp_path, 0)
    while not finished(tmp_path):
        time.sleep(0.002)
    process.send_signal(signal.SIGINT)
    assert finish(process) not in (0, -signal.SIGKILL)
    kept = finished(tmp_path)
    assert 0 < len(kept) < 16
    assert kept == begun(tmp_path, 0)  # those that ran were waited for and kept
    assert finish(start(tmp_path, 1)) == 0
    assert begun(tmp_path, 1) == set(range(16)) - kept
    assert (tmp_path / "end.npy").read_bytes() == undisturbed
