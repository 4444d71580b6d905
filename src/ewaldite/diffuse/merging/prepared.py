"""Observations made ready to be merged: usable, predicted, weighted, in the asymmetric unit."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from ewaldite.crystal.asu import AsuMap
from ewaldite.crystal.symmetry import SpaceGroup
from ewaldite.diffuse.merging.rates import ShellSums
from ewaldite.diffuse.observations import Observations
from ewaldite.kernels import merge as kernel

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]
BoolArray = NDArray[np.bool_]

Estimator = Literal["ratio", "inverse_variance"]
#: Scale a and offset c of observations, dims (voxel) both; ``ScalingModel.evaluate``, say.
Scaling = Callable[[Observations], tuple[FloatArray, FloatArray]]

# Weight, relative to the predicted one, of an observation whose own variance is zero.
_VANISHING = 1e-12


@dataclass(frozen=True)
class Prepared:
    """Usable observations with what the kernels need beside them.

    Attributes
    ----------
    observations:
        Usable rows.
    rows:
        Their places in the table that they were taken from; dims (voxel), int64.
    scale, offset:
        a and c of the expected counts ``e a (I + c) + B``; dims (voxel), float64.
    predicted:
        Predicted counts, background, variance of the background; dims (voxel, 3), float64.
    error:
        Systematic error g as a part of the signal ``e a (I + c)``; dims (voxel), float64, or
        empty where there is none.
    """

    observations: Observations
    rows: IntArray
    scale: FloatArray
    offset: FloatArray
    predicted: FloatArray = field(default_factory=lambda: np.zeros((0, 3)))
    error: FloatArray = field(default_factory=lambda: np.zeros(0))

    @property
    def scaled_exposure(self) -> FloatArray:
        """``e a``; dims (voxel), mrad² s."""
        return np.asarray(self.observations.exposure * self.scale)

    @property
    def signal(self) -> FloatArray:
        """``N - B - e a c``; dims (voxel), counts."""
        o = self.observations
        return np.asarray(o.counts - o.background - self.scaled_exposure * self.offset)

    def select(self, rows: BoolArray) -> Prepared:
        """Return some of the rows."""
        return Prepared(
            self.observations.select(rows),
            self.rows[rows],
            self.scale[rows],
            self.offset[rows],
            self.predicted[rows] if len(self.predicted) else self.predicted,
            self.error[rows] if len(self.error) else self.error,
        )


def usable(
    observations: Observations, scale: FloatArray | None, offset: FloatArray | None
) -> Prepared:
    """Take the usable rows, without predicting them.

    Parameters
    ----------
    observations:
        The table.
    scale, offset:
        Factors a and offsets c of the expected counts; dims (voxel), float64; None is 1 and 0.

    Returns
    -------
    :
        Rows with exposure that no mask excludes, with ``a > 0`` and finite a and c.
    """
    n = len(observations)
    a = np.ones(n) if scale is None else np.asarray(scale, dtype=np.float64)
    c = np.zeros(n) if offset is None else np.asarray(offset, dtype=np.float64)
    rows = np.flatnonzero(observations.usable & (a > 0) & np.isfinite(a) & np.isfinite(c))
    if rows.size < n:
        observations, a, c = observations.select(rows), a[rows], c[rows]
    return Prepared(observations, rows, a, c)


def prepare(
    observations: Observations,
    scale: FloatArray | None,
    offset: FloatArray | None,
    rates: ShellSums | None = None,
    error: FloatArray | None = None,
) -> tuple[Prepared, ShellSums]:
    """Take the usable rows and predict them.

    Parameters
    ----------
    observations:
        The table.
    scale, offset:
        Factors a and offsets c of the expected counts; dims (voxel), float64; None is 1 and 0.
    rates:
        Sums of all observations of the merge, where this table is a part; None is of the table.
    error:
        Systematic error of each sweep as a part of the signal; dims (sweep), float64.

    Returns
    -------
    :
        The rows, and the sums that predicted them.
    """
    found = usable(observations, scale, offset)
    o, a, c = found.observations, found.scale, found.offset
    if rates is None:
        rates = ShellSums.of(o, a, c)
    own = np.zeros(0) if error is None else np.asarray(error)[o.sweep]
    return Prepared(o, found.rows, a, c, rates.predict(o, a, c), own), rates


def weights(prepared: Prepared, estimator: Estimator) -> FloatArray:
    """Weights w of ``I = Σ w (N - B - e a c) / Σ w e a``.

    An observation alone gives ``x = (N - B) / (e a) - c`` with variance
    ``(N + V + (g S)²) / (e a)²``, where N and V are expected values, S is the expected signal
    ``e a (I + c)`` and g the systematic error. The unbiased linear mean of least variance
    weights x with its inverse (Gauss–Markov), hence ``w = e a / (N + V + (g S)²)``. For
    ``"ratio"`` N, V and S are the smooth predictions of the shell: w then depends on exposure,
    scale and ``|s|``, never on what was counted in the voxel, and the mean stays
    unbiased however few the counts. For ``"inverse_variance"`` N and V are what was counted; an
    observation without counts, whose own variance is zero, then has no say unless its voxel
    holds nothing else.

    Parameters
    ----------
    prepared:
        Observations and predictions.
    estimator:
        Which.

    Returns
    -------
    :
        dims (voxel), float64, positive.
    """
    o = prepared.observations
    ea = prepared.scaled_exposure
    m, b, v = prepared.predicted.T
    systematic = 0.0 if prepared.error.size == 0 else (prepared.error * (m - b)) ** 2
    smooth = np.asarray(ea / (m + v + systematic))
    if estimator == "ratio":
        return smooth
    own = o.counts + o.background_variance
    w = _VANISHING * smooth
    np.divide(ea, own + systematic, out=w, where=own > 0)
    return w


def asu_keys(
    observations: Observations, group: SpaceGroup, friedel: bool
) -> tuple[IntArray, BoolArray]:
    """Packed voxel of the asymmetric unit, and whether it is a Friedel mate's.

    With ``friedel=False`` a mate goes to the inverted voxel of the asymmetric unit, unless the
    crystal is centrosymmetric and mates are equivalent.

    Returns
    -------
    :
        dims (voxel), int64; dims (voxel), bool.
    """
    asu = AsuMap(observations.grid, group)
    index, operation = asu(observations.index)
    minus = asu.is_minus(operation)
    merged = friedel or group.is_centrosymmetric
    apart = np.zeros_like(minus) if merged else minus
    offset = observations.grid.numerator(np.zeros(3, dtype=np.int64))
    return kernel.pack_keys(index, apart, offset), minus
