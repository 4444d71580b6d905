"""Sums over the observations of a voxel in a batch."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from ewaldite.diffuse.merging.entries import Entries
from ewaldite.diffuse.merging.prepared import Prepared
from ewaldite.diffuse.observations import Observations
from ewaldite.kernels import deal as kernel
from ewaldite.kernels import quality

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
    voxels, observations:
        Number of voxels of all batches, and of observations. Voxels of batches are found by a
        hash table where there are fewer observations than places for them.
    angle:
        Rotation of observations.
    width:
        Width of a bin of rotation, degrees.
    seed:
        Of the half sets, not negative.
    """

    def __init__(
        self,
        batches: int,
        voxels: int,
        observations: int,
        *,
        angle: Angle,
        width: float,
        seed: int,
    ) -> None:
        self.batches = batches
        self._angle = angle
        self.width = width
        self._seed = seed
        size = batches * voxels
        self._places = kernel.no_places() if observations < size else None
        self._used = 0 if self._places else size
        self._number = np.zeros(0, np.int32)
        self._first = np.zeros(0, np.int32)
        self._q, self._signal = np.zeros(0), np.zeros(0)
        self._extend(self._used)
        #: First and last bin of rotation of each batch; dims (batch, 2).
        self.range = np.tile(np.array([[_NO_BIN, -_NO_BIN]], dtype=np.int64), (batches, 1))
        self._halves: tuple[RowArray, RowArray, FloatArray, FloatArray] | None = None

    def _extend(self, size: int) -> None:
        room = size - len(self._number)
        if room > 0:
            self._number = np.concatenate([self._number, np.zeros(room, np.int32)])
            self._first = np.concatenate([self._first, np.full(room, _NO_BIN, np.int32)])
            self._q = np.concatenate([self._q, np.zeros(room)])
            self._signal = np.concatenate([self._signal, np.zeros(room)])

    def bins(self, block: Prepared) -> RowArray:
        """Bin of rotation of each observation, counted from 0 degrees; dims (voxel), int32."""
        angle = self._angle(block.observations)
        return np.asarray(np.floor(angle / self.width + 1e-9), dtype=np.int32)

    def _keys(self, row: RowArray, block: Prepared) -> IntArray:
        return row.astype(np.int64) * self.batches + block.observations.sweep

    def _entry(self, keys: IntArray) -> IntArray:
        if self._places is None:
            return keys
        *_, entry = found = kernel.places(keys, *self._places, self._used)
        self._places, self._used = found[:3], int(found[3])
        self._extend(len(self._places[2]))
        return np.asarray(entry, dtype=np.int64)

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
        entry, bins = self._entry(self._keys(row, block)), self.bins(block)
        sweep = block.observations.sweep
        quality.add_entries(
            entry,
            weight * block.signal,
            weight * block.scaled_exposure,
            bins,
            self._number,
            self._q,
            self._signal,
            self._first,
        )
        np.minimum.at(self.range[:, 0], sweep, bins)
        np.maximum.at(self.range[:, 1], sweep, bins)

    def deal(self, row: RowArray, block: Prepared, weight: FloatArray) -> None:
        """Deal observations that were added into halves of their batch; see :meth:`add`."""
        if self._halves is None:
            n = self._used
            state = np.zeros(n, np.int32), np.zeros(n, np.int32)
            self._halves = (*state, np.zeros(n), np.zeros(n))
        seen, lead, top, bottom = self._halves
        keys = self._keys(row, block)
        entry = self._entry(keys)
        first = kernel.deal_number(entry, keys, self._seed, self._number, seen, lead)
        where = entry[first]
        np.add.at(top, where, (weight * block.signal)[first])
        np.add.at(bottom, where, (weight * block.scaled_exposure)[first])

    def entries(self) -> Entries:
        """All voxels of all batches, in the order of the voxels; the sums are given up."""
        if self._places is None:
            key = order = np.flatnonzero(self._number)
        else:
            order = np.argsort(self._places[2][: self._used])
            key = self._places[2][order]
            self._places = None
        q, signal = self._q[order], self._signal[order]
        first, second = np.full(len(q), np.nan), np.full(len(q), np.nan)
        if self._halves is not None:
            top, bottom = (column[order] for column in self._halves[2:])
            self._halves = None
            both = (bottom > 1e-9 * q) & (q - bottom > 1e-9 * q)
            np.divide(top, bottom, out=first, where=both)
            np.divide(signal - top, q - bottom, out=second, where=both)
        return Entries(
            row=(key // self.batches).astype(np.int32),
            batch=(key % self.batches).astype(np.int32),
            number=self._number[order],
            q=q,
            intensity=signal / q,
            halves=(first, second),
            first_bin=self._first[order],
        )
