"""Results to files: HDF5 in NeXus clothes."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from types import TracebackType
from typing import Any, Self

import h5py
import numpy as np
import scipp as sc

from ewaldite.errors import UserError
from ewaldite.io.atomic import PathLike
from ewaldite.io.nexus.layout import FORMAT, new_group, text
from ewaldite.io.nexus.sample import Sample, write_sample
from ewaldite.io.nexus.shells import shell_means
from ewaldite.io.nexus.sink import create_hdf5
from ewaldite.io.nexus.tree import Stored, kind_of, write_node
from ewaldite.model.provenance import Provenance


def save(
    path: PathLike,
    obj: Stored,
    provenance: Provenance | None = None,
    *,
    sample: Sample | None = None,
    plot: Sequence[str] = (),
) -> None:
    """Write a scipp object so that :func:`~ewaldite.io.nexus.load` gives the same one back.

    The file is HDF5 in the layout of NeXus (https://www.nexusformat.org, classes NXroot,
    NXentry, NXdata, NXsample, NXprocess), so that NeXpy, silx view and H5Web open it with a
    plot: a map as the volume over h, k and l; a table as its mean intensity in shells of
    |s|, where |s| is known. It appears under its name only when it is complete.

    Parameters
    ----------
    path:
        File to write; one of this name is replaced.
    obj:
        A data array (a table has the dim ``voxel``, a map the dims h, k, l), a variable, or a
        data group of them, nested at will, that may also hold numbers, text and lists.
    provenance:
        How it came about; by default only the version of the program.
    sample:
        Cell, space group, orientation and grid.
    plot:
        Names that lead to the item of a group that a viewer shows first; by default the first.

    Raises
    ------
    UserError
        If an object has no place in a file, or the file cannot be written.
    """
    record, crystal = provenance or Provenance(), sample or Sample()
    kind = kind_of(obj)
    if kind == "array" and not isinstance(obj, (sc.DataArray, sc.Variable)):
        raise UserError(
            f"write {os.fspath(path)}",
            f"an object of type {type(obj).__name__}",
            "Give a scipp DataArray, Variable or DataGroup.",
        )
    with create_hdf5(path) as output:
        entry = begin_file(output.file, kind)
        node = write_node(entry, kind, obj, pack=output.pack)
        shells = None
        if isinstance(obj, sc.DataArray) and kind == "table":
            shells = shell_means(obj, crystal.cell)
        finish_file(entry, node, shells, record, crystal, plot)


class GroupWriter:
    """Write a data group whose items never are in memory together.

    A context manager: the file appears under its name when the block ends without an
    exception, and holds what :func:`save` would have written of a group of the items::

        with GroupWriter("masks.nxs") as writer:
            for name, item in items:
                writer.put(name, item)

    Parameters
    ----------
    path:
        File to write; one of this name is replaced.
    provenance:
        How it came about.
    sample:
        Cell, space group, orientation and grid.
    """

    def __init__(
        self,
        path: PathLike,
        provenance: Provenance | None = None,
        *,
        sample: Sample | None = None,
    ) -> None:
        self._record, self._sample = provenance or Provenance(), sample or Sample()
        self._context = create_hdf5(path)
        self._names: list[str] = []

    def __enter__(self) -> Self:
        self._output = self._context.__enter__()
        self._entry = begin_file(self._output.file, "group")
        self._node = new_group(self._entry, "group", "NXcollection")
        self._node.attrs["content"] = "group"
        self._node.attrs["name"] = "group"
        return self

    def put(self, name: str, item: Stored) -> None:
        """Write the next item of the group.

        Raises
        ------
        UserError
            If it has no place in a file, or the file cannot be written.
        """
        write_node(self._node, name, item, pack=self._output.pack)
        self._names.append(name)
        self._output.check()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if kind is None:
            self._node.attrs["order"] = json.dumps(self._names)
            finish_file(self._entry, self._node, None, self._record, self._sample)
        self._context.__exit__(kind, error, trace)


def begin_file(root: h5py.File, kind: str) -> h5py.Group:
    """Write the root's attributes and the entry; returns the entry."""
    root.attrs["NX_class"] = "NXroot"
    root.attrs["default"] = "entry"
    root.attrs["creator"] = "ewaldite"
    root.attrs["ewaldite_format"] = np.int64(FORMAT)
    entry = new_group(root, "entry", "NXentry")
    entry.attrs["kind"] = kind
    entry["title"] = f"ewaldite {kind}"
    return entry


def finish_file(
    entry: h5py.Group,
    node: h5py.Group,
    shells: sc.DataArray | None,
    provenance: Provenance,
    sample: Sample,
    plot: Sequence[str] = (),
) -> None:
    """Write what goes with the object and choose the default plot."""
    entry.attrs["object"] = _leaf(node)
    # Bare numbers are drawn where there is nothing with coordinates
    default = _first_plot(node, "data_array", plot) or _first_plot(node, "variable", plot)
    if shells is not None and shells.size:
        default = write_node(entry, "shells", shells)
        default["s"].attrs["long_name"] = f"|s| ({default['s'].attrs.get('units', '')})"
    _point_to(entry, default)
    write_sample(entry, sample)
    _write_provenance(entry, provenance)


def _write_provenance(entry: h5py.Group, provenance: Provenance) -> None:
    process = new_group(entry, "process", "NXprocess")
    process["program"] = "ewaldite"
    process["version"] = provenance.version
    process["command"] = provenance.command
    for name, kind, content in (
        ("options", "text/plain", provenance.options),
        ("provenance", "application/json", json.dumps(provenance.to_dict())),
        ("notes", "text/plain", "\n".join(provenance.notes)),
    ):
        note = new_group(process, name, "NXnote")
        note["type"] = kind
        note["data"] = content


def _first_plot(node: h5py.Group, content: str, way: Sequence[str]) -> h5py.Group | None:
    """First NXdata in the order of the items, on the way that is wished where it exists."""
    if node.attrs["NX_class"] == "NXdata":
        return node if text(node.attrs["content"]) == content else None
    children: dict[str, Any] = {
        text(c.attrs["name"]): c for c in node.values() if isinstance(c, h5py.Group)
    }
    order: list[str] = json.loads(text(node.attrs["order"])) if "order" in node.attrs else []
    wished = [name for name in way[:1] if name in children]
    names = dict.fromkeys([*wished, *order])
    found = (
        _first_plot(children[name], content, way[1:] if name in wished else ())
        for name in names
        if name in children
    )
    return next((plot for plot in found if plot is not None), None)


def _point_to(entry: h5py.Group, plot: h5py.Group | None) -> None:
    """Set ``default`` on every group between the entry and the plot, as NeXus wants it."""
    node = plot
    while node is not None and node != entry:
        parent = node.parent
        parent.attrs["default"] = _leaf(node)
        node = parent


def _leaf(node: h5py.Group) -> str:
    return str(node.name).rsplit("/", 1)[1]
