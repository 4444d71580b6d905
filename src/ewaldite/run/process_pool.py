"""Workers that are processes of this machine."""

from __future__ import annotations

import logging
import multiprocessing
import pickle
import threading
from collections.abc import Callable, Sequence
from typing import Any

from ewaldite.run.parcel import receive, send
from ewaldite.run.plain_main import plain_main
from ewaldite.run.pool import Task, ThreadPool, WorkerDied
from ewaldite.run.process_worker import FAILED, LOGGED, TOLD, serve
from ewaldite.run.sizes import format_bytes
from ewaldite.run.telling import tell

_logger = logging.getLogger(__name__)

# Seconds that an idle worker is given to end by itself
_PATIENCE = 5.0
# Two threads must not start or bury processes at once: multiprocessing keeps one list of them
_lock = threading.Lock()


class _Worker:
    """A process that is sent shards; used by one thread at a time."""

    def __init__(self, task: bytes, preloaded: Sequence[str]) -> None:
        context = multiprocessing.get_context("forkserver")
        context.set_forkserver_preload(list(preloaded))
        level = logging.getLogger("ewaldite").getEffectiveLevel()
        with _lock, plain_main():
            self._pipe, theirs = context.Pipe()
            self._process = context.Process(
                target=serve, args=(theirs, level), name="ewaldite worker", daemon=True
            )
            self._process.start()
            theirs.close()
        self.lives = True
        self.peak = 0
        self._task: bytes | None = task

    def reduce(self, shard: Any) -> Any:
        """Have a shard reduced, and pass on what the worker says meanwhile.

        Raises
        ------
        WorkerDied
            If the process ends.
        """
        try:
            if self._task is not None:
                self._pipe.send_bytes(self._task)
                self._task = None
            send(self._pipe, shard)
            while True:
                kind, content = receive(self._pipe)
                if kind == TOLD:
                    tell(content)
                elif kind == LOGGED:
                    logging.getLogger(content.name).handle(content)
                else:
                    break
        except (EOFError, BrokenPipeError, ConnectionResetError):
            self.lives = False
            raise WorkerDied(f"its process {self._ended()}") from None
        if kind == FAILED:
            raise content
        result, self.peak = content
        return result

    def close(self) -> None:
        """Let the process end."""
        self._pipe.close()
        with _lock:
            self._process.join(_PATIENCE)
            if self._process.is_alive():
                self._process.kill()
                self._process.join()

    def _ended(self) -> str:
        self.close()
        code = self._process.exitcode
        if code is not None and code < 0:
            return f"was killed by signal {-code}" + (
                ", as the system does when memory runs out" if code == -9 else ""
            )
        return f"ended with code {code}"


class ProcessPool(ThreadPool):
    """Processes of this machine, each with a thread here that speaks to it.

    A worker that dies is replaced; the shard that it had raises :class:`WorkerDied`. Sums are
    added by the threads here.

    Parameters
    ----------
    task, add, workers, name:
        As of :class:`ThreadPool`; the task is sent to every worker once.

    Raises
    ------
    TypeError
        If the task is not plain data.
    """

    def __init__(
        self,
        task: Task[Any, Any],
        add: Callable[[Any, Any], Any] | None,
        workers: int,
        name: str,
    ) -> None:
        super().__init__(task, add, workers, name)
        self._pickled = pickled(task)
        # Imported once by the server that forks the workers, which share its memory
        self._preloaded = ("ewaldite.run.process_worker", _module_of(task.reduce))
        self._idle: list[_Worker] = []

    def close(self) -> None:
        """Wait for what was begun, and end the processes."""
        super().close()
        peak = max((worker.peak for worker in self._idle), default=0)
        for worker in self._idle:
            worker.close()
        if peak:
            _logger.info("the peak of memory of a worker was %s", format_bytes(peak))

    def _reduce(self, shard: Any) -> Any:
        try:
            worker = self._idle.pop()  # lists are safe for threads
        except IndexError:
            worker = _Worker(self._pickled, self._preloaded)
        try:
            return worker.reduce(shard)
        finally:
            if worker.lives:
                self._idle.append(worker)


def pickled(task: object) -> bytes:
    """Turn a task into bytes.

    Raises
    ------
    TypeError
        If it is not plain data, as one with a lambda.
    """
    try:
        return pickle.dumps(task, protocol=pickle.HIGHEST_PROTOCOL)
    except (AttributeError, pickle.PicklingError, TypeError) as error:
        raise TypeError(f"a task for another process must be plain data: {error}") from error


def _module_of(reduce: Any) -> str:
    """Module of a function, or of the object whose method it is."""
    name: str = getattr(reduce, "__module__", None) or type(reduce).__module__
    return name
