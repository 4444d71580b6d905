"""The axes of a map: where its voxels lie in space."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import scipp as sc
from numpy.typing import ArrayLike, NDArray

from ewaldite.crystal.cell import orthogonalization
from ewaldite.errors import UserError

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]

RECIPROCAL = ("h", "k", "l")
REAL = ("u", "v", "w")


@dataclass(frozen=True)
class MapAxes:
    """Even axes of a map and the vectors that they run along.

    Attributes
    ----------
    dims:
        ``("h", "k", "l")`` of reciprocal or ``("u", "v", "w")`` of real space.
    start:
        Centre of the first voxel; dims (axis), r.l.u. or Å, float64.
    step:
        Distance of centres; dims (axis), r.l.u. or Å, float64.
    count:
        Number of voxels; dims (axis), int64.
    basis:
        Vectors of one unit along each axis as rows; dims (axis, xyz), 1/Å or Å, float64:
        a*, b*, c* in reciprocal space, a/|a|, b/|b|, c/|c| in real space.
    """

    dims: tuple[str, str, str]
    start: FloatArray
    step: FloatArray
    count: IntArray
    basis: FloatArray

    @classmethod
    def of(cls, array: sc.DataArray, cell: ArrayLike) -> MapAxes:
        """Axes of a map.

        Parameters
        ----------
        array:
            dims (h, k, l) or (u, v, w) in any order, with the voxels' centres as coordinates
            in r.l.u. or Å.
        cell:
            a, b, c, α, β, γ; dims (constant), Å and degrees.

        Raises
        ------
        UserError
            If it is no map, or its axes are not even.
        """
        dims = next((d for d in (RECIPROCAL, REAL) if set(array.dims) == set(d)), None)
        if dims is None or not set(dims) <= set(array.coords.keys()):
            raise UserError(
                "read the axes of a map",
                f"the data have the dims {array.dims}",
                "Give a map with the dims and coordinates h, k, l, or u, v, w.",
            )
        pairs = [_start_and_step(array, name) for name in dims]
        return cls(
            dims=(dims[0], dims[1], dims[2]),
            start=np.array([start for start, _ in pairs]),
            step=np.array([step for _, step in pairs]),
            count=np.array([array.sizes[name] for name in dims], dtype=np.int64),
            basis=basis_of(dims, cell),
        )

    @property
    def unit(self) -> str:
        """Unit of lengths, ``"1/angstrom"`` or ``"angstrom"``."""
        return "1/angstrom" if self.dims == RECIPROCAL else "angstrom"

    @property
    def stop(self) -> FloatArray:
        """Centre of the last voxel; dims (axis), float64."""
        return np.asarray(self.start + (self.count - 1) * self.step)

    def place(self, points: FloatArray) -> tuple[IntArray, NDArray[np.bool_]]:
        """Voxels that hold points; a point on a border belongs to the lower one.

        Parameters
        ----------
        points:
            dims (..., 3), in the units of the axes.

        Returns
        -------
        :
            Position in the map, flat in the order of the axes and 0 where outside, dims (...),
            int64; whether the point lies inside, dims (...), bool.
        """
        # what rounding adds to a border must not carry it over
        steps = np.ceil((points - self.start) / self.step - 0.5 - 1e-9).astype(np.int64)
        inside = np.all((steps >= 0) & (steps < self.count), axis=-1)
        flat = (steps[..., 0] * self.count[1] + steps[..., 1]) * self.count[2] + steps[..., 2]
        return np.where(inside, flat, 0), inside

    def length(self, points: FloatArray) -> FloatArray:
        """Distance from the origin; dims (...), 1/Å or Å."""
        return np.asarray(np.linalg.norm(points @ self.basis, axis=-1))


def basis_of(dims: tuple[str, ...], cell: ArrayLike) -> FloatArray:
    """Vectors of one unit along the axes of a map as rows; see :class:`MapAxes`."""
    axes = orthogonalization(cell)
    if dims == RECIPROCAL:
        return np.asarray(np.linalg.inv(axes))
    return np.asarray((axes / np.linalg.norm(axes, axis=0)).T)


def flat_map(
    array: sc.DataArray, dims: tuple[str, str, str]
) -> tuple[FloatArray, FloatArray | None]:
    """Values and variances of a map, flat in the order of its axes; NaN where it is masked.

    Parameters
    ----------
    array:
        A map with any masks.
    dims:
        The order of its axes.
    """
    ordered = array.transpose(dims)
    values = np.asarray(ordered.values, dtype=np.float64).reshape(-1)
    for mask in ordered.masks.values():
        hidden = mask.broadcast(sizes=ordered.sizes).transpose(dims).values
        values = np.where(hidden.reshape(-1), np.nan, values)
    if ordered.variances is None:
        return values, None
    return values, np.asarray(ordered.variances, dtype=np.float64).reshape(-1)


def _start_and_step(array: sc.DataArray, name: str) -> tuple[float, float]:
    centre = np.asarray(array.coords[name].values, dtype=np.float64)
    if centre.size == array.sizes[name] + 1:
        centre = (centre[1:] + centre[:-1]) / 2
    if centre.size == 1:
        cut = array.coords.get(f"n_{name}")
        return float(centre[0]), 1.0 if cut is None else 1.0 / float(cut.value)
    step = float(centre[-1] - centre[0]) / (centre.size - 1)
    even = np.allclose(np.diff(centre), step, rtol=1e-6, atol=0.0)
    if not even or step <= 0:
        raise UserError(
            "read the axes of a map",
            f"the centres along {name} are not evenly spaced upwards",
            "Resample it to even axes first.",
        )
    return float(centre[0]), step
