"""Scipp data arrays and groups of them as NeXus groups, and back."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Mapping
from typing import Any

import h5py
import numpy as np
import scipp as sc

from ewaldite.errors import UserError
from ewaldite.io.nexus.fields import NUMBERS, extend_variable, read_variable, write_variable
from ewaldite.io.nexus.layout import TABLE_DIMS, UNIT_COORD, clean_name, new_group, text
from ewaldite.io.nexus.pack import Packer

Stored = sc.DataArray | sc.Variable | sc.DataGroup[Any]

#: A dataset that grows, its role, and the name of its variable.
Column = tuple[h5py.Dataset, str, str]

_LABELS = {"h": "h (r.l.u.)", "k": "k (r.l.u.)", "l": "l (r.l.u.)"}


def kind_of(obj: object) -> str:
    """``"table"`` (dim voxel or event), ``"map"`` (h, k, l), ``"array"``, or ``"group"``."""
    if isinstance(obj, sc.DataGroup):
        return "group"
    if isinstance(obj, sc.DataArray) and obj.dims in [(dim,) for dim in TABLE_DIMS]:
        return "table"
    if isinstance(obj, sc.DataArray) and sorted(obj.dims) == ["h", "k", "l"]:
        return "map"
    return "array"


def write_node(
    parent: h5py.Group,
    name: str,
    obj: Any,
    *,
    grows: bool = False,
    pack: Packer | None = None,
) -> h5py.Group:
    """Write an object under a name that resembles ``name``.

    A data array becomes an NXdata, and so does a variable of numbers with dims, which can be
    drawn; anything else an NXcollection.

    Raises
    ------
    UserError
        If there is no place for the object, or for something in it.
    """
    stored = clean_name(parent, name)
    if isinstance(obj, sc.DataArray):
        group = new_group(parent, stored, "NXdata")
        group.attrs["content"] = "data_array"
        _write_array(group, obj, grows, pack)
    elif isinstance(obj, sc.Variable) and obj.ndim and str(obj.dtype) in NUMBERS:
        group = new_group(parent, stored, "NXdata")
        group.attrs["content"] = "variable"
        value = write_variable(group, "value", obj, role="value", pack=pack)
        group.attrs["signal"] = _leaf(value)
        group.attrs["axes"] = ["."] * obj.ndim
    else:
        group = new_group(parent, stored, "NXcollection")
        if isinstance(obj, Mapping) and not isinstance(obj, sc.Dataset):
            group.attrs["content"] = "group"
            for key, item in obj.items():
                write_node(group, str(key), item, pack=pack)
            group.attrs["order"] = json.dumps([str(key) for key in obj])
        elif isinstance(obj, sc.Variable):
            group.attrs["content"] = "variable"
            write_variable(group, "value", obj, role="value", pack=pack)
        else:
            group.attrs["content"] = "plain"
            group["json"] = _to_json(name, obj)
    group.attrs["name"] = name
    return group


def read_node(
    group: h5py.Group,
    part: Mapping[str, slice] | None = None,
    columns: Collection[str] | None = None,
) -> Any:
    """Invert :func:`write_node`.

    Parameters
    ----------
    group:
        What was written.
    part, columns:
        Of a data array: by dim what is wanted along it, and the coordinates; all if None.

    Raises
    ------
    KeyError, ValueError, OSError
        If the group is not as it was written.
    """
    content = text(group.attrs["content"])
    if content == "data_array":
        return _read_array(group, part or {}, columns)
    if content == "variable":
        return read_variable(group["value"])
    if content == "plain":
        return json.loads(text(group["json"]))
    if content != "group":
        raise ValueError(f"unknown content {content!r}")
    items = {text(node.attrs["name"]): read_node(node) for node in group.values()}
    return sc.DataGroup({key: items[key] for key in json.loads(text(group.attrs["order"]))})


def growing_columns(group: h5py.Group, dim: str) -> list[Column]:
    """Columns of an array that was written with ``grows`` along a dim."""
    found = [d for d in datasets(group) if text(d.attrs["role"]) in ("signal", "coord", "mask")]
    return [
        (dataset, text(dataset.attrs["role"]), text(dataset.attrs["name"]))
        for dataset in found
        if json.loads(text(dataset.attrs["dims"]))[:1] == [dim]
    ]


def extend_array(
    columns: Iterable[Column], block: sc.DataArray, pack: Packer | None = None
) -> None:
    """Append a block to :func:`growing_columns`."""
    parts = {"signal": {block.name: block.data}, "coord": block.coords, "mask": block.masks}
    for dataset, role, name in columns:
        extend_variable(dataset, parts[role][name], pack)


def datasets(group: h5py.Group) -> list[h5py.Dataset]:
    """All datasets of a data array: signal, coordinates, their spread, and masks."""
    own = [item for item in group.values() if isinstance(item, h5py.Dataset)]
    masks = group.get("masks")  # a coordinate may have this name where there are no masks
    return own + (list(masks.values()) if isinstance(masks, h5py.Group) else [])


def _write_array(
    group: h5py.Group, array: sc.DataArray, grows: bool, pack: Packer | None
) -> None:
    masks = new_group(group, "masks", "NXcollection") if array.masks else None
    signal = write_variable(
        group, array.name or "signal", array.data, role="signal", grows=grows, pack=pack
    )
    signal.attrs["name"] = array.name
    if UNIT_COORD in array.coords:
        words = array.coords[UNIT_COORD].value
        signal.attrs["long_name"] = f"{array.name or 'signal'} ({words})"
    group.attrs["signal"] = _leaf(signal)
    axes = ["."] * array.ndim
    for name, coord in array.coords.items():
        growing = grows and coord.dims[:1] == array.dims[:1]
        dataset = write_variable(group, name, coord, role="coord", grows=growing, pack=pack)
        dataset.attrs["aligned"] = array.coords[name].aligned
        if name in _LABELS:
            dataset.attrs["long_name"] = _LABELS[name]
        where = [array.dims.index(dim) for dim in coord.dims if dim in array.dims]
        if where:
            group.attrs[f"{_leaf(dataset)}_indices"] = where if len(where) > 1 else where[0]
        if coord.dims == (name,) and name in array.dims:
            axes[array.dims.index(name)] = _leaf(dataset)
    if axes:
        group.attrs["axes"] = axes
    for name, mask in array.masks.items():
        growing = grows and mask.dims[:1] == array.dims[:1]
        write_variable(masks, name, mask, role="mask", grows=growing, pack=pack)


def _read_array(
    group: h5py.Group, part: Mapping[str, slice], columns: Collection[str] | None
) -> sc.DataArray:
    signal = group[text(group.attrs["signal"])]
    array = sc.DataArray(read_variable(signal, part), name=text(signal.attrs["name"]))
    unknown = set(columns or ())
    for dataset in datasets(group):
        role, name = text(dataset.attrs["role"]), text(dataset.attrs.get("name", ""))
        if role == "mask":
            array.masks[name] = read_variable(dataset, part)
        elif role == "coord" and (columns is None or name in columns):
            array.coords[name] = read_variable(dataset, part)
            array.coords.set_aligned(name, bool(dataset.attrs["aligned"]))
            unknown.discard(name)
    if unknown:
        raise UserError(
            f"read the columns {sorted(columns or ())} of {group.file.filename}",
            f"it has no {sorted(unknown)}",
            f"It has {sorted(map(str, read_names(group)))}.",
        )
    return array


def read_names(group: h5py.Group) -> list[str]:
    """Names of the coordinates of a stored data array."""
    return [
        text(dataset.attrs["name"])
        for dataset in datasets(group)
        if text(dataset.attrs["role"]) == "coord"
    ]


def _leaf(node: h5py.Dataset) -> str:
    return str(node.name).rsplit("/", 1)[1]


def _to_json(name: str, obj: Any) -> str:
    value = obj.item() if isinstance(obj, np.generic) else obj
    try:
        return json.dumps(value)
    except (TypeError, ValueError) as error:
        raise UserError(
            f"store '{name}'",
            f"an object of type {type(obj).__name__} has no place in the file",
            "Store scipp data arrays, variables, groups of them, numbers or text.",
        ) from error
