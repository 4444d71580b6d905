"""What every pixel sees: scattering vector and share of the intensity that it counts."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ewaldite.simulate.compiled import compiled
from ewaldite.simulate.experiment import RotationExperiment

FloatArray = NDArray[np.float64]


@dataclass(frozen=True)
class PixelTable:
    """Constants of the pixels.

    Attributes
    ----------
    s:
        Scattering vector s1 - s0 in the laboratory; dims (xyz, slow, fast), 1/Å, float64.
    share:
        Solid angle · polarization · efficiency · attenuation; dims (slow, fast), mrad²,
        float64.
    """

    s: FloatArray
    share: FloatArray


def pixel_table(
    experiment: RotationExperiment, offset: tuple[float, float] = (0.0, 0.0)
) -> PixelTable:
    r"""Scattering vectors and corrections of all pixels.

    For a ray that meets the detector's plane at distance d from the sample and angle w to its
    normal, with scattering angle 2θ and unit vector r:

    * solid angle :math:`10^6 q^2 \cos w / d^2` in mrad²;
    * polarization :math:`\frac12 (1 + \cos^2 2θ) - \frac12 (2p - 1)(r_e^2 - r_n^2)` with n the
      normal made perpendicular to the beam and e = n × ŝ0 (Kahn et al., J. Appl. Cryst. 15
      (1982) 330);
    * efficiency :math:`1 - e^{-μT/\cos w}`, attenuation :math:`e^{-μ_{air} d}`.

    With parallax the ray counted by a pixel at R (from the foot of the normal) meets the
    plane at ``R (1 - t/d)``, where the mean depth of the absorbed photons along the ray is
    ``t = 1/μ - L e^(-μL) / (1 - e^(-μL))``, ``L = T/cos w``, taken at R. Everything is
    evaluated where the ray meets the plane.

    Parameters
    ----------
    experiment:
        The experiment.
    offset:
        Displacement (fast, slow) from the pixels' centres, pixels.

    Returns
    -------
    :
        The table.
    """
    detector = experiment.detector
    nx, ny = detector.shape
    beam = experiment.s0 * experiment.wavelength
    normal = np.array(experiment.polarization_normal, dtype=np.float64)
    normal -= beam * (beam @ normal)
    normal /= np.linalg.norm(normal)
    s, share = np.empty((3, ny, nx)), np.empty((ny, nx))
    sensor = detector.sensor
    _fill(
        s,
        share,
        np.array([detector.origin[0] - 1.0 - offset[0], detector.origin[1] - 1.0 - offset[1]]),
        np.array([detector.pixel, detector.distance, detector.air]),
        np.array([sensor.thickness, sensor.attenuation] if sensor else [0.0, 0.0]),
        detector.parallax and sensor is not None,
        detector.frame,
        np.stack([beam, np.cross(normal, beam), normal]),
        np.array([experiment.wavelength, experiment.polarization]),
    )
    return PixelTable(s, share)


@compiled
def _fill(
    s: FloatArray,
    share: FloatArray,
    foot: FloatArray,
    lengths: FloatArray,
    sensor: FloatArray,
    parallax: bool,
    frame: FloatArray,
    field: FloatArray,
    light: FloatArray,
) -> None:
    pixel, far, air = lengths[0], lengths[1], lengths[2]
    thickness, mu = sensor[0], sensor[1]
    for row in range(share.shape[0]):
        for column in range(share.shape[1]):
            x, y = pixel * (column - foot[0]), pixel * (row - foot[1])
            d = np.sqrt(x * x + y * y + far * far)
            if parallax:
                length = thickness * d / far
                left = np.exp(-mu * length)
                scale = 1.0 - (1.0 / mu - length * left / (1.0 - left)) / d
                x, y = scale * x, scale * y
                d = np.sqrt(x * x + y * y + far * far)
            ray0 = (frame[0, 0] * x + frame[0, 1] * y + frame[0, 2] * far) / d
            ray1 = (frame[1, 0] * x + frame[1, 1] * y + frame[1, 2] * far) / d
            ray2 = (frame[2, 0] * x + frame[2, 1] * y + frame[2, 2] * far) / d
            forward = field[0, 0] * ray0 + field[0, 1] * ray1 + field[0, 2] * ray2
            electric = field[1, 0] * ray0 + field[1, 1] * ray1 + field[1, 2] * ray2
            across = field[2, 0] * ray0 + field[2, 1] * ray1 + field[2, 2] * ray2
            s[0, row, column] = (ray0 - field[0, 0]) / light[0]
            s[1, row, column] = (ray1 - field[0, 1]) / light[0]
            s[2, row, column] = (ray2 - field[0, 2]) / light[0]
            counted = 1e6 * pixel * pixel * far / (d * d * d) * np.exp(-air * d)
            counted *= 0.5 * (1.0 + forward * forward) - (light[1] - 0.5) * (
                electric * electric - across * across
            )
            if mu > 0.0:
                counted *= 1.0 - np.exp(-mu * thickness * d / far)
            share[row, column] = counted
