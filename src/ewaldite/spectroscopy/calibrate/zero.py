r"""Time zero, from the elastic line of all arcs.

An elastic neutron that was timed at T left the place where neutrons are timed at :math:`t_s -
L/v_f`. By how much that is late on average is the time zero: one number, whatever the arc.
Positions along the beam must be right before, for a shift that all modules share moves the
line by 60 to 68 µs/mm in every arc and is hardly different. A length L that is off by δ is
late by :math:`\delta/v_f`, which differs between the arcs: the scatter of the arcs shows it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ewaldite.errors import UserError
from ewaldite.model.experiment import FloatArray, IntArray
from ewaldite.spectroscopy.calibrate.counts import ElasticCounts, merged
from ewaldite.spectroscopy.time_zero import TimeZero, centre_of_counts


@dataclass(frozen=True)
class TimeZeroFit:
    """Time zero of a set of runs.

    Attributes
    ----------
    value, error:
        To be added to the present one, and its standard error; s.
    arcs:
        By arc, from 0.
    misfit:
        Chi-square of the arcs a degree of freedom; the error is widened by it where it is
        above 1.
    late:
        Middles of bins; dims (bin), s.
    counts:
        dims (arc, bin), in the order of ``arcs``.
    """

    value: float
    error: float
    arcs: dict[int, TimeZero]
    misfit: float
    late: FloatArray
    counts: IntArray


def fit_time_zero(runs: Sequence[ElasticCounts], *, window: float) -> TimeZeroFit:
    """Fit the time zero.

    Parameters
    ----------
    runs:
        Whose elastic line is fitted.
    window:
        On either side of the line, s.

    Returns
    -------
    :
        The fit; arcs without a line are left out.

    Raises
    ------
    UserError
        If no arc has one.
    """
    whole = merged(runs)
    arcs: dict[int, TimeZero] = {}
    counts = []
    failed = UserError("fit the time zero", "there is no arc", "Give a run with triplets.")
    for arc in np.unique(whole.instrument.arc).tolist():
        mine = (whole.instrument.arc == arc) & whole.keep
        held = whole.counts[mine].sum(axis=0)
        try:
            arcs[arc] = centre_of_counts(whole.late, held.astype(np.float64), window)
        except UserError as none:
            failed = none
            continue
        counts.append(held)
    if not arcs:
        raise failed
    value = np.array([one.offset for one in arcs.values()])
    weight = np.array([one.error for one in arcs.values()]) ** -2.0
    mean = float(np.average(value, weights=weight))
    misfit = float(np.sum((value - mean) ** 2 * weight)) / max(value.size - 1, 1)
    error = float(weight.sum() ** -0.5) * float(np.sqrt(max(misfit, 1.0)))
    return TimeZeroFit(mean, error, arcs, misfit, whole.late, np.stack(counts))
