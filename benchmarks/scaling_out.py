"""Time and memory on 1 to 256 workers, on paper: the tables of docs/how-to/scaling-out.md.

    python benchmarks/scaling_out.py

The constants were measured on two cores of an AMD EPYC (see the page); the rest is arithmetic.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

WORKERS = (1, 2, 4, 8, 16, 32, 64, 128, 256)
GB = 1e9


@dataclass(frozen=True)
class Machine:
    """What a cluster gives.

    Attributes
    ----------
    read:
        Bandwidth of the file system, all workers together, bytes/s.
    network:
        Between two workers, bytes/s.
    memory:
        Bandwidth of adding two arrays, bytes of one of them a second.
    task:
        What the scheduler spends on a task, s.
    program:
        What a worker holds before it works, bytes.
    processors:
        Of the machine where the results are written.
    """

    read: float = 2 * GB
    network: float = 1 * GB
    memory: float = 6 * GB
    task: float = 2e-3
    program: float = 0.2 * GB
    processors: int = 8


@dataclass(frozen=True)
class Job:
    """A reduction.

    Attributes
    ----------
    size:
        Bytes to read.
    shards:
        Their number.
    seconds:
        Processor seconds of a shard.
    sums:
        Bytes of the sums that are added as a tree; 0 where they stay on disk.
    worker:
        Bytes that a worker holds besides the program and the sums.
    serial:
        Seconds of what one process does before and after.
    later:
        Processor seconds of the steps after the first one, which workers share as well.
    packed:
        Processor seconds of compressing results, which threads of one process share.
    """

    size: float
    shards: int
    seconds: float
    sums: float
    worker: float
    serial: float
    later: float = 0.0
    packed: float = 0.0

    def addition(self, machine: Machine) -> float:
        """Seconds to bring sums to a neighbour and to add them."""
        return self.sums / machine.network + self.sums / machine.memory

    def time(self, workers: int, machine: Machine) -> tuple[float, float, float]:
        """Seconds of shards, of the top of the tree, and in all.

        Shards are done as fast as processors, file system and scheduler allow, whichever is
        slowest. Additions of neighbours in the tree are done beside them; those of the last
        log2(workers) levels wait for one another.
        """
        tasks = 2 * self.shards if self.sums else self.shards
        each = self.seconds + self.addition(machine)
        shards = max(
            self.shards * each / workers, self.size / machine.read, tasks * machine.task
        )
        tree = (workers - 1).bit_length() * self.addition(machine)
        after = self.later / workers + self.packed / min(workers, machine.processors)
        return shards, tree, shards + tree + after + self.serial

    def held(self, workers: int, machine: Machine) -> tuple[float, float]:
        """Bytes of a worker, and of all together.

        A worker has the sums of its shard, those that it adds, and its part of those that wait:
        one for each level of the tree below its own, all told.
        """
        levels = max((self.shards - 1).bit_length() - (workers - 1).bit_length(), 0)
        one = machine.program + self.worker + (3 + levels) * self.sums
        return one, workers * one


#: 100 crystals, 3600 frames of 0.1° of an Eiger 16M each, in wedges of 2°.
CRYSTALS = Job(
    size=100 * 3600 * 4e6,
    shards=100 * 180,
    seconds=20 * (0.044 + 18.1e6 * 6.3e-9),
    sums=0.0,
    worker=0.9 * GB,
    # masks and corrections of a sweep; integrate, export and combine of a wedge; scale, merge
    serial=100 * (1.0 + 1.0) + 100 * 180 * 0.06 + 1000.0,
    later=100 * 6.0 + 100 * 180 * 0.10,
    packed=100 * 6.0 + 100 * 180 * 0.12,
)
#: 10^10 events of BIFROST in shards of 4·10^6, one cut of 10^6 bins.
EVENTS = Job(
    size=1e10 * 12,
    shards=2500,
    seconds=4e6 * 80e-9 + 0.03,
    sums=48e6,
    worker=0.1 * GB,
    serial=35.0,
)


def table(job: Job, machine: Machine) -> list[str]:
    """Rows of the page."""
    lines = [
        "| workers | shards | top of the tree | in all | a worker holds | all hold |",
        "|---|---|---|---|---|---|",
    ]
    for workers in WORKERS:
        shards, tree, total = job.time(workers, machine)
        one, everything = job.held(workers, machine)
        lines.append(
            f"| {workers} | {span(shards)} | {span(tree)} | {span(total)} | "
            f"{one / GB:.2g} GB | {everything / GB:.3g} GB |"
        )
    return lines


def span(seconds: float) -> str:
    """Write seconds as people do."""
    if seconds >= 3600:
        return f"{seconds / 3600:.1f} h"
    return f"{seconds / 60:.1f} min" if seconds >= 60 else f"{seconds:.1f} s"


def main() -> None:
    machine = Machine()
    for name, job in (
        ("100 crystals × 3,600 frames of an Eiger 16M", CRYSTALS),
        ("the same, were there no serial steps", replace(CRYSTALS, serial=0.0, packed=0.0)),
        ("10¹⁰ events of BIFROST", EVENTS),
    ):
        print(f"\n{name}\n")
        print("\n".join(table(job, machine)))


if __name__ == "__main__":
    main()
