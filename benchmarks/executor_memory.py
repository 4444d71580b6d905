"""Predicted against measured peak memory of each step, with every executor.

    python benchmarks/executor_memory.py                  # both chains, two workers
    python benchmarks/executor_memory.py --chain diffuse --executor processes --workers 1

Chains: ``diffuse`` (five wedges of 20 Pilatus 6M frames, as ``few`` of memory.py);
``spectroscopy`` (one channel of BIFROST with vanadium and an empty run, in a cut of a million
bins, in shards of 20,000 events).

Measured is what the run and all processes below it hold together, ten times a second (proc(5),
``smaps_rollup``, Linux only): the proportional sizes of their own memory, in which a page that
several of them share counts once, and the mapped files, mostly libraries, of the one that maps
most. Control groups count likewise. Loops are compiled beforehand.
"""

from __future__ import annotations

import argparse
import json
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

MB = 1e6
TICK = 0.1
CUT = """
[[cut]]
name = "hle"
axes = ["h", "l", "energy_transfer"]
bins = { h = [-3, 3, 0.05], l = [-3, 1, 0.05], energy_transfer = [-1.5, 1.5, 0.03] }

[computing]
events = 20000
"""


def write_case(folder: Path, chain: str) -> Path:
    """Files of a chain and its configuration."""
    if chain == "diffuse":
        from memory import write_case as write

        from ewaldite.simulate.presets import lysozyme_6m

        options = "[integrate]\nwedge_degrees = 2\n[map]\nsubdivide = [3, 3, 3]\n"
        write(folder, lysozyme_6m(100), 5, options)
        return folder / "ewaldite.toml"
    sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))
    from spectroscopy.tiny import CONFIG, write_tiny

    path = write_tiny(folder)
    path.write_text(CONFIG[: CONFIG.index("[[cut]]")] + CUT, encoding="utf-8")
    return path


def job(chain: str, config: Path, executor: str, workers: int) -> None:
    """Run a chain; say what was planned, and when each step begins and ends."""
    changes = {"executor": executor, "workers": workers}
    if chain == "diffuse":
        from ewaldite.diffuse import workflow
        from ewaldite.diffuse.config import read_config
        from ewaldite.diffuse.context import Context

        options = read_config(config)
        run = options.run.model_copy(update=changes)
        context: Any = Context(options.model_copy(update={"run": run}), config.parent)
    else:
        from ewaldite.spectroscopy import workflow  # type: ignore[no-redef]
        from ewaldite.spectroscopy.config import read_config  # type: ignore[assignment]
        from ewaldite.spectroscopy.context import Context  # type: ignore[assignment]

        options = read_config(config)
        run = options.computing.model_copy(update=changes)  # type: ignore[attr-defined]
        context = Context(options.model_copy(update={"computing": run}), config.parent)
    module: Any = workflow
    run_steps, forecast_run = module.run_steps, module.forecast_run

    def wrapped(steps: Any, *others: Any) -> Any:
        return run_steps([replace(s, run=lambda s=s: timed(s)) for s in steps], *others)

    def timed(step: Any) -> None:
        say("begin", step.name)
        step.run()
        say("end", step.name)

    def planned(*words: Any) -> Any:
        found = forecast_run(*words)
        peaks = {s.needed.step: s.plan.predicted_peak for s in found.steps}
        print(json.dumps({"planned": peaks}), flush=True)
        return found

    module.run_steps, module.forecast_run = wrapped, planned
    module.run(context)


def say(what: str, step: str) -> None:
    print(json.dumps({"what": what, "step": step, "at": time.monotonic()}), flush=True)


def tree(process: int) -> Iterator[int]:
    """A process and all below it."""
    yield process
    for thread in Path(f"/proc/{process}/task").glob("*/children"):
        for child in thread.read_text().split():
            yield from tree(int(child))


def held(process: int) -> int:
    """Memory of a process and all below it, bytes."""
    own = files = 0
    with suppress(OSError):
        for one in tree(process):
            with suppress(OSError):
                text = Path(f"/proc/{one}/smaps_rollup").read_text()
                found = {
                    line.split(":")[0]: int(line.split()[1]) * 1024
                    for line in text.splitlines()[1:]
                }
                own += found["Pss_Anon"] + found["Pss_Shmem"]
                files = max(files, found["Rss"] - found["Anonymous"])
    return own + files


def measure(chain: str, config: Path, executor: str, workers: int) -> list[dict[str, Any]]:
    """Run a chain in a process of its own; peak and prediction of each step."""
    shutil.rmtree(config.parent / "out", ignore_errors=True)
    words = ["--job", "--chain", chain, "--executor", executor, "--workers", str(workers)]
    samples: list[tuple[float, int]] = []
    over = threading.Event()
    with subprocess.Popen(
        [sys.executable, __file__, *words, "--folder", str(config)],
        stdout=subprocess.PIPE,
        text=True,
    ) as process:

        def watch() -> None:
            while not over.wait(TICK):
                samples.append((time.monotonic(), held(process.pid)))

        watching = threading.Thread(target=watch)
        watching.start()
        assert process.stdout is not None
        said = [json.loads(line) for line in process.stdout]
        over.set()
        watching.join()
    if process.returncode:
        raise SystemExit(f"{chain} with {executor} failed")
    planned: dict[str, int] = {}
    for line in said:
        planned |= line.get("planned", {})
    begun = {line["step"]: line["at"] for line in said if line.get("what") == "begin"}
    ended = {line["step"]: line["at"] for line in said if line.get("what") == "end"}
    rows = []
    for step, start in begun.items():
        within = [s for s in samples if start <= s[0] <= ended[step]] or [(0.0, 0)]
        rows.append(
            {
                "step": step,
                "measured": max(s[1] for s in within),
                "predicted": planned.get(step),
                "samples": len(within),
            }
        )
    return rows


def show(title: str, rows: list[dict[str, Any]]) -> None:
    print(title)
    for row in rows:
        line = f"  {row['step']:<16} measured {row['measured'] / MB:6.0f} MB"
        if row["predicted"]:
            line += f", predicted {row['predicted'] / MB:6.0f} MB, measured / predicted "
            line += f"{row['measured'] / row['predicted']:.2f}"
        print(f"{line}; {row['samples']} samples", flush=True)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    both, kinds = ("diffuse", "spectroscopy"), ("threads", "processes", "dask")
    parser.add_argument("--chain", choices=both, action="append")
    parser.add_argument("--executor", choices=kinds, action="append")
    parser.add_argument("--workers", type=int, action="append")
    parser.add_argument("--folder", type=Path, default=Path("benchmarks/results/executors"))
    parser.add_argument("--job", action="store_true", help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.job:
        job(given.chain[0], given.folder, given.executor[0], given.workers[0])
        return
    for chain in given.chain or both:
        folder = given.folder / chain
        config = next(iter(folder.glob("*.toml")), None) or write_case(folder, chain)
        for executor in given.executor or kinds:
            for workers in given.workers or (2,):
                rows = measure(chain, config, executor, workers)
                show(f"{chain}, {executor}, {workers} workers", rows)


if __name__ == "__main__":
    main()
