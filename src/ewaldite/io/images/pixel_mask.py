"""The ``pixel_mask`` of NXmx: one named mask per bit, and any bit excludes.

Meaning of the bits: NeXus base class NXdetector, field ``pixel_mask``.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import h5py
import numpy as np
from numpy.typing import NDArray

from ewaldite.errors import UserError
from ewaldite.io.images.series import BoolArray

_NAME = re.compile(r"pixel_mask(_\d+)?")
BITS: Mapping[int, str] = {
    0: "gap",
    1: "dead",
    2: "under-responding",
    3: "over-responding",
    4: "noisy",
    6: "cluster of problematic pixels",
    8: "user-defined",
    31: "virtual pixel",
}


def split_bits(mask: NDArray[np.integer[Any]]) -> dict[str, BoolArray]:
    """Return one mask per bit that any pixel has.

    Parameters
    ----------
    mask:
        Bit field; any dims, integer.

    Returns
    -------
    :
        Masks named like ``"pixel_mask gap (bit 0)"``, True where excluded, in order of the
        bits; the same dims.
    """
    # Seen as unsigned, so that bit 31 of a signed file is no minus sign.
    field = mask.astype(mask.dtype.newbyteorder("="), copy=False)
    field = field.view(f"u{field.dtype.itemsize}")
    present = int(np.bitwise_or.reduce(field, axis=None)) if field.size else 0
    masks: dict[str, BoolArray] = {}
    for bit in range(8 * field.dtype.itemsize):
        if present >> bit & 1:
            name = f"pixel_mask {BITS.get(bit, 'undefined')} (bit {bit})"
            masks[name] = (field >> field.dtype.type(bit)) & field.dtype.type(1) != 0
    return masks


def read_pixel_masks(
    detector: h5py.Group | None, shape: tuple[int, int]
) -> dict[str, BoolArray]:
    """Return the masks of a detector by name; {} where it has none.

    All of ``pixel_mask``, ``pixel_mask_1``, … count.

    Parameters
    ----------
    detector:
        The NXdetector.
    shape:
        (slow, fast) of the images.

    Raises
    ------
    UserError
        If the mask is behind a broken link or of another size than the images.
    """
    if detector is None:
        return {}
    masks: dict[str, BoolArray] = {}
    for place in (detector, detector.get("detectorSpecific")):
        names = sorted(place) if isinstance(place, h5py.Group) else []
        for name in filter(_NAME.fullmatch, names):
            for bit, mask in split_bits(_field(place, name, shape)).items():
                masks[bit] = masks[bit] | mask if bit in masks else mask
    return masks


def _field(group: h5py.Group, name: str, shape: tuple[int, int]) -> NDArray[np.integer[Any]]:
    found = group.get(name)
    where = f"read {group.name}/{name} in {group.file.filename}"
    if not isinstance(found, h5py.Dataset):
        remedy = "Put the file it links to beside the master file."
        raise UserError(where, "the link leads nowhere", remedy)
    mask = np.asarray(found[()])
    # Some writers keep a leading dimension of one.
    mask = mask.reshape(mask.shape[-2:]) if mask.size == np.prod(mask.shape[-2:]) else mask
    if mask.shape != shape or mask.dtype.kind not in "iu":
        raise UserError(
            where,
            f"the mask is {mask.dtype} of shape {mask.shape}, the images are {shape}",
            "Correct the file, or mask pixels by a mask file.",
        )
    return mask
