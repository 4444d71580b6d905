"""Byte-offset compression of images, as CBF files have it.

A count is stored as its difference from the one before, in one byte; where that does not fit,
the smallest number of the byte says that two follow, the smallest number of these four, and so
on to eight, all little-endian (CBFlib manual, section 3.3.3; the scheme is A. Hammersley's).
"""

from __future__ import annotations

from typing import Any

import numba
import numpy as np
from numpy.typing import NDArray

#: What is wrong with a stream: it ends too early; a count does not fit.
TOO_SHORT, NO_FIT = -1, -2

# Pixels that are decoded together where all differences are single bytes
_BLOCK = 16
_WIDE = np.uint8(0x80)


@numba.njit(nogil=True, cache=True)
def _difference(stream: NDArray[np.uint8], at: int) -> tuple[np.int64, int]:
    """One difference and where the next one begins, beyond the end if this one is cut."""
    size = 1
    while True:
        end = at + size
        if end > stream.size:
            return np.int64(0), end
        value = np.uint64(0)
        for i in range(size):
            value |= np.uint64(stream[at + i]) << np.uint64(8 * i)
        smallest = np.uint64(1) << np.uint64(8 * size - 1)
        if value != smallest or size == 8:
            # Two's complement of so many bytes
            return np.int64((value ^ smallest) - smallest), end
        at, size = end, 2 * size


@numba.njit(nogil=True, cache=True)
def decode(stream: NDArray[np.uint8], low: int, high: int, out: NDArray[Any]) -> int:
    """Decode an image.

    Parameters
    ----------
    stream:
        The compressed bytes; dims (byte), uint8.
    low, high:
        Smallest and largest count that is one, both in the type of ``out``.
    out:
        The counts; dims (pixel), any integer type; is filled.

    Returns
    -------
    :
        Number of bytes that were read, or what is wrong.
    """
    value = np.int64(0)
    at, pixel = 0, 0
    # In a block of single bytes no count can leave the range unnoticed
    safe_low, safe_high = low + 128 * _BLOCK, high - 128 * _BLOCK
    while pixel < out.size:
        if (
            pixel + _BLOCK <= out.size
            and at + _BLOCK <= stream.size
            and safe_low <= value <= safe_high
        ):
            source, target, wide = np.uint64(at), np.uint64(pixel), np.uint8(0)
            for j in range(_BLOCK):
                wide |= np.uint8(stream[source + np.uint64(j)] == _WIDE)
            if wide == 0:
                for j in range(_BLOCK):
                    value += np.int64(np.int8(stream[source + np.uint64(j)]))
                    out[target + np.uint64(j)] = value
                at += _BLOCK
                pixel += _BLOCK
                continue
        for _ in range(min(_BLOCK, out.size - pixel)):
            step, at = _difference(stream, at)
            if at > stream.size:
                return TOO_SHORT
            value += step
            if value < low or value > high:
                return NO_FIT
            out[pixel] = value
            pixel += 1
    return at
