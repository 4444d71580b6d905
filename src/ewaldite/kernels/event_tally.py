"""How many events every pixel counted, and how many each mask leaves out."""

from __future__ import annotations

import numba
import numpy as np
from numpy.typing import NDArray

IntArray = NDArray[np.int64]

KEPT, REJECTED = 0, 1  # columns of the pixels
BITS = 32


@numba.njit(nogil=True, cache=True)
def tally_events(
    row: NDArray[np.int32], flags: NDArray[np.uint32], pixels: IntArray, masks: IntArray
) -> int:
    """Add events to ``pixels`` and ``masks``; returns how many are of no pixel.

    Parameters
    ----------
    row:
        Row of the pixel, negative for none; dims (event).
    flags:
        Masks by bit; dims (event).
    pixels:
        Events without a mask and with one, grows; dims (row, 2).
    masks:
        Events of each mask, grows; dims (32).
    """
    nowhere = 0
    for i in range(row.size):
        flag = flags[i]
        if row[i] < 0:
            nowhere += 1
        elif flag == 0:
            pixels[row[i], KEPT] += 1
        else:
            pixels[row[i], REJECTED] += 1
        if flag != 0:
            for bit in range(BITS):
                if (flag >> np.uint32(bit)) & np.uint32(1):
                    masks[bit] += 1
    return nowhere
