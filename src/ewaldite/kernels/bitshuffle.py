"""Bits of elements that were sorted by their place, put together again.

Bitshuffle (K. Masui et al., Astronomy and Computing 12, 181, 2015) stores the lowest bits of
all elements of a block, then all next ones, and so on: of small counts most of a block is zero.
Chunks as filter 32008 of HDF5 with LZ4 stores them, https://github.com/HDFGroup/hdf5_plugins.
"""

from __future__ import annotations

from typing import Any

import numba
import numpy as np
from numpy.typing import NDArray

from ewaldite.kernels.lz4 import Bytes, decode_block

# Groups of eight elements are transposed; what is left over is stored as it is.
_GROUP = 8
_STEPS = (
    (np.uint64(7), np.uint64(0x00AA00AA00AA00AA)),
    (np.uint64(14), np.uint64(0x0000CCCC0000CCCC)),
    (np.uint64(28), np.uint64(0x00000000F0F0F0F0)),
)


@numba.njit(nogil=True, cache=True)
def _any(data: Bytes) -> bool:
    found = np.uint8(0)
    for i in range(data.size):
        found |= data[i]
    return bool(found != 0)


@numba.njit(nogil=True, cache=True)
def _bytes_of(rows: Bytes, out: NDArray[np.uint64]) -> None:
    """Byte of eight elements each from eight rows with one bit of it of all elements.

    A matrix of 8 x 8 bits is transposed by swapping ever larger blocks (H. S. Warren, Hacker's
    Delight, section 7-3).
    """
    n = out.size
    for i in range(n):
        x = np.uint64(0)
        for bit in range(8):
            x |= np.uint64(rows[bit * n + i]) << np.uint64(8 * bit)
        for shift, mask in numba.literal_unroll(_STEPS):
            t = (x ^ (x >> shift)) & mask
            x ^= t ^ (t << shift)
        out[i] = x


@numba.njit(nogil=True, cache=True)
def unshuffle(shuffled: Bytes, scratch: NDArray[np.uint64], out: NDArray[Any]) -> None:
    """Put the elements of a block together.

    Parameters
    ----------
    shuffled:
        Bits by place, lowest byte first; dims (byte), as many as of ``out``.
    scratch:
        dims (element / 8 or more).
    out:
        The elements, a multiple of eight; dims (element), unsigned; is filled.
    """
    eighth = out.size // 8
    part = scratch[:eighth]
    single = part.view(np.uint8)
    out[:] = 0
    for byte in range(out.itemsize):
        rows = shuffled[8 * byte * eighth : 8 * (byte + 1) * eighth]
        if not _any(rows):
            continue
        _bytes_of(rows, part)
        shift = 8 * byte
        for e in range(out.size):
            out[e] |= single[e] << shift


@numba.njit(nogil=True, cache=True)
def _big_endian(data: Bytes, at: int, size: int) -> Any:
    value = np.int64(0)
    for i in range(size):
        value = (value << 8) | np.int64(data[at + i])
    return value


@numba.njit(nogil=True, cache=True)
def decode_chunk(chunk: Bytes, out: NDArray[Any]) -> bool:
    """Decompress a chunk of an HDF5 file.

    Parameters
    ----------
    chunk:
        As stored: size of the whole (8 bytes) and of a block (4 bytes), then every block with
        its compressed size (4 bytes) in front, all big-endian; dims (byte), uint8.
    out:
        Elements, little-endian as the machine is; dims (element), unsigned; is filled.

    Returns
    -------
    :
        Whether the chunk is a whole series of sound blocks of that size.
    """
    flat = out.view(np.uint8)
    if chunk.size < 12 or _big_endian(chunk, 0, 8) != flat.size:
        return False
    block, at, made = _big_endian(chunk, 8, 4), 12, 0
    group = _GROUP * out.itemsize
    whole = flat.size - flat.size % group
    if block <= 0 or block % group != 0:
        return False
    shuffled = np.empty(min(block, whole), np.uint8)
    scratch = np.empty(shuffled.size // group, np.uint64)
    while made < whole:
        if at + 4 > chunk.size:
            return False
        end = at + 4 + _big_endian(chunk, at, 4)
        size = min(block, whole - made)
        if end > chunk.size or not decode_block(chunk, at + 4, end, shuffled, size):
            return False
        first = made // out.itemsize
        unshuffle(shuffled[:size], scratch, out[first : first + size // out.itemsize])
        at = end
        made += size
    if at + flat.size - whole != chunk.size:
        return False
    flat[whole:] = chunk[at:]
    return True
