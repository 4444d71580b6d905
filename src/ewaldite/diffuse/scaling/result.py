"""What scaling gives."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import scipp as sc
from numpy.typing import NDArray

from ewaldite.diffuse.scaling.joint import Iteration
from ewaldite.diffuse.scaling.model import ScalingModel

FloatArray = NDArray[np.float64]


@dataclass(frozen=True)
class ScalingResult:
    """A scaling model, and how it came about.

    Attributes
    ----------
    model:
        In the gauge of :func:`~ewaldite.diffuse.scaling.gauge.to_gauge`.
    outlier:
        Rejected rows of the table that was scaled; dims (voxel), bool.
    residual:
        Standardized residuals of its rows, each against the mean of the others of its voxel;
        dims (voxel), float32; NaN for rows that are alone in their voxel or unusable.
    key, intensity:
        Packed voxels of the asymmetric unit that were seen more than once, and their merged
        intensities, counts/mrad²/s; dims (merged), int64 and float64.
    terms:
        Terms of the model.
    history:
        Iterations of the final refinement.
    converged:
        Whether it came to rest.
    notes:
        What a user should know, in sentences.
    """

    model: ScalingModel
    outlier: NDArray[np.bool_]
    residual: NDArray[np.float32]
    key: NDArray[np.int64]
    intensity: FloatArray
    terms: tuple[str, ...]
    history: tuple[Iteration, ...]
    converged: bool
    notes: tuple[str, ...]

    @property
    def chi2(self) -> float:
        """Mean square of the residuals of what is kept: Pearson's χ² a degree of freedom."""
        kept = self.residual[~self.outlier]
        kept = kept[np.isfinite(kept)]
        return float(np.mean(kept.astype(np.float64) ** 2)) if kept.size else float("nan")

    def to_scipp(self) -> sc.DataGroup[Any]:
        """Return all but the rows as a group that ``io.nexus.save`` writes.

        Returns
        -------
        :
            ``model`` (see :meth:`ScalingModel.to_scipp`), ``history`` with dims (iteration):
            ``target``, ``decrease``, ``rms``, ``change``, ``rejected``; ``terms``, ``notes``
            (text), ``converged``, ``rejected`` (rows), ``chi2``.
        """
        columns = {
            name: sc.array(
                dims=["iteration"],
                values=np.array([getattr(i, name) for i in self.history], dtype=np.float64),
                unit="one",
            )
            for name in ("target", "decrease", "rms", "change", "rejected")
        }
        return sc.DataGroup(
            {
                "model": self.model.to_scipp(),
                "history": sc.DataGroup(columns),
                "terms": list(self.terms),
                "notes": list(self.notes),
                "converged": self.converged,
                "rejected": int(self.outlier.sum()),
                "chi2": self.chi2,
            }
        )
