"""What the pixels count beside the crystal."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ewaldite.simulate.experiment import RotationExperiment

FloatArray = NDArray[np.float64]


@dataclass(frozen=True)
class Background:
    """Scatter of air and instrument: ``floor + peak · exp(-r / radius)`` around the beam.

    It does not know the crystal, and goes through no correction: it is what a pixel counts.

    Attributes
    ----------
    floor, peak:
        Expected counts per s and pixel.
    radius:
        mm in the plane of the detector.
    """

    floor: float = 0.05
    peak: float = 2.0
    radius: float = 20.0

    def rate(self, experiment: RotationExperiment) -> FloatArray:
        """Return the expected counts per s; dims (slow, fast), 1/s, float64."""
        nx, ny = experiment.detector.shape
        return self.rate_at(experiment, np.arange(nx), np.arange(ny)[:, np.newaxis])

    def rate_at(
        self, experiment: RotationExperiment, ix: ArrayLike, iy: ArrayLike
    ) -> FloatArray:
        """Return the expected counts per s of pixels.

        Parameters
        ----------
        experiment:
            The experiment.
        ix, iy:
            Fast and slow pixel, 0-based; any dims that broadcast.

        Returns
        -------
        :
            The broadcast dims, 1/s, float64.
        """
        detector = experiment.detector
        beam = detector.frame.T @ experiment.s0
        beam = beam * (detector.distance / beam[2])
        x = detector.pixel * (np.asarray(ix) + 1.0 - detector.origin[0]) - beam[0]
        y = detector.pixel * (np.asarray(iy) + 1.0 - detector.origin[1]) - beam[1]
        return np.asarray(self.floor + self.peak * np.exp(-np.sqrt(y**2 + x**2) / self.radius))
