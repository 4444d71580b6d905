"""How long pixels could count: in the cells of a cut, and in forbidden time."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ewaldite.spectroscopy.monitor import Intervals, charge_fractions
from ewaldite.spectroscopy.primary import Primary
from ewaldite.spectroscopy.run_flux import Pulses
from ewaldite.spectroscopy.steps import Steps

FloatArray = NDArray[np.float64]


def pulses_at(pulses: Pulses, at_sample: ArrayLike, steps: Steps) -> FloatArray:
    """Number of pulses, rejected ones left out, whose neutrons scatter in a step.

    Parameters
    ----------
    pulses:
        One a period, also those without protons: a background that is constant in time does
        not ask for them.
    at_sample:
        Times from the pulse to the sample; dims (time), s.
    steps:
        Of the rotation.

    Returns
    -------
    :
        dims (step, time), float64.
    """
    share = charge_fractions(
        pulses.time, pulses.charge, at_sample, steps.start, steps.end, keep=pulses.keep
    )
    return share * float(pulses.charge.sum())


def live_time(where: Intervals, primary: Primary, pulses: Pulses, steps: Steps) -> FloatArray:
    r"""Time in which events of a pixel have an incident energy of an interval.

    The final time of a pixel is one number, so an interval of the time at the sample is one of
    the same length at the detector: :math:`n_j\, [t_s(k_m) - t_s(k_{m+1})]` with n the pulses
    of the step.

    Parameters
    ----------
    where:
        The intervals.
    primary:
        Ties time to energy.
    pulses, steps:
        As for :func:`pulses_at`.

    Returns
    -------
    :
        dims (step, interval), s.
    """
    edges = where.edges
    if primary.curve.size:
        # an edge of the table is one of the intervals, give or take rounding
        known = 2.0 * np.pi / primary.curve[1, np.isfinite(primary.curve[1])]
        edges = np.clip(edges, known.min(), known.max())
    time = primary.time(primary.sample_distance, edges)
    return pulses_at(pulses, where.at_sample, steps) * -np.diff(time)
