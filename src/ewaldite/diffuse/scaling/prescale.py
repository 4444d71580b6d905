"""A first scale from isotropic averages."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ewaldite.diffuse.scaling.cells import CellSums
from ewaldite.diffuse.scaling.model import ScalingModel

FloatArray = NDArray[np.float64]

_ROUNDS = 12
_SMOOTHING = 4
# Scales of cells are at least this part of their median
_LEAST = 1e-3


@dataclass(frozen=True)
class Prescale:
    """Rates in shells, and the scale of stretches of each scan.

    Attributes
    ----------
    rate:
        Isotropic intensity, smooth over shells; dims (shell), float64.
    scale:
        Of each cell; dims (batch, cell), float64; NaN where there is nothing.
    low, per_cell:
        Where the cells of each batch begin, and cells per unit of iz; dims (batch).
    """

    rate: FloatArray
    scale: FloatArray
    low: FloatArray
    per_cell: FloatArray

    def middles(self, batch: int) -> tuple[FloatArray, FloatArray]:
        """Middles in iz of the cells of a batch that hold something, and their scales."""
        some = np.flatnonzero(np.isfinite(self.scale[batch]))
        step = 1 / self.per_cell[batch] if self.per_cell[batch] else 0.0
        return self.low[batch] + (some + 0.5) * step, self.scale[batch][some]

    def apply(self, model: ScalingModel) -> ScalingModel:
        """The model with b as prescaled, its mean over nodes 1; unchanged if it has no b."""
        if "b" not in model.terms:
            return model
        values = []
        for j, points in enumerate(model.terms["b"]):
            middle, scale = self.middles(j)
            values.append(np.interp(points.axis("iz").nodes, middle, scale))
        mean = float(np.concatenate(values).mean())
        pairs = zip(model.terms["b"], values, strict=True)
        return model.with_terms(b=tuple(b.with_values(v / mean) for b, v in pairs))


def prescale(cells: CellSums, *, enabled: bool = True) -> Prescale:
    """Scale stretches of the scans on isotropic averages.

    With signal S and exposure e summed in cells of the scan and shells of the length of s, the
    ratios ``b = Σ S / Σ e J`` over shells and ``J = Σ S / Σ e b`` over cells are taken in
    turn. It needs no voxel in common, and brings crystals of very different size near to one
    another.

    Parameters
    ----------
    cells:
        Sums over all observations.
    enabled:
        Otherwise all scales are one, and only the rates are found.

    Returns
    -------
    :
        Scales, whose mean over cells is one, and rates.
    """
    shape = cells.signal.shape
    signal = cells.signal.reshape(-1, shape[-1])
    exposure = cells.exposure.reshape(-1, shape[-1])
    seen = exposure.sum(axis=1) > 0
    scale: FloatArray = np.ones(len(seen))
    for _ in range(_ROUNDS if enabled else 0):
        rate = smooth_rate(np.array([signal.sum(axis=0), scale @ exposure]))
        expected = exposure @ rate
        ratio: FloatArray = np.ones(len(seen))
        np.divide(signal.sum(axis=1), expected, out=ratio, where=expected > 0)
        scale = np.maximum(ratio, _LEAST * max(float(np.median(ratio[seen])), _LEAST))
        scale /= scale[seen].mean()
    rate = smooth_rate(np.array([signal.sum(axis=0), scale @ exposure]))
    scale[~seen] = np.nan
    return Prescale(rate, scale.reshape(shape[:2]), cells.low, cells.per_cell)


def smooth_rate(sums: FloatArray) -> FloatArray:
    """Ratio of sums over shells, both smoothed with binomial weights; gaps are bridged.

    Parameters
    ----------
    sums:
        Σ signal and Σ exposure; dims (2, shell).

    Returns
    -------
    :
        dims (shell), float64.
    """
    for _ in range(_SMOOTHING):
        padded = np.pad(sums, [(0, 0), (1, 1)])
        sums = (padded[:, :-2] + 2 * padded[:, 1:-1] + padded[:, 2:]) / 4
    some = sums[1] > 0
    if not np.any(some):
        return np.zeros(sums.shape[1])
    shell = np.arange(sums.shape[1])
    return np.asarray(np.interp(shell, shell[some], sums[0, some] / sums[1, some]))
