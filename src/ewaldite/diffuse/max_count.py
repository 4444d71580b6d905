"""The largest count of the histograms, from a few images."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import gammainc

from ewaldite.errors import UserError
from ewaldite.kernels.block_median import largest_block_median

LEAST = 20
# A histogram takes 4 bytes a count and voxel: 1 kB a voxel at this cap, 300 MB for 300 000.
CAP = 255
_BLOCK = 10
# A feature of the background narrower than a block may be this much higher than its median.
_MARGIN = 1.5
# One false overflow is allowed in so many voxels ...
_VOXELS = 1e4
# ... of so many (pixel, frame) pairs.
_PAIRS = 1e3


def background_level(images: NDArray[Any], good: NDArray[np.bool_]) -> float:
    """Largest local background of some images, blind to peaks.

    The median of the counts in blocks of 10 × 10 pixels of all images together; of these, the
    largest. Blocks with less than a quarter of good pixels take no part.

    Parameters
    ----------
    images:
        Counts; dims (frame, slow, fast), any integer type; negative counts are bad.
    good:
        Pixels that take part; dims (slow, fast), bool.

    Returns
    -------
    :
        counts per pixel; 0 where no block has good pixels.
    """
    # Nothing beyond twice the cap needs to be told apart
    return float(largest_block_median(np.ascontiguousarray(images), good, _BLOCK, 2 * CAP))


def automatic_max_count(images: NDArray[Any], good: NDArray[np.bool_]) -> int:
    """Largest count that the background may show, so that what is above it is a peak.

    The smallest c for which P(X > c) · 1000 < 1e-4, X being Poisson with 1.5 times the largest
    local background (plus half a count, which a median cannot see): of voxels of 1000
    (pixel, frame) pairs fewer than one in 10 000 is masked by chance. At least 20; at most 255,
    for the histogram of 300 000 voxels takes 300 MB then.

    Parameters
    ----------
    images:
        A few frames from all over the sweep; dims (frame, slow, fast), counts.
    good:
        Pixels that take part; dims (slow, fast), bool.

    Returns
    -------
    :
        20 … 255.

    Raises
    ------
    UserError
        Where the background is so high that 255 would mask it.
    """
    level = background_level(images, good)
    mean = _MARGIN * (level + 0.5)
    count = np.arange(LEAST, CAP + 1)
    # P(X > c) = P(c + 1, mean), the regularised lower incomplete gamma function
    enough = gammainc(count + 1.0, mean) * _PAIRS * _VOXELS < 1.0
    if not enough.any():
        raise UserError(
            "choose the largest count of the filter's histograms",
            f"the background reaches {level:.0f} counts a pixel, and its chance counts exceed "
            f"{CAP}, the largest histogram that is made",
            'Set filter.method = "robust", or set filter.max_count.',
        )
    return int(count[enough][0])
