"""When neutrons first arrive at the sample, as the monitor lets one guess it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ewaldite.geometry.neutron import speed, wavenumber
from ewaldite.spectroscopy.frames import PULSE_PERIOD

FloatArray = NDArray[np.float64]

#: Final energies of the arcs, meV.
ARCS = (2.7, 3.2, 3.8, 4.4, 5.0)
#: Rate of the monitor, as a part of its largest, below which there is no beam.
NO_BEAM = 0.02
#: And below which there is a gap at all.
LITTLE_BEAM = 0.1
_PULSES = range(1, 6)


@dataclass(frozen=True)
class FirstArrival:
    """A guess.

    Attributes
    ----------
    time:
        At the sample, after the pulse; s.
    gap:
        How long no neutron passes the monitor; s.
    arcs:
        Arcs whose elastic neutrons arrive within a period from there.
    """

    time: float
    gap: float
    arcs: int


def guess_first_arrival(
    edges: ArrayLike,
    counts: ArrayLike,
    monitor: float,
    sample: float,
    emission: float,
    period: float = PULSE_PERIOD,
) -> FirstArrival | None:
    """Guess the first arrival from the gap in the monitor's spectrum.

    The middle of the longest gap is where a frame begins. Which pulse the neutrons behind it
    came from no monitor says: that for which most arcs see the elastic line.

    Parameters
    ----------
    edges:
        Of the monitor's bins in its frame, ascending; dims (bin + 1), s.
    counts:
        dims (bin).
    monitor, sample:
        Distances from the source, m.
    emission:
        Mean time of emission, s.
    period:
        s.

    Returns
    -------
    :
        The guess; None where the monitor counted nothing, or as much at any time.
    """
    ends, number = np.asarray(edges, np.float64), np.asarray(counts, np.float64)
    rate = number / np.diff(ends)
    if not rate.max(initial=0.0) > 0:
        return None
    if rate.min() > LITTLE_BEAM * rate.max():
        return None
    empty = rate <= max(NO_BEAM * float(rate.max()), float(rate.min()))
    first, last = _longest(empty)
    begin, end = ends[first], ends[(last - 1) % empty.size + 1]
    gap = (end - begin) % period if last - first < empty.size else period
    frame = (begin + gap / 2.0) % period
    elastic = emission + sample / speed(wavenumber(np.array(ARCS)))
    best: FirstArrival | None = None
    for pulse in _PULSES:
        flight = frame + pulse * period - emission
        time = emission + flight * sample / monitor
        seen = int(np.count_nonzero((elastic >= time) & (elastic < time + period)))
        if best is None or seen > best.arcs:
            best = FirstArrival(float(time), float(gap), seen)
    return best


def _longest(empty: NDArray[np.bool_]) -> tuple[int, int]:
    """Longest run of true bins on a circle: the first, and the one after the last."""
    if np.all(empty):
        return 0, empty.size
    twice = np.concatenate([[False], empty, empty, [False]]).astype(np.int8)
    change = np.diff(twice)
    starts, stops = np.flatnonzero(change == 1), np.flatnonzero(change == -1)
    best = int(np.argmax(stops - starts))
    first = int(starts[best]) % empty.size
    return first, first + int(stops[best] - starts[best])
