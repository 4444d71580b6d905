"""Lorentz factor of the rotation method."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from ewaldite.model.experiment import FloatArray

_BLIND = 1e-12


def lorentz_factor(s1: ArrayLike, s0: ArrayLike, axis: ArrayLike) -> FloatArray:
    r"""Lorentz factor of a reflection that a rotation carries through the Ewald sphere.

    .. math:: L = \frac{|s_1| |s_0|}{|m \cdot (s_1 \times s_0)|}

    with m the unit vector of the spindle (Milch & Minor, J. Appl. Cryst. 7 (1974) 502; Kabsch,
    J. Appl. Cryst. 21 (1988) 916). The integrated counts of a reflection are proportional to L,
    and 1 / L times solid angle over λ³ and the angle is the swept volume
    (`ewaldite.geometry.swept_volume`).

    Parameters
    ----------
    s1:
        Wavevectors of the scattered rays; dims (..., xyz), 1/Å, float64.
    s0:
        Incident wavevector; dims (xyz), 1/Å, float64.
    axis:
        Direction of the spindle, of any length; dims (xyz), float64.

    Returns
    -------
    :
        Lorentz factor, at least 1, infinite (above 1e12) in the plane of spindle and beam;
        dims (...), dimensionless, float64.
    """
    rays = np.asarray(s1, dtype=np.float64)
    incident = np.asarray(s0, dtype=np.float64)
    spindle = np.asarray(axis, dtype=np.float64)
    # m · (s1 × s0) = s1 · (s0 × m)
    rate = np.abs(rays @ np.cross(incident, spindle / np.linalg.norm(spindle)))
    product = np.linalg.norm(rays, axis=-1) * np.linalg.norm(incident)
    factor = np.full(np.shape(rate), np.inf)
    np.divide(product, rate, out=factor, where=rate > _BLIND * product)
    return factor
