"""The file that HDF5 writes to: a full disk must not crash the library.

HDF5 (seen in 2.0) crashes the interpreter when a write fails while chunks wait in its cache.
So it writes through an object of ours, which always accepts: after the first failure, what
comes stays in memory until the file is closed, and then the failure is reported in Python.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import h5py

from ewaldite.io.atomic import PathLike, atomic_path, storage_error
from ewaldite.io.nexus.pack import Packer

# Of each dataset that is open, bytes: two chunks of a table. HDF5 2.0 would keep 8 MB of each
# of some 25 columns.
_CACHE = 1 << 20


class Sink:
    """A seekable binary file that remembers a failed write instead of raising.

    Parameters
    ----------
    path:
        File to create.

    Attributes
    ----------
    error:
        The first failure, or None.
    """

    def __init__(self, path: Path) -> None:
        self._descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_TRUNC, 0o666)
        self._position = 0
        self._size = 0
        self._unwritten: list[tuple[int, bytes]] = []
        self.error: OSError | None = None

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        """Move to an offset in bytes."""
        start = {os.SEEK_SET: 0, os.SEEK_CUR: self._position, os.SEEK_END: self._size}[whence]
        self._position = start + offset
        return self._position

    def tell(self) -> int:
        """Offset in bytes."""
        return self._position

    def write(self, content: bytes | memoryview) -> int:
        """Write at the present offset, to memory once the disk has failed."""
        block = memoryview(content).cast("B")
        if self.error is None:
            try:
                _write_all(self._descriptor, block, self._position)
            except OSError as error:
                self.error = error
        if self.error is not None:
            self._unwritten.append((self._position, bytes(block)))
        self._position += len(block)
        if len(block):
            self._size = max(self._size, self._position)
        return len(block)

    def read(self, size: int) -> bytes:
        """Read from the present offset; h5py knows a file-like object by this method."""
        buffer = bytearray(size)
        return bytes(buffer[: self.readinto(memoryview(buffer))])

    def readinto(self, buffer: memoryview) -> int:
        """Fill a buffer from the present offset."""
        view = memoryview(buffer).cast("B")
        wanted = max(0, min(len(view), self._size - self._position))
        content = bytearray(os.pread(self._descriptor, wanted, self._position))
        content.extend(bytes(wanted - len(content)))
        for offset, block in self._unwritten:
            start, stop = self._position, self._position + wanted
            low, high = max(offset, start), min(offset + len(block), stop)
            if low < high:
                content[low - start : high - start] = block[low - offset : high - offset]
        view[:wanted] = content
        self._position += wanted
        return wanted

    def truncate(self, size: int | None = None) -> int:
        """Set the length in bytes."""
        self._size = self._position if size is None else size
        if self.error is None:
            try:
                os.ftruncate(self._descriptor, self._size)
            except OSError as error:
                self.error = error
        return self._size

    def flush(self) -> None:
        """Nothing waits: every write goes to the system at once."""

    def close(self) -> None:
        """Close the file."""
        os.close(self._descriptor)


def _write_all(descriptor: int, block: memoryview, offset: int) -> None:
    while len(block):
        written = os.pwrite(descriptor, block, offset)
        block, offset = block[written:], offset + written


class HDF5Output:
    """An HDF5 file in the making, as :func:`create_hdf5` gives it.

    Attributes
    ----------
    file:
        The open :class:`h5py.File`.
    pack:
        Packs the chunks of its datasets.
    """

    def __init__(self, path: PathLike, sink: Sink) -> None:
        self._path = path
        self._sink = sink
        self.file = h5py.File(sink, "w", rdcc_nbytes=_CACHE)
        self.pack = Packer()

    def check(self) -> None:
        """Raise the :class:`~ewaldite.errors.UserError` of a write that has failed."""
        if self._sink.error is not None:
            raise storage_error(self._path, self._sink.error) from self._sink.error


@contextmanager
def create_hdf5(path: PathLike) -> Iterator[HDF5Output]:
    """Create an HDF5 file that appears under its name only when it is complete.

    Parameters
    ----------
    path:
        The file to write; see :func:`ewaldite.io.atomic.atomic_path`.

    Raises
    ------
    UserError
        If the file cannot be written, in particular for a full disk.
    """
    with atomic_path(path) as temporary:
        sink = Sink(temporary)
        try:
            output = HDF5Output(path, sink)
            with output.file:
                try:
                    yield output
                    output.pack.finish()
                finally:
                    output.pack.cancel()
            output.check()
        finally:
            sink.close()
