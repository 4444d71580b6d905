"""LZ4 blocks.

Format: the LZ4 block format description (lz4 project). Nothing outside the arrays is ever read
or written, whatever the bytes are: damage is noticed, or, where it leaves the sequences valid,
gives other bytes, for there is no checksum.
"""

from __future__ import annotations

from typing import Any

import numba
import numpy as np
from numpy.typing import NDArray

Bytes = NDArray[np.uint8]


@numba.njit(nogil=True, cache=True, inline="always")
def _byte(data: Bytes, at: int) -> Any:
    # Signed: an unsigned number and an index would add up to a float
    return np.int64(data[at])


@numba.njit(nogil=True, cache=True)
def _length(data: Bytes, at: int, end: int, nibble: int) -> tuple[int, int]:
    """Length that a half byte begins, and where it ends; beyond the end if it is cut."""
    if nibble < 15:
        return nibble, at
    while at < end:
        more = _byte(data, at)
        at += 1
        nibble += more
        if more < 255:
            return nibble, at
    return 0, end + 1


@numba.njit(nogil=True, cache=True)
def _copy(source: Bytes, target: Bytes) -> None:
    for i in range(target.size):
        target[i] = source[i]


@numba.njit(nogil=True, cache=True)
def _copy_match(out: Bytes, made: int, back: int, n: int) -> None:
    """Repeat what lies ``back`` bytes behind, which may overlap what is written.

    In pieces that do not overlap, so that many bytes are moved at a time: each piece doubles
    what repeats.
    """
    end = made + n
    while made < end:
        k = min(back, end - made)
        _copy(out[made - back : made - back + k], out[made : made + k])
        made += k
        back += k


@numba.njit(nogil=True, cache=True)
def decode_block(data: Bytes, at: int, end: int, out: Bytes, size: int) -> bool:
    """Decompress one block.

    Parameters
    ----------
    data:
        Compressed bytes; dims (byte), uint8.
    at, end:
        Where the block lies in them.
    out:
        The block; dims (size or more), uint8; is filled.
    size:
        Bytes that it must decompress to.

    Returns
    -------
    :
        Whether it did.
    """
    made = 0
    while at < end:
        token = _byte(data, at)
        literals, at = _length(data, at + 1, end, token >> 4)
        if at + literals > end or made + literals > size:
            return False
        _copy(data[at : at + literals], out[made : made + literals])
        at += literals
        made += literals
        if made == size:
            return at == end
        if at + 2 > end:
            return False
        back = _byte(data, at) + 256 * _byte(data, at + 1)
        n, at = _length(data, at + 2, end, token & 15)
        n += 4
        if at > end or back == 0 or back > made or made + n > size:
            return False
        _copy_match(out, made, back, n)
        made += n
    return False
