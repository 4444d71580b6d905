"""All corrections of the pixels of a panel: the reference in plain numpy.

`ewaldite.geometry.correction_table` gives the same numbers much faster.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from ewaldite.errors import UserError
from ewaldite.geometry.absorption import PathSegment, path_transmission, sensor_efficiency
from ewaldite.geometry.detector import (
    distance_and_cosine,
    pixel_positions,
    scattering_vector,
)
from ewaldite.geometry.parallax import true_position
from ewaldite.geometry.polarization import polarization_factor
from ewaldite.geometry.solid_angle import solid_angle
from ewaldite.geometry.swept_volume import swept_volume
from ewaldite.model.experiment import Beam, FloatArray, Panel


@dataclass(frozen=True)
class CorrectionSwitches:
    """Which corrections are made; one that is off has the factor 1.

    Attributes
    ----------
    solid_angle, polarization, efficiency, attenuation:
        The factors of the expected counts.
    parallax:
        False places every pixel as if the sensor were thin; True follows the convention of the
        panel.
    """

    solid_angle: bool = True
    polarization: bool = True
    efficiency: bool = True
    attenuation: bool = True
    parallax: bool = True


@dataclass(frozen=True)
class PixelCorrections:
    """What a band of rows of a panel needs for its correction.

    Attributes
    ----------
    s:
        Scattering vectors; dims (slow, fast, xyz), 1/Å, float64.
    solid_angle:
        dims (slow, fast), mrad², float64 (1 if switched off).
    polarization, efficiency, attenuation:
        dims (slow, fast), dimensionless, float64.
    total:
        Product of the four; dims (slow, fast), mrad², float64.
    d3s:
        Volume of reciprocal space swept per frame; dims (slow, fast), 1/Å³, float64.
    """

    s: FloatArray
    solid_angle: FloatArray
    polarization: FloatArray
    efficiency: FloatArray
    attenuation: FloatArray
    total: FloatArray
    d3s: FloatArray


def sensor_values(
    panel: Panel, sensor_mu: float | None, switches: CorrectionSwitches
) -> tuple[float, float]:
    """Attenuation coefficient and thickness of a panel's sensor, where they are needed.

    Parameters
    ----------
    panel:
        The panel.
    sensor_mu:
        Coefficient in 1/mm that wins over that of the geometry file.
    switches:
        Corrections that are made.

    Returns
    -------
    :
        (1/mm, mm); (1, 1) if neither efficiency nor parallax is asked for.

    Raises
    ------
    UserError
        If they are needed and unknown.
    """
    parallax = switches.parallax and panel.parallax != "none"
    if not (switches.efficiency or parallax):
        return 1.0, 1.0
    asked = "correct for " + " and ".join(
        name
        for name, on in (("sensor efficiency", switches.efficiency), ("parallax", parallax))
        if on
    )
    if panel.sensor is None:
        raise UserError(
            asked,
            f"no file says what the sensor of {panel.name} is",
            "Give [corrections] sensor_material and sensor_thickness, or switch the correction "
            "off.",
        )
    mu = panel.sensor.attenuation if sensor_mu is None else sensor_mu
    if mu is None or not mu > 0.0 or not panel.sensor.thickness > 0.0:
        raise UserError(
            asked,
            f"the sensor of {panel.name} has the attenuation coefficient {mu} /mm and the "
            f"thickness {panel.sensor.thickness} mm",
            "Both must be positive: give [corrections] sensor_material and sensor_thickness "
            "or attenuation_coefficient.",
        )
    return mu, panel.sensor.thickness


def pixel_corrections(
    panel: Panel,
    beam: Beam,
    axis: ArrayLike,
    width: float,
    *,
    rows: tuple[int, int] | None = None,
    sensor_mu: float | None = None,
    path: Sequence[PathSegment] = (),
    switches: CorrectionSwitches | None = None,
) -> PixelCorrections:
    """Scattering vectors and corrections of a band of rows of a panel.

    Everything is evaluated where the ray that the pixel counts meets the panel's plane, that is
    with the parallax of the panel's convention.

    Parameters
    ----------
    panel, beam:
        Refined detector and beam.
    axis:
        Direction of the spindle, of any length; dims (xyz), float64.
    width:
        Angle swept by a frame, degrees. d3s is proportional to it.
    rows:
        Half-open range of rows in the panel, all by default.
    sensor_mu:
        Absorption coefficient of the sensor in 1/mm instead of the panel's own.
    path:
        Media between sample and detector; none is vacuum.
    switches:
        Corrections to make, all by default.

    Returns
    -------
    :
        Arrays of the band.

    Raises
    ------
    UserError
        If a value that a correction needs is missing or impossible.
    """
    on = CorrectionSwitches() if switches is None else switches
    mu, thickness = sensor_values(panel, sensor_mu, on)
    first, last = (0, panel.shape[0]) if rows is None else rows
    slow = np.arange(first, last, dtype=np.float64)[:, np.newaxis]
    fast = np.arange(panel.shape[1], dtype=np.float64)[np.newaxis, :]
    if on.parallax and panel.parallax != "none":
        xyz = true_position(panel, slow, fast, mu=mu, thickness=thickness)
    else:
        xyz = pixel_positions(panel, slow, fast)
    return corrections_at(
        panel, beam, axis, width, xyz, mu=mu, thickness=thickness, path=path, switches=on
    )


def corrections_at(
    panel: Panel,
    beam: Beam,
    axis: ArrayLike,
    width: float,
    xyz: FloatArray,
    *,
    mu: float,
    thickness: float,
    path: Sequence[PathSegment],
    switches: CorrectionSwitches,
) -> PixelCorrections:
    """Scattering vectors and corrections at given points of a panel.

    Parameters
    ----------
    panel, beam, axis, width, path, switches:
        As in `pixel_corrections`.
    xyz:
        Where the rays meet the plane of the panel; dims (..., xyz), mm, float64.
    mu, thickness:
        Absorption coefficient (1/mm) and thickness (mm) of the sensor.

    Returns
    -------
    :
        Arrays over the points, with dims (...) instead of (slow, fast).

    Raises
    ------
    UserError
        If a value that a correction needs is missing or impossible.
    """
    distance, cosine = distance_and_cosine(panel, xyz)
    one = np.ones_like(distance)
    omega = solid_angle(panel.pixel_size, distance, cosine)
    polarization = efficiency = attenuation = one
    if switches.polarization:
        polarization = polarization_factor(
            xyz, beam.s0, beam.polarization_fraction, beam.polarization_normal
        )
    if switches.efficiency:
        efficiency = sensor_efficiency(cosine, mu=mu, thickness=thickness)
    if switches.attenuation:
        attenuation = path_transmission(distance, cosine, path)
    counted = omega if switches.solid_angle else one
    return PixelCorrections(
        s=scattering_vector(xyz, beam.s0),
        solid_angle=counted,
        polarization=polarization,
        efficiency=efficiency,
        attenuation=attenuation,
        total=counted * polarization * efficiency * attenuation,
        d3s=swept_volume(xyz, beam.s0, axis, width, omega),
    )
