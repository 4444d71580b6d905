"""Time zero, from where the elastic line is."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ewaldite.errors import UserError
from ewaldite.geometry.neutron import speed
from ewaldite.model.experiment import FloatArray
from ewaldite.spectroscopy.primary import Primary

#: Fewest events of an elastic line that say something.
FEWEST = 50
#: A line must be so many standard errors of the counts around it strong.
_STANDS_OUT = 8.0
_ROUNDS = 50
_STILL = 1e-9


@dataclass(frozen=True)
class TimeZero:
    """How late neutrons of the elastic line are.

    Attributes
    ----------
    offset:
        To be added to the emission (parked) or to the choppers' times (spinning), s.
    error:
        Standard error, s.
    events:
        In the window around the line.
    """

    offset: float
    error: float
    events: int


def elastic_time_zero(
    primary: Primary,
    time_at_sample: ArrayLike,
    k_f: ArrayLike,
    *,
    weight: ArrayLike | None = None,
    window: float = 1.5e-3,
) -> TimeZero:
    r"""Fit the time zero to the elastic line.

    An elastic neutron has :math:`v_i = v_f`, and so left the place where neutrons are timed at
    :math:`t_s - L/v_f`. The mean difference from the time that ``primary`` assumes is the
    offset. It is taken within a window about itself, until it stands still; the same window on
    either side makes a smooth background harmless, and what it shifts falls with its fraction.

    Parameters
    ----------
    primary:
        The way in, with length and time of reference.
    time_at_sample:
        Unwrapped; dims (event), s.
    k_f:
        dims (event), 1/Å.
    weight:
        dims (event); 1 if None.
    window:
        On either side of the line, s: some widths of the pulse, or of the opening.

    Returns
    -------
    :
        Offset, with its standard error.

    Raises
    ------
    UserError
        If there is no line.
    """
    time = np.asarray(time_at_sample, dtype=np.float64)
    length = primary.sample_distance - primary.reference_distance
    late = time - length / speed(np.asarray(k_f, dtype=np.float64)) - primary.reference_time
    weights = np.ones(late.size) if weight is None else np.asarray(weight, dtype=np.float64)
    usable = np.isfinite(late) & (weights > 0.0)
    late, weights = late[usable], weights[usable]
    center = _highest(late, weights, window)
    for _ in range(_ROUNDS):
        near = np.abs(late - center) <= window
        if not np.any(near):
            break
        moved = float(np.average(late[near], weights=weights[near]))
        if abs(moved - center) < _STILL:
            break
        center = moved
    near = np.abs(late - center) <= window
    effective = _effective(weights[near])
    if effective < FEWEST:
        raise UserError(
            "fit the time zero to the elastic line",
            f"there are {effective:.0f} events within {1e3 * window:g} ms of it",
            f"Give a run with at least {FEWEST} elastic events, or a wider window.",
        )
    spread = np.sqrt(np.average((late[near] - center) ** 2, weights=weights[near]))
    return TimeZero(center, float(spread / np.sqrt(effective)), int(np.count_nonzero(near)))


def centre_of_counts(late: FloatArray, counts: FloatArray, window: float) -> TimeZero:
    r"""Mean of a line on a flat level.

    The level is that of bins next to the window, by a quarter of it on either side: further
    out an end of the band may be near. Without it the mean and its error are

    .. math:: c = \frac{\sum t_b (n_b - \beta)}{\sum (n_b - \beta)}, \qquad
              \sigma_c^2 = \frac{\sum (t_b - c)^2 n_b}{(\sum (n_b - \beta))^2}

    over a window about itself: whatever the shape of the line, as long as it is inside.

    Parameters
    ----------
    late:
        Middles of even bins, a quarter more than the window on either side; dims (bin), s.
    counts:
        dims (bin).
    window:
        On either side of the line, s.

    Returns
    -------
    :
        Offset, with its standard error.

    Raises
    ------
    UserError
        If there is no line, or it is so near to the ends of the bins that no level is seen.
    """
    half = max(round(window / (late[1] - late[0])), 1)
    inside = np.convolve(counts, np.ones(2 * half + 1), mode="same")
    # A wide window holds the line at many places: that it may see its level from is enough
    seen = (late - 1.25 * window >= late[0]) & (late + 1.25 * window <= late[-1])
    center = float(late[np.argmax(np.where(seen, inside, -1.0))])
    found = None
    for _ in range(_ROUNDS):
        away = np.abs(late - center)
        near, beside = away <= window, (away > window) & (away <= 1.25 * window)
        found = None
        if center - 1.25 * window < late[0] or center + 1.25 * window > late[-1]:
            break
        level = float(counts[beside].mean())
        line = counts[near] - level
        if not line.sum() >= max(FEWEST, _STANDS_OUT * np.sqrt(counts[near].sum())):
            break
        moved = float(np.sum(late[near] * line) / line.sum())
        spread = np.sum((late[near] - moved) ** 2 * counts[near])
        found = TimeZero(moved, float(np.sqrt(spread) / line.sum()), int(line.sum()))
        if abs(moved - center) < _STILL:
            break
        center = moved
    if found is None:
        raise UserError(
            "fit the time zero to the elastic line",
            f"there are {counts.sum():.0f} events around it, and no line stands out",
            f"Give a run with at least {FEWEST} elastic events, or another window.",
        )
    return found


def _highest(late: FloatArray, weights: FloatArray, window: float) -> float:
    """Middle of the fullest bin within ten windows of zero: where the line is, roughly."""
    edges = np.arange(-10.0, 10.5, 0.5) * window
    held, _ = np.histogram(late, edges, weights=weights)
    return float((edges[np.argmax(held)] + edges[np.argmax(held) + 1]) / 2.0)


def _effective(weights: NDArray[np.float64]) -> float:
    squares = float(np.sum(weights**2))
    return float(np.sum(weights)) ** 2 / squares if squares else 0.0
