"""Polarization factor of a partly polarized beam."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from ewaldite.errors import UserError
from ewaldite.model.experiment import FloatArray


def polarization_axis(s0: ArrayLike, normal: ArrayLike) -> FloatArray:
    """Direction perpendicular to the beam that is nearest to the given normal.

    Parameters
    ----------
    s0:
        Direction of the beam, of any length; dims (xyz), float64.
    normal:
        Normal of the polarization plane as the file gives it; dims (xyz), float64.

    Returns
    -------
    :
        The normal, made perpendicular to the beam and of unit length; dims (xyz), float64.

    Raises
    ------
    UserError
        If the normal is parallel to the beam or has no length.
    """
    beam = np.asarray(s0, dtype=np.float64)
    beam = beam / np.linalg.norm(beam)
    given = np.asarray(normal, dtype=np.float64)
    across = given - beam * np.dot(beam, given)
    length = np.linalg.norm(across)
    if not length > 1e-6 * np.linalg.norm(given):
        raise UserError(
            "correct for polarization",
            f"the polarization plane normal {given.tolist()} is parallel to the beam or zero",
            "It is the normal of the plane that holds beam and electric field, as (0, 1, 0).",
        )
    return np.asarray(across / length, dtype=np.float64)


def check_fraction(fraction: float | None) -> float:
    """Return a polarization fraction that is one.

    Parameters
    ----------
    fraction:
        Fraction of the intensity polarized in the plane, 0.5 for an unpolarized beam.

    Returns
    -------
    :
        The fraction.

    Raises
    ------
    UserError
        If it is missing or not between 0 and 1.
    """
    if fraction is None:
        raise UserError(
            "correct for polarization",
            "no file says how far the beam is polarized",
            "Give [corrections] polarization_fraction (0.99 is usual at a synchrotron, 0.5 is "
            "unpolarized), or switch the correction off with polarization = false.",
        )
    if not 0.0 <= fraction <= 1.0:
        raise UserError(
            "correct for polarization",
            f"polarization fraction {fraction}",
            "[corrections] polarization_fraction lies between 0 and 1 (0.5 is unpolarized).",
        )
    return fraction


def polarization_factor(
    s1: ArrayLike, s0: ArrayLike, fraction: float | None, normal: ArrayLike
) -> FloatArray:
    r"""Fraction of the scattering of free electrons left by the polarization of the beam.

    .. math::

        P = p\,(1 - (\hat s_1 \cdot e)^2) + (1 - p)\,(1 - (\hat s_1 \cdot n)^2), \quad
        e = n \times \hat s_0

    with n of unit length and perpendicular to the beam (Kahn et al., J. Appl. Cryst. 15 (1982)
    330; p as FRACTION_OF_POLARIZATION of XDS). It is a factor of the expected counts.

    Parameters
    ----------
    s1:
        Directions of the scattered rays, of any length; dims (..., xyz), float64.
    s0:
        Direction of the beam, of any length; dims (xyz), float64.
    fraction:
        Fraction p of the intensity polarized in the plane with the given normal.
    normal:
        Normal of the polarization plane; made perpendicular to the beam; dims (xyz), float64.

    Returns
    -------
    :
        Polarization factor between 0 and 1; dims (...), dimensionless, float64.

    Raises
    ------
    UserError
        If the fraction is missing or not in [0, 1], or the normal is parallel to the beam.
    """
    p = check_fraction(fraction)
    axis = polarization_axis(s0, normal)
    beam = np.asarray(s0, dtype=np.float64)
    field = np.cross(axis, beam / np.linalg.norm(beam))
    rays = np.asarray(s1, dtype=np.float64)
    unit = rays / np.linalg.norm(rays, axis=-1, keepdims=True)
    along_field, along_axis = unit @ field, unit @ axis
    return np.asarray(p * (1.0 - along_field**2) + (1.0 - p) * (1.0 - along_axis**2))
