"""What runs in a process that reduces shards for another."""

from __future__ import annotations

import logging
import os
import pickle
import signal
import threading
import traceback
from multiprocessing import parent_process
from multiprocessing.connection import Connection
from typing import Any

from ewaldite.run.memory import give_back, peak_rss
from ewaldite.run.parcel import receive, send
from ewaldite.run.telling import heard_by

#: What a worker sends: units done, a record for the log, an error, or a result with its peak.
TOLD, LOGGED, FAILED, DONE = "told", "logged", "failed", "done"


def serve(connection: Connection[Any, Any], level: int) -> None:
    """Reduce the shards that come through a pipe until it is closed.

    Parameters
    ----------
    connection:
        Brings a pickled task, then shards; takes what is said above.
    level:
        Of the records that the log takes.
    """
    # Ctrl-C goes to all processes of a terminal; the one that hands out shards decides
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_end_with_parent, daemon=True).start()
    _log_through(connection, level)
    with connection:
        try:
            task = pickle.loads(connection.recv_bytes())
            while True:
                _answer(task, receive(connection), connection)
                give_back()
        except (EOFError, BrokenPipeError, ConnectionResetError):
            return


def _answer(task: Any, shard: Any, connection: Connection[Any, Any]) -> None:
    try:
        with heard_by(lambda done: send(connection, (TOLD, done))):
            result = task(shard)
        send(connection, (DONE, (result, peak_rss())))
    except (EOFError, BrokenPipeError, ConnectionResetError):
        raise
    except Exception as error:  # noqa: BLE001 - whatever it is, the other process judges it
        send(connection, (FAILED, _sendable(error)))


def _sendable(error: Exception) -> Exception:
    """The error, with what led to it as a note; in words where it cannot be sent."""
    where = "".join(traceback.format_exception(error))
    try:
        pickle.loads(pickle.dumps(error))
    except Exception:  # noqa: BLE001 - an exception's own code may raise anything
        return RuntimeError(f"{type(error).__name__}: {error}\n{where}")
    error.add_note(where)
    return error


def _end_with_parent() -> None:
    """End at once when the process that hands out shards is gone, however it ended."""
    parent = parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)


class _Sender(logging.Handler):
    def __init__(self, connection: Connection[Any, Any]) -> None:
        super().__init__()
        self._connection = connection

    def emit(self, record: logging.LogRecord) -> None:
        """Send a record as plain data."""
        said = logging.makeLogRecord(vars(record))
        said.msg, said.args, said.exc_info = record.getMessage(), None, None
        send(self._connection, (LOGGED, said))


def _log_through(connection: Connection[Any, Any], level: int) -> None:
    log = logging.getLogger("ewaldite")
    log.setLevel(level)
    log.addHandler(_Sender(connection))
    log.propagate = False
