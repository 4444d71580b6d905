"""Masks of wedges, joined with those of their neighbours."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from ewaldite.kernels.neighbours import pack_all

IndexMask = tuple[NDArray[np.int64], NDArray[np.bool_]]


def refine_masks(wedges: Sequence[IndexMask]) -> list[NDArray[np.bool_]]:
    """Join the mask of every wedge with those of the wedges before and after it.

    A peak that one wedge cuts is stronger in the next one; on the voxels that they share, what
    either neighbour masks is masked. The unrefined masks are joined, so that nothing travels
    farther than one wedge.

    Parameters
    ----------
    wedges:
        In order, for each the voxel indices, dims (voxel, 3), int64, distinct and in any order,
        and whether the voxel is an outlier, dims (voxel,), bool.

    Returns
    -------
    :
        One mask a wedge, in the order of its own voxels; dims (voxel,), bool.
    """
    keys = [pack_all(np.ascontiguousarray(index, dtype=np.int64)) for index, _ in wedges]
    masked = [key[mask] for key, (_, mask) in zip(keys, wedges, strict=True)]
    refined = []
    for j, (_, mask) in enumerate(wedges):
        out = mask.copy()
        for other in (j - 1, j + 1):
            if 0 <= other < len(wedges):
                out |= np.isin(keys[j], masked[other])
        refined.append(out)
    return refined
