"""Results in HDF5 in the layout of NeXus."""

from __future__ import annotations

from ewaldite.io.nexus.pack import packing
from ewaldite.io.nexus.read import (
    FileInfo,
    is_foreign_hdf5,
    is_result,
    item_names,
    iterate,
    load,
    read_info,
)
from ewaldite.io.nexus.sample import Sample
from ewaldite.io.nexus.shells import shell_means
from ewaldite.io.nexus.table import MapWriter, TableWriter
from ewaldite.io.nexus.write import GroupWriter, save

__all__ = [
    "FileInfo",
    "GroupWriter",
    "MapWriter",
    "Sample",
    "TableWriter",
    "is_foreign_hdf5",
    "is_result",
    "item_names",
    "iterate",
    "load",
    "packing",
    "read_info",
    "save",
    "shell_means",
]
