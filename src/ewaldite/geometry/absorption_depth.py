"""How deep in the sensor photons are absorbed."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from ewaldite.errors import UserError
from ewaldite.model.experiment import FloatArray, ParallaxConvention


def absorption_depth(
    cosine: ArrayLike, *, mu: float, thickness: float, convention: ParallaxConvention
) -> FloatArray:
    r"""Depth along the ray at which a convention places the absorbed photons.

    With L = T / cos w the length of the ray in the sensor,

    .. math::

        t_{xds} = \frac{1}{\mu} - L \frac{e^{-\mu L}}{1 - e^{-\mu L}}, \qquad
        t_{dials} = \frac{1}{\mu} - \left(L + \frac{1}{\mu}\right) e^{-\mu L}

    so that :math:`t_{dials} = (1 - e^{-\mu L})\, t_{xds}`.

    Parameters
    ----------
    cosine:
        Cosine of the angle between ray and normal; dims (...), dimensionless, float64.
    mu:
        Attenuation coefficient of the sensor, 1/mm.
    thickness:
        Thickness T of the sensor, mm.
    convention:
        ``"none"`` (depth 0), ``"xds"`` or ``"dials"``.

    Returns
    -------
    :
        Depth along the ray; dims (...), mm, float64.

    Raises
    ------
    UserError
        If the coefficient or the thickness is not positive.
    """
    cosines = np.asarray(cosine, dtype=np.float64)
    if convention == "none":
        return np.zeros_like(cosines)
    _check_sensor(mu, thickness)
    length = thickness / cosines
    x = mu * length
    # 1/x − 1/(eˣ − 1) loses its digits at small x; the series is exact there to 1e-15
    small = x < 1e-2
    safe = np.where(small, 1.0, x)
    absorbed = -np.expm1(-safe)
    mean = np.where(small, 0.5 - x / 12.0 + x**3 / 720.0, 1.0 / safe - np.exp(-safe) / absorbed)
    normalisation = 1.0 if convention == "xds" else -np.expm1(-x)
    return np.asarray(length * mean * normalisation, dtype=np.float64)


def _check_sensor(mu: float, thickness: float) -> None:
    if not (mu > 0.0 and np.isfinite(mu) and thickness > 0.0 and np.isfinite(thickness)):
        raise UserError(
            "correct for parallax",
            f"attenuation coefficient {mu} /mm, thickness {thickness} mm of the sensor",
            "Both must be positive: see [corrections] sensor_thickness and "
            "attenuation_coefficient.",
        )
