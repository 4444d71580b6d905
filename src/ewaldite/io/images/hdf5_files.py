"""HDF5 files held open per process, and links followed to where the data really are."""

from __future__ import annotations

import importlib
import os
import threading
from collections import OrderedDict
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path, PurePosixPath

import h5py

from ewaldite.errors import MissingExtraError
from ewaldite.io.images.payload import corrupt

# What h5py raises for broken links, cut files and chunks that do not decode.
HDF5_ERRORS = (OSError, KeyError, ValueError, RuntimeError)
# HDF5 itself is not safe for threads, whatever the number of files.
LOCK = threading.RLock()
# Filter numbers from 256 on are registered plugins: https://github.com/HDFGroup/hdf5_plugins
FIRST_PLUGIN = 256


class Hdf5Files:
    """Opens HDF5 files at first use and keeps the most recent ones open.

    It is thread-safe; in another process (forked or unpickled) it starts with none open.

    Parameters
    ----------
    limit:
        Number of files held open.
    """

    def __init__(self, limit: int = 16) -> None:
        self._limit = limit
        self._files: OrderedDict[Path, h5py.File] = OrderedDict()
        self._process = os.getpid()

    @contextmanager
    def open(self, path: Path) -> Iterator[h5py.File]:
        """Yield a file opened for reading, while no other thread uses HDF5.

        Raises
        ------
        FrameError
            If the file is missing, truncated or no HDF5 file.
        """
        with LOCK:
            if self._process != os.getpid():
                self._files.clear()
                self._process = os.getpid()
            if path not in self._files:
                self._files[path] = _open(path)
            self._files.move_to_end(path)
            while len(self._files) > self._limit:
                self._files.popitem(last=False)[1].close()
            yield self._files[path]

    def close(self) -> None:
        """Close all files; a later `open` opens them again."""
        with LOCK:
            while self._files:
                file = self._files.popitem()[1]
                if self._process == os.getpid():
                    file.close()

    def __reduce__(self) -> tuple[type[Hdf5Files], tuple[int]]:
        return Hdf5Files, (self._limit,)


def _open(path: Path) -> h5py.File:
    try:
        return h5py.File(path, "r")
    except FileNotFoundError as error:
        raise corrupt(path, "the file does not exist") from error
    except HDF5_ERRORS as error:
        raise corrupt(path, f"HDF5 cannot open it ({error})") from error


def beside(master: Path, name: str) -> Path:
    """Return the file that a link or virtual source in a master file names.

    HDF5 looks beside the master; an absolute path that does not exist is tried there too.
    """
    target = Path(name)
    folders = (master.parent, master.resolve().parent)
    candidates = [folder / target for folder in folders]
    candidates += [folder / target.name for folder in folders]
    return next((path for path in candidates if path.is_file()), candidates[0])


def follow(file: h5py.File, path: Path, dataset: str) -> tuple[Path, str]:
    """Return the file and the path in it that a name means after all links.

    Parameters
    ----------
    file, path:
        An open file and its name.
    dataset:
        Absolute path in the file; each step may be a soft or an external link.

    Returns
    -------
    :
        The file is not opened and may be missing when it is another than ``path``.
    """
    where = PurePosixPath("/")
    parts = PurePosixPath("/" + dataset).parts[1:]
    for k, part in enumerate(parts):
        where = where / part
        link = file.get(str(where), getlink=True)
        rest = parts[k + 1 :]
        if isinstance(link, h5py.ExternalLink):
            inner = PurePosixPath("/" + link.path).joinpath(*rest)
            return beside(path, link.filename), str(inner)
        if isinstance(link, h5py.SoftLink):
            inner = where.parent.joinpath(link.path, *rest)
            return follow(file, path, str(inner))
    return path, str(where)


def load_filters(dataset: h5py.Dataset) -> None:
    """Register the decompressors that a dataset needs.

    Raises
    ------
    MissingExtraError
        If hdf5plugin is needed and not installed.
    """
    plist = dataset.id.get_create_plist()
    codes = [plist.get_filter(k)[0] for k in range(plist.get_nfilters())]
    if max(codes, default=0) < FIRST_PLUGIN:
        return
    try:
        importlib.import_module("hdf5plugin")
    except ImportError as error:
        purpose = f"decompress the images in {dataset.file.filename}"
        raise MissingExtraError("hdf5plugin", "xray", purpose) from error
