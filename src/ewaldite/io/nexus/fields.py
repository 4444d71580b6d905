"""One scipp variable as HDF5 datasets, and back without loss."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import h5py
import numpy as np
import scipp as sc

from ewaldite.errors import UserError
from ewaldite.io.nexus.layout import clean_name, new_dataset, text, unit_text
from ewaldite.io.nexus.pack import Packer

#: Types of numbers that have a place in a file.
NUMBERS = {"float64", "float32", "int64", "int32", "bool"}
_KNOWN = NUMBERS | {"string", "datetime64", "vector3"}


def write_variable(
    group: h5py.Group,
    name: str,
    variable: sc.Variable,
    *,
    role: str,
    grows: bool = False,
    pack: Packer | None = None,
) -> h5py.Dataset:
    """Write values, unit and, if there are any, variances.

    Variances ``v`` are stored twice: exactly in ``<name>_variances``, which is what is read
    back, and as ``sqrt(v)`` in single precision in ``<name>_errors``, which is where the
    NeXus standard (class NXdata) has plotting programs look for error bars.

    Parameters
    ----------
    group:
        Where.
    name:
        The name in scipp; the name in HDF5 is one that resembles it.
    variable:
        Any dims, any unit; of dtype float, int, bool, string, datetime64 or vector3.
    role:
        ``"signal"``, ``"coord"``, ``"mask"`` or ``"value"``.
    grows:
        Whether rows can be appended later.
    pack:
        Who compresses; HDF5 if None.

    Raises
    ------
    UserError
        If the dtype, or text with a null character, cannot be stored.
    """
    stored = clean_name(group, name)
    try:
        dataset = new_dataset(group, stored, _encode(variable), grows=grows, pack=pack)
    except (TypeError, ValueError) as error:
        raise _refused(name, str(error)) from error
    dataset.attrs["name"] = name
    dataset.attrs["role"] = role
    dataset.attrs["dims"] = json.dumps(list(variable.dims))
    dataset.attrs["dtype"] = str(variable.dtype)
    if variable.unit is not None:
        _write_unit(dataset, variable.unit)
    if variable.variances is not None:
        for end, values in _spread(variable).items():
            extra = new_dataset(group, f"{stored}_{end}", values, grows=grows, pack=pack)
            extra.attrs["role"] = end
        if variable.unit is not None:
            _write_unit(group[f"{stored}_errors"], variable.unit)
            _write_unit(group[f"{stored}_variances"], variable.unit**2)
        dataset.attrs["variances"] = f"{stored}_variances"
    return dataset


def extend_variable(
    dataset: h5py.Dataset, variable: sc.Variable, pack: Packer | None = None
) -> None:
    """Append rows to a variable that was written with ``grows``, and by whom it was packed."""
    _append(dataset, _encode(variable), pack)
    if variable.variances is not None:
        stored = dataset.name.rsplit("/", 1)[1]
        for end, values in _spread(variable).items():
            _append(dataset.parent[f"{stored}_{end}"], values, pack)


def read_variable(
    dataset: h5py.Dataset, part: Mapping[str, slice] | None = None
) -> sc.Variable:
    """Invert :func:`write_variable`.

    Parameters
    ----------
    dataset:
        What was written.
    part:
        What is wanted along some dims; all along others.

    Raises
    ------
    KeyError, ValueError, OSError
        If the dataset is not as it was written.
    """
    dims = [str(dim) for dim in json.loads(text(dataset.attrs["dims"]))]
    dtype = text(dataset.attrs["dtype"])
    selection: Any = tuple((part or {}).get(dim, slice(None)) for dim in dims)
    unit = _read_unit(dataset)
    if dtype == "string":
        strings = dataset.asstr()[selection]
        if dims and strings.size == 0:
            return sc.empty(dims=dims, shape=strings.shape, unit=unit, dtype=sc.DType.string)
        listed = strings.tolist() if dims else strings
        return sc.Variable(dims=dims, values=listed, unit=unit, dtype=sc.DType.string)
    values: Any = dataset[selection]
    if dtype == "datetime64":
        values = np.asarray(values).astype(f"datetime64[{unit}]")
    if dtype == "bool":
        values = np.asarray(values).astype(np.bool_, copy=False)
    if dtype == "vector3":
        if dims:
            return sc.vectors(dims=dims, values=values, unit=unit)
        return sc.vector(value=values, unit=unit)
    if dtype not in _KNOWN:
        raise ValueError(f"unknown dtype {dtype!r}")
    variances = None
    if "variances" in dataset.attrs:
        variances = dataset.parent[text(dataset.attrs["variances"])][selection]
    if not dims and dtype in NUMBERS:
        values = values.item()
        variances = None if variances is None else variances.item()
    return sc.Variable(dims=dims, values=values, variances=variances, unit=unit, dtype=dtype)


def _encode(variable: sc.Variable) -> Any:
    dtype = str(variable.dtype)
    if dtype not in _KNOWN:
        raise TypeError(f"values of dtype {dtype} have no place in the file")
    if dtype == "string":
        return np.asarray(variable.values, dtype=object)
    if dtype == "datetime64":
        return np.asarray(variable.values).astype(np.int64)
    if dtype == "bool":
        # 1 and 0, as NX_BOOLEAN says: viewers draw no images of other logical values
        return np.asarray(variable.values, dtype=np.bool_).astype(np.uint8)
    return np.asarray(variable.values, dtype="float64" if dtype == "vector3" else dtype)


def _spread(variable: sc.Variable) -> dict[str, Any]:
    variances = np.asarray(variable.variances, dtype=str(variable.dtype))
    with np.errstate(invalid="ignore", over="ignore", under="ignore"):
        # Without a copy in double precision: a map takes a gigabyte
        errors = np.sqrt(variances, out=np.empty(variances.shape, dtype=np.float32))
    return {"variances": variances, "errors": errors}


def _append(dataset: h5py.Dataset, values: Any, pack: Packer | None) -> None:
    start = len(dataset)
    dataset.resize(start + len(values), axis=0)
    if pack is not None and pack.grows(dataset):
        pack.write(dataset, values)
    elif len(values):
        dataset[start:] = values


def _write_unit(dataset: h5py.Dataset, unit: sc.Unit) -> None:
    spelled = unit_text(unit)
    dataset.attrs["units"] = spelled
    if sc.Unit(spelled or "one") != unit:
        dataset.attrs["unit_exact"] = json.dumps(unit.to_dict())


def _read_unit(dataset: h5py.Dataset) -> sc.Unit | None:
    if "units" not in dataset.attrs:
        return None
    if "unit_exact" in dataset.attrs:
        return sc.Unit.from_dict(json.loads(text(dataset.attrs["unit_exact"])))
    return sc.Unit(text(dataset.attrs["units"]) or "one")


def _refused(name: str, reason: str) -> UserError:
    return UserError(
        f"store '{name}'", reason, "Convert it to numbers or plain text, or leave it out."
    )
