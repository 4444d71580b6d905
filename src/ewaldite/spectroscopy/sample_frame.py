"""The sample on its table: how Q turns into hkl."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ewaldite.model.experiment import FloatArray


@dataclass(frozen=True)
class SampleFrame:
    """Orientation of the crystal.

    Attributes
    ----------
    to_hkl:
        (U B)⁻¹ / 2π, from Q on the table to hkl; dims (hkl, xyz), Å.
    offset:
        Added to the logged a3, degrees.
    cell:
        a, b, c in Å, α, β, γ in degrees.
    """

    to_hkl: FloatArray
    offset: float = 0.0
    cell: tuple[float, float, float, float, float, float] | None = None

    @property
    def axes(self) -> FloatArray:
        """2π U B; dims (xyz, reciprocal axis), 1/Å."""
        return np.asarray(np.linalg.inv(self.to_hkl))
