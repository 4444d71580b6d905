"""The two sums over reciprocal space whose ratio is the absolute scale."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import scipp as sc
from numpy.typing import NDArray

from ewaldite.diffuse.absolute.scattering import CellScattering
from ewaldite.diffuse.absolute.shells import (
    ShellMeans,
    Shells,
    cumulative,
    interpolation,
    shell_means,
)
from ewaldite.diffuse.absolute.totals import Rows
from ewaldite.diffuse.observations import INTENSITY_UNIT

FloatArray = NDArray[np.float64]
BoolArray = NDArray[np.bool_]


@dataclass(frozen=True)
class KroghMoe:
    """Observed and expected scattering up to the end of each shell, times the cell's volume.

    Attributes
    ----------
    shells:
        The shells.
    diffuse, bragg:
        Observed means in them.
    scattering:
        Of the contents.
    observed, variance:
        Observed sum and its variance; dims (shell), float64.
    filled:
        The part of ``observed`` that comes from shells without data; dims (shell), float64.
    coherent, interference, incoherent:
        Expected means; dims (shell), electrons², float64.
    free, bonded:
        Expected sums less ``|F(000)|²``, without and with the interference of bonded atoms;
        dims (shell), electrons², float64.
    """

    shells: Shells
    diffuse: ShellMeans
    bragg: ShellMeans
    scattering: CellScattering
    observed: FloatArray
    variance: FloatArray
    filled: FloatArray
    coherent: FloatArray
    interference: FloatArray
    incoherent: FloatArray
    free: FloatArray
    bonded: FloatArray

    @staticmethod
    def of(
        shells: Shells, diffuse: Rows, bragg: Rows, scattering: CellScattering, volume: float
    ) -> KroghMoe:
        """Average in shells and add up.

        Parameters
        ----------
        shells:
            The shells.
        diffuse, bragg:
            Observed intensities.
        scattering:
            Of the contents of the cell.
        volume:
            Of the cell, Å³.

        Returns
        -------
        :
            The sums.

        Raises
        ------
        UserError
            No shell has a diffuse voxel, or none a reflection.
        """
        v, s = volume * shells.volume, shells.centre
        means, observed, variance, filled = [], 0.0 * s, 0.0 * s, 0.0 * s
        for rows in (diffuse, bragg):
            part = shell_means(shells, rows.s, rows.weight, rows.value, rows.variance)
            weights = interpolation(s, ~part.empty)
            total, spread = cumulative(v, weights, part)
            together = shell_means(
                shells,
                rows.s,
                rows.weight,
                np.where(np.isnan(rows.value), np.nan, rows.common),
                rows.variance,
            )
            shared, _ = cumulative(v, weights, together)
            observed += total
            variance += spread + shared**2
            filled += np.cumsum(np.where(part.empty, v * (weights @ part.mean[~part.empty]), 0))
            means.append(part)
        coherent, incoherent = scattering.coherent(s), scattering.incoherent(s)
        interference = scattering.bonded(s)
        free = np.cumsum((coherent + incoherent) * v) - scattering.forward
        return KroghMoe(
            shells,
            means[0],
            means[1],
            scattering,
            observed,
            variance,
            filled,
            coherent,
            interference,
            incoherent,
            free,
            free + np.cumsum(interference * v),
        )

    @property
    def scale(self) -> FloatArray:
        """Scale read at the end of each shell; dims (shell)."""
        return _per(self.bonded, self.observed)

    @property
    def counting(self) -> FloatArray:
        """Its standard uncertainty from that of the observed sum; dims (shell)."""
        return np.abs(self.scale) * _per(np.sqrt(self.variance), np.abs(self.observed))

    @property
    def interpolated(self) -> BoolArray:
        """Shells without a voxel or without a reflection; dims (shell)."""
        return self.diffuse.empty | self.bragg.empty

    def interpolated_part(self, number: int) -> float:
        """Part of the observed sum over the first shells that was interpolated."""
        return float(self.filled[number - 1] / self.observed[number - 1])

    def curves(self) -> sc.Dataset:
        """Scale and sums against the cut-off.

        Returns
        -------
        :
            dims (s_cutoff), the ends of the shells as coordinate (1/Å): ``scale`` (with
            variances), ``scale_free``, ``scale_bonded``, in 1/(counts/mrad²/s); ``observed``
            (with variances), counts/mrad²/s; ``theory_free``, ``theory_bonded``, electrons².
        """
        unit = sc.Unit("one") / sc.Unit(INTENSITY_UNIT)
        columns = {
            "scale": _array(self.scale, unit, self.counting**2),
            "scale_free": _array(_per(self.free, self.observed), unit),
            "scale_bonded": _array(self.scale, unit),
            "observed": _array(self.observed, sc.Unit(INTENSITY_UNIT), self.variance),
            "theory_free": _array(self.free, sc.units.one),
            "theory_bonded": _array(self.bonded, sc.units.one),
        }
        ends = sc.array(dims=["s_cutoff"], values=self.shells.edges[1:], unit="1/angstrom")
        renamed = {name: column.rename(s="s_cutoff") for name, column in columns.items()}
        return sc.Dataset(renamed, coords={"s_cutoff": ends})

    def table(self) -> sc.Dataset:
        """Means in the shells.

        Returns
        -------
        :
            dims (s), the edges as coordinate (1/Å): ``diffuse``, ``bragg`` (with
            variances, counts/mrad²/s, NaN in empty shells), ``coherent``, ``bonded``,
            ``incoherent`` (electrons²), ``voxels`` (images of rows), ``interpolated``.
        """
        unit = sc.Unit(INTENSITY_UNIT)
        columns = {
            "diffuse": _array(self.diffuse.mean, unit, self.diffuse.variance),
            "bragg": _array(self.bragg.mean, unit, self.bragg.variance),
            "coherent": _array(self.coherent, sc.units.one),
            "bonded": _array(self.interference, sc.units.one),
            "incoherent": _array(self.incoherent, sc.units.one),
            "voxels": _array(self.diffuse.weight, sc.units.one),
            "interpolated": sc.array(dims=["s"], values=self.interpolated),
        }
        edges = sc.array(dims=["s"], values=self.shells.edges, unit="1/angstrom")
        return sc.Dataset(columns, coords={"s": edges})


def _array(
    values: FloatArray, unit: sc.Unit, variances: FloatArray | None = None
) -> sc.Variable:
    return sc.array(dims=["s"], values=values, variances=variances, unit=unit)


def _per(value: FloatArray, divisor: FloatArray) -> FloatArray:
    out = np.full(len(value), np.nan)
    np.divide(value, divisor, out=out, where=divisor != 0)
    return out
