"""Which operator a crystal is reindexed with, and why."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ewaldite.crystal.reindex import operator_name

IntArray = NDArray[np.int64]
FloatArray = NDArray[np.float64]


@dataclass(frozen=True)
class Decision:
    """What was decided for one batch.

    Attributes
    ----------
    operator:
        M with ``hkl' = hkl · M``; dims (3, 3), int64.
    candidates:
        Names of the operators that its lattice allows.
    correlation:
        With all other batches under each of them; dims (candidate), float64; NaN where they
        have too few voxels in common.
    common:
        Number of those voxels; dims (candidate), int64.
    significance:
        Standard deviations by which the best candidate beats the second; NaN for one.
    why:
        ``"given"``, ``"only one"``, ``"first"``, ``"correlation"``, ``"tie"`` or
        ``"no overlap"``; with the last two the plainest operator stands, the identity if the
        cell allows it.
    """

    operator: IntArray
    candidates: tuple[str, ...]
    correlation: FloatArray
    common: IntArray
    significance: float
    why: str

    @property
    def name(self) -> str:
        """Name of the operator, as in ``"k,h,-l"``."""
        return operator_name(self.operator)

    def text(self) -> str:
        """One line for the log."""
        tried = ", ".join(
            f"{name} {cc:.3f}"
            for name, cc in zip(self.candidates, self.correlation, strict=True)
            if np.isfinite(cc)
        )
        lines = {
            "given": f"{self.name}, as the options say",
            "only one": f"{self.name}, the only one that its lattice allows",
            "first": f"{self.name}, to which the others are compared",
            "correlation": f"{self.name}, by correlation ({tried}; {self.significance:.1f} σ)",
            "tie": f"{self.name}; no other is significantly better ({tried})",
            "no overlap": f"{self.name}; too few voxels in common with the others to tell",
        }
        return lines[self.why]
