"""Writes series as an Eiger detector and its beamline do, for simulated data and tests.

A master file with NXmx metadata and links to data files of a given number of images each.
"""

from __future__ import annotations

import importlib
from collections.abc import Iterable, Iterator
from itertools import chain, islice
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from ewaldite.errors import MissingExtraError
from ewaldite.io.images.eiger_metadata import EigerHeader, nexus_group, write_metadata
from ewaldite.io.images.series import Image


def write_eiger(
    folder: Path,
    images: Iterable[Image],
    header: EigerHeader | None = None,
    *,
    prefix: str = "series",
    images_per_file: int = 100,
    virtual: bool = False,
    compress: bool = True,
) -> Path:
    """Write a series and return its master file.

    Parameters
    ----------
    folder:
        Existing folder.
    images:
        Frames of one size and type; each with dims (slow, fast), any integer dtype. They are
        taken one at a time.
    header:
        Metadata.
    prefix:
        Beginning of the file names.
    images_per_file:
        Number of images in each data file; the last may hold fewer.
    virtual:
        Add the virtual dataset ``/entry/data/data`` over all data files, as NXmx writers do.
    compress:
        Bitshuffle and LZ4, one chunk per image; otherwise plain chunks.

    Raises
    ------
    ValueError
        If there are no images.
    MissingExtraError
        If compression is wanted and hdf5plugin is not installed.
    """
    stream = iter(images)
    counts: list[int] = []
    shape: tuple[int, ...] = ()
    dtype: np.dtype[Any] = np.dtype(np.uint32)
    while True:
        first = next(stream, None)
        if first is None:
            break
        shape, dtype = first.shape, first.dtype
        part = chain([first], islice(stream, images_per_file - 1))
        path = folder / _data_name(prefix, len(counts))
        counts.append(
            _write_data(path, part, sum(counts) + 1, first, images_per_file, compress)
        )
    if not counts:
        raise ValueError("a series without images cannot be written")
    master = folder / f"{prefix}_master.h5"
    with h5py.File(master, "w") as file:
        _write_links(file, prefix, counts, shape, dtype, virtual)
        write_metadata(file["entry"], header or EigerHeader(), sum(counts), shape, dtype)
    return master


def _data_name(prefix: str, k: int) -> str:
    return f"{prefix}_data_{k + 1:06d}.h5"


def _write_data(
    path: Path, images: Iterator[Image], low: int, first: Image, room: int, compress: bool
) -> int:
    options: dict[str, Any] = {}
    if compress:
        try:
            plugin = importlib.import_module("hdf5plugin")
        except ImportError as error:
            raise MissingExtraError("hdf5plugin", "xray", "write Eiger images") from error
        options = dict(plugin.Bitshuffle(cname="lz4"))
    shape = first.shape
    count = 0
    with h5py.File(path, "w") as file:
        data = file.create_dataset(
            "entry/data/data",
            (room, *shape),
            first.dtype,
            maxshape=(None, *shape),
            chunks=(1, *shape),
            **options,
        )
        for image in images:
            data[count] = image
            count += 1
        data.resize(count, axis=0)
        data.attrs["image_nr_low"] = low
        data.attrs["image_nr_high"] = low + count - 1
    return count


def _write_links(
    file: h5py.File,
    prefix: str,
    counts: list[int],
    shape: tuple[int, ...],
    dtype: np.dtype[Any],
    virtual: bool,
) -> None:
    entry = nexus_group(file, "entry", "NXentry")
    entry["definition"] = "NXmx"
    data = nexus_group(entry, "data", "NXdata")
    layout = h5py.VirtualLayout((sum(counts), *shape), dtype)
    at = 0
    for k, count in enumerate(counts):
        name = _data_name(prefix, k)
        data[f"data_{k + 1:06d}"] = h5py.ExternalLink(name, "/entry/data/data")
        layout[at : at + count] = h5py.VirtualSource(name, "entry/data/data", (count, *shape))
        at += count
    if virtual:
        data.create_virtual_dataset("data", layout)
        data.attrs["signal"] = "data"
