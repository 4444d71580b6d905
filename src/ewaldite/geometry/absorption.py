"""Photons lost on the way to the detector and photons that the sensor absorbs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike

from ewaldite.errors import UserError
from ewaldite.model.experiment import FloatArray


@dataclass(frozen=True)
class PathSegment:
    """A stretch of the way from the sample to the detector in one medium.

    Attributes
    ----------
    attenuation:
        Linear attenuation coefficient, 1/mm; 0 for vacuum.
    length:
        Its length in mm, or None for all that the other segments leave of the way.
    shape:
        ``"sphere"``: as long for every ray (air around the sample). ``"plane"``: a layer
        parallel to the panel (a window), which a ray crosses over length / cos w.
    """

    attenuation: float
    length: float | None = None
    shape: Literal["sphere", "plane"] = "sphere"


def sensor_efficiency(cosine: ArrayLike, *, mu: float, thickness: float) -> FloatArray:
    r"""Fraction of the photons that the sensor absorbs.

    .. math:: \epsilon = 1 - e^{-\mu T / \cos w}

    Parameters
    ----------
    cosine:
        Cosine of the angle between ray and normal; dims (...), dimensionless, float64.
    mu:
        Coefficient of photoelectric absorption of the sensor, 1/mm.
    thickness:
        Thickness T of the sensor, mm.

    Returns
    -------
    :
        Efficiency; dims (...), dimensionless, float64.
    """
    return np.asarray(-np.expm1(-mu * thickness / np.asarray(cosine, dtype=np.float64)))


def path_transmission(
    distance: ArrayLike, cosine: ArrayLike, segments: Sequence[PathSegment]
) -> FloatArray:
    r"""Fraction of the photons that reaches the detector.

    .. math:: A = \exp\left(-\sum_k \mu_k d_k\right)

    Parameters
    ----------
    distance:
        Distance from the sample; dims (...), mm, float64.
    cosine:
        Cosine of the angle between ray and normal; dims (...), dimensionless, float64.
    segments:
        Media on the way; none is vacuum. What the lengths leave uncovered, if no segment has
        the length None, is vacuum.

    Returns
    -------
    :
        Transmission; dims (...), dimensionless, float64.

    Raises
    ------
    UserError
        If two segments claim the rest of the way, a coefficient or length is negative, or the
        segments are longer than the way.
    """
    rest = np.asarray(distance, dtype=np.float64)
    cosines = np.asarray(cosine, dtype=np.float64)
    _check_segments(segments)
    depth = np.zeros_like(rest)
    for segment in segments:
        if segment.length is not None:
            length = segment.length / (cosines if segment.shape == "plane" else 1.0)
            rest = rest - length
            depth = depth + segment.attenuation * length
    if rest.size and float(rest.min()) < 0.0:
        raise UserError(
            "correct for attenuation on the way to the detector",
            f"the media on the way are {-float(rest.min()):.6g} mm longer than the way itself",
            "Check the lengths of the media (in mm) and the distance of the detector.",
        )
    for segment in segments:
        if segment.length is None:
            depth = depth + segment.attenuation * rest
    return np.asarray(np.exp(-depth), dtype=np.float64)


def _check_segments(segments: Sequence[PathSegment]) -> None:
    asked = "correct for attenuation on the way to the detector"
    for segment in segments:
        if not segment.attenuation >= 0.0 or not (segment.length or 0.0) >= 0.0:
            raise UserError(
                asked,
                f"a medium with {segment.attenuation} /mm and the length {segment.length} mm",
                "Neither can be negative.",
            )
    if sum(segment.length is None for segment in segments) > 1:
        raise UserError(
            asked,
            "more than one medium without a length",
            "Give the length in mm of every medium but the one that fills the rest of the way.",
        )
