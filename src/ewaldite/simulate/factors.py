"""What lies between the intensity of a crystal and what its sweep counts."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ewaldite.simulate.detector import Detector

FloatArray = NDArray[np.float64]
Four = tuple[float, float, float, float]


@dataclass(frozen=True)
class Factors:
    r"""Scale factors and offsets of one crystal, smooth functions in closed form.

    An observation expects :math:`N = e\,a\,d\,(b\,D\,I + c) + B`. With t from 0 to 1 over the
    sweep, ψ the rotation since its start, and X, Y from the foot of the beam in units of half
    the detector's width,

    .. math::

        b &= f\, e^{-k t}\, \left[ 1 + m \cos(2π t + 1) \right] \\
        \ln a &= \sum_j A_j \cos(ψ + j)\, p_j(X, Y), \quad
            p = (X,\; Y,\; X Y,\; X^2 - Y^2) \\
        c &= C \left[ 1 + n \cos(2 π t + 2) \right] e^{-(|s| - s_c)^2 / 2 w_c^2} \\
        D &= e^{-B_t t s^2 / 2}

    The p are harmonic: the mean of ln a over a circle around the beam vanishes. A part of a
    that depends on \|s\| alone and is the same for all crystals cannot be told from the
    intensity; there is none here.

    Attributes
    ----------
    beam, decay, ripple:
        f (volume and flux, relative), k and m of b.
    absorption:
        The four A.
    offset, offset_position, offset_width, offset_ripple:
        C (counts/mrad²/s), s_c and w_c (1/Å) and n of c.
    dose:
        B at the end of the sweep, Å².
    """

    beam: float = 1.0
    decay: float = 0.0
    ripple: float = 0.0
    absorption: Four = (0.0, 0.0, 0.0, 0.0)
    offset: float = 0.0
    offset_position: float = 0.3
    offset_width: float = 0.1
    offset_ripple: float = 0.0
    dose: float = 0.0

    def b(self, t: FloatArray) -> FloatArray:
        """Factor b; t and result with dims (observation), float64."""
        wave = 1.0 + self.ripple * np.cos(2.0 * np.pi * t + 1.0)
        return np.asarray(self.beam * np.exp(-self.decay * t) * wave)

    def a(self, x: FloatArray, y: FloatArray, turned: FloatArray) -> FloatArray:
        """Factor a.

        Parameters
        ----------
        x, y:
            X and Y of :func:`relative_position`; dims (observation), float64.
        turned:
            Rotation ψ since the start; dims (observation), degrees, float64.

        Returns
        -------
        :
            dims (observation), float64.
        """
        psi = np.deg2rad(turned)
        log = np.zeros_like(x)
        for j, (size, p) in enumerate(
            zip(self.absorption, (x, y, x * y, x**2 - y**2), strict=True)
        ):
            log += size * np.cos(psi + j) * p
        return np.asarray(np.exp(log))

    def c(self, s: FloatArray, t: FloatArray) -> FloatArray:
        """Offset c, counts/mrad²/s, at lengths of s (1/Å); dims (observation), float64."""
        wave = 1.0 + self.offset_ripple * np.cos(2.0 * np.pi * t + 2.0)
        off = (s - self.offset_position) / self.offset_width
        return np.asarray(self.offset * wave * np.exp(-0.5 * off**2))

    def damping(self, s: FloatArray, t: FloatArray) -> FloatArray:
        """Factor D of the dose, at lengths of s (1/Å); dims (observation), float64."""
        return np.asarray(np.exp(-0.5 * self.dose * t * s**2))


def relative_position(
    detector: Detector, s0: FloatArray, ix: ArrayLike, iy: ArrayLike
) -> tuple[FloatArray, FloatArray]:
    """X and Y from where the beam meets the detector, in units of half the detector's width.

    Parameters
    ----------
    detector:
        The detector.
    s0:
        Direction of the beam; dims (xyz), float64.
    ix, iy:
        Pixel, 0-based; any dims, float64.

    Returns
    -------
    :
        X, with the dims of ``ix``, and Y, with those of ``iy``; float64.
    """
    ray = detector.frame.T @ s0
    foot = (
        ray[:2] * detector.distance / ray[2] / detector.pixel + np.array(detector.origin) - 1.0
    )
    half = detector.shape[0] / 2.0
    return (np.asarray(ix) - foot[0]) / half, (np.asarray(iy) - foot[1]) / half


def module_gains(count: int, spread: float, seed: int) -> FloatArray:
    """Gains of detector modules, normally distributed about a mean of exactly 1.

    Parameters
    ----------
    count:
        Number of modules.
    spread:
        Standard deviation, relative.
    seed:
        Of the numbers.

    Returns
    -------
    :
        dims (module), float64.
    """
    gain = 1.0 + spread * np.random.default_rng([seed, 0xD]).standard_normal(count)
    return np.asarray(gain / gain.mean())
