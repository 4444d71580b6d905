"""Smooth rates that predict an observation without looking at its own counts."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ewaldite.diffuse.observations import Observations
from ewaldite.kernels import rates as kernel

FloatArray = NDArray[np.float64]

#: Width of a shell in the length of s, 1/Å.
SHELL_WIDTH = 0.01
_SMOOTHING = 4
_SIGNAL, _SCALED, _BACKGROUND, _VARIANCE, _EXPOSURE = range(5)


@dataclass(frozen=True)
class ShellSums:
    """Sums over the observations in shells of the length of s, sweep by sweep.

    The isotropic intensity of a shell is ``J = Σ (N - B - e a c) / Σ e a``, its background rate
    in a sweep is ``Σ B / Σ e``, and the variance of the background per background count is
    ``Σ V / Σ B``. Sums, not rates, are smoothed with binomial weights over neighbouring
    shells.

    Attributes
    ----------
    table:
        Σ (N - B - e a c), Σ e a, Σ B, Σ V, Σ e; dims (5, sweep, shell), float64.
    """

    table: FloatArray

    @staticmethod
    def of(observations: Observations, scale: FloatArray, offset: FloatArray) -> ShellSums:
        """Sum a table.

        Parameters
        ----------
        observations:
            Usable rows only.
        scale, offset:
            a and c of the expected counts ``e a (I + c) + B``; dims (voxel), float64.

        Returns
        -------
        :
            The sums.
        """
        o = observations
        if len(o) == 0:
            return ShellSums(np.zeros((5, 1, 1), dtype=np.float64))
        shell = (o.length_of_s / SHELL_WIDTH).astype(np.int64)
        shape = (int(o.sweep.max()) + 1, int(shell.max()) + 1)
        place = o.sweep * shape[1] + shell
        ea = o.exposure * scale
        signal = o.counts - o.background - ea * offset
        columns = (signal, ea, o.background, o.background_variance, o.exposure)
        table = [np.bincount(place, c, minlength=shape[0] * shape[1]) for c in columns]
        return ShellSums(np.array(table, dtype=np.float64).reshape(5, *shape))

    def __add__(self, other: ShellSums) -> ShellSums:
        """Add sums of other observations."""
        shape = np.maximum(self.table.shape, other.table.shape)
        table: FloatArray = np.zeros(shape)
        for t in (self.table, other.table):
            table[:, : t.shape[1], : t.shape[2]] += t
        return ShellSums(table)

    def __rmul__(self, factor: int) -> ShellSums:
        """Multiply the sums: by -1 to take observations out again."""
        return ShellSums(factor * self.table)

    def predict(
        self, observations: Observations, scale: FloatArray, offset: FloatArray
    ) -> FloatArray:
        """Predict observations.

        Parameters
        ----------
        observations, scale, offset:
            As in :meth:`of`.

        Returns
        -------
        :
            Predicted counts ``e (a (J + c) + B rate)``, at least those of the rate at which
            one count would have been seen in the shell; predicted background; predicted
            variance of the background; dims (voxel, 3), float64.
        """
        if len(observations) and observations.sweep.max() >= self.table.shape[1]:
            raise ValueError("these sums know nothing of the sweep that they are to predict")
        smooth = _smoothed(self.table)
        total = smooth.sum(axis=1)
        intensity = _filled(total[_SIGNAL], total[_SCALED])
        background = _filled(smooth[_BACKGROUND], smooth[_EXPOSURE])
        ratio = _filled(smooth[_VARIANCE], smooth[_BACKGROUND])
        floor = _filled((total[_EXPOSURE] > 0).astype(np.float64), total[_EXPOSURE])
        o = observations
        return kernel.predict(
            o.length_of_s,
            o.sweep,
            o.exposure,
            scale,
            offset,
            SHELL_WIDTH,
            intensity,
            background,
            ratio,
            floor,
        )


def _smoothed(table: FloatArray) -> FloatArray:
    for _ in range(_SMOOTHING):
        padded = np.pad(table, [(0, 0), (0, 0), (1, 1)])
        table = (padded[..., :-2] + 2 * padded[..., 1:-1] + padded[..., 2:]) / 4
    return table


def _filled(numerator: FloatArray, denominator: FloatArray) -> FloatArray:
    """Ratio along the last dim, interpolated over gaps, 0 where all is gap."""
    shape = numerator.shape
    out = np.zeros((int(np.prod(shape[:-1])), shape[-1]))
    shells = np.arange(shape[-1])
    rows = zip(out, numerator.reshape(out.shape), denominator.reshape(out.shape), strict=True)
    for row, top, bottom in rows:
        some = bottom > 0
        if np.any(some):
            row[:] = np.interp(shells, shells[some], top[some] / bottom[some])
    return out.reshape(shape)
