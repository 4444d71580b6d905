"""Pixels of an SQW file, in the order of the image's bins, in bounded memory.

They come in any order and are more than memory holds. How many lie in each bin is known
beforehand, so the file is cut into regions of whole bins; pixels go to the region of their bin
as they come, and in the end one region after the other is sorted in memory.
"""

from __future__ import annotations

from typing import BinaryIO

import numpy as np
from numpy.typing import NDArray

from ewaldite.kernels.spectra import PIXEL_COLUMNS, image_bins

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]

#: Pixels of a region, unless one bin has more: 36 MB.
REGION = 1_000_000
SIGNAL, VARIANCE = 7, 8
BYTES = 4 * PIXEL_COLUMNS


class ImageGrid:
    """Bins of the image of an SQW file.

    Parameters
    ----------
    low, high:
        Limits; dims (axis), 1/Å and meV.
    number:
        Bins; dims (axis).
    """

    def __init__(self, low: FloatArray, high: FloatArray, number: IntArray) -> None:
        self.low, self.high = np.asarray(low, np.float64), np.asarray(high, np.float64)
        self.number = np.asarray(number, np.int64)
        self._inverse = self.number / (self.high - self.low)

    @property
    def size(self) -> int:
        """Number of bins."""
        return int(np.prod(self.number))

    def bins(self, table: NDArray[np.float32]) -> IntArray:
        """Bin of each pixel, the first axis running fastest; dims (pixel), int64."""
        return np.asarray(image_bins(table, self.low, self._inverse, self.number))


class SortedPixels:
    """Writes pixels so that those of a bin end up together.

    Parameters
    ----------
    file:
        Open for reading and writing.
    position:
        Of the first pixel, bytes.
    grid:
        Of the image.
    counts:
        Pixels of each bin; dims (bin), int64.
    region:
        Pixels to sort at once.
    """

    def __init__(
        self,
        file: BinaryIO,
        position: int,
        grid: ImageGrid,
        counts: IntArray,
        region: int = REGION,
    ) -> None:
        self._file, self._position, self._grid = file, position, grid
        self.counts = np.asarray(counts, np.int64)
        before = np.concatenate([[0], np.cumsum(self.counts)])
        first = [0]
        while before[-1] - before[first[-1]] > region:
            stop = int(np.searchsorted(before, before[first[-1]] + region, side="right")) - 1
            # a bin with more than a region holds is one
            first.append(max(stop, first[-1] + 1))
        self._first = np.array(first)
        self._start = before[self._first]
        self._stop = np.append(self._start[1:], before[-1])
        self._next = self._start.copy()
        self.signal = np.zeros(grid.size)
        self.variance = np.zeros(grid.size)
        self.limits = np.tile([np.inf, -np.inf], (PIXEL_COLUMNS, 1))

    def add(self, table: NDArray[np.float32]) -> None:
        """Add pixels; dims (pixel, column)."""
        if not table.size:
            return
        bins = self._grid.bins(table)
        size = self._grid.size
        self.signal += np.bincount(bins, table[:, SIGNAL], size)
        self.variance += np.bincount(bins, table[:, VARIANCE], size)
        self.limits[:, 0] = np.minimum(self.limits[:, 0], table.min(axis=0))
        self.limits[:, 1] = np.maximum(self.limits[:, 1], table.max(axis=0))
        region = np.searchsorted(self._first, bins, side="right") - 1
        order = np.argsort(region, kind="stable")
        ends = np.searchsorted(region[order], np.arange(self._first.size + 1))
        for r in np.flatnonzero(np.diff(ends)):
            self._write(self._next[r], table[order[ends[r] : ends[r + 1]]])
            self._next[r] += ends[r + 1] - ends[r]

    def finish(self) -> None:
        """Sort every region.

        Raises
        ------
        ValueError
            If there were other pixels than announced.
        """
        if not np.array_equal(self._next, self._stop):
            raise ValueError("the pixels are not those that were counted")
        for start, stop in zip(self._start.tolist(), self._stop.tolist(), strict=True):
            self._file.seek(self._position + start * BYTES)
            raw = self._file.read((stop - start) * BYTES)
            table = np.frombuffer(raw, "<f4").reshape(-1, PIXEL_COLUMNS)
            self._write(start, table[np.argsort(self._grid.bins(table), kind="stable")])

    def _write(self, pixel: int, table: NDArray[np.float32]) -> None:
        self._file.seek(self._position + int(pixel) * BYTES)
        self._file.write(np.ascontiguousarray(table, "<f4").tobytes())

    def means(self) -> tuple[FloatArray, FloatArray]:
        """Mean signal of the bins and its variance; dims (bin), 0 where there is no pixel."""
        n = np.maximum(self.counts, 1)
        return self.signal / n, self.variance / n**2
