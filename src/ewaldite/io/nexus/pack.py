"""Chunks of datasets made ready outside HDF5, which would pack one after the other.

The filters are those of HDF5 (shuffle, deflate, Fletcher-32), and so are the bytes.
"""

from __future__ import annotations

import zlib
from collections import deque
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from contextvars import ContextVar
from itertools import product
from typing import Any

import h5py
import numpy as np
from numpy.typing import NDArray

#: Level of deflate, and the options of a dataset that :class:`Packer` writes.
LEVEL = 1
PACKED: dict[str, Any] = {
    "compression": "gzip",
    "compression_opts": LEVEL,
    "shuffle": True,
    "fletcher32": True,
}

_Pool = tuple[ThreadPoolExecutor | None, int]
_pool: ContextVar[_Pool] = ContextVar("pool", default=(None, 0))


@contextmanager
def packing(threads: int) -> Iterator[None]:
    """Let files that are written within be packed by so many threads; one without it."""
    if threads < 2:
        yield
        return
    with ThreadPoolExecutor(threads, thread_name_prefix="pack") as pool:
        # Each has one chunk in hand and one that waits
        token = _pool.set((pool, 2 * threads))
        try:
            yield
        finally:
            _pool.reset(token)


class Packer:
    """Write datasets of one file, their chunks packed by the threads of :func:`packing`.

    All calls come from one thread, which alone speaks to HDF5.
    """

    def __init__(self) -> None:
        self._pool, self._most = _pool.get()
        self._waiting: deque[tuple[h5py.Dataset, tuple[int, ...], Future[bytes]]] = deque()
        # Rows of datasets that grow, after their last whole chunk, and where they begin
        self._rest: dict[str, tuple[h5py.Dataset, int, NDArray[Any]]] = {}

    def write(self, dataset: h5py.Dataset, values: NDArray[Any]) -> None:
        """Write the rows that follow those that were written.

        Parameters
        ----------
        dataset:
            Chunked, with the filters :data:`PACKED`; it has room for the rows.
        values:
            All rows; if it grows, some. They may be changed afterwards.
        """
        name = str(dataset.name)
        _, start, rest = self._rest.pop(name, (dataset, 0, values[:0]))
        rows = np.concatenate([rest, values]) if len(rest) else values
        whole = len(rows)
        if dataset.maxshape[0] is None:
            whole -= whole % dataset.chunks[0]
            self._rest[name] = dataset, start + whole, rows[whole:].copy()
        self._submit(dataset, start, rows[:whole])

    def grows(self, dataset: h5py.Dataset) -> bool:
        """Whether further rows of a dataset are to be given to :meth:`write`."""
        return str(dataset.name) in self._rest

    def finish(self) -> None:
        """Write all that waits."""
        for dataset, start, rows in self._rest.values():
            self._submit(dataset, start, rows)
        self._rest.clear()
        self._drain(0)

    def cancel(self) -> None:
        """Forget what waits."""
        for _, _, promise in self._waiting:
            promise.cancel()
        self._waiting.clear()

    def _submit(self, dataset: h5py.Dataset, start: int, rows: NDArray[Any]) -> None:
        shape = dataset.chunks
        steps = [range(0, n, step) for n, step in zip(rows.shape, shape, strict=True)]
        for place in product(*steps):
            part = rows[tuple(slice(a, a + n) for a, n in zip(place, shape, strict=True))]
            # As large as a chunk also at the edge, and nobody else's
            chunk = np.zeros(shape, dtype=rows.dtype)
            chunk[tuple(slice(0, n) for n in part.shape)] = part
            where = (start + place[0], *place[1:])
            if self._pool is None:
                dataset.id.write_direct_chunk(where, packed(chunk))
                continue
            self._waiting.append((dataset, where, self._pool.submit(packed, chunk)))
            self._drain(self._most)

    def _drain(self, most: int) -> None:
        while len(self._waiting) > most:
            dataset, where, promise = self._waiting.popleft()
            dataset.id.write_direct_chunk(where, promise.result())


def packed(chunk: NDArray[Any]) -> bytes:
    """A chunk as it lies in the file.

    Parameters
    ----------
    chunk:
        Any dims, contiguous.

    Returns
    -------
    :
        The bytes of the elements, first ones first (shuffle), deflated, with their checksum.
    """
    planes = chunk.reshape(-1).view(np.uint8).reshape(chunk.size, chunk.itemsize).T
    deflated = zlib.compress(np.ascontiguousarray(planes).data, LEVEL)
    return deflated + fletcher32(deflated).to_bytes(4, "little")


def fletcher32(content: bytes) -> int:
    """Checksum of HDF5's filter ``fletcher32``.

    Fletcher's (J. G. Fletcher, IEEE Trans. Commun. 30, 247, 1982) over 16-bit words with the
    larger byte first: Σ w_i and Σ (n - i) w_i in ones' complement, where 65535 stands for 0
    unless all words are 0.
    """
    words = np.frombuffer(content + b"\0" * (len(content) % 2), dtype=">u2").astype(np.int64)
    first = int(words.sum())
    second = int(words @ np.arange(words.size, 0, -1))
    low, high = ((s - 1) % 65535 + 1 if s else 0 for s in (first, second))
    return high << 16 | low
