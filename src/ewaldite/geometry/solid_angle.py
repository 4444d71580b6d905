"""Solid angle of a pixel."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from ewaldite.model.experiment import FloatArray


def solid_angle(
    pixel_size: tuple[float, float], distance: ArrayLike, cosine: ArrayLike
) -> FloatArray:
    r"""Solid angle of a small flat pixel seen from the sample.

    .. math:: \Omega = 10^6\, p_f\, p_s \cos w / d^2

    Parameters
    ----------
    pixel_size:
        (fast, slow), mm.
    distance:
        Distance d from the sample to the pixel; dims (...), mm, float64.
    cosine:
        Cosine of the angle w between ray and normal; dims (...), dimensionless, float64.

    Returns
    -------
    :
        Solid angle; dims (...), mrad², float64.
    """
    length = np.asarray(distance, dtype=np.float64)
    area = 1e6 * pixel_size[0] * pixel_size[1]
    return np.asarray(area * np.asarray(cosine, dtype=np.float64) / length**2)
