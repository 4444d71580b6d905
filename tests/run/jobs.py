"""Plain functions that workers in other processes can be sent."""

from __future__ import annotations

import logging
import os
import signal
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ewaldite.errors import UserError
from ewaldite.run.checkpoint import CheckpointStore, Key, ShardStore
from ewaldite.run.shards import ShardProgress
from ewaldite.run.telling import tell


def noisy(shard: int) -> np.ndarray:
    """A sum whose last bits depend on the order of additions."""
    rng = np.random.default_rng(shard)
    return rng.normal(size=50) * 10.0 ** rng.integers(-9, 9)


def in_place(total: np.ndarray, more: np.ndarray) -> np.ndarray:
    total += more
    return total


def process_of(shard: int) -> int:
    tell(2)
    logging.getLogger("ewaldite.test").warning("shard %d", shard)
    time.sleep(0.02)
    return os.getpid()


def refused(shard: int) -> int:
    if shard == 2:
        raise UserError("read x", "it is torn", "Mend it.")
    return shard


def unsendable(shard: int) -> int:
    class Local(Exception):
        pass

    raise Local("of a class that no one else knows")


def lambdas(shard: int) -> object:
    return lambda: shard


@dataclass(frozen=True)
class Mortal:
    """Fails on one shard, so often; each attempt leaves a file.

    Attributes
    ----------
    folder:
        For the files.
    victim:
        The shard.
    times:
        How often it fails.
    kill:
        Whether the process is killed; else an error is raised.
    """

    folder: Path
    victim: int
    times: int
    kill: bool = True

    def __call__(self, shard: int) -> np.ndarray:
        tried = len(list(self.folder.glob(f"tried-{shard}-*")))
        (self.folder / f"tried-{shard}-{tried}-{os.getpid()}").touch()
        if shard == self.victim and tried < self.times:
            if self.kill:
                os.kill(os.getpid(), signal.SIGKILL)
            raise OSError(5, "Input/output error")
        return noisy(shard)

    def attempts(self, shard: int) -> int:
        return len(list(self.folder.glob(f"tried-{shard}-*")))

    def name(self, shard: int) -> str:
        return f"shard {shard} (images/a_{shard:04d}.cbf)"


def key_of(shard: int) -> Key:
    return Key(f"shard {shard}", "d")


def save(result: np.ndarray, path: Path) -> None:
    np.save(path, result)


def load(path: Path) -> np.ndarray:
    return np.load(path)


def store_in(folder: Path) -> ShardStore[int, np.ndarray]:
    return ShardStore(CheckpointStore(folder, suffix=".npy"), key_of, save, load)


def slow(shard: int) -> np.ndarray:
    time.sleep(0.05)
    return noisy(shard)


def main(folder: str, kind: str) -> None:
    """Sum 60 slow shards into a file; says when the first is finished."""
    import sys

    from ewaldite.run.executor import Executor
    from ewaldite.run.reduce_shards import sum_shards

    store = store_in(Path(folder) / "kept")

    class Said:
        """Says that a shard is finished."""

        def start(self, name: str, total: int, unit: str) -> None: ...

        def advance(self, done: int = 1) -> None:
            sys.stdout.write("finished\n")
            sys.stdout.flush()

        def skip(self, done: int = 1) -> None: ...

        def finish(self) -> None: ...

    with Executor(kind) as executor:  # type: ignore[arg-type]
        total = sum_shards(
            range(60),
            slow,
            in_place,
            workers=2,
            name="t",
            store=store,
            progress=ShardProgress(Said()),
            executor=executor,
        )
    np.save(Path(folder) / "total.npy", total)
