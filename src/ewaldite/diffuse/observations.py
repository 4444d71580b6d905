"""The table of observations: one row for each voxel in each wedge."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, fields, replace
from functools import cached_property
from typing import Any

import numpy as np
import scipp as sc
from numpy.typing import NDArray

from ewaldite.errors import UserError
from ewaldite.model.grid import Grid

FloatArray = NDArray[np.float64]
BoolArray = NDArray[np.bool_]

#: Unit of intensity, of an observation as of a merged voxel.
INTENSITY_UNIT = "counts/mrad**2/s"

_UNITS = {
    "counts": "counts",
    "pixels": "one",
    "exposure": "mrad**2*s",
    "background": "counts",
    "background_variance": "counts**2",
    "fraction": "one",
    "ix": "one",
    "iy": "one",
    "iz": "one",
    "panel": "dimensionless",
    "wedge": "dimensionless",
    "sweep": "dimensionless",
}


def grid_coords(grid: Grid, index: NDArray[np.int64]) -> dict[str, sc.Variable]:
    """Coordinates that say which voxels a table holds.

    Parameters
    ----------
    grid:
        The voxels.
    index:
        dims (voxel, 3), int64.

    Returns
    -------
    :
        ``h``, ``k``, ``l`` (dims voxel, float64) and the scalars ``n_h``, ``n_k``, ``n_l``,
        ``grid_mode`` from which :func:`grid_of` makes the grid again.
    """
    centre = grid.centre(index)
    coords = {
        name: sc.array(dims=["voxel"], values=centre[:, i], unit="one")
        for i, name in enumerate("hkl")
    }
    coords |= {f"n_{x}": sc.scalar(n, unit=None) for x, n in zip("hkl", grid.n, strict=True)}
    coords["grid_mode"] = sc.scalar(grid.mode)
    return coords


def grid_of(table: sc.DataArray) -> Grid:
    """Grid of a table that carries the coordinates of :func:`grid_coords`."""
    nh, nk, nl = (int(table.coords[f"n_{x}"].value) for x in "hkl")
    return Grid((nh, nk, nl), table.coords["grid_mode"].value)


def index_of(table: sc.DataArray) -> NDArray[np.int64]:
    """Voxel indices of a table that carries the coordinates of :func:`grid_coords`."""
    centre = np.stack([table.coords[x].values for x in "hkl"], axis=-1)
    return grid_of(table).index(centre)


@dataclass(frozen=True)
class Observations:
    """What was counted, unmerged.

    Every array has the dim voxel; expected counts are ``intensity · exposure + background``.

    Attributes
    ----------
    grid:
        The voxels.
    index:
        Voxel indices; dims (voxel, 3), int64.
    counts:
        Photons counted; float64.
    pixels:
        Number of (pixel, frame) pairs; float64.
    exposure:
        Sum over the pairs of solid angle, corrections and time; mrad² s, float64.
    background:
        Background counts expected in the observation; float64.
    background_variance:
        Variance of ``background``; float64.
    fraction:
        Swept part of the voxel; float64.
    s:
        Mean scattering vector in the laboratory; dims (voxel, 3), 1/Å, float64.
    ix, iy, iz:
        Mean fast and slow pixel (0-based, integer centres) and position in the scan; float64.
    panel, wedge, sweep:
        Where it was seen; int32.
    masks:
        Named reasons to leave rows out; bool.
    """

    grid: Grid
    index: NDArray[np.int64]
    counts: FloatArray
    pixels: FloatArray
    exposure: FloatArray
    background: FloatArray
    background_variance: FloatArray
    fraction: FloatArray
    s: FloatArray
    ix: FloatArray
    iy: FloatArray
    iz: FloatArray
    panel: NDArray[np.int32]
    wedge: NDArray[np.int32]
    sweep: NDArray[np.int32]
    masks: dict[str, BoolArray] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.counts)

    @cached_property
    def length_of_s(self) -> FloatArray:
        """Length of the mean scattering vector; dims (voxel), 1/Å."""
        return np.asarray(np.sqrt(np.einsum("ij,ij->i", self.s, self.s)))

    @property
    def usable(self) -> BoolArray:
        """Rows with exposure that no mask excludes; dims (voxel), bool."""
        good = (self.exposure > 0) & np.isfinite(self.exposure)
        for mask in self.masks.values():
            good &= ~mask
        return good

    @property
    def intensity(self) -> FloatArray:
        """``(counts - background) / exposure``, NaN without exposure; dims (voxel)."""
        return _per(self.counts - self.background, self.exposure)

    @property
    def variance(self) -> FloatArray:
        """``(counts + background variance) / exposure²``; dims (voxel)."""
        return _per(self.counts + self.background_variance, self.exposure**2)

    def select(self, rows: BoolArray | NDArray[np.integer[Any]] | slice) -> Observations:
        """Return the table of some rows, given as numpy takes them."""
        arrays = {
            f.name: getattr(self, f.name)[rows]
            for f in fields(self)
            if f.name not in ("grid", "masks")
        }
        masks = {name: mask[rows] for name, mask in self.masks.items()}
        return Observations(grid=self.grid, masks=masks, **arrays)

    def with_mask(self, name: str, mask: BoolArray) -> Observations:
        """Return the same rows with one mask more, or joined with the one of that name."""
        old = self.masks.get(name)
        return replace(self, masks={**self.masks, name: mask if old is None else old | mask})

    @staticmethod
    def concat(tables: Sequence[Observations]) -> Observations:
        """Join tables of one grid, in order.

        A mask that a table lacks excludes none of its rows.

        Raises
        ------
        UserError
            There is no table, or their grids differ.
        """
        if len({t.grid for t in tables}) != 1:
            raise UserError(
                "join tables of observations",
                "there is none" if not tables else "they are on different grids",
                "Give tables that were made with one subdivide.",
            )
        arrays = {
            f.name: np.concatenate([getattr(t, f.name) for t in tables])
            for f in fields(Observations)
            if f.name not in ("grid", "masks")
        }
        names = dict.fromkeys(name for t in tables for name in t.masks)
        masks = {
            name: np.concatenate(
                [t.masks.get(name, np.zeros(len(t), np.bool_)) for t in tables]
            )
            for name in names
        }
        return Observations(grid=tables[0].grid, masks=masks, **arrays)

    def to_scipp(self) -> sc.DataArray:
        """Return the table as scipp sees it.

        Returns
        -------
        :
            dims (voxel); data ``intensity`` with variances, counts/mrad²/s; coordinates
            ``h``, ``k``, ``l`` (float), ``sx``, ``sy``, ``sz`` (1/Å), those of
            :func:`grid_coords`, and the fields under their names; the masks.
        """
        coords = grid_coords(self.grid, self.index)
        for i, name in enumerate(("sx", "sy", "sz")):
            coords[name] = sc.array(dims=["voxel"], values=self.s[:, i], unit="1/angstrom")
        for name, unit in _UNITS.items():
            coords[name] = sc.array(dims=["voxel"], values=getattr(self, name), unit=unit)
        return sc.DataArray(
            sc.array(
                dims=["voxel"],
                values=self.intensity,
                variances=self.variance,
                unit=INTENSITY_UNIT,
            ),
            coords=coords,
            masks={k: sc.array(dims=["voxel"], values=m) for k, m in self.masks.items()},
            name="intensity",
        )

    @staticmethod
    def from_scipp(table: sc.DataArray) -> Observations:
        """Invert :meth:`to_scipp`.

        Raises
        ------
        UserError
            A column is missing.
        """
        needed = [*_UNITS, "sx", "sy", "sz", "h", "k", "l", "n_h", "n_k", "n_l", "grid_mode"]
        missing = [name for name in needed if name not in table.coords]
        if missing:
            raise UserError(
                "read a table of observations",
                f"it has no coordinate {', '.join(missing)}",
                "Give the unmerged table, as in observations.nxs.",
            )
        columns = {
            name: table.coords[name].to(unit=unit, copy=False).values
            for name, unit in _UNITS.items()
        }
        s = [
            table.coords[x].to(unit="1/angstrom", copy=False).values for x in ("sx", "sy", "sz")
        ]
        return Observations(
            grid=grid_of(table),
            index=index_of(table),
            s=np.stack(s, axis=-1),
            masks={name: mask.values for name, mask in table.masks.items()},
            **columns,
        )


def _per(value: FloatArray, divisor: FloatArray) -> FloatArray:
    out = np.full(len(value), np.nan)
    np.divide(value, divisor, out=out, where=divisor > 0)
    return out
