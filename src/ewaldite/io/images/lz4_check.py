"""Whether an LZ4 chunk of an HDF5 file can be decompressed without harm.

The HDF5 plugins trust their input: a damaged chunk makes them read and write outside their
buffers and ends the process. So the tokens are walked first, which costs a fraction of the
decompression.

Formats: the LZ4 block format description (lz4 project); HDF5 filters 32004 (LZ4) and 32008
(bitshuffle), https://github.com/HDFGroup/hdf5_plugins. Neither has a checksum: damage that
leaves the sequences valid stays unseen.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import product
from typing import Any

import h5py
import numba
import numpy as np
from numpy.typing import NDArray

LZ4, BITSHUFFLE = 32004, 32008
BITSHUFFLE_LZ4 = 2
# Uncompressed size and block size, both big-endian.
HEADER = np.dtype([("size", ">u8"), ("block", ">u4")])
# Bitshuffle transposes groups of eight elements; what is left over is stored as it is.
GROUP = 8


def damaged_chunk(dataset: h5py.Dataset, index: int) -> bool:
    """Return whether a frame has an LZ4 chunk that would not decompress cleanly.

    Parameters
    ----------
    dataset:
        Images; dims (frame, slow, fast).
    index:
        Index of the frame.

    Returns
    -------
    :
        False for everything that is not LZ4: other filters check their input themselves.
    """
    plist = dataset.id.get_create_plist()
    if dataset.chunks is None or dataset.ndim != 3 or plist.get_nfilters() != 1:
        return False
    code, _, options, _ = plist.get_filter(0)
    shuffled = code == BITSHUFFLE and len(options) > 4 and options[4] == BITSHUFFLE_LZ4
    if not shuffled and code != LZ4:
        return False
    size = int(np.prod(dataset.chunks)) * dataset.dtype.itemsize
    group = GROUP * dataset.dtype.itemsize if shuffled else 0
    return not all(sound_chunk(chunk, size, group) for chunk in _chunks(dataset, index))


def sound_chunk(chunk: bytes, size: int, group: int) -> bool:
    """Return whether a chunk is a whole series of valid LZ4 blocks.

    Parameters
    ----------
    chunk:
        Bytes of the chunk as stored.
    size:
        Number of bytes that it should decompress to.
    group:
        Bytes of eight elements for bitshuffle, 0 for plain LZ4.
    """
    if len(chunk) < HEADER.itemsize:
        return False
    header = np.frombuffer(chunk, HEADER, count=1)[0]
    block = int(header["block"])
    if int(header["size"]) != size or block == 0 or (group and block % group):
        return False
    body = np.frombuffer(chunk, np.uint8, offset=HEADER.itemsize)
    return bool(_walk_blocks(body, size, block, group))


def _chunks(dataset: h5py.Dataset, index: int) -> Iterator[bytes]:
    frames, slow, fast = dataset.chunks
    steps = range(0, dataset.shape[1], slow), range(0, dataset.shape[2], fast)
    for y, x in product(*steps):
        yield dataset.id.read_direct_chunk((index // frames * frames, y, x))[1]


def _walk_blocks(body: NDArray[np.uint8], size: int, block: int, group: int) -> bool:
    """Walk blocks of 4 bytes of length (big-endian) and as many of LZ4 data."""
    raw = size % group if group > 0 else 0
    at, left = 0, size - raw
    while left > 0:
        if at + 4 > body.size:
            return False
        length = 0
        for k in range(4):
            length = length * 256 + int(body[at + k])
        at += 4
        out = min(block, left)
        if length == 0 or at + length > body.size:
            return False
        # Plain LZ4 stores a block that would grow as it is.
        stored = group == 0 and length == out
        if not stored and not _walk_tokens(body[at : at + length], out):
            return False
        at += length
        left -= out
    return at + raw == body.size


def _walk_tokens(data: NDArray[np.uint8], out: int) -> bool:
    """Walk the sequences of one LZ4 block: literals, then a match copied from behind."""
    at, made = 0, 0
    while at < data.size:
        token = int(data[at])
        at += 1
        literals = token >> 4
        if literals == 15:
            more = 255
            while more == 255:
                if at >= data.size:
                    return False
                more = int(data[at])
                at += 1
                literals += more
        at += literals
        made += literals
        if made > out or at > data.size:
            return False
        if made == out:
            return at == data.size
        if at + 2 > data.size:
            return False
        back = int(data[at]) + 256 * int(data[at + 1])
        at += 2
        match = (token & 15) + 4
        if token & 15 == 15:
            more = 255
            while more == 255:
                if at >= data.size:
                    return False
                more = int(data[at])
                at += 1
                match += more
        made += match
        if back == 0 or back > made - match or made > out:
            return False
    return False


_compile: Any = numba.njit(nogil=True, cache=True)
_walk_tokens = _compile(_walk_tokens)
_walk_blocks = _compile(_walk_blocks)
