"""Sums over the observations of a voxel in a batch."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from ewaldite.diffuse.merging.entries import Entries
from ewaldite.diffuse.merging.prepared import Prepared
from ewaldite.diffuse.observations import Observations
from ewaldite.kernels import deal as kernel

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]
RowArray = NDArray[np.int32]

#: Position in the rotation of observations, degrees; dims (voxel).
Angle = Callable[[Observations], FloatArray]

_NO_BIN = np.iinfo(np.int32).max


class BatchSums:
    """Sums over the observations of every voxel in every batch.

    A first pass adds, a second one deals the observations of each batch into halves of its own.

    Parameters
    ----------
    batches:
        Their number; the column ``sweep`` of observations says which.
    angle:
        Rotation of observations.
    width:
        Width of a bin of rotation, degrees.
    seed:
        Of the half sets, not negative.
    """

    def __init__(self, batches: int, angle: Angle, width: float, seed: int) -> None:
        self.batches = batches
        self._angle = angle
        self.width = width
        self._seed = seed
        self._columns = kernel.empty_survey()
        self._used = 0
        self._signal = np.zeros(0)
        self._first = np.zeros(0, np.int32)
        #: First and last bin of rotation of each batch; dims (batch, 2).
        self.range = np.tile(np.array([[_NO_BIN, -_NO_BIN]], dtype=np.int64), (batches, 1))
        self._halves: tuple[RowArray, RowArray, FloatArray] | None = None

    def bins(self, block: Prepared) -> RowArray:
        """Bin of rotation of each observation, counted from 0 degrees; dims (voxel), int32."""
        angle = self._angle(block.observations)
        return np.asarray(np.floor(angle / self.width + 1e-9), dtype=np.int32)

    def add(self, row: RowArray, block: Prepared, weight: FloatArray) -> None:
        """Add observations.

        Parameters
        ----------
        row:
            Their voxels; dims (voxel), int32.
        block:
            The observations.
        weight:
            w of the merge; dims (voxel), float64.
        """
        o = block.observations
        q = weight * block.scaled_exposure
        entry, used = self._survey(row, o.sweep, q)
        if used > len(self._signal):
            size = max(used, 2 * len(self._signal))
            self._signal = np.concatenate([self._signal, np.zeros(size - len(self._signal))])
            late = np.full(size - len(self._first), _NO_BIN, np.int32)
            self._first = np.concatenate([self._first, late])
        signal = o.counts - o.background - block.scaled_exposure * block.offset
        np.add.at(self._signal, entry, weight * signal)
        bins = self.bins(block)
        np.minimum.at(self._first, entry, bins)
        np.minimum.at(self.range[:, 0], o.sweep, bins)
        np.maximum.at(self.range[:, 1], o.sweep, bins)

    def _survey(self, row: RowArray, sweep: RowArray, q: FloatArray) -> tuple[RowArray, int]:
        keys = row.astype(np.int64) * self.batches + sweep
        found = kernel.survey(keys, q, *self._columns, self._used, 1)
        self._columns, self._used = found[:5], int(found[5])
        return found[6], self._used

    def deal(self, row: RowArray, block: Prepared, weight: FloatArray) -> None:
        """Deal observations that were added into halves of their batch; see :meth:`add`."""
        n = self._used
        slots_key, slots_row, unique, number, _ = self._columns
        if self._halves is None:
            self._halves = (np.zeros(n, np.int32), np.zeros(n, np.int32), np.zeros((n, 2)))
        seen, lead, half = self._halves
        o = block.observations
        keys = row.astype(np.int64) * self.batches + o.sweep
        entry = kernel.rows_at(keys, slots_key, slots_row)
        first = kernel.deal_number(entry, self._seed, unique, number, seen, lead)
        signal = o.counts - o.background - block.scaled_exposure * block.offset
        where = entry[first]
        np.add.at(half[:, 0], where, (weight * signal)[first])
        np.add.at(half[:, 1], where, (weight * block.scaled_exposure)[first])

    def entries(self) -> Entries:
        """All voxels of all batches, in the order of the voxels."""
        _, _, unique, number, total = self._columns
        order = np.argsort(unique[: self._used])
        key, q = unique[: self._used][order], total[: self._used][order]
        signal = self._signal[: self._used][order]
        first, second = np.full(len(q), np.nan), np.full(len(q), np.nan)
        if self._halves is not None:
            top, bottom = self._halves[2][order].T
            both = (bottom > 1e-9 * q) & (q - bottom > 1e-9 * q)
            np.divide(top, bottom, out=first, where=both)
            np.divide(signal - top, q - bottom, out=second, where=both)
        return Entries(
            row=(key // self.batches).astype(np.int32),
            batch=(key % self.batches).astype(np.int32),
            number=number[: self._used][order],
            q=q,
            intensity=signal / q,
            halves=(first, second),
            first_bin=self._first[: self._used][order],
        )
