"""Step: the coverage of a cut, what its bins would count for S = 1, with its errors."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.sparse import csr_array

from ewaldite.kernels.coverage import COVERAGE, ERRORS, WIDTH
from ewaldite.spectroscopy.coverage_work import TERMS, CoverageSums, CoverageWork, Terms
from ewaldite.spectroscopy.cut_grid import CutGrid
from ewaldite.spectroscopy.exposure import Exposure
from ewaldite.spectroscopy.pixels import Pixels

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]


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
    work = CoverageWork(grid, pixel, exposed, terms)
    with ThreadPoolExecutor(threads) as pool:
        made = pool.map(work.reduce, work.parts)
        total = next(made)
        for more in made:
            total = total.add(more)
    return finish(total, work)


def finish(total: CoverageSums, work: CoverageWork) -> Coverage:
    """Coverage from the sum of all parts of the work."""
    size, pixel, exposed = work.grid.size, work.pixel, work.exposed
    groups = pixel.modes.shape[0] if pixel.modes.size else 0
    by_group = np.zeros((ERRORS, size, groups))
    for group, sums in total.groups.items():
        by_group[:, :, group] = sums.T
    shapes = (pixel.table.shape[0], exposed.relative.size)
    factors = [_factor(terms, (size, n)) for terms, n in zip(total.terms, shapes, strict=True)]
    return Coverage(
        sums=total.sums,
        by_pixel=total.by_pixel,
        by_monitor=total.by_monitor,
        by_group=by_group,
        modes=pixel.modes[:groups],
        pixel_factor=factors[0],
        monitor_factor=factors[1],
        pixel_variance=pixel.table[:, 2].copy(),
        monitor_variance=exposed.relative,
    )


def _factor(terms: Terms | None, shape: tuple[int, int]) -> csr_array | None:
    if terms is None:
        return None
    bins, columns, values = terms
    return csr_array((values, (bins, columns)), shape=shape)
