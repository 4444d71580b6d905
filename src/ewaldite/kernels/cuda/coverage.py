"""The coverage of a cut on a GPU: sums and variances of :mod:`ewaldite.kernels.coverage`.

Pixels (or readings of the monitor) are taken some at a time. Each has a grid of its own in the
memory of the GPU, to which all of its cells add, a thread for each view; then a thread for each
bin adds these grids to the sums, and squares them for the variances, one after the other.
"""

from __future__ import annotations

import numpy as np
from numba import cuda
from numpy.typing import NDArray

from ewaldite.kernels.coverage import AMOUNTS, Record
from ewaldite.kernels.cuda.coverage_threads import (
    ROWS,
    cells_of_pixels,
    cells_of_readings,
    close,
)
from ewaldite.kernels.cut_tables import BinTable, FluxTable, PixelTable, ViewTable

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]

_BYTES = 4_000_000_000  # of all grids at once, and at most half of what is free
_AT_ONCE = 4096
_THREADS = 128
_MEMBERS = 65_535  # blocks along the second dimension of a launch


def by_pixel(
    chosen: IntArray,
    pixel: PixelTable,
    flux: FluxTable,
    views: ViewTable,
    grid: BinTable,
    k2: float,
    bins: FloatArray,
    record: Record,
) -> int:
    """Sum cells pixel by pixel; as :func:`ewaldite.kernels.coverage.by_pixel`.

    Parameters
    ----------
    chosen, pixel, flux, views, grid, k2, bins, record:
        The same, in the memory of the host. Terms are recorded in any order.

    Returns
    -------
    :
        How many terms there were, also beyond the room.

    Raises
    ------
    ValueError
        For a cut of more than :data:`~ewaldite.kernels.cuda.coverage_threads.ROWS` rows.
    """
    work = _Work(grid, bins, record, int(chosen.size))
    tables = [_on_device(table) for table in (pixel, flux, views, grid)]
    for at in range(0, chosen.size, work.at_once):
        names = cuda.to_device(chosen[at : at + work.at_once])
        variance = cuda.to_device(pixel.table[chosen[at : at + work.at_once], 2])
        shape = _blocks(views.step.size, names.size)
        cells_of_pixels[shape, (_THREADS, 1)](names, *tables, k2, work.sums)
        work.close(names, variance, with_sums=True)
    return work.finish(bins, record)


def by_interval(
    members: IntArray,
    bounds: IntArray,
    first: int,
    last: int,
    relative: FloatArray,
    pixel: PixelTable,
    flux: FluxTable,
    views: ViewTable,
    grid: BinTable,
    k2: float,
    squares: FloatArray,
    record: Record,
) -> int:
    """Variances from the monitor, as :mod:`ewaldite.kernels.coverage_readings` sums them.

    Parameters
    ----------
    members, bounds, first, last, relative, pixel, flux, views, grid, k2, squares, record:
        The same, in the memory of the host. Terms are recorded in any order.

    Returns
    -------
    :
        How many terms there were, also beyond the room.

    Raises
    ------
    ValueError
        For a cut of more than :data:`~ewaldite.kernels.cuda.coverage_threads.ROWS` rows.
    """
    work = _Work(grid, squares, record, last - first)
    tables = [_on_device(table) for table in (pixel, flux, views, grid)]
    for g in range(first, last, work.at_once):
        groups = np.arange(g, min(g + work.at_once, last))
        begin, end = int(bounds[g]), int(bounds[groups[-1] + 1])
        slots = np.repeat(groups - g, np.diff(bounds[g : groups[-1] + 2]))
        for at in range(begin, end, _MEMBERS):
            some = cuda.to_device(np.ascontiguousarray(members[at : min(at + _MEMBERS, end)]))
            theirs = cuda.to_device(slots[at - begin : at - begin + _MEMBERS])
            shape = _blocks(pixel.table.shape[0], some.shape[0])
            cells_of_readings[shape, (_THREADS, 1)](some, theirs, *tables, k2, work.sums)
        names, variance = cuda.to_device(groups), cuda.to_device(relative[groups])
        work.close(names, variance, with_sums=False)
    return work.finish(squares, record)


class _Work:
    """Grids, sums and terms in the memory of the GPU."""

    def __init__(self, grid: BinTable, bins: FloatArray, record: Record, most: int) -> None:
        if grid.number.size > ROWS:
            raise ValueError(f"a cut of {grid.number.size} rows; a GPU takes {ROWS} at most")
        room = min(_BYTES, cuda.current_context().get_memory_info()[0] // 2)
        fit = room // (bins.shape[0] * AMOUNTS * 8)
        self.at_once = int(max(min(fit, _AT_ONCE, most), 1))
        self.sums = cuda.to_device(np.zeros((self.at_once, bins.shape[0], AMOUNTS)))
        self._bins = cuda.to_device(bins)
        self._record = tuple(cuda.to_device(part) for part in record)
        self._terms = cuda.to_device(np.zeros(1, np.int64))

    def close(self, names: IntArray, variance: FloatArray, *, with_sums: bool) -> None:
        """Add what the grids hold, and empty them."""
        blocks = -(-self._bins.shape[0] // _THREADS)
        close[blocks, _THREADS](
            self.sums, names, variance, with_sums, self._bins, self._record, self._terms
        )

    def finish(self, bins: FloatArray, record: Record) -> int:
        """Bring sums and terms home; how many terms there were."""
        self._bins.copy_to_host(bins)
        for here, there in zip(record, self._record, strict=True):
            there.copy_to_host(here)
        return int(self._terms.copy_to_host()[0])


def _on_device(table: tuple[NDArray[np.generic], ...]) -> tuple[NDArray[np.generic], ...]:
    return type(table)(*(cuda.to_device(np.ascontiguousarray(column)) for column in table))


def _blocks(x: int, y: int) -> tuple[int, int]:
    return -(-x // _THREADS), y
