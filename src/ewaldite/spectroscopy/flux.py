"""The incident flux of a run, by step of the rotation and interval of energy."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ewaldite.errors import UserError
from ewaldite.spectroscopy.monitor import Intervals

FloatArray = NDArray[np.float64]

#: Monitor counts of a whole run below which an interval is left out.
MINIMUM_COUNTS = 25.0
#: Counts of one reading below which nothing is divided by it: 1/n is biased by 1/n.
MINIMUM_DIVISOR = 25.0
#: Share of the largest rate below which an interval is left out.
MINIMUM_SHARE = 0.01


@dataclass(frozen=True)
class Flux:
    r"""What a 1/v monitor says of the neutrons that fall on the sample.

    The monitor counts in proportion to 1/v, so the number of neutrons in a step and interval is

    .. math:: \Phi \Delta E_i = C_m k_i n, \qquad
              \Phi = C_m k_i \frac{n}{\Delta T} \frac{t_m}{2 E_i},

    with n its counts; C_m = 1, so Φ is in counts/Å/meV.

    Attributes
    ----------
    intervals:
        Where in energy.
    counts:
        n; dims (step, interval), counts, float64.
    shared:
        Whether all steps share one reading of the spectrum, or each has its own.
    variance:
        Of the readings; dims (interval) where shared, else (step, interval); counts².
    readings:
        The counts read; dims as ``variance``.
    absent:
        Intervals that take no part; dims (interval).
    """

    intervals: Intervals
    counts: FloatArray
    shared: bool
    variance: FloatArray
    readings: FloatArray
    absent: NDArray[np.bool_]

    @property
    def density(self) -> FloatArray:
        """Φ; dims (step, interval), counts/Å/meV, NaN where absent."""
        i = self.intervals
        per_time = self.counts / i.duration * i.wavenumber
        return np.asarray(np.where(self.absent, np.nan, per_time * i.time / (2.0 * i.energy)))

    @property
    def total(self) -> FloatArray:
        """Counts of the whole run; dims (interval), counts."""
        return np.asarray(self.counts.sum(axis=0))

    @property
    def total_error(self) -> FloatArray:
        """Standard error of :attr:`total`; dims (interval), counts."""
        if not self.shared:
            return np.asarray(np.sqrt(self.variance.sum(axis=0)))
        return np.asarray(
            self.total * np.sqrt(self.variance) / np.maximum(self.readings, 1e-300)
        )

    @property
    def usable(self) -> NDArray[np.bool_]:
        """Whether the reading is large enough to divide by; dims (step, interval)."""
        enough = self.readings >= MINIMUM_DIVISOR
        return np.asarray(np.broadcast_to(enough, self.counts.shape) & (self.counts > 0))

    @property
    def relative_variance(self) -> FloatArray:
        """Of the readings; dims as ``variance``; 0 below one count."""
        out = np.zeros_like(self.readings)
        some = self.readings >= 1.0
        np.divide(self.variance, self.readings**2, out=out, where=some)
        return out


def resolved_flux(
    intervals: Intervals,
    counts: ArrayLike,
    variance: ArrayLike | None = None,
    *,
    minimum_counts: float = MINIMUM_COUNTS,
    minimum_share: float = MINIMUM_SHARE,
) -> Flux:
    """Flux from a monitor that is read step by step.

    Parameters
    ----------
    intervals:
        Where in energy.
    counts:
        dims (step, interval), counts.
    variance:
        Same dims; the counts themselves if None.
    minimum_counts, minimum_share:
        An interval takes part if the whole run counted that many in it, and its rate
        is that share of the largest one. The run decides, not the step, so that the choice does
        not follow the fluctuations of single readings.

    Returns
    -------
    :
        The flux.

    Raises
    ------
    UserError
        If no interval has enough counts.
    """
    read = np.asarray(counts, dtype=np.float64)
    errors = read if variance is None else np.asarray(variance, dtype=np.float64)
    absent = _absent(intervals, read.sum(axis=0), minimum_counts, minimum_share)
    return Flux(intervals, read, False, errors, read, absent)


def shared_flux(
    intervals: Intervals,
    spectrum: ArrayLike,
    fractions: ArrayLike,
    variance: ArrayLike | None = None,
    *,
    minimum_counts: float = MINIMUM_COUNTS,
    minimum_share: float = MINIMUM_SHARE,
) -> Flux:
    """Flux from the spectrum of the run and the share of protons of every step.

    Parameters
    ----------
    spectrum:
        dims (interval), counts.
    fractions:
        What :func:`~ewaldite.spectroscopy.monitor.charge_fractions` gives;
        dims (step, interval).
    intervals, variance, minimum_counts, minimum_share:
        As for :func:`resolved_flux`, with one reading for all steps; dims (interval).

    Returns
    -------
    :
        The flux.

    Raises
    ------
    UserError
        As :func:`resolved_flux`.
    """
    limits = {"minimum_counts": minimum_counts, "minimum_share": minimum_share}
    errors = None if variance is None else np.asarray(variance, np.float64)[None]
    one = resolved_flux(intervals, np.asarray(spectrum, np.float64)[None], errors, **limits)
    counts = one.readings[0] * np.asarray(fractions, dtype=np.float64)
    return Flux(intervals, counts, True, one.variance[0], one.readings[0], one.absent)


def _absent(
    intervals: Intervals, total: FloatArray, minimum: float, share: float
) -> NDArray[np.bool_]:
    rate = total / intervals.duration
    absent = (total < max(minimum, 1.0)) | (rate < share * rate.max(initial=0.0))
    if np.all(absent):
        raise UserError(
            "normalise to the monitor",
            f"it counted {total.sum():.0f} in all, {total.max(initial=0.0):.0f} at most in "
            f"one interval of energy",
            f"Give a run whose monitor counted, or lower minimum_counts ({minimum:g}).",
        )
    return np.asarray(absent)
