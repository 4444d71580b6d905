"""Counts of an image in 16 bits, where larger ones need not be told apart."""

from __future__ import annotations

from typing import Any

import numba
import numpy as np
from numpy.typing import NDArray

#: What stands for a pixel without a count.
NO_COUNT = -1


@numba.njit(nogil=True, cache=True)
def clip(
    image: NDArray[Any], markers: NDArray[np.int64], top: int, out: NDArray[np.int16]
) -> None:
    """Copy counts up to a largest one.

    Parameters
    ----------
    image:
        Counts; dims (pixel), any integer type; negative ones are none.
    markers:
        Values that say that there is no count either; dims (marker).
    top:
        Counts above it are taken for it; below 32768.
    out:
        Output, :data:`NO_COUNT` where there is no count; dims (pixel), int16.
    """
    for p in range(image.size):
        c = int(np.int64(image[p]))
        for marker in markers:
            if c == marker:
                c = NO_COUNT
        out[p] = max(min(c, top), NO_COUNT)
