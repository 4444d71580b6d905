"""Plain data on its way through a pipe between two processes; large arrays without copies."""

from __future__ import annotations

import os
import pickle
from multiprocessing.connection import Connection
from typing import Any

import numpy as np


def send(pipe: Connection[Any, Any], content: object) -> None:
    """Send plain data; arrays go from where they are (pickle protocol 5, PEP 574).

    Raises
    ------
    BrokenPipeError
        If nobody is at the other end.
    Exception
        Whatever ``content`` raises when it is pickled; then nothing was sent.
    """
    arrays: list[pickle.PickleBuffer] = []
    head = pickle.dumps(content, protocol=5, buffer_callback=arrays.append)
    views = [array.raw() for array in arrays]
    pipe.send_bytes(pickle.dumps((head, [view.nbytes for view in views])))
    for view in views:
        left = view
        while left:
            left = left[os.write(pipe.fileno(), left) :]


def receive(pipe: Connection[Any, Any]) -> Any:
    """Wait for what is sent.

    Raises
    ------
    EOFError
        If nobody is at the other end.
    """
    head, sizes = pickle.loads(pipe.recv_bytes())
    arrays = []
    for size in sizes:
        array = np.empty(size, np.uint8)
        left = array.data
        while left:
            count = os.readv(pipe.fileno(), [left])
            if count == 0:
                raise EOFError
            left = left[count:]
        arrays.append(array)
    return pickle.loads(head, buffers=arrays)
