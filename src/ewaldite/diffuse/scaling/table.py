"""Observations as scaling needs them: compact, and sorted by voxel."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, fields, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ewaldite.crystal.symmetry import SpaceGroup
from ewaldite.diffuse.merging.prepared import asu_keys
from ewaldite.diffuse.observations import Observations
from ewaldite.diffuse.scaling.cells import CellSums
from ewaldite.errors import UserError
from ewaldite.kernels.merge import rows_of
from ewaldite.kernels.scaling import Rows
from ewaldite.kernels.scaling_rows import batch_limits, batch_links, sort_rows

FloatArray = NDArray[np.float64]
SingleArray = NDArray[np.float32]
IntArray = NDArray[np.int64]

_COORDINATES = ("ix", "iy", "iz", "length")
_SUMMED = ("signal", "exposure")


@dataclass(frozen=True)
class ScalingTable:
    """Usable observations of voxels that were seen more than once.

    Some 40 bytes an observation. What is alone in its voxel says nothing about scales and is
    left out, though it counts for the limits.

    Attributes
    ----------
    start:
        First observation of each voxel, and one past the last; dims (voxel + 1), int64.
    key:
        Packed voxel of the asymmetric unit; dims (voxel), int64.
    row:
        Place in the table that it was taken from; dims (observation), int32.
    signal, exposure, dark:
        Counts less background; exposure, mrad² s; background plus its variance; dims
        (observation), float32.
    length, ix, iy, iz:
        Length of s, 1/Å, and positions; dims (observation), float32.
    panel, batch:
        dims (observation), int16; the batch as a place in ``batches``.
    batches:
        Numbers of the sweeps.
    limits:
        Smallest and largest ix, iy, iz, length of the usable observations of each batch; dims
        (batch, 4, 2), float64.
    cells:
        Sums over all usable observations, those alone in their voxel too.
    panels:
        Largest number of a panel, plus one.
    size, alone, unusable:
        Rows of the table that it was taken from, and of them those alone in their voxel, and
        those without exposure or masked.
    sigma:
        Standard deviations of the signal, where they are given and not predicted; dims
        (observation), float32.
    """

    start: IntArray
    key: IntArray
    row: NDArray[np.int32]
    signal: SingleArray
    exposure: SingleArray
    dark: SingleArray
    length: SingleArray
    ix: SingleArray
    iy: SingleArray
    iz: SingleArray
    panel: NDArray[np.int16]
    batch: NDArray[np.int16]
    batches: tuple[int, ...]
    limits: FloatArray
    cells: CellSums
    panels: int
    size: int
    alone: int = 0
    unusable: int = 0
    sigma: SingleArray | None = None

    def __len__(self) -> int:
        return len(self.signal)

    @property
    def voxels(self) -> int:
        """Number of voxels."""
        return len(self.key)

    @property
    def rows(self) -> Rows:
        """What the kernels need."""
        return Rows(self.start, self.signal, self.exposure, self.length)

    @property
    def most(self) -> int:
        """Largest number of observations in a voxel."""
        return int(np.diff(self.start).max(initial=1))

    def links(self) -> IntArray:
        """Voxels that two batches share; dims (batch, batch), int64."""
        return batch_links(self.start, self.batch, len(self.batches))

    def select(self, voxels: IntArray) -> ScalingTable:
        """The table of some voxels, given by their places in ascending order."""
        number = np.diff(self.start)[voxels]
        start = np.concatenate([[0], np.cumsum(number)])
        shift = np.repeat(self.start[voxels] - start[:-1], number)
        at = np.arange(start[-1]) + shift
        changed = {
            f.name: getattr(self, f.name)[at]
            for f in fields(self)
            if isinstance(getattr(self, f.name), np.ndarray)
            and f.name not in ("start", "key", "limits")
        }
        return replace(self, start=start, key=self.key[voxels], **changed)

    @staticmethod
    def of(
        blocks: Observations | Iterable[Observations],
        group: SpaceGroup,
        *,
        friedel: bool = True,
    ) -> ScalingTable:
        """Take observations, as one table or block by block.

        Parameters
        ----------
        blocks:
            The table, or its parts in order; masked rows and rows without exposure are left
            out.
        group:
            Space group of the crystal.
        friedel:
            Whether Friedel mates are equivalent.

        Returns
        -------
        :
            The table.

        Raises
        ------
        UserError
            There is no usable observation, or the Laue group does not map the grid onto itself.
        """
        parts = [blocks] if isinstance(blocks, Observations) else blocks
        columns: dict[str, list[NDArray[Any]]] = {}
        size = 0
        for part in parts:
            for name, values in _compact(part, group, friedel).items():
                columns.setdefault(name, []).append(values)
            columns["row"][-1] += np.int32(size)
            size += len(part)
        if not columns or not sum(len(x) for x in columns["row"]):
            raise UserError(
                "scale observations",
                "there is no usable observation" if size else "there are none",
                "See the masks of observations.nxs, and what integration and filter left.",
            )
        return _sorted(columns, size)


def _compact(o: Observations, group: SpaceGroup, friedel: bool) -> dict[str, NDArray[Any]]:
    """Usable rows in narrow columns, with packed voxels."""
    good = o.usable & np.isfinite(o.counts) & np.isfinite(o.ix + o.iy + o.iz)
    rows = np.flatnonzero(good)
    if rows.size < len(o):
        o = o.select(rows)
    single = np.float32
    return {
        "key": asu_keys(o, group, friedel)[0],
        "row": rows.astype(np.int32),
        "signal": (o.counts - o.background).astype(single),
        "exposure": o.exposure.astype(single),
        "dark": (o.background + o.background_variance).astype(single),
        "length": o.length_of_s.astype(single),
        "ix": o.ix.astype(single),
        "iy": o.iy.astype(single),
        "iz": o.iz.astype(single),
        "panel": o.panel.astype(np.int16),
        "batch": o.sweep.astype(np.int16),
    }


def _sorted(columns: dict[str, list[NDArray[Any]]], size: int) -> ScalingTable:
    """Sort columns by voxel; each is given up as soon as it is sorted."""
    key, voxel = rows_of(_joined(columns, "key"))
    start, kept, order = sort_rows(voxel, len(key))
    usable = len(voxel)
    del voxel
    sweep = _joined(columns, "batch")
    batches = np.flatnonzero(np.bincount(sweep))
    batch = np.searchsorted(batches, np.arange(batches[-1] + 1)).astype(np.int16)[sweep]
    single = {name: _joined(columns, name) for name in (*_COORDINATES, *_SUMMED)}
    found = [batch_limits(batch, single[name], len(batches)) for name in _COORDINATES]
    limits = np.stack(found, axis=1)
    cells = CellSums.of(
        batch, single["iz"], single["length"], single["signal"], single["exposure"], limits
    )
    panels = max(int(p.max(initial=0)) for p in columns["panel"]) + 1
    out = {"batch": batch[order]}
    del batch, sweep
    for name in list(single):
        out[name] = single.pop(name)[order]
    for name in list(columns):
        out[name] = _joined(columns, name)[order]
    return ScalingTable(
        start=start,
        key=key[kept],
        batches=tuple(int(b) for b in batches),
        limits=limits,
        cells=cells,
        panels=panels,
        size=size,
        alone=usable - len(order),
        unusable=size - usable,
        **out,
    )


def _joined(columns: dict[str, list[NDArray[Any]]], name: str) -> NDArray[Any]:
    """Take a column out and join its parts."""
    return np.concatenate(columns.pop(name))
