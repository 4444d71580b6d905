"""Control points as scipp sees them."""

from __future__ import annotations

import numpy as np
import scipp as sc

from ewaldite.diffuse.scaling.basis import Axis, ControlPoints

_UNITS = {"ix": "one", "iy": "one", "iz": "one", "s": "1/angstrom", "panel": "one"}


def to_array(points: ControlPoints, name: str, unit: str) -> sc.DataArray:
    """Return control points as an array over their nodes.

    Parameters
    ----------
    points:
        The control points.
    name, unit:
        Of the values.

    Returns
    -------
    :
        Dims are the names of the axes, the fastest last; coordinates are the nodes and, as
        scalars, ``…_low``, ``…_high`` and ``…_bins`` of every axis.
    """
    coords: dict[str, sc.Variable] = {}
    for axis in points.axes:
        unit_of = _UNITS[axis.name]
        coords[axis.name] = sc.array(dims=[axis.name], values=axis.nodes, unit=unit_of)
        coords[f"{axis.name}_low"] = sc.scalar(axis.low, unit=unit_of)
        coords[f"{axis.name}_high"] = sc.scalar(axis.high, unit=unit_of)
        coords[f"{axis.name}_bins"] = sc.scalar(axis.bins)
    dims = list(reversed(points.names))
    return sc.DataArray(
        sc.array(dims=dims, values=points.values, unit=unit), coords=coords, name=name
    )


def from_array(array: sc.DataArray) -> ControlPoints:
    """Invert :func:`to_array`."""
    axes = tuple(
        Axis(
            name,
            float(array.coords[f"{name}_low"].value),
            float(array.coords[f"{name}_high"].value),
            array.sizes[name],
            bool(array.coords[f"{name}_bins"].value),
        )
        for name in reversed(array.dims)
    )
    return ControlPoints(axes, np.array(array.values, dtype=np.float64))
