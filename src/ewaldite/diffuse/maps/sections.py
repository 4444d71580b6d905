"""Planes and lines through a map, averaged over a thickness."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import scipp as sc
from numpy.typing import ArrayLike, NDArray

from ewaldite.crystal.map_axes import MapAxes, flat_map
from ewaldite.diffuse.maps.common import inherited
from ewaldite.diffuse.maps.plane_spec import PlaneSpec
from ewaldite.errors import UserError

FloatArray = NDArray[np.float64]

# Points that are looked up at a time
_BLOCK = 2_000_000


def plane_section(
    array: sc.DataArray, cell: ArrayLike, plane: PlaneSpec | str, *, thickness: float = 0.0
) -> sc.DataArray:
    """Cut a plane out of a map.

    The plane is sampled at multiples of its two vectors, in steps that jump over no voxel. A
    sample is the mean over the voxels along the normal within the thickness, each by its part
    of the way, ``Σ f I / Σ f`` over those that are present; its variance
    ``Σ f² σ² / (Σ f)²`` counts a voxel that is met twice as one.

    Parameters
    ----------
    array:
        dims (h, k, l) or (u, v, w), with variances or not, any masks.
    cell:
        a, b, c, α, β, γ; dims (constant), Å and degrees.
    plane:
        Which, or its name.
    thickness:
        Full thickness along the normal, 1/Å, or Å in real space; 0 takes the voxels that the
        plane meets.

    Returns
    -------
    :
        dims (p, q), the unit and name of the map; coordinates ``p``, ``q`` in multiples of the
        vectors; the mask ``absent``.

    Raises
    ------
    UserError
        If the array is no map, the plane does not meet it, or the thickness is negative or
        more than the map.
    """
    if isinstance(plane, str):
        plane = PlaneSpec.parse(plane)
    axes = MapAxes.of(array, cell)
    _check_thickness(axes, thickness)
    p, q = (_steps(axes, plane, number) for number in (0, 1))
    normal = np.cross(plane.u @ axes.basis, plane.v @ axes.basis)
    normal = normal @ np.linalg.inv(axes.basis) / np.linalg.norm(normal)
    offsets = _layers(axes, normal * thickness)
    across = q[:, None, None] * plane.v + offsets
    values, variances = flat_map(array, axes.dims)
    mean, spread = np.empty((len(p), len(q))), np.empty((len(p), len(q)))
    rows = max(1, _BLOCK // across[..., 0].size)
    for start in range(0, len(p), rows):
        part = slice(start, start + rows)
        points = plane.origin + p[part, None, None, None] * plane.u + across
        mean[part], spread[part] = _averages(axes, values, variances, points)
    dims = ["p", "q"]
    return sc.DataArray(
        sc.array(
            dims=dims,
            values=mean,
            variances=None if variances is None else spread,
            unit=array.unit,
        ),
        coords={
            "p": sc.array(dims=["p"], values=p, unit="one"),
            "q": sc.array(dims=["q"], values=q, unit="one"),
        }
        | inherited(array),
        masks={"absent": sc.array(dims=dims, values=np.isnan(mean))},
        name=array.name,
    )


def line_section(
    array: sc.DataArray,
    cell: ArrayLike,
    start: ArrayLike,
    end: ArrayLike,
    *,
    radius: float = 0.0,
    number: int | None = None,
) -> sc.DataArray:
    """Cut a line out of a map.

    Parameters
    ----------
    array:
        dims (h, k, l) or (u, v, w).
    cell:
        a, b, c, α, β, γ; dims (constant), Å and degrees.
    start, end:
        Ends, both included; dims (axis), r.l.u. or Å.
    radius:
        Points are means over the voxels of a disk of this radius across the line, as in
        :func:`plane_section`; 1/Å or Å. Neighbouring points may share voxels.
    number:
        Number of points; by default such that no voxel is jumped over.

    Returns
    -------
    :
        dims (point), with variances where the map has them; coordinates of the map's axes,
        ``distance`` from the start and ``length`` from the origin, 1/Å or Å; the mask
        ``absent``.

    Raises
    ------
    UserError
        If the array is no map, the ends are one point, or the line misses the map.
    """
    axes = MapAxes.of(array, cell)
    _check_thickness(axes, radius)
    first, last = np.asarray(start, dtype=np.float64), np.asarray(end, dtype=np.float64)
    asked = f"cut the line from {first.tolist()} to {last.tolist()}"
    if first.shape != (3,) or last.shape != (3,) or np.allclose(first, last):
        raise UserError(asked, "these are no two points", "Give two different triples.")
    along = last - first
    steps = int(np.ceil(np.abs(along / axes.step).max() - 1e-9))
    count = steps + 1 if number is None else max(number, 2)
    t = np.linspace(0.0, 1.0, count)
    on_line = first + t[:, None] * along
    points = on_line[:, None, :] + _disk(axes, along, radius)
    values, variances = flat_map(array, axes.dims)
    if not axes.place(points)[1].any():
        raise UserError(asked, "it misses the map", f"The map reaches {_reach(axes)}.")
    mean, spread = _averages(axes, values, variances, points)
    length = float(axes.length(along))
    coords = {
        name: sc.array(dims=["point"], values=on_line[:, i], unit=array.coords[name].unit)
        for i, name in enumerate(axes.dims)
    }
    coords["distance"] = sc.array(dims=["point"], values=t * length, unit=axes.unit)
    coords |= inherited(array)
    coords["length"] = sc.array(dims=["point"], values=axes.length(on_line), unit=axes.unit)
    return sc.DataArray(
        sc.array(
            dims=["point"],
            values=mean,
            variances=None if variances is None else spread,
            unit=array.unit,
        ),
        coords=coords,
        masks={"absent": sc.array(dims=["point"], values=np.isnan(mean))},
        name=array.name,
    )


def ends_of_line(
    array: sc.DataArray, cell: ArrayLike, direction: ArrayLike, origin: ArrayLike = (0, 0, 0)
) -> tuple[FloatArray, FloatArray]:
    """Where a line through a point enters and leaves a map; dims (axis), r.l.u. or Å, both.

    Raises
    ------
    UserError
        If the direction is none, or the line misses the map.
    """
    axes = MapAxes.of(array, cell)
    vector, point = (np.asarray(x, dtype=np.float64) for x in (direction, origin))
    asked = f"follow the direction {vector.tolist()} from {point.tolist()}"
    if vector.shape != (3,) or point.shape != (3,) or not np.any(vector):
        raise UserError(asked, "it is no direction", "Give a triple, as in [1, 1, 0].")
    moving = vector != 0
    low, high = axes.start - axes.step / 2, axes.stop + axes.step / 2
    bounds = np.sort(
        (np.stack([axes.start, axes.stop]) - point)[:, moving] / vector[moving], axis=0
    )
    t = float(bounds[0].max()), float(bounds[1].min())
    if t[0] > t[1] or np.any((point < low)[~moving] | (point > high)[~moving]):
        raise UserError(asked, "the line misses the map", f"The map reaches {_reach(axes)}.")
    return point + t[0] * vector, point + t[1] * vector


def _steps(axes: MapAxes, plane: PlaneSpec, number: int) -> FloatArray:
    """Multiples of one vector of a plane at which it is sampled; dims (p) or (q)."""
    vector = (plane.u, plane.v)[number]
    low, high = axes.start - axes.step / 2, axes.stop + axes.step / 2
    # the part of the plane inside the map is a polygon: its corners are where borders cross
    sides = np.concatenate([np.eye(3), np.eye(3)])
    bounds = np.concatenate([low, high])
    across = np.stack([sides @ plane.u, sides @ plane.v], axis=1)
    level = bounds - sides @ plane.origin
    corners = []
    for i, j in combinations(range(6), 2):
        both = across[[i, j]]
        if abs(np.linalg.det(both)) > 1e-12:
            corner = np.linalg.solve(both, level[[i, j]])
            point = plane.origin + corner[0] * plane.u + corner[1] * plane.v
            if np.all((point > low - 1e-9) & (point < high + 1e-9)):
                corners.append(corner[number])
    if not corners:
        raise UserError(
            f"cut the plane {plane.name}",
            "it misses the map",
            f"The map reaches {_reach(axes)}.",
        )
    moving = vector != 0
    step = float(np.min(axes.step[moving] / np.abs(vector[moving])))
    # samples lie on centres of voxels where the vector is an axis
    phase = 0.0
    if np.count_nonzero(moving) == 1:
        axis = int(np.flatnonzero(moving)[0])
        phase = float((axes.start[axis] - plane.origin[axis]) / vector[axis]) % step
    first = np.ceil((min(corners) - phase) / step - 1e-6)
    last = np.floor((max(corners) - phase) / step + 1e-6)
    numbers = np.arange(first, last + 1)
    inside = (numbers * step + phase > min(corners)) & (numbers * step + phase < max(corners))
    return np.asarray(numbers[inside] * step + phase)


def _layers(axes: MapAxes, extent: FloatArray) -> FloatArray:
    """Offsets that fill an extent along one vector, four a voxel; dims (layer, axis)."""
    number = max(4 * int(np.ceil(np.abs(extent / axes.step).max() - 1e-9)), 1)
    return ((np.arange(number) + 0.5) / number - 0.5)[:, None] * extent


def _disk(axes: MapAxes, along: FloatArray, radius: float) -> FloatArray:
    """Offsets that fill a disk across a direction; dims (offset, axis)."""
    if radius == 0:
        return np.zeros((1, 3))
    direction = along @ axes.basis
    direction /= np.linalg.norm(direction)
    start = np.eye(3)[int(np.argmin(np.abs(direction)))]
    first = np.cross(direction, start)
    first /= np.linalg.norm(first)
    second = np.cross(direction, first)
    inverse = np.linalg.inv(axes.basis)
    a, b = (_layers(axes, 2 * radius * (x @ inverse)) for x in (first, second))
    offsets = (a[:, None, :] + b[None, :, :]).reshape(-1, 3)
    return offsets[axes.length(offsets) <= radius]


def _averages(
    axes: MapAxes, values: FloatArray, variances: FloatArray | None, points: FloatArray
) -> tuple[FloatArray, FloatArray]:
    """Means over the last but one dim of points, and their variances; NaN where none is."""
    place, inside = axes.place(points)
    known = inside & ~np.isnan(values[place])
    number = known.sum(axis=-1)
    with np.errstate(invalid="ignore", divide="ignore"):
        mean = np.where(known, values[place], 0.0).sum(axis=-1) / number
    if variances is None:
        return np.where(number > 0, mean, np.nan), np.full_like(mean, np.nan)
    voxel = np.sort(np.where(known, place, -1), axis=-1)
    total = np.zeros(number.shape)
    run = np.ones(number.shape)
    # a voxel met m times has the weight m: its variance counts m², added up as it is met
    for layer in range(voxel.shape[-1]):
        here = voxel[..., layer]
        again = here == voxel[..., layer - 1] if layer else np.zeros(here.shape, np.bool_)
        run = np.where(again, run + 1, 1.0)
        total += np.where(here >= 0, (2 * run - 1) * variances[here], 0.0)
    with np.errstate(invalid="ignore", divide="ignore"):
        spread = total / number**2
    return np.where(number > 0, mean, np.nan), np.where(number > 0, spread, np.nan)


def _check_thickness(axes: MapAxes, value: float) -> None:
    sides = (axes.stop - axes.start + axes.step) * np.array(
        [[1, 1, 1], [1, 1, -1], [1, -1, 1], [-1, 1, 1]]
    )
    most = float(np.max(axes.length(sides)))
    if not 0 <= value <= most:
        raise UserError(
            "cut a map",
            f"the thickness or radius is {value:g}",
            f"Give 0 or a positive number up to {most:.3g}, the diagonal of the map.",
        )


def _reach(axes: MapAxes) -> str:
    ends = zip(axes.dims, axes.start, axes.stop, strict=True)
    return ", ".join(f"from {low:g} to {high:g} along {name}" for name, low, high in ends)
