"""What kernels know of a cut: its bins, how steps of the rotation see them, and the flux."""

from __future__ import annotations

from typing import NamedTuple

import numba
import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]

#: Guide cells for each interval of incident wavenumber.
GUIDES = 4


class PixelTable(NamedTuple):
    """Pixels.

    Attributes
    ----------
    k_f:
        Final wavevectors at tank angle 0; dims (pixel, xyz), 1/Å.
    table:
        E_f (meV), weight N_b k_f (not positive: the pixel takes no part), relative variance of
        the weight that no other pixel shares; dims (pixel, 3).
    inverse:
        One over the weight, 0 where the pixel takes no part; dims (pixel).
    """

    k_f: FloatArray
    table: FloatArray
    inverse: FloatArray


class FluxTable(NamedTuple):
    """Flux, step by step of the rotation.

    Attributes
    ----------
    edges:
        Edges of the intervals, ascending, of all runs one after the other; dims (edge), 1/Å.
    edge_of, count_of, cells:
        First edge, first count and number of intervals of a step; dims (step), int64.
    counts:
        Monitor counts, negative where the interval takes no part; dims (step · interval).
    usable:
        Whether there are enough to divide by; dims (step · interval).
    per_count:
        ΔE_i over counts, 0 where these are not usable, negative where the interval takes no
        part; dims (step · interval), meV.
    blocked, block_of:
        Cells that are masked, a bit a cell, the lowest first, each pixel of a step in bytes of
        its own, and the byte where a step begins (negative: none of its cells is masked); dims
        (byte), uint8, and (step), int64.
    guide:
        Interval at the lower end of each of :data:`GUIDES` equal parts to an interval; begins
        at ``GUIDES`` times the first edge of a step; dims (guide), int64.
    guides:
        Of these parts to 1/Å; dims (step).
    """

    edges: FloatArray
    edge_of: IntArray
    count_of: IntArray
    cells: IntArray
    counts: FloatArray
    usable: NDArray[np.bool_]
    per_count: FloatArray
    blocked: NDArray[np.uint8]
    block_of: IntArray
    guide: IntArray
    guides: FloatArray


class ViewTable(NamedTuple):
    """Rows of a cut as functions of k_i and k_f, for every step and symmetry operation.

    Attributes
    ----------
    first:
        First view of a step; dims (step + 1), int64.
    step:
        Step of a view; dims (view), int64.
    ki, kf:
        Coefficients: row = ki · k_i - kf · **k**_f, at tank angle 0; dims (view, row),
        (view, row, xyz).
    beam:
        Direction of the beam in the frame of the tank; dims (view, xyz).
    """

    first: IntArray
    step: IntArray
    ki: FloatArray
    kf: FloatArray
    beam: FloatArray


class BinTable(NamedTuple):
    """Bins of a cut.

    Attributes
    ----------
    rows:
        Lower end of the first bin, one over the width of a bin, coefficient of ΔE, of |Q|;
        dims (row, column).
    number, stride:
        Bins of a row, and how far apart neighbours are; dims (row), int64.
    """

    rows: FloatArray
    number: IntArray
    stride: IntArray


@numba.njit(nogil=True, cache=True)
def interval_of(
    edges: FloatArray, first: int, cells: int, guide: IntArray, guides: float, k: float
) -> int:
    """Interval of a step that holds the wavenumber k (1/Å), -1 outside.

    edges, first, cells, guide, guides: those of the step in a :class:`FluxTable`.
    """
    m = -1
    if cells > 0 and edges[first] <= k < edges[first + cells]:
        part = min(int((k - edges[first]) * guides), GUIDES * cells - 1)
        m = guide[GUIDES * first + part]
        while k < edges[first + m]:
            m -= 1
        while k >= edges[first + m + 1]:
            m += 1
    return m


@numba.njit(nogil=True, cache=True)
def is_blocked(
    blocked: NDArray[np.uint8], first: int, cells: int, pixel: int, cell: int
) -> bool:
    """Whether a cell is masked; blocked, first, cells: of a step in a :class:`FluxTable`."""
    hidden = False
    if first >= 0:
        byte = blocked[first + pixel * ((cells + 7) // 8) + cell // 8]
        hidden = ((byte >> (cell % 8)) & 1) == 1
    return hidden
