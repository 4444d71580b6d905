"""Step 3b: background images, matched to a wedge by spindle angle and summed."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ewaldite.diffuse.dead_time import DeadTime
from ewaldite.diffuse.mask import no_count
from ewaldite.model.experiment import FloatArray


@dataclass(frozen=True)
class CountRule:
    """Which values of background images are counts.

    Attributes
    ----------
    markers:
        Values that are no count.
    floor, ceiling:
        Counts below the one, and at or above the other, are none either.
    dead_time, time:
        What counts are corrected for, and the counting time of the images; dims (frame), s;
        None without a correction.
    """

    markers: Sequence[int]
    floor: int
    ceiling: int
    dead_time: DeadTime | None = None
    time: FloatArray | None = None

    def counts(self, image: NDArray[Any], i: int) -> tuple[FloatArray, NDArray[np.bool_]]:
        """Counts of the i-th image, 0 where there is none, and where there is none."""
        ceiling = self.ceiling
        if self.dead_time is not None and self.time is not None:
            ceiling = min(ceiling, self.dead_time.ceiling(float(self.time[i])))
        bad = no_count(image, self.markers, self.floor) | (image >= ceiling)
        counts = np.where(bad, 0, image).astype(np.float64)
        if self.dead_time is not None and self.time is not None:
            counts = self.dead_time.restored(counts, float(self.time[i]))
        return counts, bad


@dataclass(frozen=True)
class BackgroundSum:
    """Background images of a wedge, summed.

    Attributes
    ----------
    counts:
        dims (slow, fast), counts, float64.
    good:
        Pixels that gave a count in every image; dims (slow, fast), bool.
    exposure:
        Summed time times transmission and relative intensity of the beam, s.
    frames:
        Positions in the background series.
    """

    counts: FloatArray
    good: NDArray[np.bool_]
    exposure: float
    frames: tuple[int, ...]


def matching_frames(
    phi: FloatArray | None, width: FloatArray | None, count: int, low: float, high: float
) -> tuple[int, ...]:
    """Background frames that belong to a range of spindle angles.

    Parameters
    ----------
    phi, width:
        Middle and width of the background frames; dims (frame), degrees; None where unknown.
    count:
        Number of background frames.
    low, high:
        The range, degrees.

    Returns
    -------
    :
        Positions of the frames that overlap the range; without overlap the frames nearest to
        its middle; all frames where the angles are unknown.
    """
    if phi is None:
        return tuple(range(count))
    half = np.abs(width) / 2 if width is not None else np.zeros_like(phi)
    middle = (low + high) / 2
    # Angles that differ by whole turns are the same place
    turned = phi - 360.0 * np.round((phi - middle) / 360.0)
    tolerance = 1e-6
    overlap = (turned + half > low + tolerance) & (turned - half < high - tolerance)
    if np.any(overlap):
        return tuple(int(i) for i in np.flatnonzero(overlap))
    distance = np.abs(turned - middle)
    return tuple(int(i) for i in np.flatnonzero(distance <= distance.min() + tolerance))


def sum_background(
    read: Callable[[int], NDArray[Any]],
    frames: Sequence[int],
    exposure: FloatArray,
    rule: CountRule,
) -> BackgroundSum:
    """Sum background images.

    Parameters
    ----------
    read:
        Gives an image by position; dims (slow, fast), counts.
    frames:
        Positions to sum.
    exposure:
        Time times transmission and relative intensity of the beam; dims (frame), s.
    rule:
        What is a count.

    Returns
    -------
    :
        The sum.
    """
    counts: FloatArray | None = None
    good: NDArray[np.bool_] | None = None
    for i in frames:
        image = read(i)
        found, bad = rule.counts(image, i)
        if counts is None or good is None:
            counts, good = np.zeros(image.shape), np.ones(image.shape, dtype=bool)
        good &= ~bad
        counts += found
    if counts is None or good is None:
        raise ValueError("no background frame to sum")
    return BackgroundSum(counts, good, float(sum(exposure[i] for i in frames)), tuple(frames))


class BackgroundSource:
    """Background of the wedges of a sweep; neighbouring wedges share what they have in common.

    Parameters
    ----------
    read:
        Gives an image by position.
    phi, width:
        Angles of the background frames; dims (frame), degrees; None where unknown.
    exposure:
        Time times transmission and relative intensity of the beam; dims (frame), s.
    rule:
        What is a count.
    """

    def __init__(
        self,
        read: Callable[[int], NDArray[Any]],
        phi: FloatArray | None,
        width: FloatArray | None,
        exposure: FloatArray,
        rule: CountRule,
    ) -> None:
        self._phi, self._width, self._count = phi, width, exposure.size

        @lru_cache(maxsize=2)
        def summed(frames: tuple[int, ...]) -> BackgroundSum:
            return sum_background(read, frames, exposure, rule)

        self._summed = summed

    def of_range(self, low: float, high: float) -> BackgroundSum:
        """Background of a range of spindle angles, degrees."""
        return self._summed(matching_frames(self._phi, self._width, self._count, low, high))
