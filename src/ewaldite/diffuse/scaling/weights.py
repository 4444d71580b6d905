"""Weights of observations, and which are rejected."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from ewaldite.diffuse.scaling.cells import SHELL_WIDTH
from ewaldite.diffuse.scaling.prescale import smooth_rate
from ewaldite.diffuse.scaling.table import ScalingTable
from ewaldite.kernels.scaling_terms import Places
from ewaldite.kernels.scaling_weights import BIN_WIDTH, BINS, reweigh

FloatArray = NDArray[np.float64]
SingleArray = NDArray[np.float32]

# What is further from the median does not help to find the first rms
_FIRST_CUT = 4.0
# Half of normal residuals are below this
_MEDIAN = 0.6745


@dataclass
class Weights:
    """Weights of observations, from the model, and what is rejected.

    Attributes
    ----------
    table, places:
        The observations and where they lie among the nodes.
    rate:
        Smooth intensity in shells; dims (shell).
    sigma_cut:
        Multiple of the rms residual beyond which an observation is rejected; None: never.
    weight, residual:
        1/σ, 0 where rejected, and standardized residuals; dims (observation), float32.
    rms:
        Of the residuals that are kept.
    """

    table: ScalingTable
    places: Places
    rate: FloatArray
    sigma_cut: float | None
    weight: SingleArray = field(init=False)
    residual: SingleArray = field(init=False)
    rms: float = 0.0

    def __post_init__(self) -> None:
        n = len(self.table)
        self.weight = np.empty(n, np.float32)
        self.residual = np.empty(n, np.float32)

    @property
    def rejected(self) -> int:
        """Number of rejected observations."""
        return int(np.count_nonzero(self.weight == 0))

    def update(self, p: FloatArray) -> None:
        """Predict variances from the model, and decide afresh what is rejected."""
        if self.sigma_cut is None:
            self._pass(p, np.inf)
            return
        if self.rms == 0.0:
            # outliers would hide behind the rms of all; half of the residuals against the mean
            # of those near to the median know nothing of them
            self.rms = self._pass(p, _FIRST_CUT)
        self._pass(p, self.sigma_cut * self.rms)

    def _pass(self, p: FloatArray, cut: float) -> float:
        """One pass; returns a robust estimate of the rms."""
        t = self.table
        shells = np.zeros((2, self.rate.size))
        histogram = np.zeros(BINS, np.int64)
        variance = np.zeros(0, np.float32) if t.sigma is None else t.sigma**2
        known, total = reweigh(
            t.rows,
            self.places,
            p,
            t.dark,
            variance,
            self.rate,
            SHELL_WIDTH,
            cut,
            t.most,
            self.weight,
            self.residual,
            shells,
            histogram,
        )
        self.rate = smooth_rate(shells)
        self.rms = float(np.sqrt(total / known)) if known else 1.0
        below = np.cumsum(histogram)
        half = int(np.searchsorted(below, below[-1] / 2))
        return (half + 0.5) * BIN_WIDTH / _MEDIAN if below[-1] else 1.0
