"""What the detector counts of a square of pixels around a ray."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ewaldite.simulate.detector import Detector
from ewaldite.simulate.experiment import RotationExperiment

FloatArray = NDArray[np.float64]


def live_part(
    foot: FloatArray, side: FloatArray, size: int, gaps: list[tuple[int, int]]
) -> tuple[FloatArray, FloatArray]:
    """Mean position and share of the live pixels in intervals of one direction.

    Parameters
    ----------
    foot, side:
        Centre (0-based, centres of pixels at whole numbers) and length of the intervals;
        dims (interval), pixels, float64.
    size:
        Pixels of the detector in this direction.
    gaps:
        Half-open 0-based ranges that count nothing.

    Returns
    -------
    :
        Mean position, the centre itself where no pixel is live, and share 0 … 1; dims
        (interval), float64.
    """
    live = np.ones(size)
    for first, stop in gaps:
        live[first:stop] = 0.0
    # integrals of live and of x · live up to an edge; pixel i reaches from i - 1/2 to i + 1/2
    edge = np.arange(size + 1) - 0.5
    length = np.concatenate([[0.0], np.cumsum(live)])
    moment = np.concatenate([[0.0], np.cumsum(live * np.arange(size))])
    low, high = (np.clip(foot + sign * side / 2, edge[0], edge[-1]) for sign in (-1, 1))
    counted = np.interp(high, edge, length) - np.interp(low, edge, length)
    summed = np.interp(high, edge, moment) - np.interp(low, edge, moment)
    mean = foot.copy()
    np.divide(summed, counted, out=mean, where=counted > 1e-9)
    return mean, np.minimum(counted / side, 1.0)


def solid_angle(detector: Detector, s1: FloatArray) -> FloatArray:
    """Solid angle ``(q / F)² cos³ w`` of the pixel that a ray meets at the angle w.

    Parameters
    ----------
    detector:
        With pixel size q and distance F.
    s1:
        Unit vectors of the rays; dims (ray, xyz), float64.

    Returns
    -------
    :
        dims (ray), sr, float64.
    """
    slant = s1 @ detector.frame[:, 2]
    return np.asarray((detector.pixel / detector.distance) ** 2 * slant**3)


def pixel_share(experiment: RotationExperiment, s1: FloatArray) -> FloatArray:
    """Solid angle · polarization · efficiency · attenuation of the pixel that a ray meets.

    The formulas are those of :func:`~ewaldite.simulate.pixel_table.pixel_table`.

    Parameters
    ----------
    experiment:
        The experiment.
    s1:
        Unit vectors of the rays in the laboratory; dims (ray, xyz), float64.

    Returns
    -------
    :
        dims (ray), mrad², float64.
    """
    detector, beam = experiment.detector, experiment.s0 * experiment.wavelength
    normal = np.array(experiment.polarization_normal, dtype=np.float64)
    normal -= beam * (beam @ normal)
    normal /= np.linalg.norm(normal)
    slant = s1 @ detector.frame[:, 2]
    share = 1e6 * solid_angle(detector, s1)
    share *= np.exp(-detector.air * detector.distance / slant)
    forward, electric, across = s1 @ beam, s1 @ np.cross(normal, beam), s1 @ normal
    share *= 0.5 * (1.0 + forward**2) - (experiment.polarization - 0.5) * (
        electric**2 - across**2
    )
    if detector.sensor is not None:
        depth = detector.sensor.attenuation * detector.sensor.thickness
        share *= 1.0 - np.exp(-depth / slant)
    return share


def module_of(detector: Detector, ix: FloatArray, iy: FloatArray) -> NDArray[np.int32]:
    """Number of the detector module at a pixel, row by row; 0 without modules.

    Parameters
    ----------
    detector:
        The detector.
    ix, iy:
        Fast and slow pixel, 0-based; dims (point), float64. A gap belongs to the module before.

    Returns
    -------
    :
        dims (point), int32.
    """
    m = detector.modules
    if m is None:
        return np.zeros(len(ix), np.int32)
    columns = -(-detector.shape[0] // (m.fast + m.gap_fast))
    column = np.floor((ix + 0.5) / (m.fast + m.gap_fast))
    row = np.floor((iy + 0.5) / (m.slow + m.gap_slow))
    return np.asarray((row * columns + column).astype(np.int32))


def modules_of(detector: Detector) -> int:
    """Return the number of modules; 1 without modules."""
    m = detector.modules
    if m is None:
        return 1
    columns = -(-detector.shape[0] // (m.fast + m.gap_fast))
    return columns * -(-detector.shape[1] // (m.slow + m.gap_slow))
