"""Frames of an HDF5 file that are decompressed here, beside HDF5 instead of in it.

HDF5 decompresses one chunk at a time, whatever the number of threads, and its plugins trust
their input. Bitshuffle with LZ4, which detectors write, is decoded by kernels of our own from
the chunk as it is stored: in any number of threads, in less time, and without harm where it is
damaged.
"""

from __future__ import annotations

import sys

import h5py
import numpy as np
from numpy.typing import NDArray

from ewaldite.io.images.lz4_check import BITSHUFFLE, BITSHUFFLE_LZ4
from ewaldite.io.images.series import Image, room_for
from ewaldite.kernels.bitshuffle import decode_chunk


def stored_chunk(dataset: h5py.Dataset, index: int) -> bytes | None:
    """Return a frame as it is stored, if it is to be decoded by :func:`decoded`.

    Parameters
    ----------
    dataset:
        Images; dims (frame, slow, fast).
    index:
        Index of the frame.

    Returns
    -------
    :
        The chunk; None where a frame is not one chunk of integers, bitshuffled and compressed
        with LZ4 and nothing else.
    """
    if dataset.ndim != 3 or dataset.chunks != (1, *dataset.shape[1:]):
        return None
    order = {"<": "little", ">": "big"}.get(dataset.dtype.byteorder, sys.byteorder)
    if dataset.dtype.kind not in "iu" or order != "little" or sys.byteorder != "little":
        return None
    filters = dataset.id.get_create_plist()
    if filters.get_nfilters() != 1:
        return None
    code, _, options, _ = filters.get_filter(0)
    if code != BITSHUFFLE or len(options) < 5 or options[4] != BITSHUFFLE_LZ4:
        return None
    if dataset.id.get_chunk_info_by_coord((index, 0, 0)).filter_mask:
        return None
    return bytes(dataset.id.read_direct_chunk((index, 0, 0))[1])


def decoded(
    chunk: bytes,
    shape: tuple[int, int],
    dtype: np.dtype[np.integer],
    out: Image | None = None,
) -> Image | None:
    """Decode what :func:`stored_chunk` gave.

    Parameters
    ----------
    chunk:
        The chunk.
    shape:
        (slow, fast).
    dtype:
        Of the counts.
    out:
        Is used for the image if it is one of that kind.

    Returns
    -------
    :
        dims (slow, fast), counts; None where the chunk is damaged.
    """
    image = room_for(shape, dtype.newbyteorder("="), out)
    unsigned: NDArray[np.unsignedinteger] = image.reshape(-1).view(f"u{dtype.itemsize}")
    sound = decode_chunk(np.frombuffer(chunk, np.uint8), unsigned)
    return image if sound else None
