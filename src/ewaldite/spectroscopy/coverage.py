"""Step: the coverage of a cut, what its bins would count for S = 1, with its errors."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.sparse import csr_array

from ewaldite.kernels import coverage as kernel
from ewaldite.kernels.coverage import COLUMNS, COVERAGE, ERRORS, SQUARES, SUMS, WIDTH
from ewaldite.spectroscopy.backend import Backend
from ewaldite.spectroscopy.cut_grid import CutGrid
from ewaldite.spectroscopy.exposure import Exposure, Views, views
from ewaldite.tables.neutron import K2_TO_MEV

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]
Record = tuple[IntArray, IntArray, FloatArray]

#: Terms of the factors that are kept, of pixels and of the monitor each (16 bytes a term).
TERMS = 4_000_000
_PARTS = 8
_BYTES = 500_000_000  # of all parts
_SNAP = 1e-9  # 1/Å


@dataclass(frozen=True)
class Pixels:
    """What a cut needs of the pixels, with their weights.

    Attributes
    ----------
    k_f:
        Final wavevector at tank angle 0, its vertical part 0 where it is below 1e-9 1/Å;
        dims (pixel, xyz), 1/Å.
    table:
        E_f (meV), N_b k_f, relative variance of its own; dims (pixel, 3).
    group:
        Which pixels share errors; dims (pixel), int64.
    modes:
        Relative errors of the groups, a column a cause; dims (group, mode).
    """

    k_f: FloatArray
    table: FloatArray
    group: IntArray
    modes: FloatArray


def pixels(direction: ArrayLike, k_f: ArrayLike, final_energy: ArrayLike, b: Backend) -> Pixels:
    """Pixels of an instrument.

    Parameters
    ----------
    direction:
        From the sample to the point of reflection at tank angle 0; dims (pixel, xyz).
    k_f, final_energy:
        dims (pixel), 1/Å and meV.
    b:
        Efficiency of the same pixels in the same order.

    Returns
    -------
    :
        The pixels.
    """
    size = np.asarray(k_f, dtype=np.float64)
    vector = np.asarray(direction, dtype=np.float64) * size[:, None]
    vector[:, 1] = np.where(np.abs(vector[:, 1]) < _SNAP, 0.0, vector[:, 1])
    table = np.stack([np.asarray(final_energy, np.float64), b.value * size, b.own], axis=1)
    return Pixels(np.ascontiguousarray(vector), table, b.group, b.modes)


@dataclass(frozen=True)
class Coverage:
    r"""Sums over all cells (pixel, step, interval) of a bin, and how errors move them.

    With :math:`n_{jm}` counts of the monitor and :math:`N_p` the efficiency of a pixel

    .. math::

        C = \sum n_{jm} N_p k_f = \sum \Phi \Delta E_i N_b k_f / k_i, \qquad
        W = \sum \Delta E_i .

    C is linear in both, so :math:`\partial C/\partial \ln N_p` is the part of C that comes from
    pixel p, and likewise for a reading of the monitor.

    Attributes
    ----------
    sums:
        C, W of cells that may be divided by, and of all; dims (bin, 3); counts/Å times the unit
        of N_b, and meV.
    by_pixel, by_monitor:
        Variance of C and, as if each ΔE_i were multiplied by the error, of W; dims (bin, 2).
    by_group:
        Parts of C and W from pixels that share errors; dims (error, bin, group).
    modes:
        Relative errors of the groups; dims (group, mode).
    pixel_factor, monitor_factor:
        ``∂C/∂ln N_p`` and ``∂C/∂ln n``; sparse (bin, pixel) and (bin, reading); None where
        there are too many terms to keep.
    pixel_variance, monitor_variance:
        Relative variances that belong to the columns of the factors.
    """

    sums: FloatArray
    by_pixel: FloatArray
    by_monitor: FloatArray
    by_group: FloatArray
    modes: FloatArray
    pixel_factor: csr_array | None
    monitor_factor: csr_array | None
    pixel_variance: FloatArray
    monitor_variance: FloatArray

    @property
    def coverage(self) -> FloatArray:
        """C; dims (bin)."""
        return self.sums[:, COVERAGE]

    @property
    def width(self) -> FloatArray:
        """W; dims (bin), meV."""
        return self.sums[:, WIDTH]

    def by_mode(self, amount: int = COVERAGE) -> FloatArray:
        """Standard errors from what pixels share, one column a cause; dims (bin, mode)."""
        return np.asarray(self.by_group[amount] @ self.modes)

    def relative_variance(self, amount: int = COVERAGE) -> FloatArray:
        """Of C (or W, see above) from all common causes; dims (bin), 0 where empty."""
        variance = self.by_pixel[:, amount] + self.by_monitor[:, amount]
        variance = variance + (self.by_mode(amount) ** 2).sum(axis=1)
        out = np.zeros_like(variance)
        np.divide(variance, self.sums[:, amount] ** 2, out=out, where=self.sums[:, amount] > 0)
        return np.asarray(out)

    def covariance(self, bins: ArrayLike) -> FloatArray:
        """Covariance of C between bins.

        Parameters
        ----------
        bins:
            Flat numbers; dims (bin), int.

        Returns
        -------
        :
            dims (bin, bin), float64; its diagonal is what :meth:`relative_variance` says.

        Raises
        ------
        ValueError
            If the factors were not kept.
        """
        if self.pixel_factor is None or self.monitor_factor is None:
            raise ValueError("the factors of this coverage were not kept")
        rows = np.asarray(bins, dtype=np.int64)
        common = self.by_group[COVERAGE][rows] @ self.modes
        total = common @ common.T
        for factor, variance in (
            (self.pixel_factor, self.pixel_variance),
            (self.monitor_factor, self.monitor_variance),
        ):
            part = factor[rows]
            total += (part.multiply(variance[None, :]) @ part.T).toarray()
        return np.asarray(total)


def coverage(
    grid: CutGrid, pixel: Pixels, exposed: Exposure, *, threads: int = 1, terms: int = TERMS
) -> Coverage:
    """Sum the coverage of a cut.

    A cell is a line in (Q, ω), as its incident energy has a width; it is shared out to the
    bins that it passes, by length. Cells are summed pixel by pixel and a second time
    interval by interval, which gives the variances from both causes exactly in linear order.
    The work is cut into a fixed number of parts that are added in a fixed order, so the result
    does not depend on the number of threads.

    Parameters
    ----------
    grid:
        Of the cut.
    pixel:
        The pixels with N_b.
    exposed:
        Steps and flux of all runs.
    threads:
        At work at once.
    terms:
        Terms of the factors to keep, of either cause; beyond, only the variances are.

    Returns
    -------
    :
        The coverage.
    """
    seen = views(grid, exposed.a3, exposed.a4)
    parts = _parts(grid.size * COLUMNS * 8)
    chosen = _chosen(pixel, parts)
    bins = np.zeros((grid.size, COLUMNS))
    groups = pixel.modes.shape[0] if pixel.modes.size else 0
    by_group = np.zeros((ERRORS, grid.size, groups))
    monitor = np.zeros((grid.size, ERRORS))
    records: list[list[Record]] = [[], []]
    found = [0, 0]
    with ThreadPoolExecutor(threads) as pool:
        room = terms // len(chosen)
        made = pool.map(lambda r: _pixel_part(r, grid, pixel, exposed, seen, room), chosen)
        for rows, (part, record, number) in zip(chosen, made, strict=True):
            bins += part
            if groups:
                by_group[:, :, pixel.group[rows[0]]] = part[:, SUMS : SUMS + ERRORS].T
            records[0].append(record)
            found[0] = max(found[0], number - room)
        room = terms // parts
        ranges = _ranges(exposed.bounds.size - 1, parts)
        for squares, record, number in pool.map(
            lambda r: _interval_part(r, grid, pixel, exposed, seen, room), ranges
        ):
            monitor += squares
            records[1].append(record)
            found[1] = max(found[1], number - room)
    shapes = (pixel.table.shape[0], exposed.relative.size)
    factors = [
        _factor(r, (grid.size, n)) if over <= 0 else None
        for r, n, over in zip(records, shapes, found, strict=True)
    ]
    return Coverage(
        sums=bins[:, SUMS:SQUARES].copy(),
        by_pixel=bins[:, SQUARES:].copy(),
        by_monitor=monitor,
        by_group=by_group,
        modes=pixel.modes[:groups],
        pixel_factor=factors[0],
        monitor_factor=factors[1],
        pixel_variance=pixel.table[:, 2].copy(),
        monitor_variance=exposed.relative,
    )


def _parts(size: int) -> int:
    """Parts of the work, by the bytes that each holds; of the problem, not of the machine."""
    return int(np.clip(_BYTES // size, 2, _PARTS))


def _chosen(pixel: Pixels, parts: int) -> list[IntArray]:
    """Pixels that take part, each part of one group, so that a part is what the group adds."""
    used = np.flatnonzero(pixel.table[:, 1] > 0)
    if not pixel.modes.size:
        return [used[a:b] for a, b in _ranges(used.size, parts)]
    order = used[np.argsort(pixel.group[used], kind="stable")]
    return np.split(order, np.flatnonzero(np.diff(pixel.group[order])) + 1)


def _room(terms: int) -> Record:
    return np.empty(terms, np.int64), np.empty(terms, np.int64), np.empty(terms)


def _pixel_part(
    chosen: IntArray, grid: CutGrid, p: Pixels, e: Exposure, v: Views, terms: int
) -> tuple[FloatArray, Record, int]:
    bins, record = np.zeros((grid.size, COLUMNS)), _room(terms)
    number = kernel.by_pixel(
        chosen, p.k_f, p.table, *e.arguments, v.step, v.ki, v.kf, v.beam, grid.rows,
        grid.number, grid.stride, K2_TO_MEV, bins, record,
    )  # fmt: skip
    return bins, _trimmed(record, number), int(number)


def _interval_part(
    limits: tuple[int, int], grid: CutGrid, p: Pixels, e: Exposure, v: Views, terms: int
) -> tuple[FloatArray, Record, int]:
    bins, record = np.zeros((grid.size, COLUMNS)), _room(terms)
    number = kernel.by_interval(
        e.members, e.bounds, *limits, e.relative, p.k_f, p.table, *e.arguments, v.first, v.ki,
        v.kf, v.beam, grid.rows, grid.number, grid.stride, K2_TO_MEV, bins, record,
    )  # fmt: skip
    return bins[:, SQUARES:].copy(), _trimmed(record, number), int(number)


def _trimmed(record: Record, number: int) -> Record:
    n = min(number, record[0].size)
    return record[0][:n].copy(), record[1][:n].copy(), record[2][:n].copy()


def _factor(records: list[Record], shape: tuple[int, int]) -> csr_array:
    bins, columns, values = (np.concatenate(part) for part in zip(*records, strict=True))
    return csr_array((values, (bins, columns)), shape=shape)


def _ranges(n: int, parts: int) -> Iterator[tuple[int, int]]:
    return pairwise(np.linspace(0, n, min(parts, max(n, 1)) + 1).astype(int).tolist())
