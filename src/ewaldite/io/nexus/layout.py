"""Names, chunks and attributes that every stored object shares."""

from __future__ import annotations

import re
from typing import Any

import h5py
import numpy as np
import scipp as sc

from ewaldite.io.nexus.pack import PACKED, Packer

FORMAT = 1
"""Version of the layout, in the root attribute ``ewaldite_format``."""

TABLE_DIM = "voxel"
"""The dimension of a table of voxels, reflections and the like."""

TABLE_DIMS = (TABLE_DIM, "event")
"""Dimensions of tables: of voxels, reflections and the like, and of events."""

UNIT_COORD = "intensity_unit"
"""Coordinate that says in words what a signal without a unit of scipp's counts."""

_COMPRESS_FROM = 16 * 1024
_CHUNK_ROWS = 65_536
_CHUNK_TEXTS = 4_096
# A chunk of a map, and of an image: about as many elements as one of a table
_CHUNK_EDGE = {2: 256, 3: 32}
_SPELLINGS = (
    "counts/mrad^2/s",
    "mrad^2*s/counts",
    "counts/mrad^2/s/angstrom^3",
    "mrad^2*s",
    "mrad^2",
    "1/angstrom",
    "1/angstrom^2",
    "1/angstrom^3",
    "angstrom",
    "counts",
    "deg",
    "cm^2/meV/sr",
    "barn/meV/sr",
    "cm^4/meV^2/sr^2",
    "barn^2/meV^2/sr^2",
    "meV^2*sr^2",
    "counts/angstrom/meV",
)


def unit_text(unit: sc.Unit) -> str:
    """Spell a unit for the reader of a plot, ``""`` for a dimensionless one.

    The text means the same unit again where that is possible; :mod:`.fields` checks it.
    """
    if unit == sc.units.one:
        return ""
    for spelling in _SPELLINGS:
        if sc.Unit(spelling) == unit:
            return spelling
    return str(unit)


def intensity_unit(array: sc.DataArray) -> str:
    """Unit of an intensity as text: what its ``intensity_unit`` says, else its unit.

    scipp has no electrons: on the absolute scale the unit is one, and the coordinate names it.
    """
    if "intensity_unit" in array.coords:
        return str(array.coords["intensity_unit"].value)
    return "" if array.unit is None else unit_text(array.unit)


def clean_name(parent: h5py.Group, name: str) -> str:
    """Give a free HDF5 name made of letters, digits and underscores that resembles ``name``."""
    candidate = re.sub(r"[^A-Za-z0-9_]", "_", name) or "_"
    while any(candidate + end in parent for end in ("", "_errors", "_variances")):
        candidate += "_"
    return candidate


def new_group(parent: h5py.Group, name: str, nexus_class: str) -> h5py.Group:
    """Make a NeXus group of a class."""
    group = parent.create_group(name)
    group.attrs["NX_class"] = nexus_class
    return group


def new_dataset(
    parent: h5py.Group,
    name: str,
    values: Any,
    *,
    grows: bool = False,
    pack: Packer | None = None,
) -> h5py.Dataset:
    """Write an array: large ones chunked, shuffled, compressed by gzip and with a checksum.

    All of these are built into HDF5, so that any program reads them without a plugin.

    Parameters
    ----------
    parent, name:
        Where.
    values:
        Numpy array or scalar.
    grows:
        Whether rows can be appended later.
    pack:
        Who compresses; HDF5 if None.
    """
    array = np.asarray(values)
    options: dict[str, Any] = {}
    if array.dtype == object:
        options["dtype"] = h5py.string_dtype()
    if grows:
        options["maxshape"] = (None, *array.shape[1:])
    if array.ndim and (grows or (array.nbytes >= _COMPRESS_FROM and array.dtype != object)):
        options["chunks"] = _chunks(array.shape, grows, array.dtype == object)
    if "chunks" in options and array.dtype != object:
        options |= PACKED
        if pack is not None:
            shape, dtype = array.shape, array.dtype
            dataset = parent.create_dataset(name, shape=shape, dtype=dtype, **options)
            pack.write(dataset, array)
            return dataset
    return parent.create_dataset(name, data=array, **options)


def _chunks(shape: tuple[int, ...], grows: bool, is_text: bool) -> tuple[int, ...]:
    rows = _CHUNK_TEXTS if is_text else _CHUNK_ROWS
    if grows and len(shape) == 3:
        # layers of a map: a chunk as thick as a block is written once
        return tuple(min(max(length, 1), _CHUNK_EDGE[3]) for length in shape)
    if grows:
        return (rows, *shape[1:])
    if len(shape) == 1:
        return (min(rows, shape[0]),)
    edge = _CHUNK_EDGE.get(len(shape), 16)
    return tuple(min(max(length, 1), edge) for length in shape)


def text(node: Any) -> str:
    """Text of a string dataset or of an attribute.

    Raises
    ------
    ValueError
        If it holds something else.
    """
    value = node[()] if isinstance(node, h5py.Dataset) else node
    if isinstance(value, bytes):
        return value.decode()
    if not isinstance(value, str):
        raise ValueError(f"expected text, found {value!r}")
    return value
