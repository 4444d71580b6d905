"""The pixel that counts a ray, and the ray that a pixel counts.

A photon that enters the sensor obliquely is absorbed some way along its ray, so that it is
counted farther from the foot of the panel's normal than where it met the surface. By symmetry
the displacement is radial about the foot: a ray that meets the surface at r (measured from the
foot in the plane) is counted at ``r (1 + t / d)``, where t is the depth along the ray and d the
distance from the sample. Two conventions differ in t and in the point at which it is taken:

``xds``
    The mean depth of the photons that *are* absorbed, taken at the position of the pixel, as in
    XDS' tables of corrections by pixel: ``r = R (1 − t(R) / d(R))`` for the pixel at R.
``dials``
    dxtbx' ``ParallaxCorrectedPxMmStrategy`` (dxtbx/model/parallax_correction.h): the mean
    depth is not normalised by the absorbed fraction, and is taken at the point of entry:
    ``R = r (1 + t(r) / d(r))``. dxtbx' way back takes it at R and so is off by up to 2e-3
    pixels; here the way back is the inverse of the way there.

Both ways of both conventions are exact inverses of each other.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import ArrayLike

from ewaldite.errors import UserError
from ewaldite.geometry.absorption_depth import absorption_depth
from ewaldite.geometry.detector import foot_of_normal, pixel_positions, ray_intersection
from ewaldite.model.experiment import FloatArray, Panel, ParallaxConvention

_STEPS = 100


def entry_ratio(
    radius_squared: ArrayLike,
    distance: float,
    *,
    mu: float,
    thickness: float,
    convention: ParallaxConvention,
) -> FloatArray:
    """Radius at which a ray enters over the radius at which it is counted.

    Parameters
    ----------
    radius_squared:
        Squared distance R² of the pixel from the foot of the normal; dims (...), mm², float64.
    distance:
        Distance from the sample to the plane, mm.
    mu, thickness, convention:
        As in `ewaldite.geometry.absorption_depth.absorption_depth`.

    Returns
    -------
    :
        r / R, which is smooth in R² and 1 without parallax; dims (...), dimensionless, float64.

    Raises
    ------
    UserError
        If the sensor's values are not positive, or the panel is not farther away than its
        sensor is thick.
    """
    _check_distance(distance, thickness, convention)
    counted = np.asarray(radius_squared, dtype=np.float64)

    def advance(squared: FloatArray) -> FloatArray:
        return _advance(squared, distance, mu, thickness, convention)

    if convention == "dials":
        return _fixed_point(lambda ratio: 1.0 / (1.0 + advance(ratio**2 * counted)), counted)
    return 1.0 - advance(counted)


def count_ratio(
    radius_squared: ArrayLike,
    distance: float,
    *,
    mu: float,
    thickness: float,
    convention: ParallaxConvention,
) -> FloatArray:
    """Radius at which a ray is counted over the radius at which it enters.

    The inverse of `entry_ratio`; parameters and errors as there, but ``radius_squared`` is r²
    of the point of entry.

    Returns
    -------
    :
        R / r; dims (...), dimensionless, float64.
    """
    _check_distance(distance, thickness, convention)
    entered = np.asarray(radius_squared, dtype=np.float64)

    def advance(squared: FloatArray) -> FloatArray:
        return _advance(squared, distance, mu, thickness, convention)

    if convention == "xds":
        return _fixed_point(lambda ratio: 1.0 / (1.0 - advance(ratio**2 * entered)), entered)
    return 1.0 + advance(entered)


def true_position(
    panel: Panel,
    slow: ArrayLike,
    fast: ArrayLike,
    *,
    mu: float,
    thickness: float,
    convention: ParallaxConvention | None = None,
) -> FloatArray:
    """Point of the panel's plane through which the ray passes that a pixel counts.

    Parameters
    ----------
    panel:
        The panel, at any tilt.
    slow, fast:
        Indices in the panel, 0-based, integer at the centre of a pixel; dims (...), pixels.
    mu, thickness:
        Attenuation coefficient (1/mm) and thickness (mm) of the sensor.
    convention:
        Instead of the panel's own.

    Returns
    -------
    :
        Positions; dims (..., xyz), mm, float64.

    Raises
    ------
    UserError
        As in `entry_ratio`.
    """
    foot = foot_of_normal(panel)
    offset = pixel_positions(panel, slow, fast) - foot
    ratio = entry_ratio(
        (offset**2).sum(axis=-1),
        panel.distance,
        mu=mu,
        thickness=thickness,
        convention=panel.parallax if convention is None else convention,
    )
    return np.asarray(foot + ratio[..., np.newaxis] * offset, dtype=np.float64)


def counting_pixel(
    panel: Panel,
    s1: ArrayLike,
    *,
    mu: float,
    thickness: float,
    convention: ParallaxConvention | None = None,
) -> tuple[FloatArray, FloatArray]:
    """Pixel that counts a ray: the inverse of `true_position`.

    Parameters
    ----------
    panel, mu, thickness, convention:
        As in `true_position`.
    s1:
        Directions of the rays from the sample; dims (..., xyz), float64.

    Returns
    -------
    :
        (fast, slow) indices in the panel as from
        `ewaldite.geometry.detector.ray_intersection`; dims (...), pixels, float64.

    Raises
    ------
    UserError
        As in `entry_ratio`.
    """
    fast, slow = ray_intersection(panel, s1)
    foot = foot_of_normal(panel)
    offset = pixel_positions(panel, slow, fast) - foot
    ratio = count_ratio(
        (offset**2).sum(axis=-1),
        panel.distance,
        mu=mu,
        thickness=thickness,
        convention=panel.parallax if convention is None else convention,
    )
    return ray_intersection(panel, foot + ratio[..., np.newaxis] * offset)


def _advance(
    squared: FloatArray,
    distance: float,
    mu: float,
    thickness: float,
    convention: ParallaxConvention,
) -> FloatArray:
    """Displacement over radius, t / d, of the ray to a point at a squared radius."""
    length = np.sqrt(distance**2 + squared)
    depth = absorption_depth(
        distance / length, mu=mu, thickness=thickness, convention=convention
    )
    return np.asarray(depth / length)


def _fixed_point(step: Callable[[FloatArray], FloatArray], like: FloatArray) -> FloatArray:
    """Solve ratio = step(ratio); the step contracts by less than thickness / distance."""
    ratio = np.ones_like(like)
    for _ in range(_STEPS):
        before, ratio = ratio, step(ratio)
        if np.all(np.abs(ratio - before) <= 1e-15):
            break
    return ratio


def _check_distance(distance: float, thickness: float, convention: ParallaxConvention) -> None:
    if convention != "none" and not distance > thickness:
        raise UserError(
            "correct for parallax",
            f"the panel is {distance:.6g} mm away and its sensor is {thickness:.6g} mm thick",
            "Check the distance of the detector and [corrections] sensor_thickness (in mm).",
        )
