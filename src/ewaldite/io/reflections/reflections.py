"""Bragg intensities as a file gives them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class Reflections:
    """Intensities on a scale of their own.

    Attributes
    ----------
    hkl:
        dims (reflection, 3), int64; merged or not.
    intensity, sigma:
        dims (reflection), any unit, float64, finite, sigma positive.
    cell:
        a, b, c in Å, α, β, γ in degrees; None where the file has none.
    columns:
        What they were called, for the provenance.
    """

    hkl: NDArray[np.int64]
    intensity: NDArray[np.float64]
    sigma: NDArray[np.float64]
    cell: tuple[float, ...] | None
    columns: str

    def __len__(self) -> int:
        return len(self.intensity)
