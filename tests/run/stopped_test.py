"""Runs whose workers are processes, interrupted at the terminal or killed."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from ewaldite.run.reduce_shards import sum_shards
from run import jobs

PROGRAM = """
import sys
from run.jobs import main
main(sys.argv[1], sys.argv[2])  # without a guard: workers must not run it again
"""


def alive(group: int) -> set[int]:
    """Processes of a session that are not dead; see proc(5)."""
    found = set()
    for path in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = path.read_text().rpartition(") ")[2].split()
        except OSError:
            continue
        if int(fields[3]) == group and fields[0] != "Z":
            found.add(int(path.parent.name))
    return found


@pytest.mark.parametrize(
    ("kind", "how"),
    [
        ("processes", signal.SIGINT),
        ("processes", signal.SIGKILL),
        ("dask", signal.SIGINT),
    ],
)
def test_it_leaves_no_process_behind_and_goes_on(
    tmp_path: Path, kind: str, how: signal.Signals
) -> None:
    program = tmp_path / "program.py"
    program.write_text(PROGRAM)
    process = subprocess.Popen(
        [sys.executable, str(program), str(tmp_path), kind],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
    )
    assert process.stdout is not None
    for _ in range(3):
        assert process.stdout.readline() == "finished\n"
    if how == signal.SIGINT:  # as the terminal does, to all of them
        os.killpg(process.pid, signal.SIGINT)
        _, said = process.communicate(timeout=60)
        assert process.returncode != 0
        assert said.rstrip().endswith("KeyboardInterrupt")
        # one process says so; it may have been handling another exception
        assert said.splitlines().count("KeyboardInterrupt") == 1
    else:
        process.kill()
        process.communicate(timeout=60)
    patience = time.monotonic() + 20
    while (left := alive(process.pid)) and time.monotonic() < patience:
        time.sleep(0.01)
    assert not left
    assert not (tmp_path / "total.npy").exists()

    store = jobs.store_in(tmp_path / "kept")
    kept = [shard for shard in range(60) if store.has(shard)]
    assert 3 <= len(kept) < 60
    job = jobs.Mortal(tmp_path, victim=-1, times=0)
    total = sum_shards(range(60), job, jobs.in_place, workers=2, name="t", store=store)
    assert [s for s in range(60) if not job.attempts(s)] == kept
    whole = sum_shards(range(60), jobs.noisy, jobs.in_place, workers=1, name="t")
    np.testing.assert_array_equal(total, whole)
