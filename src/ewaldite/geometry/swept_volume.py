"""Volume of reciprocal space that a pixel sweeps during a frame."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from ewaldite.model.experiment import FloatArray


def sweep_vector(s0: ArrayLike, axis: ArrayLike, degrees: float) -> FloatArray:
    r"""Vector whose product with a unit ray is the volume swept per steradian.

    .. math:: v = (m \times s_0)\, |s_0|^2\, \Delta\phi

    Parameters
    ----------
    s0:
        Incident wavevector; dims (xyz), 1/Å, float64.
    axis:
        Direction of the spindle, of any length; dims (xyz), float64.
    degrees:
        Angle swept by the frame, degrees.

    Returns
    -------
    :
        dims (xyz), 1/Å³ per sr, float64.
    """
    incident = np.asarray(s0, dtype=np.float64)
    spindle = np.asarray(axis, dtype=np.float64)
    turned = np.cross(spindle / np.linalg.norm(spindle), incident)
    return np.asarray(turned * np.dot(incident, incident) * np.deg2rad(degrees))


def swept_volume(
    s1: ArrayLike, s0: ArrayLike, axis: ArrayLike, degrees: float, solid_angle: ArrayLike
) -> FloatArray:
    r"""Volume of reciprocal space that a pixel sweeps during a frame.

    .. math:: d^3s = \frac{\Omega}{\lambda^2}\, |\hat s_1 \cdot (m \times s_0)|\, \Delta\phi

    The pixel's patch of the Ewald sphere has the area Ω/λ²; relative to the crystal it moves
    with m × s per radian, of which the part along its normal :math:`\hat s_1` counts
    (:math:`s_1 \cdot (m \times s_1) = 0`, so that s0 may stand for s). m is normalised here.

    Parameters
    ----------
    s1:
        Directions of the scattered rays, of any length; dims (..., xyz), float64.
    s0:
        Incident wavevector of length 1/λ; dims (xyz), 1/Å, float64.
    axis:
        Direction of the spindle, of any length; dims (xyz), float64.
    degrees:
        Angle swept by the frame, degrees.
    solid_angle:
        Solid angles of the pixels; dims (...), mrad², float64.

    Returns
    -------
    :
        Swept volume; dims (...), 1/Å³, float64.
    """
    rays = np.asarray(s1, dtype=np.float64)
    unit = rays / np.linalg.norm(rays, axis=-1, keepdims=True)
    steradian = 1e-6 * np.asarray(solid_angle, dtype=np.float64)
    return np.asarray(steradian * np.abs(unit @ sweep_vector(s0, axis, degrees)))
