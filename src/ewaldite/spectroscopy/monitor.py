"""The bins of the monitor as intervals of incident energy."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ewaldite.errors import UserError
from ewaldite.geometry.neutron import energy
from ewaldite.spectroscopy.primary import Primary

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]

_SAME_TIME = 1e-10  # s; event times have a nanosecond


@dataclass(frozen=True)
class Intervals:
    """Intervals of incident wavenumber, each of whole bins of the monitor.

    Attributes
    ----------
    edges:
        Ascending; dims (interval + 1), 1/Å, float64.
    of_bin:
        Interval of a bin of the monitor, -1 for one that holds no single energy;
        dims (bin), int64.
    time:
        Flight time to the monitor from where the flight starts, in the middle; dims (interval),
        s.
    duration:
        Width in time at the monitor; dims (interval), s.
    at_sample:
        Time at the sample from the proton pulse, in the middle; dims (interval), s.
    """

    edges: FloatArray
    of_bin: IntArray
    time: FloatArray
    duration: FloatArray
    at_sample: FloatArray

    def __len__(self) -> int:
        return int(self.edges.size - 1)

    @property
    def wavenumber(self) -> FloatArray:
        """In the middle; dims (interval), 1/Å."""
        return np.asarray((self.edges[1:] + self.edges[:-1]) / 2)

    @property
    def energy(self) -> FloatArray:
        """In the middle; dims (interval), meV."""
        ends = energy(self.edges)
        return np.asarray((ends[1:] + ends[:-1]) / 2)

    @property
    def width(self) -> FloatArray:
        """ΔE_i; dims (interval), meV."""
        return np.diff(energy(self.edges))

    def gather(self, counts: ArrayLike) -> FloatArray:
        """Sum the bins of the monitor by interval.

        Parameters
        ----------
        counts:
            dims (..., bin).

        Returns
        -------
        :
            dims (..., interval), float64.
        """
        given = np.asarray(counts, dtype=np.float64)
        used = self.of_bin >= 0
        out = np.zeros((len(self), *given.shape[:-1]))
        np.add.at(out, self.of_bin[used], np.moveaxis(given[..., used], -1, 0))
        return np.moveaxis(out, 0, -1)


def intervals(
    time_edges: ArrayLike,
    distance: float,
    primary: Primary,
    *,
    energy_step: float = np.inf,
) -> Intervals:
    """Give every bin of the monitor its incident energy.

    A time at the monitor is folded into its frame: ``frame = T_m - n · period``. T_m is
    unfolded by the neutrons that reach the sample first: they pass the monitor at the earliest
    T_m, and those that arrive one period later at the latest. Bins are joined as long as an
    interval is no wider than a quarter of ``energy_step``.

    Parameters
    ----------
    time_edges:
        Edges of the monitor's bins in its frame, ascending; dims (bin + 1), s, float64.
    distance:
        Of the monitor from the moderator, m.
    primary:
        Ties time to energy, and knows the first time at the sample.
    energy_step:
        Narrowest bin in energy transfer, meV.

    Returns
    -------
    :
        The intervals.

    Raises
    ------
    UserError
        If no bin of the monitor lies in the window.
    """
    frame = np.asarray(time_edges, dtype=np.float64)
    period = primary.frames.period
    first, last = _passes(distance, primary)
    turns = np.ceil((first - _SAME_TIME - frame[:-1]) / period)
    low = frame[:-1] + turns * period
    high = low + np.diff(frame)
    inside = np.flatnonzero((low >= first - _SAME_TIME) & (high <= last + _SAME_TIME))
    if not inside.size:
        raise UserError(
            "use the monitor",
            f"none of its bins lies between {first * 1e3:.2f} and {last * 1e3:.2f} ms",
            "Correct [primary] earliest_at_sample, or name another monitor.",
        )
    order = inside[np.argsort(low[inside])]
    of_bin = np.full(frame.size - 1, -1, np.int64)
    ends = [low[order[0]]]
    for b in order:
        gap = low[b] - ends[-1] > _SAME_TIME
        if gap:
            ends.append(low[b])  # an interval without a bin
        if gap or len(ends) == 1 or not _joins(ends, high[b], distance, primary, energy_step):
            ends.append(high[b])
        else:
            ends[-1] = high[b]
        of_bin[b] = len(ends) - 2
    edges = primary.wavenumber(distance, np.array(ends))[::-1].copy()
    count = len(ends) - 1
    of_bin[of_bin >= 0] = count - 1 - of_bin[of_bin >= 0]
    middle = (edges[1:] + edges[:-1]) / 2
    # E ∝ t⁻² for a straight flight; for any other this is its effective flight time
    width, duration = np.diff(energy(edges)), np.diff(np.array(ends))[::-1]
    return Intervals(
        edges=edges,
        of_bin=of_bin,
        time=2.0 * energy(middle) * duration / width,
        duration=duration,
        at_sample=primary.time(primary.sample_distance, middle),
    )


def _passes(distance: float, primary: Primary) -> tuple[float, float]:
    """First and last time at a distance of neutrons that reach the sample in the frame, s."""
    earliest = primary.frames.earliest
    window = np.array([earliest, earliest + primary.frames.period])
    if primary.curve.size:
        known = primary.curve[0, np.isfinite(primary.curve[1])]
        window = np.clip(window, known.min(), known.max())
    k = primary.wavenumber(primary.sample_distance, window)
    first, last = primary.time(distance, k).tolist()
    return float(first), float(last)


def _joins(
    ends: list[float], end: float, distance: float, primary: Primary, step: float
) -> bool:
    """Whether a bin may be joined to the interval before it."""
    if not np.isfinite(step):
        return False
    pair = energy(primary.wavenumber(distance, np.array([ends[-2], end])))
    return bool(pair[0] - pair[1] <= step / 4)


def count_events(
    pulse: ArrayLike,
    time: ArrayLike,
    steps: Intervals,
    starts: ArrayLike,
    ends: ArrayLike,
    *,
    distance: float,
    primary: Primary,
    keep: ArrayLike | None = None,
) -> FloatArray:
    """Count the events of a monitor by step of the rotation and interval.

    A neutron belongs to the step in which it would have scattered, at ``pulse + t_s``.

    Parameters
    ----------
    pulse:
        Time of the source pulse that made it; dims (event), s from the start of the run.
    time:
        From that pulse to the monitor, not folded; dims (event), s.
    steps:
        The intervals.
    starts, ends:
        Of each step, ascending; dims (step), s from the start of the run.
    distance, primary:
        As for :func:`intervals`.
    keep:
        Whether the pulse takes part; dims (event); all if None.

    Returns
    -------
    :
        dims (step, interval), float64.
    """
    when = np.asarray(time, dtype=np.float64)
    first, last = np.asarray(starts, np.float64), np.asarray(ends, np.float64)
    k = primary.wavenumber(distance, when)
    interval = np.searchsorted(steps.edges, k, side="right") - 1
    scattered = np.asarray(pulse, np.float64) + primary.time(primary.sample_distance, k)
    step = np.searchsorted(first, scattered, side="right") - 1
    good = (interval >= 0) & (interval < len(steps)) & (step >= 0)
    good &= scattered < last[np.maximum(step, 0)]
    if keep is not None:
        good &= np.asarray(keep, dtype=np.bool_)
    flat = step[good] * len(steps) + interval[good]
    size = first.size * len(steps)
    counted = np.bincount(flat, minlength=size).astype(np.float64)
    return counted.reshape(first.size, len(steps))


def charge_fractions(
    pulse: ArrayLike,
    charge: ArrayLike,
    at_sample: ArrayLike,
    starts: ArrayLike,
    ends: ArrayLike,
    *,
    keep: ArrayLike | None = None,
) -> FloatArray:
    """Share of the run's protons whose neutrons scatter in a step of the rotation.

    A pulse counts in the step that holds ``pulse + t_s``: its neutrons arrive two or three
    periods later, the slow ones later than the fast ones. A pulse that is rejected counts in no
    step, but stays in the denominator, as its neutrons are in the spectrum of the run.

    Parameters
    ----------
    pulse, charge:
        Time (s from the start of the run, ascending) and protons of every pulse (any unit);
        dims (pulse).
    at_sample:
        Time from pulse to sample; dims (interval), s.
    starts, ends:
        Of each step; dims (step), s from the start of the run.
    keep:
        Whether a pulse takes part; dims (pulse); all if None.

    Returns
    -------
    :
        dims (step, interval), dimensionless, float64.

    Raises
    ------
    UserError
        If the run has no protons.
    """
    when, protons = np.asarray(pulse, np.float64), np.asarray(charge, np.float64)
    total = float(protons.sum())
    if not total > 0:
        raise UserError(
            "share the monitor out to the steps of the rotation",
            "the proton charge of the run is zero",
            "Give a run with protons, or a monitor resolved in time.",
        )
    kept = protons if keep is None else np.where(np.asarray(keep, np.bool_), protons, 0.0)
    summed = np.concatenate([[0.0], np.cumsum(kept)])
    shift = np.asarray(at_sample, np.float64)[None, :]

    def until(time: ArrayLike) -> FloatArray:
        position = np.asarray(time, np.float64)[:, None] - shift
        return np.asarray(summed[np.searchsorted(when, position, side="left")])

    return np.asarray((until(ends) - until(starts)) / total)
