"""Small instruments and fluxes with a known truth for the tests of normalisation."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ewaldite.geometry.neutron import energy, wavenumber
from ewaldite.spectroscopy.backend import Backend
from ewaldite.spectroscopy.frames import Frames
from ewaldite.spectroscopy.monitor import Intervals, intervals
from ewaldite.spectroscopy.pixels import Pixels, pixels
from ewaldite.spectroscopy.primary import parked

FloatArray = NDArray[np.float64]

PERIOD = 1 / 14
MONITOR, SAMPLE = 161.4358, 161.9988
ARCS = np.array([2.7, 3.2, 3.8, 4.4, 5.0])
EARLIEST = 0.1625  # s: a band of 3.93 to 5.66 Å
PRIMARY = parked(SAMPLE, 1.72e-3, Frames(EARLIEST))
CUBIC = np.eye(3) * 5.0 / (2 * np.pi)


def band(bins: int = 300, **options: float) -> Intervals:
    return intervals(
        np.linspace(0, PERIOD, bins + 1),
        MONITOR,
        PRIMARY,
        **options,
    )


def counts_of(spectrum: FloatArray, where: Intervals, scale: float = 1.0) -> FloatArray:
    """Counts of a 1/v monitor, C_m = 1: ``Φ ΔE / k_i``."""
    return scale * spectrum * where.width / where.wavenumber


def fan(
    a4: ArrayLike, final_energy: ArrayLike, backend: Backend | None = None
) -> tuple[Pixels, FloatArray, FloatArray]:
    """Pixels at given angles; also their directions and wavenumbers."""
    angle = np.deg2rad(np.asarray(a4, np.float64))
    k_f = wavenumber(final_energy)
    direction = np.stack([np.sin(angle), np.zeros_like(angle), np.cos(angle)], axis=1)
    b = backend or Backend.ones(np.arange(angle.size) + 1)
    return pixels(direction, k_f, energy(k_f), b), direction, k_f
