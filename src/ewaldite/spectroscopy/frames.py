"""Which pulse a neutron came from: frames of the source, unwrapped at the sample."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import pairwise

import numpy as np

from ewaldite.model.experiment import FloatArray

#: Of the ESS, 14 pulses a second; s.
PULSE_PERIOD = 1.0 / 14.0


def _none() -> FloatArray:
    return np.zeros((0, 2))


@dataclass(frozen=True)
class Frames:
    """How times at the sample are unwrapped.

    A time t that is known up to multiples of T becomes the one in [earliest, earliest + T).

    Attributes
    ----------
    earliest:
        From the pulse, s.
    period:
        T, s.
    ambiguous:
        Intervals in which that choice may be wrong: a neutron of another frame is allowed then;
        dims (interval, 2), s.
    forbidden:
        Intervals in which no neutron of any frame is allowed; dims (interval, 2), s.
    """

    earliest: float
    period: float = PULSE_PERIOD
    ambiguous: FloatArray = field(default_factory=_none)
    forbidden: FloatArray = field(default_factory=_none)


def frames_of(
    allowed: Sequence[tuple[float, float]],
    *,
    period: float = PULSE_PERIOD,
    earliest: float | None = None,
) -> Frames:
    """Choose the frame from the times at which neutrons are allowed at the sample.

    Parameters
    ----------
    allowed:
        First and last time of each interval, width of the emission included; s.
    period:
        s.
    earliest:
        Beginning of the frame; by default that of the interval from which the frame holds most
        of what is allowed.

    Returns
    -------
    :
        The frame, with what is ambiguous and forbidden in it.
    """
    spans = _merged(allowed)
    start = earliest
    if start is None:
        held = [_overlap(spans, low, low + period) for low, _ in spans]
        start = spans[int(np.argmax(held))][0]
    folded = np.mod(np.array(spans).ravel() - start, period) + start
    edges = np.unique(np.concatenate([folded, [start, start + period]]))
    ambiguous, forbidden = [], []
    reach = int(np.ceil((spans[-1][1] - spans[0][0]) / period)) + 2
    for low, high in pairwise(edges):
        middle = (low + high) / 2.0
        here = _holds(spans, middle)
        elsewhere = any(
            _holds(spans, middle + n * period) for n in range(-reach, reach + 1) if n
        )
        if elsewhere:
            ambiguous.append((low, high))
        elif not here:
            forbidden.append((low, high))
    return Frames(start, period, _pairs(ambiguous), _pairs(forbidden))


def unwrapped(time: FloatArray, frames: Frames) -> FloatArray:
    """Times at the sample in the frame.

    Parameters
    ----------
    time:
        Up to multiples of the period; dims (event), s.
    frames:
        The frame.

    Returns
    -------
    :
        In [earliest, earliest + period); dims (event), s.
    """
    return np.asarray(np.mod(time - frames.earliest, frames.period) + frames.earliest)


def _merged(spans: Sequence[tuple[float, float]]) -> list[tuple[float, float]]:
    merged: list[tuple[float, float]] = []
    for low, high in sorted(spans):
        if merged and low <= merged[-1][1]:
            merged[-1] = (merged[-1][0], max(merged[-1][1], high))
        else:
            merged.append((low, high))
    return merged


def _overlap(spans: Sequence[tuple[float, float]], low: float, high: float) -> float:
    return sum(max(min(b, high) - max(a, low), 0.0) for a, b in spans)


def _holds(spans: Sequence[tuple[float, float]], time: float) -> bool:
    return any(low <= time <= high for low, high in spans)


def _pairs(spans: list[tuple[float, float]]) -> FloatArray:
    return np.array(_merged(spans), dtype=np.float64).reshape(-1, 2)
