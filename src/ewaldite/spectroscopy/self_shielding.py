r"""How much of a sample's own scattering leaves it: cylinder and plate.

A neutron that scatters once at depth is attenuated on its way in and out,

.. math::

    A = \frac 1V \int e^{-\mu_i l_i(\mathbf r) - \mu_f l_f(\mathbf r)} \, dV,
    \qquad \mu = n \left(\sigma_s + \sigma_a \sqrt{E_0/E}\right),

the factor A_s,s of Paalman & Pings (J. Appl. Phys. 33 (1962) 2635). Multiple scattering is
not in it. Beams are in the horizontal plane, so that a vertical cylinder is a disc.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ewaldite.errors import UserError
from ewaldite.tables import vanadium

FloatArray = NDArray[np.float64]

_RADII, _TURNS = 24, 48
_BLOCK = 4096
_RIM = 360


@dataclass(frozen=True)
class Material:
    """What attenuates.

    Attributes
    ----------
    number_density:
        Atoms (or formula units) a cubic Å.
    scattering, absorption:
        Cross-sections of one, absorption at 2200 m/s; barn.
    """

    number_density: float
    scattering: float
    absorption: float

    def attenuation(self, energy: ArrayLike) -> FloatArray:
        """Attenuation coefficient μ; energy in meV, any dims; same dims, 1/mm, float64."""
        e = np.asarray(energy, dtype=np.float64)
        absorption = self.absorption * np.sqrt(vanadium.THERMAL_ENERGY / e)
        # 1 barn = 1e-8 Å², 1 mm = 1e7 Å
        return np.asarray(self.number_density * (self.scattering + absorption) * 0.1)


VANADIUM = Material(
    vanadium.NUMBER_DENSITY,
    vanadium.INCOHERENT + vanadium.COHERENT,
    vanadium.ABSORPTION,
)


def cylinder_shielding(
    radius: float,
    scattering_angle: ArrayLike,
    mu_in: ArrayLike,
    mu_out: ArrayLike,
) -> FloatArray:
    """Self-shielding of an upright cylinder, full of one material and wholly in the beam.

    The integral over the disc by Gauss' rule along r² and equal steps in angle; paths are
    ``l = -r·u + √(R² - |r × u|²)`` with u the direction away from the point.

    Parameters
    ----------
    radius:
        R, mm.
    scattering_angle:
        Between incident and scattered beam, in the plane; dims (pixel), degrees.
    mu_in, mu_out:
        Attenuation coefficient before and after; dims (pixel) or one number, 1/mm.

    Returns
    -------
    :
        A; dims (pixel), between 0 and 1, float64.

    Raises
    ------
    UserError
        If the radius is not positive.
    """
    if not radius > 0:
        raise UserError("correct for self-shielding", f"radius = {radius} mm", "Give one > 0.")
    angle = np.atleast_1d(np.deg2rad(np.asarray(scattering_angle, dtype=np.float64)))
    before = np.broadcast_to(np.asarray(mu_in, np.float64) * radius, angle.shape)
    after = np.broadcast_to(np.asarray(mu_out, np.float64) * radius, angle.shape)
    x, z, weight = _disc()
    path_in = z + np.sqrt(np.maximum(1.0 - x**2, 0.0))
    out = np.empty_like(angle)
    for first in range(0, angle.size, _BLOCK):
        part = slice(first, first + _BLOCK)
        s, c = np.sin(angle[part])[:, None], np.cos(angle[part])[:, None]
        along, across = x * s + z * c, x * c - z * s
        path_out = -along + np.sqrt(np.maximum(1.0 - across**2, 0.0))
        kept = np.exp(-before[part, None] * path_in - after[part, None] * path_out)
        out[part] = kept @ weight
    return out.reshape(np.shape(scattering_angle))


@lru_cache(maxsize=1)
def _disc() -> tuple[FloatArray, FloatArray, FloatArray]:
    """Points and weights of the mean over the unit disc."""
    node, weight = np.polynomial.legendre.leggauss(_RADII)
    r = np.sqrt((node + 1) / 2)
    turn = (np.arange(_TURNS) + 0.5) * 2 * np.pi / _TURNS
    x = (r[:, None] * np.sin(turn)).ravel()
    z = (r[:, None] * np.cos(turn)).ravel()
    return x, z, np.repeat(weight / 2 / _TURNS, _TURNS)


def plate_shielding(
    thickness: float,
    normal: float,
    scattering_angle: ArrayLike,
    mu_in: ArrayLike,
    mu_out: ArrayLike,
) -> FloatArray:
    r"""Self-shielding of a wide flat plate.

    With a = μ_i t/|cos α| and b = μ_f t/|cos β|, α and β the angles of the beams with the
    normal: :math:`A = (e^{-b} - e^{-a})/(a - b)` where the neutron leaves on the far side
    and :math:`(1 - e^{-(a+b)})/(a + b)` where it comes back.

    Parameters
    ----------
    thickness:
        t, mm.
    normal:
        Angle of the plate's normal with the incident beam, right-handed about +y; degrees.
    scattering_angle:
        About +y, with its sign; dims (pixel), degrees.
    mu_in, mu_out:
        As for :func:`cylinder_shielding`.

    Returns
    -------
    :
        A; dims (pixel), float64; 0 for a beam in the plane of the plate.

    Raises
    ------
    UserError
        If the thickness is not positive or the incident beam lies in the plate.
    """
    first = np.cos(np.deg2rad(normal))
    if not thickness > 0 or abs(first) < 1e-6:
        raise UserError(
            "correct for self-shielding",
            f"thickness = {thickness} mm, normal = {normal} degrees from the beam",
            "Give a thickness above 0 and a plate that the beam goes through.",
        )
    angle = np.asarray(scattering_angle, dtype=np.float64)
    second = np.cos(np.deg2rad(angle - normal))
    a = np.asarray(mu_in, np.float64) * thickness / abs(first) + np.zeros_like(angle)
    b = np.asarray(mu_out, np.float64) * thickness / np.maximum(np.abs(second), 1e-12)
    through = second * first > 0
    apart = np.where(through, a - b, a + b)
    near = np.where(through, np.exp(-b), 1.0)
    # (e^-b - e^-a)/(a - b) = e^-b (1 - e^-(a-b))/(a - b), which has a limit at a = b
    small = np.abs(apart) < 1e-9
    ratio = -np.expm1(-apart) / np.where(small, 1.0, apart)
    return np.asarray(near * np.where(small, 1.0, ratio))


def cylinder_transmission(
    radius: float, scattering_angle: ArrayLike, mu_in: ArrayLike, mu_out: ArrayLike
) -> FloatArray:
    """What an upright cylinder lets through of scattering from a thin can around it.

    The mean of ``exp(-μ_i l_i - μ_f l_f)`` over the rim, with the paths *through the sample*
    before and after a point there: ``2R |cos|`` of the angle between the normal and the beam on
    the side where the beam goes through, 0 on the other; the factor A_c,sc of Paalman & Pings
    for a thin can that itself attenuates nothing.

    Parameters
    ----------
    radius:
        R, mm.
    scattering_angle:
        dims (pixel), degrees.
    mu_in, mu_out:
        dims (pixel) or one number, 1/mm.

    Returns
    -------
    :
        dims (pixel), between 0 and 1, float64.
    """
    angle = np.deg2rad(np.asarray(scattering_angle, dtype=np.float64))[..., None]
    turn = (np.arange(_RIM) + 0.5) * 2 * np.pi / _RIM
    # normal at (sin, cos) from the beam: what comes in goes through where the normal looks on
    before = np.maximum(np.cos(turn), 0.0) * 2 * radius
    after = np.maximum(-np.cos(turn - angle), 0.0) * 2 * radius
    mu_in, mu_out = (np.asarray(m, dtype=np.float64)[..., None] for m in (mu_in, mu_out))
    return np.asarray(np.exp(-mu_in * before - mu_out * after).mean(axis=-1))
