"""Tables and maps larger than memory, written block by block."""

from __future__ import annotations

import os
from contextlib import ExitStack
from types import TracebackType
from typing import ClassVar, Self

import h5py
import scipp as sc

from ewaldite.errors import UserError
from ewaldite.io.atomic import PathLike
from ewaldite.io.nexus.sample import Sample
from ewaldite.io.nexus.shells import ShellSums, add_array
from ewaldite.io.nexus.sink import HDF5Output, create_hdf5
from ewaldite.io.nexus.tree import Column, extend_array, growing_columns, kind_of, write_node
from ewaldite.io.nexus.write import begin_file, finish_file
from ewaldite.model.provenance import Provenance


class TableWriter:
    """Write a table that never is in memory as a whole.

    A context manager: the file appears under its name when the block ends without an
    exception, and holds what :func:`~ewaldite.io.nexus.save` would have written of all blocks
    together::

        with TableWriter("observations.nxs", provenance) as writer:
            for block in blocks:
                writer.append(block)

    Parameters
    ----------
    path:
        File to write; one of this name is replaced.
    provenance:
        How it came about.
    sample:
        Cell, space group, orientation and grid.
    """

    kind: ClassVar[str] = "table"

    def __init__(
        self,
        path: PathLike,
        provenance: Provenance | None = None,
        *,
        sample: Sample | None = None,
    ) -> None:
        self.path = path
        self._provenance = provenance or Provenance()
        self._sample = sample or Sample()
        self._stack = ExitStack()
        self._output: HDF5Output | None = None
        self._entry: h5py.Group = None
        self._node: h5py.Group = None
        # Held open, because HDF5 writes out the chunks of a dataset that is closed.
        self._columns: list[Column] = []
        self._schema: set[tuple[str, ...]] = set()
        self._unit: sc.Unit | None = None
        self._shells = ShellSums()
        self._s_unit: sc.Unit | None = None
        self.rows = 0

    def __enter__(self) -> Self:
        self._output = self._stack.enter_context(create_hdf5(self.path))
        self._entry = begin_file(self._output.file, self.kind)
        self._stack.push(self._finish)
        return self

    def append(self, block: sc.DataArray) -> None:
        """Append the rows of a block.

        Parameters
        ----------
        block:
            dims (voxel) or (event), any length. The first one says which columns there are;
            what has no such dim is taken from it alone.

        Raises
        ------
        ValueError
            If the block is no table, or its columns, dtypes or units are not those of the
            first one.
        UserError
            If the file cannot be written.
        """
        if self._output is None:
            raise ValueError("a TableWriter is used in a with statement")
        schema = _schema(block, self.kind)
        if self._node is None:
            self._node = write_node(
                self._entry, self.kind, block, grows=True, pack=self._output.pack
            )
            self._columns = growing_columns(self._node, block.dims[0])
            self._schema = schema
            self._unit = block.unit
        elif schema != self._schema:
            differing = sorted(schema ^ self._schema)
            raise ValueError(f"the columns of a block are not those of the first: {differing}")
        else:
            extend_array(self._columns, block, self._output.pack)
        if self.kind == "table":
            self._s_unit = add_array(self._shells, block, self._sample.cell)
        self.rows += block.shape[0]
        self._output.check()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._stack.__exit__(kind, error, trace)

    def _finish(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Complete the file, unless the body failed: then the stack discards it."""
        del error, trace
        if kind is not None:
            return
        if self._node is None:
            raise UserError(
                f"write {os.fspath(self.path)}",
                f"no block of the {self.kind} was given",
                "Append one, with no rows if there are none.",
            )
        shells = None
        if self._s_unit is not None:
            shells = self._shells.means(self._unit, self._s_unit)
        finish_file(self._entry, self._node, shells, self._provenance, self._sample)


class MapWriter(TableWriter):
    """Write a map that never is in memory as a whole, layer by layer along its first dim.

    As :class:`TableWriter`, but blocks have the dims h, k, l; each holds the next values of h
    with their coordinate. Chunks of the file are as thick as the first block, so that each is
    compressed once; make the blocks a few layers thick, alike but for the last.
    """

    kind: ClassVar[str] = "map"


def _schema(block: sc.DataArray, kind: str) -> set[tuple[str, ...]]:
    """Role, name, dims, dtype, unit and spread of every column; lengths across the blocks."""
    if not isinstance(block, sc.DataArray) or kind_of(block) != kind:
        raise ValueError(
            "a block of a table is a DataArray with one dim 'voxel' or 'event'"
            if kind == "table"
            else "a block of a map is a DataArray with the dims h, k, l"
        )
    parts = [("signal", block.name, block.data)]
    parts += [("coord", str(name), column) for name, column in block.coords.items()]
    parts += [("mask", str(name), column) for name, column in block.masks.items()]
    return {
        (
            *(role, name, *column.dims, str(column.dtype), str(column.unit), spread),
            *(str(n) for dim, n in column.sizes.items() if dim != block.dims[0]),
        )
        for role, name, column in parts
        for spread in ("exact" if column.variances is None else "variances",)
    }
