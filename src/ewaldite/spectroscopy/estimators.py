r"""Step: S(Q, ω) in the bins of a cut from events and coverage.

Two estimators:

* ``coverage``: :math:`S = N / C`, the mean of S over the bin with the weight of the coverage;
  unbiased however few the events.
* ``event``: :math:`S = \sum_e w_e / W` with :math:`w = 1/(\Phi N_b k_f/k_i)` and
  :math:`W = \sum \Delta E_i` over all cells: the mean with the weight of ΔE_i. It divides by
  single readings of the monitor and of the vanadium, and so is biased by one over their counts.

They agree where S is constant across the bin.

**Errors.** The count of a bin has the variance N + 1: an interval :math:`N \pm \sqrt{N + 1}`
covers the mean count 68.5 to 69 % of the time from 20 counts on and more often below,
where :math:`N \pm \sqrt N` covers it less often, and never if N = 0. Events that
symmetry puts into a bin m times have Σ m² + 1. To it are added, with S², the relative variances
of the monitor and of N_b as propagated by :mod:`.coverage`. The limits ``lower`` and ``upper``
hold Garwood's central 68.3 % interval of the count in place of :math:`\sqrt{N + 1}`.

**Background.** With an empty run the estimate is :math:`(N - B) / C`; the variance of B is
added to that of the count, and the limits are those of a difference
(:func:`.uncertainty.difference`).

**Constant background.** What :mod:`.time_background` expects is subtracted from the sum of
either estimator. It is part of the count already, so that it adds no counting error; that of
its level is common to many bins.
"""

from __future__ import annotations

from typing import Any, Literal

import numpy as np
import scipp as sc
from numpy.typing import NDArray

from ewaldite.errors import UserError
from ewaldite.kernels.coverage import COVERAGE, WIDTH
from ewaldite.model.uncertainty import difference, weighted_counts
from ewaldite.spectroscopy import cut_events as column
from ewaldite.spectroscopy.coverage import Coverage
from ewaldite.spectroscopy.cut import unit_of
from ewaldite.spectroscopy.cut_background import Background
from ewaldite.spectroscopy.cut_events import EventSums
from ewaldite.spectroscopy.cut_grid import CutGrid
from ewaldite.spectroscopy.time_background import TimeBackground

FloatArray = NDArray[np.float64]
Estimator = Literal["coverage", "event"]


def estimate(
    events: EventSums,
    covered: Coverage,
    *,
    estimator: Estimator = "coverage",
    background: Background | None = None,
    constant: TimeBackground | None = None,
    unit: str = "dimensionless",
) -> sc.DataGroup[Any]:
    """S(Q, ω) of a cut.

    Parameters
    ----------
    events:
        What was counted.
    covered:
        Its coverage.
    estimator:
        See the top of this module.
    background:
        To subtract; with the estimator ``coverage`` only.
    constant:
        To subtract, made for this estimator.
    unit:
        Of S: ``"barn/meV/sr"`` with vanadium of known amount.

    Returns
    -------
    :
        ``S`` with variances; ``lower`` and ``upper``; ``events``; ``coverage`` (counts/Å · unit
        of N_b); ``counting_variance`` and ``common_variance``, which add up to that of S;
        ``background`` and ``time_background`` (in the unit of S, with the variance from its
        level) where there are any; all with the dims of the cut's axes and a mask
        ``no_coverage``, where S is NaN.

    Raises
    ------
    UserError
        If a background is to be subtracted from weighted events.
    """
    if background is not None and estimator != "coverage":
        raise UserError(
            "subtract an empty run",
            "the estimator is 'event'",
            "Use [normalise] estimator = 'coverage'.",
        )
    grid = events.grid
    sums = events.sums
    total, square = _signal(sums, estimator)
    amount = COVERAGE if estimator == "coverage" else WIDTH
    norm = covered.sums[:, amount]
    seen = (norm > 0) & (covered.coverage > 0)
    safe = np.where(seen, norm, 1.0)
    # what one more event would add
    one = np.where(seen, safe / np.where(seen, covered.coverage, 1.0), 0.0)
    below, above = weighted_counts(total, square, one)
    counts_variance, shared = square + one**2, np.zeros_like(total)
    if background is not None:
        total = total - background.total
        counts_variance = counts_variance + background.counting
        shared = background.common / safe**2
        unit_of_one = np.zeros_like(total)
        empty = weighted_counts(background.total, background.counting, unit_of_one)
        below, above = difference((below, above), empty)
    if constant is not None:
        total = total - constant.total
        shared = shared + constant.variance / safe**2
    value = total / safe
    counting = counts_variance / safe**2
    common = value**2 * covered.relative_variance(amount) + shared
    fields = {
        "S": (value, unit, counting + common),
        "lower": (value - np.hypot(below / safe, np.sqrt(common)), unit, None),
        "upper": (value + np.hypot(above / safe, np.sqrt(common)), unit, None),
        "counting_variance": (counting, None, None),
        "common_variance": (common, None, None),
    }
    out = {
        name: _shaped(grid, np.where(seen, v, np.nan), u, ~seen, w)
        for name, (v, u, w) in fields.items()
    }
    out["events"] = _shaped(grid, sums[:, column.SIGNAL], "counts", ~seen)
    out["coverage"] = _shaped(grid, covered.coverage, None, ~seen)
    if background is not None:
        out["background"] = _shaped(grid, background.total, "counts", ~seen)
    if constant is not None:
        part = np.where(seen, constant.total / safe, np.nan)
        out["time_background"] = _shaped(grid, part, unit, ~seen, constant.variance / safe**2)
    return sc.DataGroup(out)


def _signal(sums: FloatArray, estimator: Estimator) -> tuple[FloatArray, FloatArray]:
    if estimator == "coverage":
        return sums[:, column.SIGNAL], sums[:, column.SIGNAL_SQUARE]
    return sums[:, column.WEIGHT], sums[:, column.WEIGHT_SQUARE]


def _shaped(
    grid: CutGrid,
    values: FloatArray,
    unit: str | None,
    absent: NDArray[np.bool_],
    variances: FloatArray | None = None,
) -> sc.DataArray:
    axes = grid.cut.axes
    if variances is not None:
        variances = np.where(absent, np.nan, variances).reshape(grid.shape)
    data = sc.array(
        dims=axes, values=values.reshape(grid.shape), variances=variances,
        unit=sc.units.one if unit is None else unit,
    )  # fmt: skip
    return sc.DataArray(
        data,
        coords={a: sc.array(dims=[a], values=grid.cut.edges(a), unit=unit_of(a)) for a in axes},
        masks={"no_coverage": sc.array(dims=axes, values=absent.reshape(grid.shape))},
    )
