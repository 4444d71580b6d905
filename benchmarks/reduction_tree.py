"""Cost of the reduction tree: what docs/how-to/scaling-out.md says, and what is measured.

    python benchmarks/reduction_tree.py --workers 64 --shards 512

Three tables. *Waiting*: shards and additions that only wait, as if every worker had a processor
of its own, so that 64 workers can be had on any machine; time against the model. *Adding*: real
sums, for the cost of an addition. *Sending*: what it costs to bring sums from one process to
another, for processes and for dask.
"""

from __future__ import annotations

import argparse
import json
import statistics
import time
from collections.abc import Callable
from pathlib import Path

import ratios
from sums_to_send import filled, in_place, medium, small

from ewaldite.run.executor import Executor
from ewaldite.run.reduce_shards import sum_shards
from ewaldite.run.tree import depth

#: Shards that tell the cost of one from that of the start.
MORE = 64

Row = dict[str, float | str]


class Waiting:
    """Shards and additions that take a time each, and are counted."""

    def __init__(self, shard: float, addition: float) -> None:
        self.shard, self.addition = shard, addition
        self.additions: list[int] = []

    def reduce(self, number: int) -> int:
        time.sleep(self.shard)
        return 0  # its level

    def add(self, left: int, right: int) -> int:
        time.sleep(self.addition)
        self.additions.append(1)
        return max(left, right) + 1


def model(shards: int, workers: int, shard: float, addition: float) -> float:
    """Seconds: all workers busy with shards and additions, then the top of the tree.

    An addition holds two sums and takes the place of two shards (see ewaldite.run.tree). The
    last additions, one a level, wait for one another.
    """
    busy = shards * (shard + 2 * addition) / (workers + 1)
    return busy + depth(min(shards, workers + 1)) * addition


def waiting(shards: int, workers: int, repeats: int) -> list[Row]:
    rows = []
    for shard, addition in ((0.1, 0.0), (0.1, 0.01), (0.1, 0.05), (0.02, 0.02)):
        taken = []
        for _ in range(repeats):
            job = Waiting(shard, addition)
            start = time.perf_counter()
            levels = sum_shards(
                range(shards), job.reduce, job.add, workers=workers, name="tree"
            )
            taken.append(time.perf_counter() - start)
            assert len(job.additions) == shards - 1
            assert levels == depth(shards)
        said = model(shards, workers, shard, addition)
        rows.append(
            {
                "shard s": shard,
                "addition s": addition,
                "model s": said,
                "measured s": statistics.median(taken),
                "spread s": max(taken) - min(taken),
                "measured / model": statistics.median(taken) / said,
            }
        )
    return rows


def processor_seconds(work: Callable[[], object], repeats: int) -> list[float]:
    taken = []
    for _ in range(repeats):
        start = time.process_time()
        work()
        taken.append(time.process_time() - start)
    return taken


def adding(repeats: int) -> list[Row]:
    rows = []
    for megabytes in (1, 8, 64, 256):
        total, more = filled(megabytes), filled(megabytes)
        taken = processor_seconds(
            lambda total=total, more=more: in_place(total, more), 2 * repeats + 1
        )
        rows.append(
            {
                "sums MB": megabytes,
                "addition ms": 1e3 * statistics.median(taken),
                "GB/s": megabytes / 1e3 / statistics.median(taken),
            }
        )
    return rows


def sending(repeats: int) -> list[Row]:
    """Wall time of a shard beyond that in threads: its sums go from process to process."""
    rows = []
    for kind in ("threads", "processes", "dask"):
        with Executor(kind) as executor:  # type: ignore[arg-type]
            if kind == "dask":
                executor.cluster(2)
            for reduce, megabytes in ((small, 1), (medium, 32)):
                taken = []
                for _ in range(repeats):
                    spans = []
                    for shards in (4, 4 + MORE):  # the difference leaves the start out
                        start = time.perf_counter()
                        sum_shards(
                            range(shards),
                            reduce,
                            in_place,
                            workers=2,
                            name="send",
                            executor=executor,
                        )
                        spans.append(time.perf_counter() - start)
                    taken.append((spans[1] - spans[0]) / MORE)
                rows.append(
                    {
                        "executor": kind,
                        "sums MB": megabytes,
                        "ms a shard": 1e3 * statistics.median(taken),
                        "spread ms": 1e3 * (max(taken) - min(taken)),
                    }
                )
    return rows


def show(title: str, rows: list[Row]) -> None:
    print(f"\n{title}")
    names = list(rows[0])
    print(" | ".join(f"{name:>16}" for name in names))
    for row in rows:
        cells = [row[name] for name in names]
        print(" | ".join(f"{c:>16.4g}" if isinstance(c, float) else f"{c:>16}" for c in cells))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--workers", type=int, default=64)
    parser.add_argument("--shards", type=int, default=512)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--json", type=Path)
    given = parser.parse_args()
    found = {
        f"waiting: {given.shards} shards, {given.workers} workers in this process": waiting(
            given.shards, given.workers, given.repeats
        ),
        "adding, one processor": adding(given.repeats),
        "sending, two workers": sending(given.repeats),
    }
    for title, rows in found.items():
        show(title, rows)
    waited = next(iter(found.values()))
    ratios.report(
        "reduction tree",
        [
            ratios.Row(
                f"{given.workers} workers, measured / model",
                tuple(float(row["measured / model"]) for row in waited),
            )
        ],
    )
    if given.json is not None:
        given.json.write_text(json.dumps(found, indent=1))


if __name__ == "__main__":
    main()
