"""Frames cut into parts, among which their counts are dealt out."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ewaldite.diffuse.count import Limits
from ewaldite.kernels.tally import BELOW_MARK
from ewaldite.model.experiment import FloatArray


def parts_of_frames(
    frames: Iterable[NDArray[Any]],
    position: FloatArray,
    limits: Sequence[Limits],
    parts: int,
    rng: Callable[[int], np.random.Generator],
) -> Iterator[NDArray[Any]]:
    """Share the counts of every frame out over its parts by a multinomial draw.

    The parts of a Poisson variable drawn so are Poisson and independent; what is no count
    stays what it is in every part.

    Parameters
    ----------
    frames:
        Images; dims (slow, fast), counts.
    position:
        Their positions in the scan; dims (frame).
    limits:
        Which of their values are counts; one a frame.
    parts:
        Parts of a frame.
    rng:
        Generator for a frame, by position.

    Yields
    ------
    :
        Parts in order; dims (slow, fast), int64; values below the floor are called
        :data:`~ewaldite.kernels.tally.BELOW_MARK`.
    """
    for image, at, limit in zip(frames, position, limits, strict=True):
        generator = rng(int(at))
        left = np.array(image, dtype=np.int64)
        count = (left >= limit.floor) & (left < limit.ceiling)
        # Parts of a valid count may be smaller than the floor, and are valid
        left[(left >= 0) & (left < limit.floor)] = BELOW_MARK
        for part in range(parts, 1, -1):
            drawn = left.copy()
            drawn[count] = generator.binomial(left[count], 1.0 / part)
            left[count] -= drawn[count]
            yield drawn
        yield left
