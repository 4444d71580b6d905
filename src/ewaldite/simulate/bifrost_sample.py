"""What scatters: a flat part, an elastic line, Bragg peaks, a dispersion."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]


@dataclass(frozen=True)
class Dispersion:
    r"""One branch of Gaussian width, :math:`\omega = \Delta + A[\sin^2 \pi h + \sin^2 \pi l]`.

    Attributes
    ----------
    gap, height, width:
        Δ, A and σ, meV.
    strength:
        Integral of S over ω.
    """

    gap: float = 0.3
    height: float = 1.0
    width: float = 0.03
    strength: float = 1.0

    def energy(self, hkl: FloatArray) -> FloatArray:
        """ω; hkl dims (..., 3); dims (...), meV."""
        waves = np.sin(np.pi * hkl[..., 0]) ** 2 + np.sin(np.pi * hkl[..., 2]) ** 2
        return np.asarray(self.gap + self.height * waves)

    def value(self, hkl: FloatArray, transfer: FloatArray) -> FloatArray:
        """S(Q, ω); dims (...), 1/meV times the unit of the strength."""
        x = (transfer - self.energy(hkl)) / self.width
        return np.asarray(
            self.strength * np.exp(-0.5 * x**2) / (self.width * np.sqrt(2.0 * np.pi))
        )


@dataclass(frozen=True)
class Sample:
    """A crystal with right angles, a* along the beam and c* along +x at a3 + offset = 0.

    Attributes
    ----------
    cell:
        a, b, c, Å.
    flat:
        S that depends on nothing, 1/meV.
    elastic:
        Integral over ω of an incoherent elastic line.
    bragg:
        Integral of a Bragg peak over ω in its middle; it falls off as a Gaussian of Q.
    mosaic:
        σ of that Gaussian, 1/Å.
    elastic_width:
        σ of elastic lines, meV.
    powder:
        Of lines of a powder: |Q| in 1/Å, and integral over ω in its middle.
    powder_width:
        σ of these lines, 1/Å.
    dispersion:
        None: no branch.
    a3_offset:
        degrees.
    """

    cell: tuple[float, float, float] = (5.0, 5.0, 5.0)
    flat: float = 0.0
    elastic: float = 0.0
    bragg: float = 0.0
    mosaic: float = 0.01
    elastic_width: float = 0.0
    powder: tuple[tuple[float, float], ...] = ()
    powder_width: float = 0.01
    dispersion: Dispersion | None = None
    a3_offset: float = 0.0

    def hkl(self, q_lab: FloatArray, a3: float) -> FloatArray:
        """Indices of a wavevector transfer.

        Parameters
        ----------
        q_lab:
            dims (..., xyz), 1/Å.
        a3:
            degrees; the crystal is turned by it about +y.
        """
        t = np.deg2rad(a3 + self.a3_offset)
        along = np.array([np.sin(t), 0.0, np.cos(t)])  # a*
        aside = np.array([np.cos(t), 0.0, -np.sin(t)])  # c*
        a, b, c = self.cell
        h = q_lab @ along * a / (2.0 * np.pi)
        k = -q_lab[..., 1] * b / (2.0 * np.pi)
        return np.stack([h, k, q_lab @ aside * c / (2.0 * np.pi)], axis=-1)

    def inelastic(self, hkl: FloatArray, transfer: FloatArray) -> FloatArray:
        """Flat part and dispersion; dims (...), 1/meV."""
        out = np.full(transfer.shape, self.flat)
        if self.dispersion is not None:
            out += self.dispersion.value(hkl, transfer)
        return out

    def elastic_line(self, hkl: FloatArray) -> FloatArray:
        """Integral over ω of elastic scattering: incoherent, Bragg, powder; dims (...)."""
        out = np.full(hkl.shape[:-1], self.elastic)
        if self.bragg > 0:
            away = (hkl - np.rint(hkl)) * (2.0 * np.pi / np.array(self.cell))
            near = np.sum(away**2, axis=-1) / self.mosaic**2
            origin = np.all(np.rint(hkl) == 0, axis=-1)
            out += np.where(origin, 0.0, self.bragg * np.exp(-0.5 * near))
        if self.powder:
            q = np.linalg.norm(hkl * (2.0 * np.pi / np.array(self.cell)), axis=-1)
            for middle, strength in self.powder:
                out += strength * np.exp(-0.5 * ((q - middle) / self.powder_width) ** 2)
        return out
