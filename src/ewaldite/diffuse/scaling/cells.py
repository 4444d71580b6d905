"""Signal and exposure in stretches of the scans and shells of the length of s."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ewaldite.kernels.scaling_rows import cell_sums

FloatArray = NDArray[np.float64]
SingleArray = NDArray[np.float32]

#: Width of a shell in the length of s, 1/Å.
SHELL_WIDTH = 0.01
# Cells of the scan of one batch, at most, and frames in a cell, at least
_CELLS = 200
_FRAMES = 4.0


@dataclass(frozen=True)
class CellSums:
    """Sums over all observations, seen once or more often.

    Attributes
    ----------
    signal, exposure:
        Σ signal and Σ exposure; dims (batch, cell, shell), float64.
    low, per_cell:
        Where the cells of each batch begin, and cells per unit of iz; dims (batch).
    """

    signal: FloatArray
    exposure: FloatArray
    low: FloatArray
    per_cell: FloatArray

    @staticmethod
    def of(
        batch: NDArray[np.int16],
        iz: SingleArray,
        length: SingleArray,
        signal: SingleArray,
        exposure: SingleArray,
        limits: FloatArray,
    ) -> CellSums:
        """Sum observations.

        Parameters
        ----------
        batch, iz, length, signal, exposure:
            Columns of the observations; dims (observation).
        limits:
            Smallest and largest ix, iy, iz, length of each batch; dims (batch, 4, 2).

        Returns
        -------
        :
            The sums.
        """
        low, high = limits[:, 2].T
        span = high - low
        cells = np.clip(np.ceil(span / _FRAMES), 1, _CELLS)
        per_cell = np.divide(cells, span, out=np.zeros(len(span)), where=span > 0)
        shells = max(int(np.ceil(limits[:, 3, 1].max() / SHELL_WIDTH)), 1)
        sums = cell_sums(
            batch,
            iz,
            length,
            signal,
            exposure,
            low,
            per_cell,
            cells.astype(np.int64),
            SHELL_WIDTH,
            shells,
        )
        return CellSums(sums[0], sums[1], low, per_cell)
